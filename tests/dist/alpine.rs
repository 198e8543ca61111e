//! The .apk, as far as there are tools for it everywhere: its sums, what is in it, and the program. `make test-apk` has
//! Alpine's own tool install and remove it.

use std::fs;
use std::path::Path;

use crate::bench::{Bench, Machine, VERSION, expect_files};
use crate::problem::{Doing as _, Result, failed};
use crate::root::Root;
use crate::rpm::HOLDS;
use crate::scratch::need_all;

/// Splits the file into what is packed by itself: what apk is told, with the sum of the other part, and the files.
const SPLIT: &str = r#"
import sys, zlib
rest, number = open(sys.argv[1], "rb").read(), 0
while rest:
    stream = zlib.decompressobj(31)
    content = stream.decompress(rest)
    packed = rest[:len(rest) - len(stream.unused_data)]
    open(f"{sys.argv[2]}/{number}.tar", "wb").write(content)
    open(f"{sys.argv[2]}/{number}.tar.gz", "wb").write(packed)
    rest, number = stream.unused_data, number + 1
"#;

pub(crate) fn package(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    need_all(&["python3"])?;
    let name = match machine.name {
        "i686" => "x86",
        "armel" => "armhf",
        name => name,
    };
    let file = bench.artifact(&format!("session-init_{VERSION}-r1_{name}.apk"))?;
    let folder = bench.scratch.folder(bench.scratch.name())?;
    bench.tool("python3", ["-c", SPLIT, &file.to_string_lossy(), &folder.to_string_lossy()])?;
    if folder.join("2.tar").exists() {
        return failed("it has a third part");
    }
    let told = contents(bench, &folder.join("0.tar"), ".PKGINFO")?;
    let sum = bench.tool("sha256sum", [&*folder.join("1.tar.gz").to_string_lossy()])?;
    let sum = sum.split(' ').next().unwrap_or_default();
    for line in [
        "pkgname = session-init".to_owned(),
        format!("pkgver = {VERSION}-r1"),
        format!("arch = {name}"),
        "license = MIT".to_owned(),
        format!("datahash = {sum}"),
    ] {
        if !told.lines().any(|told| told == line) {
            return failed(format!("there is no {line:?} in {told}"));
        }
    }

    let root = Root::new(bench, machine)?;
    let data = folder.join("1.tar");
    bench.tool(
        "tar",
        ["--warning=no-unknown-keyword", "-xf", &data.to_string_lossy(), "-C", &root.folder.to_string_lossy()],
    )?;
    expect_files(&root.folder, &HOLDS)?;
    root.expect_init("/usr/bin/session-init")?;
    for path in HOLDS {
        fs::remove_file(root.folder.join(path)).doing(format_args!("remove {path}"))?;
    }
    bench.tool("find", [&*root.path("/usr/bin").to_string_lossy(), "-type", "d", "-empty", "-delete"])?;
    bench.tool("find", [&*root.path("/usr/share").to_string_lossy(), "-type", "d", "-empty", "-delete"])?;
    root.remove(&[])?;
    Ok("its sums are right".to_owned())
}

fn contents(bench: &Bench<'_>, archive: &Path, name: &str) -> Result<String> {
    bench.tool("tar", ["-xOf", &archive.to_string_lossy(), name])
}
