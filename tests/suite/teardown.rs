//! Who gets a signal beyond COMMAND's group, and what happens at the end: nothing is left, and nothing is lost.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::signal::{HUP, INT, KILL, QUIT, STOP, Signal, TERM, TSTP, TTIN, TTOU, USR1, USR2, rt};
use crate::support::test::{Test, tests};
use crate::support::time::deadline;
use crate::support::{Init, process, scratch, sys};

pub(crate) const TESTS: &[Test] = tests![
    target_session_ends_what_timeout_has_put_into_a_group_of_its_own,
    target_session_ends_it_as_pid_1_too: ROOT,
    target_all_ends_it,
    target_all_ends_it_as_pid_1_too: ROOT,
    by_default_it_is_reached_by_the_term_at_the_end_alone,
    target_session_leaves_other_sessions_alone,
    target_all_reaches_daemons_in_sessions_of_their_own,
    target_all_reaches_them_as_pid_1_too: ROOT,
    a_rule_may_name_another_target_than_the_rest,
    the_rest_of_the_group_gets_term_when_the_command_has_ended,
    the_rest_of_the_group_gets_what_term_is_rewritten_to,
    the_rest_of_the_group_gets_term_where_term_is_dropped,
    a_stopped_rest_of_the_group_is_continued,
    without_grace_the_end_waits_for_nobody,
    in_single_child_mode_nobody_else_is_told,
    grace_lets_a_daemon_save_its_data,
    grace_lets_it_save_its_data_in_single_child_mode,
    grace_lets_it_save_its_data_as_pid_1: ROOT,
    grace_ends_the_moment_nothing_is_left,
    grace_kills_and_names_what_outlives_it,
    grace_kills_and_names_it_as_pid_1: ROOT,
    grace_continues_what_is_stopped_so_that_it_may_finish,
    during_the_grace_signals_reach_all_that_is_left,
    an_infinite_grace_waits_for_as_long_as_it_takes,
    a_tree_of_two_thousand_processes_ends,
    a_tree_of_two_thousand_processes_ends_as_pid_1: ROOT,
    a_tree_of_two_thousand_that_heeds_no_signal_is_killed,
    a_process_that_forks_itself_away_all_the_time_is_killed,
    a_process_that_forks_itself_away_all_the_time_is_killed_as_pid_1: ROOT,
    kill_after_ends_a_command_that_heeds_no_signal,
    kill_after_ends_it_as_pid_1: ROOT,
    kill_after_is_not_armed_by_hup,
    kill_after_counts_from_the_first_signal_and_is_forgotten_when_the_command_ends,
    lingering_lasts_until_the_last_process_has_ended_by_itself,
    lingering_sends_signals_to_all_that_is_left,
    lingering_follows_a_program_that_becomes_a_daemon: ROOT NGINX,
    a_bystander_in_the_same_session_and_group_never_gets_a_signal,
    the_status_is_the_commands_whatever_had_to_be_killed,
];

/// `timeout` puts itself and its program into a process group of their own.
const IN_A_GROUP_OF_ITS_OWN: &str = "timeout 60 sh -c 'echo inner $$; exec sleep 60' | cat";

#[track_caller]
fn expect_the_timeout_pipeline_to_end(init: Init) {
    let run = init.sh(IN_A_GROUP_OF_ITS_OWN);
    let inner = run.pid_behind("inner");
    let run = run.send(TERM);
    process::wait_gone(inner);
    run.expect_exit(143).nothing_left();
}

fn target_session_ends_what_timeout_has_put_into_a_group_of_its_own() {
    expect_the_timeout_pipeline_to_end(Init::new().options(["--target", "session"]));
}

fn target_session_ends_it_as_pid_1_too() {
    expect_the_timeout_pipeline_to_end(Init::new().as_pid_1().options(["--target", "session"]));
}

fn target_all_ends_it() {
    expect_the_timeout_pipeline_to_end(Init::new().options(["--target", "all"]));
}

fn target_all_ends_it_as_pid_1_too() {
    expect_the_timeout_pipeline_to_end(Init::new().as_pid_1().options(["--target", "all"]));
}

