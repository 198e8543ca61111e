//! The processes that session-init answers for, found through /proc: its descendants, and as PID 1 whoever else is in its
//! PID namespace.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::unistd::{Pid, getpgid, getpid, getsid};

use super::procfs::{ChildList, children_of_all_threads, stat};
use super::sightings::Seen;
use super::{Errno, check, files, kill, wait};
use crate::signal::Signal;
use crate::stat::Stat;

/// A process that session-init answered for when it was looked at.
#[derive(Debug)]
pub(crate) struct Descendant {
    pub(crate) pid: Pid,
    pub(crate) stat: Box<Stat>,
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

/// How long to look for processes, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) longest: Duration,
    pub(crate) most_looks: usize,
}

/// Looks at every process once, until a look at all finds nothing new: what is looked at may have forked in the meantime, and
/// its children may have come to be session-init's own.
///
/// `visit` is called once for each process, parents before their children, and once more for one that has ended since: what
/// is a zombie may be the last trace of a group that lives. After the first look, which is always a whole one, the looking
/// ends at its limits, or when it was in vain too often: somebody may fork without end, and nobody reaps meanwhile.
pub(crate) fn for_each(limits: Limits, visit: &mut dyn FnMut(&Descendant)) {
    if getpid().as_raw() == 1 {
        look_until_settled(limits, &mut |seen, give_up| look_at_everybody(seen, give_up, visit));
    } else {
        look_until_settled(limits, &mut |seen, give_up| look_at_descendants(seen, give_up, visit));
    }
}

/// One look with its `visit`, or what takes its place in a test.
type Look<'a> = dyn FnMut(&mut Seen, &dyn Fn() -> bool) -> bool + 'a;

fn look_until_settled(limits: Limits, look: &mut Look<'_>) {
    /// What the kernel could not tell once it may tell the next time; what it never tells is not worth more.
    const MOST_FAILURES: usize = 3;
    let start = Instant::now();
    let mut seen = Seen::default();
    let mut failed = look(&mut seen, &|| false);
    let mut failures = usize::from(failed);
    let mut before = 0;
    for _ in 1..limits.most_looks {
        let is_settled = seen.count == before && !(failed && failures < MOST_FAILURES);
        if is_settled || start.elapsed() >= limits.longest {
            break;
        }
        before = seen.count;
        failed = look(&mut seen, &|| start.elapsed() >= limits.longest);
        failures = failures.saturating_add(failed.into());
    }
}

/// One pass over all that PID 1 answers for: every process there is, and its own children, which /proc may hide.
fn look_at_everybody(seen: &mut Seen, give_up: &dyn Fn() -> bool, visit: &mut dyn FnMut(&Descendant)) -> bool {
    let own = getpid().as_raw();
    let Ok(mut listed) = files::numbers(c"/proc") else { return true };
    listed.extend(ChildList::ByParent.children(own).unwrap_or_default());
    let mut failed = false;
    for pid in listed {
        if give_up() {
            break;
        }
        if pid == own {
            continue;
        }
        match stat_of_maybe_hidden(pid) {
            Ok(stat) => {
                let Stat { started, is_zombie, .. } = *stat;
                if seen.add((pid, started, is_zombie)) {
                    // Whoever has the pid, it is one that PID 1 answers for.
                    visit(&Descendant { pid: Pid::from_raw(pid), stat, handle: None });
                }
            }
            Err(Errno::ENOENT | Errno::ESRCH) => {}
            Err(_) => failed = true,
        }
    }
    failed
}

