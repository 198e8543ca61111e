//! A kernel with a few processes, as far as session-init sees it.

use crate::stat::Stat;

/// session-init itself, as a parent.
pub(super) const INIT: u8 = 100;
/// Somebody outside the PID namespace, as a parent.
pub(super) const OUTSIDE: u8 = 101;
/// COMMAND.
pub(super) const COMMAND: u8 = 0;
/// How many processes there may be in all.
pub(super) const MOST: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Life {
    Unborn,
    Runs,
    Stopped,
    /// It was killed, and will do nothing any more but end.
    Dies,
    Zombie,
    Reaped,
}

/// A process; its pid is its place, and pids are given away in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) life: Life,
    pub(super) parent: u8,
    pub(super) group: u8,
    /// How often it got the signal that asks for the end.
    pub(super) told: u8,
    /// It has left its group since.
    pub(super) has_moved: bool,
    /// It was there when the telling began, or it had ended by then.
    pub(super) was_there: bool,
    pub(super) had_ended: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    pub(super) processes: [Process; MOST],
    /// CHLD is pending, with the pid of the first of those that it stands for: further ones are lost.
    pub(super) child: Option<u8>,
    /// TERM is pending.
    pub(super) term: bool,
    /// So many real-time signals are queued.
    pub(super) queued: u8,
    /// How many signals may still come from elsewhere.
    pub(super) terms_to_come: u8,
    pub(super) queued_to_come: u8,
    /// How often somebody may still stop a process.
    pub(super) stops_to_come: u8,
}

/// What may happen between any two calls of session-init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Fork(u8),
    End(u8),
    Stop(u8),
    Continue(u8),
    /// For a process group or a session of its own.
    Leave(u8),
    /// Its parent, which is another than session-init, reaps it.
    IsReaped(u8),
    Term,
    Queued,
}

impl Kernel {
    pub(super) fn pids() -> impl Iterator<Item = u8> {
        (0_u8..).take(MOST)
    }

    pub(super) fn of(&self, pid: u8) -> &Process {
        &self.processes[usize::from(pid)]
    }

    pub(super) fn of_mut(&mut self, pid: u8) -> &mut Process {
        &mut self.processes[usize::from(pid)]
    }

    /// COMMAND, which leads a session, and maybe one that came in from outside.
    pub(super) fn with_command(is_entered: bool) -> Self {
        let process = |life, pid, parent| Process {
            life,
            parent,
            group: pid,
            told: 0,
            has_moved: false,
            was_there: false,
            had_ended: false,
        };
        let mut processes = [process(Life::Unborn, 0, INIT); MOST];
        processes[0] = process(Life::Runs, COMMAND, INIT);
        if is_entered {
            processes[1] = process(Life::Runs, 1, OUTSIDE);
        }
        Self { processes, child: None, term: false, queued: 0, terms_to_come: 0, queued_to_come: 0, stops_to_come: 0 }
    }

    pub(super) fn born(&self) -> u8 {
        let born = self.processes.iter().take_while(|process| process.life != Life::Unborn);
        u8::try_from(born.count()).unwrap_or(0)
    }

    /// All that may happen now.
    pub(super) fn happenings(&self) -> Vec<Happening> {
        let mut all = Vec::new();
        let has_room = usize::from(self.born()) < MOST;
        for pid in Self::pids() {
            let process = self.of(pid);
            match process.life {
                Life::Runs => {
                    all.push(Happening::End(pid));
                    if has_room {
                        all.push(Happening::Fork(pid));
                    }
                    if self.stops_to_come > 0 {
                        all.push(Happening::Stop(pid));
                    }
                    if process.group != pid {
                        all.push(Happening::Leave(pid));
                    }
                }
                Life::Stopped => all.push(Happening::Continue(pid)),
                Life::Dies => all.push(Happening::End(pid)),
                Life::Zombie if process.parent != INIT => all.push(Happening::IsReaped(pid)),
                Life::Unborn | Life::Zombie | Life::Reaped => {}
            }
        }
        if self.terms_to_come > 0 {
            all.push(Happening::Term);
        }
        if self.queued_to_come > 0 {
            all.push(Happening::Queued);
        }
        all
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fork(pid) => {
                let child = self.born();
                let group = self.of(pid).group;
                *self.of_mut(child) = Process {
                    life: Life::Runs,
                    parent: pid,
                    group,
                    told: 0,
                    has_moved: false,
                    was_there: false,
                    had_ended: false,
                };
            }
            Happening::End(pid) => self.end(pid),
            Happening::Stop(pid) => {
                self.stops_to_come -= 1;
                self.stop(pid);
            }
            Happening::Continue(pid) => self.continue_stopped(pid),
            Happening::Leave(pid) => {
                // session-init knows who was told by where they are, and takes one that has moved since for another.
                self.of_mut(pid).has_moved = self.of(pid).told > 0;
                self.of_mut(pid).group = pid;
            }
            Happening::IsReaped(pid) => self.of_mut(pid).life = Life::Reaped,
            Happening::Term => {
                self.terms_to_come -= 1;
                self.term = true;
            }
            Happening::Queued => {
                self.queued_to_come -= 1;
                self.queued += 1;
            }
        }
    }

    fn end(&mut self, pid: u8) {
        self.of_mut(pid).life = Life::Zombie;
        self.tell_parent(pid);
        for child in Self::pids() {
            let process = *self.of(child);
            if process.parent == pid && process.life != Life::Unborn && process.life != Life::Reaped {
                self.of_mut(child).parent = INIT;
                if process.life == Life::Zombie {
                    self.tell_parent(child);
                }
            }
        }
    }

    fn tell_parent(&mut self, pid: u8) {
        if self.of(pid).parent == INIT {
            self.child.get_or_insert(pid);
        }
    }

    pub(super) fn stop(&mut self, pid: u8) {
        if self.of(pid).life == Life::Runs {
            self.of_mut(pid).life = Life::Stopped;
            self.tell_parent(pid);
        }
    }

    pub(super) fn continue_stopped(&mut self, pid: u8) {
        if self.of(pid).life == Life::Stopped {
            self.of_mut(pid).life = Life::Runs;
            self.tell_parent(pid);
        }
    }

    pub(super) fn kill(&mut self, pid: u8) {
        if self.lives(pid) {
            self.of_mut(pid).life = Life::Dies;
        }
    }

    pub(super) fn tell(&mut self, pid: u8) {
        if self.lives(pid) {
            self.of_mut(pid).told += 1;
        }
    }

    /// Whether it is there and has not ended.
    pub(super) fn lives(&self, pid: u8) -> bool {
        matches!(self.of(pid).life, Life::Runs | Life::Stopped | Life::Dies)
    }

    /// Whether there is a trace of it.
    pub(super) fn exists(&self, pid: u8) -> bool {
        self.lives(pid) || self.of(pid).life == Life::Zombie
    }

    pub(super) fn children(&self, parent: u8) -> Vec<u8> {
        Self::pids().filter(|pid| self.exists(*pid) && self.of(*pid).parent == parent).collect()
    }

    /// What /proc says; COMMAND is 10 there.
    pub(super) fn stat(&self, pid: u8) -> Option<Stat> {
        let process = self.of(pid);
        self.exists(pid).then(|| Stat {
            name: String::new(),
            is_zombie: process.life == Life::Zombie,
            is_stopped: process.life == Life::Stopped,
            state: '?',
            parent: number(process.parent),
            group: number(process.group),
            threads: 1,
            session: number(process.group),
            started: 0,
        })
    }
}

/// The number of a process in /proc.
pub(super) fn number(pid: u8) -> i32 {
    i32::from(pid) + 10
}
