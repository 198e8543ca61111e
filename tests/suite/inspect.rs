//! `--inspect` says what is so, and what will be.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::signal::{CONT, STOP, TERM};
use crate::support::test::{Test, tests};
use crate::support::time::holds_in_time;
use crate::support::{Init, Running, process, scratch};

pub(crate) const TESTS: &[Test] = tests![
    what_it_says_of_a_term_is_what_a_term_does: ROOT,
    a_forest_of_ten_thousand_can_be_read: ROOT,
    it_tells_who_blocks_from_who_waits,
    it_sees_that_command_has_ended: ROOT,
    it_sees_who_entered_from_outside: ROOT,
    what_is_below_another_init_is_its_affair,
    other_programs_are_told_apart: ROOT,
    zombies_have_a_parent_that_does_not_wait: ROOT,
    what_it_may_not_read_it_names: ROOT,
    what_it_cannot_know_is_one_line: ROOT,
    names_are_escaped_and_lines_are_short,
    a_line_is_as_long_as_the_terminal_is_wide,
];

/// No COMMAND.
const NOTHING: [&str; 0] = [];
const NO_PROC: &str = "/proc is missing here, or shows another PID namespace";

fn anywhere() -> [Init; 2] {
    [Init::new(), Init::new().as_pid_1()]
}

