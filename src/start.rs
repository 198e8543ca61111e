//! Starting COMMAND.

#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::settings::Config;
use crate::exit::status;
use crate::log::Log;
use crate::lookup;
use crate::route::{Place, Table};
use crate::signal::Signal;
use crate::sys::signals::{Disposition, SignalSet};
use crate::sys::spawn::{self, Setup, SpawnError, Spawned, spawn};
use crate::sys::terminal::{SavedModes, Terminal};
use crate::sys::{Errno, Pid, describe, environment, files, process, signals};

/// COMMAND as it was started.
pub(crate) struct Started {
    pub(crate) command: Pid,
    pub(crate) place: Place,
    /// What becomes of each signal, in the place that was meant for COMMAND.
    pub(crate) table: Table,
    /// Both are a job of a shell's terminal.
    pub(crate) is_job: bool,
    /// The terminal's modes before COMMAND, if it shares the foreground process group.
    pub(crate) modes: Option<SavedModes>,
    /// SIGCHLD's disposition and the signal mask as session-init found them.
    pub(crate) child_disposition: Disposition,
    pub(crate) mask: SignalSet,
    /// What to say where COMMAND ends with the status of one that could not be executed, since that is not known yet.
    pub(crate) doubt: Option<StartError>,
}

/// What session-init finds of a terminal.
#[derive(Debug)]
enum Surroundings {
    /// Its session has none.
    NoTerminal,
    /// It leads the terminal's session.
    Led(Terminal),
    /// Somebody else leads the terminal's session, as a shell does, perhaps outside this PID namespace.
    OfOthers(Terminal),
}

impl Surroundings {
    fn find() -> Self {
        match Terminal::find() {
            None => Self::NoTerminal,
            Some(terminal) if Terminal::is_led() => Self::Led(terminal),
            Some(terminal) => Self::OfOthers(terminal),
        }
    }

    /// Where COMMAND is to live.
    ///
    /// At a shell's terminal it stays, as it would without an init. It also stays where it would lead a terminal's session
    /// and something is to be done after its end: the kernel hangs up on everybody when the leader of a session ends, and no
    /// key would reach session-init.
    fn place(&self, config: &Config) -> Place {
        match self {
            _ if config.single_child => Place::Shared,
            Self::OfOthers(_) => Place::Shared,
            Self::Led(_) if config.may_stay() => Place::Shared,
            Self::Led(_) | Self::NoTerminal => Place::Own,
        }
    }

    fn into_terminal(self) -> Option<Terminal> {
        match self {
            Self::NoTerminal => None,
            Self::Led(terminal) | Self::OfOthers(terminal) => Some(terminal),
        }
    }
}

/// Starts COMMAND; `mask` is the signal mask that it gets. The answer is boxed, for it is large and handed on.
///
/// # Errors
///
/// [`StartError`], when COMMAND has not been started. What can be done without is only reported.
pub(crate) fn start(config: &Config, mask: SignalSet, log: &Log) -> Result<Box<Started>, StartError> {
    // Where SIGCHLD is ignored, children vanish unseen (wait(2)).
    let child_disposition =
        signals::set_disposition(Signal::CHLD, Disposition::Default).map_err(StartError::Disposition)?;
    let is_pid_1 = process::is_pid_1();
    if !is_pid_1 && let Err(error) = process::become_subreaper() {
        log.explain(format_args!("orphans go to PID 1: no subreaper: {}", describe(error)));
    }
    if let Some(signal) = config.parent_death_signal
        && let Err(error) = process::set_parent_death_signal(signal)
    {
        log.explain(format_args!("no signal will tell of the parent's death: {}", describe(error)));
    }
    let mut surroundings = Surroundings::find();
    // A terminal that is nobody's: COMMAND's session acquires it by itself, but must not lead it where that matters.
    if matches!(surroundings, Surroundings::NoTerminal)
        && config.may_stay()
        && let Some(terminal) = Terminal::acquire_stdin()
    {
        surroundings = Surroundings::Led(terminal);
    }
    let is_job = matches!(surroundings, Surroundings::OfOthers(_)) && !is_pid_1;
    let wanted = surroundings.place(config);
    let (place, terminal) = match wanted {
        Place::Own => hand_over(surroundings, log),
        Place::Shared => (spawn::Place::Shared, surroundings.into_terminal()),
    };
    let modes = terminal.filter(Terminal::is_ours).and_then(|terminal| terminal.modes());
    let setup = Setup { place, child_disposition, mask };

    let name = config.command.first().map_or(OsStr::new(""), OsString::as_os_str);
    // Never given back, nor the arguments: it is little, and what would do it is more.
    let files = lookup::files(name, environment::variable("PATH")).leak();
    // Looked up here, where every signal is blocked: the child is not to be stopped half-way between two attempts.
    let first = files.iter().position(|file| files::is_executable(file)).unwrap_or(0);
    let files = files.get(first..).unwrap_or_default();
    let mut arguments = Vec::new();
    for argument in &config.command {
        arguments.push(lookup::c_string(argument.as_bytes()));
    }
    let Spawned { pid: command, placed, is_executed } =
        spawn(files, arguments.leak(), &setup).map_err(|error| explain(name, files, error))?;
    let doubt = if is_executed { None } else { doubt(name, files) };
    let place = match (setup.place, placed) {
        (spawn::Place::Own(_), Ok(())) => Place::Own,
        (spawn::Place::Shared, _) => Place::Shared,
        (spawn::Place::Own(_), Err(error)) => {
            log.explain(format_args!("COMMAND stays in this session and process group: {}", describe(error)));
            Place::Shared
        }
    };
    if log.shows(1) {
        let place = if place == Place::Own { "its own session" } else { "this session and process group" };
        log.say(format_args!("started {} as pid {command} in {place}", name.to_string_lossy()));
    }
    let table = config.table(wanted);
    Ok(Box::new(Started { command, place, table, is_job, modes, child_disposition, mask, doubt }))
}

