//! What becomes of each signal, and whom it reaches: the table that rules make.

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::rule::{Rule, Step, Target, To};
use crate::signal::Signal;

/// What becomes of a signal that session-init gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// It is sent on as this signal to this target.
    Forward(Signal, Target),
    /// It begins a sequence of steps, which has this place among the table's.
    Steps(usize),
    /// Nobody hears of it.
    Drop,
}

/// One step of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// This signal is sent to this target.
    Send(Signal, Target),
    /// What comes after it is put off for so long.
    Wait(Duration),
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
pub struct Table {
    routes: [Route; Signal::COUNT],
    /// The sequences, each of which begins with a signal or with a wait and ends with a signal.
    sequences: Vec<Vec<Stage>>,
}

impl Table {
    /// The table in which every signal reaches `target` as itself, but for the defaults of COMMAND's place and `rules`.
    ///
    /// In a session of its own TSTP, TTIN and TTOU become STOP: COMMAND's process group has no parent in its session, and the
    /// kernel ignores the three in such an orphaned group (setpgid(2)). Of several rules for one signal the last wins.
    #[must_use]
    pub fn new(target: Target, place: Place, rules: &[Rule]) -> Self {
        let mut table = Self { routes: [Route::Drop; Signal::COUNT], sequences: Vec::new() };
        let by_default =
            |signal: Signal| if signal.is_job_control() && place == Place::Own { Signal::STOP } else { signal };
        for signal in Signal::all() {
            table.set(signal, Route::Forward(by_default(signal), target));
        }
        for rule in rules {
            let route = match rule.to() {
                To::Itself(target) => Route::Forward(by_default(rule.from()), *target),
                To::Nothing => Route::Drop,
                To::Steps(steps) => match steps.as_slice() {
                    [Step::Send(signal, named)] => Route::Forward(*signal, named.unwrap_or(target)),
                    steps => table.add(steps, target),
                },
            };
            table.set(rule.from(), route);
        }
        table
    }

    fn set(&mut self, signal: Signal, route: Route) {
        if let Some(entry) = self.routes.get_mut(signal.index()) {
            *entry = route;
        }
    }

    #[cold]
    #[inline(never)]
    fn add(&mut self, steps: &[Step], target: Target) -> Route {
        let mut stages = Vec::new();
        for step in steps {
            stages.push(match *step {
                Step::Send(signal, named) => Stage::Send(signal, named.unwrap_or(target)),
                Step::Wait(time) => Stage::Wait(time),
            });
        }
        let place = self.sequences.len();
        self.sequences.push(stages);
        Route::Steps(place)
    }

    /// What becomes of this signal.
    #[must_use]
    pub fn route(&self, signal: Signal) -> Route {
        self.routes.get(signal.index()).copied().unwrap_or(Route::Drop)
    }

    /// A sequence of steps.
    #[must_use]
    pub fn sequence(&self, place: usize) -> &[Stage] {
        self.sequences.get(place).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first signal that is sent for this one, if there is any.
    #[must_use]
    pub fn first(&self, signal: Signal) -> Option<Signal> {
        let first = |stage: &Stage| if let Stage::Send(signal, _) = stage { Some(*signal) } else { None };
        match self.route(signal) {
            Route::Forward(signal, _) => Some(signal),
            Route::Steps(place) => self.sequence(place).iter().find_map(first),
            Route::Drop => None,
        }
    }

    /// The signal that asks the processes COMMAND leaves behind to end: the first that the table turns TERM into, or TERM
    /// itself where it drops it, since leftovers must end all the same.
    #[must_use]
    pub fn farewell(&self) -> Signal {
        self.first(Signal::TERM).unwrap_or(Signal::TERM)
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
    fn steps_without_a_target_reach_whom_all_signals_reach() {
        let table = table("TERM:TERM@child/10s/TERM/5s/KILL@all");
        let Route::Steps(place) = table.route(Signal::TERM) else { panic!("{:?}", table.route(Signal::TERM)) };
        let wait = |seconds| Stage::Wait(Duration::from_secs(seconds));
        let (first, last) = (Stage::Send(Signal::TERM, Target::Child), Stage::Send(Signal::KILL, Target::All));
        let group = Stage::Send(Signal::TERM, Target::Group);
        assert_eq!(table.sequence(place), [first, wait(10), group, wait(5), last]);
        assert_eq!(table.first(Signal::TERM), Some(Signal::TERM));
        assert_eq!(table.sequence(7), []);
    }

    #[test]
    fn leftovers_get_term_as_rewritten_and_term_where_it_is_dropped() {
        assert_eq!(table("HUP:0").farewell(), Signal::TERM);
        assert_eq!(table("15:3").farewell(), Signal::QUIT);
        assert_eq!(table("15:0").farewell(), Signal::TERM);
        assert_eq!(table("15:10s/INT/1s/TERM").farewell(), Signal::INT);
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
