//! The system calls that the harness and the roles need, each made safe to call. All of them may be used between fork and
//! exec, for none of them allocates unless it fails.

#![expect(unsafe_code, reason = "these are system calls")]

use std::ffi::{CStr, c_char, c_int, c_long};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::time::Duration;

use super::signal::{Signal, SignalSet};

/// `-1` is an error in `errno`.
fn check<T: Copy + PartialEq + From<i8>>(result: T) -> io::Result<T> {
    if result == T::from(-1) { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub(crate) fn pid() -> i32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

pub(crate) fn parent_pid() -> i32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::getppid() }
}

pub(crate) fn is_root() -> bool {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Sends a signal to a process; 0 and less, which mean a great many processes, are refused.
pub(crate) fn kill(pid: i32, signal: Signal) -> io::Result<()> {
    assert!(pid > 0, "the suite sends signals to single processes, not to {pid}");
    // SAFETY: it takes two numbers.
    check(unsafe { libc::kill(pid, signal.as_raw()) }).map(drop)
}

/// Sends a signal to the first thread of a process alone.
pub(crate) fn kill_thread(pid: i32, signal: Signal) -> io::Result<()> {
    // SAFETY: it takes three numbers.
    check(unsafe { libc::syscall(libc::SYS_tgkill, pid, pid, signal.as_raw()) }).map(drop)
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitStatus {
    Exited(i32),
    Killed(Signal),
}

impl WaitStatus {
    fn from_raw(status: c_int) -> Self {
        // By hand, for the C library's macros do not know what they have to do with each other.
        match status & 0x7f {
            0 => Self::Exited((status >> 8) & 0xff),
            signal => Self::Killed(Signal::number(signal)),
        }
    }
}

/// Waits for a child and reaps it.
pub(crate) fn wait(pid: i32) -> io::Result<WaitStatus> {
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to an int.
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }) {
            Ok(_) => return Ok(WaitStatus::from_raw(status)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Any child that has ended, reaped; `None` when there are no children.
pub(crate) fn wait_any() -> Option<(i32, WaitStatus)> {
    let mut status = 0;
    // SAFETY: the pointer is to an int.
    let found = check(unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) }).ok()?;
    Some((found, WaitStatus::from_raw(status)))
}

/// What fork(2) returned in whom.
pub(crate) enum Fork {
    Child,
    Parent(i32),
}

/// Forks. A child of a process with threads is alone with locks that others may hold: it should do no more than system calls.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: glibc keeps malloc usable in the child, and the child's code is written to need little else.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Fork::Child),
        child => Ok(Fork::Parent(child)),
    }
}

/// Forks into new namespaces (`CLONE_NEW*`). The child may only make system calls, for the C library knows nothing of it.
pub(crate) fn fork_into(namespaces: c_int) -> io::Result<Fork> {
    let flags = c_long::from(namespaces | libc::SIGCHLD);
    let none: c_long = 0;
    // SAFETY: without CLONE_VM this is fork(2), and the child keeps to what the comment above says.
    match check(unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) })? {
        0 => Ok(Fork::Child),
        child => Ok(Fork::Parent(child.try_into().expect("a pid is small"))),
    }
}

/// Ends without running any destructor or exit handler.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: it takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Ends by this signal, as far as it ends anybody.
pub(crate) fn die_by(signal: Signal) {
    // A core file would be of no use to anybody.
    let _ = set_limit(libc::RLIMIT_CORE, 0);
    let _ = set_disposition(signal, Disposition::Default);
    let _ = kill(pid(), signal);
    let _ = unblock([signal].into_iter().collect());
}

/// Lets the parent trace this process (ptrace(2)).
pub(crate) fn trace_me() -> io::Result<()> {
    let none = ptr::null_mut::<u8>();
    // SAFETY: PTRACE_TRACEME looks at none of the other arguments.
    check(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) }).map(drop)
}

pub(crate) fn set_limit(resource: libc::__rlimit_resource_t, limit: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the pointer is to an rlimit.
    check(unsafe { libc::setrlimit(resource, &raw const limit) }).map(drop)
}

