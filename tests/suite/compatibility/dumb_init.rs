//! dumb-init's own interface: its options, its variables, and what it is known for.

#![expect(clippy::needless_pass_by_value, reason = "a body is given its init, whether it starts it or a copy")]

use super::every_init::{LEAVE_ONE, TWO_IN_A_GROUP, in_usual_path};
use super::{Case, case};
use crate::support::signal::{CONT, HUP, INT, Signal, TERM, TSTP, TTIN, TTOU, USR1, USR2, rt};
use crate::support::{Ended, Init, Running, Stderr, process};

#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn cases() -> Vec<Case> {
    vec![
        // Options.
        case!(help_names_every_option).also_through_a_link().row("`--help`", "to stdout").dumb_init_unlike(
            "to stderr",
            |init| {
                for option in ["-h", "--help"] {
                    let ended = init.clone().option(option).run(["echo", "ran"]).expect_exit(0).stdout_is("");
                    names_every_option(&ended.stderr);
                }
            },
        ),
        case!(version_is_one_line_on_stdout).row("`--version`", "to stdout").dumb_init_unlike("to stderr", |init| {
            for option in ["-V", "--version"] {
                init.clone()
                    .option(option)
                    .run(["echo", "ran"])
                    .expect_exit(0)
                    .stdout_is("")
                    .stderr_is("dumb-init v1.2.5\n");
            }
        }),
        case!(an_option_can_be_written_in_each_usual_way),
        case!(an_option_may_be_cut_short),
        case!(a_value_that_an_option_does_not_take_is_an_error),
        case!(an_option_that_is_cut_too_short_is_an_error)
            .row("`--s`, `--r`: options cut short so far", "an error: there are several")
            .dumb_init_unlike("taken: there is one each", |init| {
                init.clone().options(["--s", "--r", "15:3"]).sh("exit 3").expect_exit(3);
            }),
        case!(messages_begin_with_its_name).also_through_a_link(),
        // Verbosity.
        case!(verbose_goes_to_stderr_and_names_the_pid).also_through_a_link(),
        case!(only_a_debug_variable_of_1_makes_it_verbose).also_through_a_link(),
        case!(a_full_stderr_delays_nothing)
            .row("`-v`, and nobody reads stderr", "lines are left out")
            .dumb_init_unlike("waits for ever, before COMMAND is run", |init| {
                let sets = |run: &Running| process::signal_sets(run.pid()).unwrap();
                let run = init.verbose().with_stderr(Stderr::Full).sh("echo ran");
                let run = run.wait_until("blocks signals", |run| sets(run).blocked.contains(TERM)).send(TERM);
                let run = run.wait_until("sleeps with TERM pending", |run| {
                    process::state(run.pid()) == Some('S') && sets(run).pending.contains(TERM)
                });
                assert_eq!(run.output_so_far(), "");
            }),
        // The session.
        case!(single_child_makes_no_session_and_signals_command_alone).also_through_a_link(),
        case!(only_a_setsid_variable_of_0_means_single_child).also_through_a_link(),
        case!(the_variables_pass_on_to_command),
        case!(single_child_leaves_the_rest_alone),
        case!(in_single_child_mode_it_runs_on_with_a_command_that_handles_a_stop)
            .row("TSTP under `-c` to a COMMAND that handles it and runs on", "runs on as well")
            .dumb_init_unlike("stops alone", |init| {
                let run = init.single_child().role(["listen", "CONT", "TERM"]).wait_for("ready").send(TSTP);
                let run = run.wait_for("got TSTP").wait_stopped();
                run.send(CONT).wait_for("got CONT").send(TERM).expect_exit(0);
            }),
        case!(in_single_child_mode_it_stops_with_a_command_that_stops),
        case!(one_key_is_one_signal_in_single_child_mode)
            .row("Ctrl-C on a terminal with `-c`", "COMMAND gets one INT")
            .dumb_init_unlike("two", |init| {
                // Two that are pending at once are one.
                let run = init.single_child().on_a_terminal().role(["listen"]).wait_for("ready");
                let run = (0..10).fold((run, 0), |(run, keys), _| {
                    let is_shown = count_ints(&run.output_so_far()) > keys;
                    if is_shown { (run, keys) } else { (press_ctrl_c(run), keys + 20) }
                });
                run.0.wait_until("gets more than one signal a key", |now| count_ints(&now.output_so_far()) > run.1);
            }),
        // Rules.
        case!(a_rule_rewrites_a_signal).also_through_a_link(),
        case!(the_last_rule_for_a_signal_wins),
        case!(a_rule_is_applied_once),
        case!(a_rule_to_0_drops_the_signal),
        case!(a_rule_works_in_single_child_mode),
        case!(every_standard_signal_can_be_rewritten_to_every_other),
        case!(job_control_signals_can_be_rewritten)
            .row("TSTP under `-r 20:10`", "COMMAND gets USR1, and nobody stops")
            .dumb_init_unlike("dumb-init alone stops", |init| {
                let run = init.rewrite("20:10").role(["listen", "USR1", "CONT", "TERM"]).wait_for("ready").send(TSTP);
                let run = run.wait_for("got USR1").wait_stopped();
                run.send(CONT).wait_for("got CONT").send(TERM).expect_exit(0);
            }),
        case!(a_job_control_signal_that_is_dropped_does_nothing)
            .row("TSTP under `-r 20:0`", "nothing happens")
            .dumb_init_unlike("dumb-init alone stops", |init| {
                let run = init.rewrite("20:0").role(["listen", "CONT"]).wait_for("ready").send(TSTP).wait_stopped();
                assert_ne!(process::state(run.command()), Some('T'));
                let ended = run.send(CONT).expect_exit(0);
                assert!(!ended.stdout.contains("got TSTP"), "{}", ended.stdout);
            }),
        case!(the_rest_of_the_group_gets_what_the_rules_make_of_term),
        case!(the_rest_of_the_group_gets_term_where_the_rules_drop_it)
            .row("`-r 15:0`: what COMMAND leaves in its group", "gets TERM all the same")
            .dumb_init_unlike("gets nothing, and stays", |init| {
                let run = init.rewrite("15:0").with_stdin().sh(LEAVE_ONE).wait_for("ready").close_stdin();
                let ended = run.expect_exit(4);
                assert_eq!(ended.living().len(), 1, "one is left");
            }),
        case!(what_is_stopped_in_the_rest_of_the_group_ends_too)
            .row("A stopped process that COMMAND leaves", "gets TERM and CONT")
            .dumb_init_unlike("stays, with TERM pending", |init| {
                let ended = init.with_stdin().sh(LEAVE_ONE_STOPPED).wait_for("ready").close_stdin().expect_exit(4);
                let [left] = ended.living()[..] else { panic!("one is left: {:?}", ended.living()) };
                process::wait_state(left, 'T');
                assert!(process::signal_sets(left).unwrap().pending.contains(TERM));
            }),
        case!(what_is_no_rule_is_an_error).also_through_a_link(),
        case!(junk_in_a_rule_is_an_error)
            .row("Junk in a rule: `15:3abc`, ` 15:3`, `+15:3`, `15:3:2`, `4294967311:3`", "an error")
            .dumb_init_unlike("taken for `15:3`", |init| {
                for rule in JUNK {
                    init.clone().rewrite(rule).role(["listen", "QUIT"]).wait_for("ready").send(TERM).expect_exit(0);
                }
            }),
        case!(a_rule_that_cannot_do_anything_is_an_error)
            .row("A rule for KILL, STOP or CHLD", "an error: it could do nothing")
            .dumb_init_unlike("taken, and does nothing", |init| {
                for rule in IDLE {
                    init.clone().rewrite(rule).sh("exit 3").expect_exit(3);
                }
                init.rewrite("17:15").sh("(exit 3) & wait $!; exit 4").expect_exit(4);
            }),
        case!(a_comma_separates_rules).row("`-r 15:3,1:10`", "two rules").dumb_init_unlike("the first alone", |init| {
            let run = init.rewrite("15:3,1:10").role(["listen", "QUIT"]).wait_for("ready");
            run.send(HUP).wait_for("got HUP").send(TERM).wait_for("got QUIT").expect_exit(0);
        }),
        case!(a_rule_may_use_names)
            .row("Names in a rule: `-r TERM:QUIT`", "taken, in any case, with or without SIG")
            .dumb_init_unlike("an error", |init| refuses(&init, &NAMES)),
        case!(a_rule_may_name_a_real_time_signal)
            .row("Real-time signals in a rule: `-r 15:34`", "taken")
            .dumb_init_unlike("an error", |init| {
                refuses(&init, &["15:34", "34:15", "15:64"]);
            }),
        // The reaper.
        case!(orphans_come_to_it_even_where_it_is_not_pid_1)
            .row("Orphans where it is not PID 1", "come to it, and are reaped")
            .dumb_init_unlike("go to PID 1, or another subreaper", |init| {
                let run = init.with_stdin().sh(MAKE_ORPHAN).wait_for("orphan");
                let orphan = run.pid_behind("orphan");
                let command = run.command();
                let run = run.wait_until("has an orphan", |_| parent_of(orphan) != Some(command));
                assert_ne!(parent_of(orphan), Some(run.pid()));
            }),
    ]
}

