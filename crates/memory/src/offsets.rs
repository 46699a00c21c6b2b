use std::collections::TryReserveError;
use std::ops::Range;

use crate::grow::try_reserve;

/// Where the strings of a contiguous block begin and end: 4 bytes a string, for blocks of any
/// size.
///
/// Of each offset the low `BITS` bits are kept. Offsets never fall, so that the high bits are the
/// number of places where they passed a multiple of `2^BITS`, and of those there are few: none
/// below 4 GiB. (Tests have fewer bits than 32.)
#[derive(Clone, Debug)]
pub(crate) struct Offsets<const BITS: u32 = 32> {
    /// Offset `i` is where string `i` begins and string `i - 1` ends. Empty or one more than there
    /// are strings.
    low: Vec<u32>,
    /// Offset `i`'s high bits are the number of entries up to `i`. Ascending.
    wraps: Vec<usize>,
}

impl<const BITS: u32> Default for Offsets<BITS> {
    fn default() -> Self {
        Self { low: Vec::new(), wraps: Vec::new() }
    }
}

impl<const BITS: u32> Offsets<BITS> {
    const MASK: u64 = (1 << BITS) - 1;

    /// The number of strings.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.low.len().saturating_sub(1)
    }

    /// Where string `index` stands.
    #[inline]
    pub(crate) fn range(&self, index: usize) -> Option<Range<usize>> {
        let &[start, end] = self.low.get(index..)?.first_chunk()?;
        if self.wraps.is_empty() {
            return Some(start as usize..end as usize);
        }
        Some(self.whole(index, start)..self.whole(index + 1, end))
    }

    #[cold]
    fn whole(&self, place: usize, low: u32) -> usize {
        let high = self.wraps.partition_point(|wrap| *wrap <= place);
        ((high as u64) << BITS | u64::from(low)) as usize
    }

    /// Where the last string ends.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        let Some(&low) = self.low.last() else { return 0 };
        ((self.wraps.len() as u64) << BITS | u64::from(low)) as usize
    }

    /// Room for `strings` more, the last of which ends at `end` at most.
    #[inline]
    pub(crate) fn try_reserve(
        &mut self,
        strings: usize,
        end: usize,
    ) -> Result<(), TryReserveError> {
        // And the beginning of the first.
        try_reserve(&mut self.low, strings.saturating_add(1))?;
        let wraps = ((end as u64 >> BITS) as usize).saturating_sub(self.wraps.len());
        try_reserve(&mut self.wraps, wraps)
    }

    /// Adds a string that ends at `end`, which is not before the last one's end.
    #[inline]
    pub(crate) fn push(&mut self, end: usize) {
        debug_assert!(end >= self.end(), "offsets never fall");
        if self.low.is_empty() {
            self.low.push(0);
        }
        while self.wraps.len() as u64 != end as u64 >> BITS {
            self.wraps.push(self.low.len());
        }
        self.low.push((end as u64 & Self::MASK) as u32);
    }

    /// Keeps the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.low.truncate(len + 1);
            self.wraps.truncate(self.wraps.partition_point(|wrap| *wrap <= len));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.low.clear();
        self.wraps.clear();
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.low.shrink_to_fit();
        self.wraps.shrink_to_fit();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.low.capacity() * size_of::<u32>() + self.wraps.capacity() * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Three bits: strings of up to 40 bytes pass several multiples of 8 at a time.
        #[test]
        fn offsets_of_any_size_come_back(
            lengths in prop::collection::vec(prop_oneof![Just(0), 0usize..3, 0usize..40], 0..100),
            cut in 0usize..110,
        ) {
            let mut offsets = Offsets::<3>::default();
            let mut model = Vec::new();
            for length in lengths {
                let start = offsets.end();
                offsets.try_reserve(1, start + length).unwrap();
                offsets.push(start + length);
                model.push(start..start + length);
            }
            let check = |offsets: &Offsets<3>, model: &[Range<usize>]| {
                assert_eq!(offsets.len(), model.len());
                assert_eq!(offsets.end(), model.last().map_or(0, |range| range.end));
                for (index, range) in model.iter().enumerate() {
                    assert_eq!(offsets.range(index).as_ref(), Some(range));
                }
                assert_eq!(offsets.range(model.len()), None);
                assert_eq!(offsets.range(usize::MAX), None);
            };
            check(&offsets, &model);
            offsets.truncate(cut);
            model.truncate(cut);
            check(&offsets, &model);
            let end = offsets.end() + 9;
            model.push(offsets.end()..end);
            offsets.push(end);
            check(&offsets, &model);
            offsets.clear();
            check(&offsets, &[]);
        }
    }
}
