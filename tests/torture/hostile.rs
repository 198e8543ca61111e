//! A COMMAND that tries to take its init down.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::report::{Item, Length, timed};
use crate::roles::{MOST_HARM, SUBJECTS_STATUS, WORD, number, say};
use crate::support::signal::{Signal, SignalSet, TERM, USR1};
use crate::support::sys::{self, Fork, WaitStatus};
use crate::support::{Init, Stderr, scratch};
use crate::sys::{attach, queue_signal, set_limit_of, try_kill, unmount};

/// The roles of this file. Answers whether it is one.
pub(crate) fn act(words: &[&str]) -> bool {
    let _ = sys::set_blocked(SignalSet::ALL);
    match words {
        ["as-user", user, rest @ ..] => {
            sys::set_user(number(user).unsigned_abs()).expect("only root may become another user");
            // Nobody may trace a process that has changed its user, until it executes something.
            let error = Command::new("/proc/self/exe").arg(WORD).args(rest).exec();
            panic!("{error}");
        }
        ["sends-everything"] => sends_everything(),
        ["traces-its-init"] => traces_its_init(),
        ["starves-its-init"] => starves_its_init(),
        ["unmounts-proc"] => {
            unmount(c"/proc").expect("root may unmount");
            leave_deaf_daemon();
        }
        ["is-held-by-its-child"] => is_held_by_its_child(),
        ["traced-orphans", count] => traced_orphans(number(count)),
        ["runaway"] => runaway(),
        _ => return false,
    }
    sys::exit_now(SUBJECTS_STATUS);
}

/// Sends the init each signal in each way, itself being no match for it.
fn sends_everything() {
    let init = sys::parent_pid();
    let mut allowed = 0;
    for signal in Signal::all() {
        allowed += i32::from(try_kill(init, signal).is_ok());
        allowed += i32::from(queue_signal(init, signal).is_ok());
    }
    say(format_args!("allowed {allowed} end"));
}

fn traces_its_init() {
    let init = sys::parent_pid();
    let traced = attach(init).is_ok();
    let written = fs::OpenOptions::new().write(true).open(format!("/proc/{init}/mem")).is_ok();
    let limited = set_limit_of(init, libc::RLIMIT_NOFILE, 0).is_ok();
    let killed = fs::write(format!("/proc/{init}/oom_score_adj"), "1000").is_ok();
    say(format_args!("traced {traced} written {written} limited {limited} exposed {killed} end"));
}

/// Takes every descriptor from the init, and leaves a process behind that heeds no signal.
fn starves_its_init() {
    set_limit_of(sys::parent_pid(), libc::RLIMIT_NOFILE, 0).expect("it is the same user's");
    leave_deaf_daemon();
}

fn leave_deaf_daemon() {
    if let Ok(Fork::Child) = sys::fork() {
        let _ = sys::set_session();
        say(format_args!("daemon {}", sys::pid()));
        let _ = sys::take_signal(SignalSet::default(), Some(MOST_HARM));
        sys::exit_now(0);
    }
}

/// Is held in a ptrace stop that nobody ends.
fn is_held_by_its_child() {
    let held = sys::pid();
    if let Ok(Fork::Child) = sys::fork() {
        let attached = attach(held).is_ok();
        say(format_args!("held {attached} end"));
        loop {
            sys::pause();
        }
    }
    loop {
        let _ = sys::take_signal(SignalSet::ALL, None);
    }
}

/// Orphans that ask to be traced by whoever gets them, and stop by each signal there is.
fn traced_orphans(count: i32) {
    for index in 0..count {
        if let Ok(Fork::Child) = sys::fork() {
            let parent = sys::pid();
            if let Ok(Fork::Child) = sys::fork() {
                while sys::parent_pid() == parent {
                    std::thread::yield_now();
                }
                let _ = sys::trace_me();
                let signal = Signal::number(index % 64 + 1);
                let _ = sys::unblock(SignalSet::ALL);
                let _ = sys::kill(sys::pid(), signal);
                sys::exit_now(0);
            }
            sys::exit_now(0);
        }
        sys::wait_any();
    }
    say(format_args!("made {count}"));
    while sys::take_signal(SignalSet::ALL, None).is_none_or(|taken| taken != TERM) {}
}

/// Forks itself away all the time: no look at the processes finds it where it was.
fn runaway() {
    if let Ok(Fork::Child) = sys::fork() {
        let _ = sys::set_session();
        let start = Instant::now();
        while start.elapsed() < MOST_HARM {
            if let Ok(Fork::Parent(_)) = sys::fork() {
                break;
            }
        }
        sys::exit_now(0);
    }
    say(format_args!("ready {}", sys::pid()));
    while sys::take_signal(SignalSet::ALL, None).is_none_or(|taken| taken != TERM) {}
}

