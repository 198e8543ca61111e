//! The signature: made with a key of the test's own, and checked as a user does.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::{Bench, repository};
use crate::problem::{Doing as _, Problem, Result, failed};
use crate::scratch::need_all;

pub(crate) fn run(bench: &Bench<'_>) {
    bench.report.case("signature", "is made, holds, and is refused where something differs", || case(bench));
}

fn case(bench: &Bench<'_>) -> Result<String> {
    need_all(&["ssh-keygen"])?;
    let folder = bench.scratch.folder("signed")?;
    let copy = folder.join("SHA256SUMS");
    fs::copy(bench.artifact("SHA256SUMS")?, &copy).doing("copy SHA256SUMS")?;
    for name in ["key", "another"] {
        let key = folder.join(name);
        bench.tool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", &key.to_string_lossy()])?;
        let public = fs::read_to_string(key.with_extension("pub"))?;
        fs::write(folder.join(format!("{name}.signers")), format!("session-init namespaces=\"file\" {public}"))?;
    }
    let mut sign = bench.scratch.command("sh");
    sign.arg(repository().join(".ci/sign")).arg(&folder).env("RELEASE_KEY", fs::read_to_string(folder.join("key"))?);
    bench.run(sign)?;

    bench.run(verify(bench, &folder, "key"))?;
    expect_refused(bench, verify(bench, &folder, "another"), "another key")?;
    let sums = fs::read_to_string(&copy)?;
    fs::write(&copy, sums.replacen('0', "1", 1))?;
    expect_refused(bench, verify(bench, &folder, "key"), "another sum")?;

    let mut keyless = bench.scratch.command("sh");
    keyless.arg(repository().join(".ci/sign")).arg(&folder);
    expect_refused(bench, keyless, "no key")?;
    Ok("by ssh-keygen".to_owned())
}

/// As the README has it.
fn verify(bench: &Bench<'_>, folder: &Path, key: &str) -> Command {
    let mut command = bench.scratch.command("sh");
    let script = "ssh-keygen -Y verify -f \"$0\" -I session-init -n file -s SHA256SUMS.sig <SHA256SUMS";
    command.args(["-c", script, &format!("{key}.signers")]).current_dir(folder);
    command
}

fn expect_refused(bench: &Bench<'_>, command: Command, what: &str) -> Result<()> {
    match bench.run(command) {
        Ok(_) => failed(format!("{what} makes no difference")),
        Err(Problem::Failed(_)) => Ok(()),
        Err(problem) => Err(problem),
    }
}
