//! The supervisor, without a process.

use std::time::Duration;

use super::*;
use crate::route::Table;
use crate::rule::{Rule, Target};
use crate::signal::{Origin, Signal};

const FROM_1: Origin = Origin::Process(1);
const GRACE: Duration = Duration::from_secs(5);
const KILL_AFTER: Duration = Duration::from_secs(7);
const TERM: Event = Event::Signal(Signal::TERM, FROM_1);

fn settings(place: Place, is_pid_1: bool, rules: &str) -> Settings {
    let stops = if is_pid_1 { Stops::Never } else { Stops::WhenAsked };
    let table = Table::new(Target::Group, place, &Rule::parse_list(rules).unwrap_or_default());
    let (grace, kill_after, linger, single_child) = (Period::Zero, None, false, false);
    Settings { table, place, single_child, stops, pre_stop: false, grace, kill_after, linger }
}

fn supervisor(place: Place, is_pid_1: bool, rules: &str) -> Supervisor {
    Supervisor::new(settings(place, is_pid_1, rules))
}

/// A supervisor of COMMAND as a job of a shell.
fn job() -> Supervisor {
    let mut job = supervisor(Place::Shared, false, "");
    job.settings.stops = Stops::AsJob;
    job
}

fn single_child() -> Supervisor {
    let mut single = supervisor(Place::Shared, false, "");
    single.settings.table = Table::new(Target::Child, Place::Shared, &[]);
    single.settings.single_child = true;
    single
}

fn with_grace(mut supervisor: Supervisor) -> Supervisor {
    supervisor.settings.grace = Period::Finite(GRACE);
    supervisor
}

fn with_kill_after(mut supervisor: Supervisor) -> Supervisor {
    supervisor.settings.kill_after = Some(KILL_AFTER);
    supervisor
}

fn answer(supervisor: &mut Supervisor, event: Event) -> Vec<Action> {
    let actions = supervisor.handle(event);
    assert_eq!(actions.is_empty(), actions.iter().count() == 0);
    actions.iter().collect()
}

fn from_1(signal: Signal) -> Event {
    Event::Signal(signal, FROM_1)
}

#[test]
fn a_signal_goes_to_the_group() {
    for place in [Place::Own, Place::Shared] {
        let sent = [Action::Send(Signal::USR1, Target::Group)];
        assert_eq!(answer(&mut supervisor(place, true, ""), from_1(Signal::USR1)), sent);
    }
}

#[test]
fn a_signal_that_asks_to_end_wakes_a_stopped_command() {
    let mut own = supervisor(Place::Own, true, "TERM:USR1,HUP:STOP,USR1:INT");
    let mut on = |signal| answer(&mut own, from_1(signal));
    let wake = Action::ContinueIfStopped(Target::Group);
    assert_eq!(on(Signal::INT), [Action::Send(Signal::INT, Target::Group), wake]);
    assert_eq!(on(Signal::TERM), [Action::Send(Signal::USR1, Target::Group), wake]);
    assert_eq!(on(Signal::USR1), [Action::Send(Signal::INT, Target::Group), wake]);
    assert_eq!(on(Signal::HUP), [Action::Send(Signal::STOP, Target::Group)]);
}

#[test]
fn a_dropped_signal_does_nothing_at_all() {
    let mut own = supervisor(Place::Own, false, "TERM:0,TSTP:0");
    assert_eq!(answer(&mut own, TERM), []);
    assert_eq!(answer(&mut own, from_1(Signal::TSTP)), []);
}

#[test]
fn a_process_that_stops_it_stops_it_as_soon_as_command_is_stopped() {
    for (place, sent) in [(Place::Own, Signal::STOP), (Place::Shared, Signal::TSTP)] {
        let mut asked = supervisor(place, false, "");
        let stop = Action::StopIfStopped(Signal::STOP);
        assert_eq!(answer(&mut asked, from_1(Signal::TSTP)), [Action::Send(sent, Target::Group), stop]);
        assert!(asked.follows_stops());
        assert_eq!(answer(&mut asked, Event::CommandStopped(sent)), [Action::Stop(Signal::STOP)]);
        let resumed = answer(&mut asked, Event::Resumed(FROM_1));
        let all = Action::Send(Signal::CONT, Target::Group);
        assert_eq!(resumed, [if place == Place::Own { all } else { Action::Continue(Target::Group) }]);
        // Whoever stops COMMAND now has not asked session-init.
        assert!(!asked.follows_stops());
        assert_eq!(answer(&mut asked, Event::CommandStopped(Signal::STOP)), []);
        assert_eq!(answer(&mut supervisor(place, true, ""), from_1(Signal::TSTP)), [Action::Send(sent, Target::Group)]);
    }
}