fn by_default_it_is_reached_by_the_term_at_the_end_alone() {
    let script = "timeout 60 sh -c 'echo inner $$; exec $ROLE listen HUP' & exec $ROLE listen USR1";
    let run = Init::new().option("--grace=1h").rewrite("TERM:HUP").sh(script).wait_for("ready").wait_for("ready");
    let inner = run.pid_behind("inner");
    // What its own group has got twice, the other group would have got once by now.
    let run = run.send(TERM).wait_for("got HUP").send(TERM).wait_for("got HUP");
    assert!(process::is_alive(inner));
    run.send(USR1).wait_for("got USR1").expect_exit(0).stdout_has("got HUP").nothing_left();
}

fn target_session_leaves_other_sessions_alone() {
    let script = "setsid $ROLE listen USR2 & exec $ROLE listen USR1";
    let run = Init::new().option("--target=session").rewrite("USR2@all").sh(script).wait_for("ready").wait_for("ready");
    let run = run.send(HUP).wait_for("got HUP").send(USR2).wait_for("got USR2").wait_for("got USR2");
    let ended = run.send(USR1).expect_exit(0);
    assert_eq!(ended.stdout.matches("got HUP").count(), 1, "{}", ended.stdout);
}

/// `setsid sleep`, and a daemon that has forked twice.
const DAEMONS: &str = "setsid sh -c 'echo first $$; exec sleep 60' &
    (setsid sh -c '(echo second $$; exec sleep 60) &' &)
    (setsid sh -c 'sh -c \"echo third \\$\\$; exec sleep 60\" &' &)
    exec $ROLE listen";

#[track_caller]
fn expect_daemons_to_end(init: Init) {
    let run = init.option("--target=all").sh(DAEMONS).wait_for("ready");
    let (first, third) = (run.pid_behind("first"), run.pid_behind("third"));
    let run = run.wait_until("has the daemons running as what they are", |run| {
        run.living().into_iter().filter(|pid| process::stat(*pid).is_some_and(|stat| stat.name == "sleep")).count() == 3
    });
    let run = run.send(TERM);
    process::wait_gone(first);
    process::wait_gone(third);
    run.expect_exit(0).nothing_left();
}

fn target_all_reaches_daemons_in_sessions_of_their_own() {
    expect_daemons_to_end(Init::new());
    expect_daemons_to_end(Init::new().single_child());
}

fn target_all_reaches_them_as_pid_1_too() {
    expect_daemons_to_end(Init::new().as_pid_1());
}

fn a_rule_may_name_another_target_than_the_rest() {
    let run = Init::new().rewrite("HUP@child,USR2:USR1@all").sh("$ROLE listen USR1 & exec $ROLE listen");
    let run = run.wait_for("ready").wait_for("ready");
    let run = run.send(HUP).wait_for("got HUP").send(USR2).wait_for("got USR1").wait_for("got USR1");
    let ended = run.send(TERM).expect_exit(0);
    assert_eq!(ended.stdout.matches("got HUP").count(), 1, "{}", ended.stdout);
}

/// COMMAND ends by itself and leaves a process of its group that says what it gets.
#[track_caller]
fn what_the_rest_of_the_group_gets(init: Init, signal: &str) {
    let file = scratch::new_path("heard");
    let script = "$ROLE listen $HEARS >$FILE & until grep -q ready $FILE 2>/dev/null; do :; done; exit 3";
    init.variable("FILE", &file).variable("HEARS", signal).sh(script).expect_exit(3).nothing_left();
    let heard = fs::read_to_string(&file).expect("the rest of the group has written it");
    assert!(heard.contains(&format!("got {signal}\n")), "{heard}");
}

fn the_rest_of_the_group_gets_term_when_the_command_has_ended() {
    what_the_rest_of_the_group_gets(Init::new(), "TERM");
}

fn the_rest_of_the_group_gets_what_term_is_rewritten_to() {
    what_the_rest_of_the_group_gets(Init::new().rewrite("15:3"), "QUIT");
}

fn the_rest_of_the_group_gets_term_where_term_is_dropped() {
    what_the_rest_of_the_group_gets(Init::new().rewrite("15:0"), "TERM");
}

fn a_stopped_rest_of_the_group_is_continued() {
    let run = Init::new().with_stdin().sh("sleep 60 & echo sleeper $!; read line");
    let sleeper = run.pid_behind("sleeper");
    let run = run.send_to(sleeper, STOP);
    process::wait_state(sleeper, 'T');
    run.write("\n").expect_exit(0).nothing_left();
}

fn without_grace_the_end_waits_for_nobody() {
    let start = Instant::now();
    let ended = Init::new().sh("$ROLE deaf & exit 5").expect_exit(5);
    assert!(start.elapsed() < deadline() / 2);
    drop(ended);
}

