//! What there is to say something about.

#![forbid(unsafe_code)]

use crate::cli::parse::is_init;
use crate::cli::settings::{Config, Sources};
use crate::cli::table::{Text, decimal, fill, printable};
use crate::signal::Signal;
use crate::stat::Stat;
use crate::status::{Status, holds};

/// What was found.
#[derive(Debug)]
pub struct Inspected {
    /// The command line of the process that was asked about.
    pub arguments: Vec<String>,
    /// What is known of it.
    pub role: Role,
    /// It, and then what runs below it, each process before its children.
    pub processes: Vec<Process>,
    /// What could not be read, in words.
    pub missing: Vec<String>,
}

/// What the process that was asked about is.
#[derive(Debug)]
pub enum Role {
    /// A session-init, or an init that understands the same command line.
    Init {
        /// What was read from its command line and its environment.
        config: Box<Config>,
        /// Where that stands.
        sources: Box<Sources>,
        /// COMMAND's pid, or `None` where it has ended.
        command: Option<i32>,
    },
    /// A session-init that runs no COMMAND.
    Pause,
    /// Some other program.
    Program,
}

/// One process of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Its pid.
    pub pid: i32,
    /// What /proc says about it.
    pub stat: &'static Stat,
    /// What it makes of signals; `None` where that may not be read.
    pub status: Option<&'static Status>,
    /// How far it is below the top.
    pub depth: usize,
    /// It came from outside the PID namespace (`docker exec`), or comes from one that did.
    pub has_entered: bool,
}

/// What a process makes of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Default,
    Handled,
    Ignored,
    Blocked,
    /// It is blocked, and one is waiting.
    Pending,
    Unknown,
}

impl Takes {
    pub(super) fn word(self) -> Text {
        match self {
            Self::Default => "default",
            Self::Handled => "handled",
            Self::Ignored => "ignored",
            Self::Blocked => "blocked",
            Self::Pending => "pending",
            Self::Unknown => "?",
        }
    }
}

impl Process {
    /// The first process of a PID namespace gets no signal that it does not handle (`pid_namespaces(7)`).
    #[inline(never)]
    pub(super) fn takes(&self, signal: Signal) -> Takes {
        let Some(status) = self.status else { return Takes::Unknown };
        match signal {
            Signal::KILL | Signal::STOP => Takes::Default,
            _ if holds(status.ignored, signal) => Takes::Ignored,
            _ if holds(status.caught & !status.blocked | status.read, signal) => Takes::Handled,
            // It waits for it as soon as it has done what it is about.
            _ if holds(status.blocked, signal) && is_init(self.stat.name.as_bytes()) => Takes::Handled,
            _ if holds(status.blocked, signal) && holds(status.pending, signal) => Takes::Pending,
            _ if holds(status.blocked, signal) => Takes::Blocked,
            _ if status.innermost_pid == 1 => Takes::Ignored,
            _ => Takes::Default,
        }
    }

    /// `17 (sh)`.
    #[inline(never)]
    pub(super) fn name(&self) -> Text {
        fill("% (%)", &[decimal(self.pid.into()), printable(&self.stat.name)])
    }
}

impl Role {
    pub(super) fn is_init(&self) -> bool {
        !matches!(self, Self::Program)
    }
}
