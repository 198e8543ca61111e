//! The command line and the environment: what is right is taken, and what is wrong gets one clear line and runs nothing.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::signal::{HUP, INT, QUIT, Signal, TERM};
use crate::support::test::{Test, tests};
use crate::support::{Ended, Init};

pub(crate) const TESTS: &[Test] = tests![
    a_wrong_option_gets_one_clear_line,
    a_wrong_rule_gets_one_clear_line,
    a_wrong_value_gets_one_clear_line,
    a_wrong_variable_gets_one_clear_line_that_names_it,
    what_contradicts_gets_one_clear_line_with_the_reason,
    a_word_that_is_not_utf_8_or_has_control_characters_is_shown_in_one_line,
    a_word_of_any_length_is_shown_in_one_line,
    the_nearest_name_is_suggested,
    options_end_at_the_first_word_that_is_none,
    a_value_is_joined_or_a_word_of_its_own,
    a_long_option_may_be_cut_to_what_is_unique,
    short_options_combine,
    the_flags_of_tini_are_taken,
    a_duration_is_a_number_with_a_unit,
    a_variable_says_what_its_option_says,
    the_command_line_wins_over_the_variables,
    the_variables_win_over_those_of_dumb_init,
    dumb_init_s_variables_have_one_value_that_counts,
    an_empty_variable_counts_as_unset,
    help_and_version_go_to_stdout_and_run_nothing,
    an_explanation_is_bold_on_a_terminal_alone_and_never_with_no_color,
    help_and_version_say_so_where_stdout_takes_nothing,
];

/// COMMAND, which would tell that it ran.
const COMMAND: [&str; 2] = ["echo", "COMMAND ran"];

/// It has ended with a line that has all of these words, and with status 1, and has run nothing.
#[track_caller]
fn refuses<S: AsRef<OsStr>>(init: Init, arguments: impl IntoIterator<Item = S>, words: &[&str]) {
    let ended = init.options(arguments).run(COMMAND).expect_exit(1).stdout_is("");
    let line = ended.stderr.strip_suffix(" (see --help)\n").and_then(|line| line.strip_prefix("[session-init] "));
    let line = line.unwrap_or_else(|| panic!("this is no usage error: {:?}", ended.stderr));
    assert!(!line.contains('\n'), "these are several lines: {line}");
    assert!(words.iter().all(|word| line.contains(word)), "{line:?} lacks one of {words:?}");
}

/// COMMAND runs with these arguments.
fn accepts<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    Init::new().options(arguments).run(COMMAND).expect_exit(0).stdout_is("COMMAND ran\n")
}

fn a_wrong_option_gets_one_clear_line() {
    for (arguments, words) in [
        (&["-x"][..], &["unknown option '-x'"][..]),
        (&["-cx"], &["unknown option '-x'"]),
        (&["--nonsense"], &["unknown option '--nonsense'"]),
        (&["--nonsense=1"], &["unknown option '--nonsense'"]),
        (&["-v", "--nonsense"], &["unknown option '--nonsense'"]),
        (&["--verbose=1"], &["'--verbose' takes no value"]),
        (&["--single-child=yes"], &["'--single-child' takes no value"]),
        (&["--help=x"], &["'--help' takes no value"]),
        (&["--s"], &["'--s' could be", "--single-child", "--subreaper"]),
        (&["--ver"], &["'--ver' could be", "--verbose", "--version"]),
        (&["-c=1"], &["unknown option"]),
    ] {
        refuses(Init::new(), arguments, words);
    }
    for (arguments, message) in [
        (&[][..], "no command given"),
        (&["--"], "no command given"),
        (&["-v", "--"], "no command given"),
        (&["-cv"], "no command given"),
        (&["-r"], "option '-r' needs a value"),
        (&["-cr"], "option '-r' needs a value"),
        (&["--rewrite"], "option '--rewrite' needs a value"),
        (&["-t"], "option '-t' needs a value"),
        (&["--target"], "option '--target' needs a value"),
    ] {
        let message = format!("[session-init] {message} (see --help)\n");
        Init::new().run(arguments).expect_exit(1).stdout_is("").stderr_is(&message);
    }
}

