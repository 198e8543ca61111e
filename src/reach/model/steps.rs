//! What session-init does, one system call at a time.

use super::init::{Act, At, Step, Visit, World, scope};
use super::kernel::{COMMAND, INIT, Kernel, Life};
use crate::exit::Ended;
use crate::rule::Target;
use crate::signal::{Origin, Signal};
use crate::supervisor::{Event, Supervisor};

/// How often to look: `TELLING` and `LOOKING`, of which the latter is 16 and never used up by three.
const TELLING: u8 = 3;
const LOOKING: u8 = 3;

impl World {
    /// Whether session-init waits, without end, and no signal is pending.
    pub(super) fn is_asleep(&self) -> bool {
        let Kernel { child, term, queued, .. } = self.kernel;
        let has_signal = child.is_some() || term || queued > 0;
        self.init.to_do.last() == Some(&Step::Wait) && !self.init.looks && !has_signal
    }

    fn somebody_is_left(&self) -> bool {
        self.init.is_pid_1 && Kernel::pids().any(|pid| self.kernel.exists(pid))
    }

    fn ended_children(&self) -> Vec<u8> {
        let mut children = self.kernel.children(INIT);
        children.retain(|pid| self.kernel.of(*pid).life == Life::Zombie);
        children
    }

    /// What the next call of session-init can lead to, and what follows from that without another.
    pub(super) fn step(&self, supervisor: &mut Supervisor) -> Vec<Self> {
        let mut next = self.step_once(supervisor);
        for world in &mut next {
            while world.init.to_do.last().is_some_and(|step| world.is_no_call(step))
                && let [after] = world.step_once(supervisor).as_mut_slice()
            {
                std::mem::swap(world, after);
            }
        }
        next
    }

    /// Whether a step looks at nothing that others could change.
    fn is_no_call(&self, step: &Step) -> bool {
        match step {
            Step::Act(act) => !matches!(act, Act::ContinueIfStopped(_) | Act::TakeLeave(_)),
            Step::Deadlines => self.init.armed.is_none(),
            Step::Each(each) => each.at == At::Children && each.listed.is_empty(),
            Step::Killed | Step::Finish(_) | Step::PassOn => true,
            _ => false,
        }
    }

    fn step_once(&self, supervisor: &mut Supervisor) -> Vec<Self> {
        let mut next = self.clone();
        let Some(step) = next.init.to_do.pop() else { return Vec::new() };
        match step {
            Step::Look => return next.look(supervisor),
            Step::Wait => return self.wait(supervisor),
            Step::Deadlines => {
                if let Some(deadline) = next.init.armed {
                    // It may have passed, or not yet.
                    let mut passed = next.clone();
                    passed.init.armed = None;
                    passed.init.handle(Event::Passed(deadline), supervisor);
                    return vec![next, passed];
                }
            }
            Step::Reap(pid) => next.reap(pid),
            Step::Act(act) => next.act(act),
            Step::Note(target) => next.note(target),
            Step::PassOn => next.init.passed_on += 1,
            Step::Tell(target) => next.tell(target),
            Step::ReapOrphans { has_told } => return next.reap_orphans(has_told),
            Step::ReapThenOrphans { pid, has_told } => {
                next.reap(pid);
                next.init.to_do.push(Step::ReapOrphans { has_told });
            }
            Step::LeaveIsTaken => {
                next.note(next.init.leave_target);
                next.init.has_taken_leave = true;
            }
            Step::Each(each) => next.go_on(each),
            Step::ReapAll { is_again } => return next.reap_all(is_again),
            Step::ReapThenAll { pid, is_again } => {
                if pid == COMMAND {
                    next.init.kills_command = false;
                    next.init.killed_command = Some(Ended::Exited(0));
                }
                next.reap(pid);
                next.init.to_do.push(Step::ReapAll { is_again });
            }
            Step::Kill(group) => {
                for pid in Kernel::pids() {
                    let is_meant = group.is_none_or(|group| next.kernel.of(pid).group == group);
                    if is_meant {
                        next.kernel.kill(pid);
                    }
                }
            }
            Step::AwaitKilled { is_again } => return next.await_killed(is_again),
            Step::Killed => {
                let ended = next.init.killed_command;
                next.init.handle(Event::AllKilled(ended), supervisor);
            }
            Step::ReapCommand => {
                next.reap(COMMAND);
                next.init.command_reaped = true;
            }
            Step::Finish(ended) => {
                next.init.to_do.clear();
                next.init.finished = Some(ended);
            }
        }
        vec![next]
    }

