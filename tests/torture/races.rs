//! Something happens while session-init is between two steps: at each of its system calls, one after the other, and at
//! moments picked at random.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::report::{Item, Length, in_parallel};
use crate::roles::{SUBJECTS_STATUS, got};
use crate::support::signal::{CHLD, CONT, KILL, STOP, Signal, SignalSet, TERM, TSTP, USR1, USR2, rt};
use crate::support::sys::{self, WaitStatus};
use crate::support::time::holds_in_time;
use crate::support::{Init, process};
use crate::tracer::{Driven, trace};

/// What happens while session-init is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// A real-time signal comes. COMMAND must get it once, and it only.
    Signal,
    /// TERM comes. COMMAND, which it ends, must end.
    Term,
    /// COMMAND is killed.
    CommandDies,
    /// COMMAND is stopped, then TERM comes. It must be able to act.
    StopAndTerm,
    /// TSTP and CONT come. Nobody may stay stopped.
    StopAndContinue,
    /// What COMMAND has left behind is killed.
    LeftoverDies,
}

struct Race {
    name: &'static str,
    deed: Deed,
    init: fn(Init) -> Init,
    words: &'static str,
    statuses: &'static [i32],
}

const fn race(name: &'static str, deed: Deed, words: &'static str, statuses: &'static [i32]) -> Race {
    Race { name, deed, init: |init| init, words, statuses }
}

/// Everything COMMAND inherits is blocked, so that no signal can end it before it is ready.
fn sheltered(init: Init) -> Init {
    init.blocking(SignalSet::ALL.iter().filter(|signal| *signal != CHLD))
}

const ENDED: &[i32] = &[SUBJECTS_STATUS];
const BY_TERM: &[i32] = &[143];
const BY_KILL: &[i32] = &[137];

const RACES: &[Race] = &[
    Race { init: sheltered, ..race("a signal", Deed::Signal, "-- $ROLE subject", ENDED) },
    Race {
        init: |init| sheltered(init).as_pid_1(),
        ..race("a signal to PID 1", Deed::Signal, "-- $ROLE subject", ENDED)
    },
    Race { init: sheltered, ..race("a signal under -c", Deed::Signal, "-c -v -- $ROLE subject", ENDED) },
    Race { init: sheltered, ..race("a signal to all", Deed::Signal, "--target all -- $ROLE subject", ENDED) },
    Race {
        init: |init| sheltered(init).on_a_terminal(),
        ..race("a signal at the terminal's hand-over", Deed::Signal, "-- $ROLE subject", ENDED)
    },
    race("TERM", Deed::Term, "-- sleep 60", BY_TERM),
    Race { init: |init| init.as_pid_1(), ..race("TERM to PID 1", Deed::Term, "-- sleep 60", BY_TERM) },
    Race { init: |init| init.on_a_terminal(), ..race("TERM at the terminal", Deed::Term, "-- sleep 60", BY_TERM) },
    race("TERM under --kill-after", Deed::Term, "--kill-after 1h -- sleep 60", BY_TERM),
    race("TERM in steps", Deed::Term, "--rewrite TERM:USR1@child/10ms/TERM/1h/KILL@all -- sleep 60", &[138]),
    race("TERM at a wait", Deed::Term, "--rewrite TERM:10ms/TERM@all --kill-after 1h -- sleep 60", BY_TERM),
    race("TERM after a command", Deed::Term, "--pre-stop : -- sleep 60", BY_TERM),
    Race {
        init: |init| init.as_pid_1(),
        ..race("TERM after a command of PID 1", Deed::Term, "--pre-stop : --grace 1h -- sleep 60", BY_TERM)
    },
    Race {
        init: |init| sheltered(init).on_a_terminal(),
        ..race("a signal to a shared group", Deed::Signal, "--kill-after 1h -- $ROLE subject", ENDED)
    },
    race("COMMAND's death", Deed::CommandDies, "-- $ROLE subject", BY_KILL),
    race("COMMAND's death, then a grace", Deed::CommandDies, "--grace 1h -- $ROLE subject daemon", BY_KILL),
    Race {
        init: |init| init.as_pid_1(),
        ..race(
            "COMMAND's death, then a grace as PID 1",
            Deed::CommandDies,
            "--grace 1h -- $ROLE subject daemon",
            BY_KILL,
        )
    },
    race("a stop, then TERM", Deed::StopAndTerm, "-- $ROLE subject", &[SUBJECTS_STATUS, 143]),
    race("TSTP and CONT", Deed::StopAndContinue, "-- $ROLE subject", ENDED),
    race("the last one's death in a grace", Deed::LeftoverDies, "--grace 1h -- $ROLE subject deaf-daemon", ENDED),
    race("the last one's death at its end", Deed::LeftoverDies, "--grace 30ms -- $ROLE subject deaf-daemon", ENDED),
    race("the last one's death in lingering", Deed::LeftoverDies, "--linger -- $ROLE subject deaf-daemon", ENDED),
];

