//! What the specification promises, in its words, and how it shows in one turn.

use super::world::{Owed, PreStop, Turn, asks};
use crate::exit::Ended;
use crate::period::Period;
use crate::route::{Place, Route};
use crate::rule::Target;
use crate::signal::Signal;
use crate::supervisor::{Action, Deadline, Event, Stops};

pub(super) type Promise = (&'static str, fn(&Turn<'_>) -> bool);

/// Sections 3 to 5, as far as the supervisor keeps them. Each is "if and only if": what is not promised is not done.
pub(super) const PROMISES: &[Promise] = &[
    // 3. Forwarding
    ("Every signal is forwarded; the table decides signal and target.", is_sent_to_its_target),
    ("The same signal is not delivered a second time; nobody gets it again.", is_sent_to_those_who_have_not_got_it),
    ("Followed by CONT, so that it can act; nobody gets a CONT who is not stopped.", wakes_who_is_to_act),
    ("At a wait the rest is put off. The same signal again ends the wait at once.", waits_between_steps),
    ("KILL@all kills as the end of a grace does; at D, SIGKILL to all; nobody was killed before D.", kills_in_time),
    ("The first TERM, INT or QUIT that is forwarded starts it, and so does a TERM that a rule drops.", starts_pre_stop),
    ("What would be sent on waits until it has ended, or the same signal comes again.", keeps_what_waits),
    // 3 and 4. Stopping
    ("session-init stops itself too, except as PID 1; not before COMMAND has.", stops_with_command),
    (
        "A COMMAND that any process has stopped stops session-init too, so that its shell has its prompt.",
        follows_a_stop,
    ),
    ("CONT resumes both.", continues_with_command),
    ("A COMMAND that a signal ended leaves the terminal's modes as it found them.", restores_the_terminal),
    // 5. The end
    ("The rest of its group then gets SIGTERM, or the first signal that the table turns TERM into.", takes_leave),
    ("Without a clock session-init exits at once; with one the moment nothing is left.", ends_in_time),
    ("COMMAND's exit status is session-init's.", reports_commands_end),
    ("--grace D, once COMMAND has ended.", arms_grace),
    ("--kill-after D counts from the first TERM, INT or QUIT.", arms_kill_after),
    ("A deadline is agreed on once, and taken back only where it is armed.", arms_once),
    ("Nothing that is owed stands behind what ends an answer.", loses_nothing),
];

fn lives(turn: &Turn<'_>) -> bool {
    turn.before.end.is_none()
}

/// What is owed, up to KILL for all.
fn owed<'turn>(turn: &'turn Turn<'_>) -> &'turn [Owed] {
    let kill = turn.owed.iter().position(is_kill_all).unwrap_or(turn.owed.len());
    &turn.owed[..kill]
}

fn is_kill_all(owed: &Owed) -> bool {
    (owed.sent, owed.target) == (Signal::KILL, Target::All)
}

/// Whether the terminal or a member of the group has sent it to everybody in session-init's group.
fn is_there_already(turn: &Turn<'_>, owed: &Owed) -> bool {
    owed.sent == owed.cause.signal && turn.is_everybodys(owed.cause)
}

/// PID 1 cannot be stopped, and neither does it stop who has left the group.
fn is_for_nobody(turn: &Turn<'_>, owed: &Owed) -> bool {
    is_there_already(turn, owed) && owed.sent.is_job_control() && turn.settings.stops == Stops::Never
}

/// Whether it is what COMMAND's end has told everybody already; who sends it after that means everybody again.
fn was_told(turn: &Turn<'_>, owed: &Owed) -> bool {
    !lives(turn) && !owed.is_late && owed.sent == turn.settings.table.farewell()
}

/// Whether a CONT that has continued the whole job goes only to who is still stopped.
fn is_only_for_stopped(turn: &Turn<'_>, owed: &Owed) -> bool {
    let is_job = matches!(turn.event, Event::Resumed(_)) && turn.settings.place == Place::Shared;
    is_job && owed.sent == Signal::CONT && !was_told(turn, owed)
}

fn is_sent_to_its_target(turn: &Turn<'_>) -> bool {
    let sent = turn.actions.iter().filter_map(|action| match *action {
        Action::Send(sent, target) | Action::SendOutside(sent, target) | Action::SendToOthers(sent, target) => {
            Some((sent, target))
        }
        _ => None,
    });
    let owed = owed(turn).iter().filter(|owed| !is_for_nobody(turn, owed) && !is_only_for_stopped(turn, owed));
    sent.eq(owed.map(|owed| (owed.sent, owed.target)))
}

fn is_sent_to_those_who_have_not_got_it(turn: &Turn<'_>) -> bool {
    let mut sent = turn
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Send(..) | Action::SendOutside(..) | Action::SendToOthers(..)));
    let mut owed = owed(turn).iter().filter(|owed| !is_for_nobody(turn, owed) && !is_only_for_stopped(turn, owed));
    owed.all(|owed| {
        let expected = if is_there_already(turn, owed) {
            Action::SendOutside(owed.sent, owed.target)
        } else if was_told(turn, owed) {
            Action::SendToOthers(owed.sent, owed.target)
        } else {
            Action::Send(owed.sent, owed.target)
        };
        sent.next() == Some(&expected)
    })
}

