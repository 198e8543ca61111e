//! Signals by number, real-time ones too, whatever the C library thinks of them.

#![allow(dead_code, reason = "every signal has a name here, whether a test uses it or not")]

use std::fmt;

/// A signal, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Signal(i32);

pub(crate) const HUP: Signal = Signal(1);
pub(crate) const INT: Signal = Signal(2);
pub(crate) const QUIT: Signal = Signal(3);
pub(crate) const ILL: Signal = Signal(4);
pub(crate) const TRAP: Signal = Signal(5);
pub(crate) const ABRT: Signal = Signal(6);
pub(crate) const BUS: Signal = Signal(7);
pub(crate) const FPE: Signal = Signal(8);
pub(crate) const KILL: Signal = Signal(9);
pub(crate) const USR1: Signal = Signal(10);
pub(crate) const SEGV: Signal = Signal(11);
pub(crate) const USR2: Signal = Signal(12);
pub(crate) const PIPE: Signal = Signal(13);
pub(crate) const ALRM: Signal = Signal(14);
pub(crate) const TERM: Signal = Signal(15);
pub(crate) const STKFLT: Signal = Signal(16);
pub(crate) const CHLD: Signal = Signal(17);
pub(crate) const CONT: Signal = Signal(18);
pub(crate) const STOP: Signal = Signal(19);
pub(crate) const TSTP: Signal = Signal(20);
pub(crate) const TTIN: Signal = Signal(21);
pub(crate) const TTOU: Signal = Signal(22);
pub(crate) const URG: Signal = Signal(23);
pub(crate) const XCPU: Signal = Signal(24);
pub(crate) const XFSZ: Signal = Signal(25);
pub(crate) const VTALRM: Signal = Signal(26);
pub(crate) const PROF: Signal = Signal(27);
pub(crate) const WINCH: Signal = Signal(28);
pub(crate) const IO: Signal = Signal(29);
pub(crate) const PWR: Signal = Signal(30);
pub(crate) const SYS: Signal = Signal(31);

const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// `RTMIN+n`, where RTMIN is 34 and `n` is at most 30.
pub(crate) fn rt(n: i32) -> Signal {
    assert!((0..=RTMAX - RTMIN).contains(&n), "there is no RTMIN+{n}");
    Signal(RTMIN + n)
}

const NAMES: [&str; 32] = [
    "0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "IO", "PWR", "SYS",
];

impl Signal {
    /// The signal with this number. 32 and 33, which C libraries hide, are signals too.
    pub(crate) fn number(number: i32) -> Self {
        assert!((1..=RTMAX).contains(&number), "there is no signal {number}");
        Self(number)
    }

    pub(crate) fn as_raw(self) -> i32 {
        self.0
    }

    /// The signal that [`Display`](fmt::Display) prints like this, or the one with this number.
    pub(crate) fn named(name: &str) -> Self {
        Self::all()
            .find(|signal| signal.to_string() == name || signal.0.to_string() == name)
            .unwrap_or_else(|| panic!("there is no signal {name:?}"))
    }

    /// All 64.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (1..=RTMAX).map(Self)
    }

    /// 1 to 31.
    pub(crate) fn standard() -> impl Iterator<Item = Self> {
        (1..=31).map(Self)
    }

    /// 32 to 64.
    pub(crate) fn real_time() -> impl Iterator<Item = Self> {
        (32..=RTMAX).map(Self)
    }

    pub(crate) fn bit(self) -> u64 {
        1 << (self.0 - 1)
    }

    /// Whether it means a fault of the process that it ends.
    pub(crate) fn is_fault(self) -> bool {
        ["ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "SEGV", "XCPU", "XFSZ", "SYS"].map(Self::named).contains(&self)
    }

    /// Whether the default action is to end the process.
    pub(crate) fn is_deadly(self) -> bool {
        ![CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH].contains(&self)
    }
}

/// Without `SIG`: `TERM`, `RTMIN`, `RTMIN+3`, `RTMAX`; 32 and 33 have no names.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1..=31 => f.write_str(NAMES[usize::try_from(self.0).unwrap()]),
            RTMIN => f.write_str("RTMIN"),
            RTMAX => f.write_str("RTMAX"),
            number if number > RTMIN => write!(f, "RTMIN+{}", number - RTMIN),
            number => write!(f, "{number}"),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of signals, as the kernel has it: bit 0 is signal 1.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SignalSet(pub(crate) u64);

impl SignalSet {
    pub(crate) const ALL: Self = Self(!0);

    pub(crate) fn contains(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::all().filter(move |signal| self.contains(*signal))
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        Self(signals.into_iter().fold(0, |set, signal| set | signal.bit()))
    }
}

/// The names with blanks between: `TERM INT`.
impl fmt::Display for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, signal) in self.iter().enumerate() {
            write!(f, "{}{signal}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
