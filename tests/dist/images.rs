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
const NAMED: &str = "a Dockerfile names its machine's file by TARGETARCH";
const ALL: &str = "of the image of all machines it takes its own";

pub(crate) fn run(bench: &Bench<'_>) {
    for machine in MACHINES.iter() {
        bench.report.case(machine.name, "image", || contents(bench, machine));
    }
    let is_wanted = |group| [LOAD, COPY, ALL, NAMED].iter().any(|name| bench.report.wants(group, name));
    bench.report.case("skopeo", "copies the image of all machines, as to a registry", || copy_all(bench));
    // What the engines themselves would start with `--init`, which no case here does.
    let no_init = bench.dist.join("SHA256SUMS");
    if is_wanted("docker") {
        with(bench, "docker", &docker::start(bench.scratch, &bench.images, &no_init));
    }
    if is_wanted("podman") {
        let engine = podman::set_up(bench.scratch, &bench.images, &no_init);
        with(bench, "podman", &engine);
        // The builder of this docker sets no such variable.
        bench.report.case("podman", NAMED, || named_by_machine(bench, engine.as_ref().map_err(Clone::clone)?));
    }
    let is_wanted = bench.report.wants("containerd", LOAD) || bench.report.wants("containerd", ALL);
    if is_wanted {
        let engine = containerd_engine(bench);
        bench.report.case("containerd", LOAD, || containerd(bench, engine.as_ref().map_err(Clone::clone)?));
        bench.report.case("containerd", ALL, || index_in_containerd(bench, engine.as_ref().map_err(Clone::clone)?));
    }
}

fn name() -> String {
    format!("localhost/session-init:{VERSION}")
}

fn archive(bench: &Bench<'_>, machine: &Machine) -> Result<String> {
    let file = bench.artifact(&format!("session-init-{VERSION}-image-{}.tar", machine.short()))?;
    Ok(file.to_string_lossy().into_owned())
}

/// As the release does.
fn copy_all(bench: &Bench<'_>) -> Result<String> {
    need_all(&["skopeo"])?;
    let archive = bench.artifact(&format!("session-init-{VERSION}-image.tar"))?;
    let folder = bench.scratch.folder(bench.scratch.name())?;
    let (from, to) = (format!("oci-archive:{}", archive.display()), format!("oci:{}", folder.display()));
    bench.tool("skopeo", ["--insecure-policy", "copy", "--all", &from, &to])?;
    let known = bench.tool("skopeo", ["inspect", "--raw", &to])?;
    for machine in MACHINES.iter() {
        let (architecture, variant) = machine.image.split_once('/').unwrap_or((machine.image, ""));
        let variant = if variant.is_empty() { String::new() } else { format!(",\"variant\":\"{variant}\"") };
        let platform = format!("\"architecture\":\"{architecture}\",\"os\":\"linux\"{variant}}}");
        if !known.contains(&platform) {
            return failed(format!("{} is not in it: {known}", machine.image));
        }
    }
    Ok(format!("{} machines", MACHINES.len()))
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
    let program = bench.artifact(&format!("session-init-{}", machine.name))?;
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
    bench.report.case(group, ALL, || index(bench, engine.map_err(Clone::clone)?));
}

fn load(bench: &Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    for machine in MACHINES.iter() {
        engine.run_command(&["load", "--input", &archive(bench, machine)?])?;
        expect_platform(engine, &name(), machine)?;
        if machine.is_ours() {
            expect_to_run(bench, engine, &name())?;
        }
        remove(engine, &name())?;
    }
    Ok(format!("for {} machines", MACHINES.len()))
}

fn expect_platform(engine: &CommandLine<'_>, name: &str, machine: &Machine) -> Result<()> {
    // podman may know no variant, or may have none to tell.
    let platform = engine.run_command(&["image", "inspect", "--format={{.Os}}/{{.Architecture}}", name])?;
    let platform = platform.trim_end();
    if platform == machine.platform() || machine.platform().starts_with(&format!("{platform}/")) {
        return Ok(());
    }
    failed(format!("the image for {} is for {platform}", machine.image))
}

fn expect_to_run(bench: &Bench<'_>, engine: &CommandLine<'_>, name: &str) -> Result<()> {
    let container = Container { command: vec!["--version".to_owned()], ..image(bench, name) };
    expect_version(&bench.run(engine.run(&container)?)?)
}

/// The image of all machines. A docker with a store of its own makes an image for each of it.
fn index(bench: &Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    let ours = our_machine()?;
    engine.run_command(&[
        "load",
        "--input",
        &bench.artifact(&format!("session-init-{VERSION}-image.tar"))?.to_string_lossy(),
    ])?;
    let by_machine = |machine: &Machine| format!("{}-{}", name(), machine.short());
    let is_split = !engine.run_command(&["image", "ls", "--quiet", &by_machine(ours)])?.is_empty();
    let own = if is_split { by_machine(ours) } else { name() };
    expect_platform(engine, &own, ours)?;
    expect_to_run(bench, engine, &own)?;
    expect_to_be_copied_from(bench, engine, &own)?;
    if !is_split {
        remove(engine, &name())?;
        return Ok("by one name".to_owned());
    }
    for machine in MACHINES.iter() {
        expect_platform(engine, &by_machine(machine), machine)?;
        remove(engine, &by_machine(machine))?;
    }
    Ok("by a tag for each machine".to_owned())
}

fn copy(bench: &Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    engine.run_command(&["load", "--input", &archive(bench, our_machine()?)?])?;
    expect_to_be_copied_from(bench, engine, &name())?;
    remove(engine, &name())?;
    Ok("its PID 1 is an init".to_owned())
}

