//! More of everything than any container has.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::report::{Item, Length};
use crate::roles::{MOST_HARM, number, say};
use crate::support::signal::{CONT, KILL, STOP, Signal, SignalSet, TERM, rt};
use crate::support::sys::{self, Fork};
use crate::support::time::{holds_in_time, with_deadline};
use crate::support::{Init, process};
use crate::sys::queue_signal;

/// The roles of this file. Answers whether it is one.
pub(crate) fn act(words: &[&str]) -> bool {
    match words {
        ["orphans", count] => orphans(number(count)),
        ["count", orphans] => count(number(orphans)),
        ["tree", count] => tree(number(count), SignalSet::default()),
        ["deaf-tree", count] => tree(number(count), SignalSet::ALL),
        ["bomb", user, limit] => bomb(number(user), number(limit)),
        _ => return false,
    }
    true
}

/// Leaves so many orphans behind, each of which has ended or is about to, every third by a signal; then waits for TERM.
fn orphans(count: i32) {
    let _ = sys::set_blocked(SignalSet::ALL);
    say(format_args!("ready {}", sys::pid()));
    make_orphans(count);
    say(format_args!("made {count}"));
    while sys::take_signal(SignalSet::ALL, None).is_none_or(|taken| taken != TERM) {}
}

fn make_orphans(count: i32) {
    const AT_ONCE: i32 = 50;
    for first in (0..count).step_by(AT_ONCE.unsigned_abs() as usize) {
        match sys::fork() {
            Ok(Fork::Child) => {
                for index in first..count.min(first + AT_ONCE) {
                    match sys::fork() {
                        Ok(Fork::Child) => {
                            if index % 3 == 0 {
                                let _ = sys::kill(sys::pid(), KILL);
                            }
                            sys::exit_now(index % 256);
                        }
                        Ok(Fork::Parent(_)) => {}
                        Err(error) => panic!("cannot fork: {error}"),
                    }
                }
                sys::exit_now(0);
            }
            Ok(Fork::Parent(child)) => drop(sys::wait(child)),
            Err(error) => panic!("cannot fork: {error}"),
        }
    }
}

/// Leaves orphans behind, and counts signals until RTMAX comes, which does so last of all that are pending.
fn count(orphans: i32) {
    let _ = sys::set_blocked(SignalSet::ALL);
    if let Ok(Fork::Child) = sys::fork() {
        say(format_args!("ready {}", sys::parent_pid()));
        make_orphans(orphans);
        say(format_args!("made {orphans}"));
        sys::exit_now(0);
    }
    let mut counts = [0_usize; 65];
    while let Some(taken) = sys::take_signal(SignalSet::ALL, None) {
        if taken == rt(30) {
            break;
        }
        counts[taken.as_raw().unsigned_abs() as usize] += 1;
    }
    for signal in Signal::real_time() {
        say(format_args!("count {signal} {} end", counts[signal.as_raw().unsigned_abs() as usize]));
    }
}

/// So many processes in all, on three levels and in many sessions, that wait.
fn tree(count: i32, blocked: SignalSet) {
    let _ = sys::set_blocked(blocked);
    for branch in 0..(count - 1) / 10 {
        if let Ok(Fork::Child) = sys::fork() {
            if branch % 7 == 0 {
                let _ = sys::set_session();
            }
            for _ in 0..9 {
                if let Ok(Fork::Child) = sys::fork() {
                    break;
                }
            }
            loop {
                sys::pause();
            }
        }
    }
    say(format_args!("ready {}", sys::pid()));
    loop {
        sys::pause();
    }
}

/// As this user, who may have so many processes: all there can be, each of which tries to make more and heeds no signal.
fn bomb(user: i32, limit: i32) {
    let _ = sys::set_blocked(SignalSet::ALL);
    say(format_args!("ready {}", sys::pid()));
    if limit > 0 {
        sys::set_limit(libc::RLIMIT_NPROC, limit.unsigned_abs().into()).expect("a limit may be lowered");
    }
    if user > 0 {
        sys::set_user(user.unsigned_abs()).expect("only root may become another user");
    }
    let (first, start) = (sys::pid(), Instant::now());
    while start.elapsed() < MOST_HARM {
        if sys::fork().is_err() {
            // There are as many as there may be. One that ends makes room for another, as bombs do; a machine that does
            // nothing else any more would show nothing else either.
            thread::sleep(Duration::from_millis(2));
            if sys::pid() % 16 == 0 && sys::pid() != first {
                sys::exit_now(0);
            }
        }
    }
}