fn wakes_who_is_to_act(turn: &Turn<'_>) -> bool {
    let ends = |signal| asks(signal) || signal == Signal::HUP;
    let stops = |signal: Signal| signal.is_job_control() || signal == Signal::STOP;
    let wakes = |owed: &&Owed| lives(turn) && (ends(owed.sent) || ends(owed.cause.signal)) && !stops(owed.sent);
    let mut woken = owed(turn).iter().filter(wakes);
    let mut before = None;
    let all_owed = turn.actions.iter().all(|action| {
        let last = before.replace(action);
        match action {
            Action::ContinueIfStopped(target) => {
                let sent = match last {
                    Some(Action::Send(sent, target) | Action::SendOutside(sent, target)) => Some((*sent, *target)),
                    _ => None,
                };
                woken.next().is_some_and(|owed| *target == owed.target && sent == Some((owed.sent, owed.target)))
            }
            _ => true,
        }
    });
    all_owed && woken.next().is_none()
}

fn waits_between_steps(turn: &Turn<'_>) -> bool {
    let is_step = |action: &&Action| matches!(action, Action::Arm(Deadline::Step(_), _));
    let begins = turn.actions.iter().copied().filter(|action| is_step(&action));
    let begins = begins.eq(turn.waits.iter().copied());
    let ends = turn.actions.iter().filter_map(|action| match action {
        Action::Disarm(deadline) => Some(*deadline),
        _ => None,
    });
    let came_again =
        turn.causes.iter().filter(|cause| cause.origin.is_some()).map(|cause| Deadline::Step(cause.signal));
    let ends = ends.eq(came_again.filter(|deadline| turn.before.armed.contains(deadline)));
    // What comes after KILL for all does not matter.
    turn.kills() || begins && ends
}

fn kills_in_time(turn: &Turn<'_>) -> bool {
    let by_rule = turn.owed.iter().find(|owed| is_kill_all(owed)).map(|owed| Deadline::Step(owed.cause.signal));
    let by_clock = match turn.event {
        Event::Passed(deadline @ (Deadline::Grace | Deadline::KillAfter)) => Some(deadline),
        _ => None,
    };
    let killed = turn.actions.iter().find_map(|action| match action {
        Action::KillAll(deadline) => Some(*deadline),
        _ => None,
    });
    killed == by_clock.or(by_rule)
}

fn starts_pre_stop(turn: &Turn<'_>) -> bool {
    let started = turn.actions.iter().filter_map(|action| match action {
        Action::StartPreStop(signal) => Some(*signal),
        _ => None,
    });
    let received = match turn.event {
        Event::Signal(signal, _) => Some(signal),
        Event::Resumed(_) => Some(Signal::CONT),
        _ => None,
    };
    let is_first = turn.before.pre_stop == PreStop::ToCome && lives(turn);
    started.eq(received.filter(|signal| is_first && turn.is_stop(*signal)))
}

fn keeps_what_waits(turn: &Turn<'_>) -> bool {
    let (before, after) = (&turn.before.held, &turn.after.held);
    match turn.event {
        Event::PreStopEnded => after.is_empty() && (turn.causes.len() == before.len() || !lives(turn)),
        Event::Signal(..) | Event::Resumed(_) => after.len() + turn.causes.len() >= before.len(),
        _ => after == before,
    }
}

/// What stops session-init now, and whether only if COMMAND is stopped.
fn stops(turn: &Turn<'_>) -> impl Iterator<Item = (Signal, bool)> {
    turn.actions.iter().filter_map(|action| match action {
        Action::Stop(signal) => Some((*signal, false)),
        Action::StopIfStopped(signal) => Some((*signal, true)),
        _ => None,
    })
}

fn stops_with_command(turn: &Turn<'_>) -> bool {
    if matches!(turn.event, Event::CommandStopped(_)) || turn.kills() {
        return true;
    }
    let asked = turn.causes.iter().filter_map(|cause| {
        let is_heard = turn.settings.table.route(cause.signal) != Route::Drop;
        let is_asked = cause.origin.is_some() && cause.signal.is_job_control() && is_heard;
        let by = if turn.is_everybodys(*cause) { cause.signal } else { Signal::STOP };
        let follows = match turn.settings.stops {
            Stops::Never => false,
            Stops::WhenAsked => !lives(turn) || turn.after.asked_to_stop,
            Stops::AsJob => true,
        };
        (is_asked && follows).then_some((by, lives(turn)))
    });
    stops(turn).eq(asked)
}

fn follows_a_stop(turn: &Turn<'_>) -> bool {
    let Event::CommandStopped(by) = turn.event else { return true };
    let asked = turn.before.asked_to_stop;
    stops(turn).eq(match turn.settings.stops {
        Stops::WhenAsked | Stops::AsJob if asked => Some((Signal::STOP, false)),
        Stops::AsJob => Some((if by.is_job_control() { by } else { Signal::TSTP }, false)),
        Stops::Never | Stops::WhenAsked => None,
    })
}

