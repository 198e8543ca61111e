//! su and runuser: to both a second TERM means "kill it now".

use std::fmt::Write as _;
use std::fs;

use crate::host::{Host, Hosted};
use crate::problem::{Doing as _, Result, failed};
use crate::scratch::need;
use crate::sys;

/// Takes a moment to save what it has.
const PROGRAM: &str = "
import signal, sys, time

def save(*_):
    time.sleep(0.3)
    print('saved', flush=True)
    sys.exit()

signal.signal(signal.SIGTERM, save)
print('ready', flush=True)
while True:
    signal.pause()
";

/// How often each of them is stopped: which of two signals comes first is a matter of luck.
const STOPS: usize = 8;

const OPTIONS: [&[&str]; 2] = [&["--grace=9s"], &["--target=all", "--grace=9s"]];

pub(super) fn su(host: &Host<'_>) -> Result<String> {
    need("su")?;
    // The first has a shell between the two, the second has none.
    saves_each_time(host, |python| {
        [format!("su nobody -s /bin/sh -c '{python}'; true"), format!("su nobody -s /bin/sh -c 'exec {python}'; true")]
    })
}

pub(super) fn runuser(host: &Host<'_>) -> Result<String> {
    need("runuser")?;
    // The first is in a session of its own, the second is not.
    saves_each_time(host, |python| {
        [format!("runuser nobody -s /bin/sh -c 'exec {python}'; true"), format!("runuser -u nobody -- {python}; true")]
    })
}

/// Runs Python by these scripts, and stops them all at the same time: su alone takes two seconds to end.
fn saves_each_time(host: &Host<'_>, scripts: impl FnOnce(&str) -> [String; 2]) -> Result<String> {
    let (python, program) = (need("python3")?, host.folder()?.join("program.py"));
    fs::write(&program, PROGRAM).doing("write a program")?;
    let scripts = scripts(&format!("{} {}", python.display(), program.display()));
    let combinations = || OPTIONS.iter().flat_map(|options| scripts.iter().map(move |script| (options, script)));

    let mut all = Vec::new();
    for (options, script) in combinations() {
        let start = |_| host.start(options, &["bash", "-c", script]);
        all.push((0..STOPS).map(start).collect::<Result<Vec<_>>>()?);
    }
    for hosted in all.iter_mut().flatten() {
        hosted.wait_for_line("ready")?;
    }
    for hosted in all.iter().flatten() {
        hosted.signal(sys::SIGTERM)?;
    }
    for hosted in all.iter_mut().flatten() {
        hosted.expect_end(143)?;
    }

    let mut bad = String::new();
    for ((options, script), all) in combinations().zip(&all) {
        let saved = |hosted: &&Hosted| hosted.output().lines().filter(|line| line.ends_with("saved")).count() == 1;
        let count = all.iter().filter(saved).count();
        if count < STOPS {
            let output = all.iter().find(|hosted| !saved(hosted)).map(Hosted::output).unwrap_or_default();
            let _ = writeln!(bad, "{options:?} {script}: only {count} of {STOPS} saved once; one printed:\n{output}");
        }
    }
    if bad.is_empty() { Ok(format!("{0} of {0} saved, once, 143", all.iter().flatten().count())) } else { failed(bad) }
}
