//! The descendants of session-init, found through /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{Pid, getpid};

use super::{check, kill};
use crate::signal::Signal;
use crate::stat::Stat;

/// A process that descended from session-init when it was looked at.
#[derive(Debug)]
pub(crate) struct Descendant {
    pub(crate) pid: Pid,
    pub(crate) stat: Stat,
    /// `None` on kernels before 5.3, and where a seccomp profile denies the call.
    handle: Option<OwnedFd>,
}

impl Descendant {
    /// Sends it a signal. It cannot reach another process that got the pid in the meantime.
    ///
    /// # Errors
    ///
    /// Those of kill(2).
    pub(crate) fn send(&self, signal: Signal) -> Result<(), Errno> {
        let Some(handle) = &self.handle else { return kill::process(self.pid, signal) };
        let (handle, number) = (handle.as_raw_fd(), libc::c_int::from(signal.number()));
        // SAFETY: the call takes numbers and a null pointer, which stands for the usual siginfo_t.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle, number, std::ptr::null::<()>(), 0) };
        match check(result) {
            // A seccomp profile may allow `pidfd_open` alone. Where the signal itself is not allowed, kill(2) says so again.
            Err(Errno::ENOSYS | Errno::EPERM) => kill::process(self.pid, signal),
            result => result.map(drop),
        }
    }
}

/// Whether /proc is there and shows this PID namespace; it may be one of an outer namespace, whose pids are others.
pub(crate) fn is_usable() -> bool {
    let own = fs::read_link("/proc/self");
    own.is_ok_and(|own| own.to_str().and_then(|own| own.parse().ok()) == Some(getpid().as_raw()))
}

/// Looks at every living descendant once, until a look at all finds nobody new: what is looked at may have forked in the
/// meantime, and its children may have come to be session-init's own.
///
/// `visit` is called once for each process, parents before their children. After the first look, which is always a whole
/// one, the looking ends when it has taken the longest time, since somebody may fork without end.
pub(crate) fn for_each_descendant(longest: Duration, mut visit: impl FnMut(&Descendant)) {
    let start = Instant::now();
    let mut seen = BTreeSet::new();
    let mut missed = look_once(&mut seen, &|| false, &mut visit);
    let mut before = 0;
    while (seen.len() > before || missed) && start.elapsed() < longest {
        before = seen.len();
        missed = look_once(&mut seen, &|| start.elapsed() >= longest, &mut visit);
    }
}

/// One pass, until it is to be given up. Answers whether somebody was listed who was gone when it was looked at: its
/// children may have been missed.
fn look_once(seen: &mut BTreeSet<(i32, u64)>, give_up: &dyn Fn() -> bool, visit: &mut impl FnMut(&Descendant)) -> bool {
    let list = ChildList::new();
    let mut parents = vec![getpid().as_raw()];
    let mut missed = false;
    while let Some(parent) = parents.pop() {
        for child in list.children(parent) {
            if give_up() {
                return missed;
            }
            let Some(descendant) = look_at(child, parent) else {
                missed = true;
                continue;
            };
            if descendant.stat.is_zombie {
                continue;
            }
            parents.push(child);
            if seen.insert((child, descendant.stat.started)) {
                visit(&descendant);
            }
        }
    }
    missed
}

/// The process with this pid, if it still is the child that it was listed as, or has become session-init's own.
fn look_at(pid: i32, parent: i32) -> Option<Descendant> {
    // The handle first: if the pid is given to another process before its stat is read, the parent is another too, and if
    // after it, the handle is that of the process that has ended.
    let handle = open_handle(pid);
    let stat = read_stat(pid)?;
    let is_descendant = stat.parent == parent || stat.parent == getpid().as_raw();
    is_descendant.then_some(Descendant { pid: Pid::from_raw(pid), stat, handle })
}

fn open_handle(pid: i32) -> Option<OwnedFd> {
    // SAFETY: the call takes two numbers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let handle = check(result).ok().and_then(|handle| i32::try_from(handle).ok())?;
    // SAFETY: the kernel has just opened this descriptor, with close-on-exec, and nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(handle) })
}

/// What /proc says about a process, which may be a zombie.
pub(crate) fn read_stat(pid: i32) -> Option<Stat> {
    Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Who is whose child.
enum ChildList {
    /// Each thread has a file that lists its children (kernels with `CONFIG_PROC_CHILDREN`).
    ByParent,
    /// The children of every process there is.
    Whole(BTreeMap<i32, Vec<i32>>),
}

impl ChildList {
    fn new() -> Self {
        if Path::new("/proc/self/task").join(getpid().to_string()).join("children").exists() {
            return Self::ByParent;
        }
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for pid in numbers("/proc").unwrap_or_default() {
            if let Some(stat) = read_stat(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        Self::Whole(children)
    }

    fn children(&self, parent: i32) -> Vec<i32> {
        match self {
            Self::Whole(children) => children.get(&parent).cloned().unwrap_or_default(),
            Self::ByParent => {
                let threads = numbers(format!("/proc/{parent}/task")).unwrap_or_default();
                let lists = threads
                    .into_iter()
                    .filter_map(|thread| fs::read_to_string(format!("/proc/{parent}/task/{thread}/children")).ok());
                lists.flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
            }
        }
    }
}

/// The entries of a folder that are numbers.
fn numbers(folder: impl AsRef<Path>) -> io::Result<Vec<i32>> {
    let entries = fs::read_dir(folder)?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}
