//! From the arguments to the exit status.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};

use crate::cli::docs;
use crate::cli::explain::{self, Surroundings};
use crate::cli::inspect::{self as inspection, Paper};
use crate::cli::parse::{Invocation, parse};
use crate::cli::settings::{Config, Sources};
use crate::error::UsageError;
use crate::exit::{Ended, Remap, status};
use crate::inspect::inspect;
use crate::log::Log;
use crate::pre_stop::PreStop;
use crate::signal::Signal;
use crate::start::{StartError, prospects, start};
use crate::supervise::Init;
use crate::sys::signals::{Disposition, Queue, Received, SignalSet};
use crate::sys::wait::{self, Seen};
use crate::sys::{Errno, describe, descriptors, environment, kill, process, signals};

/// How long lines are where nobody looks at once.
const COLUMNS: usize = 120;

/// The program. Takes its arguments, its name first, and the signal mask that was in force before all signals were
/// blocked, or why they are not; answers with the exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>, mask: Result<SignalSet, Errno>) -> u8 {
    let mut log = Log::new(&arguments);
    let variable = |name: &str| environment::variable(name).map(OsStr::to_owned);
    let mut arguments = arguments.into_iter();
    // The name, which the log has read.
    drop(arguments.next());
    match parse(log.name(), arguments, &variable) {
        Ok(Invocation::Run(config)) => {
            log.set_verbosity(config.verbosity);
            // What is needed to the end is never given back.
            run_command(Box::leak(config), mask, &log)
        }
        Ok(Invocation::Pause) => pause(mask, &log),
        Ok(Invocation::Print(page)) => {
            let_signals_through(mask);
            print(&docs::page(page), &log)
        }
        Ok(Invocation::Explain(config, sources)) => {
            let_signals_through(mask);
            print(&explanation(Box::leak(config), Box::leak(sources)), &log)
        }
        Ok(Invocation::Inspect(pid)) => {
            let_signals_through(mask);
            inspected(pid, &log)
        }
        Err(error) => refuse(Box::leak(error), &log),
    }
}

// What a plain run does not come to is cold and never inlined: the less memory a start touches, the faster it is.

#[cold]
#[inline(never)]
fn refuse(error: &UsageError, log: &Log) -> u8 {
    log.say(format_args!("{error} (see --help)"));
    status::USAGE
}

#[cold]
#[inline(never)]
fn explanation(config: &Config, sources: &Sources) -> String {
    let (terminal, place) = prospects(config);
    let surroundings = Surroundings { pid: process::own_pid().as_raw(), terminal, place };
    explain::text(config, sources, surroundings, is_styled())
}

#[cold]
#[inline(never)]
fn inspected(pid: i32, log: &Log) -> u8 {
    let found = match inspect(pid) {
        Ok(found) => Box::leak(found),
        Err(error) => {
            log.say(format_args!("{error}"));
            return status::USAGE;
        }
    };
    let paper = Paper { is_styled: is_styled(), columns: descriptors::stdout_columns().unwrap_or(COLUMNS) };
    print(&inspection::text(found, paper), log)
}

/// Lets signals do what they did before, where nothing is run.
fn let_signals_through(mask: Result<SignalSet, Errno>) {
    let _ = mask.and_then(signals::restore_mask);
}

/// Whether stdout is a terminal whose user has nothing against colours and bold face (no-color.org).
fn is_styled() -> bool {
    descriptors::stdout_is_terminal() && environment::variable("NO_COLOR").is_none_or(OsStr::is_empty)
}

#[cold]
#[inline(never)]
fn print(text: &str, log: &Log) -> u8 {
    match descriptors::write_to_stdout(text.as_bytes()) {
        Ok(()) => 0,
        Err(error) => {
            log.say(format_args!("cannot write to stdout: {}", describe(error)));
            status::USAGE
        }
    }
}

fn run_command(config: &Config, mask: Result<SignalSet, Errno>, log: &Log) -> u8 {
    // Whoever ran this program in its own place may have left it children.
    let is_first = wait::look() == Seen::NoChildren;
    let started = mask.map_err(StartError::Mask).and_then(|mask| start(config, mask, log));
    let mut started = match started {
        Ok(started) => started,
        Err(error) => {
            log.say(format_args!("{error}"));
            return error.status();
        }
    };
    // From here on nothing may end session-init but COMMAND's end. What fails is reported, and COMMAND's status decides.
    let first_kept = match &config.pre_stop {
        _ if process::is_pid_1() => 0,
        Some(_) => 1,
        None => 2,
    };
    descriptors::close_inherited(first_kept);
    let pre_stop = config.pre_stop.as_deref();
    let pre_stop = pre_stop.map(|script| PreStop::new(script, started.child_disposition, started.mask));
    process::leave_folder();
    let doubt = started.doubt.take();
    let ended = Init::new(started, pre_stop, is_first, config, log).supervise();
    if let Some(error) = doubt
        && ended == Ended::Exited(error.status())
    {
        log.say(format_args!("{error}"));
    }
    let status = Remap::apply(&config.remap_exit, ended.status());
    if let Ended::Signaled(signal) = ended
        && status == ended.status()
        && (signal == Signal::INT || config.exit_by_signal)
    {
        die_by(signal);
    }
    status
}

/// Ends as COMMAND did, so that a shell script around session-init sees Ctrl-C as such and stops too. Returns where the signal
/// does not end it, as none does that PID 1 sends itself.
#[cold]
#[inline(never)]
fn die_by(signal: Signal) {
    process::leave_no_core();
    let _ = signals::set_disposition(signal, Disposition::Default);
    let _ = kill::process(process::own_pid(), signal);
    signals::unblock(SignalSet::of(&[signal]));
}

/// Reaps whatever comes, until TERM or INT does: the first process of a pod, which keeps the pod's namespaces.
#[cold]
#[inline(never)]
fn pause(mask: Result<SignalSet, Errno>, log: &Log) -> u8 {
    let prepared = mask.and_then(|_| signals::set_disposition(Signal::CHLD, Disposition::Default));
    if let Err(error) = prepared {
        log.say(format_args!("{}", StartError::Mask(error)));
        return status::USAGE;
    }
    if !process::is_pid_1() {
        let _ = process::become_subreaper();
    }
    descriptors::close_inherited(if process::is_pid_1() { 0 } else { 2 });
    process::leave_folder();
    let mut queue = Queue::new();
    loop {
        while let Seen::Child(child) = wait::look() {
            let _ = wait::reap(child.pid).map(drop).or_else(|| wait::let_go(child.pid).map(drop));
        }
        match queue.next(None) {
            Ok(Some(Received { signal: Signal::TERM | Signal::INT, .. })) => return 0,
            Ok(_) => {}
            Err(error) => {
                log.say(format_args!("cannot wait for signals: {}", describe(error)));
                return status::USAGE;
            }
        }
    }
}
