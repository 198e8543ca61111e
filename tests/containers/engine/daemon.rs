//! A daemon of an engine, started by hand and stopped by its pid.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::problem::{Problem, Result, failed};
use crate::process::{Job, read, wait_for};
use crate::scratch::Scratch;

/// How long a daemon may take to start, and to stop.
const LIMIT: Duration = Duration::from_secs(30);

/// A daemon, which is stopped when nobody needs it any more.
#[derive(Debug)]
pub(crate) struct Daemon(Job);

impl Daemon {
    /// Starts it, and waits until it listens on its socket.
    pub(crate) fn start(scratch: &Scratch, command: Command, socket: &Path) -> Result<Self> {
        let log = scratch.log();
        let mut daemon = Self(Job::start(command, &log)?);
        wait_for("the daemon's socket", LIMIT, || {
            if UnixStream::connect(socket).is_ok() {
                return Ok(Some(()));
            }
            daemon.0.ended()?.map_or(Ok(None), |status| failed(format!("the daemon ended with status {status}")))
        })
        .map_err(|problem| match problem {
            Problem::Failed(why) => {
                let log = read(&log);
                Problem::Failed(format!("{why}; its last words: {}", log.lines().next_back().unwrap_or_default()))
            }
            other => other,
        })?;
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.stop(LIMIT);
    }
}
