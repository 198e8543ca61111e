//! What sandboxes make hard: stopped commands, shells at a terminal, many real-time signals, stops in stages, and an
//! init that is not PID 1. Every engine runs every case.

use crate::behaviour::{Bench, Case, WAIT, WORKER, expect_status, expect_text, handler, stop_and_expect_handler};
use crate::engine::{Container, Running};
use crate::image::INIT;
use crate::problem::{Result, failed};
use crate::process::wait_for;

/// The rows of the table that follow those in `behaviour.rs`.
pub(crate) const CASES: [Case; 8] = [
    Case::needs_init("stop of a stopped command", stop_while_stopped),
    Case::needs_init("stop in steps, `--pre-stop`", steps),
    Case::harmless("a shell's Ctrl-C, Ctrl-Z, `bg`, `fg`", job_control),
    Case::needs_init("200 real-time signals", many_signals),
    Case::needs_init("100 that nobody takes, then TERM", signals_that_nobody_takes),
    Case::needs_init("not PID 1, `--grace`", grace_below),
    Case::needs_init("not PID 1, `--kill-after`", kill_after_below),
    Case::needs_init("`--inspect`", inspect),
];

/// What it says from an exec, of a shell and its child that ignore what TERM becomes.
fn inspect(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&["--rewrite=TERM:USR1"], &format!("trap '' USR1; {WAIT}; true"))?;
    let text = running.exec(&format!("{INIT} --inspect"))?;
    running.signal("KILL")?;
    running.status()?;
    if !bench.engine.traits().shows_signals {
        expect_text("not read      what processes make of signals: No data available", &text)?;
        expect_text("A TERM now becomes USR1 and reaches all 2 below 1 (session-init).", &text)?;
        return Ok("right, but for what processes ignore".to_owned());
    }
    expect_text("A TERM now becomes USR1 and reaches none of 2: ", &text)?;
    expect_text(" (sh), ", &text)?;
    expect_text(" (tail) ignore USR1.", &text)?;
    Ok("right".to_owned())
}

fn stop_while_stopped(bench: Bench<'_>) -> Result<String> {
    let mut running = bench.ready(&[], &format!("echo $$ >/tmp/pid; {}", handler("TERM")))?;
    running.exec("kill -STOP $(cat /tmp/pid)")?;
    wait_for("the command to be stopped", bench.patience, || {
        let status = running.exec("cat /proc/$(cat /tmp/pid)/status")?;
        Ok(status.lines().any(|line| line.starts_with("State:\tT")).then_some(()))
    })?;
    stop_and_expect_handler(bench, &mut running, "TERM")
}

fn steps(bench: Bench<'_>) -> Result<String> {
    let options = ["--rewrite=TERM:USR1/200ms/TERM@all", "--pre-stop=echo before $SESSION_INIT_SIGNAL"];
    let script = "trap 'echo got USR1' USR1; trap 'echo got TERM; exit 3' TERM; echo ready
        while :; do sleep 0.05; done";
    let mut running = bench.ready(&options, script)?;
    let status = running.stop(bench.stop_after)?;
    let output = running.output();
    expect_status(3, status, &output)?;
    let wanted = ["before TERM", "got USR1", "got TERM"];
    let seen: Vec<_> = output.lines().filter(|line| wanted.contains(line)).collect();
    if seen == wanted { Ok(format!("all in order, {status}")) } else { failed(format!("not in order: {output}")) }
}

fn job_control(bench: Bench<'_>) -> Result<String> {
    let shell = Container::new(bench.scratch, &[], &["sh"]);
    let mut running = bench.start(Container { terminal: true, ..shell })?;
    wait_for("a prompt", bench.patience, || Ok(running.output().contains("# ").then_some(())))?;
    let mut type_and_wait = |keys: &str, text: &str, count: usize| {
        running.terminal()?.type_in(keys)?;
        let what = format!("'{text}' after {keys:?}");
        let seen = || Ok((running.output().matches(text).count() == count).then_some(()));
        wait_for(&what, bench.patience, seen).map_err(|problem| running.with_output(problem))
    };
    type_and_wait("job\n", "started", 1)?;
    type_and_wait("\u{3}echo it was $?\n", "it was 130", 1)?;
    type_and_wait("job\n", "started", 2)?;
    type_and_wait("\u{1a}", "Stopped", 1)?;
    type_and_wait("bg\n", "resumed", 1)?;
    type_and_wait("fg\n", "resumed", 2)?;
    type_and_wait("\u{3}echo now it was $?\n", "now it was 130", 1)?;
    running.terminal()?.type_in("exit 5\n")?;
    let status = running.status()?;
    expect_status(5, status, &running.output())?;
    Ok(format!("as without an init, {status}"))
}

