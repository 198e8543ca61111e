//! Every system call that session-init makes is failed, one at a time, with each error that its manual page allows.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{c_int, c_long};
use std::sync::Mutex;
use std::time::Duration;

use libc::{
    E2BIG, EACCES, EAGAIN, EBADF, EBUSY, EDQUOT, EFBIG, EINTR, EINVAL, EIO, EISDIR, ELIBBAD, ELOOP, EMFILE,
    ENAMETOOLONG, ENFILE, ENODEV, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENOSYS, ENOTDIR, ENOTTY, ENXIO, EOPNOTSUPP, EPERM,
    EPIPE, ESRCH, ETXTBSY,
};

use crate::ptrace;
use crate::report::{Item, Length, in_parallel};
use crate::roles::{SUBJECTS_STATUS, got};
use crate::support::Init;
use crate::support::process;
use crate::support::signal::{CONT, Signal, TERM, TSTP, USR1, USR2, rt};
use crate::support::sys::{self, WaitStatus};
use crate::support::time::holds_in_time;
use crate::tracer::{Driven, Who, trace};

/// The calls, and the errors that their manual pages name, with ENOSYS and EPERM where a seccomp profile may deny them.
///
/// Left out are the errors of a wrong argument (EFAULT, most of EINVAL), which say something about session-init and not
/// about the machine, and ECHILD of waitid, which is an answer.
const CALLS: &[(&str, c_long, &[c_int])] = &[
    #[cfg(target_arch = "x86_64")]
    ("access", libc::SYS_access, &[EACCES, EIO, ELOOP, ENOENT, ENOMEM]),
    ("brk", libc::SYS_brk, &[ENOMEM]),
    ("chdir", libc::SYS_chdir, &[EACCES, EIO, ELOOP, ENOENT, ENOMEM]),
    ("clock_gettime", libc::SYS_clock_gettime, &[EINVAL, ENOSYS, EPERM]),
    ("clone", libc::SYS_clone, &[EAGAIN, ENOMEM, ENOSPC, EPERM]),
    ("close", libc::SYS_close, &[EINTR, EIO]),
    ("close_range", libc::SYS_close_range, &[EMFILE, ENOMEM, ENOSYS, EPERM]),
    ("dup", libc::SYS_dup, &[EMFILE]),
    (
        "execve",
        libc::SYS_execve,
        &[
            E2BIG,
            EACCES,
            EAGAIN,
            EINVAL,
            EIO,
            EISDIR,
            ELIBBAD,
            ELOOP,
            EMFILE,
            ENAMETOOLONG,
            ENFILE,
            ENOENT,
            ENOEXEC,
            ENOMEM,
            ENOTDIR,
            EPERM,
            ETXTBSY,
        ],
    ),
    ("exit", libc::SYS_exit, &[]),
    ("exit_group", libc::SYS_exit_group, &[]),
    ("faccessat2", libc::SYS_faccessat2, &[EACCES, EIO, ELOOP, ENOENT, ENOMEM, ENOSYS, EPERM]),
    ("faccessat", libc::SYS_faccessat, &[EACCES, EIO, ELOOP, ENOENT, ENOMEM]),
    ("fcntl", libc::SYS_fcntl, &[EBADF, EMFILE, EAGAIN]),
    ("fstat", libc::SYS_fstat, &[ENOMEM, EIO]),
    ("getdents64", libc::SYS_getdents64, &[EIO, ENOENT, ENOMEM]),
    ("getegid", libc::SYS_getegid, &[]),
    ("geteuid", libc::SYS_geteuid, &[]),
    ("getgid", libc::SYS_getgid, &[]),
    ("getpgid", libc::SYS_getpgid, &[]),
    #[cfg(target_arch = "x86_64")]
    ("getpgrp", libc::SYS_getpgrp, &[]),
    ("getpid", libc::SYS_getpid, &[]),
    ("getppid", libc::SYS_getppid, &[]),
    ("getrandom", libc::SYS_getrandom, &[EAGAIN, EINTR, ENOSYS]),
    ("getsid", libc::SYS_getsid, &[EPERM, ESRCH]),
    ("gettid", libc::SYS_gettid, &[]),
    ("getuid", libc::SYS_getuid, &[]),
    ("ioctl", libc::SYS_ioctl, &[EIO, ENOTTY, EPERM, EINTR]),
    ("kill", libc::SYS_kill, &[EPERM, ESRCH]),
    ("lseek", libc::SYS_lseek, &[EINVAL]),
    ("mmap", libc::SYS_mmap, &[EAGAIN, ENOMEM]),
    ("mprotect", libc::SYS_mprotect, &[ENOMEM]),
    ("mremap", libc::SYS_mremap, &[EAGAIN, ENOMEM]),
    ("munmap", libc::SYS_munmap, &[ENOMEM]),
    ("newfstatat", libc::SYS_newfstatat, &[EACCES, ENOMEM, EIO]),
    #[cfg(target_arch = "x86_64")]
    ("open", libc::SYS_open, &[EACCES, EINTR, EIO, ELOOP, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENXIO, EPERM]),
    ("openat", libc::SYS_openat, &[EACCES, EINTR, EIO, ELOOP, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENXIO, EPERM]),
    ("pidfd_open", libc::SYS_pidfd_open, &[EMFILE, ENFILE, ENODEV, ENOMEM, ENOSYS, EPERM, ESRCH]),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, &[ENOSYS, EPERM, ESRCH]),
    #[cfg(target_arch = "x86_64")]
    ("poll", libc::SYS_poll, &[EINTR, ENOMEM]),
    ("ppoll", libc::SYS_ppoll, &[EINTR, ENOMEM]),
    ("prctl", libc::SYS_prctl, &[EINVAL, EPERM, ENOSYS]),
    ("prlimit64", libc::SYS_prlimit64, &[EPERM, ESRCH]),
    ("pwritev2", libc::SYS_pwritev2, &[EAGAIN, EDQUOT, EFBIG, EINTR, EIO, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM, EPIPE]),
    ("read", libc::SYS_read, &[EAGAIN, EINTR, EIO, EISDIR, ESRCH]),
    #[cfg(target_arch = "x86_64")]
    ("readlink", libc::SYS_readlink, &[EACCES, EINVAL, EIO, ENOENT, ENOMEM]),
    ("readlinkat", libc::SYS_readlinkat, &[EACCES, EINVAL, EIO, ENOENT, ENOMEM]),
    ("rt_sigaction", libc::SYS_rt_sigaction, &[EINVAL, EPERM]),
    ("rt_sigpending", libc::SYS_rt_sigpending, &[EPERM, ENOSYS]),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask, &[EPERM, ENOSYS]),
    ("rt_sigtimedwait", libc::SYS_rt_sigtimedwait, &[EAGAIN, EINTR, EINVAL]),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, &[EPERM, ESRCH]),
    ("dup2", libc::SYS_dup2, &[EBUSY, EINTR]),
    ("fchdir", libc::SYS_fchdir, &[EACCES, EIO, ENOENT]),
    ("sendto", libc::SYS_sendto, &[EAGAIN, EPIPE, EPERM]),
    ("setpgid", libc::SYS_setpgid, &[EACCES, EPERM, ESRCH]),
    ("setsid", libc::SYS_setsid, &[EPERM]),
    ("statx", libc::SYS_statx, &[EACCES, ELOOP, ENOENT, ENOMEM, ENOSYS, EPERM]),
    ("tgkill", libc::SYS_tgkill, &[EAGAIN, EPERM, ESRCH]),
    ("waitid", libc::SYS_waitid, &[EINTR, ENOSYS, EPERM]),
    ("write", libc::SYS_write, &[EAGAIN, EDQUOT, EFBIG, EINTR, EIO, ENOSPC, EPERM, EPIPE]),
];

