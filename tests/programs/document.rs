//! `.docs/recipes.md`, made of the heads of the recipes. What it says is what the suite has to see.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::recipe::{PARTS, Recipe};
use crate::support::problem::{Doing as _, Result, failed};
use crate::{repository, users};

const HEAD: &str = "<!-- Made by `make docs` of the heads of the recipes in tests/programs/recipes. -->

# Recipes

Each line is run as it stands by `make test-programs`, with the real program from Debian, with something in flight when the
signal comes. What the test saw is below the line, and so is what another line loses in the same test.
";

fn path() -> PathBuf {
    repository().join(".docs/recipes.md")
}

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
    let Recipe { name, hurts, line, note, labels, .. } = recipe;
    let kept = labels.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut section = format!("\n### {name}\n\n{hurts}.\n\n```sh\n{line}\n```\n\n");
    if !note.is_empty() {
        let _ = writeln!(section, "{note}\n");
    }
    let _ = writeln!(section, "- kept: {kept}");
    for wrong in &recipe.wrong {
        let _ = writeln!(section, "- `{}` loses: {}", wrong.line, wrong.loses.join(", "));
    }
    section
}

pub(crate) fn write() -> Result<()> {
    fs::write(path(), text()?).doing("write .docs/recipes.md")
}

pub(crate) fn check() -> Result<String> {
    let found = fs::read_to_string(path()).unwrap_or_default();
    if found == text()? { Ok("yes".to_owned()) } else { failed("run `make docs`") }
}
