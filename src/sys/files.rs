//! Files and folders of /proc, by the system calls alone: there is little to read, often, and in a small program.

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::unistd::read;

use super::{Errno, check};
use crate::lookup::c_string;
use crate::number::id;

/// What a read takes at once; more than most files here hold.
const PART: usize = 4096;

/// A text with numbers in it, such as a path, as system calls take it.
pub(super) fn text(words: fmt::Arguments<'_>) -> CString {
    c_string(words.to_string().as_bytes())
}

/// Opens a file, to be closed in whoever is executed.
///
/// # Errors
///
/// Those of open(2).
pub(super) fn open(path: &CStr, flags: libc::c_int) -> Result<OwnedFd, Errno> {
    let (folder, path, flags) = (libc::AT_FDCWD, path.as_ptr(), flags | libc::O_CLOEXEC);
    // SAFETY: the call takes numbers and a string that ends with a zero byte.
    let result = check(unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, 0) })?;
    let descriptor = RawFd::try_from(result).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just opened this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The contents of a file.
///
/// # Errors
///
/// Those of open(2) and read(2).
pub(crate) fn contents(path: &CStr) -> Result<Vec<u8>, Errno> {
    let file = open(path, libc::O_RDONLY)?;
    let (mut contents, mut part) = (Vec::new(), [0; PART]);
    loop {
        let length = read(&file, &mut part)?;
        match part.get(..length) {
            None | Some([]) => return Ok(contents),
            Some(part) => contents.extend_from_slice(part),
        }
    }
}

/// The first bytes of a file: at most as many as there is room for.
///
/// # Errors
///
/// Those of open(2) and read(2).
pub(crate) fn start<'room>(path: &CStr, room: &'room mut [u8]) -> Result<&'room [u8], Errno> {
    let file = open(path, libc::O_RDONLY)?;
    let length = read(&file, room)?;
    Ok(room.get(..length).unwrap_or_default())
}

/// What a symbolic link holds: at most as much as there is room for.
///
/// # Errors
///
/// Those of readlink(2).
pub(super) fn link<'room>(path: &CStr, room: &'room mut [u8]) -> Result<&'room [u8], Errno> {
    let (folder, path, place, size) = (libc::AT_FDCWD, path.as_ptr(), room.as_mut_ptr(), room.len());
    // SAFETY: the path ends with a zero byte, and the kernel writes at most as many bytes as there is room for.
    let length = check(unsafe { libc::syscall(libc::SYS_readlinkat, folder, path, place, size) })?;
    Ok(usize::try_from(length).ok().and_then(|length| room.get(..length)).unwrap_or_default())
}

/// Whether there is a file.
pub(crate) fn exists(path: &CStr) -> bool {
    is_accessible(path, libc::F_OK)
}

/// Whether the user that started this process may do that with a file (access(2)).
fn is_accessible(path: &CStr, mode: libc::c_int) -> bool {
    // SAFETY: the call takes a string that ends with a zero byte, and a number.
    check(unsafe { libc::access(path.as_ptr(), mode) }.into()).is_ok()
}

/// Whether this process may execute a file.
pub(crate) fn is_executable(path: &CStr) -> bool {
    let (folder, path_pointer) = (libc::AT_FDCWD, path.as_ptr());
    // SAFETY: the call takes numbers and a string that ends with a zero byte.
    let result = unsafe { libc::syscall(libc::SYS_faccessat2, folder, path_pointer, libc::X_OK, libc::AT_EACCESS) };
    match check(result) {
        // Kernels before 5.8 lack the call, and old seccomp profiles deny it. The older one asks for the user that started
        // this process, who as a rule is the same.
        Err(Errno::ENOSYS | Errno::EPERM) => is_accessible(path, libc::X_OK),
        result => result.is_ok(),
    }
}

/// The names in a folder that are numbers.
///
/// # Errors
///
/// Those of open(2) and getdents(2).
pub(crate) fn numbers(folder: &CStr) -> Result<Vec<i32>, Errno> {
    let folder = open(folder, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let (mut numbers, mut part) = (Vec::new(), [0_u8; PART]);
    loop {
        let (descriptor, place, room) = (folder.as_raw_fd(), part.as_mut_ptr(), part.len());
        // SAFETY: the kernel writes at most as many bytes as there is room for.
        let length = check(unsafe { libc::syscall(libc::SYS_getdents64, descriptor, place, room) })?;
        let mut entries = usize::try_from(length).ok().and_then(|length| part.get(..length)).unwrap_or_default();
        if entries.is_empty() {
            return Ok(numbers);
        }
        while let Some((name, rest)) = first_entry(entries) {
            if let Some(number) = id(name) {
                numbers.push(number);
            }
            entries = rest;
        }
    }
}

/// The name in the first of the entries that getdents64 gave, and the entries after it.
fn first_entry(entries: &[u8]) -> Option<(&[u8], &[u8])> {
    // In a `linux_dirent64` the entry's length comes after two numbers of 64 bits, and the name after a byte for its kind.
    let length = u16::from_ne_bytes(*entries.get(16..)?.first_chunk()?);
    let (entry, rest) = entries.split_at_checked(length.into())?;
    Some((CStr::from_bytes_until_nul(entry.get(19..)?).ok()?.to_bytes(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    #[test]
    fn a_folder_of_more_entries_than_fit_at_once_is_listed_completely() {
        let folder = std::env::temp_dir().join(format!("session-init-numbers-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        for name in (0..500).map(|number| number.to_string()).chain(["a".to_owned(), "1a".to_owned()]) {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let listed = numbers(&c_string(folder.as_os_str().as_bytes()));
        std::fs::remove_dir_all(&folder).unwrap();
        let mut listed = listed.unwrap();
        listed.sort_unstable();
        assert_eq!(listed, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_opened_is_closed_in_whoever_is_executed() {
        let file = open(c"/proc/self/status", libc::O_RDONLY).unwrap();
        assert_eq!(fcntl(&file, FcntlArg::F_GETFD), Ok(FdFlag::FD_CLOEXEC.bits()));
        assert_eq!(open(c"/proc/self/status", libc::O_DIRECTORY).err(), Some(Errno::ENOTDIR));
    }

    #[test]
    fn a_program_is_executable_and_a_text_is_not() {
        assert!(is_executable(c"/bin/sh"));
        assert!(!is_executable(c"/proc/self/status"));
        assert!(!is_executable(c"/proc/self/no-such-file"));
    }

    #[test]
    fn a_file_is_read_to_its_end() {
        assert_eq!(contents(c"/proc/self/maps").map(|maps| maps.ends_with(b"\n")), Ok(true));
        assert_eq!(contents(c"/proc/self/no-such-file"), Err(Errno::ENOENT));
        let mut room = [0; 4];
        assert_eq!(start(c"/proc/self/exe", &mut room), Ok(&b"\x7fELF"[..]));
    }
}
