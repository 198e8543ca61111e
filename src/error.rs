//! What keeps COMMAND from being started.
//!
//! From the moment COMMAND runs there are no such errors: session-init reports what goes wrong and goes on, and
//! COMMAND's status decides its own.

#![forbid(unsafe_code)]

use nix::errno::Errno;

use crate::exit::RemapError;
use crate::exit::status;
use crate::period::PeriodError;
use crate::route::{RuleError, TargetError};
use crate::signal::SignalError;
use crate::sys::describe;

/// A wrong command line or environment.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// There is no COMMAND.
    #[error("no command given")]
    NoCommand,
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
    TargetNeedsSession(&'static str, &'static str),
    /// One asks what is left to end, the other waits until it does by itself: what says `--grace`, and what `--linger`.
    #[error("{0} contradicts {1}: one asks what is left to end, the other waits until it does by itself")]
    GraceAndLinger(&'static str, &'static str),
    /// lexopt does not know what to do with a word, though every value has been asked for.
    #[error("the command line cannot be read")]
    Unreadable,
}

/// A wrong value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is no rewrite rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// It is no target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// It is no signal.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// It is no duration.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// It is no rule for an exit status.
    #[error(transparent)]
    Remap(#[from] RemapError),
    /// It is not a word that turns something on or off.
    #[error("'{0}' is neither 1 nor 0 (nor yes, no, true, false, on, off)")]
    NotASwitch(String),
}

/// What goes wrong between a good command line and a running COMMAND.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A signal could not be kept waiting, or COMMAND could not be given the mask that is its due.
    #[error("cannot set the signal mask: {}", describe(*.0))]
    Mask(Errno),
    /// SIGCHLD, which tells about ended children, is ignored and stays so.
    #[error("cannot set the disposition of SIGCHLD: {}", describe(*.0))]
    Disposition(Errno),
    /// There could be no child process.
    #[error("cannot start a process: {}", describe(*.0))]
    Clone(Errno),
    /// COMMAND was not found.
    #[error("{command}: {}", describe(Errno::ENOENT))]
    NotFound {
        /// COMMAND as it was given.
        command: String,
    },
    /// COMMAND was found and cannot be run.
    #[error("{command}: {}", describe(*.error))]
    NotRunnable {
        /// COMMAND as it was given.
        command: String,
        /// Why not.
        error: Errno,
    },
    /// COMMAND was found, but not the program that is to run it.
    #[error("{command}: the interpreter or loader that it names: {}", describe(Errno::ENOENT))]
    NoInterpreter {
        /// COMMAND as it was given.
        command: String,
    },
}

impl StartError {
    /// The exit status that tells about it.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Mask(_) | Self::Disposition(_) | Self::Clone(_) => status::USAGE,
            Self::NotFound { .. } => status::NOT_FOUND,
            Self::NotRunnable { .. } | Self::NoInterpreter { .. } => status::NOT_RUNNABLE,
        }
    }
}
