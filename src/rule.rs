//! Rewrite rules as they are written, and the targets that they name.

#![forbid(unsafe_code)]

use std::fmt;

use crate::nearest::nearest;
use crate::signal::{Signal, SignalError};

/// Whom a signal reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// COMMAND's process.
    Child,
    /// COMMAND's process group.
    Group,
    /// Every descendant in COMMAND's session, whatever its process group.
    Session,
    /// Every process that session-init answers for: as PID 1 all others in its PID namespace, else its descendants.
    All,
}

impl Target {
    const NAMES: [(&str, Self); 4] =
        [("child", Self::Child), ("group", Self::Group), ("session", Self::Session), ("all", Self::All)];

    /// Reads a target's name.
    ///
    /// # Errors
    ///
    /// [`TargetError`] where it is none.
    pub fn parse(word: &str) -> Result<Self, TargetError> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == word);
        known.map(|(_, target)| *target).ok_or_else(|| TargetError {
            word: word.to_owned(),
            nearest: nearest(word, &mut Self::NAMES.iter().map(|(name, _)| *name)),
        })
    }

    /// Whether COMMAND must have a session, and so a process group, of its own for this target to make sense.
    #[must_use]
    pub fn needs_session(self) -> bool {
        matches!(self, Self::Group | Self::Session)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, target)| target == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// No target has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not a target: write child, group, session or all{}", crate::nearest::hint(*.nearest))]
pub struct TargetError {
    word: String,
    nearest: Option<&'static str>,
}

/// One rule of the command line or the environment: `FROM:TO`, `FROM:TO@TARGET` or `FROM@TARGET`, where a TO of 0 drops
/// the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    from: Signal,
    to: To,
    target: Option<Target>,
}

/// What a rule says about the signal that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// What it is without the rule.
    Unsaid,
    /// Nobody gets anything.
    Nothing,
    /// This signal.
    Signal(Signal),
}

impl Rule {
    /// Reads one rule.
    ///
    /// # Errors
    ///
    /// [`RuleError`] for anything that is not exactly a rule, and for signals that cannot be forwarded.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        let (signals, target) = match rule.split_once('@') {
            Some((signals, target)) => (signals, Some(target)),
            None => (rule, None),
        };
        let (from, to) = match signals.split_once(':') {
            Some((from, to)) => (from, Some(to)),
            None => (signals, None),
        };
        let says_nothing = to.is_none() && target.is_none();
        if says_nothing || from.is_empty() || to.is_some_and(|to| to.is_empty() || to.contains(':')) {
            return Err(RuleError::NotARule(rule.to_owned()));
        }
        let target = target.map(Target::parse).transpose()?;
        let from = Signal::parse(from)?;
        match from {
            Signal::KILL | Signal::STOP => return Err(RuleError::CannotBeCaught(from)),
            Signal::CHLD => return Err(RuleError::Child),
            _ => {}
        }
        let to = match to {
            None => To::Unsaid,
            Some(number) if crate::signal::digits(number) == Some(0) => To::Nothing,
            Some(signal) => To::Signal(Signal::parse(signal)?),
        };
        Ok(Self { from, to, target })
    }

    /// The signal that the rule is about.
    #[must_use]
    pub fn from(&self) -> Signal {
        self.from
    }

    /// What becomes of it.
    #[must_use]
    pub fn to(&self) -> To {
        self.to
    }

    /// The target that the rule names.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        self.target
    }

    /// Leaves the target open, where it is such a one.
    pub fn drop_target(&mut self, is_such: fn(Target) -> bool) {
        self.target = self.target.filter(|target| !is_such(*target));
    }

    /// Reads a list of rules with commas between them.
    ///
    /// # Errors
    ///
    /// Those of [`Rule::parse`], for the first rule that is wrong.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, RuleError> {
        list.split(',').map(Self::parse).collect()
    }
}

/// What can be wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The word has not the form of a rule.
    #[error("'{0}' is not a rule: write FROM:TO, FROM:TO@TARGET or FROM@TARGET, such as TERM:QUIT, 15:3 or HUP@child")]
    NotARule(String),
    /// Nobody can catch KILL and STOP (signal(7)).
    #[error("{0} cannot be rewritten: no process can catch it, so session-init never sees it")]
    CannotBeCaught(Signal),
    /// CHLD tells session-init about its own children.
    #[error("CHLD cannot be rewritten: it is how ended children are reported, and is never forwarded")]
    Child,
    /// One of the two signals is none.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_not_the_shape_of_a_rule_is_called_none() {
        for rule in ["", "15", ":", ":3", "15:", "15:@all", "@child", ":3@all", "1:2:3", "1::3", "1:2:"] {
            assert!(matches!(Rule::parse(rule), Err(RuleError::NotARule(_))), "{rule}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_rule_is_refused() {
        for rule in [
            "",
            "15",
            ":",
            "15:",
            ":3",
            "15:3abc",
            "0:3",
            "15:65",
            "65:15",
            "15:3:9",
            "15 :3",
            " 15:3",
            "15:3 ",
            "-15:3",
            "15:-3",
            "+15:3",
            "15:=3",
            "=15:3",
            "15:3,",
            ",15:3",
            "15:3,,1:2",
            "KILL:TERM",
            "9:15",
            "STOP:TERM",
            "CHLD:TERM",
            "HUP@",
            "@child",
            "HUP@@child",
            "HUP@child@all",
            "HUP@kid",
            "HUP:@child",
            "HUP@Child",
            "HUP @child",
            "HUP@child ",
            ":3@child",
            "CHLD@all",
            "17:0",
            "15;3",
            "１５:3",
            "4294967311:3",
            "99999999999999999999:3",
        ] {
            assert!(Rule::parse_list(rule).is_err(), "{rule:?}");
        }
    }

    #[test]
    fn the_error_says_why_a_signal_has_no_rule() {
        let message = |rule| Rule::parse(rule).map_err(|error| error.to_string());
        assert_eq!(
            message("9:15"),
            Err("KILL cannot be rewritten: no process can catch it, so session-init never sees it".to_owned())
        );
        assert!(message("CLD:0").is_err_and(|text| text.contains("how ended children are reported")));
        assert!(message("TREM:3").is_err_and(|text| text.ends_with("did you mean TERM?")));
    }

    proptest! {
        #[test]
        fn no_word_makes_the_parser_panic(word in "\\PC*") {
            let _ = Rule::parse_list(&word);
        }
    }
}
