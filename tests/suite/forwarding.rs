//! Every signal is sent on, as the table says, to whom the table says.

use std::time::{Duration, Instant};

use crate::support::signal::{
    CHLD, CONT, HUP, INT, KILL, PIPE, QUIT, STOP, Signal, TERM, TSTP, TTIN, TTOU, URG, USR1, USR2, WINCH, XFSZ, rt,
};
use crate::support::test::{Test, tests};
use crate::support::{Init, NEW_CALLS, Running, Stderr, process, scratch};

pub(crate) const TESTS: &[Test] = tests![
    a_rewritten_signal_reaches_the_whole_group,
    every_signal_reaches_each_process_of_the_group_once,
    in_single_child_mode_every_signal_reaches_the_command_alone,
    target_child_is_the_command_alone,
    a_rule_names_its_own_target,
    each_real_time_signal_arrives_as_often_as_it_came,
    a_rule_names_signals_by_number_or_by_name,
    a_dropped_signal_reaches_nobody,
    a_signal_can_be_rewritten_to_kill,
    a_chld_that_somebody_sends_is_not_sent_on,
    a_signal_that_the_parent_ignored_or_blocked_is_sent_on,
    tstp_ttin_and_ttou_stop_the_group_and_session_init_and_cont_resumes_both,
    a_rewritten_tstp_stops_session_init_only_with_command,
    a_dropped_tstp_stops_nobody,
    in_single_child_mode_tstp_is_sent_as_it_is_and_stops_session_init_with_command,
    a_stopped_command_is_continued_by_what_asks_it_to_end,
    in_single_child_mode_it_is_continued_too,
    a_stopped_command_is_not_continued_by_anything_else,
    a_command_that_is_not_stopped_gets_no_cont,
    what_stderr_does_changes_nothing,
    where_calls_are_denied_stderr_changes_nothing_either,
    with_a_stderr_that_fails_a_pipe_signal_from_elsewhere_is_sent_on,
    with_a_stderr_that_may_not_grow_only_an_xfsz_from_elsewhere_is_sent_on,
    with_a_stderr_that_may_not_grow_a_command_that_xfsz_would_end_goes_on,
    a_command_of_another_user_is_reported_once_for_each_target: ROOT,
    a_signal_for_a_command_that_has_just_ended_is_no_error,
    nobody_but_descendants_gets_a_signal,
    the_death_of_the_parent_is_a_signal_where_one_is_named,
    urg_is_told_of_only_at_the_second_v,
    signals_that_there_is_no_room_for_do_not_hold_up_the_others,
];

/// COMMAND, which says on stdout what it gets, and another process of its group, which says it on stderr.
fn two(init: Init) -> Running {
    init.sh("$ROLE listen >&2 & exec $ROLE listen").wait_for("ready").wait_for_error("ready")
}

/// The lines about signals.
fn got(output: &str) -> Vec<&str> {
    output.lines().filter(|line| line.starts_with("got ")).collect()
}

/// What can be sent on and does not stop session-init, in the order of the numbers, with TERM at the end.
fn all_but_stops() -> impl Iterator<Item = Signal> {
    let left_out = [KILL, STOP, CHLD, TSTP, TTIN, TTOU, TERM];
    Signal::all().filter(move |signal| !left_out.contains(signal)).chain([TERM])
}

fn all_but_stops_in_words() -> Vec<String> {
    all_but_stops().map(|signal| format!("got {signal}")).collect()
}

fn a_rewritten_signal_reaches_the_whole_group() {
    Init::new()
        .rewrite("15:3")
        .sh("$ROLE listen QUIT >&2 | $ROLE listen QUIT >&2")
        .wait_for_errors(&["ready"])
        .wait_for_errors(&["ready"])
        .send(TERM)
        .wait_for_errors(&["got QUIT"])
        .wait_for_errors(&["got QUIT"])
        .expect_exit(131)
        .nothing_left();
}

fn every_signal_reaches_each_process_of_the_group_once() {
    let run = all_but_stops().fold(two(Init::new()), |run, signal| {
        let got = format!("got {signal}");
        run.send(signal).wait_for(&got).wait_for_error(&got)
    });
    let ended = run.expect_exit(0);
    assert_eq!(got(&ended.stdout), all_but_stops_in_words());
    assert_eq!(got(&ended.stderr), all_but_stops_in_words());
    ended.nothing_left();
}

