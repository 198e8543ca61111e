//! Terminals: by hand, in a container and in a script, session-init is not to be noticed.
//!
//! A case is a sentence about an init and a person at a terminal, which a bash or the init itself leads. All cases are
//! run with the other inits too, and [`CASES`] says what comes of it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use libtest_mimic::Trial;

use crate::support::signal::{CONT, HUP, INT, KILL, PWR, STOP, Signal, TERM, TSTP, USR1};
use crate::support::test::{BASH, DUMB_INIT, LESS, Need, ROOT, TINI, Test, VIM, WGET, is_panic, named_trial, tests};
use crate::support::time::{deadline, holds_in_time, with_deadline};
use crate::support::{Init, Running, Stderr, process, scratch};

pub(crate) const TESTS: &[Test] = tests![
    a_pager_behind_a_pipe_gets_the_terminal: BASH LESS,
    a_pipeline_hears_ctrl_c_as_a_whole: BASH,
    a_job_may_be_stopped_by_a_process_too: BASH,
    a_job_started_in_the_background_gets_the_terminal_from_fg: BASH,
    a_job_that_ends_in_the_background_takes_no_terminal: BASH,
    a_stopped_job_ends_at_kill: BASH,
    a_killed_session_init_leaves_the_prompt: BASH,
    a_job_killed_with_the_terminal_in_its_own_jobs_hands_leaves_it_to_the_script: BASH,
    a_command_that_cannot_be_started_leaves_the_terminal: BASH,
    modes_that_a_command_sets_and_leaves_stay: BASH,
    messages_are_written_though_the_terminal_stops_background_output: BASH,
    two_inits_are_one_job: BASH,
    a_script_in_the_middle_of_something_goes_on_when_the_command_handles_ctrl_c: BASH,
    a_parent_that_reads_the_terminal_itself_keeps_it: BASH,
    in_a_command_substitution_it_may_read_the_terminal: BASH,
    target_session_means_its_own_descendants: BASH,
    dash_and_zsh_are_as_good: BASH ZSH,
    a_dead_shell_takes_a_stopped_job_along: BASH,
    during_the_grace_ctrl_z_gives_the_prompt: BASH,
    without_a_terminal_one_int_is_one_int,
    explain_says_what_becomes_of_the_terminal: ROOT,
    a_dev_tty_that_is_something_else_is_not_taken_for_the_terminal: ROOT,
    a_command_at_a_terminal_gets_no_descriptor_of_it_besides: BASH,
    a_failed_exec_leaves_the_terminal_that_was_handed_over,
    a_failed_exec_does_not_hang_up_a_console: CONSOLE,
];

/// An init, its options, and the name of its column.
#[derive(Debug, Clone, Copy)]
struct Program {
    name: &'static str,
    path: fn() -> String,
    options: &'static [&'static str],
    needs: &'static [Need],
}

