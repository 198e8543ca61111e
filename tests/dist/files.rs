//! The files as they are: their sums and names, the programs, and the archives to unpack.

use std::fs;

use crate::bench::{Bench, MACHINES, Machine, VERSION, expect_files, our_machine, repository};
use crate::elf;
use crate::problem::{Doing as _, Result, failed};
use crate::root::Root;

pub(crate) fn run(bench: &Bench<'_>) {
    let case = |name: &str, case: fn(&Bench<'_>) -> Result<String>| bench.report.case("files", name, || case(bench));
    case("SHA256SUMS holds for every file", sums);
    case("each program has the names of others for its machine", names);
    case("cargo-binstall would find the program", binstall);
    case("a writable segment with code is noticed", |bench| {
        let machine = our_machine()?;
        elf::expect_noticed(&fs::read(bench.artifact(&format!("session-init-{}", machine.name))?)?, machine)
    });
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
    let mut names = 0_usize;
    for machine in MACHINES.iter() {
        let read = |name| fs::read(bench.dist.join(format!("session-init-{name}"))).doing(format_args!("read {name}"));
        for name in [&machine.short(), machine.debian] {
            if read(machine.name)? != read(name)? {
                return failed(format!("{} and {name} differ", machine.name));
            }
            names = names.saturating_add(1);
        }
    }
    Ok(format!("{names} of container images and of Debian"))
}

/// Fills in what the manifest tells cargo-binstall, and looks for it.
fn binstall(bench: &Bench<'_>) -> Result<String> {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).doing("read Cargo.toml")?;
    let value = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.and_then(|line| line.strip_suffix('"')).map_or_else(|| failed(format!("there is no {key}")), Ok)
    };
    for machine in MACHINES.iter() {
        let fill = |template: &str| {
            template
                .replace("{ name }", "session-init")
                .replace("{ version }", VERSION)
                .replace("{ target }", machine.target)
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
    let file = bench.artifact(&format!("session-init-{}", machine.name))?;
    let content = fs::read(&file)?;
    elf::expect_safe(&content, machine)?;
    let size = fs::metadata(&file)?.len();
    if size > machine.limit {
        return failed(format!("it has {size} bytes, and may have {}", machine.limit));
    }
    let read = bench.tool("readelf", ["--wide", "--sections", "--symbols", &file.to_string_lossy()])?;
    for unwanted in [".symtab", ".debug_info"] {
        if read.contains(unwanted) {
            return failed(format!("there is {unwanted} in it: {read}"));
        }
    }
    let root = Root::new(bench, machine)?;
    let target = root.path("/usr/local/bin/session-init");
    bench.tool("install", ["-m", "755", &file.to_string_lossy(), &target.to_string_lossy()])?;
    root.expect_init("/usr/local/bin/session-init")?;
    fs::remove_file(target)?;
    root.remove(&[])?;
    Ok(format!("static, stripped, {size} bytes, an init"))
}

/// The archive, unpacked into `/opt`.
pub(crate) fn tarball(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let name = format!("session-init-{VERSION}-{}", machine.target);
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
