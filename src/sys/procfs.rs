//! What /proc says about processes.

use std::fmt;

use nix::unistd::{Pid, getpid};

use super::{Errno, clock, files};
use crate::number::id;
use crate::signal::Signal;
use crate::stat::Stat;
use crate::status::{Status, holds};

/// Whether /proc is there and shows this PID namespace; it may be one of an outer namespace, whose pids are others.
pub(crate) fn is_usable() -> bool {
    files::link(c"/proc/self", &mut [0; 16]).is_ok_and(|own| id(own) == Some(getpid().as_raw()))
}

/// What /proc says about a process, which may be a zombie.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` where there is no such process, or it is hidden; `EIO` where the file says something else.
pub(crate) fn stat(pid: i32) -> Result<Box<Stat>, Errno> {
    /// Three times what fifty numbers and a name take.
    const ROOM: usize = 2048;
    let path = files::text(format_args!("/proc/{pid}/stat"));
    let stat = Stat::parse(files::start(&path, &mut [0; ROOM])?).ok_or(Errno::EIO)?;
    // It is handed on more than once.
    Ok(Box::new(stat))
}

/// Whether a process ignores a signal, as far as /proc tells.
pub(crate) fn ignores(pid: Pid, signal: Signal) -> bool {
    status_of(format_args!("/proc/{pid}/status")).is_ok_and(|status| holds(status.ignored, signal))
}

/// # Errors
///
/// Those of open(2), and `ENODATA` where the file says nothing of signals.
pub(super) fn status_of(path: fmt::Arguments<'_>) -> Result<Status, Errno> {
    Status::parse(&files::contents(&files::text(path))?).ok_or(Errno::ENODATA)
}

/// A moment, of which can be said which processes were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    ticks: u64,
    last_pid: i32,
}

impl Moment {
    /// This one. To be taken before what happens in it.
    pub(crate) fn now() -> Self {
        // The last number in /proc/loadavg is the last pid that was given away (proc_loadavg(5)).
        let mut room = [0; 128];
        let text = files::start(c"/proc/loadavg", &mut room).unwrap_or_default().trim_ascii_end();
        let last_pid = text.rsplit(|byte| *byte == b' ').next().and_then(id).unwrap_or(0);
        Self { ticks: clock::ticks_since_boot(), last_pid }
    }

    /// Whether a process was there already. A tick is long: of those that started in the same one the pids tell, which are
    /// given away in their order.
    pub(crate) fn knew(&self, pid: Pid, stat: &Stat) -> bool {
        stat.started < self.ticks || stat.started == self.ticks && pid.as_raw() <= self.last_pid
    }
}

/// Who is whose child.
pub(super) enum ChildList {
    /// Each thread has a file that lists its children (kernels with `CONFIG_PROC_CHILDREN`).
    ByParent,
    /// Every process there is, in the order of /proc, which is that of their pids, and its parent before it.
    Whole(Vec<(i32, i32)>),
}

impl ChildList {
    pub(super) fn new() -> Self {
        let own = getpid();
        if files::exists(&files::text(format_args!("/proc/self/task/{own}/children"))) {
            return Self::ByParent;
        }
        let mut processes = Vec::new();
        for pid in files::numbers(c"/proc").unwrap_or_default() {
            if let Ok(stat) = stat(pid) {
                processes.push((stat.parent, pid));
            }
        }
        Self::Whole(processes)
    }

    pub(super) fn is_by_parent(&self) -> bool {
        matches!(self, Self::ByParent)
    }

    /// The children of a process, or only those of its first thread, which has the number of the process.
    pub(super) fn children(&self, parent: i32) -> Result<Vec<i32>, Errno> {
        match self {
            Self::Whole(processes) => {
                let mut children = Vec::new();
                for (other, child) in processes {
                    if *other == parent {
                        children.push(*child);
                    }
                }
                Ok(children)
            }
            Self::ByParent => children_of_thread(parent, parent),
        }
    }
}

pub(super) fn children_of_all_threads(process: i32) -> Result<Vec<i32>, Errno> {
    let mut children = Vec::new();
    for thread in files::numbers(&files::text(format_args!("/proc/{process}/task")))? {
        match children_of_thread(process, thread) {
            // A thread that has ended leaves its children to another one of the process.
            Err(Errno::ENOENT | Errno::ESRCH) => {}
            found => children.append(&mut found?),
        }
    }
    Ok(children)
}

fn children_of_thread(process: i32, thread: i32) -> Result<Vec<i32>, Errno> {
    let list = files::contents(&files::text(format_args!("/proc/{process}/task/{thread}/children")))?;
    let mut children = Vec::new();
    for word in list.split(|byte| *byte == b' ') {
        if let Some(child) = id(word) {
            children.push(child);
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_moment_knows_who_was_there() {
        let own = getpid();
        let moment = Moment::now();
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let child_pid = Pid::from_raw(child.id().try_into().unwrap());
        assert!(moment.knew(own, &stat(own.as_raw()).unwrap()));
        assert!(!moment.knew(child_pid, &stat(child_pid.as_raw()).unwrap()));
        assert!(Moment::now().knew(child_pid, &stat(child_pid.as_raw()).unwrap()));
        drop(child.wait_with_output());
    }

    #[test]
    fn the_children_of_every_thread_are_found() {
        let own = getpid().as_raw();
        // The thread lives on while its child is looked for: else another thread inherits it.
        std::thread::spawn(move || {
            let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            assert!(children_of_all_threads(own).unwrap().contains(&pid));
            let whole = |processes: &[(i32, i32)]| ChildList::Whole(processes.to_vec()).children(own);
            assert_eq!(whole(&[(1, 7), (i32::MAX, 8)]), Ok(Vec::new()));
            assert_eq!(whole(&[(1, 7), (own, 8), (own, 9), (i32::MAX, 10)]), Ok(vec![8, 9]));
            drop(child.wait_with_output());
        })
        .join()
        .unwrap();
    }
}
