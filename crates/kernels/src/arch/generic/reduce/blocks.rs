//! Blocks, what is in them, and how they are put together.

use std::mem::MaybeUninit;

/// The values of one block: 8 KiB of `f64`, so that a second pass finds them in the first-level
/// cache, and enough of them that merging blocks costs little.
pub(in crate::arch::generic) const BLOCK: usize = 1024;

/// Groups of eight values in a block.
const GROUPS: usize = BLOCK / 8;

/// Words of bits for a block.
const WORDS: usize = BLOCK / 64;

/// Fewer values than this go through the plain loop, which is done before registers of partial
/// results are put together.
pub(super) const FEW: usize = 16;

/// More levels of blocks than memory holds: one for each bit of their number, so that an index modulo this
/// is the index, and needs no check.
const LEVELS: usize = 64;

/// Results of blocks, merged as a balanced binary tree, so that each goes through as few roundings
/// as possible.
///
/// A block is merged with its neighbour of the same size as soon as that one is complete, as a
/// carry runs through a binary counter: `pending[k]` holds 2ᵏ blocks where bit `k` of the number
/// of blocks so far is set.
pub(in crate::arch::generic) struct Tree<'a, R> {
    pending: &'a mut Pending<R>,
    blocks: usize,
}

/// Room for the results that wait to be merged. It is a variable of its own, as in a struct with
/// others it would be cleared, and two kilobytes take as long as to add up a block.
pub(in crate::arch::generic) type Pending<R> = [MaybeUninit<R>; LEVELS];

#[inline(always)]
pub(in crate::arch::generic) fn pending<R>() -> Pending<R> {
    [const { MaybeUninit::uninit() }; LEVELS]
}

impl<'a, R: Copy + Default> Tree<'a, R> {
    #[inline(always)]
    pub(in crate::arch::generic) fn new(pending: &'a mut Pending<R>) -> Self {
        Self { pending, blocks: 0 }
    }

    /// The 2ᵏ blocks that are pending, if there are.
    #[inline(always)]
    fn pending(&self, size: usize) -> Option<R> {
        if self.blocks >> (size % LEVELS) & 1 == 0 {
            return None;
        }
        // SAFETY: `push` wrote this result when it set the bit, which it does in no other place.
        Some(unsafe { self.pending[size % LEVELS].assume_init() })
    }

    #[inline(always)]
    pub(in crate::arch::generic) fn push(&mut self, mut result: R, merge: impl Fn(R, R) -> R) {
        let mut size = 0;
        while let Some(left) = self.pending(size) {
            result = merge(left, result);
            size += 1;
        }
        // Adding 1 sets this bit and clears those below it.
        self.pending[size % LEVELS].write(result);
        self.blocks += 1;
    }

    /// All of them together, or the default.
    #[inline(always)]
    pub(in crate::arch::generic) fn finish(self, merge: impl Fn(R, R) -> R) -> R {
        let mut result = None;
        let mut rest = self.blocks;
        while rest != 0 {
            let left = self.pending(rest.trailing_zeros() as usize);
            result = match (left, result) {
                (Some(left), Some(right)) => Some(merge(left, right)),
                (left, right) => left.or(right),
            };
            rest &= rest - 1;
        }
        result.unwrap_or_default()
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
        let mut words = [0; WORDS];
        let (first, shift) = (start / 64, start % 64);
        let needed = validity.get(first..).and_then(<[u64]>::first_chunk::<{ WORDS + 1 }>);
        if let (Some(needed), BLOCK) = (needed, len) {
            // The same as below, without a question for each word: this becomes vectors.
            for (index, word) in words.iter_mut().enumerate() {
                *word = (needed[index] >> shift) | (needed[index + 1] << 1 << (63 - shift));
            }
        } else {
            for (index, word) in words.iter_mut().enumerate() {
                let Some(rest) = len.checked_sub(index * 64).filter(|rest| *rest > 0) else {
                    break;
                };
                let mask = if rest < 64 { (1 << rest) - 1 } else { u64::MAX };
                *word = word_at(validity, start + index * 64) & mask;
            }
        }
        let mut bytes = [0; GROUPS];
        let mut count = 0;
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
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

/// The values of a block that count.
pub(super) trait Which {
    /// The bits of the eight values of group `group`; `None`: all.
    fn group(&self, group: usize) -> Option<u8>;
}

/// All of them.
pub(super) struct All;

impl Which for All {
    #[inline(always)]
    fn group(&self, _: usize) -> Option<u8> {
        None
    }
}

impl Which for Present {
    #[inline(always)]
    fn group(&self, group: usize) -> Option<u8> {
        Some(self.group(group))
    }
}
