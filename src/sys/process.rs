//! session-init's own process.

use nix::errno::Errno;
use nix::unistd::{getpid, getppid};

use super::{check, kill};
use crate::signal::Signal;

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