impl Program {
    /// As words of a shell.
    fn words(self) -> String {
        [(self.path)()]
            .into_iter()
            .chain(self.options.iter().map(|&option| option.to_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// In the place of PID 1, with a terminal.
    fn in_a_container(self, command: &[&str]) -> Running {
        let init = Init::of((self.path)()).options(self.options).as_pid_1().on_a_terminal();
        init.variable("PS1", PROMPT).run(command)
    }

    /// `$INIT` of a bash that somebody sits at.
    fn by_hand(self) -> Running {
        shell("/bin/bash", BASH_OPTIONS, &self.words())
    }

    /// `$INIT` of a script that leads the terminal's session, where nobody knows job control.
    fn in_a_script(self, script: &str) -> Running {
        let script = format!("{PLAIN}; {script}");
        Init::of("/bin/sh").on_a_terminal().variable("INIT", self.words()).run(["-c", &script])
    }
}

fn session_init() -> String {
    scratch::session_init().into_os_string().into_string().expect("the scratch folder has a plain name")
}

const SESSION_INIT: Program = Program { name: "session-init", path: session_init, options: &[], needs: &[BASH] };
const PROGRAMS: [Program; 5] = [
    SESSION_INIT,
    Program { name: "session-init -c", path: session_init, options: &["-c"], needs: &[BASH] },
    Program { name: "dumb-init", path: || "/usr/bin/dumb-init".into(), options: &[], needs: &[BASH, DUMB_INIT] },
    Program { name: "dumb-init -c", path: || "/usr/bin/dumb-init".into(), options: &["-c"], needs: &[BASH, DUMB_INIT] },
    Program { name: "tini", path: || "/usr/bin/tini".into(), options: &["-s", "--"], needs: &[BASH, TINI] },
];

/// A sentence that is true of some inits.
struct Case {
    /// In the words of the README's table.
    row: &'static str,
    name: &'static str,
    /// Panics where it is not true.
    body: fn(Program),
    needs: &'static [Need],
    /// Of which of the [`PROGRAMS`] it is true.
    holds: [bool; 5],
}

macro_rules! cases {
    ($($row:literal $name:ident $([$need:ident])?: $($holds:ident)+;)*) => {
        &[$(Case { row: $row, name: stringify!($name), body: $name, needs: &[$($need)?], holds: [$($holds),+] }),*]
    };
}

const YES: bool = true;
const NOT: bool = false;

/// What is true of whom; a cell that changes is a failure either way. [`table`] is that list as the README has it.
const CASES: &[Case] = cases! {
    //                                                          session-init  -c   dumb-init  -c   tini
    "PID 1: job control in bash"
    in_a_container_a_shell_has_job_control [ROOT]:                      YES  YES        YES  YES    YES;
    "PID 1: a resize is heard once"
    in_a_container_a_resize_is_heard_once [ROOT]:                       YES  YES        YES  NOT    YES;
    "PID 1: a hang-up ends everything"
    in_a_container_a_hang_up_ends_everything [ROOT]:                    YES  YES        YES  YES    YES;
    "Ctrl-C: status 130, and the prompt reads on"
    ctrl_c_gives_status_130_and_a_prompt_that_reads:                    YES  YES        YES  YES    YES;
    "one Ctrl-C is one INT"
    ctrl_c_is_heard_once:                                               YES  YES        YES  NOT    YES;
    "Ctrl-C leaves nobody of `sh -c 'sleep 99 & sleep 99'`"
    ctrl_c_leaves_nobody:                                               YES  NOT        YES  NOT    NOT;
    "Ctrl-C ends `bash -c 'INIT sleep 99; echo went on'`"
    ctrl_c_ends_a_script:                                               YES  YES        NOT  NOT    NOT;
    "Ctrl-C ends `bash -c 'INIT cat; echo went on'`"
    ctrl_c_ends_a_script_whose_command_reads_the_terminal:              YES  YES        NOT  NOT    NOT;
    "Ctrl-Z gives the prompt, and `fg` goes on"
    ctrl_z_gives_the_prompt_and_fg_goes_on:                             YES  YES        YES  YES    NOT;
    "`bg` and `wait` know the job"
    bg_and_wait_know_the_job:                                           YES  YES        YES  YES    NOT;
    "`INIT cat &` does not take what is typed"
    a_job_in_the_background_does_not_take_what_is_typed:                YES  YES        NOT  YES    NOT;
    "a shell started by hand has job control"
    a_shell_has_job_control:                                            YES  YES        NOT  YES    YES;
    "vim comes back after Ctrl-Z"
    vim_comes_back_after_ctrl_z [VIM]:                                  YES  YES        NOT  YES    NOT;
    "less comes back after Ctrl-Z"
    less_comes_back_after_ctrl_z [LESS]:                                YES  YES        NOT  YES    NOT;
    "a resize is heard once"
    a_resize_is_heard_once:                                             YES  YES        YES  NOT    YES;
    "a hang-up ends everything"
    a_hang_up_ends_everything:                                          YES  YES        YES  YES    YES;
    "a killed command leaves the terminal's modes as it found them"
    a_killed_command_leaves_the_terminal_as_it_was:                     YES  YES        NOT  NOT    NOT;
    "wget sees that it is in the foreground, and shows its progress"
    a_program_sees_that_it_is_in_the_foreground [WGET]:                 YES  YES        YES  YES    YES;
    "two in one script both read the terminal"
    two_in_one_script_both_read_the_terminal:                           YES  YES        NOT  YES    NOT;
    "`INIT yes | less`: less has the terminal, and Ctrl-Z stops both"
    a_pager_behind_a_pipe_has_the_terminal [LESS]:                      YES  YES        YES  YES    NOT;
    "a bystander in the script hears nothing that no key has sent"
    who_ends_by_int_without_a_key_is_nobody_elses_int:                  YES  YES        YES  YES    YES;
    "a Ctrl-C that the command swallows is heard by the script"
    what_the_command_swallows_the_script_hears:                         YES  YES        YES  YES    NOT;
    "where nobody could say `fg`, Ctrl-Z stops nothing"
    ctrl_z_does_nothing_where_nobody_could_say_fg:                      YES  YES        NOT  NOT    NOT;
};

/// A test for each case and each program.
pub(crate) fn trials() -> Vec<Trial> {
    let cells = CASES.iter().flat_map(|case| PROGRAMS.into_iter().zip(case.holds).map(move |cell| (case, cell)));
    cells
        .map(|(case, (program, holds))| {
            let name = format!("terminals::{} ({})", case.name, program.name);
            let needs = [case.needs, program.needs].concat();
            named_trial(name, needs, move || match holds {
                YES if program.name.starts_with("session-init") => (case.body)(program),
                // What is a race in another program need not be won the first time.
                YES => assert!((1..=TRIES).any(|_| is_true(case, program, deadline())), "it no longer holds"),
                NOT => assert!(!(1..=TRIES).all(|_| is_true(case, program, PATIENCE)), "it holds by now"),
            })
        })
        .collect()
}

/// Every case, as a table in Markdown.
pub(crate) fn table() -> String {
    let columns = |cells: [&str; 5]| cells.join(" | ");
    let mut table =
        format!("| | {} | test |\n|---|---|---|---|---|---|---|\n", columns(PROGRAMS.map(|program| program.name)));
    for Case { row, name, holds, .. } in CASES {
        let _ =
            writeln!(table, "| {row} | {} | `{name}` |", columns(holds.map(|holds| if holds { "yes" } else { "no" })));
    }
    table
}

const TRIES: u32 = 3;
/// How long what is not expected to come is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the case holds, this time.
fn is_true(case: &Case, program: Program, patience: Duration) -> bool {
    !is_panic(|| with_deadline(patience, || (case.body)(program)))
}

// A person at a terminal.

const PROMPT: &str = "[prompt] ";
pub(crate) const BASH_OPTIONS: &[&str] = &["--norc", "--noprofile", "--noediting", "-i"];
/// A bash as COMMAND. The outer one has set `PS1`, and no script unsets it.
pub(crate) const INNER_BASH: &str = "bash --norc --noprofile --noediting -i";
/// Lets the terminal not write `^C` in front of what comes next.
pub(crate) const PLAIN: &str = "stty -echoctl";
pub(crate) const CTRL_C: &str = "\x03";
pub(crate) const CTRL_D: &str = "\x04";
pub(crate) const CTRL_Z: &str = "\x1a";

/// An interactive shell at a terminal, that has prompted. Its `$INIT` is this.
pub(crate) fn shell(path: &str, options: &[&str], init: &str) -> Running {
    let shell = Init::of(path).on_a_terminal().variable("PS1", PROMPT).variable("INIT", init);
    // zsh would else lay out its prompt by the size that a new terminal does not have.
    shell
        .variable("TERM", "xterm")
        .variable("COLUMNS", "80")
        .run(options)
        .resize(24, 80)
        .prompts()
        .types(PLAIN)
        .prompts()
}

pub(crate) trait Person {
    /// Types a line.
    fn types(self, line: &str) -> Self;
    /// Presses a key.
    fn presses(self, key: &str) -> Self;
    /// Sees a new prompt.
    fn prompts(self) -> Self;
    /// Sees what the last command ended with, at a prompt.
    fn status(self, status: i32) -> Self;
    /// The prompt reads what is typed.
    fn reads(self) -> Self;
    /// A `cat` answers: it has started, and reads the terminal.
    fn answers(self, word: &str) -> Self;
    /// Sees that the program has the terminal.
    fn gives_terminal_to(self, name: &str) -> Self;
    /// Sees the program draw its screen, on which this is last, and wait for a key.
    fn draws(self, name: &str, last: &str) -> Self;
    /// Sees that the program, below the shell, is stopped.
    fn stops(self, name: &str) -> Self;
    /// The program below the shell, waiting until it is there.
    fn program(&self, name: &str) -> i32;
}

impl Person for Running {
    #[track_caller]
    fn types(self, line: &str) -> Self {
        self.write(&format!("{line}\n"))
    }

    #[track_caller]
    fn presses(self, key: &str) -> Self {
        self.write(key)
    }

    #[track_caller]
    fn prompts(self) -> Self {
        self.wait_for(PROMPT.trim_end())
    }

    #[track_caller]
    fn status(self, status: i32) -> Self {
        self.types("echo status $?").wait_for(&format!("status {status}")).prompts()
    }

    #[track_caller]
    fn reads(self) -> Self {
        self.types("read line; echo line: $line").types("words").wait_for("line: words").prompts()
    }

    #[track_caller]
    fn answers(self, word: &str) -> Self {
        let word = format!("<{word}>");
        self.types(&word).wait_for(&word).wait_for(&word)
    }

    #[track_caller]
    fn gives_terminal_to(self, name: &str) -> Self {
        self.wait_until(&format!("gives the terminal to {name}"), |run| {
            let group = run.foreground_group();
            process::descendants(run.pid()).iter().any(|stat| stat.name == name && Some(stat.group) == group)
        })
    }

    #[track_caller]
    fn draws(self, name: &str, last: &str) -> Self {
        let run = self.wait_for("#text#").wait_for(last);
        process::wait_state(run.program(name), 'S');
        run
    }

    #[track_caller]
    fn stops(self, name: &str) -> Self {
        let pid = self.program(name);
        process::wait_state(pid, 'T');
        self
    }

    #[track_caller]
    fn program(&self, name: &str) -> i32 {
        let mut pid = 0;
        let found = holds_in_time(|| {
            let found =
                process::descendants(self.pid()).into_iter().rfind(|stat| stat.name == name && stat.state != 'Z');
            pid = found.map_or(0, |stat| stat.pid);
            pid != 0
        });
        self.assert(found, &format!("has a {name}"));
        pid
    }
}

/// How often the output says this.
pub(crate) fn times(run: &Running, text: &str) -> usize {
    run.output_so_far().matches(text).count()
}

// The cases.

fn in_a_container_a_shell_has_job_control(program: Program) {
    let run = program.in_a_container(&[&["bash"], BASH_OPTIONS].concat()).prompts();
    has_job_control(run).types("exit 7").expect_exit(7);
}

fn in_a_container_a_resize_is_heard_once(program: Program) {
    let suite = scratch::suite();
    let role = [suite.to_str().expect("a plain name"), crate::roles::WORD, "listen"];
    let run = program.in_a_container(&role).wait_for("ready");
    let init = run.pid();
    is_heard_once(run, init, "WINCH", |run| run.resize(10, 40));
}

fn in_a_container_a_hang_up_ends_everything(program: Program) {
    let run = program.in_a_container(&["sh", "-c", "sleep 99 & sleep 99"]);
    two_sleep(run).hang_up().end().nothing_left();
}

fn ctrl_c_gives_status_130_and_a_prompt_that_reads(program: Program) {
    program.by_hand().types("$INIT cat").answers("one").presses(CTRL_C).prompts().status(130).reads();
}

fn ctrl_c_is_heard_once(program: Program) {
    let (run, init) = listens_in_a_script(program);
    is_heard_once(run, init, "INT", |run| run.presses(CTRL_C));
}

fn a_resize_is_heard_once(program: Program) {
    let (run, init) = listens_in_a_script(program);
    is_heard_once(run, init, "WINCH", |run| run.resize(10, 40));
}

fn listens_in_a_script(program: Program) -> (Running, i32) {
    let run = program.in_a_script("trap : INT; $INIT $ROLE listen; :").wait_for("ready");
    let init = run.command();
    (run, init)
}

/// What COMMAND hears from the terminal itself it hears before it hears it from the init, which is stopped meanwhile:
/// else the two might be taken for one. And the init has it before anything else is written to the terminal, for Ctrl-C
/// discards what nobody has read yet.
fn is_heard_once(run: Running, init: i32, name: &str, act: fn(Running) -> Running) {
    let command = run.program("suite");
    let run = run.send_to(init, STOP);
    process::wait_state(init, 'T');
    let hears_it_itself = process::stat(command).map(|command| command.group) == run.foreground_group();
    let got = format!("got {name}");
    let run = if hears_it_itself {
        act(run).wait_for(&got)
    } else {
        let signal = Signal::named(name);
        act(run).wait_until("has the signal pending for the init", |_| {
            process::signal_sets(init).is_some_and(|sets| sets.pending.contains(signal))
        })
    };
    // Of two signals the one with the higher number comes second.
    let run = run.send_to(init, PWR).send_to(init, CONT).wait_for("got PWR");
    assert_eq!(times(&run, &got), 1);
}

pub(crate) fn two_sleep(run: Running) -> Running {
    run.wait_until("has two that sleep", |run| {
        process::descendants(run.pid()).iter().filter(|stat| stat.name == "sleep").count() == 2
    })
}

fn ctrl_c_leaves_nobody(program: Program) {
    let run = two_sleep(program.by_hand().types("$INIT sh -c 'sleep 99 & sleep 99'"));
    run.presses(CTRL_C).prompts().wait_until("has nobody left", |run| run.living() == [run.pid()]);
}

fn ctrl_c_ends_a_script(program: Program) {
    for shell in ["bash", "dash"] {
        let run = program.by_hand().types(&format!("{shell} -c '$INIT sleep 99; echo went on'"));
        let sleep = run.program("sleep");
        process::wait_state(sleep, 'S');
        let run = run.presses(CTRL_C).prompts().status(130);
        assert_eq!(times(&run, "\nwent on"), 0);
    }
}

fn ctrl_c_ends_a_script_whose_command_reads_the_terminal(program: Program) {
    for shell in ["bash", "dash"] {
        let run = program.by_hand().types(&format!("{shell} -c '$INIT cat; echo went on'")).answers("one");
        let run = run.presses(CTRL_C).prompts().status(130);
        assert_eq!(times(&run, "\nwent on"), 0);
    }
}

fn ctrl_z_gives_the_prompt_and_fg_goes_on(program: Program) {
    let run = program.by_hand().types("$INIT cat").answers("one");
    let run = run.presses(CTRL_Z).stops("cat").prompts().types("jobs").wait_for("Stopped").prompts();
    let run = run.types("fg").wait_for("cat").answers("two");
    // Nobody presses a key in the moment in which the init sends on the CONT, which would undo what the key does.
    process::wait_state(process::parent(run.program("cat")), 'S');
    let run = run.presses(CTRL_Z).stops("cat").prompts();
    run.types("fg").wait_for("cat").answers("three").presses(CTRL_D).prompts().status(0).reads();
}

fn bg_and_wait_know_the_job(program: Program) {
    let run = program.by_hand().types("$INIT sh -c 'sleep 99; exit 7'");
    let sleep = run.program("sleep");
    process::wait_state(sleep, 'S');
    let run = run.presses(CTRL_Z).stops("sleep").prompts().types("bg").prompts();
    process::wait_state(sleep, 'S');
    let run = run.types("wait %1; echo waited $?").send_to(sleep, TERM);
    run.wait_for("waited 7").prompts().reads();
}

fn a_job_in_the_background_does_not_take_what_is_typed(program: Program) {
    let run = program.by_hand().types("$INIT cat & :").prompts();
    let cat = run.program("cat");
    let run = run.wait_until("has stopped it, or given it nothing to read", |_| {
        process::state(cat).is_none_or(|state| matches!(state, 'T' | 'Z'))
    });
    run.reads();
}

fn a_shell_has_job_control(program: Program) {
    let run = program.by_hand().types(&format!("$INIT {INNER_BASH}")).prompts();
    assert_eq!(times(&run, "no job control"), 0);
    has_job_control(run).types("exit 7").prompts().status(7).reads();
}

pub(crate) fn has_job_control(run: Running) -> Running {
    let run = run.types("cat").answers("one").presses(CTRL_Z).stops("cat").prompts();
    let run = run.types("jobs").wait_for("Stopped").prompts().types("bg").prompts().stops("cat");
    let run = run.types("fg").wait_for("cat").answers("two").presses(CTRL_C).prompts().status(130);
    run.types("sleep 99 & kill $!; wait $!; echo waited $?").wait_for("waited 143").prompts().reads()
}

fn vim_comes_back_after_ctrl_z(program: Program) {
    // The cursor is shown last.
    comes_back_after_ctrl_z(program, "vim", "vim -N -u NONE", ["\x1b[?25h"; 2], ":q!\r");
}

fn less_comes_back_after_ctrl_z(program: Program) {
    // The prompt is the name of the file at first, and then a colon.
    comes_back_after_ctrl_z(program, "less", "less", [".text", ":"], "q");
}

fn comes_back_after_ctrl_z(program: Program, name: &str, words: &str, last: [&str; 2], quit: &str) {
    let file = scratch::new_path("text");
    std::fs::write(&file, format!("{}\n", ["#text#"; 50].join("\n"))).expect("a file in the scratch folder");
    let run = program.by_hand().types(&format!("$INIT {words} {}", file.display())).draws(name, last[0]);
    let run = run.presses(CTRL_Z).stops(name).prompts().types("fg").draws(name, last[1]);
    run.presses(quit).prompts().status(0).reads();
}

fn a_hang_up_ends_everything(program: Program) {
    two_sleep(program.by_hand().types("$INIT sh -c 'sleep 99 & sleep 99'")).hang_up().end().nothing_left();
}

fn a_killed_command_leaves_the_terminal_as_it_was(program: Program) {
    let run = program.by_hand().types("bash -c '$INIT sh -c \"stty raw -echo; kill -KILL \\$\\$\"; stty -a'").prompts();
    run.assert(times(&run, " icanon ") == 1 && times(&run, " echo ") == 1, "has a terminal that echoes, line by line");
}

fn ctrl_z_does_nothing_where_nobody_could_say_fg(program: Program) {
    let run = program.in_a_script("$INIT cat; echo status $?").answers("one");
    let init = run.command();
    let run = run.presses(CTRL_Z).wait_until("has heard it", |_| {
        process::signal_sets(init).is_some_and(|sets| !sets.pending.contains(TSTP))
            && process::state(init).is_some_and(|state| matches!(state, 'S' | 'T'))
    });
    run.answers("two").presses(CTRL_Z).answers("three").presses(CTRL_D).wait_for("status 0").expect_exit(0);
}

fn a_program_sees_that_it_is_in_the_foreground(program: Program) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of its own");
    let address = listener.local_addr().expect("it has one");
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("wget comes");
        let _ = client.read(&mut [0; 1024]);
        let _ = client.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nwords");
    });
    let folder = scratch::new_folder("wget");
    let command = format!("cd {}; sh -c '$INIT wget -O page http://{address}/; :'", folder.display());
    let run = program.by_hand().types(&command).wait_for("saved").prompts();
    assert!(!folder.join("wget-log").exists(), "it took itself for a program in the background");
    server.join().expect("it has served");
    run.reads();
}