/// How far a run has come.
#[derive(Debug, Default)]
struct Progress {
    done: bool,
    /// It is too late for the deed.
    closed: bool,
    /// session-init waits for something to happen.
    waits: bool,
}

const TIME: Duration = Duration::from_secs(30);

impl Race {
    fn drive(&self, driven: &Driven<'_>, progress: &Mutex<Progress>, at_end: bool) {
        let done = || progress.lock().expect("no thread panics").done;
        // From now on the deed comes too late.
        let close = || {
            let mut progress = progress.lock().expect("no thread panics");
            progress.closed = true;
            progress.done
        };
        if self.deed == Deed::Term {
            // What was not done on the way is done once it waits.
            driven.until(|| done() || progress.lock().expect("no thread panics").waits, || {});
            if !close() {
                driven.send(TERM);
            }
            return;
        }
        if !driven.until(|| driven.has_said("ready"), || {}) {
            return;
        }
        if !self.words.contains("daemon") {
            for signal in [USR1, USR2, rt(1)] {
                driven.send(signal);
                driven.until(|| driven.has_said(&got(signal)), || {});
            }
        }
        match self.deed {
            Deed::Signal if close() => {
                let _ = driven.until(|| driven.has_said(&got(rt(7))), || {});
            }
            Deed::CommandDies if !close() => {
                let command = process::children(driven.run.pid()).first().map_or(0, |child| child.pid);
                if command > 0 {
                    let _ = sys::kill(command, KILL);
                }
                return;
            }
            Deed::LeftoverDies => {
                let command = process::children(driven.run.pid()).first().map_or(0, |child| child.pid);
                driven.send(TERM);
                if !at_end {
                    let kill = || {
                        let _ = !process::is_alive(command) && kill_leftover(driven.run.pid());
                    };
                    driven.until(|| false, kill);
                }
                driven.until(|| false, || {});
            }
            _ => {}
        }
        if self.deed != Deed::StopAndTerm || !close() {
            driven.send(TERM);
        }
    }

    /// Does the deed at the `position`-th place at which session-init is held. Answers whether it came so far, how many
    /// places there were, and what is wrong.
    fn run(&self, position: usize) -> (bool, usize, Vec<String>) {
        let init = (self.init)(Init::new());
        let mut place = 0;
        let progress = Mutex::new(Progress::default());
        let at_end = self.words.contains("30ms");
        let mut hook = |moment: crate::tracer::Moment| {
            let mut progress = progress.lock().expect("no thread panics");
            progress.waits = moment.command.is_some() && moment.call == libc::SYS_rt_sigtimedwait && moment.entry;
            if place >= position && !progress.done && !progress.closed {
                progress.done = self.act(moment.init, moment.command);
            }
            place += 1;
            None
        };
        let drive = |driven: &Driven<'_>| self.drive(driven, &progress, at_end);
        let (run, traced) = trace(init, self.words, TIME, &mut hook, drive);
        let did = progress.into_inner().expect("no thread panics").done;
        let ended = run.reaped(traced.status);
        let mut wrong = Vec::new();
        let statuses: Vec<WaitStatus> = self.statuses.iter().copied().map(WaitStatus::Exited).collect();
        if let Some(tree) = &traced.hung {
            wrong.push(format!("hung: {tree}"));
        } else if !statuses.contains(&traced.status) {
            wrong.push(format!("ended with {:?}: {:?} {:?}", traced.status, ended.stdout, ended.stderr));
        }
        if self.deed == Deed::Signal && did {
            let came = ended.stdout.matches(&got(rt(7))).count();
            if came != 1 {
                wrong.push(format!("the signal came {came} times"));
            }
        }
        if !holds_in_time(|| ended.living().is_empty()) {
            wrong.push("something is left".to_owned());
        }
        (did, place, wrong)
    }

