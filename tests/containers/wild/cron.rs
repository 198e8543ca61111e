//! cron gives its jobs' output to a mailer, and nobody in a container reads mail: so crontabs all over the world write to
//! `/proc/1/fd/1`, which is the container's log.

use std::fs::{self, File};
use std::io::{PipeWriter, pipe};
use std::path::PathBuf;

use crate::host::{Host, Hosted};
use crate::problem::{Doing as _, Result, failed};
use crate::process::{Job, read};
use crate::scratch::{Scratch, need};
use crate::sys;

/// Hides the machine's crontabs, and what tells cron that it was here before; `$1` is the one crontab there is.
const HIDE: &str = r#"
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/cron.d && mount --bind "$1" /etc/crontab || exit
mount -t tmpfs tmpfs /var/spool/cron && mkdir /var/spool/cron/crontabs || exit
shift
exec "$@"
"#;

/// A pipe into a file, as engines have one into the container's log. A file alone would be emptied by whoever opens it.
struct Log {
    file: PathBuf,
    _cat: Job,
}

impl Log {
    fn open(scratch: &Scratch) -> Result<(PipeWriter, Self)> {
        let file = scratch.log();
        let (reader, writer) = pipe().doing("make a pipe")?;
        let mut cat = scratch.command("cat");
        cat.stdin(reader).stdout(File::create(&file).doing("create a log")?);
        Ok((writer, Self { file, _cat: Job::spawn(cat)? }))
    }
}

pub(super) fn log(host: &Host<'_>) -> Result<String> {
    let cron = need("cron")?.display().to_string();
    let folder = host.folder()?;
    let (crontab, done, errors) = (folder.join("crontab"), folder.join("done"), folder.join("errors"));
    // Every other time is at the next full minute only.
    let job = format!(
        "@reboot root {{ true </proc/1/fd/0; echo for stdout >/proc/1/fd/1; echo for stderr >/proc/1/fd/2; }} 2>{}; echo >{}\n",
        errors.display(),
        done.display()
    );
    fs::write(&crontab, job).doing("write a crontab")?;

    let (out, stdout) = Log::open(host.scratch)?;
    let (err, stderr) = Log::open(host.scratch)?;
    let (crontab, init) = (crontab.display().to_string(), host.init.display().to_string());
    let words = ["sh", "-c", HIDE, "sh", &crontab, &init, "--", &cron, "-f"];
    let job = Job::start_into(host.as_pid_1(&words), out, err)?;
    let mut hosted = Hosted { job, output: stderr.file.clone() };

    hosted.wait_for("the job is done", || done.exists().then_some(()))?;
    let complaints = read(&errors);
    if !complaints.is_empty() {
        return failed(format!("the job could not write: {complaints}"));
    }
    for (log, line) in [(&stdout, "for stdout"), (&stderr, "for stderr")] {
        hosted
            .wait_for(&format!("a line {line}"), || read(&log.file).lines().any(|read| read == line).then_some(()))?;
    }
    hosted.signal(sys::SIGTERM)?;
    hosted.expect_end(143)?;
    Ok("its job opened /proc/1/fd/0, 1 and 2, what it wrote arrived, 143".to_owned())
}