#[test]
fn a_rewritten_stop_stops_nobody_but_a_command_that_stops_itself() {
    let mut own = supervisor(Place::Own, false, "TSTP:TERM");
    let wake = Action::ContinueIfStopped(Target::Group);
    let sent = [Action::Send(Signal::TERM, Target::Group), wake, Action::StopIfStopped(Signal::STOP)];
    assert_eq!(answer(&mut own, from_1(Signal::TSTP)), sent);
}

#[test]
fn what_the_terminal_has_sent_to_the_shared_group_goes_to_who_has_left_it() {
    for signal in [Signal::INT, Signal::QUIT, Signal::WINCH] {
        let mut shared = supervisor(Place::Shared, false, "");
        let answered = answer(&mut shared, Event::Signal(signal, Origin::Kernel));
        assert_eq!(answered.first(), Some(&Action::SendOutside(signal, Target::Group)));
        assert!(answer(&mut shared, from_1(signal)).contains(&Action::Send(signal, Target::Group)));
        let mut rewritten = supervisor(Place::Shared, false, "INT:TERM,QUIT:TERM,WINCH:TERM");
        let answered = answer(&mut rewritten, Event::Signal(signal, Origin::Kernel));
        assert_eq!(answered.first(), Some(&Action::Send(Signal::TERM, Target::Group)));
        let own = answer(&mut supervisor(Place::Own, false, ""), Event::Signal(signal, Origin::Kernel));
        assert_eq!(own.first(), Some(&Action::Send(signal, Target::Group)));
    }
    // A hang-up need not have reached the group.
    let hang_up = answer(&mut supervisor(Place::Shared, false, ""), Event::Signal(Signal::HUP, Origin::Kernel));
    assert_eq!(hang_up.first(), Some(&Action::Send(Signal::HUP, Target::Group)));
}

#[test]
fn who_stops_the_whole_group_from_within_does_not_stop_it_twice() {
    let event = |signal| Event::Signal(signal, Origin::Member(7));
    let outside = Action::SendOutside(Signal::TSTP, Target::Group);
    assert_eq!(answer(&mut job(), event(Signal::TSTP)), [outside, Action::StopIfStopped(Signal::TSTP)]);
    // Other signals may be meant for session-init.
    assert_eq!(answer(&mut job(), event(Signal::USR1)), [Action::Send(Signal::USR1, Target::Group)]);
}

#[test]
fn ctrl_z_stops_a_job_once_command_has_stopped_and_pid_1_never() {
    let key = Event::Signal(Signal::TSTP, Origin::Kernel);
    let outside = Action::SendOutside(Signal::TSTP, Target::Group);
    assert_eq!(answer(&mut job(), key), [outside, Action::StopIfStopped(Signal::TSTP)]);
    assert_eq!(answer(&mut supervisor(Place::Shared, false, ""), key), [outside]);
    assert_eq!(answer(&mut supervisor(Place::Shared, true, ""), key), []);
}

#[test]
fn a_shell_has_its_prompt_whoever_has_stopped_command() {
    for (by, stop) in [
        (Signal::TSTP, Signal::TSTP),
        (Signal::TTIN, Signal::TTIN),
        (Signal::TTOU, Signal::TTOU),
        // STOP also stops a job that nobody would continue.
        (Signal::STOP, Signal::TSTP),
    ] {
        assert_eq!(answer(&mut job(), Event::CommandStopped(by)), [Action::Stop(stop)]);
        assert_eq!(answer(&mut supervisor(Place::Shared, false, ""), Event::CommandStopped(by)), []);
    }
}

