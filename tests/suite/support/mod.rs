//! What the tests are written in.

mod ended;
mod init;
mod output;
pub(crate) mod process;
mod running;
pub(crate) mod scratch;
pub(crate) mod signal;
mod spawn;
pub(crate) mod sys;
pub(crate) mod test;
pub(crate) mod time;

pub(crate) use ended::Ended;
pub(crate) use init::{Init, NEW_CALLS, Stderr};
pub(crate) use running::Running;
