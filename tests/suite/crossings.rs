//! Where features meet: what holds of each must hold of two at once.

use std::thread::sleep;
use std::time::Duration;

use crate::support::signal::{CONT, INT, KILL, STOP, Signal, TERM, TSTP, USR1, rt};
use crate::support::test::{Test, tests};
use crate::support::{Init, Running, process};
use crate::terminals::{
    BASH_OPTIONS, CTRL_C, CTRL_D, CTRL_Z, INNER_BASH, PLAIN, Person as _, by_hand, has_job_control, times,
};

pub(crate) const TESTS: &[Test] = tests![
    a_grace_at_a_terminal_is_a_grace: ROOT,
    a_pipeline_at_a_terminal_has_its_last_words: ROOT,
    ctrl_c_reaches_a_command_that_has_left_the_group: BASH,
    ctrl_c_is_also_what_a_rule_makes_of_it,
    ctrl_z_stops_a_command_that_has_left_the_group: BASH,
    no_clock_runs_while_it_is_stopped,
    a_flood_of_one_signal_hides_no_other,
    ctrl_c_starts_the_clock_of_kill_after: ROOT,
    a_terminal_from_outside_a_pid_namespace_has_job_control: ROOT BASH BWRAP,
    a_terminal_of_nobody_becomes_the_commands: ROOT BASH,
    where_no_signal_can_be_waited_for_the_end_is_seen,
    a_killed_shell_leaves_its_foreground_to_the_script: BASH,
    who_stops_its_whole_group_is_stopped_once: BASH,
    a_failing_command_in_a_script_is_not_the_scripts_failure: BASH,
];

/// On a terminal that it leads: as PID 1, as in a container, and not.
fn at_terminals() -> [Init; 2] {
    [Init::new().on_a_terminal(), Init::new().on_a_terminal().as_pid_1()]
}

/// Takes a moment to save its data, and says so.
const WORKER: &str = "trap 'sleep .2; echo saved; exit' TERM; echo works; while :; do sleep .01; done";

fn a_grace_at_a_terminal_is_a_grace() {
    let script = format!("({WORKER}) & read line; exit 3");
    for init in at_terminals() {
        let run = init.option("--grace=20s").sh(&script).wait_for("works").write("go\n");
        let ended = run.wait_for("saved").expect_exit(3).nothing_left();
        assert_eq!(ended.stdout.matches("saved").count(), 1);
    }
    for init in at_terminals() {
        let run = init.option("--linger").sh("(trap : HUP; echo works; read go; echo over) </dev/tty & exit 3");
        run.wait_for("works").write("go\n").wait_for("over").expect_exit(3).nothing_left();
    }
}

fn a_pipeline_at_a_terminal_has_its_last_words() {
    let pipeline = "(trap 'echo last; exit' TERM; echo first; while :; do sleep .01; done) | (trap '' TERM; while read x; do echo \"<$x>\"; done)";
    for init in at_terminals() {
        let run = init.option("--grace=20s").sh(pipeline).wait_for("<first>");
        // The shell itself handles nothing, and ends at once.
        run.send(TERM).wait_for("<last>").expect_exit(143).nothing_left();
    }
}

fn ctrl_c_reaches_a_command_that_has_left_the_group() {
    for command in ["timeout 99 sleep 77", "setsid -w sleep 77"] {
        for option in ["-c", "", "--grace=9s"] {
            let run = by_hand().types(&format!("$INIT {option} {command}"));
            process::wait_state(run.program("sleep"), 'S');
            run.presses(CTRL_C).prompts().wait_until("has nobody left", |run| run.living() == [run.pid()]).reads();
        }
    }
}

fn ctrl_c_is_also_what_a_rule_makes_of_it() {
    for option in ["-c", "--grace=9s"] {
        let init = Init::new().option(option).rewrite("INT:TERM").on_a_terminal();
        let run = init.role(["listen"]).wait_for("ready").write(CTRL_C).wait_for("got TERM");
        let ended = run.expect_exit(0);
        assert_eq!(ended.stdout.matches("got INT").count(), 1, "the terminal's own");
    }
}

fn ctrl_z_stops_a_command_that_has_left_the_group() {
    let run = by_hand().types("$INIT timeout 99 sleep 77");
    let sleep = run.program("sleep");
    process::wait_state(sleep, 'S');
    let run = run.presses(CTRL_Z).prompts().types("jobs").wait_for("Stopped").prompts();
    process::wait_state(process::parent(sleep), 'T');
    let run = run.types("fg").wait_for("timeout");
    process::wait_state(process::parent(sleep), 'S');
    run.presses(CTRL_C).prompts().reads();
    // In a script nobody could say `fg`.
    let script = format!("{PLAIN}; trap : INT; $INIT timeout --foreground 99 $ROLE listen INT; echo ended");
    let run = Init::of("/bin/sh").on_a_terminal().run(["-c", &script]).wait_for("ready");
    run.presses(CTRL_Z).presses(CTRL_C).wait_for("got INT").wait_for("ended").expect_exit(0);
}

