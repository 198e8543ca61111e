//! What a TERM would do now, and whose zombies are there, in sentences.

#![forbid(unsafe_code)]

use super::found::{Inspected, Process, Role, Takes};
use crate::cli::parse::is_init;
use crate::cli::settings::Config;
use crate::cli::table::{Text, decimal, fill};
use crate::period::Period;
use crate::route::{Place, Route, Stage, Table};
use crate::rule::Target;
use crate::signal::Signal;
use crate::status::holds;

pub(super) fn sentences(found: &Inspected) -> Vec<Text> {
    let mut sentences: Vec<Text> = Vec::new();
    let Some((init, below)) = found.processes.split_first() else { return sentences };
    let name = init.name();
    if init.stat.is_stopped {
        sentences.push(fill("% is stopped, and does nothing until it gets CONT.", &[name]));
    }
    let mut living = Vec::new();
    for one in below {
        if !one.stat.is_zombie {
            living.push(one);
        }
    }
    let living: &[&Process] = living.leak();
    match &found.role {
        Role::Init { config, command, .. } => {
            let command = command.and_then(|pid| below.iter().find(|one| one.pid == pid));
            Stop { init, command, living, config }.tell(&mut sentences);
        }
        Role::Pause => sentences.push(fill("A TERM now ends %, which runs no COMMAND.", &[name])),
        Role::Program => tell_of_program(init, living, &mut sentences),
    }
    tell_of_zombies(found, &mut sentences);
    sentences
}

/// What becomes of a TERM, step by step.
pub(super) fn stages(config: &Config) -> &'static [Stage] {
    // The place decides about other signals.
    let table: &'static Table = Box::leak(Box::new(config.table(Place::Shared)));
    match table.route(Signal::TERM) {
        Route::Forward(signal, target) => vec![Stage::Send(signal, target)].leak(),
        Route::Steps(place) => table.sequence(place),
        Route::Drop => &[],
    }
}

/// A stop that begins now.
struct Stop<'a> {
    init: &'a Process,
    /// `None` where it has ended.
    command: Option<&'a Process>,
    living: &'a [&'a Process],
    config: &'a Config,
}

/// What keeps a signal from taking effect on a process: in words, of one process and of several, in which `%` stands for the
/// signal, or for the init above them; and the target that would reach it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hurdle(&'static str, &'static str, Option<Target>);

const PASSED_ON: Hurdle = Hurdle("gets what % passes on", "get what % passes on", None);