#[test]
fn where_nobody_could_continue_the_job_ctrl_z_stops_nobody() {
    assert_eq!(answer(&mut job(), Event::NotStopped(Signal::TSTP)), [Action::Continue(Target::Group)]);
    // It would ask again at once.
    assert_eq!(answer(&mut job(), Event::NotStopped(Signal::TTIN)), []);
    let mut leaving = with_grace(job());
    let _ = answer(&mut leaving, Event::CommandEnded(Ended::Exited(0)));
    assert_eq!(answer(&mut leaving, Event::NotStopped(Signal::TSTP)), [Action::Continue(Target::All)]);
}

#[test]
fn during_the_grace_there_is_no_command_to_wait_for() {
    let mut leaving = with_grace(job());
    let _ = answer(&mut leaving, Event::CommandEnded(Ended::Exited(0)));
    let key = answer(&mut leaving, Event::Signal(Signal::TSTP, Origin::Kernel));
    assert_eq!(key, [Action::SendOutside(Signal::TSTP, Target::All), Action::Stop(Signal::TSTP)]);
    let process = answer(&mut leaving, from_1(Signal::TSTP));
    assert_eq!(process, [Action::Send(Signal::TSTP, Target::All), Action::Stop(Signal::STOP)]);
}

#[test]
fn at_the_end_the_rest_of_the_group_is_asked_to_end() {
    let ended = Event::CommandEnded(Ended::Exited(7));
    let finish = Action::Finish(Ended::Exited(7));
    for place in [Place::Own, Place::Shared] {
        for (rules, farewell) in [("", Signal::TERM), ("TERM:QUIT", Signal::QUIT), ("TERM:0", Signal::TERM)] {
            let leave = Action::TakeLeave(farewell, Target::Group);
            assert_eq!(answer(&mut supervisor(place, true, rules), ended), [leave, finish]);
        }
    }
    assert_eq!(answer(&mut single_child(), ended), [Action::ReapCommand, finish]);
}

#[test]
fn a_command_that_was_killed_leaves_a_shared_terminal_as_it_was() {
    let killed = Ended::Signaled(Signal::KILL);
    let leave = Action::TakeLeave(Signal::TERM, Target::Group);
    let end = answer(&mut job(), Event::CommandEnded(killed));
    assert_eq!(end, [Action::RestoreTerminal, leave, Action::Finish(killed)]);
    let mut late = job();
    let _ = answer(&mut late, Event::Passed(Deadline::KillAfter));
    let end = answer(&mut late, Event::AllKilled(Some(killed)));
    assert_eq!(end, [Action::RestoreTerminal, Action::Finish(killed)]);
    let exited = answer(&mut job(), Event::CommandEnded(Ended::Exited(1)));
    assert!(!exited.contains(&Action::RestoreTerminal));
    let own = answer(&mut supervisor(Place::Own, false, ""), Event::CommandEnded(killed));
    assert!(!own.contains(&Action::RestoreTerminal));
}

#[test]
fn grace_asks_all_that_is_left_and_ends_the_moment_nothing_is() {
    for supervisor in [supervisor(Place::Own, true, ""), job(), single_child()] {
        let mut supervisor = with_grace(supervisor);
        let leave = [Action::TakeLeave(Signal::TERM, Target::All), Action::Arm(Deadline::Grace, GRACE)];
        assert_eq!(answer(&mut supervisor, Event::CommandEnded(Ended::Exited(3))), leave);
        assert_eq!(answer(&mut supervisor, from_1(Signal::USR1)), [Action::Send(Signal::USR1, Target::All)]);
        let last = Some(Ended::Exited(9));
        assert_eq!(answer(&mut supervisor, Event::NothingLeft(last)), [Action::Finish(Ended::Exited(3))]);
    }
}

#[test]
fn what_outlives_the_grace_is_killed_and_the_status_stays() {
    let mut supervisor = with_grace(supervisor(Place::Own, true, ""));
    let _ = answer(&mut supervisor, Event::CommandEnded(Ended::Exited(3)));
    let killing = [Action::KillAll(Deadline::Grace)];
    assert_eq!(answer(&mut supervisor, Event::Passed(Deadline::Grace)), killing);
    assert_eq!(answer(&mut supervisor, Event::AllKilled(None)), [Action::Finish(Ended::Exited(3))]);
}

