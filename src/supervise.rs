//! The loop: what happens goes to the [`Supervisor`], and what it answers is done.

#![forbid(unsafe_code)]

use std::thread::sleep;
use std::time::Duration;

use crate::cli::settings::Config;
use crate::deadlines::Deadlines;
use crate::exit::{Ended, Remap};
use crate::log::Log;
use crate::period::Period;
use crate::pre_stop::PreStop;
use crate::reach::{Reach, Sent, is_member};
use crate::report::{Report, killed, tell};
use crate::restore::restore_terminal;
use crate::route::Place;
use crate::rule::Target;
use crate::signal::{Origin, Signal};
use crate::start::Started;
use crate::supervisor::{Action, Event, Settings, Stops, Supervisor};
use crate::sys::signals::{Disposition, Queue, Received, SignalSet};
use crate::sys::terminal::SavedModes;
use crate::sys::wait::{Child, Seen, State};
use crate::sys::{Pid, describe, inspection, kill, process, signals, wait};

/// After so many children the signals that have come in the meantime get their turn.
const MOST_REAPED_AT_ONCE: usize = 64;
/// After so long session-init looks again, without being asked to, where it could not see its children. The signal that told
/// of an end is gone, and no other will come.
const BLINDNESS: Duration = Duration::from_millis(5);
/// The same where all that is left came in from outside its PID namespace, and somebody else will reap it.
const GUESTS: Duration = Duration::from_millis(50);

/// When to look at the children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lookout {
    /// When CHLD comes.
    Asleep,
    /// At once. This child has probably ended; knowing it saves a look.
    Now(Option<Pid>),
    /// After this time, at the latest.
    After(Duration),
}

/// A running COMMAND and what is needed to look after it.
pub(crate) struct Init<'config> {
    reach: Reach<'config>,
    supervisor: Supervisor,
    place: Place,
    /// The terminal's modes before COMMAND, if it shares the foreground process group.
    modes: Option<SavedModes>,
    pre_stop: Option<PreStop>,
    /// The signal that stopped COMMAND, as far as the supervisor knows.
    stopped_by: Option<Signal>,
    config: &'config Config,
    log: &'config Log,
    deadlines: Deadlines,
    lookout: Lookout,
}

impl<'config> Init<'config> {
    /// `is_first` is whether COMMAND is session-init's first child.
    pub(crate) fn new(
        started: Box<Started>,
        pre_stop: Option<PreStop>,
        is_first: bool,
        config: &'config Config,
        log: &'config Log,
    ) -> Self {
        let Started { command, place, table, is_job, modes, .. } = *started;
        let names_orphans = config.warn_on_reap || log.shows(1);
        let reach = Reach::new(command, place, table.farewell(), is_first, names_orphans, log);
        let supervisor = Supervisor::new(Settings {
            table,
            place,
            single_child: config.single_child,
            stops: match is_job {
                _ if process::is_pid_1() => Stops::Never,
                true => Stops::AsJob,
                false => Stops::WhenAsked,
            },
            pre_stop: pre_stop.is_some(),
            grace: config.grace,
            kill_after: config.kill_after,
            linger: config.linger,
        });
        let deadlines = Deadlines::new();
        // A child from before exec may have ended before SIGCHLD was blocked, so the first look is not one that was asked for.
        let lookout = Lookout::Now(None);
        Self { reach, supervisor, place, modes, pre_stop, stopped_by: None, config, log, deadlines, lookout }
    }

    /// Looks after COMMAND until it has ended.
    pub(crate) fn supervise(mut self) -> Ended {
        let mut queue = Queue::new();
        // Each round has a look at everything, so that no flood of the one can hide the others.
        loop {
            let event = match self.lookout {
                Lookout::Asleep => None,
                Lookout::Now(child) => self.look_at_children(child),
                Lookout::After(_) => self.look_at_children(None),
            };
            if let Some(event) = event
                && let Some(ended) = self.handle(event)
            {
                return ended;
            }
            if let Some(event) = self.look_at_pre_stop()
                && let Some(ended) = self.handle(event)
            {
                return ended;
            }
            if let Some(deadline) = self.deadlines.passed()
                && let Some(ended) = self.handle(Event::Passed(deadline))
            {
                return ended;
            }
            match self.wait(&mut queue) {
                None => {}
                Some(Received { signal: Signal::CHLD, origin, pid }) => {
                    self.lookout = Lookout::Now((origin == Origin::Other).then(|| Pid::from_raw(pid)));
                }
                Some(Received { signal, origin, .. }) => {
                    if let Some(ended) = self.handle(Event::Signal(signal, self.refined(signal, origin))) {
                        return ended;
                    }
                }
            }
        }
    }

