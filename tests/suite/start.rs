//! No signal is lost at the start: not before session-init's exec, nor at any moment of its start or of COMMAND's.
//!
//! Until session-init has blocked its signals, and be it the first thing it does, a signal does to it what it does to any
//! process. Such an end is no loss: whoever sent the signal got what was asked for.

use crate::support::signal::{CHLD, HUP, KILL, PIPE, STOP, Signal, TERM, TSTP, TTIN, TTOU, USR1, rt};
use crate::support::test::{Test, tests};
use crate::support::time::{deadline, with_deadline};
use crate::support::{Ended, Init, Running};

pub(crate) const TESTS: &[Test] = tests![
    a_thousand_terms_within_2_ms_of_the_exec_are_all_found_again,
    a_thousand_terms_pending_before_the_exec_all_reach_the_command,
    other_signals_within_2_ms_of_the_exec_are_all_found_again,
    other_signals_pending_before_the_exec_all_reach_the_command,
    a_signal_between_spawn_and_exec_of_the_command_reaches_it,
    every_signal_pending_at_once_reaches_the_command,
    a_signal_pending_before_the_exec_reaches_the_command_of_pid_1: ROOT,
    a_signal_pending_before_the_exec_reaches_the_command_in_single_child_mode,
    a_sigchld_that_the_parent_ignores_or_blocks_does_no_harm,
];

/// What became of the signals of many starts.
#[derive(Debug, Default)]
struct Counts {
    reached_command: usize,
    /// Those that came between the start of COMMAND's process and its exec.
    before_its_exec: usize,
}

/// Starts session-init so often, several at a time, with a signal at this moment, and has none of them lost.
fn starts(times: usize, signal: Signal, moment: &str) -> Counts {
    const AT_A_TIME: usize = 4;
    // A thousand starts may take longer than anything else.
    let patience = deadline() * 5;
    let script = format!("exec $ROLE starts {} {signal} {moment}", times / AT_A_TIME);
    let runs: Vec<Running> = (0..AT_A_TIME).map(|_| Init::new().from_script(&script)).collect();
    runs.into_iter().fold(Counts::default(), |counts, run| {
        let ended = with_deadline(patience, || run.expect_exit(0)).stdout_has("reached nobody 0\n");
        Counts {
            reached_command: counts.reached_command + number(&ended, "reached COMMAND"),
            before_its_exec: counts.before_its_exec + number(&ended, "sent before COMMAND's exec"),
        }
    })
}

/// The number behind these words.
fn number(ended: &Ended, words: &str) -> usize {
    let line = ended.stdout.lines().find_map(|line| line.strip_prefix(words)).expect("the line is there");
    line.trim().parse().expect("a number")
}

fn a_thousand_terms_within_2_ms_of_the_exec_are_all_found_again() {
    let counts = starts(1000, TERM, "within-2-ms");
    // Else it would have been no test of session-init.
    assert!(counts.reached_command > 0, "{counts:?}");
}

fn a_thousand_terms_pending_before_the_exec_all_reach_the_command() {
    assert_eq!(starts(1000, TERM, "pending").reached_command, 1000);
}

fn other_signals_within_2_ms_of_the_exec_are_all_found_again() {
    for signal in [HUP, USR1, rt(3)] {
        starts(60, signal, "within-2-ms");
    }
}

fn other_signals_pending_before_the_exec_all_reach_the_command() {
    for signal in [HUP, USR1, rt(3)] {
        assert_eq!(starts(60, signal, "pending").reached_command, 60, "{signal}");
    }
}

fn a_signal_between_spawn_and_exec_of_the_command_reaches_it() {
    let counts = starts(200, TERM, "at-spawn");
    assert_eq!(counts.reached_command, 200);
    assert!(counts.before_its_exec > 0, "{counts:?}");
}

fn every_signal_pending_at_once_reaches_the_command() {
    // Of those left out one undoes another, or stops session-init; and the role's own runtime throws PIPE away.
    let left_out = [KILL, STOP, CHLD, TSTP, TTIN, TTOU, PIPE];
    let all: Vec<Signal> = Signal::all().filter(|signal| !left_out.contains(signal)).collect();
    let ended = Init::new().with_pending(all.clone()).role(["listen", "RTMAX"]).expect_exit(0);
    all.into_iter().fold(ended, |ended, signal| ended.stdout_has(&format!("got {signal}\n"))).nothing_left();
}

fn a_signal_pending_before_the_exec_reaches_the_command_of_pid_1() {
    Init::new().as_pid_1().with_pending([TERM]).role(["listen"]).wait_for("got TERM").expect_exit(0).nothing_left();
}

fn a_signal_pending_before_the_exec_reaches_the_command_in_single_child_mode() {
    Init::new().single_child().with_pending([TERM]).role(["listen"]).wait_for("got TERM").expect_exit(0).nothing_left();
}

fn a_sigchld_that_the_parent_ignores_or_blocks_does_no_harm() {
    let script = "(exit 3 &); $ROLE orphans 10; exit 42";
    for init in [Init::new().ignoring([CHLD]), Init::new().blocking([CHLD]), Init::new().with_pending([CHLD])] {
        init.sh(script).expect_exit(42).nothing_left();
    }
}
