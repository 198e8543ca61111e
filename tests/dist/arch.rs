//! The package of Arch: pacman in a root of its own, and out again.

use std::fs;

use crate::bench::{Bench, Machine, VERSION, expect_files};
use crate::problem::{Doing as _, Result, failed};
use crate::root::Root;
use crate::rpm::HOLDS;
use crate::scratch::need_all;

pub(crate) fn package(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    need_all(&["pacman"])?;
    let name = match machine.name {
        "armv7" => "armv7h",
        "armel" => "arm",
        "ppc64le" => "powerpc64le",
        "loongarch64" => "loong64",
        name => name,
    };
    let file = bench.artifact(&format!("session-init-{VERSION}-1-{name}.pkg.tar.zst"))?;
    let root = Root::new(bench, machine)?;
    let database = root.path("/var/lib/pacman");
    fs::create_dir_all(database.join("sync")).doing("create pacman's database")?;
    let settings = bench.scratch.path(&bench.scratch.name());
    fs::write(&settings, format!("[options]\nArchitecture = {name}\nLocalFileSigLevel = Never\n"))?;
    let pacman = |words: &[&str]| {
        let mut pacman = bench.scratch.command("pacman");
        pacman.arg("--root").arg(&root.folder).arg("--config").arg(&settings).arg("--dbpath").arg(&database);
        for (option, path) in
            [("--cachedir", "cache"), ("--logfile", "log"), ("--hookdir", "hooks"), ("--gpgdir", "gpg")]
        {
            pacman.arg(option).arg(root.path(&format!("/var/{path}")));
        }
        pacman.args(words);
        bench.run(pacman)
    };
    pacman(&["--noconfirm", "--upgrade", &file.to_string_lossy()])?;
    expect_files(&root.folder, &HOLDS)?;
    let known = pacman(&["--query", "session-init"])?;
    if known != format!("session-init {VERSION}-1\n") {
        return failed(known);
    }
    // Twice: what is there, and whether it is as the package says.
    let checked = pacman(&["--query", "--check", "--check", "session-init"])?;
    if !checked.ends_with(" 0 altered files\n") {
        return failed(checked);
    }
    root.expect_init("/usr/bin/session-init")?;
    pacman(&["--noconfirm", "--remove", "session-init"])?;
    root.remove(&["var"])?;
    Ok("pacman has nothing to object".to_owned())
}
