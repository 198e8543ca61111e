//! What one process makes of signals, as `/proc/PID/status` describes it (`proc_pid_status(5)`).

#![forbid(unsafe_code)]

use crate::number::number;
use crate::signal::Signal;

/// Sets of signals, in which bit `n - 1` stands for signal `n`, and what decides who may send one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Kept waiting by its first thread.
    pub blocked: u64,
    /// Ignored.
    pub ignored: u64,
    /// With a handler of its own.
    pub caught: u64,
    /// Waiting for the process.
    pub pending: u64,
    /// Read from a descriptor (signalfd(2)), or waited for (sigwait(3)).
    pub read: u64,
    /// Its real, effective and saved user.
    pub users: [u64; 3],
    /// Its effective capabilities.
    pub capabilities: u64,
    /// Its pid in the innermost PID namespace that it is in; 0 where the kernel does not say.
    pub innermost_pid: u64,
}

impl Status {
    /// Reads the contents of the file. What it does not say counts as 0, but where it says nothing of signals, as in gVisor, this
    /// is `None`.
    #[must_use]
    pub fn parse(contents: &[u8]) -> Option<Self> {
        if field(contents, b"SigIgn:").is_empty() {
            return None;
        }
        let mut users = field(contents, b"Uid:").split(|byte| *byte == b'\t').map(|user| number(user).unwrap_or(0));
        let mut user = || users.next().unwrap_or(0);
        let set = |name| hexadecimal(field(contents, name));
        Some(Self {
            blocked: set(b"SigBlk:"),
            ignored: set(b"SigIgn:"),
            caught: set(b"SigCgt:"),
            pending: set(b"ShdPnd:"),
            read: 0,
            users: [user(), user(), user()],
            capabilities: set(b"CapEff:"),
            innermost_pid: field(contents, b"NSpid:")
                .rsplit(|byte| *byte == b'\t')
                .next()
                .and_then(number)
                .unwrap_or(0),
        })
    }

    /// The signals that a descriptor tells of, from its own description (`/proc/PID/fdinfo`).
    #[must_use]
    pub fn of_descriptor(contents: &[u8]) -> u64 {
        hexadecimal(field(contents, b"sigmask:"))
    }

    /// Whether it may send a signal to a process of these users (kill(2)).
    #[must_use]
    pub fn may_signal(&self, other: &Self) -> bool {
        const CAP_KILL: u64 = 1 << 5;
        let [real, effective, _] = self.users;
        let [their_real, _, their_saved] = other.users;
        self.capabilities & CAP_KILL != 0
            || [real, effective].iter().any(|user| [their_real, their_saved].contains(user))
    }
}

/// Whether the signal is in the set.
#[must_use]
pub fn holds(set: u64, signal: Signal) -> bool {
    set >> signal.index() & 1 == 1
}

/// What stands behind a name and a tab.
#[inline(never)]
fn field<'a>(contents: &'a [u8], name: &[u8]) -> &'a [u8] {
    let mut lines = contents.split(|byte| *byte == b'\n');
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(b"\t")).unwrap_or_default()
}

fn hexadecimal(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NGINX: &[u8] = b"Name:\tnginx\nNSpid:\t4711\t12\nUid:\t33\t34\t35\t36\nShdPnd:\t0000000000004000\n\
        SigBlk:\t0000000000000000\nSigIgn:\t0000000040001000\nSigCgt:\t0000000198016a07\nCapEff:\t00000000a80425fb\n";

    fn signal(name: &str) -> Signal {
        Signal::parse(name).unwrap()
    }

    #[test]
    fn what_a_process_makes_of_signals_is_read() {
        let status = Status::parse(NGINX).unwrap();
        assert!(holds(status.caught, signal("TERM")) && holds(status.caught, signal("QUIT")));
        assert!(holds(status.ignored, signal("PIPE")) && !holds(status.caught, signal("PIPE")));
        assert!(holds(status.pending, signal("TERM")) && !holds(status.pending, signal("INT")));
        assert_eq!((status.blocked, status.users, status.innermost_pid), (0, [33, 34, 35], 12));
    }

    #[test]
    fn what_is_missing_counts_as_nothing_but_signals_have_to_be_there() {
        assert_eq!(Status::parse(b"Uid:\t7\t7\t7\nNSpid:\t7\n"), None);
        let all = Status::parse(b"SigBlk:\nUid:\t7\nNSpid\nSigIgn:\tffffffffffffffff\n").unwrap();
        assert!(holds(all.ignored, signal("RTMAX")) && all.users == [7, 0, 0] && all.innermost_pid == 0);
        assert_eq!(Status::of_descriptor(b"pos:\t0\nsigmask:\t0000000000004000\n"), 1 << signal("TERM").index());
        assert_eq!(Status::of_descriptor(b"pos:\t0\n"), 0);
    }

    #[test]
    fn a_user_may_signal_his_own_and_cap_kill_everybody() {
        let user = |users| Status { users, ..Status::default() };
        let root = Status { capabilities: 1 << 5, ..user([0; 3]) };
        assert!(root.may_signal(&user([7; 3])));
        assert!(!user([0; 3]).may_signal(&user([7; 3])));
        assert!(user([7, 8, 9]).may_signal(&user([8; 3])) && user([7; 3]).may_signal(&user([1, 2, 7])));
        assert!(!user([7, 8, 9]).may_signal(&user([9; 3])) && !user([7; 3]).may_signal(&user([1, 7, 2])));
    }

    proptest! {
        #[test]
        fn no_contents_make_the_parser_panic(contents in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Status::parse(&contents);
        }
    }
}
