//! The README's tables of what the suite sees: made from the lists of the cases, each between two marks. `make docs` writes
//! them, and a table that says something else than its list is a failure.

use std::fs;
use std::path::PathBuf;

use crate::support::test::{Test, tests};
use crate::{compatibility, terminals};

pub(crate) const TESTS: &[Test] = tests![its_tables_are_current];

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
