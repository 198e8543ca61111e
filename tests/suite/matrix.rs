//! Where session-init stands, what it was told to do, and what happens: every combination, and who hears what of it.
//!
//! COMMAND has a worker in its group, somebody in a group of its own (apart) and somebody in a session of its own (detached).
//! [`roles::matrix`](crate::roles::matrix) says what they do. [`TABLE`] is all that is expected.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::roles::matrix::{DESCENDANTS, STATUS};
use crate::support::signal::{CONT, HUP, INT, KILL, PWR, STOP, Signal, SignalSet, TERM, rt};
use crate::support::sys::WaitStatus;
use crate::support::test::{BASH, Need, ROOT, named_trial};
use crate::support::time::holds_in_time;
use crate::support::{Init, Running, process, scratch, sys};
use crate::terminals::{BASH_OPTIONS, CTRL_C, Person, shell};

/// A row for each of the settings, and in it a cell for each of the events.
type Rows = [(Setting, [&'static str; 5]); 5];

/// Keeps columns that rustfmt would not.
macro_rules! rows {
    ($($setting:ident: $($cell:literal)+;)+) => { [$((Setting::$setting, [$($cell),+])),+] };
}

/// What COMMAND, the worker, apart and detached hear, in this order: TERM, INT and HUP, each once, or H+ once or more; `-` is
/// nothing. Then what session-init does about who is left when COMMAND has ended: it *goes* at once, it *waits* until they
/// have saved what they have, or it *stays* until they end by themselves.
///
/// What was not told in so many words is what follows from who leads the terminal's session. The kernel hangs up on its leader
/// alone, and when the leader ends, on the foreground group: that is where an H comes from that nobody has sent.
const TABLE: [(&[Scene], Rows); 3] = [
    // COMMAND leads a session, or with -c nothing.
    (
        &[Scene::Alone, Scene::AlonePid1],
        rows! {
            //          COMMAND ends     TERM              Ctrl-C             KILL             hang-up
            Default:    "- T - - goes"   "T T - - goes"    "I IT - - goes"    "- T - - goes"   "H HT - - goes";
            SingleChild:"- - - - goes"   "T - - - goes"    "I - - - goes"     "- - - - goes"   "H - - - goes";
            Grace:      "- T T T waits"  "T T T T waits"   "I IT T T waits"   "- T T T waits"  "H HT T T waits";
            Linger:     "- - - - stays"  "T T - - stays"   "I I - - stays"    "- - - - stays"  "H H - - stays";
            KillAfter:  "- T - - goes"   "T T T T waits"   "I IT T T waits"   "- T - - goes"   "H HT - - goes";
        },
    ),
    // By default COMMAND leads the session that has the terminal, and the keys go past session-init. Else session-init leads it,
    // and when it goes the worker, who is in its group, is hung up on.
    (
        &[Scene::Leading, Scene::LeadingPid1],
        rows! {
            Default:    "- HT - - goes"  "T HT - - goes"   "I HIT - - goes"   "- HT - - goes"  "H HT - - goes";
            SingleChild:"- H - - goes"   "T H - - goes"    "I HI - - goes"    "- H - - goes"   "H H - - goes";
            Grace:      "- T T T waits"  "T T T T waits"   "I IT T T waits"   "- T T T waits"  "H HT T T waits";
            Linger:     "- - - - stays"  "T T - - stays"   "I I - - stays"    "- - - - stays"  "H H - - stays";
            KillAfter:  "- HT - - goes"  "T T T T waits"   "I IT T T waits"   "- HT - - goes"  "H H+T - - goes";
        },
    ),
    // COMMAND is where session-init is, whatever was set: the terminal itself reaches COMMAND and the worker. A hang-up comes from
    // the leader or from the kernel, and once more by session-init, who cannot tell that they have heard of it.
    (
        &[Scene::Shell, Scene::Script],
        rows! {
            Default:    "- T - - goes"   "T T - - goes"    "I IT - - goes"    "- T - - goes"   "H+ H+T - - goes";
            SingleChild:"- - - - goes"   "T - - - goes"    "I I - - goes"     "- - - - goes"   "H+ H+ - - goes";
            Grace:      "- T T T waits"  "T T T T waits"   "I IT T T waits"   "- T T T waits"  "H+ H+T T T waits";
            Linger:     "- - - - stays"  "T T - - stays"   "I I - - stays"    "- - - - stays"  "H+ H+ - - stays";
            KillAfter:  "- T - - goes"   "T T T T waits"   "I IT T T waits"   "- T - - goes"   "H+ H+T - - goes";
        },
    ),
];
/// What somebody hears who is in session-init's group and does not come from it: the terminal, and never session-init.
const BYSTANDER: [&str; 5] = ["-", "-", "I", "-", "H+"];
/// How session-init ends: as COMMAND did, as far as an exit status can say so.
const ENDS: [WaitStatus; 5] = [
    WaitStatus::Exited(STATUS),
    WaitStatus::Exited(143),
    // So that a script around it stops too. PID 1 cannot die of a signal that it sends itself: there it is 130.
    WaitStatus::Killed(INT),
    WaitStatus::Exited(137),
    WaitStatus::Exited(129),
];

const GOES: &str = "goes";
const WAITS: &str = "waits";
const STAYS: &str = "stays";
/// What the descendants say at last, each where session-init does this.
const LAST_WORDS: [(&str, &str); 3] = [("left", GOES), ("saved", WAITS), ("released", STAYS)];

const EVENTS: [Event; 5] = [Event::CommandEnds, Event::Term, Event::CtrlC, Event::CommandIsKilled, Event::HangUp];

/// Where session-init stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Without a terminal: what a terminal would do is done to session-init.
    Alone,
    AlonePid1,
    /// It leads the terminal's session.
    Leading,
    LeadingPid1,
    /// It is a job of an interactive shell.
    Shell,
    /// It is run by a script that leads the terminal's session.
    Script,
}

impl Scene {
    fn has_terminal(self) -> bool {
        !matches!(self, Self::Alone | Self::AlonePid1)
    }

    fn is_pid_1(self) -> bool {
        matches!(self, Self::AlonePid1 | Self::LeadingPid1)
    }

    /// Whether a shell started session-init, and is there to see how it ends.
    fn has_shell(self) -> bool {
        matches!(self, Self::Shell | Self::Script)
    }

    fn needs(self) -> Vec<Need> {
        match self {
            Self::AlonePid1 | Self::LeadingPid1 => vec![ROOT],
            Self::Shell => vec![BASH],
            _ => Vec::new(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Alone => "without_a_terminal",
            Self::AlonePid1 => "as_pid_1_without_a_terminal",
            Self::Leading => "leading_a_terminal",
            Self::LeadingPid1 => "as_pid_1_leading_a_terminal",
            Self::Shell => "at_a_shells_terminal",
            Self::Script => "at_a_scripts_terminal",
        }
    }

    /// Starts it all. The bystander is part of the same pipeline or script, and outlives session-init.
    fn start(self, setting: Setting, saving: &str, journal: &Journal) -> Running {
        let init = if self.is_pid_1() { Init::new().as_pid_1() } else { Init::new() };
        let init = if self.has_terminal() { init.on_a_terminal() } else { init };
        let path = journal.path();
        let line = format!("$INIT {} $ROLE cast {path} {saving}", setting.words().join(" "));
        match self {
            Self::Shell => {
                let init = scratch::session_init();
                let shell = shell("/bin/bash", BASH_OPTIONS, init.to_str().expect("a plain name"));
                shell.types(&format!("{line} | $ROLE bystander {path}"))
            }
            // It is in the middle of something, and means to go on.
            Self::Script => {
                init.from_script(&format!("trap : INT; $ROLE bystander {path} & {line}; echo ended $? >>{path}; wait"))
            }
            _ => init.options(setting.words()).role(["cast", journal.path(), saving]),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Default,
    SingleChild,
    Grace,
    Linger,
    KillAfter,
}

impl Setting {
    /// No time that is set ever passes: whoever is killed would be too early.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Default => &[],
            Self::SingleChild => &["-c"],
            Self::Grace => &["--grace=1h"],
            Self::Linger => &["--linger"],
            Self::KillAfter => &["--kill-after=1h"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Default => "by_default",
            Self::SingleChild => "with_single_child",
            Self::Grace => "with_grace",
            Self::Linger => "with_linger",
            Self::KillAfter => "with_kill_after",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    CommandEnds,
    Term,
    CtrlC,
    CommandIsKilled,
    HangUp,
}

impl Event {
    /// The signal that COMMAND hears of it.
    fn signal(self) -> Option<Signal> {
        match self {
            Self::CommandEnds | Self::CommandIsKilled => None,
            Self::Term => Some(TERM),
            Self::CtrlC => Some(INT),
            Self::HangUp => Some(HUP),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::CommandEnds => "command_ends",
            Self::Term => "term",
            Self::CtrlC => "ctrl_c",
            Self::CommandIsKilled => "command_is_killed",
            Self::HangUp => "hang_up",
        }
    }
}

/// One test.
#[derive(Debug)]
struct Cell {
    scene: Scene,
    setting: Setting,
    event: Event,
    /// Who is there, and what they are to hear.
    cast: Vec<(&'static str, &'static str)>,
    rest: &'static str,
    ends: WaitStatus,
}

pub(crate) fn trials() -> Vec<Trial> {
    let rows = TABLE.into_iter().flat_map(|(scenes, rows)| {
        scenes.iter().flat_map(move |scene| rows.into_iter().map(move |(setting, cells)| (*scene, setting, cells)))
    });
    let cells = rows.flat_map(|(scene, setting, cells)| {
        EVENTS.into_iter().enumerate().map(move |(column, event)| {
            let (heard, rest) = cells[column].rsplit_once(' ').expect("a cell has several words");
            let names = ["command"].into_iter().chain(DESCENDANTS);
            let mut cast: Vec<_> = names.zip(heard.split(' ')).collect();
            if scene.has_shell() {
                cast.push(("bystander", BYSTANDER[column]));
            }
            Cell { scene, setting, event, cast, rest, ends: ENDS[column] }
        })
    });
    cells
        .map(|cell| {
            let name = format!("matrix::{}_{}_{}", cell.scene.name(), cell.setting.name(), cell.event.name());
            named_trial(name, cell.scene.needs(), move || cell.holds())
        })
        .collect()
}

impl Cell {
    /// Panics where it does not.
    fn holds(&self) {
        // Whoever is to be left is not left by chance, for being the slower one.
        let saving = if self.rest == WAITS { "300" } else { "for-ever" };
        let journal = Journal::new();
        let run = self.scene.start(self.setting, saving, &journal);
        for (name, _) in &self.cast {
            journal.wait_for(name, "ready");
        }
        let init = if self.scene.has_shell() { run.program("session-init") } else { run.pid() };
        let command = process::children(init).first().expect("COMMAND is ready").pid;
        let bystander = process::descendants(run.pid())
            .into_iter()
            .find(|other| other.name == "suite" && other.parent != init && other.parent != command);

        let run = self.happens(run, init, command, &journal);
        if let Some(signal) = self.event.signal() {
            journal.wait_for("command", &signal.to_string());
        }
        let run = match self.event {
            Event::CommandIsKilled => run,
            _ => {
                // Behind all that COMMAND is to hear this lets it end. In which order session-init takes signals is its own affair.
                let took_all = || process::signal_sets(init).is_some_and(|sets| sets.pending == SignalSet::default());
                assert!(holds_in_time(took_all), "session-init does not take its signals\n{journal}");
                run.send_to(init, PWR)
            }
        };
        if self.rest == STAYS {
            assert!(holds_in_time(|| process::stat(command).is_none()), "COMMAND is not reaped\n{journal}");
            // By now it goes to everybody who is left, and lets them end. One who did not stay shows by what they say.
            let _ = sys::kill(init, rt(30));
        }
        let Some(bystander) = bystander else {
            let ended = run.end();
            self.check_heard(&journal);
            assert_eq!(ended.status, self.ends(), "\n{journal}");
            ended.nothing_left();
            return;
        };
        process::wait_gone(init);
        // A script ends with the bystander, and the kernel hangs up on whoever is left of its group then.
        for name in DESCENDANTS {
            journal.end(name);
        }
        let run = run.send_to(bystander.pid, rt(30));
        self.check_heard(&journal);
        self.check_status_in_the_shell(run, &journal);
    }

    fn happens(&self, run: Running, init: i32, command: i32, journal: &Journal) -> Running {
        match self.event {
            Event::CommandEnds => run,
            Event::Term => run.send_to(init, TERM),
            Event::CommandIsKilled => run.send_to(command, KILL),
            Event::CtrlC if !self.scene.has_terminal() => run.send_to(init, INT),
            Event::HangUp if !self.scene.has_terminal() => run.send_to(init, HUP),
            Event::HangUp => {
                let shell = run.pid();
                let run = run.hang_up();
                // A shell passes it on to its jobs, and the kernel does so once more when the shell ends. What comes before COMMAND
                // ends goes where it belongs; what comes later goes to everybody.
                if self.scene.has_shell() {
                    process::wait_gone(shell);
                }
                run
            }
            // session-init is stopped until all have heard the key: else what it sends might be taken for the same.
            Event::CtrlC => {
                let run = run.send_to(init, STOP);
                process::wait_state(init, 'T');
                let run = run.presses(CTRL_C);
                for (name, _) in self.cast.iter().filter(|(_, heard)| heard.contains('I')) {
                    journal.wait_for(name, "INT");
                }
                run.send_to(init, CONT)
            }
        }
    }

    /// The journal says what the table says.
    fn check_heard(&self, journal: &Journal) {
        // When PID 1 ends, the kernel kills the rest before it may have said what it heard.
        let killed = self.scene.is_pid_1() && self.rest == GOES;
        let cast = if killed { &self.cast[..1] } else { &self.cast };
        let found: Vec<_> = cast.iter().map(|(name, expected)| (*name, self.heard(name, expected, journal))).collect();
        let expected: Vec<_> = cast.iter().map(|(name, expected)| (*name, (*expected).to_owned())).collect();
        assert_eq!(found, expected, "\n{journal}");
        if !killed {
            assert_eq!(DESCENDANTS.map(|name| journal.end(name)), [self.rest; 3], "\n{journal}");
        }
    }

    /// What somebody has heard, in the letters of the table.
    fn heard(&self, name: &str, expected: &str, journal: &Journal) -> String {
        if name != "command" {
            journal.end(name);
        }
        let mut heard: Vec<Signal> = journal.signals(name);
        heard.retain(|signal| *signal != CONT || !self.has_other_conts());
        heard.sort_unstable();
        let letter = |signal| match signal {
            HUP => "H".into(),
            INT => "I".into(),
            TERM => "T".into(),
            other => format!("({other})"),
        };
        let letters: String = heard.into_iter().map(letter).collect();
        match letters.trim_start_matches('H') {
            "" if letters.is_empty() => "-".into(),
            rest if expected.starts_with("H+") && rest != letters => format!("H+{rest}"),
            _ => letters,
        }
    }

    /// The kernel sends a CONT with every HUP, and this test lets session-init go on with one, which is sent on. In all other
    /// cells nobody is stopped, and so nobody is to hear one.
    fn has_other_conts(&self) -> bool {
        self.scene.has_terminal() && (!self.scene.has_shell() || matches!(self.event, Event::CtrlC | Event::HangUp))
    }

    fn ends(&self) -> WaitStatus {
        match self.ends {
            // It cannot die of a signal that it sends itself.
            WaitStatus::Killed(signal) if self.scene.is_pid_1() => WaitStatus::Exited(128 + signal.as_raw()),
            ends => ends,
        }
    }

    /// A shell's status is the same for an exit and for a death. One that was hung up on sees nothing.
    fn check_status_in_the_shell(&self, run: Running, journal: &Journal) {
        if self.event == Event::HangUp {
            run.end().nothing_left();
            return;
        }
        let run = match self.scene {
            Scene::Shell => run.prompts().types(&format!("echo ended ${{PIPESTATUS[0]}} >>{}", journal.path())),
            _ => run,
        };
        let status = match self.ends {
            WaitStatus::Exited(status) => status,
            WaitStatus::Killed(signal) => 128 + signal.as_raw(),
        };
        journal.wait_for("ended", &status.to_string());
        drop(run);
    }
}

/// What everybody has written, a line for each signal: `NAME WORD`.
struct Journal(PathBuf);

impl Journal {
    fn new() -> Self {
        let path = scratch::new_path("journal");
        fs::write(&path, "").expect("the scratch folder can be written to");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the scratch folder has a plain name")
    }

    fn words(&self, name: &str) -> Vec<String> {
        let text = self.to_string();
        text.lines().filter_map(|line| Some(line.strip_prefix(name)?.strip_prefix(' ')?.to_owned())).collect()
    }

    fn wait_for(&self, name: &str, word: &str) {
        let found = holds_in_time(|| self.words(name).iter().any(|found| found == word));
        assert!(found, "no {word} of {name} in the journal:\n{self}");
    }

    fn signals(&self, name: &str) -> Vec<Signal> {
        self.words(name)
            .iter()
            .filter(|word| word.chars().next().is_some_and(char::is_uppercase))
            .map(|word| Signal::named(word))
            .collect()
    }

    /// What became of somebody in the end, in the words of the table.
    fn end(&self, name: &str) -> &'static str {
        let mut end = None;
        let ended = holds_in_time(|| {
            end = self.words(name).last().and_then(|word| LAST_WORDS.into_iter().find(|(last, _)| last == word));
            end.is_some()
        });
        assert!(ended, "no last word of {name} in the journal:\n{self}");
        end.map_or("", |(_, end)| end)
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&fs::read_to_string(&self.0).unwrap_or_default())
    }
}
