//! The clock by which the kernel says when a process has started.

use nix::errno::Errno;

/// The ticks since the machine has started, sleep included, of which `/proc/PID/stat` gives a process's start
/// (`proc_pid_stat(5)`); 0 where the kernel does not tell.
pub(crate) fn ticks_since_boot() -> u64 {
    /// A hundred in a second, on every machine that has 64 signals (`USER_HZ`).
    const TICK: u64 = 10_000_000;
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec, which stays as it is where the call fails.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    let ticks = seconds.saturating_mul(1_000_000_000 / TICK).saturating_add(nanoseconds / TICK);
    Errno::result(result).map_or(0, |_| ticks)
}
