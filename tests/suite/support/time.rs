//! Deadlines. Nothing in the suite sleeps for a fixed time where a state can be seen.

use std::cell::Cell;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

thread_local! {
    static SHORTER: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// How long anything may take: 20 s, or as many as `SUITE_DEADLINE` says.
pub(crate) fn deadline() -> Duration {
    static DEADLINE: OnceLock<Duration> = OnceLock::new();
    SHORTER.get().unwrap_or_else(|| {
        *DEADLINE.get_or_init(|| {
            let seconds = std::env::var("SUITE_DEADLINE").ok().and_then(|seconds| seconds.parse().ok());
            Duration::from_secs(seconds.unwrap_or(20))
        })
    })
}

/// Runs `body` with a deadline of its own, as a test does that is expected to fail.
pub(crate) fn with_deadline<T>(deadline: Duration, body: impl FnOnce() -> T) -> T {
    /// Also where the body panics: the next test of this thread is to have its own deadline.
    struct Restore(Option<Duration>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SHORTER.set(self.0);
        }
    }
    let _restore = Restore(SHORTER.replace(Some(deadline)));
    body()
}

/// Looks until `condition` holds; false when the deadline passed before.
pub(crate) fn holds_in_time(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > deadline() {
            return false;
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}
