//! Telling the end to whoever has not heard of it.

#![forbid(unsafe_code)]

use super::scope::{Scope, TELLING, record};
use super::{Reach, Sent};
use crate::route::Place;
use crate::rule::Target;
use crate::signal::Signal;
use crate::stat::Stat;
use crate::sys::procfs::{self, Moment};
use crate::sys::{Errno, Pid, descendants, kill as signal_to, process, wait};

impl Reach<'_> {
    /// Takes note that whoever was in this scope at that moment has been told to end, or is about to be.
    pub(super) fn note(&mut self, scope: Scope, moment: Moment) {
        self.told.retain(|(known, _)| *known != scope);
        self.told.push((scope, moment));
    }

    fn was_told(&self, pid: Pid, stat: &Stat) -> bool {
        self.told.iter().any(|(scope, moment)| scope.holds(stat) && moment.knew(pid, stat))
    }

    /// Sends the signal that asks for the end to those of the target that have not got it.
    pub(crate) fn send_to_others(&mut self, signal: Signal, target: Target) -> Sent {
        let (scope, whom) = self.aim(target);
        let (mut result, mut count) = (Err(Errno::ESRCH), 0);
        let moment = Moment::now();
        if procfs::is_usable() {
            descendants::for_each(TELLING, &mut |one| {
                if !one.stat.is_zombie && scope.holds(&one.stat) && !self.was_told(one.pid, &one.stat) {
                    record(&mut result, one.send(signal), &mut count);
                }
            });
        }
        self.note(scope, moment);
        self.as_sent(signal, target, whom.counted(count), result)
    }

    /// Asks what COMMAND leaves in the target to end, each process once, and lets go on what is stopped; reaps COMMAND, and
    /// what else has ended by then.
    ///
    /// Who got the signal before does not get it again: to many programs a second one means "by force". Who ignores it, as the
    /// `&` children of a shell ignore INT and QUIT, gets TERM.
    pub(crate) fn take_leave(&mut self, signal: Signal, target: Target) -> Sent {
        self.sent = self.sent.with(signal).with(Signal::TERM);
        let (scope, whom) = self.aim(target);
        // All at once, so that nobody forks away from it; but then nobody can be left out.
        let mut sent = match target {
            _ if !self.told.is_empty() => Err(Errno::ESRCH),
            Target::Group if self.place == Place::Own => signal_to::group(self.command, signal),
            Target::All if process::is_pid_1() && scope == Scope::default() => signal_to::everyone(signal),
            _ => Err(Errno::ESRCH),
        };
        // Right after the signal: whose child is born later has to be told. Where session-init leaves at once nobody asks.
        let moment = (sent.is_ok() && target == Target::All).then(Moment::now);
        self.reap_command();
        if self.reap_orphans() && !(process::is_pid_1() && signal_to::somebody_is_left()) {
            return self.as_sent(signal, target, whom, sent);
        }
        if sent.is_ok() {
            self.note(scope, moment.unwrap_or_else(Moment::now));
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
            let ignores = || signal != Signal::TERM && procfs::ignores(one.pid, signal);
            let mut of_one = if told || ignores() { Err(Errno::ESRCH) } else { one.send(signal) };
            // Asked after the signal too: a shell's child may have begun to ignore it just before it came.
            if ignores() {
                of_one = one.send(Signal::TERM);
            }
            record(&mut sent, of_one, &mut count);
            if one.stat.is_stopped {
                let _ = one.send(Signal::CONT);
            }
        });
        self.note(scope, Moment::now());
        let whom = if sent.is_ok() && count > 0 { whom.counted(count) } else { whom };
        self.as_sent(signal, target, whom, sent)
    }
}
