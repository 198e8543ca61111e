//! A stop in stages, and a command before it.

use std::time::{Duration, Instant};

use crate::support::signal::{CONT, INT, QUIT, STOP, Signal, TERM, TSTP, USR1, rt};
use crate::support::test::{Test, tests};
use crate::support::time::holds_in_time;
use crate::support::{Init, Running, process, scratch};
use crate::terminals::CTRL_C;

pub(crate) const TESTS: &[Test] = tests![
    a_drain_holds_term_back: ROOT,
    the_same_signal_again_ends_a_wait: ROOT,
    a_stop_in_stages: ROOT,
    a_second_key_kills: ROOT,
    nothing_escapes_kill_at_all: ROOT,
    steps_go_on_in_the_grace: ROOT,
    steps_of_two_signals_run_side_by_side,
    a_command_that_ends_in_a_wait_ends_it: ROOT,
    a_wait_stands_still_while_it_is_stopped,
    kill_after_counts_through_every_wait: ROOT,
    each_wrong_sequence_gets_a_line_of_its_own,
    explain_shows_the_steps,
    the_command_before_a_stop_comes_first: ROOT,
    it_finds_what_session_init_found: ROOT,
    the_same_signal_again_does_not_wait_for_it: ROOT,
    for_a_dropped_term_it_is_the_whole_stop: ROOT,
    what_goes_wrong_with_it_changes_nothing: ROOT,
    session_init_does_not_leave_before_it_has_ended: ROOT,
    it_gets_no_signal_that_is_for_others: ROOT,
    kill_after_bounds_it: ROOT,
    it_gets_no_descriptor_of_session_inits: ROOT,
];

fn anywhere() -> [Init; 2] {
    [Init::new(), Init::new().as_pid_1()]
}

/// Longer than any of these tests may take.
const NEVER: Duration = Duration::from_secs(15);

/// Something that takes less than it would if a wait of a minute counted.
fn in_time<T>(body: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = body();
    assert!(start.elapsed() < NEVER, "{:?}", start.elapsed());
    result
}

fn a_drain_holds_term_back() {
    for init in anywhere() {
        let start = Instant::now();
        let run = init.verbose().rewrite("TERM:400ms/TERM").role(["listen"]).wait_for("ready").send(TERM);
        // It is there for its last requests.
        let run = run.send(USR1).wait_for("got USR1").wait_for_error("waiting at most 400ms");
        run.wait_for("got TERM")
            .expect_exit(0)
            .stderr_has("the wait among the steps of TERM is over; sent TERM to group");
        assert!(start.elapsed() >= Duration::from_millis(400));
    }
}

fn the_same_signal_again_ends_a_wait() {
    for init in anywhere() {
        in_time(|| {
            let run = init.verbose().rewrite("TERM:60s/INT/60s/QUIT/60s/TERM").role(["listen"]).wait_for("ready");
            // Two TERM that are pending at once are one.
            let run = run.send(TERM).wait_for_error("waiting at most 60s").send(USR1).wait_for("got USR1");
            let run = run.send(TERM).wait_for("got INT");
            let run = run.send(INT).wait_until("hears of another signal at once", |run| {
                run.output_so_far().matches("got INT").count() == 2
            });
            run.send(TERM).wait_for("got QUIT").send(TERM).wait_for("got TERM").expect_exit(0);
        });
    }
}

/// A main process, and a worker in its group.
const TWO: &str = "$ROLE listen INT & trap 'echo main got TERM' TERM; while :; do sleep .01; done";

fn a_stop_in_stages() {
    for init in anywhere() {
        let run = init.rewrite("TERM:TERM@child/200ms/TERM@all/200ms/KILL@all").sh(TWO).wait_for("ready");
        let run = run.send(TERM).wait_for("main got TERM");
        let ended =
            run.wait_for("got TERM").wait_for_error("as the rule for TERM says: ").expect_exit(137).nothing_left();
        assert_eq!(ended.stdout.matches("main got TERM").count(), 2, "once alone, and once with all: {}", ended.stdout);
        ended.stderr_has("(sh)").stderr_has("(suite)");
    }
}

