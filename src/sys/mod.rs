//! The operating system: everything `unsafe`, one family of system calls a file.
//!
//! Nothing here decides what session-init does; each function does one thing and says how it went.

#![expect(unsafe_code, reason = "system calls that neither std nor nix wraps, or wraps with a loss (see each file)")]

pub(crate) mod arguments;
pub(crate) mod descriptors;
pub(crate) mod files;
pub(crate) mod kill;
pub(crate) mod process;
pub(crate) mod procfs;
pub(crate) mod signals;
pub(crate) mod spawn;
pub(crate) mod terminal;
pub(crate) mod wait;

use nix::errno::Errno;

/// The result of a raw system call or of a C function that reports its error in `errno`.
fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}
