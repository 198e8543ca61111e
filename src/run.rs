//! From the arguments to the exit status: the loop around the [`Supervisor`], and the end.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{Pid, chdir, getpid};

use crate::cli::docs;
use crate::cli::explain::{self, Surroundings};
use crate::cli::parse::{Config, Invocation, Sources, parse};
use crate::error::{StartError, UsageError};
use crate::exit::{Ended, Remap, status};
use crate::job::Job;
use crate::log::Log;
use crate::period::Period;
use crate::reach::{Count, Names, Reach, Sent};
use crate::route::Target;
use crate::signal::Signal;
use crate::start::{prospects, start};
use crate::supervisor::{Action, Deadline, Event, Mode, Modes, Origin, Settings, Supervisor};
use crate::sys::signals::{Disposition, Received, SignalSet};
use crate::sys::wait::{Child, Seen, State};
use crate::sys::{describe, descriptors, environment, kill, procfs, signals, wait};

/// The program. Takes its arguments, its name first, and the signal mask that was in force before all signals were
/// blocked, or why they are not; answers with the exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>, mask: Result<SignalSet, Errno>) -> u8 {
    let mut log = Log::new(&arguments);
    match parse(arguments.into_iter().skip(1), |name| environment::variable(name).map(OsStr::to_owned)) {
        Ok(Invocation::Run(config)) => {
            log.set_verbosity(config.verbosity);
            run_command(&config, mask, &log)
        }
        Ok(Invocation::Print(page)) => {
            let_signals_through(mask);
            print(&docs::page(page), &log)
        }
        Ok(Invocation::Explain(config, sources)) => {
            let_signals_through(mask);
            print(&explanation(&config, &sources), &log)
        }
        Err(error) => refuse(&error, &log),
    }
}

// What a plain run does not come to is cold and never inlined: the less memory a start touches, the faster it is.

#[cold]
#[inline(never)]
fn refuse(error: &UsageError, log: &Log) -> u8 {
    log.say(format_args!("{error} (see --help)"));
    status::USAGE
}

#[cold]
#[inline(never)]
fn explanation(config: &Config, sources: &Sources) -> String {
    let pid = getpid().as_raw();
    let (terminal, is_job) = prospects(config, pid == 1);
    explain::text(config, sources, Surroundings { pid, terminal, is_job }, is_styled())
}

/// Lets signals do what they did before, where nothing is run.
fn let_signals_through(mask: Result<SignalSet, Errno>) {
    let _ = mask.and_then(signals::restore_mask);
}

/// Whether stdout is a terminal whose user has nothing against colours and bold face (no-color.org).
fn is_styled() -> bool {
    descriptors::stdout_is_terminal() && environment::variable("NO_COLOR").is_none_or(OsStr::is_empty)
}

#[cold]
#[inline(never)]
fn print(text: &str, log: &Log) -> u8 {
    match descriptors::write_to_stdout(text.as_bytes()) {
        Ok(()) => 0,
        Err(error) => {
            log.say(format_args!("cannot write to stdout: {}", describe(error)));
            status::USAGE
        }
    }
}

fn run_command(config: &Config, mask: Result<SignalSet, Errno>, log: &Log) -> u8 {
    let is_pid_1 = getpid().as_raw() == 1;
    // Whoever ran this program in its own place may have left it children.
    let is_first = wait::look() == Seen::NoChildren;
    let started = mask.map_err(StartError::Mask).and_then(|mask| start(config, is_pid_1, mask, log));
    let started = match started {
        Ok(started) => started,
        Err(error) => {
            log.say(format_args!("{error}"));
            return error.status();
        }
    };
    // From here on nothing may end session-init but COMMAND's end. What fails is reported, and COMMAND's status decides.
    descriptors::close_all_but_stderr_and(started.job.as_ref().map(Job::descriptor));
    let _ = chdir("/");
    let settings = Settings {
        table: if started.mode == Mode::Job { &config.job_table } else { &config.table }.clone(),
        mode: started.mode,
        wants_terminal: started.wants_terminal,
        is_pid_1,
        grace: config.grace,
        kill_after: config.kill_after,
        linger: config.linger,
    };
    let init = Init {
        reach: Reach::new(started.command, started.mode, is_pid_1, is_first, log),
        supervisor: Supervisor::new(settings),
        job: started.job,
        stopped_by: None,
        config,
        log,
        deadlines: Vec::new(),
    };
    let ended = init.supervise();
    let status = Remap::apply(&config.remap_exit, ended.status());
    if ended == Ended::Signaled(Signal::INT) && status == ended.status() && !is_pid_1 {
        die_of_interrupt();
    }
    status
}

