//! The README: its picture and its recipes are true. The tables of what the suite sees, in .docs, are made from the lists of the
//! cases, each between two marks. `make docs` writes them, and one that says something else is a failure.

use std::fs;
use std::path::PathBuf;

use crate::support::process::Stat;
use crate::support::signal::{KILL, TERM, USR1, USR2};
use crate::support::test::{Test, tests};
use crate::support::{Init, Running, process, scratch};
use crate::{compatibility, terminals};

pub(crate) const TESTS: &[Test] =
    tests![its_tables_are_current, its_picture_shows_whom_a_target_reaches, its_recipes_do_what_they_are_for: BASH];

fn text() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(path).expect("the README is there")
}

/// Each document with a table of what the suite sees: its path, the text in it, and that text with the table of today.
fn documents() -> [(PathBuf, String, String); 2] {
    [("differences", compatibility::tables()), ("terminals", terminals::table())].map(|(name, table)| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".docs").join(name).with_extension("md");
        let text = fs::read_to_string(&path).expect("the document is there");
        let (begin, end) = (format!("<!-- {name}: made by `make docs` -->\n"), format!("<!-- end of {name} -->\n"));
        let (before, rest) = text.split_once(&begin).expect("it has the mark that the table begins");
        let (_, after) = rest.split_once(&end).expect("it has the mark that the table ends");
        let current = format!("{before}{begin}\n{table}\n{end}{after}");
        (path, text, current)
    })
}

/// Puts the tables into them.
pub(crate) fn write() {
    for (path, _, current) in documents() {
        fs::write(path, current).expect("the document can be written");
    }
}

fn its_tables_are_current() {
    for (path, text, current) in documents() {
        assert!(text == current, "run `make docs`: {} is out of date", path.display());
    }
}

/// What a row of the picture is about, and the program that is started for it.
const PICTURED: [(&str, &str); 5] =
    [(" 7 ", "sh"), (" 8 ", "tee"), (" 9 ", "timeout"), (" 10 ", "sleep"), (" 11 ", "tail")];
const PICTURED_SCRIPT: &str = "setsid tail -f /dev/null & timeout 60 sleep 60 | tee /dev/null";

fn its_picture_shows_whom_a_target_reaches() {
    let text = text();
    let (head, picture) = text
        .split_once("\n## What reaches whom\n\n```text\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .and_then(|(picture, _)| picture.split_once('\n'))
        .expect("the README has a picture");
    for target in ["child", "group", "session", "all"] {
        let column = head.find(target).expect("it has a column");
        let is_reached = |row: &str| {
            let line = picture.lines().find(|line| line.contains(row)).expect("it has a row");
            line.chars().skip(column).take(target.len()).any(|character| character == 'x')
        };
        let shown = PICTURED.map(|(row, name)| (name, is_reached(row)));
        // Nobody takes the signals: who has been sent one can be seen. All are sent the second.
        let run =
            Init::new().blocking([USR1, USR2]).options(["--target", target, "-r", "USR2@all"]).sh(PICTURED_SCRIPT);
        let named = |run: &Running, name| process::descendants(run.pid()).into_iter().find(|stat| stat.name == name);
        let pending = |run: &Running, name, signal| {
            let stat = named(run, name).expect("it is there");
            process::signal_sets(stat.pid).is_some_and(|sets| sets.pending.contains(signal))
        };
        let run = run.wait_until("has started everything", |run| {
            let leads = |name, of: fn(&Stat) -> i32| named(run, name).is_some_and(|stat| of(&stat) == stat.pid);
            let (is_in_group, is_in_session) =
                (leads("timeout", |stat| stat.group), leads("tail", |stat| stat.session));
            is_in_group && is_in_session && PICTURED.iter().all(|(_, name)| named(run, name).is_some())
        });
        let run = run.send(USR1).send(USR2);
        let run =
            run.wait_until("has sent the second", |run| PICTURED.iter().all(|(_, name)| pending(run, name, USR2)));
        assert_eq!(PICTURED.map(|(_, name)| (name, pending(&run, name, USR1))), shown, "--target {target}");
    }
}

/// A program that a recipe starts, played by the suite: its name, and what a shell makes of it.
const PROGRAMS: [(&str, &str); 7] = [
    ("nginx", "[ $# -gt 0 ] && exec $ROLE serve 0; exec $ROLE serve-in-background"),
    ("php-fpm", "exec $ROLE serve 0"),
    ("gunicorn", "exec $ROLE serve 0"),
    ("java", "exec $ROLE serve 143"),
    ("postgres", "exec $ROLE serve 0"),
    ("build.sh", "$ROLE serve-in-background"),
    ("worker", "exec $ROLE serve 0"),
];

/// A row of the recipes: the program, what is said by those that get a signal, and the exit status in the end.
const RECIPES: [(&str, &[&str], i32); 7] = [
    ("nginx", &["master got QUIT", "worker got QUIT"], 0),
    ("php-fpm", &["master got QUIT", "worker got PWR"], 0),
    ("gunicorn", &["master got TERM", "worker got PWR"], 0),
    ("Java", &["master got TERM"], 0),
    ("PostgreSQL", &["master got INT", "worker got PWR"], 0),
    ("a step of a CI job", &["master got TERM"], 0),
    ("several programs", &["master got TERM"], 137),
];

fn its_recipes_do_what_they_are_for() {
    let text = text();
    let (_, rows) = text.split_once("\n## Recipes\n").expect("the README has recipes");
    let rows =
        rows.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let rows = rows.map(|row| {
        let (cells, code) =
            row.trim_end_matches("` |").split_once(" | `session-init ").expect("it ends with a command");
        (cells.trim_start_matches("| ").split(" | ").next().unwrap(), code)
    });
    let rows: Vec<(&str, &str)> = rows.collect();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), RECIPES.map(|recipe| recipe.0));
    let folder = scratch::new_folder("recipes");
    for (name, script) in PROGRAMS {
        scratch::executable(&folder, name, &format!("#!/bin/sh\n{script}\n"));
    }
    scratch::executable(&folder, "web", "#!/bin/sh\necho web $$; exec sleep 99\n");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    for ((program, line), (_, says, status)) in rows.into_iter().zip(RECIPES) {
        let init = Init::new().in_directory(&folder).variable("PATH", &path);
        let run = init.from_script(&format!("exec $INIT {line}")).wait_for("ready");
        let run = match program {
            // It has ended by itself.
            "a step of a CI job" => run,
            "several programs" => {
                let web = run.pid_behind("web");
                run.send_to(web, KILL)
            }
            _ => run.send(TERM),
        };
        let ended = run.expect_exit(status).nothing_left();
        says.iter().fold(ended, |ended, line| ended.stdout_has(line));
    }
}
