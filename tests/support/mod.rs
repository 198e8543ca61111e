//! What the suites share that start real programs: processes, a report, and the system calls that std has no words for.

#![allow(dead_code, reason = "no suite uses all of it")]

pub(crate) mod problem;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod scratch;
pub(crate) mod sys;