/// Executes a program; returns only when that fails. `arguments` and `environment` end with a null pointer.
pub(crate) fn exec(program: &CStr, arguments: &[*const c_char], environment: &[*const c_char]) -> io::Error {
    assert_eq!(arguments.last(), Some(&ptr::null()));
    assert_eq!(environment.last(), Some(&ptr::null()));
    // SAFETY: the callers keep what the pointers point to, and both arrays end with null.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

// Signals.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

/// The kernel's `struct sigaction`.
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// Bytes in the kernel's signal set.
const SET_SIZE: usize = 8;

fn rt_sigaction(signal: Signal, new: *const KernelAction, old: *mut KernelAction) -> io::Result<()> {
    // SAFETY: both pointers are null or to a kernel sigaction; the callers set no handler.
    check(unsafe { libc::syscall(libc::SYS_rt_sigaction, signal.as_raw(), new, old, SET_SIZE) }).map(drop)
}

pub(crate) fn set_disposition(signal: Signal, disposition: Disposition) -> io::Result<()> {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    let action = KernelAction { handler, flags: 0, restorer: 0, mask: 0 };
    rt_sigaction(signal, &raw const action, ptr::null_mut())
}

fn rt_sigprocmask(how: c_int, set: Option<SignalSet>) -> io::Result<SignalSet> {
    let new = set.map(|set| set.0);
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut old = 0_u64;
    // SAFETY: both pointers are null or to a signal set of the size given.
    check(unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, new, &raw mut old, SET_SIZE) })?;
    Ok(SignalSet(old))
}

pub(crate) fn set_blocked(set: SignalSet) -> io::Result<SignalSet> {
    rt_sigprocmask(libc::SIG_SETMASK, Some(set))
}

pub(crate) fn unblock(set: SignalSet) -> io::Result<SignalSet> {
    rt_sigprocmask(libc::SIG_UNBLOCK, Some(set))
}

/// Takes one of the (blocked) signals off the queue, waiting for as long as it takes or no longer than given.
pub(crate) fn take_signal(set: SignalSet, timeout: Option<Duration>) -> Option<Signal> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let no_details = ptr::null_mut::<libc::siginfo_t>();
    loop {
        // SAFETY: the pointers are to a signal set of the size given, null, and null or to a timespec.
        let result =
            unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set.0, no_details, timeout, SET_SIZE) };
        match check(result) {
            Ok(number) => return Some(Signal::number(number.try_into().expect("a signal's number is small"))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

pub(crate) fn pause() {
    // SAFETY: it takes nothing.
    unsafe { libc::pause() };
}

// Sessions, users, namespaces.

pub(crate) fn set_session() -> io::Result<()> {
    // SAFETY: it takes nothing.
    check(unsafe { libc::setsid() }).map(drop)
}

/// Leads a process group of its own from now on.
pub(crate) fn set_group() -> io::Result<()> {
    // SAFETY: it takes numbers, and 0 is this process.
    check(unsafe { libc::setpgid(0, 0) }).map(drop)
}

/// This user and the group of the same number, no other group, and so no capability.
pub(crate) fn set_user(user: u32) -> io::Result<()> {
    // By system call, for the C library's own would first ask every thread that the process once had.
    // SAFETY: an empty list of groups.
    check(unsafe { libc::syscall(libc::SYS_setgroups, 0, ptr::null::<u32>()) })?;
    // SAFETY: it takes numbers.
    check(unsafe { libc::syscall(libc::SYS_setresgid, user, user, user) })?;
    // SAFETY: it takes numbers.
    check(unsafe { libc::syscall(libc::SYS_setresuid, user, user, user) }).map(drop)
}

/// prctl(2) with one number.
pub(crate) fn control(option: c_int, value: libc::c_ulong) -> io::Result<c_int> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: the options in use take a number.
    check(unsafe { libc::prctl(option, value, NONE, NONE, NONE) })
}

/// What a session-init of 32 bits calls by numbers of its own. To programs of 64 bits they are calls that nobody uses.
const OF_32_BITS: &[(c_long, c_long)] = if cfg!(target_arch = "x86_64") {
    &[(libc::SYS_kill, 37), (libc::SYS_prctl, 172), (libc::SYS_pwritev2, 379), (libc::SYS_rt_sigtimedwait, 177)]
} else {
    &[]
};

/// Lets these system calls fail with this error from now on, in this process and all that come from it (seccomp(2)).
pub(crate) fn deny(calls: &[c_long], errno: c_int) -> io::Result<()> {
    const MOST: usize = 16;
    let instruction = |code: u32, jump_if_not, k: c_long| libc::sock_filter {
        code: code.try_into().expect("16 bits are enough"),
        jt: 0,
        jf: jump_if_not,
        k: k.try_into().expect("32 bits are enough"),
    };
    let answer = |action: u32| instruction(libc::BPF_RET | libc::BPF_K, 0, action.into());
    // The number of the call is what lies first; on to the next comparison unless it is that one.
    let mut filter = [instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0); 2 * MOST + 2];
    let of_32_bits = |call: &c_long| OF_32_BITS.iter().find(|(long, _)| long == call).map(|(_, short)| *short);
    let calls = calls.iter().copied().chain(calls.iter().filter_map(of_32_bits));
    for (place, call) in filter[1..].chunks_exact_mut(2).zip(calls.clone()) {
        place[0] = instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, call);
        place[1] = answer(libc::SECCOMP_RET_ERRNO | errno.unsigned_abs());
    }
    let length = 2 * calls.count() + 2;
    filter[length - 1] = answer(libc::SECCOMP_RET_ALLOW);
    let program = libc::sock_fprog { len: length.try_into().expect("few"), filter: filter.as_mut_ptr() };
    control(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    // SAFETY: the pointer is to a program, whose pointer and length are those of the instructions.
    check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) }).map(drop)
}

