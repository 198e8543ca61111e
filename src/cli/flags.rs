//! The flags: one table that the parser, the environment and the help text all read. No flag is spelled anywhere else.

#![forbid(unsafe_code)]

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
    pub help: &'static [&'static str],
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
    /// It is on or off.
    Switch(fn(&mut Draft) -> &mut Option<bool>),
    /// It is short for another flag with this value.
    Shorthand(&'static str, fn(&mut Draft)),
    /// Each time it is given adds one.
    Level(fn(&mut Draft) -> &mut Option<u8>),
    /// It prints something, and nothing is run.
    Print(Page),
}

/// Something to print on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The help text.
    Help,
    /// The version line.
    Version,
}

/// `--rewrite`.
pub const REWRITE: Flag = Flag {
    short: Some('r'),
    long: "rewrite",
    variable: Some("SESSION_INIT_REWRITE"),
    of_dumb_init: None,
    group: Group::Signals,
    help: &[
        "FROM:TO turns signal FROM into TO before it is sent on, and a TO of 0",
        "drops it; FROM@TARGET and FROM:TO@TARGET also say whom it reaches;",
        "may be repeated, and the last rule for a signal wins",
    ],
    effect: Effect::Value("RULE[,...]", |draft, value| {
        draft.rules.extend(Rule::parse_list(value)?);
        Ok(())
    }),
    setting: None,
};

