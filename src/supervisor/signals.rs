//! What becomes of a signal: whom it reaches as what, at once or in steps.

#![forbid(unsafe_code)]

use super::action::{Action, Actions};
use super::event::Deadline;
use super::settings::Stops;
use super::{Phase, PreStop, Supervisor};
use crate::route::{Place, Route, Stage};
use crate::rule::Target;
use crate::signal::{Origin, Signal};

impl Supervisor {
    pub(super) fn signal(&mut self, signal: Signal, origin: Origin, actions: &mut Actions) {
        self.asked_to_stop &= signal != Signal::CONT;
        if !self.is_held(signal, origin, actions) {
            self.pass_on(signal, origin, actions);
            self.stop(signal, origin, actions);
        }
    }

    /// Whether a signal that asks COMMAND to end has to wait for the command that comes before a stop. The first one starts
    /// that, also a TERM that a rule drops; the same one once more need not wait.
    fn is_held(&mut self, signal: Signal, origin: Origin, actions: &mut Actions) -> bool {
        let sent = self.settings.table.first(signal);
        let is_dropped = sent.is_none();
        if self.phase != Phase::Running
            || !(asks(signal) || sent.is_some_and(asks))
            || is_dropped && signal != Signal::TERM
        {
            return false;
        }
        match &mut self.pre_stop {
            PreStop::Ready => {
                self.pre_stop = PreStop::Runs(if is_dropped { Vec::new() } else { vec![(signal, origin)] });
                actions.push(Action::StartPreStop(signal));
            }
            PreStop::Runs(held) if !is_dropped => {
                if let Some(place) = held.iter().position(|(earlier, _)| *earlier == signal) {
                    held.remove(place);
                    return false;
                }
                held.push((signal, origin));
            }
            PreStop::Runs(_) | PreStop::None => return false,
        }
        self.count_down(signal, sent.unwrap_or(signal), actions);
        true
    }

    pub(super) fn pass_on(&mut self, signal: Signal, origin: Origin, actions: &mut Actions) {
        match self.settings.table.route(signal) {
            Route::Drop => {}
            Route::Forward(sent, target) => self.send((signal, Some(origin)), sent, target, true, actions),
            Route::Steps(sequence) => {
                if self.steps.has_begun(signal) {
                    actions.push(Action::Disarm(Deadline::Step(signal)));
                } else {
                    self.steps.begin(signal, sequence, self.phase != Phase::Running);
                }
                self.count_down(signal, signal, actions);
                self.take_steps(signal, Some(origin), actions);
            }
        }
    }

    /// Takes the steps that a signal has begun, up to the next wait; `origin` is where it has just come from.
    pub(super) fn take_steps(&mut self, signal: Signal, origin: Option<Origin>, actions: &mut Actions) {
        while let Some((stage, is_late)) = self.steps.next(signal, &self.settings.table) {
            match stage {
                Stage::Wait(time) => return actions.push(Action::Arm(Deadline::Step(signal), time)),
                Stage::Send(sent, target) => self.send((signal, origin), sent, target, is_late, actions),
            }
        }
    }

    /// Sends one signal because of another, `received`, that has come from there, or came a while ago.
    ///
    /// Once COMMAND has ended, whom else but everybody could a signal be meant for? But what it began before is passed over where
    /// it was for COMMAND, and nobody gets a second time what everybody was told at COMMAND's end.
    fn send(
        &mut self,
        (received, origin): (Signal, Option<Origin>),
        sent: Signal,
        target: Target,
        is_late: bool,
        actions: &mut Actions,
    ) {
        if matches!(self.phase, Phase::Killing(_)) {
            return;
        }
        let running = self.phase == Phase::Running;
        let target = match target {
            _ if running => target,
            _ if is_late => Target::All,
            Target::Child | Target::Group => return,
            Target::Session | Target::All => target,
        };
        if sent == Signal::KILL && target == Target::All {
            return self.kill_all(Deadline::Step(received), actions);
        }
        let is_everybodys = origin.is_some_and(|origin| self.has_reached_the_group(received, origin));
        if sent != received || !is_everybodys {
            let is_for_others = !running && !is_late && sent == self.settings.table.farewell();
            actions.push(if is_for_others { Action::SendToOthers(sent, target) } else { Action::Send(sent, target) });
        } else if !(received.is_job_control() && self.settings.stops == Stops::Never) {
            actions.push(Action::SendOutside(sent, target));
        }
        if running && wakes(received, sent) {
            actions.push(Action::ContinueIfStopped(target));
        }
        self.count_down(received, sent, actions);
    }

    /// Passes on the CONT that has let session-init go on. Who made a job go on has made all of it go on, but for who has left
    /// its process group.
    pub(super) fn resumed(&mut self, origin: Origin, actions: &mut Actions) {
        self.signal(Signal::CONT, origin, actions);
        if self.settings.place == Place::Shared {
            for action in actions.iter_mut() {
                if let Action::Send(Signal::CONT, target) = *action {
                    *action = Action::Continue(target);
                }
            }
        }
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

    /// Stops session-init as the job that the sender of a signal takes it for: not before COMMAND has stopped. This comes
    /// last, since what stands behind a stop is not done.
    pub(super) fn stop(&mut self, signal: Signal, origin: Origin, actions: &mut Actions) {
        let is_dropped = self.settings.table.route(signal) == Route::Drop;
        let is_over = matches!(self.phase, Phase::Killing(_));
        if !signal.is_job_control() || self.settings.stops == Stops::Never || is_dropped || is_over {
            return;
        }
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

    /// Starts `--kill-after` at the first signal that asks COMMAND to end, be it under that name or the one it is
    /// rewritten to. HUP may as well ask it to read its configuration again.
    fn count_down(&mut self, received: Signal, sent: Signal, actions: &mut Actions) {
        if self.asked_to_end || !(asks(received) || asks(sent)) {
            return;
        }
        self.asked_to_end = true;
        if let Some(period) = self.settings.kill_after {
            actions.push(Action::Arm(Deadline::KillAfter, period));
        }
    }
}

/// Whether this is a signal that asks a process to end, and nothing else.
fn asks(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT)
}

/// Whether a process that gets this signal, under one name or the other, is expected to end and must not be left stopped.
fn wakes(received: Signal, sent: Signal) -> bool {
    let ends = |signal| asks(signal) || signal == Signal::HUP;
    (ends(received) || ends(sent)) && !(sent.is_job_control() || sent == Signal::STOP)
}
