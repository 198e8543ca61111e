//! What the kernel says about this process's control group (cgroups(7)).

use super::files;
use crate::lookup::c_string;
use crate::number::number;

/// How many processes of this process's cgroup, and of those below it, the kernel has killed for want of memory; `None` where
/// nobody tells.
///
/// In a cgroup namespace of its own, as in most containers, the group is the one at the mount point. Elsewhere its path below
/// that is in /proc/self/cgroup, of which the second version has the line `0::PATH`, and the first one for `memory`.
pub(crate) fn out_of_memory_kills() -> Option<usize> {
    let groups = files::contents(c"/proc/self/cgroup").unwrap_or_default();
    let (mut first, mut second) = (None, None);
    for line in groups.split(|byte| *byte == b'\n') {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (Some(number), Some(controllers), path) = (fields.next(), fields.next(), fields.next()) else { continue };
        if number == b"0" && controllers.is_empty() {
            second = path;
        } else if controllers.split(|byte| *byte == b',').any(|name| name == b"memory") {
            first = path;
        }
    }
    let of_second = |path: &[u8]| count(&[b"/sys/fs/cgroup", path, b"/memory.events"]);
    let of_first = |path: &[u8]| count(&[b"/sys/fs/cgroup/memory", path, b"/memory.oom_control"]);
    first.and_then(of_first).or_else(|| second.and_then(of_second)).or_else(|| of_second(b"")).or_else(|| of_first(b""))
}

/// The number in the line `oom_kill NUMBER` of a file whose path has these parts.
fn count(path: &[&[u8]]) -> Option<usize> {
    let contents = files::contents(&c_string(&path.concat())).ok()?;
    let count = contents.split(|byte| *byte == b'\n').find_map(|line| number(line.strip_prefix(b"oom_kill ")?));
    count.and_then(|count| usize::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_the_line_for_kills() {
        let file = std::env::temp_dir().join(format!("session-init-memory-events-{}", std::process::id()));
        std::fs::write(&file, "low 0\noom 3\noom_kill 2\noom_group_kill 1\n").unwrap();
        let counted = count(&[file.to_str().unwrap().as_bytes()]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!((counted, count(&[b"/proc/self/no-such-file"])), (Some(2), None));
    }
}
