//! As PID 1 of a PID namespace, where a signal without a handler does nothing and an end takes everybody along.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::signal::{CONT, HUP, INT, KILL, QUIT, STOP, Signal, TERM, TSTP, TTIN, TTOU, USR1};
use crate::support::test::{Test, tests};
use crate::support::{Init, process, scratch};

pub(crate) const TESTS: &[Test] = tests![
    it_is_pid_1_and_the_command_is_its_child: ROOT,
    every_signal_that_can_be_caught_reaches_the_command: ROOT,
    a_term_takes_two_pipelines_down: ROOT,
    a_rewritten_term_is_a_quit_for_the_command: ROOT,
    what_stops_a_job_does_not_stop_it: ROOT,
    a_command_that_died_of_int_makes_it_exit_with_130: ROOT,
    it_ends_as_the_command_ends: ROOT,
    as_a_child_of_pid_1_it_reaps_what_would_be_the_other_ones_orphans: ROOT,
    under_unshare_from_a_shell_it_ends_as_the_command_ends: ROOT,
    in_a_container_of_runc_it_forwards_reaps_and_ends: ROOT RUNC BUSYBOX,
];

fn it_is_pid_1_and_the_command_is_its_child() {
    let run = Init::new().as_pid_1().sh("echo parent $PPID; exec $ROLE listen").wait_for("parent 1").wait_for("ready");
    assert_eq!(process::inner_pid(run.pid()), Some(1));
    run.send(TERM).expect_exit(0);
}

fn every_signal_that_can_be_caught_reaches_the_command() {
    let mut run = Init::new().as_pid_1().role(["listen"]).wait_for("ready");
    for signal in Signal::all().filter(|signal| ![KILL, STOP, TERM, TSTP, TTIN, TTOU].contains(signal)) {
        if signal.to_string() != "CHLD" {
            run = run.send(signal).wait_for(&format!("got {signal}"));
        }
    }
    run.send(TERM).expect_exit(0);
}

fn a_term_takes_two_pipelines_down() {
    let run = Init::new().as_pid_1().sh("yes | tail & yes | tail");
    let run = run.wait_until("has started four programs", |run| process::descendants(run.pid()).len() >= 5);
    run.send(TERM).expect_exit(143).nothing_left();
}

fn a_rewritten_term_is_a_quit_for_the_command() {
    let run = Init::new().as_pid_1().rewrite("15:3").role(["listen", "QUIT"]).wait_for("ready");
    run.send(TERM).wait_for("got QUIT").expect_exit(0).nothing_left();
}

fn what_stops_a_job_does_not_stop_it() {
    let mut run = Init::new().as_pid_1().role(["listen"]).wait_for("ready");
    let command = run.command();
    for signal in [TSTP, TTIN, TTOU] {
        run = run.send(signal);
        process::wait_state(command, 'T');
        run = run.wait_until("sleeps", |run| process::state(run.pid()) == Some('S')).send(CONT).wait_for("got CONT");
    }
    run.send(TERM).expect_exit(0);
}

fn a_command_that_died_of_int_makes_it_exit_with_130() {
    Init::new().as_pid_1().role(["die", "INT"]).expect_exit(130);
}

fn it_ends_as_the_command_ends() {
    for (words, status) in
        [(["exit", "0"], 0), (["exit", "255"], 255), (["die", "KILL"], 137), (["die", "RTMIN+6"], 168)]
    {
        Init::new().as_pid_1().role(words).expect_exit(status);
    }
}

fn as_a_child_of_pid_1_it_reaps_what_would_be_the_other_ones_orphans() {
    let run = Init::of("/bin/sh").as_pid_1().run([
        "-c",
        "$INIT -- sh -c '(sh -c \"echo orphan \\$\\$; exec sleep 60\" &); exec $ROLE listen'; echo status $?",
    ]);
    let orphan = run.pid_behind("orphan");
    let run = run.wait_for("ready");
    let init = process::children(run.pid()).first().map(|child| child.pid).expect("session-init is there");
    let run = run.wait_until("has made session-init the parent", |_| {
        process::stat(orphan).is_some_and(|orphan| orphan.parent == init)
    });
    run.send_to(init, TERM).wait_for("status 0").expect_exit(0);
}