/// A user of whom there should be nobody.
const NOBODY: &str = "54322";

fn ends_well(item: &mut Item, what: &str, init: Init, words: &[&str], said: &str) {
    let ended = init.role(words).end();
    if ended.status != WaitStatus::Exited(SUBJECTS_STATUS) || !ended.stdout.contains(said) {
        item.fail(format!("{what}: {:?}: {} {}", ended.status, ended.stdout, ended.stderr));
    }
    ended.nothing_left();
}

pub(crate) fn run(length: Length, item: &mut Item) {
    if !sys::is_root() {
        return item.skip("needs root, to be PID 1 and other users");
    }
    let times = length.of(1, 100);
    for _ in 0..times {
        attacks(item, length);
    }
    item.tried(format!(
        "{times} times: every signal and ptrace from another user; KILL and STOP from root below PID 1; orphans that \
         stop for a tracer; a COMMAND held by ptrace; a full stderr; no descriptor left; /proc unmounted; its file \
         replaced; forks that run away"
    ));
}

fn attacks(item: &mut Item, length: Length) {
    let grace = "--grace=100ms";
    for init in [Init::new(), Init::new().as_pid_1()] {
        let nobody = ["as-user", NOBODY];
        let words = [&nobody[..], &["sends-everything"]].concat();
        ends_well(
            item,
            "signals from another user",
            init.clone().options(["--target", "all"]),
            &words,
            "allowed 0 end",
        );
        let words = [&nobody[..], &["traces-its-init"]].concat();
        let said = "traced false written false limited false exposed false end";
        ends_well(item, "ptrace by another user", init.clone(), &words, said);
        // Whom root's init may signal, though it may not signal its init.
        let held = [&nobody[..], &["is-held-by-its-child"]].concat();
        let run = init.clone().option("--kill-after=100ms").role(&held).wait_for("held true end");
        let ended = run.send(TERM).end();
        if ended.status != WaitStatus::Exited(137) {
            item.fail(format!("held by ptrace: {:?} {}", ended.status, ended.stderr));
        }
        ended.nothing_left();
        let count = length.of("64", "640");
        // Without a grace, those that are late have nobody left to trace them but the machine's own init.
        let run = init.clone().option(grace).role(["traced-orphans", count]).wait_for("made");
        run.send(TERM).expect_exit(SUBJECTS_STATUS).nothing_left();
        let run = init.clone().option(grace).role(["runaway"]).wait_for("ready");
        let time = timed(|| {
            run.send(TERM).expect_exit(SUBJECTS_STATUS).nothing_left();
        });
        // Every moment costs the machine pids.
        if time > Duration::from_secs(5) {
            item.fail(format!("forks that run away: it took {time:?}"));
        }
        replaced(init.clone());
        full_stderr(init);
    }
    // Even root has no power over a PID 1 that leaves nothing to the kernel: all but KILL and STOP come back.
    let unstopped = Init::new().as_pid_1().rewrite("TSTP:TSTP,TTIN:TTIN,TTOU:TTOU");
    ends_well(item, "signals below PID 1", unstopped, &["sends-everything"], "allowed 128 end");
    ends_well(item, "/proc unmounted", Init::new().as_pid_1().option(grace), &["unmounts-proc"], "daemon");
    ends_well(item, "no descriptor left", Init::new().as_pid_1().option(grace), &["starves-its-init"], "daemon");
}

/// Its executable is removed and replaced while it runs.
fn replaced(init: Init) {
    let folder = scratch::new_folder("replaced");
    let file = folder.join("init");
    fs::copy(scratch::session_init(), &file).expect("a file in the scratch folder");
    let script = format!("exec {} -v -- $ROLE subject", file.display());
    let run = init.from_script(&script).wait_for("ready");
    fs::remove_file(&file).expect("what runs may be removed");
    fs::write(&file, "something else").expect("a file in the scratch folder");
    run.send(USR1).wait_for("got USR1 end").send(TERM).expect_exit(SUBJECTS_STATUS).nothing_left();
}

/// Nobody reads its stderr, which COMMAND has filled.
fn full_stderr(init: Init) {
    const COUNT: usize = 100;
    let run = init.with_stderr(Stderr::Full).options(["-v", "-w"]).role(["subject"]).wait_for("ready");
    let mut run = run;
    for _ in 0..COUNT {
        run = run.send(USR1).wait_for("got USR1 end");
    }
    run.send(TERM).expect_exit(SUBJECTS_STATUS).nothing_left();
}
