//! Every orphan is reaped, and none is mistaken for COMMAND, or for dead.

use crate::support::process;
use crate::support::signal::{CONT, KILL, STOP, Signal, TERM, USR1, rt};
use crate::support::test::{Test, tests};
use crate::support::{Init, Running};

pub(crate) const TESTS: &[Test] = tests![
    as_pid_1_ten_thousand_orphans_leave_no_zombie: ROOT,
    elsewhere_a_thousand_orphans_leave_no_zombie,
    orphans_that_a_real_time_signal_ended_are_reaped,
    an_orphan_that_is_stopped_by_its_tracer_is_not_taken_for_dead,
    a_stopped_orphan_is_not_taken_for_dead,
    a_stopped_command_is_not_taken_for_dead,
    the_status_is_that_of_the_command_whatever_orphans_end_with,
    an_orphan_of_a_grandchild_is_reaped_while_the_command_ignores_its_own_children,
    warn_on_reap_names_each_orphan,
    without_being_asked_reaping_says_nothing,
    a_sigchld_for_every_orphan_is_more_than_the_queue_holds_and_none_is_missed,
];

/// Waits until the init has COMMAND alone for a child.
#[track_caller]
fn until_only_the_command_is_left(run: Running) -> Running {
    run.wait_until("has no child but COMMAND", |run| process::children(run.pid()).len() == 1)
}

fn as_pid_1_ten_thousand_orphans_leave_no_zombie() {
    let run =
        Init::new().as_pid_1().sh("$ROLE orphans 10000; exec $ROLE listen").wait_for("made 10000").wait_for("ready");
    until_only_the_command_is_left(run).send(TERM).expect_exit(0).nothing_left();
}

fn elsewhere_a_thousand_orphans_leave_no_zombie() {
    let run = Init::new().sh("$ROLE orphans 1000; exec $ROLE listen").wait_for("made 1000").wait_for("ready");
    until_only_the_command_is_left(run).send(TERM).expect_exit(0).nothing_left();
}

fn orphans_that_a_real_time_signal_ended_are_reaped() {
    for signal in [rt(0), rt(6), rt(30), Signal::number(32), Signal::number(33)] {
        let run = Init::new().role(["orphan-dying-by", &signal.to_string()]).wait_for("ready");
        until_only_the_command_is_left(run).send(TERM).expect_exit(0);
    }
}

fn an_orphan_that_is_stopped_by_its_tracer_is_not_taken_for_dead() {
    let run = Init::new().role(["traced-orphan"]).wait_for_all(&["ready", "traced"]);
    let orphan = process::children(run.pid()).into_iter().find(|child| child.pid != run.command());
    let orphan = orphan.expect("it has come to session-init").pid;
    // Let go on, it stops as anybody does at STOP.
    process::wait_state(orphan, 'T');
    // session-init still does its work, and does not spin on the news of the stop.
    let run = run.send(USR1).wait_for("got USR1").wait_until("sleeps", |run| process::state(run.pid()) == Some('S'));
    until_only_the_command_is_left(run.send_to(orphan, KILL)).send(TERM).expect_exit(0).nothing_left();
}

fn a_stopped_orphan_is_not_taken_for_dead() {
    let run = Init::new().sh("(sh -c 'echo orphan $$; exec sleep 60' &); exec $ROLE listen");
    let orphan = run.pid_behind("orphan");
    let run = run.wait_for("ready").send_to(orphan, STOP);
    process::wait_state(orphan, 'T');
    let run = run.send(USR1).wait_for("got USR1");
    assert_eq!(process::state(orphan), Some('T'));
    run.send(TERM).expect_exit(0).nothing_left();
}

fn a_stopped_command_is_not_taken_for_dead() {
    let run = Init::new().role(["listen"]).wait_for("ready");
    let command = run.command();
    let run = run.send_to(command, STOP);
    process::wait_state(command, 'T');
    let run = run.send(USR1).wait_until("sleeps", |run| process::state(run.pid()) == Some('S'));
    let run = run.still_runs().send(CONT).wait_for_all(&["got USR1", "got CONT"]);
    run.send(TERM).expect_exit(0);
}

fn the_status_is_that_of_the_command_whatever_orphans_end_with() {
    Init::new().sh("$ROLE orphans 300; exit 42").expect_exit(42);
}

fn an_orphan_of_a_grandchild_is_reaped_while_the_command_ignores_its_own_children() {
    let run = Init::new().sh("trap '' CHLD; $ROLE orphans 30; exec $ROLE listen").wait_for("ready");
    until_only_the_command_is_left(run).send(TERM).expect_exit(0);
}

fn warn_on_reap_names_each_orphan() {
    let run = Init::new().option("-w").sh("(sh -c 'exit 7' &); (sh -c 'kill -KILL $$' &); exec $ROLE listen");
    let run = run.wait_for_errors(&["(sh), which exited with status 7", "(sh), which was ended by KILL"]);
    let ended = run.wait_for("ready").send(TERM).expect_exit(0);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("[session-init] reaped orphan ")), "{lines:?}");
}

fn without_being_asked_reaping_says_nothing() {
    let run = Init::new().sh("$ROLE orphans 30; exec $ROLE listen").wait_for("ready");
    until_only_the_command_is_left(run).send(TERM).expect_exit(0).stderr_is("");
}

fn a_sigchld_for_every_orphan_is_more_than_the_queue_holds_and_none_is_missed() {
    let run = Init::new().sh("$ROLE orphans 200; exec $ROLE listen").wait_for("ready");
    let run = run.send(STOP).wait_stopped();
    let run = run.send(CONT).wait_for("got CONT");
    until_only_the_command_is_left(run).send(TERM).expect_exit(0);
}
