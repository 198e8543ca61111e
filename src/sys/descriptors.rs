//! File descriptors: letting go of the inherited ones, and a stderr that can do no harm.

use std::ffi::CStr;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpid, write};

use super::signals::{self, SignalSet};
use super::{Errno, check, files, kill};
use crate::signal::{Origin, Signal};

fn stderr() -> BorrowedFd<'static> {
    // SAFETY: nothing closes descriptor 2; where it was closed from the start, every use of it answers EBADF, and
    // `stderr_is_open` keeps a descriptor that later gets the number from being written to.
    unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) }
}

fn stdout() -> BorrowedFd<'static> {
    // SAFETY: as for stderr, as long as COMMAND has not been started.
    unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) }
}

/// Whether stdout is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    let mut modes = MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the pointer is to a termios.
    check(unsafe { libc::tcgetattr(libc::STDOUT_FILENO, modes.as_mut_ptr()) }.into()).is_ok()
}

/// How many characters fit into a line of the terminal on stdout; `None` where it is not a terminal, or does not know.
pub(crate) fn stdout_columns() -> Option<usize> {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: TIOCGWINSZ fills a winsize.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) };
    check(result.into()).ok()?;
    // SAFETY: it was zeroed, which is a winsize too, and then filled.
    let size = unsafe { size.assume_init() };
    Some(size.ws_col.into()).filter(|columns| *columns > 0)
}

