//! Reaching the processes that a [`Target`] stands for, and leaving none of them.

#![forbid(unsafe_code)]

mod kill;
mod scope;
mod words;

use kill::KillOrder;
pub(crate) use kill::Killed;
use scope::{Scope, TELLING, has_ended, record, send_to_each};
pub(crate) use words::{Count, Gone, Names, Whom};

use crate::exit::Ended;
use crate::log::Log;
use crate::route::Place;
use crate::rule::Target;
use crate::signal::Signal;
use crate::stat::Stat;
use crate::sys::descendants;
use crate::sys::procfs::{self, Moment};
use crate::sys::signals::SignalSet;
use crate::sys::wait::{Child, Core, Seen, State};
use crate::sys::{Errno, Pid, cgroup, describe, kill as signal_to, process, wait};

/// COMMAND and everything that comes from it.
pub(crate) struct Reach<'log> {
    command: Pid,
    place: Place,
    /// COMMAND is the first child; every other descendant comes from it.
    is_first: bool,
    command_reaped: bool,
    log: &'log Log,
    /// Say which orphans are reaped.
    names_orphans: bool,
    /// How the orphan that was reaped last has ended.
    last_orphan: Option<Ended>,
    /// The signal that asks what COMMAND leaves behind to end.
    farewell: Signal,
    /// The targets that have got that signal, and when they got it last.
    told: Vec<(Scope, Moment)>,
    /// What was sent to anybody while COMMAND ran.
    sent: SignalSet,
    /// The targets of which it was said already that they may not be signalled.
    denied: Vec<Target>,
}

/// What came of sending a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    To(Whom),
    /// There is no such process any more.
    Gone(Whom),
    Denied(Whom),
}

impl<'log> Reach<'log> {
    pub(crate) fn new(
        command: Pid,
        place: Place,
        farewell: Signal,
        is_first: bool,
        names_orphans: bool,
        log: &'log Log,
    ) -> Self {
        Self {
            command,
            place,
            is_first,
            command_reaped: false,
            log,
            names_orphans,
            last_orphan: None,
            farewell,
            told: Vec::new(),
            sent: SignalSet::of(&[]),
            denied: Vec::new(),
        }
    }

    pub(crate) fn command(&self) -> Pid {
        self.command
    }

    pub(crate) fn command_reaped(&self) -> bool {
        self.command_reaped
    }

    pub(crate) fn reap_command(&mut self) {
        if !self.command_reaped {
            let _ = wait::reap(self.command);
            self.command_reaped = true;
        }
    }

    /// Kills everything and reaps it.
    pub(crate) fn kill_all(&mut self) -> Killed {
        let Self { command, place, is_first, command_reaped, .. } = *self;
        let order = KillOrder { command: (!command_reaped).then_some(command), place, is_first };
        self.command_reaped = true;
        order.carry_out()
    }

    /// How the orphan that was reaped last has ended.
    pub(crate) fn last_orphan(&self) -> Option<Ended> {
        self.last_orphan
    }

    /// Reaps an orphan, if it has ended.
    pub(crate) fn reap_orphan(&mut self, orphan: Pid) {
        let name = if self.names_orphans && procfs::is_usable() { procfs::stat(orphan.as_raw()).ok() } else { None };
        if let Some(Child { pid, state: State::Ended(ended, _) }) = wait::reap(orphan) {
            self.last_orphan = Some(ended);
            if self.names_orphans {
                let name = name.map(|stat| format!(" ({})", stat.name)).unwrap_or_default();
                self.log.say(format_args!("reaped orphan {pid}{name}, which {ended}"));
            }
        }
    }

    /// Lets a child go on that has stopped for session-init as its tracer.
    pub(crate) fn let_go(&self, child: Pid) {
        if let Some(signal) = wait::let_go(child) {
            self.log.explain(format_args!("{child} had stopped at {signal} for its tracer, and was let go on"));
        }
    }

    /// Reaps every orphan that has ended, and answers whether there is no other child.
    fn reap_orphans(&mut self) -> bool {
        /// Somebody may fork without end.
        const MOST: usize = 10_000;
        for _ in 0..MOST {
            match wait::look() {
                Seen::Child(Child { pid, state: State::Ended(..) }) => self.reap_orphan(pid),
                Seen::Child(Child { pid, .. }) => self.let_go(pid),
                Seen::NoChildren => return true,
                Seen::Nothing | Seen::Failed => return false,
            }
        }
        false
    }

