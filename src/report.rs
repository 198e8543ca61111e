//! What `-v` prints: one line about an event and what was done about it.

#![forbid(unsafe_code)]

use std::fmt::{self, Write as _};

use crate::cli::settings::Config;
use crate::log::Log;
use crate::period::Period;
use crate::reach::{Count, Gone, Killed, Names, Sent};
use crate::signal::{Origin, Signal};
use crate::supervisor::{Deadline, Event};

/// The line, if such lines are wanted.
pub(crate) struct Report(Option<String>);

impl Report {
    pub(crate) fn about(event: Event, log: &Log) -> Self {
        // Some container engines send URG by the thousand.
        let level = if matches!(event, Event::Signal(Signal::URG, _)) { 2 } else { 1 };
        Self(log.shows(level).then(|| describe(event)))
    }

    pub(crate) fn add(&mut self, done: fmt::Arguments<'_>) {
        if let Some(line) = &mut self.0 {
            let _ = write!(line, "; {done}");
        }
    }

    pub(crate) fn print(self, log: &Log) {
        if let Some(line) = self.0 {
            log.say(format_args!("{line}"));
        }
    }
}

#[cold]
#[inline(never)]
fn describe(event: Event) -> String {
    match event {
        Event::Signal(signal, origin) => received(signal, origin),
        Event::Resumed(origin) => received(Signal::CONT, origin),
        Event::CommandStopped(signal) => format!("COMMAND was stopped by {signal}"),
        Event::NotStopped(_) => "nobody could continue this process group, so it was not stopped".to_owned(),
        Event::CommandEnded(ended) => format!("COMMAND {ended}"),
        Event::NothingLeft(_) => "nothing is left".to_owned(),
        Event::Passed(Deadline::Grace) => "the grace has passed; killing what is left".to_owned(),
        Event::Passed(Deadline::KillAfter) => "the time to end has passed; killing everything".to_owned(),
        Event::Passed(Deadline::Step(signal)) => format!("the wait among the steps of {signal} is over"),
        Event::PreStopEnded => "the command before the stop has ended".to_owned(),
        Event::AllKilled(_) => "done with killing".to_owned(),
    }
}

fn received(signal: Signal, origin: Origin) -> String {
    match origin {
        Origin::Process(0) => format!("received {signal} from outside this PID namespace"),
        Origin::Process(pid) | Origin::Member(pid) => format!("received {signal} from pid {pid}"),
        Origin::Kernel | Origin::Other => format!("received {signal} from the kernel"),
    }
}

/// Says who was killed when a deadline had passed, and who is still there.
#[cold]
#[inline(never)]
pub(crate) fn killed(result: &Killed, deadline: Deadline, config: &Config, log: &Log) {
    let Killed { gone, left, is_over, .. } = result;
    if !gone.is_empty() {
        let (count, names) = (Count(gone.len()), Names(gone));
        let was = if gone.len() == 1 { "was" } else { "were" };
        let period = Period::Finite(config.kill_after.unwrap_or_default());
        match deadline {
            Deadline::Grace => {
                let grace = config.grace;
                log.say(format_args!("{count} outlived the grace of {grace} and {was} killed: {names}"));
            }
            Deadline::KillAfter => {
                let words = format_args!("{count} {was} still there {period} after the signal to end");
                log.say(format_args!("{words} and {was} killed: {names}"));
            }
            Deadline::Step(signal) => {
                log.say(format_args!("{count} {was} killed, as the rule for {signal} says: {names}"));
            }
        }
    }
    if !left.is_empty() {
        log.say(format_args!("{} could not be killed: {}", Count(left.len()), Names(left)));
    } else if !is_over {
        log.say(format_args!("some processes could not be killed"));
    }
}

/// Says whom a signal has reached.
pub(crate) fn tell(signal: Signal, sent: Sent, report: &mut Report) {
    match sent {
        Sent::To(whom) => report.add(format_args!("sent {signal} to {whom}")),
        Sent::Gone(whom) => report.add(format_args!("{}", Gone(whom))),
        Sent::Denied(whom) => report.add(format_args!("could not send {signal} to {whom}")),
    }
}
