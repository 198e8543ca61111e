//! systemd-nspawn, without a systemd to register with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::image::{self, Images};
use crate::problem::{Doing as _, Result};
use crate::scratch::{Scratch, need_all};

use super::supervised::{Supervised, number};
use super::traits::Traits;
use super::{Container, Engine};

/// systemd-nspawn, used directly.
pub(crate) struct Nspawn<'suite> {
    containers: Supervised<'suite>,
    root: PathBuf,
}

/// nspawn asks this program of the container for a user's numbers.
const GETENT: &str = r#"#!/bin/sh
case $1 in
    initgroups) echo "$2" ;;
    *) grep "^$2:" "/etc/$1" ;;
esac
"#;

/// Asks nspawn to stop the container, which it does with the signal that it was told, and kills PID 1 if it stays too
/// long.
const STOP: &str = r#"
nspawn=$0 init=$1 left=$2
kill -s TERM "$nspawn" || exit
while [ "$left" -gt 0 ]; do
    kill -0 "$init" 2>/dev/null || exit 0
    sleep 0.1
    left=$((left - 1))
done
kill -s KILL "$init" 2>/dev/null || :
"#;

impl<'suite> Nspawn<'suite> {
    pub(crate) fn new(scratch: &'suite Scratch, images: &Images) -> Result<Self> {
        need_all(&["systemd-nspawn", "nsenter"])?;
        let containers = Supervised { scratch, folder: scratch.folder("nspawn")? };
        // It takes no root without an operating system in it, and one container at a time.
        let root = images.copy_root(scratch, &containers.folder.join("root"))?;
        fs::create_dir_all(root.join("usr/lib")).doing("create /usr/lib")?;
        fs::write(root.join("usr/lib/os-release"), "ID=test\n").doing("write os-release")?;
        let getent = root.join("bin/getent");
        fs::write(&getent, GETENT).doing("write getent")?;
        fs::set_permissions(&getent, fs::Permissions::from_mode(0o755))?;
        Ok(Self { containers, root })
    }
}

impl Engine for Nspawn<'_> {
    fn traits(&self) -> Traits {
        Traits { killed: 1, ..Traits::default() }
    }

    fn run(&self, container: &Container) -> Result<Command> {
        let mut command = self.containers.command(&container.id, "systemd-nspawn");
        command.args(["--quiet", "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off"]);
        command.args(["--link-journal=no", "--private-network", "--machine", &container.id]);
        command.arg(format!("--setenv={}", image::PATH)).arg("--directory").arg(&self.root);
        command.arg(format!("--kill-signal=SIG{}", container.stop_signal.unwrap_or("TERM")));
        if !container.terminal {
            command.arg("--pipe");
        }
        if container.hardened {
            command.args(["--read-only", "--user=user", "--drop-capability=all", "--no-new-privileges=yes"]);
        }
        command.args(&container.command);
        Ok(command)
    }

    fn exec(&self, id: &str, words: &[&str]) -> Command {
        self.containers.enter(id, words)
    }

    fn signal(&self, id: &str, signal: &str) -> Command {
        self.containers.signal(id, signal)
    }

    fn remove(&self, id: &str) -> Command {
        self.signal(id, "KILL")
    }

    fn stop(&self, id: &str, seconds: u64) -> Option<Command> {
        let tenths = seconds.saturating_mul(10).to_string();
        let words = [number(self.containers.runtime(id)), number(self.containers.leader(id)), tenths];
        Some(self.containers.shell(STOP, &words))
    }
}
