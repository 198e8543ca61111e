//! What the flag table looks like to people.

#![forbid(unsafe_code)]

use std::fmt::Write;

use super::flags::{Effect, FLAGS, Flag, Group, Page};

const USAGE: &str = "\
Usage: session-init [OPTIONS] [--] COMMAND [ARG...]

Runs COMMAND in a new session (at a shell's terminal: where it would be without session-init),
sends every signal on to its process group, reaps orphans, and ends as COMMAND ends.
";

const NOTES: &str = "
A signal is a number from 1 to 64 or a name such as TERM, sigterm, RTMIN+1 or RTMAX-2.
The exit status is that of COMMAND, 128+N where signal N ended it, 127 where it was not found,
126 where it could not be run, and 1 for a wrong option.

Examples:
  session-init sh -c 'producer | consumer'
  session-init --rewrite TERM:QUIT nginx -g 'daemon off;'
  session-init --rewrite HUP:0,TERM:INT -- node server.js
";

/// The width of the column that holds the flags' names.
const COLUMN: usize = 28;

/// The text of a page, to be printed on stdout.
#[must_use]
#[cold]
#[inline(never)]
pub fn page(page: Page) -> String {
    match page {
        Page::Help => help(),
        Page::Version => version() + "\n",
    }
}

/// `session-init 1.2.3 - git.abcdef0`, or without the commit where the sources came without git.
#[must_use]
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("SESSION_INIT_COMMIT") {
        Some(commit) => format!("session-init {version} - git.{commit}"),
        None => format!("session-init {version}"),
    }
}

fn help() -> String {
    let mut text = String::from(USAGE);
    for (group, heading) in Group::ALL {
        let _ = writeln!(text, "\n{heading}:");
        for flag in FLAGS.iter().filter(|flag| flag.group == group) {
            describe(&mut text, flag);
        }
    }
    text.push_str(NOTES);
    text
}

/// What stands behind a flag's name: the name of its value, or what may be said.
#[must_use]
pub fn suffix(flag: &Flag) -> String {
    match (&flag.effect, flag.effect.value()) {
        (Effect::Pid(_), _) => "[=PID]".to_owned(),
        (_, Some(name)) => format!(" {name}"),
        (_, None) => String::new(),
    }
}

fn describe(text: &mut String, flag: &Flag) {
    let mut left = match flag.short {
        Some(letter) if flag.long.is_empty() => format!("  -{letter}"),
        Some(letter) => format!("  -{letter}, --{}", flag.long),
        None => format!("      --{}", flag.long),
    };
    left.push_str(&suffix(flag));
    let variable = flag.variable.map(|variable| format!("[{variable}]"));
    if left.len() > COLUMN {
        let _ = writeln!(text, "{left}");
        left.clear();
    }
    for line in flag.help.iter().copied().chain(variable.as_deref()) {
        let _ = writeln!(text, "{left:COLUMN$}  {line}");
        left.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_flag_and_variable_within_100_columns() {
        let help = help();
        for flag in FLAGS {
            assert!(flag.long.is_empty() || help.contains(&format!("--{}", flag.long)), "{}", flag.long);
            assert!(flag.variable.is_none_or(|variable| help.contains(variable)));
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
