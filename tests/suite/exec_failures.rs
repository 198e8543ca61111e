//! A COMMAND that cannot be run: one clear line, the status that shells use for it, and nothing else.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::signal::TERM;
use crate::support::test::{Test, tests};
use crate::support::{Ended, Init, scratch};

pub(crate) const TESTS: &[Test] = tests![
    what_is_not_found_is_127,
    what_is_found_and_cannot_be_run_is_126,
    a_file_that_is_open_for_writing_is_126,
    a_binary_file_of_no_known_format_is_126,
    a_missing_interpreter_or_loader_is_told_from_a_missing_command,
    what_the_user_may_not_execute_is_126: ROOT,
    a_script_without_a_first_line_for_it_is_run_by_sh,
    path_is_searched_in_its_order,
    what_cannot_be_run_is_passed_over_for_what_can,
    a_name_with_a_slash_is_not_searched_for,
    without_a_path_the_usual_folders_are_searched,
    a_folder_that_may_not_be_searched_is_passed_over: ROOT,
    a_failure_is_the_same_in_single_child_mode_and_as_pid_1: ROOT,
    a_pending_signal_does_not_change_it,
    stdin_and_the_terminal_are_left_as_they_were,
    a_name_is_shown_in_one_line,
];

/// COMMAND has not run, for this reason.
#[track_caller]
fn fails(init: Init, command: &str, status: i32, reason: &str) -> Ended {
    let message = format!("[session-init] {command}: {reason}\n");
    init.run([command, "argument"]).expect_exit(status).stdout_is("").stderr_is(&message).nothing_left()
}

/// The same for a reason of which each C library speaks in its own words, these among them.
#[track_caller]
fn fails_in_other_words(init: Init, command: &str, words: &str) {
    let run = init.run([command, "argument"]).expect_exit(126).stdout_is("");
    run.stderr_has(&format!("[session-init] {command}: ")).stderr_has(words).nothing_left();
}

const NOT_FOUND: &str = "No such file or directory";
const DENIED: &str = "Permission denied";
const LOOP: &str = "ymbolic link";

/// As text, which all paths of the suite are.
fn text(path: &Path) -> &str {
    path.to_str().expect("a path of the suite's own")
}

/// A file that exec refuses.
fn not_executable(folder: &Path, name: &str) -> String {
    let path = scratch::executable(folder, name, "#!/bin/sh\necho ran\n");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("its owner may change it");
    text(&path).to_owned()
}

fn what_is_not_found_is_127() {
    let folder = scratch::new_folder("empty");
    let within = format!("{}/x", text(&folder));
    for command in ["nonexistent-command", "/nonexistent/x", "./nonexistent", "", "-x", "a b", "%s%n", &within] {
        let words = ["--", command];
        let message = format!("[session-init] {command}: {NOT_FOUND}\n");
        Init::new().run(words).expect_exit(127).stdout_is("").stderr_is(&message).nothing_left();
    }
    let dangling = folder.join("dangling");
    symlink("nowhere", &dangling).expect("a link");
    fails(Init::new(), text(&dangling), 127, NOT_FOUND);
}

fn what_is_found_and_cannot_be_run_is_126() {
    let folder = scratch::new_folder("found");
    fails(Init::new(), text(&folder), 126, DENIED);
    fails(Init::new(), "/", 126, DENIED);
    fails(Init::new(), "/etc/", 126, DENIED);
    fails(Init::new(), &not_executable(&folder, "plain"), 126, DENIED);
    fails(Init::new(), "/dev/null", 126, DENIED);
    fails(Init::new(), "/bin/sh/x", 126, "Not a directory");
    let (one, other) = (folder.join("one"), folder.join("other"));
    symlink(&other, &one).expect("a link");
    symlink(&one, &other).expect("a link");
    fails_in_other_words(Init::new(), text(&one), LOOP);
    fails_in_other_words(Init::new(), &format!("/{}", "x".repeat(300)), "name too long");
    let own = folder.join("own-interpreter");
    scratch::executable(&folder, "own-interpreter", &format!("#!{}\n", text(&own)));
    fails_in_other_words(Init::new(), text(&own), LOOP);
    // Found through PATH.
    not_executable(&folder, "in-path");
    fails(Init::new().variable("PATH", &folder), "in-path", 126, DENIED);
    fails_in_other_words(Init::new().variable("PATH", &folder), "one", LOOP);
}

fn a_file_that_is_open_for_writing_is_126() {
    let path = scratch::executable(&scratch::new_folder("busy"), "busy", "#!/bin/sh\n");
    let file = OpenOptions::new().append(true).open(&path).expect("its owner may write it");
    fails(Init::new(), text(&path), 126, "Text file busy");
    drop(file);
}

