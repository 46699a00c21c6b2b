use tidemill_memory::Interner;
use tidemill_model::Batch;

/// What one reader may use to remember series.
const MAX_REMEMBERED_BYTES: usize = 32 << 20;

/// The series that a reader has met, by the raw text of their tag cells.
///
/// Whatever writes a file mostly writes its series in the same order again and again, or one
/// after the other. So the series of the next row is predicted to be the one that came after the
/// present one last time, and verified by comparing bytes; only a miss is looked up.
///
/// When more than [`MAX_REMEMBERED_BYTES`] are used up, all is forgotten: that costs time, never
/// correctness. The text of a series comes in `parts` pieces (stretches of adjacent tag cells, or single
/// values), always as many for one reader.
#[derive(Debug)]
pub(crate) struct SeriesCache {
    /// The batch whose series numbers these are.
    batch_id: Option<u64>,
    parts: usize,
    /// The pieces of each series' text, each after its length as `u32`.
    texts: Interner,
    entries: Vec<Entry>,
    current: u32,
    key: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    series: u32,
    /// The entry that came next the last time.
    next: u32,
}

impl SeriesCache {
    pub(crate) fn new(parts: usize) -> Self {
        let (texts, entries, key) = (Interner::new(), Vec::new(), Vec::new());
        Self { batch_id: None, parts, texts, entries, current: 0, key }
    }

    /// Forgets all series unless they are this batch's and of bounded size; returns whether it did.
    pub(crate) fn attach(&mut self, batch: &Batch) -> bool {
        let bytes = self.texts.memory_bytes() + self.entries.capacity() * size_of::<Entry>();
        let forgets = self.batch_id != Some(batch.id()) || bytes > MAX_REMEMBERED_BYTES;
        if forgets {
            *self = Self { batch_id: Some(batch.id()), ..Self::new(self.parts) };
        }
        forgets
    }

    /// A number of the series of the last row: small, and its own until all are forgotten.
    #[inline]
    pub(crate) fn place(&self) -> u32 {
        self.current
    }

    /// The place of the series predicted for the next row; `None` before the first row.
    #[inline]
    pub(crate) fn predicted_place(&self) -> Option<u32> {
        self.entries.get(self.current as usize).map(|entry| entry.next)
    }

    /// The text of the series predicted for the next row, to be taken apart with [`take_part`];
    /// `None` before the first row.
    #[inline]
    pub(crate) fn predicted(&self) -> Option<&[u8]> {
        let current = self.entries.get(self.current as usize)?;
        Some(self.texts.bytes(current.next))
    }

    /// The number of the predicted series, which the row has been found to be of.
    #[inline]
    pub(crate) fn follow(&mut self) -> Option<u32> {
        self.current = self.entries.get(self.current as usize)?.next;
        self.entries.get(self.current as usize).map(|entry| entry.series)
    }

    /// The number of the series with this text, if it has been met before.
    pub(crate) fn look_up<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) -> Option<u32> {
        self.key.clear();
        let mut count = 0;
        for part in parts {
            self.key.extend_from_slice(&(part.len() as u32).to_le_bytes());
            self.key.extend_from_slice(part);
            count += 1;
        }
        debug_assert_eq!(count, self.parts, "as many parts as at first");
        let id = self.texts.get(&self.key)?;
        self.move_to(id);
        Some(self.entries[id as usize].series)
    }

    /// Remembers that the text last looked up is of series number `series`.
    pub(crate) fn insert(&mut self, series: u32) {
        let (id, is_new) = self.texts.intern(&self.key);
        if is_new {
            self.entries.push(Entry { series, next: id });
        }
        self.move_to(id);
    }

    fn move_to(&mut self, id: u32) {
        if let Some(current) = self.entries.get_mut(self.current as usize) {
            current.next = id;
        }
        self.current = id;
    }
}

/// Takes the next piece of a series' text.
#[inline]
pub(crate) fn take_part<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = text.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *text = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::{MAX_REMEMBERED_BYTES, SeriesCache, take_part};
    use tidemill_model::Batch;

    #[test]
    fn what_is_remembered_is_bounded_and_of_one_batch() {
        let (mut cache, batch) = (SeriesCache::new(1), Batch::new());
        cache.attach(&batch);
        let part = vec![b'x'; MAX_REMEMBERED_BYTES / 2];
        let learn = |cache: &mut SeriesCache, bytes: usize| {
            let known = cache.look_up([&part[..bytes]].into_iter());
            cache.insert(7);
            known
        };
        assert_eq!((learn(&mut cache, 1), learn(&mut cache, 1)), (None, Some(7)));
        cache.attach(&batch);
        assert_eq!(learn(&mut cache, 1), Some(7));
        (0..3).for_each(|less| assert_eq!(learn(&mut cache, part.len() - less), None));
        cache.attach(&batch);
        assert_eq!((learn(&mut cache, 1), learn(&mut cache, 1)), (None, Some(7)));
        cache.attach(&Batch::new());
        assert_eq!(learn(&mut cache, 1), None);
    }

    #[test]
    fn predicts_what_followed_last_time() {
        let mut cache = SeriesCache::new(2);
        assert_eq!(cache.predicted(), None);
        let mut hits = 0;
        // Twice around a cycle, then one series for ever.
        for name in [b"a", b"b", b"c", b"a", b"b", b"c", b"a", b"a", b"a"] {
            let predicted = cache.predicted().and_then(|mut text| take_part(&mut text));
            let number = if predicted == Some(&name[..]) {
                hits += 1;
                cache.follow()
            } else {
                cache.look_up([&name[..], b""].into_iter())
            };
            let number = number.unwrap_or_else(|| {
                cache.insert(u32::from(name[0]));
                u32::from(name[0])
            });
            assert_eq!(number, u32::from(name[0]));
        }
        // c to a is first seen at the fourth row; the cycle's last prediction fails once.
        assert_eq!(hits, 4);
    }
}
