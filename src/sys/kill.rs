//! Sending signals.
//!
//! `nix::sys::signal::kill` knows no real-time signal. The minus sign of a group's id stands in this file alone.

use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use nix::unistd::{Pid, getpid};

use super::{Errno, check};
use crate::signal::Signal;

/// Sends a signal to one process. Where there is no room for a real-time signal, it waits a moment for some.
///
/// # Errors
///
/// `ESRCH` and `EPERM`, as kill(2) has them, and `EAGAIN` where there was no room to the end.
pub(crate) fn process(pid: Pid, signal: Signal) -> Result<(), Errno> {
    let result = kill(pid.as_raw(), signal);
    if result == Err(Errno::EAGAIN) {
        return wait_for_room(pid, signal);
    }
    if STUCK.load(Ordering::Relaxed) == pid.as_raw() {
        STUCK.store(NOBODY, Ordering::Relaxed);
    }
    result
}

/// A process that had no room for a real-time signal to the end. While there is one, nobody is waited for: a flood of
/// them must not cost a wait each.
static STUCK: AtomicI32 = AtomicI32::new(NOBODY);
const NOBODY: libc::pid_t = 0;

/// Sends a signal again and again until there is room for it. Linux always finds some, if only for one of a number;
/// gVisor queues 32 of each and answers EAGAIN to the next.
///
/// Not for long, since everything else has to wait meanwhile: a program that lives takes its signals within
/// milliseconds, and a stop that comes this much later is still one in time.
#[cold]
#[inline(never)]
fn wait_for_room(pid: Pid, signal: Signal) -> Result<(), Errno> {
    const STEP: Duration = Duration::from_millis(1);
    const MOST_STEPS: usize = 500;
    if STUCK.load(Ordering::Relaxed) == NOBODY {
        for _ in 0..MOST_STEPS {
            sleep(STEP);
            let result = kill(pid.as_raw(), signal);
            if result != Err(Errno::EAGAIN) {
                return result;
            }
        }
        STUCK.store(pid.as_raw(), Ordering::Relaxed);
    }
    Err(Errno::EAGAIN)
}

/// Sends a signal to every process of a group.
///
/// # Errors
///
/// `ESRCH` where the group has no process, `EPERM` where none of them may be signalled (kill(2)).
pub(crate) fn group(leader: Pid, signal: Signal) -> Result<(), Errno> {
    // /proc says that the group of a process that is just being reaped is -1, and minus that is the init of all.
    if leader.as_raw() <= 1 {
        return Err(Errno::ESRCH);
    }
    kill(leader.as_raw().wrapping_neg(), signal)
}

/// Whether a process group has no process, not even a zombie.
pub(crate) fn is_empty_group(group: Pid) -> bool {
    // Signal 0 is none (kill(2)).
    // SAFETY: the call takes two numbers, and sends nothing.
    group.as_raw() > 1 && check(unsafe { libc::kill(group.as_raw().wrapping_neg(), 0) }.into()) == Err(Errno::ESRCH)
}

/// Whether there is any process but session-init, which is PID 1 of its namespace: a child, or one that came in from outside.
pub(crate) fn somebody_is_left() -> bool {
    // SAFETY: the call takes two numbers, and sends nothing.
    check(unsafe { libc::kill(-1, 0) }.into()) != Err(Errno::ESRCH)
}

/// Sends a signal to every process but session-init, which is PID 1 of its namespace. None that forks meanwhile is missed.
///
/// # Errors
///
/// `ESRCH` where there is no other process, `EPERM` where none of them may be signalled (kill(2)).
pub(crate) fn everyone(signal: Signal) -> Result<(), Errno> {
    // Where it is not PID 1, "everyone" is the whole machine.
    if getpid().as_raw() != 1 {
        return Err(Errno::EPERM);
    }
    // SAFETY: the call takes two numbers.
    let result = unsafe { libc::kill(-1, signal.number().into()) };
    check(result.into()).map(drop)
}

fn kill(id: libc::pid_t, signal: Signal) -> Result<(), Errno> {
    // 0 and -1 mean "my own group" and "everybody" to kill(2); no process that session-init started has such an id.
    if matches!(id, -1..=0) {
        return Err(Errno::ESRCH);
    }
    // SAFETY: the call takes two numbers.
    let result = unsafe { libc::kill(id, signal.number().into()) };
    check(result.into()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_group_gets_no_signal() {
        for number in [i32::MIN, -17, -1, 0, 1] {
            assert_eq!(group(Pid::from_raw(number), Signal::CONT), Err(Errno::ESRCH), "{number}");
        }
        assert_eq!(process(Pid::from_raw(0), Signal::CONT), Err(Errno::ESRCH));
        assert_eq!(process(Pid::from_raw(-1), Signal::CONT), Err(Errno::ESRCH));
    }
}