/// Memory in use and open descriptors of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) kilobytes: u64,
    pub(crate) descriptors: usize,
}

pub(crate) fn size(pid: i32) -> Size {
    let field = process::status_field(pid, "VmRSS").unwrap_or_default();
    let kilobytes = field.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    Size { kilobytes, descriptors: process::descriptors(pid).len() }
}

/// The same once it has let go of what it inherited.
fn size_at_work(init: i32) -> Size {
    let _ = holds_in_time(|| process::descriptors(init).len() == 1);
    size(init)
}

/// What a process may grow by: its stack and heap reach pages that they had not reached before.
pub(crate) const GROWTH: u64 = 64;

pub(crate) fn grew(before: Size, after: Size) -> Option<String> {
    (after.descriptors != before.descriptors || after.kilobytes > before.kilobytes + GROWTH)
        .then(|| format!("grew from {before:?} to {after:?}"))
}

pub(crate) fn a_million_orphans(length: Length, item: &mut Item) {
    let count = length.of(20_000, 1_000_000);
    let run = Init::new().role(["orphans", &count.to_string()]).wait_for("ready");
    let pid = run.pid();
    let before = size_at_work(pid);
    let run = with_deadline(Duration::from_secs(3000), || run.wait_for("made"));
    let reaped = holds_in_time(|| process::children(pid).len() == 1);
    if !reaped {
        item.fail(format!("{} zombies were left", process::children(pid).len() - 1));
    }
    let after = size(pid);
    if let Some(growth) = grew(before, after) {
        item.fail(growth);
    }
    let ended = run.send(TERM).end();
    if ended.status != sys::WaitStatus::Exited(0) || !ended.stderr.is_empty() {
        item.fail(format!("{:?}: {}", ended.status, ended.stderr));
    }
    item.tried(format!("{count} orphans reaped"));
    item.lost(format!(
        "0 zombies; {} descriptors before and after; {} kB of memory before, {} kB after",
        after.descriptors, before.kilobytes, after.kilobytes
    ));
}

pub(crate) fn queued_signals(length: Length, item: &mut Item) {
    const KINDS: usize = 25;
    /// The limit on what a user may have queued is near 100,000 on many machines, and each signal is queued twice.
    const AT_ONCE: usize = 20_000;
    let (count, orphans) = length.of((10_000, 1_000), (100_000, 10_000));
    let run = Init::new().role(["count", &orphans.to_string()]).wait_for("ready");
    let (init, command) = (run.pid(), run.command());
    let before = size_at_work(init);
    let nothing_pending =
        |pid| process::signal_sets(pid).is_some_and(|sets| sets.pending.iter().all(|signal| signal < rt(0)));
    let mut run = run;
    for first in (0..count).step_by(AT_ONCE) {
        // So many are on the queue before the first is taken; in the first turn, so are the orphans.
        run = run.send(STOP).wait_stopped();
        for index in first..count.min(first + AT_ONCE) {
            let signal = rt(i32::try_from(index % KINDS).expect("few"));
            if let Err(error) = queue_signal(init, signal) {
                item.fail(format!("{signal} #{index} could not even be queued: {error}"));
            }
        }
        if first == 0 {
            run = with_deadline(Duration::from_secs(300), || run.wait_for("made"));
        }
        run = run.send(CONT);
        let passed = with_deadline(Duration::from_secs(300), || {
            holds_in_time(|| nothing_pending(init) && nothing_pending(command))
        });
        if !passed {
            item.fail("the queue was not emptied".to_owned());
        }
    }
    queue_signal(init, rt(30)).expect("one more");
    let run = with_deadline(Duration::from_secs(300), || {
        run.wait_for(&format!("count {} {} end", rt(0), count / KINDS)).wait_for("count RTMAX 0 end")
    });
    let after = size(init);
    let ended = run.end();
    let came: usize = (0..30)
        .filter_map(|n| {
            let line = ended.stdout.split_once(&format!("count {} ", rt(n)))?.1;
            line.split(' ').next()?.parse::<usize>().ok()
        })
        .sum();
    if came != count {
        item.fail(format!("{came} of {count} signals came"));
    }
    if after.kilobytes != 0
        && let Some(growth) = grew(before, after)
    {
        item.fail(growth);
    }
    item.tried(format!(
        "{count} queued real-time signals of {KINDS} kinds forwarded while {orphans} orphans were reaped"
    ));
    item.lost(format!("{} signals", count - came));
}

