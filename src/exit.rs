//! How COMMAND ended, and the exit status that says so.

#![forbid(unsafe_code)]

use std::fmt;

use crate::signal::Signal;

/// How a process ended (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    fn death_by_a_signal_is_128_and_its_number() {
        assert_eq!(Ended::Exited(7).status(), 7);
        assert_eq!(Ended::Signaled(Signal::TERM).status(), 143);
        let last = Signal::all().last().map(Ended::Signaled).map(Ended::status);
        assert_eq!(last, Some(192));
    }
}
