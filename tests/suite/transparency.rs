//! COMMAND finds everything as session-init found it, wherever that is; and ends as it would end without it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::signal::{CHLD, HUP, INT, KILL, QUIT, STOP, Signal, SignalSet, TERM, USR1, rt};
use crate::support::test::{Test, tests};
use crate::support::{Init, NEW_CALLS, Running, Stderr, process, scratch};

pub(crate) const TESTS: &[Test] = tests![
    the_command_gets_the_mask_and_the_dispositions_that_session_init_got,
    the_command_leads_a_session_and_a_group_of_its_own,
    in_single_child_mode_it_stays_in_session_and_group,
    inherited_descriptors_reach_the_command_and_none_besides,
    session_init_keeps_nothing_but_stderr,
    a_reader_sees_the_end_when_the_command_closes_its_output,
    with_any_of_the_standard_descriptors_closed_the_command_finds_them_closed,
    what_gets_the_number_of_a_closed_stderr_gets_no_messages,
    the_command_keeps_the_working_directory_and_session_init_goes_to_the_root,
    arguments_pass_byte_for_byte,
    the_environment_passes_byte_for_byte,
    a_listen_pid_that_names_session_init_names_the_command,
    an_unprivileged_user_can_run_it: ROOT,
    it_needs_no_new_privileges_and_no_capabilities: ROOT,
    it_works_with_no_new_privileges,
    it_works_on_a_read_only_root: ROOT,
    it_works_without_proc: ROOT,
    it_works_where_its_session_and_group_lie_outside_its_pid_namespace: ROOT,
    it_works_where_seccomp_denies_what_is_new,
    it_works_where_seccomp_denies_one_of_them,
    with_calls_denied_and_no_proc_nothing_is_kept_open: ROOT,
    what_it_does_without_is_said_under_v,
    an_exit_status_is_passed_on,
    death_by_a_signal_is_128_and_its_number,
    death_by_int_is_passed_on_as_such,
    a_remapped_status_is_reported_as_the_other,
    it_works_within_itself,
    it_works_as_an_interpreter,
    messages_begin_with_the_name_it_was_started_under,
    messages_reach_a_stderr_of_any_kind,
    a_terminal_that_is_not_its_own_remains_that,
    each_decision_is_a_line_under_v,
    without_v_it_says_nothing,
];

/// Forwards to a group, and ends as COMMAND ends, with nothing left.
#[track_caller]
fn works(init: Init) {
    let run = init.sh("$ROLE listen >&2 & exec $ROLE listen").wait_for("ready").wait_for_error("ready");
    let run = [HUP, USR1, rt(0)].into_iter().fold(run, |run, signal| {
        let got = format!("got {signal}");
        run.send(signal).wait_for(&got).wait_for_error(&got)
    });
    run.send(TERM).wait_for("got TERM").expect_exit(0).nothing_left();
}

/// A COMMAND that copies its stdin, as soon as it runs; and changes nothing about itself.
fn cat(init: Init) -> Running {
    init.with_stdin().run(["cat"]).write("here it is\n").wait_for("here it is")
}

fn the_command_gets_the_mask_and_the_dispositions_that_session_init_got() {
    // With each bit of a signal's number once set and once not, no signal can be mistaken for another.
    let numbered = |bit: i32, set: i32| Signal::all().filter(move |signal| (signal.as_raw() >> bit) & 1 == set);
    let halves = (0..7).map(|bit| (numbered(bit, 0).collect(), numbered(bit, 1).collect()));
    let none = SignalSet::default();
    let special = [(none, none), (SignalSet::ALL, none), (none, SignalSet::ALL), (SignalSet::ALL, SignalSet::ALL)];
    // Nobody can block or ignore these.
    let possible = |set: SignalSet| set.iter().filter(|signal| ![KILL, STOP].contains(signal)).collect::<SignalSet>();
    for (blocked, ignored) in special.into_iter().chain(halves) {
        let run = cat(Init::new().blocking(blocked.iter()).ignoring(ignored.iter()));
        let found = process::signal_sets(run.command()).expect("COMMAND is there");
        let expected = (possible(blocked), possible(ignored), none, none);
        assert_eq!((found.blocked, found.ignored, found.caught, found.pending), expected);
        run.close_stdin().expect_exit(0);
    }
}

fn the_command_leads_a_session_and_a_group_of_its_own() {
    let run = cat(Init::new());
    let command = process::stat(run.command()).expect("COMMAND is there");
    assert_eq!((command.group, command.session), (command.pid, command.pid));
    run.close_stdin().expect_exit(0);
}

