//! The flags: one table that the parser, the environment and the help text all read. No flag is spelled anywhere else.

#![forbid(unsafe_code)]

use crate::error::ValueError;
use crate::route::Rule;

/// A flag of the command line.
#[derive(Debug)]
pub struct Flag {
    /// Its short form.
    pub short: Option<char>,
    /// Its long form, without the dashes.
    pub long: &'static str,
    /// The environment variable that says the same.
    pub variable: Option<&'static str>,
    /// What it does, in lines of the help text.
    pub help: &'static [&'static str],
    /// What it changes.
    pub effect: Effect,
}

/// What a flag changes.
#[derive(Debug)]
pub enum Effect {
    /// It takes a value, which the help text calls by this name.
    Value(&'static str, fn(&mut Draft, &str) -> Result<(), ValueError>),
    /// It is on or off.
    Switch(fn(&mut Draft) -> &mut Option<bool>),
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

/// What one source of settings says: the command line, or the environment. What it does not mention is `None`.
#[derive(Debug, Default, Clone)]
pub struct Draft {
    /// Rewrite rules, in their order.
    pub rules: Vec<Rule>,
    /// `--single-child`.
    pub single_child: Option<bool>,
    /// How often `--verbose`.
    pub verbosity: Option<u8>,
}

/// Every flag, in the order of the help text.
pub const FLAGS: &[Flag] = &[
    Flag {
        short: Some('r'),
        long: "rewrite",
        variable: Some("SESSION_INIT_REWRITE"),
        help: &[
            "turn signal FROM into TO before it is sent on; a TO of 0 drops it;",
            "may be repeated, and the last rule for a signal wins",
        ],
        effect: Effect::Value("FROM:TO[,...]", |draft, value| {
            draft.rules.extend(Rule::parse_list(value)?);
            Ok(())
        }),
    },
    Flag {
        short: Some('c'),
        long: "single-child",
        variable: Some("SESSION_INIT_SINGLE_CHILD"),
        help: &["make no new session, and send signals to COMMAND's process alone"],
        effect: Effect::Switch(|draft| &mut draft.single_child),
    },
    Flag {
        short: Some('v'),
        long: "verbose",
        variable: Some("SESSION_INIT_VERBOSE"),
        help: &["print every decision to stderr (-vv: also those about URG)"],
        effect: Effect::Level(|draft| &mut draft.verbosity),
    },
    Flag {
        short: Some('h'),
        long: "help",
        variable: None,
        help: &["print this text"],
        effect: Effect::Print(Page::Help),
    },
    Flag {
        short: Some('V'),
        long: "version",
        variable: None,
        help: &["print the version"],
        effect: Effect::Print(Page::Version),
    },
];

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
        distinct(FLAGS.iter().map(|flag| flag.long.to_owned()).collect());
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
