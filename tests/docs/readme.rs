//! The README: its table of options, which is made from theirs between two marks, and its commands, which do what it says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use session_init::cli::docs;
use session_init::cli::flags::{FLAGS, Flag, Group};

use crate::completions;

const BEGIN: &str = "<!-- options: made by `make docs` -->\n";
const END: &str = "<!-- end of options -->\n";

/// What is shown of the options: what decides about signals and the end, and what explains it.
fn options() -> String {
    let mut table = String::from("| option | |\n|---|---|\n");
    let is_shown = |flag: &&Flag| {
        let is_of_the_rest = flag.group == Group::Other && !["explain", "inspect"].contains(&flag.long);
        !flag.long.is_empty() && flag.long != "exit-by-signal" && !is_of_the_rest
    };
    for flag in FLAGS.iter().filter(is_shown) {
        let short = flag.short.map(|letter| format!("`-{letter}`, ")).unwrap_or_default();
        let (long, suffix) = (flag.long, docs::suffix(flag));
        let _ = writeln!(table, "| {short}`--{long}{suffix}` | {} |", completions::summary(flag).replace('|', "\\|"));
    }
    table
}

/// The README as it is, but with the options of today.
pub(crate) fn with_current_options() -> String {
    let text = text();
    let (before, rest) = text.split_once(BEGIN).expect("the README has the mark that the options begin");
    let (_, after) = rest.split_once(END).expect("the README has the mark that the options end");
    format!("{before}{BEGIN}\n{}\n{END}{after}", options())
}

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(path).expect("the README is there")
}

/// The documents beside the README with commands in them.
const MORE: [&str; 1] = ["stopping.md"];

pub(crate) fn trials() -> Vec<Trial> {
    let mut text = text();
    for name in MORE {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".docs").join(name);
        text.push_str(&fs::read_to_string(path).expect("the document is there"));
    }
    let (commands, lines) = (commands(&text), command_lines(&text));
    assert!(commands.len() >= 3 && lines.len() >= 10, "the README has changed its form: {commands:?} {lines:?}");
    // What takes an engine is run by tests/containers, which fails where it leaves out a block.
    let commands = commands.into_iter().filter(|(command, _)| !command.starts_with("docker "));
    let commands = commands.map(|(command, output)| {
        Trial::test(format!("README: {command}"), move || check(&command, output.as_deref()).map_err(Into::into))
    });
    let lines = lines.into_iter().map(|line| {
        let explained = line.replacen("session-init", "session-init --explain", 1);
        Trial::test(format!("README: {line}"), move || check(&explained, None).map_err(Into::into))
    });
    commands.chain(lines).chain([Trial::test("README: what to write is on the first screen", first_screen)]).collect()
}

/// Lines of a screen that is not large.
const SCREEN: usize = 40;

/// Whoever comes from another init finds what to write without scrolling.
fn first_screen() -> Result<(), Failed> {
    let text = text();
    let screen: Vec<&str> = text.lines().take(SCREEN).collect();
    let is_there = |init: &str| screen.iter().any(|line| line.starts_with(&format!("| {init} |")));
    match ["dumb-init", "tini", "catatonit", "docker", "podman"].into_iter().find(|init| !is_there(init)) {
        Some(init) => Err(format!("{init} is not there").into()),
        None => Ok(()),
    }
}

/// Every block of the language `sh`, and the block of the language `text` that shows what it prints, if one comes next.
fn commands(text: &str) -> Vec<(String, Option<String>)> {
    let mut commands: Vec<(String, Option<String>)> = Vec::new();
    let mut last_is_command = false;
    for block in text.split("\n```").skip(1).step_by(2) {
        let (language, contents) = block.split_once('\n').unwrap_or_default();
        match (language, commands.last_mut()) {
            ("sh", _) => commands.push((contents.to_owned(), None)),
            ("text", Some((_, output))) if last_is_command => *output = Some(contents.to_owned()),
            _ => {}
        }
        last_is_command = language == "sh";
    }
    commands
}

/// Every command line in a table.
fn command_lines(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    // Within a table a bar has to be escaped.
    let codes = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    codes.filter(|code| code.starts_with("session-init ")).map(|code| code.replace("\\|", "|")).collect()
}

/// Runs a command of the README, as this build has it, and compares what it prints, whatever the pids are.
fn check(command: &str, expected: Option<&str>) -> Result<(), String> {
    if command.starts_with("make ") {
        let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run");
        let ci = fs::read_to_string(ci).map_err(|error| error.to_string())?;
        return if ci.lines().any(|line| line == command.trim()) { Ok(()) } else { Err("CI does not run it".into()) };
    }
    let command = command.replace("cargo run --release --", "session-init");
    let program = Path::new(env!("CARGO_BIN_EXE_session-init"));
    let mut path = program.parent().expect("it lies in a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // In a session of its own: what a terminal adds is not the README's. Nor is what a shell ignores in the background.
    let output = Command::new("env")
        .args(["--default-signal=INT,QUIT", "setsid", "-w", "sh", "-c", &format!("exec 2>&1; {command}")])
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    // Whoever sends the signal from the background may outlive COMMAND by a moment, or not.
    let printed = String::from_utf8_lossy(&output.stdout);
    let printed: String = printed.split_inclusive('\n').filter(|line| !line.contains("] reaped orphan ")).collect();
    if !output.status.success() {
        return Err(format!("{}: {printed}", output.status));
    }
    match expected {
        Some(expected) if by_writer(&without_pids(expected)) != by_writer(&without_pids(&printed)) => Err(printed),
        _ => Ok(()),
    }
}

/// The lines of session-init, and those of COMMAND: which of the two comes first is for the scheduler to say.
fn by_writer(text: &str) -> (Vec<&str>, Vec<&str>) {
    text.lines().partition(|line| line.starts_with("[session-init] "))
}

/// The text with every pid, which is a number behind one of these words, as N.
fn without_pids(text: &str) -> String {
    let mut last = "";
    let mut words = Vec::new();
    for word in text.trim_end().split(' ') {
        let digits = word.chars().take_while(char::is_ascii_digit).count();
        let is_pid = digits > 0 && ["pid", "group", "process"].contains(&last.trim());
        words.push(if is_pid { format!("N{}", &word[digits..]) } else { word.to_owned() });
        if !word.is_empty() {
            last = word;
        }
    }
    words.join(" ")
}