fn in_single_child_mode_every_signal_reaches_the_command_alone() {
    let run = Init::new().single_child().sh("$ROLE listen & exec $ROLE listen >&2").wait_for_error("ready");
    let other = run.pid_behind("ready");
    let run = all_but_stops().fold(run, |run, signal| run.send(signal).wait_for_error(&format!("got {signal}")));
    let ended = run.send_to(other, TERM).wait_for("got TERM").expect_exit(0);
    assert_eq!(got(&ended.stderr), all_but_stops_in_words());
    assert_eq!(got(&ended.stdout), ["got TERM"]);
}

fn target_child_is_the_command_alone() {
    let run = two(Init::new().options(["--target", "child"])).send(HUP).wait_for("got HUP");
    let run = run.send(rt(1)).wait_for("got RTMIN+1").send(TERM).wait_for("got TERM");
    // The rest of the group is told at the end, and by then has heard of nothing else.
    let ended = run.wait_for_error("got TERM").expect_exit(0).nothing_left();
    assert_eq!(got(&ended.stderr)[..1], ["got TERM"]);
}

fn a_rule_names_its_own_target() {
    let rules = "USR1@child,USR2:HUP@child,WINCH:INT";
    let run = two(Init::new().rewrite(rules)).send(USR1).send(USR2).wait_for_all(&["got USR1", "got HUP"]);
    let run = run.send(WINCH).wait_for("got INT").wait_for_error("got INT");
    let run = run.send(rt(0)).wait_for_error("got RTMIN").send(TERM).wait_for("got TERM");
    assert_eq!(got(&run.expect_exit(0).stderr)[..2], ["got INT", "got RTMIN"]);

    let run = two(Init::new().options(["--target", "child"]).rewrite("USR1@group"));
    let run = run.send(HUP).wait_for("got HUP").send(USR1).wait_for("got USR1").wait_for_error("got USR1");
    assert_eq!(got(&run.send(TERM).expect_exit(0).stderr)[0], "got USR1");
}

fn each_real_time_signal_arrives_as_often_as_it_came() {
    let signals = [Signal::number(32), Signal::number(33), rt(0), rt(7), rt(29)];
    let run = Init::new().role(["count"]).wait_for("ready");
    let run = signals.into_iter().fold(run, |run, signal| run.send_times(signal, 1000));
    // The last number, and so the last to be taken off any queue.
    let ended = run.send(rt(30)).expect_exit(0);
    signals.into_iter().fold(ended, |ended, signal| ended.stdout_has(&format!("\n{signal} 1000\n")));
}

fn a_rule_names_signals_by_number_or_by_name() {
    for (rules, sent, seen) in [
        ("15:3", TERM, QUIT),
        ("TERM:QUIT", TERM, QUIT),
        ("sigterm:quit", TERM, QUIT),
        ("SigTerm:3", TERM, QUIT),
        ("15:SIGQUIT", TERM, QUIT),
        ("TERM:15", TERM, TERM),
        ("HUP:0,INT:0,TERM:QUIT,QUIT:0", TERM, QUIT),
        ("TERM:0,15:INT,SIGTERM:QUIT", TERM, QUIT),
        ("TERM:QUIT,QUIT:TERM", QUIT, TERM),
        ("IOT:USR1", Signal::named("ABRT"), USR1),
        ("POLL:USR1", Signal::named("IO"), USR1),
        ("RTMIN:RTMAX", rt(0), rt(30)),
        ("RTMIN+3:RTMAX-2", rt(3), rt(28)),
        ("RTMAX-30:RTMIN+30", rt(0), rt(30)),
        ("34:USR1", rt(0), USR1),
        ("USR1:64", USR1, rt(30)),
        ("32:33", Signal::number(32), Signal::number(33)),
        ("URG:CHLD", URG, CHLD),
    ] {
        let run = Init::new().rewrite(rules).role(["listen", &seen.to_string()]).wait_for("ready");
        let ended = run.send(sent).wait_for(&format!("got {seen}")).expect_exit(0);
        assert_eq!(got(&ended.stdout), [format!("got {seen}")], "{rules}");
    }
    let run = Init::new().rewrite("1:0,TERM:INT").option("-rHUP:USR1").option("--rewrite=15:3");
    let run = run.role(["listen", "QUIT"]).wait_for("ready").send(HUP).wait_for("got USR1");
    run.send(TERM).wait_for("got QUIT").expect_exit(0);
}