fn no_clock_runs_while_it_is_stopped() {
    // The one thing here that only time can stand for: longer than the grace is.
    let longer = Duration::from_millis(1200);
    for stop in [TSTP, STOP] {
        let init = Init::new().options(["--grace", "1s"]).with_stdin();
        let run = init
            .sh("$ROLE listen INT & read line; exit 3")
            .wait_for("ready")
            .close_stdin()
            .wait_for("got TERM")
            .send(stop)
            .wait_stopped();
        sleep(longer);
        // Whoever is left is there for what comes.
        run.send(CONT).send(USR1).wait_for("got USR1").send(INT).expect_exit(3).nothing_left();
    }
    for stop in [TSTP, STOP] {
        let run = Init::new().options(["--kill-after", "1s"]).role(["listen", "INT"]).wait_for("ready").send(TERM);
        let run = run.wait_for("got TERM").send(stop);
        let command = run.command();
        let run = if stop == TSTP { run.wait_until("stops", |_| process::state(command) == Some('T')) } else { run };
        let run = run.wait_stopped();
        sleep(longer);
        run.send(CONT).send(USR1).wait_for("got USR1").send(INT).expect_exit(0).nothing_left();
    }
}

fn a_flood_of_one_signal_hides_no_other() {
    for flood in [rt(6), Signal::named("USR1"), Signal::named("HUP")] {
        let init = Init::new().options(["--kill-after", "300ms", "--target", "child"]);
        let run = init.role(["flood", &flood.to_string()]).wait_for("ready");
        let start = std::time::Instant::now();
        run.send(TERM).expect_exit(137).nothing_left();
        assert!(start.elapsed() < Duration::from_secs(2), "{flood}: {:?}", start.elapsed());
    }
}

fn ctrl_c_starts_the_clock_of_kill_after() {
    for init in at_terminals() {
        let run = init.options(["--kill-after", "300ms"]).sh("trap '' INT; echo works; while :; do sleep .01; done");
        run.wait_for("works").write(CTRL_C).expect_exit(137).nothing_left();
    }
}

fn a_terminal_from_outside_a_pid_namespace_has_job_control() {
    for outside in [
        "unshare --fork --pid --mount-proc",
        "bwrap --bind / / --proc /proc --dev /dev --unshare-all --as-pid-1",
        "bwrap --bind / / --proc /proc --dev /dev --unshare-all",
    ] {
        let run = by_hand().types(&format!("{outside} $INIT {INNER_BASH}")).prompts();
        has_job_control(run).types("exit 7").prompts().status(7).reads();
        let run = by_hand().types(&format!("{outside} $INIT cat")).answers("one");
        run.presses(CTRL_C).prompts().wait_until("has nobody left", |run| run.living() == [run.pid()]).reads();
    }
}

fn a_terminal_of_nobody_becomes_the_commands() {
    for init in [Init::new(), Init::new().as_pid_1(), Init::new().option("--grace=9s")] {
        let init = init.on_a_terminal_of_nobody().variable("PS1", "[prompt] ");
        let run = init.run([&["bash"], BASH_OPTIONS].concat()).prompts().types(PLAIN).prompts();
        has_job_control(run).types("exit 7").expect_exit(7);
    }
    // Also one that does not open it by itself, as bash does.
    for init in [Init::new(), Init::new().as_pid_1(), Init::new().option("--grace=9s")] {
        let run = init.on_a_terminal_of_nobody().sh("echo it is mine >/dev/tty; read x");
        run.wait_for("it is mine").write("\n").end();
    }
    // Not one that is another session's.
    let run = by_hand().types("setsid --wait $INIT bash -c ': </dev/tty && echo stolen; echo over'").wait_for("over");
    assert_eq!(times(&run, "\nstolen"), 0);
}

fn where_no_signal_can_be_waited_for_the_end_is_seen() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let run = Init::new().denying(&[libc::SYS_rt_sigtimedwait], errno).with_stdin();
        let run = run.sh("sleep .5; echo slept; read line; exit 7").wait_for("slept");
        let ticks = process::cpu_ticks(run.pid());
        assert!(ticks < 20, "{ticks} of 50 in half a second");
        run.close_stdin().expect_exit(7);
    }
}

fn a_killed_shell_leaves_its_foreground_to_the_script() {
    for option in ["", "-c", "--grace=9s"] {
        let script = format!("bash -c '$INIT {option} {INNER_BASH}; echo status $?; read line; echo line: $line'");
        let run = by_hand().types(&script).gives_terminal_to("bash").types("trap '' HUP TERM; sleep 99");
        let run = run.gives_terminal_to("sleep");
        let inner = process::parent(run.program("sleep"));
        let run = run.send_to(inner, KILL);
        let run = if option == "--grace=9s" { kill_sleep(run) } else { run };
        run.wait_for("status 137").types("words").wait_for("line: words").prompts();
    }
}

fn kill_sleep(run: Running) -> Running {
    let sleep = run.program("sleep");
    run.send_to(sleep, KILL)
}

fn who_stops_its_whole_group_is_stopped_once() {
    // As vim does it: its own handler, and then everybody.
    let command = "trap 'echo heard TSTP; trap - TSTP; kill -TSTP 0' TSTP; echo rea''dy; read x; read x";
    let run = by_hand().types(&format!("$INIT bash -c \"{command}\"")).wait_for("ready");
    process::wait_state(run.program("session-init"), 'S');
    let run = run.presses(CTRL_Z).prompts().types("jobs").wait_for("Stopped").prompts();
    let text = run.output_so_far();
    assert_eq!(
        text.lines().filter(|line| line.trim_end().trim_start_matches(CTRL_Z) == "heard TSTP").count(),
        1,
        "{text:?}"
    );
    run.types("fg").presses(CTRL_D).presses(CTRL_D).prompts().reads();
}

fn a_failing_command_in_a_script_is_not_the_scripts_failure() {
    let run = by_hand().types("bash -c '$INIT --grace 9s false; $INIT -c false; $INIT false; echo went on'");
    run.wait_for("went on").prompts().reads();
}
