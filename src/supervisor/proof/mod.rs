//! Every state that the supervisor can come to, under every setting, and every event that can come then: each answer
//! is held against each promise of the specification.
//!
//! Time is no more than whether a deadline has passed: whatever is armed may pass next. The signals are one of each
//! kind that the supervisor treats alike, and every one that a rule names. The supervisor remembers nothing but
//! [`Mind`], and the world outside nothing but [`World`]: two ways to the same pair go on alike, and the search ends.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod promises;
mod world;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use promises::PROMISES;
use world::{Next, Turn, World};

use super::steps::Steps;
use super::*;
use crate::route::Table;
use crate::rule::Rule;

const GRACE: Duration = Duration::from_secs(5);
const KILL_AFTER: Duration = Duration::from_secs(7);

/// To whom signals go where no rule says otherwise, and the rules: of each kind, and of kinds that could meet.
const TABLES: [(Target, &str); 14] = [
    (Target::Group, ""),
    (Target::Session, "HUP@all"),
    (Target::All, "TSTP:TSTP"),
    (Target::Group, "TERM:0,INT:0,TSTP:0"),
    (Target::Group, "TERM:QUIT,USR1:TERM,HUP:STOP,CONT:0"),
    (Target::Group, "INT:KILL@all/1s/INT,TERM:KILL@all,CONT:TERM"),
    (Target::Group, "TERM:10s/TERM,INT:INT/3s/KILL@all"),
    (Target::Group, "TERM:TERM@child/10s/TERM/TERM@all/5s/INT@session/KILL@all"),
    (Target::Session, "TERM:USR1/1s/TERM@all,WINCH:KILL"),
    (Target::Child, "TSTP:TERM/STOP/1s/CONT"),
    (Target::Group, "CONT:1s/CONT@session,TERM:CONT"),
    (Target::Group, "HUP:1s/HUP@child/HUP"),
    (Target::Group, "TSTP:1s/TSTP@all"),
    (Target::Group, "USR1:1s/INT@all/KILL"),
];

/// All that the supervisor remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mind {
    phase: Phase,
    asked_to_end: bool,
    asked_to_stop: bool,
    stays: bool,
    pre_stop: PreStop,
    steps: Steps,
}

impl Supervisor {
    pub(crate) fn mind(&self) -> Mind {
        let Self { settings: _, phase, asked_to_end, asked_to_stop, stays, pre_stop, steps } = self;
        Mind {
            phase: *phase,
            asked_to_end: *asked_to_end,
            asked_to_stop: *asked_to_stop,
            stays: *stays,
            pre_stop: pre_stop.clone(),
            steps: steps.clone(),
        }
    }

    pub(crate) fn set_mind(&mut self, mind: &Mind) {
        let Mind { phase, asked_to_end, asked_to_stop, stays, pre_stop, steps } = mind.clone();
        (self.phase, self.asked_to_end, self.asked_to_stop, self.stays) = (phase, asked_to_end, asked_to_stop, stays);
        (self.pre_stop, self.steps) = (pre_stop, steps);
    }
}

/// The usual hasher is slow where nothing is optimised.
#[derive(Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(u64::try_from(number).unwrap_or(0));
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.unsigned_abs().try_into().unwrap_or(0));
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u64(number.unsigned_abs().into());
    }
}

/// What has been found under some settings.
#[derive(Default)]
struct Found {
    places: HashMap<(Mind, World), usize, BuildHasherDefault<Mixer>>,
    /// Each state, where it was come from, and by which event.
    states: Vec<((Mind, World), usize, Option<Event>)>,
    transitions: usize,
    /// The transitions that need nobody to send a signal: they come about by themselves.
    of_themselves: Vec<(usize, usize)>,
}

impl Found {
    fn add(&mut self, state: (Mind, World), from: usize, by: Option<Event>) -> usize {
        let place = self.states.len();
        match self.places.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.states.push((new.key().clone(), from, by));
                *new.insert(place)
            }
        }
    }

    /// How it comes to a state.
    fn way_to(&self, mut place: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while let (_, from, Some(event)) = &self.states[place] {
            events.push(*event);
            place = *from;
        }
        events.reverse();
        events
    }
}

/// Looks at every state under these settings. An error says which promise is broken, and by which events.
fn explore(settings: &Settings, signals: &[(Signal, Origin)]) -> Result<Found, String> {
    let mut supervisor = Supervisor::new(settings.clone());
    let mut found = Found::default();
    found.add((supervisor.mind(), World::at_first(settings)), 0, None);
    let mut place = 0;
    while let Some(((mind, world), ..)) = found.states.get(place).cloned() {
        supervisor.set_mind(&mind);
        for (index, event) in world.events(signals, supervisor.follows_stops()).into_iter().enumerate() {
            if index > 0 {
                supervisor.set_mind(&mind);
            }
            let Actions(actions) = supervisor.handle(event);
            let broken = |words: &str| {
                let way = found.way_to(place);
                Err(format!("\"{words}\": after {way:?} {event:?} is answered by {actions:?}"))
            };
            if world.next == Next::Nothing {
                if actions.is_empty() {
                    continue;
                }
                return broken("After the end nothing is done.");
            }
            let turn = Turn::new(settings, &world, event, &actions);
            for (words, holds) in PROMISES {
                if !holds(&turn) {
                    return broken(words);
                }
            }
            let next = supervisor.mind();
            for after in turn.after_a_stop().into_iter().chain([turn.after]) {
                let after = found.add((next.clone(), after), place, Some(event));
                found.transitions += 1;
                if !matches!(event, Event::Signal(..) | Event::CommandStopped(_)) {
                    found.of_themselves.push((place, after));
                }
            }
        }
        place += 1;
    }
    match unending(&found) {
        None => Ok(found),
        Some(place) => Err(format!("it need not come to an end after {:?}", found.way_to(place))),
    }
}

