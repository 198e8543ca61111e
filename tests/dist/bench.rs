//! What every case needs.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use crate::image::Images;
use crate::problem::{Doing as _, Result, failed, skipped};
use crate::process::{Job, read};
use crate::report::Report;
use crate::scratch::{Scratch, need};

/// A machine that there are artifacts for: a line of .ci/machines.
#[derive(Debug)]
pub(crate) struct Machine {
    /// As the kernel calls it.
    pub(crate) name: &'static str,
    /// As Rust calls it.
    pub(crate) target: &'static str,
    /// As container images call it, with its variant behind a slash.
    pub(crate) image: &'static str,
    /// As Debian calls it.
    pub(crate) debian: &'static str,
    /// As Python calls it.
    pub(crate) wheel: &'static str,
    /// How many bytes the program may have.
    pub(crate) limit: u64,
}

impl Machine {
    fn from_line(line: &'static str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (name, target, image, debian) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let mut words = words.skip(2);
        let (wheel, limit) = (words.next()?, words.next()?.parse().ok()?);
        Some(Self { name, target, image, debian, wheel, limit })
    }

    /// Is it the machine we are on?
    pub(crate) fn is_ours(&self) -> bool {
        self.name == env::consts::ARCH
    }

    /// The emulator without which its programs do not run here.
    pub(crate) fn emulator(&self) -> Option<String> {
        let name = match self.name {
            "armv7" | "armel" => "arm",
            // Every kernel of x86_64 that containers are used with runs these too.
            "i686" if env::consts::ARCH == "x86_64" => return None,
            "i686" => "i386",
            name => name,
        };
        (!self.is_ours()).then(|| format!("qemu-{name}-static"))
    }

    /// The same as a file.
    pub(crate) fn need_emulator(&self) -> Result<Option<PathBuf>> {
        let Some(name) = self.emulator() else { return Ok(None) };
        if self.name != "loongarch64" {
            return need(&name).map(Some);
        }
        // Under that of Debian 12 it hangs.
        let newer = repository().join("target/static-build/emulators/usr/bin/qemu-loongarch64");
        if newer.is_file() { Ok(Some(newer)) } else { skipped("there is no qemu-user 10: see .ci/emulators") }
    }

    /// What it is called where there can be no slash.
    pub(crate) fn short(&self) -> String {
        self.image.replace('/', "")
    }

    /// As an image calls its platform.
    pub(crate) fn platform(&self) -> String {
        format!("linux/{}", self.image)
    }
}

/// The machines that `make dist` has built for: all, or those that MACHINES names.
pub(crate) static MACHINES: LazyLock<Vec<Machine>> = LazyLock::new(|| {
    let wanted = env::var("MACHINES").unwrap_or_default();
    let lines = include_str!("../../.ci/machines").lines().filter(|line| !line.starts_with('#'));
    let is_wanted = |machine: &Machine| wanted.is_empty() || wanted.split(' ').any(|name| name == machine.name);
    lines.filter_map(Machine::from_line).filter(is_wanted).collect()
});

/// What every case needs.
#[derive(Debug)]
pub(crate) struct Bench<'suite> {
    pub(crate) scratch: &'suite Scratch,
    pub(crate) report: &'suite Report,
    /// A root file system without session-init, and images of it.
    pub(crate) images: Images,
    /// Where the artifacts are.
    pub(crate) dist: PathBuf,
}

/// Builds and installations take their time where the machine is busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is in a folder: its files, with their modes and sizes, its folders and links.
pub(crate) type Listing = BTreeMap<PathBuf, String>;

impl<'suite> Bench<'suite> {
    pub(crate) fn new(scratch: &'suite Scratch, report: &'suite Report) -> Result<Self> {
        let dist = repository().join("target/dist");
        let program = dist.join(format!("session-init-{}", our_machine()?.name));
        if !program.is_file() {
            return failed(format!("there is no {}: run 'make dist'", program.display()));
        }
        let images = Images::make(scratch, "images", &program)?;
        fs::remove_file(images.root.join("usr/local/bin/session-init")).doing("remove session-init")?;
        Ok(Self { scratch, report, images, dist })
    }

