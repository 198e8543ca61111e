//! Programs that people put under an init: started under session-init as PID 1 of a PID namespace, used once over a
//! socket, and stopped with nothing lost or left.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::{Host, Program};
use crate::problem::{Doing as _, Result, failed};
use crate::process::read;
use crate::scratch::{need, need_all};
use crate::sys;

/// How long a program has to answer a request.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Every program.
pub(crate) const PROGRAMS: [Program; 6] = [
    Program { name: "nginx, in the foreground", run: nginx_foreground },
    Program { name: "nginx, as a daemon", run: nginx_daemon },
    Program { name: "supervisord", run: supervisord },
    Program { name: "monit", run: monit },
    Program { name: "redis-server", run: redis },
    Program { name: "gunicorn", run: gunicorn },
];

/// A connection over which a request has been sent.
struct Request(UnixStream);

impl Request {
    fn send(socket: &Path, text: &str) -> Result<Self> {
        let mut stream = UnixStream::connect(socket).doing("connect")?;
        stream.set_read_timeout(Some(REQUEST_LIMIT))?;
        stream.write_all(text.as_bytes()).doing("send a request")?;
        Ok(Self(stream))
    }

    fn get(socket: &Path, path: &str) -> Result<Self> {
        Self::send(socket, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// The first bytes of the answer, which show that it is being made.
    fn first_bytes(&mut self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; 64];
        let length = self.0.read(&mut bytes).doing("read the first bytes of the answer")?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The whole answer.
    fn answer(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).doing("read the answer")?;
        Ok(bytes)
    }

    /// The body of an answer that has to be a good one.
    fn body(self) -> Result<String> {
        let answer = String::from_utf8_lossy(&self.answer()?).into_owned();
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
            _ => failed(format!("the answer is: {answer}")),
        }
    }
}

pub(crate) fn expect_gone(file: &Path) -> Result<()> {
    if file.exists() { failed(format!("{} was left behind", file.display())) } else { Ok(()) }
}

fn nginx_foreground(host: &Host<'_>) -> Result<String> {
    nginx(host, &["--rewrite=TERM:QUIT", "--grace=10s"], "off")
}

fn nginx_daemon(host: &Host<'_>) -> Result<String> {
    // To all: the signal may come when the daemon runs and the command that has started it has not quite ended.
    nginx(host, &["--rewrite=TERM:QUIT", "--linger", "--target=all"], "on")
}

/// QUIT lets nginx answer what it has begun to answer; TERM, which is what engines send, does not.
fn nginx(host: &Host<'_>, options: &[&str], daemon: &str) -> Result<String> {
    let nginx = need("nginx")?;
    let folder = host.folder()?;
    let (socket, pid_file, settings) = (folder.join("socket"), folder.join("pid"), folder.join("nginx.conf"));
    let size = 96 * 1024;
    fs::write(folder.join("large"), vec![b'x'; size])?;
    let dir = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {dir}/{what};\n"))
        .concat();
    fs::write(
        &settings,
        format!(
            "daemon {daemon};\nuser root;\nworker_processes 2;\npid {dir}/pid;\nevents {{}}\n\
             http {{\naccess_log {dir}/access.log;\n{temporary}\
             server {{ listen unix:{dir}/socket; root {dir}; limit_rate 64k; }}\n}}\n"
        ),
    )?;
    let (log, settings) = (folder.join("error.log"), settings.display().to_string());
    let words = [&nginx.display().to_string(), "-e", &log.display().to_string(), "-c", &settings];
    let mut hosted = host.start(options, &words)?;
    hosted.wait_for_socket(&socket)?;
    hosted.wait_for("the pid file is written", || read(&pid_file).trim().parse::<u32>().ok())?;
    // Ended in the middle of an answer that takes more than a second.
    let mut request = Request::get(&socket, "/large")?;
    let mut answer = request.first_bytes()?;
    hosted.signal(sys::SIGTERM)?;
    answer.extend(request.answer()?);
    let body = answer.iter().rev().take_while(|byte| **byte == b'x').count();
    if body != size {
        return failed(format!("only {body} of {size} bytes were answered"));
    }
    hosted.expect_end(0)?;
    expect_gone(&pid_file)?;
    Ok("TERM became QUIT, the answer under way was finished, 0".to_owned())
}

/// A program that takes a moment to end, and writes a line to `done` when it does.
fn write_worker(folder: &Path) -> Result<PathBuf> {
    let worker = folder.join("worker");
    let dir = folder.display();
    fs::write(
        &worker,
        format!(
            "trap 'sleep 0.3; echo $$ >>{dir}/done; exit 0' TERM\n\
             echo $$ >>{dir}/started\nwhile :; do sleep 0.1; done\n"
        ),
    )?;
    Ok(worker)
}

fn supervisord(host: &Host<'_>) -> Result<String> {
    need_all(&["supervisord", "supervisorctl"])?;
    let folder = host.folder()?;
    let (socket, settings) = (folder.join("socket"), folder.join("supervisord.conf"));
    let worker = write_worker(&folder)?;
    let dir = folder.display();
    fs::write(
        &settings,
        format!(
            "[supervisord]\nnodaemon = true\nuser = root\nlogfile = {dir}/log\npidfile = {dir}/pid\nchildlogdir = {dir}\n\
             [unix_http_server]\nfile = {dir}/socket\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl = unix://{dir}/socket\n\
             [program:worker]\ncommand = /bin/sh {}\nnumprocs = 2\nprocess_name = %(process_num)s\nstartsecs = 0\n",
            worker.display()
        ),
    )?;
    let settings = settings.display().to_string();
    let mut hosted = host.start(&["--grace=10s"], &["supervisord", "--configuration", &settings])?;
    hosted.wait_for_socket(&socket)?;
    hosted.wait_for_lines(&folder.join("started"), 2)?;
    let status = host.tool(&["supervisorctl", "--configuration", &settings, "status"])?;
    if status.matches("RUNNING").count() != 2 {
        return failed(format!("supervisorctl says: {status}"));
    }
    hosted.signal(sys::SIGTERM)?;
    hosted.expect_end(0)?;
    expect_lines(&folder.join("done"), 2)?;
    expect_gone(&folder.join("pid"))?;
    expect_gone(&socket)?;
    Ok("both of its programs ended by their handlers, 0".to_owned())
}