fn a_wrong_rule_gets_one_clear_line() {
    for (rule, words) in [
        ("", "is not a rule"),
        ("15", "'15' is not a rule"),
        (":", "is not a rule"),
        ("15:", "is not a rule"),
        (":3", "is not a rule"),
        ("15:3:1", "is not a rule"),
        ("15:3abc", "no signal is named '3abc'"),
        ("0:3", "'0' is out of range"),
        ("65:3", "'65' is out of range"),
        ("15:65", "'65' is out of range"),
        ("15:4294967299", "is out of range"),
        ("-15:3", "no signal is named '-15'"),
        ("15:+3", "no signal is named '+3'"),
        (" 15:3", "no signal is named ' 15'"),
        ("15: 3", "no signal is named ' 3'"),
        ("15:3 ", "no signal is named '3 '"),
        ("15:3,", "'' is not a rule"),
        (",15:3", "'' is not a rule"),
        ("15;3", "'15;3' is not a rule"),
        ("１５:3", "no signal is named '１５'"),
        ("TREM:3", "no signal is named 'TREM'"),
        ("RTMIN+31:3", "'RTMIN+31' is out of range"),
        ("RTMAX-31:3", "'RTMAX-31' is out of range"),
        ("RTMIN-1:3", "no signal is named 'RTMIN-1'"),
        ("KILL:15", "KILL cannot be rewritten"),
        ("9:15", "no process can catch it"),
        ("STOP:15", "STOP cannot be rewritten"),
        ("19:0", "no process can catch it"),
        ("CHLD:0", "it is how ended children are reported"),
        ("17:15", "CHLD cannot be rewritten"),
        ("CHLD@child", "it is how ended children are reported"),
        ("HUP@", "'' is not a target"),
        ("@child", "is not a rule"),
        ("HUP@childs", "'childs' is not a target"),
        ("HUP@Group", "'Group' is not a target"),
        ("HUP@child@group", "is not a target"),
        ("HUP:@child", "is not a rule"),
    ] {
        refuses(Init::new(), ["-r", rule], &["-r: ", words]);
    }
    refuses(Init::new(), ["-r=15:3"], &["-r: ", "'=15'"]);
    // One that is wrong is enough.
    refuses(Init::new(), ["--rewrite=1:2,TERM:QIUT,3:4"], &["--rewrite: no signal is named 'QIUT'"]);
}

fn a_wrong_value_gets_one_clear_line() {
    for word in ["", "s", "-1", "+1", "1 s", " 1", "1.", ".5", "1.2.3", "NaN", "inf", "1e3", "1d", "0x5", "１"] {
        refuses(Init::new(), ["-t", word], &["-t: ", "is not a duration", "1500ms"]);
    }
    for word in ["99999999999999999999", "18446744073709551615h"] {
        refuses(Init::new(), ["--kill-after", word], &["--kill-after: ", "is not a duration"]);
    }
    for word in ["", ":", "1:", ":1", "256", "1:256", "-1", "a", "1:2:3", "1 ", "0x1", "4294967297", "143,"] {
        refuses(Init::new(), ["-e", word], &["-e: ", "is not an exit status from 0 to 255"]);
    }
    for word in ["", "Child", "groups", "nobody", "child,group"] {
        refuses(Init::new(), ["--target", word], &["--target: ", "is not a target", "child, group, session or all"]);
    }
    for (word, words) in [("", "no signal"), ("0", "out of range"), ("TERMS", "no signal"), ("TERM,INT", "no signal")] {
        refuses(Init::new(), ["-p", word], &["-p: ", words]);
    }
}