fn a_dropped_signal_reaches_nobody() {
    let run = two(Init::new().rewrite("TERM:0,HUP:0@group,RTMIN+2:0"));
    let run = run.send(TERM).send(HUP).send(rt(2)).send(rt(3)).wait_for("got RTMIN+3").wait_for_error("got RTMIN+3");
    let command = run.command();
    let ended = run.send_to(command, TERM).wait_for("got TERM").expect_exit(0);
    assert_eq!(got(&ended.stdout), ["got RTMIN+3", "got TERM"]);
    // TERM at the end goes to the rest of the group even where it is dropped.
    assert_eq!(got(&ended.stderr)[0], "got RTMIN+3");
    ended.nothing_left();
}

fn a_signal_can_be_rewritten_to_kill() {
    two(Init::new().rewrite("TERM:KILL")).send(TERM).expect_exit(137).nothing_left();
}

fn a_chld_that_somebody_sends_is_not_sent_on() {
    for init in [Init::new(), Init::new().single_child()] {
        let run = init.role(["listen"]).wait_for("ready").send_times(CHLD, 10);
        run.send(rt(0)).wait_for("got RTMIN").send(TERM).expect_exit(0).stdout_lacks("CHLD");
    }
}

fn a_signal_that_the_parent_ignored_or_blocked_is_sent_on() {
    let signals = [HUP, INT, USR1, rt(5), TERM];
    for init in [Init::new().ignoring(signals), Init::new().blocking(signals)] {
        let run = init.role(["listen"]).wait_for("ready");
        let run = signals.into_iter().fold(run, |run, signal| run.send(signal).wait_for(&format!("got {signal}")));
        run.expect_exit(0);
    }
}

fn tstp_ttin_and_ttou_stop_the_group_and_session_init_and_cont_resumes_both() {
    for signal in [TSTP, TTIN, TTOU] {
        let run = two(Init::new()).send(signal).wait_stopped();
        for process in process::descendants(run.pid()) {
            process::wait_state(process.pid, 'T');
        }
        let run = run.send(CONT).wait_for("got CONT").wait_for_error("got CONT");
        run.send(TERM).expect_exit(0).stdout_lacks(&signal.to_string()).nothing_left();
    }
}

fn a_rewritten_tstp_stops_session_init_only_with_command() {
    for (rule, seen) in [("TSTP:TSTP", "got TSTP"), ("TSTP:USR1", "got USR1"), ("20:31@child", "got SYS")] {
        let run = Init::new().rewrite(rule).role(["listen"]).wait_for("ready");
        let run = run.send(TSTP).wait_for(seen).send(HUP).wait_for("got HUP");
        run.send(TERM).expect_exit(0).nothing_left();
    }
    // It is not there any more when its COMMAND ends, if it has stopped alone.
    let ends = "trap 'sleep .1; exit 7' TSTP; echo ready; while :; do sleep .01; done";
    for init in [Init::new().rewrite("TSTP:TSTP"), Init::new().single_child()] {
        init.sh(ends).wait_for("ready").send(TSTP).expect_exit(7);
    }
    // A target alone leaves it the STOP that it would be.
    let run = Init::new().rewrite("TTOU@child").role(["listen"]).wait_for("ready").send(TTOU).wait_stopped();
    process::wait_state(run.command(), 'T');
    run.send(CONT).wait_for("got CONT").send(TERM).expect_exit(0).nothing_left();
}

fn a_dropped_tstp_stops_nobody() {
    let run = Init::new().rewrite("TSTP:0").role(["listen"]).wait_for("ready").send(TSTP);
    run.send(rt(0)).wait_for("got RTMIN").send(TERM).expect_exit(0).stdout_lacks("TSTP");
}

fn in_single_child_mode_tstp_is_sent_as_it_is_and_stops_session_init_with_command() {
    for signal in [TSTP, TTIN, TTOU] {
        let run = Init::new().single_child().role(["listen"]).wait_for("ready");
        let run = run.send(signal).wait_for(&format!("got {signal}"));
        let command = run.command();
        let run = run.send_to(command, STOP).wait_stopped();
        run.send(CONT).wait_for("got CONT").send(TERM).expect_exit(0);
    }
}

/// COMMAND, stopped by somebody else.
fn stopped(init: Init) -> Running {
    let run = init.role(["listen", "RTMAX"]).wait_for("ready");
    let command = run.command();
    let run = run.send_to(command, STOP);
    process::wait_state(command, 'T');
    run
}

