//! tini's own interface: its options, and its variables, which are not session-init's.

#![expect(clippy::needless_pass_by_value, reason = "a body is given its init, whether it starts it or a copy")]

use super::every_init::TWO_IN_A_GROUP;
use super::{Case, case};
use crate::support::signal::TERM;
use crate::support::{Init, Running, process};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(short_help_goes_to_stdout),
        case!(long_help_goes_to_stdout)
            .row("`--help`", "as `-h`")
            .tini_unlike("an error", |init| drop(init.option("--help").run(["echo", "ran"]).expect_exit(1))),
        case!(version_alone_goes_to_stdout),
        case!(options_combine),
        case!(with_s_it_is_the_reaper),
        case!(with_g_the_group_gets_a_signal),
        case!(with_e_an_exit_status_becomes_0),
        case!(with_e_death_by_a_signal_becomes_0),
        case!(what_is_no_exit_status_is_an_error),
        case!(a_blank_or_empty_exit_status_is_an_error).row("`-e ''`, `-e ' 3'`", "an error").tini_unlike(
            "taken for `-e 0` and `-e 3`",
            |init| {
                init.clone().options(["-e", ""]).sh("exit 3").expect_exit(3);
                init.options(["-e", " 3"]).sh("exit 3").expect_exit(0);
            },
        ),
        case!(with_p_the_death_of_its_parent_is_a_signal),
        case!(what_is_no_signal_is_an_error),
        case!(the_signal_of_p_has_any_form).row("`-p TERM`, `-p 15`", "as `-p SIGTERM`").tini_unlike(
            "an error",
            |init| {
                for signal in ["TERM", "15"] {
                    init.clone().options(["-p", signal]).run(["echo", "ran"]).expect_exit(1).stdout_is("");
                }
            },
        ),
        case!(with_w_it_names_what_it_reaps),
        case!(with_v_it_says_more_on_stderr).row("`-v`", "to stderr").tini_unlike("to stdout", |init| {
            let run = init.options(["-s", "-v"]).sh("echo pid $$").wait_for("pid");
            let pid = run.line();
            run.expect_exit(0).stderr_is("").stdout_has(&format!("with pid '{}'", pid.trim()));
        }),
        case!(l_is_an_unknown_option).row("`-l`", "an error").tini_unlike("prints tini's licence", |init| {
            init.option("-l").run(["echo", "ran"]).expect_exit(0).stdout_has("The MIT License");
        }),
        case!(its_verbosity_variable_means_nothing)
            .row(
                "`TINI_VERBOSITY`, `TINI_SUBREAPER`, `TINI_KILL_PROCESS_GROUP`",
                "mean nothing: `-v`; always; the default",
            )
            .tini_unlike("as `-v`, `-s`, `-g`", |init| {
                let init = init.variable("TINI_VERBOSITY", "3").variable("TINI_SUBREAPER", "");
                init.clone().sh("exit 0").expect_exit(0).stdout_has("[DEBUG tini");
                drop(reap(init.clone()));
                signals_both(init.variable("TINI_KILL_PROCESS_GROUP", ""));
            }),
    ]
}

fn short_help_goes_to_stdout(init: Init) {
    let ended = init.option("-h").run(["echo", "ran"]).expect_exit(0).stderr_is("");
    for option in ["-s", "-p", "-v", "-w", "-g", "-e", "-h", "--version"] {
        assert!(ended.stdout.contains(option), "{option}: {}", ended.stdout);
    }
}

fn long_help_goes_to_stdout(init: Init) {
    let short = init.clone().option("-h").run(["echo", "ran"]).expect_exit(0);
    init.option("--help").run(["echo", "ran"]).expect_exit(0).stderr_is("").stdout_is(&short.stdout);
}

fn version_alone_goes_to_stdout(init: Init) {
    let ended = Init::of(init.program()).run(["--version"]).expect_exit(0).stderr_is("");
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
}

fn options_combine(init: Init) {
    let init = init.options(["-sgwe3", "-e", "5", "-pSIGKILL", "-vv"]);
    for (status, reported) in [(3, 0), (5, 0), (4, 4)] {
        init.clone().sh(&format!("exit {status}")).expect_exit(reported);
    }
}

