//! The roles that this binary plays as COMMAND, or below it.

use std::ffi::OsString;
use std::fmt::Arguments;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::support::process;
use crate::support::signal::{CHLD, CONT, HUP, INT, KILL, PIPE, QUIT, Signal, SignalSet, TERM, USR2};
use crate::support::sys::{self, Fork};

/// The first argument of this binary when it plays a role.
pub(crate) const WORD: &str = "role";

/// Plays a role and ends.
pub(crate) fn play(words: &[OsString]) -> ! {
    let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word.as_bytes()).into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    act(&words);
    sys::exit_now(0);
}

fn act(words: &[&str]) {
    match words {
        ["subject", habits @ ..] => subject(habits),
        _ if crate::load::act(words) || crate::hostile::act(words) || crate::soak::act(words) => {}
        _ => panic!("there is no role {words:?}"),
    }
}

/// How long a role that nothing else ends goes on, should the storm be ended by force: no storm outlives its purpose.
pub(crate) const MOST_HARM: Duration = Duration::from_secs(120);

pub(crate) fn number(word: &str) -> i32 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

/// A line, written in one piece so that lines of several processes do not mix.
pub(crate) fn say(line: Arguments<'_>) {
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// The status of a subject that has ended as it was asked to.
pub(crate) const SUBJECTS_STATUS: i32 = 42;

/// Says what it found and which signals it gets, leaves an orphan behind at USR2, and ends at TERM unless it is `deaf`.
///
/// `daemon` leaves a process in a session of its own that ends at TERM; `deaf-daemon` one that does not; `short-daemon` one
/// that ends when the subject has ended.
fn subject(habits: &[&str]) {
    let signals = process::signal_sets(sys::pid()).expect("/proc is there");
    let _ = sys::set_blocked(SignalSet::ALL);
    // Rust's own `main` ignores PIPE.
    let ignored: SignalSet = signals.ignored.iter().filter(|signal| *signal != PIPE).collect();
    let (blocked, own) = (signals.blocked, process::stat(sys::pid()).expect("/proc is there"));
    let place = |id| if id == sys::pid() { "own" } else { "shared" };
    let (session, group) = (place(own.session), place(own.group));
    say(format_args!("found blocked {blocked}; ignored {ignored}; {session} session; {group} group"));
    for habit in habits {
        if ["daemon", "deaf-daemon", "short-daemon"].contains(habit)
            && let Ok(Fork::Child) = sys::fork()
        {
            daemon(habit, own.pid);
        }
    }
    say(format_args!("ready {}", sys::pid()));
    while let Some(taken) = sys::take_signal(SignalSet::ALL, None) {
        match taken {
            // What others do to it, and its own children.
            CHLD | CONT | HUP => continue,
            TERM if habits.contains(&"deaf") => {}
            TERM => break,
            USR2 => orphan(),
            _ => {}
        }
        say(format_args!("got {taken} end"));
    }
    sys::exit_now(SUBJECTS_STATUS);
}

fn daemon(habit: &str, parent: i32) -> ! {
    let _ = sys::set_session();
    say(format_args!("daemon {}", sys::pid()));
    let start = Instant::now();
    while start.elapsed() < MOST_HARM {
        let tick = Duration::from_millis(5);
        match sys::take_signal(SignalSet::ALL, Some(tick)) {
            Some(TERM | INT | QUIT) if habit == "daemon" => sys::exit_now(0),
            _ if habit == "short-daemon" && sys::parent_pid() != parent => sys::exit_now(0),
            _ => {}
        }
    }
    sys::exit_now(0);
}

/// Leaves an orphan behind, which has ended or is about to.
fn orphan() {
    if let Ok(Fork::Child) = sys::fork() {
        if let Ok(Fork::Child) = sys::fork() {
            let _ = sys::kill(sys::pid(), KILL);
        }
        sys::exit_now(0);
    }
    sys::wait_any();
}

/// The name of a signal in the subject's words.
pub(crate) fn got(signal: Signal) -> String {
    format!("got {signal} end")
}