fn a_stopped_command_is_continued_by_what_asks_it_to_end() {
    for signal in [TERM, INT, QUIT, HUP] {
        let run = stopped(Init::new()).send(signal).wait_for_all(&["got CONT", &format!("got {signal}")]);
        run.send(rt(30)).expect_exit(0);
    }
    // By whatever name it came, and by whatever name it goes.
    for (rule, sent, seen) in [("TERM:USR1", TERM, "got USR1"), ("USR1:TERM", USR1, "got TERM")] {
        let run = stopped(Init::new().rewrite(rule)).send(sent).wait_for_all(&["got CONT", seen]);
        run.send(rt(30)).expect_exit(0);
    }
}

fn in_single_child_mode_it_is_continued_too() {
    let run = stopped(Init::new().single_child()).send(TERM).wait_for_all(&["got CONT", "got TERM"]);
    run.send(rt(30)).expect_exit(0);
}

fn a_stopped_command_is_not_continued_by_anything_else() {
    let run = stopped(Init::new().verbose()).send(USR1).wait_for_error("received USR1").send(rt(2));
    let run = run.wait_for_error("received RTMIN+2");
    assert_eq!(process::state(run.command()), Some('T'));
    let run = run.send(CONT).wait_for_all(&["got CONT", "got USR1", "got RTMIN+2"]);
    run.send(rt(30)).expect_exit(0);
}

fn a_command_that_is_not_stopped_gets_no_cont() {
    let run = Init::new().role(["listen", "RTMAX"]).wait_for("ready");
    let run = [TERM, INT, QUIT, HUP].into_iter().fold(run, Running::send);
    let ended = run.wait_for_all(&["got TERM", "got INT", "got QUIT", "got HUP"]).send(rt(30)).expect_exit(0);
    ended.stdout_lacks("CONT");
}

/// Each stderr that does not take what is written to it.
fn bad_stderrs() -> [Init; 6] {
    [
        Init::new().with_stderr(Stderr::Full),
        Init::new().with_stderr(Stderr::Broken),
        Init::new().with_stderr(Stderr::NarrowPipe),
        Init::new().with_stderr(Stderr::NarrowSocket),
        Init::new().with_stderr(Stderr::DiskFull),
        Init::new().closing([2]),
    ]
}

fn what_stderr_does_changes_nothing() {
    bad_stderrs().into_iter().for_each(stderr_changes_nothing);
}

/// Above all where nothing keeps a write from waiting.
fn where_calls_are_denied_stderr_changes_nothing_either() {
    bad_stderrs().iter().flat_map(|init| init.denying_in_each_way(NEW_CALLS)).for_each(stderr_changes_nothing);
}

#[track_caller]
fn stderr_changes_nothing(init: Init) {
    let run = init.clone().option("-vv").role(["count"]).wait_for("ready");
    let run = run.send_times(rt(1), 2000).send_times(URG, 1000).send_times(rt(2), 2000);
    let ended = run.send(rt(30)).expect_exit(0).stdout_has("\nRTMIN+1 2000\nRTMIN+2 2000\n");
    // A failed write is nobody's signal.
    ended.stdout_lacks("PIPE").nothing_left();
    init.clone().verbose().sh("exit 7").expect_exit(7);
    init.clone().verbose().sh("kill -KILL $$").expect_exit(137);
    init.clone().run(["/nonexistent"]).expect_exit(127);
    init.option(format!("--{}", "x".repeat(5000))).run(["true"]).expect_exit(1);
}

fn with_a_stderr_that_fails_a_pipe_signal_from_elsewhere_is_sent_on() {
    for init in bad_stderrs() {
        let run = init.verbose().role(["listen"]).wait_for("ready").send(HUP).wait_for("got HUP");
        let ended = run.send(PIPE).wait_for("got PIPE").send(TERM).expect_exit(0);
        assert_eq!(got(&ended.stdout), ["got HUP", "got PIPE", "got TERM"]);
    }
}

/// session-init, with a stderr that may not grow.
fn at_the_limit(command: &str) -> String {
    format!("exec 2>{}; ulimit -f 0; exec $INIT -v {command}", scratch::new_path("stderr").display())
}

fn with_a_stderr_that_may_not_grow_a_command_that_xfsz_would_end_goes_on() {
    let mut run = Init::new().with_stdin().from_script(&at_the_limit("cat"));
    for word in ["one", "two", "three"] {
        run = run.write(&format!("{word}\n")).wait_for(word).send(WINCH);
        // It waits for signals: whatever its message has brought it is dealt with.
        process::wait_state(run.pid(), 'S');
    }
    run.close_stdin().expect_exit(0);
}

