//! The command line: words with zero bytes between them, as the kernel keeps them.

#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use session_init::cli::explain::{self, Surroundings};
use session_init::cli::parse::{Invocation, parse};
use session_init::route::Place;

fuzz_target!(|bytes: &[u8]| {
    let words: Vec<OsString> = bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
    match parse(b"session-init", words.clone().into_iter(), &|_| None) {
        Ok(Invocation::Run(config)) => {
            assert!(!config.command.is_empty());
            assert!(words.ends_with(&config.command), "COMMAND is what the command line ends with, byte for byte");
        }
        Ok(Invocation::Explain(config, sources)) => {
            let surroundings = Surroundings { pid: 1, terminal: "none", place: Place::Own };
            assert!(!explain::text(&config, &sources, surroundings, true).is_empty());
        }
        Ok(Invocation::Inspect(pid)) => assert!(pid > 0),
        Ok(Invocation::Print(_) | Invocation::Pause) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
