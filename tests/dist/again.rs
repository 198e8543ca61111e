//! The same bytes again: all of it built once more, in another folder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::bench::{Bench, repository, users_command};
use crate::problem::{Doing as _, Result, failed};
use crate::process::{Job, read};

/// The standard library is built once for each machine, where other cases are busy as well.
const LIMIT: Duration = Duration::from_secs(2400);

pub(crate) fn run(bench: &Bench<'_>) {
    bench.report.case("reproducible", "make dist in another folder", || again(bench));
}

fn again(bench: &Bench<'_>) -> Result<String> {
    // A folder with another name, and another depth.
    let folder = bench.scratch.folder("again")?;
    copy(bench, &["--exclude=./target", "."], &folder)?;
    // Nothing of the first build, but for what was downloaded.
    let kept = repository().join("target/static-build");
    for entry in fs::read_dir(kept).doing("read target/static-build")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("musl-") || name == "nfpm" {
            copy(bench, &[&format!("./target/static-build/{name}")], &folder)?;
        }
    }
    let log = bench.scratch.log();
    let mut make = users_command("make");
    make.arg("dist").current_dir(&folder);
    let status = Job::start(make, &log)?.wait(LIMIT)?;
    if status != 0 {
        return failed(format!("status {status}: {}", read(&log)));
    }
    let again = folder.join("target/dist");
    let mut files = 0_usize;
    for entry in fs::read_dir(&bench.dist)? {
        let name = entry?.file_name();
        let read = |folder: &Path| fs::read(folder.join(&name)).doing(format_args!("read {}", name.to_string_lossy()));
        if read(&bench.dist)? != read(&again)? {
            return failed(format!("{} is another one", name.to_string_lossy()));
        }
        files = files.saturating_add(1);
    }
    Ok(format!("{files} files are the same"))
}

/// Copies a part of the repository.
pub(crate) fn copy(bench: &Bench<'_>, what: &[&str], folder: &Path) -> Result<()> {
    let mut tar = bench.scratch.command("sh");
    tar.current_dir(repository());
    tar.args(["-c", "target=$0; tar -c \"$@\" | tar -x -C \"$target\""]).arg(folder).args(what);
    bench.run(tar).map(drop)
}