/// The name at the beginning of its messages.
fn prefix(init: &Init) -> String {
    format!("[{}] ", init.program().file_name().unwrap().display())
}

fn all_lines_begin_with(ended: &Ended, prefix: &str) {
    assert!(!ended.stderr.is_empty(), "it says something");
    assert!(ended.stderr.lines().all(|line| line.starts_with(prefix)), "{}", ended.stderr);
}

// Options.

fn names_every_option(help: &str) {
    for option in ["-c", "--single-child", "-r", "--rewrite", "-v", "--verbose", "-h", "--help", "-V", "--version"] {
        assert!(help.contains(option), "{option}: {help}");
    }
}

fn help_names_every_option(init: Init) {
    for option in ["-h", "--help"] {
        let ended = init.clone().option(option).run(["echo", "ran"]).expect_exit(0).stderr_is("");
        names_every_option(&ended.stdout);
    }
}

fn version_is_one_line_on_stdout(init: Init) {
    for option in ["-V", "--version"] {
        let ended = init.clone().option(option).run(["echo", "ran"]).expect_exit(0).stderr_is("");
        assert!(ended.stdout.starts_with("session-init ") && ended.stdout.lines().count() == 1, "{}", ended.stdout);
    }
}

/// Starts it with these options and looks whether TERM becomes QUIT.
fn rewrites_term_to_quit(init: &Init, options: &[&str]) {
    let run = init.clone().options(options).role(["listen", "QUIT"]).wait_for("ready");
    run.send(TERM).wait_for("got QUIT").expect_exit(0);
}

