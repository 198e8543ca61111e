//! What session-init promises in a container. Every engine runs every case.

use std::time::Duration;

use crate::engine::{Container, Engine, Running};
use crate::problem::{Result, failed};
use crate::process::wait_for;
use crate::scratch::Scratch;
use crate::sys::Size;

/// An engine, and how patient one is with it.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'suite> {
    pub(crate) engine: &'suite dyn Engine,
    pub(crate) scratch: &'suite Scratch,
    /// How long anything may take.
    pub(crate) patience: Duration,
    /// After how many seconds the engine kills what it was told to stop.
    pub(crate) stop_after: u64,
}

/// One promise.
pub(crate) struct Case {
    /// What it is called, in the README's table too.
    pub(crate) name: &'static str,
    /// Does it fail where PID 1 is no init? If not, it is there to show that session-init does no harm.
    pub(crate) needs_init: bool,
    /// Runs it, and answers with what it has seen: what is in the table's cell.
    pub(crate) run: fn(Bench<'_>) -> Result<String>,
}

impl Case {
    pub(crate) const fn needs_init(name: &'static str, run: fn(Bench<'_>) -> Result<String>) -> Self {
        Self { name, needs_init: true, run }
    }

    pub(crate) const fn harmless(name: &'static str, run: fn(Bench<'_>) -> Result<String>) -> Self {
        Self { name, needs_init: false, run }
    }
}

/// Every promise, in the order of the table's rows.
pub(crate) const CASES: [Case; 16] = [
    Case::harmless("`exit 42`", exit_status),
    Case::needs_init("death by KILL, RTMIN+3", death_by_signal),
    Case::needs_init("command not found", command_not_found),
    Case::needs_init("stop, a handler for TERM", stop_with_handler),
    Case::needs_init("stop, no handler", stop_without_handler),
    Case::harmless("stop, TERM ignored", stop_with_term_ignored),
    Case::needs_init("stop, TERM ignored, `--kill-after`", kill_after),
    Case::needs_init("stop by USR1", custom_stop_signal),
    Case::needs_init("stop, `--rewrite=TERM:QUIT`", rewritten_stop_signal),
    Case::needs_init("orphan of an exec", orphan_of_exec),
    Case::needs_init("Ctrl-C", interrupt_key),
    Case::harmless("resized terminal", resize),
    Case::needs_init("hardened container", hardened),
    Case::needs_init("`--grace` that suffices", grace_suffices),
    Case::needs_init("`--grace` that runs out", grace_runs_out),
    Case::needs_init("daemon, `--linger`", linger),
];

impl<'suite> Bench<'suite> {
    pub(crate) fn start(self, container: Container) -> Result<Running<'suite>> {
        Running::start(self.engine, self.scratch, self.patience, container)
    }

    fn container(self, options: &[&str], script: &str) -> Container {
        Container::new(self.scratch, options, &["sh", "-c", script])
    }

    /// Starts a shell script under session-init, and waits until it says that it is ready.
    pub(crate) fn ready(self, options: &[&str], script: &str) -> Result<Running<'suite>> {
        self.until_ready(self.container(options, script))
    }

    pub(crate) fn until_ready(self, container: Container) -> Result<Running<'suite>> {
        let mut running = self.start(container)?;
        running.wait_for_line("ready")?;
        Ok(running)
    }

    /// Runs words under session-init to their end.
    fn status_of(self, words: &[&str]) -> Result<(i32, String)> {
        let mut running = self.start(Container::new(self.scratch, &[], words))?;
        Ok((running.status()?, running.output()))
    }
}

/// A handler that says so and ends with 3. The shell runs it when its child ends, which it does at once if the signal
/// reaches not only the shell.
pub(crate) fn handler(signal: &str) -> String {
    format!("trap 'echo got {signal}; exit 3' {signal}; {WAIT}")
}

/// Says that it is ready, and waits. No shell can say so of itself or of a child that it has only forked: what it does to
/// signals is not yet what its program wants.
pub(crate) const WAIT: &str = "tail -f /etc/ready";

pub(crate) fn expect_status(wanted: i32, status: i32, output: &str) -> Result<()> {
    if status == wanted {
        return Ok(());
    }
    failed(format!("ended with status {status} instead of {wanted}; it printed: {}", output.trim_end()))
}

