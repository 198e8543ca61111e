//! The word that a mistyped one was probably meant to be.

#![forbid(unsafe_code)]

/// The candidate that is at most two slips away from `word` (one for words of three letters or fewer), if there is
/// one; of several the nearest.
#[cold]
pub(crate) fn nearest<'a>(word: &str, candidates: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if word.len() <= 3 { 1 } else { 2 };
    let mut best = None;
    for candidate in candidates {
        let slips = slips(word.as_bytes(), candidate.as_bytes());
        let is_better = best.is_none_or(|(fewest, _)| slips < fewest);
        if slips <= allowed && slips < candidate.len() && is_better {
            best = Some((slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The end of an error message that names the nearest word, where there is one.
pub(crate) fn hint(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(", did you mean {word}?")).unwrap_or_default()
}

/// The restricted Damerau-Levenshtein distance: letters added, left out, replaced, or two neighbours swapped.
fn slips(from: &[u8], to: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut before_letter = None;
    for (&letter, row_number) in from.iter().zip(1_usize..) {
        let mut row = vec![row_number];
        let mut left = row_number;
        let mut before_other = None;
        for (column, &other) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column).saturating_add(usize::from(letter != other));
            let removed = at(&last, column.saturating_add(1)).saturating_add(1);
            let mut best = replaced.min(removed).min(left.saturating_add(1));
            if before_letter == Some(other) && before_other == Some(letter) {
                let swapped = at(&before_last, column.saturating_sub(1)).saturating_add(1);
                best = best.min(swapped);
            }
            row.push(best);
            left = best;
            before_other = Some(other);
        }
        before_last = std::mem::replace(&mut last, row);
        before_letter = Some(letter);
    }
    last.last().copied().unwrap_or(usize::MAX)
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
            assert_eq!(slips(from.as_bytes(), to.as_bytes()), count, "{from} {to}");
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
