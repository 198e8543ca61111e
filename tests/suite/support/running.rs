//! A process that was started, and what a test does to it. Most of it can be written in a chain.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::ended::Ended;
use super::init::MARK;
use super::output::{Missing, Output};
use super::process;
use super::signal::{KILL, Signal};
use super::sys::{self, WaitStatus};
use super::time::{deadline, holds_in_time};

/// The side of a terminal where a person sits.
#[derive(Debug)]
pub(crate) struct Terminal {
    master: OwnedFd,
    output: Output,
}

impl Terminal {
    pub(super) fn new(master: OwnedFd) -> io::Result<Self> {
        let output = Output::read_from(master.try_clone()?)?;
        Ok(Self { master, output })
    }
}

/// An init that runs, or what was started in its place. Whatever of it is left is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pid: i32,
    mark: String,
    words: Vec<OsString>,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<Output>,
    pub(super) stderr: Option<Output>,
    pub(super) terminal: Option<Terminal>,
    /// Ends of pipes that stay open and that nobody reads.
    pub(super) kept: Vec<OwnedFd>,
    reaped: bool,
}

impl Running {
    pub(super) fn new(mark: String, words: Vec<OsString>) -> Self {
        Self {
            pid: 0,
            mark,
            words,
            stdin: None,
            stdout: None,
            stderr: None,
            terminal: None,
            kept: Vec::new(),
            reaped: false,
        }
    }

    pub(super) fn set_pid(&mut self, pid: i32) {
        self.pid = pid;
    }

    /// Its pid as the suite sees it.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// The pid of COMMAND as the suite sees it: that of the init's first child.
    #[track_caller]
    pub(crate) fn command(&self) -> i32 {
        let mut command = 0;
        let found = holds_in_time(|| {
            command = process::children(self.pid).first().map_or(0, |child| child.pid);
            command != 0
        });
        self.assert(found, "has started COMMAND");
        command
    }

    /// The pid in the line `word PID` of the output, as the suite sees it.
    #[track_caller]
    pub(crate) fn pid_behind(&self, word: &str) -> i32 {
        let rest = self.output().line_behind(word);
        let rest = rest.unwrap_or_else(|missing| panic!("no line {word} PID: {missing:?}\n{}", self.describe()));
        let inner = rest.trim().parse().unwrap_or_else(|_| panic!("{rest:?} is no pid"));
        let mut outer = None;
        // At the moment of an exec the environment cannot be read.
        let found = holds_in_time(|| {
            outer = self.living().into_iter().find(|pid| process::inner_pid(*pid) == Some(inner));
            outer.is_some()
        });
        self.assert(found, &format!("has a process of the pid {inner}"));
        outer.unwrap_or_default()
    }

    /// Every living process that this run has started, itself included.
    pub(crate) fn living(&self) -> Vec<i32> {
        process::with_variable(&format!("{MARK}={}", self.mark))
            .into_iter()
            .filter(|pid| process::is_alive(*pid))
            .collect()
    }

    // What it writes.

    fn output(&self) -> &Output {
        let terminal = self.terminal.as_ref().map(|terminal| &terminal.output);
        self.stdout.as_ref().or(terminal).expect("its output goes to the test")
    }

    fn errors(&self) -> &Output {
        self.stderr.as_ref().expect("its stderr goes to the test")
    }

    /// Waits until it has written this, as whole words, to stdout or its terminal.
    #[track_caller]
    pub(crate) fn wait_for(self, text: &str) -> Self {
        self.expect_text(self.output().wait_for(text), text);
        self
    }

    /// Waits until it has written each of these, in whatever order.
    #[track_caller]
    pub(crate) fn wait_for_all(self, texts: &[&str]) -> Self {
        self.expect_text(self.output().wait_for_all(texts), &texts.join(", "));
        self
    }

    /// Waits until it has written this, as whole words, to stderr.
    #[track_caller]
    pub(crate) fn wait_for_error(self, text: &str) -> Self {
        self.expect_text(self.errors().wait_for(text), text);
        self
    }

    /// Waits until each of these has been written to stderr, in whatever order.
    #[track_caller]
    pub(crate) fn wait_for_errors(self, texts: &[&str]) -> Self {
        self.expect_text(self.errors().wait_for_all(texts), &texts.join(", "));
        self
    }