pub(crate) fn mount(kind: &CStr, place: &CStr, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: all pointers are to strings or null.
    check(unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), flags, ptr::null()) }).map(drop)
}

pub(crate) fn change_directory(directory: &CStr) -> io::Result<()> {
    // SAFETY: the pointer is to a string.
    check(unsafe { libc::chdir(directory.as_ptr()) }).map(drop)
}

// Descriptors.

/// A pipe, read end first. Both ends are closed on exec.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: the pointer is to two ints.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((own(ends[0]), own(ends[1])))
}

fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the callers have just got it from the kernel.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A new number, this or higher, for what `fd` is; closed on exec.
pub(crate) fn duplicate_above(fd: RawFd, lowest: RawFd) -> io::Result<RawFd> {
    // SAFETY: it takes numbers.
    check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, lowest) })
}

/// What `fd` is under a number above this one.
pub(crate) fn owned_duplicate_above(fd: &OwnedFd, number: RawFd) -> io::Result<OwnedFd> {
    duplicate_above(fd.as_raw_fd(), number + 1).map(own)
}

/// Makes `number` stand for what `fd` is, also after exec.
pub(crate) fn duplicate_to(fd: RawFd, number: RawFd) -> io::Result<()> {
    // SAFETY: it takes numbers; the callers have no owner of `number`, or are about to exec.
    check(unsafe { libc::dup2(fd, number) }).map(drop)
}

pub(crate) fn close(fd: RawFd) {
    // SAFETY: it takes a number; the callers have no owner of it, or are about to exec.
    unsafe { libc::close(fd) };
}

/// Sees to it that exec closes every descriptor from this one on.
pub(crate) fn close_on_exec_from(first: RawFd) {
    let first_unsigned = libc::c_uint::try_from(first).unwrap_or(0);
    let close_on_exec: libc::c_uint = 4;
    // SAFETY: it takes numbers.
    if check(unsafe { libc::syscall(libc::SYS_close_range, first_unsigned, libc::c_uint::MAX, close_on_exec) }).is_err()
    {
        for fd in first..4096 {
            // SAFETY: it takes numbers.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    // SAFETY: it takes numbers.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    let flags = if nonblocking { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    // SAFETY: it takes numbers.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) }).map(drop)
}

/// Reads what there is, up to the buffer's size.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of the buffer.
    let read = check(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })?;
    Ok(usize::try_from(read).unwrap_or(0))
}

