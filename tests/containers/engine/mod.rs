//! The engines, and what they have in common.

pub(crate) mod bubblewrap;
mod command_line;
mod containerd;
mod daemon;
pub(crate) mod docker;
pub(crate) mod lxc;
pub(crate) mod nspawn;
pub(crate) mod podman;
mod runtime;
mod supervised;
mod traits;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::image;
use crate::problem::{Problem, Result, failed};
use crate::process::{Job, clean_up, read, run, wait_for};
use crate::scratch::Scratch;
use crate::sys::Size;
use crate::terminal::Terminal;

pub(crate) use command_line::CommandLine;
pub(crate) use containerd::Containerd;
pub(crate) use runtime::Runtime;
use traits::Traits;

/// Every engine, in the order of the table's columns.
pub(crate) const NAMES: [&str; 10] =
    ["runc", "crun", "podman", "docker", "containerd", "runsc", DOCKER_RUNSC, NSPAWN, LXC, BUBBLEWRAP];
pub(crate) const DOCKER_RUNSC: &str = "docker with runsc";
pub(crate) const NSPAWN: &str = "systemd-nspawn";
pub(crate) const LXC: &str = "LXC";
pub(crate) const BUBBLEWRAP: &str = "bubblewrap";

/// The size of a terminal when a container is started.
pub(crate) const FIRST_SIZE: Size = Size { rows: 30, columns: 90 };

/// Where the init comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    /// From the image: it is the first word of the container's command.
    Image,
    /// From the engine, which puts it in front of the command (`--init`).
    Engine,
}

/// A container to be.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) image: String,
    pub(crate) init: Init,
    pub(crate) command: Vec<String>,
    /// Its stdin, stdout and stderr are a terminal.
    pub(crate) terminal: bool,
    /// A read-only root, user 1000, no capabilities, and no way to new privileges.
    pub(crate) hardened: bool,
    /// What asks it to end.
    pub(crate) stop_signal: Option<&'static str>,
    /// The pod it belongs to.
    pub(crate) pod: Option<String>,
}

impl Container {
    /// `session-init OPTIONS -- COMMAND`.
    pub(crate) fn new(scratch: &Scratch, options: &[&str], command: &[&str]) -> Self {
        let words = [image::INIT].iter().chain(options).chain(&["--"]).chain(command);
        let command = words.map(|word| (*word).to_owned()).collect();
        Self { command, ..Self::bare(scratch, image::WITH_INIT) }
    }

    /// What the image says, or what is put into `command` later.
    pub(crate) fn bare(scratch: &Scratch, image: &str) -> Self {
        Self {
            id: scratch.name(),
            image: image.to_owned(),
            init: Init::Image,
            command: Vec::new(),
            terminal: false,
            hardened: false,
            stop_signal: None,
            pod: None,
        }
    }
}

/// A container engine.
pub(crate) trait Engine: Sync {
    /// What it does otherwise than the rest.
    fn traits(&self) -> Traits {
        Traits::default()
    }

    /// The command that runs the container in the foreground and ends with its status.
    fn run(&self, container: &Container) -> Result<Command>;

    /// The command that runs another process in the container.
    fn exec(&self, id: &str, words: &[&str]) -> Command;

    /// The command that sends a signal to the container.
    fn signal(&self, id: &str, signal: &str) -> Command;

    /// The command that removes the container, be it running or not.
    fn remove(&self, id: &str) -> Command;

    /// The command that stops the container: its stop signal, and after so many seconds KILL. `None` where the engine
    /// leaves that to whoever uses it.
    fn stop(&self, _id: &str, _seconds: u64) -> Option<Command> {
        None
    }

    /// Runs the container on a terminal.
    fn run_on_terminal(&self, container: &Container) -> Result<(Job, Terminal)> {
        on_terminal(&self.run(container)?)
    }
}

/// Runs a command as a shell would: in a session that the terminal controls.
fn on_terminal(command: &Command) -> Result<(Job, Terminal)> {
    let (terminal, theirs) = Terminal::open(FIRST_SIZE)?;
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(command.get_program()).args(command.get_args());
    session.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    session.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(Stdio::from(theirs));
    Ok((Job::spawn(session)?, terminal))
}

/// A container that runs, or has ended. It is removed when nobody is interested in it any more.
pub(crate) struct Running<'engine> {
    engine: &'engine dyn Engine,
    scratch: &'engine Scratch,
    patience: Duration,
    container: Container,
    job: Job,
    output: Output,
    ended: bool,
}

enum Output {
    File(PathBuf),
    Terminal(Terminal),
}

