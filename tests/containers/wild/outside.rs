//! Processes that come into a container from outside, by the engine's exec: nobody in it is their parent, and they too have
//! something to save.

use crate::behaviour::{Bench, WAIT, expect_status, expect_text};
use crate::engine::{Container, Running, Visitor};
use crate::problem::{Result, failed};

/// Starts a container that ends as soon as it is asked to, and somebody in it who came from outside.
fn visit<'suite>(bench: Bench<'suite>, grace: &str, script: &str) -> Result<(Running<'suite>, Visitor)> {
    let words: Vec<_> = WAIT.split(' ').collect();
    let running = bench.until_ready(Container::new(bench.scratch, &[grace], &words))?;
    let mut visitor = running.visit(script)?;
    visitor.wait_for_line("ready")?;
    Ok((running, visitor))
}

pub(super) fn grace_suffices(bench: Bench<'_>) -> Result<String> {
    let script = "trap 'sleep 0.5; echo saved; exit' TERM; echo ready; while :; do sleep 0.1; done";
    let (mut running, mut visitor) = visit(bench, "--grace=5s", script)?;
    let status = running.stop(bench.stop_after)?;
    expect_status(143, status, &running.output())?;
    visitor.wait_for_line("saved")?;
    if running.output().contains("killed") {
        return failed(format!("something was killed: {}", running.output()));
    }
    Ok(format!("the exec saved, {status}"))
}

pub(super) fn grace_runs_out(bench: Bench<'_>) -> Result<String> {
    let (mut running, _visitor) = visit(bench, "--grace=500ms", &format!("trap '' TERM; exec {WAIT}"))?;
    let status = running.stop(bench.stop_after)?;
    expect_text("outlived the grace of 500ms and was killed: ", &running.output())?;
    expect_text("(tail)", &running.output())?;
    expect_status(143, status, &running.output())?;
    Ok(format!("the exec was killed and named, {status}"))
}
