//! Starting COMMAND.
//!
//! `std::process::Command` hands on a blocked signal mask and sets SIGPIPE to its default, and fork(2) copies page tables
//! that exec throws away. So the child borrows session-init's memory (see `vfork.rs`), and an error of exec comes back
//! through it.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::thread::sleep;
use std::time::Duration;

use nix::unistd::{Pid, getsid, setsid};

use super::environment::Environment;
use super::signals::{self, Disposition, SignalSet};
use super::terminal::{self, Terminal};
use super::vfork::in_vforked_child;
use super::{Errno, files, wait};
use crate::exit::status;
use crate::lookup;
use crate::signal::Signal;

/// What the child needs before exec.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The session and the process group that COMMAND is to be in.
    pub(crate) place: Place,
    /// SIGCHLD's disposition as session-init found it; session-init itself needs the default.
    pub(crate) child_disposition: Disposition,
    /// The signal mask as session-init found it.
    pub(crate) mask: SignalSet,
}

/// The session and the process group of COMMAND.
#[derive(Debug)]
pub(crate) enum Place {
    /// It leads a session of its own, and this terminal is to be that session's; else that on its stdin, if it is nobody's.
    Own(Option<Terminal>),
    /// Both are those of session-init.
    Shared,
}

/// Why COMMAND did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpawnError {
    /// There could be no child.
    Clone(Errno),
    /// COMMAND could not be given its signal mask, and would never have got any signal.
    Mask(Errno),
    /// None of the files could be executed. This is the error that says most: that of the first file that was found, else
    /// that of the last one.
    Exec { error: Errno, file: usize },
}

/// A COMMAND that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spawned {
    pub(crate) pid: Pid,
    /// Whether it is in the place that was meant for it, or why it has stayed in session-init's own.
    pub(crate) placed: Result<(), Errno>,
    /// Whether it is known that exec has worked. Where a child cannot borrow memory, COMMAND may yet end with 126 or 127 for
    /// want of a file.
    pub(crate) is_executed: bool,
}

/// Starts the first of `files` that can be executed, with these arguments and session-init's own environment.
///
/// COMMAND keeps every signal blocked until it has its session, its terminal and its dispositions; the mask is the last
/// thing that it gets before exec, so that no signal can end or pass it half-way.
///
/// # Errors
///
/// [`SpawnError`], when no child is left behind.
pub(crate) fn spawn(files: &[CString], arguments: &[CString], setup: &Setup) -> Result<Spawned, SpawnError> {
    let mut pointers: Vec<*const c_char> = Vec::new();
    for argument in arguments {
        pointers.push(argument.as_ptr());
    }
    pointers.push(ptr::null());
    let mut environment = Environment::new();
    let (mut failure, mut placed) = (None, Ok(()));
    let (pid, is_shared) = in_vforked_child(&mut || {
        placed = prepare(setup);
        // The last thing before exec, so that no signal can end or pass COMMAND half-way.
        let error = match signals::restore_mask(setup.mask) {
            Ok(()) => exec_first(files, &pointers, environment.of_this_process()),
            Err(error) => SpawnError::Mask(error),
        };
        failure = Some(error);
        if let Place::Own(Some(terminal)) = &setup.place {
            terminal.release();
        }
        error.status()
    })
    .map_err(SpawnError::Clone)?;
    if !is_shared {
        return Ok(Spawned { pid, placed: wait_until_placed(pid, setup), is_executed: false });
    }
    match failure {
        None => Ok(Spawned { pid, placed, is_executed: true }),
        Some(failure) => {
            wait::reap_when_ended(pid);
            Err(failure)
        }
    }
}

impl SpawnError {
    /// The status that a child ends with for it.
    fn status(self) -> c_int {
        c_int::from(match self {
            Self::Exec { error: Errno::ENOENT, .. } => status::NOT_FOUND,
            Self::Exec { .. } => status::NOT_RUNNABLE,
            Self::Clone(_) | Self::Mask(_) => status::USAGE,
        })
    }
}