fn a_second_key_kills() {
    for init in anywhere() {
        for option in ["-c", "--grace=60s"] {
            in_time(|| {
                let init = init.clone().option(option).rewrite("INT:INT/60s/KILL@all").on_a_terminal();
                let run = init
                    .sh("stty -echoctl; trap 'echo heard' INT; echo ready; while :; do sleep .01; done")
                    .wait_for("ready");
                // Two that are pending at once are one. (What is printed at that moment the key discards.)
                let run = run.write(CTRL_C).wait_for("heard").wait_until("has taken the first", |run| {
                    process::signal_sets(run.pid()).is_some_and(|sets| !sets.pending.contains(INT))
                });
                run.write(CTRL_C).expect_exit(137).nothing_left();
            });
        }
    }
}

fn nothing_escapes_kill_at_all() {
    for init in anywhere() {
        for (role, rule) in [
            (&["tree", "2000"][..], "TERM:KILL@all"),
            (&["deaf-tree", "2000"], "TERM:TERM/10ms/KILL@all"),
            (&["runaway"], "TERM:10ms/KILL@all"),
        ] {
            let run = init.clone().rewrite(rule).role(role).wait_for("ready");
            run.send(TERM).expect_exit(137).nothing_left();
        }
    }
}

fn steps_go_on_in_the_grace() {
    for init in anywhere() {
        in_time(|| {
            // The main process ends at once, and everybody is told; who does not listen is asked otherwise, and once.
            let script = "setsid $ROLE listen QUIT USR1 & trap 'exit 3' TERM; while :; do sleep .01; done";
            let rule = "TERM:TERM@child/100ms/TERM@all/100ms/INT@child/QUIT@all/60s/KILL@all";
            let run = init.rewrite(rule).option("--grace=60s").sh(script).wait_for("ready").send(TERM);
            let ended = run.wait_for("got QUIT").send(USR1).expect_exit(3).nothing_left();
            assert_eq!(ended.stdout.matches("got TERM").count(), 1, "{}", ended.stdout);
            ended.stdout_lacks("got INT");
        });
    }
}

fn steps_of_two_signals_run_side_by_side() {
    let run = Init::new().rewrite("TERM:60s/TERM,INT:100ms/QUIT").role(["listen"]).wait_for("ready");
    in_time(|| {
        run.send(TERM).send(INT).wait_for("got QUIT").send(TERM).wait_for("got TERM").expect_exit(0).stdout_lacks("INT")
    });
}

fn a_command_that_ends_in_a_wait_ends_it() {
    for init in anywhere() {
        for rule in ["TERM:60s/TERM", "TERM:USR1/60s/TERM", "TERM:TERM@child/60s/TERM@all/60s/KILL@all"] {
            in_time(|| {
                let init = init.clone().rewrite(rule).with_stdin().option("-v");
                let run = init.sh("trap : USR1 TERM; echo ready; while ! read x; do :; done; exit 7").wait_for("ready");
                let run = run.send(TERM).wait_for_error("waiting at most 60s").write("go\n");
                run.expect_exit(7).nothing_left();
            });
        }
    }
}

fn a_wait_stands_still_while_it_is_stopped() {
    for stop in [TSTP, STOP] {
        let run = Init::new().rewrite("TERM:1s/TERM").role(["listen"]).wait_for("ready").send(TERM);
        let run = run.send(USR1).wait_for("got USR1").send(stop).wait_stopped();
        // The one thing here that only time can stand for: longer than the wait is.
        std::thread::sleep(Duration::from_millis(1300));
        let run = run.send(CONT).send(rt(3)).wait_for("got RTMIN+3");
        assert!(!run.output_so_far().contains("got TERM"));
        run.wait_for("got TERM").expect_exit(0);
    }
}

fn kill_after_counts_through_every_wait() {
    for init in anywhere() {
        in_time(|| {
            let run = init.options(["--kill-after=300ms"]).rewrite("TERM:60s/TERM").role(["listen"]).wait_for("ready");
            run.send(TERM).expect_exit(137).stdout_lacks("got TERM").nothing_left();
        });
    }
}

fn each_wrong_sequence_gets_a_line_of_its_own() {
    for (rule, words) in [
        ("TERM:TERM/10s", "ends with a wait"),
        ("TERM:1s/2s/TERM", "two waits in a row"),
        ("TERM:100/TERM", "a wait needs a unit"),
        ("TERM:TERM//KILL", "an empty step"),
        ("TERM:10s@all/TERM", "a target behind a wait"),
        ("TERM:0/TERM", "a 0 among others"),
        ("TERM:1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1", "too many steps: 16 at the most"),
    ] {
        let ended = Init::new().rewrite(rule).run(["true"]).expect_exit(1);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        ended.stderr_has(words);
        Init::new().variable("SESSION_INIT_REWRITE", rule).run(["true"]).expect_exit(1).stderr_has(words);
    }
    let ended = Init::new().options(["-c", "-r", "TERM:TERM/1s/INT@group"]).run(["true"]).expect_exit(1);
    ended.stderr_has("--rewrite contradicts --single-child");
}

