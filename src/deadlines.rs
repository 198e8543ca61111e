//! Deadlines, by a clock that stands still while session-init does.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use crate::supervisor::Deadline;
use crate::sys::clock;

/// What has been agreed on, and how far the clock has come.
///
/// Nobody tells a process that it was stopped. But whoever was comes late out of every wait, so that what a wait takes beyond
/// its time does not count; and the waits are short beside what is left, so that little is lost of one that was cut short. A
/// stop between two waits shows too: it takes time, and no work.
#[derive(Debug)]
pub(crate) struct Deadlines {
    armed: Vec<(Deadline, Duration)>,
    now: Duration,
    /// When the clock was looked at last.
    counted: Option<Instant>,
    /// How long session-init had worked by then.
    work: Duration,
}

impl Deadlines {
    /// With none agreed on. The clock is not looked at before one is.
    pub(crate) fn new() -> Self {
        Self { armed: Vec::new(), now: Duration::ZERO, counted: None, work: Duration::ZERO }
    }

    /// Agrees on a deadline after this much time from now. One that the clock cannot hold never passes.
    pub(crate) fn arm(&mut self, deadline: Deadline, period: Duration) {
        self.count(Duration::ZERO);
        if let Some(at) = self.now.checked_add(period) {
            self.armed.push((deadline, at));
        }
    }

    /// Takes a deadline back.
    pub(crate) fn disarm(&mut self, deadline: Deadline) {
        self.armed.retain(|(armed, _)| *armed != deadline);
    }

    /// Takes a deadline that has passed.
    pub(crate) fn passed(&mut self) -> Option<Deadline> {
        if self.armed.is_empty() {
            return None;
        }
        self.count(Duration::ZERO);
        let passed = self.armed.iter().position(|(_, at)| *at <= self.now)?;
        Some(self.armed.remove(passed).0)
    }

    /// How long to wait at most before [`Deadlines::waited`] is to be called.
    pub(crate) fn longest_wait(&self) -> Option<Duration> {
        /// What a wait is of all that is left; a stop during one costs at most as much.
        const PARTS: u32 = 16;
        const SHORTEST: Duration = Duration::from_millis(10);
        let next = self.armed.iter().map(|(_, at)| *at).min()?;
        let left = next.saturating_sub(self.now);
        Some(left.min(left.checked_div(PARTS).unwrap_or(left).max(SHORTEST)))
    }

    /// Counts a wait that was to take so long at most.
    pub(crate) fn waited(&mut self, longest: Option<Duration>) {
        if let Some(longest) = longest
            && !self.armed.is_empty()
        {
            self.count(longest);
        }
    }

    /// Leaves out the time since the clock was looked at last.
    pub(crate) fn leave_out(&mut self) {
        self.counted = None;
    }

    /// Counts the time since the last look: a wait of so long at most, and work.
    fn count(&mut self, wait: Duration) {
        /// A busy machine makes everybody late.
        const LATE: Duration = Duration::from_millis(100);
        let (now, work) = (Instant::now(), clock::work());
        let most = wait.saturating_add(work.saturating_sub(self.work));
        self.work = work;
        let elapsed = self.counted.map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        self.counted = Some(now);
        let counted = if elapsed > most.saturating_add(LATE) { most } else { elapsed };
        self.now = self.now.saturating_add(counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(400);

    impl Deadlines {
        fn let_pass(&mut self, time: Duration) {
            self.counted = self.counted.and_then(|counted| counted.checked_sub(time));
        }
    }

    #[test]
    fn deadlines_pass_in_their_order_and_once() {
        let mut deadlines = Deadlines::new();
        assert_eq!((deadlines.passed(), deadlines.longest_wait()), (None, None));
        deadlines.arm(Deadline::KillAfter, Duration::MAX);
        deadlines.arm(Deadline::Grace, Duration::ZERO);
        assert_eq!(deadlines.longest_wait(), Some(Duration::ZERO));
        assert_eq!((deadlines.passed(), deadlines.passed()), (Some(Deadline::Grace), None));
        deadlines.arm(Deadline::Grace, Duration::ZERO);
        deadlines.disarm(Deadline::KillAfter);
        assert_eq!(deadlines.armed.len(), 1);
        deadlines.disarm(Deadline::Grace);
        assert_eq!(deadlines.passed(), None);
    }

    #[test]
    fn a_wait_is_short_beside_what_is_left() {
        let mut deadlines = Deadlines::new();
        deadlines.arm(Deadline::Grace, PERIOD);
        assert_eq!(deadlines.longest_wait(), Some(PERIOD / 16));
        deadlines.now += Duration::from_millis(397);
        assert_eq!(deadlines.longest_wait(), Some(Duration::from_millis(3)));
        deadlines.now -= Duration::from_millis(9);
        assert_eq!(deadlines.longest_wait(), Some(Duration::from_millis(10)));
    }

    #[test]
    fn what_a_wait_takes_beyond_its_time_does_not_count() {
        let mut deadlines = Deadlines::new();
        deadlines.arm(Deadline::Grace, PERIOD);
        let before = deadlines.now;
        deadlines.let_pass(Duration::from_secs(9));
        deadlines.waited(Some(Duration::from_millis(25)));
        let counted = deadlines.now.saturating_sub(before);
        assert!((25..35).contains(&counted.as_millis()), "{counted:?}");
        deadlines.let_pass(Duration::from_secs(9));
        deadlines.leave_out();
        assert_eq!(deadlines.passed(), None);
        deadlines.let_pass(PERIOD);
        deadlines.waited(Some(PERIOD));
        assert_eq!(deadlines.passed(), Some(Deadline::Grace));
    }

    #[test]
    fn a_stop_between_two_waits_does_not_count_and_work_does() {
        let mut deadlines = Deadlines::new();
        deadlines.arm(Deadline::Grace, PERIOD);
        deadlines.let_pass(Duration::from_secs(9));
        assert_eq!(deadlines.passed(), None);
        assert!(deadlines.now < PERIOD / 2, "{:?}", deadlines.now);
        // Whoever keeps it at work does not keep the deadline from passing.
        deadlines.arm(Deadline::KillAfter, Duration::from_millis(3));
        let end = clock::work() + Duration::from_millis(5);
        while clock::work() < end {
            std::hint::spin_loop();
        }
        deadlines.let_pass(Duration::from_secs(9));
        assert_eq!(deadlines.passed(), Some(Deadline::KillAfter));
    }
}
