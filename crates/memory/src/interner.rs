use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Byte strings to dense ids `0, 1, 2, …` in the order they were first seen.
///
/// Every string is stored once, in one contiguous block; the hash table holds ids only, so an
/// entry costs its bytes, 8 bytes of offset and about 5 of table.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    table: HashTable<u32>,
}

/// Keys are the engine's own canonical bytes; collisions cost time, never correctness.
fn hash(key: &[u8]) -> u64 {
    FixedState::with_seed(0x7469_6465_6d69_6c6c).hash_one(key)
}

impl Interner {
    /// An interner with no strings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of distinct strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id of `key`, which is added when new; the flag says whether it was.
    ///
    /// # Panics
    /// When there are more than `u32::MAX` strings.
    pub fn intern(&mut self, key: &[u8]) -> (u32, bool) {
        let hash_value = hash(key);
        let Self { bytes, ends, table } = self;
        if let Some(&id) = table.find(hash_value, |&id| slice(bytes, ends, id) == key) {
            return (id, false);
        }
        assert!(ends.len() < u32::MAX as usize, "an interner holds at most u32::MAX strings");
        let id = ends.len() as u32;
        bytes.extend_from_slice(key);
        ends.push(bytes.len() as u64);
        table.insert_unique(hash_value, id, |&other| hash(slice(bytes, ends, other)));
        (id, true)
    }

    /// The id of `key`, if it has one.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<u32> {
        self.table.find(hash(key), |&id| slice(&self.bytes, &self.ends, id) == key).copied()
    }

    /// The string with this id.
    ///
    /// # Panics
    /// When `id` was not given out by this interner.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        slice(&self.bytes, &self.ends, id)
    }

    /// All strings in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|id| self.bytes(id))
    }

    /// Forgets all strings but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        for id in (len as u32)..(self.len() as u32) {
            let hash_value = hash(self.bytes(id));
            if let Ok(entry) = self.table.find_entry(hash_value, |&other| other == id) {
                entry.remove();
            }
        }
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// Forgets every string and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 8 + self.table.capacity() * 5
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[u64], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] as usize };
    &bytes[start..ends[id] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn behaves_as_a_map_of_first_sight(keys in prop::collection::vec(prop::collection::vec(0u8..4, 0..6), 0..300)) {
            let mut interner = Interner::new();
            let mut model: HashMap<Vec<u8>, u32> = HashMap::new();
            for key in &keys {
                let next = model.len() as u32;
                let is_new = !model.contains_key(key);
                let want = *model.entry(key.clone()).or_insert(next);
                prop_assert_eq!(interner.intern(key), (want, is_new));
            }
            prop_assert_eq!(interner.len(), model.len());
            for (key, id) in &model {
                prop_assert_eq!(interner.get(key), Some(*id));
                prop_assert_eq!(interner.bytes(*id), &key[..]);
            }
            prop_assert_eq!(interner.get(b"never"), None);
            let half = model.len() / 2;
            interner.truncate(half);
            for (key, id) in &model {
                prop_assert_eq!(interner.get(key), Some(*id).filter(|id| (*id as usize) < half));
            }
            prop_assert_eq!(interner.intern(b"never"), (half as u32, true));
        }
    }
}
