//! Rewrite rules as they are written, and the targets that they name.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::nearest::nearest;
use crate::number::{cut, each};
use crate::period::Period;
use crate::signal::{Signal, SignalError};

/// Whom a signal reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// [`TargetError`], boxed, where it is none.
    pub fn parse(word: &str) -> Result<Self, Box<TargetError>> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == word);
        known.map(|(_, target)| *target).ok_or_else(|| {
            let nearest = nearest(word, &mut Self::NAMES.iter().map(|(name, _)| *name));
            Box::new(TargetError { word: word.to_owned(), nearest })
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
    /// These steps, one after the other: at least one, and the last is not a wait.
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
    /// [`RuleError`], boxed, for anything that is not exactly a rule, and for signals that cannot be forwarded.
    pub fn parse(rule: &str) -> Result<Self, Box<RuleError>> {
        let (from, to) = cut(rule, ':');
        let (from, target) = if to.is_none() { cut(from, '@') } else { (from, None) };
        let says_nothing = to.is_none() && target.is_none();
        if from.is_empty() || says_nothing || to.is_some_and(|to| to.is_empty() || to.contains(':')) {
            return Err(wrong(rule, Fault::NotARule));
        }
        let target = parse_target(target)?;
        let from = Signal::parse(from)?;
        match from {
            Signal::KILL | Signal::STOP => return Err(RuleError::CannotBeCaught(from).into()),
            Signal::CHLD => return Err(RuleError::Child.into()),
            _ => {}
        }
        let to = match (to, target) {
            (Some(to), _) => Self::parse_steps(rule, to)?,
            (None, Some(target)) => To::Itself(target),
            (None, None) => return Err(wrong(rule, Fault::NotARule)),
        };
        Ok(Self { from, to })
    }

    fn parse_steps(rule: &str, words: &str) -> Result<To, Box<RuleError>> {
        let (first, target) = cut(words, '@');
        if is_zero(first) {
            parse_target(target)?;
            return Ok(To::Nothing);
        }
        let (mut steps, mut is_after_wait, mut left) = (Vec::new(), false, Some(words));
        while let Some(words_left) = left {
            let (word, rest) = cut(words_left, '/');
            let step = parse_step(rule, word, word.len() < words.len())?;
            let is_wait = matches!(step, Step::Wait(_));
            if is_wait && is_after_wait {
                return Err(wrong(rule, Fault::TwoWaits));
            }
            steps.push(step);
            (is_after_wait, left) = (is_wait, rest);
        }
        if steps.len() > MOST_STEPS {
            return Err(wrong(rule, Fault::TooManySteps));
        }
        if is_after_wait { Err(wrong(rule, Fault::WaitAtTheEnd)) } else { Ok(To::Steps(steps)) }
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
    pub fn parse_list(list: &str) -> Result<Vec<Self>, Box<RuleError>> {
        each(list, Self::parse)
    }
}

/// Reads one step of a rule, which may be one `among_others`.
fn parse_step(rule: &str, word: &str, among_others: bool) -> Result<Step, Box<RuleError>> {
    let (what, target) = cut(word, '@');
    if what.is_empty() {
        return Err(wrong(rule, if among_others { Fault::EmptyStep } else { Fault::NotARule }));
    }
    if is_zero(what) {
        return Err(wrong(rule, Fault::DropAmongOthers));
    }
    // A number without a unit is that of a signal.
    let has_unit = what.as_bytes().last().is_some_and(u8::is_ascii_alphabetic);
    let wait = match Period::parse(what) {
        Ok(Period::Zero) => Some(Duration::ZERO),
        Ok(Period::Finite(wait)) => Some(wait),
        Ok(Period::Infinite) | Err(_) => None,
    };
    match wait {
        Some(_) if has_unit && target.is_some() => return Err(wrong(rule, Fault::TargetOfWait)),
        Some(wait) if has_unit => return Ok(Step::Wait(wait)),
        _ => {}
    }
    let target = parse_target(target)?;
    match Signal::parse(what) {
        Ok(signal) => Ok(Step::Send(signal, target)),
        Err(_) if among_others && wait.is_some() => Err(wrong(rule, Fault::NoUnit)),
        Err(error) => Err(error.into()),
    }
}

#[inline(never)]
fn parse_target(word: Option<&str>) -> Result<Option<Target>, Box<TargetError>> {
    word.map(Target::parse).transpose()
}

fn is_zero(word: &str) -> bool {
    crate::signal::digits(word) == Some(0)
}

#[cold]
#[inline(never)]
#[expect(clippy::unnecessary_box_returns, reason = "it is boxed here, once for all that call it")]
fn wrong(rule: &str, fault: Fault) -> Box<RuleError> {
    Box::new(RuleError::Rule(rule.to_owned(), fault))
}

/// What can be wrong with the form of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has not the form of one.
    NotARule,
    /// There is nothing between two slashes, or beside one.
    EmptyStep,
    /// A rule that drops its signal has no other steps.
    DropAmongOthers,
    /// A wait goes to nobody.
    TargetOfWait,
    /// Nothing comes after the last wait.
    WaitAtTheEnd,
    /// Two waits in a row are one.
    TwoWaits,
    /// A number that is none of a signal, and was meant for a wait.
    NoUnit,
    /// Nobody needs so many.
    TooManySteps,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotARule => {
                "is not a rule: write FROM:TO, FROM@TARGET or FROM:STEP/STEP, such as TERM:QUIT, HUP@child or TERM:10s/TERM"
            }
            Self::EmptyStep => "has an empty step: write a signal or a wait on each side of a slash",
            Self::DropAmongOthers => "has a 0 among others: it drops the signal, and can only stand alone",
            Self::TargetOfWait => "has a target behind a wait: a wait goes to nobody",
            Self::WaitAtTheEnd => "ends with a wait: a signal must follow",
            Self::TwoWaits => "has two waits in a row: write one of their length",
            Self::NoUnit => "has a number that no signal has, and a wait needs a unit: write 10s or 500ms",
            Self::TooManySteps => "has too many steps: 16 at the most",
        })
    }
}

/// What can be wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Its form.
    #[error("'{0}' {1}")]
    Rule(String, Fault),
    /// Nobody can catch KILL and STOP (signal(7)).
    #[error("{0} cannot be rewritten: no process can catch it, so session-init never sees it")]
    CannotBeCaught(Signal),
    /// CHLD tells session-init about its own children.
    #[error("CHLD cannot be rewritten: it is how ended children are reported, and is never forwarded")]
    Child,
    /// One of the words is not a signal.
    #[error(transparent)]
    Signal(Box<SignalError>),
    /// The word is not a target.
    #[error(transparent)]
    Target(Box<TargetError>),
}

impl From<Box<SignalError>> for Box<RuleError> {
    fn from(error: Box<SignalError>) -> Self {
        Self::new(RuleError::Signal(error))
    }
}

impl From<Box<TargetError>> for Box<RuleError> {
    fn from(error: Box<TargetError>) -> Self {
        Self::new(RuleError::Target(error))
    }
}

#[cfg(test)]
mod tests;
