//! What images in the wild expect of an init, though no manual says so.

use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::roles;
use crate::support::signal::{HUP, INT, STOP, Signal, TERM, USR1};
use crate::support::sys::WaitStatus;
use crate::support::test::{Test, tests};
use crate::support::time::holds_in_time;
use crate::support::{Init, Running, process, scratch};

pub(crate) const TESTS: &[Test] = tests![
    pid_1_keeps_the_containers_stdin_stdout_and_stderr: ROOT,
    nobody_is_told_twice,
    nobody_is_told_twice_at_a_terminal: ROOT,
    who_is_born_after_the_signal_is_told_at_the_end: ROOT,
    who_ignores_what_term_became_gets_term: ROOT,
    only_who_is_stopped_is_continued: ROOT,
    what_is_dead_is_reaped_before_it_leaves: ROOT,
    kill_after_leaves_nobody_and_kills_nobody_early: ROOT,
    what_could_not_be_killed_is_called_that: ROOT,
    who_came_in_from_outside_may_finish: ROOT,
    pids_of_systemd_are_the_commands,
    variables_of_its_own_are_for_the_first_one_alone,
    the_command_line_silences_the_environment,
    under_other_names_the_command_alone_gets_signals,
    pause_reaps_until_term_or_int: ROOT,
    a_fault_is_told: ROOT,
    a_kill_tells_of_memory,
    it_ends_by_the_commands_signal_where_that_is_wanted: ROOT,
    lingering_sees_a_daemons_crash: ROOT,
    a_command_that_wants_to_be_traced_goes_on: ROOT,
    who_forks_at_every_signal_is_not_told_for_ever: ROOT,
    a_hidden_child_gets_signals: ROOT,
    a_signal_from_outside_is_said_to_be_from_there: ROOT,
    under_qemu_user_it_says_what_could_not_be_executed: QEMU,
    under_qemu_user_scripts_run_and_no_signal_is_lost: QEMU,
];

fn anywhere() -> [Init; 2] {
    [Init::new(), Init::new().as_pid_1()]
}

fn pid_1_keeps_the_containers_stdin_stdout_and_stderr() {
    let run = Init::new()
        .as_pid_1()
        .with_stdin()
        .sh("echo one >/proc/1/fd/1; echo two >/proc/1/fd/2; read x </proc/1/fd/0; echo $x");
    run.write("three\n").expect_exit(0).stdout_is("one\nthree\n").stderr_is("two\n");
    // Elsewhere a reader sees the end when COMMAND closes its own.
    let run = Init::new().sh("exec >&-; read x </dev/null; sleep 99");
    run.wait_for_end_of_output().send(TERM).expect_exit(143);
}

/// Below a shell that ends at TERM, one that takes note of each signal until USR1 comes.
const SHELL_AND_LISTENER: &str = "$ROLE listen USR1 & wait";

fn hears_it_once(run: Running, name: &str) {
    let run = run.send(USR1).wait_for("got USR1");
    let text = run.output_so_far();
    assert_eq!(text.matches(&format!("got {name}")).count(), 1, "{text}");
    assert!(!text.contains("got CONT"), "{text}");
}

fn nobody_is_told_twice() {
    for init in anywhere() {
        for options in [&["--target=group"][..], &["--target=session"], &["--target=all"], &["--rewrite=TERM:QUIT"]] {
            let name = if options[0].starts_with("--r") { "QUIT" } else { "TERM" };
            let run = init.clone().options(options).option("--grace=20s").sh(SHELL_AND_LISTENER).wait_for("ready");
            let shell = run.command();
            let run = run.send(TERM).wait_for(&format!("got {name}"));
            // The shell ends by QUIT too, for it has children that ignore it, and does not itself.
            process::wait_gone(shell);
            hears_it_once(run, name);
        }
        // By the clock of kill-after alone, and to a COMMAND alone: that one is gone, and the others have not heard of it.
        let run = init.clone().options(["--kill-after=20s"]).sh(SHELL_AND_LISTENER).wait_for("ready").send(TERM);
        let run = run.wait_for("got TERM");
        hears_it_once(run, "TERM");
        let run = init.options(["--grace=20s", "--target=child"]).sh(SHELL_AND_LISTENER).wait_for("ready").send(TERM);
        hears_it_once(run.wait_for("got TERM"), "TERM");
    }
}

