//! Reaching the processes that a [`Target`] stands for, and leaving none of them.

#![forbid(unsafe_code)]

mod kill;
mod leave;
#[cfg(test)]
mod model;
mod orphans;
mod scope;
mod words;

use kill::KillOrder;
pub(crate) use kill::Killed;
use scope::{Aside, Scope, TELLING, has_ended, send_to_each};
pub(crate) use words::{Count, Gone, Names, Whom};

use crate::exit::Ended;
use crate::log::Log;
use crate::route::Place;
use crate::rule::Target;
use crate::signal::Signal;
use crate::sys::descendants;
use crate::sys::procfs::{self, Moment};
use crate::sys::signals::SignalSet;
use crate::sys::{Errno, Pid, describe, kill as signal_to, process, wait};

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
    aside: Aside,
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
            aside: Aside::None,
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

    /// The signal that stopped COMMAND, if it is stopped at this moment.
    pub(crate) fn command_stopped_by(&self) -> Option<Signal> {
        if self.command_reaped { None } else { wait::stopped_by(self.command) }
    }

    /// Sends the signal to the target, or to those of it that are not in session-init's own process group. What may not be
    /// signalled is reported, once for each target.
    pub(crate) fn send(&mut self, signal: Signal, target: Target, only_outside: bool) -> Sent {
        self.sent = self.sent.with(signal);
        let except = only_outside.then(process::own_group);
        let whole = self.scope(target);
        let scope = Scope { except, ..whole };
        if signal == self.farewell && target != Target::Child {
            self.note(whole, Moment::now());
        }
        let (result, whom) = self.try_to_send(signal, target, scope);
        self.as_sent(signal, target, whom, result)
    }

    #[cold]
    fn report(&mut self, signal: Signal, target: Target, whom: Whom, error: Errno) {
        if !self.denied.contains(&target) {
            self.denied.push(target);
            self.log.say(format_args!("cannot send {signal} to {whom}: {}", describe(error)));
        }
    }

    /// Whom a target stands for at this moment. A COMMAND that shares session-init's group may leave it, and its session.
    fn scope(&self, target: Target) -> Scope {
        let unmoved = self.place == Place::Own;
        let aside = if let Aside::Runs(leader) = self.aside { Some(leader) } else { None };
        let all = Scope { aside, ..Scope::default() };
        match target {
            Target::Child | Target::All => all,
            Target::Group if unmoved => Scope { group: Some(self.command), ..all },
            Target::Session if unmoved => Scope { session: Some(self.command), ..all },
            Target::Group => Scope { group: process::group_of(self.command), ..all },
            Target::Session => {
                let session = process::session_of(self.command).or_else(process::own_session);
                Scope { session, ..all }
            }
        }
    }

    /// Whom a target stands for, for a look at each process and in words.
    fn aim(&self, target: Target) -> (Scope, Whom) {
        let scope = self.scope(target);
        (scope, Whom::new(self.command, target, scope.group, scope.session))
    }

    fn try_to_send(&self, signal: Signal, target: Target, scope: Scope) -> (Result<(), Errno>, Whom) {
        let command = self.command;
        let whom = Whom::new(command, target, scope.group, scope.session);
        // A reaped pid may be anybody's.
        if self.command_reaped && matches!(target, Target::Child | Target::Group) {
            return (Err(Errno::ESRCH), whom);
        }
        let command_is_meant = scope.except.is_none_or(|group| process::group_of(command) != Some(group));
        match target {
            Target::Child if command_is_meant => (signal_to::process(command, signal), whom),
            Target::Child => (Err(Errno::ESRCH), whom),
            Target::Group if self.place == Place::Own => match signal_to::group(command, signal) {
                // Somebody in it has no room for one more real-time signal, and can be waited for alone.
                Err(Errno::EAGAIN) if procfs::is_usable() => (send_to_each(signal, scope, TELLING).0, whom),
                result => (result, whom),
            },
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
        let (scope, whom) = self.aim(target);
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