/// What `--inspect` says, seen from outside, with each sentence on one line.
#[track_caller]
fn inspect(pid: i32) -> String {
    let output = inspected(&format!("--inspect={pid}"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    one_line_each(&output)
}

fn inspected(option: &str) -> Output {
    Command::new(scratch::session_init()).arg(option).env_remove("NO_COLOR").output().expect("it starts")
}

fn one_line_each(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let (tables, sentences) = text.rsplit_once("\n\n").expect("sentences come last");
    format!("{tables}\n\n{}", sentences.replace("\n  ", " "))
}

/// What it says in the PID namespace of this one.
fn inspect_inside(run: &Running, option: &str) -> String {
    let pid = run.pid().to_string();
    let mut command = Command::new("nsenter");
    command.args(["-t", &pid, "-p", "-m"]).arg(scratch::session_init()).arg(option);
    let output = command.output().expect("nsenter starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    one_line_each(&output)
}

/// The sentence that begins like this.
#[track_caller]
fn sentence<'a>(text: &'a str, beginning: &str) -> &'a str {
    let found = text.lines().find(|line| line.starts_with(beginning));
    found.unwrap_or_else(|| panic!("nothing begins with {beginning:?} in\n{text}"))
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in\n{text}");
}

/// The pids that a sentence names: `8 (api), 9 (sleep)`.
fn pids(sentence: &str) -> Vec<i32> {
    let words: Vec<&str> = sentence.split(' ').collect();
    let named = words.windows(2).filter(|pair| pair[1].starts_with('('));
    named.filter_map(|pair| pair[0].parse().ok()).collect()
}

/// Those whom a TERM would not reach, as it says.
pub(crate) fn spared(init: i32) -> Vec<i32> {
    let text = inspect(init);
    pids(sentence(&text, "A TERM now").split_once(": ").map_or("", |(_, spared)| spared))
}

const FAMILY: [&str; 7] =
    ["default", "ignoring-term", "ignoring-quit", "blocking", "apart", "detached", "of-another-user"];

fn what_it_says_of_a_term_is_what_a_term_does() {
    const OPTIONS: [&[&str]; 8] = [
        &[],
        &["--target", "child"],
        &["--target", "session"],
        &["--target", "all"],
        &["-c"],
        &["-r", "TERM:QUIT"],
        &["-r", "TERM:QUIT@all"],
        &["-r", "TERM:TERM@session/99s/KILL@all"],
    ];
    for init in anywhere().into_iter().flat_map(|init| [init.clone(), init.without_capabilities(&[5])]) {
        for options in OPTIONS {
            let run = init.clone().verbose().options(options).role(["family"]).wait_for("ready");
            let family = FAMILY.map(|name| (name, run.pid_behind(name)));
            let command = run.command();
            let text = inspect(run.pid());
            let first = sentence(&text, "A TERM now");
            assert!(first.contains(" of 8") || first.contains("all 8"), "{text}");
            let spared = pids(first.split_once(": ").map_or("", |(_, spared)| spared));
            let run = run.send(TERM).wait_for_error("received TERM");
            for (name, pid) in family {
                if spared.contains(&pid) {
                    assert!(process::is_alive(pid), "{options:?}: {name} was reached\n{text}");
                } else {
                    let is_gone = holds_in_time(|| !process::is_alive(pid));
                    assert!(is_gone, "{options:?}: {name} was not reached\n{text}");
                }
            }
            assert!(!spared.contains(&command), "{text}");
            let _ = run.wait_for(if options.concat().contains("QUIT") { "got QUIT" } else { "got TERM" });
        }
    }
}

fn a_forest_of_ten_thousand_can_be_read() {
    // With a PID namespace of their own they end together.
    let run = Init::new().as_pid_1().role(["tree", "10001"]).wait_for("ready");
    assert!(holds_in_time(|| process::descendants(run.pid()).len() == 10_001), "all of them are there");
    let start = Instant::now();
    let text = inspect(run.pid());
    let time = start.elapsed();
    // A second is what it may take on a machine that does nothing else.
    assert!(time < Duration::from_secs(10), "{time:?}");
    assert!(text.lines().count() < 10_000, "{} lines", text.lines().count());
    has(&text, "and 8 more like it");
    has(sentence(&text, "A TERM now"), " of 10001: ");
    has(sentence(&text, "A TERM now"), " more are in another group (--target all would reach them)");
}

fn it_tells_who_blocks_from_who_waits() {
    // COMMAND waits for signals, another blocks them: to the mask alone they look alike.
    let run = Init::new().role(["family"]).wait_for("ready");
    for name in FAMILY {
        let _ = run.pid_behind(name);
    }
    let rows: Vec<String> = inspect(run.pid()).lines().map(str::to_owned).collect();
    let word = |pid: i32| {
        let row = rows.iter().find(|row| row.trim_start().starts_with(&format!("{pid} ")));
        row.and_then(|row| row.split_whitespace().nth(5)).unwrap_or_default().to_owned()
    };
    let expected = [
        (run.command(), "handled"),
        (run.pid_behind("default"), "default"),
        (run.pid_behind("ignoring-term"), "ignored"),
        (run.pid_behind("ignoring-quit"), "default"),
        (run.pid_behind("blocking"), "blocked"),
    ];
    for (pid, takes) in expected {
        assert_eq!(word(pid), takes, "{pid} in\n{}", rows.join("\n"));
    }
    // A TERM that is there already.
    let blocking = run.pid_behind("blocking");
    let run = run.send_to(blocking, TERM);
    has(sentence(&inspect(run.pid()), "A TERM now"), &format!("{blocking} (suite) blocks TERM, and has one waiting"));
}

fn it_sees_that_command_has_ended() {
    for init in anywhere() {
        // The one that is left leads a session, as COMMAND did.
        let run = init
            .verbose()
            .option("--linger")
            .sh("echo here; exec setsid sh -c 'sleep 77 & exec sleep 76' >/dev/null &");
        let run = run.wait_for_error("COMMAND exited with status 0");
        let left = || process::descendants(run.pid()).iter().filter(|one| one.name == "sleep").count() == 2;
        assert!(holds_in_time(left), "two are left");
        let text = inspect(run.pid());
        has(sentence(&text, "A TERM now"), "reaches all 2 below");
        has(sentence(&text, "COMMAND has ended"), "waits for what it left behind");
    }
}

fn it_sees_who_entered_from_outside() {
    for (options, end) in [(&[][..], "(--target all would reach it)"), (&["--target", "all"], "")] {
        let run = Init::new().as_pid_1().options(options).sh("sleep 77 & echo ready; wait").wait_for("ready");
        let pid = run.pid().to_string();
        let mut outside =
            Command::new("nsenter").args(["-t", &pid, "-p", "-m", "sleep", "76"]).spawn().expect("nsenter");
        let mut text = String::new();
        let has_entered = holds_in_time(|| {
            text = inspect_inside(&run, "--inspect");
            text.lines().any(|line| line.ends_with("entered from outside") && line.contains("sleep "))
        });
        assert!(has_entered, "{text}");
        let first = sentence(&text, "A TERM now");
        if end.is_empty() {
            has(first, "reaches all 3 below 1 (session-init)");
        } else {
            has(first, "reaches 2 of 3: ");
            has(first, &format!(" (sleep) entered from outside {end}"));
        }
        assert!(!text.contains("--inspect"), "it does not list itself\n{text}");
        drop(run);
        outside.wait().expect("it ends with the namespace");
    }
}

fn what_is_below_another_init_is_its_affair() {
    let script = "$INIT sh -c \"$INIT sh -c 'echo ready; sleep 78 & wait' & wait\"";
    let run = Init::new().from_script(&format!("exec {script}")).wait_for("ready");
    let sleeps = || process::descendants(run.pid()).iter().any(|one| one.name == "sleep");
    assert!(holds_in_time(sleeps), "the last one has started");
    let text = inspect(run.pid());
    let inner = process::descendants(run.pid()).into_iter().find(|one| one.name == "session-init").expect("it runs");
    has(sentence(&text, "A TERM now"), &format!("get what {} (session-init) passes on", inner.pid));
}

fn other_programs_are_told_apart() {
    let namespace = |script: &str| {
        let run = Init::of("/bin/sh").as_pid_1().options(["-c", script]).run(NOTHING).wait_for("ready");
        // A shell blocks signals while it starts one.
        let sleeps = || process::descendants(run.pid()).iter().any(|one| one.name == "sleep");
        assert!(holds_in_time(|| sleeps() && process::state(run.pid()) == Some('S')), "it waits for sleep");
        run
    };
    // PID 1 gets no signal that it does not handle.
    let run = namespace("echo ready; sleep 77; true");
    has(sentence(&inspect_inside(&run, "--inspect"), "A TERM now"), "does nothing: 1 (sh) does not handle it");
    let run = namespace("trap 'echo over' TERM; echo ready; sleep 77; true");
    has(sentence(&inspect_inside(&run, "--inspect"), "A TERM now"), "reaches 1 (sh) alone, which handles it");
    let run = namespace("trap '' TERM; echo ready; sleep 77; true");
    has(sentence(&inspect_inside(&run, "--inspect"), "A TERM now"), "does nothing: 1 (sh) ignores it");
    // An init further down.
    let script = format!("{} sh -c 'echo ready; sleep 77'; true", scratch::session_init().display());
    let run = namespace(&script);
    let text = inspect_inside(&run, "--inspect");
    let hint = text.lines().find(|line| line.contains("is an init: see --inspect=")).expect("a hint");
    let inner = hint.rsplit_once('=').map(|(_, pid)| pid.trim_end_matches('.')).expect("a pid");
    has(sentence(&inspect_inside(&run, &format!("--inspect={inner}")), "A TERM now"), "reaches all 2 below");
    // Another process than PID 1.
    let run = Init::new().sh("sleep 77 & echo ready; wait").wait_for("ready");
    has(sentence(&inspect(run.command()), "A TERM now"), "ends ");
    // A session-init that is called something else.
    let init = scratch::executable(&scratch::new_folder("renamed"), "init", "");
    std::fs::copy(scratch::session_init(), &init).expect("a copy");
    let renamed = Init::of(&init).sh("sleep 77 & echo ready; wait").wait_for("ready");
    let output = Command::new(&init).arg(format!("--inspect={}", renamed.pid())).output().expect("it starts");
    has(sentence(&one_line_each(&output), "A TERM now"), "reaches all 2 below");
    // A session-init that has stopped.
    let run = run.send(STOP).wait_stopped();
    has(&inspect(run.pid()), "(session-init) is stopped, and does nothing until it gets CONT.");
    drop(run.send(CONT));
    let run = Init::new().option("--pause").run(NOTHING);
    has(sentence(&inspect(run.pid()), "A TERM now"), "which runs no COMMAND");
}

fn zombies_have_a_parent_that_does_not_wait() {
    // A shell that has become something else waits for nobody.
    let run = Init::new().sh("sleep 0 & sleep 0 & sleep 0 & exec sleep 77");
    let command = run.command();
    let are_zombies = || process::children(command).iter().filter(|child| child.state == 'Z').count() == 3;
    assert!(holds_in_time(are_zombies), "three zombies");
    let text = inspect(run.pid());
    has(
        &text,
        &format!("3 zombies are children of {command} (sleep), which does not wait for its children; no init can."),
    );
    has(sentence(&text, "A TERM now"), "reaches all there is");
}

fn what_it_may_not_read_it_names() {
    // Another user's environment.
    let run = Init::new().variable("SESSION_INIT_TARGET", "all").sh("echo ready; sleep 77").wait_for("ready");
    let program = scratch::session_init();
    let script = format!(
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups {} --inspect={}",
        program.display(),
        run.pid()
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = one_line_each(&output);
    has(&text, "not read      its environ: Permission denied");
    has(&text, "  others  passed on to group\n");
    has(&inspect(run.pid()), "  others  passed on to all\n");
    // And where /proc hides others' processes altogether.
    let script = format!("mount -t proc -o hidepid=2 proc /proc; {script}");
    let output = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = format!("[session-init] no process {} can be seen here\n", run.pid());
    assert_eq!(String::from_utf8_lossy(&output.stderr), line);
}

fn what_it_cannot_know_is_one_line() {
    let fails = |mut command: Command, line: &str| {
        let output = command.output().expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("[session-init] {line}\n"));
    };
    let with = |words: &[&str]| {
        let mut command = Command::new(scratch::session_init());
        command.args(words);
        command
    };
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount", "sh", "-c", script, "sh"]).arg(scratch::session_init());
        command
    };
    fails(with(&["--inspect=2147483647"]), "no process 2147483647 can be seen here");
    fails(in_namespace("\"$@\" --inspect; exit"), NO_PROC);
    fails(in_namespace("mount -t tmpfs none /proc; \"$@\" --inspect; exit"), NO_PROC);
    for wrong in ["0", "-1", "x", "", "99999999999"] {
        let line = format!("--inspect: '{wrong}' is not the pid of a process (see --help)");
        fails(with(&[&format!("--inspect={wrong}")]), &line);
    }
    let words = "--inspect runs no command, and takes its pid behind an equals sign (--inspect=57) (see --help)";
    fails(with(&["--inspect", "57"]), words);
    // What is wrong with its own environment is not its affair here.
    let run = Init::new().variable("SESSION_INIT_GRACE", "nonsense").option("--inspect").run(NOTHING);
    run.expect_exit(0);
}

