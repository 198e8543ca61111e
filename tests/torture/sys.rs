//! The system calls that the storms need and the suite does not.

#![expect(unsafe_code, reason = "these are system calls")]

use std::ffi::{CString, c_int, c_long};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::support::signal::Signal;

fn check(result: c_long) -> io::Result<c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub(crate) fn make_fifo(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes()).expect("a path without a zero byte");
    // SAFETY: the pointer is to a string.
    check(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }.into()).map(drop)
}

/// Sends a signal to the process that this handle stands for, and to no other that has its pid now.
pub(crate) fn send_through(handle: &OwnedFd, signal: Signal) -> io::Result<()> {
    let none = ptr::null::<libc::siginfo_t>();
    // SAFETY: it takes numbers and a null pointer.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle.as_raw_fd(), signal.as_raw(), none, 0) }).map(drop)
}

/// Queues a real-time signal. Unlike kill(2), which then loses it, this fails with EAGAIN where the queue is full.
pub(crate) fn queue_signal(pid: i32, signal: Signal) -> io::Result<()> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: zero bytes are a valid siginfo_t.
    let filled = unsafe { info.assume_init_mut() };
    filled.si_signo = signal.as_raw();
    filled.si_code = libc::SI_QUEUE;
    // SAFETY: the pointer is to a siginfo_t.
    check(unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal.as_raw(), info.as_ptr()) }).map(drop)
}

/// The limits on a resource of another process, or of this one (0).
pub(crate) fn set_limit_of(pid: i32, resource: libc::__rlimit_resource_t, limit: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the first pointer is to an rlimit, the other null.
    check(unsafe { libc::prlimit(pid, resource, &raw const limit, ptr::null_mut()) }.into()).map(drop)
}

/// Tries to trace a process.
pub(crate) fn attach(pid: i32) -> io::Result<()> {
    let none = ptr::null_mut::<u8>();
    // SAFETY: PTRACE_ATTACH looks at no address.
    check(unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, none, none) }).map(drop)
}

/// Sends a signal, or anything else that kill(2) takes for an id.
pub(crate) fn try_kill(pid: i32, signal: Signal) -> io::Result<()> {
    // SAFETY: it takes two numbers.
    check(unsafe { libc::kill(pid, signal.as_raw()) }.into()).map(drop)
}

/// Lets this process's children be born in a PID namespace.
pub(crate) fn enter_pid_namespace(namespace: &OwnedFd) -> io::Result<()> {
    // SAFETY: it takes two numbers.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWPID) }.into()).map(drop)
}

/// Unmounts a file system, also one that is in use.
pub(crate) fn unmount(place: &std::ffi::CStr) -> io::Result<()> {
    let detach: c_int = libc::MNT_DETACH;
    // SAFETY: the pointer is to a string.
    check(unsafe { libc::umount2(place.as_ptr(), detach) }.into()).map(drop)
}