    fn reap(&mut self, pid: u8) {
        if self.kernel.of(pid).life == Life::Zombie && self.kernel.of(pid).parent == INIT {
            self.kernel.of_mut(pid).life = Life::Reaped;
        }
    }

    /// `Init::look_at_children`. Which of several is seen first is the kernel's choice.
    fn look(mut self, supervisor: &mut Supervisor) -> Vec<Self> {
        self.init.looks = true;
        let ended = self.ended_children();
        if ended.is_empty() {
            let has_children = !self.kernel.children(INIT).is_empty();
            if has_children || !self.init.command_reaped {
                self.init.looks = false;
            } else if !self.somebody_is_left() {
                self.init.handle(Event::NothingLeft(None), supervisor);
            }
            return vec![self];
        }
        let see = |pid: u8| {
            let mut next = self.clone();
            if pid == COMMAND && !next.init.command_reaped {
                next.init.handle(Event::CommandEnded(Ended::Exited(0)), supervisor);
            } else {
                next.init.to_do.extend([Step::Look, Step::Reap(pid)]);
            }
            next
        };
        ended.into_iter().map(see).collect()
    }

    /// `Init::wait` and `Queue::next`: any signal that is pending may be the next.
    fn wait(&self, supervisor: &mut Supervisor) -> Vec<Self> {
        let mut all = Vec::new();
        let mut woken = self.clone();
        woken.init.to_do.pop();
        if let Some(child) = self.kernel.child {
            let mut next = woken.clone();
            next.kernel.child = None;
            next.init.looks = true;
            next.init.begin_round();
            // The child that the signal names is reaped before the first look.
            if child != COMMAND || next.init.command_reaped {
                next.init.to_do.push(Step::Reap(child));
            }
            all.push(next);
        }
        for (is_pending, signal) in [(self.kernel.term, Signal::TERM), (self.kernel.queued > 0, Signal::USR1)] {
            if is_pending {
                let mut next = woken.clone();
                if signal == Signal::TERM {
                    next.kernel.term = false;
                } else {
                    next.kernel.queued -= 1;
                }
                next.init.begin_round();
                next.init.handle(Event::Signal(signal, Origin::Process(0)), supervisor);
                all.push(next);
            }
        }
        if all.is_empty() && (self.init.looks || self.init.armed.is_some()) {
            woken.init.begin_round();
            all.push(woken);
        }
        all
    }

    fn act(&mut self, act: Act) {
        match act {
            // After the end it is a new one, and for everybody.
            Act::Send(Signal::TERM, _) if self.init.has_taken_leave => {}
            Act::Send(Signal::TERM, target) => {
                self.init.to_do.extend([Step::Tell(target), Step::Note(target)]);
            }
            Act::Send(..) => self.init.to_do.push(Step::PassOn),
            Act::ContinueIfStopped(target) => {
                if self.kernel.of(COMMAND).life == Life::Stopped {
                    self.init.each(Visit::ContinueStopped(target), TELLING);
                }
            }
            Act::TakeLeave(target) => self.take_leave(target),
            Act::ReapCommand => self.init.to_do.push(Step::ReapCommand),
            Act::Arm(deadline) => self.init.armed = Some(deadline),
            Act::KillAll => {
                self.init.armed = None;
                self.init.leave_target = Target::All;
                self.init.kills_command = !self.init.command_reaped;
                self.init.command_reaped = true;
                self.init.to_do.extend([Step::Killed, Step::ReapAll { is_again: false }]);
            }
            Act::Finish(ended) => {
                self.init.to_do.push(Step::Finish(ended));
                if !self.init.command_reaped {
                    self.init.to_do.push(Step::ReapCommand);
                }
            }
        }
    }

