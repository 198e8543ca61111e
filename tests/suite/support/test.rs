//! A test: its name, what it needs, and what it does.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use libtest_mimic::{Completion, Trial};

use super::{scratch, sys};

/// What a machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To be root: for PID namespaces, other users, and the like.
    Root,
    /// A program in PATH, and the Debian package that brings it.
    Program(&'static str, &'static str),
    /// A device that it can open.
    Device(&'static str),
}

pub(crate) const ROOT: Need = Need::Root;
pub(crate) const DUMB_INIT: Need = Need::Program("dumb-init", "dumb-init");
pub(crate) const TINI: Need = Need::Program("tini", "tini");
pub(crate) const BASH: Need = Need::Program("bash", "bash");
pub(crate) const ZSH: Need = Need::Program("zsh", "zsh");
pub(crate) const VIM: Need = Need::Program("vim", "vim");
pub(crate) const LESS: Need = Need::Program("less", "less");
pub(crate) const BWRAP: Need = Need::Program("bwrap", "bubblewrap");
pub(crate) const QEMU: Need = Need::Program("qemu-x86_64-static", "qemu-user-static");
pub(crate) const WGET: Need = Need::Program("wget", "wget");
pub(crate) const RUNC: Need = Need::Program("runc", "runc");
pub(crate) const NGINX: Need = Need::Program("nginx", "nginx-light");
pub(crate) const BUSYBOX: Need = Need::Program("busybox", "busybox-static");
/// A virtual console that nobody looks at.
pub(crate) const CONSOLE: Need = Need::Device("/dev/tty63");

impl Need {
    /// Says what is missing, if something is.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Root => (!sys::is_root()).then(|| "needs root".to_owned()),
            Self::Program(name, package) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path)
                    .chain([Path::new("/usr/sbin").into()])
                    .any(|folder| folder.join(name).is_file());
                (!found).then(|| format!("needs {name} (Debian: {package})"))
            }
            Self::Device(path) => {
                let opened = OpenOptions::new().write(true).custom_flags(libc::O_NOCTTY).open(path);
                opened.err().map(|error| format!("needs {path} ({error})"))
            }
        }
    }
}

/// A test of the suite. It fails by panicking.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: fn(),
}

/// The tests of a module: `tests![one, another: ROOT, a_third: ROOT RUNC]`. A test that is not listed is dead code.
macro_rules! tests {
    ($($name:ident $(: $($need:ident)+)?),* $(,)?) => {
        &[$($crate::support::test::Test {
            name: concat!(module_path!(), "::", stringify!($name)),
            needs: &[$($($crate::support::test::$need),+)?],
            run: $name,
        }),*]
    };
}
pub(crate) use tests;

/// The test as the runner takes it.
pub(crate) fn trial(test: &'static Test) -> Trial {
    let name = test.name.split_once("::").map_or(test.name, |(_, name)| name);
    named_trial(name.to_owned(), test.needs.to_vec(), test.run)
}

pub(crate) fn named_trial(name: String, needs: Vec<Need>, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        if let Some(missing) = needs.iter().find_map(|need| need.missing()) {
            return Ok(Completion::ignored_with(missing));
        }
        if let Err(failure) = panic::catch_unwind(AssertUnwindSafe(run)) {
            // `make mutants-sys` asks whether a test fails, a few hundred times, and not which.
            if std::env::var_os("STOP_AT_FIRST_FAILURE").is_some() {
                scratch::remove();
                std::process::exit(101);
            }
            panic::resume_unwind(failure);
        }
        Ok(Completion::Completed)
    })
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Whether this panics; nobody hears of it.
pub(crate) fn is_panic(run: impl FnOnce()) -> bool {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    result.is_err()
}