/// Waits until a child that is at work by itself leads its session, since no signal would reach its group before.
fn wait_until_placed(child: Pid, setup: &Setup) -> Result<(), Errno> {
    const STEP: Duration = Duration::from_millis(1);
    const MOST_STEPS: usize = 5_000;
    if matches!(setup.place, Place::Shared) {
        return Ok(());
    }
    for _ in 0..MOST_STEPS {
        if getsid(Some(child)) == Ok(child) || !wait::is_living_child(child) {
            return Ok(());
        }
        sleep(STEP);
    }
    Err(Errno::EPERM)
}

/// In the child: everything that COMMAND is to find but the signal mask. None of it can fail in a way that would make it
/// better not to start COMMAND. The answer is whether COMMAND is in its place.
fn prepare(setup: &Setup) -> Result<(), Errno> {
    let mut placed = Ok(());
    if let Place::Own(terminal) = &setup.place {
        placed = setsid().map(drop);
        match terminal {
            Some(terminal) => drop(terminal.acquire()),
            None => terminal::acquire_stdin(),
        }
    }
    if setup.child_disposition == Disposition::Ignore {
        let _ = signals::set_disposition(Signal::CHLD, Disposition::Ignore);
    }
    placed
}

/// In the child: tries each file as execvp(3) does. Returns only if none could be executed.
fn exec_first(files: &[CString], arguments: &[*const c_char], environment: *const *const c_char) -> SpawnError {
    let mut answer = SpawnError::Exec { error: Errno::ENOENT, file: 0 };
    for (index, file) in files.iter().enumerate() {
        let error = exec(file, arguments, environment);
        match error {
            // Not here; the next directory may have it.
            Errno::ENOENT | Errno::ENOTDIR | Errno::ENODEV | Errno::ESTALE | Errno::ETIMEDOUT => {}
            // Here, but not for us: what is found later may do, and if nothing is, this is what to report.
            Errno::EACCES => answer = SpawnError::Exec { error, file: index },
            Errno::ENOEXEC => {
                return SpawnError::Exec { error: interpret(file, arguments, environment), file: index };
            }
            _ => return SpawnError::Exec { error, file: index },
        }
        if files.len() == 1 {
            return SpawnError::Exec { error, file: index };
        }
    }
    answer
}

/// In the child: a file that is executable and of no known format is taken for a script without a `#!` line, as a shell
/// takes it. Not so a program for another kind of machine, of which the shell could only say that its syntax is wrong.
fn interpret(file: &CStr, arguments: &[*const c_char], environment: *const *const c_char) -> Errno {
    if lookup::is_binary(files::start(file, &mut [0; 128]).unwrap_or_default()) {
        return Errno::ENOEXEC;
    }
    let shell = c"/bin/sh";
    let mut words = vec![shell.as_ptr(), file.as_ptr()];
    words.extend_from_slice(arguments.get(1..).unwrap_or_default());
    exec(shell, &words, environment)
}

fn exec(file: &CStr, arguments: &[*const c_char], environment: *const *const c_char) -> Errno {
    // SAFETY: the file's name ends with a zero byte, and both arrays hold pointers to such strings and end with null.
    let _ = unsafe { libc::execve(file.as_ptr(), arguments.as_ptr(), environment) };
    Errno::last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::vfork::unused_stack;

    #[test]
    fn the_child_uses_less_than_half_of_its_stack() {
        let files = [c"/no/such/program", c"/bin/true"].map(CStr::to_owned);
        let mask = SignalSet::of(&[]);
        let setup = Setup { place: Place::Own(None), child_disposition: Disposition::Default, mask };
        let child = spawn(&files, &[c"true".to_owned()], &setup).unwrap();
        wait::reap_when_ended(child.pid);
        let (unused, size) = unused_stack();
        assert!(unused > size / 2, "{unused}");
    }
}
