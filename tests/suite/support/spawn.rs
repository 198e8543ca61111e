//! Starting a process in surroundings that are exactly so.

use std::ffi::{CString, c_char, c_int, c_long, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;

use super::signal::{Signal, SignalSet};
use super::sys::{self, Disposition, Fork};

/// Everything that the process finds when it is executed.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) program: CString,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    /// What each descriptor of the new process is. Those not named are closed.
    pub(crate) descriptors: Vec<(RawFd, OwnedFd)>,
    pub(crate) directory: CString,
    /// It is PID 1 of a PID namespace, with a /proc of its own.
    pub(crate) pid_1: bool,
    /// There is nothing in /proc.
    pub(crate) no_proc: bool,
    /// The whole file system can only be read.
    pub(crate) read_only: bool,
    /// It leads a session; else it stays in that of the suite.
    pub(crate) session_leader: bool,
    /// Descriptor 0 becomes its session's terminal.
    pub(crate) terminal: bool,
    pub(crate) user: Option<u32>,
    pub(crate) no_new_privileges: bool,
    /// What it cannot do even as root.
    pub(crate) without_capabilities: &'static [c_ulong],
    /// System calls that fail, and the error that they fail with.
    pub(crate) denied: Option<(&'static [c_long], c_int)>,
    pub(crate) ignored: SignalSet,
    pub(crate) blocked: SignalSet,
    pub(crate) pending: SignalSet,
}

impl Plan {
    /// Starts it and answers with its pid.
    pub(crate) fn start(self) -> io::Result<i32> {
        let arguments = pointers(&self.arguments);
        let environment = pointers(&self.environment);
        // High enough to be in nobody's way.
        let (report, reporter) = sys::pipe()?;
        let reporter_number = sys::duplicate_above(reporter.as_raw_fd(), 500)?;
        let mut flags = 0;
        if self.pid_1 {
            flags |= libc::CLONE_NEWPID;
        }
        if self.pid_1 || self.no_proc || self.read_only {
            flags |= libc::CLONE_NEWNS;
        }
        let child = match sys::fork_into(flags)? {
            Fork::Child => {
                let error = self.become_it(&arguments, &environment, reporter_number);
                let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                let _ = sys::write(reporter_number, &errno.to_ne_bytes());
                sys::exit_now(125);
            }
            Fork::Parent(child) => child,
        };
        sys::close(reporter_number);
        drop(reporter);
        let mut errno = [0; 4];
        if sys::read_blocking(&report, &mut errno)? == 0 {
            return Ok(child);
        }
        let _ = sys::wait(child);
        Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
    }

    /// In the child: system calls alone, for other threads may have held any lock.
    fn become_it(&self, arguments: &[*const c_char], environment: &[*const c_char], reporter: RawFd) -> io::Error {
        let setup = || -> io::Result<()> {
            sys::set_blocked(SignalSet::ALL)?;
            self.mount()?;
            if self.session_leader {
                sys::set_session()?;
            }
            self.arrange_descriptors(reporter)?;
            if self.terminal {
                sys::acquire_terminal(0)?;
            }
            sys::change_directory(&self.directory)?;
            for signal in Signal::all() {
                let ignored = self.ignored.contains(signal);
                // KILL and STOP cannot be set; they are what they have to be.
                let _ = sys::set_disposition(signal, if ignored { Disposition::Ignore } else { Disposition::Default });
            }
            for capability in self.without_capabilities {
                sys::control(libc::PR_CAPBSET_DROP, *capability)?;
            }
            if let Some(user) = self.user {
                sys::set_user(user)?;
            }
            if self.no_new_privileges {
                sys::control(libc::PR_SET_NO_NEW_PRIVS, 1)?;
            }
            if let Some((calls, errno)) = self.denied {
                sys::deny(calls, errno)?;
            }
            for signal in self.pending.iter() {
                sys::kill(sys::pid(), signal)?;
            }
            sys::set_blocked(self.blocked).map(drop)
        };
        match setup() {
            Ok(()) => sys::exec(&self.program, arguments, environment),
            Err(error) => error,
        }
    }

    fn mount(&self) -> io::Result<()> {
        if self.pid_1 || self.no_proc || self.read_only {
            sys::mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
        }
        if self.no_proc {
            sys::mount(c"tmpfs", c"/proc", 0)?;
        } else if self.pid_1 {
            sys::mount(c"proc", c"/proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC)?;
        }
        if self.read_only {
            sys::mount(c"none", c"/", libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY)?;
        }
        Ok(())
    }

    fn arrange_descriptors(&self, reporter: RawFd) -> io::Result<()> {
        // All sources are higher than all targets: no target is a source that is still needed.
        for (target, source) in &self.descriptors {
            assert!(source.as_raw_fd() > *target);
            sys::duplicate_to(source.as_raw_fd(), *target)?;
        }
        for number in 0..reporter {
            if self.descriptors.iter().all(|(target, _)| *target != number) {
                sys::close(number);
            }
        }
        sys::close_on_exec_from(reporter);
        Ok(())
    }
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}
