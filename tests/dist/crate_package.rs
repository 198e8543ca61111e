//! The crate: what Cargo would publish, and what `cargo install` makes of it.

use std::fs;
use std::process::Command;

use crate::bench::{Bench, VERSION, cargo, expect_version, repository};
use crate::pid_1;
use crate::problem::{Doing as _, Problem, Result, failed};

pub(crate) fn run(bench: &Bench<'_>) {
    let case = |name: &str, case: fn(&Bench<'_>) -> Result<String>| bench.report.case("crate", name, || case(bench));
    case("cargo publish --dry-run", publish);
    case("cargo install", install);
    case("its documentation builds", document);
}

/// Everything is built by itself; what it needs has been built before, though.
fn cargo_here() -> Command {
    let mut cargo = cargo();
    cargo.env("CARGO_TARGET_DIR", repository().join("target/dist-test"));
    cargo
}

fn publish(bench: &Bench<'_>) -> Result<String> {
    // The next case builds what is packed here.
    let words = ["--allow-dirty", "--no-verify"];
    let mut package = cargo_here();
    package.arg("package").args(words);
    bench.run(package)?;
    let mut publish = cargo_here();
    publish.args(["publish", "--dry-run"]).args(words);
    match bench.run(publish) {
        Ok(_) => Ok("nothing to object".to_owned()),
        Err(Problem::Failed(why)) if is_offline(&why) => Ok("only packed, for there is no network".to_owned()),
        Err(problem) => Err(problem),
    }
}

fn is_offline(why: &str) -> bool {
    ["Could not resolve host", "failed to download", "Could not connect", "Failed to connect", "Timeout was reached"]
        .iter()
        .any(|words| why.contains(words))
}

/// Unpacks the crate as Cargo has packed it.
fn unpack(bench: &Bench<'_>) -> Result<String> {
    let folder = bench.scratch.folder("crate")?;
    let file = repository().join(format!("target/dist-test/package/session-init-{VERSION}.crate"));
    bench.tool("tar", ["-xzf", &file.to_string_lossy(), "-C", &folder.to_string_lossy()])?;
    Ok(folder.join(format!("session-init-{VERSION}")).to_string_lossy().into_owned())
}

fn install(bench: &Bench<'_>) -> Result<String> {
    let folder = unpack(bench)?;
    let root = bench.scratch.folder("cargo-root")?;
    let mut install = cargo_here();
    install.args(["install", "--locked", "--quiet", "--path", &folder, "--root"]).arg(&root);
    bench.run(install)?;
    let program = root.join("bin/session-init");
    let mut version = bench.scratch.command(&program);
    version.arg("--version");
    expect_version(&bench.run(version)?)?;
    let mut command = pid_1::in_namespace(bench.scratch);
    command.arg(&program).args(["--", "sh", "-c", pid_1::SCRIPT]);
    pid_1::expect_init(bench.scratch, command, "session-init")?;
    let mut uninstall = cargo_here();
    uninstall.args(["uninstall", "--quiet", "session-init", "--root"]).arg(&root);
    bench.run(uninstall)?;
    if program.exists() {
        return failed("it is still there");
    }
    fs::remove_dir_all(root).doing("remove Cargo's root")?;
    Ok("an init, and gone again".to_owned())
}

fn document(bench: &Bench<'_>) -> Result<String> {
    let folder = unpack(bench)?;
    let mut doc = cargo_here();
    doc.env("RUSTDOCFLAGS", "-D warnings");
    doc.args(["doc", "--locked", "--no-deps", "--manifest-path", &format!("{folder}/Cargo.toml")]);
    bench.run(doc)?;
    Ok("without a warning".to_owned())
}
