//! What dumb-init and tini have in common, and session-init with them; and what both do not do.

#![expect(clippy::needless_pass_by_value, reason = "a body is given its init, whether it starts it or a copy")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use super::{Case, case};
use crate::support::signal::{
    ABRT, BUS, CHLD, CONT, FPE, HUP, ILL, INT, KILL, PIPE, PROF, QUIT, SEGV, STOP, SYS, Signal, TERM, TRAP, TSTP, TTIN,
    TTOU, USR1, USR2, rt,
};
use crate::support::sys::WaitStatus;
use crate::support::time::holds_in_time;
use crate::support::{Init, process, scratch};

#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn cases() -> Vec<Case> {
    vec![
        // What COMMAND finds.
        case!(arguments_pass_byte_for_byte),
        case!(options_end_at_the_first_word_that_is_none)
            .row("Options end", "at the first word that is not an option")
            .tini_unlike("at `--` alone; without it tini takes COMMAND's options", |init| {
                Init::of(init.program()).run(["echo", "-h"]).expect_exit(0).stdout_has("Usage: tini");
            }),
        case!(two_dashes_end_the_options),
        case!(the_environment_passes),
        case!(stdin_stdout_and_stderr_pass),
        case!(the_working_directory_passes),
        case!(command_is_found_in_path),
        case!(a_script_without_a_first_line_is_run_by_sh),
        case!(blocked_signals_stay_blocked)
            .row("Signals blocked at the start", "stay blocked for COMMAND")
            .dumb_init_unlike("none is blocked for COMMAND", |init| {
                init.blocking(SOME).run(SHOW_BLOCKED).expect_exit(0).stdout_is("SigBlk:\t0000000000000000\n");
            }),
        case!(ignored_signals_stay_ignored)
            .row("Signals ignored at the start (`nohup`)", "stay ignored for COMMAND")
            .dumb_init_unlike("none is ignored by COMMAND", |init| {
                init.ignoring(SOME).run(SHOW_IGNORED).expect_exit(0).stdout_is("SigIgn:\t0000000000000000\n");
            }),
        case!(command_leads_a_session).row("COMMAND leads", "a session").tini_unlike(
            "a process group in tini's session",
            |init| {
                let run = init.role(["listen"]).wait_for("ready");
                let command = process::stat(run.command()).unwrap();
                assert_eq!((command.group, command.session), (command.pid, run.pid()));
            },
        ),
        // Its end.
        case!(the_exit_status_is_that_of_command),
        case!(death_by_a_signal_is_128_plus_its_number),
        case!(a_stopped_command_is_not_taken_for_ended),
        case!(a_command_that_dies_of_int_takes_its_init_along)
            .row("COMMAND died of INT, not PID 1", "dies of INT: a calling script stops too")
            .dumb_init_unlike("exits with 130", |init| drop(init.sh("kill -INT $$").expect_exit(130)))
            .tini_unlike("exits with 130", |init| drop(init.sh("kill -INT $$").expect_exit(130))),
        case!(death_by_int_is_130_for_pid_1).needs_root(),
        case!(a_command_that_is_not_there_is_127)
            .row("COMMAND is not found", "status 127")
            .dumb_init_unlike("status 2", |init| drop(init.run(["no-such-command"]).expect_exit(2))),
        case!(a_command_that_cannot_be_run_is_126)
            .row("COMMAND is not executable", "status 126")
            .dumb_init_unlike("status 2", |init| drop(init.run(["/etc/passwd"]).expect_exit(2))),
        case!(the_rest_of_the_group_ends_with_command)
            .row("What COMMAND leaves in its group", "gets TERM")
            .tini_unlike("stays", |init| {
                let ended = init.with_stdin().sh(LEAVE_ONE).wait_for("ready").close_stdin().expect_exit(4);
                assert_eq!(ended.living().len(), 1, "one is left");
            }),
        case!(a_session_of_its_own_outlives_command),
        // Signals.
        case!(every_standard_signal_is_forwarded).row("ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS", "forwarded").tini_unlike(
            "end tini alone",
            |init| {
                for signal in [ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS] {
                    let script = "ulimit -c 0; exec $INIT $ROLE listen";
                    let ended = init.clone().from_script(script).wait_for("ready").send(signal).expect_death(signal);
                    assert_eq!(ended.living().len(), 1, "COMMAND is left");
                }
            },
        ),
        case!(real_time_signals_are_forwarded_as_often_as_they_come),
        case!(signals_32_and_33_are_forwarded)
            .row("Signals 32 and 33", "forwarded")
            .dumb_init_unlike("end dumb-init alone", ends_by_32_and_33)
            .tini_unlike("end tini alone", ends_by_32_and_33),
        case!(chld_is_not_forwarded),
        case!(signals_reach_the_whole_group)
            .row("A signal reaches", "COMMAND's process group; with `--target child` COMMAND alone")
            .tini_unlike("COMMAND alone; with `-g` its process group", |init| {
                let run = init.sh(TWO_IN_A_GROUP).wait_for("ready").send(TERM).wait_for("first got TERM");
                let ended = run.expect_exit(3);
                assert!(!ended.stdout.contains("second got TERM"));
                assert!(!ended.living().is_empty(), "the second is left");
            }),
        case!(pid_1_forwards_a_signal_that_it_would_not_die_of).needs_root(),
        case!(a_job_control_stop_stops_both_until_cont)
            .row("TSTP, TTIN, TTOU", "stop COMMAND's group and the init, until CONT")
            .tini_unlike("TSTP is forwarded, TTIN and TTOU are not; tini does not stop", |init| {
                let run = init.role(["listen", "CONT"]).wait_for("ready");
                let ended = run.send(TTIN).send(TTOU).send(TSTP).wait_for("got TSTP").send(CONT).expect_exit(0);
                assert!(!ended.stdout.contains("TT"), "{}", ended.stdout);
            }),
        case!(a_stopped_command_can_act_on_term)
            .row("TERM while COMMAND is stopped", "CONT follows, so that COMMAND can act")
            .dumb_init_unlike("COMMAND stays stopped", stays_stopped_with_term_pending)
            .tini_unlike("COMMAND stays stopped", stays_stopped_with_term_pending),
        case!(a_signal_from_before_the_start_is_forwarded)
            .row("A signal pending at the start", "forwarded")
            .dumb_init_unlike("may be lost", |init| {
                let lost = (0..200).any(|_| !gets_what_was_pending(&init));
                assert!(lost, "one of 200 is lost");
            }),
        case!(a_signal_just_after_the_start_is_forwarded)
            .row("A signal within 2 ms of the start", "forwarded")
            .dumb_init_unlike("may be lost, between fork and exec", |init| {
                let lost = (0..2000).any(|index| is_lost(&init, index));
                assert!(lost, "one of 2000 is lost");
            }),
        case!(a_parent_that_ignores_chld_is_no_matter).row("CHLD is ignored at the start", "no matter").tini_unlike(
            "tini never ends",
            |init| {
                let run = init.ignoring([CHLD]).sh("echo done").wait_for("done");
                let run = run.wait_until("has no child any more", |run| process::children(run.pid()).is_empty());
                // It takes a signal, and goes on waiting for more.
                let run = run.send(USR1).wait_until("has taken USR1", |run| {
                    !process::signal_sets(run.pid()).unwrap().pending.contains(USR1)
                });
                process::wait_state(run.pid(), 'S');
                drop(run.still_runs());
            },
        ),
        // The reaper.
        case!(pid_1_reaps_orphans).needs_root(),
        case!(a_stopped_and_traced_orphan_is_no_matter)
            .needs_root()
            .row("An orphan stopped by ptrace, as PID 1", "no matter")
            .dumb_init_unlike("ends dumb-init, and the container", |init| {
                init.as_pid_1().role(["traced-orphan"]).expect_death(SEGV).stderr_has("Assertion");
            }),
        // The terminal.
        case!(the_terminal_is_handed_to_command),
        case!(pid_1_hands_the_terminal_to_command).needs_root(),
        // The surroundings.
        case!(it_works_below_itself),
        case!(it_works_as_the_interpreter_of_a_script),
        case!(it_works_with_descriptors_0_to_2_closed).row("Descriptor 0 is closed", "no matter").tini_unlike(
            "an error",
            |init| {
                init.closing([0]).run(["echo", "ran"]).expect_exit(1).stdout_is("").stderr_has("tcsetpgrp");
            },
        ),
        case!(it_works_in_somebody_elses_session),
        case!(nothing_is_said_unasked).row("Said unasked where it is not PID 1", "nothing").tini_unlike(
            "a warning, without `-s`",
            |init| {
                init.sh("exit 0").expect_exit(0).stderr_has("not running as PID 1");
            },
        ),
        case!(its_directory_is_the_root)
            .row("The init's own working directory", "`/`: no mount is kept busy")
            .tini_unlike("the one it was started in", |init| {
                let run = init.in_directory("/usr").role(["listen"]).wait_for("ready");
                assert_eq!(directory_of(run.pid()), "/usr");
            }),
        case!(stdout_is_at_its_end_when_command_closes_it)
            .row("COMMAND closes its stdout", "its reader sees the end")
            .dumb_init_unlike("its reader waits for dumb-init", keeps_stdout_open)
            .tini_unlike("its reader waits for tini", keeps_stdout_open),
        case!(no_command_is_an_error),
        case!(an_unknown_option_is_an_error),
    ]
}

