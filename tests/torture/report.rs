//! What was tried and what came of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// What every `make test` does.
    Short,
    /// `make torture`.
    Long,
}

impl Length {
    /// The one number or the other.
    pub(crate) fn of<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

/// One line of the report.
#[derive(Debug, Default)]
pub(crate) struct Item {
    tried: Vec<String>,
    lost: Vec<String>,
    skipped: Option<String>,
    failures: Vec<String>,
    pub(crate) time: Duration,
}

impl Item {
    /// What was tried, in figures.
    pub(crate) fn tried(&mut self, what: String) {
        self.tried.push(what);
    }

    /// What was lost or leaked, in figures.
    pub(crate) fn lost(&mut self, what: String) {
        self.lost.push(what);
    }

    pub(crate) fn skip(&mut self, why: &str) {
        self.skipped = Some(why.to_owned());
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(crate) fn skipped(&self) -> Option<&str> {
        self.skipped.as_deref()
    }

    pub(crate) fn tried_in_words(&self) -> String {
        self.tried.join("; ")
    }

    pub(crate) fn lost_in_words(&self) -> String {
        if self.lost.is_empty() { "nothing".to_owned() } else { self.lost.join("; ") }
    }
}

/// Does each piece of work, several at a time. Adds up the numbers that come of it, and notes what is wrong.
pub(crate) fn in_parallel<W: Sync>(
    work: &[W],
    item: &mut Item,
    does: impl Fn(&W) -> (usize, Vec<String>) + Sync,
) -> usize {
    let jobs = thread::available_parallelism().map_or(2, usize::from) * 2;
    let (next, sum, failures) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(piece) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (count, wrong) = does(piece);
                    sum.fetch_add(count, Ordering::Relaxed);
                    if !wrong.is_empty() {
                        failures.lock().expect("no thread panics").extend(wrong);
                    }
                }
            });
        }
    });
    for wrong in failures.into_inner().expect("no thread panics") {
        item.fail(wrong);
    }
    sum.into_inner()
}

/// How long something takes.
pub(crate) fn timed(does: impl FnOnce()) -> Duration {
    let start = Instant::now();
    does();
    start.elapsed()
}
