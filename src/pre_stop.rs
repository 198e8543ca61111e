//! The command that comes before a stop.

#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

use crate::lookup;
use crate::signal::Signal;
use crate::sys::aside::{Aside, Folder};
use crate::sys::signals::{Disposition, SignalSet};
use crate::sys::{Errno, Pid};

/// What it is, and where it is to run.
pub(crate) struct PreStop {
    script: CString,
    folder: Option<Folder>,
    child_disposition: Disposition,
    mask: SignalSet,
}

impl PreStop {
    /// To be made in session-init's first working directory; the disposition and the mask are those that COMMAND got.
    pub(crate) fn new(script: &OsStr, child_disposition: Disposition, mask: SignalSet) -> Self {
        Self { script: lookup::c_string(script.as_bytes()), folder: Folder::current(), child_disposition, mask }
    }

    /// Starts it because of this signal, in a process group of its own.
    ///
    /// # Errors
    ///
    /// Those of clone(2) and execve(2).
    pub(crate) fn start(&self, signal: Signal, command: Pid) -> Result<Pid, Errno> {
        let variable = |name: &str, value: String| lookup::c_string(format!("{name}={value}").as_bytes());
        let aside = Aside {
            script: &self.script,
            variables: [
                variable("SESSION_INIT_SIGNAL", signal.to_string()),
                variable("SESSION_INIT_COMMAND_PID", command.to_string()),
            ],
            folder: self.folder.as_ref(),
            child_disposition: self.child_disposition,
            mask: self.mask,
        };
        aside.start()
    }
}
