use std::ops::Range;
use std::sync::Arc;

use tidemill_kernels::elementwise::{count_ones, words};
use tidemill_store::{Error, Piece, Reader, StoredAggregate};

use crate::field_condition::{FieldCondition, Outcome};

/// The most rows that are looked at together: stored statistics are of so many.
pub(super) const WINDOW_ROWS: usize = 1024;
const WORDS: usize = words(WINDOW_ROWS);

/// Finds the rows that satisfy conditions, window by window.
pub(crate) struct Sieve {
    conditions: Arc<[FieldCondition]>,
    /// What is stored of each condition's field in the piece.
    stored: Vec<Vec<StoredAggregate>>,
    mask: [u64; WORDS],
    scratch: [u64; WORDS],
}

/// Which rows of a window are kept.
#[derive(Clone, Copy)]
pub(super) enum Kept<'a> {
    None,
    All,
    /// Those whose bits are set.
    Some(&'a [u64]),
}

impl Kept<'_> {
    /// How many of `rows` that is.
    pub(super) fn count(self, rows: usize) -> usize {
        match self {
            Self::None => 0,
            Self::All => rows,
            Self::Some(mask) => count_ones(mask) as usize,
        }
    }
}

impl Sieve {
    pub(crate) fn new(conditions: &Arc<[FieldCondition]>) -> Self {
        let conditions = Arc::clone(conditions);
        let stored = vec![Vec::new(); conditions.len()];
        Self { conditions, stored, mask: [0; WORDS], scratch: [0; WORDS] }
    }

    /// Begins with a piece.
    pub(super) fn start(&mut self, reader: &mut Reader, piece: &Piece) -> Result<(), Error> {
        for (condition, stored) in self.conditions.iter().zip(&mut self.stored) {
            stored.clear();
            reader.stored_aggregates(piece, condition.field, stored)?;
        }
        Ok(())
    }

    /// Where the window ends that begins at `start`, `end` at the latest: with the rows that statistics are of, where
    /// there are any. Without conditions there is one window.
    pub(super) fn window(&self, start: usize, end: usize) -> usize {
        let Some(stored) = self.stored.first() else { return end };
        let end = end.min(start + WINDOW_ROWS);
        let next = stored.partition_point(|stored| stored.rows.end <= start);
        match stored.get(next).map(|stored| &stored.rows) {
            Some(rows) if rows.start <= start => end.min(rows.end),
            Some(rows) => end.min(rows.start),
            None => end,
        }
    }

    /// Which rows of the window satisfy all conditions: the first `room` of them, unless all do.
    pub(super) fn sift(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
        window: Range<usize>,
        room: usize,
    ) -> Result<Kept<'_>, Error> {
        // What statistics say takes no decoding.
        if (0..self.conditions.len()).any(|place| self.outcome(place, &window) == Outcome::Never) {
            return Ok(Kept::None);
        }
        let mut is_open = false;
        for place in 0..self.conditions.len() {
            if self.outcome(place, &window) == Outcome::Always {
                continue;
            }
            let mask = &mut self.mask[..words(window.len())];
            if !is_open {
                mask.fill(u64::MAX);
                is_open = true;
            }
            let condition = self.conditions[place];
            let slice = reader.column(piece, condition.field, window.clone())?;
            condition.keep(&slice, mask, &mut self.scratch);
        }
        if !is_open {
            return Ok(Kept::All);
        }
        let mask = &mut self.mask[..words(window.len())];
        cut(mask, room);
        Ok(Kept::Some(mask))
    }

    /// The last row of a piece that satisfies all conditions.
    pub(crate) fn last(
        &mut self,
        reader: &mut Reader,
        piece: &Piece,
    ) -> Result<Option<usize>, Error> {
        self.start(reader, piece)?;
        let (rows, mut windows) = (reader.rows(piece)?, vec![0]);
        while let Some(start) = windows.last().copied().filter(|start| *start < rows) {
            windows.push(self.window(start, rows));
        }
        for window in windows.windows(2).rev() {
            let (start, end) = (window[0], window[1]);
            let last = match self.sift(reader, piece, start..end, end - start)? {
                Kept::None => None,
                Kept::All => end.checked_sub(1),
                Kept::Some(mask) => last_bit(mask).map(|row| start + row),
            };
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    fn outcome(&self, place: usize, window: &Range<usize>) -> Outcome {
        let stored = &self.stored[place];
        let at = stored.partition_point(|stored| stored.rows.end <= window.start);
        match stored.get(at) {
            Some(stored) if stored.rows.start <= window.start && window.end <= stored.rows.end => {
                self.conditions[place].outcome(stored)
            }
            _ => Outcome::Open,
        }
    }
}

fn last_bit(mask: &[u64]) -> Option<usize> {
    let word = mask.iter().rposition(|word| *word != 0)?;
    Some(word * 64 + 63 - mask[word].leading_zeros() as usize)
}

/// Clears all bits but the first `count` that are set.
fn cut(mask: &mut [u64], mut count: usize) {
    for word in mask {
        while word.count_ones() as usize > count {
            *word &= !(1 << (63 - word.leading_zeros()));
        }
        count -= word.count_ones() as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bit_is_found() {
        assert_eq!(
            [[0, 0], [1, 0], [5, 0], [5, 1 << 63]].map(|mask| last_bit(&mask)),
            [None, Some(0), Some(2), Some(127)]
        );
    }

    #[test]
    fn only_the_first_bits_are_left() {
        for (count, left) in [(0, [0, 0]), (1, [0b10, 0]), (3, [0b10110, 0]), (4, [0b10110, 1])] {
            let mut mask = [0b10110, 0b101];
            cut(&mut mask, count);
            assert_eq!(mask, left, "{count}");
        }
    }
}
