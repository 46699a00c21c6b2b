//! Numbers by hash: read by all without a lock, added to under one, never removed.

use std::sync::atomic::{AtomicU64, Ordering};

use super::table::Table;
use crate::lock::Lock;
#[cfg(feature = "preload")]
use crate::lock::RawLock;

/// Slots that a search looks at.
const MAX_PROBES: usize = 32;
/// Bits of a slot for the number, plus one; the others are those of the hash.
const NUMBER_BITS: u32 = 21;
const NUMBER: u64 = (1 << NUMBER_BITS) - 1;

/// The largest number that a table holds.
pub(super) const MAX_NUMBER: u32 = (NUMBER - 1) as u32;

/// Open addressing with linear probing. Of a hash 43 bits are compared, besides those that chose the
/// place: two of 65,536 stacks that are taken for one are a matter of one in millions.
pub(super) struct Keys<const N: usize> {
    slots: Table<AtomicU64, N>,
    adding: Lock<()>,
}

impl<const N: usize> Keys<N> {
    pub(super) const fn new() -> Self {
        const { assert!(N.is_power_of_two()) };
        Self { slots: Table::new(), adding: Lock::new(()) }
    }

    pub(super) fn map(&self) -> bool {
        self.slots.map()
    }

    #[inline(always)]
    pub(super) fn get(&self, hash: u64) -> Option<u32> {
        for slot in self.probe(hash) {
            let value = slot.load(Ordering::Acquire);
            if (value ^ hash) & !NUMBER == 0 && value & NUMBER != 0 {
                return Some((value & NUMBER) as u32 - 1);
            }
            if value == 0 {
                return None;
            }
        }
        None
    }

    /// The number that is there, or `make`'s, which is added; `None` if there is none, or no room.
    pub(super) fn get_or_add(&self, hash: u64, make: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let _adding = self.adding.lock();
        if let Some(number) = self.get(hash) {
            return Some(number);
        }
        let free = self.probe(hash).find(|slot| slot.load(Ordering::Relaxed) == 0)?;
        let number = make().filter(|number| *number <= MAX_NUMBER)?;
        free.store(hash & !NUMBER | (u64::from(number) + 1), Ordering::Release);
        Some(number)
    }

    #[inline(always)]
    fn probe(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> {
        let home = hash as usize;
        (0..MAX_PROBES).map_while(move |step| self.slots.get(home.wrapping_add(step) % N))
    }

    /// Its lock.
    #[cfg(feature = "preload")]
    pub(super) fn lock(&self) -> &RawLock {
        self.adding.raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_and_room_ends() {
        static KEYS: Keys<64> = Keys::new();
        assert_eq!((KEYS.get(7), KEYS.get_or_add(7, || Some(1))), (None, None));
        assert!(KEYS.map() && KEYS.map());
        // All at one place: as many as a search looks at.
        let hash = |number: u32| u64::from(number + 1) << NUMBER_BITS;
        for number in 0..MAX_PROBES as u32 {
            assert_eq!(KEYS.get_or_add(hash(number), || Some(number)), Some(number));
        }
        assert_eq!(KEYS.get_or_add(hash(99), || Some(99)), None);
        assert_eq!(KEYS.get_or_add(hash(3), || Some(99)), Some(3));
        assert!((0..MAX_PROBES as u32).all(|number| KEYS.get(hash(number)) == Some(number)));
        assert_eq!(KEYS.get(hash(99)), None);
        // A number that does not fit is not cut off.
        assert_eq!(KEYS.get_or_add(40 | hash(5), || Some(MAX_NUMBER)), Some(MAX_NUMBER));
        assert_eq!(KEYS.get_or_add(41 | hash(6), || Some(MAX_NUMBER + 1)), None);
    }
}
