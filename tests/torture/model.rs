//! The supervisor against a reference: a function of everything that has happened, which keeps no state.
//!
//! Where the supervisor steps from phase to phase, the reference reads the whole past anew for each answer.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use session_init::exit::Ended;
use session_init::period::Period;
use session_init::route::{Place, Route, Table};
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

/// Whether session-init stays after an end that comes now.
fn stays(settings: &Settings, past: &[Event]) -> bool {
    settings.linger
        || settings.grace != Period::Zero
        || settings.kill_after.is_some() && was_asked_to_end(settings, past)
}

fn fate(settings: &Settings, past: &[Event]) -> Fate {
    let step = |fate, (index, event): (usize, &Event)| match (fate, *event) {
        (Fate::Runs, Event::CommandEnded(ended)) if stays(settings, &past[..index]) => Fate::HasLeft(ended),
        (Fate::Runs, Event::Passed(_)) => Fate::IsKilled(None),
        (Fate::HasLeft(ended), Event::Passed(_)) => Fate::IsKilled(Some(ended)),
        (Fate::Runs, Event::CommandEnded(_))
        | (Fate::HasLeft(_), Event::NothingLeft(_))
        | (Fate::IsKilled(_), Event::AllKilled(_)) => Fate::IsOver,
        (fate, _) => fate,
    };
    past.iter().enumerate().fold(Fate::Runs, step)
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

/// The signal that an event brings.
fn brought(event: Event) -> Option<(Signal, Origin)> {
    match event {
        Event::Signal(signal, origin) => Some((signal, origin)),
        Event::Resumed(origin) => Some((Signal::CONT, origin)),
        _ => None,
    }
}

/// Whether COMMAND is asked to end by this signal, under one name or the other.
fn asks_to_end(settings: &Settings, signal: Signal) -> bool {
    matches!(settings.table.route(signal), Route::Forward(becomes, _) if asks(signal) || asks(becomes))
}

/// A key of the terminal asks COMMAND to end as well as a signal that is sent on.
fn was_asked_to_end(settings: &Settings, past: &[Event]) -> bool {
    past.iter().any(|event| brought(*event).is_some_and(|(signal, _)| asks_to_end(settings, signal)))
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

/// Whether the last that was heard of a stop is that a process asked session-init for one.
fn was_asked_to_stop(settings: &Settings, past: &[Event]) -> bool {
    let mut asked = past.iter().enumerate().filter_map(|(index, event)| {
        let (signal, origin) = brought(*event)?;
        let is_heard = matches!(fate(settings, &past[..index]), Fate::Runs | Fate::HasLeft(_));
        let is_sent = matches!(settings.table.route(signal), Route::Forward(..));
        match number(signal) {
            18 => Some(false),
            _ if is_job_control(signal) && is_heard && is_sent && settings.stops != Stops::Never => {
                (!is_everybodys(settings, signal, origin)).then_some(true)
            }
            _ => None,
        }
    });
    asked.next_back() == Some(true)
}

fn answer(settings: &Settings, past: &[Event], now: Event) -> Vec<Action> {
    let fate = fate(settings, past);
    match (now, fate) {
        (Event::Signal(..) | Event::Resumed(_), Fate::Runs | Fate::HasLeft(_)) => to_signal(settings, past, now),
        (Event::CommandStopped(signal), Fate::Runs) => {
            let asked = was_asked_to_stop(settings, past);
            match settings.stops {
                Stops::WhenAsked | Stops::AsJob if asked => vec![Action::Stop(Signal::STOP)],
                Stops::AsJob if is_job_control(signal) => vec![Action::Stop(signal)],
                Stops::AsJob => vec![Action::Stop(Signal::TSTP)],
                _ => Vec::new(),
            }
        }
        (Event::NotStopped(signal), Fate::Runs) if number(signal) == 20 => vec![Action::Continue(Target::Group)],
        (Event::NotStopped(signal), Fate::HasLeft(_)) if number(signal) == 20 => vec![Action::Continue(Target::All)],
        (Event::CommandEnded(ended), Fate::Runs) => to_end(settings, past, ended),
        (Event::NothingLeft(last), Fate::HasLeft(ended)) => vec![Action::Finish(match last {
            Some(last) if settings.linger && ended == Ended::Exited(0) => last,
            _ => ended,
        })],
        (Event::Passed(deadline), Fate::Runs | Fate::HasLeft(_)) => vec![Action::KillAll(deadline)],
        (Event::AllKilled(ended), Fate::IsKilled(before)) => {
            let ended = before.or(ended).unwrap_or(Ended::Signaled(Signal::KILL));
            let restored = before.is_none().then(|| restore(settings, ended)).flatten();
            restored.into_iter().chain([Action::Finish(ended)]).collect()
        }
        _ => Vec::new(),
    }
}

fn to_signal(settings: &Settings, past: &[Event], now: Event) -> Vec<Action> {
    let mut actions = Vec::new();
    let Some((signal, origin)) = brought(now) else { return actions };
    let Route::Forward(becomes, target) = settings.table.route(signal) else { return actions };
    let runs = fate(settings, past) == Fate::Runs;
    let target = if runs { target } else { Target::All };
    let stops = settings.stops != Stops::Never;
    let resumes = matches!(now, Event::Resumed(_)) && settings.place == Place::Shared && number(becomes) == 18;
    let everybodys = is_everybodys(settings, signal, origin);
    if becomes == signal && everybodys {
        if stops || !is_job_control(signal) {
            actions.push(Action::SendOutside(becomes, target));
        }
    } else {
        actions.push(if resumes { Action::Continue(target) } else { Action::Send(becomes, target) });
    }
    let wakes = |signal| asks(signal) || number(signal) == 1;
    if runs && (wakes(signal) || wakes(becomes)) && !is_job_control(becomes) && number(becomes) != 19 {
        actions.push(Action::ContinueIfStopped(target));
    }
    if let Some(period) = settings.kill_after
        && asks_to_end(settings, signal)
        && !was_asked_to_end(settings, past)
    {
        actions.push(Action::Arm(Deadline::KillAfter, period));
    }
    if is_job_control(signal) && stops {
        let by = if everybodys { signal } else { Signal::STOP };
        if !runs {
            actions.push(Action::Stop(by));
        } else if !everybodys || settings.stops == Stops::AsJob || was_asked_to_stop(settings, past) {
            actions.push(Action::StopIfStopped(by));
        }
    }
    actions
}

fn to_end(settings: &Settings, past: &[Event], ended: Ended) -> Vec<Action> {
    let mut actions: Vec<Action> = restore(settings, ended).into_iter().collect();
    let stays = stays(settings, past);
    let term = match settings.table.route(Signal::TERM) {
        Route::Forward(signal, _) => signal,
        Route::Drop => Signal::TERM,
    };
    actions.push(match (settings.linger, stays, settings.single_child) {
        (true, ..) | (false, false, true) => Action::ReapCommand,
        (false, true, _) => Action::TakeLeave(term, Target::All),
        (false, false, false) => Action::TakeLeave(term, Target::Group),
    });
    match (stays, settings.grace) {
        (false, _) => actions.push(Action::Finish(ended)),
        (true, Period::Finite(grace)) if !settings.linger => actions.push(Action::Arm(Deadline::Grace, grace)),
        _ => {}
    }
    actions
}

fn restore(settings: &Settings, ended: Ended) -> Option<Action> {
    let killed = matches!(ended, Ended::Signaled(_));
    (settings.place == Place::Shared && killed).then_some(Action::RestoreTerminal)
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
    let rule = (1_u8..=64, 0_u8..=64).prop_filter_map("a rule", |(from, to)| Rule::parse(&format!("{from}:{to}")).ok());
    let rules = prop::collection::vec(rule, 0..6);
    (place, stops, any::<bool>(), grace, kill_after, any::<bool>(), targets, rules).prop_map(
        |(place, stops, single_child, grace, kill_after, linger, target, rules)| Settings {
            table: Table::new(target, place, &rules),
            place,
            single_child,
            stops,
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
