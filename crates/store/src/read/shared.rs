use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tidemill_codec::Places;

use super::times::ReadTimes;

const SHARDS: usize = 16;
/// A chunk of more than this part of its shard is not kept.
const MAX_PART: usize = 8;
/// What an entry takes beside its bytes, about.
const ENTRY_BYTES: usize = 288;

/// The bytes of a column's chunk, and what reading them found out.
#[derive(Debug, Default)]
pub(crate) struct ChunkBytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) places: Places,
    /// Of times.
    pub(crate) times: Option<Box<ReadTimes>>,
}

impl ChunkBytes {
    /// What it takes, beside itself.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.times.as_ref().map_or(0, |times| times.memory_bytes())
    }
}

/// Chunks of blocks as they are in their segments, checked, for all readers of a store: those that were asked
/// for again stay longest (the clock algorithm: Corbató, "A paging experiment with the Multics system", 1968).
#[derive(Debug)]
pub(crate) struct ChunkCache {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    max_shard_bytes: usize,
}

/// A segment's number in this process, and the place of a chunk in it.
pub(crate) type ChunkId = (u64, usize);

#[derive(Debug, Default)]
struct Shard {
    places: HashMap<ChunkId, usize, RandomState>,
    entries: Vec<Entry>,
    /// The entry that is looked at next for one to go.
    hand: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    id: ChunkId,
    chunk: Arc<ChunkBytes>,
    is_used: bool,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.chunk.memory_bytes() + ENTRY_BYTES
    }
}

/// One that keeps nothing.
impl Default for ChunkCache {
    fn default() -> Self {
        Self::new(0)
    }
}

impl ChunkCache {
    /// A cache of so many bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let (shards, hasher) = (Default::default(), RandomState::default());
        Self { shards, hasher, max_shard_bytes: max_bytes / SHARDS }
    }

    pub(crate) fn get(&self, id: ChunkId) -> Option<Arc<ChunkBytes>> {
        let mut shard = self.shard(id);
        let place = *shard.places.get(&id)?;
        let entry = &mut shard.entries[place];
        entry.is_used = true;
        Some(Arc::clone(&entry.chunk))
    }

    pub(crate) fn put(&self, id: ChunkId, chunk: &Arc<ChunkBytes>) {
        // A reader's memory may be that of a larger one.
        let is_loose = chunk.bytes.capacity() > 2 * chunk.bytes.len();
        let tight = || ChunkBytes {
            bytes: chunk.bytes.to_vec(),
            places: Places::default(),
            times: chunk.times.clone(),
        };
        let chunk = if is_loose { Arc::new(tight()) } else { Arc::clone(chunk) };
        let entry = Entry { id, chunk, is_used: false };
        if entry.bytes() > self.max_shard_bytes / MAX_PART {
            return;
        }
        let mut shard = self.shard(id);
        // Another reader may have been first.
        if shard.places.contains_key(&id) {
            return;
        }
        while shard.bytes + entry.bytes() > self.max_shard_bytes {
            shard.remove_one();
        }
        let place = shard.entries.len();
        shard.bytes += entry.bytes();
        shard.places.insert(id, place);
        shard.entries.push(entry);
    }

    fn shard(&self, id: ChunkId) -> MutexGuard<'_, Shard> {
        let shard = self.hasher.hash_one(id) as usize % SHARDS;
        // A panic elsewhere leaves entries as they are.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Removes the next entry that was not used since the hand was there last.
    fn remove_one(&mut self) {
        loop {
            self.hand = if self.hand < self.entries.len() { self.hand } else { 0 };
            let entry = &mut self.entries[self.hand];
            if entry.is_used {
                entry.is_used = false;
                self.hand += 1;
                continue;
            }
            let gone = self.entries.swap_remove(self.hand);
            self.bytes -= gone.bytes();
            self.places.remove(&gone.id);
            if let Some(moved) = self.entries.get(self.hand) {
                self.places.insert(moved.id, self.hand);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bytes: usize) -> Arc<ChunkBytes> {
        Arc::new(ChunkBytes { bytes: vec![7; bytes], ..ChunkBytes::default() })
    }

    fn check(cache: &ChunkCache) {
        for shard in &cache.shards {
            let shard = shard.lock().unwrap();
            let bytes: usize = shard.entries.iter().map(Entry::bytes).sum();
            assert!(shard.bytes == bytes && bytes <= cache.max_shard_bytes);
            assert_eq!(shard.places.len(), shard.entries.len());
            for (place, entry) in shard.entries.iter().enumerate() {
                assert_eq!(shard.places.get(&entry.id), Some(&place));
            }
        }
    }

    #[test]
    fn what_is_used_stays_and_the_bound_holds() {
        let cache = ChunkCache::new(16 * 20_000);
        for place in 0..20 {
            cache.put((1, place), &chunk(500 + place));
        }
        for round in 0..50 {
            for place in 0..20 {
                let got = cache.get((1, place)).unwrap_or_else(|| panic!("{round}: {place}"));
                assert_eq!(got.bytes.len(), 500 + place);
            }
            // About as many as half of it takes.
            for other in 0..150 {
                cache.put((2, round * 150 + other), &chunk(1000));
            }
            check(&cache);
        }
        assert!(cache.get((1, 20)).is_none());
        assert!(cache.get((2, 0)).is_none(), "it went long ago");
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let cache = ChunkCache::new(16 * 9000);
        cache.put((1, 1), &chunk(2000));
        assert!(cache.get((1, 1)).is_none());
        cache.put((1, 1), &chunk(800));
        cache.put((1, 1), &chunk(801));
        assert_eq!(cache.get((1, 1)).unwrap().bytes.len(), 800, "the first");
        let none = ChunkCache::new(0);
        none.put((1, 1), &chunk(0));
        assert!(none.get((1, 1)).is_none());
    }
}
