//! The README: its recipes do what it says, and its tables of what the suite sees are made from the lists of the cases, each
//! between two marks. `make docs` writes them, and a table that says something else than its list is a failure.

use std::fs;
use std::path::PathBuf;

use crate::support::signal::{KILL, TERM};
use crate::support::test::{Test, tests};
use crate::support::{Init, scratch};
use crate::{compatibility, terminals};

pub(crate) const TESTS: &[Test] = tests![its_tables_are_current, its_recipes_do_what_they_are_for: BASH];

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn text() -> String {
    fs::read_to_string(path()).expect("the README is there")
}

/// This text with the tables of today.
fn with_current_tables(mut text: String) -> String {
    for (name, table) in [("differences", compatibility::tables()), ("terminals", terminals::table())] {
        let (begin, end) = (format!("<!-- {name}: made by `make docs` -->\n"), format!("<!-- end of {name} -->\n"));
        let (before, rest) = text.split_once(&begin).expect("the README has the mark that the table begins");
        let (_, after) = rest.split_once(&end).expect("the README has the mark that the table ends");
        text = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    text
}

/// Puts them into the README.
pub(crate) fn write() {
    fs::write(path(), with_current_tables(text())).expect("the README can be written");
}

fn its_tables_are_current() {
    assert!(text() == with_current_tables(text()), "run `make docs`");
}

/// A program that a recipe starts, played by the suite: its name, and what a shell makes of it.
const PROGRAMS: [(&str, &str); 10] = [
    ("nginx", "[ $# -gt 0 ] && exec $ROLE serve 0; exec $ROLE serve-in-background"),
    ("php-fpm", "exec $ROLE serve 0"),
    ("gunicorn", "exec $ROLE serve 0"),
    ("node", "exec $ROLE serve 0"),
    ("java", "exec $ROLE serve 143"),
    ("postgres", "exec $ROLE serve 0"),
    ("build.sh", "$ROLE serve-in-background"),
    ("migrate", "echo migrated"),
    ("server", "exec $ROLE serve 0"),
    ("worker", "exec $ROLE serve 0"),
];

/// A row of the recipes: the program, what is said by those that get a signal, and the exit status in the end.
const RECIPES: [(&str, &[&str], i32); 10] = [
    ("nginx", &["master got QUIT", "worker got QUIT"], 0),
    ("nginx as a daemon", &["master got QUIT"], 0),
    ("php-fpm", &["master got QUIT", "worker got PWR"], 0),
    ("gunicorn", &["master got TERM", "worker got PWR"], 0),
    ("Node.js", &["master got TERM", "worker got TERM"], 0),
    ("Java", &["master got TERM"], 0),
    ("PostgreSQL", &["master got INT", "worker got PWR"], 0),
    ("a step of a CI job", &["master got TERM"], 0),
    ("a pre-start script", &["migrated", "master got TERM"], 0),
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