    /// Says that COMMAND, which has not been reaped, was ended by a signal that is a fault, and that nobody here has sent.
    #[cold]
    #[inline(never)]
    pub(crate) fn tell_of_fault(&self, signal: Signal, core: Core) {
        if !signal.is_fault() || self.sent.holds(signal) {
            return;
        }
        let name = procfs::stat(self.command.as_raw()).map_or_else(|_| "COMMAND".to_owned(), |stat| stat.name);
        let core = if core == Core::Dumped { ", and has left a core" } else { "" };
        let command = self.command;
        match cgroup::out_of_memory_kills().filter(|_| signal == Signal::KILL) {
            None => self.log.say(format_args!("{name} (pid {command}) was ended by {signal}{core}")),
            Some(count) => self.log.say(format_args!(
                "{name} (pid {command}) was ended by {signal}; for want of memory the kernel has killed {} of its cgroup",
                Count(count)
            )),
        }
    }

    /// The signal that stopped COMMAND, if it is stopped at this moment.
    pub(crate) fn command_stopped_by(&self) -> Option<Signal> {
        if self.command_reaped { None } else { wait::stopped_by(self.command) }
    }

    /// Sends the signal to the target, or to those of it that are not in session-init's own process group. What may not be
    /// signalled is reported, once for each target.
    pub(crate) fn send(&mut self, signal: Signal, target: Target, only_outside: bool) -> Sent {
        self.sent = self.sent.with(signal);
        let except = only_outside.then(process::own_group);
        let scope = Scope { except, ..self.scope(target) };
        if signal == self.farewell && target != Target::Child {
            self.note(self.scope(target));
        }
        let (result, whom) = self.try_to_send(signal, target, scope);
        match result {
            Ok(()) => Sent::To(whom),
            Err(Errno::ESRCH) => Sent::Gone(whom),
            Err(Errno::EPERM) if target == Target::Group && has_ended(scope) => Sent::Gone(whom),
            Err(error) => {
                self.report(signal, target, whom, error);
                Sent::Denied(whom)
            }
        }
    }

    #[cold]
    fn report(&mut self, signal: Signal, target: Target, whom: Whom, error: Errno) {
        if !self.denied.contains(&target) {
            self.denied.push(target);
            self.log.say(format_args!("cannot send {signal} to {whom}: {}", describe(error)));
        }
    }

    /// Takes note that whoever is in this scope now is being told to end.
    fn note(&mut self, scope: Scope) {
        let moment = Moment::now();
        self.told.retain(|(known, _)| *known != scope);
        self.told.push((scope, moment));
    }

    fn was_told(&self, pid: Pid, stat: &Stat) -> bool {
        self.told.iter().any(|(scope, moment)| scope.holds(stat) && moment.knew(pid, stat))
    }

    /// Whom a target stands for at this moment. A COMMAND that shares session-init's group may leave it, and its session.
    fn scope(&self, target: Target) -> Scope {
        let unmoved = self.place == Place::Own;
        match target {
            Target::Child | Target::All => Scope::default(),
            Target::Group if unmoved => Scope { group: Some(self.command), ..Scope::default() },
            Target::Session if unmoved => Scope { session: Some(self.command), ..Scope::default() },
            Target::Group => Scope { group: process::group_of(self.command), ..Scope::default() },
            Target::Session => Scope { session: process::session_of(self.command), ..Scope::default() },
        }
    }

    fn try_to_send(&self, signal: Signal, target: Target, scope: Scope) -> (Result<(), Errno>, Whom) {
        let command = self.command;
        let whom = Whom::new(command, target, scope.group, scope.session);
        // A reaped pid may be anybody's.
        if self.command_reaped && target != Target::All {
            return (Err(Errno::ESRCH), whom);
        }
        let command_is_meant = scope.except.is_none_or(|group| process::group_of(command) != Some(group));
        match target {
            Target::Child if command_is_meant => (signal_to::process(command, signal), whom),
            Target::Child => (Err(Errno::ESRCH), whom),
            Target::Group if self.place == Place::Own => (signal_to::group(command, signal), whom),
            Target::All if process::is_pid_1() && scope == Scope::default() => {
                (signal_to::everyone(signal), Whom::Everybody)
            }
            _ if procfs::is_usable() => {
                let (result, count) = send_to_each(signal, scope, TELLING);
                (result, whom.counted(count))
            }
            // Nothing is known of the others where /proc is missing.
            _ if self.command_reaped || !command_is_meant => (Err(Errno::ESRCH), whom),
            _ if self.place == Place::Own => (signal_to::group(command, signal), whom),
            _ => (signal_to::process(command, signal), Whom::Process(command)),
        }
    }