fn explain_shows_the_steps() {
    let run = Init::new()
        .rewrite("TERM:10s/TERM@child/5s/KILL@all")
        .options(["--explain", "--pre-stop", "./x"])
        .run(["true"]);
    let ended = run
        .expect_exit(0)
        .stdout_has("  TERM    waits 10s, or for a second TERM  (--rewrite)\n          -> TERM     to child\n");
    ended.stdout_has("./x").stdout_has("(--pre-stop)\n");
}

fn the_command_before_a_stop_comes_first() {
    for init in anywhere() {
        for signal in [TERM, INT, QUIT] {
            let init = init.clone().options([
                "--pre-stop",
                "echo before $SESSION_INIT_SIGNAL; while [ ! -e $GO ]; do sleep .01; done; echo done",
            ]);
            let go = scratch::new_path("go");
            let run = init
                .variable("GO", &go)
                .role(["listen"])
                .wait_for("ready")
                .send(signal)
                .wait_for(&format!("before {signal}"));
            // What does not stop is not held back.
            let run = run.send(USR1).wait_for("got USR1");
            assert!(!run.output_so_far().contains(&format!("got {signal}")));
            std::fs::write(&go, "").expect("a file");
            let run = run.wait_for("done").wait_for(&format!("got {signal}"));
            let ended = if signal == TERM { run } else { run.send(TERM) }.expect_exit(0).nothing_left();
            assert_eq!(ended.stdout.matches("before").count(), 1, "once: {}", ended.stdout);
        }
    }
    // In a variable, and with steps.
    let run = Init::new().variable("SESSION_INIT_PRE_STOP", "echo before").rewrite("TERM:100ms/TERM").role(["listen"]);
    run.wait_for("ready").send(TERM).wait_for("before").wait_for("got TERM").expect_exit(0);
}

fn it_finds_what_session_init_found() {
    let folder = scratch::new_folder("pre-stop");
    for init in anywhere() {
        let look = "pwd; echo $SESSION_INIT_COMMAND_PID $$ $(cut -d' ' -f5 /proc/$$/stat); read x || echo nothing to read; env | grep -c SESSION_INIT_; echo error >&2";
        let init = init.in_directory(&folder).variable("SESSION_INIT_GRACE", "9").options(["--pre-stop", look]);
        let run = init.sh("trap 'exit 3' TERM; echo COMMAND $$; while :; do sleep .01; done").wait_for("COMMAND");
        let command = run.line().trim().to_owned();
        let ended = run.send(TERM).expect_exit(3);
        let lines: Vec<&str> = ended.stdout.lines().skip(1).collect();
        let own = lines[1].split(' ').nth(1).unwrap_or_default();
        let expected =
            [folder.to_str().expect("a plain name"), &format!("{command} {own} {own}"), "nothing to read", "2"];
        assert_eq!(lines, expected);
        assert!(ended.stderr.contains("error\n"), "{}", ended.stderr);
    }
}

fn the_same_signal_again_does_not_wait_for_it() {
    for init in anywhere() {
        in_time(|| {
            let run =
                init.options(["--pre-stop", "trap 'echo end; exit' USR2; echo before; while :; do sleep .01; done"]);
            let run = run.role(["listen", "TERM", "RTMAX"]).wait_for("ready").send(TERM).wait_for("before");
            let run = run.send(TERM).wait_for("got TERM");
            let before = process::children(run.pid()).iter().find(|one| one.name == "sh").map(|one| one.pid);
            run.send_to(before.expect("it runs"), Signal::named("USR2")).wait_for("end").send(rt(30)).expect_exit(0);
        });
    }
}

fn for_a_dropped_term_it_is_the_whole_stop() {
    for init in anywhere() {
        let init = init.rewrite("TERM:0").options(["--pre-stop", "kill -USR1 $SESSION_INIT_COMMAND_PID"]);
        init.role(["listen", "USR1"])
            .wait_for("ready")
            .send(TERM)
            .wait_for("got USR1")
            .expect_exit(0)
            .stdout_lacks("got TERM");
    }
}

