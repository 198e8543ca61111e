//! Signals by number and by name.
//!
//! The numbers are the kernel's (signal(7)). Real-time signals are counted from 34 up to 64 whatever the C library
//! keeps for itself, so that `RTMIN+3` is the same signal in a glibc and in a musl build.

#![forbid(unsafe_code)]

use std::fmt;
use std::num::NonZeroU8;

use crate::nearest::nearest;
use crate::number::number;

#[cfg(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "mips32r6",
    target_arch = "mips64r6",
    target_arch = "sparc",
    target_arch = "sparc64"
))]
compile_error!("this architecture numbers its signals in a way of its own, which the table below does not know");

/// The first real-time signal that programs may use; 32 and 33 belong to the C library's threads.
const RTMIN: u8 = 34;
/// The last signal there is.
const RTMAX: u8 = 64;

/// A signal, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(NonZeroU8);

/// Where a signal comes from (sigaction(2), `si_code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The kernel itself (`SI_KERNEL`), as the terminal does at Ctrl-C.
    Kernel,
    /// A process with this pid, which is 0 where it lives outside session-init's PID namespace.
    Process(i32),
    /// A descendant with this pid in session-init's own process group.
    Member(i32),
    /// A timer, a message queue and the like.
    Other,
}

/// Each name without its `SIG`. The first name of a number is the one that is printed.
const NAMES: [(&str, Signal); 37] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ILL", Signal::at(4)),
    ("TRAP", Signal::TRAP),
    ("ABRT", Signal::at(6)),
    ("IOT", Signal::at(6)),
    ("BUS", Signal::at(7)),
    ("FPE", Signal::at(8)),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("SEGV", Signal::at(11)),
    ("USR2", Signal::at(12)),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::at(14)),
    ("TERM", Signal::TERM),
    ("STKFLT", Signal::at(16)),
    ("CHLD", Signal::CHLD),
    ("CLD", Signal::CHLD),
    ("CONT", Signal::CONT),
    ("STOP", Signal::STOP),
    ("TSTP", Signal::TSTP),
    ("TTIN", Signal::TTIN),
    ("TTOU", Signal::TTOU),
    ("URG", Signal::URG),
    ("XCPU", Signal::at(24)),
    ("XFSZ", Signal::XFSZ),
    ("VTALRM", Signal::at(26)),
    ("PROF", Signal::at(27)),
    ("WINCH", Signal::WINCH),
    ("IO", Signal::at(29)),
    ("POLL", Signal::at(29)),
    ("PWR", Signal::at(30)),
    ("SYS", Signal::at(31)),
    ("UNUSED", Signal::at(31)),
    ("RTMIN", Signal::at(RTMIN)),
    ("RTMAX", Signal::at(RTMAX)),
];

impl Signal {
    /// The terminal hung up, or "read your configuration again".
    pub const HUP: Self = Self::at(1);
    /// Ctrl-C.
    pub const INT: Self = Self::at(2);
    /// Ctrl-\\.
    pub const QUIT: Self = Self::at(3);
    /// A breakpoint; also what exec sends to a process that is traced.
    pub const TRAP: Self = Self::at(5);
    /// Ends a process; it cannot be caught.
    pub const KILL: Self = Self::at(9);
    /// Free for programs.
    pub const USR1: Self = Self::at(10);
    /// A write to a pipe that nobody reads.
    pub const PIPE: Self = Self::at(13);
    /// The request to end.
    pub const TERM: Self = Self::at(15);
    /// A child ended, stopped or went on.
    pub const CHLD: Self = Self::at(17);
    /// Go on, if stopped.
    pub const CONT: Self = Self::at(18);
    /// Stops a process; it cannot be caught.
    pub const STOP: Self = Self::at(19);
    /// Ctrl-Z.
    pub const TSTP: Self = Self::at(20);
    /// A background process read from its terminal.
    pub const TTIN: Self = Self::at(21);
    /// A background process wrote to its terminal.
    pub const TTOU: Self = Self::at(22);
    /// Urgent data on a socket; some container engines send it by the thousand.
    pub const URG: Self = Self::at(23);
    /// A write beyond the limit on the size of files.
    pub const XFSZ: Self = Self::at(25);
    /// The terminal's window changed its size.
    pub const WINCH: Self = Self::at(28);