fn an_option_can_be_written_in_each_usual_way(init: Init) {
    for options in [
        &["-r", "15:3"][..],
        &["-r15:3"],
        &["--rewrite", "15:3"],
        &["--rewrite=15:3"],
        &["-cr15:3"],
        &["-cr", "15:3"],
        &["-c", "-r", "15:3", "--"],
        &["-r", "015:03"],
    ] {
        rewrites_term_to_quit(&init, options);
    }
}

fn an_option_may_be_cut_short(init: Init) {
    rewrites_term_to_quit(&init, &["--rew", "15:3", "--sing", "--verb"]);
    rewrites_term_to_quit(&init, &["--rewr=15:3"]);
    for option in ["--hel", "--vers"] {
        init.clone().option(option).run(["sh", "-c", "exit 3"]).expect_exit(0);
    }
    // --verbose and --version.
    init.option("--ver").run(["echo", "ran"]).expect_exit(1).stdout_is("");
}

fn an_option_that_is_cut_too_short_is_an_error(init: Init) {
    init.clone().option("--si").sh("exit 3").expect_exit(3);
    for options in [&["--s"][..], &["--r", "15:3"]] {
        init.clone().options(options).run(["echo", "ran"]).expect_exit(1).stdout_is("");
    }
}

fn a_value_that_an_option_does_not_take_is_an_error(init: Init) {
    for options in [&["--single-child=1"][..], &["--verbose=", "--"], &["--rewrite"], &["-r"], &["-r=15:3"]] {
        let command: &[&str] = if options.len() == 1 && options[0].ends_with('e') { &[] } else { &["echo", "ran"] };
        init.clone().options(options).run(command).expect_exit(1).stdout_is("");
    }
}

