//! `make install` and `make uninstall`, as a user and as the script of a distribution runs them.

use std::fs;

use crate::bench::{Bench, expect_files, our_machine, repository};
use crate::problem::Result;
use crate::root::Root;

pub(crate) fn run(bench: &Bench<'_>) {
    for (prefix, setting) in [("/usr/local", None), ("/usr", Some("prefix=/usr"))] {
        bench.report.case("make install", prefix, || install(bench, prefix, setting));
    }
}

fn install(bench: &Bench<'_>, prefix: &str, setting: Option<&str>) -> Result<String> {
    let machine = our_machine()?;
    let root = Root::new(bench, machine)?;
    let words = [
        format!("DESTDIR={}", root.folder.display()),
        format!("BINARY={}", bench.artifact(&format!("session-init-{}", machine.name))?.display()),
    ];
    // It takes what is there, and needs no Cargo.
    let make = |target| {
        let mut make = bench.scratch.command("make");
        make.current_dir(repository()).arg(target).args(&words).args(setting);
        bench.run(make)
    };
    make("install")?;
    let top = root.path(prefix);
    let holds = [
        "bin/session-init",
        "share/man/man1/session-init.1",
        "share/bash-completion/completions/session-init",
        "share/zsh/site-functions/_session-init",
        "share/fish/vendor_completions.d/session-init.fish",
    ];
    expect_files(&top, &holds)?;
    root.expect_init(&format!("{prefix}/bin/session-init"))?;
    make("uninstall")?;
    // It leaves the folders, which may be in use by now.
    bench.tool("find", [&*top.to_string_lossy(), "-depth", "-type", "d", "-empty", "-delete"])?;
    fs::create_dir_all(root.path("/usr/local/bin"))?;
    root.remove(&[])?;
    Ok(format!("{} files, an init, and gone again", holds.len()))
}
