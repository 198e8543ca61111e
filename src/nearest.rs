//! The word that a mistyped one was probably meant to be.

#![forbid(unsafe_code)]

/// The candidate that is at most two slips away from `word` (one for words of three letters or fewer), if there is
/// one; of several the nearest.
#[cold]
pub(crate) fn nearest<'a>(word: &str, candidates: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut allowed = if word.len() <= 3 { 1 } else { 2 };
    let mut best = None;
    for candidate in candidates {
        let Some(slips) = slips(word.as_bytes(), candidate.as_bytes(), allowed) else { continue };
        if slips < candidate.len() {
            best = Some(candidate);
            // Only fewer are better.
            let Some(fewer) = slips.checked_sub(1) else { break };
            allowed = fewer;
        }
    }
    best
}

/// The end of an error message that names the nearest word, where there is one.
pub(crate) fn hint(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(", did you mean {word}?")).unwrap_or_default()
}

/// The restricted Damerau-Levenshtein distance, if it is not beyond `most`: letters added, left out, replaced, or two
/// neighbours swapped.
fn slips(from: &[u8], to: &[u8], most: usize) -> Option<usize> {
    let (Some((letter, from_rest)), Some((other, to_rest))) = (from.split_first(), to.split_first()) else {
        // What is left of the one is missing in the other.
        return Some(from.len().max(to.len())).filter(|slips| *slips <= most);
    };
    if letter == other {
        return slips(from_rest, to_rest, most);
    }
    let left = most.checked_sub(1)?;
    let swapped = match (from_rest.split_first(), to_rest.split_first()) {
        (Some((second, from_rest)), Some((second_other, to_rest))) if letter == second_other && other == second => {
            slips(from_rest, to_rest, left)
        }
        _ => None,
    };
    let others = [(from_rest, to), (from, to_rest), (from_rest, to_rest)];
    let mut fewest = swapped;
    for (from, to) in others {
        // What is one too many is no better than nothing.
        let limit = fewest.unwrap_or(left);
        fewest = slips(from, to, limit).or(fewest);
    }
    fewest?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (from, to, count) in [
            ("TERM", "TERM", 0),
            ("TREM", "TERM", 1),
            ("rewite", "rewrite", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(slips(from.as_bytes(), to.as_bytes(), 3), Some(count), "{from} {to}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_a_word_far_from_all() {
        assert_eq!(nearest("zzzzzz", &mut ["TERM", "KILL"].into_iter()), None);
        assert_eq!(nearest("", &mut ["TERM"].into_iter()), None);
        assert_eq!(nearest("X", &mut ["A", "B"].into_iter()), None);
    }

    #[test]
    fn two_slips_are_too_many_in_three_letters() {
        assert_eq!(nearest("HPU", &mut ["HUP"].into_iter()), Some("HUP"));
        assert_eq!(nearest("HXY", &mut ["HUP"].into_iter()), None);
        assert_eq!(nearest("QUXX", &mut ["QUIT"].into_iter()), Some("QUIT"));
        assert_eq!(nearest("QABC", &mut ["QUIT"].into_iter()), None);
    }

    #[test]
    fn of_those_that_are_as_near_the_first_is_suggested() {
        assert_eq!(nearest("USR", &mut ["USR1", "USR2"].into_iter()), Some("USR1"));
    }
}
