//! What is started, and in what surroundings.

use std::ffi::{CString, OsStr, OsString, c_int, c_long, c_ulong};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::output::Output;
use super::running::{Running, Terminal};
use super::signal::{Signal, SignalSet};
use super::spawn::Plan;
use super::{scratch, sys};
use crate::roles;

/// The variable that marks every process of one run, so that none of them can hide.
pub(crate) const MARK: &str = "SUITE_RUN";

/// Where the init writes its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// A pipe of its own, which the test reads.
    Read,
    /// A pipe without room for a single byte, which nobody reads.
    Full,
    /// A pipe that nobody can read any more.
    Broken,
    /// A socket, which the test reads.
    Socket,
    /// A pipe or a socket with room for a short line but not for a long one, which nobody reads.
    NarrowPipe,
    NarrowSocket,
    /// A terminal of no session, which the test reads.
    Terminal,
    /// `/dev/full`.
    DiskFull,
}

/// What seccomp profiles deny that are older than the kernel.
pub(crate) const NEW_CALLS: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pwritev2,
    libc::SYS_faccessat2,
];

/// An init that is about to be started.
#[derive(Debug, Clone)]
pub(crate) struct Init {
    program: PathBuf,
    name: Option<OsString>,
    options: Vec<OsString>,
    separator: bool,
    variables: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
    stdin: bool,
    stderr: Stderr,
    closed: Vec<i32>,
    inherited: Vec<i32>,
    directory: PathBuf,
    pid_1: bool,
    no_proc: bool,
    read_only: bool,
    session_leader: bool,
    terminal: bool,
    terminal_is_led: bool,
    user: Option<u32>,
    no_new_privileges: bool,
    without_capabilities: &'static [c_ulong],
    denied: Option<(&'static [c_long], c_int)>,
    ignored: SignalSet,
    blocked: SignalSet,
    pending: SignalSet,
}

impl Init {
    /// The session-init under test, as an ordinary process that leads a session without a terminal.
    pub(crate) fn new() -> Self {
        Self::of(scratch::session_init())
    }

    /// Debian's dumb-init.
    pub(crate) fn dumb_init() -> Self {
        Self::of("/usr/bin/dumb-init")
    }

    /// Debian's tini.
    pub(crate) fn tini() -> Self {
        Self::of("/usr/bin/tini")
    }

    pub(crate) fn of(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            name: None,
            options: Vec::new(),
            separator: false,
            variables: Vec::new(),
            unset: Vec::new(),
            stdin: false,
            stderr: Stderr::Read,
            closed: Vec::new(),
            inherited: Vec::new(),
            directory: "/".into(),
            pid_1: false,
            no_proc: false,
            read_only: false,
            session_leader: true,
            terminal: false,
            terminal_is_led: true,
            user: None,
            no_new_privileges: false,
            without_capabilities: &[],
            denied: None,
            ignored: SignalSet::default(),
            blocked: SignalSet::default(),
            pending: SignalSet::default(),
        }
    }

    /// The path of its program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    // Options.

    pub(crate) fn option(mut self, option: impl AsRef<OsStr>) -> Self {
        self.options.push(option.as_ref().to_owned());
        self
    }

    pub(crate) fn options<S: AsRef<OsStr>>(self, options: impl IntoIterator<Item = S>) -> Self {
        options.into_iter().fold(self, Self::option)
    }

    pub(crate) fn rewrite(self, rules: &str) -> Self {
        self.options(["--rewrite", rules])
    }

    pub(crate) fn single_child(self) -> Self {
        self.option("-c")
    }

    pub(crate) fn verbose(self) -> Self {
        self.option("-v")
    }

    /// `--` stands before COMMAND: tini takes options out of COMMAND's words too.
    pub(crate) fn with_separator(mut self) -> Self {
        self.separator = true;
        self
    }

    // Surroundings.

    /// The word that it finds as its own name.
    pub(crate) fn called(mut self, name: impl AsRef<OsStr>) -> Self {
        self.name = Some(name.as_ref().to_owned());
        self
    }