/// Every flag, in the order of the help text.
pub const FLAGS: &[Flag] = &[
    REWRITE,
    Flag {
        short: Some('c'),
        long: "single-child",
        variable: Some("SESSION_INIT_SINGLE_CHILD"),
        of_dumb_init: Some(("DUMB_INIT_SETSID", "0")),
        group: Group::Signals,
        help: &["make no new session, and send signals to COMMAND's process alone"],
        effect: Effect::Switch(|draft| &mut draft.single_child),
        setting: Some(Setting {
            is_said: |draft| draft.single_child.is_some(),
            value: |config| yes_or_no(config.single_child),
        }),
    },
    Flag {
        short: None,
        long: "target",
        variable: Some("SESSION_INIT_TARGET"),
        of_dumb_init: None,
        group: Group::Signals,
        help: &[
            "whom a signal reaches where its rule does not say: COMMAND's process",
            "(child), its process group (group, the default), every descendant in",
            "its session (session), or all that comes from COMMAND (all)",
        ],
        effect: Effect::Value("TARGET", |draft, value| {
            draft.target = Some(Target::parse(value)?);
            Ok(())
        }),
        setting: Some(Setting { is_said: |draft| draft.target.is_some(), value: |config| config.target.to_string() }),
    },
    Flag {
        short: Some('g'),
        long: "",
        variable: None,
        of_dumb_init: None,
        group: Group::Signals,
        help: &["the same as --target group"],
        effect: Effect::Shorthand("--target group", |draft| draft.target = Some(Target::Group)),
        setting: None,
    },
    Flag {
        short: Some('t'),
        long: "grace",
        variable: Some("SESSION_INIT_GRACE"),
        of_dumb_init: None,
        group: Group::End,
        help: &[
            "once COMMAND has ended: ask all that is left to end too, wait for it",
            "at most this long, and kill the rest (5, 1.5s, 500ms, 2m, infinity)",
        ],
        effect: Effect::Value("DURATION", |draft, value| {
            draft.grace = Some(Period::parse(value)?);
            Ok(())
        }),
        setting: Some(Setting {
            is_said: |draft| draft.grace.is_some(),
            value: |config| none_or(Some(config.grace).filter(|grace| *grace != Period::Zero)),
        }),
    },
    Flag {
        short: Some('k'),
        long: "kill-after",
        variable: Some("SESSION_INIT_KILL_AFTER"),
        of_dumb_init: None,
        group: Group::End,
        help: &["this long after the first TERM, INT or QUIT: kill everything"],
        effect: Effect::Value("DURATION", |draft, value| {
            draft.kill_after = Some(Period::parse(value)?);
            Ok(())
        }),
        setting: Some(Setting {
            is_said: |draft| draft.kill_after.is_some(),
            value: |config| none_or(config.kill_after.map(Period::Finite)),
        }),
    },
    Flag {
        short: None,
        long: "linger",
        variable: Some("SESSION_INIT_LINGER"),
        of_dumb_init: None,
        group: Group::End,
        help: &["once COMMAND has ended: stay until all that it left has ended by", "itself"],
        effect: Effect::Switch(|draft| &mut draft.linger),
        setting: Some(Setting { is_said: |draft| draft.linger.is_some(), value: |config| yes_or_no(config.linger) }),
    },
    Flag {
        short: Some('e'),
        long: "remap-exit",
        variable: Some("SESSION_INIT_REMAP_EXIT"),
        of_dumb_init: None,
        group: Group::End,
        help: &["report exit status CODE as NEW, or as 0; may be repeated"],
        effect: Effect::Value("CODE[:NEW][,...]", |draft, value| {
            draft.remap_exit.extend(Remap::parse_list(value)?);
            Ok(())
        }),
        setting: Some(Setting {
            is_said: |draft| !draft.remap_exit.is_empty(),
            value: |config| Remap::list(&config.remap_exit),
        }),
    },
    Flag {
        short: Some('p'),
        long: "parent-death-signal",
        variable: Some("SESSION_INIT_PARENT_DEATH_SIGNAL"),
        of_dumb_init: None,
        group: Group::Other,
        help: &["the signal session-init gets when its own parent dies"],
        effect: Effect::Value("SIGNAL", |draft, value| {
            draft.parent_death_signal = Some(Signal::parse(value)?);
            Ok(())
        }),
        setting: Some(Setting {
            is_said: |draft| draft.parent_death_signal.is_some(),
            value: |config| none_or(config.parent_death_signal),
        }),
    },
    Flag {
        short: Some('s'),
        long: "subreaper",
        variable: None,
        of_dumb_init: None,
        group: Group::Other,
        help: &["accepted and ignored: session-init always is the reaper"],
        effect: Effect::Switch(|draft| &mut draft.subreaper),
        setting: None,
    },
    Flag {
        short: Some('w'),
        long: "warn-on-reap",
        variable: Some("SESSION_INIT_WARN_ON_REAP"),
        of_dumb_init: None,
        group: Group::Other,
        help: &["print a line for every orphan that is reaped"],
        effect: Effect::Switch(|draft| &mut draft.warn_on_reap),
        setting: Some(Setting {
            is_said: |draft| draft.warn_on_reap.is_some(),
            value: |config| yes_or_no(config.warn_on_reap),
        }),
    },
    Flag {
        short: Some('v'),
        long: "verbose",
        variable: Some("SESSION_INIT_VERBOSE"),
        of_dumb_init: Some(("DUMB_INIT_DEBUG", "1")),
        group: Group::Other,
        help: &["print every decision to stderr (-vv: also those about URG)"],
        effect: Effect::Level(|draft| &mut draft.verbosity),
        setting: Some(Setting {
            is_said: |draft| draft.verbosity.is_some(),
            value: |config| config.verbosity.to_string(),
        }),
    },
    Flag {
        short: None,
        long: "explain",
        variable: None,
        of_dumb_init: None,
        group: Group::Other,
        help: &["print what becomes of each signal and every setting, and run nothing"],
        effect: Effect::Switch(|draft| &mut draft.explain),
        setting: None,
    },
    Flag {
        short: Some('h'),
        long: "help",
        variable: None,
        of_dumb_init: None,
        group: Group::Other,
        help: &["print this text"],
        effect: Effect::Print(Page::Help),
        setting: None,
    },
    Flag {
        short: Some('V'),
        long: "version",
        variable: None,
        of_dumb_init: None,
        group: Group::Other,
        help: &["print the version"],
        effect: Effect::Print(Page::Version),
        setting: None,
    },
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
