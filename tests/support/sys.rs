//! The system calls that std has no words for.

#![expect(unsafe_code, reason = "signals, terminals and namespaces are only to be had from libc")]

use std::fs::File;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

pub(crate) use libc::{SIGHUP, SIGINT, SIGKILL, SIGTERM};

/// The signal that asked the suite to end, or 0.
static INTERRUPTED_BY: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: libc::c_int) {
    INTERRUPTED_BY.store(signal, Ordering::Relaxed);
}

/// Notes HUP, INT and TERM from now on, so that everything can be stopped before the suite ends.
pub(crate) fn watch_for_interrupts() -> io::Result<()> {
    #[expect(clippy::as_conversions, reason = "the type of a handler is a number to libc")]
    let handler = note as *const () as libc::sighandler_t;
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        set_handler(signal, handler)?;
    }
    Ok(())
}

/// The signal that asked the suite to end.
pub(crate) fn interrupted_by() -> Option<i32> {
    Some(INTERRUPTED_BY.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Ends by this signal, so that whoever waits for the suite sees that it was interrupted.
pub(crate) fn die_of(signal: i32) -> io::Result<()> {
    set_handler(signal, libc::SIG_DFL)?;
    kill(std::process::id(), signal)
}

fn set_handler(signal: i32, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: the handler is the default one or `note`, which does nothing but store to an atomic.
    let before = unsafe { libc::signal(signal, handler) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends a signal to one process.
pub(crate) fn kill(process: u32, signal: i32) -> io::Result<()> {
    send(libc::pid_t::try_from(process).map_err(io::Error::other)?, signal)
}

/// Sends a signal to a process group.
pub(crate) fn kill_group(group: u32, signal: i32) -> io::Result<()> {
    let group = libc::pid_t::try_from(group).map_err(io::Error::other)?;
    // 0 and -1 stand for others.
    if group > 1 { send(group.wrapping_neg(), signal) } else { Err(io::Error::from(io::ErrorKind::InvalidInput)) }
}

fn send(target: libc::pid_t, signal: i32) -> io::Result<()> {
    // SAFETY: takes two numbers; no memory is involved.
    check(unsafe { libc::kill(target, signal) })
}

/// Gives this process a mount namespace of its own.
pub(crate) fn unshare_mounts() -> io::Result<()> {
    // SAFETY: takes a number; file names mean the same before and after.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })
}

pub(crate) fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Rows and columns of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

impl Size {
    fn winsize(self) -> libc::winsize {
        libc::winsize { ws_row: self.rows, ws_col: self.columns, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// A new pseudo-terminal: our end, and the one for the program.
pub(crate) fn open_terminal(size: Size) -> io::Result<(File, OwnedFd)> {
    let (mut ours, mut theirs) = (-1, -1);
    let winsize = size.winsize();
    // SAFETY: both numbers and the size outlive the call; a null pointer means no name and the default settings.
    check(unsafe { libc::openpty(&raw mut ours, &raw mut theirs, ptr::null_mut(), ptr::null(), &raw const winsize) })?;
    Ok((File::from(adopt(ours)), adopt(theirs)))
}

/// Sets the size of the terminal, as a terminal emulator does when its window is dragged.
pub(crate) fn resize(terminal: &File, size: Size) -> io::Result<()> {
    let winsize = size.winsize();
    // SAFETY: the descriptor is open, and TIOCSWINSZ reads one winsize, which outlives the call.
    check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const winsize) })
}

/// Receives one descriptor (`SCM_RIGHTS`).
pub(crate) fn receive_descriptor(socket: &UnixStream) -> io::Result<OwnedFd> {
    // What it is called there, which nobody needs, comes with it.
    let mut name = [0_u8; 4096];
    let mut part = libc::iovec { iov_base: name.as_mut_ptr().cast(), iov_len: name.len() };
    // As words, for a control message has to be aligned.
    let mut control = [0_u64; 8];
    let mut message = empty_message();
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<[u64; 8]>();
    // SAFETY: the message points to two buffers that outlive the call, each with its own length.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    if received < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the message is as recvmsg has left it.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: null, or a header within `control`, which is alive and aligned for it.
    let Some(&libc::cmsghdr { cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS, .. }) =
        (unsafe { header.as_ref() })
    else {
        return Err(io::Error::other("no descriptor came with the message"));
    };
    // SAFETY: the header is not null and is followed by its data.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: the data of SCM_RIGHTS is at least one descriptor, however aligned.
    Ok(adopt(unsafe { data.cast::<RawFd>().read_unaligned() }))
}

fn empty_message() -> libc::msghdr {
    // SAFETY: all zeros is a message header with no address, no buffer and no control data.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn adopt(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just opened it for us, and nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
