//! How far the sequences of steps have come that signals have begun.

#![forbid(unsafe_code)]

use crate::route::{Stage, Table};
use crate::signal::Signal;

/// A sequence that has begun, and stands at a wait.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Begun {
    /// The signal that has begun it.
    signal: Signal,
    /// Its place in the table.
    sequence: usize,
    /// How many of its stages are behind it.
    done: usize,
    /// It has begun after COMMAND's end.
    is_late: bool,
}

/// Those of all signals, which run side by side.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Steps(Vec<Begun>);

impl Steps {
    pub(super) fn has_begun(&self, signal: Signal) -> bool {
        self.0.iter().any(|begun| begun.signal == signal)
    }

    pub(super) fn begin(&mut self, signal: Signal, sequence: usize, is_late: bool) {
        self.0.push(Begun { signal, sequence, done: 0, is_late });
    }

    /// The next stage of what this signal has begun, and whether it began after COMMAND's end. A sequence without another stage
    /// is over, and may begin anew.
    pub(super) fn next(&mut self, signal: Signal, table: &Table) -> Option<(Stage, bool)> {
        let place = self.0.iter().position(|begun| begun.signal == signal)?;
        let begun = self.0.get_mut(place)?;
        let Some(stage) = table.sequence(begun.sequence).get(begun.done) else {
            self.0.remove(place);
            return None;
        };
        begun.done = begun.done.saturating_add(1);
        Some((*stage, begun.is_late))
    }
}
