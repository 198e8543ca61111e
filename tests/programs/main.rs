//! The recipes, with the real programs: each line as it stands, with something in flight when the signal comes.
//!
//! ```sh
//! cargo test --test programs -- [WORD...]
//! ```
//!
//! runs the recipes that hold one of the words, or all of them. Each is a file in `recipes`: a head, which
//! `.docs/recipes.md` is made of, and a script, which `world.sh` runs in namespaces of its own. Its line must lose
//! nothing, and each of its wrong lines exactly what the head says: a control that loses nothing any more is a failure.
//! What lacks its program is skipped by name. `cargo test --test programs -- write` writes the document.

mod document;
mod inspect;
mod recipe;
#[path = "../support/mod.rs"]
mod support;
mod users;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, id};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use recipe::Recipe;
use support::problem::{Doing as _, Result, failed, skipped};
use support::process::run;
use support::report::{Report, print};
use support::scratch::{PATH, need};
use support::sys;

/// How many run side by side: they mostly wait.
const SIDE_BY_SIDE: usize = 4;

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    if words == ["write"] {
        return match document::write() {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                print(&problem.to_string());
                ExitCode::FAILURE
            }
        };
    }
    let report = Report::new(words);
    if let Err(problem) = run_all(&report) {
        report.last_case("suite", "set-up", || Err(problem));
    }
    report.case("documents", "the recipes are current", document::check);
    let passed = report.sum_up();
    if let Some(signal) = sys::interrupted_by() {
        let _ = sys::die_of(signal);
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Run = Box<dyn Fn(&World) -> Result<String> + Send + Sync>;

/// A line, and what is to be seen of it.
struct Case {
    group: String,
    name: String,
    run: Run,
}

fn run_all(report: &Report) -> Result<()> {
    let recipes = recipe::all()?;
    let mut cases: Vec<_> = recipes.iter().flat_map(cases_of).chain(users::cases()).chain(inspect::cases()).collect();
    cases.retain(|case| report.wants(&case.group, &case.name));
    if cases.is_empty() {
        return Ok(());
    }
    if !sys::is_root() {
        return skipped("only root can make namespaces without help");
    }
    sys::watch_for_interrupts()?;
    let world = World::new()?;
    let next = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..SIDE_BY_SIDE {
            threads.spawn(|| {
                while let Some(Case { group, name, run }) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    report.case(group, name, || run(&world));
                }
            });
        }
    });
    Ok(())
}

/// The line of a recipe, which loses nothing, and the wrong ones, which do.
fn cases_of(recipe: &Recipe) -> Vec<Case> {
    let case = |line: &str, loses: &[String]| {
        let (recipe, line, loses) = (recipe.clone(), line.to_owned(), loses.to_vec());
        Case {
            group: recipe.name.clone(),
            name: line.clone(),
            run: Box::new(move |world| {
                let init = line.split(' ').next().filter(|word| ["tini", "dumb-init"].contains(word));
                recipe.needs.iter().map(String::as_str).chain(init).try_for_each(|program| need(program).map(drop))?;
                let seen = world.seen(&recipe.script, &line, &loses)?;
                // What breaks off may get stuck as well, and that is a matter of luck.
                let is_lucky = !loses.is_empty() && !loses.iter().any(|label| label == recipe::ENDS);
                if is_lucky { seen.or_kept(recipe::ENDS) } else { seen }.compare(&recipe.labels, &loses)
            }),
        }
    };
    let wrong = recipe.wrong.iter().map(|wrong| case(&wrong.line, &wrong.loses));
    [case(&recipe.line, &[])].into_iter().chain(wrong).collect()
}

/// Where recipes are run.
struct World {
    init: PathBuf,
    /// For what they print.
    folder: PathBuf,
    names: AtomicUsize,
}

impl World {
    fn new() -> Result<Self> {
        let built = || repository().join("target/static/session-init");
        let init = env::var_os("SESSION_INIT_BIN").map_or_else(built, PathBuf::from);
        if !init.is_file() {
            return failed(format!("there is no {}: run 'make static'", init.display()));
        }
        let folder = env::temp_dir().join(format!("session-init-programs.{}", id()));
        fs::create_dir(&folder).doing("create a folder")?;
        Ok(Self { init, folder, names: AtomicUsize::new(0) })
    }

    /// Runs a script with a line. What is kept, and what is lost?
    fn seen(&self, script: &str, line: &str, loses: &[String]) -> Result<Seen> {
        // What nothing ends need not be waited for as long as what has to end.
        let patience = if loses.iter().any(|label| label == recipe::ENDS) { "3" } else { "10" };
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--net", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-u"])
            .args([folder().join("world.sh"), folder().join("recipes").join(script)])
            .arg(&self.init)
            .env_clear()
            .envs([("HOME", "/root"), ("LANG", "C.UTF-8"), ("PATH", PATH), ("LINE", line), ("PATIENCE", patience)])
            .current_dir("/");
        let name = self.names.fetch_add(1, Ordering::Relaxed).to_string();
        let text = run(command, &self.folder.join(name))?;
        match text.lines().find_map(|line| line.strip_prefix("SKIPPED ")) {
            Some(why) => skipped(why),
            None => Ok(Seen::of(&text)),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a script says.
struct Seen {
    kept: BTreeSet<String>,
    lost: BTreeSet<String>,
    text: String,
}

impl Seen {
    fn of(text: &str) -> Self {
        let those = |word: &str| text.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect();
        Self { kept: those("kept "), lost: those("lost "), text: text.to_owned() }
    }

    /// The same, where it does not matter whether this was kept.
    fn or_kept(mut self, label: &str) -> Self {
        self.kept.extend(self.lost.take(label));
        self
    }

    /// Is just this lost, and everything else kept?
    fn compare(self, labels: &BTreeSet<String>, loses: &[String]) -> Result<String> {
        let all: BTreeSet<_> = self.kept.union(&self.lost).cloned().collect();
        if all != *labels {
            return failed(format!("it says nothing about some of {labels:?}:\n{}", self.text));
        }
        if self.lost != loses.iter().cloned().collect() {
            return failed(format!("what it should lose is {loses:?}:\n{}", self.text));
        }
        let list = |labels: BTreeSet<_>| labels.into_iter().collect::<Vec<_>>().join(", ");
        Ok(if self.lost.is_empty() {
            format!("kept {}", list(self.kept))
        } else {
            format!("loses {}, as it has to", list(self.lost))
        })
    }
}

/// The folder that holds Cargo.toml.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder that holds this suite.
fn folder() -> PathBuf {
    repository().join("tests/programs")
}