fn a_wrong_variable_gets_one_clear_line_that_names_it() {
    for (name, value) in [
        ("SESSION_INIT_REWRITE", "15"),
        ("SESSION_INIT_REWRITE", "15:3,KILL:1"),
        ("SESSION_INIT_SINGLE_CHILD", "maybe"),
        ("SESSION_INIT_SINGLE_CHILD", "2"),
        ("SESSION_INIT_TARGET", "everybody"),
        ("SESSION_INIT_GRACE", "soon"),
        ("SESSION_INIT_KILL_AFTER", "-1"),
        ("SESSION_INIT_LINGER", " "),
        ("SESSION_INIT_REMAP_EXIT", "300"),
        ("SESSION_INIT_PARENT_DEATH_SIGNAL", "TREM"),
        ("SESSION_INIT_WARN_ON_REAP", "y"),
        ("SESSION_INIT_VERBOSE", "-1"),
    ] {
        let name_first = format!("{name}: ");
        refuses(Init::new().variable(name, value), [""; 0], &[&name_first]);
    }
}

fn what_contradicts_gets_one_clear_line_with_the_reason() {
    for arguments in [
        &["-c", "-g"][..],
        &["-cg"],
        &["-c", "--target", "group"],
        &["--target=session", "-c"],
        &["-c", "-rHUP@group"],
        &["-c", "-r", "1:2,TERM:QUIT@session"],
    ] {
        refuses(Init::new(), arguments, &["contradicts --single-child", "shares its group and session"]);
    }
    let inherits = Init::new().variable("SESSION_INIT_TARGET", "group").variable("SESSION_INIT_SINGLE_CHILD", "1");
    refuses(inherits, ["-v"], &["SESSION_INIT_TARGET contradicts SESSION_INIT_SINGLE_CHILD"]);
    refuses(Init::new(), ["--linger", "--grace=5"], &["--grace contradicts --linger"]);
    accepts(["-c", "--target", "child", "-rHUP@child,INT@all"]);
}

fn a_word_that_is_not_utf_8_or_has_control_characters_is_shown_in_one_line() {
    for word in [&b"--\xff"[..], b"-\xff", b"--a\nb", b"-r\xff:3", b"-rTERM:\x1b[2J", b"--target=\r\n"] {
        refuses(Init::new(), [OsStr::from_bytes(word)], &[]);
    }
    refuses(Init::new(), ["--gra\nce"], &[r"'--gra\nce'"]);
    refuses(Init::new(), ["-rTERM:\u{1b}[2J"], &[r"\u{1b}[2J"]);
    refuses(Init::new().variable("SESSION_INIT_GRACE", OsStr::from_bytes(b"\xff")), [""; 0], &["SESSION_INIT_GRACE: "]);
}

fn a_word_of_any_length_is_shown_in_one_line() {
    let word = "x".repeat(100_000);
    let ended = Init::new().options(["-r", &word]).run(COMMAND).expect_exit(1).stdout_is("");
    assert!(ended.stderr.starts_with("[session-init] -r: 'xxx") && ended.stderr.ends_with("...\n"));
    // What a pipe takes in one piece.
    assert_eq!((ended.stderr.len(), ended.stderr.lines().count()), (4096, 1));
}

fn the_nearest_name_is_suggested() {
    for (argument, suggestion) in [
        ("--rewite=15:3", "did you mean --rewrite?"),
        ("--singel-child", "did you mean --single-child?"),
        ("--vebose", "did you mean --verbose?"),
        ("--lingr", "did you mean --linger?"),
        ("-rTREM:3", "did you mean TERM?"),
        ("-r15:QIUT", "did you mean QUIT?"),
        ("-rSIGHPU:1", "did you mean HUP?"),
        ("-pSIGTREM", "did you mean TERM?"),
        ("--target=grup", "did you mean group?"),
        ("-rHUP@chlid", "did you mean child?"),
    ] {
        refuses(Init::new(), [argument], &[suggestion]);
    }
    for argument in ["--xyzzy", "-rbanana:3", "--target=xyzzy"] {
        let ended = Init::new().option(argument).run(COMMAND).expect_exit(1);
        ended.stderr_lacks("did you mean");
    }
}

