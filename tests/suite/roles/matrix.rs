//! The cast of the [matrix](crate::matrix): COMMAND, its three children, and a bystander. Each writes a line to one journal for
//! every signal that it gets: `NAME SIGNAL`.
//!
//! Signals are taken in the order of their numbers. COMMAND ends at PWR and the others at RTMAX, so each has got by then what was
//! sent to it before.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use super::number;
use crate::support::signal::{CHLD, HUP, INT, PWR, Signal, SignalSet, TERM, rt};
use crate::support::sys::{self, Fork};

/// COMMAND's children: in its process group, in a process group of its own, in a session of its own.
pub(crate) const DESCENDANTS: [&str; 3] = ["worker", "apart", "detached"];
/// What COMMAND exits with where no signal has asked it to end.
pub(crate) const STATUS: i32 = 7;

/// Comes from the kernel when the parent has ended.
fn parent_ended() -> Signal {
    rt(0)
}

fn release() -> Signal {
    rt(30)
}

#[derive(Clone, Copy)]
struct Actor<'words> {
    name: &'words str,
    journal: &'words str,
}

impl Actor<'_> {
    /// Adds a line in one piece, so that lines do not mix.
    fn writes(self, word: &str) {
        let mut journal = OpenOptions::new().append(true).open(self.journal).expect("the test has made the journal");
        journal.write_all(format!("{} {word}\n", self.name).as_bytes()).expect("there is room for a line");
    }
}

fn asks_to_end(signal: Signal) -> bool {
    [TERM, INT, HUP].contains(&signal)
}

/// COMMAND. A signal that asks it to end is not the last one it gets: it ends at PWR, and by the signal that asked it first.
pub(super) fn command(journal: &str, saving: &str) {
    let _ = sys::set_blocked(SignalSet::ALL);
    for name in DESCENDANTS {
        match sys::fork() {
            Ok(Fork::Child) => return descendant(Actor { name, journal }, saving),
            Ok(Fork::Parent(_)) => {}
            Err(error) => panic!("cannot fork: {error}"),
        }
    }
    let command = Actor { name: "command", journal };
    command.writes("ready");
    let mut asked = None;
    loop {
        match sys::take_signal(SignalSet::ALL, None) {
            Some(PWR) => break,
            None | Some(CHLD) => {}
            Some(signal) => {
                command.writes(&signal.to_string());
                asked = asked.or(Some(signal).filter(|signal| asks_to_end(*signal)));
            }
        }
    }
    match asked {
        Some(signal) => sys::die_by(signal),
        None => sys::exit_now(STATUS),
    }
}

/// A child of COMMAND. After COMMAND has ended, session-init is its parent: it ends when that one has ended too (`left`).
/// If it was asked to end, it first saves its data, which takes so many milliseconds, and ends then (`saved`).
fn descendant(actor: Actor<'_>, saving: &str) {
    match actor.name {
        "apart" => sys::set_group().expect("a child that does not lead its session"),
        "detached" => sys::set_session().expect("a child that does not lead its group"),
        _ => {}
    }
    let signal_number = parent_ended().as_raw().unsigned_abs().into();
    sys::control(libc::PR_SET_PDEATHSIG, signal_number).expect("there is such a signal");
    actor.writes("ready");
    let (mut asked, mut is_orphan, mut saved_at) = (false, false, None);
    loop {
        let time_left = saved_at.map(|at: Instant| at.saturating_duration_since(Instant::now()));
        match sys::take_signal(SignalSet::ALL, time_left) {
            None => return actor.writes("saved"),
            Some(signal) if signal == release() => return actor.writes("released"),
            Some(signal) if signal == parent_ended() && is_orphan => return actor.writes("left"),
            Some(signal) if signal == parent_ended() => is_orphan = true,
            Some(PWR) => {}
            Some(signal) => {
                actor.writes(&signal.to_string());
                asked |= asks_to_end(signal);
            }
        }
        if asked && is_orphan && saving != "for-ever" {
            let takes = Duration::from_millis(number(saving).unsigned_abs().into());
            saved_at = saved_at.or_else(|| Instant::now().checked_add(takes));
        }
    }
}

/// A process in session-init's process group that is not its descendant.
pub(super) fn bystander(journal: &str) {
    let _ = sys::set_blocked(SignalSet::ALL);
    let bystander = Actor { name: "bystander", journal };
    bystander.writes("ready");
    while let Some(signal) = sys::take_signal(SignalSet::ALL, None) {
        if signal == release() {
            return bystander.writes("released");
        }
        bystander.writes(&signal.to_string());
    }
}
