//! The environment: `NAME=VALUE` with zero bytes between them.

#![no_main]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use session_init::cli::parse::{Invocation, parse};

fuzz_target!(|bytes: &[u8]| {
    let mut variables = BTreeMap::new();
    for entry in bytes.split(|byte| *byte == 0) {
        let place = entry.iter().position(|byte| *byte == b'=').unwrap_or(entry.len());
        let (name, value) = entry.split_at(place);
        let value = OsString::from_vec(value.get(1..).unwrap_or_default().to_vec());
        variables.insert(String::from_utf8_lossy(name).into_owned(), value);
    }
    let invocation = parse(b"session-init", vec![OsString::from("true")].into_iter(), &|name| variables.get(name).cloned());
    match invocation {
        Ok(Invocation::Run(config)) => assert_eq!(config.command, ["true"]),
        Ok(_) => panic!("no variable can keep COMMAND from being run but by an error"),
        Err(error) => {
            let message = error.to_string();
            let names = message.contains("SESSION_INIT_") || message.contains("contradicts");
            assert!(names, "an error says which variable it is about: {message}");
        }
    }
});