fn a_binary_file_of_no_known_format_is_126() {
    let folder = scratch::new_folder("binary");
    // A program for another machine, and one that was cut off.
    for contents in ["\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x77\x77\x01\0\0\0", "\x7fELF\0", "MZ\0\n", "\0"] {
        let path = scratch::executable(&folder, "program", contents);
        fails(Init::new(), text(&path), 126, "Exec format error");
        fails(Init::new().variable("PATH", &folder), "program", 126, "Exec format error");
        fs::remove_file(path).expect("it is there");
    }
}

fn a_missing_interpreter_or_loader_is_told_from_a_missing_command() {
    let reason = format!("the interpreter or loader that it names: {NOT_FOUND}");
    let folder = scratch::new_folder("interpreter");
    // The second is what a file with DOS line ends asks for.
    for (name, contents) in [("script", "#!/nonexistent/interpreter\necho ran\n"), ("dos", "#!/bin/sh\r\necho ran\r\n")]
    {
        let path = scratch::executable(&folder, name, contents);
        fails(Init::new(), text(&path), 126, &reason);
        fails(Init::new().variable("PATH", &folder), name, 126, &reason);
    }
    if let Some(path) = program_without_its_loader(&folder) {
        fails(Init::new(), &path, 126, &reason);
    }
}

/// A dynamically linked program whose loader is nowhere, as one for glibc is in a container with musl.
fn program_without_its_loader(folder: &Path) -> Option<String> {
    let mut program = fs::read("/bin/true").expect("/bin/true is there");
    let loader = b"/lib64/ld-linux";
    let place = program.windows(loader.len()).position(|window| window == loader)?;
    program[place..place + 4].copy_from_slice(b"/nul");
    let path = scratch::executable(folder, "program", "");
    fs::write(&path, program).expect("a file in the scratch folder");
    Some(text(&path).to_owned())
}

fn what_the_user_may_not_execute_is_126() {
    let folder = scratch::new_folder("private");
    let path = scratch::executable(&folder, "private", "#!/bin/sh\necho ran\n");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("its owner may change it");
    fails(Init::new().as_user(1234), text(&path), 126, DENIED);
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("its owner may change it");
    fails(Init::new().as_user(1234), text(&path), 126, DENIED);
    Init::new().run([&path]).expect_exit(0).stdout_is("ran\n");
}

fn a_script_without_a_first_line_for_it_is_run_by_sh() {
    let folder = scratch::new_folder("script");
    let path = scratch::executable(&folder, "plain-script", "echo \"$0\" \"$#\" \"$@\"; exit 9\n");
    let output = |name: &str| format!("{name} 2 a b  c\n");
    Init::new().run([text(&path), "a", "b  c"]).expect_exit(9).stdout_is(&output(text(&path))).stderr_is("");
    let in_path = Init::new().variable("PATH", &folder).run(["plain-script", "a", "b  c"]);
    in_path.expect_exit(9).stdout_is(&output(text(&path)));
    let here = Init::new().in_directory(&folder).run(["./plain-script", "a", "b  c"]);
    here.expect_exit(9).stdout_is(&output("./plain-script"));
    // An empty file is a script that does nothing; and data may follow the first line.
    let empty = scratch::executable(&folder, "empty", "");
    Init::new().run([&empty]).expect_exit(0).stdout_is("").stderr_is("");
    let archive = scratch::executable(&folder, "archive", "echo unpacked; exit 4\n\0\x01\x02\n");
    Init::new().run([&archive]).expect_exit(4).stdout_is("unpacked\n").stderr_is("");
    let run = Init::new().run([&scratch::executable(&folder, "listener", "exec $ROLE listen\n")]);
    run.wait_for("ready").send(TERM).wait_for("got TERM").expect_exit(0).nothing_left();
}

/// Two folders, and a PATH of both; each has a program `both` that prints its folder's name.
fn two_folders() -> (std::path::PathBuf, std::path::PathBuf, String) {
    let (first, second) = (scratch::new_folder("first"), scratch::new_folder("second"));
    scratch::executable(&first, "both", "#!/bin/sh\necho first\n");
    scratch::executable(&second, "both", "#!/bin/sh\necho second\n");
    let path = format!("/nonexistent:{}:{}", text(&first), text(&second));
    (first, second, path)
}

