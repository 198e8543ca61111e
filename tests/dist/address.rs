//! The public address, which is said once, in Cargo.toml, and is then in everything that has a place for it.

use std::fs;
use std::os::unix::fs::symlink;

use crate::again::copy;
use crate::bench::{Bench, VERSION, our_machine, repository, users_command};
use crate::problem::{Doing as _, Result, failed};
use crate::scratch::need_all;

/// Nobody has this one. (RFC 2606)
const ADDRESS: &str = "https://forge.invalid/session-init";

pub(crate) fn run(bench: &Bench<'_>) {
    bench.report.case("address", "said once, in all that has a place for it", || case(bench));
}

fn case(bench: &Bench<'_>) -> Result<String> {
    need_all(&["python3", "dpkg-deb", "rpm"])?;
    let folder = bench.scratch.folder("address")?;
    copy(bench, &["--exclude=./target", "."], &folder)?;
    fs::create_dir(folder.join("target")).doing("create target")?;
    for name in ["static", "static-build"] {
        symlink(repository().join("target").join(name), folder.join("target").join(name))?;
    }
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let license = "license = \"MIT\"\n";
    fs::write(&manifest, text.replacen(license, &format!("{license}repository = \"{ADDRESS}\"\n"), 1))?;
    let machine = our_machine()?;
    let out = bench.scratch.folder("address-out")?;
    let mut make = users_command("python3");
    make.args(["-B", ".ci/artifacts"]).arg(&out).arg(machine.name);
    make.env("SOURCE_DATE_EPOCH", "1000000000").current_dir(&folder);
    bench.run(make)?;

    let file = |name: String| out.join(name).to_string_lossy().into_owned();
    let (deb, rpm) = (file(format!("session-init_{VERSION}-1_{}.deb", machine.debian)), machine.name);
    let rpm = file(format!("session-init-{VERSION}-1.{rpm}.rpm"));
    let arch = file(format!("session-init-{VERSION}-1-{}.pkg.tar.zst", machine.name));
    let apk = file(format!("session-init_{VERSION}-r1_{}.apk", machine.name));
    let image = file(format!("session-init-{VERSION}-image.tar"));
    let sbom = file(format!("session-init-{VERSION}.cdx.json"));
    let told = [
        ("deb", bench.tool("dpkg-deb", ["--field", &deb, "Homepage"])?),
        ("rpm", bench.tool("rpm", ["--query", "--queryformat", "%{URL}", "--package", &rpm])?),
        ("Arch", bench.tool("tar", ["-xOf", &arch, ".PKGINFO"])?),
        ("apk", bench.tool("sh", ["-c", "gzip -dc \"$0\" | tar -xOf - .PKGINFO", &apk])?),
        ("image", bench.tool("tar", ["-xOf", &image])?),
        ("SBOM", fs::read_to_string(sbom)?),
        ("wheel", bench.tool("python3", ["-c", METADATA, &out.to_string_lossy()])?),
    ];
    for (what, text) in &told {
        if !text.contains(ADDRESS) {
            return failed(format!("the {what} lacks it: {text}"));
        }
    }
    Ok(told.map(|(what, _)| what).join(", "))
}

const METADATA: &str = r#"
import glob, sys, zipfile
(name,) = glob.glob(sys.argv[1] + "/*.whl")
wheel = zipfile.ZipFile(name)
print(next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA")))
"#;