fn name_of(call: c_long) -> &'static str {
    CALLS.iter().find(|(_, number, _)| *number == call).map_or("?", |(name, ..)| name)
}

/// A way through session-init.
struct Story {
    name: &'static str,
    init: fn(Init) -> Init,
    options: &'static str,
    command: &'static str,
    /// What the driver does between the signals and TERM.
    then: Then,
    status: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    /// TSTP, and CONT once COMMAND is stopped.
    StopAndContinue,
    /// COMMAND is no subject, and ends by itself.
    ByItself,
}

const KILLED: i32 = 128 + libc::SIGKILL;

const fn story(name: &'static str, options: &'static str, command: &'static str, status: i32) -> Story {
    Story { name, init: |init| init, options, command, then: Then::Nothing, status }
}

const STORIES: &[Story] = &[
    story("plain", "", "$ROLE subject", SUBJECTS_STATUS),
    Story { init: |init| init.as_pid_1(), ..story("PID 1", "-w", "$ROLE subject", SUBJECTS_STATUS) },
    story("-v", "-v -w -p USR1", "$ROLE subject", SUBJECTS_STATUS),
    Story {
        init: |init| init.with_pending([rt(9), USR1]),
        ..story("signals pending from before", "", "$ROLE subject", SUBJECTS_STATUS)
    },
    story("-c", "-c", "$ROLE subject", SUBJECTS_STATUS),
    story("--target session", "--target session", "$ROLE subject", SUBJECTS_STATUS),
    story("--target all --grace", "--target all --grace 10s", "$ROLE subject daemon", SUBJECTS_STATUS),
    Story {
        init: |init| init.as_pid_1(),
        ..story("--grace as PID 1", "--grace 10s", "$ROLE subject daemon", SUBJECTS_STATUS)
    },
    story("--grace passes", "-c --grace 60ms", "$ROLE subject deaf-daemon", SUBJECTS_STATUS),
    story("--kill-after", "--kill-after 60ms", "$ROLE subject deaf daemon", KILLED),
    Story {
        init: |init| init.as_pid_1(),
        ..story("--kill-after as PID 1", "--kill-after 60ms", "$ROLE subject deaf daemon", KILLED)
    },
    story("--linger", "--linger", "$ROLE subject short-daemon", SUBJECTS_STATUS),
    Story {
        init: |init| init.on_a_terminal(),
        ..story("a terminal to hand over", "-v", "$ROLE subject", SUBJECTS_STATUS)
    },
    Story { then: Then::StopAndContinue, ..story("TSTP and CONT", "", "$ROLE subject", SUBJECTS_STATUS) },
    Story { then: Then::ByItself, ..story("a script without #!", "", "$SCRIPT", 5) },
    story(
        "a stop in steps",
        "-r TERM:HUP@child/30ms/TERM/30ms/KILL@all --grace 10s",
        "$ROLE subject daemon",
        SUBJECTS_STATUS,
    ),
    story("--pre-stop", "--pre-stop true", "$ROLE subject", SUBJECTS_STATUS),
    Story {
        init: |init| init.as_pid_1(),
        ..story("--pre-stop as PID 1", "--pre-stop true --grace 10s", "$ROLE subject daemon", SUBJECTS_STATUS)
    },
];

