//! The flags: one table that the parser, the environment and the help text all read. No flag is spelled anywhere else.

#![forbid(unsafe_code)]

use std::ffi::OsString;

use super::settings::{Config, Draft};
use crate::error::ValueError;
use crate::exit::Remap;
use crate::period::Period;
use crate::rule::{Rule, Target};
use crate::signal::Signal;

/// A flag of the command line.
#[derive(Debug)]
pub struct Flag {
    /// Its short form.
    pub short: Option<char>,
    /// Its long form, without the dashes; empty where there is none.
    pub long: &'static str,
    /// The environment variable that says the same.
    pub variable: Option<&'static str>,
    /// The variable of dumb-init that says the same, and the one value of it that does.
    pub of_dumb_init: Option<(&'static str, &'static str)>,
    /// Where the help text lists it.
    pub group: Group,
    /// What it does, in lines of the help text.
    pub help: Help,
    /// What it changes.
    pub effect: Effect,
    /// What `--explain` says about it.
    pub setting: Option<Setting>,
}

/// A part of the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// What becomes of signals.
    Signals,
    /// What happens at the end.
    End,
    /// The rest.
    Other,
}

impl Group {
    /// Every group, in the order of the help text, with its heading.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Signals, "Signals"), (Self::End, "At the end"), (Self::Other, "Other options")];
}

/// A setting that the flag decides.
#[derive(Debug)]
pub struct Setting {
    /// Whether this source says something about it.
    pub is_said: fn(&Draft) -> bool,
    /// What it is in the end.
    pub value: fn(&Config) -> String,
}

