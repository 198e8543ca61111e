//! Everything at once for a long time, below one session-init that is PID 1: what a container sees in a year.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::load::{Size, grew, size};
use crate::report::{Item, Length};
use crate::roles::{WORD, number};
use crate::support::signal::rt;
use crate::support::sys::{self, Fork};
use crate::support::time::{holds_in_time, with_deadline};
use crate::support::{Init, process};
use crate::sys::{enter_pid_namespace, queue_signal};

/// No storm is longer.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// So many are sent before they are looked for: a queue that is full would lose them.
const AT_ONCE: usize = 10_000;
const KINDS: usize = 25;

/// The role of this file. Answers whether it is one.
pub(crate) fn act(words: &[&str]) -> bool {
    match words {
        ["enter", init, count] => enter(init, number(count)),
        _ => return false,
    }
    true
}

/// Brings so many processes into the namespace of this PID 1, as `docker exec` does. Each leaves a child behind, which
/// comes to be an orphan there.
fn enter(init: &str, count: i32) {
    let namespace = OwnedFd::from(File::open(format!("/proc/{init}/ns/pid")).expect("root may look there"));
    enter_pid_namespace(&namespace).expect("root may enter");
    for _ in 0..count {
        match sys::fork() {
            Ok(Fork::Child) => {
                let _ = sys::fork();
                sys::exit_now(0);
            }
            Ok(Fork::Parent(entered)) => drop(sys::wait(entered)),
            Err(error) => panic!("cannot fork: {error}"),
        }
    }
}

/// Sends them in turns, each once the ones before have been passed on, and takes session-init's size after each turn.
fn send(init: i32, command: i32, count: usize, item: &mut Item) -> Vec<Size> {
    let nothing_pending =
        |pid| process::signal_sets(pid).is_some_and(|sets| sets.pending.iter().all(|signal| signal < rt(0)));
    let mut sizes = Vec::new();
    for first in (0..count).step_by(AT_ONCE) {
        for index in first..count.min(first + AT_ONCE) {
            let signal = rt(i32::try_from(index % KINDS).expect("few"));
            while let Err(error) = queue_signal(init, signal) {
                if error.kind() != io::ErrorKind::WouldBlock {
                    item.fail(format!("{signal} #{index} could not be queued: {error}"));
                    return sizes;
                }
                sleep(Duration::from_millis(1));
            }
        }
        let passed = with_deadline(Duration::from_secs(300), || {
            holds_in_time(|| nothing_pending(init) && nothing_pending(command))
        });
        if !passed {
            item.fail("the queue was not emptied".to_owned());
            return sizes;
        }
        sizes.push(size(init));
    }
    sizes
}

pub(crate) fn run(length: Length, item: &mut Item) {
    if !sys::is_root() {
        return item.skip("needs root, to enter a PID namespace");
    }
    let (orphans, signals, entered) = length.of((5_000, 20_000, 300), (10_000_000, 10_000_000, 100_000));
    // Whoever makes the orphans is in COMMAND's group, and would let all that it gets queue up.
    let init = Init::new().as_pid_1().options(["--target", "child"]);
    let run = init.role(["count", &orphans.to_string()]).wait_for("ready");
    let (init, command) = (run.pid(), run.command());
    let maker = process::children(command).first().map_or(0, |child| child.pid);
    let own = std::env::current_exe().expect("it runs");
    let mut entering = Command::new(own)
        .args([WORD, "enter", &init.to_string(), &entered.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .expect("it can be run");
    let mut sizes = send(init, command, signals, item);
    let has_entered = entering.wait().expect("it was started");
    if !has_entered.success() {
        item.fail(format!("who enters the namespace ended with {has_entered}"));
    }
    if !item.failures().is_empty() {
        return;
    }
    // Who makes them ends with a word, or, where it could not make them all, with its reason on stderr.
    with_deadline(LONGEST, || holds_in_time(|| !process::is_alive(maker)));
    let run = run.wait_for(&format!("made {orphans}"));
    // COMMAND's own child has ended, and is COMMAND's to reap.
    if !holds_in_time(|| process::children(init).len() == 1) {
        item.fail(format!("{} zombies were left", process::children(init).len() - 1));
    }
    sizes.push(size(init));
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    if let Some(growth) = grew(first, last) {
        item.fail(growth);
    }
    queue_signal(init, rt(30)).expect("one more");
    let ended = with_deadline(Duration::from_secs(300), || run.end());
    let came: usize = (0..30)
        .filter_map(|n| {
            let line = ended.stdout.split_once(&format!("count {} ", rt(n)))?.1;
            line.split(' ').next()?.parse::<usize>().ok()
        })
        .sum();
    if came != signals || ended.status != sys::WaitStatus::Exited(0) || !ended.stderr.is_empty() {
        item.fail(format!("{came} of {signals} signals came; {:?}: {}", ended.status, ended.stderr));
    }
    item.tried(format!("{orphans} orphans, {signals} signals and {entered} entered processes below one PID 1"));
    item.lost(format!(
        "0 zombies, {} signals; {} descriptors at first and {} at last; {} kB at first, {} kB at most, {} kB at last",
        signals.saturating_sub(came),
        first.descriptors,
        last.descriptors,
        first.kilobytes,
        sizes.iter().map(|size| size.kilobytes).max().unwrap_or_default(),
        last.kilobytes
    ));
}