/// Reads what there is, waiting for it; 0 at the end.
pub(crate) fn read_blocking(fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match read(fd.as_fd(), buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Writes, once.
pub(crate) fn write(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of the bytes.
    let written = check(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })?;
    Ok(usize::try_from(written).unwrap_or(0))
}

/// Fills a pipe to its last byte.
pub(crate) fn fill(pipe: &OwnedFd) -> io::Result<()> {
    set_nonblocking(pipe.as_fd(), true)?;
    for size in [4096, 1] {
        while write(pipe.as_raw_fd(), &[b'.'; 4096][..size]).is_ok() {}
    }
    set_nonblocking(pipe.as_fd(), false)
}

/// A stream, the end to read from first.
pub(crate) fn socket() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = UnixStream::pair()?;
    Ok((reader.into(), writer.into()))
}

/// A pipe with room for one page, the end to read from first.
pub(crate) fn narrow_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe()?;
    // SAFETY: it takes numbers.
    check(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) })?;
    Ok((reader, writer))
}

/// A stream of the smallest buffer there is, the end to read from first. With one byte in it a line still fits, but not
/// every line.
pub(crate) fn narrow_socket() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = socket()?;
    let least: c_int = 1;
    // SAFETY: the option's value is an int, and so long.
    check(unsafe {
        libc::setsockopt(
            writer.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            (&raw const least).cast(),
            size_of::<c_int>().try_into().expect("four bytes"),
        )
    })?;
    write(writer.as_raw_fd(), b"x")?;
    Ok((reader, writer))
}

/// How many bytes could be read at once.
pub(crate) fn readable_bytes(fd: BorrowedFd<'_>) -> usize {
    let mut count: c_int = 0;
    // SAFETY: the pointer is to an int.
    unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    usize::try_from(count).unwrap_or(0)
}

/// Waits until one of the descriptors can be read or has hung up; false when that took too long.
pub(crate) fn wait_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> bool {
    let mut polled: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    let timeout = timeout.map_or(-1, |timeout| c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX));
    // SAFETY: pointer and length are those of the vector.
    unsafe { libc::poll(polled.as_mut_ptr(), libc::nfds_t::try_from(polled.len()).unwrap(), timeout) > 0 }
}

/// A descriptor that can be read once the process, a child not yet reaped, has ended.
pub(crate) fn open_process(pid: i32) -> io::Result<OwnedFd> {
    let flags: c_long = 0;
    // SAFETY: it takes numbers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })?;
    Ok(own(fd.try_into().expect("a descriptor is small")))
}

/// An event that is not there until [`raise_event`].
pub(crate) fn new_event() -> io::Result<OwnedFd> {
    // SAFETY: it takes numbers.
    Ok(own(check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?))
}

pub(crate) fn raise_event(event: BorrowedFd<'_>) {
    let _ = write(event.as_raw_fd(), &1_u64.to_ne_bytes());
}

// Terminals.

/// A new pty: master and slave.
pub(crate) fn open_pty() -> io::Result<(OwnedFd, OwnedFd)> {
    // SAFETY: it takes a number.
    let master = own(check(unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) })?);
    // SAFETY: it takes a number.
    check(unsafe { libc::unlockpt(master.as_raw_fd()) })?;
    // SAFETY: it takes numbers.
    let slave = check(unsafe {
        libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC)
    })?;
    Ok((master, own(slave)))
}

/// Makes the terminal that of the session which this process leads.
pub(crate) fn acquire_terminal(fd: RawFd) -> io::Result<()> {
    let steal: c_int = 0;
    // SAFETY: it takes numbers.
    check(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, steal) }).map(drop)
}

/// The foreground process group of a terminal; works on a pty's master too.
pub(crate) fn foreground_group(fd: RawFd) -> io::Result<i32> {
    let mut group: libc::pid_t = 0;
    // SAFETY: the pointer is to a pid.
    check(unsafe { libc::ioctl(fd, libc::TIOCGPGRP, &raw mut group) })?;
    Ok(group)
}

pub(crate) fn set_window_size(fd: RawFd, rows: u16, columns: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a winsize.
    check(unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size) }).map(drop)
}
