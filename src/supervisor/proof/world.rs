//! What is so after all that has happened, kept apart from the supervisor: what is owed follows from it.

use crate::exit::Ended;
use crate::period::Period;
use crate::route::{Place, Route, Stage};
use crate::rule::Target;
use crate::signal::{Origin, Signal};
use crate::supervisor::{Action, Deadline, Event, Settings, Stops};

/// The world outside the supervisor, as far as it has told and been told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// How COMMAND has ended.
    pub(super) end: Option<Ended>,
    /// session-init was to stay after that.
    pub(super) stays: bool,
    pub(super) next: Next,
    pub(super) pre_stop: PreStop,
    /// What waits for the command before the stop.
    pub(super) held: Vec<(Signal, Origin)>,
    pub(super) armed: Vec<Deadline>,
    /// The sequences that wait: whose, how many stages are done, and whether it began after COMMAND's end.
    pub(super) begun: Vec<(Signal, usize, bool)>,
    /// A signal has asked COMMAND to end.
    pub(super) asked_to_end: bool,
    /// A process has asked session-init to stop, and nobody has asked it to go on.
    pub(super) asked_to_stop: bool,
}

/// What can come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Next {
    Anything,
    /// Going on, or seeing that this signal has not stopped session-init.
    Stopping(Signal),
    /// The news that all are killed.
    Killing,
    /// Nothing: session-init has ended.
    Nothing,
}

/// The command before a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PreStop {
    ToCome,
    Runs,
    None,
}

/// A signal that is passed on now, and where it has come from, if not a while ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    pub(super) signal: Signal,
    pub(super) origin: Option<Origin>,
}

/// A signal that is to be sent because of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    pub(super) cause: Cause,
    pub(super) sent: Signal,
    pub(super) target: Target,
    pub(super) is_late: bool,
}

/// One event, what was so before, and the answer.
pub(super) struct Turn<'turn> {
    pub(super) settings: &'turn Settings,
    pub(super) before: &'turn World,
    pub(super) event: Event,
    /// Up to the first that ends the answer: what comes after KILL for all, or after the end, is never done.
    pub(super) actions: &'turn [Action],
    /// What is passed on now.
    pub(super) causes: Vec<Cause>,
    /// What is to be sent for that.
    pub(super) owed: Vec<Owed>,
    /// The waits that begin.
    pub(super) waits: Vec<Action>,
    pub(super) after: World,
}

pub(super) fn asks(signal: Signal) -> bool {
    [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal)
}

impl World {
    pub(super) fn at_first(settings: &Settings) -> Self {
        Self {
            end: None,
            stays: false,
            next: Next::Anything,
            pre_stop: if settings.pre_stop { PreStop::ToCome } else { PreStop::None },
            held: Vec::new(),
            armed: Vec::new(),
            begun: Vec::new(),
            asked_to_end: false,
            asked_to_stop: false,
        }
    }

    /// Everything that the loop may tell the supervisor next. `follows_stops` is what it asks the supervisor before.
    pub(super) fn events(&self, signals: &[(Signal, Origin)], follows_stops: bool) -> Vec<Event> {
        const EXITED: Ended = Ended::Exited(0);
        const FAILED: Ended = Ended::Exited(7);
        const KILLED: Ended = Ended::Signaled(Signal::KILL);
        const ORIGINS: [Origin; 2] = [Origin::Kernel, Origin::Process(7)];
        let mut events = Vec::new();
        match self.next {
            Next::Stopping(signal) => {
                events.extend(ORIGINS.map(Event::Resumed));
                events.push(Event::NotStopped(signal));
            }
            Next::Killing => {
                events.push(Event::AllKilled(None));
                if self.end.is_none() {
                    events.extend([EXITED, FAILED, KILLED].map(|ended| Event::AllKilled(Some(ended))));
                }
            }
            Next::Anything | Next::Nothing => {
                events.extend(signals.iter().map(|(signal, origin)| Event::Signal(*signal, *origin)));
                events.extend(self.armed.iter().map(|deadline| Event::Passed(*deadline)));
                if follows_stops && self.end.is_none() {
                    events.extend([Signal::STOP, Signal::TSTP, Signal::TTIN].map(Event::CommandStopped));
                }
                match self.end {
                    None => events.extend([EXITED, FAILED, KILLED].map(Event::CommandEnded)),
                    Some(_) => events.extend([None, Some(FAILED), Some(KILLED)].map(Event::NothingLeft)),
                }
                if self.pre_stop == PreStop::Runs {
                    events.push(Event::PreStopEnded);
                }
            }
        }
        events
    }

    fn lives(&self) -> bool {
        self.end.is_none()
    }
}

impl<'turn> Turn<'turn> {
    pub(super) fn new(settings: &'turn Settings, before: &'turn World, event: Event, actions: &'turn [Action]) -> Self {
        let is_last = |action: &Action| matches!(action, Action::KillAll(_) | Action::Finish(_));
        let last = actions.iter().position(is_last).map_or(actions.len(), |place| place + 1);
        let mut turn = Self {
            settings,
            before,
            event,
            actions: &actions[..last],
            causes: Vec::new(),
            owed: Vec::new(),
            waits: Vec::new(),
            after: before.clone(),
        };
        turn.take_event();
        turn.take_actions();
        turn
    }

    pub(super) fn first_sent(&self, signal: Signal) -> Option<Signal> {
        self.settings.table.first(signal)
    }

    /// A TERM, INT or QUIT that is forwarded, under that name or the one it is rewritten to; or a TERM that is dropped.
    pub(super) fn is_stop(&self, signal: Signal) -> bool {
        self.first_sent(signal).map_or(signal == Signal::TERM, |sent| asks(signal) || asks(sent))
    }

