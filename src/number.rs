//! Numbers, and words with marks between them, as people and the kernel write them.

#![forbid(unsafe_code)]

/// The number that these bytes spell, in decimal digits alone; one that is too large counts as the largest.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(digit.into()))
    })
}

/// The same, if it is small enough to be an id of something; a minus sign may stand before it.
pub(crate) fn id(word: &[u8]) -> Option<i32> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let id = i32::try_from(number(digits)?).ok()?;
    Some(if digits.len() == word.len() { id } else { id.wrapping_neg() })
}

/// What stands before and behind the first of these marks.
#[inline(never)]
pub(crate) fn cut(word: &str, mark: char) -> (&str, Option<&str>) {
    word.split_once(mark).map_or((word, None), |(before, behind)| (before, Some(behind)))
}

/// What `parse` makes of each part of a list with commas between them.
///
/// # Errors
///
/// That of the first part that is wrong.
pub(crate) fn each<T, E>(list: &str, parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, E> {
    let (mut all, mut left) = (Vec::new(), Some(list));
    while let Some(list) = left {
        let (part, rest) = cut(list, ',');
        all.push(parse(part)?);
        left = rest;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_digits_alone() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"0042"), Some(42));
        assert_eq!(number(b"18446744073709551616"), Some(u64::MAX));
        for word in [&b""[..], b" 1", b"1 ", b"+1", b"-1", b"1.", b"a"] {
            assert_eq!(number(word), None, "{word:?}");
        }
    }

    #[test]
    fn an_id_may_be_negative_and_is_small() {
        assert_eq!(id(b"17"), Some(17));
        assert_eq!(id(b"-1"), Some(-1));
        for word in [&b""[..], b"-", b"--1", b"2147483648"] {
            assert_eq!(id(word), None, "{word:?}");
        }
    }
}
