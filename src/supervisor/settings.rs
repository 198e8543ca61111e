//! What decides how the supervisor answers.

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::period::Period;
use crate::route::{Place, Table};

/// When session-init stops because COMMAND is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    /// As PID 1 it cannot (`pid_namespaces(7)`).
    Never,
    /// Where somebody has asked session-init to stop, who will ask it to go on.
    WhenAsked,
    /// Always: they are a job of a shell, which is to have its prompt.
    AsJob,
}

/// The settings that decide what the supervisor does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What becomes of each signal.
    pub table: Table,
    /// Where COMMAND lives.
    pub place: Place,
    /// (`-c`) Signals go to COMMAND's process, and at the end nobody is told without a clock.
    pub single_child: bool,
    /// When session-init stops with COMMAND.
    pub stops: Stops,
    /// There is a command to run before a stop.
    pub pre_stop: bool,
    /// How long what COMMAND leaves behind may take to end.
    pub grace: Period,
    /// How long everything may take to end once COMMAND was asked to; `None` for as long as it likes.
    pub kill_after: Option<Duration>,
    /// Stay, and send no signal, until what COMMAND leaves behind has ended; there is no grace then.
    pub linger: bool,
}