    /// Waits for a signal until it is time for something else.
    fn wait(&mut self, queue: &mut Queue) -> Option<Received> {
        let of_deadlines = self.deadlines.longest_wait();
        let longest = match self.lookout {
            Lookout::Asleep => of_deadlines,
            Lookout::Now(_) => Some(Duration::ZERO),
            Lookout::After(time) => Some(of_deadlines.map_or(time, |left| left.min(time))),
        };
        let received = queue.next(longest);
        self.deadlines.waited(longest);
        received.unwrap_or_else(|_| {
            // Whoever denies this call denies it for good. No signal can be seen then, but the children can.
            sleep(longest.map_or(BLINDNESS, |longest| longest.min(BLINDNESS)));
            self.lookout = Lookout::Now(None);
            None
        })
    }

    /// Where a signal comes from, as precisely as its kind needs it.
    fn refined(&self, signal: Signal, origin: Origin) -> Origin {
        match origin {
            Origin::Process(pid)
                if signal.is_job_control() && self.place == Place::Shared && is_member(Pid::from_raw(pid)) =>
            {
                Origin::Member(pid)
            }
            _ => origin,
        }
    }

    /// Reaps every child that has ended but COMMAND, whose end is only looked at: unreaped, its pid still keeps its process
    /// group from being somebody else's. Answers what is worth telling, and decides when to look again.
    fn look_at_children(&mut self, child: Option<Pid>) -> Option<Event> {
        let command = self.reach.command();
        if let Some(orphan) = child.filter(|child| *child != command || self.reach.command_reaped()) {
            self.reach.reap_orphan(orphan);
        }
        self.lookout = Lookout::Now(None);
        for _ in 0..MOST_REAPED_AT_ONCE {
            match wait::look() {
                // Once reaped, the pid is that of some orphan.
                Seen::Child(Child { pid, state: State::Ended(ended, core) })
                    if pid == command && !self.reach.command_reaped() =>
                {
                    if let Ended::Signaled(signal) = ended {
                        self.reach.tell_of_fault(signal, core);
                    }
                    return Some(Event::CommandEnded(ended));
                }
                Seen::Child(Child { pid, state: State::Ended(..) }) => self.reach.reap_orphan(pid),
                Seen::Child(Child { pid, .. }) => self.reach.let_go(pid),
                Seen::Failed => {
                    self.lookout = Lookout::After(BLINDNESS);
                    return None;
                }
                Seen::NoChildren if self.reach.command_reaped() => {
                    if process::is_pid_1() && kill::somebody_is_left() {
                        self.lookout = Lookout::After(GUESTS);
                        return None;
                    }
                    return Some(Event::NothingLeft(self.reach.last_orphan()));
                }
                Seen::Nothing | Seen::NoChildren => {
                    self.lookout = Lookout::Asleep;
                    return self.look_at_command();
                }
            }
        }
        None
    }

    /// Whether COMMAND has been stopped since the last look.
    fn look_at_command(&mut self) -> Option<Event> {
        if !self.supervisor.follows_stops() {
            return None;
        }
        let stopped_by = self.reach.command_stopped_by();
        if stopped_by == self.stopped_by {
            return None;
        }
        self.stopped_by = stopped_by;
        stopped_by.map(Event::CommandStopped)
    }

