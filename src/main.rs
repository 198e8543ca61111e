//! The C entry point.
//!
//! Rust's own `main` ignores SIGPIPE before it is called, which would hide what session-init inherited and has to pass on.

#![no_main]
#![expect(unsafe_code, reason = "a C `main` has a name of its own and gets raw pointers, and one thread is a promise")]

use std::ffi::{c_char, c_int};

// A sanitizer knows each block of the system's allocator, and of this one the chunk alone (`make memcheck`).
// SAFETY: the program never has a second thread.
#[cfg(not(system_allocator))]
#[global_allocator]
static ALLOCATOR: session_init::Allocator = unsafe { session_init::Allocator::new() };

/// Called by the C library.
///
/// # Safety
///
/// As for any C `main`: `arguments` points to `count` strings.
// SAFETY: there is no other `main` in a program without Rust's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    // Before anything else: from here on no signal is lost.
    let mask = session_init::block_signals();
    // SAFETY: the caller has promised it.
    let arguments = unsafe { session_init::collect_arguments(count, arguments) };
    session_init::run(arguments, mask).into()
}
