//! The OCI runtimes: runc, crun and gVisor's runsc.

use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::image::{self, Images, json_list, json_string};
use crate::problem::{Doing as _, Result};
use crate::process::{Job, wait_for};
use crate::scratch::{Scratch, need};
use crate::sys;
use crate::terminal::Terminal;

use super::traits::{GVISOR, Traits};
use super::{Container, Engine, FIRST_SIZE, on_terminal};

/// crun 1.8 gives up on a machine with cgroup v1 where one controller is left to v2: it must not see the latter.
const WITHOUT_CGROUP_V2: &str = r#"umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec "$0" "$@""#;

/// What runsc needs in a container or a virtual machine: no network of its own, and none of the host's cgroups.
pub(super) const RUNSC_OPTIONS: [&str; 3] = ["--network=none", "--ignore-cgroups", "--platform=ptrace"];

/// runc, crun or runsc, used directly.
#[derive(Debug)]
pub(crate) struct Runtime<'suite> {
    name: &'static str,
    scratch: &'suite Scratch,
    folder: PathBuf,
    root: PathBuf,
}

impl<'suite> Runtime<'suite> {
    /// The runtime of this name, with its state in `folder` of the scratch folder.
    pub(crate) fn new(name: &'static str, scratch: &'suite Scratch, folder: &str, images: &Images) -> Result<Self> {
        need(name)?;
        Ok(Self { name, scratch, folder: scratch.folder(folder)?, root: images.root.clone() })
    }

    fn command(&self) -> Command {
        let mut command;
        if self.name == "crun" {
            command = self.scratch.command("unshare");
            command.args(["--mount", "sh", "-c", WITHOUT_CGROUP_V2, self.name]);
        } else {
            command = self.scratch.command(self.name);
        }
        command.arg("--root").arg(self.folder.join("state"));
        if self.name == "runsc" {
            command.args(RUNSC_OPTIONS);
        }
        command
    }

    fn bundle(&self, container: &Container) -> Result<PathBuf> {
        let bundle = self.folder.join(&container.id);
        fs::create_dir(&bundle).doing(format_args!("create {}", bundle.display()))?;
        fs::write(bundle.join("config.json"), config(container, &self.root, &self.scratch.cgroup()))
            .doing("write config.json")?;
        Ok(bundle)
    }

    fn run_bundle(&self, container: &Container, options: &[&Path]) -> Result<Command> {
        let mut command = self.command();
        command.arg("run").args(options).arg("--bundle").arg(self.bundle(container)?).arg(&container.id);
        Ok(command)
    }
}

impl Engine for Runtime<'_> {
    fn traits(&self) -> Traits {
        if self.name == "runsc" { GVISOR } else { Traits::default() }
    }

    fn run(&self, container: &Container) -> Result<Command> {
        self.run_bundle(container, &[])
    }

    fn exec(&self, id: &str, words: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["exec", id]).args(words);
        command
    }

    fn signal(&self, id: &str, signal: &str) -> Command {
        let mut command = self.command();
        command.args(["kill", id, signal]);
        command
    }

    fn remove(&self, id: &str) -> Command {
        if self.name == "runsc" {
            // Its `delete --force` takes 5 seconds, and gives up. What runs the container removes it when it has ended.
            return self.signal(id, "KILL");
        }
        let mut command = self.command();
        command.args(["delete", "--force", id]);
        command
    }

    fn run_on_terminal(&self, container: &Container) -> Result<(Job, Terminal)> {
        if self.name == "runc" {
            return on_terminal(&self.run(container)?);
        }
        // In the foreground crun passes no window size on, and runsc no key: so hold the container's own terminal, as
        // podman's conmon does.
        let socket = self.folder.join(&container.id).with_extension("console");
        let listener = UnixListener::bind(&socket).doing("listen for the terminal")?;
        listener.set_nonblocking(true)?;
        let command = self.run_bundle(container, &[Path::new("--console-socket"), &socket])?;
        let job = Job::start(command, &self.scratch.log())?;
        let connection =
            wait_for("the container's terminal", Duration::from_secs(20), || Ok(listener.accept().ok()))?.0;
        connection.set_nonblocking(false)?;
        let terminal =
            Terminal::adopt(File::from(sys::receive_descriptor(&connection).doing("receive the terminal")?))?;
        terminal.resize(FIRST_SIZE)?;
        Ok((job, terminal))
    }
}

/// What an OCI runtime has to know about a container (config.json).
pub(crate) fn config(container: &Container, root: &Path, cgroup: &str) -> String {
    let user = if container.hardened { 1000 } else { 0 };
    let granted: &[&str] = if container.hardened { &[] } else { &["CAP_KILL", "CAP_SYS_CHROOT"] };
    let capabilities = json_list(granted);
    let sets: Vec<_> =
        ["bounding", "effective", "permitted"].iter().map(|set| format!(r#""{set}":{capabilities}"#)).collect();
    format!(
        r#"{{
  "ociVersion": "1.0.2",
  "process": {{
    "terminal": {terminal}, "user": {{"uid": {user}, "gid": {user}}}, "args": {args}, "env": {env}, "cwd": "/",
    "capabilities": {{{capabilities}}}, "noNewPrivileges": {hardened}
  }},
  "root": {{"path": {root}, "readonly": {hardened}}},
  "mounts": [
    {{"destination": "/proc", "type": "proc", "source": "proc"}},
    {{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}},
    {{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}},
    {{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}}
  ],
  "linux": {{
    "cgroupsPath": {cgroup},
    "namespaces": [{{"type": "pid"}}, {{"type": "ipc"}}, {{"type": "uts"}}, {{"type": "mount"}}, {{"type": "network"}}]
  }}
}}
"#,
        terminal = container.terminal,
        args = json_list(&container.command),
        env = json_list(&[image::PATH, "TERM=xterm"]),
        capabilities = sets.join(","),
        hardened = container.hardened,
        root = json_string(&root.to_string_lossy()),
        cgroup = json_string(&format!("/{cgroup}/{}", container.id)),
    )
}
