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
    /// This signal stopped COMMAND, a job, while the terminal was in these hands.
    CommandStopped(Signal, Holder),
    /// [`Action::StopSelf`] or [`Action::StopJob`] did not stop session-init: nobody could have continued it, since its
    /// process group is orphaned (setpgid(2)).
    NotStopped,
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

/// Whose process group is the terminal's foreground process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// session-init's own.
    SessionInit,
    /// COMMAND's, or one that COMMAND has made.
    Command,
    /// Somebody else's, such as the shell's.
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
    /// Stop, by this signal.
    StopSelf(Signal),
    /// Stop by this signal, together with session-init's whole process group: the job as the shell knows it.
    StopJob(Signal),
    /// Give COMMAND the terminal, if session-init's process group has it.
    GiveTerminal,
    /// Take the terminal from COMMAND, which has stopped, if it has it.
    TakeTerminal,
    /// Take the terminal from COMMAND, which has ended, if it had it.
    TakeTerminalAtEnd(Modes),
    /// Send the signal that ended COMMAND to session-init's process group, if COMMAND had the terminal when it ended.
    Share(Signal),
    /// Tell when this much time has passed from now.
    Arm(Deadline, Duration),
    /// Reap COMMAND; its pid names nothing from now on.
    ReapCommand,
    /// Send KILL to everything until nothing is left, as long as that may take, and tell.
    KillAll(Deadline),
    /// End with the status that this makes, having reaped COMMAND.
    Finish(Ended),
}

/// What becomes of the terminal's modes when COMMAND, which had it, has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modes {
    /// They stay as they are: to set them may have been COMMAND's purpose.
    AsLeft,
    /// They become what they were when COMMAND first got the terminal.
    AsFound,
}

/// How COMMAND stands to session-init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It leads a session of its own.
    Session,
    /// It leads a process group of its own in session-init's session, at whose terminal the two take turns.
    Job,
    /// (`-c`) Both its session and its process group are those of session-init.
    SingleChild,
}

impl Mode {
    /// Whether COMMAND leads a process group.
    #[must_use]
    pub fn has_own_group(self) -> bool {
        self != Self::SingleChild
    }
}

/// The settings that decide what the supervisor does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What becomes of each signal.
    pub table: Table,
    /// How COMMAND stands to session-init.
    pub mode: Mode,
    /// COMMAND, a job, is to have the terminal whenever session-init's process group has it; else only once it asks for
    /// it, by doing what only the foreground process group may do.
    pub wants_terminal: bool,
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
    /// What stopped COMMAND, a job, and where the terminal was then.
    stopped: Option<(Signal, Holder)>,
}

