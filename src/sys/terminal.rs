//! The controlling terminal (tty(4), `ioctl_tty(2)`).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcgetsid, tcsetattr};
use nix::unistd::{Pid, getpgrp, getpid, getsid, tcgetpgrp, tcsetpgrp};

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
    let Some(terminal) = controlling_terminal(getpid()) else {
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

/// Whether session-init's session has a terminal, and whether session-init leads that session.
pub(crate) fn is_there() -> (bool, bool) {
    let session = getsid(None);
    (session.is_ok_and(|session| controlling_terminal(session).is_some()), session == Ok(getpid()))
}

/// The terminal of session-init's session. Containers may lack /dev/tty; then it is one of the standard ones.
fn controlling_terminal(session: Pid) -> Option<OwnedFd> {
    match open("/dev/tty", OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(terminal) if tcgetsid(&terminal) == Ok(session) => return Some(terminal),
        // tty(4): the process has no controlling terminal.
        Err(Errno::ENXIO) => return None,
        Ok(_) | Err(_) => {}
    }
    (0..=2).find_map(|number| {
        let descriptor = inherited(number);
        let owned = tcgetsid(descriptor) == Ok(session);
        owned.then(|| descriptor.try_clone_to_owned().ok()).flatten()
    })
}

/// One of the standard descriptors, which may be closed.
fn inherited(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: whoever uses it gets EBADF where it is closed, and closes nothing.
    unsafe { BorrowedFd::borrow_raw(number) }
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

/// The terminal of a session that session-init is in and does not lead. Its process group and COMMAND's, which are jobs
/// of that session, take turns at it.
///
/// None of the calls can stop session-init, although it may be in the background: every signal is blocked
/// (tcsetpgrp(3)).
#[derive(Debug)]
pub(crate) struct Shared {
    terminal: OwnedFd,
    own_group: Pid,
}

impl Shared {
    /// The terminal of session-init's session, if it has one, somebody else leads the session, and its process group
    /// can be named: a group that was made outside this PID namespace has the id 0, and nobody could give it the
    /// terminal back.
    pub(crate) fn find() -> Option<Self> {
        let (session, own_group) = (getsid(None).ok()?, getpgrp());
        if session == getpid() || own_group == Pid::from_raw(0) {
            return None;
        }
        Some(Self { terminal: controlling_terminal(session)?, own_group })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    /// session-init's own process group.
    pub(crate) fn own_group(&self) -> Pid {
        self.own_group
    }

    /// Whether this standard descriptor is the terminal. (A session has one at most.)
    pub(crate) fn is(&self, number: RawFd) -> bool {
        tcgetsid(inherited(number)).is_ok_and(|session| tcgetsid(&self.terminal) == Ok(session))
    }

    /// The foreground process group, which may have no member any more.
    pub(crate) fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(&self.terminal).ok()
    }

    /// # Errors
    ///
    /// Those of tcsetpgrp(3): `EPERM` where this is no group of the session, `EIO` where the terminal has hung up.
    pub(crate) fn set_foreground(&self, group: Pid) -> Result<(), Errno> {
        tcsetpgrp(&self.terminal, group)
    }

    pub(crate) fn modes(&self) -> Option<Termios> {
        tcgetattr(&self.terminal).ok()
    }

    /// Sets the modes at once: the output of a terminal that is held with Ctrl-S never drains.
    pub(crate) fn set_modes(&self, modes: &Termios) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, modes);
    }
}
