//! A running init, what is said to the COMMAND below it, and what /proc says about it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use crate::sys::{self, Command};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// It is killed, and all that it looks after with it where it is PID 1, when this value is dropped.
pub(crate) struct Process {
    pid: i32,
    stdin: File,
    stdout: File,
}

/// Memory in KiB (`proc_pid_smaps(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    pub(crate) private_dirty: u64,
}

impl Process {
    /// Starts it and waits until COMMAND says that it is ready.
    pub(crate) fn start<'word>(words: impl IntoIterator<Item = &'word str>, as_pid_1: bool) -> io::Result<Self> {
        let command = Command::new(words)?;
        let (stdin, our_end) = sys::pipe()?;
        let (output, stdout) = sys::pipe()?;
        let pid = sys::start(&command, &stdin, &stdout, as_pid_1)?;
        let mut process = Self { pid, stdin: our_end.into(), stdout: output.into() };
        process.wait_until_ready()?;
        Ok(process)
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let said: [u8; 6] = self.read()?;
        if said == *b"ready\n" { Ok(()) } else { Err(io::Error::other("COMMAND is not ready")) }
    }

    fn read<const COUNT: usize>(&mut self) -> io::Result<[u8; COUNT]> {
        sys::wait_readable(self.stdout.as_raw_fd(), DEADLINE)?;
        let mut said = [0; COUNT];
        self.stdout.read_exact(&mut said)?;
        Ok(said)
    }

    /// Sends USR1 and answers how long it took until COMMAND had it, in nanoseconds.
    pub(crate) fn signal_latency(&mut self) -> io::Result<u64> {
        let sent = sys::now();
        sys::kill(self.pid, libc::SIGUSR1)?;
        let taken = u64::from_ne_bytes(self.read()?);
        Ok(taken.saturating_sub(sent))
    }

    /// Has so many orphans made, and answers how much CPU time it took the init to be rid of them, in nanoseconds.
    pub(crate) fn reap_orphans(&mut self, count: u32) -> io::Result<u64> {
        let before = self.cpu_time()?;
        writeln!(self.stdin, "{count}")?;
        self.wait_until_ready()?;
        self.settle()?;
        Ok(self.cpu_time()?.saturating_sub(before))
    }

    /// Waits until it has done what there was to do, and checks that no zombie is left.
    pub(crate) fn settle(&self) -> io::Result<()> {
        const QUIET: u32 = 3;
        let (mut last, mut quiet) = (self.cpu_time()?, 0);
        while quiet < QUIET {
            thread::sleep(Duration::from_millis(5));
            let cpu_time = self.cpu_time()?;
            quiet = if cpu_time == last { quiet + 1 } else { 0 };
            last = cpu_time;
        }
        match children(self.pid)? {
            0 | 1 => Ok(()),
            left => Err(io::Error::other(format!("{} of its children have not been reaped", left - 1))),
        }
    }

    /// Sends TERM and answers how long it took to end, and how much of that it was on a CPU, in nanoseconds.
    pub(crate) fn end(&mut self) -> io::Result<(u64, u64)> {
        let (before, sent) = (self.cpu_time()?, sys::now());
        sys::kill(self.pid, libc::SIGTERM)?;
        sys::wait_for_end(self.pid)?;
        let time = sys::now().saturating_sub(sent);
        Ok((time, self.cpu_time()?.saturating_sub(before)))
    }

    /// The time it has been on a CPU, in nanoseconds.
    pub(crate) fn cpu_time(&self) -> io::Result<u64> {
        let schedstat = fs::read_to_string(format!("/proc/{}/schedstat", self.pid))?;
        number(schedstat.split(' ').next())
    }

    /// How often it has gone to sleep.
    pub(crate) fn sleeps(&self) -> io::Result<u64> {
        field(&fs::read_to_string(format!("/proc/{}/status", self.pid))?, "voluntary_ctxt_switches:")
    }

    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        Ok(Memory {
            rss: field(&rollup, "Rss:")?,
            pss: field(&rollup, "Pss:")?,
            private_dirty: field(&rollup, "Private_Dirty:")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = sys::kill(self.pid, libc::SIGKILL);
        let _ = sys::reap(self.pid);
    }
}

/// The number after a name at the start of a line.
fn field(text: &str, name: &str) -> io::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    number(line.and_then(|line| line.split_ascii_whitespace().next()))
}

fn number(word: Option<&str>) -> io::Result<u64> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other("/proc holds no such number"))
}

/// How many processes are children of this one, zombies included.
fn children(parent: i32) -> io::Result<usize> {
    let of_parent = |stat: &String| {
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.split(' ').nth(1) == Some(&parent.to_string())
    };
    let stats = fs::read_dir("/proc")?.flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    Ok(stats.filter(of_parent).count())
}
