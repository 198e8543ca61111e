//! The images: loaded into each engine, copied from, run, and removed.

use std::fs;

use crate::bench::{Bench, MACHINES, Machine, VERSION, expect_version, our_machine};
use crate::engine::{CommandLine, Container, Containerd, Engine as _, docker, podman};
use crate::image::{BASE, Images};
use crate::pid_1;
use crate::problem::{Result, failed};
use crate::scratch::need_all;

const LOAD: &str = "the image is loaded, run and removed";
const COPY: &str = "an image is built that copies from it";

pub(crate) fn run(bench: &Bench<'_>) {
    for machine in &MACHINES {
        bench.report.case(machine.cpu, "image", || contents(bench, machine));
    }
    let is_wanted = |group| bench.report.wants(group, LOAD) || bench.report.wants(group, COPY);
    // What the engines themselves would start with `--init`, which no case here does.
    let no_init = bench.dist.join("SHA256SUMS");
    if is_wanted("docker") {
        with(bench, "docker", &docker::start(bench.scratch, &bench.images, &no_init));
    }
    if is_wanted("podman") {
        with(bench, "podman", &podman::set_up(bench.scratch, &bench.images, &no_init));
    }
    bench.report.case("containerd", LOAD, || containerd(bench));
}

fn name() -> String {
    format!("localhost/session-init:{VERSION}")
}

fn archive(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let file = bench.artifact(&format!("session-init-{VERSION}-image-{}.tar", machine.short))?;
    Ok(file.to_string_lossy().into_owned())
}

/// Is the program the only file in it?
fn contents(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let folder = bench.scratch.folder(bench.scratch.name())?;
    bench.tool("tar", ["-xf", &archive(bench, machine)?, "-C", &folder.to_string_lossy()])?;
    let manifest = fs::read_to_string(folder.join("manifest.json"))?;
    let layers = manifest.split("\"Layers\":[\"").nth(1).and_then(|rest| rest.split("\"]").next());
    let Some(layer) = layers else { return failed(format!("there is not one layer in {manifest}")) };
    let layer = folder.join(layer);
    let files = bench.tool("tar", ["-tvf", &layer.to_string_lossy()])?;
    if files.lines().count() != 1 || !files.starts_with("-rwxr-xr-x root/root") || !files.ends_with(" session-init\n") {
        return failed(format!("its layer holds {files}"));
    }
    bench.tool("tar", ["-xf", &layer.to_string_lossy(), "-C", &folder.to_string_lossy()])?;
    let program = bench.artifact(&format!("session-init-{}", machine.cpu))?;
    if fs::read(folder.join("session-init"))? != fs::read(program)? {
        return failed("it holds another program");
    }
    Ok("one layer, one file: the program".to_owned())
}

/// docker or podman.
fn with(bench: &Bench<'_>, group: &str, engine: &Result<CommandLine<'_>>) {
    let engine = engine.as_ref();
    bench.report.case(group, LOAD, || load(bench, engine.map_err(Clone::clone)?));
    bench.report.case(group, COPY, || copy(bench, engine.map_err(Clone::clone)?));
}

fn load(bench: &Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    for machine in &MACHINES {
        engine.run_command(&["load", "--input", &archive(bench, machine)?])?;
        let format = "--format={{.Os}}/{{.Architecture}}";
        let platform = engine.run_command(&["image", "inspect", format, &name()])?;
        if platform.trim_end() != format!("linux/{}", machine.short) {
            return failed(format!("the image for {} is for {platform}", machine.short));
        }
        if machine.is_ours() {
            let container = Container { command: vec!["--version".to_owned()], ..image(bench, &name()) };
            expect_version(&bench.run(engine.run(&container)?)?)?;
        }
        remove(engine, &name())?;
    }
    Ok("for both machines".to_owned())
}

fn copy(bench: &Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    engine.run_command(&["load", "--input", &archive(bench, our_machine()?)?])?;
    let dockerfile = format!(
        "FROM {BASE}\n\
         COPY --from={} /session-init /usr/local/bin/session-init\n\
         ENTRYPOINT [\"session-init\", \"--\"]\n",
        name()
    );
    let tag = "localhost/copied:latest";
    engine.build(tag, &dockerfile)?;
    let command = ["sh", "-c", pid_1::SCRIPT].map(str::to_owned).to_vec();
    let container = Container { command, ..image(bench, tag) };
    pid_1::expect_init(bench.scratch, engine.run(&container)?, "session-init")?;
    remove(engine, tag)?;
    remove(engine, &name())?;
    Ok("its PID 1 is an init".to_owned())
}

fn image(bench: &Bench<'_>, name: &str) -> Container {
    Container::bare(bench.scratch, name)
}

fn remove(engine: &CommandLine<'_>, name: &str) -> Result<()> {
    engine.run_command(&["image", "rm", name])?;
    let left = engine.run_command(&["image", "ls", "--quiet", name])?;
    if left.trim_end().is_empty() { Ok(()) } else { failed(format!("{name} is still there")) }
}

fn containerd(bench: &Bench<'_>) -> Result<String> {
    need_all(&["containerd", "ctr", "runc"])?;
    let Images { root, archives } = &bench.images;
    let engine = Containerd::start(bench.scratch, &Images { root: root.clone(), archives: archives.clone() })?;
    let ctr = |words: &[&str]| bench.run(engine.command(words));
    for machine in &MACHINES {
        let platform = format!("linux/{}", machine.short);
        ctr(&["images", "import", "--platform", &platform, &archive(bench, machine)?])?;
        let images = ctr(&["images", "ls"])?;
        let is_listed = images.lines().any(|line| line.starts_with(&name()) && line.contains(&platform));
        if !is_listed {
            return failed(format!("the image for {platform} is not in the list: {images}"));
        }
        if machine.is_ours() {
            // The image has no shell: its root is the program, and what a case needs besides is mounted.
            let mount = format!("type=bind,src={},dst=/bin,options=rbind:ro", root.join("bin").display());
            let container = bench.scratch.name();
            let mut run = engine.command(&["run", "--rm", "--mount", &mount, &name(), &container]);
            run.args(["/session-init", "--", "sh", "-c", pid_1::SCRIPT]);
            pid_1::expect_init(bench.scratch, run, "session-init")?;
        }
        ctr(&["images", "rm", "--sync", &name()])?;
        if ctr(&["images", "ls", "--quiet"])?.lines().any(|line| line == name()) {
            return failed("the image is still there");
        }
    }
    Ok("for both machines; its PID 1 is an init".to_owned())
}