#[test]
fn an_infinite_grace_has_no_deadline() {
    let mut supervisor = with_grace(supervisor(Place::Own, true, ""));
    supervisor.settings.grace = Period::Infinite;
    let answer = answer(&mut supervisor, Event::CommandEnded(Ended::Exited(0)));
    assert_eq!(answer, [Action::TakeLeave(Signal::TERM, Target::All)]);
}

#[test]
fn kill_after_counts_from_the_first_signal_that_asks_to_end() {
    let armed = Action::Arm(Deadline::KillAfter, KILL_AFTER);
    for (rules, signal, arms) in [
        ("", Signal::TERM, true),
        ("", Signal::INT, true),
        ("", Signal::QUIT, true),
        ("", Signal::HUP, false),
        ("", Signal::USR1, false),
        ("TERM:USR1", Signal::TERM, true),
        ("USR1:TERM", Signal::USR1, true),
        ("TERM:0", Signal::TERM, false),
    ] {
        for origin in [FROM_1, Origin::Kernel] {
            let mut supervisor = with_kill_after(supervisor(Place::Shared, false, rules));
            let event = Event::Signal(signal, origin);
            assert_eq!(answer(&mut supervisor, event).contains(&armed), arms, "{rules} {signal}");
            assert!(!answer(&mut supervisor, event).contains(&armed), "{rules} {signal}, again");
        }
    }
}

#[test]
fn a_clock_that_runs_gives_the_rest_what_is_left_of_it() {
    let leave = Action::TakeLeave(Signal::TERM, Target::All);
    for supervisor in [supervisor(Place::Own, false, ""), single_child()] {
        let mut asked = with_kill_after(supervisor);
        let _ = answer(&mut asked, TERM);
        let ended = Ended::Signaled(Signal::TERM);
        let end = answer(&mut asked, Event::CommandEnded(ended));
        assert!(end.ends_with(&[leave]), "{end:?}");
        assert_eq!(answer(&mut asked, Event::Passed(Deadline::KillAfter)), [Action::KillAll(Deadline::KillAfter)]);
        assert_eq!(answer(&mut asked, Event::AllKilled(None)), [Action::Finish(ended)]);
    }
    // Nobody has asked it to end.
    let mut unasked = with_kill_after(supervisor(Place::Own, false, ""));
    let end = answer(&mut unasked, Event::CommandEnded(Ended::Exited(0)));
    assert_eq!(end, [Action::TakeLeave(Signal::TERM, Target::Group), Action::Finish(Ended::Exited(0))]);
}

#[test]
fn kill_after_reports_how_command_ended() {
    let ends = [(Some(Ended::Exited(4)), Ended::Exited(4)), (None, Ended::Signaled(Signal::KILL))];
    for (seen, reported) in ends {
        let mut supervisor = supervisor(Place::Own, true, "");
        let killing = [Action::KillAll(Deadline::KillAfter)];
        assert_eq!(answer(&mut supervisor, Event::Passed(Deadline::KillAfter)), killing);
        assert_eq!(answer(&mut supervisor, TERM), []);
        assert_eq!(answer(&mut supervisor, Event::AllKilled(seen)), [Action::Finish(reported)]);
    }
}

#[test]
fn lingering_sends_nothing_and_reports_a_daemons_end_after_a_good_one() {
    for (own, last, reported) in [
        (Ended::Exited(0), Some(Ended::Exited(9)), Ended::Exited(9)),
        (Ended::Exited(0), None, Ended::Exited(0)),
        (Ended::Exited(1), Some(Ended::Exited(9)), Ended::Exited(1)),
    ] {
        let mut supervisor = supervisor(Place::Own, true, "TERM:QUIT@child");
        supervisor.settings.linger = true;
        assert_eq!(answer(&mut supervisor, Event::CommandEnded(own)), [Action::ReapCommand]);
        let sent = [Action::Send(Signal::QUIT, Target::All)];
        assert_eq!(answer(&mut supervisor, TERM), sent);
        assert_eq!(answer(&mut supervisor, Event::NothingLeft(last)), [Action::Finish(reported)]);
    }
}

/// A supervisor of COMMAND as PID 1, with these rules.
fn pid_1(rules: &str) -> Supervisor {
    supervisor(Place::Own, true, rules)
}

fn passed(signal: Signal) -> Event {
    Event::Passed(Deadline::Step(signal))
}

