//! Postgres below su and runuser, with clients at work: a stop that is too hard shows when it is started again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use crate::behaviour::{expect_status, expect_text};
use crate::examples::Checkout;
use crate::host::{Host, Hosted};
use crate::problem::{Doing as _, Problem, Result, failed, skipped};
use crate::process::Job;
use crate::scratch::need;
use crate::sys;

/// How often each of them is stopped with each of the options; su makes every stop last two seconds.
const STOPS: usize = 5;

const OPTIONS: [&[&str]; 2] = [&["--grace=30s"], &["--target=all", "--grace=30s"]];

/// No disk to be waited for, little memory, and all of it where nothing is left of it after a kill.
const SETTINGS: &str = "
listen_addresses = ''
fsync = off
shared_buffers = 1MB
max_connections = 10
dynamic_shared_memory_type = mmap
";

/// How it ended last time, in the words of its log.
const SHUT_DOWN: &str = "database system was shut down at";
const CRASHED: &str = "database system was not properly shut down";

pub(super) fn su(host: &Host<'_>) -> Result<String> {
    stops_in_good_order(host, "su")
}

pub(super) fn runuser(host: &Host<'_>) -> Result<String> {
    stops_in_good_order(host, "runuser")
}

/// Stops it again and again, with each of the options side by side.
fn stops_in_good_order(host: &Host<'_>, tool: &str) -> Result<String> {
    need(tool)?;
    thread::scope(|threads| {
        let all = OPTIONS.map(|options| threads.spawn(move || Cluster::create(host, tool)?.stop_often(options)));
        all.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| failed("the test broke")))
    })?;
    Ok(format!("{STOPS} of {STOPS} stops were clean with each of the options, and a kill was not"))
}

/// The folder with its programs, which has its version in its name.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folder = versions.map(|entry| entry.path().join("bin")).find(|folder| folder.join("pgbench").is_file());
    folder.map_or_else(|| skipped("there is no PostgreSQL"), Ok)
}

/// A folder with a table in `data`.
fn create_data(host: &Host<'_>) -> Result<PathBuf> {
    let (programs, folder) = (programs()?, host.folder()?);
    // The user it runs as makes a folder there.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777))?;
    let (bin, dir) = (programs.display(), folder.display());
    let set_up = format!(
        "{bin}/initdb --no-sync --no-locale --auth=trust --wal-segsize=1 --pgdata={dir}/data &&
         cat {dir}/settings >>{dir}/data/postgresql.conf &&
         echo 'create table work (done int)' | {bin}/postgres --single -D {dir}/data postgres"
    );
    fs::write(folder.join("settings"), format!("{SETTINGS}unix_socket_directories = '{dir}'\n"))?;
    host.tool(&["su", "postgres", "-s", "/bin/sh", "-c", &set_up])?;
    Ok(folder)
}

