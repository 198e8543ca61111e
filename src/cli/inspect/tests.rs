//! Tests of what is said, without processes.

use std::ffi::OsString;

use super::*;
use crate::cli::parse::{Invocation, parse};
use crate::stat::Stat;
use crate::status::Status;

const PAPER: Paper = Paper { is_styled: false, columns: 120 };

/// A process: its pid, its parent's and its name; in a group and a session of the second pid given.
fn process(pid: i32, parent: i32, name: &str, group: i32, session: i32) -> Process {
    let (name, started) = (name.to_owned(), u64::try_from(pid).unwrap());
    let stat =
        Stat { name, is_zombie: false, is_stopped: false, state: 'S', parent, group, threads: 1, session, started };
    let innermost_pid = u64::try_from(pid).unwrap();
    let status = Status { innermost_pid, capabilities: u64::MAX, ..Status::default() };
    Process {
        pid,
        stat: Box::leak(Box::new(stat)),
        status: Some(Box::leak(Box::new(status))),
        depth: 0,
        has_entered: false,
    }
}

fn with(one: Process, change: impl FnOnce(&mut Status)) -> Process {
    let mut status = one.status.unwrap().clone();
    change(&mut status);
    Process { status: Some(Box::leak(Box::new(status))), ..one }
}

fn zombie(pid: i32, parent: i32) -> Process {
    let one = process(pid, parent, "x", 2, 2);
    let stat = Stat { is_zombie: true, state: 'Z', ..one.stat.clone() };
    Process { stat: Box::leak(Box::new(stat)), ..one }
}

fn set(signals: &[Signal]) -> u64 {
    signals.iter().fold(0, |set, signal| set | 1 << signal.index())
}

/// session-init as PID 1, COMMAND as the leader of a session, and these.
fn said(arguments: &[&str], others: &[Process]) -> String {
    let words: Vec<OsString> = ["--explain"].iter().chain(arguments).chain(&["sh"]).map(OsString::from).collect();
    let Ok(Invocation::Explain(config, sources)) = parse(b"session-init", words.into_iter(), &|_| None) else {
        panic!("{arguments:?}");
    };
    let role = Role::Init { config, sources, command: Some(2) };
    let processes = [process(1, 0, "session-init", 1, 1), process(2, 1, "sh", 2, 2)];
    said_of(role, &[&processes, others].concat())
}

fn said_of(role: Role, processes: &[Process]) -> String {
    let processes = below(1, processes.to_vec().leak());
    let text = text(&Inspected { arguments: vec!["x".to_owned()], role, processes, missing: Vec::new() }, PAPER);
    assert!(text.lines().all(|line| line.chars().count() <= PAPER.columns), "{text}");
    text.replace("\n  ", " ")
}

#[track_caller]
fn ends(text: &str, sentences: &[&str]) {
    assert!(text.ends_with(&format!("\n\n{}\n", sentences.join("\n"))), "{text}");
}

#[test]
fn it_reads_like_an_answer() {
    let others = [
        with(process(8, 2, "api", 2, 2), |status| status.ignored = set(&[Signal::QUIT])),
        process(9, 2, "timeout", 9, 2),
        process(10, 9, "worker", 9, 2),
        process(11, 1, "cron", 11, 11),
        process(12, 2, "python3", 2, 2),
        zombie(13, 12),
        zombie(14, 12),
    ];
    ends(
        &said(&["-r", "TERM:QUIT"], &others),
        &[
            "A TERM now becomes QUIT and reaches 2 of 6: 8 (api) ignores QUIT; 9 (timeout) is in a group of its own \
             (--target session would reach it); 10 (worker) is in another group (--target session would reach it); 11 \
             (cron) is in a group of its own (--target all would reach it).",
            "When 2 (sh) has ended, 1 (session-init) ends at once, and all others with it (see --grace).",
            "2 zombies are children of 12 (python3), which does not wait for its children; no init can.",
        ],
    );
}

#[test]
fn who_waits_for_what_is_said_too() {
    ends(&said(&[], &[]), &["A TERM now reaches all there is."]);
    let worker = process(3, 2, "worker", 2, 2);
    let all = "A TERM now reaches all 2 below 1 (session-init).";
    for (option, end) in [
        ("--linger", "When 2 (sh) has ended, 1 (session-init) stays until all others have (--linger)."),
        ("--grace=5", "When 2 (sh) has ended, 1 (session-init) gives all others 5s to end (--grace)."),
    ] {
        ends(&said(&[option], &[worker]), &[all, end]);
    }
    let end = "When 2 (sh) has ended, 1 (session-init) ends at once, and all others with it (see --grace).";
    ends(&said(&["--kill-after=25"], &[worker]), &[all, "Who is left after 25s is killed (--kill-after).", end]);
    ends(&said(&["-r", "TERM:0"], &[worker]), &["A TERM now is dropped, and reaches nobody."]);
    ends(
        &said(&["-r", "TERM:5s/QUIT@child/2s/KILL@all", "--pre-stop", "x"], &[worker]),
        &[
            "The first TERM runs the command before the stop, and what follows waits for its end.",
            "After 5s, or at a second TERM, QUIT reaches 1 of 2: 3 (worker) is not COMMAND (--target group would reach it).",
            "After 2s, or at a second TERM, KILL reaches all 2 below 1 (session-init).",
            end,
        ],
    );
}

