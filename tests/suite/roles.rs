//! The roles that this binary plays as COMMAND, or below it: small programs that do one thing and say so.
//!
//! Each prints `ready` with its pid once a signal finds it as it is to be found.

pub(crate) mod matrix;
mod starts;

use std::ffi::OsString;
use std::fmt::Arguments;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::support::process;
use crate::support::signal::{CHLD, KILL, PWR, QUIT, STOP, Signal, SignalSet, TERM};
use crate::support::sys::{self, Disposition, Fork};

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
        ["listen"] => listen(&[]),
        ["listen", ends @ ..] => listen(ends),
        ["count"] => count(),
        ["serve", status] => serve(number(status)),
        ["serve-in-background"] => serve_in_background(),
        ["die", signal] => die(Signal::named(signal)),
        ["exit", status] => sys::exit_now(number(status)),
        ["as-user", user, rest @ ..] => as_user(number(user), rest),
        ["starts", count, signal, moment] => starts::play(number(count), Signal::named(signal), moment),
        ["orphans", count] => orphans(number(count)),
        ["orphan-dying-by", signal] => orphan_dying_by(Signal::named(signal)),
        ["traced-orphan"] => traced_orphan(),
        ["traced-by-its-parent"] => traced_by_its_parent(),
        ["daemon", "saving", file, "after", milliseconds] => daemon_saving(file, number(milliseconds)),
        ["tree", count] => tree(number(count), SignalSet::default()),
        ["deaf-tree", count] => tree(number(count), SignalSet::ALL),
        ["runaway"] => runaway(),
        ["deaf"] => deaf(),
        ["family"] => family(),
        ["zombies", count] => zombies(number(count)),
        ["multiplying"] => multiplying(),
        ["listen-traced"] => {
            let _ = sys::trace_me();
            let _ = sys::kill(sys::pid(), Signal::named("WINCH"));
            listen(&[]);
        }
        ["flood", signal] => flood(Signal::named(signal)),
        ["cast", journal, saving] => matrix::command(journal, saving),
        ["bystander", journal] => matrix::bystander(journal),
        _ => panic!("there is no role {words:?}"),
    }
}

fn number(word: &str) -> i32 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

