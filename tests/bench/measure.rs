//! The measuring. Whoever is compared takes turns, so that what disturbs the machine disturbs all of them.

use std::io;
use std::thread;
use std::time::Duration;

use crate::inits::{Init, Programs};
use crate::process::{Memory, Process};
use crate::sys::{Command, Run, Runner};

/// How much is measured.
pub(crate) struct Effort {
    /// How often each program is launched.
    pub(crate) launches: usize,
    /// How many signals each gets.
    pub(crate) signals: usize,
    pub(crate) idle: Duration,
    /// So many orphans at a time, so often.
    pub(crate) orphans: &'static [(u32, usize)],
    /// Trees of so many processes, each so often.
    pub(crate) trees: &'static [(u32, usize)],
}

impl Effort {
    pub(crate) const FULL: Self = Self {
        launches: 4000,
        signals: 4000,
        idle: Duration::from_secs(10),
        orphans: &[(1_000, 15), (10_000, 7), (100_000, 3)],
        trees: &[(10, 101), (100, 51), (1_000, 21), (5_000, 7)],
    };
    pub(crate) const SHORT: Self = Self {
        launches: 400,
        signals: 400,
        idle: Duration::from_secs(2),
        orphans: &[(1_000, 5), (10_000, 3)],
        trees: &[(10, 21), (100, 11), (1_000, 5)],
    };
}

/// The middle one of the values, so that the few that something disturbed do not count.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Lets each of them do something in turn, so often, and answers with what came of it for each.
fn in_turns<T, Value>(
    all: &mut [T],
    rounds: usize,
    mut measure: impl FnMut(&mut T) -> io::Result<Value>,
) -> io::Result<Vec<Vec<Value>>> {
    let mut values: Vec<Vec<Value>> = all.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        // Whoever follows one that leaves much behind is not always the same.
        for turn in 0..all.len() {
            let index = (round + turn) % all.len();
            values[index].push(measure(&mut all[index])?);
        }
    }
    Ok(values)
}

/// What it takes to run a program that does nothing, from its start to the end of the init.
pub(crate) fn launch(inits: &[&Init], programs: &Programs, effort: &Effort) -> io::Result<Vec<Run>> {
    let runner = |init: &&Init| Runner::new(Command::new(init.with(&[&programs.nothing]))?);
    let mut runners = inits.iter().map(runner).collect::<io::Result<Vec<_>>>()?;
    // What the first runs read from the disk is not what is measured.
    in_turns(&mut runners, 10, |runner| runner.run())?;
    let runs = in_turns(&mut runners, effort.launches, |runner| runner.run())?;
    let medians = |runs: Vec<Run>| Run {
        time: median(runs.iter().map(|run| run.time).collect()),
        cpu_time: median(runs.iter().map(|run| run.cpu_time).collect()),
        page_faults: median(runs.iter().map(|run| run.page_faults).collect()),
    };
    Ok(runs.into_iter().map(medians).collect())
}

/// The time from a signal's arrival to COMMAND's, in nanoseconds; and, last, that of one sent to COMMAND itself. How often
/// each init woke up while nothing happened.
pub(crate) fn signals(inits: &[&Init], programs: &Programs, effort: &Effort) -> io::Result<(Vec<u64>, Vec<u64>)> {
    let command = [programs.command.as_str(), "listen"];
    let inits = inits.iter().map(|init| Process::start(init.with(&command), true));
    let mut listeners = inits.collect::<io::Result<Vec<_>>>()?;
    let sleeps = |listeners: &[Process]| listeners.iter().map(Process::sleeps).collect::<io::Result<Vec<_>>>();
    listeners.iter().try_for_each(Process::settle)?;
    let before = sleeps(&listeners)?;
    thread::sleep(effort.idle);
    let wake_ups = sleeps(&listeners)?.into_iter().zip(before).map(|(after, before)| after - before).collect();
    listeners.push(Process::start(command, true)?);
    let latencies = in_turns(&mut listeners, effort.signals, |listener| {
        // Until the one before has gone to sleep again.
        thread::sleep(Duration::from_micros(100));
        listener.signal_latency()
    })?;
    Ok((latencies.into_iter().map(median).collect(), wake_ups))
}

/// What orphans cost an init.
#[derive(Debug, Clone)]
pub(crate) struct Orphans {
    /// CPU time for each, in nanoseconds, by their number.
    pub(crate) cpu_time: Vec<(u32, f64)>,
    pub(crate) before: Memory,
    pub(crate) after: Memory,
}

pub(crate) fn orphans(inits: &[&Init], programs: &Programs, effort: &Effort) -> io::Result<Vec<Orphans>> {
    let command = [programs.command.as_str(), "orphans"];
    let inits = inits.iter().map(|init| Process::start(init.with(&command), true));
    let mut reapers = inits.collect::<io::Result<Vec<_>>>()?;
    let memory = |reapers: &[Process]| reapers.iter().map(Process::memory).collect::<io::Result<Vec<_>>>();
    let before = memory(&reapers)?;
    let mut cpu_times = vec![Vec::new(); reapers.len()];
    for &(count, rounds) in effort.orphans {
        let times = in_turns(&mut reapers, rounds, |reaper| reaper.reap_orphans(count))?;
        for (cpu_times, times) in cpu_times.iter_mut().zip(times) {
            cpu_times.push((count, as_f64(median(times)) / f64::from(count)));
        }
    }
    let after = memory(&reapers)?;
    let orphans = cpu_times.into_iter().zip(before).zip(after);
    Ok(orphans.map(|((cpu_time, before), after)| Orphans { cpu_time, before, after }).collect())
}

/// The time from TERM to the end of the last process of a tree, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teardown {
    pub(crate) processes: u32,
    pub(crate) nanoseconds: u64,
    /// How much of that session-init was on a CPU.
    pub(crate) cpu_time: u64,
}

/// For each size: as a subreaper, and as PID 1.
pub(crate) fn teardown(init: &Init, programs: &Programs, effort: &Effort) -> io::Result<Vec<[Teardown; 2]>> {
    let mut teardowns = Vec::new();
    for &(processes, rounds) in effort.trees {
        let one = |as_pid_1| -> io::Result<(u64, u64)> {
            let size = processes.to_string();
            let options = ["--target", "all", "--grace", "60", "--"];
            let words = init.with(&[]).take(1).chain(options).chain([programs.command.as_str(), "tree", &size]);
            Process::start(words, as_pid_1)?.end()
        };
        let (mut times, mut cpu_times) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for _ in 0..rounds {
            for (place, as_pid_1) in [(0, false), (1, true)] {
                let (time, cpu_time) = one(as_pid_1)?;
                times[place].push(time);
                cpu_times[place].push(cpu_time);
            }
        }
        let [subreaper, pid_1] = times;
        let [subreaper_cpu, pid_1_cpu] = cpu_times;
        teardowns.push([
            Teardown { processes, nanoseconds: median(subreaper), cpu_time: median(subreaper_cpu) },
            Teardown { processes, nanoseconds: median(pid_1), cpu_time: median(pid_1_cpu) },
        ]);
    }
    Ok(teardowns)
}

/// Exact up to 2^53, which no time here reaches.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "there is no other conversion")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}