/// One pass over the descendants, until it is to be given up. Answers whether something could not be read, so that somebody
/// may have been missed.
fn look_at_descendants(seen: &mut Seen, give_up: &dyn Fn() -> bool, visit: &mut dyn FnMut(&Descendant)) -> bool {
    let list = ChildList::new();
    let own = getpid().as_raw();
    let Ok(children) = list.children(own) else { return true };
    let mut listed = Vec::new();
    let add = |listed: &mut Vec<(i32, i32)>, children: &[i32], parent| {
        // The eldest comes last, to be looked at first.
        for child in children.iter().rev() {
            listed.push((*child, parent));
        }
    };
    add(&mut listed, &children, own);
    let mut failed = false;
    while let Some((pid, parent)) = listed.pop() {
        if give_up() {
            return failed;
        }
        match look_at(pid, parent, &list) {
            Ok((descendant, children)) => {
                let Stat { started, is_zombie, .. } = *descendant.stat;
                if seen.add((pid, started, is_zombie)) {
                    visit(&descendant);
                }
                add(&mut listed, &children, pid);
            }
            // Such a one may be hidden and never show; it is new only once.
            Err(Errno::ENOENT | Errno::ESRCH) => drop(seen.add((pid, 0, true))),
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
    let stat = stat_of_maybe_hidden(pid)?;
    if stat.is_zombie {
        let zombie = Descendant { pid: Pid::from_raw(pid), stat, handle: None };
        return if is_descendant(&zombie.stat) { Ok((zombie, Vec::new())) } else { Err(Errno::ESRCH) };
    }
    // The handle first: if the pid is given to another process before its stat is read, the parent is another too, and if
    // after it, the handle is that of the process that has ended.
    let handle = open_handle(pid);
    // Then the children: if it lives when its stat is read, none of them had been given to somebody else before.
    let mut children = match list.children(pid) {
        Err(Errno::ENOENT) if stat.started == 0 => Vec::new(),
        children => children?,
    };
    let mut stat = stat_of_maybe_hidden(pid)?;
    if stat.threads > 1 && list.is_by_parent() {
        children = children_of_all_threads(pid)?;
        stat = stat_of_maybe_hidden(pid)?;
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

/// What is known of a process. Where /proc hides those of other users (`hidepid`), little is known of a child: that it lives,
/// and where.
fn stat_of_maybe_hidden(pid: i32) -> Result<Box<Stat>, Errno> {
    match stat(pid) {
        Err(error @ (Errno::ENOENT | Errno::ESRCH)) => {
            let id = Pid::from_raw(pid);
            if !wait::is_living_child(id) {
                return Err(error);
            }
            let number = |id: Result<Pid, Errno>| id.map_or(0, Pid::as_raw);
            Ok(Box::new(Stat {
                name: "?".to_owned(),
                is_zombie: false,
                is_stopped: wait::stopped_by(id).is_some(),
                state: '?',
                parent: getpid().as_raw(),
                group: number(getpgid(Some(id))),
                threads: 1,
                session: number(getsid(Some(id))),
                started: 0,
            }))
        }
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn limits(longest: Duration) -> Limits {
        Limits { longest, most_looks: 16 }
    }

    /// How many looks there are when each finds something new, and fails, as it is told to.
    fn looks(limits: Limits, told: impl Fn(i32) -> (bool, bool)) -> i32 {
        let (mut looks, mut last) = (1.., 0);
        look_until_settled(limits, &mut |seen, _| {
            last = looks.next().unwrap();
            let (is_more, failed) = told(last);
            if is_more {
                assert!(seen.add((last, 1, false)));
            }
            failed
        });
        last
    }

    #[test]
    fn the_looking_ends_with_a_look_that_finds_nothing_new() {
        assert_eq!(looks(limits(LONG), |_| (false, false)), 1);
        assert_eq!(looks(limits(LONG), |look| (look <= 1, false)), 2);
        assert_eq!(looks(limits(LONG), |look| (look <= 5, false)), 6);
    }

    #[test]
    fn who_forks_without_end_is_looked_for_no_further() {
        assert_eq!(looks(limits(LONG), |_| (true, false)), 16);
        assert_eq!(looks(Limits { most_looks: 3, ..limits(LONG) }, |_| (true, false)), 3);
        assert_eq!(looks(limits(Duration::ZERO), |_| (true, true)), 1);
    }

    #[test]
    fn what_could_not_be_read_is_looked_at_three_times() {
        assert_eq!(looks(limits(LONG), |_| (false, true)), 3);
        assert_eq!(looks(limits(LONG), |look| (false, look == 1)), 2);
        // What was found meanwhile does not count against it.
        assert_eq!(looks(limits(LONG), |look| (look <= 3, true)), 4);
    }

    #[test]
    fn only_the_first_look_is_whole_however_long_it_takes() {
        let mut looks = Vec::new();
        look_until_settled(limits(Duration::from_millis(500)), &mut |seen, give_up| {
            looks.push(give_up());
            while looks.len() == 2 && !give_up() {
                std::hint::spin_loop();
            }
            !seen.add((7, 1, looks.len() == 2))
        });
        assert_eq!(looks, [false, false]);
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

    /// It ends when somebody waits for it, which closes its stdin.
    fn cat() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }
}
