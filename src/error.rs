//! What is wrong with a command line, or with the environment.

#![forbid(unsafe_code)]

use crate::exit::RemapError;
use crate::period::PeriodError;
use crate::rule::{RuleError, TargetError};
use crate::signal::SignalError;

/// A wrong command line or environment.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// There is no COMMAND.
    #[error("no command given")]
    NoCommand,
    /// `--pause`, and there is a COMMAND.
    #[error("--pause runs no command")]
    PauseAndCommand,
    /// `--inspect`, and there is a COMMAND.
    #[error("--inspect runs no command, and takes its pid behind an equals sign (--inspect=57)")]
    InspectAndCommand,
    /// No flag has this name.
    #[error("unknown option '{option}'{}", crate::nearest::hint(.nearest.as_deref()))]
    UnknownOption {
        /// The option as it was given.
        option: String,
        /// One that is close to it.
        nearest: Option<String>,
    },
    /// Several flags begin with this name.
    #[error("option '{option}' could be {candidates}")]
    AmbiguousOption {
        /// The option as it was given.
        option: String,
        /// The options it may stand for, with commas between them.
        candidates: String,
    },
    /// The last word is an option that takes a value.
    #[error("option '{0}' needs a value")]
    MissingValue(String),
    /// `--switch=value`.
    #[error("option '{0}' takes no value")]
    UnexpectedValue(String),
    /// A value of an option or of a variable is wrong.
    #[error("{origin}: {error}")]
    Value {
        /// The option or the variable.
        origin: String,
        /// What is wrong with the value.
        error: ValueError,
    },
    /// Without a session and a group of its own COMMAND cannot be reached through one: what says the target, and what says
    /// `--single-child`.
    #[error(
        "{0} contradicts {1}: COMMAND then shares its group and session with session-init, so neither can be a target"
    )]
    TargetNeedsSession(String, String),
    /// One asks what is left to end, the other waits until it does by itself: what says `--grace`, and what `--linger`.
    #[error("{0} contradicts {1}: one asks what is left to end, the other waits until it does by itself")]
    GraceAndLinger(String, String),
    /// lexopt does not know what to do with a word, though every value has been asked for.
    #[error("the command line cannot be read")]
    Unreadable,
}

/// A wrong value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is not a rewrite rule.
    #[error(transparent)]
    Rule(#[from] Box<RuleError>),
    /// It is not a target.
    #[error(transparent)]
    Target(#[from] Box<TargetError>),
    /// It is not a signal.
    #[error(transparent)]
    Signal(#[from] Box<SignalError>),
    /// It is not a duration.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// It is not a rule for an exit status.
    #[error(transparent)]
    Remap(#[from] RemapError),
    /// It is not a pid.
    #[error("'{0}' is not the pid of a process")]
    NotAPid(String),
    /// It is not a word that turns something on or off.
    #[error("'{0}' is neither 1 nor 0 (nor yes, no, true, false, on, off)")]
    NotASwitch(String),
}
