//! The wheel: pip in a clean virtual environment, or for another machine into a folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Bench, Machine, VERSION, expect_as_before, expect_files, expect_version, listing};
use crate::pid_1;
use crate::problem::{Doing as _, Problem, Result, failed, skipped};
use crate::root::Root;
use crate::scratch::need;

/// What pip may call the machines that the wheel is for.
const PLATFORMS: [&str; 3] = ["manylinux2014", "manylinux_2_17", "musllinux_1_1"];

pub(crate) fn package(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let venv = environment(bench)?;
    let wheel = wheel(bench, machine)?;
    let seen = if machine.is_ours() { install(bench, &venv, &wheel)? } else { "into a folder" };
    // pip takes no wheel for this or that libc on an old ARM.
    let platforms: &[&str] = if machine.name == "armel" { &["linux"] } else { &PLATFORMS };
    for platform in platforms {
        install_for(bench, &venv, &wheel, machine, platform)?;
    }
    fs::remove_dir_all(venv)?;
    Ok(format!("{seen}; {}", platforms.join(", ")))
}

fn wheel(bench: &Bench<'_>, machine: &Machine) -> Result<PathBuf> {
    let start = format!("session_init-{VERSION}-py3-none-");
    let end = format!("_{}.whl", machine.wheel);
    for entry in fs::read_dir(&bench.dist)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && name.ends_with(&end) {
            return bench.artifact(&name);
        }
    }
    failed(format!("there is no wheel for {}", machine.wheel))
}

/// A clean virtual environment.
fn environment(bench: &Bench<'_>) -> Result<PathBuf> {
    need("python3")?;
    let venv = bench.scratch.path(&bench.scratch.name());
    match bench.tool("python3", ["-m", "venv", &venv.to_string_lossy()]) {
        Err(Problem::Failed(why)) => skipped(format!("Python makes no virtual environment: {why}")),
        Err(problem) => Err(problem),
        Ok(_) => Ok(venv),
    }
}

fn pip(bench: &Bench<'_>, venv: &Path, words: &[&str]) -> Command {
    let mut pip = bench.scratch.command(venv.join("bin/pip"));
    pip.env("PYTHONDONTWRITEBYTECODE", "1").env("PIP_DISABLE_PIP_VERSION_CHECK", "1").args(words);
    pip
}

fn install(bench: &Bench<'_>, venv: &Path, wheel: &Path) -> Result<&'static str> {
    let before = listing(venv)?;
    bench.run(pip(bench, venv, &["install", "--no-index", &wheel.to_string_lossy()]))?;
    let shares = ["share/man/man1/session-init.1", "share/bash-completion/completions/session-init"];
    expect_files(venv, &shares)?;
    let path = format!("{}:{}", venv.join("bin").display(), env::var("PATH").unwrap_or_default());
    let mut found = bench.scratch.command("sh");
    found.env("PATH", &path).args(["-c", "command -v session-init"]);
    let found = bench.run(found)?;
    if Path::new(found.trim_end()) != venv.join("bin/session-init") {
        return failed(format!("on PATH is {found:?}"));
    }
    let mut version = bench.scratch.command(found.trim_end());
    version.arg("--version");
    expect_version(&bench.run(version)?)?;
    let mut command = pid_1::in_namespace(bench.scratch);
    command.env("PATH", &path).args(["session-init", "--", "sh", "-c", pid_1::SCRIPT]);
    pid_1::expect_init(bench.scratch, command, "session-init")?;
    bench.run(pip(bench, venv, &["uninstall", "--yes", "session-init"]))?;
    // pip leaves the folders that it has made.
    let folders = ["share", "bin/__pycache__"];
    expect_as_before(&before, venv, &folders)?;
    if listing(&venv.join("share"))?.values().any(|what| what != "a folder") {
        return failed("pip has left something in share");
    }
    Ok("on PATH and gone again")
}

/// Installs it for a machine as pip knows it, and runs it there.
fn install_for(bench: &Bench<'_>, venv: &Path, wheel: &Path, machine: &Machine, platform: &str) -> Result<()> {
    let root = Root::new(bench, machine)?;
    let target = root.path("/opt");
    let platform = format!("{platform}_{}", machine.wheel);
    let words = ["install", "--no-index", "--only-binary=:all:", "--platform", &platform, "--target"];
    let mut pip = pip(bench, venv, &words);
    pip.arg(&target).arg(wheel);
    bench.run(pip)?;
    if !platform.starts_with("manylinux") {
        root.expect_init("/opt/bin/session-init")?;
    }
    fs::remove_dir_all(&target).doing("remove what pip has installed")?;
    root.remove(&[])
}
