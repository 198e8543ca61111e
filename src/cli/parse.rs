//! From the command line and the environment to an [`Invocation`].

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::time::Duration;

use lexopt::{Arg, Parser};

use super::flags::{Draft, Effect, FLAGS, Flag, Page};
use crate::error::{UsageError, ValueError};
use crate::exit::Remap;
use crate::nearest::nearest;
use crate::period::Period;
use crate::route::{Rule, Table, Target};
use crate::signal::Signal;

/// What to do.
#[derive(Debug)]
pub enum Invocation {
    /// Run COMMAND.
    Run(Box<Config>),
    /// Print a page.
    Print(Page),
    /// Print the settings.
    Explain(Box<Config>, Box<Sources>),
}

/// Where the settings come from.
#[derive(Debug)]
pub struct Sources {
    /// What the command line says.
    pub given: Draft,
    /// What the environment says.
    pub inherited: Draft,
    /// What dumb-init's variables say.
    pub of_dumb_init: Draft,
}

/// Settings to run with.
#[derive(Debug)]
pub struct Config {
    /// COMMAND and its arguments; there is at least COMMAND itself where it is to be run.
    pub command: Vec<OsString>,
    /// Whom a signal reaches where no rule says otherwise.
    pub target: Target,
    /// What becomes of each signal.
    pub table: Table,
    /// The same where COMMAND is a job of session-init's own terminal: its group is then not orphaned, and the signals
    /// of job control stop it as they are.
    pub job_table: Table,
    /// COMMAND leads a session of its own.
    pub new_session: bool,
    /// How long what COMMAND leaves behind may take to end.
    pub grace: Period,
    /// How long everything may take to end once COMMAND was asked to.
    pub kill_after: Option<Duration>,
    /// Stay until what COMMAND leaves behind has ended.
    pub linger: bool,
    /// What is reported for which exit status.
    pub remap_exit: Vec<Remap>,
    /// The signal that session-init gets when its parent dies.
    pub parent_death_signal: Option<Signal>,
    /// Print a line for every orphan reaped.
    pub warn_on_reap: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
}

/// Reads the arguments (without the program's own name) and the environment.
///
/// The command line wins over `SESSION_INIT_*`, which wins over the two variables of dumb-init. Rules of both are
/// joined, those of the command line last.
///
/// # Errors
///
/// [`UsageError`] for the first thing that is wrong. The environment is not looked at when a page is to be printed.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Invocation, UsageError> {
    let mut given = Draft::default();
    let command = match command_line(arguments, &mut given)? {
        CommandLine::Print(page) => return Ok(Invocation::Print(page)),
        CommandLine::Command(command) => command,
    };
    let inherited = environment(&variable)?;
    let explain = given.explain == Some(true);
    if command.is_empty() && !explain {
        return Err(UsageError::NoCommand);
    }
    let of_dumb_init = environment_of_dumb_init(&variable);
    let single_child = given.single_child.or(inherited.single_child).or(of_dumb_init.single_child).unwrap_or(false);
    let verbosity = given.verbosity.or(inherited.verbosity).or(of_dumb_init.verbosity).unwrap_or(0);
    let on = |given: Option<bool>, inherited: Option<bool>| given.or(inherited).unwrap_or(false);
    let rules = [inherited.rules.as_slice(), &given.rules].concat();
    let target = given.target.or(inherited.target);
    let mut targets = target.into_iter().chain(rules.iter().filter_map(Rule::target));
    if let Some(target) = targets.find(|target| single_child && target.needs_session()) {
        return Err(target_needs_session(target, &given, &inherited));
    }
    let target = target.unwrap_or(if single_child { Target::Child } else { Target::Group });
    let config = Config {
        command,
        target,
        table: Table::new(target, !single_child, &rules),
        job_table: Table::new(target, false, &rules),
        new_session: !single_child,
        grace: given.grace.or(inherited.grace).unwrap_or(Period::Zero),
        kill_after: match given.kill_after.or(inherited.kill_after) {
            Some(Period::Finite(period)) => Some(period),
            Some(Period::Zero | Period::Infinite) | None => None,
        },
        linger: on(given.linger, inherited.linger),
        remap_exit: [inherited.remap_exit.as_slice(), &given.remap_exit].concat(),
        parent_death_signal: given.parent_death_signal.or(inherited.parent_death_signal),
        warn_on_reap: on(given.warn_on_reap, inherited.warn_on_reap),
        verbosity,
    };
    if config.linger && config.grace != Period::Zero {
        let grace = if given.grace.is_some() { "--grace" } else { "SESSION_INIT_GRACE" };
        let linger = if given.linger.is_some() { "--linger" } else { "SESSION_INIT_LINGER" };
        return Err(UsageError::GraceAndLinger(grace, linger));
    }
    let config = Box::new(config);
    if explain {
        return Ok(Invocation::Explain(config, Box::new(Sources { given, inherited, of_dumb_init })));
    }
    Ok(Invocation::Run(config))
}

