//! Some of the processes that session-init answers for, and signals to each of them.

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::exit::Ended;
use crate::signal::Signal;
use crate::stat::Stat;
use crate::sys::descendants::{self, Limits};
use crate::sys::{Errno, Pid, procfs};

/// How long to look for processes that have not been told of a signal. Large trees on a busy machine take a while; who forks
/// at every signal is told again once or twice, and not for ever.
pub(super) const TELLING: Limits = Limits { longest: Duration::from_secs(5), most_looks: 3 };

/// The command that comes before a stop: a child, and the leader of a process group that is not COMMAND's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// There is none.
    None,
    Runs(Pid),
    /// It ended like this, or could not be started, and nobody has been told yet.
    Ended(Ended),
}

/// Which of the processes that session-init answers for are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Scope {
    pub(super) group: Option<Pid>,
    pub(super) session: Option<Pid>,
    pub(super) except: Option<Pid>,
    /// The process group of what runs beside COMMAND.
    pub(super) aside: Option<Pid>,
}

impl Scope {
    pub(super) fn holds(&self, stat: &Stat) -> bool {
        self.group.is_none_or(|group| stat.group == group.as_raw())
            && self.session.is_none_or(|session| stat.session == session.as_raw())
            && [self.except, self.aside].into_iter().flatten().all(|group| stat.group != group.as_raw())
    }
}

/// Whether nobody lives there. A COMMAND that ended as another user is a zombie that may not be signalled.
pub(super) fn has_ended(scope: Scope) -> bool {
    let mut ended = procfs::is_usable();
    descendants::for_each(TELLING, &mut |one| ended &= one.stat.is_zombie || !scope.holds(&one.stat));
    ended
}

/// Sends a signal to each process in the scope, and counts them.
pub(super) fn send_to_each(signal: Signal, scope: Scope, limits: Limits) -> (Result<(), Errno>, usize) {
    let (mut count, mut result) = (0_usize, Err(Errno::ESRCH));
    descendants::for_each(limits, &mut |one| {
        if !one.stat.is_zombie && scope.holds(&one.stat) {
            record(&mut result, one.send(signal), &mut count);
        }
    });
    (result, count)
}

/// One that may not be signalled is worth telling, however many others were.
pub(super) fn record(result: &mut Result<(), Errno>, of_one: Result<(), Errno>, count: &mut usize) {
    match of_one {
        Ok(()) => {
            *count = count.saturating_add(1);
            if *result == Err(Errno::ESRCH) {
                *result = Ok(());
            }
        }
        Err(Errno::ESRCH) => {}
        Err(error) => *result = Err(error),
    }
}
