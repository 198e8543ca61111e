//! The command line that docker has made and podman follows.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::image::Images;
use crate::problem::{Doing as _, Result};
use crate::process::{clean_up, run};
use crate::scratch::Scratch;

use super::daemon::Daemon;
use super::traits::{GVISOR, Traits};
use super::{Container, Engine, Init};

/// docker or podman.
pub(crate) struct CommandLine<'suite> {
    pub(crate) name: &'static str,
    /// What runs its containers, where that is not what it takes by itself.
    pub(super) runtime: Option<&'static str>,
    pub(super) scratch: &'suite Scratch,
    /// The variables that lead to the engine in the scratch folder.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// The init for `--init`, where the engine takes it from the command line.
    pub(super) init_path: Option<PathBuf>,
    /// Whom it talks to.
    pub(super) _daemon: Option<Daemon>,
}

impl CommandLine<'_> {
    pub(super) fn load(&self, images: &Images) -> Result<()> {
        for archive in &images.archives {
            let mut command = self.command();
            command.args(["load", "--input"]).arg(archive);
            run(command, &self.scratch.log())?;
        }
        Ok(())
    }

    /// The engine's own command.
    pub(crate) fn command(&self) -> Command {
        self.with_environment(self.scratch.command(self.name))
    }

    /// Lets a command use the engine.
    pub(crate) fn with_environment(&self, mut command: Command) -> Command {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Builds an image out of nothing but a Dockerfile.
    pub(crate) fn build(&self, tag: &str, dockerfile: &str) -> Result<()> {
        let context = self.scratch.folder(self.scratch.name())?;
        fs::write(context.join("Dockerfile"), dockerfile).doing("write a Dockerfile")?;
        let mut command = self.command();
        command.args(["build", "--tag", tag]).arg(&context);
        run(command, &self.scratch.log()).map(drop)
    }

    /// Runs the engine's command with these words.
    pub(crate) fn run_command(&self, words: &[&str]) -> Result<String> {
        run(self.with(words), &self.scratch.log())
    }

    fn with(&self, words: &[&str]) -> Command {
        let mut command = self.command();
        command.args(words);
        command
    }

    fn init_option(&self) -> Option<String> {
        self.init_path.as_deref().map(Path::display).map(|path| format!("--init-path={path}"))
    }
}

impl Drop for CommandLine<'_> {
    // What a case has started by other ways than `Engine::run`, and has not removed.
    fn drop(&mut self) {
        if self.name == "podman" {
            clean_up(self.with(&["pod", "rm", "--force", "--all"]), &self.scratch.log());
        }
        let containers = clean_up(self.with(&["ps", "--all", "--quiet"]), &self.scratch.log());
        let mut remove = self.with(&["rm", "--force"]);
        remove.args(containers.split_whitespace());
        if !containers.is_empty() {
            clean_up(remove, &self.scratch.log());
        }
    }
}

impl Engine for CommandLine<'_> {
    fn traits(&self) -> Traits {
        if self.runtime.is_some() { GVISOR } else { Traits::default() }
    }

    fn run(&self, container: &Container) -> Result<Command> {
        let mut command = self.with(&["run", "--rm", "--name", &container.id]);
        match &container.pod {
            Some(pod) => command.args(["--pod", pod]),
            None => command.arg("--network=none").arg(format!("--cgroup-parent=/{}", self.scratch.cgroup())),
        };
        if let Some(runtime) = self.runtime {
            command.arg(format!("--runtime={runtime}"));
        }
        if container.terminal {
            command.args(["--interactive", "--tty"]);
        }
        if container.hardened {
            command.args(["--read-only", "--user=1000:1000", "--cap-drop=ALL", "--security-opt=no-new-privileges"]);
        }
        if let Some(signal) = container.stop_signal {
            command.arg(format!("--stop-signal={signal}"));
        }
        if container.init == Init::Engine {
            command.arg("--init").args(self.init_option());
        }
        command.arg(&container.image).args(&container.command);
        Ok(command)
    }

    fn exec(&self, id: &str, words: &[&str]) -> Command {
        let mut command = self.with(&["exec", id]);
        command.args(words);
        command
    }

    fn signal(&self, id: &str, signal: &str) -> Command {
        self.with(&["kill", "--signal", signal, id])
    }

    fn remove(&self, id: &str) -> Command {
        self.with(&["rm", "--force", id])
    }

    fn stop(&self, id: &str, seconds: u64) -> Option<Command> {
        Some(self.with(&["stop", "-t", &seconds.to_string(), id]))
    }
}
