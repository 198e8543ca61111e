//! Blocking and receiving signals, by the raw system calls.
//!
//! The C library's own functions leave out the real-time signals it keeps for its threads (32 and 33, under musl also
//! 34), and those of nix know no real-time signal at all.

use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use nix::errno::Errno;

use super::check;
use crate::signal::Signal;
use crate::supervisor::Origin;

/// A set of signals as the kernel keeps it: bit `n - 1` stands for signal `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) fn of(signals: &[Signal]) -> Self {
        Self(signals.iter().fold(0, |set, signal| set | (1 << signal.index())))
    }
}

/// Blocks every signal and returns the mask that was in force.
///
/// # Errors
///
/// Those of a seccomp profile that denies the call; by itself it fails for wrong arguments alone.
pub fn block_all() -> Result<SignalSet, Errno> {
    let mut old = SignalSet(0);
    set_mask(libc::SIG_BLOCK, SignalSet::ALL, Some(&mut old))?;
    Ok(old)
}

/// Lets `mask` be the signals that are blocked.
///
/// # Errors
///
/// As for [`block_all`].
pub(crate) fn restore_mask(mask: SignalSet) -> Result<(), Errno> {
    set_mask(libc::SIG_SETMASK, mask, None)
}

/// Lets these signals through to their dispositions.
pub(crate) fn unblock(signals: SignalSet) {
    let _ = set_mask(libc::SIG_UNBLOCK, signals, None);
}

/// Keeps these signals on the queue.
pub(crate) fn block(signals: SignalSet) {
    // To be left with a signal that is let through is to be ended by the next one. Whatever kept the call from working once
    // need not do so for ever.
    const MOST_ATTEMPTS: usize = 100;
    for _ in 0..MOST_ATTEMPTS {
        if set_mask(libc::SIG_BLOCK, signals, None).is_ok() {
            return;
        }
    }
}

/// Whether this signal is on the queue.
pub(crate) fn is_pending(signal: Signal) -> bool {
    let mut pending = 0_u64;
    // SAFETY: the pointer is to 64 bits, the size that the last argument names.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, size_of::<u64>()) };
    check(result).is_ok() && pending & SignalSet::of(&[signal]).0 != 0
}

fn set_mask(how: libc::c_int, set: SignalSet, old: Option<&mut SignalSet>) -> Result<(), Errno> {
    let old = old.map_or(ptr::null_mut(), |old| &raw mut old.0);
    // SAFETY: both pointers are to 64 bits, the size that the last argument names, or null.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set.0, old, size_of::<u64>()) };
    check(result).map(drop)
}

/// A signal taken off the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) signal: Signal,
    pub(crate) origin: Origin,
    /// The process that the signal tells about or comes from, where it names one.
    pub(crate) pid: libc::pid_t,
}

/// What `rt_sigtimedwait` takes: a `timespec` of the machine's own word size, also where the C library's is wider.
#[repr(C)]
struct Timeout {
    seconds: libc::c_long,
    nanoseconds: libc::c_long,
}

/// Takes one pending signal of `set` off the queue, waiting for it at most `timeout`, or without end if there is none.
///
/// The lowest number comes first, and a real-time signal as often as it was sent (signal(7)). The answer is `None` when
/// the time has passed, or when something that is no signal interrupted the wait.
pub(crate) fn wait(set: SignalSet, timeout: Option<Duration>) -> Option<Received> {
    let timeout = timeout.map(|timeout| Timeout {
        seconds: libc::c_long::try_from(timeout.as_secs()).unwrap_or(libc::c_long::MAX),
        nanoseconds: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let set = &raw const set.0;
    // SAFETY: the set is 64 bits as the last argument says, the timeout null or of the kernel's layout, and the kernel
    // writes a siginfo_t at most.
    let taken = unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, set, info.as_mut_ptr(), timeout, size_of::<u64>()) };
    let signal = u8::try_from(check(taken).ok()?).ok().and_then(Signal::new)?;
    // SAFETY: a siginfo_t of zero bytes is a valid one, and the kernel has filled it in.
    let info = unsafe { info.assume_init() };
    // SAFETY: the union's first member is a pid for every signal that a process sent and for SIGCHLD; for any other it
    // is some initialised number, which the origin below keeps from being used.
    let pid = unsafe { info.si_pid() };
    let origin = match info.si_code {
        libc::SI_KERNEL => Origin::Kernel,
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL => Origin::Process(pid),
        _ => Origin::Other,
    };
    Some(Received { signal, origin, pid })
}

/// Takes one pending signal of `set` off the queue, if there is one.
pub(crate) fn take(set: SignalSet) -> Option<Received> {
    wait(set, Some(Duration::ZERO))
}

/// A signal's disposition, as far as it outlives exec: handlers do not (execve(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

/// Whether this signal is ignored.
pub(crate) fn is_ignored(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the first pointer is null, so that nothing is set, and the second is to a sigaction.
    let result = unsafe { libc::sigaction(signal.number().into(), ptr::null(), action.as_mut_ptr()) };
    // SAFETY: a sigaction of zero bytes is a valid one, and the call has filled it in.
    let action = unsafe { action.assume_init() };
    check(result.into()).is_ok() && action.sa_sigaction == libc::SIG_IGN
}

/// Sets a signal's disposition and returns the one it had.
///
/// # Errors
///
/// `EINVAL` for KILL, STOP and what the C library keeps for itself.
pub(crate) fn set_disposition(signal: Signal, disposition: Disposition) -> Result<Disposition, Errno> {
    let mut new = MaybeUninit::<libc::sigaction>::zeroed();
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    // SAFETY: a sigaction of zero bytes is a valid one: no flags, an empty mask, the default handler.
    unsafe { new.assume_init_mut() }.sa_sigaction = handler;
    // SAFETY: both pointers are to a sigaction each.
    let result = unsafe { libc::sigaction(signal.number().into(), new.as_ptr(), old.as_mut_ptr()) };
    check(result.into())?;
    // SAFETY: a sigaction of zero bytes is a valid one, and the call has filled it in.
    let old = unsafe { old.assume_init() };
    Ok(if old.sa_sigaction == libc::SIG_IGN { Disposition::Ignore } else { Disposition::Default })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_pending_until_it_is_taken() {
        let (sent, other) = (Signal::new(12).unwrap(), Signal::new(10).unwrap());
        let both = SignalSet::of(&[sent, other]);
        // In a thread of its own, whose mask is nobody else's.
        std::thread::spawn(move || {
            block(both);
            assert!(!is_pending(sent));
            // SAFETY: the call takes a number, and the signal is blocked.
            assert_eq!(unsafe { libc::raise(sent.number().into()) }, 0);
            assert_eq!((is_pending(sent), is_pending(other)), (true, false));
            assert_eq!(take(both).map(|received| received.signal), Some(sent));
            assert_eq!((is_pending(sent), take(both)), (false, None));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_disposition_is_the_one_that_was_set() {
        let (ignored, other) = (Signal::new(63).unwrap(), Signal::new(62).unwrap());
        assert_eq!(set_disposition(ignored, Disposition::Ignore), Ok(Disposition::Default));
        assert_eq!((is_ignored(ignored), is_ignored(other), is_ignored(Signal::KILL)), (true, false, false));
        assert_eq!(set_disposition(ignored, Disposition::Default), Ok(Disposition::Ignore));
        assert!(!is_ignored(ignored));
        assert_eq!(set_disposition(Signal::KILL, Disposition::Ignore), Err(Errno::EINVAL));
    }
}
