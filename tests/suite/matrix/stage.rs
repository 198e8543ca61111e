//! The three sides of the matrix: where session-init runs, how it is set, and what happens.

use super::journal::Journal;
use crate::support::signal::{HUP, INT, Signal, TERM};
use crate::support::test::{BASH, Need, ROOT};
use crate::support::{Init, Running, scratch};
use crate::terminals::{BASH_OPTIONS, Person, shell};

/// Where session-init runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// Without a terminal. What a terminal would send, the test sends to session-init.
    Alone,
    AlonePid1,
    /// It leads the terminal's session.
    Leading,
    LeadingPid1,
    /// It is a job of an interactive shell.
    Shell,
    /// It is a child of a script that leads the terminal's session.
    Script,
}

impl Scene {
    pub(super) fn has_terminal(self) -> bool {
        !matches!(self, Self::Alone | Self::AlonePid1)
    }

    pub(super) fn is_pid_1(self) -> bool {
        matches!(self, Self::AlonePid1 | Self::LeadingPid1)
    }

    /// A shell is session-init's parent.
    pub(super) fn has_shell(self) -> bool {
        matches!(self, Self::Shell | Self::Script)
    }

    pub(super) fn needs(self) -> Vec<Need> {
        match self {
            Self::AlonePid1 | Self::LeadingPid1 => vec![ROOT],
            Self::Shell => vec![BASH],
            Self::Alone | Self::Leading | Self::Script => Vec::new(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Alone => "without_a_terminal",
            Self::AlonePid1 => "as_pid_1_without_a_terminal",
            Self::Leading => "leading_a_terminal",
            Self::LeadingPid1 => "as_pid_1_leading_a_terminal",
            Self::Shell => "at_a_shells_terminal",
            Self::Script => "at_a_scripts_terminal",
        }
    }

    /// Starts session-init with the cast. A shell starts a bystander as well, which outlives session-init.
    pub(super) fn start(self, setting: Setting, saving: &str, journal: &Journal) -> Running {
        let init = if self.is_pid_1() { Init::new().as_pid_1() } else { Init::new() };
        let init = if self.has_terminal() { init.on_a_terminal() } else { init };
        let path = journal.path();
        let line = format!("$INIT {} $ROLE cast {path} {saving}", setting.words().join(" "));
        match self {
            // In a pipeline the two are one job.
            Self::Shell => {
                let init = scratch::session_init();
                let shell = shell("/bin/bash", BASH_OPTIONS, init.to_str().expect("a plain name"));
                shell.types(&format!("{line} | $ROLE bystander {path}"))
            }
            // The script must survive Ctrl-C: it reports the status.
            Self::Script => {
                init.from_script(&format!("trap : INT; $ROLE bystander {path} & {line}; echo ended $? >>{path}; wait"))
            }
            _ => init.options(setting.words()).role(["cast", path, saving]),
        }
    }
}

/// How session-init is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Default,
    SingleChild,
    Grace,
    Linger,
    KillAfter,
}

impl Setting {
    /// Its options. No period is so short that it could pass: nobody may be killed in any cell.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Default => &[],
            Self::SingleChild => &["-c"],
            Self::Grace => &["--grace=1h"],
            Self::Linger => &["--linger"],
            Self::KillAfter => &["--kill-after=1h"],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default => "by_default",
            Self::SingleChild => "with_single_child",
            Self::Grace => "with_grace",
            Self::Linger => "with_linger",
            Self::KillAfter => "with_kill_after",
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    CommandEnds,
    Term,
    CtrlC,
    CommandIsKilled,
    HangUp,
}

impl Event {
    /// The columns of the table.
    pub(super) const ALL: [Self; 5] = [Self::CommandEnds, Self::Term, Self::CtrlC, Self::CommandIsKilled, Self::HangUp];

    /// The signal that COMMAND gets from it.
    pub(super) fn signal(self) -> Option<Signal> {
        match self {
            Self::CommandEnds | Self::CommandIsKilled => None,
            Self::Term => Some(TERM),
            Self::CtrlC => Some(INT),
            Self::HangUp => Some(HUP),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CommandEnds => "command_ends",
            Self::Term => "term",
            Self::CtrlC => "ctrl_c",
            Self::CommandIsKilled => "command_is_killed",
            Self::HangUp => "hang_up",
        }
    }
}
