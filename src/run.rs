//! From the arguments to the exit status: the start, the loop around the [`Supervisor`], and the end.

#![forbid(unsafe_code)]

use std::env::var_os;
use std::ffi::{CString, OsStr, OsString};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::{AccessFlags, Pid, access, chdir, faccessat, getpid};

use crate::cli::docs;
use crate::cli::flags::Page;
use crate::cli::parse::{Config, Invocation, parse};
use crate::error::StartError;
use crate::exit::{Ended, status};
use crate::log::Log;
use crate::lookup;
use crate::route::Target;
use crate::signal::Signal;
use crate::supervisor::{Action, Event, Origin, Settings, Supervisor};
use crate::sys::signals::{Disposition, Received, SignalSet};
use crate::sys::spawn::{Setup, SpawnError, spawn};
use crate::sys::terminal::GivenUp;
use crate::sys::wait::{Child, Seen, State};
use crate::sys::{descriptors, kill, signals, terminal, wait};

/// The program. Takes its arguments, its name first, and the signal mask that was in force before all signals were
/// blocked; answers with the exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>, mask: SignalSet) -> u8 {
    let mut log = Log::new(&arguments);
    match parse(arguments.into_iter().skip(1), |name| var_os(name)) {
        Ok(Invocation::Run(config)) => {
            log.set_verbosity(config.verbosity);
            run_command(&config, mask, &log)
        }
        Ok(Invocation::Print(page)) => {
            signals::restore_mask(mask);
            print(page, &log)
        }
        Err(error) => {
            log.say(format_args!("{error} (see --help)"));
            status::USAGE
        }
    }
}

fn print(page: Page, log: &Log) -> u8 {
    let text = docs::page(page);
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => 0,
        Err(error) => {
            log.say(format_args!("cannot write to stdout: {error}"));
            status::USAGE
        }
    }
}

fn run_command(config: &Config, mask: SignalSet, log: &Log) -> u8 {
    let is_pid_1 = getpid().as_raw() == 1;
    let command = match start(config, is_pid_1, mask, log) {
        Ok(command) => command,
        Err(error) => {
            log.say(format_args!("{error}"));
            return error.status();
        }
    };
    // From here on nothing may end session-init but COMMAND's end. What fails is reported, and COMMAND's status decides.
    descriptors::close_all_but_stderr();
    let _ = chdir("/");
    let settings = Settings { table: config.table.clone(), new_session: config.new_session, is_pid_1 };
    let ended = Init { command, supervisor: Supervisor::new(settings), log, denied: Vec::new() }.supervise();
    if ended == Ended::Signaled(Signal::INT) && !is_pid_1 {
        die_of_interrupt();
    }
    ended.status()
}

/// Starts COMMAND.
fn start(config: &Config, is_pid_1: bool, mask: SignalSet, log: &Log) -> Result<Pid, StartError> {
    // Where SIGCHLD is ignored, children vanish unseen (wait(2)).
    let child_disposition =
        signals::set_disposition(Signal::CHLD, Disposition::Default).map_err(StartError::Disposition)?;
    if !is_pid_1 && let Err(error) = set_child_subreaper(true) {
        log.explain(format_args!("orphans go to PID 1: no subreaper: {}", error.desc()));
    }
    let terminal = if config.new_session { give_up_terminal(log) } else { None };
    let setup = Setup { new_session: config.new_session, terminal, child_disposition, mask };

    let name = config.command.first().map_or(OsStr::new(""), OsString::as_os_str);
    let mut files = lookup::files(name, var_os("PATH").as_deref());
    // Looked up here, where every signal is blocked: the child is not to be stopped half-way between two attempts.
    if let Some(first) = files.iter().position(is_executable) {
        files.drain(..first);
    }
    let arguments: Vec<CString> = config.command.iter().map(|argument| lookup::c_string(argument.as_bytes())).collect();
    let command = spawn_or_interpret(&files, &arguments, &setup).map_err(|error| explain(name, &files, error))?;
    let place = if config.new_session { "its own session" } else { "this session" };
    log.explain(format_args!("started {} as pid {command} in {place}", name.display()));
    Ok(command)
}

