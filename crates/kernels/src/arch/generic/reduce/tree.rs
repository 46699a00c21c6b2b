//! Blocks and how they are put together.

/// The values of one block: 8 KiB, so that a second pass finds them in the first-level cache, and
/// enough of them that merging blocks costs little.
pub(super) const BLOCK: usize = 1024;

/// Reduces `0..len` block by block and merges the results as a balanced binary tree, so that each
/// goes through as few roundings as possible. `None` for an empty range.
///
/// A block is merged with its neighbour of the same size as soon as that one is complete, as a
/// carry runs through a binary counter: `pending[k]` holds 2ᵏ blocks where bit `k` of the number
/// of blocks so far is set.
#[inline(always)]
pub(super) fn reduce<R: Copy>(
    len: usize,
    block: impl Fn(std::ops::Range<usize>) -> R,
    merge: impl Fn(R, R) -> R,
) -> Option<R> {
    if len == 0 {
        return None;
    }
    let first = block(0..len.min(BLOCK));
    if len <= BLOCK {
        return Some(first);
    }
    let mut pending = [first; usize::BITS as usize];
    let blocks = len.div_ceil(BLOCK);
    for number in 1..blocks {
        let start = number * BLOCK;
        let mut right = block(start..len.min(start + BLOCK));
        let mut size = 0;
        while number >> size & 1 != 0 {
            right = merge(pending[size], right);
            size += 1;
        }
        pending[size] = right;
    }
    let mut sizes = (0..usize::BITS as usize).filter(|size| blocks >> size & 1 != 0);
    let mut all = pending[sizes.next()?];
    for size in sizes {
        all = merge(pending[size], all);
    }
    Some(all)
}

/// Bits `start..start + 64` of `words`, 0 where there are none.
#[inline(always)]
pub(super) fn word_at(words: &[u64], start: usize) -> u64 {
    let (word, shift) = (start / 64, start % 64);
    let get = |word: usize| words.get(word).copied().unwrap_or(0);
    // `<< 1 << (63 - shift)` is `<< (64 - shift)`, but 0 where shift is 0.
    (get(word) >> shift) | (get(word + 1) << 1 << (63 - shift))
}

/// Which values of a block are there.
pub(super) struct Present {
    /// Bit `i % 64` of word `i / 64` is value `i`.
    pub(super) words: [u64; BLOCK / 64],
    pub(super) count: usize,
}

impl Present {
    #[inline(always)]
    pub(super) fn new(validity: &[u64], start: usize, len: usize) -> Self {
        let mut words = [0; BLOCK / 64];
        let mut count = 0;
        for (index, word) in words.iter_mut().take(len.div_ceil(64)).enumerate() {
            let rest = len - index * 64;
            let mask = if rest < 64 { (1 << rest) - 1 } else { u64::MAX };
            *word = word_at(validity, start + index * 64) & mask;
            count += word.count_ones() as usize;
        }
        Self { words, count }
    }

    /// The values of the block, `absent` in the place of those that are not there.
    #[inline(always)]
    pub(super) fn select<T: Copy>(&self, values: &[T], absent: T) -> [T; BLOCK] {
        let mut selected = [absent; BLOCK];
        let (rows, rest) = values.as_chunks::<64>();
        let (selected_rows, _) = selected.as_chunks_mut::<64>();
        for ((to, from), word) in selected_rows.iter_mut().zip(rows).zip(self.words) {
            for lane in 0..64 {
                to[lane] = if word >> lane & 1 != 0 { from[lane] } else { absent };
            }
        }
        for (lane, value) in rest.iter().enumerate() {
            if self.words[rows.len()] >> lane & 1 != 0 {
                selected_rows[rows.len()][lane] = *value;
            }
        }
        selected
    }
}
