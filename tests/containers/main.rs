//! session-init in real container engines, in the surroundings that images have, and in the examples.
//!
//! ```sh
//! cargo test --test containers -- [--table] [WORD...]
//! ```
//!
//! runs the cases that hold one of the words, or all of them, and prints one line each; `--table` prints the table of the
//! README as well. `SESSION_INIT_BIN` is the binary to be tested, which has to be static. With `CONTROL=1` a PID 1 that is
//! no init takes its place: then the suite has to fail.
//!
//! Nothing here uses a daemon that runs already, or the network, but for the Python package that knows what a Kubernetes
//! Pod looks like. Everything lies in one temporary folder, in a mount namespace where the engines' own folders are empty,
//! and is stopped and removed in the end, also after Ctrl-C.

mod behaviour;
mod control;
mod crossings;
mod engine;
mod examples;
mod host;
mod image;
mod special;
mod stops;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod wild;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use behaviour::{Bench, CASES, Case};
use engine::bubblewrap::Bubblewrap;
use engine::lxc::Lxc;
use engine::nspawn::Nspawn;
use engine::{CommandLine, Containerd, Engine, Runtime, docker, podman};
use examples::{Checkout, EXAMPLES, Example, Validator, With};
use host::{Host, Program};
use image::Images;
use problem::{Doing as _, Problem, Result, failed, skipped};
use report::{Report, print};
use scratch::Scratch;
use support::{problem, process, report, scratch, sys};

fn main() -> ExitCode {
    let (options, words): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|word| word.starts_with('-'));
    let report = Report::new(words);
    if let Err(problem) = run(&report) {
        report.last_case("suite", "set-up", || Err(problem));
    }
    if options.iter().any(|option| option == "--table") {
        print(&report.table(&engine::NAMES, &rows()));
    }
    if report.is_complete(&engine::NAMES) {
        let table = report.table(&engine::NAMES, &rows());
        report.case(".docs/engines.md", "the table", || compare_with_document(&table));
    }
    let passed = report.sum_up();
    if let Some(signal) = sys::interrupted_by() {
        let _ = sys::die_of(signal);
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Everything, from the temporary folder to its end.
fn run(report: &Report) -> Result<()> {
    if !sys::is_root() {
        return skipped("only root can run containers without help");
    }
    sys::watch_for_interrupts()?;
    let scratch = Scratch::new()?;
    let validator =
        schema_example().filter(|example| report.wants("example", example.name)).map(|_| Validator::install(&scratch));
    let result = run_in(&scratch, report, validator);
    report.last_case("suite", "nothing is left running", || scratch.tear_down().map(|()| "nothing".to_owned()));
    result
}

fn run_in(scratch: &Scratch, report: &Report, validator: Option<Validator>) -> Result<()> {
    let no_init = control::make(scratch)?;
    let is_control = env::var_os("CONTROL").is_some_and(|value| value == "1");
    let init = if is_control { no_init.clone() } else { binary()? };
    let images = Images::make(scratch, "images", &init)?;
    let suite = Suite { scratch, report, images: &images, init: &init };
    let mut parts: Vec<Box<dyn FnOnce() + Send + '_>> = vec![
        Box::new(|| suite.runtime("runc")),
        Box::new(|| suite.runtime("crun")),
        Box::new(|| suite.podman()),
        Box::new(|| suite.docker()),
        Box::new(|| suite.containerd()),
        Box::new(|| suite.runtime("runsc")),
        Box::new(|| suite.docker_with_runsc()),
        Box::new(|| suite.nspawn()),
        Box::new(|| suite.lxc()),
        Box::new(|| suite.bubblewrap()),
        Box::new(|| suite.examples_on_host(validator)),
    ];
    for program in wild::PROGRAMS.iter().chain(&stops::PROGRAMS) {
        parts.push(Box::new(|| suite.program(program)));
    }
    if !is_control {
        parts.push(Box::new(|| suite.control(&no_init)));
    }
    // They mostly wait, so they do it side by side.
    thread::scope(|threads| {
        let start = |part| thread::Builder::new().spawn_scoped(threads, part).doing("start a thread").map(drop);
        parts.into_iter().try_for_each(start)
    })
}

