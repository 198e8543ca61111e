//! The environment as the kernel handed it over. Nothing in session-init changes it.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;

/// The array of its strings, which ends with null; null itself where a library that was loaded before has cleared it
/// (clearenv(3)).
pub(crate) fn pointer() -> *const *const c_char {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: session-init has one thread and never changes its environment.
    unsafe { environ }
}

/// Its strings, `NAME=value` each.
pub(crate) fn strings() -> impl Iterator<Item = &'static CStr> {
    places().map(|string| {
        // SAFETY: the pointer is to a string, which ends with a zero byte and stays where it is.
        unsafe { CStr::from_ptr(string) }
    })
}

fn places() -> impl Iterator<Item = *const c_char> {
    let array = pointer();
    (0..).take_while(move |_| !array.is_null()).map_while(move |index| {
        // SAFETY: the array ends with a null pointer, and `map_while` stops there.
        let place = unsafe { array.add(index) };
        // SAFETY: as above.
        let string = unsafe { place.read() };
        (!string.is_null()).then_some(string)
    })
}

/// The value of a variable, whose name holds no zero byte.
pub(crate) fn variable(name: &str) -> Option<&'static OsStr> {
    debug_assert!(!name.contains('\0'), "a name in the environment ends before a zero byte");
    places().find_map(|string| {
        // Most strings differ from the name at once: their length, which a `CStr` would begin with, is of no interest.
        // SAFETY: no more is read of either than the name is long, nor anything after the zero byte of the string.
        let differs = unsafe { libc::strncmp(string, name.as_ptr().cast(), name.len()) } != 0;
        if differs {
            return None;
        }
        // SAFETY: the string begins with the name, which holds no zero byte, so that it is at least as long.
        let rest = unsafe { string.add(name.len()) };
        // SAFETY: the end of a string is a string.
        let rest = unsafe { CStr::from_ptr(rest) };
        Some(OsStr::from_bytes(rest.to_bytes().strip_prefix(b"=")?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        for (name, value) in std::env::vars_os() {
            let name = name.into_string().unwrap();
            assert_eq!(variable(&name), Some(&*value), "{name}");
            assert_eq!(variable(&name[..name.len() - 1]), std::env::var_os(&name[..name.len() - 1]).as_deref());
        }
        assert_eq!(strings().count(), std::env::vars_os().count());
    }
}