fn options_end_at_the_first_word_that_is_none() {
    for (arguments, output) in [
        (&["echo", "-v", "--rewrite", "--", "-x"][..], "-v --rewrite -- -x\n"),
        (&["-c", "echo", "--rewrite"], "--rewrite\n"),
        (&["--", "echo", "--", "-h"], "-- -h\n"),
        (&["-r", "15:3", "--", "echo", ""], "\n"),
        (&["echo", "-r15"], "-r15\n"),
    ] {
        Init::new().run(arguments).expect_exit(0).stdout_is(output).stderr_is("");
    }
    for command in ["-v", "--", "--help", "--nonsense"] {
        let message = format!("[session-init] {command}: No such file or directory\n");
        Init::new().run(["--", command]).expect_exit(127).stdout_is("").stderr_is(&message);
    }
    Init::new().run(["-"]).expect_exit(127).stderr_is("[session-init] -: No such file or directory\n");
}

/// TERM comes to COMMAND as this signal.
#[track_caller]
fn turns_term_into(signal: Signal, init: Init) {
    let run = init.role(["listen", &signal.to_string()]).wait_for("ready").send(TERM);
    run.wait_for(&format!("got {signal}")).expect_exit(0).stderr_is("");
}

fn a_value_is_joined_or_a_word_of_its_own() {
    for options in [
        &["-r", "15:3"][..],
        &["-r15:3"],
        &["-gr15:3"],
        &["-gr", "15:3"],
        &["--rewrite", "15:3"],
        &["--rewrite=15:3"],
        &["-r", "1:0,15:3,2:1"],
        &["-r15:2", "-r15:3"],
        &["--rewrite=15:3", "-r1:2"],
        &["-r15:3", "--"],
    ] {
        turns_term_into(QUIT, Init::new().options(options));
    }
}

fn a_long_option_may_be_cut_to_what_is_unique() {
    turns_term_into(QUIT, Init::new().option("--rew=15:3"));
    turns_term_into(QUIT, Init::new().options(["--rewr", "15:3"]));
    for option in ["--si", "--sing", "--single", "--single-chil"] {
        Init::new().options([option, "-v"]).run(COMMAND).expect_exit(0).stderr_has("in this session");
    }
    Init::new().run(["--he"]).expect_exit(0).stdout_has("Usage:");
}

fn short_options_combine() {
    let ended = Init::new().option("-cvw").sh("(exit 0 &); echo ran").expect_exit(0);
    ended.stdout_is("ran\n").stderr_has("in this session").stderr_has("[session-init] COMMAND exited with status 0");
    Init::new().option("-cve3:4").sh("exit 3").expect_exit(4);
    Init::new().option("-ch").run([""; 0]).expect_exit(0).stdout_has("Usage:");
}

fn the_flags_of_tini_are_taken() {
    accepts(["-s", "-g", "-w", "-v", "-v", "-v", "-e", "143", "-p", "SIGKILL"]);
    accepts(["-sgwvvv", "-e0", "-e", "143"]);
    accepts(["--subreaper", "--warn-on-reap", "--parent-death-signal=TERM"]);
    Init::new().options(["-e", "143", "-e", "7"]).sh("kill -TERM $$").expect_exit(0);
}

fn a_duration_is_a_number_with_a_unit() {
    for word in ["0", "5", "5s", "0.5s", "05.50", "1500ms", "2m", "1.5m", "1h", "0ms", "infinity", "0.0000000001"] {
        accepts(["-t", word, "-k", word]);
        accepts([format!("-t{word}"), format!("--kill-after={word}")]);
    }
}

