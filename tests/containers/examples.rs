//! The README and the examples: what they say is run, and has to print what they say.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::behaviour::expect_status;
use crate::engine::CommandLine;
use crate::host::{OWN_NETWORK, need_own_network};
use crate::image::BASE;
use crate::problem::{Doing as _, Problem, Result, failed, skipped};
use crate::process::{Job, read, run, wait_for};
use crate::scratch::{PATH, Scratch, need, need_all};
use crate::sys;

/// What a README's commands are run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// A shell, and session-init on the path.
    Host,
    /// The same where no other program has a port.
    Network,
    /// docker, or podman under that name.
    Engine,
    /// docker and its plugin for Compose.
    Compose,
    /// podman itself.
    Podman,
    /// The package that knows what a Kubernetes object looks like.
    Validator,
}

/// Commands in a README.
#[derive(Debug)]
pub(crate) struct Example {
    /// The README's folder in the checkout, and which of its blocks of commands, one after the other.
    folder: &'static str,
    blocks: &'static [usize],
    pub(crate) name: &'static str,
    pub(crate) with: With,
    /// The programs it needs besides.
    needs: &'static [&'static str],
}

impl Example {
    const fn new(folder: &'static str, blocks: &'static [usize], name: &'static str, with: With) -> Self {
        Self { folder, blocks, name, with, needs: &[] }
    }

    const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }
}

/// Every block of commands of every README, but for those of the first one that need no engine: `tests/docs` runs them.
pub(crate) const EXAMPLES: [Example; 12] = [
    Example::new(TOP, &[2, 3], "the README's Dockerfile", With::Engine),
    Example::new("examples/pipeline", &[0], "pipeline", With::Engine),
    Example::new("examples/entrypoint", &[0], "entrypoint", With::Engine),
    Example::new("examples/several-programs", &[0, 1], "several-programs", With::Engine),
    Example::new("examples/daemon", &[0], "daemon", With::Engine),
    Example::new("examples/ci", &[1], "ci, an image for jobs", With::Engine),
    Example::new("examples/compose", &[0], "compose", With::Compose),
    Example::new("examples/kubernetes", &[1], "kubernetes, played by podman", With::Podman),
    Example::new("examples/kubernetes", &[0], "kubernetes, the schema", With::Validator),
    Example::new("examples/ci", &[0], "ci, a step that is cancelled", With::Host),
    Example::new("examples/drain", &[0], "drain", With::Network).needs(&["haproxy", "python3"]),
    Example::new("examples/stop-command", &[0], "stop-command", With::Host).needs(&["redis-server", "redis-cli"]),
];

/// The folder of the first README.
const TOP: &str = "";

/// A copy of what a user has: the README, the examples and the static binary.
pub(crate) struct Checkout<'suite> {
    scratch: &'suite Scratch,
    folder: PathBuf,
    programs: PathBuf,
}

impl<'suite> Checkout<'suite> {
    pub(crate) fn make(scratch: &'suite Scratch, repository: &Path, init: &Path) -> Result<Self> {
        let folder = scratch.folder(scratch.name())?;
        let programs = folder.join("target/static");
        fs::create_dir_all(&programs)?;
        fs::copy(init, programs.join("session-init")).doing("copy session-init")?;
        let mut command = scratch.command("cp");
        command.arg("-R").args(["README.md", "examples"].map(|name| repository.join(name))).arg(&folder);
        run(command, &scratch.log())?;
        Ok(Self { scratch, folder, programs })
    }

    /// Puts a program on the path.
    fn add_program(&self, name: &str, script: &str) -> Result<()> {
        write_script(&self.programs.join(name), script)
    }

    /// Lets podman answer to the name of docker, as Debian's podman-docker does.
    fn podman_is_docker(&self) -> Result<()> {
        self.add_program("docker", "exec podman \"$@\"")
    }

    /// Runs the example with docker or podman.
    pub(crate) fn run_with_engine(&self, example: &Example, engine: &CommandLine<'_>) -> Result<String> {
        if example.with == With::Compose {
            need_compose(self.scratch, engine)?;
        }
        if example.with == With::Engine && engine.name == "podman" {
            self.podman_is_docker()?;
        }
        if example.folder == TOP {
            self.write_dockerfile(engine)?;
        }
        self.run(example, || {
            let mut command = engine.with_environment(self.scratch.command("sh"));
            command.env("BASE", BASE);
            command
        })
    }

