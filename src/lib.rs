//! A session-aware init for containers, CI images and script entrypoints.
//!
//! session-init starts COMMAND as the leader of a new session, sends every signal on through a rewrite table, reaps
//! orphans, and ends as COMMAND ends. At a shell's terminal COMMAND stays in session-init's own session and process group
//! instead, as without an init. This crate is the program; its library exists so that it can be tested and read.
//!
//! # The shape
//!
//! One thread, no signal handler, no polling. Every signal is blocked before anything else happens, and from then on is
//! taken off the queue by `rt_sigtimedwait`. What happens becomes an [`Event`](supervisor::Event); the
//! [`Supervisor`](supervisor::Supervisor), a pure state machine, answers with [`Actions`](supervisor::Actions), which
//! the loop in `supervise` carries out.
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the flag table; parsing and describing it |
//! | [`signal`], [`rule`], [`route`] | signals, rules as they are written, and what becomes of each signal |
//! | [`period`], [`exit`] | spans of time, and how COMMAND ended |
//! | [`stat`], [`status`] | what `/proc` says about a process |
//! | [`supervisor`] | the decisions |
//! | `run`, `start`, `supervise` | from the arguments to the exit status; starting COMMAND; the loop |
//! | `reach` | whom a target stands for |
//! | `inspect` | what runs under an init, for people |
//! | `deadlines` | a clock that stands still while session-init does |
//! | `log`, `report` | messages, and what `-v` says |
//! | `sys` | system calls, and all that is `unsafe` |

pub mod cli;
mod deadlines;
pub mod error;
pub mod exit;
mod inspect;
mod log;
mod lookup;
mod nearest;
mod number;
pub mod period;
mod pre_stop;
mod reach;
mod report;
mod restore;
pub mod route;
pub mod rule;
mod run;
pub mod signal;
mod start;
pub mod stat;
pub mod status;
mod supervise;
pub mod supervisor;
mod sys;

pub use run::run;
pub use sys::allocator::Allocator;
pub use sys::arguments::collect as collect_arguments;
pub use sys::signals::{SignalSet, block_all as block_signals};