/// The signals that each story's subject must get, in the order of their numbers. The last one tells that all have passed.
const SENT: [i32; 3] = [1, 2, 3];

fn sent() -> Vec<Signal> {
    [USR1, USR2].into_iter().chain(SENT.map(rt)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    who: Who,
    call: c_long,
    /// How many of the same calls succeed before.
    before: usize,
    errno: c_int,
}

/// How far the injected fault was from the start of COMMAND, if it was reached at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Never,
    Before,
    Afterwards,
}

const TIME: Duration = Duration::from_secs(30);
/// What is failed of each call: its first occurrences.
const MOST: usize = 20;

impl Story {
    fn start(&self) -> (Init, String) {
        let init = (self.init)(Init::new());
        let script = crate::support::scratch::new_path("script");
        if self.command == "$SCRIPT" {
            std::fs::write(&script, "exit 5\n").expect("a file in the scratch folder");
            std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its owner");
        }
        let command = self.command.replace("$SCRIPT", &script.display().to_string());
        (init, format!("{} -- {command}", self.options))
    }

    fn drive(&self, driven: &Driven<'_>) {
        if self.then == Then::ByItself {
            return;
        }
        if !driven.until(|| driven.has_said("ready"), || {}) {
            return;
        }
        for signal in sent() {
            driven.send(signal);
        }
        // Should the fault be that this one is lost, another will do.
        let last = rt(30);
        driven.send(last);
        driven.until(|| driven.has_said(&got(last)), || driven.send(last));
        if self.then == Then::StopAndContinue {
            let command = process::children(driven.run.pid()).first().map_or(0, |child| child.pid);
            let stopped = || process::state(command) == Some('T');
            driven.send(TSTP);
            // Should COMMAND not have got it, session-init has stopped all the same.
            let again = || {
                driven.send(CONT);
                driven.send(TSTP);
            };
            driven.until(stopped, again);
            driven.send(CONT);
            driven.until(|| !stopped(), || driven.send(CONT));
            // Once this one is through, session-init itself goes on.
            driven.send(rt(29));
            let again = || {
                driven.send(CONT);
                driven.send(rt(29));
            };
            driven.until(|| driven.has_said(&got(rt(29))), again);
        }
        driven.send(TERM);
        driven.until(|| false, || driven.send(TERM));
    }

