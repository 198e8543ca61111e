//! What session-init does about what happens: a state machine that knows no system call, no clock and no process.
//!
//! [`Supervisor::handle`] takes an [`Event`] and answers with [`Actions`], to be carried out in their order.

#![forbid(unsafe_code)]

use crate::exit::Ended;
use crate::route::{Route, Table, Target};
use crate::signal::Signal;

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// session-init got a signal other than CHLD.
    Signal(Signal, Origin),
    /// COMMAND ended; it has not been reaped, so its pid still names its process group and nothing else.
    CommandEnded(Ended),
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

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the signal to the target.
    Send(Signal, Target),
    /// Send CONT to the target, if COMMAND is stopped at this moment.
    ContinueIfStopped(Target),
    /// Stop, as a job does at Ctrl-Z.
    StopSelf,
    /// Reap COMMAND and end with the status this makes.
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
}

/// The state machine.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    command_ended: bool,
}

impl Supervisor {
    /// The state in which COMMAND runs and nothing has happened yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, command_ended: false }
    }

    /// What to do about `event`.
    pub fn handle(&mut self, event: Event) -> Actions {
        if self.command_ended {
            return Actions::default();
        }
        match event {
            Event::Signal(signal, origin) => self.signal(signal, origin),
            Event::CommandEnded(ended) => self.command_ended(ended),
        }
    }

    fn signal(&self, signal: Signal, origin: Origin) -> Actions {
        let mut actions = Actions::default();
        let Route::Forward(sent, target) = self.settings.table.route(signal) else {
            return actions;
        };
        if !self.has_reached_command(signal, origin) {
            actions.push(Action::Send(sent, target));
            if (asks_to_end(signal) || asks_to_end(sent)) && !stops(sent) {
                actions.push(Action::ContinueIfStopped(target));
            }
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

    fn command_ended(&mut self, ended: Ended) -> Actions {
        self.command_ended = true;
        let mut actions = Actions::default();
        if self.settings.new_session {
            actions.push(Action::Send(self.settings.table.farewell(), Target::Group));
            actions.push(Action::Send(Signal::CONT, Target::Group));
        }
        actions.push(Action::Finish(ended));
        actions
    }
}

/// Whether a process that gets this signal is expected to end, and must not be left stopped.
fn asks_to_end(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT | Signal::HUP)
}

fn stops(signal: Signal) -> bool {
    matches!(signal, Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU)
}

/// What to do about one event, in order.
#[must_use]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Actions([Option<Action>; Self::MOST]);

impl Actions {
    /// The longest answer there is: a signal to the leftovers, CONT, and the end.
    const MOST: usize = 3;

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
        Supervisor::new(Settings { table: Table::new(target, new_session, &rules), new_session, is_pid_1 })
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

    fn any_event() -> impl Strategy<Value = Event> {
        let signal = (1u8..=64).prop_filter_map("a signal", Signal::new);
        let origin = prop_oneof![Just(Origin::Kernel), Just(Origin::Other), (0..9i32).prop_map(Origin::Process)];
        let ended = prop_oneof![
            any::<u8>().prop_map(Ended::Exited),
            (1u8..=64).prop_filter_map("a signal", Signal::new).prop_map(Ended::Signaled)
        ];
        prop_oneof![
            20 => (signal, origin).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
            1 => ended.prop_map(Event::CommandEnded)
        ]
    }

    proptest! {
        #[test]
        fn it_finishes_once_with_the_first_end_and_never_sends_what_is_dropped(
            events in prop::collection::vec(any_event(), 0..40),
            new_session: bool,
            is_pid_1: bool,
        ) {
            let mut supervisor = supervisor(new_session, is_pid_1, "USR1:0,TERM:0,QUIT:INT");
            let mut finished = None;
            for event in events {
                let answer = answer(&mut supervisor, event);
                if finished.is_some() {
                    prop_assert!(answer.is_empty());
                }
                for action in answer {
                    match action {
                        Action::Finish(ended) => {
                            prop_assert_eq!(event, Event::CommandEnded(ended));
                            finished = Some(ended);
                        }
                        Action::Send(sent, _) => {
                            prop_assert_ne!(event, Event::Signal(Signal::USR1, FROM_1));
                            // KILL is passed on only where a rule says so, and none here does.
                            prop_assert!(sent != Signal::KILL || matches!(event, Event::Signal(Signal::KILL, _)));
                        }
                        Action::StopSelf => prop_assert!(!is_pid_1),
                        Action::ContinueIfStopped(_) => {}
                    }
                }
            }
        }
    }
}
