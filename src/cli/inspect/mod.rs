//! What `--inspect` prints: an init, what runs below it, and what a TERM would do.
//!
//! It is put together once, and nothing of it is given back (see `table`).

#![forbid(unsafe_code)]

mod answer;
mod found;
mod tree;

use super::explain;
pub use super::table::Paper;
use super::table::{Rows, decimal, printable};
use crate::route::{Place, Stage};
use crate::signal::Signal;
pub use found::{Inspected, Process, Role};
pub use tree::below;

/// The text.
#[must_use]
#[cold]
#[inline(never)]
pub fn text(found: &Inspected, paper: Paper) -> String {
    let mut text = String::new();
    let Some(init) = found.processes.first() else { return text };
    let mut rows = Rows::default();
    let mut line = String::new();
    for argument in &found.arguments {
        line.push_str(printable(argument));
        line.push(' ');
    }
    rows.add(&["pid", decimal(init.pid.into())]);
    rows.add(&["command line", line.leak()]);
    for missing in &found.missing {
        rows.add(&["not read", printable(missing)]);
    }
    rows.write(&mut text, "Init", paper);

    let mut signals = vec![Signal::TERM];
    if let Role::Init { config, sources, command } = &found.role {
        let leads = |one: &Process| Some(one.pid) == *command && one.stat.session == one.pid;
        let is_own = !config.single_child && found.processes.iter().any(leads);
        explain::write(&mut text, config, sources, if is_own { Place::Own } else { Place::Shared }, paper);
        for stage in answer::stages(config) {
            if let Stage::Send(signal, _) = *stage
                && !signals.contains(&signal)
                && signals.len() < MOST_SIGNALS
            {
                signals.push(signal);
            }
        }
    }
    let signals = signals.leak();
    tree::rows(&found.processes, signals, found.role.is_init()).write(&mut text, "Processes", paper);
    text.push('\n');
    for sentence in answer::sentences(found).leak() {
        wrap(&mut text, sentence, paper.columns);
    }
    text
}

/// There is room for so many columns.
const MOST_SIGNALS: usize = 3;

/// A sentence in lines of at most so many columns.
fn wrap(text: &mut String, sentence: &str, columns: usize) {
    let mut column = 0_usize;
    for word in sentence.split(' ') {
        let length = word.chars().count();
        if column > 0 {
            let is_full = column.saturating_add(length) >= columns;
            text.push_str(if is_full { "\n  " } else { " " });
            column = if is_full { 2 } else { column.saturating_add(1) };
        }
        text.push_str(word);
        column = column.saturating_add(length);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests;