#[test]
fn when_command_has_ended_the_rest_gets_what_is_for_all() {
    let of = |rules: &str| {
        let words: Vec<OsString> = ["--explain", "--linger", "-r", rules].map(OsString::from).to_vec();
        let Ok(Invocation::Explain(config, sources)) = parse(b"session-init", words.into_iter(), &|_| None) else {
            panic!("{rules}");
        };
        let left = [process(1, 0, "session-init", 1, 1), process(3, 1, "worker", 2, 2), process(4, 1, "daemon", 4, 4)];
        said_of(Role::Init { config, sources, command: None }, &left)
    };
    let end = "COMMAND has ended, and 1 (session-init) waits for what it left behind.";
    ends(&of("TERM:QUIT@group"), &["A TERM now becomes QUIT and reaches all 2 below 1 (session-init).", end]);
    let last = "After 5s, or at a second TERM, KILL reaches all 2 below 1 (session-init).";
    ends(&of("TERM:TERM@child/5s/KILL@all"), &[last, end]);
}

#[test]
fn a_command_that_does_not_listen_is_named() {
    for option in ["-c", "--target=all"] {
        let mut text = said(&[option], &[]);
        assert!(text.contains("A TERM now reaches all there is."), "{text}");
        let deaf = with(process(2, 1, "sh", 2, 2), |status| status.ignored = set(&[Signal::TERM]));
        let config = parse(b"x", vec!["--explain".into(), option.into()].into_iter(), &|_| None).unwrap();
        let Invocation::Explain(config, sources) = config else { panic!("{config:?}") };
        let role = Role::Init { config, sources, command: Some(2) };
        text = said_of(role, &[process(1, 0, "session-init", 1, 1), deaf]);
        ends(
            &text,
            &[
                "A TERM now reaches none of 1: 2 (sh) ignores TERM.",
                "2 (sh) goes on, and so does 1 (session-init), until somebody kills them: an engine at its own limit, or \
                 --kill-after.",
            ],
        );
    }
}

#[test]
fn with_single_child_only_all_would_reach_more() {
    let text = said(&["-c"], &[process(3, 2, "worker", 2, 2)]);
    assert!(text.contains("3 (worker) is not COMMAND (--target all would reach it)"), "{text}");
}

#[test]
fn many_that_are_alike_are_one_row_and_many_names_are_few() {
    let many: Vec<Process> = (10..1010).map(|pid| process(pid, 2, "worker", pid, pid)).collect();
    let text = said(&[], &many);
    assert!(text.contains("and 999 more like it"), "{text}");
    assert!(text.lines().count() < 60, "{text}");
    assert!(
        text.contains("17 (worker) and 992 more are in groups of their own (--target all would reach them)"),
        "{text}"
    );
}

#[test]
fn a_deep_tree_leaves_room_for_the_rest() {
    let deep: Vec<Process> = (3..10_000).map(|pid| process(pid, pid - 1, "x", 2, 2)).collect();
    let text = said(&[], &deep);
    assert_eq!(text.matches("default").count(), 9_998, "{text}");
}

#[test]
fn who_seems_to_be_his_own_grandfather_is_no_trap() {
    // 3 had the parent 4, which ended, and 3 was read before its child got that pid.
    assert_eq!(below(3, vec![process(3, 4, "a", 1, 1), process(4, 3, "b", 1, 1)].leak()).len(), 2);
    assert!(below(1, vec![process(3, 4, "a", 1, 1), process(4, 3, "b", 1, 1)].leak()).is_empty());
}

#[test]
fn what_a_process_makes_of_a_signal_is_what_the_kernel_will_do() {
    let term = set(&[Signal::TERM]);
    let takes = |change: fn(&mut Status, u64)| {
        with(process(7, 1, "x", 1, 1), |status| change(status, term)).takes(Signal::TERM).word()
    };
    assert_eq!(takes(|_, _| {}), "default");
    assert_eq!(takes(|status, term| status.caught = term), "handled");
    assert_eq!(takes(|status, term| (status.caught, status.blocked) = (term, term)), "blocked");
    assert_eq!(takes(|status, term| (status.read, status.blocked) = (term, term)), "handled");
    assert_eq!(takes(|status, term| (status.blocked, status.pending) = (term, term)), "pending");
    assert_eq!(takes(|status, term| (status.ignored, status.blocked) = (term, term)), "ignored");
    // The first process of a PID namespace.
    assert_eq!(takes(|status, _| status.innermost_pid = 1), "ignored");
    let deaf = with(process(7, 1, "x", 1, 1), |status| (status.ignored, status.blocked) = (u64::MAX, u64::MAX));
    assert_eq!(deaf.takes(Signal::KILL).word(), "default");
    assert_eq!(Process { status: None, ..deaf }.takes(Signal::TERM).word(), "?");
}

#[test]
fn another_program_is_no_init() {
    let first = |change: fn(&mut Status)| {
        let shell = with(process(1, 0, "sh", 1, 1), change);
        said_of(Role::Program, &[shell, process(2, 1, "sleep", 1, 1), zombie(3, 1)])
    };
    let zombies = "1 zombie is a child of 1 (sh), which does not wait for its children; an init as PID 1 would.";
    let handled =
        "A TERM now reaches 1 (sh) alone, which handles it; what the 1 below it hear of it is its own affair.";
    ends(&first(|status| status.caught = u64::MAX), &[handled, zombies]);
    ends(&first(|status| status.ignored = u64::MAX), &["A TERM now does nothing: 1 (sh) ignores it.", zombies]);
    assert!(first(|_| {}).contains("A TERM now does nothing: 1 (sh) does not handle it, and the first process"));
}
