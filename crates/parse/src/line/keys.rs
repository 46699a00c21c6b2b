//! Key texts of series that were seen, each with the one that followed it last time; a reader's own, and those
//! that readers share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tidemill_memory::Interner;

use super::reader::MAX_TABLES;

/// A series that was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// The index of its table: in the batch, or among the shared ones.
    pub(super) table: u32,
    /// What its rows are given in the batch.
    pub(super) number: u32,
}

/// Series by their key texts: all of a row before its first space that is not escaped.
#[derive(Debug, Default)]
pub(super) struct Keys {
    texts: Interner,
    /// By id in `texts`, with the id of the series whose row followed: a guess, which any reader may change.
    series: Vec<(Series, AtomicU32)>,
}

impl Keys {
    /// The id of the series whose row `text` begins with, its key text's length, and the series, if it is the
    /// one that followed series `last`.
    #[inline(always)]
    pub(super) fn guess(&self, last: u32, text: &[u8]) -> Option<(u32, usize, Series)> {
        let guess = self.series.get(last as usize)?.1.load(Ordering::Relaxed);
        let key = self.texts.bytes(guess);
        let is_it = text.starts_with(key) && text.get(key.len()) == Some(&b' ');
        is_it.then(|| (guess, key.len(), self.series[guess as usize].0))
    }

    /// The series with this key text, whose row came behind one of `last`.
    pub(super) fn find(&self, last: u32, key: &[u8]) -> Option<(u32, Series)> {
        let id = self.texts.get(key)?;
        self.follow(last, id);
        Some((id, self.series[id as usize].0))
    }

    /// Adds a series, whose row came behind one of `last`; returns its id.
    pub(super) fn learn(&mut self, last: u32, key: &[u8], series: Series) -> u32 {
        let (id, is_new) = self.texts.intern(key);
        if is_new {
            self.series.push((series, AtomicU32::new(0)));
        }
        self.follow(last, id);
        id
    }

    fn follow(&self, last: u32, id: u32) {
        if let Some((_, successor)) = self.series.get(last as usize) {
            successor.store(id, Ordering::Relaxed);
        }
    }

    /// All key texts and their series, in the order in which they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Series)> {
        self.texts.iter().zip(&self.series).map(|(text, (series, _))| (text, *series))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.series.clear();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes() + self.series.capacity() * size_of::<(Series, AtomicU32)>()
    }
}

/// What the readers of one input know together: the series that a store has given ids.
///
/// So a series is taken apart and looked up in the store once, and its key text is in memory once, however many readers
/// there are.
#[derive(Debug)]
pub struct SharedSeries {
    max_bytes: usize,
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
        Self { max_bytes, known: RwLock::default() }
    }

    /// What is known, as it stays while the guard is held.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds series in the order of their rows: key texts, tables' names, and what rows are given.
    pub(super) fn learn<'a>(&self, series: impl Iterator<Item = (&'a [u8], &'a str, u32)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Known { tables, keys, last } = &mut *known;
        for (key, table, number) in series {
            if keys.memory_bytes() + key.len() > self.max_bytes {
                *keys = Keys::default();
            }
            let has_place = tables.len() < MAX_TABLES || tables.get(table.as_bytes()).is_some();
            if key.len() <= self.max_bytes && has_place {
                let (table, _) = tables.intern(table.as_bytes());
                *last = keys.learn(*last, key, Series { table, number });
            }
        }
    }
}
