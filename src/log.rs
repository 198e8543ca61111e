//! Messages: one line each, to a stderr that can neither fail, block nor panic.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;

use crate::lookup::file_name;
use crate::sys::descriptors;

/// Where messages go, and how many of them.
#[derive(Debug)]
pub(crate) struct Log {
    /// The name session-init was started under.
    name: &'static [u8],
    /// How often `-v` was given.
    verbosity: u8,
    open: bool,
}

impl Log {
    /// The log of a program with these arguments. To be made before session-init opens any descriptor.
    pub(crate) fn new(arguments: &[impl AsRef<OsStr>]) -> Self {
        let path = arguments.first().map_or(&b""[..], |path| path.as_ref().as_bytes());
        let name = Some(file_name(path)).filter(|name| !name.is_empty());
        // It is needed to the end.
        let name = name.map_or(&b"session-init"[..], |name| name.to_owned().leak());
        Self { name, verbosity: 0, open: descriptors::stderr_is_open() }
    }

    /// The name session-init was started under, without its folder.
    pub(crate) fn name(&self) -> &[u8] {
        self.name
    }

    pub(crate) fn set_verbosity(&mut self, verbosity: u8) {
        self.verbosity = verbosity;
    }

    /// Whether messages of this level are wanted: 1 for `-v`, 2 for `-vv`.
    pub(crate) fn shows(&self, level: u8) -> bool {
        self.verbosity >= level
    }

    /// A message that is always printed.
    pub(crate) fn say(&self, message: fmt::Arguments<'_>) {
        if !self.open {
            return;
        }
        let mut line = Line::default();
        let _ = write!(line, "[{}] {message}", String::from_utf8_lossy(self.name));
        descriptors::write_to_stderr(line.finish());
    }

    /// A message for `-v`.
    pub(crate) fn explain(&self, message: fmt::Arguments<'_>) {
        if self.shows(1) {
            self.say(message);
        }
    }
}

/// The bytes that a pipe takes in one piece (`PIPE_BUF`, pipe(7)).
const LONGEST: usize = 4096;
const NEWLINE: &[u8] = b"\n";
const CUT: &[u8] = b"...\n";

/// One line. Control characters are spelled out, so that it stays one; what is too long is cut off.
struct Line {
    bytes: [u8; LONGEST],
    length: usize,
    cut: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; LONGEST], length: 0, cut: false }
    }
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        self.cut |= end > LONGEST.saturating_sub(CUT.len());
        if !self.cut {
            self.copy(bytes, end);
        }
    }

    fn copy(&mut self, bytes: &[u8], end: usize) {
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }

    /// The whole line with its newline.
    fn finish(&mut self) -> &[u8] {
        let end = if self.cut { CUT } else { NEWLINE };
        self.copy(end, self.length.saturating_add(end.len()));
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                for escaped in character.escape_default() {
                    self.push(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
            } else {
                self.push(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<u8> {
        let mut line = Line::default();
        let _ = line.write_str(text);
        line.finish().to_vec()
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("a\nb\t\u{1b}[0m ü"), "a\\nb\\t\\u{1b}[0m ü\n".as_bytes());
        assert_eq!(line(""), b"\n");
    }

    #[test]
    fn a_line_fits_what_a_pipe_takes_in_one_piece() {
        let longest = LONGEST - CUT.len();
        assert_eq!(line(&"x".repeat(longest)).len(), longest + 1);
        for length in [longest + 1, LONGEST, 10 * LONGEST] {
            let cut = line(&"x".repeat(length));
            assert_eq!(cut.len(), LONGEST);
            assert!(cut.ends_with(b"x...\n"));
        }
        assert!(line(&"ü".repeat(LONGEST)).ends_with("ü...\n".as_bytes()));
    }
}
