//! Who is measured, and the small programs that are started below them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An init, or what stands in its place for comparison.
#[derive(Debug, Clone)]
pub(crate) struct Init {
    pub(crate) name: &'static str,
    /// As the package has it.
    pub(crate) version: String,
    /// What comes before COMMAND on the command line; the first is the program.
    words: Vec<String>,
}

impl Init {
    /// The command line that runs COMMAND below it.
    pub(crate) fn with<'word>(&'word self, command: &'word [&'word str]) -> impl Iterator<Item = &'word str> {
        self.words.iter().map(String::as_str).chain(command.iter().copied())
    }

    /// The size of its file; what it loads besides does not count.
    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.words[0])?.len())
    }
}

/// session-init, and those of Debian's inits that are installed.
pub(crate) fn inits() -> io::Result<(Init, Vec<Init>)> {
    let ours =
        std::env::var_os("SESSION_INIT_BIN").map_or_else(|| PathBuf::from("target/static/session-init"), PathBuf::from);
    let ours = ours.canonicalize().map_err(|error| io::Error::other(format!("{}: {error}", ours.display())))?;
    let version = String::from_utf8_lossy(&Command::new(&ours).arg("--version").output()?.stdout).into_owned();
    let version = version.trim_end().trim_start_matches("session-init ").to_owned();
    let ours = Init { name: "session-init", version, words: vec![ours.display().to_string(), "--".to_owned()] };
    let packaged = [
        ("dumb-init", "dumb-init", &["/usr/bin/dumb-init", "--"][..]),
        ("tini", "tini", &["/usr/bin/tini", "-s", "--"]),
        ("tini-static", "tini", &["/usr/bin/tini-static", "-s", "--"]),
        ("catatonit", "catatonit", &["/usr/bin/catatonit", "--"]),
    ];
    let installed = packaged.into_iter().filter(|(_, _, words)| Path::new(words[0]).exists());
    let peers = installed.map(|(name, package, words)| Init {
        name,
        version: package_version(package),
        words: words.iter().map(ToString::to_string).collect(),
    });
    Ok((ours, peers.collect()))
}

fn package_version(package: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// The programs of `tests/bench/programs`, compiled.
pub(crate) struct Programs {
    pub(crate) nothing: String,
    pub(crate) command: String,
    /// These stand where the inits stand, and do no more than start COMMAND and wait for it; the second gives it a session.
    pub(crate) bare: [Init; 2],
}

impl Programs {
    pub(crate) fn compile(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let bare = |name, program| Init { name, version: String::new(), words: vec![program] };
        Ok(Self {
            nothing: compile("nothing", "nothing", &[], folder)?,
            command: compile("command", "command", &[], folder)?,
            bare: [
                bare("no init", compile("bare", "bare", &[], folder)?),
                bare("no init, setsid", compile("bare", "bare-setsid", &["-DNEW_SESSION"], folder)?),
            ],
        })
    }
}

/// Statically, with musl if it is there, for then they are smallest.
fn compile(source: &str, program: &str, options: &[&str], folder: &Path) -> io::Result<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/programs").join(source).with_extension("c");
    let program = folder.join(program);
    for compiler in ["musl-gcc", "cc"] {
        let mut command = Command::new(compiler);
        command.args(["-Os", "-static", "-s", "-o"]).args([&program, &source]).args(options);
        if command.status().is_ok_and(|status| status.success()) {
            return Ok(program.display().to_string());
        }
    }
    Err(io::Error::other(format!("cannot compile {}", source.display())))
}
