//! A root file system to install something in, and a container that runs in it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::bench::{Bench, Listing, Machine, expect_as_before, listing};
use crate::engine::{Container, Engine as _, Runtime};
use crate::image::Images;
use crate::pid_1;
use crate::problem::{Doing as _, Result};

/// Where the emulator is in a root for another machine. PID 1 has its name then.
const EMULATOR: &str = "emulator";

/// A root file system with busybox in it.
pub(crate) struct Root<'bench> {
    bench: &'bench Bench<'bench>,
    machine: &'bench Machine,
    pub(crate) folder: PathBuf,
    before: Listing,
}

impl<'bench> Root<'bench> {
    /// Makes one. Programs for another machine run in an emulator that lies in it.
    pub(crate) fn new(bench: &'bench Bench<'bench>, machine: &'bench Machine) -> Result<Self> {
        let folder = bench.scratch.path(&bench.scratch.name());
        let mut copy = bench.scratch.command("cp");
        copy.arg("-a").arg(&bench.images.root).arg(&folder);
        bench.run(copy)?;
        if let Some(emulator) = machine.need_emulator()? {
            fs::copy(emulator, folder.join(EMULATOR)).doing("copy the emulator")?;
        }
        let before = listing(&folder)?;
        Ok(Self { bench, machine, folder, before })
    }

    /// Runs the program of this path as PID 1 of a container, and expects what an init does.
    pub(crate) fn expect_init(&self, program: &str) -> Result<()> {
        let words = [program, "--", "sh", "-c", pid_1::SCRIPT];
        if self.machine.emulator().is_none() {
            return pid_1::expect_init(self.bench.scratch, self.container(&words)?, "session-init");
        }
        let emulator = format!("/{EMULATOR}");
        let words: Vec<_> = [&*emulator].into_iter().chain(words).collect();
        pid_1::expect_init(self.bench.scratch, self.container(&words)?, EMULATOR)
    }

    /// Runs the same where PID 1 is a shell, and expects that it is noticed.
    pub(crate) fn expect_no_init(&self) -> Result<String> {
        // The shell does not become the inner one, for there is something left to do.
        let words = ["sh", "-c", "sh -c \"$0\"; exit", pid_1::SCRIPT];
        pid_1::expect_no_init(self.bench.scratch, self.container(&words)?)
    }

    fn container(&self, words: &[&str]) -> Result<Command> {
        let Bench { scratch, images, .. } = self.bench;
        let images = Images { root: self.folder.clone(), archives: images.archives.clone() };
        let runc = Runtime::new("runc", scratch, &scratch.name(), &images)?;
        let command = words.iter().map(|word| (*word).to_owned()).collect();
        runc.run(&Container { command, ..Container::bare(scratch, "") })
    }

    /// Removes it, unless something is left behind in it, but for what lies below `except`.
    pub(crate) fn remove(self, except: &[&str]) -> Result<()> {
        expect_as_before(&self.before, &self.folder, except)?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    /// A path in it, on the machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }
}