fn in_single_child_mode_nobody_else_is_told() {
    let run =
        Init::new().single_child().sh("$ROLE listen USR1 & exec $ROLE listen").wait_for("ready").wait_for("ready");
    let other = process::children(run.command()).first().expect("the one in the background").pid;
    let run = run.send(TERM).wait_for("got TERM");
    let ended = run.expect_exit(0);
    assert!(process::is_alive(other));
    assert_eq!(ended.stdout.matches("got TERM").count(), 1, "{}", ended.stdout);
}

/// Ends COMMAND and lets its daemon, in a session of its own, write its data, which takes it 0.7 s.
#[track_caller]
fn expect_data_to_be_saved(init: Init) {
    let file = scratch::new_path("data");
    let run = init.role(["daemon", "saving", file.to_str().unwrap(), "after", "700"]).wait_for("ready");
    let daemon = sys::open_process(run.pid_behind("daemon")).expect("the daemon is there");
    let run = run.send(TERM);
    assert!(sys::wait_readable(&[daemon.as_fd()], Some(deadline())), "the daemon ends");
    let daemon_ended = Instant::now();
    let ended = run.expect_exit(0);
    let took = daemon_ended.elapsed();
    ended.nothing_left();
    assert!(took < Duration::from_millis(300), "session-init ended {took:?} after the last process");
    assert_eq!(fs::read_to_string(&file).expect("the data"), "saved");
}

fn grace_lets_a_daemon_save_its_data() {
    expect_data_to_be_saved(Init::new().option("--grace=5s"));
}

fn grace_lets_it_save_its_data_in_single_child_mode() {
    expect_data_to_be_saved(Init::new().options(["-c", "-t5"]));
}

fn grace_lets_it_save_its_data_as_pid_1() {
    expect_data_to_be_saved(Init::new().as_pid_1().option("--grace=5s"));
    expect_data_to_be_saved(Init::new().as_pid_1().single_child().option("--grace=5s"));
}

fn grace_ends_the_moment_nothing_is_left() {
    let start = Instant::now();
    Init::new().option("--grace=1h").sh("sleep 60 & exit 7").expect_exit(7).nothing_left();
    Init::new().option("--grace=1h").sh("exit 8").expect_exit(8);
    Init::new().options(["--grace=1h", "-c"]).sh("setsid sleep 60 & exit 9").expect_exit(9).nothing_left();
    assert!(start.elapsed() < deadline());
}

#[track_caller]
fn expect_the_deaf_to_be_killed_and_named(init: Init) {
    let run = init.option("--grace=200ms").sh("setsid $ROLE deaf & $ROLE deaf & exec $ROLE listen INT");
    let run = run.wait_for("ready").wait_for("ready").wait_for("ready");
    let (init, command) = (run.pid(), run.command());
    let mut deaf: Vec<i32> = run.living().into_iter().filter(|pid| ![init, command].contains(pid)).collect();
    deaf.sort_unstable();
    assert_eq!(deaf.len(), 2);
    let names = deaf.iter().map(|pid| format!("{} (suite)", process::inner_pid(*pid).unwrap_or_default()));
    let names = names.collect::<Vec<_>>().join(", ");
    let message = format!("[session-init] 2 processes outlived the grace of 200ms and were killed: {names}\n");
    run.send(INT).expect_exit(0).stderr_is(&message).nothing_left();
}

fn grace_kills_and_names_what_outlives_it() {
    expect_the_deaf_to_be_killed_and_named(Init::new());
    expect_the_deaf_to_be_killed_and_named(Init::new().single_child());
}

fn grace_kills_and_names_it_as_pid_1() {
    expect_the_deaf_to_be_killed_and_named(Init::new().as_pid_1());
}

fn grace_continues_what_is_stopped_so_that_it_may_finish() {
    let file = scratch::new_path("data");
    let run = Init::new().option("--grace=10s").role(["daemon", "saving", file.to_str().unwrap(), "after", "1"]);
    let run = run.wait_for("ready");
    let daemon = run.pid_behind("daemon");
    let run = run.send_to(daemon, STOP);
    process::wait_state(daemon, 'T');
    run.send(TERM).expect_exit(0).nothing_left();
    assert_eq!(fs::read_to_string(&file).expect("the data"), "saved");
}