fn in_single_child_mode_it_stays_in_session_and_group() {
    let run = cat(Init::new().single_child());
    let command = process::stat(run.command()).expect("COMMAND is there");
    assert_eq!((command.group, command.session), (run.pid(), run.pid()));
    run.close_stdin().expect_exit(0);
}

fn inherited_descriptors_reach_the_command_and_none_besides() {
    for init in [Init::new(), Init::new().single_child(), Init::new().verbose()] {
        let run = cat(init.inheriting([3, 4, 9, 200]));
        assert_eq!(process::open_descriptors(run.command()), [0, 1, 2, 3, 4, 9, 200]);
        run.close_stdin().expect_exit(0);
    }
}

#[track_caller]
fn keeps_only(run: Running, descriptors: &[i32]) -> Running {
    run.wait_until(&format!("keeps {descriptors:?} alone"), |run| process::open_descriptors(run.pid()) == descriptors)
}

fn session_init_keeps_nothing_but_stderr() {
    for init in [Init::new(), Init::new().single_child(), Init::new().verbose()] {
        let run = keeps_only(cat(init.inheriting([3, 4, 9, 200])), &[2]);
        run.close_stdin().expect_exit(0);
    }
}

fn a_reader_sees_the_end_when_the_command_closes_its_output() {
    let run = Init::new().sh("echo last words; exec >&-; exec $ROLE listen >&2").wait_for("last words");
    run.wait_for_end_of_output().wait_for_error("ready").send(TERM).expect_exit(0);
}

fn with_any_of_the_standard_descriptors_closed_the_command_finds_them_closed() {
    for set in 0..8 {
        let (closed, open): (Vec<i32>, Vec<i32>) = (0..3).partition(|number| set >> number & 1 == 1);
        for init in [Init::new(), Init::new().verbose(), Init::new().single_child().inheriting([3])] {
            let run = init.clone().closing(closed.clone()).run(["sleep", "60"]);
            let run = run.wait_until("has executed COMMAND", |run| {
                process::stat(run.command()).is_some_and(|command| command.name == "sleep")
            });
            // For a moment its loader has the library that it loads under the first number that is free.
            let run = run.wait_until("has what is open and no more", |run| {
                let numbers = process::open_descriptors(run.command()).into_iter();
                numbers.filter(|number| *number < 3).collect::<Vec<i32>>() == open
            });
            let kept: &[i32] = if open.contains(&2) { &[2] } else { &[] };
            keeps_only(run, kept).send(TERM).expect_exit(143).nothing_left();
        }
    }
}

fn what_gets_the_number_of_a_closed_stderr_gets_no_messages() {
    let init = Init::new().on_a_terminal().closing(vec![2]).verbose();
    let run = init.role(["listen"]).wait_for("ready").send(USR1).wait_for("got USR1");
    let ended = run.send(TERM).expect_exit(0);
    assert!(!ended.stdout.contains("[session-init]"), "{}", ended.stdout);
}

fn the_command_keeps_the_working_directory_and_session_init_goes_to_the_root() {
    let folder = scratch::new_folder("working-directory");
    let run = cat(Init::new().in_directory(&folder));
    let directory = |pid| fs::read_link(format!("/proc/{pid}/cwd")).ok();
    assert_eq!(directory(run.command()), Some(folder));
    let run = run.wait_until("has gone to the root", |run| directory(run.pid()) == Some("/".into()));
    run.close_stdin().expect_exit(0);
}

/// As od(1) prints it with `-An -v -tx1`, but for the line ends.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!(" {byte:02x}")).collect::<Vec<_>>().concat()
}

fn arguments_pass_byte_for_byte() {
    let every_byte: Vec<u8> = (1..=255).collect();
    let words = ["sh", "-c", "od -An -v -tx1 /proc/$$/cmdline", "", "--", "-v", "\u{fc}"];
    let words = words.iter().map(OsStr::new).chain([OsStr::from_bytes(&every_byte)]);
    let expected: Vec<u8> = words.clone().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    let ended = Init::new().run(words).expect_exit(0);
    assert_eq!(ended.stdout.replace('\n', ""), hexadecimal(&expected));
}

