//! The .rpm: its own checker, rpm in a root of its own, and out again.

use std::fs;
use std::path::PathBuf;

use crate::bench::{Bench, Machine, VERSION, expect_files};
use crate::problem::{Result, failed};
use crate::root::Root;
use crate::scratch::{need, need_all};

/// Where each system that has no folder of its own for this puts it.
pub(crate) const HOLDS: [&str; 6] = [
    "usr/bin/session-init",
    "usr/share/man/man1/session-init.1.gz",
    "usr/share/bash-completion/completions/session-init",
    "usr/share/zsh/site-functions/_session-init",
    "usr/share/fish/vendor_completions.d/session-init.fish",
    "usr/share/licenses/session-init/LICENSE",
];

/// What rpmlint is not to mention, and why.
const OVERRIDES: &str = r#"
# It is to run in containers that hold no C library.
addFilter("statically-linked-binary")
# It is made once for all who use rpm: there is no changelog of theirs, and a public address only once there is one.
addFilter("no-changelogname-tag")
addFilter("no-url-tag")
# SHA256SUMS is signed, and not each file of it.
addFilter("no-signature")
# It is at a fixed address, so that it starts with nothing to relocate.
addFilter("position-independent-executable-suggested")
# What Fedora has had since: licences and groups, and how manuals are packed.
addFilter("invalid-license MIT")
addFilter("no-group-tag")
addFilter("manpage-not-compressed bz2")
addFilter("no-manual-page-for-binary")
"#;

pub(crate) fn package(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    need_all(&["rpm"])?;
    let file = file(bench, machine)?.to_string_lossy().into_owned();
    let checked = if need("rpmlint").is_ok() { lint(bench, &file)? } else { "not checked by rpmlint" };

    let root = Root::new(bench, machine)?;
    let rpm = |words: &[&str]| {
        let top = root.folder.to_string_lossy().into_owned();
        bench.tool("rpm", ["--root", &top, "--define", "_dbpath /var/lib/rpm"].iter().chain(words).copied())
    };
    let sums = rpm(&["--checksig", "--nosignature", &file])?;
    if !sums.ends_with("digests OK\n") {
        return failed(sums);
    }
    rpm(&["--initdb"])?;
    // The machine that rpm was built for is not the one that this root is for.
    rpm(&["--install", "--ignorearch", &file])?;
    expect_files(&root.folder, &HOLDS)?;
    let known = rpm(&["--query", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE} %{LICENSE}", "session-init"])?;
    if known != format!("session-init {VERSION}-1 MIT") {
        return failed(known);
    }
    if rpm(&["--query", "--licensefiles", "session-init"])? != "/usr/share/licenses/session-init/LICENSE\n" {
        return failed("rpm does not know the licence for one");
    }
    rpm(&["--verify", "session-init"])?;
    root.expect_init("/usr/bin/session-init")?;
    rpm(&["--erase", "session-init"])?;
    if root.path("/usr/share/licenses/session-init").exists() {
        return failed("its own folder is still there");
    }
    // Those of the system belong to another package, which this root lacks.
    for folder in ["/usr/bin", "/usr/share"] {
        bench.tool("find", [&*root.path(folder).to_string_lossy(), "-depth", "-type", "d", "-empty", "-delete"])?;
    }
    root.remove(&["var"])?;
    Ok(checked.to_owned())
}

/// Its name ends as rpm calls the machine.
fn file(bench: &Bench<'_>, machine: &Machine) -> Result<PathBuf> {
    let name = match machine.name {
        "armv7" => "armv7hl",
        "armel" => "armv5tel",
        "i686" => "i386",
        name => name,
    };
    bench.artifact(&format!("session-init-{VERSION}-1.{name}.rpm"))
}

fn lint(bench: &Bench<'_>, file: &str) -> Result<&'static str> {
    let overrides = bench.scratch.path("rpmlintrc");
    fs::write(&overrides, OVERRIDES)?;
    let said = bench.tool("rpmlint", ["--rpmlintrc", &overrides.to_string_lossy(), file])?;
    if !said.contains(" 0 errors, 0 warnings") {
        return failed(said);
    }
    Ok("rpmlint has nothing to object")
}
