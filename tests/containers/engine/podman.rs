//! podman, with a storage of its own.

use std::fs;
use std::path::Path;

use crate::image::{Images, WITH_INIT, json_list, json_string};
use crate::problem::{Doing as _, Result};
use crate::scratch::{Scratch, need_all};

use super::command_line::CommandLine;

/// podman over runc, with neither a network nor limits that it would have to raise.
const SETTINGS: &str = r#"
[containers]
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"#;

/// The variable that leads to them.
const CONF: &str = "CONTAINERS_CONF";

/// Sets it up; its `--init` is this file.
pub(crate) fn set_up<'suite>(scratch: &'suite Scratch, images: &Images, init: &Path) -> Result<CommandLine<'suite>> {
    need_all(&["podman", "runc", "conmon"])?;
    let folder = scratch.folder("podman")?;
    let (settings, storage) = (folder.join("containers.conf"), folder.join("storage.conf"));
    // What holds a pod's namespaces is session-init too: podman's own would have to be pulled or built.
    let pods = format!("infra_image = {}\n", json_string(WITH_INIT));
    fs::write(&settings, format!("{SETTINGS}{pods}")).doing("write containers.conf")?;
    let path = |name| json_string(&folder.join(name).to_string_lossy());
    let text = format!("[storage]\ndriver = \"vfs\"\ngraphroot = {}\nrunroot = {}\n", path("data"), path("run"));
    fs::write(&storage, text).doing("write storage.conf")?;
    let environment = vec![(CONF, settings.into()), ("CONTAINERS_STORAGE_CONF", storage.into())];
    let podman = CommandLine {
        name: "podman",
        runtime: None,
        scratch,
        environment,
        init_path: Some(init.to_owned()),
        _daemon: None,
    };
    podman.load(images)?;
    Ok(podman)
}

/// The same podman, which makes its pods' first container itself, of the catatonit that it finds: which is its `--init`.
pub(crate) fn with_catatonit<'suite>(podman: &CommandLine<'suite>) -> Result<CommandLine<'suite>> {
    let helpers = podman.scratch.folder("podman/helpers")?;
    let settings = podman.scratch.path("podman/catatonit.conf");
    if let Some(init) = &podman.init_path {
        fs::copy(init, helpers.join("catatonit")).doing("copy session-init")?;
    }
    let folders = json_list(&[&*helpers.to_string_lossy(), "/usr/lib/podman", "/usr/libexec/podman"]);
    fs::write(&settings, format!("{SETTINGS}helper_binaries_dir = {folders}\n")).doing("write containers.conf")?;
    let mut environment = podman.environment.clone();
    environment.retain(|(name, _)| *name != CONF);
    environment.push((CONF, settings.into()));
    Ok(CommandLine { environment, init_path: podman.init_path.clone(), _daemon: None, ..*podman })
}