/// A state from which session-init need not come to its end although nobody sends another signal: where nothing happens
/// by itself any more, or may go on happening for ever. By itself COMMAND ends, the rest ends, or a deadline passes.
fn unending(found: &Found) -> Option<usize> {
    let mut ways_in: Vec<Vec<usize>> = vec![Vec::new(); found.states.len()];
    let mut open = vec![0_usize; found.states.len()];
    for (from, to) in &found.of_themselves {
        if found.states[*from].0.1.next != Next::Nothing {
            ways_in[*to].push(*from);
            open[*from] += 1;
        }
    }
    let is_end = |place: &usize| found.states[*place].0.1.next == Next::Nothing;
    let mut ends: Vec<usize> = (0..found.states.len()).filter(is_end).collect();
    let mut is_sure = vec![false; found.states.len()];
    while let Some(place) = ends.pop() {
        is_sure[place] = true;
        for from in &ways_in[place] {
            open[*from] -= 1;
            if open[*from] == 0 {
                ends.push(*from);
            }
        }
    }
    is_sure.iter().position(|is_sure| !is_sure)
}

/// One setting of everything, what to call it, and the signals that come under it.
struct Case {
    settings: Settings,
    name: String,
    signals: Vec<(Signal, Origin)>,
}

/// Every setting there is.
fn all_cases() -> Vec<Case> {
    use Stops::{AsJob, Never, WhenAsked};
    let places = [(Place::Own, Never), (Place::Own, WhenAsked)];
    let shared = [Never, WhenAsked, AsJob].map(|stops| (Place::Shared, stops));
    let places = places.iter().chain(&shared).map(|(place, stops)| (*place, *stops, false));
    let single = shared.iter().map(|(place, stops)| (*place, *stops, true));
    let mut all = Vec::new();
    for (place, stops, single_child) in places.chain(single) {
        for (target, rules) in TABLES {
            // What else goes with a single child shows at COMMAND's end, and whatever the steps.
            if single_child && rules.contains('/') {
                continue;
            }
            let target = if single_child { Target::Child } else { target };
            let table = Table::new(target, place, &Rule::parse_list(rules).unwrap_or_default());
            let signals = signals(rules, place);
            let graces = [Period::Zero, Period::Finite(GRACE), Period::Infinite].map(|grace| (grace, false));
            // The command line has the one or the other.
            for (grace, linger) in graces.into_iter().chain([(Period::Zero, true)]) {
                for (kill_after, pre_stop) in
                    [(None, false), (None, true), (Some(KILL_AFTER), false), (Some(KILL_AFTER), true)]
                {
                    let table = table.clone();
                    let settings = Settings { table, place, single_child, stops, pre_stop, grace, kill_after, linger };
                    let mut name = format!("{place:?} {stops:?} {target:?} '{rules}' {grace}");
                    let _ = write!(name, " {kill_after:?} -c {single_child} linger {linger} pre-stop {pre_stop}");
                    all.push(Case { settings, name, signals: signals.clone() });
                }
            }
        }
    }
    all
}

/// One signal of each kind that the supervisor knows, and all that the rules name, from wherever it makes a difference.
fn signals(rules: &str, place: Place) -> Vec<(Signal, Origin)> {
    let mut signals = Vec::new();
    let (process, key, member) = (Origin::Process(7), Origin::Kernel, Origin::Member(7));
    for name in ["HUP", "INT", "TERM", "USR1", "CONT", "TSTP", "WINCH", "TTIN"] {
        let Ok(signal) = Signal::parse(name) else { continue };
        // Without a rule of its own a signal is treated as it is without any rule, wherever it comes from.
        let is_ruled = rules.is_empty() || rules.contains(name);
        if is_ruled || !["HUP", "WINCH", "TTIN"].contains(&name) {
            signals.push((signal, process));
        }
        if is_ruled && ["HUP", "INT", "WINCH", "TSTP"].contains(&name) {
            signals.push((signal, key));
        }
        if is_ruled && signal.is_job_control() && place == Place::Shared {
            signals.push((signal, member));
        }
    }
    signals
}

#[test]
fn every_promise_holds_in_every_state() {
    let start = Instant::now();
    let all = all_cases();
    let (next, states, transitions) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let broken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(Case { settings, name, signals }) = all.get(next.fetch_add(1, Ordering::Relaxed))
                    && broken.lock().unwrap().is_empty()
                {
                    match explore(settings, signals) {
                        Ok(found) => {
                            states.fetch_add(found.states.len(), Ordering::Relaxed);
                            transitions.fetch_add(found.transitions, Ordering::Relaxed);
                        }
                        Err(error) => broken.lock().unwrap().push(format!("{name}: {error}")),
                    }
                }
            });
        }
    });
    // Past libtest, which keeps what a test that passes has printed.
    let _ = writeln!(
        std::io::stderr(),
        "the supervisor: {} settings, {} states, {} transitions, {} promises in {:.1} s",
        all.len(),
        states.into_inner(),
        transitions.into_inner(),
        PROMISES.len(),
        start.elapsed().as_secs_f64()
    );
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{}", broken[0]);
}
