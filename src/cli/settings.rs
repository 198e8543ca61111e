//! What the flags decide.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::time::Duration;

use crate::exit::Remap;
use crate::period::Period;
use crate::route::Place;
use crate::route::Table;
use crate::rule::{Rule, Target};
use crate::signal::Signal;

/// What one source of settings says: the command line, or the environment. What it does not mention is `None`.
#[derive(Debug, Default, Clone)]
pub struct Draft {
    /// Rewrite rules, in their order.
    pub rules: Vec<Rule>,
    /// `--single-child`.
    pub single_child: Option<bool>,
    /// `--target`.
    pub target: Option<Target>,
    /// `--grace`.
    pub grace: Option<Period>,
    /// `--kill-after`.
    pub kill_after: Option<Period>,
    /// `--linger`.
    pub linger: Option<bool>,
    /// Each `--remap-exit`, in their order.
    pub remap_exit: Vec<Remap>,
    /// `--parent-death-signal`.
    pub parent_death_signal: Option<Signal>,
    /// `--subreaper`, which says what is so in any case.
    pub subreaper: Option<bool>,
    /// `--warn-on-reap`.
    pub warn_on_reap: Option<bool>,
    /// How often `--verbose`.
    pub verbosity: Option<u8>,
    /// `--explain`.
    pub explain: Option<bool>,
}

/// Where the settings come from.
#[derive(Debug)]
pub struct Sources {
    /// What the command line says.
    pub given: Draft,
    /// What the environment says.
    pub inherited: Draft,
    /// What dumb-init's variables say.
    pub of_dumb_init: Draft,
}

/// Settings to run with.
#[derive(Debug)]
pub struct Config {
    /// COMMAND and its arguments; there is at least COMMAND itself where it is to be run.
    pub command: Vec<OsString>,
    /// Whom a signal reaches where no rule says otherwise.
    pub target: Target,
    /// The rewrite rules, the last of which for a signal wins.
    pub rules: Vec<Rule>,
    /// COMMAND stays in session-init's session, and signals go to its process alone.
    pub single_child: bool,
    /// How long what COMMAND leaves behind may take to end.
    pub grace: Period,
    /// How long everything may take to end once COMMAND was asked to.
    pub kill_after: Option<Duration>,
    /// Stay until what COMMAND leaves behind has ended.
    pub linger: bool,
    /// What is reported for which exit status.
    pub remap_exit: Vec<Remap>,
    /// The signal that session-init gets when its parent dies.
    pub parent_death_signal: Option<Signal>,
    /// Print a line for every orphan reaped.
    pub warn_on_reap: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
}

impl Config {
    /// What becomes of each signal where COMMAND lives there.
    ///
    /// In a session of its own COMMAND's process group is orphaned, and the kernel ignores the signals of job control.
    #[must_use]
    pub fn table(&self, place: Place) -> Table {
        Table::new(self.target, place, &self.rules)
    }

    /// Whether something is to be done at a time that may come after COMMAND's end.
    #[must_use]
    pub fn has_clock(&self) -> bool {
        self.grace != Period::Zero || self.kill_after.is_some()
    }
}