fn give_up_terminal(log: &Log) -> Option<terminal::Terminal> {
    match terminal::give_up() {
        GivenUp::Yes(terminal) => {
            log.explain(format_args!("handing the terminal over to COMMAND's session"));
            Some(terminal)
        }
        GivenUp::NotOurs => None,
        GivenUp::Failed(error) => {
            log.explain(format_args!("keeping the terminal: {}", error.desc()));
            None
        }
    }
}

/// Spawns COMMAND; a file that is executable and of no known format is taken for a script without a `#!` line, as a
/// shell takes it.
fn spawn_or_interpret(files: &[CString], arguments: &[CString], setup: &Setup) -> Result<Pid, SpawnError> {
    match spawn(files, arguments, setup) {
        Err(SpawnError::Exec { error: Errno::ENOEXEC, file }) => {
            let shell = c"/bin/sh".to_owned();
            let script = files.get(file).cloned().unwrap_or_default();
            let rest = arguments.iter().skip(1).cloned();
            let arguments: Vec<CString> = [shell.clone(), script].into_iter().chain(rest).collect();
            spawn(&[shell], &arguments, setup)
        }
        result => result,
    }
}

fn is_executable(file: &CString) -> bool {
    faccessat(AT_FDCWD, file.as_c_str(), AccessFlags::X_OK, AtFlags::AT_EACCESS).is_ok()
}

/// Says why COMMAND did not start.
fn explain(name: &OsStr, files: &[CString], error: SpawnError) -> StartError {
    let command = name.display().to_string();
    match error {
        SpawnError::Clone(error) => StartError::Clone(error),
        // The same error where the file is missing and where the program is that its first line or its header names.
        SpawnError::Exec { error: Errno::ENOENT, .. } => {
            let exists =
                !name.is_empty() && files.iter().any(|file| access(file.as_c_str(), AccessFlags::F_OK).is_ok());
            if exists { StartError::NoInterpreter { command } } else { StartError::NotFound { command } }
        }
        SpawnError::Exec { error, .. } => StartError::NotRunnable { command, error },
    }
}

/// Ends as COMMAND did, so that a shell script around session-init sees Ctrl-C as such and stops too.
fn die_of_interrupt() {
    let _ = signals::set_disposition(Signal::INT, Disposition::Default);
    let _ = kill::process(getpid(), Signal::INT);
    signals::unblock(SignalSet::of(&[Signal::INT]));
}

/// A running COMMAND and what is needed to look after it.
struct Init<'log> {
    command: Pid,
    supervisor: Supervisor,
    log: &'log Log,
    /// The targets of which it was said already that they may not be signalled.
    denied: Vec<Target>,
}

