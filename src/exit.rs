//! How COMMAND ended, and the exit status that says so.

#![forbid(unsafe_code)]

use std::fmt::{self, Write as _};

use crate::number::{cut, each};
use crate::signal::{Signal, digits};

/// How a process ended (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
}

impl Ended {
    /// The exit status that a shell would report: the process's own, or 128 and the number of the signal.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signaled(signal) => signal.number().saturating_add(128),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Signaled(signal) => write!(f, "was ended by {signal}"),
        }
    }
}

/// One `--remap-exit`: this exit status is reported as that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remap {
    code: u8,
    reported: u8,
}

impl Remap {
    /// Reads `CODE:NEW`, or `CODE`, for which 0 is reported.
    ///
    /// # Errors
    ///
    /// [`RemapError`] for anything else, and for what is not an exit status: those are 0 to 255.
    pub fn parse(word: &str) -> Result<Self, RemapError> {
        let (code, reported) = cut(word, ':');
        let reported = reported.unwrap_or("0");
        let status = |word| digits(word).and_then(|number| u8::try_from(number).ok());
        match (status(code), status(reported)) {
            (Some(code), Some(reported)) => Ok(Self { code, reported }),
            _ => Err(RemapError(word.to_owned())),
        }
    }

    /// Reads a list of them with commas between them.
    ///
    /// # Errors
    ///
    /// Those of [`Remap::parse`], for the first that is wrong.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, RemapError> {
        each(list, Self::parse)
    }

    /// The rules in words: `143 -> 0, 1 -> 2`, or `none`.
    #[must_use]
    pub fn list(rules: &[Self]) -> String {
        let mut words = String::new();
        for Self { code, reported } in rules {
            let comma = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{comma}{code} -> {reported}");
        }
        if words.is_empty() { "none".to_owned() } else { words }
    }

    /// What is reported for `status`: by the last rule that says something about it, else itself.
    #[must_use]
    pub fn apply(rules: &[Self], status: u8) -> u8 {
        rules.iter().rev().find(|rule| rule.code == status).map_or(status, |rule| rule.reported)
    }
}

/// It is not a rule for an exit status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an exit status from 0 to 255, or two of them such as 143:0")]
pub struct RemapError(String);

/// Exit statuses of session-init's own, as the shells and env(1) use them.
pub mod status {
    /// A usage error, or a start-up error before COMMAND was looked for.
    pub const USAGE: u8 = 1;
    /// COMMAND was found and could not be run.
    pub const NOT_RUNNABLE: u8 = 126;
    /// COMMAND was not found.
    pub const NOT_FOUND: u8 = 127;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_reported_as_the_last_rule_for_it_says() {
        let rules: Result<Vec<Remap>, _> = ["143", "1:2", "2:3", "1:9"].into_iter().map(Remap::parse).collect();
        let rules = rules.unwrap();
        for (status, reported) in [(143, 0), (1, 9), (2, 3), (3, 3), (0, 0)] {
            assert_eq!(Remap::apply(&rules, status), reported);
        }
    }

    #[test]
    fn what_is_no_exit_status_is_refused() {
        for word in ["", ":", "1:", ":1", "256", "1:256", "-1", "1:-1", "a", "1:2:3", " 1", "1 ", "0x1", "4294967297"] {
            assert!(Remap::parse(word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn an_end_is_told_in_words() {
        assert_eq!(Ended::Exited(7).to_string(), "exited with status 7");
        assert_eq!(Ended::Signaled(Signal::TERM).to_string(), "was ended by TERM");
    }

    #[test]
    fn death_by_a_signal_is_128_and_its_number() {
        assert_eq!(Ended::Exited(7).status(), 7);
        assert_eq!(Ended::Signaled(Signal::TERM).status(), 143);
        let last = Signal::all().last().map(Ended::Signaled).map(Ended::status);
        assert_eq!(last, Some(192));
    }
}
