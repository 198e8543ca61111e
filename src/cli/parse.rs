//! From the command line and the environment to an [`Invocation`].

#![forbid(unsafe_code)]

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use super::flags::{Effect, FLAGS, Flag, Page};
use super::settings::{Config, Draft, Sources};
use crate::error::{UsageError, ValueError};
use crate::nearest::nearest;
use crate::period::Period;
use crate::rule::{Rule, Target};

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
        rules,
        single_child,
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
mod tests;
