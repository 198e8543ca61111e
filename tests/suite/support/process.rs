//! What /proc says about processes. Every pid is one as the suite sees it, outside any PID namespace of a test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::signal::SignalSet;
use super::time::holds_in_time;

/// A line of /proc/PID/stat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    pub(crate) name: String,
    /// `R`, `S`, `D`, `T` (stopped), `t` (traced), `Z` (ended, not reaped).
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) terminal: i32,
    /// The foreground group of its terminal, or -1.
    pub(crate) foreground_group: i32,
    /// In ticks since the machine started.
    pub(crate) start: u64,
}

/// `None` when there is no such process.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    // The name may hold blanks and parentheses.
    let (front, rest) = text.rsplit_once(')')?;
    let name = front.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse().ok();
    Some(Stat {
        pid,
        name,
        state: fields.first()?.chars().next()?,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        terminal: number(4)?,
        foreground_group: number(5)?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Every process there is.
pub(crate) fn all() -> Vec<Stat> {
    pids().into_iter().filter_map(stat).collect()
}

fn pids() -> Vec<i32> {
    fs::read_dir("/proc")
        .expect("the suite needs /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Its children, zombies too, oldest first.
pub(crate) fn children(pid: i32) -> Vec<Stat> {
    let mut children: Vec<Stat> = all().into_iter().filter(|stat| stat.parent == pid).collect();
    children.sort_by_key(|child| (child.start, child.pid));
    children
}

/// Its children, their children and so on; parents come before children.
pub(crate) fn descendants(pid: i32) -> Vec<Stat> {
    let mut by_parent: BTreeMap<i32, Vec<Stat>> = BTreeMap::new();
    for stat in all() {
        by_parent.entry(stat.parent).or_default().push(stat);
    }
    let mut found = by_parent.remove(&pid).unwrap_or_default();
    let mut next = 0;
    while let Some(stat) = found.get(next) {
        let children = by_parent.remove(&stat.pid).unwrap_or_default();
        found.extend(children);
        next += 1;
    }
    found
}

/// The parent of a process that is there.
#[track_caller]
pub(crate) fn parent(pid: i32) -> i32 {
    stat(pid).unwrap_or_else(|| panic!("process {pid} is gone")).parent
}

/// The state letter of /proc/PID/stat.
pub(crate) fn state(pid: i32) -> Option<char> {
    stat(pid).map(|stat| stat.state)
}

/// Whether it is there and no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Waits until the process is in this state; `T` means stopped.
#[track_caller]
pub(crate) fn wait_state(pid: i32, wanted: char) {
    let mut seen = None;
    let reached = holds_in_time(|| {
        seen = state(pid);
        seen == Some(wanted)
    });
    assert!(reached, "process {pid} is in state {seen:?} and not {wanted:?}");
}

/// Waits until the process has ended; a zombie has.
#[track_caller]
pub(crate) fn wait_gone(pid: i32) {
    assert!(holds_in_time(|| !is_alive(pid)), "process {pid} is still there: {:?}", stat(pid));
}

/// Its command line, with blanks between the words.
pub(crate) fn command_line(pid: i32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<_> =
        bytes.strip_suffix(&[0]).unwrap_or(&bytes).split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    Some(words.join(" "))
}

/// Whether its environment, as it was at exec, holds this `NAME=VALUE`. Of a zombie nobody can tell any more.
pub(crate) fn has_variable(pid: i32, variable: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes()))
}

/// Every living process whose environment holds this `NAME=VALUE`.
pub(crate) fn with_variable(variable: &str) -> Vec<i32> {
    pids().into_iter().filter(|pid| has_variable(*pid, variable)).collect()
}

/// The sets of a process's signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignalSets {
    /// Pending for the process or its main thread.
    pub(crate) pending: SignalSet,
    pub(crate) blocked: SignalSet,
    pub(crate) ignored: SignalSet,
    pub(crate) caught: SignalSet,
}

pub(crate) fn signal_sets(pid: i32) -> Option<SignalSets> {
    let set = |name| status_field(pid, name).and_then(|field| u64::from_str_radix(&field, 16).ok());
    Some(SignalSets {
        pending: SignalSet(set("ShdPnd")? | set("SigPnd")?),
        blocked: SignalSet(set("SigBlk")?),
        ignored: SignalSet(set("SigIgn")?),
        caught: SignalSet(set("SigCgt")?),
    })
}

/// A field of /proc/PID/status.
pub(crate) fn status_field(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}

/// The pid that the process has in its innermost PID namespace.
pub(crate) fn inner_pid(pid: i32) -> Option<i32> {
    status_field(pid, "NSpid")?.split_whitespace().last()?.parse().ok()
}

/// Its open descriptors and what they are: `(1, "pipe:[123]")`.
pub(crate) fn descriptors(pid: i32) -> Vec<(i32, String)> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let mut descriptors: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let target = fs::read_link(entry.path()).ok()?;
            let target = String::from_utf8_lossy(target.as_os_str().as_bytes()).into_owned();
            Some((entry.file_name().to_str()?.parse().ok()?, target))
        })
        .collect();
    descriptors.sort();
    descriptors
}

/// The numbers of its open descriptors, in order.
pub(crate) fn open_descriptors(pid: i32) -> Vec<i32> {
    descriptors(pid).into_iter().map(|(number, _)| number).collect()
}

/// The tree below a process, for people.
pub(crate) fn tree(pid: i32) -> String {
    let mut text = String::new();
    for stat in std::iter::once(stat(pid)).flatten().chain(descendants(pid)) {
        let words = command_line(stat.pid).unwrap_or_default();
        let Stat { pid, name, state, parent, group, session, .. } = stat;
        let _ = writeln!(text, "{pid} ({name}) {state} parent {parent} group {group} session {session}: {words}");
    }
    text
}

/// How much processor time it has used, in ticks of 10 ms.
pub(crate) fn cpu_ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // utime and stime are the fields 14 and 15, of which the name is the second.
    rest.split_ascii_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}