fn messages_begin_with_its_name(init: Init) {
    let prefix = prefix(&init);
    in_usual_path(init)
        .run(["no-such-command"])
        .end()
        .stderr_is(&format!("{prefix}no-such-command: No such file or directory\n"));
}

// Verbosity.

fn is_verbose(init: Init) {
    let prefix = prefix(&init);
    let run = init.sh("echo \"ready $$\"; exec sleep 60").wait_for("ready");
    let pid = run.line();
    let ended = run.send(TERM).expect_exit(143).stderr_has(pid.trim());
    assert_eq!(ended.stdout, format!("ready{pid}\n"));
    all_lines_begin_with(&ended, &prefix);
}

fn verbose_goes_to_stderr_and_names_the_pid(init: Init) {
    for options in [&["-v"][..], &["--verbose"], &["-v", "-v"], &["-cv"]] {
        is_verbose(init.clone().options(options));
    }
}

fn only_a_debug_variable_of_1_makes_it_verbose(init: Init) {
    is_verbose(init.clone().variable("DUMB_INIT_DEBUG", "1"));
    for value in ["", "0", "2", "10", "01", "1 ", "true"] {
        init.clone().variable("DUMB_INIT_DEBUG", value).sh("exit 3").expect_exit(3).stderr_is("");
    }
}

fn a_full_stderr_delays_nothing(init: Init) {
    init.verbose()
        .with_stderr(Stderr::Full)
        .role(["listen"])
        .wait_for("ready")
        .send(TERM)
        .wait_for("got TERM")
        .expect_exit(0);
}

// The session.

/// COMMAND is where its init is, and the signal reaches it alone.
fn is_single_child(init: Init) {
    let run = init.sh(TWO_IN_A_GROUP).wait_for_all(&["ready", "second is there"]);
    let (own, command) = (process::stat(run.pid()).unwrap(), process::stat(run.command()).unwrap());
    assert_eq!((command.session, command.group), (own.session, own.group));
    let ended = run.send(TERM).wait_for("first got TERM").expect_exit(3);
    assert!(!ended.stdout.contains("second got TERM"), "{}", ended.stdout);
    assert!(!ended.living().is_empty(), "the second is left");
}

fn has_a_session(init: Init) {
    let run = init.role(["listen"]).wait_for("ready");
    assert_eq!(process::stat(run.command()).unwrap().session, run.command());
}

fn single_child_makes_no_session_and_signals_command_alone(init: Init) {
    is_single_child(init.clone().option("-c"));
    is_single_child(init.clone().option("--single-child"));
    is_single_child(init.options(["-c", "-c"]));
}

fn only_a_setsid_variable_of_0_means_single_child(init: Init) {
    is_single_child(init.clone().variable("DUMB_INIT_SETSID", "0"));
    is_single_child(init.clone().variable("DUMB_INIT_SETSID", "1").option("-c"));
    for value in ["", "1", "00", "0 ", "no", "false"] {
        has_a_session(init.clone().variable("DUMB_INIT_SETSID", value));
    }
}

fn the_variables_pass_on_to_command(init: Init) {
    init.variable("DUMB_INIT_SETSID", "0")
        .variable("DUMB_INIT_DEBUG", "0")
        .sh("echo $DUMB_INIT_SETSID $DUMB_INIT_DEBUG")
        .expect_exit(0)
        .stdout_is("0 0\n");
}

fn single_child_leaves_the_rest_alone(init: Init) {
    let run = init.single_child().with_stdin().sh(LEAVE_ONE).wait_for("ready");
    let ended = run.close_stdin().expect_exit(4);
    assert_eq!(ended.living().len(), 1, "one is left");
}

fn in_single_child_mode_it_runs_on_with_a_command_that_handles_a_stop(init: Init) {
    for signal in [TSTP, TTIN, TTOU] {
        let run = init.clone().single_child().role(["listen"]).wait_for("ready").send(signal);
        let run = run.wait_for(&format!("got {signal}")).send(USR1).wait_for("got USR1");
        run.send(TERM).expect_exit(0);
    }
}

