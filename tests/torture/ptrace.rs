//! ptrace(2), as far as it takes to hold a process at each of its system calls and to let one of them fail.

#![expect(unsafe_code, reason = "these are system calls")]

use std::ffi::{c_int, c_long, c_uint};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use crate::support::signal::Signal;
use crate::support::sys::WaitStatus;

/// What a traced process does when its tracer waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is about to make this system call.
    Entry(c_long),
    /// It has made a system call.
    Exit,
    /// It has started a child, which is traced as well.
    NewChild(i32),
    /// It executes another program.
    Exec,
    /// This signal is about to be delivered.
    Delivery(Signal),
    /// A signal has stopped it, and only CONT will continue it.
    Stopped,
    /// Something that needs no answer.
    Other,
    Ended(WaitStatus),
}

fn check(result: c_long) -> io::Result<c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn request(request: c_uint, pid: i32, data: c_long) -> io::Result<()> {
    let none = ptr::null_mut::<u8>();
    // SAFETY: the requests that come here take numbers and look at no address.
    check(unsafe { libc::ptrace(request, pid, none, data) }).map(drop)
}

/// Begins to trace a process. It is killed should the tracer end.
pub(crate) fn seize(pid: i32) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SEIZE, pid, options.into())
}

/// Lets it run to its next system call, delivering this signal to it.
pub(crate) fn to_next_call(pid: i32, signal: Option<Signal>) -> io::Result<()> {
    request(libc::PTRACE_SYSCALL, pid, signal.map_or(0, Signal::as_raw).into())
}

/// Lets it run until something other than a system call happens.
pub(crate) fn run(pid: i32, signal: Option<Signal>) -> io::Result<()> {
    request(libc::PTRACE_CONT, pid, signal.map_or(0, Signal::as_raw).into())
}

/// Leaves it stopped until a CONT comes.
pub(crate) fn leave_stopped(pid: i32) -> io::Result<()> {
    request(libc::PTRACE_LISTEN, pid, 0)
}

/// Lets go of it.
pub(crate) fn detach(pid: i32) -> io::Result<()> {
    request(libc::PTRACE_DETACH, pid, 0)
}

/// Waits for what the process does next.
pub(crate) fn wait(pid: i32) -> io::Result<Stop> {
    const EVENT_STOP: c_int = 128;
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to an int.
        match check(unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) }.into()) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if status & 0xff != 0x7f {
        return Ok(Stop::Ended(match status & 0x7f {
            0 => WaitStatus::Exited((status >> 8) & 0xff),
            signal => WaitStatus::Killed(Signal::number(signal)),
        }));
    }
    let (signal, event) = ((status >> 8) & 0xff, status >> 16);
    Ok(match (event, signal) {
        (0, signal) if signal == libc::SIGTRAP | 0x80 => call(pid)?.map_or(Stop::Exit, Stop::Entry),
        (0, signal) => Stop::Delivery(Signal::number(signal)),
        (libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE, _) => {
            Stop::NewChild(new_child(pid)?)
        }
        (libc::PTRACE_EVENT_EXEC, _) => Stop::Exec,
        (EVENT_STOP, signal) if signal != libc::SIGTRAP => Stop::Stopped,
        _ => Stop::Other,
    })
}

fn new_child(pid: i32) -> io::Result<i32> {
    let mut child: libc::c_ulong = 0;
    let none = ptr::null_mut::<u8>();
    // SAFETY: the pointer is to an unsigned long.
    check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid, none, &raw mut child) })?;
    Ok(child.try_into().expect("a pid is small"))
}

/// The number of the system call that it is about to make; `None` if it has just made it.
fn call(pid: i32) -> io::Result<Option<c_long>> {
    const GET_SYSCALL_INFO: c_uint = 0x420e;
    /// `struct ptrace_syscall_info`, as far as the number of the call.
    #[repr(C)]
    struct Info {
        operation: u8,
        _padding: [u8; 3],
        _architecture: u32,
        _instruction_pointer: u64,
        _stack_pointer: u64,
        number: u64,
    }
    const ENTRY: u8 = 1;
    let mut info = MaybeUninit::<Info>::zeroed();
    // SAFETY: the kernel writes as many bytes as it is told, and that is the size of what the pointer is to.
    check(unsafe { libc::ptrace(GET_SYSCALL_INFO, pid, size_of::<Info>(), info.as_mut_ptr()) })?;
    // SAFETY: zero bytes are valid, and the call has filled it in.
    let info = unsafe { info.assume_init() };
    Ok((info.operation == ENTRY).then(|| info.number.try_into().expect("calls have small numbers")))
}

/// Whether system calls can be made to fail here: which register holds what is known for this architecture alone.
pub(crate) const CAN_FAIL: bool = cfg!(target_arch = "x86_64");

/// At its entry: the system call is not made.
#[cfg(target_arch = "x86_64")]
pub(crate) fn skip_call(pid: i32) -> io::Result<()> {
    change_registers(pid, |registers| registers.orig_rax = u64::MAX)
}

/// At its exit: the system call has failed with this error.
#[cfg(target_arch = "x86_64")]
pub(crate) fn set_error(pid: i32, errno: c_int) -> io::Result<()> {
    change_registers(pid, |registers| registers.rax = i64::from(-errno).cast_unsigned())
}

#[cfg(target_arch = "x86_64")]
fn change_registers(pid: i32, change: impl FnOnce(&mut libc::user_regs_struct)) -> io::Result<()> {
    let none = ptr::null_mut::<u8>();
    let mut registers = MaybeUninit::<libc::user_regs_struct>::zeroed();
    // SAFETY: the pointer is to a structure of the registers.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, none, registers.as_mut_ptr()) })?;
    // SAFETY: zero bytes are valid, and the call has filled it in.
    let mut registers = unsafe { registers.assume_init() };
    change(&mut registers);
    // SAFETY: the pointer is to a structure of the registers.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, none, &raw const registers) }).map(drop)
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn skip_call(_pid: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn set_error(_pid: i32, _errno: c_int) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
