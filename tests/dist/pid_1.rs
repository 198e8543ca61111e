//! The proof that an installed session-init is one: what runs below it as PID 1 sees what an init does.

use std::process::Command;
use std::time::Duration;

use crate::problem::{Result, failed};
use crate::process::{Job, read};
use crate::scratch::Scratch;

/// It tells PID 1's name, leaves it an orphan to reap, and sends it the signal that has to come back here.
pub(crate) const SCRIPT: &str = r#"
# Some shells report what the signal does to the sleep below.
exec 2>/dev/null
trap 'echo "TERM came through"; exit 7' TERM
read -r name </proc/1/comm
echo "PID 1 is $name"
until_gone() {
    tries=0
    while [ -e "$1" ] && [ "$tries" -lt 500 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
}
orphan=$(sh -c 'sleep 0.1 >/dev/null & echo $!')
until_gone "/proc/$orphan"
[ -e "/proc/$orphan" ] || echo "the orphan was reaped"
kill -TERM 1
until_gone /proc/1
exit 8
"#;

/// Containers, emulators and a busy machine take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a command that ends with `-- sh -c SCRIPT` as PID 1, whose name is this, and expects all that an init does.
pub(crate) fn expect_init(scratch: &Scratch, command: Command, name: &str) -> Result<()> {
    let wanted = format!("PID 1 is {name}\nthe orphan was reaped\nTERM came through\n");
    let (status, output) = run(scratch, command)?;
    if (status, &*output) == (7, &*wanted) {
        return Ok(());
    }
    failed(format!("ended with status {status}, having printed: {output}"))
}

/// Runs the same where PID 1 is none, which has to be noticed.
pub(crate) fn expect_no_init(scratch: &Scratch, command: Command) -> Result<String> {
    let (status, output) = run(scratch, command)?;
    if status == 7 || output.contains("came through") {
        return failed(format!("ended with status {status}, having printed: {output}"));
    }
    Ok(format!("status {status} instead of 7"))
}

fn run(scratch: &Scratch, command: Command) -> Result<(i32, String)> {
    let log = scratch.log();
    let status = Job::start(command, &log)?.wait(PATIENCE)?;
    Ok((status, read(&log)))
}

/// Runs a command of the machine itself as PID 1 of a namespace.
pub(crate) fn in_namespace(scratch: &Scratch) -> Command {
    let mut command = scratch.command("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}