fn in_single_child_mode_it_stops_with_a_command_that_stops(init: Init) {
    // As vim does it. The kernel stops by TSTP itself only those who have a shell that can continue them.
    let stops = "trap 'echo stops; kill -STOP $$; echo goes on' TSTP; echo ready; while :; do sleep .01; done";
    let run = init.single_child().sh(stops).wait_for("ready").send(TSTP).wait_for("stops").wait_stopped();
    process::wait_state(run.command(), 'T');
    run.send(CONT).wait_for("goes on").send(TERM).expect_exit(143);
}

/// Twenty times, each once the one before has been seen.
fn press_ctrl_c(run: Running) -> Running {
    (0..20).fold(run, |run, _| {
        let before = count_ints(&run.output_so_far());
        run.write("\x03").wait_until("gets INT", |run| count_ints(&run.output_so_far()) > before)
    })
}

fn count_ints(output: &str) -> usize {
    output.matches("got INT").count()
}

fn one_key_is_one_signal_in_single_child_mode(init: Init) {
    let run = init.single_child().on_a_terminal().role(["listen"]).wait_for("ready");
    let run = press_ctrl_c(run);
    let ended = run.send(TERM).expect_exit(0);
    assert_eq!(count_ints(&ended.stdout), 20, "{}", ended.stdout);
}

// Rules.

fn a_rule_rewrites_a_signal(init: Init) {
    rewrites_term_to_quit(&init, &["-r", "15:3"]);
    let run = init.options(["-r", "1:10", "-r", "15:3"]).role(["listen", "USR1", "INT", "QUIT"]).wait_for("ready");
    run.send(HUP).wait_for("got USR1").send(INT).wait_for("got INT").send(TERM).wait_for("got QUIT").expect_exit(0);
}

fn the_last_rule_for_a_signal_wins(init: Init) {
    let run = init.options(["-r", "15:10", "-r", "15:0", "-r", "15:3"]).role(["listen", "QUIT"]).wait_for("ready");
    let ended = run.send(TERM).wait_for("got QUIT").expect_exit(0);
    assert!(!ended.stdout.contains("got USR1"), "{}", ended.stdout);
}

fn a_rule_is_applied_once(init: Init) {
    let run = init.options(["-r", "15:10", "-r", "10:12"]).role(["listen", "USR1", "USR2"]).wait_for("ready");
    run.send(TERM).wait_for("got USR1").send(USR1).wait_for("got USR2").expect_exit(0);
}

fn a_rule_to_0_drops_the_signal(init: Init) {
    let run = init.rewrite("15:0").role(["listen", "USR2"]).wait_for("ready");
    let ended = run.send(TERM).send(USR2).wait_for("got USR2").expect_exit(0);
    assert!(!ended.stdout.contains("got TERM"), "{}", ended.stdout);
}

fn a_rule_works_in_single_child_mode(init: Init) {
    is_single_child(init.single_child().rewrite("1:15").rewrite("2:0"));
}

fn every_standard_signal_can_be_rewritten_to_every_other(init: Init) {
    // A ring: each becomes the next one that a process can listen to.
    let signals: Vec<_> = (1..=31).filter(|number| ![9, 17, 19, 20, 21, 22].contains(number)).collect();
    let next = |index: usize| signals[(index + 1) % signals.len()];
    let options =
        signals.iter().enumerate().flat_map(|(index, from)| ["-r".to_owned(), format!("{from}:{}", next(index))]);
    // PIPE becomes ALRM, and ALRM TERM: that one comes last.
    let last = signals.iter().position(|number| *number == 14).unwrap();
    let mut run = init.options(options).role(["listen"]).wait_for("ready");
    for index in (last + 1..signals.len()).chain(0..=last) {
        run = run.send(Signal::number(signals[index])).wait_for(&format!("got {}", Signal::number(next(index))));
    }
    run.expect_exit(0);
}

fn job_control_signals_can_be_rewritten(init: Init) {
    let run = init.clone().rewrite("20:10").role(["listen"]).wait_for("ready");
    run.send(TSTP).wait_for("got USR1").send(HUP).wait_for("got HUP").send(TERM).expect_exit(0);
    init.rewrite("21:15").role(["listen"]).wait_for("ready").send(TTIN).wait_for("got TERM").expect_exit(0);
}