impl Init<'_> {
    /// Looks after COMMAND until it has ended.
    fn supervise(mut self) -> Ended {
        // A child from before exec may have ended before SIGCHLD was blocked.
        let mut child = None;
        loop {
            if let Some(ended) = self.reap_orphans(child) {
                let finished = self.handle(Event::CommandEnded(ended));
                return finished.unwrap_or(ended);
            }
            child = self.forward_until_a_child_has_news();
        }
    }

    /// Handles signals until SIGCHLD, and returns the child that it names, if any.
    fn forward_until_a_child_has_news(&mut self) -> Option<Pid> {
        loop {
            match signals::wait(SignalSet::ALL, None) {
                Some(Received { signal: Signal::CHLD, origin, pid }) => {
                    return (origin == Origin::Other).then(|| Pid::from_raw(pid));
                }
                Some(Received { signal, origin, .. }) => {
                    let _ = self.handle(Event::Signal(signal, origin));
                }
                None => {}
            }
        }
    }

    /// Reaps every child that has ended but COMMAND, whose end is only looked at: unreaped, its pid still keeps its process
    /// group from being somebody else's. `child` is one that has probably ended; knowing it saves a look.
    fn reap_orphans(&self, child: Option<Pid>) -> Option<Ended> {
        if let Some(orphan) = child.filter(|child| *child != self.command) {
            self.reap(orphan);
        }
        loop {
            match wait::look() {
                Seen::Child(Child { pid, state: State::Ended(ended) }) if pid == self.command => return Some(ended),
                Seen::Child(Child { pid, .. }) => self.reap(pid),
                Seen::Nothing | Seen::NoChildren => return None,
            }
        }
    }

    fn reap(&self, orphan: Pid) {
        if let Some(Child { pid, state: State::Ended(ended) }) = wait::reap(orphan) {
            self.log.explain(format_args!("reaped orphan {pid}, which {ended}"));
        }
    }

    /// Does what the supervisor says about an event; the answer is how COMMAND ended, once all is done.
    fn handle(&mut self, event: Event) -> Option<Ended> {
        let actions = self.supervisor.handle(event);
        let mut report = Report::about(event, self.log);
        for action in actions.iter() {
            match action {
                Action::Send(signal, target) => self.send(signal, target, &mut report),
                Action::ContinueIfStopped(target) => {
                    if wait::is_stopped(self.command) {
                        self.send(Signal::CONT, target, &mut report);
                    }
                }
                Action::StopSelf => {
                    report.add(format_args!("stopping as well"));
                    report.print(self.log);
                    self.stop();
                    return None;
                }
                Action::Finish(ended) => {
                    let _ = wait::reap(self.command);
                    report.add(format_args!("ending with status {}", ended.status()));
                    report.print(self.log);
                    return Some(ended);
                }
            }
        }
        if actions.is_empty() {
            report.add(format_args!("not sent on"));
        }
        report.print(self.log);
        None
    }

    fn send(&mut self, signal: Signal, target: Target, report: &mut Report) {
        let (result, name) = match target {
            Target::Child => (kill::process(self.command, signal), "process"),
            Target::Group => (kill::group(self.command, signal), "group"),
        };
        let command = self.command;
        match result {
            Ok(()) => report.add(format_args!("sent {signal} to {name} {command}")),
            // Its processes have ended; there is nobody left to tell.
            Err(Errno::ESRCH) => report.add(format_args!("{name} {command} is gone")),
            Err(error) => {
                report.add(format_args!("could not send {signal} to {name} {command}"));
                if !self.denied.contains(&target) {
                    self.denied.push(target);
                    self.log.say(format_args!("cannot send {signal} to {name} {command}: {}", error.desc()));
                }
            }
        }
    }

    /// Stops, until CONT comes.
    fn stop(&mut self) {
        // A CONT that came in the meantime would be discarded by the STOP (signal(7)), and nobody would send another.
        match signals::take(SignalSet::of(&[Signal::CONT])) {
            Some(Received { signal, origin, .. }) => {
                let _ = self.handle(Event::Signal(signal, origin));
            }
            None => {
                let _ = kill::process(getpid(), Signal::STOP);
            }
        }
    }
}

/// One line about an event and what was done about it, if such lines are wanted.
struct Report(Option<String>);

impl Report {
    fn about(event: Event, log: &Log) -> Self {
        // Some container engines send URG by the thousand.
        let level = if matches!(event, Event::Signal(Signal::URG, _)) { 2 } else { 1 };
        if !log.shows(level) {
            return Self(None);
        }
        Self(Some(match event {
            Event::Signal(signal, Origin::Process(pid)) => {
                format!("received {signal} from pid {pid}")
            }
            Event::Signal(signal, Origin::Kernel | Origin::Other) => {
                format!("received {signal} from the kernel")
            }
            Event::CommandEnded(ended) => format!("COMMAND {ended}"),
        }))
    }

    fn add(&mut self, done: std::fmt::Arguments<'_>) {
        if let Some(line) = &mut self.0 {
            let _ = write!(line, "; {done}");
        }
    }

    fn print(self, log: &Log) {
        if let Some(line) = self.0 {
            log.say(format_args!("{line}"));
        }
    }
}