    /// `Reach::take_leave`.
    fn take_leave(&mut self, target: Target) {
        self.init.leave_target = target;
        for pid in Kernel::pids() {
            let (lives, is_zombie) = (self.kernel.lives(pid), self.kernel.of(pid).life == Life::Zombie);
            self.kernel.of_mut(pid).was_there = lives;
            self.kernel.of_mut(pid).had_ended = is_zombie && self.kernel.of(pid).parent == INIT;
        }
        // All at once, where nobody is to be left out.
        let has_told = self.init.told.is_empty() && (target == Target::Group || self.init.is_pid_1);
        self.init.to_do.extend([Step::ReapOrphans { has_told }, Step::ReapCommand]);
        if has_told {
            if target == Target::All {
                self.init.to_do.push(Step::Note(target));
            }
            self.init.to_do.push(Step::Tell(target));
        }
    }

    /// A world for each of these processes, with a step for it to be taken first.
    fn for_each(&self, processes: Vec<u8>, step: impl Fn(u8) -> Step) -> Vec<Self> {
        let with = |pid| {
            let mut next = self.clone();
            next.init.to_do.push(step(pid));
            next
        };
        processes.into_iter().map(with).collect()
    }

    /// The rest of it, once nothing more is to be reaped.
    fn reap_orphans(mut self, has_told: bool) -> Vec<Self> {
        let ended = self.ended_children();
        if !ended.is_empty() {
            return self.for_each(ended, |pid| Step::ReapThenOrphans { pid, has_told });
        }
        if self.kernel.children(INIT).is_empty() && !self.somebody_is_left() {
            return vec![self];
        }
        self.init.to_do.push(Step::LeaveIsTaken);
        let target = self.init.leave_target;
        self.init.each(Visit::Tell(target), TELLING);
        if has_told && target != Target::All {
            self.init.to_do.push(Step::Note(target));
        }
        vec![self]
    }

    fn note(&mut self, target: Target) {
        let target = if target == Target::All { Target::All } else { Target::Group };
        self.init.told.retain(|(known, _)| *known != target);
        let born = self.kernel.born();
        self.init.told.push((target, born));
    }

    pub(super) fn was_told(&self, pid: u8) -> bool {
        let stat = self.kernel.stat(pid);
        let holds = |target: Target| stat.as_ref().is_some_and(|stat| scope(target).holds(stat));
        self.init.told.iter().any(|(target, born)| holds(*target) && pid < *born)
    }

    fn tell(&mut self, target: Target) {
        for pid in Kernel::pids() {
            if self.kernel.stat(pid).is_some_and(|stat| scope(target).holds(&stat)) {
                // Who was born since the moment that was noted is not known to have got it.
                let is_known = self.init.told.last().is_none_or(|(_, born)| pid < *born);
                self.init.between |= u8::from(!is_known) << pid;
                self.kernel.tell(pid);
            }
        }
    }

    /// `KillOrder::reap_all`, and what `carry_out` does after it.
    fn reap_all(mut self, is_again: bool) -> Vec<Self> {
        let ended = self.ended_children();
        if !ended.is_empty() {
            return self.for_each(ended, |pid| Step::ReapThenAll { pid, is_again });
        }
        if !self.kernel.children(INIT).is_empty() || self.somebody_is_left() {
            self.init.to_do.push(Step::AwaitKilled { is_again });
        }
        vec![self]
    }

    /// The wait for CHLD in `carry_out`, and the next round of `kill_once` where there is no news; before the first
    /// round there is no wait.
    fn await_killed(mut self, is_again: bool) -> Vec<Self> {
        if is_again && self.kernel.child.take().is_some() {
            self.init.to_do.push(Step::ReapAll { is_again });
            return vec![self];
        }
        let mut all = Vec::new();
        if is_again {
            // The time for it may be over now. Who lives is named.
            let mut late = self.clone();
            late.init.is_out_of_time = true;
            late.init.each(Visit::Name, LOOKING);
            all.push(late);
        }
        self.init.to_do.push(Step::ReapAll { is_again: true });
        if self.init.is_pid_1 {
            self.init.to_do.push(Step::Kill(None));
        } else {
            self.init.each(Visit::Kill, LOOKING);
            self.init.each(Visit::Stop, LOOKING);
            self.init.each(Visit::KillGroups, LOOKING);
            if self.init.kills_command {
                self.init.to_do.push(Step::Kill(Some(COMMAND)));
            }
        }
        all.push(self);
        all
    }
}
