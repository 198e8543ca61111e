//! The supervisor against a reference, written anew from what the documents say: it computes what is owed to each signal from all
//! that has happened, with tables of facts instead of phases.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use session_init::exit::Ended;
use session_init::period::Period;
use session_init::route::{Place, Route, Stage, Table};
use session_init::rule::{Rule, Target};
use session_init::signal::{Origin, Signal};
use session_init::supervisor::{Action, Deadline, Event, Settings, Stops, Supervisor};

use crate::report::{Item, Length};

/// What COMMAND has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Runs,
    HasLeft(Ended),
    IsKilled(Option<Ended>),
    IsOver,
}

/// What is so, after all that has happened.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, and none follows from another")]
struct Facts {
    fate: Fate,
    asked_to_end: bool,
    asked_to_stop: bool,
    /// Only the command before a stop keeps session-init here.
    waits_for_pre_stop: bool,
    /// Of the command before a stop: whether it is still to come, and what waits for it while it runs.
    is_to_come: bool,
    held: Option<Vec<(Signal, Origin)>>,
    /// How many stages are done of what each signal has begun, and whether COMMAND had ended by then.
    begun: BTreeMap<u8, (usize, bool)>,
}

impl Facts {
    fn at_first(settings: &Settings) -> Self {
        Self {
            fate: Fate::Runs,
            asked_to_end: false,
            asked_to_stop: false,
            waits_for_pre_stop: false,
            is_to_come: settings.pre_stop,
            held: None,
            begun: BTreeMap::new(),
        }
    }
}

fn number(signal: Signal) -> u8 {
    signal.number()
}

/// TERM, INT, QUIT.
fn asks(signal: Signal) -> bool {
    [15, 2, 3].contains(&number(signal))
}

/// TSTP, TTIN, TTOU.
fn is_job_control(signal: Signal) -> bool {
    [20, 21, 22].contains(&number(signal))
}

/// Whether session-init's whole group has got it already.
fn is_everybodys(settings: &Settings, signal: Signal, origin: Origin) -> bool {
    settings.place == Place::Shared
        && match origin {
            Origin::Kernel => [2, 3, 20, 21, 22, 28].contains(&number(signal)),
            Origin::Member(_) => is_job_control(signal),
            _ => false,
        }
}

/// What is sent for a signal, first and last.
fn stages(settings: &Settings, signal: Signal) -> Vec<Stage> {
    match settings.table.route(signal) {
        Route::Drop => Vec::new(),
        Route::Forward(sent, target) => vec![Stage::Send(sent, target)],
        Route::Steps(place) => settings.table.sequence(place).to_vec(),
    }
}

fn first_sent(settings: &Settings, signal: Signal) -> Option<Signal> {
    stages(settings, signal).iter().find_map(|stage| if let Stage::Send(sent, _) = stage { Some(*sent) } else { None })
}

fn farewell(settings: &Settings) -> Signal {
    first_sent(settings, Signal::TERM).unwrap_or(Signal::TERM)
}

/// One turn: what is so then, and what is to be done.
struct Turn<'settings> {
    settings: &'settings Settings,
    facts: Facts,
    actions: Vec<Action>,
}