    /// Does the deed, if it can be done now.
    fn act(&self, init: i32, command: Option<i32>) -> bool {
        match (self.deed, command) {
            (Deed::Signal, _) => sys::kill(init, rt(7)).is_ok(),
            (Deed::Term, _) => sys::kill(init, TERM).is_ok(),
            (Deed::StopAndContinue, _) => sys::kill(init, TSTP).is_ok() && sys::kill(init, CONT).is_ok(),
            (Deed::CommandDies, Some(command)) => {
                let killed = sys::kill(command, KILL).is_ok();
                let _ = holds_in_time(|| !process::is_alive(command));
                killed
            }
            (Deed::StopAndTerm, Some(command)) => {
                let stopped = process::is_alive(command) && sys::kill(command, STOP).is_ok();
                let _ = holds_in_time(|| process::state(command) == Some('T') || !process::is_alive(command));
                stopped && sys::kill(init, TERM).is_ok()
            }
            (Deed::LeftoverDies, Some(command)) => !process::is_alive(command) && kill_leftover(init),
            (Deed::CommandDies | Deed::StopAndTerm | Deed::LeftoverDies, None) => false,
        }
    }
}

/// Kills a child of the init that lives: once COMMAND has ended, what it left behind.
fn kill_leftover(init: i32) -> bool {
    let leftover = process::children(init).into_iter().find(|child| !matches!(child.state, 'Z' | 'X'));
    leftover.is_some_and(|child| child.session == child.pid && sys::kill(child.pid, KILL).is_ok())
}

/// Something happens at each system call.
pub(crate) fn at_each_step(length: Length, item: &mut Item) {
    let only = std::env::var("TORTURE_STORY").ok();
    let races = RACES.iter().filter(|race| only.as_ref().is_none_or(|only| race.name == only));
    let races: Vec<&Race> = races.filter(|race| sys::is_root() || !race.name.contains("PID 1")).collect();
    let mut work = Vec::new();
    for (index, race) in races.iter().enumerate() {
        let (_, places, wrong) = race.run(usize::MAX);
        for wrong in wrong {
            item.fail(format!("{}, undisturbed: {wrong}", race.name));
        }
        let step = length.of(places / 6 + 1, 1);
        // Others in each race.
        work.extend((index % step..places).step_by(step).map(|place| (index, place)));
    }
    let kinds = Mutex::new(BTreeMap::<&str, usize>::new());
    let count = in_parallel(&work, item, |(index, place)| {
        let race = races[*index];
        let (did, _, wrong) = race.run(*place);
        *kinds.lock().expect("no thread panics").entry(race.name).or_default() += usize::from(did);
        (usize::from(did), wrong.into_iter().map(|wrong| format!("{} at step {place}: {wrong}", race.name)).collect())
    });
    item.tried(format!("{count} events between two system calls, of {} kinds", races.len()));
}

/// A small generator of numbers (xorshift), which `TORTURE_SEED` starts.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.next() % most.max(1))
    }
}

/// Lets the time pass, by the microsecond.
pub(crate) fn pass(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Two signals for an init, at random moments of its life, and what may come of it.
struct Chance {
    name: &'static str,
    options: &'static [&'static str],
    script: &'static str,
    signals: [Option<Signal>; 2],
    within: Duration,
    statuses: &'static [i32],
}