// What COMMAND finds.

fn arguments_pass_byte_for_byte(init: Init) {
    let odd = OsStr::from_bytes(b"\xff\n\xc3");
    init.run([
        OsStr::new("sh"),
        "-c".as_ref(),
        r#"printf '<%s>' "$@" | od -An -c"#.as_ref(),
        "".as_ref(),
        odd,
        "".as_ref(),
    ])
    .expect_exit(0)
    .stdout_is("   < 377  \\n 303   >   <   >\n");
}

fn options_end_at_the_first_word_that_is_none(init: Init) {
    Init::of(init.program()).run(["echo", "-v", "-w", "--", "-h"]).expect_exit(0).stdout_is("-v -w -- -h\n");
}

fn two_dashes_end_the_options(init: Init) {
    let folder = scratch::new_folder("path");
    scratch::executable(&folder, "-v", "#!/bin/sh\necho \"ran with $*\"\n");
    let init = Init::of(init.program()).variable("PATH", &folder);
    init.run(["--", "-v", "--", "-c"]).expect_exit(0).stdout_is("ran with -- -c\n");
}

fn the_environment_passes(init: Init) {
    // Below env(1), which changes nothing, and then below the init and env(1).
    let variables = |init: &Init| {
        let init = init.clone().variable("EMPTY", "").variable("ODD NAME", OsStr::from_bytes(b"a\xff=b"));
        init.without_variable("INIT").without_variable("SUITE_RUN")
    };
    let expected =
        variables(&Init::of("/usr/bin/env")).run(["-0"]).expect_exit(0).stdout_has("EMPTY=\0ODD NAME=a\u{fffd}=b\0");
    variables(&init).run(["env", "-0"]).expect_exit(0).stdout_is(&expected.stdout);
}

