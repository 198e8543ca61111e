//! What becomes of each signal, and whom it reaches: the table that rules make.

#![forbid(unsafe_code)]

use crate::rule::{Rule, Target, To};
use crate::signal::Signal;

/// What becomes of a signal that session-init gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// It is sent on as this signal to this target.
    Forward(Signal, Target),
    /// Nobody hears of it.
    Drop,
}

/// Where COMMAND lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It leads a session of its own.
    Own,
    /// It stays where session-init is, as without an init: in the same session and the same process group.
    Shared,
}

/// What becomes of each signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table([Route; Signal::COUNT]);

impl Table {
    /// The table in which every signal reaches `target` as itself, but for the defaults of COMMAND's place and `rules`.
    ///
    /// In a session of its own TSTP, TTIN and TTOU become STOP: COMMAND's process group has no parent in its session, and the
    /// kernel ignores the three in such an orphaned group (setpgid(2)). Of several rules for one signal the last wins.
    #[must_use]
    pub fn new(target: Target, place: Place, rules: &[Rule]) -> Self {
        let mut table = Self(std::array::from_fn(|_| Route::Drop));
        let by_default = |signal: Signal| {
            if signal.is_job_control() && place == Place::Own { Signal::STOP } else { signal }
        };
        for signal in Signal::all() {
            table.set(signal, Route::Forward(by_default(signal), target));
        }
        for rule in rules {
            let target = rule.target().unwrap_or(target);
            table.set(
                rule.from(),
                match rule.to() {
                    To::Unsaid => Route::Forward(by_default(rule.from()), target),
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
        Table::new(Target::Group, Place::Own, &rules)
    }

    #[test]
    fn without_rules_every_signal_is_passed_on_but_the_three_of_job_control() {
        let session = Table::new(Target::Group, Place::Own, &[]);
        let single = Table::new(Target::Child, Place::Shared, &[]);
        for signal in Signal::all() {
            let to = if signal.is_job_control() { Signal::STOP } else { signal };
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

    proptest! {
        #[test]
        fn a_rule_changes_its_own_signal_and_no_other(from in 1u8..=64, to in 0u8..=64) {
            if let Ok(rule) = Rule::parse(&format!("{from}:{to}")) {
                let (plain, ruled) = (table(""), Table::new(Target::Group, Place::Own, &[rule]));
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
