//! Blocks, what is in them, and how they are put together.

/// The values of one block: 8 KiB, so that a second pass finds them in the first-level cache, and
/// enough of them that merging blocks costs little.
pub(in crate::arch::generic) const BLOCK: usize = 1024;

/// Groups of eight values in a block.
const GROUPS: usize = BLOCK / 8;

/// Fewer values than this go through the plain loop, which is done before registers of partial
/// results are put together.
pub(super) const FEW: usize = 16;

/// More levels of blocks than memory holds.
const LEVELS: usize = 40;

/// Results of blocks, merged as a balanced binary tree, so that each goes through as few roundings
/// as possible.
///
/// A block is merged with its neighbour of the same size as soon as that one is complete, as a
/// carry runs through a binary counter: `pending[k]` holds 2ᵏ blocks where bit `k` of the number
/// of blocks so far is set.
pub(in crate::arch::generic) struct Tree<R> {
    pending: [R; LEVELS],
    blocks: usize,
}

impl<R: Copy + Default> Tree<R> {
    #[inline(always)]
    pub(in crate::arch::generic) fn new() -> Self {
        Self { pending: [R::default(); LEVELS], blocks: 0 }
    }

    #[inline(always)]
    pub(in crate::arch::generic) fn push(&mut self, mut result: R, merge: impl Fn(R, R) -> R) {
        let mut size = 0;
        while self.blocks >> size & 1 != 0 {
            result = merge(self.pending[size], result);
            size += 1;
        }
        self.pending[size] = result;
        self.blocks += 1;
    }

    /// All of them together, or the default.
    #[inline(always)]
    pub(in crate::arch::generic) fn finish(self, merge: impl Fn(R, R) -> R) -> R {
        let sizes = (0..LEVELS).filter(|size| self.blocks >> size & 1 != 0);
        let pending = sizes.map(|size| self.pending[size]);
        pending.reduce(|right, left| merge(left, right)).unwrap_or_default()
    }
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
    /// Bit `i % 8` of byte `i / 8` is value `i`.
    bytes: [u8; GROUPS],
    pub(super) count: usize,
}

impl Present {
    /// Those of `len` values from bit `start` of `validity` on.
    #[inline(always)]
    pub(super) fn new(validity: &[u64], start: usize, len: usize) -> Self {
        let mut bytes = [0; GROUPS];
        let mut count = 0;
        for (index, bytes) in bytes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let Some(rest) = len.checked_sub(index * 64).filter(|rest| *rest > 0) else { break };
            let mask = if rest < 64 { (1 << rest) - 1 } else { u64::MAX };
            let word = word_at(validity, start + index * 64) & mask;
            *bytes = word.to_le_bytes();
            count += word.count_ones() as usize;
        }
        Self { bytes, count }
    }

    /// All of `len` values.
    #[inline(always)]
    pub(super) fn all(len: usize) -> Self {
        Self { bytes: [u8::MAX; GROUPS], count: len }
    }

    #[inline(always)]
    pub(super) fn none() -> Self {
        Self { bytes: [0; GROUPS], count: 0 }
    }

    /// Adds those of the eight values of group `group`, of which there were none.
    #[inline(always)]
    pub(super) fn set_group(&mut self, group: usize, bits: u8) {
        self.bytes[group % GROUPS] = bits;
        self.count += bits.count_ones() as usize;
    }

    /// Those of the eight values of group `group`.
    #[inline(always)]
    pub(super) fn group(&self, group: usize) -> u8 {
        self.bytes[group % GROUPS]
    }

    /// The first that is there.
    #[inline(always)]
    pub(super) fn first(&self) -> Option<usize> {
        let group = self.bytes.iter().position(|byte| *byte != 0)?;
        Some(group * 8 + self.bytes[group].trailing_zeros() as usize)
    }
}