/// The binary to be tested.
fn binary() -> Result<PathBuf> {
    let built = || repository().join("target/static/session-init");
    let file = env::var_os("SESSION_INIT_BIN").map_or_else(built, PathBuf::from);
    if file.is_file() { Ok(file) } else { failed(format!("there is no {}: run 'make static'", file.display())) }
}

/// The example that has to be installed something for.
fn schema_example() -> Option<&'static Example> {
    EXAMPLES.iter().find(|example| example.with == With::Validator)
}

/// The folder that holds Cargo.toml.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cases that every engine runs and that the table has.
fn cases_of_table() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(&crossings::CASES)
}

/// The rows of the table in .docs/engines.md.
fn rows() -> Vec<&'static str> {
    cases_of_table().map(|case| case.name).chain([special::OWN_INIT, special::STOP_SIGNAL, special::POD]).collect()
}

type Run<'suite, E> = Box<dyn FnOnce(&E) -> Result<String> + 'suite>;

/// A case of an engine.
struct Work<'suite, E> {
    group: &'static str,
    name: &'static str,
    run: Run<'suite, E>,
}

fn compare_with_document(table: &str) -> Result<String> {
    let document = fs::read_to_string(repository().join(".docs/engines.md")).doing("read .docs/engines.md")?;
    if document.contains(table) {
        return Ok("says what was seen".to_owned());
    }
    failed(format!("has another table than this one, which is what was seen:\n{table}"))
}

/// What every part of the suite needs.
#[derive(Clone, Copy)]
struct Suite<'suite> {
    scratch: &'suite Scratch,
    report: &'suite Report,
    images: &'suite Images,
    init: &'suite Path,
}

