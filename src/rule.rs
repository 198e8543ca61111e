//! Rewrite rules as they are written, and the targets that they name.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::nearest::nearest;
use crate::period::Period;
use crate::signal::{Signal, SignalError};

/// Whom a signal reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// COMMAND's process.
    Child,
    /// COMMAND's process group.
    Group,
    /// Every descendant in COMMAND's session, whatever its process group.
    Session,
    /// Every process that session-init answers for: as PID 1 all others in its PID namespace, else its descendants.
    All,
}

impl Target {
    const NAMES: [(&str, Self); 4] =
        [("child", Self::Child), ("group", Self::Group), ("session", Self::Session), ("all", Self::All)];

    /// Reads a target's name.
    ///
    /// # Errors
    ///
    /// [`TargetError`] where it is none.
    pub fn parse(word: &str) -> Result<Self, TargetError> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == word);
        known.map(|(_, target)| *target).ok_or_else(|| TargetError {
            word: word.to_owned(),
            nearest: nearest(word, &mut Self::NAMES.iter().map(|(name, _)| *name)),
        })
    }

    /// Whether COMMAND must have a session, and so a process group, of its own for this target to make sense.
    #[must_use]
    pub fn needs_session(self) -> bool {
        matches!(self, Self::Group | Self::Session)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, target)| target == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// No target has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not a target: write child, group, session or all{}", crate::nearest::hint(*.nearest))]
pub struct TargetError {
    word: String,
    nearest: Option<&'static str>,
}

/// How many steps a rule has at most.
const MOST_STEPS: usize = 16;

/// One rule of the command line or the environment: `FROM@TARGET`, or `FROM:STEP[/STEP...]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    from: Signal,
    to: To,
}

/// What a rule makes of its signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// What it is without the rule, to this target.
    Itself(Target),
    /// Nothing: nobody gets it.
    Nothing,
    /// These steps, one after the other: at least one, and the last is no wait.
    Steps(Vec<Step>),
}

/// One step of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send this signal, to the target that all signals go to where the step names none.
    Send(Signal, Option<Target>),
    /// Wait for so long.
    Wait(Duration),
}

impl Rule {
    /// Reads one rule.
    ///
    /// # Errors
    ///
    /// [`RuleError`] for anything that is not exactly a rule, and for signals that cannot be forwarded.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        let not_a_rule = || RuleError::NotARule(rule.to_owned());
        let (from, to) = match rule.split_once(':') {
            Some((from, to)) => (from, Some(to)),
            None => (rule, None),
        };
        let (from, target) = match from.split_once('@') {
            Some((from, target)) if to.is_none() => (from, Some(target)),
            _ => (from, None),
        };
        if from.is_empty() || to.is_some_and(|to| to.is_empty() || to.contains(':')) || (to, target) == (None, None) {
            return Err(not_a_rule());
        }
        let target = target.map(Target::parse).transpose()?;
        let from = Signal::parse(from)?;
        match from {
            Signal::KILL | Signal::STOP => return Err(RuleError::CannotBeCaught(from)),
            Signal::CHLD => return Err(RuleError::Child),
            _ => {}
        }
        let to = match (to, target) {
            (Some(to), _) => Self::parse_steps(to)
                .map_err(|error| if let RuleError::NotARule(_) = error { not_a_rule() } else { error })?,
            (None, Some(target)) => To::Itself(target),
            (None, None) => return Err(not_a_rule()),
        };
        Ok(Self { from, to })
    }

    fn parse_steps(words: &str) -> Result<To, RuleError> {
        if is_zero(words.split_once('@').map_or(words, |(signal, _)| signal)) {
            if let Some((_, target)) = words.split_once('@') {
                Target::parse(target)?;
            }
            return Ok(To::Nothing);
        }
        let mut steps: Vec<Step> = Vec::new();
        for word in words.split('/') {
            let step = parse_step(word, words.contains('/'))?;
            if let (Step::Wait(_), Some(Step::Wait(_))) = (step, steps.last()) {
                return Err(RuleError::TwoWaits(words.to_owned()));
            }
            steps.push(step);
        }
        match steps.last() {
            _ if steps.len() > MOST_STEPS => Err(RuleError::TooManySteps(steps.len())),
            Some(Step::Wait(_)) => Err(RuleError::WaitAtTheEnd(words.to_owned())),
            _ => Ok(To::Steps(steps)),
        }
    }

    /// The signal that the rule is about.
    #[must_use]
    pub fn from(&self) -> Signal {
        self.from
    }

    /// What becomes of it.
    #[must_use]
    pub fn to(&self) -> &To {
        &self.to
    }

    /// The targets that the rule names.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        let (target, steps) = match &self.to {
            To::Itself(target) => (Some(*target), &[][..]),
            To::Nothing => (None, &[][..]),
            To::Steps(steps) => (None, steps.as_slice()),
        };
        let of_steps = steps.iter().filter_map(|step| if let Step::Send(_, target) = step { *target } else { None });
        target.into_iter().chain(of_steps)
    }

    /// Leaves each target open that is such a one. A rule that says nothing else says nothing any more, and answers `false`.
    pub fn drop_targets(&mut self, is_such: fn(Target) -> bool) -> bool {
        match &mut self.to {
            To::Itself(target) => return !is_such(*target),
            To::Nothing => {}
            To::Steps(steps) => {
                for step in steps {
                    if let Step::Send(_, target) = step {
                        *target = target.filter(|target| !is_such(*target));
                    }
                }
            }
        }
        true
    }

    /// Reads a list of rules with commas between them.
    ///
    /// # Errors
    ///
    /// Those of [`Rule::parse`], for the first rule that is wrong.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, RuleError> {
        let mut rules = Vec::new();
        for rule in list.split(',') {
            rules.push(Self::parse(rule)?);
        }
        Ok(rules)
    }
}

