//! One line a case, the sum, and the table for the README.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::problem::{Problem, Result};
use super::sys;

/// What has been seen so far.
#[derive(Debug)]
pub(crate) struct Report {
    /// Where there are any, only the cases that hold one of these words are run.
    filters: Vec<String>,
    cases: Mutex<Vec<Case>>,
}

#[derive(Debug)]
struct Case {
    group: String,
    name: String,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    Passed(String),
    Failed,
    Skipped,
}

impl Report {
    pub(crate) fn new(filters: Vec<String>) -> Self {
        Self { filters, cases: Mutex::default() }
    }

    /// Is this case to be run?
    pub(crate) fn wants(&self, group: &str, name: &str) -> bool {
        let title = format!("{group}: {name}");
        self.filters.is_empty() || self.filters.iter().any(|filter| title.contains(filter))
    }

    /// Runs a case and prints how it went. What it answers with is what it has seen.
    pub(crate) fn case(&self, group: &str, name: &str, run: impl FnOnce() -> Result<String>) {
        if self.wants(group, name) && sys::interrupted_by().is_none() {
            self.last_case(group, name, run);
        }
    }

    /// The same, even for those who do not want it or cannot wait.
    pub(crate) fn last_case(&self, group: &str, name: &str, run: impl FnOnce() -> Result<String>) {
        let start = Instant::now();
        let result = run();
        let seconds = start.elapsed().as_secs_f32();
        let (line, verdict) = match result {
            Ok(seen) => (format!("ok       {group}: {name}: {seen} ({seconds:.1} s)"), Verdict::Passed(seen)),
            Err(Problem::Skipped(why)) => (format!("SKIPPED  {group}: {name}: {why}"), Verdict::Skipped),
            Err(Problem::Failed(why)) => {
                let why = why.trim().replace('\n', "\n         | ");
                (format!("FAILED   {group}: {name}: {why} ({seconds:.1} s)"), Verdict::Failed)
            }
            Err(Problem::Interrupted) => return,
        };
        print(&line);
        self.cases().push(Case { group: group.to_owned(), name: name.to_owned(), verdict });
    }

    /// What was seen, as a table in Markdown: a column for each group, a row for each of these names.
    pub(crate) fn table(&self, groups: &[&str], rows: &[&str]) -> String {
        let cases = self.cases();
        let mut table = format!("| |{}\n|---|{}\n", cells(groups), cells(groups.iter().map(|_| "---")));
        for row in rows {
            let seen = groups.iter().map(|group| {
                let case = cases.iter().find(|case| case.group == *group && case.name == *row);
                match case.map(|case| &case.verdict) {
                    Some(Verdict::Passed(seen)) => seen.as_str(),
                    Some(Verdict::Failed) => "**fails**",
                    Some(Verdict::Skipped) => "not tested",
                    None => "–",
                }
            });
            let _ = writeln!(table, "| {row} |{}", cells(seen));
        }
        table
    }

    /// Has every case of these groups been run and passed?
    pub(crate) fn is_complete(&self, groups: &[&str]) -> bool {
        let passed = |group: &&str| {
            let cases = self.cases();
            let mut cases = cases.iter().filter(|case| case.group == *group).peekable();
            cases.peek().is_some() && cases.all(|case| matches!(case.verdict, Verdict::Passed(_)))
        };
        self.filters.is_empty() && sys::interrupted_by().is_none() && groups.iter().all(passed)
    }

    /// Prints the sum. Has nothing failed?
    pub(crate) fn sum_up(&self) -> bool {
        let cases = self.cases();
        let count = |is: fn(&Verdict) -> bool| cases.iter().filter(|case| is(&case.verdict)).count();
        let failed = count(|verdict| matches!(verdict, Verdict::Failed));
        let skipped = count(|verdict| matches!(verdict, Verdict::Skipped));
        let mut line = format!("{} passed, {failed} failed", count(|verdict| matches!(verdict, Verdict::Passed(_))));
        if skipped > 0 {
            let _ = write!(line, ", {skipped} skipped");
        }
        print(&line);
        failed == 0
    }

    fn cases(&self) -> MutexGuard<'_, Vec<Case>> {
        self.cases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cells<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    cells.into_iter().fold(String::new(), |row, cell| row + " " + cell.as_ref() + " |")
}

/// Prints a line; a reader that has gone is no reason to stop before everything has been put away.
pub(crate) fn print(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}
