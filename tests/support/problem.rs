//! Why a case did not come to its good end.

use std::fmt;
use std::io;

/// Why a case did not come to its good end.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// What was seen is not what was promised.
    Failed(String),
    /// Something that the case needs is not there.
    Skipped(String),
    /// Somebody asked the suite to end.
    Interrupted,
}

/// What a case ends with.
pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

/// A case has failed, and this is why.
pub(crate) fn failed<T>(why: impl Into<String>) -> Result<T> {
    Err(Problem::Failed(why.into()))
}

/// A case needs what is not there.
pub(crate) fn skipped<T>(why: impl Into<String>) -> Result<T> {
    Err(Problem::Skipped(why.into()))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::Skipped(why) => f.write_str(why),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Says what was being done when an error came up.
pub(crate) trait Doing<T> {
    /// `doing` reads on after "cannot".
    fn doing(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Problem::Failed(format!("cannot {doing}: {error}")))
    }
}
