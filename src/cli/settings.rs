//! What the flags decide.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::time::Duration;

use crate::exit::Remap;
use crate::period::Period;
use crate::route::{Place, Table};
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
    /// `--pre-stop`.
    pub pre_stop: Option<OsString>,
    /// `--grace`.
    pub grace: Option<Period>,
    /// `--kill-after`.
    pub kill_after: Option<Period>,
    /// `--linger`.
    pub linger: Option<bool>,
    /// Each `--remap-exit`, in their order.
    pub remap_exit: Vec<Remap>,
    /// `--exit-by-signal`.
    pub exit_by_signal: Option<bool>,
    /// `--parent-death-signal`.
    pub parent_death_signal: Option<Signal>,
    /// `--pause`.
    pub pause: Option<bool>,
    /// `--subreaper`, which says what is so in any case.
    pub subreaper: Option<bool>,
    /// `--warn-on-reap`.
    pub warn_on_reap: Option<bool>,
    /// How often `--verbose`.
    pub verbosity: Option<u8>,
    /// `--explain`.
    pub explain: Option<bool>,
    /// `--inspect`.
    pub inspect: Option<i32>,
}

impl Draft {
    /// What says nothing.
    #[inline(never)]
    fn empty() -> Self {
        Self::default()
    }

    /// The first target that asks for a session, and so a group, of COMMAND's own, and whether a rule says so.
    #[must_use]
    pub fn needs_session(&self) -> Option<(Target, bool)> {
        let said = self.target.into_iter().map(|target| (target, false));
        let ruled = self.rules.iter().flat_map(Rule::targets).map(|target| (target, true));
        said.chain(ruled).find(|(target, _)| target.needs_session())
    }

    /// Whether it asks for a grace.
    #[must_use]
    pub fn has_grace(&self) -> bool {
        self.grace.is_some_and(|grace| grace != Period::Zero)
    }

    /// Takes out what contradicts a source that is stronger.
    pub fn yield_to(&mut self, stronger: &Self) {
        if stronger.has_grace() {
            self.linger = None;
        }
        if stronger.linger == Some(true) {
            self.grace = None;
        }
        if stronger.needs_session().is_some() {
            self.single_child = None;
        }
        if stronger.single_child == Some(true) {
            self.target = self.target.filter(|target| !target.needs_session());
            self.rules.retain_mut(|rule| rule.drop_targets(Target::needs_session));
        }
    }
}

/// Where the settings come from, the strongest source first.
#[derive(Debug)]
pub struct Sources {
    /// What the command line says.
    pub given: Draft,
    /// What the environment says.
    pub inherited: Draft,
    /// What dumb-init's variables say.
    pub of_dumb_init: Draft,
    /// What the name says under which session-init was started, and that name.
    pub of_name: (Draft, &'static str),
    /// How many of the rules are the environment's: they stand before those of the command line, and all of them in [`Config`].
    pub inherited_rules: usize,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            given: Draft::empty(),
            inherited: Draft::empty(),
            of_dumb_init: Draft::empty(),
            of_name: (Draft::empty(), ""),
            inherited_rules: 0,
        }
    }
}

/// Settings to run with.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag, which is given or not")]
pub struct Config {
    /// COMMAND and its arguments; there is at least COMMAND itself where it is to be run.
    pub command: Vec<OsString>,
    /// Whom a signal reaches where no rule says otherwise.
    pub target: Target,
    /// The rewrite rules, the last of which for a signal wins.
    pub rules: Vec<Rule>,
    /// COMMAND stays in session-init's session, and signals go to its process alone.
    pub single_child: bool,
    /// What is run before the first signal that asks COMMAND to end is sent on.
    pub pre_stop: Option<OsString>,
    /// How long what COMMAND leaves behind may take to end.
    pub grace: Period,
    /// How long everything may take to end once COMMAND was asked to.
    pub kill_after: Option<Duration>,
    /// Stay until what COMMAND leaves behind has ended.
    pub linger: bool,
    /// What is reported for which exit status.
    pub remap_exit: Vec<Remap>,
    /// Where a signal ended COMMAND, end by it too.
    pub exit_by_signal: bool,
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

    /// Whether session-init may have something to do after COMMAND's end.
    #[must_use]
    pub fn may_stay(&self) -> bool {
        self.linger || self.grace != Period::Zero || self.kill_after.is_some()
    }
}