    /// Writes the Dockerfile that the README shows, and lets the engine have another image under the name of its base.
    fn write_dockerfile(&self, engine: &CommandLine<'_>) -> Result<()> {
        let readme = self.readme(TOP)?;
        let dockerfile = readme.split_once("\n```Dockerfile\n").and_then(|(_, rest)| rest.split_once("\n```"));
        let Some((dockerfile, _)) = dockerfile else { return failed("the README shows no Dockerfile") };
        let base = dockerfile.lines().find_map(|line| line.strip_prefix("FROM "));
        let Some(base) = base else { return failed("the Dockerfile has no base") };
        engine.run_command(&["tag", BASE, base])?;
        fs::write(self.folder.join("Dockerfile"), dockerfile).doing("write the Dockerfile")
    }

    fn readme(&self, folder: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(folder).join("README.md")).doing(format_args!("read {folder}/README.md"))
    }

    /// Runs the example without them.
    pub(crate) fn run_on_host(&self, example: &Example) -> Result<String> {
        need_all(example.needs)?;
        let front: &[&str] = if example.with == With::Network { &OWN_NETWORK } else { &[] };
        if !front.is_empty() {
            need_own_network(self.scratch)?;
        }
        self.run(example, || {
            let mut command = self.scratch.command("env");
            command.args(front).arg("sh");
            command
        })
    }

    fn run(&self, example: &Example, shell: impl Fn() -> Command) -> Result<String> {
        let blocks = blocks(&self.readme(example.folder)?);
        for block in example.blocks {
            let Some(Block { script, output }) = blocks.get(*block) else {
                return failed("the README has no such block of commands");
            };
            let mut command = shell();
            command.args(["-eu", "-c", script]).current_dir(&self.folder).env("PATH", self.path());
            let printed = run(command, &self.scratch.log())?;
            let is_said = if script.contains("--inspect") {
                without_numbers(&printed).contains(&without_numbers(output))
            } else {
                printed.contains(output)
            };
            if !is_said {
                return failed(format!("the README says:\n{output}but this is printed:\n{printed}"));
            }
        }
        Ok("prints what the README says".to_owned())
    }

    /// Is there a README with commands that nobody runs, or with commands and not a word on what they print?
    pub(crate) fn all_are_run(&self) -> Result<String> {
        let mut folders = vec![TOP.to_owned()];
        for entry in fs::read_dir(self.folder.join("examples"))? {
            folders.push(format!("examples/{}", entry?.file_name().display()));
        }
        let mut count = 0_usize;
        for folder in folders {
            for (index, block) in blocks(&self.readme(&folder)?).iter().enumerate() {
                if folder == TOP && !block.script.starts_with("docker ") {
                    continue;
                }
                let run = EXAMPLES.iter().any(|example| example.folder == folder && example.blocks.contains(&index));
                if !run || block.output.is_empty() {
                    return failed(format!("not tested in {folder}/README.md: {}", block.script));
                }
                count = count.saturating_add(1);
            }
        }
        Ok(format!("{count} blocks of commands"))
    }

    /// A file of an example.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join("examples").join(name)
    }

    /// The path on which session-init is found.
    pub(crate) fn path(&self) -> OsString {
        let mut path = self.programs.clone().into_os_string();
        path.push(":");
        path.push(PATH);
        path
    }

    /// The `shell:` line of the GitHub workflow, used and cancelled as a runner does.
    pub(crate) fn github_shell(&self) -> Result<String> {
        let shell = self.line("ci/github-workflow.yml", "shell: session-init")?;
        let step = self.line("ci/github-workflow.yml", "- run: ")?;
        let script = self.folder.join("step.sh");
        fs::write(&script, step)?;
        self.cancel(
            &format!("exec session-init{}", shell.replace("{0}", &script.display().to_string())),
            sys::SIGINT,
            130,
        )
    }

    /// The script's line of the GitLab job, used and cancelled as a runner does.
    pub(crate) fn gitlab_script(&self) -> Result<String> {
        let line = self.line("ci/gitlab-ci.yml", "- session-init")?;
        self.cancel(&format!("exec session-init{line}"), sys::SIGTERM, 143)
    }

    /// What follows `start` on the one line of an example's file that begins with it.
    fn line(&self, file: &str, start: &str) -> Result<String> {
        let text = fs::read_to_string(self.folder.join("examples").join(file)).doing(format_args!("read {file}"))?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start));
        line.map_or_else(|| failed(format!("{file} has no line '{start}'")), |line| Ok(line.to_owned()))
    }

    /// Runs a CI step and ends it by a signal, after which its test server must not be there any more.
    fn cancel(&self, script: &str, signal: i32, wanted: i32) -> Result<String> {
        let mut command = self.scratch.command("bash");
        command.args(["-c", script]).current_dir(&self.folder).env("PATH", self.path());
        let log = self.scratch.log();
        let mut job = Job::start(command, &log)?;
        wait_for("the step to be under way", PATIENCE, || Ok((read(&log).lines().count() == 2).then_some(())))?;
        sys::kill(job.id(), signal)?;
        let status = job.wait(PATIENCE)?;
        expect_status(wanted, status, &read(&log))?;
        if read(&log).lines().next_back() != Some("test server: stopped") {
            return failed(format!("the test server did not stop: {}", read(&log)));
        }
        Ok(format!("nothing was left, {status}"))
    }
}