fn stdin_stdout_and_stderr_pass(init: Init) {
    let run = init.with_stdin().sh("cat; echo an error >&2").write("a line\n").close_stdin();
    run.expect_exit(0).stdout_is("a line\n").stderr_has("an error\n");
}

fn the_working_directory_passes(init: Init) {
    init.in_directory("/usr").run(["pwd"]).expect_exit(0).stdout_is("/usr\n");
}

fn command_is_found_in_path(init: Init) {
    let (first, second) = (scratch::new_folder("path"), scratch::new_folder("path"));
    std::fs::write(first.join("tool"), "not executable").unwrap();
    scratch::executable(&second, "tool", "#!/bin/sh\necho found\n");
    let path = format!("/no/such/folder:{}:{}", first.display(), second.display());
    init.variable("PATH", path).run(["tool"]).expect_exit(0).stdout_is("found\n");
}

fn a_script_without_a_first_line_is_run_by_sh(init: Init) {
    let script = scratch::executable(&scratch::new_folder("script"), "plain", "echo \"ran with $*\"; exit 6\n");
    init.run([script.as_os_str(), "a".as_ref(), "b".as_ref()]).expect_exit(6).stdout_is("ran with a b\n");
}

const SOME: [Signal; 3] = [HUP, PIPE, USR2];
const SHOW_BLOCKED: [&str; 3] = ["grep", "SigBlk", "/proc/self/status"];
const SHOW_IGNORED: [&str; 3] = ["grep", "SigIgn", "/proc/self/status"];

fn blocked_signals_stay_blocked(init: Init) {
    init.blocking(SOME.into_iter().chain([rt(0)]))
        .run(SHOW_BLOCKED)
        .expect_exit(0)
        .stdout_is("SigBlk:\t0000000200001801\n");
}

fn ignored_signals_stay_ignored(init: Init) {
    init.ignoring(SOME.into_iter().chain([rt(0)]))
        .run(SHOW_IGNORED)
        .expect_exit(0)
        .stdout_is("SigIgn:\t0000000200001801\n");
}