    /// How many signals there are; their numbers are 1 to this one.
    pub const COUNT: usize = 64;

    /// For the literals in this file. One out of range would read as HUP, which a test below excludes.
    const fn at(number: u8) -> Self {
        match Self::new(number) {
            Some(signal) => signal,
            None => Self(NonZeroU8::MIN),
        }
    }

    /// The signal with this number, if it is one of 1 to 64.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) if number.get() <= RTMAX => Some(Self(number)),
            _ => None,
        }
    }

    /// Every signal, in the order of the numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=RTMAX).filter_map(Self::new)
    }

    /// The signal's number, 1 to 64.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.get()
    }

    /// Whether the terminal, or a process in its name, asks a process group to stop by this signal.
    #[must_use]
    pub fn is_job_control(self) -> bool {
        matches!(self, Self::TSTP | Self::TTIN | Self::TTOU)
    }

    /// Whether a process that it ends has failed, or was made to end by force, and was not asked to: ILL, TRAP, ABRT, BUS, FPE,
    /// KILL, SEGV, XCPU, XFSZ and SYS.
    #[must_use]
    pub fn is_fault(self) -> bool {
        matches!(self.number(), 4..=9 | 11 | 24 | 25 | 31)
    }

    /// The signal's place in a table of [`Signal::COUNT`] entries.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.number().saturating_sub(1))
    }

    /// Reads a number from 1 to 64 or a name, in any case, with or without `SIG`.
    ///
    /// # Errors
    ///
    /// [`SignalError`], boxed, says what is wrong with the word, and which name it may have been meant for.
    pub fn parse(word: &str) -> Result<Self, Box<SignalError>> {
        let unknown = || SignalError::Unknown { word: word.to_owned(), nearest: Self::nearest_name(word) };
        let out_of_range = || Box::new(SignalError::OutOfRange(word.to_owned()));
        if let Some(number) = digits(word) {
            let number = u8::try_from(number).ok();
            return number.and_then(Self::new).ok_or_else(out_of_range);
        }
        let upper = word.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some((_, signal)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*signal);
        }
        let number = if let Some(offset) = name.strip_prefix("RTMIN+") {
            digits(offset).and_then(|offset| u32::from(RTMIN).checked_add(offset))
        } else if let Some(offset) = name.strip_prefix("RTMAX-") {
            digits(offset).and_then(|offset| u32::from(RTMAX).checked_sub(offset))
        } else {
            return Err(unknown().into());
        };
        match number.and_then(|number| u8::try_from(number).ok()).and_then(Self::new) {
            Some(signal) if signal.number() >= RTMIN => Ok(signal),
            _ => Err(out_of_range()),
        }
    }

    fn nearest_name(word: &str) -> Option<&'static str> {
        let upper = word.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        nearest(name, &mut NAMES.iter().map(|(name, _)| *name))
    }
}

impl fmt::Display for Signal {
    /// The name without `SIG`; the two signals that no program may use have numbers only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMES.iter().find(|(_, signal)| signal == self) {
            return f.write_str(name);
        }
        match self.number() {
            number @ RTMIN.. => write!(f, "RTMIN+{}", number.saturating_sub(RTMIN)),
            number => write!(f, "{number}"),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number in ASCII digits alone; one that is too large for any use here counts as the largest.
pub(crate) fn digits(word: &str) -> Option<u32> {
    Some(u32::try_from(number(word.as_bytes())?).unwrap_or(u32::MAX))
}

/// What can be wrong with the name or the number of a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// No signal has this name.
    #[error("no signal is named '{word}'{}", crate::nearest::hint(*.nearest))]
    Unknown {
        /// The word as it was given.
        word: String,
        /// A name that is close to it.
        nearest: Option<&'static str>,
    },
    /// The number is not one of 1 to 64, or an offset leaves the real-time signals.
    #[error("'{0}' is out of range: signals are 1 to 64, and real-time signals RTMIN (34) to RTMAX (64)")]
    OutOfRange(String),
}

#[cfg(test)]
mod tests;
