//! The tools that run a program as another user, before session-init and below it: what becomes of a TERM.

use std::fmt::Write as _;

use crate::Case;
use crate::support::problem::Result;
use crate::support::scratch::need;

/// The script, among the recipes, that runs a line of the table.
pub(crate) const SCRIPT: &str = "users";

/// What the script looks for: the columns of the table, and what they are called there.
const COLUMNS: [(&str, &str); 3] = [
    ("a TERM", "gets the TERM"),
    ("just one of them", "gets it once"),
    ("more than two seconds to end", "has more than two seconds"),
];

/// A line, and what the program does not get below it.
#[derive(Clone, Copy)]
struct Row {
    line: &'static str,
    loses: &'static [&'static str],
    /// What it gets by luck: two TERMs in one moment are one to it, and it may be killed as soon as it has got one.
    by_luck: &'static [&'static str],
    /// What there is to say of it.
    advice: &'static str,
}

const fn good(line: &'static str, advice: &'static str) -> Row {
    Row { line, loses: &[], by_luck: &[], advice }
}

const fn bad(line: &'static str, loses: &'static [&'static str], advice: &'static str) -> Row {
    Row { line, loses, by_luck: &[], advice }
}

const fn by_luck(luck: &'static [&'static str], row: Row) -> Row {
    Row { by_luck: luck, ..row }
}

const TERM: &str = COLUMNS[0].0;
const ONCE: &str = COLUMNS[1].0;
const LONG: &str = COLUMNS[2].0;
const KILLS: &str = "kills two seconds after a TERM: write `gosu` or `setpriv`, or a shell in between and `--grace`";
const KILLS_INIT: &str = "the same, with session-init in its place: put session-init first";
const BECOMES: &str = "becomes its program";
const PASSES: &str = "passes TERM on, and waits";
const PASSES_TOO: &str = "passes on what the program has got already: write `--target child`";
const SHELL: &str = "the shell ends at once, and what it leaves is killed: write `--grace`";
const GRACE: &str = "what the shell leaves has the grace";

const ROWS: [Row; 21] = [
    good("session-init -- gosu nobody ./job", BECOMES),
    good("session-init -- setpriv --reuid nobody --regid nogroup --clear-groups ./job", BECOMES),
    good("session-init --target child -- sudo -u nobody ./job", PASSES),
    by_luck(&[ONCE], good("session-init -- sudo -u nobody ./job", PASSES_TOO)),
    by_luck(&[ONCE], good("session-init --target all --grace 9s -- sudo -u nobody ./job", PASSES_TOO)),
    by_luck(&[TERM], bad("session-init -- sudo -u nobody sh -c './job; echo ended'", &[LONG], SHELL)),
    by_luck(&[ONCE], good("session-init --grace 9s -- sudo -u nobody sh -c './job; echo ended'", GRACE)),
    bad("session-init -- su nobody -s /bin/sh -c 'exec ./job'", &[LONG], KILLS),
    bad("session-init -- runuser nobody -s /bin/sh -c 'exec ./job'", &[LONG], KILLS),
    bad("session-init --target child -- runuser -u nobody -- ./job", &[LONG], KILLS),
    by_luck(&[ONCE], bad("session-init -- runuser -u nobody -- ./job", &[LONG], KILLS)),
    by_luck(
        &[ONCE],
        bad("session-init --target all --grace 9s -- su nobody -s /bin/sh -c 'exec ./job'", &[LONG], KILLS),
    ),
    bad("session-init -- su nobody -s /bin/sh -c './job; echo ended'", &[TERM, LONG], SHELL),
    good("session-init --grace 9s -- su nobody -s /bin/sh -c './job; echo ended'", GRACE),
    good("session-init --grace 9s -- runuser nobody -s /bin/sh -c './job; echo ended'", GRACE),
    good("gosu nobody session-init -- ./job", BECOMES),
    good("setpriv --reuid nobody --regid nogroup --clear-groups session-init -- ./job", BECOMES),
    good("sudo -u nobody session-init -- ./job", PASSES),
    bad("su nobody -s /bin/sh -c 'exec session-init -- ./job'", &[LONG], KILLS_INIT),
    bad("runuser nobody -s /bin/sh -c 'exec session-init -- ./job'", &[LONG], KILLS_INIT),
    bad("runuser -u nobody -- session-init -- ./job", &[LONG], KILLS_INIT),
];

/// Each line of the table.
pub(crate) fn cases() -> Vec<Case> {
    ROWS.iter()
        .map(|row| Case { group: SCRIPT.to_owned(), name: row.line.to_owned(), run: Box::new(run(row)) })
        .collect()
}

fn run(row: &'static Row) -> impl Fn(&crate::World) -> Result<String> {
    move |world| {
        ["su", "runuser", "sudo", "gosu", "setpriv", "python3"]
            .into_iter()
            .try_for_each(|tool| need(tool).map(drop))?;
        let labels = COLUMNS.iter().map(|(label, _)| *label).chain([crate::recipe::ENDS]).map(str::to_owned).collect();
        let loses: Vec<_> = row.loses.iter().map(|label| (*label).to_owned()).collect();
        let seen = world.seen(SCRIPT, row.line, &loses)?;
        row.by_luck.iter().fold(seen, |seen, label| seen.or_kept(label)).compare(&labels, &loses)
    }
}

/// The part of the document.
pub(crate) fn section() -> String {
    let mut section = "
## Users and rights

What becomes of a TERM to PID 1 where the program runs as another user. It counts its TERMs and
takes three seconds to end.

| line |"
        .to_owned();
    for (_, heading) in COLUMNS {
        let _ = write!(section, " {heading} |");
    }
    section.push_str(" |\n|---|---|---|---|---|\n");
    for Row { line, loses, by_luck, advice } in ROWS {
        let _ = write!(section, "| `{line}` |");
        for (label, _) in COLUMNS {
            section.push_str(match label {
                _ if loses.contains(&label) => " **no** |",
                _ if by_luck.contains(&label) => " not always |",
                _ => " yes |",
            });
        }
        let _ = writeln!(section, " {advice} |");
    }
    section
}
