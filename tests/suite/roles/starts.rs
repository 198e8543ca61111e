//! Starting session-init again and again, each time with a signal for it at some moment of its start.

use std::ffi::{CStr, CString, c_char};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};
use std::{env, fs, ptr};

use super::say;
use crate::support::process;
use crate::support::signal::{KILL, Signal, SignalSet};
use crate::support::sys::{self, Fork, WaitStatus};

/// When the signal is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Before the exec of session-init, which finds it blocked and pending.
    Pending,
    /// So long after its exec.
    After(Duration),
    /// As soon as COMMAND's process is there.
    AtSpawn,
}

/// Whom the signal reached.
enum Reached {
    Command,
    /// session-init, when it had not yet done anything at all.
    Beginner,
    Nobody,
}

/// Counts whom the signals reached, and how many of them came between COMMAND's start and its exec.
pub(super) fn play(count: i32, signal: Signal, moment: &str) {
    let (mut command, mut beginner, mut nobody, mut between) = (0, 0, 0, 0);
    for index in 0..count.unsigned_abs() {
        let moment = match moment {
            "pending" => Moment::Pending,
            "within-2-ms" => Moment::After(Duration::from_millis(2) * index / count.unsigned_abs()),
            "at-spawn" => Moment::AtSpawn,
            _ => panic!("there is no moment {moment}"),
        };
        let pid = start(signal, moment == Moment::Pending);
        between += i32::from(send(pid, signal, moment));
        match reached(pid, signal, moment) {
            Reached::Command => command += 1,
            Reached::Beginner => beginner += 1,
            Reached::Nobody => nobody += 1,
        }
    }
    say(format_args!("sent before COMMAND's exec {between}"));
    say(format_args!("reached COMMAND {command}"));
    say(format_args!("reached session-init before {beginner}"));
    say(format_args!("reached nobody {nobody}"));
}

/// Returns at the moment of session-init's exec.
fn start(signal: Signal, pending: bool) -> i32 {
    let init = c_string(env::var_os("INIT").expect("INIT is set").as_bytes());
    let suite = c_string(env::current_exe().expect("/proc is there").as_os_str().as_bytes());
    let name = c_string(signal.to_string().as_bytes());
    // One that the signal ends; or, where COMMAND gets the signal blocked too, one that takes it.
    let words = if pending { vec![&*init, &suite, c"role", c"listen", &name] } else { vec![&*init, c"sleep", c"60"] };
    let arguments = pointers(&words);
    let variables: Vec<CString> =
        env::vars_os().map(|(name, value)| c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat())).collect();
    let environment = pointers(&variables.iter().map(CString::as_c_str).collect::<Vec<_>>());
    match sys::fork_into(libc::CLONE_VFORK) {
        Ok(Fork::Parent(pid)) => pid,
        Ok(Fork::Child) => {
            let blocked: SignalSet = pending.then_some(signal).into_iter().collect();
            let _ = sys::set_blocked(blocked);
            for signal in blocked.iter() {
                let _ = sys::kill(sys::pid(), signal);
            }
            sys::exec(&init, &arguments, &environment);
            sys::exit_now(125);
        }
        Err(error) => panic!("cannot fork: {error}"),
    }
}

fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).expect("a word without a zero byte")
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// Sends the signal at its moment, if that has not passed. Answers whether COMMAND's process was there and had not executed
/// COMMAND, even after that.
fn send(pid: i32, signal: Signal, moment: Moment) -> bool {
    let start = Instant::now();
    let mut child = None;
    match moment {
        Moment::Pending => return false,
        // Pausing is too coarse for this.
        Moment::After(time) => while start.elapsed() < time {},
        Moment::AtSpawn => {
            let children = format!("/proc/{pid}/task/{pid}/children");
            while let Ok(list) = fs::read_to_string(&children)
                && child.is_none()
            {
                child = list.split(' ').find_map(|child| child.parse().ok());
            }
        }
    }
    let _ = sys::kill(pid, signal);
    child.and_then(process::stat).is_some_and(|child| child.name != "sleep")
}

fn reached(pid: i32, signal: Signal, moment: Moment) -> Reached {
    let handle = sys::open_process(pid).expect("a child that has not been reaped");
    let ended = sys::wait_readable(&[handle.as_fd()], Some(Duration::from_secs(10)));
    let _ = sys::kill(pid, KILL);
    match sys::wait(pid).expect("a child that has not been reaped") {
        WaitStatus::Exited(0) if ended && moment == Moment::Pending => Reached::Command,
        WaitStatus::Exited(status) if status == 128 + signal.as_raw() => Reached::Command,
        WaitStatus::Killed(by) if by == signal && moment != Moment::Pending => Reached::Beginner,
        _ => Reached::Nobody,
    }
}