    /// Does what the supervisor says about an event; the answer is how COMMAND ended, once all is done.
    fn handle(&mut self, event: Event) -> Option<Ended> {
        let actions = self.supervisor.handle(event);
        let mut report = Report::about(event, self.log);
        for action in actions.iter() {
            match action {
                Action::Send(signal, target) => self.send(signal, target, false, &mut report),
                Action::SendOutside(signal, target) => self.send(signal, target, true, &mut report),
                Action::SendToOthers(signal, target) => {
                    tell(signal, self.reach.send_to_others(signal, target), &mut report);
                }
                Action::ContinueIfStopped(target) => {
                    if self.reach.command_stopped_by().is_some() {
                        self.continue_stopped(target, &mut report);
                    }
                }
                Action::Continue(target) => self.continue_stopped(target, &mut report),
                Action::TakeLeave(signal, target) => {
                    tell(signal, self.reach.take_leave(signal, target), &mut report);
                }
                Action::ReapCommand => self.reach.reap_command(),
                Action::Arm(deadline, period) => {
                    report.add(format_args!("waiting at most {}", Period::Finite(period)));
                    self.deadlines.arm(deadline, period);
                }
                Action::Stop(signal) => return self.stop(signal, report),
                Action::StopIfStopped(signal) => {
                    if self.reach.command_stopped_by().is_some() {
                        return self.stop(signal, report);
                    }
                }
                Action::Disarm(deadline) => self.deadlines.disarm(deadline),
                Action::StartPreStop(signal) => self.start_pre_stop(signal, &mut report),
                Action::RestoreTerminal => restore_terminal(self.modes.as_ref()),
                Action::KillAll(deadline) => {
                    report.print(self.log);
                    let result = self.reach.kill_all();
                    killed(&result, deadline, self.config, self.log);
                    return self.handle(Event::AllKilled(result.command));
                }
                Action::Finish(ended) => {
                    self.reach.reap_command();
                    let status = Remap::apply(&self.config.remap_exit, ended.status());
                    report.add(format_args!("ending with status {status}"));
                    report.print(self.log);
                    return Some(ended);
                }
            }
        }
        if let Event::CommandEnded(_) = event {
            inspection::mark();
        }
        if actions.is_empty() && matches!(event, Event::Signal(..)) {
            report.add(format_args!("not sent on"));
        }
        report.print(self.log);
        None
    }

    fn send(&mut self, signal: Signal, target: Target, only_outside: bool, report: &mut Report) {
        if signal == Signal::CONT {
            // From now on a stop is a new one, even before anybody has seen COMMAND run.
            self.stopped_by = None;
        }
        match self.reach.send(signal, target, only_outside) {
            Sent::Gone(_) if only_outside => report.add(format_args!("the terminal has sent it to COMMAND as well")),
            sent => tell(signal, sent, report),
        }
    }

    /// Runs the command that comes before a stop. One that cannot be run is as good as one that has ended.
    #[cold]
    #[inline(never)]
    fn start_pre_stop(&mut self, signal: Signal, report: &mut Report) {
        let Some(pre_stop) = &self.pre_stop else { return };
        match pre_stop.start(signal, self.reach.command()) {
            Ok(pid) => {
                self.reach.set_aside(pid);
                report.add(format_args!("running the command before the stop as pid {pid}"));
            }
            Err(error) => {
                self.log.say(format_args!("cannot run the command before the stop: {}", describe(error)));
                self.reach.set_aside_as_ended();
            }
        }
    }

    /// Whether the command before a stop has ended since the last look.
    fn look_at_pre_stop(&mut self) -> Option<Event> {
        let ended = self.reach.take_end_of_aside()?;
        if ended != Ended::Exited(0) {
            self.log.say(format_args!("the command before the stop {ended}"));
        }
        Some(Event::PreStopEnded)
    }

    fn continue_stopped(&mut self, target: Target, report: &mut Report) {
        self.stopped_by = None;
        match self.reach.continue_stopped(target) {
            Sent::Gone(_) => {}
            sent => tell(Signal::CONT, sent, report),
        }
    }

    /// Stops by a signal, until CONT comes.
    fn stop(&mut self, signal: Signal, mut report: Report) -> Option<Ended> {
        report.add(format_args!("stopping as well"));
        report.print(self.log);
        let cont = SignalSet::of(&[Signal::CONT]);
        // A CONT that came in the meantime would be discarded by the stop (signal(7)), and nobody would send another.
        let mut resumed = signals::take(cont);
        if resumed.is_none() {
            let _ = signals::set_disposition(signal, Disposition::Default);
            let _ = kill::process(process::own_pid(), signal);
            // Where the signal stops a process, it does so before this call returns.
            signals::unblock(SignalSet::of(&[signal]));
            signals::block(SignalSet::of(&[signal]));
            self.deadlines.leave_out();
            // Nothing but CONT continues a process.
            resumed = signals::take(cont);
        }
        // Whatever COMMAND does from now on is new.
        self.stopped_by = None;
        self.lookout = Lookout::Now(None);
        if let Some(Received { origin, .. }) = resumed {
            return self.handle(Event::Resumed(origin));
        }
        // It is still stopped, and that was told.
        self.stopped_by = self.reach.command_stopped_by();
        self.handle(Event::NotStopped(signal))
    }
}
