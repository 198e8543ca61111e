//! What /proc says of processes beyond what a run needs.

use super::signals::set_handler;
use super::{Errno, files, procfs};
use crate::number::number;
use crate::signal::Signal;
use crate::stat::Stat;
use crate::status::{Status, holds};

/// The calls by which a thread waits for signals instead of handling them: programs of 64 and of 32 bits have other numbers, and
/// those of 32 bits have two.
const WAITS: [u64; 3] = if cfg!(any(target_arch = "x86", target_arch = "x86_64")) {
    [128, 177, 421]
} else if cfg!(any(target_arch = "arm", target_arch = "aarch64")) {
    [137, 177, 421]
} else if cfg!(target_arch = "powerpc64") {
    [176, 176, 421]
} else if cfg!(target_arch = "s390x") {
    [177, 177, 421]
} else {
    // As in the kernel's list for new machines.
    [137, 137, 421]
};

/// Every process that /proc shows.
///
/// # Errors
///
/// Those of open(2) and getdents(2).
pub(crate) fn pids() -> Result<Vec<i32>, Errno> {
    files::numbers(c"/proc")
}

/// What a process makes of signals. One is blocked where every thread blocks it; what a thread waits for, or is told of by a
/// descriptor (signalfd(2)), is handled.
///
/// # Errors
///
/// Those of open(2), `EACCES` where /proc shows little of others (`hidepid`), and `ENODATA` where it says nothing of signals.
pub(crate) fn status(pid: i32, stat: &Stat) -> Result<Status, Errno> {
    let mut whole = procfs::status_of(format_args!("/proc/{pid}/status"))?;
    let mut awaited = if waits(format_args!("/proc/{pid}/syscall")) { !whole.blocked } else { 0 };
    if stat.threads > 1 {
        for thread in files::numbers(&files::text(format_args!("/proc/{pid}/task"))).unwrap_or_default() {
            if let Ok(status) = procfs::status_of(format_args!("/proc/{pid}/task/{thread}/status")) {
                if waits(format_args!("/proc/{pid}/task/{thread}/syscall")) {
                    // Of what others block it waits for some; what nobody blocks may come to any of them.
                    awaited |= whole.blocked & !status.blocked;
                }
                whole.blocked &= status.blocked;
            }
        }
    }
    if whole.blocked != 0 {
        let read = of_descriptors(pid);
        awaited |= read;
        whole.blocked &= !read;
    }
    whole.read = awaited;
    Ok(whole)
}

/// Whether a thread waits for signals, if this process may know.
fn waits(path: std::fmt::Arguments<'_>) -> bool {
    let mut room = [0; 128];
    let call = files::start(&files::text(path), &mut room).unwrap_or_default();
    let call = call.split(|byte| *byte == b' ').next().and_then(number);
    call.is_some_and(|call| WAITS.contains(&call))
}

/// The signals that a process reads from descriptors.
fn of_descriptors(pid: i32) -> u64 {
    /// A server of ten thousand connections is not worth the time.
    const MOST: usize = 256;
    let mut all = 0;
    for descriptor in files::numbers(&files::text(format_args!("/proc/{pid}/fd"))).unwrap_or_default().iter().take(MOST)
    {
        let path = files::text(format_args!("/proc/{pid}/fdinfo/{descriptor}"));
        all |= files::contents(&path).map_or(0, |contents| Status::of_descriptor(&contents));
    }
    all
}

/// The strings of a file of a process that ends each with a zero byte, such as `cmdline`.
///
/// # Errors
///
/// Those of open(2), `EACCES` where this process may not know. They are kept to the end.
pub(crate) fn strings(pid: i32, file: &str) -> Result<Vec<&'static [u8]>, Errno> {
    let mut left: &'static [u8] = files::contents(&files::text(format_args!("/proc/{pid}/{file}")))?.leak();
    let mut strings = Vec::new();
    while let Some(end) = left.iter().position(|byte| *byte == 0) {
        let (string, rest) = left.split_at(end);
        strings.push(string);
        left = rest.get(1..).unwrap_or_default();
    }
    Ok(strings)
}

/// The path of the file that a process executes; empty where this process may not know.
pub(crate) fn executable(pid: i32) -> &'static [u8] {
    let room = vec![0; 512].leak();
    files::link(&files::text(format_args!("/proc/{pid}/exe")), room).unwrap_or_default()
}

/// Lets `--inspect` see that COMMAND has been reaped: its pid, and whose child it was, tell nobody any more.
///
/// The mark is a handler for CHLD. It never runs, for CHLD stays blocked and is taken off the queue.
#[cold]
#[inline(never)]
pub(crate) fn mark() {
    extern "C" fn never(_: libc::c_int) {}
    #[expect(clippy::as_conversions, reason = "stable Rust has no other way to a function's address")]
    let handler = never as extern "C" fn(libc::c_int) as *const ();
    let _ = set_handler(Signal::CHLD, handler.addr());
}

/// Whether what a session-init catches says that.
pub(crate) fn is_marked(status: &Status) -> bool {
    Signal::all().all(|signal| holds(status.caught, signal) == (signal == Signal::CHLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_that_wait_hold_this_machines_own() {
        assert!(WAITS.contains(&libc::SYS_rt_sigtimedwait.try_into().unwrap()));
    }
}
