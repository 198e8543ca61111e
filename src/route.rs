//! Rewrite rules, and the table they make: what becomes of each signal, and whom it reaches.

#![forbid(unsafe_code)]

use std::fmt;

use crate::nearest::nearest;
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

/// What becomes of a signal that session-init gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// It is sent on as this signal to this target.
    Forward(Signal, Target),
    /// Nobody hears of it.
    Drop,
}

/// One rule of the command line or the environment: `FROM:TO`, `FROM:TO@TARGET` or `FROM@TARGET`, where a TO of 0 drops
/// the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    from: Signal,
    to: To,
    target: Option<Target>,
}

/// What a rule says about the signal that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// What it is without the rule.
    Unsaid,
    Nothing,
    Signal(Signal),
}

impl Rule {
    /// Reads one rule.
    ///
    /// # Errors
    ///
    /// [`RuleError`] for anything that is not exactly a rule, and for signals that cannot be forwarded.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        let (signals, target) = match rule.split_once('@') {
            Some((signals, target)) => (signals, Some(target)),
            None => (rule, None),
        };
        let (from, to) = match signals.split_once(':') {
            Some((from, to)) => (from, Some(to)),
            None => (signals, None),
        };
        let says_nothing = to.is_none() && target.is_none();
        if says_nothing || from.is_empty() || to.is_some_and(|to| to.is_empty() || to.contains(':')) {
            return Err(RuleError::NotARule(rule.to_owned()));
        }
        let target = target.map(Target::parse).transpose()?;
        let from = Signal::parse(from)?;
        match from {
            Signal::KILL | Signal::STOP => return Err(RuleError::CannotBeCaught(from)),
            Signal::CHLD => return Err(RuleError::Child),
            _ => {}
        }
        let to = match to {
            None => To::Unsaid,
            Some(number) if crate::signal::digits(number) == Some(0) => To::Nothing,
            Some(signal) => To::Signal(Signal::parse(signal)?),
        };
        Ok(Self { from, to, target })
    }

    /// The signal that the rule is about.
    #[must_use]
    pub fn from(&self) -> Signal {
        self.from
    }

    /// The target that the rule names.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        self.target
    }

    /// Reads a list of rules with commas between them.
    ///
    /// # Errors
    ///
    /// Those of [`Rule::parse`], for the first rule that is wrong.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, RuleError> {
        list.split(',').map(Self::parse).collect()
    }
}

/// What can be wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The word has not the form of a rule.
    #[error("'{0}' is not a rule: write FROM:TO, FROM:TO@TARGET or FROM@TARGET, such as TERM:QUIT, 15:3 or HUP@child")]
    NotARule(String),
    /// Nobody can catch KILL and STOP (signal(7)).
    #[error("{0} cannot be rewritten: no process can catch it, so session-init never sees it")]
    CannotBeCaught(Signal),
    /// CHLD tells session-init about its own children.
    #[error("CHLD cannot be rewritten: it is how ended children are reported, and is never forwarded")]
    Child,
    /// One of the two signals is none.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// What becomes of each signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table([Route; Signal::COUNT]);