fn command_leads_a_session(init: Init) {
    let run = init.role(["listen"]).wait_for("ready");
    let command = process::stat(run.command()).unwrap();
    assert_eq!((command.group, command.session), (command.pid, command.pid));
}

// Its end.

fn the_exit_status_is_that_of_command(init: Init) {
    for status in [0, 1, 2, 77, 126, 127, 128, 143, 255] {
        init.clone().sh(&format!("exit {status}")).expect_exit(status);
    }
}

fn death_by_a_signal_is_128_plus_its_number(init: Init) {
    for signal in [HUP, QUIT, KILL, SEGV, PIPE, TERM, SYS, rt(0), rt(30)] {
        init.clone().role(["die", &signal.to_string()]).expect_exit(128 + signal.as_raw());
    }
}

fn a_stopped_command_is_not_taken_for_ended(init: Init) {
    let run = init.sh("kill -STOP $$; exit 5");
    let command = run.command();
    process::wait_state(command, 'T');
    run.still_runs().send_to(command, CONT).expect_exit(5);
}

fn a_command_that_dies_of_int_takes_its_init_along(init: Init) {
    init.sh("kill -INT $$").expect_death(INT);
}

fn death_by_int_is_130_for_pid_1(init: Init) {
    init.as_pid_1().sh("kill -INT $$").expect_exit(130);
}

/// A folder in PATH that may not be searched would make it a matter of permissions.
pub(super) fn in_usual_path(init: Init) -> Init {
    init.variable("PATH", "/usr/bin:/bin")
}

fn a_command_that_is_not_there_is_127(init: Init) {
    in_usual_path(init)
        .run(["no-such-command"])
        .expect_exit(127)
        .stderr_has("no-such-command")
        .stderr_has("No such file or directory");
}

fn a_command_that_cannot_be_run_is_126(init: Init) {
    init.run(["/etc/passwd"]).expect_exit(126).stderr_has("/etc/passwd").stderr_has("Permission denied");
}

/// What is left says `ready` when it is there, and ends at TERM.
pub(super) const LEAVE_ONE: &str = "$ROLE listen & read line; exit 4";

fn the_rest_of_the_group_ends_with_command(init: Init) {
    init.with_stdin().sh(LEAVE_ONE).wait_for("ready").close_stdin().expect_exit(4).nothing_left();
}

fn a_session_of_its_own_outlives_command(init: Init) {
    let run = init.with_stdin().sh("setsid sh -c 'echo ready; exec sleep 60' & read line").wait_for("ready");
    let ended = run.close_stdin().end();
    // At the moment of an exec nobody can tell whose it is.
    assert!(holds_in_time(|| ended.living().len() == 1), "the session is left: {:?}", ended.living());
}

// Signals.

fn every_standard_signal_is_forwarded(init: Init) {
    let not_to_listen_to = [KILL, STOP, CHLD, TSTP, TTIN, TTOU, TERM];
    let mut run = init.role(["listen"]).wait_for("ready");
    for signal in Signal::standard().filter(|signal| !not_to_listen_to.contains(signal)) {
        run = run.send(signal).wait_for(&format!("got {signal}"));
    }
    run.send(TERM).wait_for("got TERM").expect_exit(0);
}

fn real_time_signals_are_forwarded_as_often_as_they_come(init: Init) {
    let signals = (0..=30).map(rt);
    let mut run = init.role(["listen"]).wait_for("ready");
    for signal in signals.clone() {
        run = run.send_times(signal, 3);
    }
    for signal in signals {
        let text = format!("got {signal}");
        run = run.wait_for(&text).wait_for(&text).wait_for(&text);
    }
    run.send(TERM).expect_exit(0);
}

fn signals_32_and_33_are_forwarded(init: Init) {
    let run = init.role(["listen"]).wait_for("ready");
    let run = run.send(Signal::number(32)).wait_for("got 32").send(Signal::number(33)).wait_for("got 33");
    run.send(TERM).expect_exit(0);
}

fn ends_by_32_and_33(init: Init) {
    for signal in [32, 33].map(Signal::number) {
        let ended = init.clone().role(["listen"]).wait_for("ready").send(signal).expect_death(signal);
        assert_eq!(ended.living().len(), 1, "COMMAND is left");
    }
}

fn chld_is_not_forwarded(init: Init) {
    let ended = init.role(["listen"]).wait_for("ready").send(CHLD).send(TERM).wait_for("got TERM").expect_exit(0);
    assert!(!ended.stdout.contains("got CHLD"), "{}", ended.stdout);
}

