//! What `--explain` prints: the settings as they will be applied, and where each comes from.

#![forbid(unsafe_code)]

use super::flags::{FLAGS, Flag, REWRITE, Setting};
use super::settings::{Config, Sources};
use super::table::{Paper, Rows, Text, printable};
use crate::period::Period;
use crate::route::{Place, Route, Stage};
use crate::signal::Signal;

/// What session-init finds where it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings {
    /// Its own pid.
    pub pid: i32,
    /// What would become of the terminal.
    pub terminal: &'static str,
    /// Where COMMAND would live.
    pub place: Place,
}

/// The text, with headings in bold face if `is_styled`.
#[must_use]
#[cold]
#[inline(never)]
pub fn text(config: &Config, sources: &Sources, surroundings: Surroundings, is_styled: bool) -> String {
    let (mut text, paper) = (String::new(), Paper { is_styled, columns: usize::MAX });
    write(&mut text, config, sources, surroundings.place, paper);
    let mut rows = Rows::default();
    add(&mut rows, "pid", orphans(surroundings.pid), String::new());
    add(&mut rows, "terminal", surroundings.terminal.to_owned(), String::new());
    rows.write(&mut text, "Surroundings", paper);
    text
}

/// What becomes of each signal, and every setting.
pub(super) fn write(text: &mut String, config: &Config, sources: &Sources, place: Place, paper: Paper) {
    let mut rows = Rows::default();
    signals(&mut rows, config, sources, place);
    rows.write(text, "Signals", paper);
    let mut rows = Rows::default();
    settings(&mut rows, config, sources);
    rows.write(text, "Settings", paper);
}

#[inline(never)]
fn add(rows: &mut Rows, name: Text, value: String, remark: String) {
    rows.add(&[name, value.leak(), remark.leak()]);
}

fn orphans(pid: i32) -> String {
    match pid {
        1 => "1, to which every orphan of its PID namespace comes".to_owned(),
        pid => format!("{pid}, the subreaper of all that comes from COMMAND"),
    }
}

fn settings(rows: &mut Rows, config: &Config, sources: &Sources) {
    for flag in FLAGS {
        if let Some(setting) = &flag.setting {
            add(rows, flag.long, printable(&(setting.value)(config)).to_owned(), origin(flag, setting, sources));
        }
    }
}

/// A row for each signal that is not passed on as it is to whom all are, and one for the others.
fn signals(rows: &mut Rows, config: &Config, sources: &Sources, place: Place) {
    let signals = config.table(place);
    // CHLD is not forwarded, whatever the table says, and nobody can receive the other two.
    let never = [Signal::KILL, Signal::STOP, Signal::CHLD];
    for signal in Signal::all().filter(|signal| !never.contains(signal)) {
        let (name, remark): (Text, _) = (signal.to_string().leak(), rule_origin(signal, config, sources));
        match signals.route(signal) {
            Route::Forward(sent, target) if (sent, target) == (signal, config.target) => {}
            Route::Forward(sent, target) => add(rows, name, stage(signal, Stage::Send(sent, target)), remark),
            Route::Drop => add(rows, name, "dropped".to_owned(), remark),
            Route::Steps(place) => {
                let (mut name, mut remark) = (name, remark);
                for step in signals.sequence(place) {
                    add(rows, name, stage(signal, *step), remark);
                    // They stand in the first row.
                    (name, remark) = ("", String::new());
                }
            }
        }
    }
    add(rows, "others", format!("passed on to {}", config.target), String::new());
}

/// A step of what becomes of a signal, in words.
#[inline(never)]
fn stage(signal: Signal, stage: Stage) -> String {
    match stage {
        Stage::Send(sent, target) => format!("-> {:8} to {target}", sent.to_string()),
        Stage::Wait(time) => format!("waits {}, or for a second {signal}", Period::Finite(time)),
    }
}

fn rule_origin(signal: Signal, config: &Config, sources: &Sources) -> String {
    match config.rules.iter().rposition(|rule| rule.from() == signal) {
        Some(place) if place >= sources.inherited_rules => format!("(--{})", REWRITE.long),
        Some(_) => format!("({})", REWRITE.variable.unwrap_or_default()),
        None => "(in a session of its own the kernel would ignore it)".to_owned(),
    }
}

