//! Starting COMMAND.

#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::{AccessFlags, Pid, access};

use crate::cli::parse::Config;
use crate::error::StartError;
use crate::job::{Claim, Job};
use crate::log::Log;
use crate::lookup;
use crate::signal::Signal;
use crate::supervisor::Mode;
use crate::sys::signals::{Disposition, SignalSet};
use crate::sys::spawn::{Place, Setup, SpawnError, Spawned, spawn};
use crate::sys::terminal::{self, GivenUp, Terminal};
use crate::sys::{describe, environment, files, process, signals};

/// COMMAND as it was started.
pub(crate) struct Started {
    pub(crate) command: Pid,
    pub(crate) mode: Mode,
    /// COMMAND is to have the terminal whenever session-init's process group has it.
    pub(crate) wants_terminal: bool,
    /// The terminal, where COMMAND is a job of it.
    pub(crate) job: Option<Job>,
}

/// Starts COMMAND; `mask` is the signal mask that it gets.
///
/// # Errors
///
/// [`StartError`], when COMMAND has not been started. What can be done without is only reported.
pub(crate) fn start(config: &Config, is_pid_1: bool, mask: SignalSet, log: &Log) -> Result<Started, StartError> {
    // Where SIGCHLD is ignored, children vanish unseen (wait(2)).
    let child_disposition =
        signals::set_disposition(Signal::CHLD, Disposition::Default).map_err(StartError::Disposition)?;
    if !is_pid_1 && let Err(error) = set_child_subreaper(true) {
        log.explain(format_args!("orphans go to PID 1: no subreaper: {}", describe(error)));
    }
    if let Some(signal) = config.parent_death_signal
        && let Err(error) = process::set_parent_death_signal(signal)
    {
        log.explain(format_args!("no signal will tell of the parent's death: {}", describe(error)));
    }
    let claim = claim(config, is_pid_1);
    let (mode, place) = match &claim {
        Some(claim) => (Mode::Job, Place::Group(claim.at_start())),
        None if config.new_session => (Mode::Session, Place::Session(give_up_terminal(log))),
        None => (Mode::SingleChild, Place::Same),
    };
    let setup = Setup { place, child_disposition, mask };

    let name = config.command.first().map_or(OsStr::new(""), OsString::as_os_str);
    let mut files = lookup::files(name, environment::variable("PATH"));
    // Looked up here, where every signal is blocked: the child is not to be stopped half-way between two attempts.
    if let Some(first) = files.iter().position(|file| files::is_executable(file)) {
        files.drain(..first);
    }
    let arguments: Vec<CString> = config.command.iter().map(|argument| lookup::c_string(argument.as_bytes())).collect();
    let Spawned { pid: command, placed } =
        spawn_or_interpret(&files, &arguments, &setup).map_err(|error| explain(name, &files, error))?;
    // Without a group of its own COMMAND can be reached through its process alone, as it is under `-c`.
    let (mode, claim) = match placed {
        Ok(()) => (mode, claim),
        Err(error) => {
            log.explain(format_args!("COMMAND stays in this session and process group: {}", describe(error)));
            (Mode::SingleChild, None)
        }
    };
    if log.shows(1) {
        let (name, place) = (name.to_string_lossy(), place_in_words(mode, claim.as_ref()));
        log.say(format_args!("started {name} as pid {command} in {place}"));
    }
    let wants_terminal = claim.as_ref().is_some_and(|claim| claim.wanted);
    Ok(Started { command, mode, wants_terminal, job: claim.map(|claim| claim.for_command(command)) })
}

/// The terminal, if COMMAND is to be a job of its session.
fn claim(config: &Config, is_pid_1: bool) -> Option<Claim> {
    // PID 1 is no shell's job, even where the terminal's session is that of a shell outside.
    if config.new_session && !is_pid_1 { Claim::find() } else { None }
}

/// What would become of the terminal, in words, and whether COMMAND would be a job of its session.
#[cold]
#[inline(never)]
pub(crate) fn prospects(config: &Config, is_pid_1: bool) -> (&'static str, bool) {
    if let Some(claim) = claim(config, is_pid_1) {
        let words = match claim.at_start() {
            Some(_) => "COMMAND is a job of its session, and has it from the start",
            None if claim.wanted => "COMMAND is a job of its session, in the background",
            None => "COMMAND is a job of its session, and gets it once it asks for it",
        };
        return (words, true);
    }
    let words = match terminal::is_there() {
        (false, _) => "none",
        (true, _) if !config.new_session => "COMMAND uses it as session-init's own process would",
        (true, true) => "it is handed over to COMMAND's session",
        (true, false) => "it stays behind; COMMAND's session has none",
    };
    (words, false)
}

fn place_in_words(mode: Mode, claim: Option<&Claim>) -> &'static str {
    match mode {
        Mode::Session => "its own session",
        Mode::SingleChild => "this session",
        Mode::Job => match claim {
            Some(claim) if claim.at_start().is_some() => "a process group of its own, which has the terminal",
            Some(claim) if claim.wanted => "a process group of its own, in the terminal's background",
            _ => "a process group of its own, which gets the terminal once it asks for it",
        },
    }
}

fn give_up_terminal(log: &Log) -> Option<Terminal> {
    match terminal::give_up() {
        GivenUp::Yes(terminal) => {
            log.explain(format_args!("handing the terminal over to COMMAND's session"));
            Some(terminal)
        }
        GivenUp::NotOurs => None,
        GivenUp::Failed(error) => {
            log.explain(format_args!("keeping the terminal: {}", describe(error)));
            None
        }
    }
}

/// Spawns COMMAND; a file that is executable and of no known format is taken for a script without a `#!` line, as a
/// shell takes it. Not so a program for another kind of machine, of which the shell could only say that its syntax is wrong.
fn spawn_or_interpret(files: &[CString], arguments: &[CString], setup: &Setup<'_>) -> Result<Spawned, SpawnError> {
    let result = spawn(files, arguments, setup);
    match result {
        Err(SpawnError::Exec { error: Errno::ENOEXEC, file }) => {
            let script = files.get(file).cloned().unwrap_or_default();
            if lookup::is_binary(files::start(script.as_c_str(), &mut [0; 128]).unwrap_or_default()) {
                return result;
            }
            let shell = c"/bin/sh".to_owned();
            let rest = arguments.iter().skip(1).cloned();
            let arguments: Vec<CString> = [shell.clone(), script].into_iter().chain(rest).collect();
            spawn(&[shell], &arguments, setup)
        }
        _ => result,
    }
}

/// Says why COMMAND did not start.
#[cold]
#[inline(never)]
fn explain(name: &OsStr, files: &[CString], error: SpawnError) -> StartError {
    let command = name.to_string_lossy().into_owned();
    let exists = || !name.is_empty() && files.iter().any(|file| access(file.as_c_str(), AccessFlags::F_OK).is_ok());
    match error {
        SpawnError::Clone(error) => StartError::Clone(error),
        SpawnError::Mask(error) => StartError::Mask(error),
        // The same error where the file is missing and where the program is that its first line or its header names.
        SpawnError::Exec { error: Errno::ENOENT, .. } => {
            if exists() {
                StartError::NoInterpreter { command }
            } else {
                StartError::NotFound { command }
            }
        }
        // A folder of PATH that may not be searched does not make COMMAND one that was found.
        SpawnError::Exec { error: Errno::EACCES, .. } if !name.as_bytes().contains(&b'/') && !exists() => {
            StartError::NotFound { command }
        }
        SpawnError::Exec { error, .. } => StartError::NotRunnable { command, error },
    }
}
