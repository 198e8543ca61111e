//! docker, with a daemon of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::image::Images;
use crate::problem::{Doing as _, Result};
use crate::scratch::{Scratch, need_all};

use super::command_line::CommandLine;
use super::daemon::Daemon;

/// Starts a daemon without a network, whose `--init` is this file.
pub(crate) fn start<'suite>(scratch: &'suite Scratch, images: &Images, init: &Path) -> Result<CommandLine<'suite>> {
    need_all(&["docker", "dockerd"])?;
    let folder = scratch.folder("docker")?;
    let settings = folder.join("daemon.json");
    fs::write(&settings, "{}").doing("write daemon.json")?;
    let socket = folder.join("socket");
    let host = format!("unix://{}", socket.display());
    let mut dockerd = scratch.command("dockerd");
    dockerd.arg("--config-file").arg(settings).args(["--host", &host]);
    for (option, file) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
        dockerd.arg(option).arg(folder.join(file));
    }
    dockerd.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]);
    dockerd.arg("--init-path").arg(init).arg(format!("--cgroup-parent=/{}", scratch.cgroup()));
    let daemon = Daemon::start(scratch, dockerd, &socket)?;
    let environment = vec![
        ("DOCKER_HOST", OsString::from(host)),
        ("DOCKER_CONFIG", scratch.folder("docker/config")?.into()),
        // The other builder is a plugin, which not everybody has.
        ("DOCKER_BUILDKIT", "0".into()),
    ];
    let docker = CommandLine { name: "docker", scratch, environment, init_path: None, _daemon: Some(daemon) };
    docker.load(images)?;
    Ok(docker)
}