    /// Whether everybody in session-init's own group has got this already.
    pub(super) fn is_everybodys(&self, Cause { signal, origin }: Cause) -> bool {
        let of_a_key = [Signal::INT, Signal::QUIT, Signal::WINCH].contains(&signal) || signal.is_job_control();
        self.settings.place == Place::Shared
            && match origin {
                Some(Origin::Kernel) => of_a_key,
                Some(Origin::Member(_)) => signal.is_job_control(),
                _ => false,
            }
    }

    pub(super) fn kills(&self) -> bool {
        matches!(self.actions.last(), Some(Action::KillAll(_)))
    }

    pub(super) fn finish(&self) -> Option<Ended> {
        if let Some(Action::Finish(ended)) = self.actions.last() { Some(*ended) } else { None }
    }

    fn take_event(&mut self) {
        match self.event {
            Event::Signal(signal, origin) => self.receive(signal, origin),
            Event::Resumed(origin) => self.receive(Signal::CONT, origin),
            Event::PreStopEnded => {
                self.after.pre_stop = PreStop::None;
                let held = std::mem::take(&mut self.after.held);
                if self.before.lives() {
                    for (signal, origin) in held {
                        self.pass_on(signal, Some(origin));
                    }
                }
            }
            Event::Passed(deadline) => {
                self.after.armed.retain(|armed| *armed != deadline);
                if let Deadline::Step(signal) = deadline {
                    self.pass_on(signal, None);
                }
            }
            Event::CommandEnded(ended) => {
                self.after.end = Some(ended);
                let Settings { linger, grace, .. } = self.settings;
                let clock_runs = self.before.armed.contains(&Deadline::KillAfter);
                self.after.stays = *linger || *grace != Period::Zero || clock_runs;
            }
            Event::CommandStopped(_) | Event::NotStopped(_) | Event::NothingLeft(_) | Event::AllKilled(_) => {}
        }
    }

    fn receive(&mut self, signal: Signal, origin: Origin) {
        self.after.asked_to_stop &= signal != Signal::CONT;
        let is_sent = self.first_sent(signal).is_some();
        if self.before.lives() && self.is_stop(signal) {
            match self.before.pre_stop {
                PreStop::ToCome => {
                    self.after.pre_stop = PreStop::Runs;
                    self.after.held = if is_sent { vec![(signal, origin)] } else { Vec::new() };
                    self.after.asked_to_end = true;
                    return;
                }
                PreStop::Runs if is_sent => {
                    self.after.asked_to_end = true;
                    let count = self.after.held.len();
                    self.after.held.retain(|(earlier, _)| *earlier != signal);
                    if self.after.held.len() == count {
                        self.after.held.push((signal, origin));
                        return;
                    }
                }
                PreStop::Runs | PreStop::None => {}
            }
        }
        self.pass_on(signal, Some(origin));
    }

    fn pass_on(&mut self, signal: Signal, origin: Option<Origin>) {
        let cause = Cause { signal, origin };
        let has_ended = !self.before.lives();
        self.causes.push(cause);
        match self.settings.table.route(signal) {
            Route::Drop => return,
            Route::Forward(sent, target) => self.owe(cause, sent, target, has_ended),
            Route::Steps(place) => {
                let begun = self.after.begun.iter().position(|(other, ..)| *other == signal);
                let (_, mut done, is_late) =
                    begun.map_or((signal, 0, has_ended), |place| self.after.begun.remove(place));
                if origin.is_some() {
                    self.after.asked_to_end |= asks(signal);
                    // The wait is over.
                    self.after.armed.retain(|armed| *armed != Deadline::Step(signal));
                }
                let settings = self.settings;
                for stage in settings.table.sequence(place).get(done..).unwrap_or_default() {
                    done += 1;
                    match *stage {
                        Stage::Send(sent, target) => self.owe(cause, sent, target, is_late),
                        Stage::Wait(time) => {
                            self.waits.push(Action::Arm(Deadline::Step(signal), time));
                            self.after.begun.push((signal, done, is_late));
                            break;
                        }
                    }
                }
            }
        }
        let may_stop = origin.is_some() && signal.is_job_control() && self.settings.stops != Stops::Never;
        self.after.asked_to_stop |= may_stop && !self.is_everybodys(cause);
    }

    fn owe(&mut self, cause: Cause, sent: Signal, target: Target, is_late: bool) {
        let is_for_command = matches!(target, Target::Child | Target::Group);
        let target = match self.before.end {
            Some(_) if is_late => Target::All,
            Some(_) if is_for_command => return,
            _ => target,
        };
        self.after.asked_to_end |= asks(cause.signal) || asks(sent);
        self.owed.push(Owed { cause, sent, target, is_late });
    }

    fn take_actions(&mut self) {
        self.after.next = Next::Anything;
        for action in self.actions {
            match action {
                Action::Arm(deadline, _) => self.after.armed.push(*deadline),
                Action::Stop(signal) => self.after.next = Next::Stopping(*signal),
                Action::KillAll(_) => self.after.next = Next::Killing,
                Action::Finish(_) => self.after.next = Next::Nothing,
                _ => {}
            }
        }
    }

    /// What is so instead, if COMMAND is found to be stopped where the answer depends on it.
    pub(super) fn after_a_stop(&self) -> Option<World> {
        let stop = self.actions.iter().find_map(|action| match action {
            Action::StopIfStopped(signal) => Some(*signal),
            _ => None,
        })?;
        Some(World { next: Next::Stopping(stop), ..self.after.clone() })
    }
}
