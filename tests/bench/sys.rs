//! The system calls that the measuring needs, each made safe to call.

#![expect(unsafe_code, reason = "these are system calls")]

use std::ffi::{CString, c_char, c_int, c_long};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// `-1` is an error in `errno`.
fn check<T: Copy + PartialEq + From<i8>>(result: T) -> io::Result<T> {
    if result == T::from(-1) { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The words of a command, ready for exec.
pub(crate) struct Command {
    words: Vec<CString>,
    devnull: File,
}

impl Command {
    pub(crate) fn new<'word>(words: impl IntoIterator<Item = &'word str>) -> io::Result<Self> {
        let words: Result<_, _> = words.into_iter().map(CString::new).collect();
        let devnull = File::options().read(true).write(true).open("/dev/null")?;
        Ok(Self { words: words?, devnull })
    }

    fn pointers(&self) -> Vec<*const c_char> {
        self.words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
    }
}

/// What it took to run a command from its start to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// In nanoseconds, as is the next.
    pub(crate) time: u64,
    /// Of the command and of what it waited for.
    pub(crate) cpu_time: u64,
    /// Likewise.
    pub(crate) page_faults: u64,
}

/// A command that can be run again and again: all that can be prepared is.
pub(crate) struct Runner {
    command: Command,
    actions: Box<libc::posix_spawn_file_actions_t>,
}

impl Runner {
    /// A runner whose runs say nothing on stderr: tini has things to say where it is not PID 1.
    pub(crate) fn new(command: Command) -> io::Result<Self> {
        let mut actions = Box::new(MaybeUninit::uninit());
        // SAFETY: the pointer is to room for the actions.
        let result = unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) };
        let mut actions = succeeded(result).map(|()| {
            // SAFETY: the call has initialised them.
            unsafe { actions.assume_init() }
        })?;
        let devnull = command.devnull.as_raw_fd();
        // SAFETY: the actions are initialised.
        let result = unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut *actions, devnull, libc::STDERR_FILENO) };
        succeeded(result)?;
        Ok(Self { command, actions })
    }

    /// Runs it once; an exit status other than 0 is an error.
    pub(crate) fn run(&self) -> io::Result<Run> {
        unsafe extern "C" {
            static environ: *const *mut c_char;
        }
        let pointers = self.command.pointers();
        let (program, arguments, attributes) = (pointers[0], pointers.as_ptr().cast(), ptr::null());
        let mut pid = 0;
        let start = now();
        // SAFETY: the pointer is one that the C library keeps; this program has one thread and never changes it.
        let environment = unsafe { environ };
        // SAFETY: all pointers are to what the call wants, and the arrays end with null.
        let result = unsafe {
            libc::posix_spawn(&raw mut pid, program, &raw const *self.actions, attributes, arguments, environment)
        };
        succeeded(result)?;
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointers are to an int and to room for a rusage.
        check(unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) })?;
        let time = now().saturating_sub(start);
        if status != 0 {
            let words = self.command.words.clone();
            return Err(io::Error::other(format!("{words:?} ended with wait status {status:#x}")));
        }
        // SAFETY: a rusage of zero bytes is a valid one, and the call has filled it in.
        let usage = unsafe { usage.assume_init() };
        let cpu_time = nanoseconds(usage.ru_utime.tv_sec, usage.ru_utime.tv_usec * 1000)
            + nanoseconds(usage.ru_stime.tv_sec, usage.ru_stime.tv_usec * 1000);
        Ok(Run { time, cpu_time, page_faults: u64::try_from(usage.ru_minflt).unwrap_or(0) })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // SAFETY: they are initialised, and nobody uses them any more.
        let _ = unsafe { libc::posix_spawn_file_actions_destroy(&raw mut *self.actions) };
    }
}

