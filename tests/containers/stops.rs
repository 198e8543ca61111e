//! The examples of a stop that is more than a signal, at length: behind a load balancer, and by a command of the program's own.

use std::path::Path;

use crate::behaviour::{expect_status, expect_text};
use crate::examples::Checkout;
use crate::host::{Host, Hosted, OWN_NETWORK, Program, need_own_network};
use crate::problem::{Result, failed};
use crate::scratch::need_all;
use crate::sys;

/// Each to be run beside the others: they mostly wait.
pub(crate) const PROGRAMS: [Program; 4] = [
    Program { name: "haproxy, TERM held back", run: drain },
    Program { name: "haproxy, TERM not held back", run: no_drain },
    Program { name: "redis-server, stopped by redis-cli", run: stop_command },
    Program { name: "redis-server, not stopped by redis-cli", run: stop_command_that_fails },
];

fn drain(host: &Host<'_>) -> Result<String> {
    let (requests, failures) = deploy(host, "TERM:1s/TERM", 20, 2000)?;
    if failures != 0 {
        return failed(format!("{failures} of {requests} requests failed"));
    }
    Ok(format!("20 stops, {requests} requests, not one failed"))
}

/// Could it be seen at all?
fn no_drain(host: &Host<'_>) -> Result<String> {
    let (requests, failures) = deploy(host, "TERM:TERM", 5, 500)?;
    if failures == 0 {
        return failed(format!("not one of {requests} requests failed"));
    }
    Ok(format!("5 stops, {failures} of {requests} requests failed"))
}

/// Stops and restarts a server under load with this rule. How many requests were there, and how many failed?
fn deploy(host: &Host<'_>, rule: &str, stops: usize, least: usize) -> Result<(usize, usize)> {
    need_all(&["haproxy", "python3"])?;
    need_own_network(host.scratch)?;
    let checkout = checkout(host)?;
    let path = format!("PATH={}", checkout.path().display());
    let settings = [format!("RULE={rule}"), format!("STOPS={stops}"), format!("REQUESTS={least}")];
    let (init, script) = (host.init.display().to_string(), checkout.file("drain/deploy").display().to_string());
    let mut words = OWN_NETWORK.to_vec();
    words.extend(["env", &*path].into_iter().chain(settings.iter().map(String::as_str)));
    words.extend([&*init, "--grace=20s", "--", &*script]);

    let mut hosted = host.start_pid_1(&words)?;
    for stop in 1..=stops {
        hosted.wait_for_line(&format!("stop {stop}"))?;
    }
    hosted.expect_end(0)?;
    let output = hosted.output();
    let count = |what: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(what));
        let number = line.and_then(|line| line.split(',').next()?.parse::<usize>().ok());
        number.map_or_else(|| failed(format!("there is no line '{what}': {output}")), Ok)
    };
    let (requests, failures) = (count("requests: ")?, count("failed requests: ")?);
    if requests < least {
        return failed(format!("only {requests} requests were sent"));
    }
    Ok((requests, failures))
}

fn checkout<'suite>(host: &Host<'suite>) -> Result<Checkout<'suite>> {
    Checkout::make(host.scratch, crate::repository(), host.init)
}

fn expect_gone(file: &Path) -> Result<()> {
    if file.exists() { failed(format!("{} was left behind", file.display())) } else { Ok(()) }
}

/// A Redis that has just been started.
struct Redis<'host> {
    host: &'host Host<'host>,
    socket: String,
    hosted: Hosted,
}

impl<'host> Redis<'host> {
    /// Waits until it answers.
    fn new(host: &'host Host<'_>, folder: &Path, hosted: Hosted) -> Result<Self> {
        let socket = folder.join("socket").display().to_string();
        let mut redis = Self { host, socket, hosted };
        redis.hosted.wait_for_socket(&folder.join("socket"))?;
        Ok(redis)
    }

    /// Starts it by the example's script, which becomes session-init.
    fn from_example(host: &'host Host<'_>, checkout: &Checkout<'_>, folder: &Path) -> Result<Self> {
        let path = format!("PATH={}", checkout.path().display());
        let script = checkout.file("stop-command/redis").display().to_string();
        Self::new(host, folder, host.start_pid_1(&["env", &path, &script, &folder.display().to_string()])?)
    }

    /// Starts it with other options.
    fn with_options(host: &'host Host<'_>, folder: &Path, options: &[&str]) -> Result<Self> {
        let (dir, socket) = (folder.display().to_string(), folder.join("socket").display().to_string());
        let words = ["redis-server", "--port", "0", "--unixsocket", &socket, "--dir", &dir, "--save", ""];
        Self::new(host, folder, host.start(options, &words)?)
    }

    fn expect_answer(&self, words: &[&str], wanted: &str) -> Result<()> {
        let front = ["redis-cli", "-s", &self.socket];
        let answer = self.host.tool(&front.iter().chain(words).copied().collect::<Vec<_>>())?;
        if answer.trim_end() == wanted { Ok(()) } else { failed(format!("redis answered {words:?} with: {answer}")) }
    }

    /// Stops it, after which nothing must be left.
    fn stop(mut self) -> Result<()> {
        self.hosted.signal(sys::SIGTERM)?;
        self.hosted.expect_end(0)?;
        expect_gone(Path::new(&self.socket))
    }
}

fn stop_command(host: &Host<'_>) -> Result<String> {
    need_all(&["redis-server", "redis-cli"])?;
    let (checkout, folder) = (checkout(host)?, host.folder()?);
    let mut kept = String::new();
    for value in ["first", "second", "third"] {
        let redis = Redis::from_example(host, &checkout, &folder)?;
        redis.expect_answer(&["get", "key"], &kept)?;
        redis.expect_answer(&["set", "key", value], "OK")?;
        redis.stop()?;
        value.clone_into(&mut kept);
    }
    // Could it be seen at all? By TERM it ends as well, and saves nothing.
    for value in ["lost", "lost too"] {
        let redis = Redis::with_options(host, &folder, &["--grace=10s"])?;
        redis.expect_answer(&["get", "key"], &kept)?;
        redis.expect_answer(&["set", "key", value], "OK")?;
        redis.stop()?;
    }
    Ok("what was written was there after each of 3 stops, 0; not after TERM".to_owned())
}

fn stop_command_that_fails(host: &Host<'_>) -> Result<String> {
    need_all(&["redis-server", "redis-cli"])?;
    let folder = host.folder()?;
    // Nobody listens on that port.
    let options = ["--rewrite=TERM:0", "--pre-stop=redis-cli -p 1 shutdown save", "--kill-after=1s"];
    let mut redis = Redis::with_options(host, &folder, &options)?;
    redis.hosted.signal(sys::SIGTERM)?;
    redis.hosted.wait_for_line("[session-init] the command before the stop exited with status 1")?;
    let (status, output) = (redis.hosted.status()?, redis.hosted.output());
    expect_status(137, status, &output)?;
    expect_text("was killed: ", &output)?;
    expect_text("(redis-server)", &output)?;
    Ok("the status of the command was reported, 137 by `--kill-after`".to_owned())
}
