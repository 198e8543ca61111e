//! A session-aware init for containers, CI images and script entrypoints.
//!
//! session-init starts COMMAND as the leader of a new session, sends every signal on through a rewrite table, reaps
//! orphans, and ends as COMMAND ends. Started by hand, at a terminal whose session a shell leads, it makes COMMAND a
//! job of that session instead. This crate is the program; its library exists so that it can be tested and read.
//!
//! # The shape
//!
//! One thread, no signal handler, no polling. Every signal is blocked before anything else happens, and from then on is
//! taken off the queue by `rt_sigtimedwait`. What happens becomes an [`Event`](supervisor::Event); the
//! [`Supervisor`](supervisor::Supervisor), a pure state machine, answers with [`Actions`](supervisor::Actions), which
//! the loop in `run` carries out.
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the flag table; parsing and describing it |
//! | [`signal`], [`route`], [`period`], [`exit`] | signals, what becomes of them, spans of time, and how COMMAND ended |
//! | [`stat`] | what `/proc` says about a process |
//! | [`supervisor`] | the decisions |
//! | `start`, `run` | start, loop, end |
//! | `reach` | whom a target stands for |
//! | `job` | whose turn it is at the terminal |
//! | `log` | messages |
//! | `sys` | system calls, and all that is `unsafe` |

pub mod cli;
pub mod error;
pub mod exit;
mod job;
mod log;
mod lookup;
mod nearest;
pub mod period;
mod reach;
pub mod route;
mod run;
pub mod signal;
mod start;
pub mod stat;
pub mod supervisor;
mod sys;

pub use run::run;
pub use sys::allocator::Allocator;
pub use sys::arguments::collect as collect_arguments;
pub use sys::signals::{SignalSet, block_all as block_signals};
