use std::collections::TryReserveError;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use crate::byte_list::{ByteList, ByteListIter, no_memory};
use crate::id_table::IdTable;

/// Byte strings to dense ids `0, 1, 2, …` in the order they were first seen.
///
/// Every string is stored once, in one contiguous block: an entry costs its bytes, 4 bytes of
/// offset and 10 to 15 of hash table. What grows does so within its block, by a half or, when it is
/// large, by a quarter. [`crate::StrInterner`] is the same for strings.
///
/// The hash is another one in each interner, so that nobody can choose strings that collide.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    strings: ByteList,
    table: IdTable,
    seed: RandomState,
}

/// The upper half of the word, as the table takes its homes from the highest bits.
#[inline]
fn hash(seed: &RandomState, key: &[u8]) -> u32 {
    // `Hasher::write` takes the length into account.
    let mut hasher = seed.build_hasher();
    hasher.write(key);
    (hasher.finish() >> 32) as u32
}

impl Interner {
    /// An interner with no strings, which allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty interner with room for `strings` strings of `bytes` bytes in all.
    ///
    /// # Panics
    /// When there is no such memory.
    #[must_use]
    pub fn with_capacity(strings: usize, bytes: usize) -> Self {
        let mut interner = Self::new();
        match interner.try_reserve(strings, bytes) {
            Ok(()) => interner,
            Err(error) => no_memory(&error),
        }
    }

    /// The number of distinct strings.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// The id of `key`, which is added when new; the flag says whether it was.
    ///
    /// # Panics
    /// When there are `u32::MAX` strings already, or there is no memory for one more.
    #[inline]
    pub fn intern(&mut self, key: &[u8]) -> (u32, bool) {
        match self.try_intern(key) {
            Ok(found) => found,
            Err(error) => refused(&error),
        }
    }

    /// The id of `key`, which is added when new; the flag says whether it was.
    ///
    /// # Errors
    /// When there are `u32::MAX` strings already, or there is no memory for one more; the strings
    /// and ids are as they were.
    #[inline]
    pub fn try_intern(&mut self, key: &[u8]) -> Result<(u32, bool), InternError> {
        let Self { strings, table, seed } = self;
        let hash = hash(seed, key);
        match table.find(hash, |id| strings.get(id as usize) == Some(key)) {
            Ok(id) => Ok((id, false)),
            Err(at) => {
                let id = u32::try_from(strings.len()).ok().filter(|id| *id != u32::MAX);
                let id = id.ok_or(InternError { kind: Kind::Full })?;
                strings.try_reserve(1, key.len())?;
                table.try_insert(hash, id, at)?;
                // The room is reserved: nothing fails between the table and the list.
                strings.push(key);
                Ok((id, true))
            }
        }
    }

    /// The id of `key`, if it has one.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<u32> {
        self.table.find(hash(&self.seed, key), |id| self.strings.get(id as usize) == Some(key)).ok()
    }

    /// The string with this id.
    ///
    /// # Panics
    /// When `id` was not given out by this interner.
    #[inline]
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        &self.strings[id as usize]
    }

    /// All strings; a string's index is its id.
    #[inline]
    #[must_use]
    pub fn strings(&self) -> &ByteList {
        &self.strings
    }

    /// All strings in the order of their ids.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> ByteListIter<'_> {
        self.strings.iter()
    }

    /// Room for `strings` more strings of `bytes` bytes in all.
    ///
    /// # Errors
    /// When there is no such memory; strings and ids are as they were.
    pub fn try_reserve(&mut self, strings: usize, bytes: usize) -> Result<(), TryReserveError> {
        self.strings.try_reserve(strings, bytes)?;
        self.table.try_reserve(strings)
    }

    /// Forgets all strings but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        let Self { strings, table, seed } = self;
        if len < strings.len() {
            let ids = len as u32..strings.len() as u32;
            table.remove_last(ids, |id| hash(seed, &strings[id as usize]));
        }
        strings.truncate(len);
    }

    /// Forgets every string and keeps the memory.
    pub fn clear(&mut self) {
        self.strings.clear();
        self.table.clear();
    }

    /// Bytes of memory held: exactly what was allocated.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.strings.memory_bytes() + self.table.memory_bytes()
    }
}

impl<'a> IntoIterator for &'a Interner {
    type Item = &'a [u8];
    type IntoIter = ByteListIter<'a>;
    fn into_iter(self) -> ByteListIter<'a> {
        self.iter()
    }
}

/// Why a string got no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternError {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Full,
    Memory(TryReserveError),
}

impl InternError {
    /// Whether all `u32::MAX` ids are given out; otherwise there was no memory.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }
}

impl From<TryReserveError> for InternError {
    #[cold]
    fn from(error: TryReserveError) -> Self {
        Self { kind: Kind::Memory(error) }
    }
}

impl fmt::Display for InternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Full => write!(f, "an interner holds at most {} strings", u32::MAX),
            Kind::Memory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InternError {}

#[cold]
#[inline(never)]
pub(crate) fn refused(error: &InternError) -> ! {
    panic!("{error}")
}