fn the_environment_passes_byte_for_byte() {
    let variables = [
        ("SESSION_INI", &b"0"[..]),
        ("DUMB_INIT_DEBUG", b"1"),
        ("DUMB_INIT_SETSID", b"1"),
        ("LISTEN_PID", b"1"),
        ("LISTEN_FDS", b"2"),
        ("EMPTY", b""),
        ("BYTES", b"\x01\xff\n="),
    ];
    let init =
        variables.into_iter().fold(Init::new(), |init, (name, value)| init.variable(name, OsStr::from_bytes(value)));
    let run = init.from_script(
        "look='od -An -v -tx1 /proc/self/environ'; before=$($look); after=$($INIT $look); \
         [ \"$before\" = \"$after\" ] && echo ${#before} characters",
    );
    let ended = run.expect_exit(0).stdout_has(" characters\n");
    assert!(!ended.stdout.starts_with("0 "), "od has seen nothing");
}

fn a_listen_pid_that_names_session_init_names_the_command() {
    for option in ["", "-c"] {
        let run = Init::new().from_script(&format!(
            "export BEFORE=1 LISTEN_PID=$$ LISTEN_FDS=1 AFTER=2;
             exec $INIT {option} sh -c 'echo $(($LISTEN_PID - $$)) $LISTEN_FDS $BEFORE $AFTER'"
        ));
        run.expect_exit(0).stdout_is("0 1 1 2\n");
        let run = Init::new()
            .from_script(&format!("LISTEN_PID=1$$ exec $INIT {option} sh -c 'echo ${{LISTEN_PID#1}} $PPID'"));
        let ended = run.expect_exit(0);
        let mut words = ended.stdout.split_whitespace();
        assert_eq!(words.next(), words.next(), "one that names another process is left alone");
    }
}

fn an_unprivileged_user_can_run_it() {
    works(Init::new().as_user(1234));
    works(Init::new().as_user(1234).without_new_privileges().verbose());
    let run = Init::new().as_user(1234).sh("$ROLE orphans 30; exec $ROLE listen").wait_for("ready");
    let run = run.wait_until("has reaped all orphans", |run| process::children(run.pid()).len() == 1);
    run.send(TERM).expect_exit(0);
}

fn it_works_with_no_new_privileges() {
    works(Init::new().without_new_privileges());
}

/// All that capabilities(7) knows, but for `CAP_SETPCAP`, which has to go last.
const CAPABILITIES: &[libc::c_ulong] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 8,
];

fn it_needs_no_new_privileges_and_no_capabilities() {
    works(Init::new().without_capabilities(CAPABILITIES));
    works(Init::new().as_pid_1().without_capabilities(CAPABILITIES).without_new_privileges());
}

fn it_works_on_a_read_only_root() {
    works(Init::new().on_a_read_only_root());
    works(Init::new().as_pid_1().on_a_read_only_root());
}

fn it_works_without_proc() {
    works(Init::new().without_proc());
    works(Init::new().without_proc().options(["--target", "all"]));
    works(Init::new().as_pid_1().without_proc());
}

fn it_works_where_its_session_and_group_lie_outside_its_pid_namespace() {
    // There session and group have the id 0, also for a child of PID 1.
    for script in [
        "exec unshare --pid --fork --mount-proc $INIT -v sh -c 'echo $(cut -d\" \" -f 5,6 /proc/1/stat); exec $ROLE listen'",
        "exec unshare --pid --fork --mount-proc sh -c \
         '$INIT -v sh -c \"echo \\$(cut -d\\\" \\\" -f 5,6 /proc/\\$PPID/stat); exec $ROLE listen\"; exit $?'",
    ] {
        let run = Init::new().from_script(script).wait_for("0 0").wait_for("ready");
        let init = process::stat(run.pid_behind("ready")).map_or(0, |command| command.parent);
        let run = [HUP, USR1, INT, rt(3)]
            .into_iter()
            .fold(run, |run, signal| run.send_to(init, signal).wait_for(&format!("got {signal}")));
        run.send_to(init, TERM).wait_for("got TERM").expect_exit(0).nothing_left();
    }
}

/// Under each answer that they give.
fn denied() -> [Init; 2] {
    Init::new().denying_in_each_way(NEW_CALLS)
}

fn it_works_where_seccomp_denies_what_is_new() {
    for init in denied() {
        works(init.clone());
        works(init.clone().verbose());
        works(init.clone().options(["--target", "session"]));
        works(init.clone().options(["--target", "all", "--grace", "10"]));
        let run = keeps_only(cat(init.clone().inheriting([3, 9, 200])), &[2]);
        assert_eq!(process::open_descriptors(run.command()), [0, 1, 2, 3, 9, 200]);
        run.close_stdin().expect_exit(0);
        init.clone().run(["nonexistent-command"]).expect_exit(127).stderr_has("nonexistent-command: No such file");
        init.clone().run(["/etc"]).expect_exit(126).stderr_has("/etc: Permission denied");
        // Nothing of it escapes a killing.
        let run = init.options(["--kill-after", "0.1"]).role(["deaf-tree", "30"]).wait_for("ready");
        run.send(TERM).expect_exit(137).nothing_left();
    }
}

