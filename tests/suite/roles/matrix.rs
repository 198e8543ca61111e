//! COMMAND, who comes from it, and a stranger: each writes into one journal what it hears, as `NAME WORD`.
//!
//! None of them goes by the clock. PWR lets COMMAND end; RTMAX lets go of everybody else. As signals are taken in the order of
//! their numbers, each has by then heard whatever was sent to it before.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use super::number;
use crate::support::signal::{CHLD, HUP, INT, PWR, Signal, SignalSet, TERM, rt};
use crate::support::sys::{self, Fork};

/// Who comes from COMMAND: in its group, in a group of its own, in a session of its own.
pub(crate) const DESCENDANTS: [&str; 3] = ["worker", "apart", "detached"];
/// What COMMAND exits with where no signal ends it.
pub(crate) const STATUS: i32 = 7;

/// What the kernel sends to a descendant when its parent has ended: COMMAND at first, and then session-init.
fn parent_ended() -> Signal {
    rt(0)
}

fn let_go() -> Signal {
    rt(30)
}

/// Somebody of the cast.
#[derive(Clone, Copy)]
struct Actor<'journal> {
    name: &'journal str,
    journal: &'journal str,
}

impl Actor<'_> {
    fn writes(self, word: &str) {
        let mut journal = OpenOptions::new().append(true).open(self.journal).expect("the test has made the journal");
        // In one piece, so that the lines of several do not mix.
        journal.write_all(format!("{} {word}\n", self.name).as_bytes()).expect("there is room for a line");
    }

    fn is_ready(self) {
        self.writes("ready");
    }
}

/// COMMAND. It ends at PWR, by the first of the signals that ask it to; so that it hears what comes twice.
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
    command.is_ready();
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

fn asks_to_end(signal: Signal) -> bool {
    [TERM, INT, HUP].contains(&signal)
}

/// Once it was asked to end, and COMMAND has ended, it saves what it has. That takes it so many milliseconds, or for ever.
fn descendant(actor: Actor<'_>, saving: &str) {
    match actor.name {
        "apart" => sys::set_group().expect("a child that leads nothing may"),
        "detached" => sys::set_session().expect("a child that leads nothing may"),
        _ => {}
    }
    let number_of_signal = parent_ended().as_raw().unsigned_abs().into();
    sys::control(libc::PR_SET_PDEATHSIG, number_of_signal).expect("there is such a signal");
    actor.is_ready();
    let (mut asked, mut lost_command, mut saved_at) = (false, false, None);
    loop {
        let time_left = saved_at.map(|at: Instant| at.saturating_duration_since(Instant::now()));
        match sys::take_signal(SignalSet::ALL, time_left) {
            None => return actor.writes("saved"),
            Some(signal) if signal == let_go() => return actor.writes("released"),
            Some(signal) if signal == parent_ended() && lost_command => return actor.writes("left"),
            Some(signal) if signal == parent_ended() => lost_command = true,
            Some(PWR) => {}
            Some(signal) => {
                actor.writes(&signal.to_string());
                asked |= asks_to_end(signal);
            }
        }
        if asked && lost_command && saving != "for-ever" {
            let takes = Duration::from_millis(number(saving).unsigned_abs().into());
            saved_at = saved_at.or_else(|| Instant::now().checked_add(takes));
        }
    }
}

/// Somebody in session-init's group who does not come from it.
pub(super) fn bystander(journal: &str) {
    let _ = sys::set_blocked(SignalSet::ALL);
    let bystander = Actor { name: "bystander", journal };
    bystander.is_ready();
    while let Some(signal) = sys::take_signal(SignalSet::ALL, None) {
        if signal == let_go() {
            return bystander.writes("released");
        }
        bystander.writes(&signal.to_string());
    }
}