/// For functions that return the error.
fn succeeded(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

/// Starts a command with these two as its stdin and stdout and nothing for its stderr; as PID 1 of a PID namespace with a
/// /proc of its own, if so wanted. The pid is that of this process's namespace.
pub(crate) fn start(command: &Command, stdin: &OwnedFd, stdout: &OwnedFd, as_pid_1: bool) -> io::Result<i32> {
    let arguments = command.pointers();
    let namespaces = if as_pid_1 { libc::CLONE_NEWPID | libc::CLONE_NEWNS } else { 0 };
    let flags = c_long::from(namespaces | libc::SIGCHLD);
    let none: c_long = 0;
    // SAFETY: without CLONE_VM this is fork(2), and this process has one thread.
    let child = check(unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) })?;
    if child != 0 {
        return i32::try_from(child).map_err(io::Error::other);
    }
    let descriptors = [stdin.as_raw_fd(), stdout.as_raw_fd(), command.devnull.as_raw_fd()];
    let _ = become_it(&arguments, descriptors, as_pid_1);
    // SAFETY: it takes a number and does not return.
    unsafe { libc::_exit(125) }
}

/// In the child. Returns only if something fails.
fn become_it(arguments: &[*const c_char], descriptors: [RawFd; 3], as_pid_1: bool) -> io::Result<()> {
    if as_pid_1 {
        mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
        mount(c"proc", c"/proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC)?;
    }
    for (place, descriptor) in (0..).zip(descriptors) {
        // SAFETY: it takes two numbers. The sources are higher than the places, and close-on-exec.
        check(unsafe { libc::dup2(descriptor, place) })?;
    }
    let program = arguments[0];
    // SAFETY: the array ends with null, and so do the strings it points to with zero.
    check(unsafe { libc::execv(program, arguments.as_ptr()) }).map(drop)
}

fn mount(kind: &std::ffi::CStr, place: &std::ffi::CStr, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the strings end with zero, and null stands for no data.
    check(unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), flags, ptr::null()) }).map(drop)
}

/// A pipe's two ends, which no program inherits that is not given them: the one to read, and the one to write.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to two ints.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just opened them, and nobody else owns them.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    Ok((read, write))
}

/// Waits until there is something to read.
pub(crate) fn wait_readable(descriptor: RawFd, timeout: Duration) -> io::Result<()> {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    let timeout = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the pointer is to one pollfd.
    match check(unsafe { libc::poll(&raw mut poll, 1, timeout) })? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// Sends a signal to one process.
pub(crate) fn kill(pid: i32, signal: c_int) -> io::Result<()> {
    assert!(pid > 1, "{pid} is not a single process");
    // SAFETY: it takes two numbers.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Waits for a child and leaves it a zombie, of which /proc still tells.
pub(crate) fn wait_for_end(pid: i32) -> io::Result<()> {
    let id = libc::id_t::try_from(pid).map_err(io::Error::other)?;
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the pointer is to room for a siginfo_t.
    let result = unsafe { libc::waitid(libc::P_PID, id, info.as_mut_ptr(), libc::WEXITED | libc::WNOWAIT) };
    check(result).map(drop)
}

/// Reaps a child once it has ended.
pub(crate) fn reap(pid: i32) -> io::Result<()> {
    // SAFETY: null stands for a status that nobody wants.
    check(unsafe { libc::waitpid(pid, ptr::null_mut(), 0) }).map(drop)
}

/// Takes a variable out of the environment that every command gets.
pub(crate) fn forget_variable(name: &str) {
    // SAFETY: nobody has started a thread yet.
    unsafe { std::env::remove_var(name) };
}

pub(crate) fn is_root() -> bool {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// The monotonic clock, which every process sees alike.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec.
    let _ = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    nanoseconds(time.tv_sec, time.tv_nsec)
}

fn nanoseconds(seconds: libc::time_t, nanoseconds: c_long) -> u64 {
    let (seconds, nanoseconds) = (u64::try_from(seconds).unwrap_or(0), u64::try_from(nanoseconds).unwrap_or(0));
    seconds * 1_000_000_000 + nanoseconds
}