/// A line, written in one piece so that lines of several processes do not mix.
fn say(line: Arguments<'_>) {
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// Says `got NAME` for each signal; ends at TERM, or at the last one of those named, having seen them in this order.
fn listen(ends: &[&str]) {
    let ends: Vec<Signal> =
        if ends.is_empty() { vec![TERM] } else { ends.iter().map(|name| Signal::named(name)).collect() };
    let _ = sys::set_blocked(SignalSet::ALL);
    say(format_args!("ready {}", sys::pid()));
    let mut left = ends.as_slice();
    while let [next, rest @ ..] = left {
        let Some(taken) = sys::take_signal(SignalSet::ALL, None) else { continue };
        say(format_args!("got {taken}"));
        if taken == *next {
            left = rest;
        }
    }
}

/// Counts signals until RTMAX comes, then says `NAME times` for each. Of what is pending RTMAX comes last.
fn count() {
    let _ = sys::set_blocked(SignalSet::ALL);
    say(format_args!("ready {}", sys::pid()));
    let mut counts = [0_usize; 65];
    while let Some(taken) = sys::take_signal(SignalSet::ALL, None) {
        counts[usize::try_from(taken.as_raw()).unwrap()] += 1;
        if taken == Signal::number(64) {
            break;
        }
    }
    for signal in Signal::all() {
        let count = counts[usize::try_from(signal.as_raw()).unwrap()];
        if count != 0 {
            say(format_args!("{signal} {count}"));
        }
    }
    say(format_args!("counted"));
}

/// A server: a master and a worker in its group, that end at the first signal. The master has its worker end by PWR, which
/// comes behind all that was sent to both.
fn serve(status: i32) {
    let _ = sys::set_blocked(SignalSet::ALL);
    let first_signal = || {
        let mut signals = std::iter::repeat_with(|| sys::take_signal(SignalSet::ALL, None)).flatten();
        signals.find(|signal| *signal != CHLD).expect("it goes on for ever")
    };
    match sys::fork() {
        Ok(Fork::Child) => say(format_args!("worker got {}", first_signal())),
        Ok(Fork::Parent(worker)) => {
            say(format_args!("ready {}", sys::pid()));
            say(format_args!("master got {}", first_signal()));
            let _ = sys::kill(worker, PWR);
            let _ = sys::wait(worker);
            sys::exit_now(status);
        }
        Err(error) => panic!("cannot fork: {error}"),
    }
}

fn serve_in_background() {
    // What comes before it serves comes all the same.
    let _ = sys::set_blocked(SignalSet::ALL);
    if let Ok(Fork::Child) = sys::fork() {
        let _ = sys::set_session();
        serve(0);
    }
}

fn die(signal: Signal) {
    sys::die_by(signal);
    // A signal that ends nobody.
    say(format_args!("survived {signal}"));
}

/// Plays another role as this user, whom the init has no power over.
fn as_user(user: i32, words: &[&str]) {
    sys::set_user(user.unsigned_abs()).expect("only root may become another user");
    act(words);
}

/// Leaves so many orphans behind, each of which has ended or is about to; every third by a signal.
fn orphans(count: i32) {
    for index in 0..count {
        match sys::fork() {
            Ok(Fork::Child) => {
                if let Ok(Fork::Child) = sys::fork()
                    && index % 3 == 0
                {
                    let _ = sys::kill(sys::pid(), KILL);
                }
                sys::exit_now(index % 256);
            }
            Ok(Fork::Parent(child)) => drop(sys::wait(child)),
            Err(error) => panic!("cannot fork: {error}"),
        }
    }
    say(format_args!("made {count}"));
}

/// Leaves an orphan that this signal ends.
fn orphan_dying_by(signal: Signal) {
    if let Ok(Fork::Child) = sys::fork() {
        if let Ok(Fork::Child) = sys::fork() {
            sys::die_by(signal);
        }
        sys::exit_now(0);
    }
    sys::wait_any();
    listen(&[]);
}

/// Leaves an orphan that its parent traces, and that is stopped by that.
fn traced_orphan() {
    if let Ok(Fork::Child) = sys::fork() {
        if let Ok(Fork::Child) = sys::fork() {
            // Once its parent has ended, the tracer is whoever it was given to.
            while sys::parent_pid() != 1
                && process::stat(sys::parent_pid()).is_some_and(|parent| parent.name == "suite")
            {
                std::thread::yield_now();
            }
            let _ = sys::trace_me();
            say(format_args!("traced {}", sys::pid()));
            let _ = sys::kill(sys::pid(), STOP);
            let _ = sys::kill(sys::pid(), TERM);
            sys::exit_now(0);
        }
        sys::exit_now(0);
    }
    sys::wait_any();
    listen(&[]);
}

/// Lets its parent trace it, and stops for that one to see.
fn traced_by_its_parent() {
    let _ = sys::trace_me();
    say(format_args!("ready {}", sys::pid()));
    let _ = sys::kill(sys::pid(), TERM);
}

/// Goes into a session of its own; at TERM it takes its time, then writes its data. Its parent listens until TERM.
fn daemon_saving(file: &str, milliseconds: i32) {
    match sys::fork() {
        Ok(Fork::Child) => {
            let _ = sys::set_session();
            let _ = sys::set_blocked(SignalSet::ALL);
            say(format_args!("daemon {}", sys::pid()));
            while sys::take_signal(SignalSet::ALL, None).is_none_or(|signal| signal != TERM) {}
            // The time that writing takes: the one thing here that only time can stand for.
            std::thread::sleep(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)));
            fs::write(file, "saved").expect("the file can be written");
        }
        Ok(Fork::Parent(_)) => listen(&[]),
        Err(error) => panic!("cannot fork: {error}"),
    }
}

