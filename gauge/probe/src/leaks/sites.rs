//! Places of the program that allocate.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::LeakSite;
use crate::lock::Lock;
use crate::stack::Stack;

/// Places that a search looks at, while others wait: about 6 KiB of stacks.
const MAX_PROBES: usize = 32;

/// The places seen so far, and what of theirs lives. Places are never removed.
pub(super) struct Sites<const N: usize> {
    /// Open addressing with linear probing; unused ones are empty and behind no hole.
    stacks: Lock<[Option<Stack>; N]>,
    counts: [Count; N],
    /// Of places for which there was no room, and of blocks without a stack.
    overflow: Count,
}

struct Count {
    live_blocks: AtomicU64,
    live_bytes: AtomicU64,
    blocks: AtomicU64,
}

impl Count {
    const fn new() -> Self {
        Self {
            live_blocks: AtomicU64::new(0),
            live_bytes: AtomicU64::new(0),
            blocks: AtomicU64::new(0),
        }
    }
}

impl<const N: usize> fmt::Debug for Sites<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sites<{N}>")
    }
}

impl<const N: usize> Sites<N> {
    pub(super) const fn new() -> Self {
        const { assert!(N > 0 && N < u32::MAX as usize) };
        Self {
            stacks: Lock::new([None; N]),
            counts: [const { Count::new() }; N],
            overflow: Count::new(),
        }
    }

    /// The number of the place; `N` if there is no room for it.
    pub(super) fn find(&self, stack: &Stack) -> u32 {
        if *stack == Stack::EMPTY {
            return N as u32;
        }
        let mix = |hash: usize, &address: &usize| {
            (hash.rotate_left(5) ^ address).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize)
        };
        let home = (stack.0.iter().fold(0, mix) >> (usize::BITS / 2)) % N;
        let mut stacks = self.stacks.lock();
        // Nothing is ever taken out, so that a bounded search finds all that it put in.
        for at in (home..N).chain(0..home).take(MAX_PROBES) {
            match &mut stacks[at] {
                Some(other) if other == stack => return at as u32,
                Some(_) => {}
                free => {
                    *free = Some(*stack);
                    return at as u32;
                }
            }
        }
        N as u32
    }

    fn count(&self, site: u32) -> &Count {
        self.counts.get(site as usize).unwrap_or(&self.overflow)
    }

    pub(super) fn came(&self, site: u32, bytes: u64) {
        let count = self.count(site);
        count.live_blocks.fetch_add(1, Ordering::Relaxed);
        count.live_bytes.fetch_add(bytes, Ordering::Relaxed);
        count.blocks.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn went(&self, site: u32, bytes: u64) {
        let count = self.count(site);
        count.live_blocks.fetch_sub(1, Ordering::Relaxed);
        count.live_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes back `came`.
    pub(super) fn never_came(&self, site: u32, bytes: u64) {
        self.went(site, bytes);
        self.count(site).blocks.fetch_sub(1, Ordering::Relaxed);
    }

    /// Live blocks and bytes without a place.
    pub(super) fn overflow(&self) -> (u64, u64) {
        let Count { live_blocks, live_bytes, .. } = &self.overflow;
        (live_blocks.load(Ordering::Relaxed), live_bytes.load(Ordering::Relaxed))
    }

    /// What lives of a place, if anything.
    pub(super) fn leak(&self, at: usize) -> Option<LeakSite> {
        let count = self.counts.get(at)?;
        let live_blocks = count.live_blocks.load(Ordering::Relaxed);
        if live_blocks == 0 {
            return None;
        }
        // Copied, so that the names are looked up without the lock: that allocates.
        let stack = self.stacks.lock()[at]?;
        Some(LeakSite {
            live_blocks,
            live_bytes: count.live_bytes.load(Ordering::Relaxed),
            blocks: count.blocks.load(Ordering::Relaxed),
            frames: stack.resolve(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::MAX_FRAMES;

    #[test]
    fn places_keep_their_numbers_and_overflow() {
        static SITES: Sites<8> = Sites::new();
        let stack = |number: usize| Stack(std::array::from_fn(|at| number * MAX_FRAMES + at));
        let numbers: Vec<u32> = (1..=8).map(|number| SITES.find(&stack(number))).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..8).collect::<Vec<_>>());
        let again: Vec<u32> = (1..=8).map(|number| SITES.find(&stack(number))).collect();
        assert_eq!(again, numbers);
        assert_eq!((SITES.find(&stack(9)), SITES.find(&Stack::EMPTY)), (8, 8));
        SITES.came(8, 100);
        SITES.came(8, 10);
        SITES.went(8, 100);
        assert_eq!(SITES.overflow(), (1, 10));
    }
}
