//! Tells the version line which commit this is, where git knows.

use std::path::Path;
use std::process::Command;

fn main() {
    // Cargo runs this again whenever a file is missing that is named here.
    for path in ["src/build.rs", ".git/HEAD", ".git/refs/heads", ".git/packed-refs"] {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-env-changed=SESSION_INIT_COMMIT");
    let given = std::env::var("SESSION_INIT_COMMIT").ok().filter(|commit| !commit.is_empty());
    if let Some(commit) = given.or_else(commit) {
        println!("cargo::rustc-env=SESSION_INIT_COMMIT={commit}");
    }
}

/// The commit that is checked out here, if this folder is the top of a repository and not just somewhere within one.
fn commit() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(["rev-parse", "--short=7", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
