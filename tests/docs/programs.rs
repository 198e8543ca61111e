//! The documents in the hands of the programs that they are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Completion, Failed, Trial};

use crate::{completions, man};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("man renders the page without a warning", "man", man_renders_the_page),
        trial("bash completes options and values", "bash", || bash_completes(BASH_CASES)),
        trial("zsh completes options and values", "zsh", zsh_completes),
        trial("fish completes options and values", "fish", fish_completes),
    ]
}

/// A test that needs a program; without it, it is ignored by name.
fn trial(name: &str, program: &'static str, run: fn() -> Result<(), String>) -> Trial {
    Trial::ignorable_test(name, move || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            return Ok(Completion::ignored_with(format!("needs {program}")));
        }
        run().map(|()| Completion::Completed).map_err(Failed::from)
    })
}

/// A folder of this test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("session-init-docs.{name}.{}", std::process::id()));
        fs::create_dir(&path).expect("a folder in the temporary one");
        Self(path)
    }

    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).expect("a file in a folder of our own");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn output(command: &mut Command) -> Output {
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().expect("the program can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn man_renders_the_page() -> Result<(), String> {
    let folder = Folder::new("man");
    let page = folder.write("session-init.1", &man::page());
    // As lintian does it.
    let checked = output(
        Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&page)
            .env("MANROFFSEQ", "")
            .env("MANWIDTH", "80"),
    );
    if !checked.status.success() || !checked.stderr.is_empty() {
        return Err(text(&checked.stderr));
    }
    let shown =
        text(&output(Command::new("man").arg("-l").arg(&page).env("MANWIDTH", "80").env("MANPAGER", "cat")).stdout);
    for heading in ["NAME", "SYNOPSIS", "OPTIONS", "SIGNALS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"] {
        if !shown.lines().any(|line| line == heading) {
            return Err(format!("no section {heading} in\n{shown}"));
        }
    }
    Ok(())
}

/// The words on the command line, of which the last is being completed, and what must be offered for it.
const BASH_CASES: &[(&[&str], &str)] = &[
    (&["--gr"], "--grace"),
    (&["--rewrite", "TE"], "TERM:"),
    (&["--rewrite", "=", "QU"], "QUIT:"),
    (&["-r", "HU"], "HUP:"),
    (&["--target", "s"], "session"),
    (&["--target", "=", "a"], "all"),
    (&["-p", "KI"], ""),
    (&["-t", "inf"], "infinity"),
    (&["-v", "--", "ba"], "bash"),
    (&["--grace", "5s", "ba"], "bash"),
    (&["sleep", "--gr"], ""),
];

fn bash_completes(cases: &[(&[&str], &str)]) -> Result<(), String> {
    let folder = Folder::new("bash");
    let file = folder.write("session-init.bash", &completions::bash());
    for (words, expected) in cases {
        let script = "source \"$1\"; shift; COMP_WORDS=(session-init \"$@\"); COMP_CWORD=$#; _session_init; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let found = output(Command::new("bash").args(["--norc", "-c", script, "bash"]).arg(&file).args(*words));
        let offered = text(&found.stdout);
        let is_offered =
            if expected.is_empty() { offered.trim().is_empty() } else { offered.lines().any(|line| line == *expected) };
        if !is_offered || !found.stderr.is_empty() {
            return Err(format!("{words:?}: {offered:?} {}", text(&found.stderr)));
        }
    }
    Ok(())
}

/// Completes in an interactive zsh, which only knows its completions there.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; fpath=('$1' $fpath); autoload -U compinit; compinit -u -D; setopt no_beep; stty -echo; print rea''dy'
zpty -r shell output '*ready*'
shift
for line; do
    zpty -n -w shell "$line"$'\t'
    zpty -r shell output "*${EXPECTED[(w)1]}*"
    print -r -- "$output"
    zpty -n -w shell $'\x15'
    EXPECTED=${EXPECTED#* }
done
zpty -d shell
"#;

fn zsh_completes() -> Result<(), String> {
    let folder = Folder::new("zsh");
    folder.write("_session-init", &completions::zsh());
    let script = folder.write("script.zsh", ZSH);
    let cases = [
        ("session-init --gr", "--grace="),
        ("session-init --target se", "session"),
        ("session-init -r TER", "TERM:"),
        ("session-init -p US", "USR"),
    ];
    let expected: Vec<&str> = cases.iter().map(|(_, expected)| *expected).collect();
    let found = output(
        Command::new("timeout")
            .args(["20", "zsh", "-f"])
            .arg(&script)
            .arg(&folder.0)
            .args(cases.map(|(line, _)| line))
            .env("EXPECTED", expected.join(" "))
            .env("TERM", "dumb"),
    );
    if found.status.success() { Ok(()) } else { Err(format!("{} {}", text(&found.stdout), text(&found.stderr))) }
}

fn fish_completes() -> Result<(), String> {
    let folder = Folder::new("fish");
    let file = folder.write("session-init.fish", &completions::fish());
    let cases = [
        ("session-init --gr", "--grace"),
        ("session-init --target s", "session"),
        ("session-init -r TE", "TERM:"),
        ("session-init -v bas", "bash"),
    ];
    for (line, expected) in cases {
        let script = format!("source {}; complete -C '{line}'", display(&file));
        let found = output(Command::new("fish").args(["--no-config", "-c", &script]).env("HOME", &folder.0));
        let offered = text(&found.stdout);
        if !offered.lines().any(|line| line.split('\t').next() == Some(expected)) {
            return Err(format!("{line:?}: {offered:?} {}", text(&found.stderr)));
        }
    }
    Ok(())
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