impl Turn<'_> {
    fn runs(&self) -> bool {
        self.facts.fate == Fate::Runs
    }

    fn lives(&self) -> bool {
        matches!(self.facts.fate, Fate::Runs | Fate::HasLeft(_))
    }

    fn event(&mut self, event: Event) {
        match (event, self.facts.fate) {
            (Event::PreStopEnded, _) => self.pre_stop_ended(),
            (Event::Signal(signal, origin), Fate::Runs | Fate::HasLeft(_)) => self.signal(signal, origin),
            (Event::Resumed(origin), Fate::Runs | Fate::HasLeft(_)) => {
                self.signal(Signal::CONT, origin);
                if self.settings.place == Place::Shared {
                    let continued = |action: &Action| match *action {
                        Action::Send(sent, target) if number(sent) == 18 => Action::Continue(target),
                        other => other,
                    };
                    self.actions = self.actions.iter().map(continued).collect();
                }
            }
            (Event::CommandStopped(signal), Fate::Runs) => match self.settings.stops {
                Stops::WhenAsked | Stops::AsJob if self.facts.asked_to_stop => {
                    self.actions.push(Action::Stop(Signal::STOP));
                }
                Stops::AsJob => {
                    self.actions.push(Action::Stop(if is_job_control(signal) { signal } else { Signal::TSTP }));
                }
                _ => {}
            },
            (Event::NotStopped(signal), Fate::Runs) if number(signal) == 20 => {
                self.actions.push(Action::Continue(Target::Group));
            }
            (Event::NotStopped(signal), Fate::HasLeft(_)) if number(signal) == 20 => {
                self.actions.push(Action::Continue(Target::All));
            }
            (Event::CommandEnded(ended), Fate::Runs) => self.command_ended(ended),
            (Event::NothingLeft(last), Fate::HasLeft(ended)) => self.finish(match last {
                Some(last) if self.settings.linger && ended == Ended::Exited(0) => last,
                _ => ended,
            }),
            (Event::Passed(Deadline::Step(signal)), Fate::Runs | Fate::HasLeft(_)) => self.stages(signal, None),
            (Event::Passed(deadline), Fate::Runs | Fate::HasLeft(_)) => self.kill(deadline),
            (Event::AllKilled(now), Fate::IsKilled(before)) => {
                let ended = before.or(now).unwrap_or(Ended::Signaled(Signal::KILL));
                if before.is_none() {
                    self.restore(ended);
                }
                self.finish(ended);
            }
            _ => {}
        }
    }

    fn kill(&mut self, deadline: Deadline) {
        self.facts.fate = Fate::IsKilled(if let Fate::HasLeft(ended) = self.facts.fate { Some(ended) } else { None });
        self.actions.push(Action::KillAll(deadline));
    }

    fn finish(&mut self, ended: Ended) {
        self.facts.fate = Fate::IsOver;
        self.actions.push(Action::Finish(ended));
    }

    fn restore(&mut self, ended: Ended) {
        if self.settings.place == Place::Shared && matches!(ended, Ended::Signaled(_)) {
            self.actions.push(Action::RestoreTerminal);
        }
    }

    fn signal(&mut self, signal: Signal, origin: Origin) {
        if number(signal) == 18 {
            self.facts.asked_to_stop = false;
        }
        let sent = first_sent(self.settings, signal);
        let is_stop = asks(signal) && (sent.is_some() || number(signal) == 15) || sent.is_some_and(asks);
        if self.runs() && is_stop && self.facts.is_to_come {
            self.facts.is_to_come = false;
            self.facts.held = Some(sent.map(|_| (signal, origin)).into_iter().collect());
            self.actions.push(Action::StartPreStop(signal));
            return self.count_down();
        }
        if self.runs()
            && is_stop
            && sent.is_some()
            && let Some(held) = &mut self.facts.held
        {
            let again = held.iter().position(|(earlier, _)| *earlier == signal);
            let Some(place) = again else {
                held.push((signal, origin));
                return self.count_down();
            };
            held.remove(place);
        }
        self.pass_on(signal, origin);
    }

    fn pass_on(&mut self, signal: Signal, origin: Origin) {
        if stages(self.settings, signal).is_empty() {
            return;
        }
        let late = !self.runs();
        match self.settings.table.route(signal) {
            Route::Steps(_) => {
                let before = self.facts.begun.get(&number(signal)).copied();
                self.facts.begun.insert(number(signal), before.unwrap_or((0, late)));
                if before.is_some() {
                    self.actions.push(Action::Disarm(Deadline::Step(signal)));
                }
                if asks(signal) {
                    self.count_down();
                }
                self.stages(signal, Some(origin));
            }
            Route::Forward(sent, target) => self.send(signal, Some(origin), sent, target, late || !self.runs()),
            Route::Drop => {}
        }
        if is_job_control(signal) && self.settings.stops != Stops::Never && self.lives() {
            let everybodys = is_everybodys(self.settings, signal, origin);
            self.facts.asked_to_stop |= !everybodys;
            let by = if everybodys { signal } else { Signal::STOP };
            if !self.runs() {
                self.actions.push(Action::Stop(by));
            } else if self.settings.stops == Stops::AsJob || self.facts.asked_to_stop {
                self.actions.push(Action::StopIfStopped(by));
            }
        }
    }

    fn stages(&mut self, signal: Signal, origin: Option<Origin>) {
        let all = stages(self.settings, signal);
        while let Some((done, late)) = self.facts.begun.get(&number(signal)).copied() {
            let Some(stage) = all.get(done) else {
                self.facts.begun.remove(&number(signal));
                return;
            };
            self.facts.begun.insert(number(signal), (done + 1, late));
            match *stage {
                Stage::Wait(time) => return self.actions.push(Action::Arm(Deadline::Step(signal), time)),
                Stage::Send(sent, target) => self.send(signal, origin, sent, target, late),
            }
        }
    }

    fn send(&mut self, received: Signal, origin: Option<Origin>, sent: Signal, target: Target, late: bool) {
        let everybodys =
            sent == received && origin.is_some_and(|origin| is_everybodys(self.settings, received, origin));
        let target = match (self.facts.fate, target) {
            (Fate::Runs, target) => target,
            (Fate::HasLeft(_), _) if late => Target::All,
            (Fate::HasLeft(_), Target::Session | Target::All) => target,
            _ => return,
        };
        if number(sent) == 9 && target == Target::All {
            return self.kill(Deadline::Step(received));
        }
        match everybodys {
            true if is_job_control(received) && self.settings.stops == Stops::Never => {}
            true => self.actions.push(Action::SendOutside(sent, target)),
            false if !self.runs() && !late && sent == farewell(self.settings) => {
                self.actions.push(Action::SendToOthers(sent, target));
            }
            false => self.actions.push(Action::Send(sent, target)),
        }
        let wakes = |signal| asks(signal) || number(signal) == 1;
        if self.runs() && (wakes(received) || wakes(sent)) && !is_job_control(sent) && number(sent) != 19 {
            self.actions.push(Action::ContinueIfStopped(target));
        }
        if asks(received) || asks(sent) {
            self.count_down();
        }
    }

    fn count_down(&mut self) {
        if !std::mem::replace(&mut self.facts.asked_to_end, true)
            && let Some(period) = self.settings.kill_after
        {
            self.actions.push(Action::Arm(Deadline::KillAfter, period));
        }
    }

    fn pre_stop_ended(&mut self) {
        let Some(held) = self.facts.held.take() else { return };
        match self.facts.fate {
            Fate::Runs => held.into_iter().for_each(|(signal, origin)| self.pass_on(signal, origin)),
            Fate::HasLeft(ended) if self.facts.waits_for_pre_stop => self.finish(ended),
            _ => {}
        }
    }

    fn command_ended(&mut self, ended: Ended) {
        let Settings { linger, single_child, grace, kill_after, .. } = *self.settings;
        self.restore(ended);
        let stays = linger || grace != Period::Zero || kill_after.is_some() && self.facts.asked_to_end;
        let term = farewell(self.settings);
        self.actions.push(match (linger, stays, single_child) {
            (true, ..) | (false, false, true) => Action::ReapCommand,
            (false, true, _) => Action::TakeLeave(term, Target::All),
            (false, false, false) => Action::TakeLeave(term, Target::Group),
        });
        self.facts.fate = Fate::HasLeft(ended);
        self.facts.waits_for_pre_stop = !stays;
        match grace {
            _ if !stays && self.facts.held.is_none() => self.finish(ended),
            Period::Finite(grace) if !linger => self.actions.push(Action::Arm(Deadline::Grace, grace)),
            _ => {}
        }
    }
}

