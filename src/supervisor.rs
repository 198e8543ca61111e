//! What session-init does about what happens: a state machine that knows no system call, no clock and no process.
//!
//! [`Supervisor::handle`] takes an [`Event`] and answers with [`Actions`], to be carried out in their order.
//!
//! ```text
//!            COMMAND ended                                    nothing left
//! Running ------------------> Leaving (--grace, --linger) ------------------> Finished
//!    |           |                            |                                  ^  ^
//!    |           +----------------------------|----(neither is set)-------------+  |
//!    |  kill-after has passed                 |  grace or kill-after has passed    |
//!    +------------------------> Killing <-----+                                    |
//!                                  |                 all killed                    |
//!                                  +-----------------------------------------------+
//! ```

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::exit::Ended;
use crate::period::Period;
use crate::route::{Route, Table, Target};
use crate::signal::Signal;

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// session-init got a signal other than CHLD.
    Signal(Signal, Origin),
    /// COMMAND ended; it has not been reaped, so its pid still names its process group and nothing else.
    CommandEnded(Ended),
    /// No child is left: neither COMMAND nor any other.
    NothingLeft,
    /// A deadline that was armed has passed.
    Passed(Deadline),
    /// [`Action::KillAll`] has been carried out; this is how COMMAND ended, if it ended only now.
    AllKilled(Option<Ended>),
}

/// Who sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The kernel itself (`SI_KERNEL`), as the terminal does at Ctrl-C.
    Kernel,
    /// A process with this pid, which is 0 where it lives outside session-init's PID namespace.
    Process(i32),
    /// A timer, a message queue and the like.
    Other,
}

/// A point in time that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// The end of `--grace`.
    Grace,
    /// The end of `--kill-after`.
    KillAfter,
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the signal to the target.
    Send(Signal, Target),
    /// Send CONT to the target, if COMMAND is stopped at this moment.
    ContinueIfStopped(Target),
    /// Stop, as a job does at Ctrl-Z.
    StopSelf,
    /// Tell when this much time has passed from now.
    Arm(Deadline, Duration),
    /// Reap COMMAND; its pid names nothing from now on.
    ReapCommand,
    /// Send KILL to everything until nothing is left, as long as that may take, and tell.
    KillAll(Deadline),
    /// End with the status that this makes, having reaped COMMAND.
    Finish(Ended),
}

/// The settings that decide what the supervisor does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What becomes of each signal.
    pub table: Table,
    /// COMMAND has a session of its own; otherwise (`-c`) it shares that of session-init, and its process group too.
    pub new_session: bool,
    /// session-init is PID 1 of its PID namespace.
    pub is_pid_1: bool,
    /// How long what COMMAND leaves behind may take to end.
    pub grace: Period,
    /// How long everything may take to end once COMMAND was asked to; `None` for as long as it likes.
    pub kill_after: Option<Duration>,
    /// Stay, and ask nothing of it, until what COMMAND leaves behind has ended.
    pub linger: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// COMMAND ended like this; what it left behind may still do so.
    Leaving(Ended),
    /// Everything is being killed; COMMAND ended like this, if it ended before.
    Killing(Option<Ended>),
    Finished,
}

/// The state machine.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    phase: Phase,
    asked_to_end: bool,
}