/// Names what says so, for whoever has to find it. The target is the first that needs a session, of all or of a rule.
#[cold]
#[inline(never)]
fn target_needs_session(target: Target, given: &Draft, inherited: &Draft) -> UsageError {
    let one = if given.target == Some(target) {
        "--target"
    } else if given.target.is_none() && inherited.target == Some(target) {
        "SESSION_INIT_TARGET"
    } else if inherited.rules.iter().any(|rule| rule.target() == Some(target)) {
        "SESSION_INIT_REWRITE"
    } else {
        "--rewrite"
    };
    let of_environment =
        if inherited.single_child.is_some() { "SESSION_INIT_SINGLE_CHILD" } else { "DUMB_INIT_SETSID" };
    UsageError::TargetNeedsSession(one, if given.single_child.is_some() { "--single-child" } else { of_environment })
}

enum CommandLine {
    Command(Vec<OsString>),
    Print(Page),
}

/// Reads the arguments up to the first one that is no option, or to `--`; all from there on belong to COMMAND.
fn command_line(arguments: impl IntoIterator<Item = OsString>, draft: &mut Draft) -> Result<CommandLine, UsageError> {
    let mut parser = Parser::from_args(arguments);
    // `-r=15:3` is the rule `=15:3`, which is wrong, as it is for getopt(3).
    parser.set_short_equals(false);
    loop {
        let (flag, option) = match parser.next().map_err(|_| UsageError::Unreadable)? {
            None => return Ok(CommandLine::Command(Vec::new())),
            Some(Arg::Value(command)) => {
                let rest = parser.raw_args().map_err(|_| UsageError::Unreadable)?;
                return Ok(CommandLine::Command([command].into_iter().chain(rest).collect()));
            }
            Some(Arg::Short(letter)) => (short(letter)?, format!("-{letter}")),
            Some(Arg::Long(name)) => {
                let flag = long(name)?;
                let option = format!("--{}", flag.long);
                if !matches!(flag.effect, Effect::Value(..)) && parser.optional_value().is_some() {
                    return Err(UsageError::UnexpectedValue(option));
                }
                (flag, option)
            }
        };
        match &flag.effect {
            Effect::Print(page) => return Ok(CommandLine::Print(*page)),
            Effect::Switch(switch) => *switch(draft) = Some(true),
            Effect::Shorthand(_, set) => set(draft),
            Effect::Level(level) => {
                let level = level(draft);
                *level = Some(level.unwrap_or(0).saturating_add(1));
            }
            Effect::Value(_, set) => {
                let value = parser.value().map_err(|_| UsageError::MissingValue(option.clone()))?;
                set(draft, &value.to_string_lossy()).map_err(|error| UsageError::Value { origin: option, error })?;
            }
        }
    }
}

fn short(letter: char) -> Result<&'static Flag, UsageError> {
    let known = FLAGS.iter().find(|flag| flag.short == Some(letter));
    known.ok_or_else(|| UsageError::UnknownOption { option: format!("-{letter}"), nearest: None })
}