fn during_the_grace_signals_reach_all_that_is_left() {
    let run =
        Init::new().option("--grace=1h").sh("setsid $ROLE listen USR2 & $ROLE listen INT & exec $ROLE listen USR1");
    let run = run.wait_for("ready").wait_for("ready").wait_for("ready");
    let run = run.send(USR1).wait_for("got TERM").wait_for("got TERM");
    let run = run.send(HUP).wait_for("got HUP").wait_for("got HUP").send(INT).wait_for("got INT").wait_for("got INT");
    run.send(USR2).wait_for("got USR2").expect_exit(0).nothing_left();
}

fn an_infinite_grace_waits_for_as_long_as_it_takes() {
    let run = Init::new().option("--grace=infinity").sh("$ROLE listen USR2 & exec $ROLE listen USR1");
    let run = run.wait_for("ready").wait_for("ready").send(USR1).wait_for("got TERM");
    run.still_runs().send(USR2).expect_exit(0).nothing_left();
}

#[track_caller]
fn expect_a_tree_to_end(init: Init) {
    let run = init.option("--target=all").role(["tree", "2000"]).wait_for("ready");
    let run = run.wait_until("is a tree of 2,000", |run| process::descendants(run.pid()).len() >= 2000);
    run.send(TERM).expect_exit(143).nothing_left();
}

fn a_tree_of_two_thousand_processes_ends() {
    expect_a_tree_to_end(Init::new());
}

fn a_tree_of_two_thousand_processes_ends_as_pid_1() {
    expect_a_tree_to_end(Init::new().as_pid_1());
}

fn a_tree_of_two_thousand_that_heeds_no_signal_is_killed() {
    let run = Init::new().option("--kill-after=100ms").role(["deaf-tree", "2000"]).wait_for("ready");
    let run = run.wait_until("is a tree of 2,000", |run| process::descendants(run.pid()).len() >= 2000);
    run.send(TERM).expect_exit(137).stderr_has("[session-init] 2").nothing_left();
}

fn a_process_that_forks_itself_away_all_the_time_is_killed() {
    let run = Init::new().option("--grace=100ms").role(["runaway"]).wait_for("ready");
    run.send(TERM).expect_exit(0).nothing_left();
}

fn a_process_that_forks_itself_away_all_the_time_is_killed_as_pid_1() {
    let run = Init::new().as_pid_1().option("--grace=100ms").role(["runaway"]).wait_for("ready");
    run.send(TERM).expect_exit(0).nothing_left();
}

fn kill_after_ends_a_command_that_heeds_no_signal() {
    for signal in [TERM, INT, QUIT] {
        let run = Init::new().option("--kill-after=100ms").sh("$ROLE deaf & exec $ROLE deaf");
        run.wait_for("ready").wait_for("ready").send(signal).expect_exit(137).nothing_left();
    }
}

fn kill_after_ends_it_as_pid_1() {
    let run = Init::new().as_pid_1().option("-k0.1").role(["deaf"]).wait_for("ready");
    run.send(TERM).expect_exit(137).stderr_has("1 process was still there 100ms after");
}

fn kill_after_is_not_armed_by_hup() {
    let run = Init::new().option("--kill-after=1ms").role(["listen"]).wait_for("ready").send(HUP).wait_for("got HUP");
    // Whatever was armed has passed before this one comes back, and a second round has been made after it.
    std::thread::sleep(Duration::from_millis(50));
    run.send(USR1).wait_for("got USR1").still_runs().send(KILL).end();
}

fn kill_after_counts_from_the_first_signal_and_is_forgotten_when_the_command_ends() {
    Init::new().option("--kill-after=1h").role(["listen"]).wait_for("ready").send(TERM).expect_exit(0).stderr_is("");
}

fn lingering_lasts_until_the_last_process_has_ended_by_itself() {
    let run = Init::new().option("--linger").sh("setsid $ROLE listen USR1 & exit 6");
    let run = run.wait_for("ready").wait_until("has lost COMMAND", |run| process::children(run.pid()).len() == 1);
    let ended = run.still_runs().send(USR1).expect_exit(6).nothing_left();
    assert_eq!(ended.stdout.matches("got").count(), 1, "nothing else was sent: {}", ended.stdout);
}

