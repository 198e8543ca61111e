//! What the supervisor hears of.

#![forbid(unsafe_code)]

use crate::exit::Ended;
use crate::signal::{Origin, Signal};

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// session-init got a signal other than CHLD.
    Signal(Signal, Origin),
    /// session-init had stopped itself, and got CONT.
    Resumed(Origin),
    /// This signal has stopped COMMAND.
    CommandStopped(Signal),
    /// [`Action::Stop`](super::Action::Stop) with this signal did not stop session-init: the kernel does not let the terminal
    /// stop an orphaned process group, which nobody would continue (setpgid(2)).
    NotStopped(Signal),
    /// COMMAND ended; it has not been reaped, so its pid still names its process group and nothing else.
    CommandEnded(Ended),
    /// No process is left; of those that outlived COMMAND this is how the last one ended, if there was one.
    NothingLeft(Option<Ended>),
    /// A deadline that was armed has passed.
    Passed(Deadline),
    /// The command that comes before a stop has ended, or could not be started.
    PreStopEnded,
    /// [`Action::KillAll`](super::Action::KillAll) has been carried out; this is how COMMAND ended, if it ended only now.
    AllKilled(Option<Ended>),
}

/// A point in time that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// The end of `--grace`.
    Grace,
    /// The end of `--kill-after`.
    KillAfter,
    /// The end of a wait among the steps that a signal has begun.
    Step(Signal),
}
