//! The figures as a table, and which goals they meet.

use std::fmt::Write;

use crate::inits::Init;
use crate::measure::{Orphans, Teardown, as_f64};
use crate::plot;
use crate::sys::Run;

/// Everything that was measured. session-init comes first in each list.
pub(crate) struct Results {
    /// What it was measured on.
    pub(crate) machine: String,
    pub(crate) inits: Vec<Init>,
    /// What stands in the place of an init: a program that only starts COMMAND, and one that gives it a session as well.
    pub(crate) references: [&'static str; 2],
    /// The last ones are the references.
    pub(crate) launches: Vec<Run>,
    /// The last one is that of a signal sent to COMMAND itself.
    pub(crate) latencies: Vec<u64>,
    pub(crate) idle_seconds: u64,
    pub(crate) wake_ups: Vec<u64>,
    pub(crate) orphans: Vec<Orphans>,
    pub(crate) sizes: Vec<u64>,
    /// As a subreaper, and as PID 1.
    pub(crate) teardowns: Vec<[Teardown; 2]>,
}

/// One row of the table: a value for each init and, where there is one, for the references.
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) decimals: usize,
    /// It is worth a place in the plot.
    pub(crate) plotted: bool,
}

impl Results {
    /// The names above the columns.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.inits.iter().map(|init| init.name).chain(self.references).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let metric =
            |name: &str, decimals, values: Vec<f64>| Metric { name: name.to_owned(), values, decimals, plotted: false };
        let plotted = |name: &str, decimals, values| Metric { plotted: true, ..metric(name, decimals, values) };
        let launches: Vec<f64> = self.launches.iter().map(|launch| as_f64(launch.time)).collect();
        let bare = launches[self.inits.len()];
        let cpu_times = self.launches.iter().map(|launch| as_f64(launch.cpu_time) / 1e3);
        let faults = self.launches.iter().map(|launch| as_f64(launch.page_faults)).collect();
        let mut metrics = vec![
            plotted("start and end of a program, µs", 0, launches.iter().map(|launch| launch / 1e3).collect()),
            metric("the same, in times of no init", 2, launches.iter().map(|launch| launch / bare).collect()),
            metric("CPU time of that, µs", 0, cpu_times.collect()),
            plotted("page faults of that", 0, faults),
            plotted(
                "a signal's way to COMMAND, µs",
                1,
                self.latencies.iter().map(|time| as_f64(*time) / 1e3).collect(),
            ),
        ];
        let counts: Vec<u32> = self.orphans[0].cpu_time.iter().map(|(count, _)| *count).collect();
        let most = counts.last().copied().unwrap_or(0);
        for (index, count) in counts.into_iter().enumerate() {
            let name = format!("CPU time per orphan, of {}, µs", grouped(f64::from(count), 0));
            let values = self.orphans.iter().map(|orphans| orphans.cpu_time[index].1 / 1e3).collect();
            metrics.push(Metric { plotted: count == most, ..metric(&name, 2, values) });
        }
        let memory = |of: fn(&Orphans) -> u64| self.orphans.iter().map(|orphans| as_f64(of(orphans))).collect();
        metrics.extend([
            plotted("memory (Rss), KiB", 0, memory(|orphans| orphans.before.rss)),
            metric("Pss, KiB", 0, memory(|orphans| orphans.before.pss)),
            metric("private dirty, KiB", 0, memory(|orphans| orphans.before.private_dirty)),
            metric("Rss after the orphans, KiB", 0, memory(|orphans| orphans.after.rss)),
            metric("Pss after the orphans, KiB", 0, memory(|orphans| orphans.after.pss)),
            metric("private dirty after the orphans, KiB", 0, memory(|orphans| orphans.after.private_dirty)),
        ]);
        let wake_ups = self.wake_ups.iter().map(|count| as_f64(*count)).collect();
        metrics.push(plotted(&format!("wake-ups in {} s idle", self.idle_seconds), 0, wake_ups));
        metrics.push(plotted("file, bytes", 0, self.sizes.iter().map(|size| as_f64(*size)).collect()));
        metrics
    }

    /// The figures as Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("<!-- Written by `make bench`. -->\n\n");
        let names = self.names();
        let _ = writeln!(text, "| | {} |\n|---|{}", names.join(" | "), "--:|".repeat(names.len()));
        for metric in self.metrics() {
            let _ = write!(text, "| {} |", metric.name);
            for index in 0..names.len() {
                let value = metric.values.get(index).map(|value| grouped(*value, metric.decimals));
                let _ = write!(text, " {} |", value.unwrap_or_default());
            }
            text.push('\n');
        }
        text.push_str(
            "\nFrom TERM to the exit of session-init, where a tree of processes is to end (`--target all --grace 60`):\n\n\
             | processes | as a subreaper, ms | µs per process | of that CPU time | as PID 1, ms | µs per process | of that CPU time |\n\
             |--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for pair in &self.teardowns {
            let _ = write!(text, "| {} |", grouped(f64::from(pair[0].processes), 0));
            for teardown in pair {
                let (time, cpu_time) = (as_f64(teardown.nanoseconds), teardown.cpu_time_each());
                let (each, cpu_time) = (grouped(teardown.time_each(), 1), grouped(cpu_time, 1));
                let _ = write!(text, " {} | {each} | {cpu_time} |", grouped(time / 1e6, 2));
            }
            text.push('\n');
        }
        let _ = writeln!(text, "\nMedians of one run in which all took turns, on {}.", self.machine);
        let _ = writeln!(
            text,
            "\"No init\" is a program of a few lines that starts COMMAND and waits for it; for signals, COMMAND alone. With \
             \"setsid\" it gives COMMAND a session of its own, as session-init and dumb-init do: what that costs is the kernel's \
             (`CONFIG_SCHED_AUTOGROUP`)."
        );
        let versions: Vec<String> = self.inits.iter().map(|init| format!("{} {}", init.name, init.version)).collect();
        let _ = writeln!(text, "Versions: {} (of Debian, but for the first).", versions.join(", "));
        text
    }

    /// What is to be reached, and whether it is.
    pub(crate) fn goals(&self) -> Vec<(bool, String)> {
        let (ours, peers) = self.launches[..self.inits.len()].split_first().expect("session-init is measured");
        let mut goals = Vec::new();
        let mut at_most = |what: &str, value: f64, limit: f64, decimals| {
            let (value_text, limit_text) = (grouped(value, decimals), grouped(limit, decimals));
            goals.push((value <= limit, format!("{what}: {value_text} (at most {limit_text})")));
        };
        let launch = as_f64(ours.time);
        let [bare, with_session] = [0, 1].map(|index| as_f64(self.launches[self.inits.len() + index].time));
        let fastest = least(peers.iter().map(|launch| as_f64(launch.time)));
        at_most("launch, in times of the fastest packaged init", launch / fastest, 0.60, 2);
        at_most("launch, in times of no init", launch / bare, 1.10, 2);
        at_most("launch, in times of no init that makes a session", launch / with_session, 1.10, 2);
        at_most("file, bytes", as_f64(self.sizes[0]), 100_000.0, 0);
        let orphans = &self.orphans[0];
        at_most("Rss, KiB", as_f64(orphans.before.rss), 100.0, 0);
        at_most("Rss after the orphans, KiB", as_f64(orphans.after.rss), as_f64(orphans.before.rss), 0);
        let best = least(self.latencies[1..self.inits.len()].iter().map(|latency| as_f64(*latency)));
        at_most("a signal's way, in times of the best packaged init", as_f64(self.latencies[0]) / best, 1.05, 2);
        for (index, (count, cpu_time)) in orphans.cpu_time.iter().enumerate() {
            let best = least(self.orphans[1..].iter().map(|orphans| orphans.cpu_time[index].1));
            let what = format!("CPU time per orphan, of {count}, in times of the best packaged init");
            at_most(&what, cpu_time / best, 1.05, 2);
        }
        at_most("wake-ups while idle", as_f64(self.wake_ups[0]), 0.0, 0);
        let cpu_times: Vec<f64> = orphans.cpu_time.iter().map(|(_, cpu_time)| *cpu_time).collect();
        at_most("CPU time per orphan, most of all numbers to least", spread(&cpu_times), 1.20, 2);
        for (index, how) in ["as a subreaper", "as PID 1"].into_iter().enumerate() {
            let each: Vec<f64> = self.teardowns.iter().map(|pair| pair[index].time_each()).collect();
            at_most(&format!("time per process torn down {how}, most of all sizes to least"), spread(&each), 1.20, 2);
        }
        goals
    }

    pub(crate) fn plot(&self) -> String {
        plot::plot(self)
    }
}

impl Teardown {
    /// In microseconds, for each process.
    pub(crate) fn time_each(&self) -> f64 {
        as_f64(self.nanoseconds) / f64::from(self.processes) / 1e3
    }

    fn cpu_time_each(&self) -> f64 {
        as_f64(self.cpu_time) / f64::from(self.processes) / 1e3
    }
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

/// The greatest in times of the least.
fn spread(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max) / least(values.iter().copied())
}

/// A number with commas between the thousands.
pub(crate) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index != 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}
