//!

use crate::support::test::{Test, tests};

pub(crate) const TESTS: &[Test] = tests![];
pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    Vec::new()
}