/// What a flag changes.
#[derive(Debug)]
pub enum Effect {
    /// It takes a value, which the help text calls by this name.
    Value(&'static str, fn(&mut Draft, &str) -> Result<(), ValueError>),
    /// It takes a value of any bytes, which the help text calls by this name.
    Bytes(&'static str, fn(&mut Draft) -> &mut Option<OsString>),
    /// It is on or off.
    Switch(fn(&mut Draft) -> &mut Option<bool>),
    /// It is short for another flag with this value.
    Shorthand(&'static str, fn(&mut Draft)),
    /// Each time it is given adds one.
    Level(fn(&mut Draft) -> &mut Option<u8>),
    /// It takes a pid, behind an equals sign, or stands for that of PID 1.
    Pid(fn(&mut Draft) -> &mut Option<i32>),
    /// It prints something, and nothing is run.
    Print(Page),
}

impl Effect {
    /// What the help text calls the value that the flag takes, if it takes one.
    #[must_use]
    pub fn value(&self) -> Option<&'static str> {
        if let Self::Value(name, _) | Self::Bytes(name, _) = self { Some(name) } else { None }
    }
}

/// Something to print on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The help text.
    Help,
    /// The version line.
    Version,
}

impl Flag {
    const fn new(short: Option<char>, long: &'static str, group: Group, effect: Effect, help: Help) -> Self {
        Self { short, long, variable: None, of_dumb_init: None, group, help, effect, setting: None }
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    const fn of_dumb_init(mut self, name: &'static str, value: &'static str) -> Self {
        self.of_dumb_init = Some((name, value));
        self
    }

    const fn setting(mut self, is_said: fn(&Draft) -> bool, value: fn(&Config) -> String) -> Self {
        self.setting = Some(Setting { is_said, value });
        self
    }
}

type Help = &'static [&'static str];

/// `--rewrite`.
pub const REWRITE: Flag = Flag::new(
    Some('r'),
    "rewrite",
    Group::Signals,
    Effect::Value("RULE[,...]", |draft, value| {
        draft.rules.extend(Rule::parse_list(value)?);
        Ok(())
    }),
    &[
        "FROM:TO turns signal FROM into TO before it is sent on, and a TO of 0",
        "drops it; FROM@TARGET and FROM:TO@TARGET also say whom it reaches;",
        "FROM:STEP/STEP... sends signals and waits in turn (TERM:10s/TERM);",
        "may be repeated, and the last rule for a signal wins",
    ],
)
.variable("SESSION_INIT_REWRITE");

/// Every flag, in the order of the help text.
pub const FLAGS: &[Flag] = &[
    REWRITE,
    Flag::new(
        Some('c'),
        "single-child",
        Group::Signals,
        Effect::Switch(|draft| &mut draft.single_child),
        &["make no new session, and send signals to COMMAND's process alone"],
    )
    .variable("SESSION_INIT_SINGLE_CHILD")
    .of_dumb_init("DUMB_INIT_SETSID", "0")
    .setting(|draft| draft.single_child.is_some(), |config| yes_or_no(config.single_child)),
    Flag::new(
        None,
        "target",
        Group::Signals,
        Effect::Value("TARGET", |draft, value| {
            draft.target = Some(Target::parse(value)?);
            Ok(())
        }),
        &[
            "whom a signal reaches where its rule does not say: child, group,",
            "session or all; that is COMMAND's process, its process group (the",
            "default), every descendant in its session, or all that comes from it",
        ],
    )
    .variable("SESSION_INIT_TARGET")
    .setting(|draft| draft.target.is_some(), |config| config.target.to_string()),
    Flag::new(
        Some('g'),
        "",
        Group::Signals,
        Effect::Shorthand("--target group", |draft| draft.target = Some(Target::Group)),
        &["the same as --target group"],
    ),
    Flag::new(
        None,
        "pre-stop",
        Group::End,
        Effect::Bytes("COMMAND", |draft| &mut draft.pre_stop),
        &["run this by /bin/sh before the first TERM, INT or QUIT is sent on"],
    )
    .variable("SESSION_INIT_PRE_STOP")
    .setting(
        |draft| draft.pre_stop.is_some(),
        |config| none_or(config.pre_stop.as_ref().map(|it| it.to_string_lossy())),
    ),
    Flag::new(
        Some('t'),
        "grace",
        Group::End,
        Effect::Value("DURATION", |draft, value| {
            draft.grace = Some(Period::parse(value)?);
            Ok(())
        }),
        &[
            "once COMMAND has ended: ask all that is left to end too, wait for it",
            "at most this long, and kill the rest (5, 1.5s, 500ms, 2m, infinity)",
        ],
    )
    .variable("SESSION_INIT_GRACE")
    .setting(
        |draft| draft.grace.is_some(),
        |config| none_or(Some(config.grace).filter(|grace| *grace != Period::Zero)),
    ),
    Flag::new(
        Some('k'),
        "kill-after",
        Group::End,
        Effect::Value("DURATION", |draft, value| {
            draft.kill_after = Some(Period::parse(value)?);
            Ok(())
        }),
        &["this long after the first TERM, INT or QUIT: kill everything"],
    )
    .variable("SESSION_INIT_KILL_AFTER")
    .setting(|draft| draft.kill_after.is_some(), |config| none_or(config.kill_after.map(Period::Finite))),
    Flag::new(
        None,
        "linger",
        Group::End,
        Effect::Switch(|draft| &mut draft.linger),
        &["once COMMAND has ended: stay until all that it left has ended by", "itself"],
    )
    .variable("SESSION_INIT_LINGER")
    .setting(|draft| draft.linger.is_some(), |config| yes_or_no(config.linger)),
    Flag::new(
        Some('e'),
        "remap-exit",
        Group::End,
        Effect::Value("CODE[:NEW][,...]", |draft, value| {
            draft.remap_exit.extend(Remap::parse_list(value)?);
            Ok(())
        }),
        &["report exit status CODE as NEW, or as 0; may be repeated"],
    )
    .variable("SESSION_INIT_REMAP_EXIT")
    .setting(|draft| !draft.remap_exit.is_empty(), |config| Remap::list(&config.remap_exit)),
    Flag::new(
        None,
        "exit-by-signal",
        Group::End,
        Effect::Switch(|draft| &mut draft.exit_by_signal),
        &["where a signal ended COMMAND, end by that signal too"],
    )
    .variable("SESSION_INIT_EXIT_BY_SIGNAL")
    .setting(|draft| draft.exit_by_signal.is_some(), |config| yes_or_no(config.exit_by_signal)),
    Flag::new(
        Some('p'),
        "parent-death-signal",
        Group::Other,
        Effect::Value("SIGNAL", |draft, value| {
            draft.parent_death_signal = Some(Signal::parse(value)?);
            Ok(())
        }),
        &["the signal session-init gets when its own parent dies"],
    )
    .variable("SESSION_INIT_PARENT_DEATH_SIGNAL")
    .setting(|draft| draft.parent_death_signal.is_some(), |config| none_or(config.parent_death_signal)),
    Flag::new(
        Some('P'),
        "pause",
        Group::Other,
        Effect::Switch(|draft| &mut draft.pause),
        &["run no COMMAND: reap, and end at TERM or INT, as podman's pods want it"],
    ),
    Flag::new(
        Some('s'),
        "subreaper",
        Group::Other,
        Effect::Switch(|draft| &mut draft.subreaper),
        &["accepted and ignored: session-init always is the reaper"],
    ),
    Flag::new(
        Some('w'),
        "warn-on-reap",
        Group::Other,
        Effect::Switch(|draft| &mut draft.warn_on_reap),
        &["print a line for every orphan that is reaped"],
    )
    .variable("SESSION_INIT_WARN_ON_REAP")
    .setting(|draft| draft.warn_on_reap.is_some(), |config| yes_or_no(config.warn_on_reap)),
    Flag::new(
        Some('v'),
        "verbose",
        Group::Other,
        Effect::Level(|draft| &mut draft.verbosity),
        &["print every decision to stderr (-vv: also those about URG)"],
    )
    .variable("SESSION_INIT_VERBOSE")
    .of_dumb_init("DUMB_INIT_DEBUG", "1")
    .setting(|draft| draft.verbosity.is_some(), |config| config.verbosity.to_string()),
    Flag::new(
        None,
        "explain",
        Group::Other,
        Effect::Switch(|draft| &mut draft.explain),
        &["print what becomes of each signal and every setting, and run nothing"],
    ),
    Flag::new(
        None,
        "inspect",
        Group::Other,
        Effect::Pid(|draft| &mut draft.inspect),
        &["print what runs under PID 1, or another, and what a TERM would do"],
    ),
    Flag::new(Some('h'), "help", Group::Other, Effect::Print(Page::Help), &["print this text"]),
    Flag::new(Some('V'), "version", Group::Other, Effect::Print(Page::Version), &["print the version"]),
];

const NONE: &str = "none";

fn none_or<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_flags_share_a_name_or_a_variable() {
        let distinct = |names: Vec<String>| {
            let count = names.len();
            assert_eq!(names.into_iter().collect::<HashSet<_>>().len(), count);
        };
        distinct(FLAGS.iter().map(|flag| flag.long.to_owned()).filter(|long| !long.is_empty()).collect());
        distinct(FLAGS.iter().filter_map(|flag| flag.short).map(String::from).collect());
        distinct(FLAGS.iter().filter_map(|flag| flag.variable).map(String::from).collect());
    }

    #[test]
    fn every_flag_is_described_and_its_variable_is_called_as_it_is() {
        for flag in FLAGS {
            assert!(!flag.help.is_empty(), "{}", flag.long);
            if let Some(variable) = flag.variable {
                assert_eq!(variable, format!("SESSION_INIT_{}", flag.long.to_uppercase().replace('-', "_")));
            }
        }
    }
}
