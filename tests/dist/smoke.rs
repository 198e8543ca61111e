//! What an init does, asked of the program of every machine: as PID 1, in an emulator where the machine is another one.
//!
//! What the emulator itself breaks is listed. A check that is listed has to fail: one that works has to leave the list.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::bench::{Bench, Machine};
use crate::pid_1;
use crate::problem::{Result, failed};
use crate::process::{Job, read};

/// One of the things that an init does.
struct Check {
    name: &'static str,
    options: &'static [&'static str],
    command: &'static [&'static str],
    status: i32,
    output: &'static str,
}

/// What the scripts use. `or_give_up` waits for a signal; `child` starts one with a trap, and returns once that is set.
/// Nothing is said about the `sleep` that a signal for the group ends.
macro_rules! sh {
    ($script:literal) => {
        &[
            "sh",
            "-c",
            concat!(
                "exec 2>/dev/null\n",
                "tick() { tries=$((${tries:-0} + 1)); [ $tries -lt 1000 ] && sleep .01; }\n",
                "or_give_up() { while tick; do :; done; echo 'nothing came'; exit 9; }\n",
                "while_there() { while [ -e $1 ] && tick; do :; done; }\n",
                "child() { flag=$(mktemp -u); (trap \"$1\" $2; : >$flag; or_give_up) & child=$!\n",
                "    while [ ! -e $flag ] && tick; do :; done; rm $flag; }\n",
                $script
            ),
        ]
    };
}

const CHECKS: [Check; 12] = [
    Check { name: "its status", options: &[], command: sh!("exit 7"), status: 7, output: "" },
    Check { name: "its end by a signal", options: &[], command: sh!("kill -USR2 $$"), status: 128 + 12, output: "" },
    Check {
        name: "what is not there",
        options: &[],
        command: &["/no/such"],
        status: 127,
        output: "[INIT] /no/such: No such file or directory\n",
    },
    Check {
        name: "TERM is sent on",
        options: &[],
        command: sh!("trap 'echo got TERM; exit 3' TERM; kill -TERM 1; or_give_up"),
        status: 3,
        output: "got TERM\n",
    },
    // Not to QUIT, which is ignored below what a script has put in the background.
    Check {
        name: "a rule",
        options: &["--rewrite", "TERM:USR2"],
        command: sh!("trap 'echo got USR2; exit 3' USR2; kill -TERM 1; or_give_up"),
        status: 3,
        output: "got USR2\n",
    },
    Check {
        name: "the process group",
        options: &[],
        command: sh!(
            "trap : USR1; child 'echo the child got USR1; exit 5' USR1; kill -USR1 1; wait $child; wait $child"
        ),
        status: 5,
        output: "the child got USR1\n",
    },
    Check {
        name: "an orphan is reaped",
        options: &[],
        command: sh!(
            "orphan=$(sh -c 'sleep .05 >/dev/null & echo $!'); while_there /proc/$orphan; ls -d /proc/$orphan"
        ),
        status: 2,
        output: "",
    },
    Check {
        name: "leftovers end in the grace",
        options: &["--grace", "30"],
        command: sh!("child 'echo got TERM; exit' TERM; echo done"),
        status: 0,
        output: "done\ngot TERM\n",
    },
    Check {
        name: "or are killed after it",
        options: &["--grace", "0.2"],
        command: sh!("child '' TERM; echo done"),
        status: 0,
        output: "done\n[INIT] ",
    },
    Check {
        name: "a real-time signal is sent on",
        options: &[],
        command: sh!("trap 'echo got 40; exit 3' 40; kill -40 1; or_give_up"),
        status: 3,
        output: "got 40\n",
    },
    Check {
        name: "a rule for a real-time signal",
        options: &["--rewrite", "40:15"],
        command: sh!("trap 'echo got TERM; exit 3' TERM; kill -40 1; or_give_up"),
        status: 3,
        output: "got TERM\n",
    },
    Check {
        name: "a rule to a real-time signal",
        options: &["--rewrite", "TERM:40"],
        command: sh!("trap 'echo got 40; exit 3' 40; kill -TERM 1; or_give_up"),
        status: 3,
        output: "got 40\n",
    },
];

/// What does not work in an emulator, and why.
const BROKEN: [(&str, &str); 2] =
    [("a rule for a real-time signal", RENUMBERED), ("a rule to a real-time signal", RENUMBERED)];
const RENUMBERED: &str = "qemu-user keeps two real-time signals for itself, and counts the others on from there";

/// How long one may take in an emulator on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn machine(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let program = bench.artifact(&format!("session-init-{}", machine.name))?;
    let (mut wrong, mut broken) = (Vec::new(), 0_usize);
    for check in &CHECKS {
        let seen = run(bench, machine, &program, check)?;
        let listed = BROKEN.iter().find(|(name, _)| machine.emulator().is_some() && *name == check.name);
        match (seen, listed) {
            (None, None) => {}
            (Some(_), Some(_)) => broken = broken.saturating_add(1),
            (Some(seen), None) => wrong.push(format!("{}: {seen}", check.name)),
            (None, Some((_, why))) => wrong.push(format!("{}: it works, and yet is listed: {why}", check.name)),
        }
    }
    if !wrong.is_empty() {
        return failed(wrong.join("\n"));
    }
    let good = CHECKS.len().saturating_sub(broken);
    Ok(if broken == 0 { format!("{good} checks") } else { format!("{good} checks; {broken} fail: {RENUMBERED}") })
}

/// Answers with what was seen instead.
fn run(bench: &Bench<'_>, machine: &Machine, program: &Path, check: &Check) -> Result<Option<String>> {
    let mut command: Command = pid_1::in_namespace(bench.scratch);
    command.args(machine.need_emulator()?).arg(program).args(check.options).arg("--").args(check.command);
    let log = bench.scratch.log();
    let status = Job::start(command, &log)?.wait(PATIENCE)?;
    // It says the name that its file has.
    let output = read(&log).replace(&format!("[session-init-{}]", machine.name), "[INIT]");
    // What is printed is all that is expected, or begins with it where session-init goes on about it.
    let is_right = if check.output.ends_with('\n') || check.output.is_empty() {
        output == check.output
    } else {
        output.starts_with(check.output)
    };
    Ok((status != check.status || !is_right).then(|| format!("status {status}, having printed {output:?}")))
}