impl Supervisor {
    /// The state in which COMMAND runs and nothing has happened yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, phase: Phase::Running, asked_to_end: false }
    }

    /// What to do about `event`.
    pub fn handle(&mut self, event: Event) -> Actions {
        match (event, self.phase) {
            (Event::Signal(signal, origin), Phase::Running | Phase::Leaving(_)) => self.signal(signal, origin),
            (Event::CommandEnded(ended), Phase::Running) => self.command_ended(ended),
            (Event::NothingLeft, Phase::Leaving(ended)) => self.finish(ended),
            (Event::Passed(deadline), Phase::Running) => self.kill_all(deadline, None),
            (Event::Passed(deadline), Phase::Leaving(ended)) => self.kill_all(deadline, Some(ended)),
            // What nobody saw end was killed, or is about to be as soon as the kernel can.
            (Event::AllKilled(ended), Phase::Killing(before)) => {
                self.finish(before.or(ended).unwrap_or(Ended::Signaled(Signal::KILL)))
            }
            _ => Actions::default(),
        }
    }

    fn signal(&mut self, signal: Signal, origin: Origin) -> Actions {
        let mut actions = Actions::default();
        let Route::Forward(sent, target) = self.settings.table.route(signal) else {
            return actions;
        };
        let running = self.phase == Phase::Running;
        if !(running && self.has_reached_command(signal, origin)) {
            // Once COMMAND has ended, whom else could the signal be meant for?
            let target = if running { target } else { Target::All };
            actions.push(Action::Send(sent, target));
            if running && wakes(signal, sent) {
                actions.push(Action::ContinueIfStopped(target));
            }
            self.count_down(signal, sent, &mut actions);
        }
        // As the job that the sender takes session-init for. PID 1 cannot stop itself (pid_namespaces(7)).
        if matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU) && !self.settings.is_pid_1 {
            actions.push(Action::StopSelf);
        }
        actions
    }

    /// Whether the kernel sent this signal to the whole foreground process group, which is COMMAND's too.
    fn has_reached_command(&self, signal: Signal, origin: Origin) -> bool {
        let of_the_terminal = matches!(signal, Signal::INT | Signal::QUIT | Signal::TSTP | Signal::WINCH);
        !self.settings.new_session && of_the_terminal && origin == Origin::Kernel
    }

    /// Starts `--kill-after` at the first signal that asks COMMAND to end, be it under that name or the one it is
    /// rewritten to. HUP may as well ask it to read its configuration again.
    fn count_down(&mut self, received: Signal, sent: Signal, actions: &mut Actions) {
        let asks = |signal| matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT);
        if self.asked_to_end || !(asks(received) || asks(sent)) {
            return;
        }
        self.asked_to_end = true;
        if let Some(period) = self.settings.kill_after {
            actions.push(Action::Arm(Deadline::KillAfter, period));
        }
    }

    fn command_ended(&mut self, ended: Ended) -> Actions {
        let stays = self.settings.linger || self.settings.grace != Period::Zero;
        let mut actions = Actions::default();
        if !self.settings.linger && (self.settings.new_session || stays) {
            let target = if stays { Target::All } else { Target::Group };
            actions.push(Action::Send(self.settings.table.farewell(), target));
            actions.push(Action::Send(Signal::CONT, target));
        }
        if !stays {
            self.phase = Phase::Finished;
            actions.push(Action::Finish(ended));
            return actions;
        }
        self.phase = Phase::Leaving(ended);
        actions.push(Action::ReapCommand);
        if let Period::Finite(grace) = self.settings.grace
            && !self.settings.linger
        {
            actions.push(Action::Arm(Deadline::Grace, grace));
        }
        actions
    }

    fn kill_all(&mut self, deadline: Deadline, ended: Option<Ended>) -> Actions {
        self.phase = Phase::Killing(ended);
        Actions::of(Action::KillAll(deadline))
    }

    fn finish(&mut self, ended: Ended) -> Actions {
        self.phase = Phase::Finished;
        Actions::of(Action::Finish(ended))
    }
}

/// Whether a process that gets this signal, under one name or the other, is expected to end and must not be left stopped.
fn wakes(received: Signal, sent: Signal) -> bool {
    let asks = |signal| matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT | Signal::HUP);
    let stops = matches!(sent, Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU);
    (asks(received) || asks(sent)) && !stops
}

/// What to do about one event, in order.
#[must_use]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Actions([Option<Action>; Self::MOST]);

impl Actions {
    /// The longest answers there are: a signal to the leftovers, CONT, reap, a deadline; or a signal, CONT, a deadline,
    /// stop.
    const MOST: usize = 4;

    fn of(action: Action) -> Self {
        let mut actions = Self::default();
        actions.push(action);
        actions
    }

