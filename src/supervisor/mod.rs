//! What session-init does about what happens: a state machine that knows no system call, no clock and no process.
//!
//! [`Supervisor::handle`] takes an [`Event`] and answers with [`Actions`], to be carried out in their order.
//!
//! ```text
//!            COMMAND ended                                    nothing left
//! Running ------------------> Leaving (with a clock or --linger) ------------> Finished
//!    |           |                            |                                  ^  ^
//!    |           +----------------------------|----(with neither)----------------+  |
//!    |  kill-after has passed                 |  grace or kill-after has passed     |
//!    +------------------------> Killing <-----+                                     |
//!                                  |                 all killed                     |
//!                                  +------------------------------------------------+
//! ```
//!
//! Besides, each signal may have begun a sequence of steps, and a command may run before a stop: neither outlives COMMAND
//! by more than that command's end, unless session-init stays anyway.

#![forbid(unsafe_code)]

mod action;
mod event;
#[cfg(test)]
pub(crate) mod proof;
mod settings;
mod signals;
mod steps;
#[cfg(test)]
mod tests;

pub use action::{Action, Actions};
pub use event::{Deadline, Event};
pub use settings::{Settings, Stops};
use steps::Steps;

use crate::exit::Ended;
use crate::period::Period;
use crate::route::Place;
use crate::rule::Target;
use crate::signal::{Origin, Signal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum Phase {
    Running,
    /// COMMAND ended like this; what it left behind may still do so.
    Leaving(Ended),
    /// Everything is being killed; COMMAND ended like this, if it ended before.
    Killing(Option<Ended>),
    Finished,
}

/// The state machine.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    phase: Phase,
    /// A signal has asked COMMAND to end.
    asked_to_end: bool,
    /// A process has asked session-init to stop, and will ask it to go on.
    asked_to_stop: bool,
    /// session-init stays after COMMAND's end, and not only until the command before a stop has ended too.
    stays: bool,
    pre_stop: PreStop,
    steps: Steps,
}

/// The command that comes before a stop.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Clone, Hash))]
enum PreStop {
    /// There is none, or it has ended.
    None,
    /// It is to be run.
    Ready,
    /// It runs, and these wait for its end.
    Runs(Vec<(Signal, Origin)>),
}

