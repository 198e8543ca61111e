//! Looking at a running init from outside (`--inspect`). Nothing is changed, and nobody is signalled.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::cli::inspect::{Inspected, Process, Role, below};
use crate::cli::parse::{Invocation, is_init, parse};
use crate::cli::settings::Config;
use crate::lookup::file_name;
use crate::signal::Signal;
use crate::status::holds;
use crate::sys::inspection::{executable, is_marked, pids, status, strings};
use crate::sys::{Errno, describe, process, procfs};

/// What there is under the process with this pid.
///
/// # Errors
///
/// In words, where there is no such process, or nothing can be known of it.
#[cold]
#[inline(never)]
pub(crate) fn inspect(pid: i32) -> Result<Box<Inspected>, String> {
    if !procfs::is_usable() {
        return Err("/proc is missing here, or shows another PID namespace".to_owned());
    }
    let (mut known, mut missing, mut hidden) = (Vec::new(), Vec::new(), 0_usize);
    for other in pids().unwrap_or_default().leak() {
        match procfs::stat(*other) {
            Ok(_) if *other == process::own_pid().as_raw() => {}
            Ok(stat) => {
                let stat = Box::leak(stat);
                known.push(Process { pid: *other, stat, status: None, depth: 0, has_entered: false });
            }
            Err(Errno::ENOENT | Errno::ESRCH) => {}
            Err(_) => hidden = hidden.saturating_add(1),
        }
    }
    let (mut processes, mut unknown) = (Vec::<Process>::new(), None);
    for one in below(pid, known.leak()).leak() {
        match status(one.pid, one.stat) {
            // No process can ignore KILL; threads of the kernel do.
            Ok(status) if holds(status.ignored, Signal::KILL) => {}
            Ok(status) => processes.push(Process { status: Some(Box::leak(Box::new(status))), ..*one }),
            // It has ended since.
            Err(Errno::ENOENT | Errno::ESRCH) if one.pid != pid => {}
            Err(error) => {
                unknown = Some(error);
                processes.push(*one);
            }
        }
    }
    let Some(init) = processes.first().filter(|first| first.pid == pid) else {
        return Err(format!("no process {pid} can be seen here"));
    };
    if let Some(error) = unknown {
        missing.push(format!("what processes make of signals: {}", describe(error)));
    }
    if hidden > 0 {
        missing.push(format!("some processes, which /proc hides: {hidden}"));
    }
    let words = read(pid, "cmdline", &mut missing);
    let mut arguments = Vec::new();
    for word in words {
        arguments.push(String::from_utf8_lossy(word).into_owned());
    }
    let role = role(init, &processes, words, &mut missing);
    Ok(Box::new(Inspected { arguments, role, processes, missing }))
}

/// The strings in a file of a process, or nothing, where that is to be told.
fn read(pid: i32, file: &str, missing: &mut Vec<String>) -> &'static [&'static [u8]] {
    strings(pid, file)
        .unwrap_or_else(|error| {
            missing.push(format!("its {file}: {}", describe(error)));
            Vec::new()
        })
        .leak()
}

/// What the process is, as far as its names and its command line tell.
fn role(init: &Process, processes: &[Process], words: &[&'static [u8]], missing: &mut Vec<String>) -> Role {
    let Some((first, rest)) = words.split_first() else { return Role::Program };
    let name = file_name(first);
    let executed = executable(init.pid);
    // Whatever it is called, if it is this very program it is one.
    let is_own = !executed.is_empty() && executed == executable(process::own_pid().as_raw());
    if !is_own && ![name, file_name(executed), init.stat.name.as_bytes()].into_iter().any(is_init) {
        return Role::Program;
    }
    let environment = read(init.pid, "environ", missing);
    let variable = |name: &str| {
        let value = |string: &&'static [u8]| string.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
        environment.iter().find_map(value).map(|value| OsStr::from_bytes(value).to_owned())
    };
    // So that it also answers where the settings stand.
    let mut arguments = vec![OsString::from("--explain")];
    for word in rest {
        arguments.push(OsStr::from_bytes(word).to_owned());
    }
    match parse(name, arguments.into_iter(), &variable) {
        Ok(Invocation::Explain(config, sources)) => {
            let is_alone = init.status.is_some_and(is_marked);
            let command = if is_alone { None } else { command(init, processes, &config) };
            Role::Init { config, sources, command }
        }
        Ok(Invocation::Pause) => Role::Pause,
        Ok(_) => Role::Program,
        Err(error) => {
            missing.push(format!("its settings: {error}"));
            Role::Program
        }
    }
}

/// COMMAND, if it has not ended: the child with the words that were given, or the first that leads a session, or the first.
fn command(init: &Process, processes: &[Process], config: &Config) -> Option<i32> {
    let is_child = |one: &&Process| one.stat.parent == init.pid;
    let mut found: Option<(&Process, u8)> = None;
    for child in processes.iter().filter(is_child) {
        let words = strings(child.pid, "cmdline").unwrap_or_default().leak();
        let has_words = words.iter().copied().eq(config.command.iter().map(|word| word.as_bytes()));
        let leads = child.pid == child.stat.session && !config.single_child;
        let likeness = if has_words { 2 } else { u8::from(leads) };
        if found.is_none_or(|(_, other)| likeness > other) {
            found = Some((child, likeness));
        }
    }
    found.map(|(child, _)| child.pid)
}