fn names_are_escaped_and_lines_are_short() {
    let folder = scratch::new_folder("inspect");
    let name = "a\n\u{1b}[31mb";
    std::os::unix::fs::symlink("/bin/sleep", folder.join(name)).expect("a link");
    let path = folder.join(name);
    let run = Init::new().run([path.as_os_str(), "77".as_ref()]);
    let text = inspect(run.pid());
    let output = inspected(&format!("--inspect={}", run.pid()));
    assert!(output.stdout.iter().all(|byte| *byte != 0x1b), "{text}");
    has(&text, "a\\n\\u{1b}[31mb");
    let long = "x".repeat(500);
    let run = Init::new().sh(&format!("sleep 77 & : {long}; wait"));
    let output = inspected(&format!("--inspect={}", run.pid()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert!(text.lines().any(|line| line.chars().count() == 120), "{text}");
}

fn a_line_is_as_long_as_the_terminal_is_wide() {
    let run = Init::new().sh("sleep 77 & setsid sleep 78 & echo ready; wait").wait_for("ready");
    let option = format!("--inspect={}", run.pid());
    for (variable, bold) in [("", true), ("1", false)] {
        let script = format!("stty cols 60; exec $INIT {option}");
        let shown = Init::new().on_a_terminal().variable("NO_COLOR", variable).from_script(&script);
        let ended = shown.expect_exit(0);
        let text = ended.stdout.replace("\u{1b}[1m", "").replace("\u{1b}[m", "");
        assert!(text.lines().all(|line| line.trim_end().chars().count() <= 60), "{text}");
        assert_eq!(ended.stdout.contains("\u{1b}[1mProcesses\u{1b}[m"), bold, "{}", ended.stdout);
    }
}