#[track_caller]
fn tear_down(init: Init, role: &str, count: usize, status: i32) -> Duration {
    let run = init.role([role, &count.to_string()]).wait_for("ready");
    let run = with_deadline(Duration::from_secs(120), || {
        run.wait_until("is all there", |run| process::descendants(run.pid()).len() >= count)
    });
    let start = Instant::now();
    let ended = with_deadline(Duration::from_secs(120), || run.send(TERM).end());
    let time = start.elapsed();
    assert_eq!(ended.status, sys::WaitStatus::Exited(status), "{}", ended.stderr);
    ended.nothing_left();
    time
}

pub(crate) fn thousands_torn_down(length: Length, item: &mut Item) {
    let count = length.of(501, 5_001);
    let mut times = vec![
        tear_down(Init::new().options(["--target=all", "--grace=60s"]), "tree", count, 143),
        tear_down(Init::new().options(["--kill-after=1ms"]), "deaf-tree", count, 137),
    ];
    if sys::is_root() {
        times.push(tear_down(Init::new().as_pid_1().options(["--target=all", "--grace=60s"]), "tree", count, 143));
        times.push(tear_down(Init::new().as_pid_1().options(["--kill-after=1ms"]), "deaf-tree", count, 137));
    }
    let slowest = times.iter().max().copied().unwrap_or_default();
    item.tried(format!(
        "{} trees of {count} processes torn down, the slowest in {:.1} s",
        times.len(),
        slowest.as_secs_f64()
    ));
    item.lost("0 processes left".to_owned());
}

/// A user of whom there should be nobody.
const NOBODY: i32 = 54_321;

#[track_caller]
fn defuse(init: Init, limit: usize, words: &str) -> usize {
    let run = init.from_script(words).wait_for("ready");
    let pid = run.pid();
    let mut most = 0;
    let run = run.wait_until("is full", |_| {
        most = most.max(process::descendants(pid).len());
        most + 40 >= limit
    });
    let ended = with_deadline(Duration::from_secs(60), || run.send(TERM).end());
    assert_eq!(ended.status, sys::WaitStatus::Exited(137), "{}", ended.stderr);
    ended.nothing_left();
    most
}

pub(crate) fn fork_bombs(length: Length, item: &mut Item) {
    if !sys::is_root() {
        return item.skip("needs root, to be another user");
    }
    let (limit, times) = length.of((60, 1), (300, 5));
    let mut most = 0;
    let mut bombs = 0;
    let options = "--kill-after=100ms --";
    for _ in 0..times {
        let words = format!("exec $INIT {options} $ROLE bomb {NOBODY} {limit}");
        most = most.max(defuse(Init::new(), limit, &words));
        most = most.max(defuse(Init::new().as_pid_1(), limit, &words));
        bombs += 2;
    }
    item.tried(format!("{bombs} fork bombs of {limit} processes under RLIMIT_NPROC, as PID 1 and not"));
    if let Some(group) = PidsGroup::new(limit) {
        for _ in 0..times {
            let words = format!("echo $$ > {}/cgroup.procs; exec $INIT {options} $ROLE bomb 0 0", group.0);
            defuse(Init::new(), limit, &words);
        }
        item.tried(format!("{times} in a full pids cgroup, session-init in it too"));
    }
    item.lost("0 processes left".to_owned());
}

/// A cgroup that may hold so many processes.
struct PidsGroup(String);

impl PidsGroup {
    fn new(limit: usize) -> Option<Self> {
        let name = format!("session-init-torture.{}", std::process::id());
        ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].into_iter().find_map(|root| {
            let group = Self(format!("{root}/{name}"));
            fs::create_dir(&group.0).ok()?;
            fs::write(format!("{}/pids.max", group.0), limit.to_string()).ok()?;
            Some(group)
        })
    }
}

impl Drop for PidsGroup {
    fn drop(&mut self) {
        let _ = holds_in_time(|| fs::remove_dir(&self.0).is_ok());
    }
}
