//! What `make dist` has made: each artifact installed as those do who use it, run as PID 1, and removed again.
//!
//! ```sh
//! cargo test --test dist -- [WORD...]
//! ```
//!
//! runs the cases that hold one of the words, or all of them, and prints one line each. A file for another machine than
//! this one runs in an emulator. What comes from the network (the checkers of foreign formats) is skipped where there
//! is none. Everything lies in one temporary folder, in a mount namespace of its own, and is removed in the end.

#[path = "../containers/engine/mod.rs"]
#[allow(dead_code, reason = "what the container suite alone uses")]
mod engine;
#[path = "../containers/image.rs"]
#[allow(dead_code, reason = "what the container suite alone uses")]
mod image;
#[path = "../support/mod.rs"]
mod support;
#[path = "../containers/terminal.rs"]
#[allow(dead_code, reason = "what the container suite alone uses")]
mod terminal;

mod address;
mod again;
mod alpine;
mod arch;
mod bench;
mod checkers;
mod checkout;
mod crate_package;
mod debian;
mod elf;
mod files;
mod images;
mod pid_1;
mod root;
mod rpm;
mod signed;
mod smoke;
mod wheel;

use std::env;
use std::process::ExitCode;
use std::thread;

use bench::{Bench, MACHINES, Machine};
use checkers::Checkers;
use problem::{Result, skipped};
use report::Report;
use scratch::Scratch;
use support::{problem, process, report, scratch, sys};

fn main() -> ExitCode {
    let report = Report::new(env::args().skip(1).filter(|word| !word.starts_with('-')).collect());
    if let Err(problem) = run(&report) {
        // Whichever cases are wanted, without it there is none.
        report.last_case("suite", "set-up", || Err(problem));
    }
    let passed = report.sum_up();
    if let Some(signal) = sys::interrupted_by() {
        let _ = sys::die_of(signal);
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Everything, from the temporary folder to its end.
fn run(report: &Report) -> Result<()> {
    if !sys::is_root() {
        return skipped("only root can install packages and run containers without help");
    }
    sys::watch_for_interrupts()?;
    let scratch = Scratch::new()?;
    let result = run_in(&scratch, report);
    report.last_case("suite", "nothing is left running", || scratch.tear_down().map(|()| "nothing".to_owned()));
    result
}

fn run_in(scratch: &Scratch, report: &Report) -> Result<()> {
    let checkers = Checkers::install(scratch);
    let bench = Bench::new(scratch, report)?;
    thread::scope(|threads| {
        threads.spawn(|| again::run(&bench));
        threads.spawn(|| {
            files::run(&bench);
            signed::run(&bench);
            address::run(&bench);
            for machine in MACHINES.iter() {
                packages(&bench, machine);
            }
            images::run(&bench);
        });
        threads.spawn(|| {
            checkout::run(&bench);
            crate_package::run(&bench);
            checkers.run(&bench);
        });
    });
    Ok(())
}

type Case = fn(&Bench<'_>, &Machine) -> Result<String>;

fn packages(bench: &Bench<'_>, machine: &'static Machine) {
    let cases: [(&str, Case); 8] = [
        ("the program", files::program),
        ("as PID 1", smoke::machine),
        ("tar.gz", files::tarball),
        (".deb", debian::package),
        (".rpm", rpm::package),
        (".apk", alpine::package),
        (".pkg.tar.zst", arch::package),
        ("wheel", wheel::package),
    ];
    for (name, case) in cases {
        bench.report.case(machine.name, name, || case(bench, machine));
    }
}
