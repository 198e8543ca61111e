//! Starting a shell beside COMMAND.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::ptr;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, dup2_stdin, fchdir, getpid, setpgid};

use super::environment::Environment;
use super::signals::{self, Disposition, SignalSet};
use super::vfork::in_vforked_child;
use super::{Errno, wait};
use crate::exit::status;
use crate::signal::Signal;

/// A folder to come back to, wherever its path leads by then.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// The working directory, unless it may not even be looked up.
    pub(crate) fn current() -> Option<Self> {
        open(c".", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).ok().map(Self)
    }
}

/// A script, and what it is to find.
pub(crate) struct Aside<'parts> {
    pub(crate) script: &'parts CStr,
    /// `NAME=value` each, besides session-init's own variables.
    pub(crate) variables: [CString; 2],
    pub(crate) folder: Option<&'parts Folder>,
    /// SIGCHLD's disposition and the signal mask as session-init found them.
    pub(crate) child_disposition: Disposition,
    pub(crate) mask: SignalSet,
}

impl Aside<'_> {
    /// Starts `/bin/sh -c SCRIPT` in a process group of its own, with nothing to read from stdin.
    ///
    /// # Errors
    ///
    /// Those of clone(2) and execve(2), when no child is left behind.
    pub(crate) fn start(&self) -> Result<Pid, Errno> {
        let environment = Environment::with(&self.variables);
        let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), self.script.as_ptr(), ptr::null()];
        let mut failure = None;
        let (pid, _) = in_vforked_child(&mut || {
            let own_group = getpid();
            let _ = setpgid(own_group, own_group);
            let _ = self.folder.map(|folder| fchdir(&folder.0));
            let _ = open(c"/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map(dup2_stdin);
            if self.child_disposition == Disposition::Ignore {
                let _ = signals::set_disposition(Signal::CHLD, Disposition::Ignore);
            }
            let restored = signals::restore_mask(self.mask);
            failure = Some(restored.err().unwrap_or_else(|| {
                // SAFETY: the file's name ends with a zero byte, and both arrays hold pointers to such strings and end with null.
                let _ = unsafe { libc::execve(c"/bin/sh".as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
                Errno::last()
            }));
            status::NOT_RUNNABLE.into()
        })?;
        match failure {
            None => Ok(pid),
            Some(error) => {
                wait::reap_when_ended(pid);
                Err(error)
            }
        }
    }
}