impl Supervisor {
    /// The state in which COMMAND runs and nothing has happened yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, phase: Phase::Running, asked_to_end: false, stopped: None }
    }

    /// What to do about `event`.
    pub fn handle(&mut self, event: Event) -> Actions {
        match (event, self.phase) {
            (Event::Signal(signal, origin), Phase::Running | Phase::Leaving(_)) => self.signal(signal, origin),
            (Event::CommandStopped(signal, holder), Phase::Running) => self.command_stopped(signal, holder),
            (Event::NotStopped, Phase::Running | Phase::Leaving(_)) => self.not_stopped(),
            (Event::CommandEnded(ended), Phase::Running) => self.command_ended(ended),
            (Event::NothingLeft, Phase::Leaving(ended)) => self.nothing_left(ended),
            (Event::Passed(deadline), Phase::Running) => self.kill_all(deadline, None),
            (Event::Passed(deadline), Phase::Leaving(ended)) => self.kill_all(deadline, Some(ended)),
            (Event::AllKilled(ended), Phase::Killing(before)) => self.all_killed(before, ended),
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
            let target = if signal == Signal::CONT { self.resume(target, &mut actions) } else { target };
            actions.push(Action::Send(sent, target));
            if running && wakes(signal, sent) {
                actions.push(Action::ContinueIfStopped(target));
            }
        }
        self.count_down(signal, sent, &mut actions);
        // As the job that the sender takes session-init for. PID 1 cannot stop itself (pid_namespaces(7)).
        if matches!(signal, Signal::TSTP | Signal::TTIN | Signal::TTOU) && !self.settings.is_pid_1 {
            match self.settings.mode {
                // The stop of COMMAND, if it comes to that, is what session-init follows.
                Mode::Job if running && stops(sent) => {}
                Mode::SingleChild if origin != Origin::Kernel => actions.push(Action::StopSelf(Signal::STOP)),
                Mode::Session => actions.push(Action::StopSelf(Signal::STOP)),
                // The kernel does not let the terminal stop an orphaned group, where nobody would continue it.
                Mode::Job | Mode::SingleChild => actions.push(Action::StopSelf(signal)),
            }
        }
        actions
    }

    /// What CONT means for a job, and whom it has to reach: all that was stopped.
    fn resume(&mut self, target: Target, actions: &mut Actions) -> Target {
        if self.settings.mode != Mode::Job || self.phase != Phase::Running {
            return target;
        }
        if self.settings.wants_terminal {
            actions.push(Action::GiveTerminal);
        }
        match self.stopped.take() {
            Some(_) if target == Target::Child => Target::Group,
            _ => target,
        }
    }

    fn command_stopped(&mut self, signal: Signal, holder: Holder) -> Actions {
        let mut actions = Actions::default();
        if self.settings.mode != Mode::Job {
            return actions;
        }
        let asks = matches!(signal, Signal::TTIN | Signal::TTOU);
        // From now on it is a program that uses the terminal.
        self.settings.wants_terminal |= asks || holder == Holder::Command;
        if asks && holder == Holder::SessionInit {
            actions.push(Action::GiveTerminal);
            actions.push(Action::Send(Signal::CONT, Target::Group));
            return actions;
        }
        self.stopped = Some((signal, holder));
        actions.push(Action::TakeTerminal);
        // What the terminal did to COMMAND's group it would have done to all of the job, had they shared one. An
        // orphaned group must not be stopped, and of all signals only STOP would do so.
        let by_terminal = asks || signal == Signal::TSTP && holder == Holder::Command;
        let signal = if signal == Signal::STOP { Signal::TSTP } else { signal };
        actions.push(if by_terminal { Action::StopJob(signal) } else { Action::StopSelf(signal) });
        actions
    }

    /// Without a shell that would continue the job nothing may stop it, and so the terminal could not have stopped
    /// COMMAND either. What must not be the foreground group stays stopped: it would ask again at once.
    fn not_stopped(&mut self) -> Actions {
        let mut actions = Actions::default();
        if self.settings.mode == Mode::Job && self.phase != Phase::Running {
            actions.push(Action::Send(Signal::CONT, Target::All));
            return actions;
        }
        let goes_on = match self.stopped {
            Some((Signal::TSTP, _)) => true,
            Some((Signal::TTIN | Signal::TTOU, holder)) => holder == Holder::Command,
            _ => false,
        };
        if goes_on {
            let target = self.resume(Target::Group, &mut actions);
            actions.push(Action::Send(Signal::CONT, target));
        }
        actions
    }

    /// Whether the kernel sent this signal to the whole foreground process group, which is COMMAND's too.
    fn has_reached_command(&self, signal: Signal, origin: Origin) -> bool {
        let of_the_terminal = matches!(signal, Signal::INT | Signal::QUIT | Signal::TSTP | Signal::WINCH);
        self.settings.mode == Mode::SingleChild && of_the_terminal && origin == Origin::Kernel
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
        self.take_terminal_at_end(ended, &mut actions);
        if !self.settings.linger && (self.settings.mode.has_own_group() || stays) {
            let target = if stays { Target::All } else { Target::Group };
            actions.push(Action::Send(self.settings.table.farewell(), target));
            actions.push(Action::Send(Signal::CONT, target));
        }
        if !stays {
            self.finish(ended, &mut actions);
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

    fn all_killed(&mut self, before: Option<Ended>, now: Option<Ended>) -> Actions {
        let mut actions = Actions::default();
        // What nobody saw end was killed, or is about to be as soon as the kernel can.
        let ended = before.or(now).unwrap_or(Ended::Signaled(Signal::KILL));
        if before.is_none() {
            self.take_terminal_at_end(ended, &mut actions);
        }
        self.finish(ended, &mut actions);
        actions
    }

    fn nothing_left(&mut self, ended: Ended) -> Actions {
        let mut actions = Actions::default();
        self.finish(ended, &mut actions);
        actions
    }

    fn take_terminal_at_end(&self, ended: Ended, actions: &mut Actions) {
        if self.settings.mode == Mode::Job {
            let killed = matches!(ended, Ended::Signaled(_));
            actions.push(Action::TakeTerminalAtEnd(if killed { Modes::AsFound } else { Modes::AsLeft }));
        }
    }

    fn finish(&mut self, ended: Ended, actions: &mut Actions) {
        // The two keys that end a job. A script around session-init goes on unless it hears of them.
        if self.settings.mode == Mode::Job
            && let Ended::Signaled(signal @ (Signal::INT | Signal::QUIT)) = ended
        {
            actions.push(Action::Share(signal));
        }
        self.phase = Phase::Finished;
        actions.push(Action::Finish(ended));
    }
}

/// Whether a process that gets this signal, under one name or the other, is expected to end and must not be left stopped.
fn wakes(received: Signal, sent: Signal) -> bool {
    let asks = |signal| matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT | Signal::HUP);
    (asks(received) || asks(sent)) && !stops(sent)
}

