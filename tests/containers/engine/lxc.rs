//! LXC, whose lxc-start makes session-init PID 1.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::image::{self, Images};
use crate::problem::{Doing as _, Result};
use crate::scratch::{Scratch, need_all};

use super::supervised::Supervised;
use super::traits::Traits;
use super::{Container, Engine};

/// LXC's own commands.
pub(crate) struct Lxc<'suite> {
    containers: Supervised<'suite>,
    root: PathBuf,
}

/// Ends with the container's status, which lxc-start only logs: it ends with 0 itself, or the script with 99.
const RUN: &str = r#"
log=$0
"$@" || exit 99
end=$(sed -n 's/.*Child <[0-9]*> ended on \(error\|signal\) (\([0-9]*\)).*/\1 \2/p' "$log" | tail -n 1)
case $end in
    error*) exit "${end#* }" ;;
    signal*) exit $((128 + ${end#* })) ;;
esac
"#;

impl<'suite> Lxc<'suite> {
    pub(crate) fn new(scratch: &'suite Scratch, images: &Images) -> Result<Self> {
        need_all(&["lxc-start", "lxc-stop", "lxc-attach"])?;
        let containers = Supervised { scratch, folder: scratch.folder("lxc")? };
        let root = images.copy_root(scratch, &containers.folder.join("root"))?;
        Ok(Self { containers, root })
    }

    fn command(&self, name: &str, id: &str) -> Command {
        let mut command = self.containers.scratch.command(name);
        command.arg("--lxcpath").arg(&self.containers.folder).args(["--name", id]);
        command
    }

    fn config(&self, container: &Container) -> String {
        let mut config = format!(
            "lxc.uts.name = container\nlxc.rootfs.path = dir:{}\nlxc.net.0.type = empty\nlxc.mount.auto = proc:rw\n\
             lxc.autodev = 1\nlxc.tty.max = 0\nlxc.pty.max = 8\nlxc.environment = {}\nlxc.environment = TERM=xterm\n\
             lxc.signal.halt = SIG{}\nlxc.cgroup.dir = {}/{}\n",
            self.root.display(),
            image::PATH,
            container.stop_signal.unwrap_or("TERM"),
            self.containers.scratch.cgroup(),
            container.id,
        );
        if !container.terminal {
            config.push_str("lxc.console.path = none\n");
        }
        if container.hardened {
            let _ = write!(
                config,
                "lxc.rootfs.options = ro\nlxc.init.uid = 1000\nlxc.init.gid = 1000\nlxc.cap.keep = none\n\
                 lxc.no_new_privs = 1\n"
            );
        }
        config
    }
}

impl Engine for Lxc<'_> {
    fn traits(&self) -> Traits {
        // Of this end lxc-start logs nothing.
        Traits { killed: 0, ..Traits::default() }
    }

    fn run(&self, container: &Container) -> Result<Command> {
        let folder = self.containers.folder.join(&container.id);
        fs::create_dir(&folder).doing(format_args!("create {}", folder.display()))?;
        fs::write(folder.join("config"), self.config(container)).doing("write a configuration")?;
        let (start, log) = (self.command("lxc-start", &container.id), folder.join("log"));
        let mut command = self.containers.command(&container.id, "sh");
        command.args(["-c", RUN]).arg(&log).arg(start.get_program()).args(start.get_args());
        command.args(["--logpriority=INFO", "--foreground", "--logfile"]).arg(log).arg("--").args(&container.command);
        Ok(command)
    }

    fn exec(&self, id: &str, words: &[&str]) -> Command {
        let mut command = self.command("lxc-attach", id);
        command.args(["--clear-env", "--set-var", image::PATH, "--"]).args(words);
        command
    }

    fn signal(&self, id: &str, signal: &str) -> Command {
        self.containers.signal(id, signal)
    }

    fn remove(&self, id: &str) -> Command {
        let mut command = self.command("lxc-stop", id);
        command.arg("--kill");
        command
    }

    fn stop(&self, id: &str, seconds: u64) -> Option<Command> {
        let mut command = self.command("lxc-stop", id);
        command.arg(format!("--timeout={seconds}"));
        Some(command)
    }
}
