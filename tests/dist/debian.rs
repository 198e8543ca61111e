//! The .deb: Debian's own checker, dpkg in a root of its own, and out again.

use std::fs;

use crate::bench::{Bench, Machine, VERSION, expect_files};
use crate::problem::{Doing as _, Result, failed};
use crate::root::Root;
use crate::scratch::{need, need_all};

pub(crate) fn package(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    need_all(&["dpkg"])?;
    let file = bench.artifact(&format!("session-init_{VERSION}-1_{}.deb", machine.debian))?;
    // That of Debian 12 has not heard of each machine.
    let is_known = machine.name != "loongarch64" && need("lintian").is_ok();
    let checked = if is_known { lint(bench, &file.to_string_lossy())? } else { "not checked by lintian" };

    let root = Root::new(bench, machine)?;
    let database = root.path("/var/lib/dpkg");
    fs::create_dir_all(database.join("info")).doing("create dpkg's database")?;
    fs::create_dir_all(database.join("updates"))?;
    fs::write(database.join("status"), "")?;
    fs::write(database.join("arch"), format!("{}\n", machine.debian))?;
    let dpkg = |words: &[&str]| {
        let option = format!("--root={}", root.folder.display());
        bench.tool("dpkg", [&*option].into_iter().chain(words.iter().copied()))
    };

    // The machine that dpkg was built for is not the one that this root is for.
    dpkg(&["--force-architecture", "--install", &file.to_string_lossy()])?;
    let status = dpkg(&["--status", "session-init"])?;
    if !status.contains("Status: install ok installed") {
        return failed(status);
    }
    let holds = [
        "usr/bin/session-init",
        "usr/share/man/man1/session-init.1.gz",
        "usr/share/bash-completion/completions/session-init",
        "usr/share/zsh/vendor-completions/_session-init",
        "usr/share/fish/vendor_completions.d/session-init.fish",
        "usr/share/doc/session-init/copyright",
    ];
    expect_files(&root.folder, &holds)?;
    dpkg(&["--verify", "session-init"])?;
    root.expect_init("/usr/bin/session-init")?;
    dpkg(&["--purge", "session-init"])?;
    root.remove(&["var"])?;
    Ok(checked.to_owned())
}

fn lint(bench: &Bench<'_>, file: &str) -> Result<&'static str> {
    let mut lintian = bench.scratch.command("lintian");
    lintian.args(["--allow-root", "--fail-on", "error,warning", file]);
    bench.run(lintian)?;
    Ok("lintian has nothing to object")
}
