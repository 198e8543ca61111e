//! Processes that the suite starts, and waiting for what they do.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::problem::{Doing as _, Problem, Result, failed};
use super::sys;

/// How long a tool of an engine may take; the machine may be busy.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// How long a process that is not needed any more may take to put its own things away.
const PARTING: Duration = Duration::from_secs(2);

/// What is looked at again and again is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until there is something to see. `what` reads on after "waited in vain for".
pub(crate) fn wait_for<T>(what: &str, limit: Duration, look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    watch(limit, true, look)?.map_or_else(|| failed(format!("waited {limit:?} in vain for {what}")), Ok)
}

/// Waits until something is so, also when the suite has been interrupted.
pub(crate) fn wait_at_the_end(limit: Duration, mut is_so: impl FnMut() -> bool) {
    let _ = watch(limit, false, || Ok(is_so().then_some(())));
}

fn watch<T>(
    limit: Duration,
    may_be_interrupted: bool,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let start = Instant::now();
    loop {
        if let Some(seen) = look()? {
            return Ok(Some(seen));
        }
        if may_be_interrupted && sys::interrupted_by().is_some() {
            return Err(Problem::Interrupted);
        }
        if start.elapsed() > limit {
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// A process that is ended when nobody is interested in it any more.
#[derive(Debug)]
pub(crate) struct Job {
    name: String,
    child: Child,
}

impl Job {
    /// Starts it with stdin empty, and stdout and stderr in one file. It has a process group of its own, so that Ctrl-C
    /// interrupts the suite alone, and the suite stops the rest in good order.
    pub(crate) fn start(command: Command, output: &Path) -> Result<Self> {
        // What is appended stays whole where each of the two has a place in the file of its own, as in gVisor.
        let out = File::options().create(true).append(true).open(output);
        let out = out.doing(format_args!("create {}", output.display()))?;
        let err = out.try_clone()?;
        Self::start_into(command, out, err)
    }

    /// The same with a place for each of the two.
    pub(crate) fn start_into(mut command: Command, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        Self::spawn(command)
    }

    /// Starts it as it is.
    pub(crate) fn spawn(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().doing(format_args!("start {name}"))?;
        Ok(Self { name, child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status as a shell reports it, once it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<i32>> {
        Ok(self.child.try_wait()?.map(shell_status))
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<i32> {
        let what = format!("the end of {}", self.name);
        wait_for(&what, limit, || self.ended())
    }

    /// Asks it to end, and sees to it that it does; also when the suite has been interrupted.
    pub(crate) fn stop(&mut self, limit: Duration) {
        if sys::kill(self.id(), sys::SIGTERM).is_ok() {
            wait_at_the_end(limit, || !matches!(self.ended(), Ok(None)));
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Until it has been waited for, its number is its group's and nobody else's.
        for signal in [sys::SIGTERM, sys::SIGKILL] {
            if let Ok(None) = self.ended() {
                let _ = sys::kill_group(self.id(), signal);
                wait_at_the_end(PARTING, || !matches!(self.ended(), Ok(None)));
            }
        }
    }
}

fn shell_status(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().and_then(|signal| signal.checked_add(128))).unwrap_or(-1)
}

/// Runs a tool that has to succeed, and answers with its output.
pub(crate) fn run(command: Command, output: &Path) -> Result<String> {
    match finish(command, output, true)? {
        (0, text) => Ok(text),
        (status, text) => failed(format!("status {status}: {}", text.trim_end())),
    }
}

/// Runs a tool that puts things away: also when the suite has been interrupted, and whatever comes of it.
pub(crate) fn clean_up(command: Command, output: &Path) -> String {
    finish(command, output, false).map(|(_, text)| text).unwrap_or_default()
}

// The output goes to a file: a pipe would not end before everything has ended that the tool may leave behind.
fn finish(command: Command, output: &Path, may_be_interrupted: bool) -> Result<(i32, String)> {
    let words = format!("{command:?}");
    let mut job = Job::start(command, output)?;
    let Some(status) = watch(TOOL_LIMIT, may_be_interrupted, || job.ended())? else {
        return failed(format!("{words} did not end within {TOOL_LIMIT:?}: {}", read(output)));
    };
    let text = read(output);
    let _ = fs::remove_file(output);
    Ok((status, text))
}

/// What a file holds so far.
pub(crate) fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