fn with_a_stderr_that_may_not_grow_only_an_xfsz_from_elsewhere_is_sent_on() {
    let run = Init::new().from_script(&at_the_limit("$ROLE listen")).wait_for("ready").send(HUP).wait_for("got HUP");
    let run = run.send(XFSZ).wait_for("got XFSZ");
    // Also where it is there already when the message about another signal fails.
    let run = run.send(STOP).wait_stopped().send(HUP).send(XFSZ).send(CONT).wait_for("got XFSZ");
    let ended = run.send(TERM).expect_exit(0);
    let heard = ["got HUP", "got XFSZ", "got HUP", "got CONT", "got XFSZ", "got TERM"];
    assert_eq!(got(&ended.stdout), heard);
}

fn a_command_of_another_user_is_reported_once_for_each_target() {
    let init = Init::new().without_capabilities(&[CAP_KILL]).rewrite("USR1@child,USR2:HUP@child");
    let run = init.role(["as-user", "1234", "listen"]).wait_for("ready");
    let command = run.command();
    let run = run.send(HUP).send(QUIT).send(USR1).send(USR2).send(WINCH).send(TERM).send(CHLD);
    let run = run.wait_for_errors(&[
        &format!("[session-init] cannot send HUP to group {command}: Operation not permitted"),
        &format!("to process {command}: Operation not permitted"),
    ]);
    let ended = run.still_runs().send_to(command, TERM).expect_exit(0);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
    assert_eq!(got(&ended.stdout), ["got TERM"]);
}

/// Sending signals to other users' processes (capabilities(7)).
const CAP_KILL: libc::c_ulong = 5;

fn a_signal_for_a_command_that_has_just_ended_is_no_error() {
    for init in [Init::new(), Init::new().single_child()] {
        for _ in 0..10 {
            // The command ignores it too, so that it ends by itself.
            let run = init.clone().ignoring([USR1]).sh("exit 7");
            let run = run.wait_until("ends", |run| {
                let _ = crate::support::sys::kill(run.pid(), USR1);
                !process::is_alive(run.pid())
            });
            run.expect_exit(7).stderr_is("");
        }
    }
}

fn nobody_but_descendants_gets_a_signal() {
    for options in ["-c", "--target child", "--target group", "--target session", "--target all"] {
        // The shell's group holds a bystander and session-init.
        let run = Init::new()
            .from_script(&format!("$ROLE listen USR2 >&2 & $INIT {options} $ROLE listen RTMAX; kill -USR2 $!; wait"));
        let run = run.wait_for("ready").wait_for_error("ready");
        let init = process::stat(run.pid_behind("ready")).map_or(0, |command| command.parent);
        let run = [HUP, USR1, QUIT, rt(9), TERM]
            .into_iter()
            .fold(run, |run, signal| run.send_to(init, signal).wait_for(&format!("got {signal}")));
        let ended = run.send_to(init, rt(30)).expect_exit(0);
        assert_eq!(got(&ended.stderr), ["got USR2"], "{options}");
        ended.nothing_left();
    }
}

fn the_death_of_the_parent_is_a_signal_where_one_is_named() {
    for start in ["$INIT -p USR1", "SESSION_INIT_PARENT_DEATH_SIGNAL=sigusr1 $INIT"] {
        let script = format!("{start} $ROLE listen USR1 & read line");
        let run = Init::new().with_stdin().from_script(&script).wait_for("ready");
        run.close_stdin().wait_for("got USR1").end().nothing_left();
    }
}

fn urg_is_told_of_only_at_the_second_v() {
    let run = |option| {
        let run = Init::new().option(option).role(["listen"]).wait_for("ready");
        run.send(URG).wait_for("got URG").send(TERM).expect_exit(0)
    };
    run("-v").stderr_has("received TERM").stderr_lacks("URG");
    run("-vv").stderr_has("received TERM").stderr_has("received URG");
}

fn signals_that_there_is_no_room_for_do_not_hold_up_the_others() {
    // What gVisor's kill(2) answers to the 33rd real-time signal of a number that nobody takes.
    let init = Init::new().denying(&[libc::SYS_kill], libc::EAGAIN).single_child();
    let run = init.option("-v").with_stdin().run(["cat"]).wait_for_error("started cat");
    let start = Instant::now();
    let run = run.send_times(rt(3), 60).send(rt(4)).wait_for_error("received RTMIN+4 ");
    // The first is waited with for half a second. Were each of them, it would take half a minute.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let ended = run.close_stdin().expect_exit(0);
    assert_eq!(ended.stderr.matches("cannot send RTMIN+").count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("received RTMIN+3 ").count(), 60, "{}", ended.stderr);
}