fn two_in_one_script_both_read_the_terminal(program: Program) {
    let reader = |name: &str| format!("$INIT sh -c 'read x </dev/tty; echo {name} $x; read x </dev/null'");
    let run = program.in_a_script(&format!("{} & {}; wait; echo over", reader("A"), reader("B")));
    let run = run.wait_until("has two that read", |run| {
        process::descendants(run.pid()).iter().filter(|one| one.name == "sh" && one.state == 'S').count() >= 2
    });
    run.types("one").types("two").wait_for_all(&["A", "B"]).wait_for("over").expect_exit(0);
}

fn a_pager_behind_a_pipe_has_the_terminal(program: Program) {
    let run = program.by_hand().types("$INIT yes '#text#' | less").draws("less", ":");
    let run = run.presses(CTRL_Z).stops("less").prompts().types("fg").draws("less", ":");
    run.presses("q").prompts().reads();
}

fn who_ends_by_int_without_a_key_is_nobody_elses_int(program: Program) {
    // Where the command cannot read the terminal, the script must not be over before the bystander is there.
    let script = "trap 'echo script got INT' INT; $ROLE listen HUP & read start; \
                  $INIT sh -c 'read x </dev/tty; kill -INT $$'; echo status $?; kill -HUP $!; wait";
    let script = format!("{PLAIN}; {script}");
    let bash = Init::of("/bin/bash").on_a_terminal().variable("INIT", program.words());
    let run = bash.run(["-c", &script]).wait_for("ready").types("start").types("go");
    let ended = run.wait_for("status 130").wait_for("got HUP").expect_exit(0);
    assert!(!ended.stdout.contains("got INT"), "{}", ended.stdout);
}