const CHANCES: &[Chance] = &[
    Chance {
        name: "start",
        options: &[],
        script: "exec sleep 60",
        signals: [Some(TERM), None],
        within: Duration::from_micros(2500),
        statuses: &[143],
    },
    Chance {
        name: "COMMAND's death",
        options: &[],
        script: "exit 7",
        signals: [Some(TERM), None],
        within: Duration::from_millis(4),
        statuses: &[7, 143],
    },
    Chance {
        name: "stop and continue",
        options: &[],
        script: "exec sleep 0.02",
        signals: [Some(TSTP), Some(CONT)],
        within: Duration::from_millis(4),
        statuses: &[0],
    },
    Chance {
        name: "the grace's end",
        options: &["--grace=6ms"],
        script: "setsid sleep 0.005 & exit 3",
        signals: [Some(USR1), Some(TERM)],
        within: Duration::from_millis(9),
        statuses: &[3, 138, 143],
    },
    Chance {
        name: "kill-after's end",
        options: &["--kill-after=3ms"],
        script: "trap '' TERM; sleep 0.005; exit 9",
        signals: [Some(TERM), Some(TERM)],
        within: Duration::from_millis(6),
        statuses: &[9, 137, 143],
    },
    Chance {
        name: "the waits between steps",
        options: &["--rewrite=TERM:2ms/TERM/2ms/KILL@all"],
        script: "trap '' TERM; sleep 0.006; exit 9",
        signals: [Some(TERM), Some(TERM)],
        within: Duration::from_millis(8),
        statuses: &[9, 137, 143],
    },
    Chance {
        name: "the end of the command before the stop",
        options: &["--pre-stop=sleep 0.002"],
        script: "exec sleep 60",
        signals: [Some(TERM), Some(TERM)],
        within: Duration::from_millis(8),
        statuses: &[143],
    },
    Chance {
        name: "the end of COMMAND before that of the command before the stop",
        options: &["--pre-stop=sleep 0.004", "--grace=1h"],
        script: "sleep 0.006 & sleep 0.004; exit 3",
        signals: [Some(TERM), Some(USR1)],
        within: Duration::from_millis(8),
        statuses: &[3, 138, 143],
    },
    Chance {
        name: "the grace's end in a shared group",
        options: &["-c", "--grace=6ms"],
        script: "sleep 0.005 & exit 3",
        signals: [Some(USR1), Some(TERM)],
        within: Duration::from_millis(9),
        statuses: &[3, 138, 143],
    },
];

pub(crate) fn at_random(length: Length, item: &mut Item) {
    let given: Option<u64> = std::env::var("TORTURE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| std::process::id().into()) | 1;
    let count = length.of(50, 10_000);
    let early = AtomicU64::new(0);
    for chance in CHANCES {
        let work: Vec<u64> =
            (1..=count).map(|turn| seed.wrapping_mul(turn).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1).collect();
        in_parallel(&work, item, |seed| {
            let mut random = Random(*seed);
            random.next();
            let run = Init::new().options(chance.options).sh(chance.script);
            let pid = run.pid();
            for signal in chance.signals.into_iter().flatten() {
                pass(random.up_to(chance.within));
                let _ = sys::kill(pid, signal);
            }
            let stops = chance.signals[0] == Some(TSTP);
            if stops {
                // A CONT that comes before its TSTP has been obeyed is discarded by the kernel: the next one is not.
                let ended = || process::state(pid).is_none_or(|state| state == 'Z');
                let _ = holds_in_time(|| {
                    let _ = sys::kill(pid, CONT);
                    ended()
                });
            }
            let ended = run.end();
            let mut wrong = Vec::new();
            match ended.status {
                // Nothing of it had run: the signal was too early even for its first system call.
                WaitStatus::Killed(signal) if chance.signals.contains(&Some(signal)) => {
                    early.fetch_add(1, Ordering::Relaxed);
                }
                WaitStatus::Exited(status) if chance.statuses.contains(&status) => {}
                other => wrong.push(format!("{} (seed {seed}): {other:?} {:?}", chance.name, ended.stderr)),
            }
            if !holds_in_time(|| ended.living().is_empty()) {
                wrong.push(format!("{} (seed {seed}): something is left", chance.name));
            }
            (1, wrong)
        });
        item.tried(format!("{count} at {}", chance.name));
    }
    let early = early.into_inner();
    if early > 0 {
        item.tried(format!("{early} of the signals came before its first instruction"));
    }
}
