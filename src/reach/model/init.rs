//! What session-init remembers, and what it has to do.

use super::kernel::{COMMAND, Kernel, number};
use crate::exit::Ended;
use crate::reach::scope::Scope;
use crate::rule::Target;
use crate::signal::Signal;
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
    pub(super) mind: Mind,
    pub(super) is_pid_1: bool,
    /// What comes next stands last.
    pub(super) to_do: Vec<Step>,
    /// `Lookout`: look at the children before the next signal.
    pub(super) looks: bool,
    pub(super) command_reaped: bool,
    /// `Reach::told`: who was told, and how many processes there had been by then.
    pub(super) told: Vec<(Target, u8)>,
    /// The deadline that is armed.
    pub(super) armed: Option<Deadline>,
    /// COMMAND has not been reaped when all are killed.
    pub(super) kills_command: bool,
    /// How COMMAND ended, where killing all has seen it.
    pub(super) killed_command: Option<Ended>,
    /// Who was born between a moment that was noted and the signal after it, and so got it unknown, a bit each.
    pub(super) between: u8,
    /// Who is to be told of the end, or killed.
    pub(super) leave_target: Target,
    pub(super) has_taken_leave: bool,
    /// The last look has found nobody new.
    pub(super) was_settled: bool,
    pub(super) passed_on: u8,
    /// The time for killing was not enough.
    pub(super) is_out_of_time: bool,
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
    /// `KillOrder::carry_out`: one `wait::look` of `reap_all`; `is_again` after a round of killing.
    ReapAll {
        is_again: bool,
    },
    ReapThenAll {
        pid: u8,
        is_again: bool,
    },
    /// `kill::everyone` or `kill::group` with KILL.
    Kill(Option<u8>),
    /// It waits for news of those that were killed, and may be done with waiting.
    AwaitKilled {
        is_again: bool,
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
    Arm(Deadline),
    KillAll,
    Finish(Ended),
}

/// One going through the processes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Each {
    pub(super) visit: Visit,
    pub(super) looks_left: u8,
    /// Who was seen, alive and as a zombie, a bit each.
    pub(super) seen: u16,
    pub(super) before: u16,
    /// Who is to be looked at, and whose child he was.
    pub(super) listed: Vec<(u8, u8)>,
    pub(super) at: At,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum At {
    List,
    /// `ChildList::children`; the `stat` before it only spares those who have ended that look.
    Children,
    /// `stat`, of a child of this one.
    Stat(u8, u8, Vec<u8>),
    /// What is done to one that is new.
    Visit(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Visit {
    Tell(Target),
    ContinueStopped(Target),
    KillGroups,
    Stop,
    Kill,
    Name,
}

pub(super) fn scope(target: Target) -> Scope {
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
            armed: None,
            kills_command: false,
            killed_command: None,
            between: 0,
            leave_target: Target::Group,
            has_taken_leave: false,
            was_settled: false,
            passed_on: 0,
            is_out_of_time: false,
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
    pub(super) fn begin_round(&mut self) {
        self.to_do.extend([Step::Wait, Step::Deadlines]);
        if self.looks {
            self.to_do.push(Step::Look);
        }
    }

    /// `Init::handle`.
    pub(super) fn handle(&mut self, event: Event, supervisor: &mut Supervisor) {
        supervisor.set_mind(&self.mind);
        let actions: Vec<Action> = supervisor.handle(event).iter().collect();
        self.mind = supervisor.mind();
        for action in actions.into_iter().rev() {
            self.to_do.push(Step::Act(match action {
                Action::Send(signal, target) => Act::Send(signal, target),
                Action::ContinueIfStopped(target) => Act::ContinueIfStopped(target),
                Action::TakeLeave(_, target) => Act::TakeLeave(target),
                Action::ReapCommand => Act::ReapCommand,
                Action::Arm(deadline, _) => Act::Arm(deadline),
                Action::KillAll(_) => Act::KillAll,
                Action::Finish(ended) => Act::Finish(ended),
                other => panic!("{other:?} does not come up here"),
            }));
        }
    }

    pub(super) fn each(&mut self, visit: Visit, looks: u8) {
        let each = Each { visit, looks_left: looks, seen: 0, before: 0, listed: Vec::new(), at: At::List };
        self.to_do.push(Step::Each(each));
    }
}