impl<'suite> Suite<'suite> {
    fn bench<'engine>(self, engine: &'engine dyn Engine) -> Bench<'engine>
    where
        'suite: 'engine,
    {
        Bench { engine, scratch: self.scratch, patience: Duration::from_secs(20), stop_after: 10 }
    }

    /// Starts an engine, unless nothing is wanted of it, and lets it do its work.
    fn work<E>(self, start: impl FnOnce() -> Result<E>, mut work: Vec<Work<'suite, E>>) {
        work.retain(|work| self.report.wants(work.group, work.name));
        if work.is_empty() {
            return;
        }
        let mut engine = start();
        for Work { group, name, run } in work {
            self.report.case(group, name, || match &engine {
                Ok(engine) => run(engine),
                Err(problem) => Err(problem.clone()),
            });
            if let Err(Problem::Failed(why)) = &mut engine {
                "the engine did not start".clone_into(why);
            }
        }
    }

    /// The cases that every engine runs.
    fn shared<E: Engine>(self, name: &'static str) -> Vec<Work<'suite, E>> {
        let work = |case: &'static Case| Work {
            group: name,
            name: case.name,
            run: Box::new(move |engine: &E| (case.run)(self.bench(engine))),
        };
        cases_of_table().chain(&wild::CASES).map(work).collect()
    }

    fn runtime(self, name: &'static str) {
        self.work(|| Runtime::new(name, self.scratch, name, self.images), self.shared(name));
    }

    fn containerd(self) {
        self.work(|| Containerd::start(self.scratch, self.images), self.shared("containerd"));
    }

    fn nspawn(self) {
        self.work(|| Nspawn::new(self.scratch, self.images), self.shared(engine::NSPAWN));
    }

    fn lxc(self) {
        self.work(|| Lxc::new(self.scratch, self.images), self.shared(engine::LXC));
    }

    fn bubblewrap(self) {
        self.work(|| Bubblewrap::new(self.scratch, self.images), self.shared(engine::BUBBLEWRAP));
    }

    fn docker_with_runsc(self) {
        let mut work = self.shared(engine::DOCKER_RUNSC);
        work.extend(self.special(engine::DOCKER_RUNSC));
        self.work(|| docker::start_with_runsc(self.scratch, self.images, self.init), work);
    }

    fn docker(self) {
        let mut work = self.shared("docker");
        work.extend(self.special("docker"));
        work.extend(self.examples("docker example", &[With::Engine, With::Compose]));
        self.work(|| docker::start(self.scratch, self.images, self.init), work);
    }

    fn podman(self) {
        let mut work = self.shared("podman");
        work.extend(self.special("podman"));
        work.push(Work {
            group: "podman",
            name: special::POD,
            run: Box::new(move |podman| special::pod(self.bench(podman), podman)),
        });
        work.push(Work {
            group: "podman",
            name: wild::PAUSE,
            run: Box::new(move |podman| wild::pause(self.bench(podman), podman)),
        });
        work.extend(self.examples("podman example", &[With::Engine, With::Podman]));
        self.work(|| podman::set_up(self.scratch, self.images, self.init), work);
    }

    fn special(self, group: &'static str) -> [Work<'suite, CommandLine<'suite>>; 3] {
        [
            Work { group, name: special::OWN_INIT, run: Box::new(move |engine| special::own_init(self.bench(engine))) },
            Work { group, name: wild::INIT_OPTION, run: Box::new(move |engine| wild::child_alone(self.bench(engine))) },
            Work {
                group,
                name: special::STOP_SIGNAL,
                run: Box::new(move |engine| special::stop_signal(self.bench(engine), engine)),
            },
        ]
    }

    /// The examples that can be run with docker, or with podman.
    fn examples(self, group: &'static str, with: &[With]) -> Vec<Work<'suite, CommandLine<'suite>>> {
        let work = |example: &'static Example| Work {
            group,
            name: example.name,
            run: Box::new(move |engine: &CommandLine<'_>| self.checkout()?.run_with_engine(example, engine)),
        };
        EXAMPLES.iter().filter(|example| with.contains(&example.with)).map(work).collect()
    }

    /// The examples that need neither.
    fn examples_on_host(self, validator: Option<Validator>) {
        for example in EXAMPLES.iter().filter(|example| matches!(example.with, With::Host | With::Network)) {
            self.report.case("example", example.name, || self.checkout()?.run_on_host(example));
        }
        self.report.case("example", "all of the READMEs", || self.checkout()?.all_are_run());
        self.report.case("example", "ci, GitHub's shell line", || self.checkout()?.github_shell());
        self.report.case("example", "ci, GitLab's script", || self.checkout()?.gitlab_script());
        if let Some((example, validator)) = schema_example().zip(validator) {
            self.report.case("example", example.name, || validator.run(&self.checkout()?, example));
        }
    }

    fn checkout(self) -> Result<Checkout<'suite>> {
        Checkout::make(self.scratch, repository(), self.init)
    }

    fn program(self, program: &Program) {
        let host = Host { scratch: self.scratch, init: self.init };
        self.report.case("program", program.name, || (program.run)(&host));
    }

    /// Runs the cases once more where PID 1 is no init.
    fn control(self, no_init: &Path) {
        let start = || {
            let images = Images::make(self.scratch, "control/images", no_init)?;
            Runtime::new("runc", self.scratch, "control", &images)
        };
        let work = |case: &'static Case| Work {
            group: "control",
            name: case.name,
            run: Box::new(move |engine: &Runtime<'_>| {
                let bench = Bench { patience: Duration::from_secs(3), stop_after: 2, ..self.bench(engine) };
                control::expect_failure(bench, case)
            }),
        };
        self.work(start, cases_of_table().chain(&wild::CASES).filter(|case| case.needs_init).map(work).collect());
    }
}