/// Whether a signal stops a process by default.
fn stops(signal: Signal) -> bool {
    matches!(signal, Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU)
}

/// What to do about one event, in order.
#[must_use]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Actions([Option<Action>; Self::MOST]);

impl Actions {
    /// The longest answers there are: the terminal, a signal to the leftovers, CONT, and then either to reap and a
    /// deadline or to share and finish.
    const MOST: usize = 5;

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

    fn supervisor(mode: Mode, is_pid_1: bool, rules: &str) -> Supervisor {
        let rules = Rule::parse_list(rules).unwrap_or_default();
        let target = if mode.has_own_group() { Target::Group } else { Target::Child };
        let table = Table::new(target, mode == Mode::Session, &rules);
        let (grace, kill_after, linger, wants_terminal) = (Period::Zero, None, false, false);
        Supervisor::new(Settings { table, mode, wants_terminal, is_pid_1, grace, kill_after, linger })
    }

    /// A supervisor of COMMAND as a job.
    fn job(wants_terminal: bool) -> Supervisor {
        let mut job = supervisor(Mode::Job, false, "");
        job.settings.wants_terminal = wants_terminal;
        job
    }

    fn answer(supervisor: &mut Supervisor, event: Event) -> Vec<Action> {
        let actions = supervisor.handle(event);
        assert_eq!(actions.is_empty(), actions.iter().count() == 0);
        actions.iter().collect()
    }

    #[test]
    fn a_signal_goes_to_the_group() {
        let mut session = supervisor(Mode::Session, true, "");
        assert_eq!(
            answer(&mut session, Event::Signal(Signal::USR1, FROM_1)),
            [Action::Send(Signal::USR1, Target::Group)]
        );
    }

    #[test]
    fn a_signal_that_asks_to_end_wakes_a_stopped_command() {
        let mut session = supervisor(Mode::Session, true, "TERM:USR1,HUP:STOP,USR1:INT");
        let mut on = |signal| answer(&mut session, Event::Signal(signal, FROM_1));
        let wake = Action::ContinueIfStopped(Target::Group);
        assert_eq!(on(Signal::INT), [Action::Send(Signal::INT, Target::Group), wake]);
        assert_eq!(on(Signal::TERM), [Action::Send(Signal::USR1, Target::Group), wake]);
        assert_eq!(on(Signal::USR1), [Action::Send(Signal::INT, Target::Group), wake]);
        assert_eq!(on(Signal::HUP), [Action::Send(Signal::STOP, Target::Group)]);
    }

    #[test]
    fn a_dropped_signal_does_nothing_at_all() {
        let mut session = supervisor(Mode::Session, false, "TERM:0,TSTP:0");
        assert_eq!(answer(&mut session, Event::Signal(Signal::TERM, FROM_1)), []);
        assert_eq!(answer(&mut session, Event::Signal(Signal::TSTP, FROM_1)), []);
    }