/// Ends as COMMAND did, so that a shell script around session-init sees Ctrl-C as such and stops too.
fn die_of_interrupt() {
    let _ = signals::set_disposition(Signal::INT, Disposition::Default);
    let _ = kill::process(getpid(), Signal::INT);
    signals::unblock(SignalSet::of(&[Signal::INT]));
}

/// After so many children the signals that have come in the meantime get their turn.
const MOST_REAPED_AT_ONCE: usize = 64;

/// What came of a look at the children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// This happened; there may be more to see once it has been handled.
    Event(Event),
    /// Nothing happened, and no child is left that has ended.
    Everything,
    /// Nothing happened so far.
    Some,
    /// The kernel did not tell.
    Nowhere,
}

/// After so long session-init looks again, without being asked to, where it could not see its children. The signal that told
/// of an end is gone, and no other will come.
const BLINDNESS: Duration = Duration::from_millis(5);

/// A running COMMAND and what is needed to look after it.
struct Init<'config> {
    reach: Reach<'config>,
    supervisor: Supervisor,
    job: Option<Job>,
    /// The signal that stopped COMMAND, a job, as far as the supervisor knows.
    stopped_by: Option<Signal>,
    config: &'config Config,
    log: &'config Log,
    deadlines: Vec<(Deadline, Instant)>,
}

