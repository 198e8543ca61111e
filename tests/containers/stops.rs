//! The examples of a stop that is more than a signal, at length: behind a load balancer.

use crate::examples::Checkout;
use crate::host::{Host, OWN_NETWORK, Program, need_own_network};
use crate::problem::{Result, failed};
use crate::scratch::need_all;

/// Each to be run beside the others: they mostly wait.
pub(crate) const PROGRAMS: [Program; 2] = [
    Program { name: "haproxy, TERM held back", run: drain },
    Program { name: "haproxy, TERM not held back", run: no_drain },
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