fn path_is_searched_in_its_order() {
    let (first, second, path) = two_folders();
    Init::new().variable("PATH", &path).run(["both"]).expect_exit(0).stdout_is("first\n");
    let reversed = format!("{}:{}", text(&second), text(&first));
    Init::new().variable("PATH", &reversed).run(["both"]).expect_exit(0).stdout_is("second\n");
    fails(Init::new().variable("PATH", &path), "neither", 127, NOT_FOUND);
    // An empty entry is the working directory, wherever it stands.
    for path in ["", ":/nonexistent", "/nonexistent:", "/nonexistent::/nonexistent", "."] {
        let here = Init::new().in_directory(&first).variable("PATH", path);
        here.clone().run(["both"]).expect_exit(0).stdout_is("first\n");
        fails(here, "neither", 127, NOT_FOUND);
    }
    // A file where a folder should be.
    let path = format!("{}/both:{}", text(&first), text(&second));
    Init::new().variable("PATH", &path).run(["both"]).expect_exit(0).stdout_is("second\n");
}

fn what_cannot_be_run_is_passed_over_for_what_can() {
    let (first, second, path) = two_folders();
    for (name, make) in [("folder", true), ("file", false)] {
        if make {
            fs::create_dir(first.join(name)).expect("a folder in the scratch folder");
        } else {
            not_executable(&first, name);
        }
        scratch::executable(&second, name, "#!/bin/sh\necho second\n");
        Init::new().variable("PATH", &path).run([name]).expect_exit(0).stdout_is("second\n");
        fs::remove_file(second.join(name)).expect("it is there");
        fails(Init::new().variable("PATH", &path), name, 126, DENIED);
    }
}

fn a_name_with_a_slash_is_not_searched_for() {
    let (first, _, path) = two_folders();
    fs::create_dir(first.join("sub")).expect("a folder in the scratch folder");
    scratch::executable(&first.join("sub"), "program", "#!/bin/sh\necho sub\n");
    fails(Init::new().variable("PATH", &path), "sub/program", 127, NOT_FOUND);
    fails(Init::new().variable("PATH", &path), "./both", 127, NOT_FOUND);
    let here = Init::new().in_directory(&first).variable("PATH", "/nonexistent");
    here.clone().run(["sub/program"]).expect_exit(0).stdout_is("sub\n");
    fails(here, "both", 127, NOT_FOUND);
}

fn without_a_path_the_usual_folders_are_searched() {
    Init::new().without_variable("PATH").run(["echo", "found"]).expect_exit(0).stdout_is("found\n");
    fails(Init::new().without_variable("PATH"), "nonexistent-command", 127, NOT_FOUND);
}

fn a_folder_that_may_not_be_searched_is_passed_over() {
    let (first, second, path) = two_folders();
    fs::set_permissions(&first, Permissions::from_mode(0o700)).expect("its owner may change it");
    let user = || Init::new().as_user(1234).variable("PATH", &path);
    user().run(["both"]).expect_exit(0).stdout_is("second\n");
    // What may be in there has not been found; but what the name itself leads to has been.
    fails(user(), "neither", 127, NOT_FOUND);
    fs::remove_file(second.join("both")).expect("it is there");
    fails(user(), "both", 127, NOT_FOUND);
    fails(user(), &format!("{}/neither", text(&first)), 126, DENIED);
}

fn a_failure_is_the_same_in_single_child_mode_and_as_pid_1() {
    for init in [Init::new().single_child(), Init::new().as_pid_1(), Init::new().as_pid_1().single_child()] {
        fails(init.clone(), "nonexistent-command", 127, NOT_FOUND);
        fails(init, "/etc", 126, DENIED);
    }
}

fn a_pending_signal_does_not_change_it() {
    fails(Init::new().with_pending([TERM]), "nonexistent-command", 127, NOT_FOUND);
}

fn stdin_and_the_terminal_are_left_as_they_were() {
    let script = "$INIT nonexistent-command; $INIT /etc; echo asking; read answer; echo heard $answer; exit 5";
    let run = Init::new().with_stdin().from_script(script).wait_for("asking").write("yes\n");
    run.expect_exit(5).stdout_is("asking\nheard yes\n");
    let run = Init::new().on_a_terminal().from_script(script).wait_for("asking");
    assert_eq!(run.foreground_group(), Some(run.pid()));
    run.write("yes\n").wait_for("heard yes").expect_exit(5);
}

fn a_name_is_shown_in_one_line() {
    Init::new()
        .run(["a\nb\t\x1b[0m"])
        .expect_exit(127)
        .stderr_is(&format!("[session-init] a\\nb\\t\\u{{1b}}[0m: {NOT_FOUND}\n"));
    let ended = Init::new().run([format!("/{}", "x/".repeat(5000))]).expect_exit(126);
    assert_eq!((ended.stderr.len(), ended.stderr.lines().count()), (4096, 1));
}
