//! Reaching the processes that a [`Target`] stands for, and leaving none of them.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{Pid, getpid, getsid};

use crate::exit::Ended;
use crate::log::Log;
use crate::route::Target;
use crate::signal::Signal;
use crate::supervisor::Mode;
use crate::sys::signals::SignalSet;
use crate::sys::wait::{Child, Seen, State};
use crate::sys::{describe, kill, procfs, signals, wait};

/// How long killed processes may take to end; the kernel cannot end one that waits for a dead disk or network.
const KILLING: Duration = Duration::from_secs(2);
/// After so long without news of a killed process, session-init looks once more for some that were missed.
const QUIET: Duration = Duration::from_millis(20);

/// How long to look for processes that have not been told of a signal. Large trees on a busy machine take a while.
const TELLING: Duration = Duration::from_secs(5);
/// How long to look for processes to kill, before those that ended are reaped and the rest is looked for again.
const LOOKING: Duration = Duration::from_millis(500);

/// COMMAND and everything that comes from it.
pub(crate) struct Reach<'log> {
    command: Pid,
    mode: Mode,
    /// The session that COMMAND is in.
    session: Pid,
    is_pid_1: bool,
    /// COMMAND is the first child; every other descendant comes from it.
    is_first: bool,
    command_reaped: bool,
    log: &'log Log,
    /// The targets of which it was said already that they may not be signalled.
    denied: Vec<Target>,
}

/// What came of sending a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    To(Reached),
    /// There is no such process any more.
    Gone(Reached),
    Denied(Reached),
}

/// Whom a signal was meant to reach, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Process(Pid),
    Group(Pid),
    Session(Pid, usize),
    Descendants(usize),
    Everybody,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "process {pid}"),
            Self::Group(pid) => write!(f, "group {pid}"),
            Self::Session(pid, count) => write!(f, "session {pid} ({count} processes)"),
            Self::Descendants(count) => write!(f, "all {count} descendants"),
            Self::Everybody => f.write_str("all processes"),
        }
    }
}

impl<'log> Reach<'log> {
    pub(crate) fn new(command: Pid, mode: Mode, is_pid_1: bool, is_first: bool, log: &'log Log) -> Self {
        let session = if mode == Mode::Session { command } else { getsid(None).unwrap_or(command) };
        Self { command, mode, session, is_pid_1, is_first, command_reaped: false, log, denied: Vec::new() }
    }

    pub(crate) fn command(&self) -> Pid {
        self.command
    }

    pub(crate) fn command_reaped(&self) -> bool {
        self.command_reaped
    }

    pub(crate) fn reap_command(&mut self) {
        let _ = wait::reap(self.command);
        self.command_reaped = true;
    }

    /// The signal that stopped COMMAND, if it is stopped at this moment.
    pub(crate) fn command_stopped_by(&self) -> Option<Signal> {
        if self.command_reaped { None } else { wait::stopped_by(self.command) }
    }

    /// Sends the signal. What may not be signalled is reported, once for each target.
    pub(crate) fn send(&mut self, signal: Signal, target: Target) -> Sent {
        let (result, reached) = self.try_to_send(signal, target);
        match result {
            Ok(()) => Sent::To(reached),
            Err(Errno::ESRCH) => Sent::Gone(reached),
            Err(Errno::EPERM) if target == Target::Group && self.group_has_ended() => Sent::Gone(reached),
            Err(error) => {
                if !self.denied.contains(&target) {
                    self.denied.push(target);
                    self.log.say(format_args!("cannot send {signal} to {reached}: {}", describe(error)));
                }
                Sent::Denied(reached)
            }
        }
    }

    /// Whether nobody lives in COMMAND's group. A COMMAND that ended as another user is a zombie that may not be signalled.
    fn group_has_ended(&self) -> bool {
        let mut ended = procfs::is_usable();
        procfs::for_each_descendant(TELLING, &mut |one| {
            ended &= one.stat.is_zombie || one.stat.group != self.command.as_raw();
        });
        ended
    }

    fn try_to_send(&self, signal: Signal, target: Target) -> (Result<(), Errno>, Reached) {
        let command = self.command;
        match target {
            Target::All if self.is_pid_1 => (kill::everyone(signal), Reached::Everybody),
            Target::Session if procfs::is_usable() => {
                let (result, count) = send_to_descendants(signal, Some(self.session), TELLING);
                (result, Reached::Session(self.session, count))
            }
            Target::All if procfs::is_usable() => {
                let (result, count) = send_to_descendants(signal, None, TELLING);
                (result, Reached::Descendants(count))
            }
            // A reaped pid may be anybody's.
            _ if self.command_reaped => (Err(Errno::ESRCH), Reached::Process(command)),
            Target::Child => (kill::process(command, signal), Reached::Process(command)),
            // Nothing is known of the others where /proc is missing.
            Target::Group | Target::Session | Target::All if self.mode.has_own_group() => {
                (kill::group(command, signal), Reached::Group(command))
            }
            Target::Group | Target::Session | Target::All => {
                (kill::process(command, signal), Reached::Process(command))
            }
        }
    }

