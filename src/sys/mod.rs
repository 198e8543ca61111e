//! The operating system: everything `unsafe`, one family of system calls a file.
//!
//! Nothing here decides what session-init does; each function does one thing and says how it went. `nix` and `libc` are
//! named here alone: what the rest needs of them has its name from this module.

#![expect(unsafe_code, reason = "system calls that neither std nor nix wraps, or wraps with a loss (see each file)")]

pub(crate) mod allocator;
pub(crate) mod arguments;
pub(crate) mod aside;
pub(crate) mod cgroup;
pub(crate) mod clock;
pub(crate) mod descendants;
pub(crate) mod descriptors;
pub(crate) mod environment;
pub(crate) mod files;
pub(crate) mod inspection;
pub(crate) mod kill;
pub(crate) mod process;
pub(crate) mod procfs;
mod sightings;
pub(crate) mod signals;
pub(crate) mod spawn;
pub(crate) mod terminal;
mod vfork;
pub(crate) mod wait;

use std::ffi::CStr;

pub(crate) use nix::errno::Errno;
pub(crate) use nix::unistd::Pid;

/// The result of a raw system call or of a C function that reports its error in `errno`.
fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 { Err(Errno::last()) } else { Ok(result) }
}

/// What the C library says about an error.
pub(crate) fn describe(error: Errno) -> &'static str {
    #[expect(clippy::as_conversions, reason = "nix has no other way from an error to its number")]
    let number = error as libc::c_int;
    // SAFETY: the call takes a number.
    let description = unsafe { libc::strerror(number) };
    // SAFETY: it is a string that ends with a zero byte. That of an error without a name may change at the next call, which
    // only another thread could make while this one is in use.
    let description = unsafe { CStr::from_ptr(description) };
    description.to_str().unwrap_or_default()
}