impl<'engine> Running<'engine> {
    pub(crate) fn start(
        engine: &'engine dyn Engine,
        scratch: &'engine Scratch,
        patience: Duration,
        container: Container,
    ) -> Result<Self> {
        let (job, output) = if container.terminal {
            let (job, terminal) = engine.run_on_terminal(&container)?;
            (job, Output::Terminal(terminal))
        } else {
            let file = scratch.log();
            (Job::start(engine.run(&container)?, &file)?, Output::File(file))
        };
        Ok(Self { engine, scratch, patience, container, job, output, ended: false })
    }

    /// All that it has printed so far.
    pub(crate) fn output(&self) -> String {
        match &self.output {
            Output::File(file) => read(file),
            Output::Terminal(terminal) => terminal.text(),
        }
    }

    /// Waits for a line of its output.
    pub(crate) fn wait_for_line(&mut self, line: &str) -> Result<()> {
        wait_for(&format!("the line '{line}'"), self.patience, || {
            // First this, so that its last words are not missed.
            let ended = self.job.ended()?;
            let output = self.output();
            if output.lines().any(|printed| printed.trim_end() == line) {
                return Ok(Some(()));
            }
            ended.map_or(Ok(None), |status| {
                self.ended = true;
                failed(format!("ended with status {status} before it printed '{line}': {output}"))
            })
        })
        .map_err(|problem| self.with_output(problem))
    }

    /// Waits for its end.
    pub(crate) fn status(&mut self) -> Result<i32> {
        let status = self.job.wait(self.patience).map_err(|problem| self.with_output(problem))?;
        self.ended = true;
        Ok(status)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        self.insist(|| self.engine.signal(&self.container.id, signal)).map(drop)
    }

    /// Stops it as the engine does, and answers with its status.
    pub(crate) fn stop(&mut self, seconds: u64) -> Result<i32> {
        if let Some(command) = self.engine.stop(&self.container.id, seconds) {
            run(command, &self.scratch.log())?;
            return self.status();
        }
        self.signal(self.container.stop_signal.unwrap_or("TERM"))?;
        if let Ok(status) = self.job.wait(Duration::from_secs(seconds)) {
            self.ended = true;
            return Ok(status);
        }
        self.signal("KILL")?;
        self.status()
    }

    /// Runs a shell script in it.
    pub(crate) fn exec(&self, script: &str) -> Result<String> {
        self.insist(|| self.engine.exec(&self.container.id, &["sh", "-c", script]))
    }

    /// Starts a shell script in it, which goes on beside everything else.
    pub(crate) fn visit(&self, script: &str) -> Result<Visitor> {
        // First this, so that the engine knows of the container.
        self.exec("true")?;
        let output = self.scratch.log();
        let job = Job::start(self.engine.exec(&self.container.id, &["sh", "-c", script]), &output)?;
        Ok(Visitor { job, output, patience: self.patience })
    }

    /// Runs a command of the engine, which may take a moment to know of a container that is running: crun does.
    fn insist(&self, command: impl Fn() -> Command) -> Result<String> {
        let mut last_words = String::new();
        wait_for("the engine to obey", self.patience, || match run(command(), &self.scratch.log()) {
            Ok(output) => Ok(Some(output)),
            Err(Problem::Failed(why)) => {
                last_words = why;
                Ok(None)
            }
            Err(other) => Err(other),
        })
        .map_err(|problem| match problem {
            Problem::Failed(why) => Problem::Failed(format!("{why}, which says: {last_words}")),
            other => other,
        })
    }

    /// The terminal it runs on.
    pub(crate) fn terminal(&mut self) -> Result<&mut Terminal> {
        match &mut self.output {
            Output::Terminal(terminal) => Ok(terminal),
            Output::File(_) => failed("the container has no terminal"),
        }
    }

    pub(crate) fn with_output(&self, problem: Problem) -> Problem {
        match problem {
            Problem::Failed(why) => Problem::Failed(format!("{why}; it printed: {}", self.output().trim_end())),
            other => other,
        }
    }
}

/// A process that came into a container from outside.
pub(crate) struct Visitor {
    job: Job,
    output: PathBuf,
    patience: Duration,
}

impl Visitor {
    /// Waits for a line of its output.
    pub(crate) fn wait_for_line(&mut self, line: &str) -> Result<()> {
        wait_for(&format!("the visitor's line '{line}'"), self.patience, || {
            // First this, so that its last words are not missed.
            let ended = self.job.ended()?;
            let output = read(&self.output);
            if output.lines().any(|printed| printed.trim_end() == line) {
                return Ok(Some(()));
            }
            ended.map_or(Ok(None), |status| {
                failed(format!("the visitor ended with status {status} before it printed '{line}': {output}"))
            })
        })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.ended {
            clean_up(self.engine.remove(&self.container.id), &self.scratch.log());
        }
    }
}
