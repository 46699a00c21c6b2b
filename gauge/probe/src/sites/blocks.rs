//! The live blocks, by address: a shadow of the address space.
//!
//! Each 16 bytes of memory have a word here. A block is written where it begins; whoever has the block
//! is the only one to touch its words, so that there are no locks, no probes and no limit. Neighbours in memory are
//! neighbours here. It takes half as much memory as the pages with blocks in them at most, and less
//! where blocks are larger than a page.

use std::sync::atomic::{AtomicU64, Ordering};

use super::table::Table;

/// Bytes of memory with one word. Blocks that begin within the same ones displace each other; the
/// allocators of C libraries have none such.
const GRANULE: usize = 16;
const LEAF_BYTES: usize = 64 << 20;
/// What user space has on x86-64 and others: 47 bits.
const LEAVES: usize = (1 << 47) / LEAF_BYTES;

/// A word: the number of the site plus one, in 20 bits; 8 of size; 36 of birth.
const SITE_SHIFT: u32 = 44;
const SIZE_SHIFT: u32 = 36;
const SIZE: u64 = 0xFF;
/// The size stands in the next word: the block has a second granule.
const LARGE: u64 = SIZE;
const BIRTH: u64 = (1 << SIZE_SHIFT) - 1;
/// In the place of a site: this word is a size.
const CONTINUED: u64 = (1 << (64 - SITE_SHIFT)) - 1;

/// The largest number of a site.
const MAX_SITE: u32 = CONTINUED as u32 - 2;

/// A block that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) site: u32,
    /// Bytes, of which 44 bits are kept.
    pub(super) size: u64,
    /// The number of its allocation, of which 36 bits are kept.
    pub(super) birth: u64,
}

impl Live {
    /// Allocations since its birth.
    #[inline(always)]
    pub(super) fn age(&self, now: u64) -> u64 {
        let age = now.wrapping_sub(self.birth) & BIRTH;
        // Threads number their allocations in strides: one that was not yet is no age.
        if age > BIRTH / 2 { 0 } else { age }
    }
}

pub(super) struct Blocks {
    leaves: Table<Table<AtomicU64, { LEAF_BYTES / GRANULE }>, LEAVES>,
}

impl Blocks {
    pub(super) const fn new() -> Self {
        const { assert!(super::stacks::MAX_SITES <= MAX_SITE as usize) };
        Self { leaves: Table::new() }
    }

    pub(super) fn map(&self) -> bool {
        self.leaves.map()
    }

    #[inline(always)]
    fn word(&self, address: usize) -> Option<&AtomicU64> {
        self.leaves.get(address / LEAF_BYTES)?.get(address % LEAF_BYTES / GRANULE)
    }

    #[cold]
    #[inline(never)]
    fn new_word(&self, address: usize) -> Option<&AtomicU64> {
        self.leaves.get(address / LEAF_BYTES)?.map();
        self.word(address)
    }

    /// `Err` if there is no room for it; otherwise the block that was there, if its end was not seen.
    #[inline(always)]
    pub(super) fn insert(&self, address: usize, live: Live) -> Result<Option<Live>, ()> {
        let word = self.word(address).or_else(|| self.new_word(address)).ok_or(())?;
        let old = word.load(Ordering::Relaxed);
        let before = if old == 0 { None } else { self.decode(address, old) };
        let small = if live.size < LARGE { live.size } else { LARGE };
        if small == LARGE {
            let next = address.wrapping_add(GRANULE);
            let next = self.word(next).or_else(|| self.new_word(next)).ok_or(())?;
            next.store(CONTINUED << SITE_SHIFT | live.size, Ordering::Relaxed);
        }
        let site = u64::from(live.site) + 1;
        let birth = live.birth & BIRTH;
        word.store(site << SITE_SHIFT | small << SIZE_SHIFT | birth, Ordering::Relaxed);
        Ok(before)
    }

    /// Takes a block out, if it is there.
    #[inline(always)]
    pub(super) fn remove(&self, address: usize) -> Option<Live> {
        let word = self.word(address)?;
        let value = word.load(Ordering::Relaxed);
        if value == 0 {
            return None;
        }
        let live = self.decode(address, value)?;
        // (Its size may stay in the next word: that is no block.)
        word.store(0, Ordering::Relaxed);
        Some(live)
    }

    /// A block without taking it out.
    #[cfg(test)]
    fn get(&self, address: usize) -> Option<Live> {
        self.decode(address, self.word(address)?.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn decode(&self, address: usize, word: u64) -> Option<Live> {
        let site = word >> SITE_SHIFT;
        if site == 0 || site == CONTINUED {
            return None;
        }
        let mut size = word >> SIZE_SHIFT & SIZE;
        if size == LARGE {
            let next = self.word(address.wrapping_add(GRANULE))?.load(Ordering::Relaxed);
            size = next & !(CONTINUED << SITE_SHIFT);
        }
        Some(Live { site: site as u32 - 1, size, birth: word & BIRTH })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// At the border of two leaves.
    const BASE: usize = 5 * LEAF_BYTES - 1024;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Blocks that do not overlap, as an allocator hands them out.
        #[test]
        fn is_a_map(steps in proptest::collection::vec((0usize..128, 0u64..600, any::<u64>()), 0..500)) {
            static BLOCKS: Blocks = Blocks::new();
            assert!(BLOCKS.map());
            let mut model: BTreeMap<usize, Live> = BTreeMap::new();
            for (granule, size, number) in steps {
                let address = BASE + granule * GRANULE;
                prop_assert_eq!(BLOCKS.remove(address), model.remove(&address));
                let end = address + (size as usize).max(1);
                let ends_before = |(at, live): (&usize, &Live)| at + live.size.max(1) as usize <= address;
                let is_free = model.range(address..end).next().is_none()
                    && model.range(..address).next_back().is_none_or(ends_before);
                if is_free {
                    let live = Live { site: (number >> 40) as u32 % MAX_SITE, size, birth: number & BIRTH };
                    prop_assert_eq!(BLOCKS.insert(address, live), Ok(None));
                    model.insert(address, live);
                }
            }
            for (address, live) in model {
                prop_assert_eq!(BLOCKS.get(address), Some(live));
                prop_assert_eq!(BLOCKS.remove(address), Some(live));
            }
        }
    }

    #[test]
    fn extremes() {
        static BLOCKS: Blocks = Blocks::new();
        let live = Live { site: MAX_SITE, size: (1 << 44) - 1, birth: BIRTH };
        assert_eq!(BLOCKS.insert(16, live), Err(()));
        assert!(BLOCKS.map());
        assert_eq!(BLOCKS.insert(16, live), Ok(None));
        assert_eq!(BLOCKS.remove(32), None, "the size is no block");
        let small = Live { site: 0, size: 0, birth: 0 };
        assert_eq!(BLOCKS.insert(32, small), Ok(None), "nor is it one whose end was not seen");
        assert_eq!(BLOCKS.insert(32, live), Ok(Some(small)));
        for address in [1 << 47, usize::MAX, usize::MAX - 15] {
            assert_eq!((BLOCKS.insert(address, live), BLOCKS.remove(address)), (Err(()), None));
        }
        assert_eq!([live.age(0), live.age(5), Live { birth: 9, ..live }.age(7)], [1, 6, 0]);
    }
}
