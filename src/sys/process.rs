//! session-init's own process, and where others are.

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
    set(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// Leaves no core file behind, whatever signal ends this process: COMMAND has left its own.
pub(crate) fn leave_no_core() {
    // A limit of no bytes would not keep the kernel from starting a program that takes the core (core(5)).
    let _ = set(libc::PR_SET_DUMPABLE, 0);
}

/// Changes to `/`, so that no folder is kept in use.
pub(crate) fn leave_folder() {
    let _ = chdir(c"/");
}

/// Asks for `signal` to be sent to this process when its parent dies; at once, if the parent died just now.
///
/// # Errors
///
/// `EINVAL` for a signal that the kernel does not know (prctl(2), `PR_SET_PDEATHSIG`).
pub(crate) fn set_parent_death_signal(signal: Signal) -> Result<(), Errno> {
    let parent = getppid();
    set(libc::PR_SET_PDEATHSIG, signal.number())?;
    // A parent that died before the call sends nothing more.
    if getppid() == parent { Ok(()) } else { kill::process(getpid(), signal) }
}

/// Sets an attribute of this process to a number (prctl(2)).
fn set(attribute: libc::c_int, value: u8) -> Result<(), Errno> {
    // SAFETY: the attributes that are set here take a number.
    let result = unsafe { libc::syscall(libc::SYS_prctl, attribute, libc::c_ulong::from(value), 0, 0, 0) };
    check(result).map(drop)
}
