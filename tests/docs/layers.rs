//! Who may know whom: read from the `use` lines of the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

/// The longest file that one reads in one go. Tests of a file are files of their own where they are longer than it is.
const LONGEST: usize = 350;

/// The layers from the top to the bottom. A file may use what stands below its own line, and files of its own folder.
const LAYERS: [&[&str]; 11] = [
    &["main"],
    &["lib"],
    &["run"],
    &["start", "supervise", "pre_stop", "restore", "inspect"],
    &["cli", "reach", "deadlines", "report"],
    &["supervisor", "error", "log"],
    &["sys"],
    &["route", "lookup", "exit"],
    &["rule", "stat", "status", "period"],
    &["signal", "nearest"],
    &["number"],
];
/// What one may use of its own layer all the same.
const BESIDE: [(&str, &str); 9] = [
    ("rule", "period"),
    ("report", "cli"),
    ("report", "reach"),
    ("supervise", "pre_stop"),
    ("supervise", "restore"),
    ("signal", "nearest"),
    ("supervise", "start"),
    ("rule", "nearest"),
    ("report", "log"),
];
/// What one may not use although it stands below: the pure do not know the system, and it knows no decisions.
const FORBIDDEN: [(&str, &str); 3] = [("cli", "sys"), ("supervisor", "sys"), ("error", "sys")];

pub(crate) fn trials() -> [Trial; 4] {
    [
        Trial::test("layers: nobody uses what stands above", nobody_uses_what_stands_above),
        Trial::test("layers: no two files import each other", no_two_files_import_each_other),
        Trial::test("layers: no file is too long", no_file_is_too_long),
        Trial::test("layers: nix and libc are named in src/sys alone", only_sys_names_the_system),
    ]
}

/// Each source file, such as `sys/kill`, without its tests.
fn sources() -> BTreeMap<String, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "tests.rs" && name != "build.rs") {
                let name = path.strip_prefix(&top).expect("below the top").with_extension("");
                let text = fs::read_to_string(&path).expect("a source file");
                sources.insert(name.display().to_string(), text);
            }
        }
    }
    assert!(sources.len() > 20, "{:?}", sources.keys());
    sources
}

/// The code before the tests.
fn code(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The file that a path of modules leads to.
fn file_of(words: &[&str], sources: &BTreeMap<String, String>) -> Option<String> {
    (1..=words.len()).rev().find_map(|count| {
        let path = words[..count].join("/");
        [path.clone(), format!("{path}/mod")].into_iter().find(|name| sources.contains_key(name))
    })
}

/// The files that a file imports.
fn imports(name: &str, sources: &BTreeMap<String, String>) -> Vec<String> {
    let folder: Vec<&str> = match name.rsplit_once('/') {
        Some((folder, "mod")) => folder.split('/').collect(),
        _ => name.split('/').collect(),
    };
    let mut imported = Vec::new();
    let text = code(&sources[name]).replace('\n', " ");
    for statement in text.split(';').map(str::trim) {
        let Some(path) =
            statement.rsplit("use ").next().filter(|path| statement.contains("use ") && !path.contains("//"))
        else {
            continue;
        };
        for path in expanded(path.trim()) {
            let words: Vec<&str> = path.split("::").map(str::trim).collect();
            let full: Vec<&str> = match words.as_slice() {
                ["crate", rest @ ..] => rest.to_vec(),
                ["super", rest @ ..] => [&folder[..folder.len() - 1], rest].concat(),
                rest => [&folder[..], rest].concat(),
            };
            let local = words.first().is_some_and(|word| ["crate", "super"].contains(word)) || name.ends_with("/mod");
            if let Some(file) = file_of(&full, sources).filter(|file| local && file != name) {
                imported.push(file);
            }
        }
    }
    imported
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expanded(path: &str) -> Vec<String> {
    let Some((front, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for character in inner.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(character);
    }
    parts.push(part);
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expanded(&format!("{front}{part}").replace("::self", ""))).collect()
}

fn top(file: &str) -> &str {
    file.split('/').next().unwrap_or(file)
}

fn layer(file: &str) -> Result<usize, Failed> {
    let found = LAYERS.iter().position(|layer| layer.contains(&top(file)));
    found.ok_or_else(|| format!("{file} is in no layer").into())
}

fn nobody_uses_what_stands_above() -> Result<(), Failed> {
    let sources = sources();
    let mut edges = 0;
    for name in sources.keys() {
        for imported in imports(name, &sources) {
            edges += 1;
            let pair = (top(name), top(&imported));
            let allowed = pair.0 == pair.1 || layer(&imported)? > layer(name)? || BESIDE.contains(&pair);
            if !allowed || FORBIDDEN.contains(&pair) {
                return Err(format!("{name} uses {imported}").into());
            }
        }
    }
    assert!(edges > 100, "{edges} imports were found");
    Ok(())
}

fn no_two_files_import_each_other() -> Result<(), Failed> {
    let sources = sources();
    let all: BTreeMap<&str, Vec<String>> =
        sources.keys().map(|name| (name.as_str(), imports(name, &sources))).collect();
    // Whoever imports nobody that is left is taken away, until nobody is left, or a circle.
    let mut left: Vec<&str> = all.keys().copied().collect();
    loop {
        let before = left.len();
        let rest = left.clone();
        left.retain(|name| all[name].iter().any(|imported| rest.contains(&imported.as_str())));
        if left.is_empty() {
            return Ok(());
        }
        if left.len() == before {
            return Err(format!("these import each other: {left:?}").into());
        }
    }
}

fn no_file_is_too_long() -> Result<(), Failed> {
    for (name, source) in sources() {
        let lines = source.lines().count();
        let of_code = code(&source).lines().count();
        if lines > LONGEST || lines - of_code > of_code.max(60) {
            return Err(format!("src/{name}.rs has {lines} lines, {of_code} of them before its tests").into());
        }
    }
    Ok(())
}

fn only_sys_names_the_system() -> Result<(), Failed> {
    for (name, source) in sources().iter().filter(|(name, _)| top(name) != "sys") {
        let code: String = code(source).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let names = |word| code.split(word).any(|before| before.ends_with([' ', '(', '&', '<']));
        if names("nix::") || names("libc::") {
            return Err(format!("{name} names nix or libc").into());
        }
    }
    Ok(())
}
