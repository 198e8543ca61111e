//! What session-init does, one system call at a time.

use super::Scope;
use super::kernel::{COMMAND, INIT, Kernel, Life, OUTSIDE, number};
use crate::exit::Ended;
use crate::rule::Target;
use crate::signal::{Origin, Signal};
use crate::supervisor::proof::Mind;
use crate::supervisor::{Action, Deadline, Event, Supervisor};
use crate::sys::Pid;

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) kernel: Kernel,
    pub(super) init: Init,
}

/// session-init: what it remembers, and what it has to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not")]
pub(super) struct Init {
    mind: Mind,
    is_pid_1: bool,
    /// What comes next stands last.
    pub(super) to_do: Vec<Step>,
    /// `Lookout`: look at the children before the next signal.
    looks: bool,
    pub(super) command_reaped: bool,
    /// `Reach::told`: who was told, and how many processes there had been by then.
    told: Vec<(Target, u8)>,
    is_armed: bool,
    /// How COMMAND ended, where killing all has seen it.
    killed_command: Option<Ended>,
    /// Who was born between a moment that was noted and the signal after it, and so got it unknown, a bit each.
    between: u8,
    leave_target: Target,
    pub(super) has_taken_leave: bool,
    /// The last look has found nobody new.
    pub(super) was_settled: bool,
    pub(super) passed_on: u8,
    /// Who is named as left, a bit each.
    pub(super) left: u8,
    pub(super) finished: Option<Ended>,
}

/// A system call, or what leads to some.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// `Init::look_at_children`: one `wait::look`.
    Look,
    /// `Reach::reap_orphan`.
    Reap(u8),
    /// `Deadlines::passed`.
    Deadlines,
    /// `Init::wait`.
    Wait,
    /// `Init::handle`: one action.
    Act(Act),
    /// `Reach::note`, and `Moment::now` before it.
    Note(Target),
    /// `kill::group`, or `kill::process`, with a signal that is not the one for the end.
    PassOn,
    /// `kill::group` with COMMAND's group, or `kill::everyone`.
    Tell(Target),
    /// `Reach::take_leave`, after COMMAND is reaped: one `wait::look` of `Reach::reap_orphans`.
    ReapOrphans {
        has_told: bool,
    },
    ReapThenOrphans {
        pid: u8,
        has_told: bool,
    },
    LeaveIsTaken,
    /// `descendants::for_each`.
    Each(Each),
    /// `KillOrder::carry_out`: one `wait::look` of `reap_all`; `rounds` are those of killing.
    ReapAll {
        rounds: u8,
    },
    ReapThenAll {
        pid: u8,
        rounds: u8,
    },
    /// `kill::everyone` or `kill::group` with KILL.
    Kill(Option<u8>),
    /// It waits for news of those that were killed, and may be done with waiting.
    AwaitKilled {
        rounds: u8,
    },
    Killed,
    ReapCommand,
    Finish(Ended),
}

/// Those of the actions that come up here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Send(Signal, Target),
    ContinueIfStopped(Target),
    TakeLeave(Target),
    ReapCommand,
    Arm,
    KillAll,
    Finish(Ended),
}

