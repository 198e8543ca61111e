//! docker, with a daemon of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::image::{Images, json_list, json_string};
use crate::problem::{Doing as _, Result};
use crate::scratch::{Scratch, need, need_all};

use super::command_line::CommandLine;
use super::daemon::Daemon;
use super::runtime::RUNSC_OPTIONS;

/// Starts a daemon without a network, whose `--init` is this file.
pub(crate) fn start<'suite>(scratch: &'suite Scratch, images: &Images, init: &Path) -> Result<CommandLine<'suite>> {
    start_in(scratch, "docker", None, "{}", images, init)
}

/// The same, with gVisor below it.
pub(crate) fn start_with_runsc<'suite>(
    scratch: &'suite Scratch,
    images: &Images,
    init: &Path,
) -> Result<CommandLine<'suite>> {
    let (runsc, options) = (json_string(&need("runsc")?.to_string_lossy()), json_list(&RUNSC_OPTIONS));
    let settings = format!(r#"{{"runtimes": {{"runsc": {{"path": {runsc}, "runtimeArgs": {options}}}}}}}"#);
    start_in(scratch, "docker-runsc", Some("runsc"), &settings, images, init)
}

fn start_in<'suite>(
    scratch: &'suite Scratch,
    folder: &str,
    runtime: Option<&'static str>,
    settings: &str,
    images: &Images,
    init: &Path,
) -> Result<CommandLine<'suite>> {
    need_all(&["docker", "dockerd"])?;
    let folder = scratch.folder(folder)?;
    let file = folder.join("daemon.json");
    fs::write(&file, settings).doing("write daemon.json")?;
    let socket = folder.join("socket");
    let host = format!("unix://{}", socket.display());
    let mut dockerd = scratch.command("dockerd");
    dockerd.arg("--config-file").arg(file).args(["--host", &host]);
    for (option, file) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
        dockerd.arg(option).arg(folder.join(file));
    }
    dockerd.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]);
    dockerd.arg("--init-path").arg(init).arg(format!("--cgroup-parent=/{}", scratch.cgroup()));
    let daemon = Daemon::start(scratch, dockerd, &socket)?;
    let environment = vec![
        ("DOCKER_HOST", OsString::from(host)),
        ("DOCKER_CONFIG", scratch.folder(folder.join("config"))?.into()),
        // The other builder is a plugin, which not everybody has.
        ("DOCKER_BUILDKIT", "0".into()),
    ];
    let docker = CommandLine { name: "docker", runtime, scratch, environment, init_path: None, _daemon: Some(daemon) };
    docker.load(images)?;
    Ok(docker)
}
