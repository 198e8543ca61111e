//! The descendants of session-init, found through /proc.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::readlink;
use nix::unistd::{AccessFlags, Pid, access, getpid};

use super::{check, files, kill};
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
    let own = readlink("/proc/self");
    own.is_ok_and(|own| files::number(own.as_bytes()) == Some(getpid().as_raw()))
}

/// Looks at every living descendant once, until a look at all finds nothing new: what is looked at may have forked in the
/// meantime, and its children may have come to be session-init's own.
///
/// `visit` is called once for each process, parents before their children, and once more for one that has ended since: what
/// is a zombie may be the last trace of a group that lives. After the first look, which is always a whole one, the looking
/// ends when it has taken the longest time, or was in vain too often: somebody may fork without end, and nobody reaps
/// meanwhile.
pub(crate) fn for_each_descendant(longest: Duration, visit: &mut dyn FnMut(&Descendant)) {
    look_until_settled(longest, &mut |seen, give_up| look_once(seen, give_up, visit));
}

/// [`look_once`] with its `visit`, or what takes its place in a test.
type Look<'a> = dyn FnMut(&mut Vec<Sighting>, &dyn Fn() -> bool) -> bool + 'a;

fn look_until_settled(longest: Duration, look: &mut Look<'_>) {
    /// What the kernel could not tell once it may tell the next time; what it never tells is not worth more.
    const MOST_FAILURES: usize = 3;
    /// Who forks on in spite of what was sent to it is not caught by looking.
    const MOST_LOOKS: usize = 16;
    let start = Instant::now();
    let mut seen = Vec::new();
    let mut failed = look(&mut seen, &|| false);
    let mut failures = usize::from(failed);
    let mut before = 0;
    for _ in 1..MOST_LOOKS {
        let is_settled = seen.len() == before && !(failed && failures < MOST_FAILURES);
        if is_settled || start.elapsed() >= longest {
            break;
        }
        before = seen.len();
        failed = look(&mut seen, &|| start.elapsed() >= longest);
        failures = failures.saturating_add(failed.into());
    }
}

/// A process as it was seen: its pid, when it started (0 where it was gone by then), and whether it had ended. One that has
/// ended since the last look is something new, for its children have come to be somebody else's.
type Sighting = (i32, u64, bool);

/// Adds what is new, in its order. Most pids come in theirs, so that there is little to move.
fn is_new(seen: &mut Vec<Sighting>, sighting: Sighting) -> bool {
    let place = seen.binary_search(&sighting);
    if let Err(place) = place {
        seen.insert(place, sighting);
    }
    place.is_err()
}

/// One pass, until it is to be given up. Answers whether something could not be read, so that somebody may have been missed.
fn look_once(seen: &mut Vec<Sighting>, give_up: &dyn Fn() -> bool, visit: &mut dyn FnMut(&Descendant)) -> bool {
    let list = ChildList::new();
    let own = getpid().as_raw();
    // The eldest comes last, to be looked at first: `seen` is in order, and pids mostly grow.
    let with_parent = |children: Vec<i32>, parent| children.into_iter().rev().map(move |child| (child, parent));
    let Ok(children) = list.children(own) else { return true };
    let mut listed: Vec<(i32, i32)> = with_parent(children, own).collect();
    let mut failed = false;
    while let Some((pid, parent)) = listed.pop() {
        if give_up() {
            return failed;
        }
        match look_at(pid, parent, &list) {
            Ok((descendant, children)) => {
                let Stat { started, is_zombie, .. } = descendant.stat;
                if is_new(seen, (pid, started, is_zombie)) {
                    visit(&descendant);
                }
                listed.extend(with_parent(children, pid));
            }
            // Where /proc hides other users' processes (`hidepid`), such a one never shows; it is new only once.
            Err(Errno::ENOENT | Errno::ESRCH) => drop(is_new(seen, (pid, 0, true))),
            Err(_) => failed = true,
        }
    }
    failed
}

