//! The README: its picture is true. The tables of what the suite sees, in .docs, are made from the lists of the
//! cases, each between two marks. `make docs` writes them, and one that says something else is a failure.

use std::fs;
use std::path::PathBuf;

use crate::support::process::Stat;
use crate::support::signal::{USR1, USR2};
use crate::support::test::{Test, tests};
use crate::support::{Init, Running, process};
use crate::{compatibility, terminals};

pub(crate) const TESTS: &[Test] = tests![its_tables_are_current, its_picture_shows_whom_a_target_reaches];

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
