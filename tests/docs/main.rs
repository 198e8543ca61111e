//! The shape of the sources, and the texts that are made from the flag table: the man page, the completions and the README's list of options.
//!
//! `make docs` writes them; without an argument this checks that they are current, and tries them with the programs that
//! read them. They are made here and not by session-init itself, which would only grow by it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod completions;
mod details;
mod layers;
mod man;
mod programs;
mod readme;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A file, and what it is to hold.
struct Document {
    path: PathBuf,
    contents: String,
}

fn documents() -> Vec<Document> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = |path: &str, contents: String| Document { path: top.join(path), contents };
    vec![
        document(".docs/session-init.1", man::page()),
        document(".docs/completions/session-init.bash", completions::bash()),
        document(".docs/completions/_session-init", completions::zsh()),
        document(".docs/completions/session-init.fish", completions::fish()),
        document("README.md", readme::with_current_options()),
    ]
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("write") {
        for Document { path, contents } in documents() {
            fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            println!("{}", path.display());
        }
        return ExitCode::SUCCESS;
    }
    let current = documents().into_iter().map(|Document { path, contents }| {
        let name = format!("{} is current", path.file_name().unwrap_or_default().display());
        Trial::test(name, move || {
            let found = fs::read_to_string(&path).unwrap_or_default();
            if found == contents { Ok(()) } else { Err("run `make docs`".into()) }
        })
    });
    let trials = current
        .chain([details::trial()])
        .chain(layers::trials())
        .chain(readme::trials())
        .chain(programs::trials())
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
