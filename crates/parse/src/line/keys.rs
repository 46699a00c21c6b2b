//! Key texts of series that were seen, each with the one that followed it last time; a reader's own, and those
//! that readers share.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tidemill_memory::Interner;

use super::packed::{MARK, Packer};
use super::reader::MAX_TABLES;

/// A series that was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// The index of its table: in the batch, or among the shared ones.
    pub(super) table: u32,
    /// What its rows are given in the batch.
    pub(super) number: u32,
}

/// Texts of series are packed when those that are not take so many bytes: comparing them costs more.
const MAX_PLAIN_BYTES: usize = 8 << 20;
/// …or this part of what all may take.
const PLAIN_PART: usize = 4;
/// Longer ones are never packed.
const MAX_PACKED_BYTES: usize = 64 << 10;

/// Series by their key texts: all of a row before its first space that is not escaped.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// As they are until those take too much, then packed.
    texts: Interner,
    plain_bytes: usize,
    packer: Packer,
    scratch: Vec<u8>,
    /// By id in `texts`, with the id of the series whose row followed: a guess, which any reader may change.
    series: Vec<(Series, AtomicU32)>,
}

/// What texts may take before others are packed, where all may take `max_bytes`.
pub(super) fn max_plain_bytes(max_bytes: usize) -> usize {
    MAX_PLAIN_BYTES.min(max_bytes / PLAIN_PART)
}

impl Keys {
    /// The id of the series whose row `text` begins with, its key text's length, and the series, if it is the
    /// one that followed series `last`.
    #[inline(always)]
    pub(super) fn guess(&self, last: u32, text: &[u8]) -> Option<(u32, usize, Series)> {
        let guess = self.series.get(last as usize)?.1.load(Ordering::Relaxed);
        let len = match self.texts.bytes(guess) {
            [MARK, packed @ ..] => self.packer.matches(packed, text)?,
            key => text.starts_with(key).then_some(key.len())?,
        };
        (text.get(len) == Some(&b' ')).then(|| (guess, len, self.series[guess as usize].0))
    }

