//! The controlling terminal (tty(4), `ioctl_tty(2)`).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::tcgetsid;
use nix::unistd::{getpid, getsid, tcsetpgrp};

use super::{check, signals, spawn, wait};
use crate::signal::Signal;

/// A descriptor of the terminal that a session has given up, for the next session to take.
#[derive(Debug)]
pub(crate) struct Terminal(OwnedFd);

/// What became of the terminal of session-init's own session.
#[derive(Debug)]
pub(crate) enum GivenUp {
    /// session-init led the terminal's session; the terminal now belongs to none.
    Yes(Terminal),
    /// session-init does not lead a session that has a terminal.
    NotOurs,
    /// The terminal could not be given up.
    Failed(Errno),
}

/// Takes the terminal from session-init's session, if session-init leads it, for COMMAND's session to have it.
///
/// The kernel sends HUP and CONT to the terminal's foreground process group when the session's leader gives it up, and
/// that group is session-init's own. A HUP that somebody else sent at the same moment could not be told from that one,
/// so the foreground is first left to a group without members. Where that fails, the two are taken off the queue.
pub(crate) fn give_up() -> GivenUp {
    if getsid(None) != Ok(getpid()) {
        return GivenUp::NotOurs;
    }
    let Some(terminal) = controlling_terminal() else {
        return GivenUp::NotOurs;
    };
    let emptied = empty_the_foreground(terminal.as_fd());
    // SAFETY: TIOCNOTTY takes no argument.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY) };
    if let Err(error) = check(result.into()) {
        return GivenUp::Failed(error);
    }
    if emptied.is_err() {
        // Both are pending when the call returns: the kernel sent them within it.
        let _ = signals::take(signals::SignalSet::of(&[Signal::HUP]));
        let _ = signals::take(signals::SignalSet::of(&[Signal::CONT]));
    }
    GivenUp::Yes(Terminal(terminal))
}

/// The terminal that session-init's session owns. Containers may lack /dev/tty; then it is one of the standard ones.
fn controlling_terminal() -> Option<OwnedFd> {
    let session = getpid();
    match open("/dev/tty", OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(terminal) if tcgetsid(&terminal) == Ok(session) => return Some(terminal),
        // tty(4): the process has no controlling terminal.
        Err(Errno::ENXIO) => return None,
        Ok(_) | Err(_) => {}
    }
    (0..=2).find_map(|number| {
        // SAFETY: tcgetsid answers EBADF where the descriptor is closed, and nothing else is done with it then.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let owned = tcgetsid(descriptor) == Ok(session);
        owned.then(|| descriptor.try_clone_to_owned().ok()).flatten()
    })
}

/// Makes a process group without members the terminal's foreground process group.
///
/// The kernel takes the pid of any process of the session for the id of a group (`TIOCSPGRP`): a child that makes its
/// own pid the foreground group, without being in it, and ends, leaves just that.
fn empty_the_foreground(terminal: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut result = Ok(());
    let child = spawn::in_vforked_child(&mut || {
        result = tcsetpgrp(terminal, getpid());
        0
    })?;
    // Its SIGCHLD stays pending; it makes session-init look at its children once more, which does no harm.
    wait::reap_when_ended(child);
    result
}

impl Terminal {
    /// Makes this the controlling terminal of the calling process, which leads a session without one.
    ///
    /// # Errors
    ///
    /// `EPERM`, as `ioctl_tty(2)` has it for `TIOCSCTTY`.
    pub(crate) fn acquire(&self) -> Result<(), Errno> {
        // SAFETY: TIOCSCTTY takes a number, here "do not steal it".
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCSCTTY, 0) };
        check(result.into()).map(drop)
    }

    /// Gives the controlling terminal up again. When the leader of its session ends instead, the kernel hangs the
    /// terminal up for everybody.
    pub(crate) fn release(&self) {
        // SAFETY: TIOCNOTTY takes no argument.
        let _ = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCNOTTY) };
    }
}