impl Stop<'_> {
    fn tell(&self, sentences: &mut Vec<Text>) {
        let stages = stages(self.config);
        let mut say = |sentence: Text| sentences.push(sentence);
        if self.config.pre_stop.is_some() {
            say("The first TERM runs the command before the stop, and what follows waits for its end.");
        }
        if stages.is_empty() {
            return say("A TERM now is dropped, and reaches nobody.");
        }
        let (mut lead, mut is_asked) = ("", false);
        for stage in stages {
            match *stage {
                Stage::Wait(time) => lead = fill("After %, or at a second TERM, ", &[period(Period::Finite(time))]),
                // When COMMAND has ended, such steps are passed over.
                Stage::Send(_, Target::Child | Target::Group) if self.command.is_none() && stages.len() > 1 => {}
                Stage::Send(signal, target) => {
                    let words = match signal {
                        _ if !lead.is_empty() => "%% %.",
                        Signal::TERM => "%A TERM now %.",
                        _ => "%A TERM now becomes % and %.",
                    };
                    let (name, reach): (Text, Text) = (signal.to_string().leak(), self.reach(signal, target));
                    let is_itself = lead.is_empty() && signal == Signal::TERM;
                    say(fill(words, &[lead, if is_itself { reach } else { name }, reach]));
                    is_asked |= self.command.is_some_and(|command| self.hurdle(command, signal, target).is_none());
                    lead = "Then ";
                }
            }
        }
        self.tell_the_end(is_asked, &mut say);
    }

    /// Whom a target stands for. When COMMAND has ended, what is sent goes to all that is left.
    fn holds(&self, one: &Process, target: Target) -> bool {
        let Some(command) = self.command else { return true };
        let (stat, of_command) = (one.stat, command.stat);
        match target {
            Target::Child => one.pid == command.pid,
            Target::Group => stat.group == of_command.group,
            Target::Session => stat.session == of_command.session,
            Target::All => true,
        }
    }

    #[inline(never)]
    fn hurdle(&self, one: &Process, signal: Signal, target: Target) -> Option<Hurdle> {
        if !self.holds(one, target) {
            let leads = one.stat.group == one.pid;
            let (of_one, of_several) = match target {
                _ if one.has_entered => ("entered from outside", "entered from outside"),
                Target::Child => ("is not COMMAND", "are not COMMAND"),
                Target::Group if leads => ("is in a group of its own", "are in groups of their own"),
                Target::Group => ("is in another group", "are in another group"),
                Target::Session | Target::All => ("is in another session", "are in another session"),
            };
            let is_possible = |target: Target| !(self.config.single_child && target.needs_session());
            let targets = [Target::Group, Target::Session, Target::All];
            let would = targets.into_iter().find(|target| is_possible(*target) && self.holds(one, *target));
            return Some(Hurdle(of_one, of_several, would));
        }
        if let (Some(sender), Some(status)) = (self.init.status, one.status)
            && !sender.may_signal(status)
        {
            return Some(Hurdle("belongs to another user", "belong to another user", None));
        }
        match one.takes(signal) {
            Takes::Ignored => Some(Hurdle("ignores %", "ignore %", None)),
            Takes::Blocked => Some(Hurdle("blocks %", "block %", None)),
            Takes::Pending => Some(Hurdle("blocks %, and has one waiting", "block %, and have one waiting", None)),
            Takes::Default | Takes::Handled | Takes::Unknown => None,
        }
    }

    /// `reaches 3 of 5: 8 (api) ignores QUIT; 9 (timeout) is in a group of its own (--target session would reach it)`.
    #[inline(never)]
    fn reach(&self, signal: Signal, target: Target) -> Text {
        let mut hurdles: Vec<(Hurdle, &mut Vec<&Process>)> = Vec::new();
        let (mut reached, mut above, mut last_above): (usize, Option<&Process>, Text) = (0, None, "");
        for one in self.living {
            above = above.filter(|init| one.depth > init.depth);
            let hurdle = match self.hurdle(one, signal, target) {
                None => {
                    reached = reached.saturating_add(1);
                    if above.is_none() && is_init(one.stat.name.as_bytes()) {
                        above = Some(one);
                        last_above = one.name();
                    }
                    continue;
                }
                Some(Hurdle(_, _, Some(_))) if above.is_some() => PASSED_ON,
                Some(hurdle) => hurdle,
            };
            match hurdles.iter_mut().find(|(known, _)| *known == hurdle) {
                Some((_, processes)) => processes.push(one),
                None => hurdles.push((hurdle, Box::leak(Box::new(vec![*one])))),
            }
        }
        let (all, init) = (self.living.len(), self.init.name());
        let (words, first, second) = match reached {
            _ if all == 0 => ("finds nobody below %", init, ""),
            0 => ("reaches none of %", count(all), ""),
            1 if all == 1 => ("reaches all there is", "", ""),
            _ if reached == all => ("reaches all % below %", count(all), init),
            _ => ("reaches % of %", count(reached), count(all)),
        };
        let (mut text, mut mark) = (fill(words, &[first, second]), ": ");
        for (Hurdle(of_one, of_several, would), processes) in &*hurdles.leak() {
            let (words, whom) = if processes.len() == 1 { (of_one, "it") } else { (of_several, "them") };
            let meant: Text = if *of_one == PASSED_ON.0 { last_above } else { signal.to_string().leak() };
            text = fill("%%% %", &[text, mark, list(processes), fill(words, &[meant])]);
            if let Some(target) = would {
                text = fill("% (--target % would reach %)", &[text, target.to_string().leak(), whom]);
            }
            mark = "; ";
        }
        text
    }

    /// What keeps session-init after that, or does not.
    fn tell_the_end(&self, is_asked: bool, say: &mut dyn FnMut(Text)) {
        let (init, config) = (self.init.name(), self.config);
        let Some(command) = self.command.map(Process::name) else {
            return say(fill("COMMAND has ended, and % waits for what it left behind.", &[init]));
        };
        if let Some(time) = config.kill_after {
            say(fill("Who is left after % is killed (--kill-after).", &[period(Period::Finite(time))]));
        } else if !is_asked {
            say(fill(
                "% goes on, and so does %, until somebody kills them: an engine at its own limit, or --kill-after.",
                &[command, init],
            ));
        }
        if self.living.len() < 2 {
            return;
        }
        let words = match config.grace {
            _ if config.linger => "When % has ended, % stays until all others have (--linger).",
            Period::Zero if init.starts_with("1 ") => "When % has ended, % ends at once, and all others with it%.",
            Period::Zero => "When % has ended, % ends at once, and others may go on%.",
            _ => "When % has ended, % gives all others % to end (--grace).",
        };
        let time = match config.grace {
            // Other inits have no such option.
            Period::Zero if !init.ends_with("(session-init)") => "",
            Period::Zero => " (see --grace)",
            grace => period(grace),
        };
        say(fill(words, &[command, init, time]));
    }
}