/// The process with this pid and its children, if it still is the child that it was listed as, or has become session-init's
/// own.
///
/// # Errors
///
/// `ESRCH` where there is no such process any more; else why it could not be looked at.
fn look_at(pid: i32, parent: i32, list: &ChildList) -> Result<(Descendant, Vec<i32>), Errno> {
    let is_descendant = |stat: &Stat| stat.parent == parent || stat.parent == getpid().as_raw();
    // Where somebody forks without end there are thousands of zombies. They stay what they are, and have no children.
    let stat = stat_of(pid)?;
    if stat.is_zombie {
        let zombie = Descendant { pid: Pid::from_raw(pid), stat, handle: None };
        return if is_descendant(&zombie.stat) { Ok((zombie, Vec::new())) } else { Err(Errno::ESRCH) };
    }
    // The handle first: if the pid is given to another process before its stat is read, the parent is another too, and if
    // after it, the handle is that of the process that has ended.
    let handle = open_handle(pid);
    // Then the children: if it lives when its stat is read, none of them had been given to somebody else before.
    let mut children = list.children(pid)?;
    let mut stat = stat_of(pid)?;
    if stat.threads > 1 && list.is_by_parent() {
        children = children_of_all_threads(pid)?;
        stat = stat_of(pid)?;
    }
    if is_descendant(&stat) {
        Ok((Descendant { pid: Pid::from_raw(pid), stat, handle }, children))
    } else {
        Err(Errno::ESRCH)
    }
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
    stat_of(pid).ok()
}

fn stat_of(pid: i32) -> Result<Stat, Errno> {
    /// Three times what fifty numbers and a name take.
    const ROOM: usize = 2048;
    Stat::parse(files::start(format!("/proc/{pid}/stat").as_str(), &mut [0; ROOM])?).ok_or(Errno::EIO)
}

/// Who is whose child.
enum ChildList {
    /// Each thread has a file that lists its children (kernels with `CONFIG_PROC_CHILDREN`).
    ByParent,
    /// Every process there is, its parent first, in order.
    Whole(Vec<(i32, i32)>),
}

impl ChildList {
    fn new() -> Self {
        let own = getpid();
        if access(format!("/proc/self/task/{own}/children").as_str(), AccessFlags::F_OK).is_ok() {
            return Self::ByParent;
        }
        let mut processes = Vec::new();
        for pid in files::numbers("/proc").unwrap_or_default() {
            if let Some(stat) = read_stat(pid) {
                processes.push((stat.parent, pid));
            }
        }
        processes.sort_unstable();
        Self::Whole(processes)
    }

    fn is_by_parent(&self) -> bool {
        matches!(self, Self::ByParent)
    }

    /// The children of a process, or only those of its first thread, which has the number of the process.
    fn children(&self, parent: i32) -> Result<Vec<i32>, Errno> {
        match self {
            Self::Whole(processes) => {
                let first = processes.partition_point(|(other, _)| *other < parent);
                let children = processes.iter().skip(first).take_while(|(other, _)| *other == parent);
                Ok(children.map(|(_, child)| *child).collect())
            }
            Self::ByParent => children_of_thread(parent, parent),
        }
    }
}

fn children_of_all_threads(process: i32) -> Result<Vec<i32>, Errno> {
    let mut children = Vec::new();
    for thread in files::numbers(&format!("/proc/{process}/task"))? {
        match children_of_thread(process, thread) {
            // A thread that has ended leaves its children to another one of the process.
            Err(Errno::ENOENT | Errno::ESRCH) => {}
            found => children.extend(found?),
        }
    }
    Ok(children)
}

