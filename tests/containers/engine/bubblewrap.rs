//! bubblewrap, whose child is PID 1.

use std::path::PathBuf;
use std::process::Command;

use crate::image::{self, Images};
use crate::problem::Result;
use crate::scratch::{Scratch, need_all};

use super::supervised::{Supervised, number};
use super::{Container, Engine};

/// bwrap, used directly.
pub(crate) struct Bubblewrap<'suite> {
    containers: Supervised<'suite>,
    root: PathBuf,
}

impl<'suite> Bubblewrap<'suite> {
    pub(crate) fn new(scratch: &'suite Scratch, images: &Images) -> Result<Self> {
        need_all(&["bwrap", "nsenter"])?;
        let containers = Supervised { scratch, folder: scratch.folder("bubblewrap")? };
        Ok(Self { containers, root: images.root.clone() })
    }
}

impl Engine for Bubblewrap<'_> {
    fn run(&self, container: &Container) -> Result<Command> {
        let mut command = self.containers.command(&container.id, "bwrap");
        command.args(["--unshare-all", "--die-with-parent", "--as-pid-1"]);
        let bind = if container.hardened { "--ro-bind" } else { "--bind" };
        command.arg(bind).arg(&self.root).args(["/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
        if container.hardened {
            command.args(["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]);
        }
        command.args(["--chdir", "/", "--clearenv", "--setenv", "TERM", "xterm"]);
        let path = image::PATH.split_once('=').map_or(image::PATH, |(_, folders)| folders);
        command.args(["--setenv", "PATH", path, "--"]).args(&container.command);
        Ok(command)
    }

    fn exec(&self, id: &str, words: &[&str]) -> Command {
        self.containers.enter(id, words)
    }

    fn signal(&self, id: &str, signal: &str) -> Command {
        self.containers.signal(id, signal)
    }

    fn remove(&self, id: &str) -> Command {
        self.containers.shell(r#"kill -s KILL "$0""#, &[number(self.containers.runtime(id))])
    }
}
