//! The one folder in which everything happens, and a view of the machine in which nothing else can be touched.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::problem::{Doing as _, Problem, Result, failed, skipped};
use super::process::wait_at_the_end;
use super::sys;

/// Where the engines keep what they were not told to keep elsewhere: containerd's sockets, the container images' cache.
const HIDDEN: [&str; 2] = ["/run", "/var/lib"];

/// The path of every command here.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long what was stopped may take to be gone.
const LAST_MOMENTS: Duration = Duration::from_secs(20);

/// The one folder in which everything happens.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    names: AtomicU32,
    is_torn_down: bool,
}

impl Drop for Scratch {
    // Where the suite itself breaks.
    fn drop(&mut self) {
        if !self.is_torn_down {
            let _ = self.put_away();
        }
    }
}

impl Scratch {
    /// Creates it in memory, in a mount namespace of the suite's own: nobody else sees it, and when the last of its processes
    /// has ended, nothing is left of it, whatever happens.
    pub(crate) fn new() -> Result<Self> {
        // First this: whatever has the mounts of a Scratch is killed in the end.
        sys::unshare_mounts().or_else(|error| skipped(format!("there is no mount namespace to be had: {error}")))?;
        let folder = env::temp_dir().join(format!("session-init-containers.{}", process::id()));
        fs::create_dir(&folder).doing(format_args!("create {}", folder.display()))?;
        let scratch = Self { folder, names: AtomicU32::new(0), is_torn_down: false };
        scratch.mount_everything()?;
        Ok(scratch)
    }

    fn mount_everything(&self) -> Result<()> {
        self.mount(&["--make-rprivate", "/"])?;
        self.mount_memory(&self.folder)?;
        for name in ["home", "tmp", "logs"] {
            self.folder(name)?;
        }
        // What says where names are looked up may lie in one of the folders that are hidden now.
        let resolver = fs::canonicalize("/etc/resolv.conf").and_then(|file| Ok((fs::read(&file)?, file)));
        for folder in HIDDEN {
            self.mount_memory(Path::new(folder))?;
        }
        if let Ok((text, file)) = resolver
            && !file.exists()
        {
            fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
            fs::write(&file, text).doing(format_args!("write {}", file.display()))?;
        }
        Ok(())
    }

    fn mount_memory(&self, folder: &Path) -> Result<()> {
        let folder = folder.to_string_lossy();
        self.mount(&["-t", "tmpfs", "-o", "mode=755", "tmpfs", &*folder])
    }

    // Its output cannot go to a file: there is no folder for it yet.
    fn mount(&self, words: &[&str]) -> Result<()> {
        let mut command = self.command("mount");
        let output = command.args(words).current_dir("/").output().doing("run mount")?;
        if output.status.success() { Ok(()) } else { failed(String::from_utf8_lossy(&output.stderr)) }
    }

    /// A folder in it, which is created where it is missing.
    pub(crate) fn folder(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).doing(format_args!("create {}", folder.display()))?;
        Ok(folder)
    }

    /// A file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A name that nobody else has on this machine.
    pub(crate) fn name(&self) -> String {
        format!("session-init-{}-{}", process::id(), self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// The cgroup for the containers.
    pub(crate) fn cgroup(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// A file for the output of a process.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("logs").join(self.name())
    }

    /// A command that knows nothing of the user's settings.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("HOME", self.folder.join("home"))
            .env("LANG", "C.UTF-8")
            .env("PATH", PATH)
            .env("TMPDIR", self.folder.join("tmp"))
            .current_dir(&self.folder);
        command
    }

    /// Removes everything. What is still running, although it should have been stopped, is killed and named.
    pub(crate) fn tear_down(mut self) -> Result<()> {
        self.is_torn_down = true;
        let mut left = self.put_away()?;
        // containerd may forget a shim that it was deleting when it ended. Whoever still lives in a container is named
        // for itself.
        left.retain(|(_, words)| !is_shim(words));
        // Where the suite was interrupted in the middle of a command, some things could not be in order.
        if left.is_empty() || sys::interrupted_by().is_some() {
            return Ok(());
        }
        let words: Vec<_> = left.into_iter().map(|(process, words)| format!("{process} ({words})")).collect();
        failed(format!("still running: {}", words.join(", ")))
    }

    fn put_away(&self) -> Result<Vec<(u32, String)>> {
        // What has been told to end may need a moment.
        wait_at_the_end(LAST_MOMENTS, || self.processes().is_empty());
        let left = self.processes();
        for (process, _) in &left {
            let _ = sys::kill(*process, sys::SIGKILL);
        }
        self.remove_cgroups();
        self.unmount()?;
        fs::remove_dir(&self.folder).doing(format_args!("remove {}", self.folder.display()))?;
        Ok(left)
    }

    /// Whoever runs in our folder, in a container that lies there, or with our mounts.
    fn processes(&self) -> Vec<(u32, String)> {
        let mounts = fs::read_link("/proc/self/ns/mnt").ok();
        let ours = self.folder.to_string_lossy();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let file =
                |name| String::from_utf8_lossy(&fs::read(entry.path().join(name)).unwrap_or_default()).into_owned();
            let words = file("cmdline").replace('\0', " ");
            // A process that has ended and only waits for its parent has neither words nor mounts.
            let is_ours = words.contains(&*ours)
                || file("mountinfo").contains(&*ours)
                || fs::read_link(entry.path().join("ns/mnt")).ok() == mounts;
            if is_ours && !words.is_empty() && process != process::id() {
                found.push((process, words.trim_end().to_owned()));
            }
        }
        found
    }

    /// Removes what the engines leave there when they are interrupted, and what podman and LXC leave there anyway. A
    /// cgroup that anybody is in stays.
    fn remove_cgroups(&self) {
        let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
        for hierarchy in hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]) {
            for name in [&*self.cgroup(), "libpod_parent", "lxc.pivot"] {
                remove_cgroup(&hierarchy.join(name));
            }
        }
    }

    /// Undoes the mounts in the folder, and that of the folder itself.
    fn unmount(&self) -> Result<()> {
        let mounts = fs::read_to_string("/proc/self/mounts").doing("read the list of mounts")?;
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
        let mut points: Vec<_> = points.filter(|point| point.starts_with(&self.folder)).collect();
        points.reverse();
        for point in points {
            let mut command = self.command("umount");
            command.arg("--lazy").arg(point).current_dir("/").output().doing("run umount")?;
        }
        Ok(())
    }
}

/// Removes a cgroup and those in it. What else is in there goes with them.
fn remove_cgroup(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(cgroup);
}

/// Whether these are the words of one that keeps a container for containerd.
fn is_shim(words: &str) -> bool {
    words.split(' ').next().is_some_and(|program| program.ends_with("/containerd-shim-runc-v2"))
}

/// Skips the case on a machine that has no such program.
pub(crate) fn need(program: &str) -> Result<PathBuf> {
    let found = PATH.split(':').map(|folder| Path::new(folder).join(program)).find(|file| file.is_file());
    found.map_or_else(|| skipped(format!("there is no {program}")), Ok)
}

/// As [`need`], for several.
pub(crate) fn need_all(programs: &[&str]) -> Result<(), Problem> {
    programs.iter().try_for_each(|program| need(program).map(drop))
}
