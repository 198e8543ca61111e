//! What `-v` prints: one line about an event and what was done about it.

#![forbid(unsafe_code)]

use std::fmt::{self, Write as _};

use crate::log::Log;
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
