//! A pod's first process, which holds its namespaces and reaps: podman builds its image out of the `catatonit` that it finds,
//! and runs that with `-P`.

use crate::behaviour::{Bench, WAIT, expect_orphan_reaped, expect_status};
use crate::engine::{CommandLine, Container, podman};
use crate::image::BASE;
use crate::problem::{Result, failed};
use crate::process::wait_for;
use crate::special::Pod;

pub(crate) const NAME: &str = "pod, held by `catatonit -P`";

pub(crate) fn pause(bench: Bench<'_>, podman: &CommandLine<'_>) -> Result<String> {
    let podman = podman::with_catatonit(podman)?;
    let bench = Bench { engine: &podman, ..bench };
    let pod = Pod::create(bench, &podman)?;
    podman.run_command(&["pod", "start", &pod.name])?;
    expect_first(bench, &podman, &pod, "running 0")?;

    let command = WAIT.split(' ').map(str::to_owned).collect();
    let inside = Container { command, pod: Some(pod.name.clone()), ..Container::bare(bench.scratch, BASE) };
    let mut running = bench.until_ready(inside)?;
    let reaped = expect_orphan_reaped(bench, &running)?;

    // podman stops all at once. Whoever has not ended by then ends with the pod's first process, whose namespace goes with it.
    podman.run_command(&["pod", "stop", "--time=10", &pod.name])?;
    let status = running.status()?;
    if status != 137 {
        expect_status(143, status, &running.output())?;
    }
    expect_first(bench, &podman, &pod, "exited 0")?;

    podman.run_command(&["pod", "start", &pod.name])?;
    expect_first(bench, &podman, &pod, "running 0")?;
    podman.run_command(&["pod", "kill", "--signal=INT", &pod.name])?;
    expect_first(bench, &podman, &pod, "exited 0")?;
    podman.run_command(&["pod", "rm", &pod.name])?;
    Ok(format!("orphan {reaped}, ended by TERM and INT with 0"))
}

/// Waits until the pod's first container is in this state, with this exit status. Once it has ended it stays so.
fn expect_first(bench: Bench<'_>, podman: &CommandLine<'_>, pod: &Pod<'_>, wanted: &str) -> Result<()> {
    let id = podman.run_command(&["pod", "inspect", "--format={{.InfraContainerID}}", &pod.name])?;
    let seen = wait_for(&format!("the pod's first container to be {wanted}"), bench.patience, || {
        let state = podman.run_command(&["inspect", "--format={{.State.Status}} {{.State.ExitCode}}", id.trim()])?;
        let state = state.trim().to_owned();
        Ok((state == wanted || state.starts_with("exited")).then_some(state))
    })?;
    if seen == wanted {
        return Ok(());
    }
    let output = podman.run_command(&["logs", id.trim()]).unwrap_or_default();
    failed(format!("the pod's first container is {seen}, not {wanted}; it printed: {}", output.trim_end()))
}