/// The first tells its wait status as its own once it has got TERM.
pub(super) const TWO_IN_A_GROUP: &str = r#"
    sh -c 'trap "echo second got TERM" TERM; echo second is there; while :; do sleep 60 & wait $!; done' &
    trap 'echo first got TERM; exit 3' TERM
    echo ready
    while :; do sleep 60 & wait $!; done"#;

fn signals_reach_the_whole_group(init: Init) {
    let run = init.sh(TWO_IN_A_GROUP).wait_for_all(&["ready", "second is there"]).send(TERM);
    run.wait_for_all(&["first got TERM", "second got TERM"]).expect_exit(3);
}

fn pid_1_forwards_a_signal_that_it_would_not_die_of(init: Init) {
    let run = init.as_pid_1().sh("echo ready; exec sleep 60").wait_for("ready").send(TERM);
    run.expect_exit(143).nothing_left();
}

fn a_job_control_stop_stops_both_until_cont(init: Init) {
    for signal in [TSTP, TTIN, TTOU] {
        let run = init.clone().role(["listen", "CONT", "TERM"]).wait_for("ready").send(signal).wait_stopped();
        process::wait_state(run.command(), 'T');
        run.send(CONT).wait_for("got CONT").send(TERM).expect_exit(0);
    }
}

const ACT_ON_TERM: &str = "trap 'echo got TERM; exit 3' TERM; echo ready; while :; do sleep 60 & wait $!; done";

fn a_stopped_command_can_act_on_term(init: Init) {
    let run = init.sh(ACT_ON_TERM).wait_for("ready");
    let command = run.command();
    let run = run.send_to(command, STOP);
    process::wait_state(command, 'T');
    run.send(TERM).wait_for("got TERM").expect_exit(3);
}

fn stays_stopped_with_term_pending(init: Init) {
    let run = init.sh(ACT_ON_TERM).wait_for("ready");
    let command = run.command();
    let run = run.send_to(command, STOP);
    process::wait_state(command, 'T');
    let pending = |pid| process::signal_sets(pid).is_some_and(|sets| sets.pending.contains(TERM));
    let run = run.send(TERM).wait_until("has forwarded TERM", |_| pending(command));
    process::wait_state(run.pid(), 'S');
    assert_eq!(process::state(command), Some('T'));
    assert!(pending(command));
}

/// Whether COMMAND gets a TERM that was pending when its init was started.
fn gets_what_was_pending(init: &Init) -> bool {
    // The kernel hands out PROF after TERM: what is there at PROF is there for good.
    let run = init.clone().with_pending([TERM]).role(["listen", "PROF"]).wait_for("ready").send(PROF);
    run.expect_exit(0).stdout.contains("got TERM")
}

fn a_signal_from_before_the_start_is_forwarded(init: Init) {
    for _ in 0..30 {
        assert!(gets_what_was_pending(&init), "it is lost");
    }
}

/// Whether a TERM is lost that comes 0 to 2 ms after exec; `index` says when.
fn is_lost(init: &Init, index: u32) -> bool {
    let delay = Duration::from_micros(20) * (index % 100);
    let start = Instant::now();
    let run = init.clone().sh("echo up; exec sleep 60");
    while start.elapsed() < delay {
        std::hint::spin_loop();
    }
    let run = run
        .send(TERM)
        .wait_until("is up or has ended", |run| run.output_so_far().contains("up") || !process::is_alive(run.pid()));
    // What is late yet is before PROF, by the order in which it came and by its number.
    match run.send(PROF).end().status {
        // Before an init blocks its signals, TERM ends it like anybody.
        WaitStatus::Killed(TERM) | WaitStatus::Exited(143) => false,
        WaitStatus::Exited(155) => true,
        other => panic!("ended by neither: {other:?}"),
    }
}

fn a_signal_just_after_the_start_is_forwarded(init: Init) {
    for index in 0..100 {
        assert!(!is_lost(&init, index), "the one of number {index} is lost");
    }
}

fn a_parent_that_ignores_chld_is_no_matter(init: Init) {
    init.ignoring([CHLD]).sh("(exit 3) & wait $!; exit 4").expect_exit(4);
}

// The reaper.

fn pid_1_reaps_orphans(init: Init) {
    let run = init.as_pid_1().with_stdin().sh("$ROLE orphans 50; echo ready; read line").wait_for("ready");
    let run = run
        .wait_until("has no zombie", |run| process::descendants(run.pid()).iter().all(|process| process.state != 'Z'));
    run.close_stdin().end();
}

