//! A recipe as it is written: a head of comments, and a script.

use std::collections::BTreeSet;
use std::fs;

use crate::folder;
use crate::support::problem::{Doing as _, Result, failed};

/// The document's parts, and the files of their recipes.
pub(crate) const PARTS: &[(&str, &[&str])] = &[
    ("Servers", &["nginx", "apache", "apache-resize", "php-fpm", "nginx-upgrade", "haproxy", "sshd", "keepalived"]),
    ("Programs side by side", &["several", "nginx-php-cron", "supervisord", "monit"]),
    ("Applications", &["gunicorn", "gunicorn-shell", "uvicorn", "celery", "rq", "node", "npm", "java", "chromium"]),
    ("Databases and queues", &["postgres", "postgres-su", "postgres-runuser", "redis", "rabbitmq"]),
    ("CI and tools", &["step", "two-in-a-row", "ssh-command", "substitution", "github", "timeout"]),
    ("In between", &["entrypoint", "hang-up", "shell-signals", "sigpipe", "nspawn"]),
];

/// What has to be kept wherever a script ends its program as an engine does.
pub(crate) const ENDS: &str = "an end without KILL";

/// A line as it is written for people, and what is tried with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recipe {
    pub(crate) name: String,
    /// What is wrong without it.
    pub(crate) hurts: String,
    pub(crate) line: String,
    pub(crate) wrong: Vec<Wrong>,
    pub(crate) note: String,
    /// The programs it needs.
    pub(crate) needs: Vec<String>,
    /// The file with the script: its own, unless it says otherwise.
    pub(crate) script: String,
    /// All that the script says is kept or lost.
    pub(crate) labels: BTreeSet<String>,
}

/// A line that does not do.
#[derive(Debug, Clone)]
pub(crate) struct Wrong {
    pub(crate) line: String,
    pub(crate) loses: Vec<String>,
}

/// Every recipe.
pub(crate) fn all() -> Result<Vec<Recipe>> {
    let mut listed: Vec<_> = PARTS.iter().flat_map(|(_, files)| *files).copied().collect();
    let recipes = listed.iter().map(|file| Recipe::read(file)).collect();
    let entries = fs::read_dir(folder().join("recipes")).doing("read the folder of recipes")?;
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    found.retain(|file| ![crate::users::SCRIPT, crate::inspect::SCRIPT].contains(&file.as_str()));
    found.sort();
    listed.sort_unstable();
    if found == listed {
        recipes
    } else {
        failed(format!("the recipes are {found:?}, but those listed are {listed:?}"))
    }
}

impl Recipe {
    pub(crate) fn read(file: &str) -> Result<Self> {
        let text = text_of(file)?;
        let mut recipe = Self { script: file.to_owned(), ..Self::default() };
        let head = text.lines().map_while(|line| line.strip_prefix('#')).collect::<Vec<_>>().join("\n");
        // What a line begins may go on in the next, further to the right.
        for entry in head.replace("\n     ", "\0").lines() {
            let entry = entry.split('\0').map(str::trim).collect::<Vec<_>>().join(" ");
            let (key, value) = entry.split_once(": ").unwrap_or(("", &entry));
            let value = value.trim().to_owned();
            match key {
                _ if recipe.name.is_empty() => entry.trim().clone_into(&mut recipe.name),
                "" if value.is_empty() => {}
                "hurts" => recipe.hurts = value,
                "line" => recipe.line = value,
                "wrong" => recipe.wrong.push(Wrong { line: value, loses: Vec::new() }),
                "loses" => match recipe.wrong.last_mut() {
                    Some(wrong) => wrong.loses = value.split(", ").map(str::to_owned).collect(),
                    None => return failed(format!("{file}: nothing loses '{value}'")),
                },
                "note" => recipe.note = value,
                "needs" => recipe.needs = value.split(' ').map(str::to_owned).collect(),
                "script" => recipe.script = value,
                _ => return failed(format!("{file}: '{key}' is not a word of a recipe's head")),
            }
        }
        recipe.labels = labels_of(&recipe.script)?;
        let says_all = [&recipe.name, &recipe.hurts, &recipe.line].iter().all(|text| !text.is_empty());
        let is_controlled = !recipe.wrong.is_empty() && recipe.wrong.iter().all(|wrong| !wrong.loses.is_empty());
        if says_all && is_controlled { Ok(recipe) } else { failed(format!("{file}: its head lacks something")) }
    }
}

fn text_of(file: &str) -> Result<String> {
    fs::read_to_string(folder().join("recipes").join(file)).doing(format_args!("read the recipe {file}"))
}

/// What the script in this file says is kept or lost.
pub(crate) fn labels_of(file: &str) -> Result<BTreeSet<String>> {
    Ok(labels(&text_of(file)?))
}

/// What a script says is kept or lost.
fn labels(script: &str) -> BTreeSet<String> {
    let lines = script.lines().map(str::trim);
    let named = lines.clone().filter_map(|line| line.strip_prefix("kept \"")?.split_once('"'));
    let ends = lines.filter(|line| matches!(line.split(' ').next(), Some("stop" | "ends"))).map(|_| ENDS);
    named.map(|(label, _)| label).chain(ends).map(str::to_owned).collect()
}
