//! From the command line and the environment to an [`Invocation`].

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::vec::IntoIter;

use lexopt::{Arg, Parser};

use super::flags::{Effect, FLAGS, Flag, Page};
use super::settings::{Config, Draft, Sources};
use crate::error::{UsageError, ValueError};
use crate::nearest::nearest;
use crate::number::{id, number};
use crate::period::Period;
use crate::rule::Target;

/// What to do.
#[derive(Debug)]
pub enum Invocation {
    /// Run COMMAND.
    Run(Box<Config>),
    /// Run nothing, and reap.
    Pause,
    /// Print a page.
    Print(Page),
    /// Print the settings.
    Explain(Box<Config>, Box<Sources>),
    /// Print what runs under the init with this pid.
    Inspect(i32),
}

/// Reads the arguments, without the program's own name, and the environment; `name` is that name, without its folder.
///
/// The command line wins over `SESSION_INIT_*`, which wins over the two variables of dumb-init, and they over the name. What
/// contradicts a stronger source is taken for unsaid. Rules of both are joined, those of the command line last.
///
/// # Errors
///
/// [`UsageError`] for the first thing that is wrong, boxed, for it is large. The environment is not looked at when a page is to be printed.
pub fn parse(
    name: &[u8],
    arguments: IntoIter<OsString>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Invocation, Box<UsageError>> {
    // Filled in where they lie, so that an error on the way has nothing to give back.
    let mut sources = Box::<Sources>::default();
    let mut command = Vec::new();
    match read(name, arguments, variable, &mut sources, &mut command)? {
        Asked::Print(page) => return Ok(Invocation::Print(page)),
        Asked::Pause => return Ok(Invocation::Pause),
        Asked::Inspect(pid) => return Ok(Invocation::Inspect(pid)),
        Asked::Command => {}
    }
    let config = Box::new(settle(command, &mut sources));
    if sources.given.explain == Some(true) {
        return Ok(Invocation::Explain(config, sources));
    }
    Ok(Invocation::Run(config))
}

/// What the command line asks for.
enum Asked {
    Command,
    Pause,
    Print(Page),
    Inspect(i32),
}

/// Reads all sources, and takes out of each what contradicts a stronger one.
fn read(
    name: &[u8],
    arguments: IntoIter<OsString>,
    variable: &dyn Fn(&str) -> Option<OsString>,
    sources: &mut Sources,
    command: &mut Vec<OsString>,
) -> Result<Asked, Box<UsageError>> {
    let Sources { given, inherited, of_dumb_init, of_name, .. } = sources;
    if let Some(page) = command_line(&mut Parser::from_args(arguments), given, command)? {
        return Ok(Asked::Print(page));
    }
    if let Some(pid) = given.inspect {
        return if command.is_empty() { Ok(Asked::Inspect(pid)) } else { Err(UsageError::InspectAndCommand.into()) };
    }
    if given.pause == Some(true) {
        return if command.is_empty() { Ok(Asked::Pause) } else { Err(UsageError::PauseAndCommand.into()) };
    }
    environment(variable, inherited)?;
    if command.is_empty() && given.explain != Some(true) {
        return Err(UsageError::NoCommand.into());
    }
    environment_of_dumb_init(variable, of_dumb_init);
    expect_of_name(name, of_name);
    check(given, |flag| format!("--{}", flag.long))?;
    inherited.yield_to(given);
    check(inherited, |flag| flag.variable.unwrap_or_default().to_owned())?;
    of_dumb_init.yield_to(given);
    of_dumb_init.yield_to(inherited);
    Ok(Asked::Command)
}

/// What all sources make together.
fn settle(command: Vec<OsString>, sources: &mut Sources) -> Config {
    let Sources { given, inherited, of_dumb_init, of_name, .. } = sources;
    let mut rules = std::mem::take(&mut inherited.rules);
    sources.inherited_rules = rules.len();
    rules.append(&mut given.rules);
    let single_child = given.single_child.or(inherited.single_child).or(of_dumb_init.single_child).unwrap_or(false);
    let on = |given: Option<bool>, inherited: Option<bool>| given.or(inherited).unwrap_or(false);
    let target = given.target.or(inherited.target).or(of_name.0.target);
    Config {
        command,
        target: target.unwrap_or(if single_child { Target::Child } else { Target::Group }),
        rules,
        single_child,
        pre_stop: given.pre_stop.as_ref().or(inherited.pre_stop.as_ref()).cloned(),
        grace: given.grace.or(inherited.grace).unwrap_or(Period::Zero),
        kill_after: match given.kill_after.or(inherited.kill_after) {
            Some(Period::Finite(period)) => Some(period),
            Some(Period::Zero | Period::Infinite) | None => None,
        },
        linger: on(given.linger, inherited.linger),
        remap_exit: [inherited.remap_exit.as_slice(), &given.remap_exit].concat(),
        exit_by_signal: on(given.exit_by_signal, inherited.exit_by_signal),
        parent_death_signal: given.parent_death_signal.or(inherited.parent_death_signal),
        warn_on_reap: on(given.warn_on_reap, inherited.warn_on_reap),
        verbosity: given.verbosity.or(inherited.verbosity).or(of_dumb_init.verbosity).unwrap_or(0),
    }
}

/// What contradicts within one source, which has these names for flags.
fn check(draft: &Draft, name: fn(&Flag) -> String) -> Result<(), Box<UsageError>> {
    let named = |long| FLAGS.iter().find(|flag| flag.long == long).map(name).unwrap_or_default();
    if draft.has_grace() && draft.linger == Some(true) {
        return Err(UsageError::GraceAndLinger(named("grace"), named("linger")).into());
    }
    match draft.needs_session() {
        Some((_, is_rule)) if draft.single_child == Some(true) => {
            let said = named(if is_rule { "rewrite" } else { "target" });
            Err(UsageError::TargetNeedsSession(said, named("single-child")).into())
        }
        _ => Ok(()),
    }
}

/// Inits that signal COMMAND's process alone by default.
const TO_CHILD: [&str; 4] = ["tini", "docker-init", "catatonit", "podman-init"];

/// The name in the list, if this is it, or it with `-static` at its end.
fn known(list: &[&'static str], name: &[u8]) -> Option<&'static str> {
    let name = name.strip_suffix(b"-static").unwrap_or(name);
    list.iter().copied().find(|known| known.as_bytes() == name)
}

/// Whether a program of this name is an init that understands this command line.
#[must_use]
pub fn is_init(name: &[u8]) -> bool {
    known(&["session-init", "dumb-init"], name).or_else(|| known(&TO_CHILD, name)).is_some()
}

/// What is expected of session-init under such a name.
fn expect_of_name(name: &[u8], (draft, of): &mut (Draft, &'static str)) {
    if let Some(known) = known(&TO_CHILD, name) {
        draft.target = Some(Target::Child);
        *of = known;
    }
}

/// Reads the arguments up to the first one that is not an option, or to `--`; all from there on belong to COMMAND. Answers with
/// the page that is to be printed instead, if there is one.
fn command_line(
    parser: &mut Parser,
    draft: &mut Draft,
    command: &mut Vec<OsString>,
) -> Result<Option<Page>, Box<UsageError>> {
    // `-r=15:3` is the rule `=15:3`, which is wrong, as it is for getopt(3).
    parser.set_short_equals(false);
    loop {
        let (flag, letter) = match parser.next().map_err(|_| UsageError::Unreadable)? {
            None => return Ok(None),
            Some(Arg::Value(first)) => {
                command.push(first);
                for word in parser.raw_args().map_err(|_| UsageError::Unreadable)? {
                    command.push(word);
                }
                return Ok(None);
            }
            Some(Arg::Short(letter)) => (short(letter)?, Some(letter)),
            Some(Arg::Long(name)) => {
                let flag = long(name)?;
                if flag.effect.value().is_none()
                    && let Some(value) = parser.optional_value()
                {
                    let Effect::Pid(slot) = &flag.effect else {
                        return Err(UsageError::UnexpectedValue(option(flag, None)).into());
                    };
                    *slot(draft) = Some(pid(flag, &value)?);
                    continue;
                }
                (flag, None)
            }
        };
        match &flag.effect {
            Effect::Print(page) => return Ok(Some(*page)),
            Effect::Switch(switch) => *switch(draft) = Some(true),
            Effect::Shorthand(_, set) => set(draft),
            Effect::Pid(slot) => *slot(draft) = Some(1),
            Effect::Level(level) => {
                let level = level(draft);
                *level = Some(level.unwrap_or(0).saturating_add(1));
            }
            Effect::Bytes(..) | Effect::Value(..) => {
                let value = parser.value().map_err(|_| UsageError::MissingValue(option(flag, letter)))?;
                match &flag.effect {
                    Effect::Bytes(_, slot) => *slot(draft) = Some(value),
                    Effect::Value(_, set) => set(draft, &value.to_string_lossy())
                        .map_err(|error| UsageError::Value { origin: option(flag, letter), error })?,
                    _ => {}
                }
            }
        }
    }
}

#[cold]
#[inline(never)]
fn pid(flag: &Flag, value: &OsStr) -> Result<i32, Box<UsageError>> {
    let word = value.to_string_lossy();
    id(word.as_bytes()).filter(|pid| *pid > 0).ok_or_else(|| {
        let error = ValueError::NotAPid(word.into_owned());
        UsageError::Value { origin: option(flag, None), error }.into()
    })
}

/// The option as it was given: by its letter or else by its name.
#[cold]
#[inline(never)]
fn option(flag: &Flag, letter: Option<char>) -> String {
    letter.map_or_else(|| format!("--{}", flag.long), |letter| format!("-{letter}"))
}

fn short(letter: char) -> Result<&'static Flag, Box<UsageError>> {
    let known = FLAGS.iter().find(|flag| flag.short == Some(letter));
    known.ok_or_else(|| UsageError::UnknownOption { option: format!("-{letter}"), nearest: None }.into())
}

/// The flag of this name, or the only one whose name begins with it.
fn long(name: &str) -> Result<&'static Flag, Box<UsageError>> {
    if let Some(flag) = FLAGS.iter().find(|flag| !name.is_empty() && flag.long == name) {
        return Ok(flag);
    }
    let (mut only, mut candidates) = (None, String::new());
    for flag in FLAGS {
        if !name.is_empty() && flag.long.starts_with(name) {
            let comma = if candidates.is_empty() { "" } else { ", " };
            let _ = write!(candidates, "{comma}--{}", flag.long);
            only = if comma.is_empty() { Some(flag) } else { None };
        }
    }
    if let Some(flag) = only {
        return Ok(flag);
    }
    let option = format!("--{name}");
    if !candidates.is_empty() {
        return Err(UsageError::AmbiguousOption { option, candidates }.into());
    }
    let nearest = nearest(name, &mut FLAGS.iter().map(|flag| flag.long)).map(|name| format!("--{name}"));
    Err(UsageError::UnknownOption { option, nearest }.into())
}

/// Reads the variables of the table. An empty one counts as unset.
fn environment(variable: &dyn Fn(&str) -> Option<OsString>, draft: &mut Draft) -> Result<(), Box<UsageError>> {
    for flag in FLAGS {
        let Some(name) = flag.variable else { continue };
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        if let Effect::Bytes(_, slot) = &flag.effect {
            *slot(draft) = Some(value);
            continue;
        }
        let result = set_by_variable(flag, &value.to_string_lossy(), draft);
        result.map_err(|error| UsageError::Value { origin: name.to_owned(), error })?;
    }
    Ok(())
}

#[cold]
#[inline(never)]
fn set_by_variable(flag: &Flag, value: &str, draft: &mut Draft) -> Result<(), ValueError> {
    match &flag.effect {
        Effect::Value(_, set) => set(draft, value)?,
        Effect::Switch(switch) => *switch(draft) = Some(on_or_off(value)?),
        Effect::Level(level) => {
            let number = number(value.as_bytes()).and_then(|number| u8::try_from(number).ok());
            *level(draft) = Some(match number {
                Some(number) => number,
                None => on_or_off(value)?.into(),
            });
        }
        Effect::Bytes(..) | Effect::Print(_) | Effect::Shorthand(..) | Effect::Pid(_) => {}
    }
    Ok(())
}

/// Reads the variables of dumb-init, each of which says something with one value alone.
fn environment_of_dumb_init(variable: &dyn Fn(&str) -> Option<OsString>, draft: &mut Draft) {
    for flag in FLAGS {
        if flag.of_dumb_init.is_some_and(|(name, value)| variable(name).is_some_and(|found| found == value)) {
            match &flag.effect {
                Effect::Switch(switch) => *switch(draft) = Some(true),
                Effect::Level(level) => *level(draft) = Some(1),
                Effect::Value(..) | Effect::Bytes(..) | Effect::Shorthand(..) | Effect::Print(_) | Effect::Pid(_) => {}
            }
        }
    }
}

fn on_or_off(word: &str) -> Result<bool, ValueError> {
    let lower = word.to_ascii_lowercase();
    let is_one_of = |words: &[&str]| words.contains(&lower.as_str());
    if is_one_of(&["1", "true", "yes", "on"]) {
        Ok(true)
    } else if is_one_of(&["0", "false", "no", "off"]) {
        Ok(false)
    } else {
        Err(ValueError::NotASwitch(word.to_owned()))
    }
}

#[cfg(test)]
mod tests;