fn a_variable_says_what_its_option_says() {
    turns_term_into(QUIT, Init::new().variable("SESSION_INIT_REWRITE", "15:3"));
    turns_term_into(QUIT, Init::new().variable("SESSION_INIT_REWRITE", "HUP:0,term:2,TERM:QUIT@child"));
    for value in ["1", "yes", "true", "on", "TRUE"] {
        let init = Init::new().variable("SESSION_INIT_SINGLE_CHILD", value);
        init.option("-v").run(COMMAND).expect_exit(0).stderr_has("in this session");
    }
    for value in ["0", "no", "false", "off"] {
        let init = Init::new().variable("SESSION_INIT_SINGLE_CHILD", value);
        init.option("-v").run(COMMAND).expect_exit(0).stderr_has("in its own session");
    }
    Init::new().variable("SESSION_INIT_VERBOSE", "1").run(COMMAND).expect_exit(0).stderr_has("[session-init] started");
    Init::new().variable("SESSION_INIT_VERBOSE", "0").run(COMMAND).expect_exit(0).stderr_is("");
    Init::new().variable("SESSION_INIT_REMAP_EXIT", "3,5:6").sh("exit 5").expect_exit(6);
    Init::new().variable("SESSION_INIT_REMAP_EXIT", "3,5:6").sh("exit 3").expect_exit(0);
    Init::new()
        .variable("SESSION_INIT_WARN_ON_REAP", "1")
        .sh("$ROLE orphans 1; exec $ROLE listen")
        .wait_for_error("reaped orphan");
    let run = Init::new().variable("SESSION_INIT_TARGET", "child").sh("$ROLE listen >&2 & exec $ROLE listen");
    let run = run.wait_for("ready").wait_for_error("ready").send(HUP).wait_for("got HUP").send(TERM);
    run.expect_exit(0).stderr_lacks("HUP");
}

fn the_command_line_wins_over_the_variables() {
    turns_term_into(QUIT, Init::new().variable("SESSION_INIT_REWRITE", "15:2").rewrite("15:3"));
    // A rule for another signal leaves that of the variable alone.
    turns_term_into(INT, Init::new().variable("SESSION_INIT_REWRITE", "15:2").rewrite("1:3"));
    Init::new().variable("SESSION_INIT_REMAP_EXIT", "3:4").option("-e3:5").sh("exit 3").expect_exit(5);
    let run =
        Init::new().variable("SESSION_INIT_TARGET", "child").option("-g").sh("$ROLE listen >&2 & exec $ROLE listen");
    let run = run.wait_for("ready").wait_for_error("ready").send(HUP).wait_for("got HUP").wait_for_error("got HUP");
    run.send(TERM).expect_exit(0);
    Init::new()
        .variable("SESSION_INIT_SINGLE_CHILD", "0")
        .options(["-c", "-v"])
        .run(COMMAND)
        .expect_exit(0)
        .stderr_has("in this session");
}

fn the_variables_win_over_those_of_dumb_init() {
    let init = Init::new().variable("SESSION_INIT_SINGLE_CHILD", "0").variable("DUMB_INIT_SETSID", "0");
    init.verbose().run(COMMAND).expect_exit(0).stderr_has("in its own session");
    let init = Init::new().variable("SESSION_INIT_VERBOSE", "0").variable("DUMB_INIT_DEBUG", "1");
    init.run(COMMAND).expect_exit(0).stderr_is("");
}

fn dumb_init_s_variables_have_one_value_that_counts() {
    let single = |value| Init::new().variable("DUMB_INIT_SETSID", value).verbose().run(COMMAND).expect_exit(0);
    single("0").stderr_has("in this session");
    for value in ["1", "00", "false", "no", " 0"] {
        single(value).stderr_has("in its own session");
    }
    let debug = |value| Init::new().variable("DUMB_INIT_DEBUG", value).run(COMMAND).expect_exit(0);
    debug("1").stderr_has("[session-init] started");
    for value in ["0", "2", "true", "yes", "1 "] {
        debug(value).stderr_is("");
    }
}