    /// Runs it with this fault. The answer is what is wrong.
    fn run(&self, fault: Option<Fault>, mut seen: impl FnMut(Who, c_long)) -> (When, Vec<String>) {
        let (init, words) = self.start();
        let mut when = When::Never;
        let mut hook = |moment: crate::tracer::Moment| {
            if !moment.entry {
                return None;
            }
            seen(moment.who, moment.call);
            let fault = fault.filter(|fault| {
                when == When::Never && (fault.who, fault.call, fault.before) == (moment.who, moment.call, moment.before)
            })?;
            when = if moment.command.is_some() { When::Afterwards } else { When::Before };
            Some(fault.errno)
        };
        let (run, traced) = trace(init, &words, TIME, &mut hook, |driven| self.drive(driven));
        let ended = run.reaped(traced.status);
        let mut wrong = Vec::new();
        if let Some(tree) = &traced.hung {
            wrong.push(format!("hung: {tree}"));
        }
        let refused = when == When::Before && matches!(traced.status, WaitStatus::Exited(1 | 126 | 127));
        if refused {
            let errors = &ended.stderr;
            let is_clear = !errors.is_empty() && errors.lines().all(|line| line.starts_with("[session-init] "));
            let is_verbose = self.options.contains("-v");
            // A terminal has no stderr of its own.
            let on_a_terminal = self.name == "a terminal to hand over";
            if !(on_a_terminal || is_clear && (is_verbose || errors.lines().count() == 1)) {
                wrong.push(format!("was not refused in one line: {errors:?}"));
            }
        } else if traced.status != WaitStatus::Exited(self.status)
            && traced.hung.is_none()
            // A step that is lost is followed by the next one.
            && !(self.name == "a stop in steps"
                && traced.status == WaitStatus::Exited(KILLED)
                && fault.is_some_and(|fault| fault.call == libc::SYS_kill))
        {
            wrong.push(format!("ended with {:?} instead of {}: {:?}", traced.status, self.status, ended.stderr));
        }
        if traced.hung.is_none() && !refused && self.then != Then::ByItself {
            let mut lost: Vec<String> = sent()
                .into_iter()
                .filter(|signal| !ended.stdout.contains(&got(*signal)))
                .map(|signal| signal.to_string())
                .collect();
            let may_be_lost = fault.is_some_and(|fault| {
                [libc::SYS_kill, libc::SYS_pidfd_send_signal].contains(&fault.call) && when == When::Afterwards
            });
            if may_be_lost && lost.len() == 1 {
                lost.clear();
            }
            if !lost.is_empty() {
                wrong.push(format!("lost {}", lost.join(" ")));
            }
            for signal in sent().into_iter().filter(|signal| *signal >= rt(0)) {
                if ended.stdout.matches(&got(signal)).count() > 1 {
                    wrong.push(format!("{signal} came more than once"));
                }
            }
        }
        // As PID 1 it takes all others with it; else only a grace does.
        let subreaper = fault.is_some_and(|fault| fault.call == libc::SYS_prctl);
        let leaves =
            self.options.contains("grace") || self.options.contains("kill") || !self.command.contains("daemon");
        let killing_failed = fault.is_some_and(|fault| fault.call == libc::SYS_kill);
        if leaves && !subreaper && !killing_failed && !holds_in_time(|| ended.living().is_empty()) {
            wrong.push(format!("left {:?}", ended.living().into_iter().map(process::stat).collect::<Vec<_>>()));
        }
        let found = ended.stdout.lines().find(|line| line.starts_with("found ")).unwrap_or_default().to_owned();
        if !wrong.is_empty() && std::env::var_os("TORTURE_SHOW").is_some() {
            wrong.push(format!("stdout {:?} stderr {:?}", ended.stdout, ended.stderr));
        }
        let place = fault.is_some_and(|fault| [libc::SYS_setsid, libc::SYS_setpgid].contains(&fault.call));
        // A terminal that cannot be handed over is one that is shared.
        let place = place
            || self.name == "a terminal to hand over"
                && fault.is_some_and(|fault| [libc::SYS_ioctl, libc::SYS_getsid].contains(&fault.call));
        let expected = self.expected_find();
        if !refused && !place && !found.is_empty() && found != expected {
            wrong.push(format!("COMMAND {found} instead of {expected}"));
        }
        (when, wrong)
    }