impl Table {
    /// The table in which every signal reaches `target` as itself, but for the defaults of session mode and `rules`.
    ///
    /// In session mode TSTP, TTIN and TTOU become STOP: COMMAND's process group has no parent in its session, and the
    /// kernel ignores the three in such an orphaned group (setpgid(2)). Of several rules for one signal the last wins.
    #[must_use]
    pub fn new(target: Target, new_session: bool, rules: &[Rule]) -> Self {
        let mut table = Self(std::array::from_fn(|_| Route::Drop));
        let by_default = |signal| {
            let job_control = matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU);
            if job_control && new_session { Signal::STOP } else { signal }
        };
        for signal in Signal::all() {
            table.set(signal, Route::Forward(by_default(signal), target));
        }
        for rule in rules {
            let target = rule.target.unwrap_or(target);
            table.set(
                rule.from,
                match rule.to {
                    To::Unsaid => Route::Forward(by_default(rule.from), target),
                    To::Nothing => Route::Drop,
                    To::Signal(to) => Route::Forward(to, target),
                },
            );
        }
        table
    }

    fn set(&mut self, signal: Signal, route: Route) {
        if let Some(entry) = self.0.get_mut(signal.index()) {
            *entry = route;
        }
    }

    /// What becomes of this signal.
    #[must_use]
    pub fn route(&self, signal: Signal) -> Route {
        self.0.get(signal.index()).copied().unwrap_or(Route::Drop)
    }

    /// The signal that asks the processes COMMAND leaves behind to end: what the table turns TERM into, or TERM
    /// itself where it drops it, since leftovers must end all the same.
    #[must_use]
    pub fn farewell(&self) -> Signal {
        match self.route(Signal::TERM) {
            Route::Forward(signal, _) => signal,
            Route::Drop => Signal::TERM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rules: &str) -> Table {
        let rules = Rule::parse_list(rules).unwrap_or_default();
        Table::new(Target::Group, true, &rules)
    }

    #[test]
    fn what_has_not_the_shape_of_a_rule_is_called_none() {
        for rule in ["", "15", ":", ":3", "15:", "15:@all", "@child", ":3@all", "1:2:3", "1::3", "1:2:"] {
            assert!(matches!(Rule::parse(rule), Err(RuleError::NotARule(_))), "{rule}");
        }
    }

    #[test]
    fn without_rules_every_signal_is_passed_on_but_the_three_of_job_control() {
        let session = Table::new(Target::Group, true, &[]);
        let single = Table::new(Target::Child, false, &[]);
        for signal in Signal::all() {
            let job_control = matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU);
            let to = if job_control { Signal::STOP } else { signal };
            assert_eq!(session.route(signal), Route::Forward(to, Target::Group));
            assert_eq!(single.route(signal), Route::Forward(signal, Target::Child));
        }
    }

    #[test]
    fn rules_take_numbers_and_names() {
        for rule in ["15:3", "TERM:QUIT", "sigterm:3", "15:SIGQUIT"] {
            assert_eq!(table(rule).route(Signal::TERM), Route::Forward(Signal::QUIT, Target::Group), "{rule}");
        }
        assert_eq!(table("TERM:0").route(Signal::TERM), Route::Drop);
        assert_eq!(table("TSTP:TSTP").route(Signal::TSTP), Route::Forward(Signal::TSTP, Target::Group));
        assert!(Rule::parse("RTMIN+1:RTMAX-1").is_ok());
        assert!(Rule::parse("TERM:KILL").is_ok());
    }

    #[test]
    fn a_rule_may_name_a_target() {
        let rules = "HUP@child,TERM:QUIT@session,USR1:USR2@all,TSTP@all,INT:0@child";
        let table = table(rules);
        assert_eq!(table.route(Signal::HUP), Route::Forward(Signal::HUP, Target::Child));
        assert_eq!(table.route(Signal::TERM), Route::Forward(Signal::QUIT, Target::Session));
        assert_eq!(table.route(Signal::USR1), Route::Forward(Signal::parse("USR2").unwrap(), Target::All));
        assert_eq!(table.route(Signal::TSTP), Route::Forward(Signal::STOP, Target::All));
        assert_eq!(table.route(Signal::INT), Route::Drop);
    }

    #[test]
    fn the_last_rule_for_a_signal_wins() {
        assert_eq!(table("TERM:0,TERM:INT").route(Signal::TERM), Route::Forward(Signal::INT, Target::Group));
    }

    #[test]
    fn leftovers_get_term_as_rewritten_and_term_where_it_is_dropped() {
        assert_eq!(table("HUP:0").farewell(), Signal::TERM);
        assert_eq!(table("15:3").farewell(), Signal::QUIT);
        assert_eq!(table("15:0").farewell(), Signal::TERM);
    }

    #[test]
    fn what_is_not_exactly_a_rule_is_refused() {
        for rule in [
            "",
            "15",
            ":",
            "15:",
            ":3",
            "15:3abc",
            "0:3",
            "15:65",
            "65:15",
            "15:3:9",
            "15 :3",
            " 15:3",
            "15:3 ",
            "-15:3",
            "15:-3",
            "+15:3",
            "15:=3",
            "=15:3",
            "15:3,",
            ",15:3",
            "15:3,,1:2",
            "KILL:TERM",
            "9:15",
            "STOP:TERM",
            "CHLD:TERM",
            "HUP@",
            "@child",
            "HUP@@child",
            "HUP@child@all",
            "HUP@kid",
            "HUP:@child",
            "HUP@Child",
            "HUP @child",
            "HUP@child ",
            ":3@child",
            "CHLD@all",
            "17:0",
            "15;3",
            "１５:3",
            "4294967311:3",
            "99999999999999999999:3",
        ] {
            assert!(Rule::parse_list(rule).is_err(), "{rule:?}");
        }
    }

    #[test]
    fn the_error_says_why_a_signal_has_no_rule() {
        let message = |rule| Rule::parse(rule).map_err(|error| error.to_string());
        assert_eq!(
            message("9:15"),
            Err("KILL cannot be rewritten: no process can catch it, so session-init never sees it".to_owned())
        );
        assert!(message("CLD:0").is_err_and(|text| text.contains("how ended children are reported")));
        assert!(message("TREM:3").is_err_and(|text| text.ends_with("did you mean TERM?")));
    }

    proptest! {
        #[test]
        fn no_word_makes_the_parser_panic(word in "\\PC*") {
            let _ = Rule::parse_list(&word);
        }

        #[test]
        fn a_rule_changes_its_own_signal_and_no_other(from in 1u8..=64, to in 0u8..=64) {
            if let Ok(rule) = Rule::parse(&format!("{from}:{to}")) {
                let (plain, ruled) = (table(""), Table::new(Target::Group, true, &[rule]));
                for signal in Signal::all() {
                    if signal.number() == from {
                        let expected = Signal::new(to).map_or(Route::Drop, |to| Route::Forward(to, Target::Group));
                        prop_assert_eq!(ruled.route(signal), expected);
                    } else {
                        prop_assert_eq!(ruled.route(signal), plain.route(signal));
                    }
                }
            } else {
                prop_assert!([9, 17, 19].contains(&from));
            }
        }
    }
}