fn count(count: usize) -> Text {
    decimal(i64::try_from(count).unwrap_or(i64::MAX))
}

fn period(period: Period) -> Text {
    period.to_string().leak()
}

/// `8 (api), 9 (sleep) and 7 more`.
fn list(processes: &[&Process]) -> Text {
    /// Nobody reads more.
    const MOST: usize = 8;
    let shown = if processes.len() > MOST.saturating_add(1) { MOST } else { processes.len() };
    let (mut text, mut comma) = ("", "");
    for one in processes.iter().take(shown) {
        text = fill("%%%", &[text, comma, one.name()]);
        comma = ", ";
    }
    let more = processes.len().saturating_sub(shown);
    if more == 0 { text } else { fill("% and % more", &[text, count(more)]) }
}

/// Of a process that is not an init.
fn tell_of_program(program: &Process, living: &[&Process], sentences: &mut Vec<Text>) {
    let is_first = program
        .status
        .is_some_and(|status| status.innermost_pid == 1 && !holds(status.ignored | status.blocked, Signal::TERM));
    let words = match program.takes(Signal::TERM) {
        Takes::Handled => {
            "A TERM now reaches % alone, which handles it; what the % below it hear of it is its own affair."
        }
        Takes::Default => "A TERM now ends %, and reaches none of the % below it.",
        Takes::Ignored if is_first => {
            "A TERM now does nothing: % does not handle it, and the first process of a PID namespace gets no signal that it \
             does not handle. An init in its place would pass it on."
        }
        Takes::Ignored => "A TERM now does nothing: % ignores it.",
        Takes::Blocked | Takes::Pending => "A TERM now does nothing: % blocks it.",
        Takes::Unknown => "What % makes of a TERM cannot be read.",
    };
    sentences.push(fill(words, &[program.name(), count(living.len())]));
    if let Some(init) = living.iter().find(|one| is_init(one.stat.name.as_bytes())) {
        sentences.push(fill("% is an init: see --inspect=%.", &[init.name(), decimal(init.pid.into())]));
    }
}

fn tell_of_zombies(found: &Inspected, sentences: &mut Vec<Text>) {
    let mut parents: Vec<(i32, i64)> = Vec::new();
    for one in &found.processes {
        if one.stat.is_zombie {
            match parents.iter_mut().find(|(known, _)| *known == one.stat.parent) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => parents.push((one.stat.parent, 1)),
            }
        }
    }
    for (pid, count) in &*parents.leak() {
        let Some(parent) = found.processes.iter().find(|one| one.pid == *pid) else { continue };
        let is_top = parent.depth == 0;
        let why = match found.role {
            _ if parent.stat.is_stopped => "is stopped",
            // It is about to.
            Role::Init { .. } | Role::Pause if is_top => continue,
            _ if is_top && *pid == 1 => "does not wait for its children; an init as PID 1 would",
            _ => "does not wait for its children; no init can",
        };
        let words =
            if *count == 1 { "% zombie is a child of %, which %." } else { "% zombies are children of %, which %." };
        sentences.push(fill(words, &[decimal(*count), parent.name(), why]));
    }
}