/// Gives the terminal up for COMMAND's session to have it. Where it cannot be given up, COMMAND stays where it is.
fn hand_over(surroundings: Surroundings, log: &Log) -> (spawn::Place, Option<Terminal>) {
    let Some(terminal) = surroundings.into_terminal() else { return (spawn::Place::Own(None), None) };
    match terminal.give_up() {
        Ok(()) => {
            log.explain(format_args!("handing the terminal over to COMMAND's session"));
            (spawn::Place::Own(Some(terminal)), None)
        }
        Err(error) => {
            log.explain(format_args!("keeping the terminal: {}", describe(error)));
            (spawn::Place::Shared, Some(terminal))
        }
    }
}

/// What would become of the terminal, in words, and where COMMAND would live.
#[cold]
#[inline(never)]
pub(crate) fn prospects(config: &Config) -> (&'static str, Place) {
    let surroundings = Surroundings::find();
    let place = surroundings.place(config);
    let words = match (surroundings, place) {
        (Surroundings::NoTerminal, _) => "none",
        (_, Place::Own) => "it is handed over to COMMAND's session",
        (Surroundings::Led(_), Place::Shared) => "COMMAND shares it with session-init, which leads its session",
        (Surroundings::OfOthers(_), Place::Shared) => "COMMAND uses it as it would without session-init",
    };
    (words, place)
}

/// Says why COMMAND did not start.
#[cold]
#[inline(never)]
fn explain(name: &OsStr, files: &[CString], error: SpawnError) -> StartError {
    let command = name.to_string_lossy().into_owned();
    let exists = || !name.is_empty() && files.iter().any(|file| files::exists(file));
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

/// What keeps COMMAND from being executed, as far as its file tells.
#[cold]
#[inline(never)]
fn doubt(name: &OsStr, files: &[CString]) -> Option<StartError> {
    if files.iter().any(|file| files::is_executable(file)) {
        return None;
    }
    let error = if files.iter().any(|file| files::exists(file)) { Errno::EACCES } else { Errno::ENOENT };
    Some(explain(name, files, SpawnError::Exec { error, file: 0 }))
}

/// What goes wrong between a good command line and a running COMMAND.
///
/// From the moment COMMAND runs there are no such errors: session-init reports what goes wrong and goes on, and COMMAND's
/// status decides its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A signal could not be kept waiting, or COMMAND could not be given the mask that is its due.
    #[error("cannot set the signal mask: {}", describe(*.0))]
    Mask(Errno),
    /// SIGCHLD, which tells about ended children, is ignored and stays so.
    #[error("cannot set the disposition of SIGCHLD: {}", describe(*.0))]
    Disposition(Errno),
    /// There could be no child process.
    #[error("cannot start a process: {}", describe(*.0))]
    Clone(Errno),
    /// COMMAND was not found.
    #[error("{command}: {}", describe(Errno::ENOENT))]
    NotFound {
        /// COMMAND as it was given.
        command: String,
    },
    /// COMMAND was found and cannot be run.
    #[error("{command}: {}", describe(*.error))]
    NotRunnable {
        /// COMMAND as it was given.
        command: String,
        /// Why not.
        error: Errno,
    },
    /// COMMAND was found, but not the program that is to run it.
    #[error("{command}: the interpreter or loader that it names: {}", describe(Errno::ENOENT))]
    NoInterpreter {
        /// COMMAND as it was given.
        command: String,
    },
}

impl StartError {
    /// The exit status that tells about it.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Mask(_) | Self::Disposition(_) | Self::Clone(_) => status::USAGE,
            Self::NotFound { .. } => status::NOT_FOUND,
            Self::NotRunnable { .. } | Self::NoInterpreter { .. } => status::NOT_RUNNABLE,
        }
    }
}
