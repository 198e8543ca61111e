//! Where COMMAND may be found.

#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// The directories that are searched where there is no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";

/// The files to try for `command`, in their order: itself where it holds a slash or is empty, else one in each directory
/// of `path`, of which an empty one is the working directory (execvp(3)).
pub(crate) fn files(command: &OsStr, path: Option<&OsStr>) -> Vec<CString> {
    let command = command.as_bytes();
    if command.is_empty() || command.contains(&b'/') {
        return vec![c_string(command)];
    }
    let mut files = Vec::new();
    for directory in path.map_or(DEFAULT_PATH, OsStr::as_bytes).split(|byte| *byte == b':') {
        // With a slash, so that a script that is called like an option is not taken for one by its interpreter.
        let directory = if directory.is_empty() { b"." } else { directory };
        files.push(c_string(&[directory, b"/", command].concat()));
    }
    files
}

/// The last part of a path.
pub(crate) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Whether a file that starts like this is a program and not a script: there is a zero byte in its first line.
pub(crate) fn is_binary(start: &[u8]) -> bool {
    start.split(|byte| *byte == b'\n').next().is_some_and(|line| line.contains(&0))
}

/// The words as exec takes them. The kernel's own strings hold no zero byte, and all words come from there.
pub(crate) fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(command: &str, path: Option<&str>) -> Vec<String> {
        let files = files(OsStr::new(command), path.map(OsStr::new));
        files.into_iter().filter_map(|file| file.into_string().ok()).collect()
    }

    #[test]
    fn each_directory_is_tried_in_order() {
        assert_eq!(names("x", Some("/a:/b/")), ["/a/x", "/b//x"]);
        assert_eq!(names("x", Some("/a::b")), ["/a/x", "./x", "b/x"]);
        assert_eq!(names("x", Some("")), ["./x"]);
        assert_eq!(names("x", None), ["/usr/local/bin/x", "/usr/bin/x", "/bin/x"]);
    }

    #[test]
    fn a_script_has_no_zero_byte_in_its_first_line() {
        for script in [&b""[..], b"exit 0", b"\nexit 0", b"exec tail -n +2 \"$0\"\n\x7fELF\0"] {
            assert!(!is_binary(script), "{script:?}");
        }
        for program in [&b"\x7fELF\x02\x01\x01\0\0\n"[..], b"\0", b"MZ\x90\0"] {
            assert!(is_binary(program), "{program:?}");
        }
    }

    #[test]
    fn a_slash_says_where_it_is() {
        assert_eq!(names("./x", Some("/a")), ["./x"]);
        assert_eq!(names("", Some("/a")), [""]);
    }
}