    /// Kills everything and reaps it. The answer is how COMMAND ended, if it had not been reaped before, and who was killed.
    pub(crate) fn kill_all(&mut self) -> (Option<Ended>, Vec<(Pid, String)>) {
        // Where somebody forks without end there are thousands of zombies, and to look at each of them takes long.
        let mut ended = match self.reap_all() {
            Reaped::Everything(command) => return (command, Vec::new()),
            Reaped::Some(command) => command,
        };
        let killed = living();
        let start = Instant::now();
        while start.elapsed() < KILLING {
            self.kill_once();
            loop {
                match self.reap_all() {
                    Reaped::Everything(command) => return (ended.or(command), killed),
                    Reaped::Some(command) => ended = ended.or(command),
                }
                let child = SignalSet::of(&[Signal::CHLD]);
                if signals::wait(child, Some(QUIET)).is_none() || start.elapsed() >= KILLING {
                    break;
                }
            }
        }
        let left = living();
        if left.is_empty() {
            self.log.say(format_args!("some processes could not be killed"));
        } else {
            self.log.say(format_args!("{} could not be killed: {}", Count(left.len()), Names(&left)));
        }
        (ended, killed)
    }

    fn kill_once(&self) {
        if self.is_pid_1 {
            let _ = kill::everyone(Signal::KILL);
            return;
        }
        if !self.command_reaped {
            let kill = if self.mode.has_own_group() { kill::group } else { kill::process };
            let _ = kill(self.command, Signal::KILL);
        }
        if procfs::is_usable() {
            self.kill_groups();
            // What is stopped cannot fork away from the signal that ends it.
            let _ = send_to_descendants(Signal::STOP, None, LOOKING);
            let _ = send_to_descendants(Signal::KILL, None, LOOKING);
        }
    }

    /// Kills the process groups of descendants, since none of a group can fork away from a signal to all of it.
    ///
    /// Only those in other sessions than session-init's own: such a session was made by a descendant, if every descendant
    /// comes from COMMAND, and whoever is in it comes from that one. One that forks itself away all the time shows by the zombies
    /// that it leaves; their group cannot be another one before they are reaped, which only their parent can do.
    fn kill_groups(&self) {
        let Ok(own) = getsid(None) else { return };
        if !self.is_first {
            return;
        }
        let mut killed: Vec<i32> = Vec::new();
        let init = getpid().as_raw();
        procfs::for_each_descendant(LOOKING, &mut |one| {
            if one.stat.session != own.as_raw()
                && (!one.stat.is_zombie || one.stat.parent == init)
                && let Err(place) = killed.binary_search(&one.stat.group)
            {
                killed.insert(place, one.stat.group);
                let _ = kill::group(Pid::from_raw(one.stat.group), Signal::KILL);
            }
        });
    }

    fn reap_all(&mut self) -> Reaped {
        /// Beyond that, whoever leaves the zombies is to be killed first.
        const MOST: usize = 10_000;
        let mut command = None;
        for _ in 0..MOST {
            match wait::look() {
                Seen::Child(Child { pid, state: State::Ended(ended) }) => {
                    if pid == self.command && !self.command_reaped {
                        self.command_reaped = true;
                        command = Some(ended);
                    }
                    let _ = wait::reap(pid);
                }
                Seen::Child(Child { pid, .. }) => wait::note_stop(pid),
                Seen::Nothing | Seen::Failed => return Reaped::Some(command),
                Seen::NoChildren => return Reaped::Everything(command),
            }
        }
        Reaped::Some(command)
    }
}

/// The living descendants and their names, where /proc tells.
fn living() -> Vec<(Pid, String)> {
    let mut living = Vec::new();
    if procfs::is_usable() {
        procfs::for_each_descendant(LOOKING, &mut |one| {
            if !one.stat.is_zombie {
                living.push((one.pid, one.stat.name.clone()));
            }
        });
    }
    living.sort_unstable_by_key(|(pid, _)| *pid);
    living
}

/// What [`Reach::reap_all`] left, and how COMMAND ended if it was among what was reaped.
enum Reaped {
    Everything(Option<Ended>),
    Some(Option<Ended>),
}

/// Sends a signal to every descendant, or to those in one session, and counts them.
fn send_to_descendants(signal: Signal, session: Option<Pid>, longest: Duration) -> (Result<(), Errno>, usize) {
    let (mut count, mut result) = (0_usize, Err(Errno::ESRCH));
    procfs::for_each_descendant(longest, &mut |descendant| {
        let in_session = session.is_none_or(|session| descendant.stat.session == session.as_raw());
        if descendant.stat.is_zombie || !in_session {
            return;
        }
        match descendant.send(signal) {
            Ok(()) => count = count.saturating_add(1),
            Err(Errno::ESRCH) => return,
            Err(error) => result = Err(error),
        }
        // One that may not be signalled is worth telling, however many others were.
        if result == Err(Errno::ESRCH) {
            result = Ok(());
        }
    });
    (result, count)
}

/// `1 process`, `2 processes`.
pub(crate) struct Count(pub(crate) usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} process{}", self.0, if self.0 == 1 { "" } else { "es" })
    }
}

/// `17 (sleep), 21 (node)`.
pub(crate) struct Names<'list>(pub(crate) &'list [(Pid, String)]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (pid, name)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{pid} ({name})")?;
        }
        Ok(())
    }
}