fn children_of_thread(process: i32, thread: i32) -> Result<Vec<i32>, Errno> {
    let list = files::contents(&format!("/proc/{process}/task/{thread}/children"))?;
    Ok(list.split(|byte| *byte == b' ').filter_map(files::number).collect())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// How many looks there are when each finds something new, and fails, as it is told to.
    fn looks(longest: Duration, told: impl Fn(i32) -> (bool, bool)) -> i32 {
        let (mut looks, mut last) = (1.., 0);
        look_until_settled(longest, &mut |seen, _| {
            last = looks.next().unwrap();
            let (is_more, failed) = told(last);
            if is_more {
                assert!(is_new(seen, (last, 1, false)));
            }
            failed
        });
        last
    }

    #[test]
    fn the_looking_ends_with_a_look_that_finds_nothing_new() {
        assert_eq!(looks(LONG, |_| (false, false)), 1);
        assert_eq!(looks(LONG, |look| (look <= 1, false)), 2);
        assert_eq!(looks(LONG, |look| (look <= 5, false)), 6);
    }

    #[test]
    fn who_forks_without_end_is_looked_for_no_further() {
        assert_eq!(looks(LONG, |_| (true, false)), 16);
        assert_eq!(looks(Duration::ZERO, |_| (true, true)), 1);
    }

    #[test]
    fn what_could_not_be_read_is_looked_at_three_times() {
        assert_eq!(looks(LONG, |_| (false, true)), 3);
        assert_eq!(looks(LONG, |look| (false, look == 1)), 2);
        // What was found meanwhile does not count against it.
        assert_eq!(looks(LONG, |look| (look <= 3, true)), 4);
    }

    #[test]
    fn only_the_first_look_is_whole_however_long_it_takes() {
        let longest = Duration::from_millis(500);
        let mut looks = Vec::new();
        look_until_settled(longest, &mut |seen, give_up| {
            looks.push(give_up());
            while looks.len() == 2 && !give_up() {
                std::hint::spin_loop();
            }
            !is_new(seen, (7, 1, looks.len() == 2))
        });
        assert_eq!(looks, [false, false]);
    }

    #[test]
    fn a_process_is_new_once_and_once_more_when_it_has_ended() {
        let mut seen = Vec::new();
        for pid in [7, 5, 6] {
            assert!(is_new(&mut seen, (pid, 1, false)));
        }
        assert!(!is_new(&mut seen, (5, 1, false)));
        assert!(is_new(&mut seen, (5, 2, false)) && is_new(&mut seen, (5, 2, true)));
    }

    #[test]
    fn who_is_listed_as_a_child_and_is_none_is_passed_over() {
        let list = ChildList::new();
        let mut child = cat();
        let pid = i32::try_from(child.id()).unwrap();
        // It is this process's own, whoever it was listed for.
        let seen = look_at(pid, 1, &list).map(|(descendant, children)| (descendant.pid.as_raw(), children));
        assert_eq!(seen, Ok((pid, Vec::new())));
        let parent = nix::unistd::getppid().as_raw();
        assert_eq!(look_at(parent, pid, &list).err(), Some(Errno::ESRCH));
        child.wait().unwrap();
        assert!(look_at(pid, 1, &list).is_err());
    }

    #[test]
    fn who_got_the_pid_of_a_descendant_that_has_ended_gets_no_signal() {
        let [mut ended, mut other] = [cat(), cat()];
        let pid = |child: &Child| i32::try_from(child.id()).unwrap();
        let (descendant, _) = look_at(pid(&ended), getpid().as_raw(), &ChildList::new()).unwrap();
        assert_eq!(descendant.send(Signal::CONT), Ok(()));
        ended.wait().unwrap();
        let pid_taken_over = Descendant { pid: Pid::from_raw(pid(&other)), ..descendant };
        assert_eq!(pid_taken_over.send(Signal::KILL), Err(Errno::ESRCH));
        assert!(other.wait().unwrap().success());
    }

    #[test]
    fn the_children_of_every_thread_are_found() {
        let (own, parent) = (getpid().as_raw(), nix::unistd::getppid().as_raw());
        // The thread lives on while its child is looked for: else another thread inherits it.
        std::thread::spawn(move || {
            let mut child = cat();
            let pid = i32::try_from(child.id()).unwrap();
            assert!(children_of_all_threads(own).unwrap().contains(&pid));
            let list = ChildList::new();
            let children = |list: &ChildList| look_at(own, parent, list).unwrap().1;
            assert!(children(&list).contains(&pid));
            let whole = |processes: &[(i32, i32)]| ChildList::Whole(processes.to_vec());
            assert!(children(&whole(&[(1, 7), (i32::MAX, 8)])).is_empty());
            assert_eq!(children(&whole(&[(1, 7), (own, 8), (own, 9), (i32::MAX, 10)])), [8, 9]);
            child.wait().unwrap();
        })
        .join()
        .unwrap();
    }

    /// It ends when somebody waits for it, which closes its stdin.
    fn cat() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }
}