fn what_the_command_swallows_the_script_hears(program: Program) {
    let run = program.in_a_script("trap 'echo script got INT' INT; $INIT $ROLE listen INT; echo over");
    let run = run.wait_for("ready");
    let command = run.program("suite");
    process::wait_state(process::parent(command), 'S');
    run.presses(CTRL_C).wait_for("got INT").wait_for("script got INT").wait_for("over").expect_exit(0);
}

// The tests of session-init alone.

pub(crate) fn by_hand() -> Running {
    SESSION_INIT.by_hand()
}

fn a_pager_behind_a_pipe_gets_the_terminal() {
    for pipeline in ["$INIT yes '#text#' | less", "yes '#text#' | $INIT less", "$INIT yes '#text#' | $INIT less"] {
        let run = by_hand().types(pipeline).gives_terminal_to("less").draws("less", ":");
        let run = run.presses(CTRL_Z).stops("less").prompts().types("fg").gives_terminal_to("less").draws("less", ":");
        run.presses("q").prompts().reads();
    }
}

fn a_pipeline_hears_ctrl_c_as_a_whole() {
    let run = by_hand().types("$INIT cat | (trap 'echo got INT; exit' INT; $ROLE listen INT)").wait_for("ready");
    let run = run.gives_terminal_to("cat").presses(CTRL_C).wait_for("got INT").prompts();
    run.reads();
}