fn under_unshare_from_a_shell_it_ends_as_the_command_ends() {
    let run = Init::new().from_script(
        "unshare --pid --fork --mount-proc --kill-child $INIT -- sh -c 'echo pid $PPID; exec $ROLE listen'",
    );
    let run = run.wait_for("pid 1").wait_for("ready");
    // unshare takes no notice of TERM and INT; its child is PID 1.
    let unshare = process::descendants(run.pid()).into_iter().find(|stat| process::inner_pid(stat.pid) == Some(1));
    let init = unshare.expect("a PID 1 below unshare").pid;
    for signal in [HUP, USR1, QUIT, INT] {
        let _ = run.living();
        crate::support::sys::kill(init, signal).expect("it is there");
    }
    run.wait_for_all(&["got HUP", "got USR1", "got QUIT", "got INT"]).send_to(init, TERM).expect_exit(0).nothing_left();
}

/// A root file system with a busybox, the session-init under test, and the libraries that this may want.
fn root_file_system(root: &Path) {
    for folder in ["bin", "proc", "sys", "dev", "tmp", "etc"] {
        fs::create_dir_all(root.join(folder)).expect("a folder in the scratch folder");
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].iter().find(|path| Path::new(path).exists()).expect("busybox");
    fs::copy(busybox, root.join("bin/busybox")).expect("busybox can be copied");
    for name in ["sh", "sleep", "cat", "ps", "kill"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).expect("a link");
    }
    fs::copy(scratch::session_init(), root.join("init")).expect("session-init can be copied");
    let listed = Command::new("ldd").arg(scratch::session_init()).output().expect("ldd");
    for library in String::from_utf8_lossy(&listed.stdout).split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder in the scratch folder");
        fs::copy(library, copy).expect("a library can be copied");
    }
}

fn in_a_container_of_runc_it_forwards_reaps_and_ends() {
    let bundle = scratch::new_folder("bundle");
    root_file_system(&bundle.join("rootfs"));
    let made = Command::new("runc").args(["spec", "-b"]).arg(&bundle).stdin(Stdio::null()).status().expect("runc");
    assert!(made.success());
    let config = fs::read_to_string(bundle.join("config.json")).expect("runc has written it");
    let script =
        "trap 'echo got QUIT; exit 9' QUIT; (sleep 0 & sleep 0 &); while :; do ps -o pid,stat,args; sleep 0.1; done";
    let words = ["/init", "--rewrite", "TERM:QUIT", "--", "/bin/sh", "-c", script];
    let words = words.map(|word| format!("{word:?}")).join(", ");
    let config = config.replacen("\"terminal\": true", "\"terminal\": false", 1).replacen("\"sh\"", &words, 1);
    fs::write(bundle.join("config.json"), config).expect("it can be written");

    let id = format!("session-init-suite-{}", std::process::id());
    let root = scratch::new_folder("runc");
    let runc = |words: &[&str]| {
        let words = ["runc", "--root", root.to_str().unwrap()].into_iter().chain(words.iter().copied());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    // Whatever becomes of this test: what runs in the container bears no mark by which the suite could find it.
    let _deleted = AtTheEnd(runc(&["delete", "-f", &id]));
    let run = Init::of("/usr/bin/env").run(runc(&["run", "-b", bundle.to_str().unwrap(), &id]));
    let run = run.wait_for("STAT");
    let run = run.wait_until("shows nothing but the init, the shell and its ps", |run| {
        let output = run.output_so_far();
        let last = output.rsplit("PID").next().unwrap_or_default().to_owned();
        last.contains("/init") && last.contains("ps -o") && !last.contains(" Z")
    });
    let kill = runc(&["kill", &id, "TERM"]);
    assert!(Command::new(&kill[0]).args(&kill[1..]).status().expect("runc").success());
    run.wait_for("got QUIT").expect_exit(9);
}

/// A command that is run when a test ends, well or not.
struct AtTheEnd(Vec<String>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let _ = Command::new(&self.0[0]).args(&self.0[1..]).stderr(Stdio::null()).status();
    }
}
