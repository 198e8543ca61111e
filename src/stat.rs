//! One process as `/proc/PID/stat` describes it (`proc_pid_stat(5)`).

#![forbid(unsafe_code)]

use crate::number::{id, number};

/// What session-init wants to know about a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The name of its executable, at most 15 bytes of it.
    pub name: String,
    /// It has ended, and so have all of its threads.
    pub is_zombie: bool,
    /// A signal has stopped it.
    pub is_stopped: bool,
    /// The letter for its state, `?` where that is not known.
    pub state: char,
    /// The pid of its parent.
    pub parent: i32,
    /// The id of its process group.
    pub group: i32,
    /// How many threads it has.
    pub threads: u64,
    /// The id of its session.
    pub session: i32,
    /// When it started, in ticks since the machine did. With the pid this names one process of all times.
    pub started: u64,
}

impl Stat {
    /// Reads the contents of the file. The name may hold anything, spaces and parentheses included, so what follows it is
    /// what follows the last `)`.
    #[must_use]
    pub fn parse(contents: &[u8]) -> Option<Self> {
        let open = contents.iter().position(|byte| *byte == b'(')?;
        let close = contents.iter().rposition(|byte| *byte == b')')?;
        let name = contents.get(open.checked_add(1)?..close)?;
        let rest = contents.get(close.checked_add(1)?..)?;
        // From the third field of the file on, before which there is a space: the state.
        let mut fields = rest.split(u8::is_ascii_whitespace).skip(1);
        let state = fields.next()?;
        let state = char::from(*state.first()?);
        let (has_ended, is_stopped) = (matches!(state, 'Z' | 'X'), state == 'T');
        let parent = id(fields.next()?)?;
        let group = id(fields.next()?)?;
        let session = id(fields.next()?)?;
        let threads = number(fields.nth(13)?)?;
        let started = number(fields.nth(1)?)?;
        let name = String::from_utf8_lossy(name).into_owned();
        // The first thread may end before the others; the process then only looks like a zombie.
        let is_zombie = has_ended && threads <= 1;
        Some(Self { name, is_zombie, is_stopped, state, parent, group, threads, session, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: &str = "S 12 7 5 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 3542 2940928 188 1 1 1 0 0 0 0 0 0 0";

    #[test]
    fn a_name_may_hold_anything() {
        for name in ["sh", "a b", "a) S 1 1 1 (b", ")", "", "((", "\n"] {
            let stat = Stat::parse(format!("17 ({name}) {REST}\n").as_bytes());
            let expected = Stat {
                name: name.to_owned(),
                is_zombie: false,
                is_stopped: false,
                state: 'S',
                parent: 12,
                group: 7,
                threads: 1,
                session: 5,
                started: 3542,
            };
            assert_eq!(stat, Some(expected));
        }
    }

    #[test]
    fn a_zombie_has_no_other_thread() {
        let zombie = |rest: &str| Stat::parse(format!("17 (x) {rest}").as_bytes()).map(|stat| stat.is_zombie);
        assert_eq!(zombie(&REST.replacen('S', "Z", 1)), Some(true));
        assert_eq!(zombie(&REST.replacen('S', "Z", 1).replace(" 20 0 1 ", " 20 0 2 ")), Some(false));
        assert_eq!(zombie(REST), Some(false));
    }

    #[test]
    fn a_stop_by_a_signal_is_told_from_a_debuggers() {
        for (state, stopped) in [("T", true), ("t", false), ("S", false), ("Z", false)] {
            let stat = Stat::parse(format!("17 (x) {}", REST.replacen('S', state, 1)).as_bytes());
            assert_eq!(stat.map(|stat| stat.is_stopped), Some(stopped), "{state}");
        }
    }

    #[test]
    fn this_very_process_can_be_read() {
        let stat = std::fs::read("/proc/self/stat").ok().and_then(|contents| Stat::parse(&contents));
        assert_eq!(stat.map(|stat| stat.parent), i32::try_from(std::os::unix::process::parent_id()).ok());
    }

    proptest! {
        #[test]
        fn no_contents_make_the_parser_panic(contents in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stat::parse(&contents);
        }
    }
}