/// So many processes in all, each the parent of the next few, that all wait.
fn tree(count: i32, blocked: SignalSet) {
    let _ = sys::set_blocked(blocked);
    let mut made = 0;
    // Three levels, and sessions of their own here and there.
    while made < count - 1 {
        if let Ok(Fork::Child) = sys::fork() {
            if made % 7 == 0 {
                let _ = sys::set_session();
            }
            for _ in 0..9 {
                if let Ok(Fork::Child) = sys::fork() {
                    loop {
                        sys::pause();
                    }
                }
            }
            loop {
                sys::pause();
            }
        }
        made += 10;
    }
    say(format_args!("ready {}", sys::pid()));
    loop {
        sys::pause();
    }
}

/// Listens until TERM, and leaves a process that forks itself away all the time: no look at the processes finds it where
/// it was. Should nobody end it, it does so itself.
fn runaway() {
    let end = Instant::now() + Duration::from_secs(60);
    let _ = sys::set_blocked(SignalSet::ALL);
    if let Ok(Fork::Parent(_)) = sys::fork() {
        return listen(&[]);
    }
    let _ = sys::set_session();
    while Instant::now() < end {
        if let Ok(Fork::Parent(_)) = sys::fork() {
            break;
        }
    }
    sys::exit_now(0);
}

/// Ends with so many children that have ended before it, and that it has not reaped.
fn zombies(count: i32) {
    for _ in 0..count {
        if let Ok(Fork::Child) = sys::fork() {
            sys::exit_now(0);
        }
    }
    let have_ended = || process::children(sys::pid()).iter().filter(|child| child.state == 'Z').count();
    while have_ended() < usize::try_from(count).unwrap_or(0) {
        std::thread::yield_now();
    }
}

/// Ends with 3, and leaves one that forks two at each TERM, which do the same. Should nobody end them, they do so themselves.
fn multiplying() {
    let end = Instant::now() + Duration::from_secs(20);
    let _ = sys::set_blocked(SignalSet::ALL);
    if let Ok(Fork::Parent(_)) = sys::fork() {
        sys::exit_now(3);
    }
    while Instant::now() < end {
        if sys::take_signal(SignalSet::ALL, Some(Duration::from_secs(1))) == Some(TERM) {
            say(format_args!("got TERM"));
            for _ in 0..2 {
                if let Ok(Fork::Child) = sys::fork() {
                    break;
                }
            }
        }
    }
}

/// Sends a signal to its parent's thread, again and again, and takes no notice of any.
fn flood(signal: Signal) {
    let _ = sys::set_blocked(SignalSet::ALL);
    let parent = sys::parent_pid();
    say(format_args!("ready {}", sys::pid()));
    // A queue that is full takes the next one later.
    let is_gone = |error: std::io::Error| error.raw_os_error() != Some(libc::EAGAIN);
    while !sys::kill_thread(parent, signal).is_err_and(is_gone) {}
}

/// Has children that make different things of TERM and of QUIT, one each, and listens until RTMAX. Each says what it is with its
/// pid, and does what its dispositions do.
fn family() {
    type Kind = (&'static str, fn() -> std::io::Result<()>);
    const KINDS: [Kind; 7] = [
        ("default", || Ok(())),
        ("ignoring-term", || sys::set_disposition(TERM, Disposition::Ignore)),
        ("ignoring-quit", || sys::set_disposition(QUIT, Disposition::Ignore)),
        ("blocking", || sys::set_blocked(SignalSet::ALL).map(drop)),
        ("apart", sys::set_group),
        ("detached", sys::set_session),
        ("of-another-user", || sys::set_user(65534)),
    ];
    for (name, become_so) in KINDS {
        if let Ok(Fork::Child) = sys::fork() {
            become_so().expect("it can");
            say(format_args!("{name} {}", sys::pid()));
            loop {
                sys::pause();
            }
        }
    }
    listen(&["RTMAX"]);
}

/// Takes no notice of any signal.
fn deaf() {
    let _ = sys::set_blocked(SignalSet::ALL);
    say(format_args!("ready {}", sys::pid()));
    loop {
        let _ = sys::take_signal(SignalSet::ALL, None);
    }
}
