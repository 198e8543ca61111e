//! Children that ended: seeing them, and reaping them.
//!
//! `nix` cannot say that a real-time signal ended a process: its `waitpid` fails with EINVAL after it has consumed the
//! zombie. `waitid` also can look without reaping.

use std::mem::MaybeUninit;

use nix::unistd::Pid;

use super::{Errno, check};
use crate::exit::Ended;
use crate::signal::Signal;

/// What waitid(2) says about a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) state: State,
}

/// A child's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is a zombie.
    Ended(Ended, Core),
    /// This signal has stopped it.
    Stopped(Signal),
    /// It lives; a debugger's stop may hold it.
    Alive,
}

/// Whether a process that a signal ended has left a core file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    Dumped,
    None,
}

/// What there is to see among all children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// This one has news.
    Child(Child),
    /// No child has news.
    Nothing,
    /// There is no child left.
    NoChildren,
    /// Something kept the kernel from telling.
    Failed,
}

/// To look for what has ended, without reaping it.
const LOOK: libc::c_int = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG | libc::__WALL;

/// Looks for a child that has ended, without reaping it.
///
/// A process that asked to be traced by its parent and then stopped is seen too, whatever the options (ptrace(2)).
pub(crate) fn look() -> Seen {
    match waitid(libc::P_ALL, 0, LOOK) {
        Ok(Some(child)) => Seen::Child(child),
        Err(Errno::ECHILD) => Seen::NoChildren,
        Ok(None) => Seen::Nothing,
        Err(_) => Seen::Failed,
    }
}

/// Lets a child go on that has made this process its tracer and stopped for it, with the signal that it has stopped at, and
/// be traced no more. Answers with that signal.
///
/// Nobody else could (ptrace(2)), and [`look`] would see it again and again. A child that has ended in the meantime is left to
/// be seen.
pub(crate) fn let_go(pid: Pid) -> Option<Signal> {
    let child = wait_for(pid, libc::WSTOPPED | libc::WNOHANG | libc::__WALL).ok().flatten()?;
    let State::Stopped(signal) = child.state else { return None };
    detach(pid, signal);
    Some(signal)
}

/// Stops tracing a child whose stop at this signal has been taken note of.
#[cold]
fn detach(pid: Pid, signal: Signal) {
    // What exec sends to a process that is traced is for its tracer alone.
    let passed_on = if signal == Signal::TRAP { 0 } else { libc::c_long::from(signal.number()) };
    // SAFETY: the request takes a pid and a number of a signal, and no memory.
    let _ = unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_DETACH, pid.as_raw(), 0, passed_on) };
}

/// Reaps this child if it has ended. One that has stopped for this process as its tracer is let go on: the kernel tells of that
/// whatever one asks for, and only once.
pub(crate) fn reap(pid: Pid) -> Option<Child> {
    let child = wait_for(pid, libc::WEXITED | libc::WNOHANG | libc::__WALL).ok().flatten()?;
    if let State::Stopped(signal) = child.state {
        detach(pid, signal);
    }
    Some(child)
}

/// Whether there is a child, if only a zombie, in this process group.
pub(crate) fn has_child_in(group: Pid) -> bool {
    let Ok(id) = libc::id_t::try_from(group.as_raw()) else { return false };
    waitid(libc::P_PGID, id, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL).is_ok()
}

/// Waits for this child, which is about to end, and reaps it.
pub(crate) fn reap_when_ended(pid: Pid) {
    let _ = wait_for(pid, libc::WEXITED | libc::__WALL);
}

/// Whether this is a child that has not ended.
pub(super) fn is_living_child(pid: Pid) -> bool {
    wait_for(pid, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL) == Ok(None)
}

/// The signal that stopped this child, if it is stopped at this moment.
///
/// The kernel keeps the news of a stop until the child goes on or somebody takes note of it, and here nobody does.
pub(crate) fn stopped_by(pid: Pid) -> Option<Signal> {
    match wait_for(pid, libc::WSTOPPED | libc::WNOWAIT | libc::WNOHANG | libc::__WALL) {
        // As a job nobody stops by TRAP.
        Ok(Some(Child { state: State::Stopped(Signal::TRAP), .. })) => Some(Signal::STOP),
        Ok(Some(Child { state: State::Stopped(signal), .. })) => Some(signal),
        _ => None,
    }
}