    /// Sends CONT to those of the target that are stopped.
    pub(crate) fn continue_stopped(&self, target: Target) -> Sent {
        let scope = self.scope(target);
        let whom = Whom::new(self.command, target, scope.group, scope.session);
        if target == Target::Child || !procfs::is_usable() {
            return match self.command_stopped_by() {
                Some(_) => match self.try_to_send(Signal::CONT, target, scope).0 {
                    Ok(()) => Sent::To(whom),
                    Err(_) => Sent::Denied(whom),
                },
                None => Sent::Gone(whom),
            };
        }
        let mut count = 0_usize;
        descendants::for_each(TELLING, &mut |one| {
            if one.stat.is_stopped && scope.holds(&one.stat) && one.send(Signal::CONT).is_ok() {
                count = count.saturating_add(1);
            }
        });
        if count == 0 { Sent::Gone(whom) } else { Sent::To(whom.counted(count)) }
    }

    /// Asks what COMMAND leaves in the target to end, each process once, and lets go on what is stopped; reaps COMMAND, and
    /// what else has ended by then.
    ///
    /// Who got the signal before does not get it again: to many programs a second one means "by force". Who ignores it, as the
    /// `&` children of a shell ignore INT and QUIT, gets TERM.
    pub(crate) fn take_leave(&mut self, signal: Signal, target: Target) -> Sent {
        let scope = self.scope(target);
        let whom = Whom::new(self.command, target, scope.group, scope.session);
        // All at once, so that nobody forks away from it; but then nobody can be left out.
        let mut sent = match target {
            _ if !self.told.is_empty() => Err(Errno::ESRCH),
            Target::Group if self.place == Place::Own => signal_to::group(self.command, signal),
            Target::All if process::is_pid_1() => signal_to::everyone(signal),
            _ => Err(Errno::ESRCH),
        };
        self.reap_command();
        if self.reap_orphans() && !(process::is_pid_1() && signal_to::somebody_is_left()) {
            return self.as_sent(signal, target, whom, sent);
        }
        if sent.is_ok() {
            self.note(scope);
        }
        if !procfs::is_usable() {
            // An orphan in COMMAND's group keeps its id from being another group's.
            if self.place == Place::Own && wait::has_child_in(self.command) {
                let _ = signal_to::group(self.command, Signal::CONT);
            }
            return self.as_sent(signal, target, whom, sent);
        }
        let mut count = 0_usize;
        descendants::for_each(TELLING, &mut |one| {
            if one.stat.is_zombie || !scope.holds(&one.stat) {
                return;
            }
            let told = self.was_told(one.pid, &one.stat);
            if signal != Signal::TERM && procfs::ignores(one.pid, signal) {
                record(&mut sent, one.send(Signal::TERM), &mut count);
            } else if !told {
                record(&mut sent, one.send(signal), &mut count);
            }
            if one.stat.is_stopped {
                let _ = one.send(Signal::CONT);
            }
        });
        let whom = if sent.is_ok() && count > 0 { whom.counted(count) } else { whom };
        self.as_sent(signal, target, whom, sent)
    }

    fn as_sent(&mut self, signal: Signal, target: Target, whom: Whom, result: Result<(), Errno>) -> Sent {
        match result {
            Ok(()) => Sent::To(whom),
            Err(Errno::ESRCH) => Sent::Gone(whom),
            // A zombie of another user may have been all there was.
            Err(Errno::EPERM) if has_ended(self.scope(target)) => Sent::Gone(whom),
            Err(error) => {
                self.report(signal, target, whom, error);
                Sent::Denied(whom)
            }
        }
    }
}

/// Whether a process group consists of descendants, or of nobody.
pub(crate) fn is_own_group(group: Pid) -> bool {
    let mut found = signal_to::is_empty_group(group);
    if !found && procfs::is_usable() {
        descendants::for_each(TELLING, &mut |one| found |= one.stat.group == group.as_raw());
    }
    found
}

/// Whether this process is a descendant in session-init's own process group.
pub(crate) fn is_member(pid: Pid) -> bool {
    let mut found = false;
    if process::group_of(pid) == Some(process::own_group()) && procfs::is_usable() {
        descendants::for_each(TELLING, &mut |one| found |= one.pid == pid);
    }
    found
}