    /// The series with this key text, whose row came behind one of `last`.
    pub(super) fn find(
        &self,
        last: u32,
        key: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Option<(u32, Series)> {
        let id = self.find_plain(key).or_else(|| {
            let is_known = key.len() <= MAX_PACKED_BYTES && self.packer.pack_known(key, scratch);
            if is_known { self.texts.get(scratch) } else { None }
        })?;
        self.follow(last, id);
        Some((id, self.series[id as usize].0))
    }

    /// Adds a series, whose row came behind one of `last`; returns its id. `max_plain_bytes` is the same each time.
    pub(super) fn learn(
        &mut self,
        last: u32,
        key: &[u8],
        series: Series,
        max_plain_bytes: usize,
    ) -> u32 {
        let Self { texts, plain_bytes, packer, scratch, .. } = self;
        let is_plain = !key.starts_with(&[MARK])
            && (*plain_bytes + key.len() <= max_plain_bytes
                || key.len() > MAX_PACKED_BYTES
                || texts.get(key).is_some());
        let (id, is_new) = if is_plain {
            texts.intern(key)
        } else {
            packer.pack(key, scratch);
            texts.intern(scratch)
        };
        if is_new {
            *plain_bytes += if is_plain { key.len() } else { 0 };
            self.series.push((series, AtomicU32::new(0)));
        }
        self.follow(last, id);
        id
    }

    /// The id of a text that is not packed.
    fn find_plain(&self, key: &[u8]) -> Option<u32> {
        // No text: it would look like one that is packed.
        if key.starts_with(&[MARK]) { None } else { self.texts.get(key) }
    }

    fn follow(&self, last: u32, id: u32) {
        if let Some((_, successor)) = self.series.get(last as usize) {
            successor.store(id, Ordering::Relaxed);
        }
    }

    /// All key texts and their series, in the order in which they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Cow<'_, [u8]>, Series)> {
        self.texts.iter().zip(&self.series).map(|(text, (series, _))| match text {
            [MARK, packed @ ..] => (Cow::Owned(self.packer.unpack(packed)), *series),
            text => (Cow::Borrowed(text), *series),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.series.clear();
        self.packer = Packer::default();
        self.plain_bytes = 0;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes()
            + self.packer.memory_bytes()
            + self.scratch.capacity()
            + self.series.capacity() * size_of::<(Series, AtomicU32)>()
    }
}

/// What the readers of one input know together: the series that a store has given ids.
///
/// So a series is taken apart and looked up in the store once, and its key text is in memory once, however many readers
/// there are.
#[derive(Debug)]
pub struct SharedSeries {
    max_bytes: usize,
    max_plain_bytes: usize,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    /// The names of tables, by the index that the series have.
    pub(super) tables: Interner,
    pub(super) keys: Keys,
    last: u32,
}

impl SharedSeries {
    /// Knows nothing yet. When what it knows takes more than `max_bytes` it forgets all series and begins
    /// anew: that costs time, never correctness. It is good for one store, until a load that gave the ids is rolled back.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self::with_plain(max_bytes, max_plain_bytes(max_bytes))
    }

    /// [`SharedSeries::new`], where the texts of series take `max_plain_bytes` as they are: rows of these are read faster;
    /// all others are packed.
    #[must_use]
    pub fn with_plain(max_bytes: usize, max_plain_bytes: usize) -> Self {
        Self { max_bytes, max_plain_bytes, known: RwLock::default() }
    }

    /// What is known, as it stays while the guard is held.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds series in the order of their rows: key texts, tables' names, and what rows are given.
    pub(super) fn learn<'a>(&self, series: impl Iterator<Item = (Cow<'a, [u8]>, &'a str, u32)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Known { tables, keys, last } = &mut *known;
        for (key, table, number) in series {
            if keys.memory_bytes() + key.len() > self.max_bytes {
                *keys = Keys::default();
            }
            let has_place = tables.len() < MAX_TABLES || tables.get(table.as_bytes()).is_some();
            if key.len() <= self.max_bytes && has_place {
                let (table, _) = tables.intern(table.as_bytes());
                *last = keys.learn(*last, &key, Series { table, number }, self.max_plain_bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_packed_is_another_text() {
        let series = |number| Series { table: 0, number };
        let (mut keys, mut scratch) = (Keys::default(), Vec::new());
        // Nothing may be plain.
        assert_eq!(keys.learn(0, b"cpu,host=a", series(7), 0), 0);
        let packed = keys.texts.bytes(0).to_vec();
        assert_eq!(packed[0], MARK);
        let mut find = |keys: &Keys, key: &[u8]| {
            keys.find(0, key, &mut scratch).map(|(id, series)| (id, series.number))
        };
        assert_eq!(find(&keys, b"cpu,host=a"), Some((0, 7)));
        assert_eq!(find(&keys, &packed), None);
        let guess = |keys: &Keys, text: &[u8]| keys.guess(0, text).map(|(id, len, _)| (id, len));
        assert_eq!(guess(&keys, b"cpu,host=a u=1"), Some((0, 10)));
        assert_eq!(guess(&keys, b"cpu,host=a,u=1 v=2"), None);
        assert_eq!(guess(&keys, &[&packed[..], b" u=1"].concat()), None);
        assert_eq!(keys.learn(0, &packed, series(8), 1 << 20), 1);
        assert_eq!(find(&keys, &packed), Some((1, 8)));
        let long = [&b"cpu,host="[..], &[b'x'; MAX_PACKED_BYTES]].concat();
        assert_eq!(find(&keys, &long), None);
        assert_eq!(keys.learn(0, &long, series(9), 0), 2);
        assert_eq!(find(&keys, &long), Some((2, 9)));
        assert!(scratch.capacity() < 1024 && keys.scratch.capacity() < 1024);
        let all: Vec<Vec<u8>> = keys.iter().map(|(key, _)| key.into_owned()).collect();
        assert_eq!(all, [b"cpu,host=a".to_vec(), packed, long]);
    }
}