/// Reads one step, which may be one `among_others`.
fn parse_step(word: &str, among_others: bool) -> Result<Step, RuleError> {
    let (what, target) = match word.split_once('@') {
        Some((what, target)) => (what, Some(target)),
        None => (word, None),
    };
    if what.is_empty() {
        return Err(if among_others { RuleError::EmptyStep } else { RuleError::NotARule(word.to_owned()) });
    }
    if is_zero(what) {
        return Err(RuleError::DropAmongOthers);
    }
    // A number without a unit is that of a signal.
    let has_unit =
        what.starts_with(|first: char| first.is_ascii_digit()) && what.ends_with(|last: char| !last.is_ascii_digit());
    if has_unit && let Ok(Period::Zero | Period::Finite(_)) = Period::parse(what) {
        let wait = if let Ok(Period::Finite(wait)) = Period::parse(what) { wait } else { Duration::ZERO };
        return if target.is_some() { Err(RuleError::TargetOfWait(word.to_owned())) } else { Ok(Step::Wait(wait)) };
    }
    let target = target.map(Target::parse).transpose()?;
    match Signal::parse(what) {
        Ok(signal) => Ok(Step::Send(signal, target)),
        Err(_) if among_others && Period::parse(what).is_ok_and(|period| period != Period::Infinite) => {
            Err(RuleError::NoUnit(what.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_zero(word: &str) -> bool {
    crate::signal::digits(word) == Some(0)
}

/// What can be wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The word has not the form of a rule.
    #[error(
        "'{0}' is not a rule: write FROM:TO, FROM:TO@TARGET, FROM@TARGET or FROM:STEP/STEP, such as TERM:QUIT or TERM:10s/TERM"
    )]
    NotARule(String),
    /// Nobody can catch KILL and STOP (signal(7)).
    #[error("{0} cannot be rewritten: no process can catch it, so session-init never sees it")]
    CannotBeCaught(Signal),
    /// CHLD tells session-init about its own children.
    #[error("CHLD cannot be rewritten: it is how ended children are reported, and is never forwarded")]
    Child,
    /// There is nothing between two slashes, or beside one.
    #[error("there is an empty step: write a signal or a wait on each side of a slash")]
    EmptyStep,
    /// A rule that drops its signal has no other steps.
    #[error("0 drops a signal, and can only stand alone")]
    DropAmongOthers,
    /// A wait goes to nobody.
    #[error("'{0}': a wait has no target")]
    TargetOfWait(String),
    /// Nothing comes after the last wait.
    #[error("'{0}' ends with a wait: a signal must follow")]
    WaitAtTheEnd(String),
    /// Two waits in a row are one.
    #[error("'{0}' has two waits in a row: write one of their length")]
    TwoWaits(String),
    /// A number that is none of a signal, and was meant for a wait.
    #[error("'{0}' is not a signal, and a wait needs a unit: {0}s")]
    NoUnit(String),
    /// Nobody needs so many.
    #[error("{0} steps are too many: a rule has at most {MOST_STEPS}")]
    TooManySteps(usize),
    /// One of the signals is none.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
}

#[cfg(test)]
mod tests;