/// Stopped by a command of its own, which sends its clients away. TERM would wait until they go.
pub(super) fn pg_ctl(host: &Host<'_>) -> Result<String> {
    need("setpriv")?;
    let (programs, folder) = (programs()?, create_data(host)?);
    let checkout = Checkout::make(host.scratch, crate::repository(), host.init)?;
    let path = format!("PATH={}", checkout.path().display());
    let (bin, dir) = (programs.display(), folder.display());
    let (server, data, psql) = (format!("{bin}/postgres"), format!("{dir}/data"), format!("{bin}/psql"));
    let (at, by_command) = (format!("--host={dir}"), format!("--pre-stop={bin}/pg_ctl stop -m fast -D {dir}/data"));
    let query = |text| host.tool(&[&psql, &at, "--username=postgres", "-Atc", text]);

    // Starts it with a row more and a client that stays, and tells it to stop.
    let stopped = |options: &[&str], last_end: &str| -> Result<(i32, String)> {
        let user =
            ["unshare", "--ipc", "env", &path, "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
        let words = [&user, &["session-init"][..], options, &["--", &server, "-D", &data]].concat();
        let mut hosted = host.start_pid_1(&words)?;
        hosted.wait_for("a row is written", || query("insert into work values (1)").ok())?;
        expect_text(last_end, &hosted.output())?;
        let mut client = host.scratch.command(&psql);
        client.args([&at, "--username=postgres", "-c", "select pg_sleep(1000)"]);
        let _client = Job::start(client, &host.scratch.log())?;
        hosted.wait_for("a client is there", || {
            let busy = query("select count(*) from pg_stat_activity where query = 'select pg_sleep(1000)'");
            busy.ok().filter(|busy| busy.trim() == "1")
        })?;
        hosted.signal(sys::SIGTERM)?;
        let status = hosted.status()?;
        Ok((status, hosted.output()))
    };
    for _ in 0..STOPS {
        let (status, output) = stopped(&["--rewrite=TERM:0", &by_command], SHUT_DOWN)?;
        expect_status(0, status, &output)?;
        expect_text("received fast shutdown request", &output)?;
    }
    // Could it be seen at all?
    let (status, output) = stopped(&["--kill-after=1s"], SHUT_DOWN)?;
    expect_status(137, status, &output)?;
    expect_text("received smart shutdown request", &output)?;
    let (status, output) = stopped(&["--rewrite=TERM:0", &by_command], CRASHED)?;
    expect_status(0, status, &output)?;
    Ok(format!("{STOPS} of {STOPS} stops were clean with a client at work, 0; with TERM it waited until it was killed"))
}

/// A folder with data in it.
struct Cluster<'host> {
    host: &'host Host<'host>,
    entrypoint: PathBuf,
}

impl<'host> Cluster<'host> {
    fn create(host: &'host Host<'_>, tool: &str) -> Result<Self> {
        let (programs, folder) = (programs()?, create_data(host)?);
        let cluster = Self { host, entrypoint: folder.join("entrypoint") };
        fs::write(folder.join("work"), "insert into work values (1);\n")?;
        fs::write(&cluster.entrypoint, entrypoint(tool, &programs, &folder)).doing("write an entrypoint")?;
        Ok(cluster)
    }

    /// Starts it, waits until clients are at work, and sees what it says of its last end.
    fn start(&self, options: &[&str], last_end: &str) -> Result<Hosted> {
        let entrypoint = self.entrypoint.display().to_string();
        let mut hosted = self.host.start(options, &["unshare", "--ipc", "bash", &entrypoint])?;
        hosted.wait_for_line("busy")?;
        if hosted.output().contains(last_end) {
            return Ok(hosted);
        }
        failed(format!("does not say '{last_end}' but: {}", hosted.output().trim_end()))
    }

    fn stop_often(&self, options: &[&str]) -> Result<()> {
        let mut last_words = String::new();
        for stop in 0..=STOPS {
            let hosted = self.start(options, SHUT_DOWN);
            let mut hosted = hosted.map_err(|problem| match problem {
                Problem::Failed(why) => {
                    Problem::Failed(format!("{options:?}, after {stop} stops: {why}\nlast time: {last_words}"))
                }
                other => other,
            })?;
            if stop == STOPS {
                hosted.kill()?;
                break;
            }
            hosted.signal(sys::SIGTERM)?;
            hosted.expect_end(143)?;
            last_words = hosted.output();
        }
        // Could it be seen at all?
        self.start(options, CRASHED)?.kill()
    }
}

/// A script as images have them: it starts the server as another user, and its clients, and gives no thought to signals.
fn entrypoint(tool: &str, programs: &Path, folder: &Path) -> String {
    let (bin, dir) = (programs.display(), folder.display());
    format!(
        "PGHOST={dir} PGUSER=postgres PGDATABASE=postgres
         export PGHOST PGUSER PGDATABASE
         {tool} postgres -s /bin/sh -c 'exec {bin}/postgres -D {dir}/data' &
         until {bin}/pg_isready --quiet; do sleep 0.05; done
         {bin}/pgbench --no-vacuum --file={dir}/work --client=4 --rate=200 --time=1000 &
         busy() {{ {bin}/psql -Atc \"select count(*) from pg_stat_activity where application_name = 'pgbench'\"; }}
         until [ \"$(busy)\" = 4 ]; do sleep 0.05; done
         echo busy
         wait
"
    )
}
