//! session-init's own process, and where others are.

use std::path::Path;

use nix::sys::prctl::{set_child_subreaper, set_dumpable};
use nix::unistd::{Pid, chdir, getpgid, getpgrp, getpid, getppid, getsid};

use super::{Errno, check, kill};
use crate::signal::Signal;

pub(crate) fn own_pid() -> Pid {
    getpid()
}

pub(crate) fn is_pid_1() -> bool {
    getpid().as_raw() == 1
}

/// session-init's own process group; 0 where it was made outside this PID namespace.
pub(crate) fn own_group() -> Pid {
    getpgrp()
}

/// session-init's own session; 0 where it was made outside this PID namespace.
pub(crate) fn own_session() -> Option<Pid> {
    getsid(None).ok()
}

/// The process group of a process, which may be a zombie.
pub(crate) fn group_of(pid: Pid) -> Option<Pid> {
    getpgid(Some(pid)).ok()
}

/// The session of a process, which may be a zombie.
pub(crate) fn session_of(pid: Pid) -> Option<Pid> {
    getsid(Some(pid)).ok()
}

/// Makes this process the parent of every orphan among its descendants.
///
/// # Errors
///
/// `EINVAL` on kernels and in sandboxes that do not know it (prctl(2), `PR_SET_CHILD_SUBREAPER`).
pub(crate) fn become_subreaper() -> Result<(), Errno> {
    set_child_subreaper(true)
}

/// Leaves no core file behind, whatever signal ends this process: COMMAND has left its own.
pub(crate) fn leave_no_core() {
    // A limit of no bytes would not keep the kernel from starting a program that takes the core (core(5)).
    let _ = set_dumpable(false);
}

/// Changes to `/`, so that no folder is kept in use.
pub(crate) fn leave_folder() {
    let _ = chdir(Path::new("/"));
}

/// Asks for `signal` to be sent to this process when its parent dies; at once, if the parent died just now.
///
/// # Errors
///
/// `EINVAL` for a signal that the kernel does not know (prctl(2), `PR_SET_PDEATHSIG`).
pub(crate) fn set_parent_death_signal(signal: Signal) -> Result<(), Errno> {
    let parent = getppid();
    // SAFETY: the call takes two numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::c_ulong::from(signal.number())) };
    check(result.into())?;
    // A parent that died before the call sends nothing more.
    if getppid() == parent { Ok(()) } else { kill::process(getpid(), signal) }
}