fn lingering_sends_signals_to_all_that_is_left() {
    let script = "setsid $ROLE listen QUIT & $ROLE listen QUIT & exit 0";
    let run = Init::new().option("--linger").rewrite("TERM:QUIT").sh(script).wait_for("ready").wait_for("ready");
    let run = run.wait_until("has lost COMMAND", |run| {
        process::children(run.pid()).iter().map(|child| child.name.as_str()).eq(["suite", "suite"])
    });
    run.send(TERM).wait_for("got QUIT").wait_for("got QUIT").expect_exit(0).nothing_left();
}

fn lingering_follows_a_program_that_becomes_a_daemon() {
    let folder = scratch::new_folder("nginx");
    let configuration = nginx_configuration(&folder);
    let run = Init::new().options(["--linger", "--rewrite", "TERM:QUIT"]).run([
        "/usr/sbin/nginx".as_ref(),
        "-e".as_ref(),
        folder.join("error.log").as_os_str(),
        "-c".as_ref(),
        configuration.as_os_str(),
    ]);
    let socket = folder.join("socket");
    let run = run.wait_until("serves", |_| ask(&socket).is_some_and(|answer| answer.ends_with("it is served")));
    let run = run.wait_until("has lost COMMAND to the daemon", |run| {
        let daemon = fs::read_to_string(folder.join("pid")).unwrap_or_default();
        let children = process::children(run.pid());
        children.iter().map(|child| child.pid.to_string()).collect::<Vec<_>>() == [daemon.trim()]
    });
    run.send(TERM).expect_exit(0).nothing_left();
    let log = fs::read_to_string(folder.join("error.log")).expect("nginx writes a log");
    assert!(log.contains("gracefully shutting down"), "{log}");
    assert!(!folder.join("pid").exists(), "nginx has removed its pid file, as it does at a clean end");
}

/// One worker, on a socket in this folder.
fn nginx_configuration(folder: &Path) -> std::path::PathBuf {
    let place = folder.display();
    let path = folder.join("nginx.conf");
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = kinds.map(|kind| format!("{kind}_temp_path {place}/{kind};\n")).concat();
    let text = format!(
        "user root;\nworker_processes 1;\npid {place}/pid;\nerror_log {place}/error.log notice;\nevents {{}}\n\
         http {{ access_log off;\n{temporary} server {{ listen unix:{place}/socket; location / {{ return 200 'it is served'; }} }} }}\n"
    );
    fs::write(&path, text).expect("the scratch folder can be written to");
    path
}

fn ask(socket: &Path) -> Option<String> {
    use std::io::{Read, Write};
    let mut connection = std::os::unix::net::UnixStream::connect(socket).ok()?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn a_bystander_in_the_same_session_and_group_never_gets_a_signal() {
    let all =
        ["--target=all --grace=50ms", "-c --target=all --kill-after=50ms", "--target=session --grace=50ms", "-c", ""];
    for options in all {
        let script = format!(
            "$ROLE listen RTMAX & echo bystander $!
             $INIT {options} -- sh -c 'setsid $ROLE deaf & exec $ROLE listen INT' & echo init $!
             wait $!; echo init ended; wait"
        );
        let run = Init::new().from_script(&script).wait_for("ready").wait_for("ready").wait_for("ready");
        let (bystander, init) = (run.pid_behind("bystander"), run.pid_behind("init"));
        let place = |pid| process::stat(pid).map(|stat| (stat.session, stat.group));
        assert_eq!(place(bystander), place(init));
        let stops = [STOP, TSTP, TTIN, TTOU];
        let caught = Signal::all().filter(|signal| !stops.contains(signal) && ![KILL, INT, TERM].contains(signal));
        let run = caught.fold(run, |run, signal| run.send_to(init, signal));
        let run = run.send_to(init, TERM).send_to(init, INT).wait_for("init ended");
        // The last of all signals: any other is taken off the queue before it.
        let run = run.send_to(bystander, rt(30)).wait_for("got RTMAX");
        let output = run.output_so_far();
        let heard = output.split_once("init ended\n").map(|(_, heard)| heard);
        assert_eq!(heard, Some("got RTMAX\n"), "{options}: {output}");
    }
}

fn the_status_is_the_commands_whatever_had_to_be_killed() {
    let run = Init::new().option("--grace=50ms").sh("setsid $ROLE deaf & exec $ROLE die USR1");
    run.expect_exit(138).nothing_left();
    let run =
        Init::new().option("--kill-after=50ms").sh("$ROLE deaf & trap 'exit 4' TERM; while :; do sleep 0.01; done");
    run.wait_for("ready").send(TERM).expect_exit(4);
}