fn it_works_where_seccomp_denies_one_of_them() {
    let inits = NEW_CALLS.chunks(1).flat_map(|call| Init::new().denying_in_each_way(call));
    inits.for_each(|init| works(init.options(["--target", "all", "--grace", "10"])));
}

fn with_calls_denied_and_no_proc_nothing_is_kept_open() {
    for init in denied() {
        keeps_only(cat(init.without_proc().inheriting([3, 9, 200])), &[2]).close_stdin().expect_exit(0);
    }
}

fn what_it_does_without_is_said_under_v() {
    let init = Init::new().denying(&[libc::SYS_prctl], libc::EPERM).option("-pTERM");
    works(init.clone());
    let ended = init.clone().verbose().run(["true"]).expect_exit(0);
    ended.stderr_has("no subreaper: Operation not permitted\n").stderr_has("parent's death: Operation not permitted\n");
    init.run(["true"]).expect_exit(0).stderr_is("");
}

fn an_exit_status_is_passed_on() {
    for status in [0, 1, 2, 3, 42, 100, 125, 126, 127, 128, 129, 130, 137, 143, 192, 193, 200, 254, 255] {
        Init::new().sh(&format!("exit {status}")).expect_exit(status).stderr_is("");
    }
    Init::new().single_child().sh("exit 7").expect_exit(7);
}

fn death_by_a_signal_is_128_and_its_number() {
    for signal in Signal::all().filter(|signal| signal.is_deadly() && *signal != INT) {
        let ended = Init::new().role(["die", &signal.to_string()]).expect_exit(128 + signal.as_raw());
        assert_eq!(ended.stderr.is_empty(), !signal.is_fault(), "{signal}: {}", ended.stderr);
    }
    for signal in Signal::all().filter(|signal| !signal.is_deadly() && *signal != STOP) {
        let survived = format!("survived {signal}\n");
        // Where nobody could continue it, the kernel stops it not at all.
        Init::new().role(["die", &signal.to_string()]).expect_exit(0).stdout_is(&survived);
    }
}

fn death_by_int_is_passed_on_as_such() {
    let die = ["die", "INT"];
    Init::new().role(die).expect_death(INT).stderr_is("");
    Init::new().single_child().role(die).expect_death(INT);
    Init::new().ignoring([INT]).role(die).expect_death(INT);
    Init::new().blocking([INT]).role(die).expect_death(INT);
    Init::new().sh("exit 130").expect_exit(130);
    // The first of two in a row ends the script, as without session-init.
    let run = Init::new().from_script("$INIT sh -c 'kill -INT $$'; echo $?").expect_exit(0);
    run.stdout_is("130\n");
}

fn a_remapped_status_is_reported_as_the_other() {
    for (options, script, status) in [
        (&["-e", "143"][..], "kill -TERM $$", 0),
        (&["-e143:5"], "kill -TERM $$", 5),
        (&["--remap-exit=7:9"], "exit 7", 9),
        (&["-e7:9"], "exit 9", 9),
        (&["-e7:9", "-e9:1"], "exit 7", 9),
        (&["-e7:9", "-e7:1"], "exit 7", 1),
        (&["-e", "1,2:3,4"], "exit 2", 3),
        (&["-e", "1,2:3,4"], "exit 4", 0),
        (&["-e0:255"], "exit 0", 255),
        (&["-e192:1"], "kill -64 $$", 1),
        (&["-e130"], "kill -INT $$", 0),
        (&["-e130:130"], "exit 130", 130),
        (&["-e5"], "exit 6", 6),
    ] {
        Init::new().options(options).sh(script).expect_exit(status).stderr_is("");
    }
    // What session-init ends with by itself is not COMMAND's.
    Init::new().option("-e127").run(["nonexistent-command"]).expect_exit(127);
}

fn it_works_within_itself() {
    let init = scratch::session_init();
    let init = init.to_str().expect("a path of the suite's own");
    let within = |options: &[&str], words: &[&str]| Init::new().options(options).run(words);
    for options in [&[][..], &["-c"], &["-v"]] {
        for inner in [&[init][..], &[init, init, "--", init, "-v"]] {
            let run = within(options, &[inner, &["sh", "-c", "exec $ROLE count"]].concat()).wait_for("ready");
            let run = run.send(HUP).send_times(rt(3), 200).send(rt(30));
            run.expect_exit(0).stdout_has("\nRTMIN+3 200\nRTMAX 1\n").nothing_left();
        }
        within(options, &[init, "sh", "-c", "exit 42"]).expect_exit(42);
        within(options, &[init, "sh", "-c", "kill -INT $$"]).expect_death(INT);
        within(options, &[init, "nonexistent-command"]).expect_exit(127);
    }
}

