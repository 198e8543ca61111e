//! What the kernel says about this process's control group (cgroups(7)).

use super::files;

/// How many processes of this process's cgroup, and of those below it, the kernel has killed for want of memory; `None` where
/// nobody tells.
///
/// In a cgroup namespace of its own, as in most containers, the group is the one at the mount point. Elsewhere its path below
/// that is in /proc/self/cgroup, of which the second version has the line `0::PATH`, and the first one for `memory`.
pub(crate) fn out_of_memory_kills() -> Option<usize> {
    let groups = files::contents("/proc/self/cgroup").unwrap_or_default();
    let groups = String::from_utf8_lossy(&groups);
    let path = |line_of: fn(&str, &str) -> bool| {
        groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            line_of(number, controllers).then_some(path)
        })
    };
    let second = path(|number, controllers| number == "0" && controllers.is_empty());
    let first = path(|_, controllers| controllers.split(',').any(|name| name == "memory"));
    let of_second = |path: &str| count(&format!("/sys/fs/cgroup{path}/memory.events"));
    let of_first = |path: &str| count(&format!("/sys/fs/cgroup/memory{path}/memory.oom_control"));
    first.and_then(of_first).or_else(|| second.and_then(of_second)).or_else(|| of_second("")).or_else(|| of_first(""))
}

/// The number in the line `oom_kill NUMBER` of a file.
fn count(path: &str) -> Option<usize> {
    let contents = files::contents(path).ok()?;
    let contents = std::str::from_utf8(&contents).ok()?;
    contents.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_the_line_for_kills() {
        let file = std::env::temp_dir().join(format!("session-init-memory-events-{}", std::process::id()));
        std::fs::write(&file, "low 0\noom 3\noom_kill 2\noom_group_kill 1\n").unwrap();
        let counted = count(file.to_str().unwrap());
        std::fs::remove_file(&file).unwrap();
        assert_eq!((counted, count("/proc/self/no-such-file")), (Some(2), None));
    }
}