fn continues_with_command(turn: &Turn<'_>) -> bool {
    let continued = turn.actions.iter().filter_map(|action| match action {
        Action::Continue(target) => Some(*target),
        _ => None,
    });
    // Where nobody could continue the job, Ctrl-Z stops nobody.
    if turn.event == Event::NotStopped(Signal::TSTP) {
        return continued.eq([if lives(turn) { Target::Group } else { Target::All }]);
    }
    let owed = owed(turn).iter().filter(|owed| is_only_for_stopped(turn, owed));
    continued.eq(owed.map(|owed| owed.target))
}

fn restores_the_terminal(turn: &Turn<'_>) -> bool {
    let ended = match turn.event {
        Event::CommandEnded(ended) => Some(ended),
        Event::AllKilled(ended) if lives(turn) => Some(ended.unwrap_or(Ended::Signaled(Signal::KILL))),
        _ => None,
    };
    let is_due = turn.settings.place == Place::Shared && matches!(ended, Some(Ended::Signaled(_)));
    let count = turn.actions.iter().filter(|action| **action == Action::RestoreTerminal).count();
    // First, while COMMAND's pid still names the group that had the terminal.
    count == usize::from(is_due) && (!is_due || turn.actions.first() == Some(&Action::RestoreTerminal))
}

fn takes_leave(turn: &Turn<'_>) -> bool {
    let told = turn.actions.iter().copied();
    let told = told.filter(|action| matches!(action, Action::TakeLeave(..) | Action::ReapCommand));
    let farewell = turn.settings.table.farewell();
    told.eq(match turn.event {
        Event::CommandEnded(_) => Some(match turn.after.stays {
            // "--linger: no signal is sent."
            true if turn.settings.linger => Action::ReapCommand,
            // "The signal goes to all, also in -c mode", and with what is left of a running clock.
            true => Action::TakeLeave(farewell, Target::All),
            // "In -c mode nobody is told."
            false if turn.settings.single_child => Action::ReapCommand,
            false => Action::TakeLeave(farewell, Target::Group),
        }),
        _ => None,
    })
}

fn ends_in_time(turn: &Turn<'_>) -> bool {
    // "session-init does not leave before [the command before a stop] has ended."
    let is_due = match turn.event {
        Event::CommandEnded(_) => !turn.after.stays && turn.before.pre_stop != PreStop::Runs,
        Event::PreStopEnded => !lives(turn) && !turn.before.stays,
        Event::NothingLeft(_) | Event::AllKilled(_) => true,
        _ => false,
    };
    turn.finish().is_some() == is_due
}

fn reports_commands_end(turn: &Turn<'_>) -> bool {
    let Some(reported) = turn.finish() else { return true };
    let own = match turn.event {
        Event::AllKilled(now) => turn.before.end.or(now),
        _ => turn.after.end,
    };
    // "137 if that killed it."
    let own = own.unwrap_or(Ended::Signaled(Signal::KILL));
    match turn.event {
        // "Where COMMAND ended with 0 the status is that of the process which ended last."
        Event::NothingLeft(Some(last)) if turn.settings.linger && own == Ended::Exited(0) => reported == last,
        _ => reported == own,
    }
}

fn armed(turn: &Turn<'_>, deadline: Deadline) -> impl Iterator<Item = std::time::Duration> {
    turn.actions.iter().filter_map(move |action| match action {
        Action::Arm(armed, time) if *armed == deadline => Some(*time),
        _ => None,
    })
}

fn arms_grace(turn: &Turn<'_>) -> bool {
    let has_ended = matches!(turn.event, Event::CommandEnded(_));
    armed(turn, Deadline::Grace).eq(match turn.settings.grace {
        Period::Finite(time) if has_ended => Some(time),
        _ => None,
    })
}

fn arms_kill_after(turn: &Turn<'_>) -> bool {
    let is_first = turn.after.asked_to_end && !turn.before.asked_to_end;
    turn.kills() || armed(turn, Deadline::KillAfter).eq(turn.settings.kill_after.filter(|_| is_first))
}

fn arms_once(turn: &Turn<'_>) -> bool {
    let mut armed = turn.before.armed.clone();
    if let Event::Passed(deadline) = turn.event {
        armed.retain(|other| *other != deadline);
    }
    turn.actions.iter().all(|action| match action {
        Action::Arm(deadline, _) => {
            let is_new = !armed.contains(deadline);
            armed.push(*deadline);
            is_new
        }
        Action::Disarm(deadline) => {
            let count = armed.len();
            armed.retain(|other| other != deadline);
            armed.len() < count
        }
        _ => true,
    })
}

/// The loop does not come back to an answer once it has stopped.
fn loses_nothing(turn: &Turn<'_>) -> bool {
    let is_stop = |action: &Action| matches!(action, Action::Stop(_) | Action::StopIfStopped(_));
    let mut behind = turn.actions.iter().skip_while(|action| !is_stop(action));
    behind.all(is_stop)
}
