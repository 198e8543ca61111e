//! Every combination of where session-init runs, how it is set and what happens: who gets which signal and how often, what
//! is left, and the exit status.
//!
//! COMMAND has three children: a worker in its process group, one in a process group of its own (apart) and one in a session
//! of its own (detached). See [`roles::matrix`](crate::roles::matrix) for what they do. [`TABLE`] says what is expected.

mod journal;
mod stage;

use journal::{Journal, Rest};
use libtest_mimic::Trial;
use stage::{Event, Scene, Setting};

use crate::inspect;
use crate::roles::matrix::{DESCENDANTS, STATUS};
use crate::support::signal::{CONT, HUP, INT, KILL, PWR, STOP, Signal, SignalSet, TERM, rt};
use crate::support::sys::WaitStatus;
use crate::support::test::named_trial;
use crate::support::time::holds_in_time;
use crate::support::{Running, process, sys};
use crate::terminals::{CTRL_C, Person};

/// A row for each setting, with a cell for each event.
type Rows = [(Setting, [&'static str; 5]); 5];

/// rustfmt would not keep the columns.
macro_rules! rows {
    ($($setting:ident: $($cell:literal)+;)+) => { [$((Setting::$setting, [$($cell),+])),+] };
}

/// The first four words of a cell are the signals that COMMAND, the worker, apart and detached get: HUP, INT and TERM by their
/// initials, in the order of their numbers. Each letter is one signal, `H+` is one HUP or more, `-` is none. The last word says
/// what session-init does when COMMAND has ended: it *goes* at once, it *waits* until the rest has saved its data, or it *stays*
/// until the rest ends by itself.
///
/// The kernel sends some of the HUPs. A terminal that goes away sends HUP to the leader of its session alone; when that leader
/// ends, for whatever reason, its foreground process group gets HUP too.
const TABLE: [(&[Scene], Rows); 3] = [
    // COMMAND leads a session of its own, and only with -c it shares session-init's. It makes no difference who leads it.
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
    // By default COMMAND leads the session that has the terminal; its end costs the worker a HUP. Otherwise session-init leads
    // it, and COMMAND and the worker share its process group: the worker gets that HUP where session-init goes.
    (
        &[Scene::Leading, Scene::LeadingPid1],
        rows! {
            //          COMMAND ends     TERM              Ctrl-C             KILL             hang-up
            Default:    "- HT - - goes"  "T HT - - goes"   "I HIT - - goes"   "- HT - - goes"  "H HT - - goes";
            SingleChild:"- H - - goes"   "T H - - goes"    "I HI - - goes"    "- H - - goes"   "H H - - goes";
            Grace:      "- T T T waits"  "T T T T waits"   "I IT T T waits"   "- T T T waits"  "H HT T T waits";
            Linger:     "- - - - stays"  "T T - - stays"   "I I - - stays"    "- - - - stays"  "H H - - stays";
            KillAfter:  "- HT - - goes"  "T T T T waits"   "I IT T T waits"   "- HT - - goes"  "H H+T - - goes";
        },
    ),
    // COMMAND and the worker share session-init's process group. So they get INT and HUP from the terminal and its leader. The
    // INT is not sent on. The HUP is: it may have come to session-init alone, and to get it twice does no harm.
    (
        &[Scene::Shell, Scene::Script],
        rows! {
            //          COMMAND ends     TERM              Ctrl-C             KILL             hang-up
            Default:    "- T - - goes"   "T T - - goes"    "I IT - - goes"    "- T - - goes"   "H+ H+T - - goes";
            SingleChild:"- - - - goes"   "T - - - goes"    "I I - - goes"     "- - - - goes"   "H+ H+ - - goes";
            Grace:      "- T T T waits"  "T T T T waits"   "I IT T T waits"   "- T T T waits"  "H+ H+T T T waits";
            Linger:     "- - - - stays"  "T T - - stays"   "I I - - stays"    "- - - - stays"  "H+ H+ - - stays";
            KillAfter:  "- T - - goes"   "T T T T waits"   "I IT T T waits"   "- T - - goes"   "H+ H+T - - goes";
        },
    ),
];

/// What a process in session-init's group gets that is not a descendant: what the terminal sends and nothing else.
const BYSTANDER: [&str; 5] = ["-", "-", "I", "-", "H+"];

/// How session-init ends, whatever the scene and the setting. A shell sees no difference between a death by INT and 130.
const ENDS: [WaitStatus; 5] = [
    WaitStatus::Exited(STATUS),
    WaitStatus::Exited(143),
    WaitStatus::Killed(INT),
    WaitStatus::Exited(137),
    WaitStatus::Exited(129),
];

/// A cell of the table, in one of its scenes.
#[derive(Debug)]
struct Cell {
    scene: Scene,
    setting: Setting,
    event: Event,
    /// The names of those who are there, and the signals that they get.
    cast: Vec<(&'static str, &'static str)>,
    rest: Rest,
    ends: WaitStatus,
}

/// A test for each cell in each scene.
pub(crate) fn trials() -> Vec<Trial> {
    let rows = TABLE.into_iter().flat_map(|(scenes, rows)| {
        scenes.iter().flat_map(move |scene| rows.into_iter().map(move |(setting, cells)| (*scene, setting, cells)))
    });
    let cells = rows.flat_map(|(scene, setting, cells)| {
        (0..5).map(move |column| Cell::new(scene, setting, Event::ALL[column], cells[column], column))
    });
    cells
        .map(|cell| {
            let name = format!("matrix::{}_{}_{}", cell.scene.name(), cell.setting.name(), cell.event.name());
            named_trial(name, cell.scene.needs(), move || cell.holds())
        })
        .collect()
}

/// Releases everybody but COMMAND. No other signal has a higher number, so it is taken last.
fn release() -> Signal {
    rt(30)
}

impl Cell {
    fn new(scene: Scene, setting: Setting, event: Event, words: &'static str, column: usize) -> Self {
        let (signals, rest) = words.rsplit_once(' ').expect("a cell has five words");
        let mut cast: Vec<_> = ["command"].into_iter().chain(DESCENDANTS).zip(signals.split(' ')).collect();
        assert_eq!(cast.len(), 4, "{words}");
        if scene.has_shell() {
            cast.push(("bystander", BYSTANDER[column]));
        }
        let rest = match rest {
            "goes" => Rest::Left,
            "waits" => Rest::Saved,
            "stays" => Rest::Released,
            _ => panic!("{rest} is not what session-init does"),
        };
        let ends = match ENDS[column] {
            // PID 1 cannot die of a signal that it sends itself.
            WaitStatus::Killed(signal) if scene.is_pid_1() || scene.has_shell() => {
                WaitStatus::Exited(128 + signal.as_raw())
            }
            ends => ends,
        };
        Self { scene, setting, event, cast, rest, ends }
    }

    fn holds(&self) {
        // Those who are to be left take for ever, so that they cannot be left by chance.
        let saving = if self.rest == Rest::Saved { "300" } else { "for-ever" };
        let journal = Journal::new();
        let run = self.scene.start(self.setting, saving, &journal);
        for (name, _) in &self.cast {
            journal.wait_for(name, "ready");
        }
        let init = if self.scene.has_shell() { run.program("session-init") } else { run.pid() };
        let command = process::children(init).first().expect("COMMAND is ready").pid;
        let roles = process::descendants(run.pid()).into_iter().filter(|process| process.name == "suite");
        let bystander = roles.map(|role| role.pid).find(|pid| ![init, command].contains(&process::parent(*pid)));

        let run = self.happens(run, init, command, &journal);
        let run = self.ends_command(run, init, &journal);
        if self.rest == Rest::Released {
            assert!(holds_in_time(|| process::stat(command).is_none()), "COMMAND is reaped\n{journal}");
            // From now on session-init forwards to everything left. If it has ended by mistake, the journal will say so.
            let _ = sys::kill(init, release());
        }
        match bystander {
            None => {
                let ended = run.end();
                self.check_journal(&journal);
                assert_eq!(ended.status, self.ends, "\n{journal}");
                ended.nothing_left();
            }
            Some(bystander) => {
                process::wait_gone(init);
                // Before the script ends, which leads the session: its group gets HUP then.
                for name in DESCENDANTS {
                    journal.end(name);
                }
                let run = run.send_to(bystander, release());
                self.check_journal(&journal);
                self.check_status_in_the_shell(run, &journal);
            }
        }
    }

    fn happens(&self, run: Running, init: i32, command: i32, journal: &Journal) -> Running {
        match self.event {
            Event::CommandEnds => run,
            Event::Term => {
                let spared = inspect::spared(init);
                let run = run.send_to(init, TERM);
                Self::expect_as_inspected(&spared, init, command, journal);
                run
            }
            Event::CommandIsKilled => run.send_to(command, KILL),
            Event::CtrlC if !self.scene.has_terminal() => run.send_to(init, INT),
            Event::HangUp if !self.scene.has_terminal() => run.send_to(init, HUP),
            // While session-init is stopped all get the terminal's INT. If it sends another, that is a second one: two that are
            // pending at once would look like one.
            Event::CtrlC => {
                let run = run.send_to(init, STOP);
                process::wait_state(init, 'T');
                let run = run.presses(CTRL_C);
                for (name, _) in self.cast.iter().filter(|(_, signals)| signals.contains('I')) {
                    journal.wait_for(name, "INT");
                }
                run.send_to(init, CONT)
            }
            Event::HangUp => {
                let leader = run.pid();
                let run = run.hang_up();
                // A shell sends HUP to its jobs and ends, and then the kernel sends another. One that came after COMMAND's end
                // would go to everything left.
                if self.scene.has_shell() {
                    process::wait_gone(leader);
                }
                run
            }
        }
    }

    /// Whoever `--inspect` said would be reached has got TERM, and nobody else.
    fn expect_as_inspected(spared: &[i32], init: i32, command: i32, journal: &Journal) {
        let all = process::descendants(init);
        let is_one = |one: &process::Stat, name: &str| match name {
            "command" => one.pid == command,
            "detached" => one.session == one.pid && one.pid != command,
            "apart" => one.group == one.pid && one.session != one.pid,
            _ => one.name == "suite" && one.pid != command && one.group != one.pid,
        };
        let cast = ["command"].into_iter().chain(DESCENDANTS);
        let (not_reached, reached): (Vec<_>, Vec<_>) = cast.partition(|name| {
            let one = all.iter().find(|one| is_one(one, name)).expect("it is there");
            spared.contains(&one.pid)
        });
        for name in reached {
            journal.wait_for(name, "TERM");
        }
        for name in not_reached {
            assert!(!journal.signals(name).contains(&TERM), "{name} got TERM, and was said not to\n{journal}");
        }
    }

    /// Lets COMMAND end once it has got what it is to get.
    fn ends_command(&self, run: Running, init: i32, journal: &Journal) -> Running {
        if let Some(signal) = self.event.signal() {
            journal.wait_for("command", &signal.to_string());
        }
        if self.event == Event::CommandIsKilled {
            return run;
        }
        // session-init need not take signals in the order of their numbers.
        let has_taken_all = || process::signal_sets(init).is_some_and(|sets| sets.pending == SignalSet::default());
        assert!(holds_in_time(has_taken_all), "session-init takes its signals\n{journal}");
        run.send_to(init, PWR)
    }

    fn check_journal(&self, journal: &Journal) {
        // When PID 1 ends, the kernel kills the rest, which may not have written anything yet.
        let rest_is_killed = self.scene.is_pid_1() && self.rest == Rest::Left;
        let cast = if rest_is_killed { &self.cast[..1] } else { &self.cast };
        let got: Vec<_> = cast.iter().map(|(name, expected)| (*name, self.got(name, expected, journal))).collect();
        let expected: Vec<_> = cast.iter().map(|(name, signals)| (*name, (*signals).to_owned())).collect();
        assert_eq!(got, expected, "\n{journal}");
        if !rest_is_killed {
            assert_eq!(DESCENDANTS.map(|name| journal.end(name)), [self.rest; 3], "\n{journal}");
        }
    }

    /// The signals that this process got, in the letters of the table.
    fn got(&self, name: &str, expected: &str, journal: &Journal) -> String {
        if name != "command" {
            journal.end(name);
        }
        let signals = journal.signals(name).into_iter().filter(|signal| *signal != CONT || !self.has_other_conts());
        let letters: String = signals
            .map(|signal| match signal {
                HUP => "H".to_owned(),
                INT => "I".to_owned(),
                TERM => "T".to_owned(),
                other => format!("({other})"),
            })
            .collect();
        match letters.trim_start_matches('H') {
            _ if letters.is_empty() => "-".to_owned(),
            rest if expected.starts_with("H+") && letters.starts_with('H') => format!("H+{rest}"),
            _ => letters,
        }
    }

    /// Whether somebody else sends CONT: the kernel with each HUP, or this test, to let session-init go on. In all other cells
    /// nobody is stopped, so nobody may get one.
    fn has_other_conts(&self) -> bool {
        self.scene.has_terminal() && (!self.scene.has_shell() || matches!(self.event, Event::CtrlC | Event::HangUp))
    }

    fn check_status_in_the_shell(&self, run: Running, journal: &Journal) {
        // A shell that has got HUP is gone, and nobody else could see the status.
        if self.event == Event::HangUp {
            run.end().nothing_left();
            return;
        }
        let run = match self.scene {
            Scene::Shell => run.prompts().types(&format!("echo ended ${{PIPESTATUS[0]}} >>{}", journal.path())),
            _ => run,
        };
        let WaitStatus::Exited(status) = self.ends else { panic!("a shell sees an exit status") };
        journal.wait_for("ended", &status.to_string());
        drop(run);
    }
}