    fn expected_find(&self) -> String {
        let blocked = if self.name == "signals pending from before" { "USR1 RTMIN+9" } else { "" };
        let place = if self.options.contains("-c") { "shared" } else { "own" };
        format!("found blocked {blocked}; ignored ; {place} session; {place} group")
    }

    fn needs_root(&self) -> bool {
        self.name.contains("PID 1")
    }
}

/// Fails everything that can be failed.
pub(crate) fn run(length: Length, item: &mut Item) {
    if !ptrace::CAN_FAIL {
        return item.skip("needs an x86-64 machine");
    }
    let only = std::env::var("TORTURE_STORY").ok();
    let stories = STORIES.iter().filter(|story| only.as_ref().is_none_or(|only| story.name == only));
    let stories: Vec<&Story> = stories.filter(|story| sys::is_root() || !story.needs_root()).collect();
    let calls = Mutex::new(BTreeSet::new());
    let mut work = Vec::new();
    for (index, story) in stories.iter().enumerate() {
        let mut counts: BTreeMap<(Who, c_long), usize> = BTreeMap::new();
        let (_, wrong) = story.run(None, |who, call| *counts.entry((who, call)).or_default() += 1);
        for wrong in wrong {
            item.fail(format!("{}, without a fault: {wrong}", story.name));
        }
        for (nth, ((who, call), count)) in counts.into_iter().enumerate() {
            let Some((_, _, errnos)) = CALLS.iter().find(|(_, number, _)| *number == call) else {
                item.fail(format!("{}: nothing is known of the system call {call}", story.name));
                continue;
            };
            for before in 0..count.min(MOST) {
                for (turn, errno) in errnos.iter().enumerate() {
                    // The short run takes one error of each call's first occurrence, another one in each story, and every
                    // other call, other ones in each story.
                    let is_next = before == 0 && turn == index % errnos.len() && (nth + index).is_multiple_of(2);
                    if length == Length::Long || is_next {
                        work.push((index, Fault { who, call, before, errno: *errno }));
                    }
                }
            }
        }
    }
    let reached = in_parallel(&work, item, |(index, fault)| {
        let story = stories[*index];
        let (when, wrong) = story.run(Some(*fault), |_, _| {});
        if when != When::Never {
            calls.lock().expect("no thread panics").insert(fault.call);
        }
        let wrong = wrong.into_iter().map(|wrong| {
            let (who, call) = (fault.who, name_of(fault.call));
            let error = std::io::Error::from_raw_os_error(fault.errno);
            format!("{}: {who:?}'s {call} #{} fails with {error} ({when:?}): {wrong}", story.name, fault.before + 1)
        });
        (usize::from(when != When::Never), wrong.collect())
    });
    let calls = calls.into_inner().expect("no thread panics").len();
    item.tried(format!("{reached} faults in {calls} system calls, in {} ways through session-init", stories.len()));
}
