//!

use crate::support::test::{Test, tests};

pub(crate) const TESTS: &[Test] = tests![];