/// How long a step may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The words of a text in one line, with something else in the place of its numbers: an engine decides which pids there are, and
/// with them how wide columns are and where lines end.
fn without_numbers(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.parse::<u32>().is_ok() { "NUMBER" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A block of commands in a README, and what it says they print.
#[derive(Debug)]
struct Block {
    script: String,
    output: String,
}

/// The blocks of commands, each with the first block of text that follows.
fn blocks(readme: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for block in readme.split("\n```").skip(1).step_by(2) {
        let (language, lines) = block.split_once('\n').unwrap_or_default();
        let lines = format!("{lines}\n");
        match (language, blocks.last_mut()) {
            ("sh", _) => blocks.push(Block { script: lines, output: String::new() }),
            ("text", Some(block)) if block.output.is_empty() => block.output = lines,
            _ => {}
        }
    }
    blocks
}

/// Sees to it that there is `docker compose`. Debian has an older one that goes by another name: a plugin leads there.
fn need_compose(scratch: &Scratch, docker: &CommandLine<'_>) -> Result<()> {
    if docker.run_command(&["compose", "version"]).is_ok() {
        return Ok(());
    }
    let compose = need("docker-compose")?;
    let plugin = scratch.folder("docker/config/cli-plugins")?.join("docker-compose");
    let about = r#"{"SchemaVersion": "0.1.0", "Vendor": "docker-compose", "Version": "1"}"#;
    let script = format!(
        "if [ \"$1\" = docker-cli-plugin-metadata ]; then echo '{about}'; exit; fi\nshift\nexec {} \"$@\"",
        compose.display()
    );
    write_script(&plugin, &script)
}

fn write_script(file: &Path, script: &str) -> Result<()> {
    fs::write(file, format!("#!/bin/sh\n{script}\n")).doing(format_args!("write {}", file.display()))?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
}

/// kubernetes-validate, which is being installed while everything else runs.
pub(crate) struct Validator {
    folder: PathBuf,
    log: PathBuf,
    install: Result<Job>,
}

impl Validator {
    /// Begins to install it in the scratch folder; with the user's settings, for it comes from the network.
    pub(crate) fn install(scratch: &Scratch) -> Self {
        let folder = scratch.path("venv");
        let log = scratch.log();
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "python3 -m venv \"$0\" && exec \"$0/bin/pip\" install --quiet --no-compile kubernetes-validate",
            ])
            .arg(&folder)
            .stdin(Stdio::null());
        let install = Job::start(command, &log);
        Self { folder, log, install }
    }

    /// Runs the example, as soon as that is possible.
    pub(crate) fn run(mut self, checkout: &Checkout<'_>, example: &Example) -> Result<String> {
        let installed = match &mut self.install {
            Ok(job) => job.wait(INSTALL_LIMIT),
            Err(problem) => Err(problem.clone()),
        };
        match installed {
            Ok(0) => {}
            Err(Problem::Interrupted) => return Err(Problem::Interrupted),
            _ => {
                let log = read(&self.log);
                let why = log.lines().next_back().unwrap_or("it takes too long");
                return skipped(format!("kubernetes-validate cannot be installed: {why}"));
            }
        }
        let program = self.folder.join("bin/kubernetes-validate");
        checkout.add_program("kubernetes-validate", &format!("exec {} \"$@\"", program.display()))?;
        checkout.run_on_host(example)
    }
}

/// How long the installation may take; longer than that, and it is skipped.
const INSTALL_LIMIT: Duration = Duration::from_secs(120);
