//! The suite: real processes, signals, namespaces and terminals.
//!
//! A module is a promise, a test is a sentence about it, and its body reads as one too:
//!
//! ```text
//! Init::new().rewrite("15:3").sh("trap 'echo got QUIT; exit 3' QUIT; echo ready; while :; do sleep 1; done")
//!     .wait_for("ready").send(TERM).wait_for("got QUIT").expect_exit(3).nothing_left();
//! ```
//!
//! [`Init`](support::Init) says what is started and in what surroundings, [`Running`](support::Running) what is done to
//! it, [`Ended`](support::Ended) what must be so in the end. COMMAND is a shell script, or a [role](roles) that this very
//! binary plays. What a test needs and the machine lacks is named, and the test is listed as ignored.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::struct_excessive_bools,
    clippy::wrong_self_convention,
    reason = "what a process finds is on or off, and the methods are the words of sentences"
)]

mod compatibility;
mod crossings;
mod exec_failures;
mod forwarding;
mod images;
mod inspect;
mod matrix;
mod pid_1;
mod readme;
mod reaping;
mod roles;
mod stages;
mod start;
mod support;
mod teardown;
mod terminals;
mod transparency;
mod usage;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use support::test::trial;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == roles::WORD => roles::play(&words.collect::<Vec<_>>()),
        Some(word) if word == "write" => {
            readme::write();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let modules = [
        crossings::TESTS,
        exec_failures::TESTS,
        forwarding::TESTS,
        images::TESTS,
        inspect::TESTS,
        pid_1::TESTS,
        readme::TESTS,
        reaping::TESTS,
        stages::TESTS,
        start::TESTS,
        teardown::TESTS,
        terminals::TESTS,
        transparency::TESTS,
        usage::TESTS,
    ];
    let more = compatibility::trials().into_iter().chain(matrix::trials()).chain(terminals::trials());
    let trials = modules.into_iter().flatten().map(trial).chain(more).collect();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    support::scratch::remove();
    conclusion.exit_code()
}
