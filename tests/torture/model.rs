//! The supervisor against a reference: a function of everything that has happened, which keeps no state.
//!
//! Where the supervisor steps from phase to phase, the reference reads the whole past anew for each answer. COMMAND as a
//! job that stops and goes on is left to the unit tests.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use session_init::exit::Ended;
use session_init::period::Period;
use session_init::route::{Route, Rule, Table, Target};
use session_init::signal::Signal;
use session_init::supervisor::{Action, Deadline, Event, Mode, Modes, Origin, Settings, Supervisor};

use crate::report::{Item, Length};

/// What COMMAND has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Runs,
    HasLeft(Ended),
    IsKilled(Option<Ended>),
    IsOver,
}

fn stays(settings: &Settings) -> bool {
    settings.linger || settings.grace != Period::Zero
}

fn fate(settings: &Settings, past: &[Event]) -> Fate {
    past.iter().fold(Fate::Runs, |fate, event| match (fate, *event) {
        (Fate::Runs, Event::CommandEnded(ended)) if stays(settings) => Fate::HasLeft(ended),
        (Fate::Runs, Event::Passed(_)) => Fate::IsKilled(None),
        (Fate::HasLeft(ended), Event::Passed(_)) => Fate::IsKilled(Some(ended)),
        (Fate::Runs, Event::CommandEnded(_))
        | (Fate::HasLeft(_), Event::NothingLeft)
        | (Fate::IsKilled(_), Event::AllKilled(_)) => Fate::IsOver,
        (fate, _) => fate,
    })
}

fn number(signal: Signal) -> u8 {
    signal.number()
}

/// TERM, INT, QUIT.
fn asks(signal: Signal) -> bool {
    [15, 2, 3].contains(&number(signal))
}

/// Whom the signal is sent to as what, if to anybody.
fn sent(settings: &Settings, past: &[Event], signal: Signal, origin: Origin) -> Option<(Signal, Target)> {
    let Route::Forward(sent, target) = settings.table.route(signal) else { return None };
    let from_keys =
        settings.mode == Mode::SingleChild && origin == Origin::Kernel && [2, 3, 20, 28].contains(&number(signal));
    match fate(settings, past) {
        Fate::Runs if from_keys => None,
        Fate::Runs => Some((sent, target)),
        Fate::HasLeft(_) => Some((sent, Target::All)),
        Fate::IsKilled(_) | Fate::IsOver => None,
    }
}