fn a_job_may_be_stopped_by_a_process_too() {
    let run = by_hand().types("$INIT cat").gives_terminal_to("cat");
    let cat = run.program("cat");
    let run = run.send_to(cat, STOP).prompts().types("jobs").wait_for("Stopped").prompts();
    let run = run.types("fg").wait_for("cat").answers("one");
    run.presses(CTRL_D).prompts().status(0);
    // A program that waits for a line already gets it, though it is no longer in the foreground.
    let run = by_hand().types("$INIT sleep 99").gives_terminal_to("sleep");
    let init = process::parent(run.program("sleep"));
    let run = run.send_to(init, STOP).prompts().reads().types("fg").gives_terminal_to("sleep");
    run.presses(CTRL_C).prompts().status(130);
}

fn a_job_started_in_the_background_gets_the_terminal_from_fg() {
    let run = by_hand()
        .types("$INIT cat & :")
        .prompts()
        .stops("cat")
        .stops("session-init")
        .types("jobs")
        .wait_for("Stopped")
        .prompts();
    let run = run.types("fg").wait_for("cat").answers("one");
    run.presses(CTRL_D).prompts().status(0);
    // bash sends no CONT to a job that runs.
    let run = by_hand().types("$INIT $ROLE listen INT & :").wait_for_all(&["ready", PROMPT.trim_end()]);
    run.types("fg")
        .wait_for("listen")
        .wait_until("has the job in the foreground", |run| {
            let listener = process::stat(run.program("suite")).expect("it listens");
            [process::stat(listener.parent).map(|init| init.group), Some(listener.group)]
                .contains(&run.foreground_group())
        })
        .presses(CTRL_C)
        .wait_for("got INT")
        .prompts();
}