fn a_job_control_signal_that_is_dropped_does_nothing(init: Init) {
    let run = init.rewrite("20:0").role(["listen"]).wait_for("ready").send(TSTP);
    // Of two signals that wait the lower number comes first: TERM would end it before it saw TSTP.
    let run = run.wait_until("has taken TSTP", |run| {
        process::signal_sets(run.pid()).is_some_and(|sets| !sets.pending.contains(TSTP))
    });
    let ended = run.send(TERM).wait_for("got TERM").expect_exit(0);
    assert!(!ended.stdout.contains("got TSTP"), "{}", ended.stdout);
}

const LEAVE_ONE_THAT_LISTENS: &str = "$ROLE listen QUIT & read line; exit 4";

fn the_rest_of_the_group_gets_what_the_rules_make_of_term(init: Init) {
    let run = init.rewrite("15:3").with_stdin().sh(LEAVE_ONE_THAT_LISTENS).wait_for("ready").close_stdin();
    run.wait_for("got QUIT").expect_exit(4).nothing_left();
}

fn the_rest_of_the_group_gets_term_where_the_rules_drop_it(init: Init) {
    let run = init.rewrite("15:0").with_stdin().sh(LEAVE_ONE).wait_for("ready").close_stdin();
    run.expect_exit(4).nothing_left();
}

const LEAVE_ONE_STOPPED: &str = "
    $ROLE listen & read line; kill -STOP $!
    until grep -q '^State:.T' /proc/$!/status; do :; done
    exit 4";

fn what_is_stopped_in_the_rest_of_the_group_ends_too(init: Init) {
    init.with_stdin().sh(LEAVE_ONE_STOPPED).wait_for("ready").close_stdin().expect_exit(4).nothing_left();
}

/// None of these is a rule.
fn refuses(init: &Init, rules: &[&str]) {
    for rule in rules {
        let ended = init.clone().options(["-r", rule]).run(["echo", "ran"]).expect_exit(1).stdout_is("");
        assert!(ended.stderr.contains("-r"), "{rule:?}: {}", ended.stderr);
    }
}

fn what_is_no_rule_is_an_error(init: Init) {
    refuses(
        &init,
        &["", "15", ":", "15:", ":3", "=15:3", "0:3", "65:3", "15:65", "-1:3", "15:-1", "0xf:3", "a:b", "15;3"],
    );
    // Wherever it stands.
    init.options(["-r", "15:3", "-r", "15"]).run(["echo", "ran"]).expect_exit(1).stdout_is("");
}

const JUNK: [&str; 6] = ["15:3abc", " 15:3", "+15:3", "15:+3", "15:3:2", "4294967311:3"];

fn junk_in_a_rule_is_an_error(init: Init) {
    refuses(&init, &JUNK);
}

const IDLE: [&str; 3] = ["9:15", "19:15", "17:15"];

fn a_rule_that_cannot_do_anything_is_an_error(init: Init) {
    refuses(&init, &IDLE);
}

fn a_comma_separates_rules(init: Init) {
    let run = init.rewrite("15:3,1:10").role(["listen", "USR1", "QUIT"]).wait_for("ready");
    run.send(HUP).wait_for("got USR1").send(TERM).wait_for("got QUIT").expect_exit(0);
}

const NAMES: [&str; 4] = ["TERM:QUIT", "SIGTERM:SIGQUIT", "term:3", "15:quit"];

fn a_rule_may_use_names(init: Init) {
    for rule in NAMES {
        rewrites_term_to_quit(&init, &["-r", rule]);
    }
}

fn a_rule_may_name_a_real_time_signal(init: Init) {
    let run = init.options(["-r", "15:34", "-r", "34:64"]).role(["listen", "RTMIN", "RTMAX"]).wait_for("ready");
    run.send(TERM).wait_for("got RTMIN").send(rt(0)).wait_for("got RTMAX").expect_exit(0);
}

// The reaper.

const MAKE_ORPHAN: &str = "(sleep 60 & echo orphan $!); read line";

fn parent_of(pid: i32) -> Option<i32> {
    process::stat(pid).map(|stat| stat.parent)
}

fn orphans_come_to_it_even_where_it_is_not_pid_1(init: Init) {
    let run: Running = init.with_stdin().sh(MAKE_ORPHAN).wait_for("orphan");
    let orphan = run.pid_behind("orphan");
    run.wait_until("is the parent of the orphan", |run| parent_of(orphan) == Some(run.pid()));
}
