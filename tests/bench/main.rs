//! Measures session-init beside the inits that Debian packages: `make bench`.
//!
//! The whole of it takes a few minutes and writes `results.md` and `results.svg` into this folder. With `--short` it
//! takes some seconds, and writes them into `target/bench`: enough to see whether a change makes a difference.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be right had better end"
)]

mod inits;
mod measure;
mod plot;
mod process;
mod report;
mod sys;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use inits::{Init, Programs};
use measure::Effort;
use report::Results;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    // Cargo hands on what the build script has set, and session-init would have to take it out for each COMMAND.
    sys::forget_variable("SESSION_INIT_COMMIT");
    let short = std::env::args().any(|argument| argument == "--short");
    let effort = if short { Effort::SHORT } else { Effort::FULL };
    if !sys::is_root() {
        return Err(io::Error::other("only root can make the PID namespaces in which the inits are measured"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = root.join("target/bench");
    let programs = Programs::compile(&scratch)?;
    let (ours, peers) = inits::inits()?;
    if peers.is_empty() {
        return Err(io::Error::other("there is no other init: .ci/packages dumb-init tini catatonit"));
    }
    let results = measure(&ours, &peers, &programs, &effort)?;
    let folder = if short { scratch } else { root.join("tests/bench") };
    let table = results.table();
    fs::write(folder.join("results.md"), &table)?;
    fs::write(folder.join("results.svg"), results.plot())?;
    say(&table);
    for (met, goal) in results.goals() {
        say(&format!("{} {goal}", if met { "met:    " } else { "NOT MET:" }));
    }
    Ok(())
}

fn measure(ours: &Init, peers: &[Init], programs: &Programs, effort: &Effort) -> io::Result<Results> {
    // Before the measuring adds to the load.
    let machine = machine();
    say(&machine);
    let all: Vec<&Init> = [ours].into_iter().chain(peers).collect();
    say("launches");
    let with_bare: Vec<&Init> = all.iter().copied().chain(&programs.bare).collect();
    let launches = measure::launch(&with_bare, programs, effort)?;
    say("signals, after some time without any");
    let (latencies, wake_ups) = measure::signals(&all, programs, effort)?;
    say("orphans");
    let orphans = measure::orphans(&all, programs, effort)?;
    say("trees\n");
    let teardowns = measure::teardown(ours, programs, effort)?;
    let sizes = all.iter().map(|init| init.size()).collect::<io::Result<_>>()?;
    let (inits, references) = (all.into_iter().cloned().collect(), programs.bare.each_ref().map(|bare| bare.name));
    let idle_seconds = effort.idle.as_secs();
    Ok(Results { machine, inits, references, launches, latencies, idle_seconds, wake_ups, orphans, sizes, teardowns })
}

/// The processor, how many of it there are, the kernel, and how busy all that was in the last minute.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{count} cores of {model} with Linux {kernel} and a load of {load} before the start")
}

/// Says something on stdout, where nobody may be listening.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
