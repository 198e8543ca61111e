//! Storms: session-init at the edge of what a machine can do to it. Each prints how much was tried and what was lost.
//!
//! ```text
//! cargo test --test torture                      a short version of each, as in `make test`
//! cargo test --test torture -- --long            all of it, as in `make torture`
//! cargo test --test torture -- --table faults    those whose names hold this word, as rows of a table
//! ```

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and tells people what it did"
)]

mod faults;
mod hostile;
mod load;
mod ptrace;
mod races;
mod report;
mod rivals;
mod roles;
mod soak;
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    clippy::struct_excessive_bools,
    clippy::wrong_self_convention,
    reason = "the suite's"
)]
#[path = "../suite/support/mod.rs"]
mod support;
mod sys;
mod tracer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use report::{Item, Length, timed};

/// A storm: its name, what the README calls it, and what it does.
type Storm = (&'static str, &'static str, fn(Length, &mut Item));

const STORMS: &[Storm] = &[
    ("faults", "every system call of session-init fails, one at a time", faults::run),
    ("steps", "something happens between two system calls", races::at_each_step),
    ("races", "signals at random moments", races::at_random),
    ("orphans", "orphans", load::a_million_orphans),
    ("queue", "queued real-time signals", load::queued_signals),
    ("trees", "thousands of live descendants", load::thousands_torn_down),
    ("bombs", "fork bombs", load::fork_bombs),
    ("soak", "orphans, signals and entered processes, all at once", soak::run),
    ("rivals", "the same over dumb-init, tini and catatonit", rivals::run),
    ("hostile", "a hostile COMMAND", hostile::run),
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == roles::WORD) {
        roles::play(&words.collect::<Vec<_>>());
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let length = if words.iter().any(|word| word == "--long") { Length::Long } else { Length::Short };
    let as_table = words.iter().any(|word| word == "--table");
    let names: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let chosen = STORMS.iter().filter(|(name, ..)| names.is_empty() || names.iter().any(|part| name.contains(*part)));
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, title, storm) in chosen {
        let mut item = Item::default();
        let time = timed(|| {
            if catch_unwind(AssertUnwindSafe(|| storm(length, &mut item))).is_err() {
                item.fail("panicked".to_owned());
            }
        });
        item.time = time;
        for failure in item.failures() {
            println!("  FAILED {failure}");
        }
        let (tried, lost) = (item.tried_in_words(), item.lost_in_words());
        if let Some(missing) = item.skipped() {
            println!("{name}: skipped, {missing}");
            skipped += 1;
        } else if as_table {
            println!("| {title} | {tried} | {lost} | `make torture STORM={name}` |");
        } else {
            println!("{name}: {tried}; lost or leaked: {lost} ({:.1} s)", time.as_secs_f64());
        }
        if item.failures().is_empty() { passed += usize::from(item.skipped().is_none()) } else { failed += 1 }
    }
    support::scratch::remove();
    println!(
        "{passed} passed, {failed} failed{}",
        if skipped == 0 { String::new() } else { format!(", {skipped} skipped") }
    );
    ExitCode::from(u8::from(failed > 0))
}
