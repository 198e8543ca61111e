//! Which processes have been seen already.

#![forbid(unsafe_code)]

/// A process as it was seen: its pid, when it started (0 where it was gone by then), and whether it had ended. One that has
/// ended since the last look is something new, for its children have come to be somebody else's.
pub(super) type Sighting = (i32, u64, bool);

/// What has been seen: a hash table, at most half full.
#[derive(Debug, Default)]
pub(super) struct Seen {
    places: Vec<Option<Sighting>>,
    /// How many there are.
    pub(super) count: usize,
}

impl Seen {
    /// Adds a sighting. Answers whether it is new.
    pub(super) fn add(&mut self, sighting: Sighting) -> bool {
        const SMALLEST: usize = 64;
        if self.count.saturating_mul(2) >= self.places.len() {
            let room = self.places.len().saturating_mul(2).max(SMALLEST);
            let old = std::mem::replace(&mut self.places, vec![None; room]);
            self.count = 0;
            for sighting in old.into_iter().flatten() {
                self.add(sighting);
            }
        }
        // Pids mostly follow one another, and so do their places. There are a power of two of them.
        let mask = self.places.len().saturating_sub(1);
        let mut place = usize::try_from(sighting.0).unwrap_or(0) & mask;
        loop {
            match self.places.get_mut(place) {
                Some(Some(other)) if *other != sighting => place = place.wrapping_add(1) & mask,
                Some(free @ None) => {
                    *free = Some(sighting);
                    self.count = self.count.saturating_add(1);
                    return true;
                }
                Some(Some(_)) | None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_new_once_and_once_more_when_it_has_ended() {
        let mut seen = Seen::default();
        for pid in (1..1000).rev() {
            assert!(seen.add((pid, 1, false)));
        }
        assert!((1..1000).all(|pid| !seen.add((pid, 1, false))));
        assert!(seen.add((5, 2, false)) && seen.add((5, 2, true)));
        assert_eq!(seen.count, 1001);
    }
}