pub(crate) fn expect_text(wanted: &str, output: &str) -> Result<()> {
    if output.contains(wanted) {
        return Ok(());
    }
    failed(format!("did not print '{wanted}' but: {}", output.trim_end()))
}

/// Stops a container that has a handler for this signal, which must run and decide the status.
pub(crate) fn stop_and_expect_handler(bench: Bench<'_>, running: &mut Running<'_>, signal: &str) -> Result<String> {
    let status = running.stop(bench.stop_after)?;
    expect_text(&format!("got {signal}"), &running.output())?;
    expect_status(3, status, &running.output())?;
    Ok(format!("handler ran, {status}"))
}

fn exit_status(bench: Bench<'_>) -> Result<String> {
    let (status, output) = bench.status_of(&["sh", "-c", "exit 42"])?;
    expect_status(42, status, &output)?;
    Ok(status.to_string())
}

fn death_by_signal(bench: Bench<'_>) -> Result<String> {
    let (killed, output) = bench.status_of(&["sh", "-c", "kill -KILL $$"])?;
    expect_status(137, killed, &output)?;
    let (real_time, output) = bench.status_of(&["sh", "-c", "kill -37 $$"])?;
    expect_status(165, real_time, &output)?;
    Ok(format!("{killed}, {real_time}"))
}

fn command_not_found(bench: Bench<'_>) -> Result<String> {
    let (status, output) = bench.status_of(&["no-such-command"])?;
    expect_text("[session-init] no-such-command: No such file or directory", &output)?;
    expect_status(127, status, &output)?;
    Ok(status.to_string())
}

fn stop_with_handler(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&[], &handler("TERM"))?;
    stop_and_expect_handler(bench, &mut running, "TERM")
}

fn stop_without_handler(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&[], &format!("exec {WAIT}"))?;
    let status = running.stop(bench.stop_after)?;
    expect_status(143, status, &running.output())?;
    Ok(status.to_string())
}

fn stop_with_term_ignored(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&[], &format!("trap '' TERM; exec {WAIT}"))?;
    let status = running.stop(1)?;
    expect_status(bench.engine.traits().killed, status, &running.output())?;
    Ok(format!("{status} by the engine"))
}

fn kill_after(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&["--kill-after=500ms"], &format!("trap '' TERM; exec {WAIT}"))?;
    let status = running.stop(bench.stop_after)?;
    expect_text("was killed: ", &running.output())?;
    expect_status(137, status, &running.output())?;
    Ok(format!("{status} by session-init"))
}

fn custom_stop_signal(bench: Bench<'_>) -> Result<String> {
    let container = Container { stop_signal: Some("USR1"), ..bench.container(&[], &handler("USR1")) };
    stop_and_expect_handler(bench, &mut bench.until_ready(container)?, "USR1")
}

fn rewritten_stop_signal(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&["--rewrite=TERM:QUIT"], &handler("QUIT"))?;
    stop_and_expect_handler(bench, &mut running, "QUIT")
}

fn orphan_of_exec(bench: Bench<'_>) -> Result<String> {
    let running = bench.ready(&[], &format!("exec {WAIT}"))?;
    expect_orphan_reaped(bench, &running)
}

/// Leaves an orphan to PID 1, and ends it.
pub(crate) fn expect_orphan_reaped(bench: Bench<'_>, running: &Running<'_>) -> Result<String> {
    let output = running.exec("sleep 1000 >/dev/null 2>&1 & echo $!")?;
    let Some(orphan) = output.lines().find_map(|line| line.trim().parse::<u32>().ok()) else {
        return failed(format!("the shell printed no pid but: {output}"));
    };
    wait_for("PID 1 to become the orphan's parent", bench.patience, || {
        let status = running.exec(&format!("cat /proc/{orphan}/status"))?;
        Ok(status.lines().any(|line| line.trim_end() == "PPid:\t1").then_some(()))
    })?;
    running.exec(&format!("kill -KILL {orphan}"))?;
    wait_for("the orphan to be reaped", bench.patience, || {
        let output = running.exec(&format!("[ -e /proc/{orphan} ] || echo gone"))?;
        Ok(output.contains("gone").then_some(()))
    })?;
    Ok("reaped".to_owned())
}

