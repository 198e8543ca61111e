//! COMMAND as a job of the terminal that session-init was started at: whose turn it is there.
//!
//! An interactive shell gives its terminal to one job at a time, and session-init does the same once more: its own
//! process group stands for the job as the shell knows it, and COMMAND's gets the terminal from it.

#![forbid(unsafe_code)]

use std::os::fd::BorrowedFd;

use nix::sys::termios::Termios;
use nix::unistd::{Pid, getpgrp, getpid};

use crate::signal::Signal;
use crate::supervisor::{Holder, Modes};
use crate::sys::terminal::Shared;
use crate::sys::{descriptors, kill, signals};

/// The terminal, before COMMAND runs.
#[derive(Debug)]
pub(crate) struct Claim {
    terminal: Shared,
    /// COMMAND is to have the terminal whenever session-init's group has it, and not only once it asks.
    pub(crate) wanted: bool,
    /// The terminal's modes, if COMMAND is to have it from its start.
    found: Option<Termios>,
}

impl Claim {
    /// The terminal of the session that session-init is in and does not lead, if there is one.
    pub(crate) fn find() -> Option<Self> {
        let terminal = Shared::find()?;
        let wanted = is_wanted_at_once(&terminal);
        let in_foreground = terminal.foreground() == Some(terminal.own_group());
        let found = if wanted && in_foreground { terminal.modes() } else { None };
        Some(Self { terminal, wanted, found })
    }

    /// The terminal, if COMMAND is to have it from its start.
    pub(crate) fn at_start(&self) -> Option<&Shared> {
        self.found.as_ref().map(|_| &self.terminal)
    }

    pub(crate) fn for_command(self, command: Pid) -> Job {
        let given = self.found.is_some();
        Job { terminal: self.terminal, command, given, found: self.found, refused: false, had_at_end: false }
    }
}

/// Whether COMMAND can have the terminal before it asks for it, by reading from it or changing its modes: whether
/// nobody else in session-init's process group needs it.
///
/// In a pipeline the next program may be a pager; in a script, a makefile or a test runner the parent leads the group,
/// and may want its Ctrl-C. But where the shell has TTIN ignored, as in `$(...)`, a program in the background cannot
/// ask.
fn is_wanted_at_once(terminal: &Shared) -> bool {
    let is_alone = getpgrp() == getpid() && !descriptors::is_pipe(1) && !descriptors::is_pipe(2);
    terminal.is(0) && (is_alone || signals::is_ignored(Signal::TTIN))
}

/// The terminal and whose it is.
#[derive(Debug)]
pub(crate) struct Job {
    terminal: Shared,
    command: Pid,
    /// COMMAND got the terminal, and session-init has not been stopped since: whatever group has it is one of
    /// COMMAND's.
    given: bool,
    /// The terminal's modes when COMMAND first got it.
    found: Option<Termios>,
    /// The terminal could not be given to COMMAND. It is not to be tried again and again.
    refused: bool,
    /// COMMAND had the terminal when it ended.
    had_at_end: bool,
}

impl Job {
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.terminal.descriptor()
    }

    pub(crate) fn holder(&self) -> Holder {
        match self.terminal.foreground() {
            Some(group) if group == self.terminal.own_group() && !self.refused => Holder::SessionInit,
            Some(group) if group == self.command => Holder::Command,
            // A shell as COMMAND may have given it to a job of its own. A CONT on the queue means that session-init was
            // stopped, so that the outer shell had its turn.
            Some(group) if self.given && group != self.terminal.own_group() && !signals::is_pending(Signal::CONT) => {
                Holder::Command
            }
            _ => Holder::Other,
        }
    }

    /// Gives COMMAND the terminal, if session-init's own group has it. Answers whether it did.
    pub(crate) fn give(&mut self) -> bool {
        if self.holder() != Holder::SessionInit {
            return false;
        }
        if self.found.is_none() {
            self.found = self.terminal.modes();
        }
        self.given = self.terminal.set_foreground(self.command).is_ok();
        self.refused = !self.given;
        self.given
    }

    /// Takes the terminal from COMMAND, if it has it. Answers whether it did.
    pub(crate) fn take(&mut self, modes: Modes) -> bool {
        let has = self.holder() == Holder::Command;
        self.given = false;
        let taken = has && self.terminal.set_foreground(self.terminal.own_group()).is_ok();
        if taken
            && modes == Modes::AsFound
            && let Some(found) = &self.found
        {
            self.terminal.set_modes(found);
        }
        taken
    }

    /// Takes the terminal from COMMAND, which has ended.
    pub(crate) fn take_at_end(&mut self, modes: Modes) -> bool {
        self.had_at_end = self.take(modes);
        self.had_at_end
    }

    /// To be called when session-init has been continued: the shell may have had the terminal in the meantime.
    pub(crate) fn resumed(&mut self) {
        self.given = false;
    }

    /// Sends the signal that ended COMMAND to session-init's own group, if COMMAND had the terminal: then it is the
    /// signal of a key that was pressed, and would have reached the whole job.
    pub(crate) fn share(&self, signal: Signal) -> bool {
        if self.had_at_end {
            kill::own_group(signal);
        }
        self.had_at_end
    }
}