/// As the README has it: the variant is empty where there is none to tell.
fn named_by_machine(bench: &Bench<'_>, engine: &CommandLine<'_>) -> Result<String> {
    let file = bench.scratch.path("Dockerfile-by-machine");
    let dockerfile = format!(
        "FROM {BASE}\n\
         ARG TARGETARCH TARGETVARIANT\n\
         COPY --chmod=755 session-init-$TARGETARCH$TARGETVARIANT /usr/local/bin/session-init\n\
         ENTRYPOINT [\"session-init\", \"--\"]\n"
    );
    fs::write(&file, dockerfile)?;
    let tag = "localhost/by-machine:latest";
    let (file, dist) = (file.to_string_lossy(), bench.dist.to_string_lossy());
    engine.run_command(&["build", "--tag", tag, "--file", &file, &dist])?;
    let command = ["sh", "-c", pid_1::SCRIPT].map(str::to_owned).to_vec();
    let container = Container { command, ..image(bench, tag) };
    pid_1::expect_init(bench.scratch, engine.run(&container)?, "session-init")?;
    remove(engine, tag)?;
    Ok("its PID 1 is an init".to_owned())
}

/// Builds an image that has session-init from this one, and sees whether it is an init there.
fn expect_to_be_copied_from(bench: &Bench<'_>, engine: &CommandLine<'_>, name: &str) -> Result<()> {
    let dockerfile = format!(
        "FROM {BASE}\n\
         COPY --from={name} /session-init /usr/local/bin/session-init\n\
         ENTRYPOINT [\"session-init\", \"--\"]\n"
    );
    let tag = "localhost/copied:latest";
    engine.build(tag, &dockerfile)?;
    let command = ["sh", "-c", pid_1::SCRIPT].map(str::to_owned).to_vec();
    let container = Container { command, ..image(bench, tag) };
    pid_1::expect_init(bench.scratch, engine.run(&container)?, "session-init")?;
    remove(engine, tag)
}

fn image(bench: &Bench<'_>, name: &str) -> Container {
    Container::bare(bench.scratch, name)
}

fn remove(engine: &CommandLine<'_>, name: &str) -> Result<()> {
    engine.run_command(&["image", "rm", name])?;
    let left = engine.run_command(&["image", "ls", "--quiet", name])?;
    if left.trim_end().is_empty() { Ok(()) } else { failed(format!("{name} is still there")) }
}

fn containerd_engine<'suite>(bench: &Bench<'suite>) -> Result<Containerd<'suite>> {
    need_all(&["containerd", "ctr", "runc"])?;
    let Images { root, archives } = &bench.images;
    Containerd::start(bench.scratch, &Images { root: root.clone(), archives: archives.clone() })
}

fn containerd(bench: &Bench<'_>, engine: &Containerd<'_>) -> Result<String> {
    for machine in MACHINES.iter() {
        let platform = machine.platform();
        bench.run(engine.command(&["images", "import", "--platform", &platform, &archive(bench, machine)?]))?;
        expect_listed(bench, engine, &[&platform])?;
        if machine.is_ours() {
            expect_init_in_containerd(bench, engine)?;
        }
        remove_from_containerd(bench, engine)?;
    }
    Ok(format!("for {} machines; its PID 1 is an init", MACHINES.len()))
}

fn index_in_containerd(bench: &Bench<'_>, engine: &Containerd<'_>) -> Result<String> {
    let file = bench.artifact(&format!("session-init-{VERSION}-image.tar"))?;
    // Every part of it, as a registry has it; what is run is the part for this machine.
    bench.run(engine.command(&["images", "import", "--all-platforms", &file.to_string_lossy()]))?;
    let platforms: Vec<_> = MACHINES.iter().map(Machine::platform).collect();
    expect_listed(bench, engine, &platforms.iter().map(String::as_str).collect::<Vec<_>>())?;
    expect_init_in_containerd(bench, engine)?;
    remove_from_containerd(bench, engine)?;
    Ok("by one name; its PID 1 is an init".to_owned())
}

fn expect_listed(bench: &Bench<'_>, engine: &Containerd<'_>, platforms: &[&str]) -> Result<()> {
    let images = bench.run(engine.command(&["images", "ls"]))?;
    let line = images.lines().find(|line| line.starts_with(&format!("{} ", name())));
    let known: Vec<_> = line.unwrap_or_default().split([' ', ',']).collect();
    // Of the image for one ARM alone, this containerd takes no notice which it is for.
    let is_known = |platform: &&str| {
        let platform = if let ["linux/arm/v5"] = platforms { "linux/arm/v7" } else { platform };
        known.contains(&platform)
    };
    let count = known.iter().filter(|word| word.starts_with("linux/")).count();
    if platforms.iter().all(is_known) && count == platforms.len() {
        return Ok(());
    }
    failed(format!("the image for {platforms:?} is not in the list: {images}"))
}

/// The image has no shell: its root is the program, and what a case needs besides is mounted.
fn expect_init_in_containerd(bench: &Bench<'_>, engine: &Containerd<'_>) -> Result<()> {
    let Images { root, .. } = &bench.images;
    let mount = format!("type=bind,src={},dst=/bin,options=rbind:ro", root.join("bin").display());
    let mut run = engine.command(&["run", "--rm", "--mount", &mount, &name(), &bench.scratch.name()]);
    run.args(["/session-init", "--", "sh", "-c", pid_1::SCRIPT]);
    pid_1::expect_init(bench.scratch, run, "session-init")
}

fn remove_from_containerd(bench: &Bench<'_>, engine: &Containerd<'_>) -> Result<()> {
    bench.run(engine.command(&["images", "rm", "--sync", &name()]))?;
    let left = bench.run(engine.command(&["images", "ls", "--quiet"]))?;
    if left.lines().any(|line| line == name()) { failed("the image is still there") } else { Ok(()) }
}
