//! A child that borrows this process's memory until it has executed another program (vfork(2)).
//!
//! fork(2) copies page tables that exec throws away; this child runs on a stack of its own in the same memory, while its
//! parent waits for it to exec or to end.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use nix::unistd::Pid;

use super::{Errno, check};

/// Enough for the child's few calls.
const STACK_SIZE: usize = 16 * 1024;

#[repr(C, align(16))]
struct Stack([MaybeUninit<u8>; STACK_SIZE]);

/// The child's stack. A local variable of that size would cost memory to its full length, which the compiler touches page by
/// page; of this one there is as much as the child uses.
static mut STACK: Stack = Stack([MaybeUninit::uninit(); STACK_SIZE]);

/// What the child is handed.
struct Task<'body> {
    body: &'body mut dyn FnMut() -> c_int,
    has_run: bool,
}

/// Runs `body` in a child that shares this process's memory, and returns once the child has executed another program or
/// has ended; what `body` returns is its exit status then.
///
/// The second half of the answer is whether it was so. qemu-user makes a plain fork of it: then the child is still at work
/// when this returns, and what it writes to memory does not come back.
///
/// # Errors
///
/// Those of clone(2).
pub(super) fn in_vforked_child(body: &mut dyn FnMut() -> c_int) -> Result<(Pid, bool), Errno> {
    extern "C" fn run(task: *mut c_void) -> c_int {
        let task: *mut Task<'_> = task.cast();
        // SAFETY: the pointer comes from the call below, whose frame lives on until the child is done with its memory.
        let task = unsafe { &mut *task };
        task.has_run = true;
        (task.body)()
    }
    let mut task = Task { body, has_run: false };
    let top = (&raw mut STACK).wrapping_add(1);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let place = &raw mut task;
    // SAFETY: the stack is that of one child at a time, aligned to 16 bytes and larger than what `body` needs; the parent stands still
    // until the child no longer uses its memory (CLONE_VFORK), so nothing else touches what `body` borrows. Where the call is
    // a plain fork, the child has copies of all that. Signal handlers, which could run on the child's side, do not exist.
    let child = unsafe { libc::clone(run, top.cast(), flags, place.cast()) };
    check(child.into())?;
    Ok((Pid::from_raw(child), task.has_run))
}

/// How many bytes of the child's stack no child has written to yet.
#[cfg(test)]
pub(super) fn unused_stack() -> (usize, usize) {
    let bottom: *const u8 = (&raw const STACK).cast();
    // SAFETY: the place is within the stack, which is zero where no child has written.
    let is_zero = |place: &usize| unsafe { bottom.wrapping_add(*place).read_volatile() } == 0;
    ((0..STACK_SIZE).take_while(is_zero).count(), STACK_SIZE)
}