/// A command that takes real-time signals one by one and has a line for each: another session-init.
const TAKER: [&str; 7] = [INIT, "--verbose", "--rewrite=RTMIN+3:0,TERM:0", "--", "tail", "-f", "/etc/ready"];

fn start_taker(bench: Bench<'_>) -> Result<Running<'_>> {
    bench.until_ready(Container::new(bench.scratch, &[], &TAKER))
}

/// Sends so many of them to PID 1. Where the kernel refuses one, it is sent again.
fn send(count: usize) -> String {
    format!("n=0; while [ $n -lt {count} ]; do kill -37 1 2>/dev/null && n=$((n + 1)); done")
}

fn taken(running: &Running<'_>) -> usize {
    running.output().matches("received RTMIN+3 ").count()
}

fn many_signals(bench: Bench<'_>) -> Result<String> {
    let running = start_taker(bench)?;
    // At first it takes none: some wait for it, and one waits for room.
    running.exec(&format!("kill -STOP 2; {}; kill -CONT 2; {}; echo sent", send(40), send(160)))?;
    let count = wait_for("200 signals", bench.patience, || {
        let count = taken(&running);
        Ok((count >= 200).then_some(count))
    });
    let count = count.map_err(|problem| running.with_output(problem))?;
    running.signal("TERM")?;
    let seen = wait_for("TERM", bench.patience, || Ok(running.output().contains("received TERM ").then_some(())));
    seen.map_err(|problem| running.with_output(problem))?;
    if count == 200 && taken(&running) == 200 { Ok("all came".to_owned()) } else { failed("more came than were sent") }
}

fn signals_that_nobody_takes(bench: Bench<'_>) -> Result<String> {
    let running = start_taker(bench)?;
    running.exec(&format!("kill -STOP 2; {}", send(100)))?;
    // It is followed by CONT.
    running.signal("TERM")?;
    let kept = if bench.engine.traits().has_short_queue { 32..100 } else { 100..101 };
    let complaints = usize::from(bench.engine.traits().has_short_queue);
    let seen = wait_for("TERM and what was kept", bench.patience, || {
        let is_stop_seen = running.output().contains("received TERM ");
        Ok((is_stop_seen && taken(&running) >= kept.start).then(|| taken(&running)))
    });
    let count = seen.map_err(|problem| running.with_output(problem))?;
    let output = running.output();
    if !kept.contains(&count) || output.matches("cannot send RTMIN+3 to group 2: ").count() != complaints {
        return failed(format!("{count} of 100 came: {output}"));
    }
    Ok(if complaints == 0 { "TERM and all came" } else { "TERM came, and those that fit" }.to_owned())
}

/// Runs session-init below session-init.
fn below<'suite>(bench: Bench<'suite>, options: &[&str], script: &str) -> Result<Running<'suite>> {
    let mut words = vec![INIT, "--verbose"];
    words.extend(options.iter().chain(&["--", "sh", "-c", script]));
    bench.until_ready(Container::new(bench.scratch, &["--grace=5s"], &words))
}

fn grace_below(bench: Bench<'_>) -> Result<String> {
    let mut running = below(bench, &["--grace=5s"], WORKER)?;
    let status = running.stop(bench.stop_after)?;
    let output = running.output();
    expect_text("worker has finished", &output)?;
    expect_status(143, status, &output)?;
    let is_helpless = output.contains("orphans go to PID 1: no subreaper");
    match (bench.engine.traits().has_subreaper, is_helpless) {
        (true, false) => Ok(format!("worker finished, {status}")),
        (false, true) => Ok(format!("worker finished, PID 1's by then, {status}")),
        _ => failed(format!("it is said otherwise whether the kernel has a subreaper: {output}")),
    }
}

fn kill_after_below(bench: Bench<'_>) -> Result<String> {
    // In a session of its own, and not an orphan: it is there to be found as a descendant.
    let script = format!("trap '' TERM; setsid sh -c 'exec {WAIT}' & while :; do wait; sleep 0.1; done");
    let mut running = below(bench, &["--kill-after=500ms"], &script)?;
    let status = running.stop(bench.stop_after)?;
    let output = running.output();
    let killed = output.lines().find(|line| line.contains("killed: ")).unwrap_or_default();
    expect_text("(tail)", killed)?;
    expect_text("(sh)", killed)?;
    expect_status(137, status, &output)?;
    if output.contains("outlived the grace") {
        return failed(format!("not all of them were: {output}"));
    }
    Ok(format!("all killed, {status}"))
}
