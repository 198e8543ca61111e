//! What is in the containers: busybox, and session-init where a case wants it. Nothing is pulled.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::slice;

use crate::problem::{Doing as _, Result, failed};
use crate::process::run;
use crate::scratch::{Scratch, need};

/// An image with busybox in it.
pub(crate) const BASE: &str = "localhost/base:latest";
/// The same and session-init.
pub(crate) const WITH_INIT: &str = "localhost/with-init:latest";
/// Where session-init is in that image, and in every other container here.
pub(crate) const INIT: &str = "/usr/local/bin/session-init";
/// The environment of the containers.
pub(crate) const PATH: &str = "PATH=/usr/local/bin:/bin";

/// The root file system and the images made of it.
#[derive(Debug)]
pub(crate) struct Images {
    /// A root file system, with session-init, for the engines that know no images.
    pub(crate) root: PathBuf,
    /// Files for an engine to load.
    pub(crate) archives: [PathBuf; 2],
}

impl Images {
    /// Makes them in `folder` of the scratch folder, with this file as session-init.
    pub(crate) fn make(scratch: &Scratch, folder: &str, init: &Path) -> Result<Self> {
        let folder = scratch.folder(folder)?;
        let (base, init_only) = (folder.join("base"), folder.join("init"));
        let root = folder.join("root");
        install_busybox(&base)?;
        install_busybox(&root)?;
        for tree in [&init_only, &root] {
            install(init, tree, INIT)?;
        }
        let layers = [Layer::pack(scratch, &base)?, Layer::pack(scratch, &init_only)?];
        let [busybox, _] = &layers;
        let archives = [
            Image { name: BASE, command: &["sh"], layers: slice::from_ref(busybox) }.save(scratch, &folder)?,
            Image { name: WITH_INIT, command: &HOLD, layers: &layers }.save(scratch, &folder)?,
        ];
        Ok(Self { root, archives })
    }

    /// A root file system like that one, for an engine that writes into it.
    pub(crate) fn copy_root(&self, scratch: &Scratch, to: &Path) -> Result<PathBuf> {
        let mut command = scratch.command("cp");
        command.arg("--archive").arg(&self.root).arg(to);
        run(command, &scratch.log())?;
        Ok(to.to_owned())
    }
}

fn install_busybox(tree: &Path) -> Result<()> {
    let busybox = need("busybox")?;
    for folder in ["bin", "dev", "etc", "proc", "run", "sys", "tmp", "usr/local/bin"] {
        fs::create_dir_all(tree.join(folder)).doing(format_args!("create {folder}"))?;
    }
    fs::set_permissions(tree.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::write(tree.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")?;
    fs::write(tree.join("etc/ready"), "ready\n")?;
    let job = tree.join("bin/job");
    fs::write(&job, JOB)?;
    fs::set_permissions(&job, fs::Permissions::from_mode(0o755))?;
    install(&busybox, tree, "/bin/busybox")?;
    for applet in APPLETS {
        symlink("busybox", tree.join("bin").join(applet)).doing(format_args!("link {applet}"))?;
    }
    Ok(())
}

/// Says when it is in the foreground of a terminal, and when it is let go on: after the terminal was given to it.
const JOB: &str = "#!/bin/sh
trap 'echo resumed' CONT
echo started
while :; do sleep 0.1; done
";

/// What the cases and the examples use.
const APPLETS: [&str; 22] = [
    "cat", "chmod", "cp", "date", "echo", "grep", "id", "kill", "ln", "ls", "mkdir", "mkfifo", "ps", "rm", "sed",
    "setsid", "sh", "sleep", "stty", "tail", "touch", "wc",
];

fn install(file: &Path, tree: &Path, path: &str) -> Result<()> {
    let target = tree.join(path.trim_start_matches('/'));
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(file, &target).doing(format_args!("copy {}", file.display()))?;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A packed layer and its digest.
#[derive(Debug)]
struct Layer {
    file: PathBuf,
    digest: String,
}

impl Layer {
    fn pack(scratch: &Scratch, tree: &Path) -> Result<Self> {
        let file = tree.with_extension("tar");
        tar(scratch, &file, tree, &["."])?;
        let mut command = scratch.command("sha256sum");
        command.arg(&file);
        let output = run(command, &scratch.log())?;
        let Some((digest, _)) = output.split_once(' ') else { return failed(format!("sha256sum printed {output}")) };
        Ok(Self { file, digest: digest.to_owned() })
    }
}

/// What the image does by itself: it holds a pod's namespaces.
const HOLD: [&str; 4] = [INIT, "--", "sleep", "infinity"];

struct Image<'image> {
    name: &'image str,
    command: &'image [&'image str],
    layers: &'image [Layer],
}

impl Image<'_> {
    /// Saves it as `docker save` does, in a file that every engine can load.
    fn save(&self, scratch: &Scratch, folder: &Path) -> Result<PathBuf> {
        let folder = folder.join(self.name.replace([':', '/'], "-"));
        fs::create_dir_all(&folder)?;
        let (mut digests, mut history, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for layer in self.layers {
            let name = format!("{}.tar", layer.digest);
            fs::hard_link(&layer.file, folder.join(&name)).doing(format_args!("link {name}"))?;
            digests.push(format!("sha256:{}", layer.digest));
            // podman builds on no image without it.
            history.push(r#"{"created":"1970-01-01T00:00:00Z","created_by":"tar"}"#);
            files.push(name);
        }
        let config = format!(
            r#"{{
  "architecture": "{}", "os": "linux", "config": {{"Env": {}, "Cmd": {}}}, "history": [{}],
  "rootfs": {{"type": "layers", "diff_ids": {}}}
}}"#,
            architecture(),
            json_list(&[PATH]),
            json_list(self.command),
            history.join(","),
            json_list(&digests),
        );
        let manifest = format!(
            r#"[{{"Config": "config.json", "RepoTags": {}, "Layers": {}}}]"#,
            json_list(&[self.name]),
            json_list(&files)
        );
        fs::write(folder.join("config.json"), config)?;
        fs::write(folder.join("manifest.json"), manifest)?;
        let file = folder.with_extension("tar");
        let mut parts = vec!["config.json", "manifest.json"];
        parts.extend(files.iter().map(String::as_str));
        tar(scratch, &file, &folder, &parts)?;
        Ok(file)
    }
}

fn tar(scratch: &Scratch, file: &Path, folder: &Path, parts: &[&str]) -> Result<()> {
    let mut command = scratch.command("tar");
    command.args(["--owner=0", "--group=0", "--numeric-owner", "-cf"]).arg(file).arg("-C").arg(folder).args(parts);
    run(command, &scratch.log()).map(drop)
}

/// The machine's architecture, as Go calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A list of strings in JSON.
pub(crate) fn json_list(words: &[impl AsRef<str>]) -> String {
    let words: Vec<_> = words.iter().map(|word| json_string(word.as_ref())).collect();
    format!("[{}]", words.join(","))
}

/// A string in JSON.
pub(crate) fn json_string(text: &str) -> String {
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}
