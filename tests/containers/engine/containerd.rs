//! containerd, with a daemon of its own, driven by its own tool, ctr.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::image::{Images, json_string};
use crate::problem::{Doing as _, Result};
use crate::process::run;
use crate::scratch::{Scratch, need_all};

use super::daemon::Daemon;
use super::runtime::config;
use super::{Container, Engine};

/// containerd and ctr.
pub(crate) struct Containerd<'suite> {
    scratch: &'suite Scratch,
    folder: PathBuf,
    /// For the containers that ctr has no options for.
    root: PathBuf,
    _daemon: Daemon,
}

impl<'suite> Containerd<'suite> {
    /// Starts a daemon.
    pub(crate) fn start(scratch: &'suite Scratch, images: &Images) -> Result<Self> {
        need_all(&["containerd", "ctr", "runc"])?;
        let folder = scratch.folder("containerd")?;
        let path = |name| json_string(&folder.join(name).to_string_lossy());
        let settings = folder.join("config.toml");
        let text = format!(
            "version = 2\nroot = {}\nstate = {}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = {}\n[ttrpc]\naddress = {}\n",
            path("data"),
            path("state"),
            path("socket"),
            path("ttrpc"),
        );
        fs::write(&settings, text).doing("write config.toml")?;
        let mut command = scratch.command("containerd");
        command.arg("--config").arg(settings);
        let daemon = Daemon::start(scratch, command, &folder.join("socket"))?;
        let containerd = Self { scratch, folder, root: images.root.clone(), _daemon: daemon };
        for archive in &images.archives {
            let mut command = containerd.command(&["images", "import"]);
            command.arg(archive);
            run(command, &scratch.log())?;
        }
        Ok(containerd)
    }

    /// A command of ctr.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.scratch.command("ctr");
        command.arg("--address").arg(self.folder.join("socket")).args(words);
        command
    }
}

impl Engine for Containerd<'_> {
    fn run(&self, container: &Container) -> Result<Command> {
        let mut command = self.command(&["run", "--rm"]);
        if container.terminal {
            command.arg("--tty");
        }
        if container.hardened {
            // ctr has no option for the user: hand it the whole configuration.
            let file = self.folder.join(&container.id);
            fs::write(&file, config(container, &self.root, &self.scratch.cgroup())).doing("write a configuration")?;
            command.arg("--config").arg(file).arg(&container.id);
        } else {
            command.arg(format!("--cgroup=/{}/{}", self.scratch.cgroup(), container.id));
            command.args([&container.image, &container.id]).args(&container.command);
        }
        Ok(command)
    }

    fn exec(&self, id: &str, words: &[&str]) -> Command {
        let mut command = self.command(&["tasks", "exec", "--exec-id", &self.scratch.name(), id]);
        command.args(words);
        command
    }

    fn signal(&self, id: &str, signal: &str) -> Command {
        self.command(&["tasks", "kill", "--signal", signal, id])
    }

    fn remove(&self, id: &str) -> Command {
        // `tasks delete --force` kills it; the container itself goes with the `ctr run --rm` that waits for it.
        self.command(&["tasks", "delete", "--force", id])
    }
}