    /// The artifact of this name.
    pub(crate) fn artifact(&self, name: &str) -> Result<PathBuf> {
        let path = self.dist.join(name);
        if path.is_file() { Ok(path) } else { failed(format!("there is no {}", path.display())) }
    }

    /// Runs a tool, which has to succeed, and answers with what it printed.
    pub(crate) fn tool<'word>(&self, program: &str, words: impl IntoIterator<Item = &'word str>) -> Result<String> {
        let mut command = self.scratch.command(program);
        command.args(words);
        self.run(command)
    }

    /// Runs a command, which has to succeed, and answers with what it printed.
    pub(crate) fn run(&self, command: Command) -> Result<String> {
        let mut words = vec![command.get_program().to_string_lossy().into_owned()];
        words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
        let log = self.scratch.log();
        let status = Job::start(command, &log)?.wait(PATIENCE)?;
        let text = read(&log);
        if status == 0 { Ok(text) } else { failed(format!("{}: status {status}: {text}", words.join(" "))) }
    }
}

/// The folder that holds Cargo.toml.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The version that is distributed.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A command of the user's, with the user's settings: Cargo's and pip's tell how to reach the network.
pub(crate) fn users_command(program: &str) -> Command {
    let mut command = Command::new(program);
    // What Cargo tells the tests that it runs is not meant for other builds.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_TARGET_DIR" {
            command.env_remove(&*name);
        }
    }
    command.current_dir(repository());
    command
}

/// Cargo, as the user has it.
pub(crate) fn cargo() -> Command {
    users_command(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
}

/// The machine we are on.
pub(crate) fn our_machine() -> Result<&'static Machine> {
    let found = MACHINES.iter().find(|machine| machine.is_ours());
    found.map_or_else(|| failed("there are no artifacts for this machine"), Ok)
}

/// What there is below a folder.
pub(crate) fn listing(folder: &Path) -> Result<Listing> {
    let mut found = Listing::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).doing(format_args!("read {}", next.display()))? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let mode = metadata.permissions().mode();
            let what = if metadata.is_dir() {
                left.push(path.clone());
                "a folder".to_owned()
            } else if metadata.is_file() {
                format!("{mode:o}, {} bytes", metadata.len())
            } else {
                "a link or the like".to_owned()
            };
            found.insert(path.strip_prefix(folder).unwrap_or(&path).to_owned(), what);
        }
    }
    Ok(found)
}

/// Fails if a folder is not as it was, but for what lies below `except`.
pub(crate) fn expect_as_before(before: &Listing, folder: &Path, except: &[&str]) -> Result<()> {
    let now = listing(folder)?;
    let is_news = |(path, what): &(&PathBuf, &String)| {
        before.get(*path) != Some(*what) && !except.iter().any(|except| path.starts_with(except))
    };
    let news: Vec<_> = now.iter().filter(is_news).map(|(path, _)| path.display().to_string()).collect();
    let gone: Vec<_> = before.keys().filter(|path| !now.contains_key(*path)).collect();
    if news.is_empty() && gone.is_empty() {
        return Ok(());
    }
    failed(format!("left behind: {}; taken along: {gone:?}", news.join(", ")))
}

/// Fails unless these paths are there, and lists what is missing.
pub(crate) fn expect_files(folder: &Path, paths: &[&str]) -> Result<()> {
    let missing: Vec<_> = paths.iter().filter(|path| !folder.join(path).is_file()).collect();
    if missing.is_empty() { Ok(()) } else { failed(format!("missing below {}: {missing:?}", folder.display())) }
}

/// Fails unless this is the version line of the program that is distributed.
pub(crate) fn expect_version(line: &str) -> Result<()> {
    let wanted = format!("session-init {VERSION}");
    let rest = line.trim_end().strip_prefix(&wanted);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" - git.")) {
        return Ok(());
    }
    failed(format!("--version printed {line:?} instead of {wanted:?}"))
}
