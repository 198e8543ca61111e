//! Whom a signal was meant to reach, in words.

#![forbid(unsafe_code)]

use std::fmt;

use crate::rule::Target;
use crate::sys::Pid;

/// Whom a signal was meant to reach, and how many it has reached where that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Process(Pid),
    Group(Pid, Option<usize>),
    Session(Pid, Option<usize>),
    Descendants(Option<usize>),
    Everybody,
}

impl Whom {
    pub(super) fn new(command: Pid, target: Target, group: Option<Pid>, session: Option<Pid>) -> Self {
        match target {
            Target::Child => Self::Process(command),
            Target::Group => Self::Group(group.unwrap_or(command), None),
            Target::Session => Self::Session(session.unwrap_or(command), None),
            Target::All => Self::Descendants(None),
        }
    }

    pub(super) fn counted(self, count: usize) -> Self {
        match self {
            Self::Group(id, _) => Self::Group(id, Some(count)),
            Self::Session(id, _) => Self::Session(id, Some(count)),
            Self::Descendants(_) => Self::Descendants(Some(count)),
            Self::Process(_) | Self::Everybody => self,
        }
    }
}

/// That nobody is left there.
pub(crate) struct Gone(pub(crate) Whom);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Whom::Process(pid) => write!(f, "process {pid} is gone"),
            Whom::Group(id, _) => write!(f, "nobody is left in group {id}"),
            Whom::Session(id, _) => write!(f, "nobody is left in session {id}"),
            Whom::Descendants(_) | Whom::Everybody => f.write_str("nobody is left"),
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self {
            Self::Process(pid) => return write!(f, "process {pid}"),
            Self::Everybody => return f.write_str("all processes"),
            Self::Descendants(Some(1)) => return f.write_str("1 descendant"),
            Self::Descendants(Some(count)) => return write!(f, "{count} descendants"),
            Self::Descendants(None) => return f.write_str("the descendants"),
            Self::Group(id, count) => {
                write!(f, "group {id}")?;
                count
            }
            Self::Session(id, count) => {
                write!(f, "session {id}")?;
                count
            }
        };
        count.map_or(Ok(()), |count| write!(f, " ({})", Count(count)))
    }
}

/// `1 process`, `2 processes`.
pub(crate) struct Count(pub(crate) usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} process{}", self.0, if self.0 == 1 { "" } else { "es" })
    }
}

/// `17 (sleep), 21 (node)`.
pub(crate) struct Names<'list>(pub(crate) &'list [(Pid, String)]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (pid, name)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{pid} ({name})")?;
        }
        Ok(())
    }
}