    #[test]
    fn the_signals_of_job_control_stop_session_init_too_except_as_pid_1() {
        let stopped = Action::Send(Signal::STOP, Target::Group);
        for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            let event = Event::Signal(signal, FROM_1);
            assert_eq!(
                answer(&mut supervisor(Mode::Session, false, ""), event),
                [stopped, Action::StopSelf(Signal::STOP)]
            );
            assert_eq!(answer(&mut supervisor(Mode::Session, true, ""), event), [stopped]);
        }
        for (mode, stop) in [(Mode::Session, Signal::STOP), (Mode::Job, Signal::TSTP)] {
            let rewritten = [
                Action::Send(Signal::TERM, Target::Group),
                Action::ContinueIfStopped(Target::Group),
                Action::StopSelf(stop),
            ];
            let event = Event::Signal(Signal::TSTP, FROM_1);
            assert_eq!(answer(&mut supervisor(mode, false, "TSTP:TERM"), event), rewritten);
        }
    }

    #[test]
    fn what_the_terminal_sent_to_the_shared_group_is_not_delivered_twice() {
        let mut single = supervisor(Mode::SingleChild, false, "");
        for signal in [Signal::INT, Signal::QUIT, Signal::WINCH] {
            assert_eq!(answer(&mut single, Event::Signal(signal, Origin::Kernel)), []);
            assert!(answer(&mut single, Event::Signal(signal, FROM_1)).contains(&Action::Send(signal, Target::Child)));
        }
        assert_eq!(answer(&mut single, Event::Signal(Signal::TSTP, Origin::Kernel)), [Action::StopSelf(Signal::TSTP)]);
        // Where the terminal has not stopped all of the group, nobody but session-init can say that its job is stopped.
        let stop = [Action::Send(Signal::TSTP, Target::Child), Action::StopSelf(Signal::STOP)];
        assert_eq!(answer(&mut single, Event::Signal(Signal::TSTP, FROM_1)), stop);
        assert_eq!(
            answer(&mut single, Event::Signal(Signal::HUP, Origin::Kernel)),
            [Action::Send(Signal::HUP, Target::Child), Action::ContinueIfStopped(Target::Child)]
        );
        let mut session = supervisor(Mode::Session, false, "");
        assert!(!answer(&mut session, Event::Signal(Signal::INT, Origin::Kernel)).is_empty());
    }

    #[test]
    fn at_the_end_the_rest_of_the_group_gets_term_and_cont() {
        let ended = Event::CommandEnded(Ended::Exited(7));
        let finish = Action::Finish(Ended::Exited(7));
        for (rules, farewell) in [("", Signal::TERM), ("TERM:QUIT", Signal::QUIT), ("TERM:0", Signal::TERM)] {
            assert_eq!(
                answer(&mut supervisor(Mode::Session, true, rules), ended),
                [Action::Send(farewell, Target::Group), Action::Send(Signal::CONT, Target::Group), finish]
            );
        }
        assert_eq!(answer(&mut supervisor(Mode::SingleChild, true, ""), ended), [finish]);
    }

    #[test]
    fn a_job_that_the_terminal_stops_takes_all_of_the_shells_job_along() {
        for (signal, holder) in [
            (Signal::TSTP, Holder::Command),
            (Signal::TTIN, Holder::Command),
            (Signal::TTIN, Holder::Other),
            (Signal::TTOU, Holder::Other),
        ] {
            let stop = [Action::TakeTerminal, Action::StopJob(signal)];
            assert_eq!(answer(&mut job(true), Event::CommandStopped(signal, holder)), stop);
        }
    }

    #[test]
    fn a_job_that_a_process_stops_takes_session_init_along() {
        for (signal, holder) in [
            (Signal::STOP, Holder::Command),
            (Signal::STOP, Holder::Other),
            (Signal::TSTP, Holder::SessionInit),
            (Signal::TSTP, Holder::Other),
        ] {
            let stop = [Action::TakeTerminal, Action::StopSelf(Signal::TSTP)];
            assert_eq!(answer(&mut job(true), Event::CommandStopped(signal, holder)), stop);
        }
    }

    #[test]
    fn what_stops_a_job_through_session_init_is_sent_on_as_it_is() {
        for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            let sent = [Action::Send(signal, Target::Group)];
            assert_eq!(answer(&mut job(true), Event::Signal(signal, Origin::Kernel)), sent);
        }
    }

    const CONT: Event = Event::Signal(Signal::CONT, FROM_1);

    #[test]
    fn a_job_gets_the_terminal_the_moment_it_asks_for_it_and_keeps_it_from_then_on() {
        let mut job = job(false);
        let resumed = [Action::Send(Signal::CONT, Target::Group)];
        assert_eq!(answer(&mut job, CONT), resumed);
        let given = [Action::GiveTerminal, Action::Send(Signal::CONT, Target::Group)];
        for signal in [Signal::TTIN, Signal::TTOU] {
            assert_eq!(answer(&mut job, Event::CommandStopped(signal, Holder::SessionInit)), given);
        }
        let _ = answer(&mut job, Event::CommandStopped(Signal::TSTP, Holder::Command));
        assert_eq!(answer(&mut job, CONT), given);
    }

    #[test]
    fn a_job_that_needs_no_terminal_is_continued_without_it() {
        let mut job = job(false);
        let _ = answer(&mut job, Event::CommandStopped(Signal::TSTP, Holder::SessionInit));
        assert_eq!(answer(&mut job, CONT), [Action::Send(Signal::CONT, Target::Group)]);
    }

    #[test]
    fn the_whole_group_was_stopped_and_the_whole_group_goes_on() {
        let mut job = job(false);
        job.settings.table = Table::new(Target::Child, false, &[]);
        assert_eq!(answer(&mut job, CONT), [Action::Send(Signal::CONT, Target::Child)]);
        let _ = answer(&mut job, Event::CommandStopped(Signal::TSTP, Holder::SessionInit));
        assert_eq!(answer(&mut job, CONT), [Action::Send(Signal::CONT, Target::Group)]);
        assert_eq!(answer(&mut job, CONT), [Action::Send(Signal::CONT, Target::Child)]);
        job.settings.table = Table::new(Target::All, false, &[]);
        let _ = answer(&mut job, Event::CommandStopped(Signal::TSTP, Holder::SessionInit));
        assert_eq!(answer(&mut job, CONT), [Action::Send(Signal::CONT, Target::All)]);
    }

    #[test]
    fn where_nobody_could_continue_the_job_the_terminal_does_not_stop_it() {
        for (signal, holder, goes_on) in [
            (Signal::TSTP, Holder::Command, true),
            (Signal::TSTP, Holder::SessionInit, true),
            (Signal::TTIN, Holder::Command, true),
            // It would ask again at once.
            (Signal::TTIN, Holder::Other, false),
            (Signal::STOP, Holder::Command, false),
        ] {
            let mut job = job(true);
            let _ = answer(&mut job, Event::CommandStopped(signal, holder));
            let resumed = [Action::GiveTerminal, Action::Send(Signal::CONT, Target::Group)];
            let expected = if goes_on { &resumed[..] } else { &[] };
            assert_eq!(answer(&mut job, Event::NotStopped), expected, "{signal} {holder:?}");
        }
    }

    #[test]
    fn ctrl_z_during_the_grace_stops_what_is_left_and_session_init() {
        let mut job = job(true);
        job.settings.grace = Period::Infinite;
        let _ = answer(&mut job, Event::CommandEnded(Ended::Exited(0)));
        let stop = [Action::Send(Signal::TSTP, Target::All), Action::StopSelf(Signal::TSTP)];
        assert_eq!(answer(&mut job, Event::Signal(Signal::TSTP, Origin::Kernel)), stop);
        assert_eq!(answer(&mut job, Event::NotStopped), [Action::Send(Signal::CONT, Target::All)]);
    }

    #[test]
    fn a_job_that_ends_leaves_the_terminal_behind_and_its_modes_too_unless_it_was_killed() {
        let term = Action::Send(Signal::TERM, Target::Group);
        let resumed = Action::Send(Signal::CONT, Target::Group);
        for (ended, modes) in [(Ended::Exited(1), Modes::AsLeft), (Ended::Signaled(Signal::KILL), Modes::AsFound)] {
            let taken = Action::TakeTerminalAtEnd(modes);
            let finish = Action::Finish(ended);
            assert_eq!(answer(&mut job(true), Event::CommandEnded(ended)), [taken, term, resumed, finish]);
            let mut killed = job(true);
            let _ = answer(&mut killed, Event::Passed(Deadline::KillAfter));
            assert_eq!(answer(&mut killed, Event::AllKilled(Some(ended))), [taken, finish]);
        }
    }

    #[test]
    fn the_key_that_ended_a_job_is_heard_by_the_rest_of_the_shells_job() {
        for signal in [Signal::INT, Signal::QUIT] {
            let ended = Ended::Signaled(signal);
            let end = answer(&mut job(true), Event::CommandEnded(ended));
            assert!(end.ends_with(&[Action::Share(signal), Action::Finish(ended)]));
            let session = answer(&mut supervisor(Mode::Session, false, ""), Event::CommandEnded(ended));
            assert!(!session.contains(&Action::Share(signal)));
        }
        let mut patient = job(true);
        patient.settings.grace = Period::Finite(GRACE);
        let ended = Ended::Signaled(Signal::INT);
        assert!(!answer(&mut patient, Event::CommandEnded(ended)).contains(&Action::Share(Signal::INT)));
        assert_eq!(answer(&mut patient, Event::NothingLeft), [Action::Share(Signal::INT), Action::Finish(ended)]);
    }

    const GRACE: Duration = Duration::from_secs(5);
    const KILL_AFTER: Duration = Duration::from_secs(7);
    const TERM: Event = Event::Signal(Signal::TERM, FROM_1);

    fn with_grace(mode: Mode) -> Supervisor {
        let mut supervisor = supervisor(mode, true, "");
        supervisor.settings.grace = Period::Finite(GRACE);
        supervisor
    }

    #[test]
    fn grace_asks_all_that_is_left_and_ends_the_moment_nothing_is() {
        for mode in [Mode::Session, Mode::SingleChild] {
            let mut supervisor = with_grace(mode);
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
        let mut supervisor = with_grace(Mode::Session);
        let _ = answer(&mut supervisor, Event::CommandEnded(Ended::Exited(3)));
        let killing = [Action::KillAll(Deadline::Grace)];
        assert_eq!(answer(&mut supervisor, Event::Passed(Deadline::Grace)), killing);
        assert_eq!(answer(&mut supervisor, Event::AllKilled(None)), [Action::Finish(Ended::Exited(3))]);
    }

    #[test]
    fn an_infinite_grace_has_no_deadline() {
        let mut supervisor = with_grace(Mode::Session);
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
            let mut supervisor = supervisor(Mode::Session, false, rules);
            supervisor.settings.kill_after = Some(KILL_AFTER);
            let event = Event::Signal(signal, FROM_1);
            assert_eq!(answer(&mut supervisor, event).contains(&armed), arms, "{rules} {signal}");
            assert!(!answer(&mut supervisor, event).contains(&armed), "{rules} {signal}, again");
        }
    }

    #[test]
    fn kill_after_counts_from_what_the_terminal_has_sent_to_command_itself_too() {
        let mut supervisor = supervisor(Mode::SingleChild, false, "");
        supervisor.settings.kill_after = Some(KILL_AFTER);
        let interrupt = Event::Signal(Signal::INT, Origin::Kernel);
        assert_eq!(answer(&mut supervisor, interrupt), [Action::Arm(Deadline::KillAfter, KILL_AFTER)]);
    }

    #[test]
    fn kill_after_reports_how_command_ended() {
        let ends = [(Some(Ended::Exited(4)), Ended::Exited(4)), (None, Ended::Signaled(Signal::KILL))];
        for (seen, reported) in ends {
            let mut supervisor = supervisor(Mode::Session, true, "");
            let killing = [Action::KillAll(Deadline::KillAfter)];
            assert_eq!(answer(&mut supervisor, Event::Passed(Deadline::KillAfter)), killing);
            assert_eq!(answer(&mut supervisor, TERM), []);
            assert_eq!(answer(&mut supervisor, Event::AllKilled(seen)), [Action::Finish(reported)]);
        }
    }

    #[test]
    fn lingering_asks_nothing_of_what_is_left() {
        let mut supervisor = supervisor(Mode::Session, true, "TERM:QUIT@child");
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
        let holder = prop_oneof![Just(Holder::SessionInit), Just(Holder::Command), Just(Holder::Other)];
        let stop = prop_oneof![Just(Signal::STOP), Just(Signal::TSTP), Just(Signal::TTIN), Just(Signal::TTOU)];
        let ended = || prop_oneof![any::<u8>().prop_map(Ended::Exited), signal().prop_map(Ended::Signaled)];
        prop_oneof![
            20 => (received, origin).prop_map(|(signal, origin)| Event::Signal(signal, origin)),
            4 => (stop, holder).prop_map(|(signal, holder)| Event::CommandStopped(signal, holder)),
            2 => Just(Event::NotStopped),
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
        let mode = prop_oneof![Just(Mode::Session), Just(Mode::Job), Just(Mode::SingleChild)];
        (mode, any::<bool>(), any::<bool>(), grace, kill_after, any::<bool>()).prop_map(
            |(mode, wants_terminal, is_pid_1, grace, kill_after, linger)| Settings {
                wants_terminal,
                grace,
                kill_after,
                linger,
                // PID 1 is nobody's job.
                ..supervisor(mode, is_pid_1 && mode != Mode::Job, "USR1:0,TERM:0,QUIT:INT").settings
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
            let (mut end, mut killing, mut finished, mut reaped, mut taken) = (None, false, false, false, false);
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
                            prop_assert_eq!(taken, settings.mode == Mode::Job, "no job ends with the terminal");
                            finished = true;
                        }
                        Action::Send(sent, target) => {
                            prop_assert!(!killing);
                            prop_assert_ne!(sent, Signal::KILL, "no rule here asks for KILL");
                            prop_assert!(!reaped || target == Target::All, "a reaped COMMAND is no target");
                            prop_assert!(settings.mode.has_own_group() || target != Target::Group);
                            match event {
                                Event::Signal(received, _) => {
                                    prop_assert!(!matches!(received, Signal::USR1 | Signal::TERM), "dropped");
                                }
                                Event::CommandStopped(..) | Event::NotStopped => {
                                    prop_assert_eq!(sent, Signal::CONT, "who is stopped is continued at most");
                                }
                                _ => prop_assert!(!settings.linger, "lingering asks nothing of anybody"),
                            }
                        }
                        Action::ContinueIfStopped(target) => {
                            prop_assert!(!reaped);
                            prop_assert!(settings.mode.has_own_group() || target != Target::Group);
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
                        Action::StopSelf(signal) => {
                            prop_assert!(!settings.is_pid_1);
                            let by_stop = settings.mode == Mode::Job && matches!(event, Event::CommandStopped(..));
                            prop_assert!(!by_stop || signal != Signal::STOP, "STOP stops an orphaned group too");
                        }
                        Action::StopJob(signal) => {
                            prop_assert_eq!(settings.mode, Mode::Job);
                            prop_assert_ne!(signal, Signal::STOP, "STOP stops an orphaned group too");
                            prop_assert!(matches!(event, Event::CommandStopped(..)));
                        }
                        Action::GiveTerminal | Action::TakeTerminal => {
                            prop_assert_eq!(settings.mode, Mode::Job);
                            prop_assert!(end.is_none(), "the dead get no terminal");
                        }
                        Action::TakeTerminalAtEnd(_) => {
                            prop_assert_eq!(settings.mode, Mode::Job);
                            prop_assert!(!taken, "the terminal is taken back once");
                            taken = true;
                        }
                        Action::Share(signal) => {
                            prop_assert_eq!(end, Some(Ended::Signaled(signal)));
                            prop_assert!(taken);
                        }
                    }
                }
            }
        }
    }
}