fn a_job_that_ends_in_the_background_takes_no_terminal() {
    let run = by_hand().types("$INIT cat").gives_terminal_to("cat").presses(CTRL_Z).prompts().types("bg").prompts();
    // Reading once more has stopped it again.
    let run = run.stops("cat");
    let (cat, shell) = (run.program("cat"), run.pid());
    let run = run.send_to(cat, KILL);
    process::wait_gone(cat);
    let run = run.types("kill -CONT %1").wait_until("has nobody left", |run| run.living() == [shell]);
    assert_eq!(run.foreground_group(), Some(shell));
    run.reads();
}

fn a_stopped_job_ends_at_kill() {
    let run = by_hand().types("$INIT cat").gives_terminal_to("cat").presses(CTRL_Z).prompts();
    let run = run.types("kill %1").wait_until("has nobody left", |run| run.living() == [run.pid()]);
    run.reads();
}

fn a_killed_session_init_leaves_the_prompt() {
    let run = by_hand().types("$INIT sleep 99").gives_terminal_to("sleep");
    let init = process::parent(run.program("sleep"));
    run.send_to(init, KILL).prompts().status(137).reads();
}

fn a_job_killed_with_the_terminal_in_its_own_jobs_hands_leaves_it_to_the_script() {
    let script = format!("bash -c '$INIT {INNER_BASH}; echo status $?; read line; echo line: $line'");
    let run = by_hand().types(&script).gives_terminal_to("bash").types("sleep 99").gives_terminal_to("sleep");
    let inner = process::parent(run.program("sleep"));
    run.send_to(inner, KILL).wait_for("status 137").types("words").wait_for("line: words").prompts();
}