/// One going through the processes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Each {
    visit: Visit,
    looks_left: u8,
    /// Who was seen, alive and as a zombie, a bit each.
    seen: u16,
    before: u16,
    /// Who is to be looked at, and whose child he was.
    listed: Vec<(u8, u8)>,
    at: At,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum At {
    List,
    /// `ChildList::children`; the `stat` before it only spares those who have ended that look.
    Children,
    /// `stat`, of a child of this one.
    Stat(u8, u8, Vec<u8>),
    /// What is done to one that is new.
    Visit(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Visit {
    Tell(Target),
    ContinueStopped(Target),
    KillGroups,
    Stop,
    Kill,
    Name,
}

fn scope(target: Target) -> Scope {
    let group = (target == Target::Group).then(|| Pid::from_raw(number(COMMAND)));
    Scope { group, ..Scope::default() }
}

impl Init {
    pub(super) fn new(mind: Mind, is_pid_1: bool) -> Self {
        Self {
            mind,
            is_pid_1,
            to_do: vec![Step::Wait, Step::Deadlines, Step::Look],
            looks: true,
            command_reaped: false,
            told: Vec::new(),
            is_armed: false,
            killed_command: None,
            between: 0,
            leave_target: Target::Group,
            has_taken_leave: false,
            was_settled: false,
            passed_on: 0,
            left: 0,
            finished: None,
        }
    }

    pub(super) fn is_between(&self, pid: u8) -> bool {
        self.between & 1 << pid != 0
    }

    pub(super) fn leave_scope(&self) -> Scope {
        scope(self.leave_target)
    }

    /// `Init::supervise`: one round.
    fn begin_round(&mut self) {
        self.to_do.extend([Step::Wait, Step::Deadlines]);
        if self.looks {
            self.to_do.push(Step::Look);
        }
    }

    /// `Init::handle`.
    fn handle(&mut self, event: Event, supervisor: &mut Supervisor) {
        supervisor.set_mind(&self.mind);
        let actions: Vec<Action> = supervisor.handle(event).iter().collect();
        self.mind = supervisor.mind();
        for action in actions.into_iter().rev() {
            self.to_do.push(Step::Act(match action {
                Action::Send(signal, target) => Act::Send(signal, target),
                Action::ContinueIfStopped(target) => Act::ContinueIfStopped(target),
                Action::TakeLeave(_, target) => Act::TakeLeave(target),
                Action::ReapCommand => Act::ReapCommand,
                Action::Arm(..) => Act::Arm,
                Action::KillAll(_) => Act::KillAll,
                Action::Finish(ended) => Act::Finish(ended),
                other => panic!("{other:?} does not come up here"),
            }));
        }
    }

    fn each(&mut self, visit: Visit, looks: u8) {
        let each = Each { visit, looks_left: looks, seen: 0, before: 0, listed: Vec::new(), at: At::List };
        self.to_do.push(Step::Each(each));
    }
}

/// How often to look: `TELLING` and `LOOKING`, of which the latter is 16 and never used up by three.
const TELLING: u8 = 3;
const LOOKING: u8 = 4;
/// After so many rounds of killing it may be over with the time for it.
const ROUNDS: u8 = 2;

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
            Step::Deadlines => !self.init.is_armed,
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
                if next.init.is_armed {
                    // It may have passed, or not yet.
                    let mut passed = next.clone();
                    passed.init.is_armed = false;
                    passed.init.handle(Event::Passed(Deadline::Grace), supervisor);
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
            Step::ReapAll { rounds } => return next.reap_all(rounds),
            Step::ReapThenAll { pid, rounds } => {
                if pid == COMMAND {
                    next.init.killed_command = Some(Ended::Exited(0));
                }
                next.reap(pid);
                next.init.to_do.push(Step::ReapAll { rounds });
            }
            Step::Kill(group) => {
                for pid in Kernel::pids() {
                    let is_meant = group.is_none_or(|group| next.kernel.of(pid).group == group);
                    if is_meant {
                        next.kernel.kill(pid);
                    }
                }
            }
            Step::AwaitKilled { rounds } => return next.await_killed(rounds),
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
        if all.is_empty() && (self.init.looks || self.init.is_armed) {
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
            Act::Arm => self.init.is_armed = true,
            Act::KillAll => {
                self.init.is_armed = false;
                self.init.command_reaped = true;
                self.init.to_do.extend([Step::Killed, Step::ReapAll { rounds: 0 }]);
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
            self.init.to_do.push(Step::Tell(target));
        }
    }

    /// The rest of it, once nothing more is to be reaped.
    fn reap_orphans(mut self, has_told: bool) -> Vec<Self> {
        let ended = self.ended_children();
        if !ended.is_empty() {
            let reap = |pid| {
                let mut next = self.clone();
                next.init.to_do.push(Step::ReapThenOrphans { pid, has_told });
                next
            };
            return ended.into_iter().map(reap).collect();
        }
        if self.kernel.children(INIT).is_empty() && !self.somebody_is_left() {
            return vec![self];
        }
        self.init.to_do.push(Step::LeaveIsTaken);
        let target = self.init.leave_target;
        self.init.each(Visit::Tell(target), TELLING);
        if has_told {
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

    fn was_told(&self, pid: u8) -> bool {
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

    /// `look_until_settled`, `look_at_descendants` and `look_at`, or `look_at_everybody`.
    fn go_on(&mut self, mut each: Each) {
        match each.at.clone() {
            At::List => {
                let count = each.seen;
                each.looks_left -= 1;
                each.before = count;
                each.listed = if self.init.is_pid_1 {
                    Kernel::pids().filter(|pid| self.kernel.exists(*pid)).map(|pid| (pid, OUTSIDE)).collect()
                } else {
                    self.kernel.children(INIT).into_iter().map(|pid| (pid, INIT)).collect()
                };
                each.listed.reverse();
                each.at = At::Children;
            }
            At::Children => {
                let Some((pid, parent)) = each.listed.pop() else { return self.end_look(each) };
                match self.kernel.stat(pid) {
                    None => {}
                    Some(stat) if stat.is_zombie || self.init.is_pid_1 => self.see(&mut each, pid),
                    Some(_) => each.at = At::Stat(pid, parent, self.kernel.children(pid)),
                }
            }
            At::Stat(pid, parent, children) => {
                each.at = At::Children;
                let is_descendant = [parent, INIT].contains(&self.kernel.of(pid).parent);
                if self.kernel.exists(pid) && is_descendant {
                    each.listed.extend(children.into_iter().rev().map(|child| (child, pid)));
                    self.see(&mut each, pid);
                }
            }
            At::Visit(pid) => {
                each.at = At::Children;
                self.visit(each.visit, pid);
            }
        }
        self.init.to_do.push(Step::Each(each));
    }

    fn end_look(&mut self, mut each: Each) {
        let is_settled = each.seen == each.before;
        if each.looks_left > 0 && !is_settled {
            each.at = At::List;
            self.init.to_do.push(Step::Each(each));
        } else {
            self.init.was_settled = is_settled;
        }
    }

    fn see(&self, each: &mut Each, pid: u8) {
        let is_zombie = self.kernel.of(pid).life == Life::Zombie;
        let bit = 1_u16 << (2 * u16::from(pid) + u16::from(is_zombie));
        let is_new = each.seen & bit == 0;
        each.seen |= bit;
        // What the stat says now decides what is done, but for zombies.
        each.at = if is_new && !is_zombie && self.is_visited(each.visit, pid) { At::Visit(pid) } else { At::Children };
    }

    fn is_visited(&self, visit: Visit, pid: u8) -> bool {
        let holds = |target: Target| self.kernel.stat(pid).is_some_and(|stat| scope(target).holds(&stat));
        match visit {
            Visit::Tell(target) => holds(target) && !self.was_told(pid),
            Visit::ContinueStopped(target) => holds(target) && self.kernel.of(pid).life == Life::Stopped,
            Visit::KillGroups | Visit::Stop | Visit::Kill | Visit::Name => true,
        }
    }

    fn visit(&mut self, visit: Visit, pid: u8) {
        match visit {
            Visit::Tell(_) => self.kernel.tell(pid),
            Visit::ContinueStopped(_) => self.kernel.continue_stopped(pid),
            Visit::KillGroups => {
                let group = self.kernel.of(pid).group;
                self.init.to_do.push(Step::Kill(Some(group)));
            }
            Visit::Stop => self.kernel.stop(pid),
            Visit::Kill => self.kernel.kill(pid),
            Visit::Name => self.init.left |= 1 << pid,
        }
    }

    /// `KillOrder::reap_all`, and what `carry_out` does after it.
    fn reap_all(mut self, rounds: u8) -> Vec<Self> {
        let ended = self.ended_children();
        if !ended.is_empty() {
            let reap = |pid| {
                let mut next = self.clone();
                next.init.to_do.push(Step::ReapThenAll { pid, rounds });
                next
            };
            return ended.into_iter().map(reap).collect();
        }
        if !self.kernel.children(INIT).is_empty() || self.somebody_is_left() {
            self.init.to_do.push(Step::AwaitKilled { rounds });
        }
        vec![self]
    }

    /// The wait for CHLD in `carry_out`, and the next round of `kill_once` where there is no news; before the first round
    /// there is no wait.
    fn await_killed(mut self, rounds: u8) -> Vec<Self> {
        if rounds > 0 && self.kernel.child.take().is_some() {
            self.init.to_do.push(Step::ReapAll { rounds });
            return vec![self];
        }
        let mut all = Vec::new();
        if rounds >= ROUNDS {
            // The time is over. Who lives is named.
            let mut late = self.clone();
            late.init.left = 0;
            late.init.each(Visit::Name, LOOKING);
            all.push(late);
        }
        let next_round = (rounds + 1).min(ROUNDS);
        self.init.to_do.push(Step::ReapAll { rounds: next_round });
        if self.init.is_pid_1 {
            self.init.to_do.push(Step::Kill(None));
        } else {
            self.init.each(Visit::Kill, LOOKING);
            self.init.each(Visit::Stop, LOOKING);
            self.init.each(Visit::KillGroups, LOOKING);
        }
        all.push(self);
        all
    }
}