fn an_empty_variable_counts_as_unset() {
    let names = [
        "SESSION_INIT_REWRITE",
        "SESSION_INIT_SINGLE_CHILD",
        "SESSION_INIT_TARGET",
        "SESSION_INIT_GRACE",
        "SESSION_INIT_KILL_AFTER",
        "SESSION_INIT_LINGER",
        "SESSION_INIT_REMAP_EXIT",
        "SESSION_INIT_PARENT_DEATH_SIGNAL",
        "SESSION_INIT_WARN_ON_REAP",
        "SESSION_INIT_VERBOSE",
        "DUMB_INIT_SETSID",
        "DUMB_INIT_DEBUG",
    ];
    let init = names.into_iter().fold(Init::new(), |init, name| init.variable(name, ""));
    init.run(COMMAND).expect_exit(0).stdout_is("COMMAND ran\n").stderr_is("");
}

fn help_and_version_go_to_stdout_and_run_nothing() {
    for options in [&["-h"][..], &["--help"], &["-v", "--help"], &["-r15:3", "-h"]] {
        let ended = Init::new().options(options).run(COMMAND).expect_exit(0).stderr_is("").stdout_lacks("COMMAND ran");
        assert!(ended.stdout.starts_with("Usage: session-init [OPTIONS] [--] COMMAND [ARG...]\n"), "{}", ended.stdout);
        for option in ["--rewrite", "-c", "--single-child", "--target", "--grace", "SESSION_INIT_KILL_AFTER", "-V"] {
            assert!(ended.stdout.contains(option), "{option}");
        }
    }
    let version = concat!("session-init ", env!("CARGO_PKG_VERSION"));
    for option in ["-V", "--version"] {
        // Whatever the environment says: container engines ask an init for its version.
        let init = Init::new().variable("SESSION_INIT_REWRITE", "junk").option(option);
        let ended = init.run(COMMAND).expect_exit(0).stderr_is("");
        let rest = ended.stdout.strip_prefix(version).and_then(|rest| rest.strip_suffix('\n')).expect("the version");
        let commit = rest.strip_prefix(" - git.").unwrap_or_default();
        assert!(
            rest.is_empty() || (commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())),
            "{rest}"
        );
    }
}

fn an_explanation_is_bold_on_a_terminal_alone_and_never_with_no_color() {
    // What a terminal has been told may be read after whoever said it has ended.
    let explanation = |init: Init| {
        let run = init.options(["--explain", "-r15:3"]).run(COMMAND).wait_for_end_of_output();
        run.expect_exit(0).stdout.clone()
    };
    let plain = explanation(Init::new());
    let styled = explanation(Init::new().on_a_terminal()).replace("\r\n", "\n");
    assert!(!plain.contains('\x1b') && styled.contains("\x1b[1mSignals\x1b[m\n"), "{plain}{styled}");
    let rows = |text: &str| text.replace("\x1b[1m", "").replace("\x1b[m", "").lines().take(5).collect::<String>();
    assert_eq!(rows(&styled), rows(&plain));
    let asked_not_to = explanation(Init::new().on_a_terminal().variable("NO_COLOR", "1"));
    assert!(asked_not_to.contains("Signals") && !asked_not_to.contains('\x1b'), "{asked_not_to}");
    assert!(explanation(Init::new().on_a_terminal().variable("NO_COLOR", "")).contains('\x1b'), "empty is unset");
}

fn help_and_version_say_so_where_stdout_takes_nothing() {
    for option in ["--help", "--version"] {
        let run = Init::new().from_script(&format!("$INIT {option} >/dev/full"));
        run.expect_exit(1).stderr_is("[session-init] cannot write to stdout: No space left on device\n");
    }
}
