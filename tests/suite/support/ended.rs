//! What a process has left behind when it has ended.

use super::init::MARK;
use super::process;
use super::running::kill_marked;
use super::sys::WaitStatus;
use super::time::holds_in_time;

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ended {
    mark: String,
    pub(crate) status: WaitStatus,
    /// What was written to stdout, or to the terminal.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(super) fn new(mark: String, status: WaitStatus, stdout: String, stderr: String) -> Self {
        Self { mark, status, stdout, stderr }
    }

    #[track_caller]
    pub(crate) fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "stdout; stderr was {:?}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} is not in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn stderr_is(self, text: &str) -> Self {
        assert_eq!(self.stderr, text, "stderr; stdout was {:?}", self.stdout);
        self
    }

    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in stderr:\n{}\nstdout:\n{}", self.stderr, self.stdout);
        self
    }

    #[track_caller]
    pub(crate) fn stdout_lacks(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text), "{text:?} is in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn stderr_lacks(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "{text:?} is in stderr:\n{}\nstdout:\n{}", self.stderr, self.stdout);
        self
    }

    /// The pids of this run's processes that live.
    pub(crate) fn living(&self) -> Vec<i32> {
        process::with_variable(&format!("{MARK}={}", self.mark))
    }

    /// No process of this run is left, or the last ones are just ending.
    #[track_caller]
    pub(crate) fn nothing_left(self) -> Self {
        let nothing = holds_in_time(|| self.living().is_empty());
        assert!(nothing, "these are left: {:?}", self.living().into_iter().map(process::stat).collect::<Vec<_>>());
        self
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        kill_marked(&self.mark);
    }
}