    /// The rest of the line behind what was waited for.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.output().line().unwrap_or_else(|missing| panic!("no line: {missing:?}\n{}", self.describe()))
    }

    /// Waits until nobody has its stdout open any more.
    #[track_caller]
    pub(crate) fn wait_for_end_of_output(self) -> Self {
        self.expect_text(self.output().wait_for_end(), "the end of the output");
        self
    }

    /// What it has written to stdout, or its terminal, until now.
    pub(crate) fn output_so_far(&self) -> String {
        self.output().text()
    }

    #[track_caller]
    fn expect_text(&self, found: Result<(), Missing>, text: &str) {
        if let Err(missing) = found {
            panic!("waited for {text:?}, which did not come ({missing:?})\n{}", self.describe());
        }
    }

    // What is done to it.

    /// Sends it a signal.
    #[track_caller]
    pub(crate) fn send(self, signal: Signal) -> Self {
        self.send_times(signal, 1)
    }

    /// Sends it a signal so often.
    #[track_caller]
    pub(crate) fn send_times(self, signal: Signal, times: usize) -> Self {
        for _ in 0..times {
            sys::kill(self.pid, signal).expect("the init is there");
        }
        self
    }

    /// Sends a signal to a process of this run.
    #[track_caller]
    pub(crate) fn send_to(self, pid: i32, signal: Signal) -> Self {
        sys::kill(pid, signal).expect("the process is there");
        self
    }

    /// Sends a signal to the process that it has started last, below others or not.
    #[track_caller]
    pub(crate) fn send_to_last(self, signal: Signal) -> Self {
        let last = process::descendants(self.pid).last().map_or(0, |last| last.pid);
        self.send_to(last, signal)
    }

    /// Writes to its stdin, or types on its terminal.
    #[track_caller]
    pub(crate) fn write(self, text: &str) -> Self {
        let terminal = self.terminal.as_ref().map(|terminal| &terminal.master);
        let stdin = self.stdin.as_ref().or(terminal).expect("its stdin is the test's");
        let written = sys::write(stdin.as_raw_fd(), text.as_bytes()).expect("somebody reads");
        assert_eq!(written, text.len());
        self
    }

    pub(crate) fn close_stdin(mut self) -> Self {
        self.stdin = None;
        self
    }

    #[track_caller]
    pub(crate) fn resize(self, rows: u16, columns: u16) -> Self {
        let terminal = self.terminal.as_ref().expect("it has a terminal");
        sys::set_window_size(terminal.master.as_raw_fd(), rows, columns).expect("a terminal has a size");
        self
    }

    /// The terminal goes away.
    pub(crate) fn hang_up(mut self) -> Self {
        self.terminal = None;
        self
    }

    /// The foreground process group of its terminal.
    pub(crate) fn foreground_group(&self) -> Option<i32> {
        sys::foreground_group(self.terminal.as_ref()?.master.as_raw_fd()).ok()
    }

    /// Waits until it is stopped.
    #[track_caller]
    pub(crate) fn wait_stopped(self) -> Self {
        process::wait_state(self.pid, 'T');
        self
    }

    /// Waits until this holds; `what` finishes the sentence "the run ...".
    #[track_caller]
    pub(crate) fn wait_until(self, what: &str, mut condition: impl FnMut(&Self) -> bool) -> Self {
        let holds = holds_in_time(|| condition(&self));
        self.assert(holds, what);
        self
    }

    /// It has not ended.
    #[track_caller]
    pub(crate) fn still_runs(self) -> Self {
        self.assert(process::is_alive(self.pid), "still runs");
        self
    }

    // Its end.

    /// Waits until it has exited with this status.
    #[track_caller]
    pub(crate) fn expect_exit(self, status: i32) -> Ended {
        self.expect(WaitStatus::Exited(status))
    }

    /// Waits until this signal has ended it.
    #[track_caller]
    pub(crate) fn expect_death(self, signal: Signal) -> Ended {
        self.expect(WaitStatus::Killed(signal))
    }

    #[track_caller]
    fn expect(mut self, expected: WaitStatus) -> Ended {
        let status = self.wait();
        self.assert(status == expected, &format!("ends with {expected:?}; it was {status:?}"));
        self.into_ended(status)
    }

    /// Waits until it has ended, and says how.
    #[track_caller]
    pub(crate) fn end_status(mut self) -> WaitStatus {
        self.wait()
    }

    /// Waits until it has ended, however that is.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let status = self.wait();
        self.into_ended(status)
    }

    #[track_caller]
    fn wait(&mut self) -> WaitStatus {
        let handle = sys::open_process(self.pid).expect("a child that has not been reaped");
        let ended = sys::wait_readable(&[handle.as_fd()], Some(deadline()));
        self.assert(ended, "has ended in time");
        self.reaped = true;
        sys::wait(self.pid).expect("a child that has not been reaped")
    }

    /// It has ended, and somebody else, such as a tracer, has reaped it and found this status.
    #[allow(dead_code, reason = "the suite has no tracer")]
    pub(crate) fn reaped(mut self, status: WaitStatus) -> Ended {
        self.reaped = true;
        self.into_ended(status)
    }

    fn into_ended(mut self, status: WaitStatus) -> Ended {
        let text = |output: Option<&Output>| output.map(Output::text).unwrap_or_default();
        let terminal = self.terminal.as_ref().map(|terminal| &terminal.output);
        let stdout = text(self.stdout.as_ref().or(terminal));
        let stderr = text(self.stderr.as_ref());
        Ended::new(std::mem::take(&mut self.mark), status, stdout, stderr)
    }

    #[track_caller]
    pub(crate) fn assert(&self, holds: bool, what: &str) {
        assert!(holds, "expected that the run {what}\n{}", self.describe());
    }

    fn describe(&self) -> String {
        let text = |output: Option<&Output>| output.map(Output::text).unwrap_or_default();
        let terminal = self.terminal.as_ref().map(|terminal| &terminal.output);
        format!(
            "command line: {:?}\nstdout or terminal:\n{}\nstderr:\n{}\nprocesses:\n{}",
            self.words,
            text(self.stdout.as_ref().or(terminal)),
            text(self.stderr.as_ref()),
            process::tree(self.pid)
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.pid != 0 && !self.reaped {
            let _ = sys::kill(self.pid, KILL);
            let _ = sys::wait(self.pid);
        }
        // An `Ended` has taken over the mark and what it stands for.
        if !self.mark.is_empty() {
            kill_marked(&self.mark);
        }
    }
}

/// Kills every process of a run, until there is none.
pub(super) fn kill_marked(mark: &str) {
    let variable = format!("{MARK}={mark}");
    let _ = holds_in_time(|| {
        let marked = process::with_variable(&variable);
        for pid in &marked {
            let _ = sys::kill(*pid, KILL);
        }
        marked.is_empty()
    });
}
