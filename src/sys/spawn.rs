//! Starting COMMAND.
//!
//! `std::process::Command` hands on a blocked signal mask and sets SIGPIPE to its default, and fork(2) copies page tables
//! that exec throws away. So the child shares session-init's memory on a stack of its own, while session-init waits for
//! it to exec or to end (vfork(2)); an error of exec comes back through that memory.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::Write;
use std::mem::MaybeUninit;
use std::ptr;

use nix::errno::Errno;
use nix::unistd::{Pid, getpid, setpgid, setsid};

use super::signals::{self, Disposition, SignalSet};
use super::terminal::{Shared, Terminal};
use super::{check, environment, wait};
use crate::signal::Signal;

/// What the child needs before exec.
#[derive(Debug)]
pub(crate) struct Setup<'terminal> {
    /// The session and the process group that COMMAND is to be in.
    pub(crate) place: Place<'terminal>,
    /// SIGCHLD's disposition as session-init found it; session-init itself needs the default.
    pub(crate) child_disposition: Disposition,
    /// The signal mask as session-init found it.
    pub(crate) mask: SignalSet,
}

/// The session and the process group of COMMAND.
#[derive(Debug)]
pub(crate) enum Place<'terminal> {
    /// It leads a session of its own, and this terminal is to be that session's.
    Session(Option<Terminal>),
    /// It leads a process group of its own in session-init's session, and this terminal is to be in that group's hands.
    Group(Option<&'terminal Shared>),
    /// Both are those of session-init.
    Same,
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
}

/// Starts the first of `files` that can be executed, with these arguments and session-init's own environment.
///
/// COMMAND keeps every signal blocked until it has its session, its terminal and its dispositions; the mask is the last
/// thing that it gets before exec, so that no signal can end or pass it half-way.
///
/// # Errors
///
/// [`SpawnError`], when no child is left behind.
pub(crate) fn spawn(files: &[CString], arguments: &[CString], setup: &Setup<'_>) -> Result<Spawned, SpawnError> {
    let arguments: Vec<*const c_char> =
        arguments.iter().map(|argument| argument.as_ptr()).chain([ptr::null()]).collect();
    let mut environment = Environment::new();
    let (mut failure, mut placed) = (None, Ok(()));
    let child = in_vforked_child(&mut || {
        placed = prepare(setup);
        // The last thing before exec, so that no signal can end or pass COMMAND half-way.
        failure = Some(match signals::restore_mask(setup.mask) {
            Ok(()) => exec_first(files, &arguments, environment.of_this_process()),
            Err(error) => SpawnError::Mask(error),
        });
        match &setup.place {
            Place::Session(Some(terminal)) => terminal.release(),
            Place::Group(Some(terminal)) => {
                let _ = terminal.set_foreground(terminal.own_group());
            }
            Place::Session(None) | Place::Group(None) | Place::Same => {}
        }
        c_int::from(crate::exit::status::NOT_FOUND)
    })
    .map_err(SpawnError::Clone)?;
    match failure {
        None => Ok(Spawned { pid: child, placed }),
        Some(failure) => {
            wait::reap_when_ended(child);
            Err(failure)
        }
    }
}

/// In the child: everything that COMMAND is to find but the signal mask. None of it can fail in a way that would make it
/// better not to start COMMAND. The answer is whether COMMAND is in its place.
fn prepare(setup: &Setup<'_>) -> Result<(), Errno> {
    let mut placed = Ok(());
    match &setup.place {
        Place::Session(terminal) => {
            placed = setsid().map(drop);
            if let Some(terminal) = terminal {
                let _ = terminal.acquire();
            }
        }
        Place::Group(terminal) => {
            let own_group = getpid();
            placed = setpgid(own_group, own_group);
            if let Some(terminal) = terminal {
                let _ = terminal.set_foreground(own_group);
            }
        }
        Place::Same => {}
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
            _ => return SpawnError::Exec { error, file: index },
        }
        if files.len() == 1 {
            return SpawnError::Exec { error, file: index };
        }
    }
    answer
}

