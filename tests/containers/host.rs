//! Where programs are run that need no container: under session-init as PID 1 of a PID namespace.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::behaviour::expect_status;
use crate::problem::{Doing as _, Problem, Result, failed, skipped};
use crate::process::{Job, read, run, wait_for};
use crate::scratch::{Scratch, need};
use crate::sys;

/// How long a program may take for anything.
const PATIENCE: Duration = Duration::from_secs(40);

/// Becomes the words that follow, in a network of their own, where nobody else has a port.
pub(crate) const OWN_NETWORK: [&str; 6] =
    ["unshare", "--net", "sh", "-c", "busybox ip link set lo up && exec \"$@\"", "sh"];

/// Skips the case where there is no such network.
pub(crate) fn need_own_network(scratch: &Scratch) -> Result<()> {
    need("busybox")?;
    let mut command = scratch.command("env");
    command.args(OWN_NETWORK).arg("true");
    match run(command, &scratch.log()) {
        Err(Problem::Failed(why)) => skipped(format!("there is no network namespace to be had: {why}")),
        other => other.map(drop),
    }
}

/// A program and what is to be seen of it.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Host<'_>) -> Result<String>,
}

/// Where programs are run: not in a container, but under session-init as PID 1.
pub(crate) struct Host<'suite> {
    pub(crate) scratch: &'suite Scratch,
    pub(crate) init: &'suite Path,
}

impl Host<'_> {
    /// Starts session-init with these words as COMMAND.
    pub(crate) fn start(&self, options: &[&str], words: &[&str]) -> Result<Hosted> {
        let init = self.init.display().to_string();
        let front = [&*init, "--verbose"];
        let words: Vec<_> = front.iter().chain(options).chain(&["--"]).chain(words).copied().collect();
        self.start_pid_1(&words)
    }

    /// Starts words that become session-init by and by: by exec alone, so that it is PID 1.
    pub(crate) fn start_pid_1(&self, words: &[&str]) -> Result<Hosted> {
        let output = self.scratch.log();
        let job = Job::start(self.as_pid_1(words), &output)?;
        Ok(Hosted { job, output })
    }

    /// The command whose child is PID 1.
    pub(crate) fn as_pid_1(&self, words: &[&str]) -> Command {
        let mut command = self.scratch.command("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).args(words);
        command
    }

    /// Runs a tool that has to succeed.
    pub(crate) fn tool(&self, words: &[&str]) -> Result<String> {
        let mut command = self.scratch.command(words.first().copied().unwrap_or_default());
        command.args(words.iter().skip(1));
        run(command, &self.scratch.log())
    }

    /// A folder for a program.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        self.scratch.folder(self.scratch.name())
    }
}

/// session-init with a program under it.
pub(crate) struct Hosted {
    pub(crate) job: Job,
    /// What it prints goes to this file.
    pub(crate) output: PathBuf,
}

impl Hosted {
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    pub(crate) fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
        let seen = wait_for(what, PATIENCE, || {
            if let Some(seen) = look() {
                return Ok(Some(seen));
            }
            self.job.ended()?.map_or(Ok(None), |status| failed(format!("ended with status {status} before {what}")))
        });
        seen.map_err(|problem| self.with_output(problem))
    }

    /// Waits until it prints a line.
    pub(crate) fn wait_for_line(&mut self, line: &str) -> Result<()> {
        let output = self.output.clone();
        self.wait_for(&format!("the line '{line}'"), || read(&output).lines().any(|read| read == line).then_some(()))
    }

    /// Waits until somebody listens on the socket.
    pub(crate) fn wait_for_socket(&mut self, socket: &Path) -> Result<()> {
        self.wait_for("somebody listens on the socket", || UnixStream::connect(socket).ok().map(drop))
    }

    /// Sends a signal to session-init.
    pub(crate) fn signal(&self, signal: i32) -> Result<()> {
        // unshare itself heeds neither INT nor TERM.
        let children = format!("/proc/{0}/task/{0}/children", self.job.id());
        let children = fs::read_to_string(&children).doing(format_args!("read {children}"))?;
        match children.split_whitespace().next().and_then(|child| child.parse().ok()) {
            Some(child) => sys::kill(child, signal).doing("send a signal to session-init"),
            None => failed("unshare has no child"),
        }
    }

    /// Kills session-init, and everything with it.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.signal(sys::SIGKILL)?;
        self.job.wait(PATIENCE).map(drop)
    }

    /// Waits for the end, whatever it is.
    pub(crate) fn status(&mut self) -> Result<i32> {
        self.job.wait(PATIENCE).map_err(|problem| self.with_output(problem))
    }

    /// Waits for the end, at which session-init must not have had to kill anything.
    pub(crate) fn expect_end(&mut self, wanted: i32) -> Result<()> {
        let (status, output) = (self.status()?, self.output());
        expect_status(wanted, status, &output)?;
        if output.contains("killed: ") { failed(format!("something had to be killed: {output}")) } else { Ok(()) }
    }

    fn with_output(&self, problem: Problem) -> Problem {
        match problem {
            Problem::Failed(why) => Problem::Failed(format!("{why}; it printed: {}", self.output().trim_end())),
            other => other,
        }
    }
}
