//! The controlling terminal (tty(4), `ioctl_tty(2)`).
//!
//! None of the calls can stop session-init, although it may be in the background: every signal is blocked
//! (tcsetpgrp(3)). None that fails is fatal.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::termios::tcgetsid;
use nix::unistd::{Pid, getpgrp, getpid, getsid, tcgetpgrp, tcsetpgrp};

use super::vfork::in_vforked_child;
use super::{Errno, check, descriptors, files, signals, wait};
use crate::signal::Signal;

/// The terminal of the session that session-init is in.
#[derive(Debug)]
pub(crate) struct Terminal(OwnedFd);

/// The modes of a terminal as they were at some time (termios(3)).
#[derive(Debug)]
pub(crate) struct SavedModes(libc::termios);

impl Terminal {
    /// The controlling terminal, if there is one. Containers may lack /dev/tty; then it is one of the standard descriptors.
    pub(crate) fn find() -> Option<Self> {
        match files::open(c"/dev/tty", libc::O_RDWR | libc::O_NOCTTY) {
            Ok(terminal) if tcgetpgrp(&terminal).is_ok() => return Some(Self(terminal)),
            // tty(4): the process has no controlling terminal.
            Err(Errno::ENXIO) => return None,
            Ok(_) | Err(_) => {}
        }
        let descriptor = (0..=2).map(inherited).find(|descriptor| is_controlling(*descriptor))?;
        descriptors::duplicate(descriptor).ok().map(Self)
    }

    /// The terminal on stdin, if it was nobody's controlling terminal and session-init, which leads a session without one, could
    /// make it its own.
    pub(crate) fn acquire_stdin() -> Option<Self> {
        acquire(inherited(0)).ok()?;
        descriptors::duplicate(inherited(0)).ok().map(Self)
    }

    /// Whether session-init leads the terminal's session.
    pub(crate) fn is_led() -> bool {
        getsid(None) == Ok(getpid())
    }

    /// Takes the terminal from session-init's session, which session-init leads, for COMMAND's session to have it.
    ///
    /// The kernel sends HUP and CONT to the terminal's foreground process group when the session's leader gives it up, and
    /// that group is session-init's own. A HUP that somebody else sent at the same moment could not be told from that one,
    /// so the foreground is first left to a group without members. Where that fails, the two are taken off the queue.
    ///
    /// # Errors
    ///
    /// Those of `TIOCNOTTY`, which some sandboxes lack; the terminal is as it was then.
    pub(crate) fn give_up(&self) -> Result<(), Errno> {
        let emptied = self.empty_the_foreground();
        // SAFETY: TIOCNOTTY takes no argument.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCNOTTY) };
        if let Err(error) = check(result.into()) {
            let _ = tcsetpgrp(&self.0, getpgrp());
            return Err(error);
        }
        if emptied.is_err() {
            // Both are pending when the call returns: the kernel sent them within it.
            let _ = signals::take(signals::SignalSet::of(&[Signal::HUP]));
            let _ = signals::take(signals::SignalSet::of(&[Signal::CONT]));
        }
        Ok(())
    }

    /// Makes a process group without members the terminal's foreground process group.
    ///
    /// The kernel takes the pid of any process of the session for the id of a group (`TIOCSPGRP`): a child that makes its
    /// own pid the foreground group, without being in it, and ends, leaves just that.
    fn empty_the_foreground(&self) -> Result<(), Errno> {
        let mut result = Ok(());
        let (child, is_shared) = in_vforked_child(&mut || {
            result = tcsetpgrp(&self.0, getpid());
            0
        })?;
        // Its SIGCHLD stays pending; it makes session-init look at its children once more, which does no harm.
        wait::reap_when_ended(child);
        if is_shared { result } else { Err(Errno::ENOSYS) }
    }

    /// Makes this the controlling terminal of the calling process, which leads a session without one.
    ///
    /// # Errors
    ///
    /// `EPERM`, as `ioctl_tty(2)` has it for `TIOCSCTTY`.
    pub(crate) fn acquire(&self) -> Result<(), Errno> {
        acquire(self.0.as_fd())
    }

    /// Gives the controlling terminal up again. When the leader of its session ends instead, the kernel hangs the
    /// terminal up for everybody.
    pub(crate) fn release(&self) {
        // SAFETY: TIOCNOTTY takes no argument.
        let _ = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCNOTTY) };
    }

    /// The foreground process group, which may have no member any more.
    pub(crate) fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(&self.0).ok()
    }

    /// Whether session-init's own process group is the foreground process group.
    pub(crate) fn is_ours(&self) -> bool {
        self.foreground() == Some(getpgrp())
    }

    /// Makes session-init's own process group the foreground process group.
    pub(crate) fn take(&self) {
        let _ = tcsetpgrp(&self.0, getpgrp());
    }

    pub(crate) fn modes(&self) -> Option<SavedModes> {
        let mut modes = MaybeUninit::uninit();
        // SAFETY: the pointer is to a termios.
        check(unsafe { libc::tcgetattr(self.0.as_raw_fd(), modes.as_mut_ptr()) }.into()).ok()?;
        // SAFETY: the call has filled it in.
        Some(SavedModes(unsafe { modes.assume_init() }))
    }

    /// Sets the modes at once: the output of a terminal that is held with Ctrl-S never drains.
    pub(crate) fn set_modes(&self, modes: &SavedModes) {
        // SAFETY: the pointer is to a termios.
        let _ = unsafe { libc::tcsetattr(self.0.as_raw_fd(), libc::TCSANOW, &raw const modes.0) };
    }
}

/// Makes the terminal on stdin the controlling terminal of the calling process, which leads a session without one. Nothing
/// happens where it is not a terminal, or another session's.
pub(super) fn acquire_stdin() {
    let _ = acquire(inherited(0));
}

/// Whether this is the terminal of session-init's session. Sandboxes that lack `TIOCGSID` know the foreground group of that one
/// alone; the other side of a terminal without a session, which knows it too, says 0.
fn is_controlling(descriptor: BorrowedFd<'_>) -> bool {
    match tcgetsid(descriptor) {
        Ok(session) => getsid(None) == Ok(session),
        Err(_) => tcgetpgrp(descriptor).is_ok_and(|group| group.as_raw() > 0),
    }
}

fn acquire(descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: TIOCSCTTY takes a number, here "do not steal it".
    let result = unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::TIOCSCTTY, 0) };
    check(result.into()).map(drop)
}

/// One of the standard descriptors, which may be closed.
fn inherited(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: whoever uses it gets EBADF where it is closed, and closes nothing.
    unsafe { BorrowedFd::borrow_raw(number) }
}
