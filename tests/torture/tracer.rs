//! An init that is held at each of its system calls, from the first one of its `main` on.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_long};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::ptrace::{self, Stop};
use crate::support::signal::{KILL, Signal};
use crate::support::sys::{self, WaitStatus};
use crate::support::{Init, Running, process, scratch};
use crate::sys::{make_fifo, send_through};

/// Who makes a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Init,
    /// What is to become COMMAND, before its exec.
    Child,
}

/// A system call at which the init is held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) who: Who,
    pub(crate) call: c_long,
    /// How many of the same calls it has made before.
    pub(crate) before: usize,
    /// It is about to make the call; else it has just made it.
    pub(crate) entry: bool,
    pub(crate) init: i32,
    /// COMMAND's pid, once it runs.
    pub(crate) command: Option<i32>,
}

/// What the tracer saw.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) status: WaitStatus,
    /// The init was killed because it did not end in time; this is what there was of it.
    pub(crate) hung: Option<String>,
}

/// The init as the driver of a run sees it.
pub(crate) struct Driven<'run> {
    pub(crate) run: &'run Running,
    handle: OwnedFd,
    ended: AtomicBool,
    deadline: Instant,
}

impl Driven<'_> {
    /// Sends the init a signal, if it is still there.
    pub(crate) fn send(&self, signal: Signal) {
        let _ = send_through(&self.handle, signal);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// Does `again` from time to time until `condition` holds. False if the init ended or the time passed before.
    pub(crate) fn until(&self, mut condition: impl FnMut() -> bool, mut again: impl FnMut()) -> bool {
        let mut next = Instant::now() + Duration::from_millis(40);
        loop {
            if condition() {
                return true;
            }
            if self.has_ended() || self.is_late() {
                return false;
            }
            if Instant::now() >= next {
                again();
                next = Instant::now() + Duration::from_millis(40);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.run.output_so_far().contains(text)
    }
}

/// Starts `init` with the words of a command line, which a shell reads, and traces it. `hook` is called at each system call
/// and may answer with the error that the call is to fail with; `drive` does to the init what else is to be done.
pub(crate) fn trace(
    init: Init,
    words: &str,
    time: Duration,
    hook: &mut dyn FnMut(Moment) -> Option<c_int>,
    drive: impl FnOnce(&Driven<'_>) + Send,
) -> (Running, Traced) {
    let gate = scratch::new_path("gate");
    make_fifo(&gate).expect("a fifo in the scratch folder");
    // The shell waits for the tracer, and becomes the init.
    let run = init.from_script(&format!("read go < {}; exec $INIT {words}", gate.display()));
    let pid = run.pid();
    ptrace::seize(pid).expect("a child may be traced");
    let view = Driven {
        run: &run,
        handle: sys::open_process(pid).expect("a child that has not been reaped"),
        ended: AtomicBool::new(false),
        deadline: Instant::now() + time,
    };
    let hung = Mutex::new(None);
    let (mut traced, result) = thread::scope(|scope| {
        let driver = thread::Builder::new().spawn_scoped(scope, || {
            open_gate(&gate);
            drive(&view);
            while !view.has_ended() {
                if view.is_late() {
                    *hung.lock().expect("no thread panics") = Some(process::tree(pid));
                    view.send(KILL);
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let driver = driver.expect("a thread can be had");
        let traced = follow(pid, hook);
        view.ended.store(true, Ordering::Release);
        (traced, driver.join())
    });
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    traced.hung = hung.into_inner().expect("no thread panics");
    let _ = fs::remove_file(&gate);
    (run, traced)
}

fn open_gate(gate: &Path) {
    let start = Instant::now();
    loop {
        match fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(gate) {
            Ok(mut gate) => return gate.write_all(b"go\n").expect("a shell that reads"),
            Err(error) if start.elapsed() > Duration::from_secs(20) => panic!("nobody reads: {error}"),
            Err(_) => thread::sleep(Duration::from_micros(200)),
        }
    }
}

fn follow(pid: i32, hook: &mut dyn FnMut(Moment) -> Option<c_int>) -> Traced {
    let mut follower = Follower { init: pid, counts: BTreeMap::new(), in_main: false, command: None, hook };
    let mut is_init = false;
    let mut doing = None;
    let status = loop {
        match ptrace::wait(pid).expect("a traced child") {
            Stop::Ended(status) => break status,
            Stop::NewChild(child) => {
                go_on(ptrace::to_next_call(pid, None));
                follower.follow_child(child);
            }
            // The first may be that of the shell.
            Stop::Exec if process::stat(pid).is_some_and(|stat| stat.name != "sh") => {
                is_init = true;
                go_on(ptrace::to_next_call(pid, None));
            }
            Stop::Delivery(signal) if !is_init => go_on(ptrace::run(pid, Some(signal))),
            Stop::Stopped => go_on(ptrace::leave_stopped(pid)),
            // It is the shell as yet.
            _ if !is_init => go_on(ptrace::run(pid, None)),
            stop => follower.pass(pid, Who::Init, stop, &mut doing),
        }
    };
    Traced { status, hung: None }
}

/// What was killed meanwhile cannot be told to go on; the next wait says so.
fn go_on(result: std::io::Result<()>) {
    if let Err(error) = result {
        assert_eq!(error.raw_os_error(), Some(libc::ESRCH), "a stopped tracee: {error}");
    }
}

struct Follower<'hook> {
    init: i32,
    counts: BTreeMap<(Who, c_long), usize>,
    in_main: bool,
    command: Option<i32>,
    hook: &'hook mut dyn FnMut(Moment) -> Option<c_int>,
}

/// A system call that is being made, and the error that it is to fail with.
type Doing = Option<(Moment, Option<c_int>)>;

impl Follower<'_> {
    fn pass(&mut self, pid: i32, who: Who, stop: Stop, doing: &mut Doing) {
        let mut signal = None;
        match stop {
            Stop::Entry(call) => {
                // The first thing that `main` does.
                self.in_main |= call == libc::SYS_rt_sigprocmask;
                if self.in_main {
                    let count = self.counts.entry((who, call)).or_insert(0);
                    let before = *count;
                    let moment = Moment { who, call, before, entry: true, init: self.init, command: self.command };
                    *count += 1;
                    let errno = (self.hook)(moment);
                    if errno.is_some() {
                        go_on(ptrace::skip_call(pid));
                    }
                    *doing = Some((moment, errno));
                }
            }
            Stop::Exit => match doing.take() {
                Some((_, Some(errno))) => go_on(ptrace::set_error(pid, errno)),
                Some((moment, None)) => {
                    let _ = (self.hook)(Moment { entry: false, command: self.command, ..moment });
                }
                None => {}
            },
            Stop::Delivery(delivered) => signal = Some(delivered),
            Stop::Stopped => return go_on(ptrace::leave_stopped(pid)),
            Stop::Other | Stop::Exec | Stop::NewChild(_) | Stop::Ended(_) => {}
        }
        go_on(ptrace::to_next_call(pid, signal));
    }

    /// Follows a child that shares the init's memory until it executes COMMAND or ends.
    fn follow_child(&mut self, child: i32) {
        let mut doing = None;
        loop {
            match ptrace::wait(child) {
                Ok(Stop::Ended(_)) | Err(_) => return,
                Ok(Stop::Exec) => {
                    self.command = Some(child);
                    return go_on(ptrace::detach(child));
                }
                Ok(stop) => self.pass(child, Who::Child, stop, &mut doing),
            }
        }
    }
}
