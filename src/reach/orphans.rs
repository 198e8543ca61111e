//! Children that are not COMMAND: orphans, and what runs beside it.

#![forbid(unsafe_code)]

use super::Reach;
use super::scope::Aside;
use super::words::Count;
use crate::exit::Ended;
use crate::signal::Signal;
use crate::sys::wait::{self, Child, Core, Seen, State};
use crate::sys::{Pid, cgroup, procfs};

impl Reach<'_> {
    /// This child and its process group get no signal that is for COMMAND or its descendants, but KILL.
    pub(crate) fn set_aside(&mut self, child: Pid) {
        self.aside = Aside::Runs(child);
    }

    /// There is to be no such child.
    pub(crate) fn set_aside_as_ended(&mut self) {
        self.aside = Aside::Ended(Ended::Exited(0));
    }

    /// Whether the child that was set aside has ended since the last look, and how.
    pub(crate) fn take_end_of_aside(&mut self) -> Option<Ended> {
        let Aside::Ended(ended) = self.aside else { return None };
        self.aside = Aside::None;
        Some(ended)
    }

    /// How the orphan that was reaped last has ended.
    pub(crate) fn last_orphan(&self) -> Option<Ended> {
        self.last_orphan
    }

    /// Reaps an orphan, if it has ended.
    pub(crate) fn reap_orphan(&mut self, orphan: Pid) {
        let name = if self.names_orphans && procfs::is_usable() { procfs::stat(orphan.as_raw()).ok() } else { None };
        let (pid, ended) = match wait::reap(orphan) {
            Some(Child { pid, state: State::Ended(ended, _) }) => (pid, ended),
            Some(Child { pid, state: State::Stopped(signal) }) => return self.tell_of_release(pid, signal),
            _ => return,
        };
        if self.aside == Aside::Runs(pid) {
            self.aside = Aside::Ended(ended);
            return;
        }
        // Who ends by a signal that was sent from here ends as it was asked to, and says nothing of itself by that.
        if !matches!(ended, Ended::Signaled(signal) if self.sent.holds(signal)) {
            self.last_orphan = Some(ended);
        }
        if self.names_orphans {
            let name = name.map(|stat| format!(" ({})", stat.name)).unwrap_or_default();
            self.log.say(format_args!("reaped orphan {pid}{name}, which {ended}"));
        }
    }

    /// Lets a child go on that has stopped for session-init as its tracer.
    pub(crate) fn let_go(&self, child: Pid) {
        if let Some(signal) = wait::let_go(child) {
            self.tell_of_release(child, signal);
        }
    }

    fn tell_of_release(&self, child: Pid, signal: Signal) {
        self.log.explain(format_args!("{child} had stopped at {signal} for its tracer, and was let go on"));
    }

    /// Reaps every orphan that has ended, and answers whether no other child is left.
    pub(super) fn reap_orphans(&mut self) -> bool {
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
}