fn nobody_is_told_twice_at_a_terminal() {
    for init in anywhere() {
        for option in ["--grace=20s", "-cgrace"] {
            let init = init.clone().on_a_terminal();
            let init = if option == "-cgrace" { init.options(["-c", "--grace=20s"]) } else { init.option(option) };
            let run = init.sh(SHELL_AND_LISTENER).wait_for("ready");
            let shell = run.command();
            let run = run.send(TERM).wait_for("got TERM");
            process::wait_gone(shell);
            hears_it_once(run, "TERM");
        }
    }
}

fn who_is_born_after_the_signal_is_told_at_the_end() {
    for init in anywhere() {
        for target in ["group", "all"] {
            let init = init.clone().options(["--grace=20s", "--target", target]);
            // A child of a shell that gets TERM before it has executed its program may take it for its parent's.
            // One that is born while all are told is told with them, and may be gone already.
            let born =
                |words: &str| format!("{words} & until grep -q sleep /proc/$!/comm || [ ! -e /proc/$! ]; do :; done");
            let script = format!(
                "trap '{}; {}; exit 3' TERM; echo ready; while :; do sleep .01; done",
                born("sleep 99"),
                born("setsid sleep 98")
            );
            let start = Instant::now();
            init.sh(&script).wait_for("ready").send(TERM).expect_exit(3).nothing_left();
            assert!(start.elapsed() < Duration::from_secs(10), "{target}: {:?}", start.elapsed());
        }
    }
}