impl Init<'_> {
    /// Looks after COMMAND until it has ended.
    fn supervise(mut self) -> Ended {
        // A child from before exec may have ended before SIGCHLD was blocked, so the first look is not one that was asked for.
        let mut news = Some(None);
        let mut is_blind = false;
        // Each round has a look at everything, so that no flood of the one can hide the others.
        loop {
            if let Some(child) = news.take() {
                let looked = self.look_at_children(child);
                if let Looked::Event(event) = looked
                    && let Some(ended) = self.handle(event)
                {
                    return ended;
                }
                is_blind = looked == Looked::Nowhere;
                news = (looked != Looked::Everything).then_some(None);
            }
            if let Some(deadline) = self.passed_deadline()
                && let Some(ended) = self.handle(Event::Passed(deadline))
            {
                return ended;
            }
            let time_left = match news {
                Some(_) if is_blind => Some(self.time_left().map_or(BLINDNESS, |left| left.min(BLINDNESS))),
                Some(_) => Some(Duration::ZERO),
                None => self.time_left(),
            };
            let mut received = signals::wait(SignalSet::ALL, time_left);
            if let Some(Received { signal, origin, .. }) = received
                && signal != Signal::CHLD
            {
                if let Some(ended) = self.handle(Event::Signal(signal, origin)) {
                    return ended;
                }
                // Signals with lower numbers, and those sent to the thread, come before it as long as there are any.
                received = signals::take(SignalSet::of(&[Signal::CHLD]));
            }
            if let Some(Received { origin, pid, .. }) = received {
                news = Some((origin == Origin::Other).then(|| Pid::from_raw(pid)));
            }
        }
    }

    /// Reaps every child that has ended but COMMAND, whose end is only looked at: unreaped, its pid still keeps its process
    /// group from being somebody else's. `child` is one that has probably ended; knowing it saves a look.
    fn look_at_children(&mut self, child: Option<Pid>) -> Looked {
        let command = self.reach.command();
        if let Some(orphan) = child.filter(|child| *child != command || self.reach.command_reaped()) {
            self.reap(orphan);
        }
        for _ in 0..MOST_REAPED_AT_ONCE {
            match wait::look() {
                // Once reaped, the pid is that of some orphan.
                Seen::Child(Child { pid, state: State::Ended(ended) })
                    if pid == command && !self.reach.command_reaped() =>
                {
                    return Looked::Event(Event::CommandEnded(ended));
                }
                Seen::Child(Child { pid, state: State::Ended(_) }) => self.reap(pid),
                Seen::Child(Child { pid, .. }) => wait::note_stop(pid),
                Seen::Failed => return Looked::Nowhere,
                Seen::NoChildren if self.reach.command_reaped() => return Looked::Event(Event::NothingLeft),
                Seen::Nothing | Seen::NoChildren => {
                    return self.look_at_job().map_or(Looked::Everything, Looked::Event);
                }
            }
        }
        Looked::Some
    }

    /// Whether COMMAND, a job, has been stopped since the last look.
    fn look_at_job(&mut self) -> Option<Event> {
        let job = self.job.as_ref()?;
        let stopped_by = self.reach.command_stopped_by();
        if stopped_by == self.stopped_by {
            return None;
        }
        self.stopped_by = stopped_by;
        stopped_by.map(|signal| Event::CommandStopped(signal, job.holder()))
    }

    fn reap(&self, orphan: Pid) {
        let told = self.config.warn_on_reap || self.log.shows(1);
        let name = if told && procfs::is_usable() { procfs::read_stat(orphan.as_raw()) } else { None };
        if let Some(Child { pid, state: State::Ended(ended) }) = wait::reap(orphan)
            && told
        {
            let name = name.map(|stat| format!(" ({})", stat.name)).unwrap_or_default();
            self.log.say(format_args!("reaped orphan {pid}{name}, which {ended}"));
        }
    }

    fn passed_deadline(&mut self) -> Option<Deadline> {
        if self.deadlines.is_empty() {
            return None;
        }
        let now = Instant::now();
        let passed = self.deadlines.iter().position(|(_, at)| *at <= now)?;
        Some(self.deadlines.remove(passed).0)
    }

    fn time_left(&self) -> Option<Duration> {
        let next = self.deadlines.iter().map(|(_, at)| *at).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Does what the supervisor says about an event; the answer is how COMMAND ended, once all is done.
    fn handle(&mut self, event: Event) -> Option<Ended> {
        if let (Event::Signal(Signal::CONT, _), Some(job)) = (event, &mut self.job) {
            job.resumed();
        }
        let actions = self.supervisor.handle(event);
        let mut report = Report::about(event, self.log);
        for action in actions.iter() {
            match action {
                Action::Send(signal, target) => self.send(signal, target, &mut report),
                Action::ContinueIfStopped(target) => {
                    if self.reach.command_stopped_by().is_some() {
                        self.send(Signal::CONT, target, &mut report);
                    }
                }
                Action::Arm(deadline, period) => {
                    report.add(format_args!("waiting at most {}", Period::Finite(period)));
                    // A period that the clock cannot hold is one that never passes.
                    self.deadlines.extend(Instant::now().checked_add(period).map(|at| (deadline, at)));
                }
                Action::ReapCommand => self.reach.reap_command(),
                Action::StopSelf(signal) => {
                    report.add(format_args!("stopping as well"));
                    report.print(self.log);
                    return self.stop(signal, |signal| {
                        let _ = kill::process(getpid(), signal);
                    });
                }
                Action::StopJob(signal) => {
                    report.add(format_args!("stopping as well, and what else is in this process group"));
                    report.print(self.log);
                    return self.stop(signal, kill::own_group);
                }
                Action::GiveTerminal => {
                    if self.job.as_mut().is_some_and(Job::give) {
                        report.add(format_args!("gave it the terminal"));
                    }
                }
                Action::TakeTerminal => {
                    if self.job.as_mut().is_some_and(|job| job.take(Modes::AsLeft)) {
                        report.add(format_args!("took the terminal back"));
                    }
                }
                Action::TakeTerminalAtEnd(modes) => {
                    if self.job.as_mut().is_some_and(|job| job.take_at_end(modes)) {
                        report.add(format_args!("took the terminal back"));
                    }
                }
                Action::Share(signal) => {
                    if self.job.as_ref().is_some_and(|job| job.share(signal)) {
                        report.add(format_args!("sent {signal} to this process group as well"));
                    }
                }
                Action::KillAll(deadline) => {
                    report.print(self.log);
                    let ended = self.kill_all(deadline);
                    return self.handle(Event::AllKilled(ended));
                }
                Action::Finish(ended) => {
                    self.reach.reap_command();
                    report.add(format_args!(
                        "ending with status {}",
                        Remap::apply(&self.config.remap_exit, ended.status())
                    ));
                    report.print(self.log);
                    return Some(ended);
                }
            }
        }
        if actions.is_empty() && matches!(event, Event::Signal(..)) {
            report.add(format_args!("not sent on"));
        }
        report.print(self.log);
        None
    }

    fn send(&mut self, signal: Signal, target: Target, report: &mut Report) {
        if signal == Signal::CONT {
            // From now on a stop is a new one, even before anybody has seen COMMAND run.
            self.stopped_by = None;
        }
        match self.reach.send(signal, target) {
            Sent::To(reached) => report.add(format_args!("sent {signal} to {reached}")),
            Sent::Gone(reached) => report.add(format_args!("nobody left of {reached} to send {signal} to")),
            Sent::Denied(reached) => report.add(format_args!("could not send {signal} to {reached}")),
        }
    }

    /// Stops by a signal that `send` sends, until CONT comes.
    fn stop(&mut self, signal: Signal, send: impl FnOnce(Signal)) -> Option<Ended> {
        // A CONT that came in the meantime would be discarded by the stop (signal(7)), and nobody would send another.
        if let Some(event) = take_continue() {
            return self.handle(event);
        }
        let _ = signals::set_disposition(signal, Disposition::Default);
        send(signal);
        // Where the signal stops a process, it does so before this call returns.
        signals::unblock(SignalSet::of(&[signal]));
        signals::block(SignalSet::of(&[signal]));
        // Nothing but CONT continues a process.
        self.handle(take_continue().unwrap_or(Event::NotStopped))
    }

    /// Kills everything, and names it.
    #[cold]
    #[inline(never)]
    fn kill_all(&mut self, deadline: Deadline) -> Option<Ended> {
        let (ended, living) = self.reach.kill_all();
        if !living.is_empty() {
            let (count, names) = (Count(living.len()), Names(&living));
            let was = if living.len() == 1 { "was" } else { "were" };
            match deadline {
                Deadline::Grace => {
                    let grace = self.config.grace;
                    self.log.say(format_args!("{count} outlived the grace of {grace} and {was} killed: {names}"));
                }
                Deadline::KillAfter => {
                    let period = Period::Finite(self.config.kill_after.unwrap_or_default());
                    self.log.say(format_args!(
                        "{count} {was} still there {period} after the signal to end and {was} killed: {names}"
                    ));
                }
            }
        }
        ended
    }
}

