//! The tree: who is below whom, and its rows.

#![forbid(unsafe_code)]

use super::found::Process;
use crate::cli::table::{Rows, Text, decimal, fill, printable};
use crate::signal::Signal;

/// The process `top` and all below it, each before its children, the eldest child first; for PID 1 also those that have
/// entered its PID namespace, whose parent is outside.
#[must_use]
pub fn below(top: i32, processes: &'static [Process]) -> Vec<Process> {
    // Children of one parent side by side, the eldest last, to be looked at first.
    let mut children: Vec<&'static Process> = Vec::new();
    let mut next: Vec<(&'static Process, usize, bool)> = Vec::new();
    for one in processes {
        let place = children.partition_point(|other| {
            let of_other = (other.stat.parent, one.stat.started, one.pid);
            of_other < (one.stat.parent, other.stat.started, other.pid)
        });
        children.insert(place, one);
        if one.pid == top {
            next.push((one, 0, false));
        } else if top == 1 && one.stat.parent == 0 {
            next.insert(0, (one, 1, true));
        }
    }
    let mut below = Vec::new();
    while let Some((one, depth, has_entered)) = next.pop() {
        // Where a pid was given to another while they were read, two may seem to be below each other.
        if below.len() == processes.len() {
            break;
        }
        below.push(Process { depth, has_entered, ..*one });
        let first = children.partition_point(|child| child.stat.parent < one.pid);
        for child in children.iter().skip(first) {
            if child.stat.parent != one.pid {
                break;
            }
            next.push((child, depth.saturating_add(1), has_entered));
        }
    }
    below
}

/// After so many steps to the right a line leaves too little room for the rest.
const MOST_STEPS: usize = 12;
/// Of more processes than this that are alike, the first stands for all.
const MOST_ALIKE: usize = 3;

/// A row for each process, and one for many that are alike.
pub(super) fn rows(processes: &[Process], signals: &[Signal], is_init: bool) -> Rows {
    let mut rows = Rows::default();
    let mut heading = vec!["pid", "name", "group", "session", "state"];
    for signal in signals {
        heading.push(signal.to_string().leak());
    }
    rows.add(heading.leak());
    let mut left = processes;
    while let Some((first, rest)) = left.split_first() {
        rows.add(row(first, signals, is_init && first.depth == 0));
        let alike = rest.iter().position(|other| !is_alike(first, other, signals)).unwrap_or(rest.len());
        left = rest;
        if alike > MOST_ALIKE {
            left = rest.get(alike..).unwrap_or_default();
            let alike = i64::try_from(alike).unwrap_or(i64::MAX);
            rows.add(&["", fill("%and % more like it", &[indent(first), decimal(alike)])]);
        }
    }
    rows
}

fn indent(process: &Process) -> Text {
    const SPACES: &str = "                        ";
    SPACES.get(..process.depth.min(MOST_STEPS).saturating_mul(2)).unwrap_or_default()
}

/// Whether they are brothers, one behind the other, that differ in nothing but their ids.
fn is_alike(one: &Process, other: &Process, signals: &[Signal]) -> bool {
    let what = |process: &Process| {
        let leads = |id| if id == process.pid { 0 } else { id };
        let stat = process.stat;
        (process.depth, stat.parent, stat.state, leads(stat.group), leads(stat.session))
    };
    what(one) == what(other)
        && one.stat.name == other.stat.name
        && signals.iter().all(|signal| one.takes(*signal) == other.takes(*signal))
}

fn row(process: &Process, signals: &[Signal], passes_on: bool) -> &'static [Text] {
    let stat = process.stat;
    let mut row = vec![
        decimal(process.pid.into()),
        fill("%%", &[indent(process), printable(&stat.name)]),
        decimal(stat.group.into()),
        decimal(stat.session.into()),
        state_in_words(stat.state),
    ];
    for signal in signals {
        row.push(match process.takes(*signal) {
            _ if passes_on => "passed on",
            _ if stat.is_zombie => "-",
            takes => takes.word(),
        });
    }
    if process.has_entered && process.depth == 1 {
        row.push("entered from outside");
    }
    row.leak()
}

fn state_in_words(state: char) -> Text {
    match state {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk wait",
        'T' => "stopped",
        't' => "traced",
        'Z' | 'X' => "zombie",
        'I' => "idle",
        _ => "?",
    }
}