/// Waits for this child alone.
fn wait_for(pid: Pid, options: libc::c_int) -> Result<Option<Child>, Errno> {
    let id = libc::id_t::try_from(pid.as_raw()).map_err(|_| Errno::ECHILD)?;
    waitid(libc::P_PID, id, options)
}

fn waitid(id_type: libc::idtype_t, id: libc::id_t, options: libc::c_int) -> Result<Option<Child>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the pointer is to a siginfo_t.
    let result = unsafe { libc::waitid(id_type, id, info.as_mut_ptr(), options) };
    check(result.into())?;
    // SAFETY: a siginfo_t of zero bytes is a valid one, and the call has filled it in, or left it at zero where no child
    // has news.
    let info = unsafe { info.assume_init() };
    // SAFETY: waitid(2) sets si_pid, or leaves it zero.
    let pid = unsafe { info.si_pid() };
    // SAFETY: waitid(2) sets si_status, or leaves it zero.
    let status = unsafe { info.si_status() };
    if pid == 0 {
        return Ok(None);
    }
    let signal = || u8::try_from(status).ok().and_then(Signal::new);
    let state = match info.si_code {
        libc::CLD_EXITED => State::Ended(Ended::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX)), Core::None),
        // gVisor says of every stop that a signal 127 has ended the child. A TRAP is let go on without a signal, which
        // is best where none is known.
        libc::CLD_KILLED => {
            signal().map_or(State::Stopped(Signal::TRAP), |signal| State::Ended(Ended::Signaled(signal), Core::None))
        }
        libc::CLD_DUMPED => State::Ended(Ended::Signaled(signal().unwrap_or(Signal::KILL)), Core::Dumped),
        libc::CLD_STOPPED | libc::CLD_TRAPPED => signal().map_or(State::Alive, State::Stopped),
        _ => State::Alive,
    };
    Ok(Some(Child { pid: Pid::from_raw(pid), state }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{self, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::sys::kill;

    /// What is to be seen of this child alone, as [`look`] sees it among all.
    fn seen(pid: Pid) -> Option<Child> {
        wait_for(pid, LOOK).unwrap()
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
    }

    fn cat() -> Command {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped());
        cat
    }

    /// Starts it; it ends when the first of the two is dropped.
    fn start(command: &mut Command) -> (process::Child, Pid) {
        let child = command.spawn().unwrap();
        let pid = child.id().try_into().unwrap();
        (child, Pid::from_raw(pid))
    }

    #[test]
    fn a_stop_is_there_to_be_seen_until_the_child_goes_on() {
        let (_child, pid) = start(&mut cat());
        assert_eq!(stopped_by(pid), None);
        kill::process(pid, Signal::STOP).unwrap();
        wait_until(|| stopped_by(pid).is_some());
        assert_eq!((stopped_by(pid), seen(pid), reap(pid)), (Some(Signal::STOP), None, None));
        kill::process(pid, Signal::CONT).unwrap();
        wait_until(|| stopped_by(pid).is_none());
        kill::process(pid, Signal::KILL).unwrap();
        wait_until(|| seen(pid).is_some());
        let ended = Some(Child { pid, state: State::Ended(Ended::Signaled(Signal::KILL), Core::None) });
        assert_eq!((seen(pid), reap(pid), reap(pid)), (ended, ended, None));
    }

    #[test]
    fn a_child_that_wants_to_be_traced_is_let_go_on() {
        let mut command = cat();
        let ask_to_be_traced = || {
            // SAFETY: the call sets a flag of the child alone.
            let _ = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
            Ok(())
        };
        // SAFETY: one system call is safe after a fork.
        let _ = unsafe { command.pre_exec(ask_to_be_traced) };
        let (_child, pid) = start(&mut command);
        // Its exec stops it.
        wait_until(|| seen(pid).is_some());
        assert_eq!(seen(pid), Some(Child { pid, state: State::Stopped(Signal::TRAP) }));
        assert_eq!((let_go(pid), let_go(pid), seen(pid)), (Some(Signal::TRAP), None, None));
        // It is traced no more, and gets what it is sent.
        kill::process(pid, Signal::TERM).unwrap();
        wait_until(|| seen(pid).is_some());
        assert_eq!(let_go(pid), None);
        let ended = Some(Child { pid, state: State::Ended(Ended::Signaled(Signal::TERM), Core::None) });
        assert_eq!((reap(pid), reap(pid)), (ended, None));
    }
}