fn what_goes_wrong_with_it_changes_nothing() {
    for init in anywhere() {
        for (command, line) in [
            ("exit 3", "the command before the stop exited with status 3"),
            ("kill -KILL $$", "the command before the stop was ended by KILL"),
            ("/nonexistent/program 2>&-", "the command before the stop exited with status 127"),
        ] {
            let run = init.clone().options(["--pre-stop", command]).role(["listen"]).wait_for("ready");
            let ended = run.send(TERM).wait_for("got TERM").expect_exit(0);
            assert_eq!(ended.stderr.lines().collect::<Vec<_>>(), [format!("[session-init] {line}")], "{command}");
        }
        // What is stopped is no more than slow.
        let run = init.clone().options(["--pre-stop", "echo before; kill -STOP $$; echo after"]).role(["listen"]);
        let run = run.wait_for("ready").send(TERM).wait_for("before");
        let before = stopped_child(&run);
        run.send_to(before, CONT).wait_for("after").wait_for("got TERM").expect_exit(0);
    }
    // A process too many.
    let run =
        Init::new().as_user(4321).option("--pre-stop").option("true").sh("ulimit -u 1; echo ready; exec $ROLE listen");
    let ended = run.wait_for("ready").wait_for("ready").send(TERM).wait_for("got TERM").expect_exit(0);
    drop(ended);
}

fn stopped_child(run: &Running) -> i32 {
    let mut found = None;
    assert!(holds_in_time(|| {
        found = process::children(run.pid()).iter().find(|one| one.state == 'T').map(|one| one.pid);
        found.is_some()
    }));
    found.unwrap_or_default()
}

fn session_init_does_not_leave_before_it_has_ended() {
    for init in anywhere() {
        for options in [&[][..], &["-c"], &["--grace=20s"], &["--linger"]] {
            let go = scratch::new_path("go");
            let init = init.clone().options(options).variable("GO", &go).with_stdin();
            let run = init.options([
                "--pre-stop",
                "trap '' TERM; echo before; while [ ! -e $GO ]; do sleep .01; done; echo saved",
            ]);
            let run = run.sh("echo ready; read x; exit 7").wait_for("ready").send(TERM).wait_for("before");
            let command = run.command();
            let run = run.close_stdin();
            process::wait_gone(command);
            let run = run.still_runs();
            std::fs::write(&go, "").expect("a file");
            run.wait_for("saved").expect_exit(7).nothing_left();
        }
    }
}

fn it_gets_no_signal_that_is_for_others() {
    for init in anywhere() {
        let listens = format!("exec {} {} listen USR2", scratch::suite().display(), crate::roles::WORD);
        let init = init.options(["--target=all", "--grace=20s", "--pre-stop", &listens]).with_stdin();
        let run = init.sh("trap : USR1; setsid $ROLE listen & read x; read x; exit 7").wait_for("ready");
        let run = run.send(TERM).wait_for("ready");
        // To all others: whom the end is told, and whom a second signal reaches.
        let run = run.send(USR1).wait_for("got USR1").close_stdin().wait_for("got TERM");
        let before = process::children(run.pid())
            .into_iter()
            .find(|one| one.name == "suite" && one.group == one.pid && one.session != one.pid);
        let before = before.expect("it runs in a group of its own").pid;
        let ended = run.send_to(before, Signal::named("USR2")).expect_exit(7).nothing_left();
        assert_eq!(
            (ended.stdout.matches("got USR1").count(), ended.stdout.matches("got TERM").count()),
            (1, 1),
            "{}",
            ended.stdout
        );
    }
}

fn kill_after_bounds_it() {
    for init in anywhere() {
        in_time(|| {
            let run = init.options([
                "--kill-after=300ms",
                "--pre-stop",
                "trap '' TERM; echo before; while :; do sleep .01; done",
            ]);
            let run = run.role(["listen"]).wait_for("ready").send(TERM).wait_for("before");
            run.expect_exit(137).stdout_lacks("got TERM").nothing_left();
        });
    }
}

fn it_gets_no_descriptor_of_session_inits() {
    for init in anywhere() {
        let run = init
            .inheriting([7])
            .options(["--pre-stop", "ls -l /proc/self/fd | grep -c ' -> '; kill -KILL $SESSION_INIT_COMMAND_PID"]);
        // 0, 1, 2, and the folder that ls reads.
        run.sh("echo ready; exec sleep 99").wait_for("ready").send(TERM).expect_exit(137).stdout_is("ready\n4\n");
    }
}
