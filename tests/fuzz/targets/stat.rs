//! `/proc/PID/stat`, whose name field a process may choose, and what else is read of a process.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_init::stat::Stat;
use session_init::status::Status;

fuzz_target!(|bytes: &[u8]| {
    let _ = Stat::parse(bytes);
    let _ = (Status::parse(bytes), Status::of_descriptor(bytes));
    // What a process calls itself says nothing else about it.
    let name = bytes.get(..15.min(bytes.len())).unwrap_or_default();
    let rest = b") S 12 7 5 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 3542 2940928 188 1 1 1 0 0 0 0 0 0 0\n";
    let stat = Stat::parse(&[&b"17 ("[..], name, rest].concat()).expect("a stat file");
    assert_eq!((stat.parent, stat.group, stat.session, stat.started, stat.is_zombie), (12, 7, 5, 3542, false));
    assert_eq!(stat.name, String::from_utf8_lossy(name));
});
