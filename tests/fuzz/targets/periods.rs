//! Durations.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_init::period::Period;

fuzz_target!(|word: &str| {
    if let Ok(period) = Period::parse(word) {
        let allowed = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte.is_ascii_lowercase();
        assert!(word.bytes().all(allowed), "{word:?} is no duration");
        if let Period::Finite(duration) = period {
            let text = format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos());
            assert_eq!(Period::parse(&text), Ok(period), "the same in seconds");
        }
    }
});