fn who_ignores_what_term_became_gets_term() {
    for init in anywhere() {
        let start = Instant::now();
        let run = init.clone().rewrite("TERM:QUIT").option("--grace=20s").sh("sleep 99 & echo ready; exec sleep 99");
        run.wait_for("ready").send(TERM).expect_exit(131).nothing_left();
        let run = init.rewrite("TERM:INT").option("--grace=20s").sh("$ROLE listen & sleep 99 & read x; exit 3");
        run.expect_exit(3).nothing_left();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

fn only_who_is_stopped_is_continued() {
    for init in anywhere() {
        let init = init.option("--grace=20s").with_stdin();
        let script = "$ROLE listen USR1 & $ROLE listen USR1 & read x; exit 3";
        let run = init.sh(script).wait_for("ready").wait_for("ready");
        let command = run.command();
        let listeners: Vec<i32> = process::children(command).iter().map(|child| child.pid).collect();
        let run = run.send_to(listeners[0], STOP);
        process::wait_state(listeners[0], 'T');
        let run = run
            .close_stdin()
            .wait_for("got CONT")
            .wait_until("has told both", |run| run.output_so_far().matches("got TERM").count() == 2);
        let ended = run.send(USR1).expect_exit(3).nothing_left();
        assert_eq!(ended.stdout.matches("got CONT").count(), 1, "{}", ended.stdout);
        assert_eq!(ended.stdout.matches("got TERM").count(), 2, "{}", ended.stdout);
    }
}

fn what_is_dead_is_reaped_before_it_leaves() {
    for init in anywhere() {
        let ended = init.option("-w").role(["zombies", "50"]).expect_exit(0).nothing_left();
        assert_eq!(ended.stderr.matches("reaped orphan").count(), 50, "{}", ended.stderr);
    }
    // Below a parent that never waits.
    let init = scratch::session_init();
    let script = format!(
        "{} {} zombies 50; for x in 1 2 3; do read x </dev/null; done; cat /proc/[0-9]*/stat",
        init.display(),
        role()
    );
    let ended = Init::of("/usr/bin/unshare").run(["--fork", "--pid", "--mount-proc", "sh", "-c", &script]).end();
    assert!(!ended.stdout.contains(") Z "), "{}", ended.stdout);
}

fn role() -> String {
    format!("{} {}", scratch::suite().display(), roles::WORD)
}

fn kill_after_leaves_nobody_and_kills_nobody_early() {
    for init in anywhere() {
        for target in ["child", "group", "all"] {
            let init = init.clone().options(["--kill-after=500ms", "--target", target]);
            let run = init.sh("(trap '' TERM; exec setsid sleep 99) & echo ready; exec sleep 99").wait_for("ready");
            let run = run.wait_until("has both", |run| {
                process::descendants(run.pid()).iter().filter(|one| one.name == "sleep").count() == 2
            });
            run.send(TERM).expect_exit(143).nothing_left();
        }
        let start = Instant::now();
        let script = "(trap 'sleep .3; echo saved; exit' TERM; echo works; while :; do sleep .01; done) & wait";
        let run = init.options(["--kill-after=20s"]).sh(script).wait_for("works").send(TERM);
        run.wait_for("saved").expect_exit(143).nothing_left();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

fn what_could_not_be_killed_is_called_that() {
    const CAP_KILL: libc::c_ulong = 5;
    let init = Init::new().without_capabilities(&[CAP_KILL]).options(["-v", "--kill-after=200ms"]);
    let run = init.role(["as-user", "1234", "deaf"]).wait_for("ready");
    let ended = run.send(TERM).expect_exit(137);
    ended.stderr_has("could not be killed").stderr_lacks("was killed").stderr_lacks("killed everything");
}

fn who_came_in_from_outside_may_finish() {
    let run = Init::new().as_pid_1().option("--grace=20s").with_stdin().sh("read x; exit 3");
    let _ = run.command();
    let guest = guest(run.pid(), "trap 'sleep .3; echo saved; exit 7' TERM; echo in; while :; do sleep .01; done");
    let run = run.wait_until("has a guest", |run| {
        process::all().iter().any(|one| {
            one.name == "sleep"
                && process::inner_pid(one.pid).is_some_and(|pid| pid != one.pid)
                && one.parent == children_of(guest.id(), run)
        })
    });
    let ended = run.close_stdin().expect_exit(3);
    let guest = guest.wait_with_output().expect("it ends");
    assert_eq!((guest.status.code(), String::from_utf8_lossy(&guest.stdout)), (Some(7), "in\nsaved\n".into()));
    drop(ended);
}

/// The pid of the shell that nsenter has started.
fn children_of(nsenter: u32, _: &Running) -> i32 {
    process::children(nsenter.cast_signed()).first().map_or(-1, |child| child.pid)
}

/// Starts a shell in the PID namespace of an init, as `docker exec` does.
fn guest(init: i32, script: &str) -> Child {
    let mut command = Command::new("nsenter");
    command.args(["--target", &init.to_string(), "--pid", "--mount", "sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("nsenter is in util-linux")
}

fn pids_of_systemd_are_the_commands() {
    let names = ["LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID"];
    let own = names.map(|name| format!("export {name}=$$; ")).concat();
    let shown = "echo $((LISTEN_PID - $$)) $((WATCHDOG_PID - $$)) $((SYSTEMD_EXEC_PID - $$)) ${LISTEN_PIDFDID-none}";
    for option in ["", "-c"] {
        let script = format!("{own} export LISTEN_PIDFDID=7; exec $INIT {option} sh -c '{shown}'");
        Init::new().from_script(&script).expect_exit(0).stdout_is("0 0 0 none\n");
        // What is meant for somebody else stays what it is.
        let script =
            format!("export LISTEN_PID=1 WATCHDOG_PID=2 SYSTEMD_EXEC_PID=3 LISTEN_PIDFDID=7; exec $INIT {option} env");
        let ended = Init::new().from_script(&script).expect_exit(0);
        for variable in ["LISTEN_PID=1\n", "WATCHDOG_PID=2\n", "SYSTEMD_EXEC_PID=3\n", "LISTEN_PIDFDID=7\n"] {
            assert!(ended.stdout.contains(variable), "{variable} is not in {}", ended.stdout);
        }
    }
}

fn variables_of_its_own_are_for_the_first_one_alone() {
    let init = scratch::session_init();
    let init = init.to_str().expect("a plain name");
    let words = [init, "--", init, "--", scratch::suite().to_str().expect("a plain name"), roles::WORD, "listen"]
        .map(str::to_owned);
    let run = Init::new().variable("SESSION_INIT_REWRITE", "TERM:USR1,USR1:USR2").run(words).wait_for("ready");
    run.send(TERM).wait_for("got USR1").send_to_last(TERM).expect_exit(0).stdout_lacks("USR2");
    let ended =
        Init::new().variable("SESSION_INIT_GRACE", "5").variable("SESSION_INI", "x").run(["env"]).expect_exit(0);
    ended.stdout_lacks("SESSION_INIT_").stdout_has("SESSION_INI=x\n");
}

fn the_command_line_silences_the_environment() {
    let run = Init::new().variable("SESSION_INIT_LINGER", "1").option("--grace=20s");
    run.sh("setsid sleep 99 & exit 3").expect_exit(3).nothing_left();
    let init = Init::new().variable("SESSION_INIT_TARGET", "group").option("-c");
    init.sh("exit 4").expect_exit(4).stderr_is("");
}

fn under_other_names_the_command_alone_gets_signals() {
    for name in ["tini", "tini-static", "docker-init", "catatonit", "podman-init"] {
        let folder = scratch::new_folder("names");
        let link = folder.join(name);
        symlink(scratch::session_init(), &link).expect("a link");
        let run = Init::of(&link)
            .with_separator()
            .sh("$ROLE listen USR1 & trap 'echo COMMAND' TERM; wait; wait; wait")
            .wait_for("ready");
        let run = run.send(TERM).wait_for("COMMAND");
        let listener = process::children(run.command())[0].pid;
        run.send_to(listener, USR1).expect_exit(0).stdout_lacks("got TERM");
        let ended = Init::of(&link).options(["--explain"]).run(["true"]).expect_exit(0);
        let known = name.trim_end_matches("-static");
        ended.stdout_has(&format!("(as {known})\n"));
    }
}

fn pause_reaps_until_term_or_int() {
    for init in anywhere() {
        for signal in [TERM, INT] {
            let run = init.clone().option("-P").run::<&str>([]);
            run.wait_until("waits", |run| process::state(run.pid()) == Some('S'))
                .send(USR1)
                .send(HUP)
                .send(signal)
                .expect_exit(0);
        }
    }
    let run = Init::new().as_pid_1().option("-P").run::<&str>([]);
    let run = run.wait_until("waits", |run| process::state(run.pid()) == Some('S'));
    // Its child ends, and then it: who is left comes to PID 1.
    let mut guest = guest(run.pid(), "for x in 1 2 3; do (sleep .01 & exit) & done; sleep .01 & exit");
    assert!(guest.wait().expect("it ends").success());
    let run = run.wait_until("has no child", |run| process::children(run.pid()).is_empty());
    run.send(TERM).expect_exit(0);
    Init::new().option("-P").run(["true"]).expect_exit(1).stderr_has("--pause runs no command");
}

fn a_fault_is_told() {
    for name in ["ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "SEGV", "XCPU", "XFSZ", "SYS"] {
        let signal = Signal::named(name);
        for init in anywhere() {
            let ended =
                init.clone().sh(&format!("ulimit -c 0; exec $ROLE die {name}")).expect_exit(128 + signal.as_raw());
            ended.stderr_has("suite (pid ").stderr_has(&format!(") was ended by {name}"));
            // Whoever asks for it need not be told.
            let run =
                init.rewrite(&format!("USR1:{name}")).sh("ulimit -c 0; echo ready; exec sleep 99").wait_for("ready");
            run.send(USR1).expect_exit(128 + signal.as_raw()).stderr_is("");
        }
    }
    for (script, status) in [("kill -TERM $$", 143), ("kill -PIPE $$", 141), ("exit 139", 139)] {
        Init::new().sh(script).expect_exit(status).stderr_is("");
    }
    Init::new()
        .option("--kill-after=100ms")
        .sh("trap '' TERM; echo ready; while :; do sleep .01; done")
        .wait_for("ready")
        .send(TERM)
        .expect_exit(137)
        .stderr_lacks("was ended by KILL");
}

fn a_kill_tells_of_memory() {
    let ended = Init::new().sh("kill -KILL $$").expect_exit(137);
    if !ended.stderr.contains("for want of memory the kernel has killed 0 processes of its cgroup\n") {
        // Where no cgroup tells, the line ends here.
        let tells = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
        assert!(!tells.iter().any(|path| std::path::Path::new(path).exists()), "{}", ended.stderr);
        ended.stderr_has(") was ended by KILL\n");
    }
}

fn it_ends_by_the_commands_signal_where_that_is_wanted() {
    for name in ["TERM", "SEGV", "KILL", "HUP", "RTMIN+3", "INT"] {
        let signal = Signal::named(name);
        let init = || Init::new().option("--exit-by-signal");
        let run = init().sh(&format!("ulimit -c 0; exec $ROLE die {name}"));
        run.expect_death(signal);
        let ignored = init().ignoring([TERM, HUP]).role(["die", name]);
        ignored.expect_death(signal);
        let status = 128 + signal.as_raw();
        init().as_pid_1().role(["die", name]).expect_exit(status);
        init().options(["-e", &status.to_string()]).role(["die", name]).expect_exit(0);
    }
    Init::new().role(["die", "TERM"]).expect_exit(143);
    // No second core: one file in the folder where both would be left.
    let folder = scratch::new_folder("cores");
    let run = Init::new()
        .option("--exit-by-signal")
        .in_directory(&folder)
        .sh("ulimit -c unlimited 2>/dev/null; kill -SEGV $$");
    run.expect_death(Signal::named("SEGV"));
    assert!(std::fs::read_dir(&folder).expect("a folder").count() <= 1);
    assert_eq!(
        std::fs::read_dir("/").expect("the root").flatten().filter(|entry| entry.file_name() == "core").count(),
        0
    );
}

fn lingering_sees_a_daemons_crash() {
    for init in anywhere() {
        let lingering = |script: &str| init.clone().option("--linger").with_stdin().sh(script);
        lingering("(read x </dev/null; exec 3<&0; sh -c 'read x; exit 9' <&3; exit 9) <&0 & exit 0")
            .close_stdin()
            .expect_exit(9);
        lingering("setsid sh -c 'kill -SEGV $$' & exit 0").expect_exit(139);
        lingering("setsid sh -c 'exit 9' & exit 1").expect_exit(1);
        lingering("exit 0").expect_exit(0);
    }
}

fn a_command_that_wants_to_be_traced_goes_on() {
    for init in anywhere() {
        init.clone().role(["traced-by-its-parent"]).expect_exit(143);
        let run = init.verbose().role(["listen-traced"]).wait_for("ready").send(USR1).wait_for("got USR1");
        run.send(TERM).expect_exit(0).stderr_has("for its tracer, and was let go on");
    }
}

fn who_forks_at_every_signal_is_not_told_for_ever() {
    for init in anywhere() {
        let run = init.options(["--grace=1s"]).role(["multiplying"]);
        let ended = run.expect_exit(3).nothing_left();
        let told = ended.stdout.matches("got TERM").count();
        assert!((1..=40).contains(&told), "{told}");
    }
}

fn a_hidden_child_gets_signals() {
    const CAP_SYS_PTRACE: libc::c_ulong = 19;
    let script = "mount -t proc -o hidepid=2 proc /proc && exec $INIT --target all $ROLE as-user 1234 listen";
    for unshare in ["unshare --mount", "unshare --mount --pid --fork --kill-child"] {
        let run = Init::new()
            .without_capabilities(&[CAP_SYS_PTRACE])
            .from_script(&format!("exec {unshare} sh -c '{script}'"));
        let run = run.wait_for("ready");
        let listener = holds(|| {
            process::descendants(run.pid()).into_iter().chain(process::stat(run.pid())).find(|one| one.name == "suite")
        });
        let init = process::parent(listener.pid);
        run.send_to(init, USR1).wait_for("got USR1").send_to(init, TERM).expect_exit(0);
    }
}

/// What is there in time.
#[track_caller]
fn holds<T>(mut find: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    assert!(holds_in_time(|| {
        found = find();
        found.is_some()
    }));
    found.expect("it was found")
}

fn a_signal_from_outside_is_said_to_be_from_there() {
    let run = Init::new().as_pid_1().verbose().role(["listen"]).wait_for("ready").send(TERM);
    run.expect_exit(0).stderr_has("received TERM from outside this PID namespace; sent TERM to group ");
}

/// session-init in an emulator, where vfork is a plain fork.
fn under_qemu() -> Init {
    // The fifth byte tells programs of 32 bits (elf(5)).
    let is_short = std::fs::read(scratch::session_init()).expect("session-init")[4] == 1;
    let emulator = if is_short { "/usr/bin/qemu-i386-static" } else { "/usr/bin/qemu-x86_64-static" };
    Init::of(emulator).option(scratch::session_init())
}

fn under_qemu_user_it_says_what_could_not_be_executed() {
    under_qemu()
        .run(["nonexistent"])
        .expect_exit(127)
        .stderr_is("[session-init] nonexistent: No such file or directory\n");
    let folder = scratch::new_folder("qemu");
    let file = folder.join("text");
    std::fs::write(&file, "echo words\n").expect("a file");
    let path = file.to_str().expect("a plain name");
    under_qemu().run([path]).expect_exit(126).stderr_is(&format!("[session-init] {path}: Permission denied\n"));
    under_qemu().sh("exit 127").expect_exit(127).stderr_is("");
}

fn under_qemu_user_scripts_run_and_no_signal_is_lost() {
    let folder = scratch::new_folder("qemu-script");
    let script = scratch::executable(&folder, "script", "echo \"$@\"; exit 7\n");
    under_qemu().run([script.to_str().expect("a plain name"), "a b", "c"]).expect_exit(7).stdout_is("a b c\n");
    for _ in 0..20 {
        let run = under_qemu().sh("trap 'echo got TERM; exit 3' TERM; echo ready; while :; do sleep .01; done");
        // The emulator itself takes a while to start, and has no init in it that could lose anything.
        let run = run.wait_until("has a child", |run| !process::children(run.pid()).is_empty()).send(TERM);
        assert!(matches!(run.end_status(), WaitStatus::Exited(3 | 143)));
    }
}