fn interrupt_key(bench: Bench<'_>) -> Result<String> {
    // No shell: that would catch INT even as PID 1.
    let command = Container::new(bench.scratch, &[], &["sed", "-n", "s/x/ready/p"]);
    let mut running = bench.start(Container { terminal: true, ..command })?;
    wait_for("the command to answer", bench.patience, || {
        running.terminal()?.type_in("x\n")?;
        Ok(running.output().contains("ready").then_some(()))
    })?;
    running.terminal()?.type_in("\u{3}")?;
    let status = running.status()?;
    expect_status(130, status, &running.output())?;
    Ok(status.to_string())
}

fn resize(bench: Bench<'_>) -> Result<String> {
    // Some engines set the first size only once the container is running.
    let script = "until stty size | grep -x '30 90'; do sleep 0.1; done
        trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done";
    let mut running = bench.until_ready(Container { terminal: true, ..bench.container(&[], script) })?;
    running.terminal()?.resize(Size { rows: 40, columns: 100 })?;
    running.wait_for_line("40 100")?;
    Ok("new size seen".to_owned())
}

fn hardened(bench: Bench<'_>) -> Result<String> {
    let script = format!("id -u; cat /proc/self/status; touch /probe; (sleep 0.3 &); {}", handler("TERM"));
    let container = Container { hardened: true, ..bench.container(&["--grace=5s", "--warn-on-reap"], &script) };
    let mut running = bench.until_ready(container)?;
    let traits = bench.engine.traits();
    // What went to stderr may come after what went to stdout later: runc copies each by itself.
    wait_for(&format!("'{}'", traits.refusal), bench.patience, || {
        Ok(running.output().contains(traits.refusal).then_some(()))
    })
    .map_err(|problem| running.with_output(problem))?;
    let output = running.output();
    for fact in ["1000\n", "CapBnd:\t0000000000000000", "CapEff:\t0000000000000000"] {
        expect_text(fact, &output)?;
    }
    if traits.shows_no_new_privileges {
        expect_text("NoNewPrivs:\t1", &output)?;
    } else if output.contains("NoNewPrivs") {
        return failed("the runtime shows NoNewPrivs, which it was said not to do");
    }
    wait_for("the orphan to be reaped", bench.patience, || {
        Ok(running.output().contains("reaped orphan").then_some(()))
    })?;
    let seen = stop_and_expect_handler(bench, &mut running, "TERM")?;
    Ok(if traits.shows_no_new_privileges { seen } else { format!("{seen}, no NoNewPrivs line") })
}

/// A shell that ends at once when it is asked to, and a worker with something left to do.
pub(crate) const WORKER: &str =
    "(trap 'sleep 0.5; echo worker has finished; exit' TERM; echo ready; while :; do sleep 0.1; done) & wait";
const STUBBORN_WORKER: &str = "(trap '' TERM; exec tail -f /etc/ready) & wait";

fn grace_suffices(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&["--grace=5s"], WORKER)?;
    let status = running.stop(bench.stop_after)?;
    let output = running.output();
    expect_text("worker has finished", &output)?;
    expect_status(143, status, &output)?;
    if output.contains("killed") {
        return failed(format!("something was killed: {output}"));
    }
    Ok(format!("worker finished, {status}"))
}

fn grace_runs_out(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&["--grace=500ms"], STUBBORN_WORKER)?;
    let status = running.stop(bench.stop_after)?;
    expect_text("outlived the grace of 500ms and was killed: ", &running.output())?;
    expect_text("(tail)", &running.output())?;
    expect_status(143, status, &running.output())?;
    Ok(format!("worker killed, {status}"))
}

fn linger(bench: Bench<'_>) -> Result<String> {
    let script = format!("setsid sh -c \"{}\" & exit 0", handler("TERM"));
    let mut running = bench.ready(&["--linger", "--target=all"], &script)?;
    let status = running.stop(bench.stop_after)?;
    expect_text("got TERM", &running.output())?;
    // That of the daemon, since what started it has ended well.
    expect_status(3, status, &running.output())?;
    Ok(format!("handler ran, {status}"))
}
