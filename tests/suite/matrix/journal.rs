//! One file that the whole cast writes to, for a terminal may be gone when the last of them speaks.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use crate::support::scratch;
use crate::support::signal::Signal;
use crate::support::time::holds_in_time;

/// What session-init did about a process that was left when COMMAND ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// It ended before that process did.
    Left,
    /// It waited until that process had saved its data.
    Saved,
    /// It waited until that process ended by itself, which was when the test released it.
    Released,
}

/// Lines of `NAME WORD`, where the word is a signal, `ready`, or the last one of that name.
pub(super) struct Journal(PathBuf);

impl Journal {
    pub(super) fn new() -> Self {
        let path = scratch::new_path("journal");
        fs::write(&path, "").expect("the scratch folder can be written to");
        Self(path)
    }

    pub(super) fn path(&self) -> &str {
        self.0.to_str().expect("the scratch folder has a plain name")
    }

    fn words(&self, name: &str) -> Vec<String> {
        let text = self.to_string();
        text.lines().filter_map(|line| Some(line.strip_prefix(name)?.strip_prefix(' ')?.to_owned())).collect()
    }

    /// Waits for this line.
    #[track_caller]
    pub(super) fn wait_for(&self, name: &str, word: &str) {
        let found = holds_in_time(|| self.words(name).iter().any(|found| found == word));
        assert!(found, "there is no line {name} {word}\n{self}");
    }

    /// The signals that this process got until now, by number.
    pub(super) fn signals(&self, name: &str) -> Vec<Signal> {
        let words = self.words(name);
        let mut signals: Vec<Signal> =
            words.iter().filter(|word| word.starts_with(char::is_uppercase)).map(|word| Signal::named(word)).collect();
        signals.sort_unstable();
        signals
    }

    /// The last word of this process, waiting for it.
    #[track_caller]
    pub(super) fn end(&self, name: &str) -> Rest {
        let mut rest = None;
        let ended = holds_in_time(|| {
            rest = self.words(name).last().and_then(|word| match word.as_str() {
                "left" => Some(Rest::Left),
                "saved" => Some(Rest::Saved),
                "released" => Some(Rest::Released),
                _ => None,
            });
            rest.is_some()
        });
        assert!(ended, "there is no last word of {name}\n{self}");
        rest.expect("it has ended")
    }
}

/// All that was written until now.
impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&fs::read_to_string(&self.0).unwrap_or_default())
    }
}
