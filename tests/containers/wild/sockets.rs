//! What systemd, or whoever stands in for it, has for one process: its pid is in the environment beside it.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::behaviour::expect_text;
use crate::host::{Host, Hosted};
use crate::problem::{Doing as _, Result, failed};
use crate::process::Job;
use crate::scratch::need;

/// How long the answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Answers the first who comes with what it finds in its environment, where its own pid is called that.
const PROGRAM: &str = "
import os, socket

def found(name):
    value = os.environ.get(name)
    return 'own' if value == str(os.getpid()) else value

names = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID', 'WATCHDOG_PID', 'SYSTEMD_EXEC_PID']
connection, _ = socket.socket(fileno=3).accept()
connection.sendall(' '.join(f'{name}={found(name)}' for name in names).encode())
";

/// What systemd itself would set besides: it knows the pid before there is a program.
const MORE: &str = r#"LISTEN_PIDFDID=7 WATCHDOG_PID=$$ SYSTEMD_EXEC_PID=$$ exec "$@""#;

pub(super) fn activate(host: &Host<'_>) -> Result<String> {
    let wanted = ["LISTEN_PID=own", "LISTEN_FDS=1", "LISTEN_FDNAMES=web"];
    for (whose, answer) in [("PID 1", answer_below_pid_1(host)?), ("another process", answer_below_another(host)?)] {
        expect_words(&wanted, whose, &answer)?;
    }
    Ok("LISTEN_PID was COMMAND's, which accepted, as PID 1 and otherwise".to_owned())
}

pub(super) fn variables(host: &Host<'_>) -> Result<String> {
    let wanted = ["LISTEN_PIDFDID=None", "WATCHDOG_PID=own", "SYSTEMD_EXEC_PID=own"];
    for (whose, answer) in [("PID 1", answer_below_pid_1(host)?), ("another process", answer_below_another(host)?)] {
        expect_words(&wanted, whose, &answer)?;
    }
    // Those that are meant for somebody else are nobody's business.
    let words = ["LISTEN_PID=99999", "LISTEN_PIDFDID=7", "WATCHDOG_PID=99999", "SYSTEMD_EXEC_PID=99999"];
    let init = host.init.display().to_string();
    let command: Vec<_> = ["env"].iter().chain(&words).chain(&[&*init, "--", "env"]).copied().collect();
    let output = host.tool(&command)?;
    words.iter().try_for_each(|word| expect_text(&format!("{word}\n"), &output))?;
    Ok("those for session-init were made COMMAND's, or left out; those for others were not touched".to_owned())
}

fn expect_words(wanted: &[&str], whose: &str, answer: &str) -> Result<()> {
    match wanted.iter().find(|wanted| !answer.split(' ').any(|word| word == **wanted)) {
        Some(missing) => failed(format!("below {whose} there is no {missing} but: {answer}")),
        None => Ok(()),
    }
}

/// The answer of a program that is activated below session-init as PID 1.
fn answer_below_pid_1(host: &Host<'_>) -> Result<String> {
    answer(host, |words| host.start_pid_1(words))
}

/// The same where session-init is not PID 1.
fn answer_below_another(host: &Host<'_>) -> Result<String> {
    answer(host, |words| {
        let mut command = host.scratch.command("env");
        command.args(words);
        let output = host.scratch.log();
        Ok(Hosted { job: Job::start(command, &output)?, output })
    })
}

fn answer(host: &Host<'_>, start: impl FnOnce(&[&str]) -> Result<Hosted>) -> Result<String> {
    let activate = need("systemd-socket-activate")?.display().to_string();
    let python = need("python3")?.display().to_string();
    let folder = host.folder()?;
    let (socket, program) = (folder.join("socket"), folder.join("program.py"));
    fs::write(&program, PROGRAM).doing("write a program")?;
    let (listen, program) = (format!("--listen={}", socket.display()), program.display().to_string());
    let init = host.init.display().to_string();
    // It passes no variable on that is not named.
    let pass = ["LISTEN_PIDFDID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID"].map(|name| format!("--setenv={name}"));
    let mut words = vec!["sh", "-c", MORE, "sh", &activate, &listen, "--fdname=web"];
    words.extend(pass.iter().map(String::as_str));
    words.extend([&*init, "--", &python, &program]);
    let mut hosted = start(&words)?;
    let answer = ask(&mut hosted, &socket)?;
    hosted.expect_end(0)?;
    Ok(answer)
}

/// The first to come is the one for whom the program is started, and who is answered.
fn ask(hosted: &mut Hosted, socket: &Path) -> Result<String> {
    let mut connection = hosted.wait_for("somebody listens on the socket", || UnixStream::connect(socket).ok())?;
    connection.set_read_timeout(Some(ANSWER_LIMIT))?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).doing("read the answer")?;
    Ok(answer)
}
