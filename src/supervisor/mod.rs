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

#![forbid(unsafe_code)]

mod action;
mod event;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use action::{Action, Actions};
pub use event::{Deadline, Event};

use crate::exit::Ended;
use crate::period::Period;
use crate::route::{Place, Route, Table};
use crate::rule::Target;
use crate::signal::{Origin, Signal};

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
    /// How long what COMMAND leaves behind may take to end.
    pub grace: Period,
    /// How long everything may take to end once COMMAND was asked to; `None` for as long as it likes.
    pub kill_after: Option<Duration>,
    /// Stay, and send no signal, until what COMMAND leaves behind has ended.
    pub linger: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl Supervisor {
    /// The state in which COMMAND runs and nothing has happened yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, phase: Phase::Running, asked_to_end: false, asked_to_stop: false }
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
        match (event, self.phase) {
            (Event::Signal(signal, origin), Phase::Running | Phase::Leaving(_)) => self.signal(signal, origin),
            (Event::Resumed(origin), Phase::Running | Phase::Leaving(_)) => self.resumed(origin),
            (Event::CommandStopped(signal), Phase::Running) => self.command_stopped(signal),
            (Event::NotStopped(signal), Phase::Running | Phase::Leaving(_)) => self.not_stopped(signal),
            (Event::CommandEnded(ended), Phase::Running) => self.command_ended(ended),
            (Event::NothingLeft(last), Phase::Leaving(ended)) => self.nothing_left(ended, last),
            (Event::Passed(deadline), Phase::Running) => self.kill_all(deadline, None),
            (Event::Passed(deadline), Phase::Leaving(ended)) => self.kill_all(deadline, Some(ended)),
            (Event::AllKilled(ended), Phase::Killing(before)) => self.all_killed(before, ended),
            _ => Actions::default(),
        }
    }

    fn signal(&mut self, signal: Signal, origin: Origin) -> Actions {
        let mut actions = Actions::default();
        self.asked_to_stop &= signal != Signal::CONT;
        let Route::Forward(sent, target) = self.settings.table.route(signal) else {
            return actions;
        };
        let running = self.phase == Phase::Running;
        // Once COMMAND has ended, whom else could the signal be meant for?
        let target = if running { target } else { Target::All };
        if sent != signal || !self.has_reached_the_group(signal, origin) {
            actions.push(Action::Send(sent, target));
        } else if !(signal.is_job_control() && self.settings.stops == Stops::Never) {
            actions.push(Action::SendOutside(sent, target));
        }
        if running && wakes(signal, sent) {
            actions.push(Action::ContinueIfStopped(target));
        }
        self.count_down(signal, sent, &mut actions);
        if signal.is_job_control() && self.settings.stops != Stops::Never {
            self.stop(signal, origin, &mut actions);
        }
        actions
    }

    /// Passes on the CONT that has let session-init go on. Who made a job go on has made all of it go on, but for who has left
    /// its process group.
    fn resumed(&mut self, origin: Origin) -> Actions {
        let mut actions = self.signal(Signal::CONT, origin);
        if self.settings.place == Place::Shared {
            for action in actions.iter_mut() {
                if let Action::Send(Signal::CONT, target) = *action {
                    *action = Action::Continue(target);
                }
            }
        }
        actions
    }

    /// Whether everybody in session-init's process group, and COMMAND if it is there, has got this signal already.
    fn has_reached_the_group(&self, signal: Signal, origin: Origin) -> bool {
        let of_the_terminal = matches!(signal, Signal::INT | Signal::QUIT | Signal::WINCH) || signal.is_job_control();
        self.settings.place == Place::Shared
            && match origin {
                Origin::Kernel => of_the_terminal,
                // It stops its whole group, and nobody asks an init alone to stop from there. Any other signal may be meant for it.
                Origin::Member(_) => signal.is_job_control(),
                Origin::Process(_) | Origin::Other => false,
            }
    }

    /// Stops session-init as the job that the sender takes it for: not before COMMAND has stopped.
    fn stop(&mut self, signal: Signal, origin: Origin, actions: &mut Actions) {
        let by_process = !self.has_reached_the_group(signal, origin);
        let signal = if by_process { Signal::STOP } else { signal };
        self.asked_to_stop |= by_process;
        if self.phase == Phase::Running {
            if self.follows_stops() {
                actions.push(Action::StopIfStopped(signal));
            }
        } else {
            actions.push(Action::Stop(signal));
        }
    }

    fn command_stopped(&mut self, signal: Signal) -> Actions {
        let signal = if self.asked_to_stop {
            Signal::STOP
        } else if !self.follows_stops() {
            return Actions::default();
        } else if signal.is_job_control() {
            signal
        } else {
            // Unlike STOP it leaves a job alone that no shell would continue.
            Signal::TSTP
        };
        Actions::of(&[Action::Stop(signal)])
    }

    /// Without a shell that would continue the job Ctrl-Z stops nobody, and who has left the group is to notice nothing either.
    /// Who may not read or write goes on being stopped: it would try again at once.
    fn not_stopped(&mut self, signal: Signal) -> Actions {
        let target = if self.phase == Phase::Running { Target::Group } else { Target::All };
        if signal == Signal::TSTP { Actions::of(&[Action::Continue(target)]) } else { Actions::default() }
    }

    /// Starts `--kill-after` at the first signal that asks COMMAND to end, be it under that name or the one it is
    /// rewritten to. HUP may as well ask it to read its configuration again.
    fn count_down(&mut self, received: Signal, sent: Signal, actions: &mut Actions) {
        let asks = |signal| matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT);
        if self.asked_to_end || !(asks(received) || asks(sent)) {
            return;
        }
        self.asked_to_end = true;
        if let Some(period) = self.settings.kill_after {
            actions.push(Action::Arm(Deadline::KillAfter, period));
        }
    }

    fn command_ended(&mut self, ended: Ended) -> Actions {
        let mut actions = Actions::default();
        let Settings { linger, single_child, place, grace, kill_after, .. } = self.settings;
        if place == Place::Shared && matches!(ended, Ended::Signaled(_)) {
            actions.push(Action::RestoreTerminal);
        }
        // A clock that runs already gives what is left of its time, as a grace does.
        let has_clock = grace != Period::Zero || self.asked_to_end && kill_after.is_some();
        let stays = linger || has_clock;
        if linger || single_child && !stays {
            actions.push(Action::ReapCommand);
        } else {
            let target = if stays { Target::All } else { Target::Group };
            actions.push(Action::TakeLeave(self.settings.table.farewell(), target));
        }
        if !stays {
            self.finish(ended, &mut actions);
            return actions;
        }
        self.phase = Phase::Leaving(ended);
        if let Period::Finite(grace) = grace
            && !linger
        {
            actions.push(Action::Arm(Deadline::Grace, grace));
        }
        actions
    }

    fn kill_all(&mut self, deadline: Deadline, ended: Option<Ended>) -> Actions {
        self.phase = Phase::Killing(ended);
        Actions::of(&[Action::KillAll(deadline)])
    }

    fn all_killed(&mut self, before: Option<Ended>, now: Option<Ended>) -> Actions {
        let mut actions = Actions::default();
        // What nobody saw end was killed, or is about to be as soon as the kernel can.
        let ended = before.or(now).unwrap_or(Ended::Signaled(Signal::KILL));
        if before.is_none() && self.settings.place == Place::Shared && matches!(ended, Ended::Signaled(_)) {
            actions.push(Action::RestoreTerminal);
        }
        self.finish(ended, &mut actions);
        actions
    }

    fn nothing_left(&mut self, ended: Ended, last: Option<Ended>) -> Actions {
        let mut actions = Actions::default();
        // What a daemon is started by ends with 0 as soon as the daemon runs.
        let ended = if self.settings.linger && ended == Ended::Exited(0) { last.unwrap_or(ended) } else { ended };
        self.finish(ended, &mut actions);
        actions
    }

    fn finish(&mut self, ended: Ended, actions: &mut Actions) {
        self.phase = Phase::Finished;
        actions.push(Action::Finish(ended));
    }
}

/// Whether a process that gets this signal, under one name or the other, is expected to end and must not be left stopped.
fn wakes(received: Signal, sent: Signal) -> bool {
    let asks = |signal| matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT | Signal::HUP);
    (asks(received) || asks(sent)) && !(sent.is_job_control() || sent == Signal::STOP)
}
