//! A pseudo-terminal, held as a terminal emulator holds it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::problem::{Doing as _, Result};
use crate::sys::{self, Size};

/// Our end of a pseudo-terminal. Everything that the other end prints is read at once and kept.
#[derive(Debug)]
pub(crate) struct Terminal {
    end: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Opens one; the other end is for the program.
    pub(crate) fn open(size: Size) -> Result<(Self, OwnedFd)> {
        let (end, theirs) = sys::open_terminal(size).doing("open a terminal")?;
        Ok((Self::adopt(end)?, theirs))
    }

    /// Takes over our end of one that somebody else has opened.
    pub(crate) fn adopt(end: File) -> Result<Self> {
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut source, target) = (end.try_clone()?, Arc::clone(&screen));
        // Ends by itself: a terminal that nobody has open any more answers with an error.
        let read = move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                let new = buffer.get(..length).unwrap_or_default();
                target.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(new);
            }
        };
        thread::Builder::new().spawn(read).doing("start a thread")?;
        Ok(Self { end, screen })
    }

    /// Types something.
    pub(crate) fn type_in(&mut self, keys: &str) -> Result<()> {
        self.end.write_all(keys.as_bytes()).doing("type into the terminal")
    }

    /// Makes the window larger or smaller.
    pub(crate) fn resize(&self, size: Size) -> Result<()> {
        sys::resize(&self.end, size).doing("resize the terminal")
    }

    /// All that has been printed so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
