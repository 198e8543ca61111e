//! Blocking and receiving signals, by the raw system calls.
//!
//! The C library's own functions leave out the real-time signals it keeps for its threads (32 and 33, under musl also
//! 34), and those of nix know no real-time signal at all.

use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use super::{Errno, check};
use crate::signal::{Origin, Signal};

#[cfg(all(target_endian = "big", target_pointer_width = "32"))]
compile_error!(
    "here the kernel keeps a set of signals as two words, the lower first, and not as one number of 64 bits"
);

/// A set of signals as the kernel keeps it: bit `n - 1` stands for signal `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) fn of(signals: &[Signal]) -> Self {
        Self(signals.iter().fold(0, |set, signal| set | (1 << signal.index())))
    }

    /// Those with lower numbers.
    fn below(signal: Signal) -> Self {
        Self(!(u64::MAX << signal.index()))
    }

    pub(crate) fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::of(&[signal]).0)
    }

    pub(crate) fn holds(self, signal: Signal) -> bool {
        self.with(signal) == self
    }

    fn without(self, signal: Signal) -> Self {
        Self(self.0 & !Self::of(&[signal]).0)
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
/// the time has passed, or when something other than a signal interrupted the wait.
///
/// # Errors
///
/// Those of a seccomp profile that denies the call.
pub(crate) fn wait(set: SignalSet, timeout: Option<Duration>) -> Result<Option<Received>, Errno> {
    let timeout = timeout.map(|timeout| Timeout {
        seconds: libc::c_long::try_from(timeout.as_secs()).unwrap_or(libc::c_long::MAX),
        nanoseconds: timeout.subsec_nanos().cast_signed().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let set = &raw const set.0;
    // SAFETY: the set is 64 bits as the last argument says, the timeout null or of the kernel's layout, and the kernel
    // writes a siginfo_t at most.
    let taken = unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, set, info.as_mut_ptr(), timeout, size_of::<u64>()) };
    let number = match check(taken) {
        Ok(number) => number,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(signal) = u8::try_from(number).ok().and_then(Signal::new) else { return Ok(None) };
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
    Ok(Some(Received { signal, origin, pid }))
}

/// Takes one pending signal of `set` off the queue, if there is one.
pub(crate) fn take(set: SignalSet) -> Option<Received> {
    wait(set, Some(Duration::ZERO)).ok().flatten()
}

/// The signals on their way to session-init, of which no flood of one hides another.
///
/// The kernel hands out those that were sent to the thread before all others, and of each kind those with the lowest
/// numbers first. So a standard signal comes once, and then each of the others that is pending, before it comes again; and a
/// real-time signal comes after all with lower numbers, whoever they were sent to.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Those that have not had their turn.
    waiting: SignalSet,
    /// The signal that came last, and how often it has come in a row.
    row: (Option<Signal>, u32),
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { waiting: SignalSet::ALL, row: (None, 0) }
    }

    /// The next signal, waiting for it at most `timeout`, or without end if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`wait`].
    pub(crate) fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Received>, Errno> {
        if self.waiting != SignalSet::ALL {
            if let Some(received) = take(self.waiting) {
                let is_standard = received.signal < FIRST_REAL_TIME;
                self.waiting = if is_standard { self.waiting.without(received.signal) } else { SignalSet::ALL };
                return Ok(Some(received));
            }
            self.waiting = SignalSet::ALL;
        }
        let received = wait(SignalSet::ALL, timeout)?;
        if let Some(Received { signal, .. }) = received {
            self.waiting = self.next_turn(signal);
        }
        Ok(received)
    }

    /// Who comes next, now that this signal has come.
    fn next_turn(&mut self, signal: Signal) -> SignalSet {
        /// Ends of children are many and cheap, and as a rule there is nothing else.
        const MOST_CHILDREN: u32 = 16;
        /// No queue is that long by itself (`RLIMIT_SIGPENDING`, setrlimit(2)): somebody sends on and on.
        const LONGEST_QUEUE: u32 = 1 << 17;
        let (last, count) = self.row;
        let count = if last == Some(signal) { count.saturating_add(1) } else { 1 };
        let most = match signal {
            Signal::CHLD => MOST_CHILDREN,
            _ if signal < FIRST_REAL_TIME => 1,
            _ => LONGEST_QUEUE,
        };
        let is_everybodys = count >= most;
        self.row = (Some(signal), if is_everybodys { 0 } else { count });
        match signal {
            _ if is_everybodys => SignalSet::ALL.without(signal),
            Signal::CHLD => SignalSet::ALL,
            _ => SignalSet::below(signal),
        }
    }
}

