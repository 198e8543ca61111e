//! A folder that every user may read, with the programs under test in it: a checkout may lie where others may not look.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

fn folder() -> &'static Path {
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("session-init-suite.{}", std::process::id()));
        // A run that was killed has left its folder behind, and by now this one has its pid.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a scratch folder can be made");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("its owner may change it");
        let built = Path::new(env!("CARGO_BIN_EXE_session-init"));
        let init = std::env::var_os("SESSION_INIT_BIN").map_or_else(|| built.to_owned(), PathBuf::from);
        fs::copy(&init, folder.join("session-init"))
            .unwrap_or_else(|error| panic!("the session-init to test, {}: {error}", init.display()));
        fs::copy(std::env::current_exe().expect("/proc/self/exe"), folder.join("suite")).expect("this very binary");
        symlink("session-init", folder.join("dumb-init")).expect("a link");
        folder
    })
}

/// The session-init under test.
pub(crate) fn session_init() -> PathBuf {
    folder().join("session-init")
}

/// A link of the name `dumb-init` to it.
pub(crate) fn link_named_dumb_init() -> PathBuf {
    folder().join("dumb-init")
}

/// This very binary, for the roles.
pub(crate) fn suite() -> PathBuf {
    folder().join("suite")
}

/// A path that nobody else uses; nothing is there yet.
pub(crate) fn new_path(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    folder().join(format!("{}.{name}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

/// A new folder in which every user may write.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    let path = new_path(name);
    fs::create_dir(&path).expect("a folder in the scratch folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("its owner may change it");
    path
}

/// Writes an executable file into a folder.
pub(crate) fn executable(folder: &Path, name: &str, contents: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, contents).expect("a file in the scratch folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner may change it");
    path
}

/// Removes it all.
pub(crate) fn remove() {
    if let Some(folder) = FOLDER.get() {
        let _ = fs::remove_dir_all(folder);
    }
}