fn answer(settings: &Settings, past: &[Event], now: Event) -> Vec<Action> {
    let turn = |facts: Facts, event: &Event| {
        let mut turn = Turn { settings, facts, actions: Vec::new() };
        turn.event(*event);
        turn
    };
    let facts = past.iter().fold(Facts::at_first(settings), |facts, event| turn(facts, event).facts);
    turn(facts, &now).actions
}

fn any_signal() -> impl Strategy<Value = Signal> {
    (1_u8..=64).prop_filter_map("a signal", Signal::new)
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let period = Duration::from_secs(5);
    let grace = prop_oneof![Just(Period::Zero), Just(Period::Infinite), Just(Period::Finite(period))];
    let place = prop_oneof![Just(Place::Own), Just(Place::Shared)];
    let stops = prop_oneof![Just(Stops::Never), Just(Stops::WhenAsked), Just(Stops::AsJob)];
    let kill_after = prop::option::of(Just(Duration::from_secs(7)));
    let targets = prop_oneof![Just(Target::Child), Just(Target::Group), Just(Target::Session), Just(Target::All)];
    let plain =
        (1_u8..=64, 0_u8..=64).prop_filter_map("a rule", |(from, to)| Rule::parse(&format!("{from}:{to}")).ok());
    let froms = ["TERM", "INT", "TSTP", "USR1", "CONT"].map(|from| Just(from).boxed());
    let step = || prop_oneof!["[1-5]s/(9|15|2|3)", "(15|2|19|20|18)@(child|group|session|all)", "(9|15)@all"];
    let sequence = (proptest::strategy::Union::new(froms), prop::collection::vec(step(), 1..5));
    let sequence =
        sequence.prop_filter_map("steps", |(from, steps)| Rule::parse(&format!("{from}:{}", steps.join("/"))).ok());
    let rule = prop_oneof![2 => plain, 1 => sequence];
    let rules = prop::collection::vec(rule, 0..6);
    (place, stops, any::<[bool; 3]>(), grace, kill_after, targets, rules).prop_map(
        |(place, stops, [single_child, linger, pre_stop], grace, kill_after, target, rules)| Settings {
            table: Table::new(target, place, &rules),
            place,
            single_child,
            stops,
            pre_stop,
            grace,
            kill_after,
            linger,
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let received = any_signal().prop_filter("one that can be caught", |signal| ![9, 17, 19].contains(&number(*signal)));
    let often = prop_oneof![Just(1_u8), Just(2), Just(3), Just(15), Just(18), Just(20), Just(21), Just(22), Just(28)];
    let often = often.prop_filter_map("a signal", Signal::new);
    let waiting = prop_oneof![Just(Signal::TERM), Just(Signal::INT), Just(Signal::TSTP), Just(Signal::USR1)];
    let process = || (0..9_i32).prop_map(Origin::Process);
    let member = || (2..9_i32).prop_map(Origin::Member);
    let origin = || prop_oneof![Just(Origin::Kernel), Just(Origin::Other), process(), member()];
    let stop = || prop_oneof![Just(Signal::STOP), Just(Signal::TSTP), Just(Signal::TTIN), Just(Signal::TTOU)];
    let ended = || prop_oneof![any::<u8>().prop_map(Ended::Exited), any_signal().prop_map(Ended::Signaled)];
    prop_oneof![
        10 => (received, origin()).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
        10 => (often, origin()).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
        2 => ended().prop_map(Event::CommandEnded),
        3 => origin().prop_map(Event::Resumed),
        4 => stop().prop_map(Event::CommandStopped),
        2 => stop().prop_map(Event::NotStopped),
        1 => prop::option::of(ended()).prop_map(Event::NothingLeft),
        2 => Just(Event::PreStopEnded),
        4 => any_signal().prop_map(|signal| Event::Passed(Deadline::Step(signal))),
        4 => waiting.prop_map(|signal| Event::Passed(Deadline::Step(signal))),
        1 => Just(Event::Passed(Deadline::Grace)),
        1 => Just(Event::Passed(Deadline::KillAfter)),
        2 => prop::option::of(ended()).prop_map(Event::AllKilled),
    ]
}

pub(crate) fn run(length: Length, item: &mut Item) {
    let cases = length.of(2_000, 1_000_000);
    let config = Config { cases, failure_persistence: None, max_local_rejects: u32::MAX, ..Config::default() };
    let sequences = (any_settings(), prop::collection::vec(any_event(), 0..24));
    let events_in_all = std::cell::Cell::new(0_usize);
    let result = TestRunner::new(config).run(&sequences, |(settings, events)| {
        let mut supervisor = Supervisor::new(settings.clone());
        for (index, event) in events.iter().enumerate() {
            let answered: Vec<Action> = supervisor.handle(*event).iter().collect();
            prop_assert_eq!(answered, answer(&settings, &events[..index], *event));
        }
        events_in_all.set(events_in_all.get() + events.len());
        Ok(())
    });
    if let Err(error) = result {
        item.fail(error.to_string());
    }
    item.tried(format!(
        "{cases} sequences of events, {} events in all, answered as by the reference",
        events_in_all.get()
    ));
}