/// Writes all of the text, however long that takes.
///
/// # Errors
///
/// Those of write(2).
pub(crate) fn write_to_stdout(text: &[u8]) -> Result<(), Errno> {
    let mut left = text;
    while !left.is_empty() {
        let written = write(stdout(), left)?;
        left = left.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Whether there is a stderr. To be asked before session-init opens anything, which might get its number.
pub(crate) fn stderr_is_open() -> bool {
    fcntl(stderr(), libc::F_GETFD, 0).is_ok()
}

/// Another descriptor for the same, beyond the standard ones and to be closed in whoever is executed.
///
/// # Errors
///
/// Those of fcntl(2).
pub(super) fn duplicate(descriptor: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let duplicate = fcntl(descriptor, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO.saturating_add(1))?;
    // SAFETY: the kernel has just opened this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

/// The C library's own `fcntl` knows many more requests, which is much code.
fn fcntl(descriptor: BorrowedFd<'_>, request: libc::c_int, argument: libc::c_int) -> Result<RawFd, Errno> {
    // SAFETY: the call takes numbers.
    let result = check(unsafe { libc::syscall(libc::SYS_fcntl, descriptor.as_raw_fd(), request, argument) })?;
    RawFd::try_from(result).map_err(|_| Errno::EBADF)
}

/// Writes one line to stderr if that is possible at once, and else drops it.
///
/// It never blocks: not on a full pipe, not on a terminal that is held with Ctrl-S. (`TOSTOP` cannot stop a process that
/// blocks TTOU.)
pub(crate) fn write_to_stderr(line: &[u8]) {
    let mut room = [PollFd::new(stderr(), PollFlags::POLLOUT)];
    let _ = poll(&mut room, PollTimeout::ZERO);
    if room.iter().all(|stderr| stderr.revents() != Some(PollFlags::POLLOUT)) {
        return;
    }
    match write_now(line) {
        Err(Errno::EPIPE) => forget_own(Signal::PIPE),
        // A file that has reached the limit on the size of files (setrlimit(2)).
        Err(Errno::EFBIG) => forget_own(Signal::XFSZ),
        Ok(()) | Err(_) => {}
    }
}

fn write_now(line: &[u8]) -> Result<(), Errno> {
    // A file, in which there are places to go to, is always ready.
    if is_seekable() {
        return write(stderr(), line).map(drop);
    }
    // COMMAND may fill the pipe between the poll and the write, so the write itself must not wait either.
    match write_without_waiting(line) {
        Err(Errno::EOPNOTSUPP | Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => {}
        result => return result,
    }
    match send_without_waiting(line) {
        Err(Errno::ENOTSOCK) => {}
        result => return result,
    }
    match open_anew(c"/proc/self/fd/2") {
        Ok(stderr) => write(stderr.as_fd(), line).map(drop),
        Err(_) => write(stderr(), line).map(drop),
    }
}

/// `O_NONBLOCK` on the inherited descriptor would hold for COMMAND and others too; on one opened anew it does not.
fn open_anew(descriptor: &CStr) -> Result<OwnedFd, Errno> {
    files::open(descriptor, libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY)
}

/// Whether stderr is a file, and no pipe, socket or terminal.
fn is_seekable() -> bool {
    // SAFETY: the call takes numbers, and leaves everything as it is.
    unsafe { libc::lseek(libc::STDERR_FILENO, 0, libc::SEEK_CUR) != -1 }
}

/// A socket that has room, as poll(2) sees it, need not have room for a whole line; and it cannot be opened anew.
fn send_without_waiting(line: &[u8]) -> Result<(), Errno> {
    // SAFETY: the call reads as many bytes as the line has.
    let result = unsafe { libc::send(libc::STDERR_FILENO, line.as_ptr().cast(), line.len(), libc::MSG_DONTWAIT) };
    Errno::result(result).map(drop)
}

/// `pwritev2` with `RWF_NOWAIT`, which fails with `EAGAIN` rather than wait. Not every file and kernel knows it.
fn write_without_waiting(line: &[u8]) -> Result<(), Errno> {
    const AT_THE_FILES_OWN_OFFSET: libc::c_long = -1;
    let parts = [IoSlice::new(line)];
    // An argument of syscall(2) is a whole register.
    let flags = libc::c_long::from(libc::RWF_NOWAIT);
    let offset = AT_THE_FILES_OWN_OFFSET;
    let stderr = stderr().as_raw_fd();
    // SAFETY: an IoSlice has the layout of an iovec, and there is one of them.
    let result = unsafe { libc::syscall(libc::SYS_pwritev2, stderr, parts.as_ptr(), 1, offset, offset, flags) };
    check(result).map(drop)
}

/// Takes the signal that the kernel sent for a failed write off the queue, so that it is not forwarded; one that somebody
/// else sent goes back.
fn forget_own(signal: Signal) {
    let own = Origin::Process(getpid().as_raw());
    let taken = signals::take(SignalSet::of(&[signal]));
    if taken.is_some_and(|taken| taken.origin != own) {
        let _ = kill::process(getpid(), signal);
    }
}

/// Closes every descriptor but stderr. A reader of a pipe must see its end when COMMAND, and not session-init, closes it.
/// But for the first of the three that are kept, up to stderr: PID 1 keeps stdin and stdout as well, since many write to
/// `/proc/1/fd/1` where they want to reach a container's output, and what comes before a stop is to have stdout.
pub(crate) fn close_inherited(first_kept: RawFd) {
    close_range(0, first_kept.saturating_sub(1));
    close_range(libc::STDERR_FILENO.saturating_add(1), RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first > last {
        return;
    }
    // SAFETY: nothing in this process owns a descriptor at this point, so none can be closed under its owner.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    // Kernels before 5.9 lack the call, and old seccomp profiles deny it.
    if check(result).is_err() {
        for descriptor in open_descriptors(first, last) {
            close(descriptor);
        }
    }
}

fn close(descriptor: RawFd) {
    // SAFETY: as in `close_range`. An error leaves nothing to do: the descriptor is closed or never was open.
    let _ = unsafe { libc::close(descriptor) };
}

/// The open descriptors from `first` to `last`: those that /proc lists, or, without it, all that the limit allows.
fn open_descriptors(first: RawFd, last: RawFd) -> Vec<RawFd> {
    let listed = files::numbers(c"/proc/self/fd");
    let mut descriptors = listed.unwrap_or_else(|_| (0..descriptor_limit()).collect());
    descriptors.retain(|number| (first..=last).contains(number));
    descriptors
}

fn descriptor_limit() -> RawFd {
    /// A limit beyond this is one for servers with a million connections; probing so many takes too long.
    const MOST: libc::rlim64_t = 65_536;
    let mut limit = libc::rlimit64 { rlim_cur: MOST, rlim_max: MOST };
    let (own, unchanged) = (0, ptr::null::<()>());
    // SAFETY: the last pointer is to an rlimit64, which stays as it is where the call fails.
    let _ = unsafe { libc::syscall(libc::SYS_prlimit64, own, libc::RLIMIT_NOFILE, unchanged, &raw mut limit) };
    RawFd::try_from(limit.rlim_cur.clamp(256, MOST)).unwrap_or(256)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    use super::*;

    #[test]
    fn what_is_opened_anew_does_not_wait_and_the_inherited_one_is_as_it_was() {
        let (_reader, inherited) = std::io::pipe().unwrap();
        let anew = open_anew(&files::text(format_args!("/proc/self/fd/{}", inherited.as_raw_fd()))).unwrap();
        let flags = |descriptor: BorrowedFd<'_>| OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL).unwrap());
        assert_eq!(flags(inherited.as_fd()) & (OFlag::O_ACCMODE | OFlag::O_NONBLOCK), OFlag::O_WRONLY);
        assert_eq!(flags(anew.as_fd()) & (OFlag::O_ACCMODE | OFlag::O_NONBLOCK), OFlag::O_WRONLY | OFlag::O_NONBLOCK);
        assert_eq!(fcntl(&anew, FcntlArg::F_GETFD), Ok(libc::FD_CLOEXEC));
    }

    #[test]
    fn a_range_is_closed_from_its_first_to_its_last() {
        // So high that no other test has them.
        const FIRST: RawFd = 700;
        let file = File::open("/dev/null").unwrap();
        for number in FIRST..FIRST + 4 {
            assert_eq!(fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(number)), Ok(number));
        }
        let open = || open_descriptors(FIRST, FIRST + 3);
        assert_eq!(open().len(), 4);
        close_range(FIRST + 1, FIRST);
        assert_eq!(open().len(), 4);
        close_range(FIRST + 1, FIRST + 1);
        assert_eq!(open(), [FIRST, FIRST + 2, FIRST + 3]);
        close_range(FIRST, FIRST + 2);
        assert_eq!(open(), [FIRST + 3]);
        close(FIRST + 3);
        assert_eq!(open(), []);
    }
}