fn it_works_as_an_interpreter() {
    let folder = scratch::new_folder("interpreter");
    let init = scratch::session_init();
    let contents = format!("#!{} /bin/sh\necho \"$0\" \"$@\"; exec $ROLE listen QUIT\n", init.display());
    let script = scratch::executable(&folder, "script", &contents);
    let run = Init::of(&script).run(["a b", "-v", "--help"]);
    let run = run.wait_for(&format!("{} a b -v --help", script.display())).wait_for("ready");
    run.send(QUIT).wait_for("got QUIT").expect_exit(0).stderr_is("").nothing_left();
}

/// With both of the ways to write without waiting, and with the second alone.
fn ways_to_write(init: &Init) -> impl Iterator<Item = Init> {
    [init.clone()].into_iter().chain(init.denying_in_each_way(&[libc::SYS_pwritev2]))
}

fn messages_reach_a_stderr_of_any_kind() {
    for init in [Init::new(), Init::new().with_stderr(Stderr::Socket), Init::new().with_stderr(Stderr::Terminal)] {
        for init in ways_to_write(&init) {
            // What a terminal has been told may be read after whoever said it has ended.
            let run = init.run(["nonexistent-command"]).wait_for_error("No such file or directory");
            let ended = run.expect_exit(127);
            assert_eq!(ended.stderr.trim_end(), "[session-init] nonexistent-command: No such file or directory");
        }
    }
}

fn a_terminal_that_is_not_its_own_remains_that() {
    for init in ways_to_write(&Init::new().with_stderr(Stderr::Terminal)) {
        let run = init.verbose().role(["listen"]).wait_for("ready").send(HUP).wait_for_error("received HUP");
        assert_eq!(process::stat(run.pid()).map(|stat| stat.terminal), Some(0));
        run.send(TERM).expect_exit(0);
    }
}

fn messages_begin_with_the_name_it_was_started_under() {
    let failure = "nonexistent-command: No such file or directory\n";
    let as_name = |init: Init, name: &str| {
        init.run(["nonexistent-command"]).expect_exit(127).stderr_is(&format!("[{name}] {failure}"));
    };
    as_name(Init::new(), "session-init");
    as_name(Init::of(scratch::link_named_dumb_init()), "dumb-init");
    as_name(Init::new().called("dumb-init"), "dumb-init");
    as_name(Init::new().called("/sbin/init"), "init");
    as_name(Init::new().called("sub/folder/my-init"), "my-init");
    as_name(Init::new().called("-init"), "-init");
    as_name(Init::new().called(""), "session-init");
    as_name(Init::new().called("a\nb"), "a\\nb");
    let link = Init::of(scratch::link_named_dumb_init());
    link.clone().option("-x").run(["true"]).expect_exit(1).stderr_is("[dumb-init] unknown option '-x' (see --help)\n");
    let ended = link.verbose().run(["true"]).expect_exit(0);
    assert!(ended.stderr.lines().all(|line| line.starts_with("[dumb-init] ")), "{}", ended.stderr);
}

fn each_decision_is_a_line_under_v() {
    let run = Init::new().verbose().rewrite("USR1:0,HUP:QUIT").role(["listen"]).wait_for("ready");
    let (command, suite) = (run.command(), std::process::id());
    let run = run.send(HUP).wait_for("got QUIT").send(USR1).wait_for_error("received USR1").send(TERM);
    let expected = [
        format!("started {} as pid {command} in its own session", scratch::suite().display()),
        format!("received HUP from pid {suite}; sent QUIT to group {command}"),
        format!("received USR1 from pid {suite}; not sent on"),
        format!("received TERM from pid {suite}; sent TERM to group {command}"),
        format!("COMMAND exited with status 0; nobody is left in group {command}; ending with status 0"),
    ];
    let expected = expected.map(|line| format!("[session-init] {line}\n")).concat();
    run.expect_exit(0).stderr_is(&expected);
}

fn without_v_it_says_nothing() {
    let run = Init::new().role(["listen"]).wait_for("ready").send(HUP).send(USR1).send(CHLD);
    run.wait_for_all(&["got HUP", "got USR1"]).send(TERM).expect_exit(0).stderr_is("");
}
