//! Spans of time as people write them.

#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::number::{cut, number};

/// How long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// No time at all.
    Zero,
    /// This long, and not zero.
    Finite(Duration),
    /// As long as it likes.
    Infinite,
}

/// The units and their nanoseconds. `ms` stands before `m` and `s`, of which it is made.
const UNITS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];
const SECOND: u64 = 1_000_000_000;

impl Period {
    /// Reads `5`, `5s`, `0.5s`, `1500ms`, `2m`, `1h` or `infinity`. Without a unit it is seconds; what is smaller than a
    /// nanosecond is left out.
    ///
    /// # Errors
    ///
    /// [`PeriodError`] for everything else, and for more than 584 years.
    pub fn parse(word: &str) -> Result<Self, PeriodError> {
        if word == "infinity" {
            return Ok(Self::Infinite);
        }
        let error = || PeriodError(word.to_owned());
        let unit = UNITS.iter().find_map(|(name, nanoseconds)| Some((word.strip_suffix(name)?, *nanoseconds)));
        let (count, unit) = unit.unwrap_or((word, SECOND));
        let (whole, fraction) = cut(count, '.');
        let fraction = fraction.unwrap_or("0");
        let (Some(whole), Some(_)) = (number(whole.as_bytes()), number(fraction.as_bytes())) else {
            return Err(error());
        };
        let nanoseconds = whole.checked_mul(unit).ok_or_else(error)?;
        // Each further digit is worth a tenth of the one before it.
        let (fraction, _) = fraction.bytes().fold((0, unit), |(sum, worth), digit| {
            let worth: u64 = worth / 10;
            (worth.saturating_mul(u64::from(digit.saturating_sub(b'0'))).saturating_add(sum), worth)
        });
        match nanoseconds.checked_add(fraction).ok_or_else(error)? {
            0 => Ok(Self::Zero),
            nanoseconds => Ok(Self::Finite(Duration::from_nanos(nanoseconds))),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("0s"),
            Self::Finite(duration) => {
                let (seconds, mut fraction, mut digits) = (duration.as_secs(), duration.subsec_nanos(), 9_usize);
                match fraction {
                    0 => return write!(f, "{seconds}s"),
                    _ if seconds == 0 && fraction % 1_000_000 == 0 => return write!(f, "{}ms", fraction / 1_000_000),
                    _ => {}
                }
                while fraction % 10 == 0 {
                    fraction /= 10;
                    digits = digits.saturating_sub(1);
                }
                write!(f, "{seconds}.{fraction:0digits$}s")
            }
            Self::Infinite => f.write_str("infinity"),
        }
    }
}

/// It is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a duration: write 5, 5s, 0.5s, 1500ms, 2m, 1h or infinity")]
pub struct PeriodError(String);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        let milliseconds = |count| Ok(Period::Finite(Duration::from_millis(count)));
        for (word, period) in [
            ("5", milliseconds(5_000)),
            ("5s", milliseconds(5_000)),
            ("05.50", milliseconds(5_500)),
            ("0.5s", milliseconds(500)),
            ("1500ms", milliseconds(1_500)),
            ("2m", milliseconds(120_000)),
            ("1.5m", milliseconds(90_000)),
            ("1h", milliseconds(3_600_000)),
            ("0.000000001", Ok(Period::Finite(Duration::from_nanos(1)))),
            ("0.0000000009", Ok(Period::Zero)),
            ("0", Ok(Period::Zero)),
            ("0ms", Ok(Period::Zero)),
            ("infinity", Ok(Period::Infinite)),
        ] {
            assert_eq!(Period::parse(word), period, "{word}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for word in [
            "",
            "s",
            "-1",
            "+1",
            "1 s",
            " 1",
            "1s ",
            "1.",
            ".5",
            "1.s",
            "1.2.3",
            "NaN",
            "nan",
            "inf",
            "INFINITY",
            "1e3",
            "1d",
            "1us",
            "1S",
            "0x5",
            "5ss",
            "１",
            "99999999999999999999",
            "18446744073709551615h",
            "18446744074s",
        ] {
            assert!(Period::parse(word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn a_duration_is_printed_as_it_is_written() {
        for word in ["0s", "5s", "500ms", "1.5s", "61.000000001s", "0.01025s", "infinity"] {
            assert_eq!(Period::parse(word).map(|period| period.to_string()), Ok(word.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn no_word_makes_the_parser_panic(word in "[0-9.]{0,30}(ms|s|m|h)?|\\PC*") {
            let _ = Period::parse(&word);
        }

        #[test]
        fn milliseconds_are_exact(count in 1u64..1_000_000_000) {
            let period = Period::Finite(Duration::from_millis(count));
            prop_assert_eq!(Period::parse(&format!("{count}ms")), Ok(period));
            prop_assert_eq!(Period::parse(&format!("{}.{:03}", count / 1000, count % 1000)), Ok(period));
        }
    }
}
