//! Clocks that std does not know.

use std::time::Duration;

use nix::errno::Errno;

/// The ticks since the machine has started, sleep included, of which `/proc/PID/stat` gives a process's start
/// (`proc_pid_stat(5)`); 0 where the kernel does not tell.
pub(crate) fn ticks_since_boot() -> u64 {
    /// A hundred in a second, on every machine that has 64 signals (`USER_HZ`).
    const TICKS: u64 = 100;
    let now = time(libc::CLOCK_BOOTTIME);
    let of_second = u64::from(now.subsec_nanos()).wrapping_div(1_000_000_000 / TICKS);
    now.as_secs().saturating_mul(TICKS).saturating_add(of_second)
}

/// How long this thread, the only one, has worked, which it does not while it is stopped; zero where the kernel does not tell.
pub(crate) fn work() -> Duration {
    time(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn time(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec, which stays as it is where the call fails.
    let result = unsafe { libc::clock_gettime(clock, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    Errno::result(result).map_or(Duration::ZERO, |_| Duration::new(seconds, nanoseconds))
}
