//! The .apk, as far as there are tools for it everywhere: its sums, what is in it, and the program. `make test-apk` has
//! Alpine's own tool install and remove it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::{Bench, Machine, VERSION, expect_files, repository};
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
    let checked = if apk_folder().exists() {
        with_apk(bench, &root, &file, name)?;
        "apk has nothing to object"
    } else {
        unpacked(bench, &root, &folder.join("1.tar"))?;
        "its sums are right; not checked by apk"
    };
    root.remove(&["etc/apk", "lib", "var"])?;
    Ok(checked.to_owned())
}

fn contents(bench: &Bench<'_>, archive: &Path, name: &str) -> Result<String> {
    bench.tool("tar", ["-xOf", &archive.to_string_lossy(), name])
}

/// Where .ci/alpine puts it.
fn apk_folder() -> PathBuf {
    repository().join("target/static-build/alpine")
}

fn with_apk(bench: &Bench<'_>, root: &Root<'_>, file: &Path, machine: &str) -> Result<()> {
    let folder = apk_folder();
    let apk = |words: &[&str]| {
        // It is linked with Alpine's C library, which lies beside it.
        let mut apk = bench.scratch.command(folder.join(format!("lib/ld-musl-{}.so.1", env::consts::ARCH)));
        apk.arg("--library-path").arg(folder.join("usr/lib")).arg(folder.join("sbin/apk"));
        apk.args(words).arg("--root").arg(&root.folder).args(["--arch", machine, "--repositories-file", "/dev/null"]);
        apk.args(["--allow-untrusted", "--no-network"]);
        bench.run(apk)
    };
    let file = file.to_string_lossy().into_owned();
    apk(&["verify", &file])?;
    // The root lies in memory, where apk would have nothing installed that it cannot fetch again.
    apk(&["add", "--initdb", "--force-non-repository", &file])?;
    expect_files(&root.folder, &HOLDS)?;
    if apk(&["list", "--installed", "--quiet"])?.trim_end() != "session-init" {
        return failed("apk does not know it");
    }
    let program = root.path("/usr/bin/session-init");
    let altered = apk(&["audit", "--system"])?;
    if !altered.is_empty() {
        return failed(format!("apk finds altered: {altered}"));
    }
    // It would find something.
    let content = fs::read(&program)?;
    fs::write(&program, "another")?;
    if apk(&["audit", "--system"])?.trim_end() != "U usr/bin/session-init" {
        return failed("apk does not find what is altered");
    }
    fs::write(&program, content)?;
    root.expect_init("/usr/bin/session-init")?;
    apk(&["del", "session-init"]).map(drop)
}

fn unpacked(bench: &Bench<'_>, root: &Root<'_>, data: &Path) -> Result<()> {
    let (data, folder) = (data.to_string_lossy(), root.folder.to_string_lossy());
    bench.tool("tar", ["--warning=no-unknown-keyword", "-xf", &data, "-C", &folder])?;
    expect_files(&root.folder, &HOLDS)?;
    root.expect_init("/usr/bin/session-init")?;
    for path in HOLDS {
        fs::remove_file(root.folder.join(path)).doing(format_args!("remove {path}"))?;
    }
    for folder in ["/usr/bin", "/usr/share"] {
        bench.tool("find", [&*root.path(folder).to_string_lossy(), "-depth", "-type", "d", "-empty", "-delete"])?;
    }
    Ok(())
}