/// Takes a CONT off the queue.
fn take_continue() -> Option<Event> {
    let Received { signal, origin, .. } = signals::take(SignalSet::of(&[Signal::CONT]))?;
    Some(Event::Signal(signal, origin))
}

/// One line about an event and what was done about it, if such lines are wanted.
struct Report(Option<String>);

impl Report {
    fn about(event: Event, log: &Log) -> Self {
        // Some container engines send URG by the thousand.
        let level = if matches!(event, Event::Signal(Signal::URG, _)) { 2 } else { 1 };
        if !log.shows(level) {
            return Self(None);
        }
        Self(Some(match event {
            Event::Signal(signal, Origin::Process(pid)) => format!("received {signal} from pid {pid}"),
            Event::Signal(signal, Origin::Kernel | Origin::Other) => format!("received {signal} from the kernel"),
            Event::CommandStopped(signal, _) => format!("COMMAND was stopped by {signal}"),
            Event::NotStopped => "nobody could continue this process group, so it was not stopped".to_owned(),
            Event::CommandEnded(ended) => format!("COMMAND {ended}"),
            Event::NothingLeft => "nothing is left".to_owned(),
            Event::Passed(Deadline::Grace) => "the grace has passed; killing what is left".to_owned(),
            Event::Passed(Deadline::KillAfter) => "the time to end has passed; killing everything".to_owned(),
            Event::AllKilled(_) => "killed everything".to_owned(),
        }))
    }

    fn add(&mut self, done: fmt::Arguments<'_>) {
        if let Some(line) = &mut self.0 {
            let _ = write!(line, "; {done}");
        }
    }

    fn print(self, log: &Log) {
        if let Some(line) = self.0 {
            log.say(format_args!("{line}"));
        }
    }
}
