//! The positive control: a PID 1 that is no init. Where the suite is content with that one, it tests nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::behaviour::{Bench, Case};
use crate::problem::{Doing as _, Problem, Result, failed};
use crate::scratch::Scratch;

/// Takes session-init's options, leaves them at that, and makes COMMAND PID 1.
const NO_INIT: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        --) shift && break ;;
        -*) shift ;;
        *) break ;;
    esac
done
exec "$@"
"#;

/// Makes the file that stands in for session-init.
pub(crate) fn make(scratch: &Scratch) -> Result<PathBuf> {
    let file = scratch.folder("no-init")?.join("session-init");
    fs::write(&file, NO_INIT).doing("write the control")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    Ok(file)
}

/// Runs a case with it, which has to fail.
pub(crate) fn expect_failure(bench: Bench<'_>, case: &Case) -> Result<String> {
    match (case.run)(bench) {
        Ok(seen) => failed(format!("passes although PID 1 is no init: {seen}")),
        Err(Problem::Failed(why)) => {
            let why = why.split("; it printed").next().unwrap_or_default();
            Ok(format!("fails, as it has to: {}", why.lines().next().unwrap_or_default()))
        }
        Err(other) => Err(other),
    }
}
