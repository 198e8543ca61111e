//! Containers of runtimes that have no command for a signal: their first process is found in /proc, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::image;
use crate::scratch::Scratch;

/// The containers of a runtime, each below a process whose pid is in a file.
#[derive(Debug)]
pub(super) struct Supervised<'suite> {
    pub(super) scratch: &'suite Scratch,
    pub(super) folder: PathBuf,
}

/// Leaves its pid in a file, for what it becomes.
const NOTE_PID: &str = r#"echo $$ >"$0"; exec "$@""#;

impl Supervised<'_> {
    /// A command that becomes `program`, to be given its arguments.
    pub(super) fn command(&self, id: &str, program: &str) -> Command {
        let mut command = self.scratch.command("sh");
        command.args(["-c", NOTE_PID]).arg(self.pid_file(id)).arg(program);
        command
    }

    /// The process of the runtime.
    pub(super) fn runtime(&self, id: &str) -> Option<u32> {
        fs::read_to_string(self.pid_file(id)).ok()?.trim().parse().ok()
    }

    /// PID 1 of the container.
    pub(super) fn leader(&self, id: &str) -> Option<u32> {
        find_leader(self.runtime(id)?)
    }

    /// The command that sends a signal to PID 1 of the container.
    pub(super) fn signal(&self, id: &str, signal: &str) -> Command {
        let script = r#"kill -s "$0" "${1:?there is no such container}""#;
        self.shell(script, &[signal.to_owned(), number(self.leader(id))])
    }

    /// The command that runs another process in the container.
    pub(super) fn enter(&self, id: &str, words: &[&str]) -> Command {
        let mut command = self.scratch.command("nsenter");
        command.args(["--all", "--root", "--wd", "--target", &number(self.leader(id))]);
        command.args(["sh", "-c", r#"export "$0"; exec "$@""#, image::PATH]).args(words);
        command
    }

    pub(super) fn shell(&self, script: &str, words: &[String]) -> Command {
        let mut command = self.scratch.command("sh");
        command.args(["-c", script]).args(words);
        command
    }

    fn pid_file(&self, id: &str) -> PathBuf {
        self.folder.join(id).with_extension("pid")
    }
}

/// A pid, or nothing.
pub(super) fn number(pid: Option<u32>) -> String {
    pid.as_ref().map(u32::to_string).unwrap_or_default()
}

/// The first below this process that is PID 1 of another PID namespace.
fn find_leader(pid: u32) -> Option<u32> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    if is_pid_1(&process.join("status")) {
        return Some(pid);
    }
    let children = fs::read_to_string(process.join(format!("task/{pid}/children"))).ok()?;
    children.split_whitespace().filter_map(|child| child.parse().ok()).find_map(find_leader)
}

fn is_pid_1(status: &Path) -> bool {
    let status = fs::read_to_string(status).unwrap_or_default();
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    // Outside it has another.
    pids.split_whitespace().skip(1).last() == Some("1")
}