/// The flag of this name, or the only one whose name begins with it.
fn long(name: &str) -> Result<&'static Flag, UsageError> {
    if let Some(flag) = FLAGS.iter().find(|flag| !name.is_empty() && flag.long == name) {
        return Ok(flag);
    }
    let longer: Vec<&Flag> = FLAGS.iter().filter(|flag| !name.is_empty() && flag.long.starts_with(name)).collect();
    match longer.as_slice() {
        [flag] => Ok(flag),
        [] => Err(UsageError::UnknownOption {
            option: format!("--{name}"),
            nearest: nearest(name, &mut FLAGS.iter().map(|flag| flag.long)).map(|name| format!("--{name}")),
        }),
        several => Err(UsageError::AmbiguousOption {
            option: format!("--{name}"),
            candidates: several.iter().map(|flag| format!("--{}", flag.long)).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Reads the variables of the table. An empty one counts as unset.
fn environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Draft, UsageError> {
    let mut draft = Draft::default();
    for flag in FLAGS {
        let Some(name) = flag.variable else { continue };
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let value = value.to_string_lossy();
        let result = match &flag.effect {
            Effect::Value(_, set) => set(&mut draft, &value),
            Effect::Switch(switch) => on_or_off(&value).map(|on| *switch(&mut draft) = Some(on)),
            Effect::Level(level) => {
                let number = value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
                let number = number.map_or_else(|| on_or_off(&value).map(u8::from), Ok);
                number.map(|number| *level(&mut draft) = Some(number))
            }
            Effect::Print(_) | Effect::Shorthand(..) => Ok(()),
        };
        result.map_err(|error| UsageError::Value { origin: name.to_owned(), error })?;
    }
    Ok(draft)
}

/// Reads the variables of dumb-init, each of which says something with one value alone.
fn environment_of_dumb_init(variable: impl Fn(&str) -> Option<OsString>) -> Draft {
    let mut draft = Draft::default();
    for flag in FLAGS {
        if flag.of_dumb_init.is_some_and(|(name, value)| variable(name).is_some_and(|found| found == value)) {
            match &flag.effect {
                Effect::Switch(switch) => *switch(&mut draft) = Some(true),
                Effect::Level(level) => *level(&mut draft) = Some(1),
                Effect::Value(..) | Effect::Shorthand(..) | Effect::Print(_) => {}
            }
        }
    }
    draft
}

fn on_or_off(word: &str) -> Result<bool, ValueError> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(ValueError::NotASwitch(word.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Route;
    use proptest::prelude::*;

    fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Result<Invocation, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        parse(arguments.iter().map(OsString::from), variable).map_err(|error| error.to_string())
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
        config.table.route(Signal::TERM)
    }

    const QUIT: Route = Route::Forward(Signal::QUIT, Target::Group);

    #[test]
    fn a_job_is_stopped_by_the_signals_of_job_control_themselves_unless_a_rule_says_otherwise() {
        let config = config(&[], &["-r", "TTIN:0,TTOU@child", "x"]);
        let stop = Signal::STOP;
        for (signal, session, job) in [
            (Signal::TSTP, Route::Forward(stop, Target::Group), Route::Forward(Signal::TSTP, Target::Group)),
            (Signal::TTIN, Route::Drop, Route::Drop),
            (Signal::TTOU, Route::Forward(stop, Target::Child), Route::Forward(Signal::TTOU, Target::Child)),
        ] {
            assert_eq!((config.table.route(signal), config.job_table.route(signal)), (session, job), "{signal}");
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
        assert!(!config.new_session);
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
        assert!(config.warn_on_reap && config.new_session);
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
        let (ours, of_dumb_init) = (("SESSION_INIT_SINGLE_CHILD", "1"), ("DUMB_INIT_SETSID", "0"));
        for (variables, arguments, text) in [
            (&[target][..], &["-c"][..], "SESSION_INIT_TARGET contradicts --single-child:"),
            (&[rewrite], &["-c"], "SESSION_INIT_REWRITE contradicts --single-child:"),
            (&[rewrite, target], &["-c", "--target", "all"], "SESSION_INIT_REWRITE contradicts"),
            (&[rewrite], &["-cg"], "--target contradicts --single-child:"),
            (&[], &["-crHUP@group"], "--rewrite contradicts --single-child:"),
            (&[ours], &["-g"], "--target contradicts SESSION_INIT_SINGLE_CHILD:"),
            (&[of_dumb_init, target], &[], "SESSION_INIT_TARGET contradicts DUMB_INIT_SETSID:"),
            (&[ours, of_dumb_init], &["-g"], "--target contradicts SESSION_INIT_SINGLE_CHILD:"),
            (&[("SESSION_INIT_GRACE", "5")], &["--linger"], "SESSION_INIT_GRACE contradicts --linger:"),
            (&[("SESSION_INIT_LINGER", "1")], &["-t5"], "--grace contradicts SESSION_INIT_LINGER:"),
        ] {
            let message = with(variables, &[arguments, &["x"]].concat()).map(|_| ()).unwrap_err();
            assert!(message.starts_with(text), "{message}");
        }
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
        assert_eq!(config.table.route(Signal::HUP), Route::Drop);
        assert!(!config.new_session);
        assert_eq!(config.verbosity, 2);
    }

    #[test]
    fn the_command_line_wins_over_the_environment() {
        let variables = [("SESSION_INIT_REWRITE", "15:2,1:0"), ("SESSION_INIT_VERBOSE", "0")];
        let config = config(&variables, &["-vr15:3", "x"]);
        assert_eq!(route_of_term(&config), QUIT);
        assert_eq!(config.table.route(Signal::HUP), Route::Drop);
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
            assert_eq!((config.new_session, config.verbosity), (new_session, verbosity), "{variables:?}");
        }
        let variables = [("DUMB_INIT_SETSID", "0"), ("SESSION_INIT_SINGLE_CHILD", "0")];
        assert!(config(&variables, &["x"]).new_session);
    }

    #[test]
    fn an_empty_variable_counts_as_unset_and_a_bad_one_is_named() {
        let empty = [("SESSION_INIT_REWRITE", ""), ("SESSION_INIT_VERBOSE", ""), ("SESSION_INIT_SINGLE_CHILD", "")];
        assert!(config(&empty, &["x"]).new_session);
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
            let _ = parse(arguments.into_iter().map(OsString::from_vec), |_| None);
        }

        #[test]
        fn what_follows_two_dashes_is_passed_byte_for_byte(
            words in prop::collection::vec(prop::collection::vec(1u8.., 0..8), 1..6)
        ) {
            use std::os::unix::ffi::OsStringExt;
            let words: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
            let arguments = [OsString::from("--")].into_iter().chain(words.clone());
            match parse(arguments, |_| None) {
                Ok(Invocation::Run(config)) => prop_assert_eq!(config.command, words),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