    pub(crate) fn variable(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn without_variable(mut self, name: &str) -> Self {
        self.unset.push(name.into());
        self
    }

    /// PID 1 of a PID namespace of its own, as in a container. Needs root.
    pub(crate) fn as_pid_1(mut self) -> Self {
        self.pid_1 = true;
        self
    }

    /// Nothing is in /proc. Needs root.
    pub(crate) fn without_proc(mut self) -> Self {
        self.no_proc = true;
        self
    }

    /// Every file system can only be read. Needs root.
    pub(crate) fn on_a_read_only_root(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// In the session and the group of the suite itself.
    pub(crate) fn in_this_session(mut self) -> Self {
        self.session_leader = false;
        self
    }

    /// It leads the session that owns a new terminal, which is its stdin, stdout and stderr.
    pub(crate) fn on_a_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// A new terminal, which is nobody's controlling terminal, is its stdin, stdout and stderr.
    pub(crate) fn on_a_terminal_of_nobody(mut self) -> Self {
        self.terminal_is_led = false;
        self.on_a_terminal()
    }

    /// As this user and without a capability. Needs root.
    pub(crate) fn as_user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    pub(crate) fn without_new_privileges(mut self) -> Self {
        self.no_new_privileges = true;
        self
    }

    /// Without these capabilities, which it could not get back either. Needs root.
    pub(crate) fn without_capabilities(mut self, capabilities: &'static [c_ulong]) -> Self {
        self.without_capabilities = capabilities;
        self
    }

    /// Under each answer of a seccomp profile that denies these system calls.
    pub(crate) fn denying_in_each_way(&self, calls: &'static [c_long]) -> [Self; 2] {
        [libc::ENOSYS, libc::EPERM].map(|errno| self.clone().denying(calls, errno))
    }

    /// A seccomp filter answers these system calls with this error.
    pub(crate) fn denying(mut self, calls: &'static [c_long], errno: c_int) -> Self {
        self.denied = Some((calls, errno));
        self
    }

    pub(crate) fn ignoring(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.ignored = signals.into_iter().collect();
        self
    }

    pub(crate) fn blocking(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.blocked = signals.into_iter().collect();
        self
    }

    /// These have been sent before it is executed, and are blocked.
    pub(crate) fn with_pending(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.pending = signals.into_iter().collect();
        self.blocked = self.pending;
        self
    }

    pub(crate) fn closing(mut self, descriptors: impl IntoIterator<Item = i32>) -> Self {
        self.closed.extend(descriptors);
        self
    }

    /// It finds these descriptors open too.
    pub(crate) fn inheriting(mut self, descriptors: impl IntoIterator<Item = i32>) -> Self {
        self.inherited.extend(descriptors);
        self
    }

    /// Its stdin is a pipe that the test writes into; else it is /dev/null.
    pub(crate) fn with_stdin(mut self) -> Self {
        self.stdin = true;
        self
    }

    pub(crate) fn with_stderr(mut self, stderr: Stderr) -> Self {
        self.stderr = stderr;
        self
    }

    pub(crate) fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    // The start.

    /// Starts it with this COMMAND.
    #[track_caller]
    pub(crate) fn run<S: AsRef<OsStr>>(self, command: impl IntoIterator<Item = S>) -> Running {
        let own_name = self.name.clone().unwrap_or_else(|| self.program.clone().into());
        let command = command.into_iter().map(|word| word.as_ref().to_owned());
        let separator = self.separator.then(|| OsString::from("--"));
        let words = [own_name].into_iter().chain(self.options.clone()).chain(separator).chain(command).collect();
        self.start(words)
    }

    /// Starts it with a shell script as COMMAND.
    #[track_caller]
    pub(crate) fn sh(self, script: &str) -> Running {
        self.run(["sh", "-c", script])
    }

    /// Starts it with this very binary as COMMAND, playing a [role](roles).
    #[track_caller]
    pub(crate) fn role<S: AsRef<OsStr>>(self, words: impl IntoIterator<Item = S>) -> Running {
        let front = [scratch::suite().into_os_string(), roles::WORD.into()];
        let words: Vec<OsString> =
            front.into_iter().chain(words.into_iter().map(|word| word.as_ref().to_owned())).collect();
        self.run(words)
    }

    /// Starts a shell script in its place, which finds it as `$INIT`, and a role's beginning as `$ROLE`.
    #[track_caller]
    pub(crate) fn from_script(mut self, script: &str) -> Running {
        let init = std::mem::replace(&mut self.program, "/bin/sh".into());
        // First, so that a test can still say otherwise.
        self.variables.insert(0, ("INIT".into(), init.into()));
        self.start(["sh", "-c", script].into_iter().map(OsString::from).collect())
    }

    #[track_caller]
    fn start(mut self, words: Vec<OsString>) -> Running {
        let mark = new_mark();
        let arguments = words.iter().map(|word| c_string(word)).collect();
        let environment = self.environment(&mark);
        let mut running = Running::new(mark, words);
        let descriptors = self.descriptors(&mut running).expect("pipes and terminals can be had");
        let plan = Plan {
            program: c_string(self.program.as_os_str()),
            arguments,
            environment,
            descriptors,
            directory: c_string(self.directory.as_os_str()),
            pid_1: self.pid_1,
            no_proc: self.no_proc,
            read_only: self.read_only,
            session_leader: self.session_leader,
            terminal: self.terminal && self.terminal_is_led,
            user: self.user.take(),
            no_new_privileges: self.no_new_privileges,
            without_capabilities: self.without_capabilities,
            denied: self.denied,
            ignored: self.ignored,
            blocked: self.blocked,
            pending: self.pending,
        };
        match plan.start() {
            Ok(pid) => running.set_pid(pid),
            Err(error) => panic!("cannot start {}: {error}", self.program.display()),
        }
        running
    }

    fn environment(&self, mark: &str) -> Vec<CString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let role = format!("{} {}", scratch::suite().display(), roles::WORD);
        let base = [
            ("PATH".into(), path),
            ("LC_ALL".into(), "C".into()),
            ("INIT".into(), self.program_under_test().into()),
            ("ROLE".into(), role.into()),
            (MARK.into(), mark.into()),
        ];
        let mut variables: Vec<(OsString, OsString)> = Vec::new();
        for (name, value) in base.into_iter().chain(self.variables.iter().cloned()) {
            variables.retain(|(known, _)| *known != name);
            variables.push((name, value));
        }
        variables.retain(|(name, _)| !self.unset.contains(name));
        let join = |(name, value): (OsString, OsString)| {
            c_string(&[name, "=".into(), value].into_iter().collect::<OsString>())
        };
        variables.into_iter().map(join).collect()
    }

    fn program_under_test(&self) -> PathBuf {
        if self.program == *"/bin/sh" { scratch::session_init() } else { self.program.clone() }
    }

    /// What 0, 1 and 2 are to be; the other ends go to `running`.
    fn descriptors(&self, running: &mut Running) -> io::Result<Vec<(i32, OwnedFd)>> {
        let mut descriptors = Vec::new();
        if self.terminal {
            let (master, slave) = sys::open_pty()?;
            for number in 0..=2 {
                descriptors.push((number, slave.try_clone()?));
            }
            running.terminal = Some(Terminal::new(master)?);
        } else {
            let stdin = if self.stdin {
                let (reader, writer) = sys::pipe()?;
                running.stdin = Some(writer);
                reader
            } else {
                File::open("/dev/null")?.into()
            };
            let (reader, stdout) = sys::pipe()?;
            running.stdout = Some(Output::read_from(reader)?);
            descriptors.extend([(0, stdin), (1, stdout), (2, self.stderr(running)?)]);
        }
        for number in self.inherited.iter().copied() {
            descriptors.push((number, sys::owned_duplicate_above(&File::open("/dev/null")?.into(), number)?));
        }
        descriptors.retain(|(number, _)| !self.closed.contains(number));
        Ok(descriptors)
    }

    fn stderr(&self, running: &mut Running) -> io::Result<OwnedFd> {
        let (reader, writer) = match self.stderr {
            Stderr::Read | Stderr::Full | Stderr::Broken => sys::pipe()?,
            Stderr::Socket => sys::socket()?,
            Stderr::NarrowPipe => sys::narrow_pipe()?,
            Stderr::NarrowSocket => sys::narrow_socket()?,
            Stderr::Terminal => sys::open_pty()?,
            Stderr::DiskFull => return Ok(OpenOptions::new().write(true).open("/dev/full")?.into()),
        };
        match self.stderr {
            Stderr::Read | Stderr::Socket | Stderr::Terminal => running.stderr = Some(Output::read_from(reader)?),
            Stderr::Full => {
                sys::fill(&writer)?;
                running.kept.push(reader);
            }
            Stderr::NarrowPipe | Stderr::NarrowSocket => running.kept.push(reader),
            Stderr::Broken | Stderr::DiskFull => drop(reader),
        }
        Ok(writer)
    }
}

fn new_mark() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn c_string(word: &OsStr) -> CString {
    CString::new(word.as_bytes()).expect("a word without a zero byte")
}