/// The first that queues up as often as it is sent, libc's own included.
const FIRST_REAL_TIME: Signal = match Signal::new(32) {
    Some(signal) => signal,
    None => Signal::CHLD,
};

/// A signal's disposition, as far as it outlives exec: handlers do not (execve(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

/// What `rt_sigaction` takes and gives: the handler, and then, in an order and of sizes that are the machine's own, flags, a
/// mask and maybe the address of code to return by. Without a handler of one's own all those are zero.
#[repr(C)]
struct KernelAction {
    handler: libc::sighandler_t,
    rest: [u64; 4],
}

impl KernelAction {
    fn new(handler: libc::sighandler_t) -> Self {
        Self { handler, rest: [0; 4] }
    }
}

/// Sets a signal's disposition and returns the one it had.
///
/// # Errors
///
/// `EINVAL` for KILL and STOP.
pub(crate) fn set_disposition(signal: Signal, disposition: Disposition) -> Result<Disposition, Errno> {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    let old = set_handler(signal, handler)?;
    Ok(if old == libc::SIG_IGN { Disposition::Ignore } else { Disposition::Default })
}

pub(super) fn set_handler(signal: Signal, handler: libc::sighandler_t) -> Result<libc::sighandler_t, Errno> {
    let (new, mut old) = (KernelAction::new(handler), KernelAction::new(libc::SIG_DFL));
    let (number, new, place) = (libc::c_int::from(signal.number()), &raw const new, &raw mut old);
    // SAFETY: both pointers are to as much as the kernel's sigaction takes, of which the mask has the size that is named.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigaction, number, new, place, size_of::<u64>()) };
    check(result)?;
    Ok(old.handler)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(number: u8) -> Signal {
        Signal::new(number).unwrap()
    }

    /// Sends it to the calling thread.
    fn raise(number: u8) {
        // SAFETY: the call takes a number, and the tests block the signal.
        assert_eq!(unsafe { libc::raise(number.into()) }, 0);
    }

    /// In a thread of its own, whose mask is nobody else's.
    fn with_all_blocked(body: impl FnOnce() + Send + 'static) {
        std::thread::spawn(move || {
            block(SignalSet::ALL);
            body();
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_blocked_signal_is_pending_until_it_is_taken() {
        with_all_blocked(|| {
            let both = SignalSet::of(&[signal(10), signal(12)]);
            assert_eq!(take(both), None);
            raise(12);
            assert_eq!(take(both).map(|received| received.signal), Some(signal(12)));
            assert_eq!(take(both), None);
        });
    }

    fn next(queue: &mut Queue) -> Option<u8> {
        queue.next(Some(Duration::ZERO)).unwrap().map(|received| received.signal.number())
    }

    #[test]
    fn standard_signals_take_turns_and_real_time_signals_keep_their_order() {
        with_all_blocked(|| {
            let mut queue = Queue::new();
            for number in [1, 64, 40, 40, 15] {
                raise(number);
            }
            let mut seen = Vec::new();
            for again in [1, 15] {
                seen.extend(next(&mut queue));
                // It comes again all the time, and the others come all the same.
                raise(again);
            }
            seen.extend(std::iter::from_fn(|| next(&mut queue)));
            assert_eq!(seen, [1, 15, 40, 1, 15, 40, 64]);
        });
    }

    #[test]
    fn a_flood_without_end_hides_none_with_a_higher_number() {
        let mut queue = Queue::new();
        let flood = signal(40);
        let turns = (0..1 << 17).find(|_| queue.next_turn(flood) == SignalSet::ALL.without(flood));
        assert_eq!(turns, Some((1 << 17) - 1));
        assert_eq!(queue.next_turn(flood), SignalSet::below(flood));
    }

    #[test]
    fn a_storm_of_children_hides_nothing() {
        with_all_blocked(|| {
            let mut queue = Queue::new();
            raise(40);
            let seen = (0..20).any(|_| {
                raise(17);
                queue.next(Some(Duration::ZERO)).unwrap().unwrap().signal == signal(40)
            });
            assert!(seen);
        });
    }

    #[test]
    fn a_disposition_is_the_one_that_was_set() {
        let ignored = signal(63);
        assert_eq!(set_disposition(ignored, Disposition::Ignore), Ok(Disposition::Default));
        assert_eq!(set_disposition(ignored, Disposition::Default), Ok(Disposition::Ignore));
        assert_eq!(set_disposition(Signal::KILL, Disposition::Ignore), Err(Errno::EINVAL));
    }
}
