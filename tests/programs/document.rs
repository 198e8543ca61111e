//! `.docs/recipes.md`, made of the heads of the recipes, and a table of some of them in the README, where that has the
//! marks for one. What they say is what the suite has to see.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::recipe::{PARTS, Recipe};
use crate::support::problem::{Doing as _, Result, failed};
use crate::{repository, users};

/// The recipes that the README shows.
const IN_README: [&str; 6] = ["nginx", "php-fpm", "gunicorn", "java", "postgres", "several"];
const MARKS: [&str; 2] = ["<!-- recipes: made by `make docs` -->\n", "<!-- end of recipes -->\n"];

const HEAD: &str = "<!-- Made by `make docs` of the heads of the recipes in tests/programs/recipes. -->

# Recipes

`make test-programs` runs each line as it stands, with the real program from Debian and with something in flight when
the signal comes. Below the line is what the test finds kept in the end, and what another line loses in the same test.
";

fn text() -> Result<String> {
    let mut text = HEAD.to_owned();
    for (part, files) in PARTS {
        let _ = writeln!(text, "\n## {part}");
        for file in *files {
            text.push_str(&section(&Recipe::read(file)?));
        }
    }
    text.push_str(&users::section());
    Ok(text)
}

fn section(recipe: &Recipe) -> String {
    let Recipe { name, line, note, labels, .. } = recipe;
    let hurts = sentence(&recipe.hurts);
    let kept = labels.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut section = format!("\n### {name}\n\n{hurts}\n\n```sh\n{line}\n```\n\n");
    if !note.is_empty() {
        let _ = writeln!(section, "{note}\n");
    }
    let _ = writeln!(section, "- kept: {kept}");
    for wrong in &recipe.wrong {
        let _ = writeln!(section, "- `{}` loses: {}", wrong.line, wrong.loses.join(", "));
    }
    section
}

/// With a large letter in front, unless it begins with a name that has none, and a full stop.
fn sentence(text: &str) -> String {
    let is_name = |word: &str| ["nginx", "haproxy", "keepalived", "npm", "monit"].contains(&word);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !is_name(text.split(' ').next().unwrap_or_default()) => {
            format!("{}{}.", first.to_uppercase(), letters.as_str())
        }
        _ => format!("{text}."),
    }
}

/// The README's table.
fn table() -> Result<String> {
    let mut table = "| program | what hurts | write |\n|---|---|---|\n".to_owned();
    for file in IN_README {
        let Recipe { name, hurts, line, .. } = Recipe::read(file)?;
        let _ = writeln!(table, "| {name} | {hurts} | `{}` |", line.replace('|', "\\|"));
    }
    Ok(table)
}

/// Each document, and what it has to hold.
fn documents() -> Result<Vec<(PathBuf, String)>> {
    let mut documents = vec![(repository().join(".docs/recipes.md"), text()?)];
    let readme = repository().join("README.md");
    let old = fs::read_to_string(&readme).doing("read README.md")?;
    let [begin, end] = MARKS;
    if let Some((before, rest)) = old.split_once(begin)
        && let Some((_, after)) = rest.split_once(end)
    {
        documents.push((readme, format!("{before}{begin}\n{}\n{end}{after}", table()?)));
    }
    Ok(documents)
}

pub(crate) fn write() -> Result<()> {
    documents()?
        .into_iter()
        .try_for_each(|(path, text)| fs::write(&path, text).doing(format_args!("write {}", path.display())))
}

pub(crate) fn check() -> Result<String> {
    let is_old = |(path, text): &(PathBuf, String)| fs::read_to_string(path).unwrap_or_default() != *text;
    if documents()?.iter().any(is_old) { failed("run `make docs`") } else { Ok("yes".to_owned()) }
}
