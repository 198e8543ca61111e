//! The files as they are: their sums and names, the programs, and the archives to unpack.

use std::fs;
use std::path::Path;

use crate::bench::{Bench, MACHINES, Machine, VERSION, expect_files, our_machine, repository};
use crate::problem::{Doing as _, Result, failed};
use crate::root::Root;

pub(crate) fn run(bench: &Bench<'_>) {
    let case = |name: &str, case: fn(&Bench<'_>) -> Result<String>| bench.report.case("files", name, || case(bench));
    case("SHA256SUMS holds for every file", sums);
    case("each program has both names", names);
    case("cargo-binstall would find the program", binstall);
    case("a PID 1 that is no init is noticed", |bench| Root::new(bench, our_machine()?)?.expect_no_init());
}

fn sums(bench: &Bench<'_>) -> Result<String> {
    let mut check = bench.scratch.command("sha256sum");
    check.args(["--check", "--strict", "SHA256SUMS"]).current_dir(&bench.dist);
    let good = bench.run(check)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&bench.dist)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "SHA256SUMS" && !good.lines().any(|line| line == format!("{name}: OK")) {
            return failed(format!("{name} has no sum"));
        }
        files.push(name);
    }
    Ok(format!("{} of {} files", good.lines().count(), files.len().saturating_sub(1)))
}

fn names(bench: &Bench<'_>) -> Result<String> {
    for machine in &MACHINES {
        let read = |name| fs::read(bench.dist.join(format!("session-init-{name}"))).doing(format_args!("read {name}"));
        if read(machine.cpu)? != read(machine.short)? {
            return failed(format!("{} and {} differ", machine.cpu, machine.short));
        }
    }
    Ok("x86_64 is amd64, aarch64 is arm64".to_owned())
}

/// Fills in what the manifest tells cargo-binstall, and looks for it.
fn binstall(bench: &Bench<'_>) -> Result<String> {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).doing("read Cargo.toml")?;
    let value = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.and_then(|line| line.strip_suffix('"')).map_or_else(|| failed(format!("there is no {key}")), Ok)
    };
    for machine in &MACHINES {
        let fill = |template: &str| {
            template
                .replace("{ name }", "session-init")
                .replace("{ version }", VERSION)
                .replace("{ target }", &machine.target())
                .replace("{ bin }", "session-init")
                .replace("{ binary-ext }", "")
        };
        let url = fill(value("pkg-url")?);
        let archive = bench.artifact(url.rsplit('/').next().unwrap_or_default())?;
        let program = fill(value("bin-dir")?);
        bench.tool("tar", ["-tzf", &archive.to_string_lossy(), &program])?;
    }
    Ok("in the archive of each machine".to_owned())
}

/// The program by itself, put into an image.
pub(crate) fn program(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let file = bench.artifact(&format!("session-init-{}", machine.cpu))?;
    expect_static(bench, &file, machine)?;
    let root = Root::new(bench, machine)?;
    let target = root.path("/usr/local/bin/session-init");
    bench.tool("install", ["-m", "755", &file.to_string_lossy(), &target.to_string_lossy()])?;
    root.expect_init("/usr/local/bin/session-init")?;
    fs::remove_file(target)?;
    root.remove(&[])?;
    Ok(format!("static, stripped, {} bytes, an init", fs::metadata(file)?.len()))
}

fn expect_static(bench: &Bench<'_>, file: &Path, machine: &Machine) -> Result<()> {
    let read = bench.tool("readelf", ["--wide", "--headers", "--symbols", &file.to_string_lossy()])?;
    let name = if machine.cpu == "x86_64" { "X86-64" } else { "AArch64" };
    let is_for = read.lines().any(|line| line.trim_start().starts_with("Machine:") && line.ends_with(name));
    if !is_for {
        return failed(format!("it is not for {name}: {read}"));
    }
    for unwanted in ["INTERP", "NEEDED", ".symtab", ".debug_info"] {
        if read.contains(unwanted) {
            return failed(format!("there is {unwanted} in it: {read}"));
        }
    }
    Ok(())
}

/// The archive, unpacked into `/opt`.
pub(crate) fn tarball(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let name = format!("session-init-{VERSION}-{}", machine.target());
    let archive = bench.artifact(&format!("{name}.tar.gz"))?;
    let root = Root::new(bench, machine)?;
    let opt = root.path("/opt");
    fs::create_dir(&opt).doing("create /opt")?;
    bench.tool("tar", ["-xzf", &archive.to_string_lossy(), "-C", &opt.to_string_lossy()])?;
    let holds = [
        "session-init",
        "session-init.1",
        "completions/session-init.bash",
        "completions/_session-init",
        "completions/session-init.fish",
        "LICENSE",
    ];
    expect_files(&opt.join(&name), &holds)?;
    root.expect_init(&format!("/opt/{name}/session-init"))?;
    fs::remove_dir_all(opt)?;
    root.remove(&[])?;
    Ok("program, man page, completions, licence".to_owned())
}
