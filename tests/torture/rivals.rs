//! The same storm over dumb-init, tini and catatonit, as far as they can be asked the same: what was seen.
//!
//! Nothing here can fail but session-init.

use std::fmt::Write;
use std::time::Duration;

use crate::report::{Item, Length, in_parallel};
use crate::support::signal::{KILL, TERM, USR1, rt};
use crate::support::sys::{self, WaitStatus};
use crate::support::test::Need;
use crate::support::time::{holds_in_time, with_deadline};
use crate::support::{Init, process, scratch};

/// An init and the options with which it does the most.
struct Rival {
    name: &'static str,
    package: Option<Need>,
    init: fn() -> Init,
}

const RIVALS: &[Rival] = &[
    Rival { name: "session-init", package: None, init: || Init::of(scratch::session_init()).option("--") },
    Rival {
        name: "dumb-init",
        package: Some(Need::Program("dumb-init", "dumb-init")),
        init: || Init::of("/usr/bin/dumb-init").option("--"),
    },
    Rival {
        name: "tini",
        package: Some(Need::Program("tini", "tini")),
        init: || Init::of("/usr/bin/tini").options(["-s", "-g", "--"]),
    },
    Rival {
        name: "catatonit",
        package: Some(Need::Program("catatonit", "catatonit")),
        init: || Init::of("/usr/bin/catatonit").options(["-g", "--"]),
    },
];

/// How often a TERM in the first milliseconds ended nobody.
fn lost_at_start(rival: &Rival, count: u64, item: &mut Item) -> usize {
    let work: Vec<u64> = (0..count).collect();
    in_parallel(&work, item, |index| {
        let run = (rival.init)().run(["sleep", "60"]);
        let pid = run.pid();
        crate::races::pass(Duration::from_micros(2500 * index / count));
        let _ = sys::kill(pid, TERM);
        let ended = || process::state(pid).is_none_or(|state| state == 'Z');
        let in_time = with_deadline(Duration::from_secs(3), || holds_in_time(ended));
        (usize::from(!in_time), Vec::new())
    })
}

/// How many of so many real-time signals came.
fn real_time(rival: &Rival, count: usize) -> Option<usize> {
    let run = (rival.init)().role(["count", "1"]).wait_for("made");
    let (init, command) = (run.pid(), run.command());
    for _ in 0..count {
        let _ = sys::kill(init, rt(3));
    }
    let quiet = |pid| process::signal_sets(pid).is_some_and(|sets| !sets.pending.contains(rt(3)));
    let _ = holds_in_time(|| !process::is_alive(init) || quiet(init) && quiet(command));
    let _ = sys::kill(command, rt(30));
    let _ = with_deadline(Duration::from_secs(3), || holds_in_time(|| !process::is_alive(command)));
    if process::is_alive(init) {
        let _ = sys::kill(init, KILL);
    }
    let text = run.end().stdout.clone();
    text.split_once(&format!("count {} ", rt(3)))?.1.split(' ').next()?.parse().ok()
}

/// How many zombies stay of so many orphans.
fn zombies(rival: &Rival, count: usize) -> usize {
    let run = (rival.init)().role(["orphans", &count.to_string()]);
    let run = with_deadline(Duration::from_secs(600), || run.wait_for("made"));
    let pid = run.pid();
    let _ = with_deadline(Duration::from_secs(3), || holds_in_time(|| process::children(pid).len() == 1));
    let left = process::children(pid).len().saturating_sub(1);
    let _ = run.send(TERM).end();
    left
}

/// Whether it outlives orphans that stop for a tracer, and how it ends after that.
fn traced(rival: &Rival) -> String {
    let run = (rival.init)().role(["traced-orphans", "64"]);
    let pid = run.pid();
    let made = || run.output_so_far().contains("made") || !process::is_alive(pid);
    let made = with_deadline(Duration::from_secs(5), || holds_in_time(made));
    if !made || !process::is_alive(pid) {
        return format!("ended with {:?} under COMMAND", run.end().status);
    }
    let _ = sys::kill(pid, USR1);
    let died = with_deadline(Duration::from_secs(1), || holds_in_time(|| !process::is_alive(pid)));
    if died {
        return format!("ended with {:?} under COMMAND", run.end().status);
    }
    match run.send(TERM).end().status {
        WaitStatus::Exited(status) if status == crate::roles::SUBJECTS_STATUS => "lived".to_owned(),
        other => format!("ended with {other:?}"),
    }
}

pub(crate) fn run(length: Length, item: &mut Item) {
    let (starts, orphans, signals) = length.of((12, 500, 500), (2_000, 20_000, 10_000));
    for rival in RIVALS {
        if rival.package.is_some_and(|package| package.missing().is_some()) {
            item.tried(format!("{}: not installed", rival.name));
            continue;
        }
        let lost = lost_at_start(rival, starts, item);
        let left = zombies(rival, orphans);
        let came = real_time(rival, signals);
        let traced = traced(rival);
        let mut line = String::new();
        let _ = write!(
            line,
            "{}: lost {lost} of {starts} TERMs at the start, left {left} of {orphans} orphans, sent on {} of {signals} \
             real-time signals, and {traced} above orphans that stop for a tracer",
            rival.name,
            came.map_or("an unknown number".to_owned(), |came| came.to_string())
        );
        if rival.package.is_none() && (lost > 0 || left > 0 || came != Some(signals) || traced != "lived") {
            item.fail(line.clone());
        }
        item.tried(line);
    }
}