fn expect_lines(file: &Path, count: usize) -> Result<()> {
    let text = read(file);
    if text.lines().count() == count { Ok(()) } else { failed(format!("{} holds: {text}", file.display())) }
}

/// monit ends without a word to what it has started; session-init has that word.
fn monit(host: &Host<'_>) -> Result<String> {
    need("monit")?;
    let folder = host.folder()?;
    let (socket, settings) = (folder.join("socket"), folder.join("monitrc"));
    let worker = write_worker(&folder)?;
    let dir = folder.display();
    let start = folder.join("start");
    fs::write(&start, format!("setsid /bin/sh {} >/dev/null 2>&1 & echo $! >{dir}/worker.pid\n", worker.display()))?;
    fs::write(
        &settings,
        format!(
            "set daemon 1\nset log {dir}/log\nset pidfile {dir}/pid\nset idfile {dir}/id\nset statefile {dir}/state\n\
             set httpd unixsocket {dir}/socket allow admin:monit\n\
             check process worker with pidfile {dir}/worker.pid\n\
             start program = \"/bin/sh {}\"\nstop program = \"/bin/false\"\n",
            start.display()
        ),
    )?;
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o600))?;
    let settings = settings.display().to_string();
    let mut hosted = host.start(&["--grace=10s"], &["monit", "-I", "-c", &settings])?;
    hosted.wait_for_socket(&socket)?;
    hosted.wait_for_lines(&folder.join("started"), 1)?;
    let status = host.tool(&["monit", "-c", &settings, "status"])?;
    if !status.contains("Process 'worker'") {
        return failed(format!("monit says: {status}"));
    }
    hosted.signal(sys::SIGTERM)?;
    hosted.expect_end(0)?;
    expect_lines(&folder.join("done"), 1)?;
    expect_gone(&folder.join("pid"))?;
    Ok("what it had started ended by its handler, 0".to_owned())
}

fn redis(host: &Host<'_>) -> Result<String> {
    need("redis-server")?;
    let folder = host.folder()?;
    let (socket, settings) = (folder.join("socket"), folder.join("redis.conf"));
    let dir = folder.display();
    fs::write(&settings, format!("port 0\nunixsocket {dir}/socket\ndir {dir}\nsave 3600 1\npidfile {dir}/pid\n"))?;
    let settings = settings.display().to_string();
    let ask = |words: &str| -> Result<String> {
        let answer = Request::send(&socket, &format!("{words}\r\nQUIT\r\n"))?.answer()?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    for (words, answer) in [("SET key kept", "+OK\r\n"), ("GET key", "$4\r\nkept\r\n")] {
        let mut hosted = host.start(&["--grace=10s"], &["redis-server", &settings])?;
        hosted.wait_for_socket(&socket)?;
        let answered = ask(words)?;
        if !answered.starts_with(answer) {
            return failed(format!("redis answered {words} with: {answered}"));
        }
        hosted.signal(sys::SIGTERM)?;
        hosted.expect_end(0)?;
        expect_gone(&socket)?;
    }
    Ok("what was written was there after a restart, 0".to_owned())
}

/// Says who answers, at once or after a second.
const APPLICATION: &str = "
import os, time

def app(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        open('slow', 'w').close()
        time.sleep(1)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'worker %d of %d' % (os.getpid(), os.getppid())]
";

/// HUP reloads gunicorn if the master alone gets it. INT ends it at once, TERM lets it answer first.
fn gunicorn(host: &Host<'_>) -> Result<String> {
    let gunicorn = need("gunicorn")?.display().to_string();
    let folder = host.folder()?;
    let socket = folder.join("socket");
    fs::write(folder.join("application.py"), APPLICATION)?;
    let (dir, bind) = (folder.display().to_string(), format!("unix:{}", socket.display()));
    let words =
        [&gunicorn, "--workers=1", "--bind", &bind, "--chdir", &dir, "--worker-tmp-dir", &dir, "application:app"];
    let mut hosted = host.start(&["--rewrite=HUP@child,INT:TERM@child", "--grace=10s"], &words)?;
    hosted.wait_for_socket(&socket)?;
    let first = Request::get(&socket, "/")?.body()?;
    hosted.signal(sys::SIGHUP)?;
    // Until then the old worker may still answer.
    let second = hosted.wait_for("a new worker answers", || {
        Request::get(&socket, "/").and_then(Request::body).ok().filter(|answer| *answer != first)
    })?;
    let master = |answer: &str| answer.rsplit(' ').next().map(str::to_owned);
    if master(&first) != master(&second) {
        return failed(format!("the master is another one after HUP: {first}, then {second}"));
    }
    let slow = Request::get(&socket, "/slow")?;
    hosted.wait_for("the slow request is being answered", || folder.join("slow").exists().then_some(()))?;
    hosted.signal(sys::SIGINT)?;
    slow.body()?;
    hosted.expect_end(0)?;
    expect_gone(&socket)?;
    Ok("HUP reloaded it, INT became TERM, the request under way was answered, 0".to_owned())
}