/// Gives it an orphan to reap; answers with its pid.
fn reap(init: Init) -> (String, Running) {
    let run = init.with_stdin().sh("(sleep 60 & echo orphan $!); read line").wait_for("orphan");
    let orphan = run.pid_behind("orphan");
    let run = run.wait_until("is the parent of the orphan", |run| {
        process::stat(orphan).is_some_and(|orphan| orphan.parent == run.pid())
    });
    let run = run.send_to(orphan, TERM).wait_until("has reaped the orphan", |_| process::stat(orphan).is_none());
    (orphan.to_string(), run)
}

fn with_s_it_is_the_reaper(init: Init) {
    reap(init.option("-s")).1.close_stdin().end();
}

fn signals_both(init: Init) {
    let run = init.sh(TWO_IN_A_GROUP).wait_for_all(&["ready", "second is there"]).send(TERM);
    run.wait_for_all(&["first got TERM", "second got TERM"]).expect_exit(3);
}

fn with_g_the_group_gets_a_signal(init: Init) {
    signals_both(init.option("-g"));
}

fn with_e_an_exit_status_becomes_0(init: Init) {
    let init = init.options(["-e", "3", "-e143", "-e", "255"]);
    for (status, reported) in [(3, 0), (143, 0), (255, 0), (0, 0), (4, 4), (130, 130)] {
        init.clone().sh(&format!("exit {status}")).expect_exit(reported);
    }
}

fn with_e_death_by_a_signal_becomes_0(init: Init) {
    let run = init.clone().options(["-e", "143"]).sh("echo ready; exec sleep 60").wait_for("ready");
    drop(run.send(TERM).expect_exit(0));
    init.options(["-e", "130"]).sh("kill -INT $$").expect_exit(0);
}

fn what_is_no_exit_status_is_an_error(init: Init) {
    for status in ["-1", "256", "x", "3x"] {
        init.clone().options(["-e", status]).run(["echo", "ran"]).expect_exit(1).stdout_is("");
    }
}

fn a_blank_or_empty_exit_status_is_an_error(init: Init) {
    for status in ["", " 3"] {
        init.clone().options(["-e", status]).run(["echo", "ran"]).expect_exit(1).stdout_is("");
    }
}

fn gets_usr1_when_its_parent_dies(init: &Init, signal: &str) {
    let script = format!("$INIT -p {signal} -- $ROLE listen & read line");
    let run = init.clone().with_stdin().from_script(&script).wait_for("ready");
    run.close_stdin().wait_for("got USR1").end();
}

fn with_p_the_death_of_its_parent_is_a_signal(init: Init) {
    gets_usr1_when_its_parent_dies(&init, "SIGUSR1");
}

fn the_signal_of_p_has_any_form(init: Init) {
    for signal in ["USR1", "10", "sigusr1"] {
        gets_usr1_when_its_parent_dies(&init, signal);
    }
}

fn what_is_no_signal_is_an_error(init: Init) {
    for signal in ["", "0", "SIG", "SIGNAL", "-1"] {
        init.clone().options(["-p", signal]).run(["echo", "ran"]).expect_exit(1).stdout_is("");
    }
}

fn with_w_it_names_what_it_reaps(init: Init) {
    let (orphan, run) = reap(init.clone().options(["-s", "-w"]));
    drop(run.wait_for_error(&orphan).close_stdin().end());
    let (orphan, run) = reap(init.option("-s"));
    let ended = run.close_stdin().end();
    assert!(!ended.stderr.contains(&orphan), "{}", ended.stderr);
}

fn with_v_it_says_more_on_stderr(init: Init) {
    init.clone().option("-s").sh("exit 0").expect_exit(0).stderr_is("");
    for option in ["-v", "-vv", "-vvv"] {
        let run = init.clone().options(["-s", option]).sh("echo pid $$").wait_for("pid");
        let pid = run.line();
        run.expect_exit(0).stdout_is(&format!("pid{pid}\n")).stderr_has(pid.trim());
    }
}

fn l_is_an_unknown_option(init: Init) {
    init.option("-l").run(["echo", "ran"]).expect_exit(1).stdout_is("");
}

fn its_verbosity_variable_means_nothing(init: Init) {
    init.variable("TINI_VERBOSITY", "3").sh("exit 0").expect_exit(0).stderr_is("");
}