fn a_stopped_and_traced_orphan_is_no_matter(init: Init) {
    let run = init.as_pid_1().role(["traced-orphan"]);
    // Its tracer holds it, or lets it go on with its signal, which is STOP.
    let run = run.wait_for_all(&["ready", "traced"]).wait_until("has a stopped orphan", |run| {
        process::descendants(run.pid()).iter().any(|process| matches!(process.state, 't' | 'T'))
    });
    run.send(TERM).expect_exit(0).nothing_left();
}

// The terminal.

fn the_terminal_is_handed_to_command(init: Init) {
    let run = init.on_a_terminal().role(["listen"]).wait_for("ready");
    assert_eq!(run.foreground_group(), Some(run.command()), "COMMAND is in the foreground");
    // The terminal's own echo is `^C`, on the same line.
    let ended = run.write("\x03").wait_for("INT").resize(30, 90).wait_for("got WINCH").send(TERM).expect_exit(0);
    // dumb-init and session-init give the terminal up: the kernel tells them so by HUP and CONT.
    assert!(!ended.stdout.contains("got HUP") && !ended.stdout.contains("got CONT"), "{}", ended.stdout);
}

fn pid_1_hands_the_terminal_to_command(init: Init) {
    let run = init.clone().as_pid_1().on_a_terminal().role(["listen"]).wait_for("ready").send(HUP).wait_for("got HUP");
    drop(run.send(TERM).expect_exit(0));
    the_terminal_is_handed_to_command(init.as_pid_1());
}

// The surroundings.

fn it_works_below_itself(init: Init) {
    let run = init.sh(r#"exec "$INIT" -- "$INIT" $ROLE listen USR1 TERM"#).wait_for("ready");
    run.send(USR1).wait_for("got USR1").send(TERM).wait_for("got TERM").expect_exit(0).nothing_left();
}

fn it_works_as_the_interpreter_of_a_script(init: Init) {
    let text = format!("#!{} /bin/sh\necho \"ran with $*\"; exit 6\n", init.program().display());
    let script = scratch::executable(&scratch::new_folder("script"), "script", &text);
    Init::of(script).run(["a", "b"]).expect_exit(6).stdout_is("ran with a b\n");
}

fn it_works_with_descriptors_0_to_2_closed(init: Init) {
    let file = scratch::new_folder("closed").join("file");
    let script = format!("echo ran > {}; exit 3", file.display());
    init.closing(0..=2).sh(&script).expect_exit(3);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "ran\n");
}

fn it_works_in_somebody_elses_session(init: Init) {
    let run = init.in_this_session().role(["listen"]).wait_for("ready");
    run.send(TERM).wait_for("got TERM").expect_exit(0).nothing_left();
}

fn nothing_is_said_unasked(init: Init) {
    init.sh("exit 0").expect_exit(0).stdout_is("").stderr_is("");
}

fn directory_of(pid: i32) -> String {
    std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap().display().to_string()
}

fn its_directory_is_the_root(init: Init) {
    let run = init.in_directory("/usr").role(["listen"]).wait_for("ready");
    run.wait_until("has gone to the root", |run| directory_of(run.pid()) == "/");
}

const CLOSE_STDOUT: &str = "exec >&-; exec sleep 60";

fn stdout_is_at_its_end_when_command_closes_it(init: Init) {
    init.sh(CLOSE_STDOUT).wait_for_end_of_output();
}

fn keeps_stdout_open(init: Init) {
    let has_stdout = |pid| process::descriptors(pid).iter().any(|(number, _)| *number == 1);
    let run = init.sh(CLOSE_STDOUT);
    let command = run.command();
    let run = run.wait_until("has COMMAND close its stdout", |_| {
        process::command_line(command).is_some_and(|line| line == "sleep 60") && !has_stdout(command)
    });
    process::wait_state(run.pid(), 'S');
    assert!(has_stdout(run.pid()));
}

fn no_command_is_an_error(init: Init) {
    for options in [&[][..], &["--"], &["-v"]] {
        let ended = Init::of(init.program()).run(options).expect_exit(1).stdout_is("");
        assert!(!ended.stderr.is_empty());
    }
}

fn an_unknown_option_is_an_error(init: Init) {
    for option in ["-x", "-vx", "--no-such-option"] {
        init.clone().option(option).run(["echo", "ran"]).expect_exit(1).stdout_is("").stderr_has("option");
    }
}
