//! The engines' own option for an init: whoever uses it relies on signals for the command alone, as docker-init and
//! podman's catatonit send them, and neither engine has a place for options.

use crate::behaviour::Bench;
use crate::engine::{Container, Init};
use crate::image::BASE;
use crate::problem::{Result, failed};

pub(crate) const NAME: &str = "`--init`, the command alone";

/// A command and its worker, in one process group. What the worker gets of the signal, it says before it answers.
const SCRIPT: &str = "
(
    trap 'echo the worker got it too' USR1
    trap 'echo the worker answers' USR2
    echo the worker is ready
    while :; do sleep 0.05; done
) &
worker=$!
trap 'kill -USR2 $worker' USR1
echo the command is ready
while :; do sleep 0.05; done
";

/// Sends a signal to the container. Did the worker get it?
fn reaches_worker(bench: Bench<'_>, container: Container) -> Result<bool> {
    let mut running = bench.start(container)?;
    running.wait_for_line("the worker is ready")?;
    running.wait_for_line("the command is ready")?;
    running.signal("USR1")?;
    running.wait_for_line("the worker answers")?;
    Ok(running.output().contains("the worker got it too"))
}

/// The same file, as the engine's init and under its own name.
pub(crate) fn child_alone(bench: Bench<'_>) -> Result<String> {
    let command = ["sh", "-c", SCRIPT];
    let as_option = Container {
        init: Init::Engine,
        command: command.map(str::to_owned).to_vec(),
        ..Container::bare(bench.scratch, BASE)
    };
    if reaches_worker(bench, as_option)? {
        return failed("with --init a signal reaches the command's process group, not its process alone");
    }
    if !reaches_worker(bench, Container::new(bench.scratch, &[], &command))? {
        return failed("under its own name a signal reaches the command's process alone");
    }
    Ok("the command alone, but in the image the group".to_owned())
}
