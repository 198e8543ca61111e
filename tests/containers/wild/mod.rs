//! What images in the wild expect of an init, whatever they were written for: logs by way of `/proc/1/fd`, su and runuser
//! in the middle, sockets from systemd, a pod's first process, and people who come in from outside.

mod cron;
mod init_option;
mod outside;
mod pause;
mod postgres;
mod sockets;
mod users;

use crate::behaviour::Case;
use crate::host::Program;

pub(crate) use init_option::{NAME as INIT_OPTION, child_alone};
pub(crate) use pause::{NAME as PAUSE, pause};

/// Programs of the host, each to be run beside the others: they mostly wait.
pub(crate) const PROGRAMS: [Program; 8] = [
    Program { name: "cron, which writes to /proc/1/fd", run: cron::log },
    Program { name: "su above Python", run: users::su },
    Program { name: "runuser above Python", run: users::runuser },
    Program { name: "PostgreSQL below su", run: postgres::su },
    Program { name: "PostgreSQL below runuser", run: postgres::runuser },
    Program { name: "PostgreSQL, stopped by pg_ctl", run: postgres::pg_ctl },
    Program { name: "systemd-socket-activate", run: sockets::activate },
    Program { name: "variables with a pid", run: sockets::variables },
];

/// What every engine runs besides, and is in no table.
pub(crate) const CASES: [Case; 2] = [
    Case::needs_init("exec under a `--grace` that suffices", outside::grace_suffices),
    Case::needs_init("exec under a `--grace` that runs out", outside::grace_runs_out),
];