fn answer(settings: &Settings, past: &[Event], now: Event) -> Vec<Action> {
    let fate = fate(settings, past);
    match (now, fate) {
        (Event::Signal(signal, origin), Fate::Runs | Fate::HasLeft(_)) => to_signal(settings, past, signal, origin),
        (Event::CommandEnded(ended), Fate::Runs) => to_end(settings, ended),
        (Event::NothingLeft, Fate::HasLeft(ended)) => finish(settings, ended),
        (Event::Passed(deadline), Fate::Runs | Fate::HasLeft(_)) => vec![Action::KillAll(deadline)],
        (Event::AllKilled(ended), Fate::IsKilled(before)) => {
            let ended = before.or(ended).unwrap_or(Ended::Signaled(Signal::KILL));
            let taken = (before.is_none()).then(|| take_terminal(settings, ended)).flatten();
            taken.into_iter().chain(finish(settings, ended)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether COMMAND is asked to end by this signal, under one name or the other.
fn asks_to_end(settings: &Settings, signal: Signal) -> bool {
    matches!(settings.table.route(signal), Route::Forward(becomes, _) if asks(signal) || asks(becomes))
}

fn to_signal(settings: &Settings, past: &[Event], signal: Signal, origin: Origin) -> Vec<Action> {
    let mut actions = Vec::new();
    let Route::Forward(becomes, _) = settings.table.route(signal) else { return actions };
    let runs = fate(settings, past) == Fate::Runs;
    let stops = |signal| [19, 20, 21, 22].contains(&number(signal));
    if let Some((sent, target)) = sent(settings, past, signal, origin) {
        if runs && settings.mode == Mode::Job && number(signal) == 18 && settings.wants_terminal {
            actions.push(Action::GiveTerminal);
        }
        actions.push(Action::Send(sent, target));
        let wakes = |signal| asks(signal) || number(signal) == 1;
        if runs && (wakes(signal) || wakes(sent)) && !stops(sent) {
            actions.push(Action::ContinueIfStopped(target));
        }
    }
    // A key of the terminal asks COMMAND to end as well as a signal that is sent on.
    let asked_before = (0..past.len()).any(|index| match (past[index], fate(settings, &past[..index])) {
        (Event::Signal(earlier, _), Fate::Runs | Fate::HasLeft(_)) => asks_to_end(settings, earlier),
        _ => false,
    });
    if let Some(period) = settings.kill_after
        && asks_to_end(settings, signal)
        && !asked_before
    {
        actions.push(Action::Arm(Deadline::KillAfter, period));
    }
    if [20, 21, 22].contains(&number(signal)) && !settings.is_pid_1 {
        let by_keys = origin == Origin::Kernel;
        match settings.mode {
            Mode::Job if runs && stops(becomes) => {}
            Mode::SingleChild if by_keys => actions.push(Action::StopSelf(signal)),
            Mode::Session | Mode::SingleChild => actions.push(Action::StopSelf(Signal::STOP)),
            Mode::Job => actions.push(Action::StopSelf(signal)),
        }
    }
    actions
}

fn to_end(settings: &Settings, ended: Ended) -> Vec<Action> {
    let mut actions: Vec<Action> = take_terminal(settings, ended).into_iter().collect();
    let target = match (stays(settings), settings.mode) {
        (true, _) => Some(Target::All),
        (false, Mode::SingleChild) => None,
        (false, _) => Some(Target::Group),
    };
    if let (Some(target), false) = (target, settings.linger) {
        let term = match settings.table.route(Signal::TERM) {
            Route::Forward(signal, _) => signal,
            Route::Drop => Signal::TERM,
        };
        actions.extend([Action::Send(term, target), Action::Send(Signal::CONT, target)]);
    }
    if !stays(settings) {
        actions.extend(finish(settings, ended));
        return actions;
    }
    actions.push(Action::ReapCommand);
    if let (Period::Finite(grace), false) = (settings.grace, settings.linger) {
        actions.push(Action::Arm(Deadline::Grace, grace));
    }
    actions
}

fn take_terminal(settings: &Settings, ended: Ended) -> Option<Action> {
    let modes = if matches!(ended, Ended::Signaled(_)) { Modes::AsFound } else { Modes::AsLeft };
    (settings.mode == Mode::Job).then_some(Action::TakeTerminalAtEnd(modes))
}

fn finish(settings: &Settings, ended: Ended) -> Vec<Action> {
    let shared = match ended {
        Ended::Signaled(signal) if settings.mode == Mode::Job && [2, 3].contains(&number(signal)) => {
            Some(Action::Share(signal))
        }
        _ => None,
    };
    shared.into_iter().chain([Action::Finish(ended)]).collect()
}

fn any_signal() -> impl Strategy<Value = Signal> {
    (1_u8..=64).prop_filter_map("a signal", Signal::new)
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let period = Duration::from_secs(5);
    let grace = prop_oneof![Just(Period::Zero), Just(Period::Infinite), Just(Period::Finite(period))];
    let mode = prop_oneof![Just(Mode::Session), Just(Mode::Job), Just(Mode::SingleChild)];
    let kill_after = prop::option::of(Just(Duration::from_secs(7)));
    let targets = prop_oneof![Just(Target::Child), Just(Target::Group), Just(Target::Session), Just(Target::All)];
    let rule = (1_u8..=64, 0_u8..=64).prop_filter_map("a rule", |(from, to)| Rule::parse(&format!("{from}:{to}")).ok());
    let rules = prop::collection::vec(rule, 0..6);
    (mode, any::<bool>(), any::<bool>(), grace, kill_after, any::<bool>(), targets, rules).prop_map(
        |(mode, wants_terminal, is_pid_1, grace, kill_after, linger, target, rules)| Settings {
            table: Table::new(target, mode == Mode::Session, &rules),
            mode,
            wants_terminal,
            is_pid_1: is_pid_1 && mode != Mode::Job,
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
    let origin = || prop_oneof![Just(Origin::Kernel), Just(Origin::Other), (0..9_i32).prop_map(Origin::Process)];
    let ended = || prop_oneof![any::<u8>().prop_map(Ended::Exited), any_signal().prop_map(Ended::Signaled)];
    prop_oneof![
        10 => (received, origin()).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
        10 => (often, origin()).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
        2 => ended().prop_map(Event::CommandEnded),
        1 => Just(Event::NothingLeft),
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
