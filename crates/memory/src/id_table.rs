use std::collections::TryReserveError;
use std::ops::Range;

use crate::byte_list::no_memory;

/// A slot without an id. No entry looks like it: `u32::MAX` is no id.
const EMPTY: u64 = u64::MAX;
/// Of so many homes, at most so many are taken.
const MAX_LOAD: (usize, usize) = (4, 5);
const MIN_HOMES: usize = 10;
/// A table of fewer homes grows by a half, one of more by a quarter.
const MANY_HOMES: usize = 1 << 17;

/// Ids by the hash of what they stand for: a hash table that is sorted.
///
/// An entry is one word, hash above id. A hash's home is its share of the slots, `hash × homes /
/// 2³²`; an entry stands there or, where others are before it, soon after (linear probing with
/// the order of Robin Hood hashing: Celis, 1986; Amble and Knuth, "Ordered hash tables", 1974). As the home
/// ascends with the hash, all entries ascend from the first slot to the last: one comparison
/// a slot finds both the entry and its absence, and growing is a sweep in order, which needs
/// neither the keys nor a second table. An id costs 10 to 15 bytes.
///
/// Hashes should be even in all their bits, from the highest on; equal ones are found one after the other. What an
/// id stands for is nobody's business here: who looks for one compares.
///
/// ```
/// use tidemill_memory::IdTable;
///
/// let hash_of = |word: &str| (word.len() as u32).wrapping_mul(0x9e37_79b9);
/// let (mut words, mut table) = (Vec::new(), IdTable::default());
/// for word in ["tide", "mill", "tide"] {
///     if let Err(at) = table.find(hash_of(word), |id| words[id as usize] == word) {
///         table.insert(hash_of(word), words.len() as u32, at);
///         words.push(word);
///     }
/// }
/// assert_eq!(words, ["tide", "mill"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct IdTable {
    /// `homes` slots, and as many as stick out behind. What lies beyond is empty.
    slots: Vec<u64>,
    homes: usize,
    len: usize,
}

fn home(hash: u32, homes: usize) -> usize {
    ((u128::from(hash) * homes as u128) >> 32) as usize
}

fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl IdTable {
    #[inline]
    fn slot(&self, at: usize) -> u64 {
        self.slots.get(at).copied().unwrap_or(EMPTY)
    }

    /// The id with this hash that `is_it`.
    ///
    /// # Errors
    /// There is none; the slot at which one could be inserted.
    #[inline]
    pub fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Result<u32, usize> {
        let least = u64::from(hash) << 32;
        let mut at = home(hash, self.homes);
        loop {
            let slot = self.slot(at);
            if slot >= least {
                if hash_of(slot) != hash || slot == EMPTY {
                    return Err(at);
                }
                if is_it(slot as u32) {
                    return Ok(slot as u32);
                }
            }
            at += 1;
        }
    }

    /// The slot behind all of this hash or less.
    fn place(&self, hash: u32) -> usize {
        let mut at = home(hash, self.homes);
        while self.slot(at) != EMPTY && hash_of(self.slot(at)) <= hash {
            at += 1;
        }
        at
    }

    /// Adds an id at the slot that [`IdTable::find`] gave for its hash, when nothing was changed since. `u32::MAX` is no
    /// id.
    ///
    /// # Panics
    /// When there is no memory for it, or `at` is far from any slot that `find` gives.
    #[inline]
    pub fn insert(&mut self, hash: u32, id: u32, at: usize) {
        if let Err(error) = self.try_insert(hash, id, at) {
            no_memory(&error);
        }
    }

    /// [`IdTable::insert`].
    ///
    /// # Errors
    /// When there is no memory for it; the table is as it was.
    #[inline]
    pub fn try_insert(&mut self, hash: u32, id: u32, mut at: usize) -> Result<(), TryReserveError> {
        debug_assert!(id != u32::MAX, "{id} is no id");
        if self.len >= self.homes / MAX_LOAD.1 * MAX_LOAD.0 {
            self.try_reserve(1)?;
            at = self.place(hash);
        }
        let mut end = at;
        while self.slot(end) != EMPTY {
            end += 1;
        }
        if end >= self.slots.len() {
            self.slots.try_reserve_exact(1)?;
            self.slots.push(EMPTY);
        }
        self.slots.copy_within(at..end, at + 1);
        self.slots[at] = u64::from(hash) << 32 | u64::from(id);
        self.len += 1;
        Ok(())
    }

    /// Room for `additional` more ids.
    ///
    /// # Errors
    /// When there is no such memory; the table is as it was.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), TryReserveError> {
        let len = self.len.saturating_add(additional);
        if len <= self.homes / MAX_LOAD.1 * MAX_LOAD.0 {
            return Ok(());
        }
        let least = (len / MAX_LOAD.0).saturating_add(1).saturating_mul(MAX_LOAD.1);
        let part = if self.homes < MANY_HOMES { 2 } else { 4 };
        self.grow(least.max(self.homes + self.homes / part).max(MIN_HOMES))
    }

    /// Spreads the entries over `homes` homes, within the one block of memory.
    #[cold]
    fn grow(&mut self, homes: usize) -> Result<(), TryReserveError> {
        let entries = || self.slots.iter().filter(|slot| **slot != EMPTY);
        let end = entries().fold(0, |next, entry| next.max(home(hash_of(*entry), homes)) + 1);
        // Room for some that stick out, so that a late one does not move the whole.
        let slots = homes.max(end).saturating_add(16);
        self.slots.try_reserve_exact(slots.saturating_sub(self.slots.len()))?;
        self.slots.resize(homes.max(end), EMPTY);
        // All to the right end, then each to its place, which is never right of where it was: the
        // last one's place is known to be within, and each stands left of its successor.
        let slots = &mut self.slots[..];
        let mut write = slots.len();
        for read in (0..slots.len()).rev() {
            let entry = std::mem::replace(&mut slots[read], EMPTY);
            if entry != EMPTY {
                write -= 1;
                slots[write] = entry;
            }
        }
        self.homes = homes;
        self.settle(write);
        Ok(())
    }

    /// Puts every entry from slot `first` on into its place, which must not be right of it.
    fn settle(&mut self, first: usize) {
        let mut next = 0;
        for read in first..self.slots.len() {
            let entry = std::mem::replace(&mut self.slots[read], EMPTY);
            if entry != EMPTY {
                next = home(hash_of(entry), self.homes).max(next);
                debug_assert!(next <= read, "entries move left");
                self.slots[next] = entry;
                next += 1;
            }
        }
    }

    /// Takes out the ids from `ids.start` on, all of them below `ids.end`, by their hashes.
    pub fn remove_last(&mut self, ids: Range<u32>, hash_of: impl Fn(u32) -> u32) {
        // A sweep costs about a nanosecond a slot, a removal some tens.
        if ids.len() > self.slots.len() / 32 {
            self.remove_from(ids.start);
        } else {
            ids.for_each(|id| self.remove(hash_of(id), id));
        }
    }

    /// Takes out an id, if it is there.
    fn remove(&mut self, hash: u32, id: u32) {
        let wanted = u64::from(hash) << 32 | u64::from(id);
        let mut at = home(hash, self.homes);
        // Not in the order of ids: entries of one hash stand in the order they came.
        while self.slot(at) != wanted {
            if self.slot(at) == EMPTY || hash_of(self.slot(at)) > hash {
                return;
            }
            at += 1;
        }
        // Those behind close ranks, up to one that is at home.
        let mut end = at + 1;
        while self.slot(end) != EMPTY && home(hash_of(self.slot(end)), self.homes) < end {
            end += 1;
        }
        self.slots.copy_within(at + 1..end, at);
        self.slots[end - 1] = EMPTY;
        self.len -= 1;
    }

    /// Takes out all ids from `first` on, in one pass over the table.
    fn remove_from(&mut self, first: u32) {
        self.len = 0;
        for slot in &mut self.slots {
            let stays = *slot != EMPTY && (*slot as u32) < first;
            self.len += usize::from(stays);
            *slot = if stays { *slot } else { EMPTY };
        }
        self.settle(0);
    }

    /// Takes out all ids and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.len = 0;
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Sorted, none before its home, and no gap between an entry and its home.
    fn check(table: &IdTable, model: &BTreeMap<u32, u32>) {
        let mut last = 0;
        for (at, entry) in table.slots.iter().enumerate().filter(|(_, entry)| **entry != EMPTY) {
            assert!(hash_of(*entry) >= last, "sorted");
            last = hash_of(*entry);
            let home = home(last, table.homes);
            assert!(home <= at && !table.slots[home..at].contains(&EMPTY));
        }
        assert_eq!(table.len, model.len());
        for (id, hash) in model {
            assert_eq!(table.find(*hash, |other| other == *id), Ok(*id));
        }
        assert!(table.find(12_345, |_| false).is_err());
    }

    /// Few hashes at both ends and in the middle, so that runs are long and stick out.
    fn hashes() -> impl Strategy<Value = u32> {
        prop_oneof![0u32..3, u32::MAX - 3..=u32::MAX, Just(1 << 31), any::<u32>()]
    }

    proptest! {
        #[test]
        fn stays_sorted_and_finds_everything(
            inserted in prop::collection::vec(hashes(), 0..200),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            cut in 0u32..250,
        ) {
            let mut table = IdTable::default();
            let mut model = BTreeMap::new();
            for (id, hash) in inserted.iter().enumerate() {
                let at = table.find(*hash, |_| false).unwrap_err();
                table.try_insert(*hash, id as u32, at).unwrap();
                model.insert(id as u32, *hash);
            }
            check(&table, &model);
            for index in removed.iter().filter(|_| !inserted.is_empty()) {
                let id = index.index(inserted.len()) as u32;
                table.remove(inserted[id as usize], id);
                model.remove(&id);
                check(&table, &model);
            }
            table.remove_from(cut);
            model.retain(|id, _| *id < cut);
            check(&table, &model);
            table.clear();
            check(&table, &BTreeMap::new());
        }
    }
}
