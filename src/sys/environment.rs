//! The environment as the kernel handed it over, which nothing in session-init changes, and COMMAND's.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use nix::unistd::getpid;

use super::files;

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

/// The variables that hold the pid of whoever they are meant for (`sd_listen_fds(3)`, `sd_watchdog_enabled(3)`,
/// systemd.exec(5)). What was meant for session-init is COMMAND's.
const PIDS: [&str; 3] = ["LISTEN_PID=", "WATCHDOG_PID=", "SYSTEMD_EXEC_PID="];
/// It names the process that `LISTEN_PID` names once more, by a number that no other process ever has.
const PID_FD_ID: &[u8] = b"LISTEN_PIDFDID=";
/// What is meant for this session-init, and not for one below it.
const OWN: &[u8] = b"SESSION_INIT_";

/// COMMAND's environment: session-init's own, but for what is meant for session-init itself.
pub(super) struct Environment {
    /// A copy of the array, if something in it has to change.
    changed: Option<Vec<*const c_char>>,
    /// What has to: the pids, by their places in it and the names before them.
    pids: Vec<(usize, &'static str)>,
    /// What is to stand there.
    texts: Vec<CString>,
}

impl Environment {
    /// The environment of another child: without what is meant for session-init, and with these variables.
    #[cold]
    pub(super) fn with(variables: &[CString]) -> Vec<*const c_char> {
        let mut pointers = Vec::new();
        for string in strings() {
            if !string.to_bytes().starts_with(OWN) {
                pointers.push(string.as_ptr());
            }
        }
        for variable in variables {
            pointers.push(variable.as_ptr());
        }
        pointers.push(ptr::null());
        pointers
    }

    pub(super) fn new() -> Self {
        let mut environment = Self { changed: None, pids: Vec::new(), texts: Vec::new() };
        if strings().any(|string| is_special(string.to_bytes())) {
            environment.change();
        }
        environment
    }

    #[cold]
    #[inline(never)]
    fn change(&mut self) {
        let own = getpid().to_string();
        let names_us = |string: &[u8], prefix: &[u8]| string.strip_prefix(prefix) == Some(own.as_bytes());
        let listens = strings().any(|string| names_us(string.to_bytes(), b"LISTEN_PID="));
        let mut variables = Vec::new();
        for string in strings() {
            let bytes = string.to_bytes();
            if bytes.starts_with(OWN) || listens && bytes.starts_with(PID_FD_ID) {
                continue;
            }
            for name in PIDS {
                if names_us(bytes, name.as_bytes()) {
                    self.pids.push((variables.len(), name));
                }
            }
            variables.push(string.as_ptr());
        }
        variables.push(ptr::null());
        self.changed = Some(variables);
    }

    /// In the child, whose pid nobody knew before.
    pub(super) fn of_this_process(&mut self) -> *const *const c_char {
        let Some(variables) = &mut self.changed else { return pointer() };
        for (place, name) in &self.pids {
            if let Some(place) = variables.get_mut(*place) {
                let text = files::text(format_args!("{name}{}", getpid()));
                *place = text.as_ptr();
                self.texts.push(text);
            }
        }
        variables.as_ptr()
    }
}

/// Whether a variable may not be COMMAND's as it is.
fn is_special(string: &[u8]) -> bool {
    // Most begin otherwise.
    matches!(string.first(), Some(b'L' | b'S' | b'W'))
        && (string.starts_with(OWN) || PIDS.iter().any(|prefix| string.starts_with(prefix.as_bytes())))
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
