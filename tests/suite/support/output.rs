//! What a process wrote: read by a thread, so that it never waits for the test, and searched by the test.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::sys;
use super::time::deadline;

/// A pipe or a pty's master, read to its end.
#[derive(Debug)]
pub(crate) struct Output {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: OwnedFd,
    /// Raised when nobody is to read any more.
    stop: OwnedFd,
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    bytes: Vec<u8>,
    /// What was waited for lies before this place.
    cursor: usize,
    at_end: bool,
}

/// Why the text did not come.
#[derive(Debug)]
pub(crate) enum Missing {
    AtEnd,
    InTime,
}

impl Output {
    pub(crate) fn read_from(source: OwnedFd) -> io::Result<Self> {
        sys::set_nonblocking(source.as_fd(), true)?;
        let stop = sys::new_event()?;
        let shared = Arc::new(Shared { source, stop, seen: Mutex::new(Seen::default()), changed: Condvar::new() });
        let reader = Arc::clone(&shared);
        thread::Builder::new().name("output".into()).stack_size(64 * 1024).spawn(move || reader.read_to_end())?;
        Ok(Self { shared })
    }

    /// Waits for the text, as whole words, behind what was waited for before.
    pub(crate) fn wait_for(&self, text: &str) -> Result<(), Missing> {
        self.wait(|seen| {
            let end = find_words(&seen.bytes, seen.cursor, text.as_bytes())?;
            seen.cursor = end;
            Some(())
        })
    }

    /// Waits for each of the texts, in whatever order they come.
    pub(crate) fn wait_for_all(&self, texts: &[&str]) -> Result<(), Missing> {
        self.wait(|seen| {
            let ends: Option<Vec<usize>> =
                texts.iter().map(|text| find_words(&seen.bytes, seen.cursor, text.as_bytes())).collect();
            seen.cursor = ends?.into_iter().max().unwrap_or(seen.cursor);
            Some(())
        })
    }

    /// Waits for the rest of the line behind what was waited for before.
    pub(crate) fn line(&self) -> Result<String, Missing> {
        self.wait(|seen| {
            let rest = &seen.bytes[seen.cursor..];
            let length = rest.iter().position(|byte| *byte == b'\n')?;
            let line = String::from_utf8_lossy(&rest[..length]).trim_end_matches('\r').to_owned();
            seen.cursor += length + 1;
            Some(line)
        })
    }

    /// Waits for the first line that begins with this word, wherever it is, for what is behind it.
    pub(crate) fn line_behind(&self, word: &str) -> Result<String, Missing> {
        self.wait(|seen| {
            let complete = seen.bytes.iter().rposition(|byte| *byte == b'\n')?;
            let text = String::from_utf8_lossy(&seen.bytes[..complete]).into_owned();
            text.lines().find_map(|line| Some(line.strip_prefix(word)?.strip_prefix(' ')?.trim_end().to_owned()))
        })
    }

    /// Waits for the end: until nobody can write any more.
    pub(crate) fn wait_for_end(&self) -> Result<(), Missing> {
        match self.wait(|seen| seen.at_end.then_some(())) {
            Err(Missing::InTime) => Err(Missing::InTime),
            Ok(()) | Err(Missing::AtEnd) => Ok(()),
        }
    }

    /// All that was written until now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        loop {
            let seen = self.shared.lock();
            // The reader reads under the lock, so what is no longer in the pipe is in the buffer.
            if seen.at_end || sys::readable_bytes(self.shared.source.as_fd()) == 0 {
                return seen.bytes.clone();
            }
            drop(self.shared.changed.wait_timeout(seen, deadline()));
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn wait<T>(&self, mut found: impl FnMut(&mut Seen) -> Option<T>) -> Result<T, Missing> {
        let end = Instant::now() + deadline();
        let mut seen = self.shared.lock();
        loop {
            if let Some(found) = found(&mut seen) {
                return Ok(found);
            }
            if seen.at_end {
                return Err(Missing::AtEnd);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Missing::InTime);
            }
            seen = self.shared.changed.wait_timeout(seen, left).expect("no reader panics").0;
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        sys::raise_event(self.shared.stop.as_fd());
        // The reader may hold the source a moment longer; who hangs up must know that it is closed.
        let _ = super::time::holds_in_time(|| Arc::strong_count(&self.shared) == 1);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no reader panics")
    }

    fn read_to_end(self: Arc<Self>) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            sys::wait_readable(&[self.source.as_fd(), self.stop.as_fd()], None);
            if sys::wait_readable(&[self.stop.as_fd()], Some(Duration::ZERO)) {
                return;
            }
            let mut seen = self.lock();
            match sys::read(self.source.as_fd(), &mut buffer) {
                Ok(count) if count > 0 => seen.bytes.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                // A pty's master says EIO once nobody has its slave open.
                Ok(_) | Err(_) => seen.at_end = true,
            }
            self.changed.notify_all();
            if seen.at_end {
                return;
            }
        }
    }
}

/// The end of the first place from `from` on where `text` stands as whole words: neither `got TERM` in `forgot TERM` nor
/// `RTMIN+1` in `RTMIN+10`.
fn find_words(bytes: &[u8], from: usize, text: &[u8]) -> Option<usize> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+');
    let (first, last) = (text.first()?, text.last()?);
    (from..).take_while(|start| start + text.len() <= bytes.len()).find_map(|start| {
        let end = start + text.len();
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        let found = &bytes[start..end] == text
            && !(in_word(first) && before.is_some_and(in_word))
            && !(in_word(last) && bytes.get(end).is_some_and(in_word));
        found.then_some(end)
    })
}