fn arm(signal: Signal, seconds: u64) -> Action {
    Action::Arm(Deadline::Step(signal), Duration::from_secs(seconds))
}

#[test]
fn a_stop_may_come_in_stages() {
    let mut stages = pid_1("TERM:TERM@child/10s/TERM@all/5s/KILL@all");
    let wake = Action::ContinueIfStopped;
    let first = [Action::Send(Signal::TERM, Target::Child), wake(Target::Child), arm(Signal::TERM, 10)];
    assert_eq!(answer(&mut stages, TERM), first);
    let second = [Action::Send(Signal::TERM, Target::All), wake(Target::All), arm(Signal::TERM, 5)];
    assert_eq!(answer(&mut stages, passed(Signal::TERM)), second);
    assert_eq!(answer(&mut stages, passed(Signal::INT)), []);
    let kill = Action::KillAll(Deadline::Step(Signal::TERM));
    assert_eq!(answer(&mut stages, passed(Signal::TERM)), [kill]);
    assert_eq!(answer(&mut stages, TERM), []);
}

#[test]
fn the_same_signal_again_ends_the_wait_and_no_other() {
    let mut drain = pid_1("TERM:10s/TERM,INT:3s/QUIT");
    assert_eq!(answer(&mut drain, TERM), [arm(Signal::TERM, 10)]);
    assert_eq!(answer(&mut drain, from_1(Signal::INT)), [arm(Signal::INT, 3)]);
    let sent = [
        Action::Disarm(Deadline::Step(Signal::TERM)),
        Action::Send(Signal::TERM, Target::Group),
        Action::ContinueIfStopped(Target::Group),
    ];
    assert_eq!(answer(&mut drain, TERM), sent);
    assert_eq!(answer(&mut drain, passed(Signal::INT)).first(), Some(&Action::Send(Signal::QUIT, Target::Group)));
    // It is over, and begins anew.
    assert_eq!(answer(&mut drain, TERM), [arm(Signal::TERM, 10)]);
}

#[test]
fn what_a_key_has_sent_is_a_step_for_who_has_not_got_it() {
    let mut shared = supervisor(Place::Shared, false, "INT:INT/3s/KILL@all");
    let key = Event::Signal(Signal::INT, Origin::Kernel);
    let first = answer(&mut shared, key);
    assert_eq!(first.first(), Some(&Action::SendOutside(Signal::INT, Target::Group)));
    let kill = [Action::Disarm(Deadline::Step(Signal::INT)), Action::KillAll(Deadline::Step(Signal::INT))];
    assert_eq!(answer(&mut shared, key), kill);
}

#[test]
fn steps_go_on_in_the_grace_and_tell_nobody_twice() {
    let mut stages = with_grace(pid_1("TERM:TERM@child/10s/TERM/5s/TERM@all/5s/INT@session/5s/KILL@all"));
    let _ = answer(&mut stages, TERM);
    let leave = [Action::TakeLeave(Signal::TERM, Target::All), Action::Arm(Deadline::Grace, GRACE)];
    assert_eq!(answer(&mut stages, Event::CommandEnded(Ended::Exited(3))), leave);
    // Steps to COMMAND and its group are passed over.
    assert_eq!(answer(&mut stages, passed(Signal::TERM)), [arm(Signal::TERM, 5)]);
    let others = Action::SendToOthers(Signal::TERM, Target::All);
    assert_eq!(answer(&mut stages, passed(Signal::TERM)), [others, arm(Signal::TERM, 5)]);
    let session = Action::Send(Signal::INT, Target::Session);
    assert_eq!(answer(&mut stages, passed(Signal::TERM)), [session, arm(Signal::TERM, 5)]);
    assert_eq!(answer(&mut stages, passed(Signal::TERM)), [Action::KillAll(Deadline::Step(Signal::TERM))]);
    assert_eq!(answer(&mut stages, Event::AllKilled(None)), [Action::Finish(Ended::Exited(3))]);
}

#[test]
fn without_a_grace_no_step_keeps_it_here() {
    let mut drain = pid_1("TERM:TERM@child/10s/KILL@all");
    let _ = answer(&mut drain, TERM);
    let end = [Action::TakeLeave(Signal::TERM, Target::Group), Action::Finish(Ended::Exited(0))];
    assert_eq!(answer(&mut drain, Event::CommandEnded(Ended::Exited(0))), end);
}

