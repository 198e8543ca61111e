//! The arguments as the kernel handed them over.
//!
//! `std::env::args_os` is empty under musl when the program has a C `main`.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// Copies the arguments that a C `main` was given.
///
/// # Safety
///
/// `arguments` must be the second argument of `main`, and `count` its first.
#[must_use]
pub unsafe fn collect(count: c_int, arguments: *const *const c_char) -> Vec<OsString> {
    (0..usize::try_from(count).unwrap_or(0))
        .map(|index| {
            // SAFETY: main's second argument points to as many pointers as its first one says.
            let place = unsafe { arguments.add(index) };
            // SAFETY: as above, and the place is aligned, since C has made the array.
            let argument = unsafe { place.read() };
            // SAFETY: each of the pointers is to a string that ends with a zero byte and stays where it is.
            let argument = unsafe { CStr::from_ptr(argument) };
            OsStr::from_bytes(argument.to_bytes()).to_owned()
        })
        .collect()
}
