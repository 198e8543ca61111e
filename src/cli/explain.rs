//! What `--explain` prints: the settings as they will be applied, and where each comes from.

#![forbid(unsafe_code)]

use std::fmt::Write;

use super::flags::{FLAGS, Flag, REWRITE, Setting};
use super::settings::{Config, Sources};
use crate::period::Period;
use crate::route::{Place, Route, Stage};
use crate::rule::{Rule, Target};
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

/// The text, with headings in bold face if `styled`.
#[must_use]
#[cold]
#[inline(never)]
pub fn text(config: &Config, sources: &Sources, surroundings: Surroundings, styled: bool) -> String {
    let heading = |name: &str| if styled { format!("\x1b[1m{name}\x1b[m\n") } else { format!("{name}\n") };
    let mut text = heading("Signals");
    text.push_str(&signals(config, sources, surroundings.place));
    text.push('\n');
    text.push_str(&heading("Settings"));
    let settings = FLAGS.iter().filter_map(|flag| Some((flag, flag.setting.as_ref()?)));
    let rows = settings.map(|(flag, setting)| Row {
        name: flag.long.to_owned(),
        value: (setting.value)(config),
        remark: origin(flag, setting, sources),
    });
    text.push_str(&table(&rows.collect::<Vec<_>>()));
    text.push('\n');
    text.push_str(&heading("Surroundings"));
    let orphans = match surroundings.pid {
        1 => "1, to which every orphan of its PID namespace comes".to_owned(),
        pid => format!("{pid}, the subreaper of all that comes from COMMAND"),
    };
    let rows = [("pid", orphans), ("terminal", surroundings.terminal.to_owned())];
    text.push_str(&table(&rows.map(|(name, value)| Row { name: name.to_owned(), value, remark: String::new() })));
    text
}

/// A row for each signal that is not passed on as it is to whom all are, and one for the others.
fn signals(config: &Config, sources: &Sources, place: Place) -> String {
    let signals = config.table(place);
    let plain = |signal| signals.route(signal) == Route::Forward(signal, config.target);
    // CHLD is not forwarded, whatever the table says, and nobody can receive the other two.
    let never = [Signal::KILL, Signal::STOP, Signal::CHLD];
    let mut rows = Vec::new();
    for signal in Signal::all().filter(|signal| !never.contains(signal) && !plain(*signal)) {
        let values = match signals.route(signal) {
            Route::Forward(sent, target) => vec![sending(sent, target)],
            Route::Drop => vec!["dropped".to_owned()],
            Route::Steps(place) => signals.sequence(place).iter().map(|stage| step(*stage, signal)).collect(),
        };
        for (index, value) in values.into_iter().enumerate() {
            let (name, remark) =
                if index == 0 { (signal.to_string(), rule_origin(signal, sources)) } else { Default::default() };
            rows.push(Row { name, value, remark });
        }
    }
    rows.push(Row {
        name: "others".to_owned(),
        value: format!("passed on to {}", config.target),
        remark: String::new(),
    });
    table(&rows)
}

fn sending(sent: Signal, target: Target) -> String {
    format!("-> {:8} to {target}", sent.to_string())
}

fn step(stage: Stage, signal: Signal) -> String {
    match stage {
        Stage::Send(sent, target) => sending(sent, target),
        Stage::Wait(time) => format!("waits {}, or for a second {signal}", Period::Finite(time)),
    }
}

fn rule_origin(signal: Signal, sources: &Sources) -> String {
    let is_ruled = |rules: &[Rule]| rules.iter().any(|rule| rule.from() == signal);
    if is_ruled(&sources.given.rules) {
        format!("(--{})", REWRITE.long)
    } else if is_ruled(&sources.inherited.rules) {
        format!("({})", REWRITE.variable.unwrap_or_default())
    } else {
        "(in a session of its own the kernel would ignore it)".to_owned()
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

struct Row {
    name: String,
    value: String,
    remark: String,
}

/// The rows with their columns one below the other.
fn table(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (names, values) = (width(|row| &row.name), width(|row| &row.value));
    let mut text = String::new();
    for Row { name, value, remark } in rows {
        let line = format!("  {name:names$}  {value:values$}  {remark}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
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
        let arguments = ["--explain"].iter().chain(arguments).map(OsString::from);
        match parse(b"x", arguments, variable) {
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
