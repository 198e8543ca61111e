//! What the supervisor wants done.

#![forbid(unsafe_code)]

use std::time::Duration;

use super::event::Deadline;
use crate::exit::Ended;
use crate::rule::Target;
use crate::signal::Signal;

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the signal to the target.
    Send(Signal, Target),
    /// Send the signal to those of the target that are not in session-init's own process group, where everybody has it.
    SendOutside(Signal, Target),
    /// Send the signal, by which the end is asked for, to those of the target that have not got it.
    SendToOthers(Signal, Target),
    /// Send CONT to those of the target that are stopped, if COMMAND is.
    ContinueIfStopped(Target),
    /// Send CONT to those of the target that are stopped.
    Continue(Target),
    /// Ask what COMMAND leaves in the target to end, by this signal, and reap COMMAND, whose pid names nothing from now on.
    TakeLeave(Signal, Target),
    /// Reap COMMAND; its pid names nothing from now on.
    ReapCommand,
    /// Stop, by this signal.
    Stop(Signal),
    /// Stop, by this signal, if COMMAND is stopped at this moment.
    StopIfStopped(Signal),
    /// Put the terminal back as it was before COMMAND, which a signal has ended.
    RestoreTerminal,
    /// Tell when this much time has passed from now.
    Arm(Deadline, Duration),
    /// Do not tell, after all.
    Disarm(Deadline),
    /// Run the command that comes before a stop, for this signal.
    StartPreStop(Signal),
    /// Send KILL to everything until nothing is left, as long as that may take, and tell.
    KillAll(Deadline),
    /// End with the status that this makes, having reaped COMMAND.
    Finish(Ended),
}

/// What to do about one event, in order.
#[must_use]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Actions(pub(super) Vec<Action>);

impl Actions {
    #[inline(never)]
    pub(super) fn push(&mut self, action: Action) {
        self.0.push(action);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Action> {
        self.0.iter_mut()
    }

    /// The actions, first to last.
    pub fn iter(&self) -> impl Iterator<Item = Action> {
        self.0.iter().copied()
    }
}