    fn push(&mut self, action: Action) {
        let free = self.0.iter_mut().find(|place| place.is_none());
        debug_assert!(free.is_some(), "an answer is longer than Actions::MOST");
        if let Some(place) = free {
            *place = Some(action);
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The actions, first to last.
    pub fn iter(&self) -> impl Iterator<Item = Action> {
        self.0.iter().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Rule;
    use proptest::prelude::*;

    const FROM_1: Origin = Origin::Process(1);

    fn supervisor(new_session: bool, is_pid_1: bool, rules: &str) -> Supervisor {
        let rules = Rule::parse_list(rules).unwrap_or_default();
        let target = if new_session { Target::Group } else { Target::Child };
        let table = Table::new(target, new_session, &rules);
        let (grace, kill_after, linger) = (Period::Zero, None, false);
        Supervisor::new(Settings { table, new_session, is_pid_1, grace, kill_after, linger })
    }

    fn answer(supervisor: &mut Supervisor, event: Event) -> Vec<Action> {
        supervisor.handle(event).iter().collect()
    }

    #[test]
    fn a_signal_goes_to_the_group() {
        let mut session = supervisor(true, true, "");
        assert_eq!(
            answer(&mut session, Event::Signal(Signal::USR1, FROM_1)),
            [Action::Send(Signal::USR1, Target::Group)]
        );
    }

    #[test]
    fn a_signal_that_asks_to_end_wakes_a_stopped_command() {
        let mut session = supervisor(true, true, "TERM:USR1,HUP:STOP,USR1:INT");
        let mut on = |signal| answer(&mut session, Event::Signal(signal, FROM_1));
        let wake = Action::ContinueIfStopped(Target::Group);
        assert_eq!(on(Signal::INT), [Action::Send(Signal::INT, Target::Group), wake]);
        assert_eq!(on(Signal::TERM), [Action::Send(Signal::USR1, Target::Group), wake]);
        assert_eq!(on(Signal::USR1), [Action::Send(Signal::INT, Target::Group), wake]);
        assert_eq!(on(Signal::HUP), [Action::Send(Signal::STOP, Target::Group)]);
    }

    #[test]
    fn a_dropped_signal_does_nothing_at_all() {
        let mut session = supervisor(true, false, "TERM:0,TSTP:0");
        assert_eq!(answer(&mut session, Event::Signal(Signal::TERM, FROM_1)), []);
        assert_eq!(answer(&mut session, Event::Signal(Signal::TSTP, FROM_1)), []);
    }

    #[test]
    fn the_signals_of_job_control_stop_session_init_too_except_as_pid_1() {
        let stopped = Action::Send(Signal::STOP, Target::Group);
        for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            let event = Event::Signal(signal, FROM_1);
            assert_eq!(answer(&mut supervisor(true, false, ""), event), [stopped, Action::StopSelf]);
            assert_eq!(answer(&mut supervisor(true, true, ""), event), [stopped]);
        }
        let rewritten =
            [Action::Send(Signal::TERM, Target::Group), Action::ContinueIfStopped(Target::Group), Action::StopSelf];
        assert_eq!(answer(&mut supervisor(true, false, "TSTP:TERM"), Event::Signal(Signal::TSTP, FROM_1)), rewritten);
    }

    #[test]
    fn what_the_terminal_sent_to_the_shared_group_is_not_delivered_twice() {
        let mut single = supervisor(false, false, "");
        for signal in [Signal::INT, Signal::QUIT, Signal::WINCH] {
            assert_eq!(answer(&mut single, Event::Signal(signal, Origin::Kernel)), []);
            assert!(answer(&mut single, Event::Signal(signal, FROM_1)).contains(&Action::Send(signal, Target::Child)));
        }
        assert_eq!(answer(&mut single, Event::Signal(Signal::TSTP, Origin::Kernel)), [Action::StopSelf]);
        assert_eq!(
            answer(&mut single, Event::Signal(Signal::HUP, Origin::Kernel)),
            [Action::Send(Signal::HUP, Target::Child), Action::ContinueIfStopped(Target::Child)]
        );
        let mut session = supervisor(true, false, "");
        assert!(!answer(&mut session, Event::Signal(Signal::INT, Origin::Kernel)).is_empty());
    }

    #[test]
    fn at_the_end_the_rest_of_the_group_gets_term_and_cont() {
        let ended = Event::CommandEnded(Ended::Exited(7));
        let finish = Action::Finish(Ended::Exited(7));
        for (rules, farewell) in [("", Signal::TERM), ("TERM:QUIT", Signal::QUIT), ("TERM:0", Signal::TERM)] {
            assert_eq!(
                answer(&mut supervisor(true, true, rules), ended),
                [Action::Send(farewell, Target::Group), Action::Send(Signal::CONT, Target::Group), finish]
            );
        }
        assert_eq!(answer(&mut supervisor(false, true, ""), ended), [finish]);
    }

    const GRACE: Duration = Duration::from_secs(5);
    const KILL_AFTER: Duration = Duration::from_secs(7);
    const TERM: Event = Event::Signal(Signal::TERM, FROM_1);

    fn with_grace(new_session: bool) -> Supervisor {
        let mut supervisor = supervisor(new_session, true, "");
        supervisor.settings.grace = Period::Finite(GRACE);
        supervisor
    }

    #[test]
    fn grace_asks_all_that_is_left_and_ends_the_moment_nothing_is() {
        for new_session in [true, false] {
            let mut supervisor = with_grace(new_session);
            assert_eq!(
                answer(&mut supervisor, Event::CommandEnded(Ended::Exited(3))),
                [
                    Action::Send(Signal::TERM, Target::All),
                    Action::Send(Signal::CONT, Target::All),
                    Action::ReapCommand,
                    Action::Arm(Deadline::Grace, GRACE)
                ]
            );
            let usr1 = Event::Signal(Signal::USR1, FROM_1);
            assert_eq!(answer(&mut supervisor, usr1), [Action::Send(Signal::USR1, Target::All)]);
            assert_eq!(answer(&mut supervisor, Event::NothingLeft), [Action::Finish(Ended::Exited(3))]);
        }
    }

    #[test]
    fn what_outlives_the_grace_is_killed_and_the_status_stays() {
        let mut supervisor = with_grace(true);
        let _ = answer(&mut supervisor, Event::CommandEnded(Ended::Exited(3)));
        let killing = [Action::KillAll(Deadline::Grace)];
        assert_eq!(answer(&mut supervisor, Event::Passed(Deadline::Grace)), killing);
        assert_eq!(answer(&mut supervisor, Event::AllKilled(None)), [Action::Finish(Ended::Exited(3))]);
    }

    #[test]
    fn an_infinite_grace_has_no_deadline() {
        let mut supervisor = with_grace(true);
        supervisor.settings.grace = Period::Infinite;
        let answer = answer(&mut supervisor, Event::CommandEnded(Ended::Exited(0)));
        assert_eq!(answer.last(), Some(&Action::ReapCommand));
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
            let mut supervisor = supervisor(true, false, rules);
            supervisor.settings.kill_after = Some(KILL_AFTER);
            let event = Event::Signal(signal, FROM_1);
            assert_eq!(answer(&mut supervisor, event).contains(&armed), arms, "{rules} {signal}");
            assert!(!answer(&mut supervisor, event).contains(&armed), "{rules} {signal}, again");
        }
    }

    #[test]
    fn kill_after_reports_how_command_ended() {
        let ends = [(Some(Ended::Exited(4)), Ended::Exited(4)), (None, Ended::Signaled(Signal::KILL))];
        for (seen, reported) in ends {
            let mut supervisor = supervisor(true, true, "");
            let killing = [Action::KillAll(Deadline::KillAfter)];
            assert_eq!(answer(&mut supervisor, Event::Passed(Deadline::KillAfter)), killing);
            assert_eq!(answer(&mut supervisor, TERM), []);
            assert_eq!(answer(&mut supervisor, Event::AllKilled(seen)), [Action::Finish(reported)]);
        }
    }

    #[test]
    fn lingering_asks_nothing_of_what_is_left() {
        let mut supervisor = supervisor(true, true, "TERM:QUIT@child");
        supervisor.settings.linger = true;
        assert_eq!(answer(&mut supervisor, Event::CommandEnded(Ended::Exited(0))), [Action::ReapCommand]);
        assert_eq!(answer(&mut supervisor, TERM), [Action::Send(Signal::QUIT, Target::All)]);
        assert_eq!(answer(&mut supervisor, Event::NothingLeft), [Action::Finish(Ended::Exited(0))]);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let signal = || (1u8..=64).prop_filter_map("a signal", Signal::new);
        let received = signal().prop_filter("one that can be caught", |signal| {
            !matches!(*signal, Signal::KILL | Signal::STOP | Signal::CHLD)
        });
        let origin = prop_oneof![Just(Origin::Kernel), Just(Origin::Other), (0..9i32).prop_map(Origin::Process)];
        let ended = || prop_oneof![any::<u8>().prop_map(Ended::Exited), signal().prop_map(Ended::Signaled)];
        prop_oneof![
            20 => (received, origin).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
            2 => ended().prop_map(Event::CommandEnded),
            1 => Just(Event::NothingLeft),
            1 => Just(Event::Passed(Deadline::Grace)),
            1 => Just(Event::Passed(Deadline::KillAfter)),
            2 => prop::option::of(ended()).prop_map(Event::AllKilled),
        ]
    }

    fn any_settings() -> impl Strategy<Value = Settings> {
        let grace = prop_oneof![Just(Period::Zero), Just(Period::Infinite), Just(Period::Finite(GRACE))];
        let kill_after = prop::option::of(Just(KILL_AFTER));
        (any::<bool>(), any::<bool>(), grace, kill_after, any::<bool>()).prop_map(
            |(new_session, is_pid_1, grace, kill_after, linger)| Settings {
                grace,
                kill_after,
                linger,
                ..supervisor(new_session, is_pid_1, "USR1:0,TERM:0,QUIT:INT").settings
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn its_rules_hold_whatever_happens(
            settings in any_settings(),
            events in prop::collection::vec(any_event(), 0..24),
        ) {
            let mut supervisor = Supervisor::new(settings.clone());
            let (mut end, mut killing, mut finished, mut reaped) = (None, false, false, false);
            let mut armed = Vec::new();
            for event in events {
                let answer = answer(&mut supervisor, event);
                prop_assert!(!finished || answer.is_empty(), "nothing is done after the end");
                if let Event::CommandEnded(ended) = event && !killing {
                    end.get_or_insert(ended);
                }
                if let Event::AllKilled(Some(ended)) = event && killing {
                    end.get_or_insert(ended);
                }
                for action in answer {
                    match action {
                        Action::Finish(ended) => {
                            let known = end.unwrap_or(Ended::Signaled(Signal::KILL));
                            prop_assert_eq!(ended, known, "the status is that of COMMAND's first and only end");
                            prop_assert!(end.is_some() || killing, "COMMAND has ended, or was killed");
                            finished = true;
                        }
                        Action::Send(sent, target) => {
                            prop_assert!(!killing);
                            prop_assert_ne!(sent, Signal::KILL, "no rule here asks for KILL");
                            prop_assert!(!reaped || target == Target::All, "a reaped COMMAND is no target");
                            prop_assert!(settings.new_session || target != Target::Group);
                            if let Event::Signal(received, _) = event {
                                prop_assert!(!matches!(received, Signal::USR1 | Signal::TERM), "dropped");
                            } else {
                                prop_assert!(!settings.linger, "lingering asks nothing of anybody");
                            }
                        }
                        Action::ContinueIfStopped(target) => {
                            prop_assert!(!reaped);
                            prop_assert!(settings.new_session || target != Target::Group);
                        }
                        Action::Arm(deadline, _) => {
                            prop_assert!(!armed.contains(&deadline), "a deadline is armed once");
                            armed.push(deadline);
                        }
                        Action::KillAll(deadline) => {
                            prop_assert_eq!(event, Event::Passed(deadline), "KILL comes when a deadline has passed");
                            killing = true;
                        }
                        Action::ReapCommand => {
                            prop_assert!(!reaped && end.is_some());
                            reaped = true;
                        }
                        Action::StopSelf => prop_assert!(!settings.is_pid_1),
                    }
                }
            }
        }
    }
}