fn exec(file: &CStr, arguments: &[*const c_char], environment: *const *const c_char) -> Errno {
    // SAFETY: the file's name ends with a zero byte, and both arrays hold pointers to such strings and end with null.
    let _ = unsafe { libc::execve(file.as_ptr(), arguments.as_ptr(), environment) };
    Errno::last()
}

/// COMMAND's environment: session-init's own, but for `LISTEN_PID` where it names session-init (`sd_listen_fds(3)`), since
/// the sockets are COMMAND's.
struct Environment {
    /// A copy of the array, if something in it has to change, and the place of what has to.
    changed: Option<(Vec<*const c_char>, usize)>,
    listen_pid: [u8; 32],
}

impl Environment {
    const LISTEN_PID: &[u8] = b"LISTEN_PID=";

    fn new() -> Self {
        let names_us = environment::variable("LISTEN_PID").is_some_and(|pid| pid == getpid().to_string().as_str());
        let changed = names_us.then(|| {
            let place = environment::strings().position(|string| string.to_bytes().starts_with(Self::LISTEN_PID));
            let variables = environment::strings().map(CStr::as_ptr).chain([ptr::null()]).collect();
            (variables, place.unwrap_or(usize::MAX))
        });
        Self { changed, listen_pid: [0; 32] }
    }

    /// In the child, whose pid nobody knew before.
    fn of_this_process(&mut self) -> *const *const c_char {
        let Some((variables, place)) = &mut self.changed else { return environment::pointer() };
        let mut text = &mut self.listen_pid[..];
        let _ = text.write_all(Self::LISTEN_PID);
        let _ = write!(text, "{}", getpid());
        if let Some(place) = variables.get_mut(*place) {
            *place = self.listen_pid.as_ptr().cast();
        }
        variables.as_ptr()
    }
}

/// Enough for the child's few calls.
const STACK_SIZE: usize = 16 * 1024;

#[repr(C, align(16))]
struct Stack([MaybeUninit<u8>; STACK_SIZE]);

/// The child's stack. A local variable of that size would cost memory to its full length, which the compiler touches page by
/// page; of this one there is as much as the child uses.
static mut STACK: Stack = Stack([MaybeUninit::uninit(); STACK_SIZE]);

/// Runs `body` in a child that shares this process's memory, and returns once the child has executed another program or
/// has ended; what `body` returns is its exit status then.
///
/// # Errors
///
/// Those of clone(2).
pub(crate) fn in_vforked_child(body: &mut dyn FnMut() -> c_int) -> Result<Pid, Errno> {
    extern "C" fn run(body: *mut c_void) -> c_int {
        let body: *mut &mut dyn FnMut() -> c_int = body.cast();
        // SAFETY: the pointer comes from the call below, whose frame lives on until the child is done with its memory.
        let body = unsafe { &mut *body };
        body()
    }
    let mut body = body;
    let top = (&raw mut STACK).wrapping_add(1);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let argument: *mut c_void = ptr::from_mut(&mut body).cast();
    // SAFETY: the stack is that of one child at a time, aligned to 16 bytes and larger than what `body` needs; the parent stands still
    // until the child no longer uses its memory (CLONE_VFORK), so nothing else touches what `body` borrows. Signal handlers,
    // which could run on the child's side, do not exist.
    let child = unsafe { libc::clone(run, top.cast(), flags, argument) };
    check(child.into())?;
    Ok(Pid::from_raw(child))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::signals::SignalSet;

    #[test]
    fn the_child_uses_less_than_half_of_its_stack() {
        let files = [c"/no/such/program", c"/bin/true"].map(CStr::to_owned);
        let mask = SignalSet::of(&[]);
        let setup = Setup { place: Place::Session(None), child_disposition: Disposition::Default, mask };
        let child = spawn(&files, &[c"true".to_owned()], &setup).unwrap();
        wait::reap_when_ended(child.pid);
        let bottom: *const u8 = (&raw const STACK).cast();
        // SAFETY: the place is within the stack, which is zero where no child has written.
        let is_zero = |place: &usize| unsafe { bottom.wrapping_add(*place).read_volatile() } == 0;
        let unused = (0..STACK_SIZE).take_while(is_zero).count();
        assert!(unused > STACK_SIZE / 2, "{unused}");
    }
}