fn a_command_that_cannot_be_started_leaves_the_terminal() {
    by_hand().types("$INIT ./nothing").prompts().status(127).reads();
    let script = "bash -c '$INIT ./nothing; read line; echo line: $line'";
    by_hand().types(script).types("words").wait_for("line: words").prompts();
}

fn modes_that_a_command_sets_and_leaves_stay() {
    by_hand().types("bash -c '$INIT stty -echoctl; stty -a'").wait_for("-echoctl;").wait_for("-echoctl").prompts();
}

fn messages_are_written_though_the_terminal_stops_background_output() {
    let run = by_hand().types("stty tostop").prompts();
    let run = run.types("bash -c '$INIT -v echo one; echo two'").wait_for_all(&["started echo", "one"]);
    let run = run.wait_for("ending with status 0").wait_for("two").prompts();
    run.types("bash -c '$INIT ./nothing; echo two'").wait_for("No such file").wait_for("two").prompts();
}

fn two_inits_are_one_job() {
    for line in ["$INIT $INIT cat", "bash -c '$INIT $INIT cat; :'"] {
        let run = by_hand().types(line).gives_terminal_to("cat").presses(CTRL_Z).stops("cat").prompts();
        let run = run.types("fg").wait_for("cat").answers("one");
        run.presses(CTRL_C).prompts().status(130).reads();
    }
    let run = by_hand().types("bash -c '$INIT $INIT sleep 99; :'");
    let _ = run.program("sleep");
    let run = run.presses(CTRL_Z).stops("sleep").prompts().types("fg").wait_for("bash -c");
    let sleep = run.program("sleep");
    process::wait_state(sleep, 'S');
    run.presses(CTRL_C).prompts().status(130);
}

fn a_script_in_the_middle_of_something_goes_on_when_the_command_handles_ctrl_c() {
    let run = by_hand().types("bash -c '$INIT $ROLE listen INT; echo \"went on\"'").wait_for("ready");
    // A script that does not wait yet ends by the INT, whatever becomes of its command.
    let init = process::parent(run.program("suite"));
    process::wait_state(process::parent(init), 'S');
    run.presses(CTRL_C).wait_for("got INT").wait_for("went on").prompts();
}

fn a_parent_that_reads_the_terminal_itself_keeps_it() {
    // The first line it may get as one that waited for it before anything could be taken away.
    let script = "bash -c '$INIT $ROLE listen </dev/tty & read line; read line; echo line: $line; kill $!'";
    let run = by_hand().types(script).wait_for("ready").types("some").types("words").wait_for("line: words");
    run.wait_for_all(&["got TERM", PROMPT.trim_end()]);
}

fn in_a_command_substitution_it_may_read_the_terminal() {
    let run = by_hand().types("x=$($INIT sh -c 'read y; echo $y'); echo \"read $x\"").gives_terminal_to("sh");
    let run = run.types("words").wait_for("read words").prompts();
    run.types("x=$($INIT cat)").gives_terminal_to("cat").presses(CTRL_C).prompts().reads();
}

fn target_session_means_its_own_descendants() {
    let run = by_hand().types("$ROLE listen &").wait_for_all(&["ready", PROMPT.trim_end()]);
    let bystander = run.program("suite");
    let line = "$INIT -v --target session bash -c 'trap : USR1; set -m; $ROLE listen & wait; wait'";
    let run = run.types(line).wait_for("ready");
    let inner = process::stat(run.program("suite")).expect("it listens");
    assert_ne!(inner.pid, bystander);
    let init = process::parent(inner.parent);
    let run = run.send_to(init, USR1).wait_for_all(&["got USR1", "(2 processes)"]);
    let run = run.send_to(bystander, HUP).wait_for("got HUP");
    assert_eq!(times(&run, "got USR1"), 1);
}

fn dash_and_zsh_are_as_good() {
    for (path, options) in [("/bin/dash", &["-i"][..]), ("/usr/bin/zsh", &["-f", "-i", "+Z", "+o", "promptsp"])] {
        let run = shell(path, options, &session_init());
        let run = run.types("$INIT cat").gives_terminal_to("cat").presses(CTRL_Z).stops("cat").prompts();
        let run = run.types("fg").wait_for("cat").answers("one");
        run.presses(CTRL_C).prompts().status(130).reads();
    }
}

fn a_dead_shell_takes_a_stopped_job_along() {
    let run = by_hand().types("$INIT sh -c 'sleep 99 & sleep 99'").gives_terminal_to("sleep");
    // A child that is stopped before it has executed its program keeps a shell that waits for that from being stopped.
    let run = run.wait_until("runs both", |run| {
        process::descendants(run.pid()).iter().filter(|process| process.name == "sleep").count() == 2
    });
    run.presses(CTRL_Z).prompts().send(KILL).expect_death(KILL).nothing_left();
}

