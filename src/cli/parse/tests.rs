//! Tests of the parser.

use super::*;
use std::time::Duration;

use crate::exit::Remap;
use crate::route::Place;
use crate::route::Route;
use crate::signal::Signal;
use proptest::prelude::*;

fn words(arguments: &[&str]) -> IntoIter<OsString> {
    arguments.iter().map(OsString::from).collect::<Vec<_>>().into_iter()
}

fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Result<Invocation, String> {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
    parse(b"session-init", words(arguments), &variable).map_err(|error| error.to_string())
}

fn config(variables: &[(&str, &str)], arguments: &[&str]) -> Config {
    match with(variables, arguments) {
        Ok(Invocation::Run(config)) => *config,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

fn message(arguments: &[&str]) -> String {
    with(&[], arguments).map(|_| ()).unwrap_err()
}

fn route_of_term(config: &Config) -> Route {
    config.table(Place::Own).route(Signal::TERM)
}

const QUIT: Route = Route::Forward(Signal::QUIT, Target::Group);

#[test]
fn who_shares_the_session_is_stopped_by_the_signals_of_job_control_themselves_unless_a_rule_says_otherwise() {
    let config = config(&[], &["-r", "TTIN:0,TTOU@child", "x"]);
    let stop = Signal::STOP;
    for (signal, session, job) in [
        (Signal::TSTP, Route::Forward(stop, Target::Group), Route::Forward(Signal::TSTP, Target::Group)),
        (Signal::TTIN, Route::Drop, Route::Drop),
        (Signal::TTOU, Route::Forward(stop, Target::Child), Route::Forward(Signal::TTOU, Target::Child)),
    ] {
        assert_eq!(
            (config.table(Place::Own).route(signal), config.table(Place::Shared).route(signal)),
            (session, job),
            "{signal}"
        );
    }
}

#[test]
fn options_end_at_the_first_word_that_is_none() {
    let config = config(&[], &["-v", "cat", "-v", "--rewrite", "--", "x"]);
    assert_eq!(config.command, ["cat", "-v", "--rewrite", "--", "x"]);
    assert_eq!(config.verbosity, 1);
}

#[test]
fn options_end_at_two_dashes() {
    assert_eq!(config(&[], &["--", "-v", "--"]).command, ["-v", "--"]);
    assert_eq!(config(&[], &["--", "--"]).command, ["--"]);
    assert_eq!(config(&[], &["-", "x"]).command, ["-", "x"]);
    assert_eq!(config(&[], &[""]).command, [""]);
}

#[test]
fn a_value_is_joined_or_a_word_of_its_own() {
    for arguments in [
        &["-r", "15:3", "x"][..],
        &["-r15:3", "x"],
        &["--rewrite", "15:3", "x"],
        &["--rewrite=15:3", "x"],
        &["--rew=15:3", "x"],
        &["--rew", "15:3", "x"],
        &["-vr15:3", "x"],
        &["-r15:2", "-rTERM:QUIT", "x"],
        &["-r", "1:2,15:3,2:1", "x"],
    ] {
        assert_eq!(route_of_term(&config(&[], arguments)), QUIT, "{arguments:?}");
    }
    assert_eq!(message(&["-r=15:3", "x"]), "-r: no signal is named '=15'");
}

#[test]
fn short_options_combine_and_long_ones_may_be_cut() {
    let config = config(&[], &["-cvv", "--sing", "x"]);
    assert!(config.single_child);
    assert_eq!(config.verbosity, 2);
    assert!(matches!(with(&[], &["--he"]), Ok(Invocation::Print(Page::Help))));
    assert_eq!(message(&["--ver", "x"]), "option '--ver' could be --verbose, --version");
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(message(&[]), "no command given");
    assert_eq!(message(&["--"]), "no command given");
    assert_eq!(message(&["-x", "y"]), "unknown option '-x'");
    assert_eq!(message(&["--rewite", "15:3", "x"]), "unknown option '--rewite', did you mean --rewrite?");
    assert_eq!(message(&["-r"]), "option '-r' needs a value");
    assert_eq!(message(&["--rewrite"]), "option '--rewrite' needs a value");
    assert_eq!(message(&["--single-child=1", "x"]), "option '--single-child' takes no value");
    assert_eq!(message(&["-rTREM:3", "x"]), "-r: no signal is named 'TREM', did you mean TERM?");
    assert!(message(&["-r", "--", "x"]).starts_with("-r: '--' is not a rule"));
}

#[test]
fn the_flags_of_tini_are_taken() {
    let config = config(&[], &["-s", "-g", "-w", "-e", "143", "-e1:2", "-p", "TERM", "-vvv", "x"]);
    assert_eq!(config.parent_death_signal, Some(Signal::TERM));
    assert_eq!(config.remap_exit.len(), 2);
    assert!(config.warn_on_reap && !config.single_child);
}

#[test]
fn how_it_ends_is_set_by_options_and_variables() {
    let variables =
        [("SESSION_INIT_GRACE", "5"), ("SESSION_INIT_REMAP_EXIT", "1,143:2"), ("SESSION_INIT_KILL_AFTER", "0")];
    let from_environment = config(&variables, &["x"]);
    assert_eq!(from_environment.grace, Period::Finite(Duration::from_secs(5)));
    assert_eq!(Remap::apply(&from_environment.remap_exit, 143), 2);
    assert_eq!(from_environment.kill_after, None);
    let overruled = config(&variables, &["--grace=0", "-k", "9", "-e143:7", "--linger", "x"]);
    assert_eq!((overruled.grace, overruled.kill_after), (Period::Zero, Some(Duration::from_secs(9))));
    assert_eq!(Remap::apply(&overruled.remap_exit, 143), 7);
    assert!(overruled.linger);
}

#[test]
fn a_long_option_without_a_name_is_none() {
    assert!(message(&["--=x", "x"]).starts_with("unknown option '--'"));
    assert!(message(&["--=", "x"]).starts_with("unknown option '--'"));
}

#[test]
fn what_contradicts_is_refused_with_the_reason() {
    for arguments in [
        &["-c", "-g", "x"][..],
        &["-c", "--target", "session", "x"],
        &["-c", "-r", "HUP@group", "x"],
        &["-c", "-r", "TERM:QUIT@session", "x"],
    ] {
        assert!(message(arguments).contains("contradicts --single-child"), "{arguments:?}");
    }
    assert!(message(&["--linger", "-t5", "x"]).contains("--grace contradicts --linger"));
    assert!(with(&[], &["-c", "--target", "all", "-rHUP@child", "x"]).is_ok());
}

#[test]
fn what_contradicts_is_named_by_its_option_or_its_variable() {
    let (target, rewrite) = (("SESSION_INIT_TARGET", "group"), ("SESSION_INIT_REWRITE", "HUP@session"));
    let (ours, linger) = (("SESSION_INIT_SINGLE_CHILD", "1"), ("SESSION_INIT_LINGER", "1"));
    for (variables, arguments, text) in [
        (&[target, ours][..], &[][..], "SESSION_INIT_TARGET contradicts SESSION_INIT_SINGLE_CHILD:"),
        (&[rewrite, ours], &[], "SESSION_INIT_REWRITE contradicts SESSION_INIT_SINGLE_CHILD:"),
        (&[], &["-cg"], "--target contradicts --single-child:"),
        (&[], &["-crHUP@group"], "--rewrite contradicts --single-child:"),
        (&[("SESSION_INIT_GRACE", "5"), linger], &[], "SESSION_INIT_GRACE contradicts SESSION_INIT_LINGER:"),
        (&[linger], &["--linger", "-t5"], "--grace contradicts --linger:"),
    ] {
        let message = with(variables, &[arguments, &["x"]].concat()).map(|_| ()).unwrap_err();
        assert!(message.starts_with(text), "{message}");
    }
}

#[test]
fn the_stronger_source_silences_the_weaker() {
    let (linger, grace) = (("SESSION_INIT_LINGER", "1"), ("SESSION_INIT_GRACE", "5"));
    let five = Period::Finite(Duration::from_secs(5));
    let ends = |variables: &[_], arguments: &[&str]| {
        let config = config(variables, &[arguments, &["x"]].concat());
        (config.grace, config.linger)
    };
    assert_eq!(ends(&[linger], &["-t5"]), (five, false));
    assert_eq!(ends(&[grace], &["--linger"]), (Period::Zero, true));
    assert_eq!(ends(&[linger], &["-t0"]), (Period::Zero, true));

    let (ours, of_dumb_init) = (("SESSION_INIT_SINGLE_CHILD", "1"), ("DUMB_INIT_SETSID", "0"));
    let (target, rewrite) = (("SESSION_INIT_TARGET", "group"), ("SESSION_INIT_REWRITE", "TERM:QUIT@session,HUP@child"));
    let routes = |variables: &[_], arguments: &[&str]| {
        let config = config(variables, &[arguments, &["x"]].concat());
        (config.single_child, config.target, route_of_term(&config))
    };
    let quit = |target| Route::Forward(Signal::QUIT, target);
    let term = |target| Route::Forward(Signal::TERM, target);
    for (variables, arguments, expected) in [
        (&[target][..], &["-c"][..], (true, Target::Child, term(Target::Child))),
        // What becomes of TERM does not contradict, only whom it reaches.
        (&[rewrite], &["-c"], (true, Target::Child, quit(Target::Child))),
        (&[rewrite, target], &["-c", "--target", "all"], (true, Target::All, quit(Target::All))),
        (&[ours], &["-g"], (false, Target::Group, term(Target::Group))),
        (&[ours], &["-rHUP@session"], (false, Target::Group, term(Target::Group))),
        (&[of_dumb_init, target], &[], (false, Target::Group, term(Target::Group))),
        (&[of_dumb_init], &["-c"], (true, Target::Child, term(Target::Child))),
    ] {
        assert_eq!(routes(variables, arguments), expected, "{variables:?} {arguments:?}");
    }
}

#[test]
fn under_the_name_of_another_init_its_default_target_holds() {
    let target = |name: &str, variables: &[(&str, &str)], arguments: &[&str]| {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        match parse(name.as_bytes(), words(arguments), &variable) {
            Ok(Invocation::Run(config)) => config.target,
            other => panic!("{other:?}"),
        }
    };
    for name in ["tini", "tini-static", "docker-init", "catatonit", "podman-init"] {
        assert_eq!(target(name, &[], &["x"]), Target::Child);
        assert_eq!(target(name, &[], &["-g", "x"]), Target::Group);
        assert_eq!(target(name, &[("SESSION_INIT_TARGET", "all")], &["x"]), Target::All);
    }
    for name in ["session-init", "dumb-init", "tini2", "-static", "static", "", "my-tini"] {
        assert_eq!(target(name, &[], &["x"]), Target::Group, "{name}");
    }
}

#[test]
fn pause_runs_no_command() {
    assert!(matches!(with(&[("SESSION_INIT_GRACE", "junk")], &["-P"]), Ok(Invocation::Pause)));
    assert_eq!(message(&["--pause", "x"]), "--pause runs no command");
}

#[test]
fn help_and_version_ask_for_nothing_else() {
    assert!(matches!(with(&[("SESSION_INIT_REWRITE", "junk")], &["-V"]), Ok(Invocation::Print(Page::Version))));
    assert!(matches!(with(&[], &["-ch"]), Ok(Invocation::Print(Page::Help))));
    assert!(with(&[], &["--help=x"]).is_err());
    assert!(with(&[], &["-z", "--help"]).is_err());
}

#[test]
fn the_environment_says_the_same() {
    let variables =
        [("SESSION_INIT_REWRITE", "15:3,1:0"), ("SESSION_INIT_SINGLE_CHILD", "yes"), ("SESSION_INIT_VERBOSE", "2")];
    let config = config(&variables, &["x"]);
    assert_eq!(route_of_term(&config), Route::Forward(Signal::QUIT, Target::Child));
    assert_eq!(config.table(Place::Own).route(Signal::HUP), Route::Drop);
    assert!(config.single_child);
    assert_eq!(config.verbosity, 2);
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let variables = [("SESSION_INIT_REWRITE", "15:2,1:0"), ("SESSION_INIT_VERBOSE", "0")];
    let config = config(&variables, &["-vr15:3", "x"]);
    assert_eq!(route_of_term(&config), QUIT);
    assert_eq!(config.table(Place::Own).route(Signal::HUP), Route::Drop);
    assert_eq!(config.verbosity, 1);
}

#[test]
fn the_variables_of_dumb_init_count_where_ours_say_nothing() {
    let of_dumb_init = |setsid, debug| [("DUMB_INIT_SETSID", setsid), ("DUMB_INIT_DEBUG", debug)];
    for (variables, new_session, verbosity) in [
        (of_dumb_init("0", "1"), false, 1),
        (of_dumb_init("1", "0"), true, 0),
        (of_dumb_init("", ""), true, 0),
        (of_dumb_init("no", "yes"), true, 0),
    ] {
        let config = config(&variables, &["x"]);
        assert_eq!((!config.single_child, config.verbosity), (new_session, verbosity), "{variables:?}");
    }
    let variables = [("DUMB_INIT_SETSID", "0"), ("SESSION_INIT_SINGLE_CHILD", "0")];
    assert!(!config(&variables, &["x"]).single_child);
}

#[test]
fn an_empty_variable_counts_as_unset_and_a_bad_one_is_named() {
    let empty = [("SESSION_INIT_REWRITE", ""), ("SESSION_INIT_VERBOSE", ""), ("SESSION_INIT_SINGLE_CHILD", "")];
    assert!(!config(&empty, &["x"]).single_child);
    for (variable, value, text) in [
        ("SESSION_INIT_REWRITE", "15", "SESSION_INIT_REWRITE: '15' is not a rule"),
        ("SESSION_INIT_VERBOSE", "-1", "SESSION_INIT_VERBOSE: '-1' is neither 1 nor 0"),
        ("SESSION_INIT_VERBOSE", "256", "SESSION_INIT_VERBOSE: '256' is neither 1 nor 0"),
        ("SESSION_INIT_SINGLE_CHILD", "maybe", "SESSION_INIT_SINGLE_CHILD: 'maybe' is neither 1 nor 0"),
    ] {
        let message = with(&[(variable, value)], &["x"]).map(|_| ()).unwrap_err();
        assert!(message.starts_with(text), "{message}");
    }
}

proptest! {
    #[test]
    fn no_command_line_makes_the_parser_panic(
        arguments in prop::collection::vec(prop::collection::vec(1u8.., 0..8), 0..6)
    ) {
        use std::os::unix::ffi::OsStringExt;
        let _ = parse(b"x", arguments.into_iter().map(OsString::from_vec).collect::<Vec<_>>().into_iter(), &|_| None);
    }

    #[test]
    fn what_follows_two_dashes_is_passed_byte_for_byte(
        words in prop::collection::vec(prop::collection::vec(1u8.., 0..8), 1..6)
    ) {
        use std::os::unix::ffi::OsStringExt;
        let words: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
        let arguments = [OsString::from("--")].into_iter().chain(words.clone());
        match parse(b"x", arguments.collect::<Vec<_>>().into_iter(), &|_| None) {
            Ok(Invocation::Run(config)) => prop_assert_eq!(config.command, words),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