/// The option or the variable that decided, or nothing where it is as it is by itself.
fn origin(flag: &Flag, setting: &Setting, sources: &Sources) -> String {
    let name = if (setting.is_said)(&sources.given) {
        return format!("(--{})", flag.long);
    } else if (setting.is_said)(&sources.inherited) {
        flag.variable
    } else if (setting.is_said)(&sources.of_dumb_init) {
        flag.of_dumb_init.map(|(name, _)| name)
    } else if (setting.is_said)(&sources.of_name.0) {
        return format!("(as {})", sources.of_name.1);
    } else {
        None
    };
    name.map(|name| format!("({name})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse::{Invocation, parse};
    use std::ffi::OsString;

    fn explained(variables: &[(&str, &str)], arguments: &[&str]) -> String {
        explained_in(Surroundings { pid: 1, terminal: "none", place: Place::Own }, variables, arguments)
    }

    fn explained_in(surroundings: Surroundings, variables: &[(&str, &str)], arguments: &[&str]) -> String {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        let arguments: Vec<OsString> = ["--explain"].iter().chain(arguments).map(OsString::from).collect();
        match parse(b"x", arguments.into_iter(), &variable) {
            Ok(Invocation::Explain(config, sources)) => text(&config, &sources, surroundings, false),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_row_says_what_is_so_and_why() {
        let variables =
            [("SESSION_INIT_REWRITE", "HUP:0,USR1@child"), ("SESSION_INIT_GRACE", "5"), ("DUMB_INIT_DEBUG", "1")];
        let text = explained(&variables, &["--rewrite", "TERM:QUIT@all", "-e", "143"]);
        for row in [
            "  HUP     dropped               (SESSION_INIT_REWRITE)",
            "  USR1    -> USR1     to child  (SESSION_INIT_REWRITE)",
            "  TERM    -> QUIT     to all    (--rewrite)",
            "  TSTP    -> STOP     to group  (in a session of its own the kernel would ignore it)",
            "  others  passed on to group",
            "  grace                5s        (SESSION_INIT_GRACE)",
            "  remap-exit           143 -> 0  (--remap-exit)",
            "  verbose              1         (DUMB_INIT_DEBUG)",
            "  single-child         no",
            "  pid       1, to which every orphan of its PID namespace comes",
        ] {
            assert!(text.lines().any(|line| line == row), "{row:?} is not in\n{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }

    #[test]
    fn steps_stand_one_below_the_other() {
        let text = explained(&[], &["-r", "TERM:1.5s/TERM@child/10s/KILL@all", "--pre-stop", "./deregister"]);
        let rows = [
            "  TERM    waits 1.5s, or for a second TERM  (--rewrite)",
            "          -> TERM     to child",
            "          waits 10s, or for a second TERM",
            "          -> KILL     to all",
            "  TSTP    -> STOP     to group              (in a session of its own the kernel would ignore it)",
        ];
        assert!(text.contains(&rows.join("\n")), "{text}");
        assert!(text.contains("  pre-stop             ./deregister  (--pre-stop)\n"), "{text}");
    }

    #[test]
    fn in_single_child_mode_no_signal_is_rewritten_by_itself() {
        let shared = Surroundings { pid: 1, terminal: "none", place: Place::Shared };
        let text = explained_in(shared, &[], &["-c", "sleep", "1"]);
        assert!(text.starts_with("Signals\n  others  passed on to child\n\nSettings\n"), "{text}");
        assert!(text.contains("  single-child         yes    (--single-child)\n"), "{text}");
    }

    #[test]
    fn a_job_of_a_terminal_is_stopped_by_the_signals_for_that() {
        let job = Surroundings { pid: 7, terminal: "COMMAND uses it", place: Place::Shared };
        let text = explained_in(job, &[], &["-r", "TTIN:0", "cat"]);
        assert!(
            text.starts_with("Signals\n  TTIN    dropped             (--rewrite)\n  others  passed on to group\n"),
            "{text}"
        );
        assert!(text.ends_with("\n  terminal  COMMAND uses it\n"), "{text}");
    }
}
