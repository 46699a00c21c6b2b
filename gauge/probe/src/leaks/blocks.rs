//! A table of live blocks, by address.

use std::fmt;

use crate::lock::Lock;

/// Regions of the table, each with its lock and its own part of the blocks.
const REGIONS: usize = 64;

/// A block that lives. An address of 0 is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub(super) address: usize,
    pub(super) size: usize,
    pub(super) site: u32,
}

/// Open addressing with linear probing (Knuth, volume 3, 6.4, algorithms L and R: a removal moves
/// those behind it, so that there are no tombstones).
pub(super) struct Blocks<const N: usize> {
    /// Blocks in the region of each lock; holding it allows to touch them.
    counts: [Lock<usize>; REGIONS],
    slots: Slots<N>,
}

struct Slots<const N: usize>(std::cell::UnsafeCell<[Live; N]>);

// SAFETY: a region's slots are touched by the holder of its lock only.
unsafe impl<const N: usize> Sync for Slots<N> {}

impl<const N: usize> fmt::Debug for Blocks<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocks<{N}>")
    }
}

impl<const N: usize> Blocks<N> {
    /// Slots of a region.
    const ROOM: usize = N / REGIONS;

    pub(super) const fn new() -> Self {
        const { assert!(N > 0 && N.is_multiple_of(16 * REGIONS), "a multiple of 1024") };
        const NONE: Live = Live { address: 0, size: 0, site: 0 };
        Self {
            counts: [const { Lock::new(0) }; REGIONS],
            slots: Slots(std::cell::UnsafeCell::new([NONE; N])),
        }
    }

    /// False if there is no room.
    pub(super) fn insert(&self, live: Live) -> bool {
        self.with_region(live.address, |region, count, home| {
            if *count >= Self::ROOM / 8 * 7 {
                return false;
            }
            if let Some(at) = Self::probe(region, home, 0) {
                region[at] = live;
                *count += 1;
            }
            true
        })
    }

    /// Takes a block out, if it is there.
    pub(super) fn remove(&self, address: usize) -> Option<Live> {
        self.with_region(address, |region, count, home| {
            let mut hole = Self::probe(region, home, address)?;
            let live = region[hole];
            if live.address != address {
                return None;
            }
            let mut at = hole;
            loop {
                at = (at + 1) % Self::ROOM;
                let next = region[at];
                if next.address == 0 {
                    break;
                }
                // It may move into the hole if its home is not between the two.
                let from_home =
                    |place: usize| (place + Self::ROOM - Self::home(next.address)) % Self::ROOM;
                if from_home(hole) < from_home(at) {
                    region[hole] = next;
                    hole = at;
                }
            }
            region[hole].address = 0;
            *count -= 1;
            Some(live)
        })
    }

    /// The first slot from `home` on that has the address, or is free. There always is a free one.
    fn probe(region: &[Live], home: usize, address: usize) -> Option<usize> {
        let order = (home..Self::ROOM).chain(0..home);
        order.into_iter().find(|&at| [address, 0].contains(&region[at].address))
    }

    fn with_region<R>(
        &self,
        address: usize,
        run: impl FnOnce(&mut [Live], &mut usize, usize) -> R,
    ) -> R {
        let region = (hash(address) >> 58) as usize % REGIONS;
        let mut count = self.counts[region].lock();
        // SAFETY: `region` is below `REGIONS`, and `ROOM` times `REGIONS` is `N`: the slots exist. The
        // lock is held, and no other region has them.
        let slots = unsafe {
            let first = self.slots.0.get().cast::<Live>().add(region * Self::ROOM);
            std::slice::from_raw_parts_mut(first, Self::ROOM)
        };
        run(slots, &mut count, Self::home(address))
    }

    fn home(address: usize) -> usize {
        (hash(address) & 0xFFFF_FFFF) as usize % Self::ROOM
    }
}

/// Multiplies (Fibonacci hashing) and folds: neither half of the product alone depends on all bits.
fn hash(address: usize) -> u64 {
    let product = u128::from(address as u64) * 0x9E37_79B9_7F4A_7C15;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Few addresses and a small table, so that they collide, wrap around and fill it.
        #[test]
        fn is_a_map(steps in proptest::collection::vec((any::<bool>(), 1usize..2000), 0..3000)) {
            static BLOCKS: Blocks<1024> = Blocks::new();
            let mut model: HashMap<usize, usize> = HashMap::new();
            for (number, (inserts, address)) in steps.into_iter().enumerate() {
                let address = address * 16;
                let got = BLOCKS.remove(address).map(|live| live.size);
                prop_assert_eq!(got, model.remove(&address));
                if inserts && BLOCKS.insert(Live { address, size: number, site: 0 }) {
                    model.insert(address, number);
                }
            }
            for (address, size) in model {
                prop_assert_eq!(BLOCKS.remove(address).map(|live| live.size), Some(size));
            }
            prop_assert_eq!(BLOCKS.counts.iter().map(|count| *count.lock()).sum::<usize>(), 0);
        }
    }

    #[test]
    fn says_when_it_is_full() {
        static BLOCKS: Blocks<1024> = Blocks::new();
        let of = |address| Live { address, size: 1, site: 0 };
        let kept = (1..=10_000).filter(|at| BLOCKS.insert(of(at * 64))).count();
        assert_eq!(kept, 1024 / 8 * 7);
    }
}