#[test]
fn kill_after_counts_from_a_signal_that_is_held_back() {
    let mut drain = with_kill_after(pid_1("TERM:10s/TERM"));
    let kill_after = Action::Arm(Deadline::KillAfter, KILL_AFTER);
    assert_eq!(answer(&mut drain, TERM), [kill_after, arm(Signal::TERM, 10)]);
}

fn with_pre_stop(rules: &str) -> Supervisor {
    Supervisor::new(Settings { pre_stop: true, ..settings(Place::Own, true, rules) })
}

#[test]
fn what_asks_to_end_waits_for_the_command_before_the_stop() {
    let mut supervisor = with_kill_after(with_pre_stop("USR1:TERM"));
    assert_eq!(answer(&mut supervisor, from_1(Signal::HUP)).first(), Some(&Action::Send(Signal::HUP, Target::Group)));
    let kill_after = Action::Arm(Deadline::KillAfter, KILL_AFTER);
    assert_eq!(answer(&mut supervisor, TERM), [Action::StartPreStop(Signal::TERM), kill_after]);
    assert_eq!(answer(&mut supervisor, from_1(Signal::INT)), []);
    assert_eq!(answer(&mut supervisor, from_1(Signal::USR1)), []);
    assert_eq!(answer(&mut supervisor, from_1(Signal::HUP)).first(), Some(&Action::Send(Signal::HUP, Target::Group)));
    // The same one once more does not wait.
    let wake = Action::ContinueIfStopped(Target::Group);
    let int = [Action::Send(Signal::INT, Target::Group), wake];
    assert_eq!(answer(&mut supervisor, from_1(Signal::INT)), int);
    let term = Action::Send(Signal::TERM, Target::Group);
    assert_eq!(answer(&mut supervisor, Event::PreStopEnded), [term, wake, term, wake]);
    // It is run once.
    assert_eq!(answer(&mut supervisor, TERM), [term, wake]);
    assert_eq!(answer(&mut supervisor, Event::PreStopEnded), []);
}

#[test]
fn what_has_waited_is_sent_before_it_stops() {
    let mut supervisor = Supervisor::new(Settings { pre_stop: true, ..settings(Place::Own, false, "TSTP:TERM/STOP") });
    let _ = answer(&mut supervisor, from_1(Signal::TSTP));
    let _ = answer(&mut supervisor, from_1(Signal::INT));
    let end = answer(&mut supervisor, Event::PreStopEnded);
    let int = [Action::Send(Signal::INT, Target::Group), Action::ContinueIfStopped(Target::Group)];
    assert!(end.ends_with(&[int[0], int[1], Action::StopIfStopped(Signal::STOP)]), "{end:?}");
}

#[test]
fn a_term_that_is_dropped_makes_the_command_before_it_the_whole_stop() {
    let mut supervisor = with_pre_stop("TERM:0,INT:0");
    assert_eq!(answer(&mut supervisor, from_1(Signal::INT)), []);
    assert_eq!(answer(&mut supervisor, TERM), [Action::StartPreStop(Signal::TERM)]);
    assert_eq!(answer(&mut supervisor, TERM), []);
    assert_eq!(answer(&mut supervisor, Event::PreStopEnded), []);
    assert_eq!(answer(&mut supervisor, TERM), []);
}

#[test]
fn it_does_not_leave_before_the_command_before_the_stop_has_ended() {
    let ended = Ended::Exited(0);
    let mut supervisor = with_pre_stop("");
    let _ = answer(&mut supervisor, TERM);
    let leave = [Action::TakeLeave(Signal::TERM, Target::Group)];
    assert_eq!(answer(&mut supervisor, Event::CommandEnded(ended)), leave);
    // Nobody is told of a stop that is over.
    assert_eq!(answer(&mut supervisor, Event::PreStopEnded), [Action::Finish(ended)]);
    let mut patient = with_grace(with_pre_stop(""));
    let _ = answer(&mut patient, TERM);
    let _ = answer(&mut patient, Event::CommandEnded(ended));
    assert_eq!(answer(&mut patient, Event::PreStopEnded), []);
    assert_eq!(answer(&mut patient, Event::NothingLeft(None)), [Action::Finish(ended)]);
}
