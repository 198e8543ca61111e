//! Killing everything, and reaping it.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use super::scope::{Scope, send_to_each};
use crate::exit::Ended;
use crate::route::Place;
use crate::signal::Signal;
use crate::sys::descendants::{self, Limits};
use crate::sys::signals::SignalSet;
use crate::sys::wait::{Child, Seen, State};
use crate::sys::{Pid, kill, process, procfs, signals, wait};

/// How long killed processes may take to end; the kernel cannot end one that waits for a dead disk or network.
const KILLING: Duration = Duration::from_secs(2);
/// After so long without news of a killed process, session-init looks once more for some that were missed.
const QUIET: Duration = Duration::from_millis(20);
/// How long to look for processes to kill, before those that ended are reaped and the rest is looked for again.
const LOOKING: Limits = Limits { longest: Duration::from_millis(500), most_looks: 16 };

/// What came of killing everything.
pub(crate) struct Killed {
    /// How COMMAND ended, if it had not been reaped before.
    pub(crate) command: Option<Ended>,
    /// Who was there, and is no more.
    pub(crate) gone: Vec<(Pid, String)>,
    /// Who is still there.
    pub(crate) left: Vec<(Pid, String)>,
    /// Nobody is left. Where this is false, `left` may be empty all the same: /proc may not say who it is.
    pub(crate) is_over: bool,
}

/// What is known of what is to be killed.
pub(super) struct KillOrder {
    /// COMMAND, if it has not been reaped.
    pub(super) command: Option<Pid>,
    pub(super) place: Place,
    /// COMMAND is the first child; every other descendant comes from it.
    pub(super) is_first: bool,
}

impl KillOrder {
    /// Kills everything and reaps it.
    pub(super) fn carry_out(mut self) -> Killed {
        // Where somebody forks without end there are thousands of zombies, and to look at each of them takes long.
        let mut command = None;
        if self.reap_all(&mut command) {
            return Killed { command, gone: Vec::new(), left: Vec::new(), is_over: true };
        }
        let mut killed = living();
        let start = Instant::now();
        while start.elapsed() < KILLING {
            self.kill_once();
            loop {
                if self.reap_all(&mut command) {
                    return Killed { command, gone: killed, left: Vec::new(), is_over: true };
                }
                let child = SignalSet::of(&[Signal::CHLD]);
                let news = signals::wait(child, Some(QUIET)).ok().flatten();
                if news.is_none() || start.elapsed() >= KILLING {
                    break;
                }
            }
        }
        let left = living();
        killed.retain(|(pid, _)| !left.iter().any(|(other, _)| other == pid));
        Killed { command, gone: killed, left, is_over: false }
    }

    fn kill_once(&self) {
        if process::is_pid_1() {
            let _ = kill::everyone(Signal::KILL);
            return;
        }
        // To ask once more changes nothing, and tells whether it can be.
        if process::become_subreaper().is_err() && procfs::is_usable() {
            kill_upwards();
        }
        if let Some(command) = self.command {
            let kill = if self.place == Place::Own { kill::group } else { kill::process };
            let _ = kill(command, Signal::KILL);
        }
        if procfs::is_usable() {
            self.kill_groups();
            // What is stopped cannot fork away from the signal that ends it.
            let _ = send_to_each(Signal::STOP, Scope::default(), LOOKING);
            let _ = send_to_each(Signal::KILL, Scope::default(), LOOKING);
        }
    }

    /// Kills the process groups of descendants, since none of a group can fork away from a signal to all of it.
    ///
    /// Only those in other sessions than session-init's own: such a session was made by a descendant, if every descendant
    /// comes from COMMAND, and whoever is in it comes from that one. One that forks itself away all the time shows by the zombies
    /// that it leaves; their group cannot be another one before they are reaped, which only their parent can do.
    fn kill_groups(&self) {
        let Some(own) = process::own_session() else { return };
        if !self.is_first {
            return;
        }
        let mut killed: Vec<i32> = Vec::new();
        let init = process::own_pid().as_raw();
        descendants::for_each(LOOKING, &mut |one| {
            if one.stat.session != own.as_raw()
                && (!one.stat.is_zombie || one.stat.parent == init)
                && let Err(place) = killed.binary_search(&one.stat.group)
            {
                killed.insert(place, one.stat.group);
                let _ = kill::group(Pid::from_raw(one.stat.group), Signal::KILL);
            }
        });
    }

    /// Reaps all that has ended, and answers whether nothing is left.
    fn reap_all(&mut self, command: &mut Option<Ended>) -> bool {
        /// Beyond that, whoever leaves the zombies is to be killed first.
        const MOST: usize = 10_000;
        for _ in 0..MOST {
            match wait::look() {
                Seen::Child(Child { pid, state: State::Ended(ended, _) }) => {
                    if self.command == Some(pid) {
                        self.command = None;
                        *command = Some(ended);
                    }
                    let _ = wait::reap(pid);
                }
                Seen::Child(Child { pid, .. }) => drop(wait::let_go(pid)),
                Seen::Nothing | Seen::Failed => return false,
                // Who came in from outside is nobody's child here.
                Seen::NoChildren => return !(process::is_pid_1() && kill::somebody_is_left()),
            }
        }
        false
    }
}

/// Stops all, and kills children before their parents. Where session-init is no subreaper (gVisor), whoever loses the
/// parent is PID 1's, and no descendant any more. Children have the higher numbers, unless those have been used up.
#[cold]
fn kill_upwards() {
    let _ = send_to_each(Signal::STOP, Scope::default(), LOOKING);
    for (pid, _) in living().iter().rev() {
        let _ = kill::process(*pid, Signal::KILL);
    }
}

/// The living processes and their names, where /proc tells, in the order of their pids.
fn living() -> Vec<(Pid, String)> {
    let mut living: Vec<(Pid, String)> = Vec::new();
    if procfs::is_usable() {
        descendants::for_each(LOOKING, &mut |one| {
            if !one.stat.is_zombie {
                // It mostly is the last place.
                let place = living.partition_point(|(pid, _)| *pid < one.pid);
                living.insert(place, (one.pid, one.stat.name.clone()));
            }
        });
    }
    living
}