fn during_the_grace_ctrl_z_gives_the_prompt() {
    let run = by_hand().types("$INIT --grace 99s sh -c 'trap \"\" TERM; sleep 99 & exit 7'");
    let sleep = run.program("sleep");
    let run = run.wait_until("has the terminal back", |run| {
        process::children(run.pid()).first().is_some_and(|init| run.foreground_group() == Some(init.group))
    });
    let run = run.presses(CTRL_Z).stops("sleep").prompts().types("fg").wait_for("--grace");
    process::wait_state(sleep, 'S');
    run.send_to(sleep, KILL).prompts().status(7);
}

const NONE: &str = "none";
const HANDED_OVER: &str = "it is handed over to COMMAND's session";
const SHARED: &str = "COMMAND shares it with session-init, which leads its session";

/// It has said this of the terminal.
#[track_caller]
fn says(run: Running, words: &str) {
    let ended = run.wait_for_end_of_output().expect_exit(0);
    let line = format!("  terminal  {words}");
    assert!(ended.stdout.lines().any(|said| said == line), "{words:?} is not in {}", ended.stdout);
}

fn explain_says_what_becomes_of_the_terminal() {
    let init = || Init::new().option("--explain");
    says(init().run(["true"]), NONE);
    says(init().on_a_terminal().run(["true"]), HANDED_OVER);
    let single_child = init().single_child().on_a_terminal();
    says(single_child.run(["true"]), SHARED);
    for clock in ["--grace=1", "--linger", "--kill-after=1"] {
        says(init().option(clock).on_a_terminal().run(["true"]), SHARED);
    }
    for job in [
        "set -m; $INIT --explain true",
        "set -m; $INIT --explain true & wait",
        "$INIT --explain true; exit",
        "</dev/null $INIT --explain true 2>/dev/null | cat",
        "unshare -fp $INIT --explain true; exit",
    ] {
        says(Init::new().on_a_terminal().from_script(job), "COMMAND uses it as it would without session-init");
    }
}

/// As in a container that some engines make.
fn a_dev_tty_that_is_something_else_is_not_taken_for_the_terminal() {
    let with = |init: Init, dev_tty: &str, script: &str, words| {
        let script = format!("mount --bind {dev_tty} /dev/tty; {script}");
        says(init.from_script(&format!("exec unshare --mount sh -c '{script}'")), words);
    };
    // Without one the standard descriptors are looked at.
    with(Init::new().on_a_terminal(), "/dev/null", "exec $INIT --explain true", HANDED_OVER);
    with(Init::new().on_a_terminal(), "/dev/null", "exec $INIT --explain true </dev/null 2>/dev/null", HANDED_OVER);
    with(Init::new(), "/dev/null", "exec $INIT --explain true 2>/dev/null", NONE);
    // Another session's terminal.
    with(Init::new().on_a_terminal(), "$(tty)", "exec setsid --wait $INIT --explain true", NONE);
    // A terminal of no session.
    let terminal = "$(readlink /proc/self/fd/2)";
    with(Init::new().with_stderr(Stderr::Terminal), terminal, "exec $INIT --explain true", NONE);
}

fn a_command_at_a_terminal_gets_no_descriptor_of_it_besides() {
    let has_no_other = |command| assert_eq!(process::open_descriptors(command), [0, 1, 2]);
    let run = by_hand().types("$INIT cat").answers("one");
    has_no_other(run.program("cat"));
    let run = Init::new().on_a_terminal().run(["cat"]).answers("one");
    has_no_other(run.command());
}

fn a_failed_exec_leaves_the_terminal_that_was_handed_over() {
    let folder = scratch::new_folder("failed-exec");
    let init = || Init::new().on_a_terminal();
    let path = scratch::executable(&folder, "lacks-its-interpreter", "#!/nonexistent/interpreter\n");
    init().run([path]).wait_for("No such file or directory").expect_exit(126);
    let path = scratch::executable(&folder, "is-for-sh", "echo reads; read line; echo line: $line\n");
    init().run([path]).wait_for("reads").types("words").wait_for("line: words").expect_exit(0);
}

/// When the leader of a session ends, the kernel hangs its terminal up for everybody, unless that is a pty.
fn a_failed_exec_does_not_hang_up_a_console() {
    let path = scratch::executable(&scratch::new_folder("console"), "lacks-its-interpreter", "#!/nonexistent/one\n");
    let script = format!(
        "exec 3<>/dev/tty63; setsid --ctty --wait $INIT {} <&3 >&3 2>&3; echo ended $?; echo ok >&3 && echo it is open",
        path.display()
    );
    let run = Init::new().in_this_session().from_script(&script);
    run.wait_for("ended 126").wait_for("it is open").expect_exit(0);
}

fn without_a_terminal_one_int_is_one_int() {
    for init in [Init::new(), Init::new().single_child()] {
        let run = init.role(["listen"]).wait_for("ready").send(INT).wait_for("got INT");
        let run = run.send(TERM).wait_for("got TERM");
        assert_eq!(times(&run, "got INT"), 1);
    }
}