impl Supervisor {
    /// The state in which COMMAND runs and nothing has happened yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let pre_stop = if settings.pre_stop { PreStop::Ready } else { PreStop::None };
        Self {
            settings,
            phase: Phase::Running,
            asked_to_end: false,
            asked_to_stop: false,
            stays: false,
            pre_stop,
            steps: Steps::default(),
        }
    }

    /// Whether it matters that COMMAND stops.
    #[must_use]
    pub fn follows_stops(&self) -> bool {
        match self.settings.stops {
            Stops::Never => false,
            Stops::WhenAsked => self.asked_to_stop,
            Stops::AsJob => true,
        }
    }

    /// What to do about `event`.
    pub fn handle(&mut self, event: Event) -> Actions {
        let mut all = Actions::default();
        let actions = &mut all;
        match (event, self.phase) {
            (Event::Signal(signal, origin), Phase::Running | Phase::Leaving(_)) => self.signal(signal, origin, actions),
            (Event::Resumed(origin), Phase::Running | Phase::Leaving(_)) => self.resumed(origin, actions),
            (Event::CommandStopped(signal), Phase::Running) => self.command_stopped(signal, actions),
            (Event::NotStopped(signal), Phase::Running | Phase::Leaving(_)) => self.not_stopped(signal, actions),
            (Event::CommandEnded(ended), Phase::Running) => self.command_ended(ended, actions),
            (Event::NothingLeft(last), Phase::Leaving(ended)) => self.nothing_left(ended, last, actions),
            (Event::Passed(Deadline::Step(signal)), Phase::Running | Phase::Leaving(_)) => {
                self.take_steps(signal, None, actions);
            }
            (Event::Passed(deadline), Phase::Running | Phase::Leaving(_)) => self.kill_all(deadline, actions),
            (Event::PreStopEnded, _) => self.pre_stop_ended(actions),
            (Event::AllKilled(ended), Phase::Killing(before)) => self.all_killed(before, ended, actions),
            _ => {}
        }
        all
    }

    fn pre_stop_ended(&mut self, actions: &mut Actions) {
        let PreStop::Runs(held) = &mut self.pre_stop else { return };
        let held = std::mem::take(held);
        self.pre_stop = PreStop::None;
        match self.phase {
            Phase::Running => {
                for (signal, origin) in &held {
                    self.pass_on(*signal, *origin, actions);
                }
                for (signal, origin) in held {
                    self.stop(signal, origin, actions);
                }
            }
            Phase::Leaving(ended) if !self.stays => self.finish(ended, actions),
            _ => {}
        }
    }

    fn command_stopped(&mut self, signal: Signal, actions: &mut Actions) {
        let signal = if self.asked_to_stop {
            Signal::STOP
        } else if !self.follows_stops() {
            return;
        } else if signal.is_job_control() {
            signal
        } else {
            // Unlike STOP it leaves a job alone that no shell would continue.
            Signal::TSTP
        };
        actions.push(Action::Stop(signal));
    }

    /// Without a shell that would continue the job Ctrl-Z stops nobody, and who has left the group is to notice nothing either.
    /// Who may not read or write goes on being stopped: it would try again at once.
    fn not_stopped(&mut self, signal: Signal, actions: &mut Actions) {
        if signal == Signal::TSTP {
            let target = if self.phase == Phase::Running { Target::Group } else { Target::All };
            actions.push(Action::Continue(target));
        }
    }

    fn command_ended(&mut self, ended: Ended, actions: &mut Actions) {
        let Settings { linger, single_child, grace, kill_after, .. } = self.settings;
        self.restore_terminal(ended, actions);
        // A clock that runs already gives what is left of its time, as a grace does.
        let has_clock = grace != Period::Zero || self.asked_to_end && kill_after.is_some();
        let stays = linger || has_clock;
        self.stays = stays;
        if linger || single_child && !stays {
            actions.push(Action::ReapCommand);
        } else {
            let target = if stays { Target::All } else { Target::Group };
            actions.push(Action::TakeLeave(self.settings.table.farewell(), target));
        }
        if !stays && !matches!(self.pre_stop, PreStop::Runs(_)) {
            return self.finish(ended, actions);
        }
        self.phase = Phase::Leaving(ended);
        if let Period::Finite(grace) = grace {
            actions.push(Action::Arm(Deadline::Grace, grace));
        }
    }

    fn kill_all(&mut self, deadline: Deadline, actions: &mut Actions) {
        let ended = if let Phase::Leaving(ended) = self.phase { Some(ended) } else { None };
        self.phase = Phase::Killing(ended);
        actions.push(Action::KillAll(deadline));
    }

    fn all_killed(&mut self, before: Option<Ended>, now: Option<Ended>, actions: &mut Actions) {
        // What nobody saw end was killed, or is about to be as soon as the kernel can.
        let ended = before.or(now).unwrap_or(Ended::Signaled(Signal::KILL));
        if before.is_none() {
            self.restore_terminal(ended, actions);
        }
        self.finish(ended, actions);
    }

    /// Once for a COMMAND that used session-init's terminal and could not put it back itself.
    fn restore_terminal(&self, ended: Ended, actions: &mut Actions) {
        if self.settings.place == Place::Shared && matches!(ended, Ended::Signaled(_)) {
            actions.push(Action::RestoreTerminal);
        }
    }

    fn nothing_left(&mut self, ended: Ended, last: Option<Ended>, actions: &mut Actions) {
        // What a daemon is started by ends with 0 as soon as the daemon runs.
        let ended = if self.settings.linger && ended == Ended::Exited(0) { last.unwrap_or(ended) } else { ended };
        self.finish(ended, actions);
    }

    fn finish(&mut self, ended: Ended, actions: &mut Actions) {
        self.phase = Phase::Finished;
        actions.push(Action::Finish(ended));
    }
}
