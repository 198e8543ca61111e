//! What only docker and podman have: an init of the engine's own, the image's stop signal, and pods.

use crate::behaviour::{
    Bench, WAIT, expect_orphan_reaped, expect_status, expect_text, handler, stop_and_expect_handler,
};
use crate::engine::{CommandLine, Container, Init};
use crate::image::{BASE, INIT, WITH_INIT};
use crate::problem::{Result, failed};
use crate::process::{clean_up, wait_for};

pub(crate) const OWN_INIT: &str = "`--init --init-path`";
pub(crate) const STOP_SIGNAL: &str = "`STOPSIGNAL`";
pub(crate) const POD: &str = "pod, not PID 1";

/// `--init`, which is session-init here.
pub(crate) fn own_init(bench: Bench<'_>) -> Result<String> {
    let command = WAIT.split(' ').map(str::to_owned).collect();
    let container = Container { init: Init::Engine, command, ..Container::bare(bench.scratch, BASE) };
    let mut running = bench.until_ready(container)?;
    let reaped = expect_orphan_reaped(bench, &running)?;
    let status = running.stop(bench.stop_after)?;
    expect_status(143, status, &running.output())?;
    Ok(format!("orphan {reaped}, {status}"))
}

/// The image says which signal asks its container to end.
pub(crate) fn stop_signal(bench: Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    let image = "localhost/stop-signal";
    engine.build(
        image,
        &format!("FROM {WITH_INIT}\nSTOPSIGNAL SIGUSR1\nENTRYPOINT [\"{INIT}\", \"--\", \"sh\", \"-c\"]\n"),
    )?;
    let container = Container { command: vec![handler("USR1")], ..Container::bare(bench.scratch, image) };
    stop_and_expect_handler(bench, &mut bench.until_ready(container)?, "USR1")
}

/// Two containers in a pod, of which neither has PID 1: one is stopped, and the other must not notice.
pub(crate) fn pod(bench: Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    let pod = Pod::create(bench, engine)?;
    let inside = |options: &[&str], script: &str| {
        let container = Container::new(bench.scratch, options, &["sh", "-c", script]);
        bench.until_ready(Container { pod: Some(pod.name.clone()), ..container })
    };
    let mut neighbour = inside(&[], &handler("TERM"))?;
    let script = format!("[ $PPID -gt 1 ] && echo the init is not PID 1; (sleep 0.1 &); {}", handler("TERM"));
    let mut stopped = inside(&["--grace=5s", "--warn-on-reap"], &script)?;
    expect_text("the init is not PID 1", &stopped.output())?;
    wait_for("the orphan to be reaped", bench.patience, || {
        Ok(stopped.output().contains("reaped orphan").then_some(()))
    })?;
    let seen = stop_and_expect_handler(bench, &mut stopped, "TERM")?;
    neighbour.exec("true")?;
    if neighbour.output().contains("got TERM") {
        return failed("the other container in the pod got the signal too");
    }
    stop_and_expect_handler(bench, &mut neighbour, "TERM")?;
    Ok(format!("orphan reaped, {seen}"))
}

/// A pod, which is removed when nobody needs it any more.
pub(crate) struct Pod<'bench> {
    pub(crate) name: String,
    bench: Bench<'bench>,
    engine: &'bench CommandLine<'bench>,
}

impl<'bench> Pod<'bench> {
    pub(crate) fn create(bench: Bench<'bench>, engine: &'bench CommandLine<'bench>) -> Result<Self> {
        let pod = Self { name: bench.scratch.name(), bench, engine };
        engine.run_command(&["pod", "create", "--share=pid", "--name", &pod.name])?;
        Ok(pod)
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        let mut command = self.engine.command();
        command.args(["pod", "rm", "--force", &self.name]);
        clean_up(command, &self.bench.scratch.log());
    }
}
