use tidemill_memory::{IdTable, Interner};

use crate::tag_codes::TagCodes;

/// The series of one table: a fixed tuple of tag codes each, column by column.
///
/// Code 0 says that the series lacks the tag; code `c > 0` is value `c - 1` of the tag's
/// dictionary. A series costs 1, 2 or 4 bytes a tag, as the number of its values needs, and 10 to 15 of hash table, a
/// tag value its bytes and about 13.
#[derive(Clone, Debug, Default)]
pub struct SeriesIndex {
    tags: Vec<TagColumn>,
    len: u32,
    /// Series by the hash of their codes, which lie in as many places as there are tags: it grows without a look at
    /// them.
    by_tuple: IdTable,
}

#[derive(Clone, Debug)]
struct TagColumn {
    values: Interner,
    codes: TagCodes,
}

impl SeriesIndex {
    /// The number of series; their ids are `0..len`.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of tags, those of the schema in its order.
    #[must_use]
    pub fn tag_count(&self) -> usize {
        self.tags.len()
    }

    /// The code of this tag for each series.
    ///
    /// # Panics
    /// When there is no such tag.
    #[must_use]
    pub fn tag_codes(&self, tag: usize) -> &TagCodes {
        &self.tags[tag].codes
    }

    /// How many distinct values the tag has.
    ///
    /// # Panics
    /// When there is no such tag.
    #[must_use]
    pub fn tag_values(&self, tag: usize) -> usize {
        self.tags[tag].values.len()
    }

    /// The value behind a code; `None` for code 0 and codes that were never given out.
    ///
    /// # Panics
    /// When there is no such tag.
    #[must_use]
    pub fn tag_value(&self, tag: usize, code: u32) -> Option<&str> {
        let values = &self.tags[tag].values;
        let id = code.checked_sub(1).filter(|id| (*id as usize) < values.len())?;
        std::str::from_utf8(values.bytes(id)).ok()
    }

    /// The code of a value, if any series ever had it.
    ///
    /// # Panics
    /// When there is no such tag.
    #[must_use]
    pub fn tag_code(&self, tag: usize, value: &str) -> Option<u32> {
        self.tags[tag].values.get(value.as_bytes()).map(|id| id + 1)
    }

    /// The tags a series has: index and value.
    pub fn series_tags(&self, series: u32) -> impl Iterator<Item = (usize, &str)> {
        (0..self.tags.len()).filter_map(move |tag| {
            let code = (series < self.len).then(|| self.tags[tag].codes.of(series))?;
            Some((tag, self.tag_value(tag, code)?))
        })
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let tag = |tag: &TagColumn| tag.values.memory_bytes() + tag.codes.memory_bytes();
        self.tags.iter().map(tag).sum::<usize>() + self.by_tuple.memory_bytes()
    }

    /// Adds a tag that no series has yet.
    pub(crate) fn add_tag(&mut self) {
        self.tags.push(TagColumn { values: Interner::new(), codes: TagCodes::zeros(self.len) });
    }

    /// The code of a value, given out now if it is new.
    pub(crate) fn intern_value(&mut self, tag: usize, value: &str) -> u32 {
        self.tags[tag].values.intern(value.as_bytes()).0 + 1
    }

    /// The series with exactly these `(tag, code)` pairs (ascending by tag, codes not 0), which
    /// is added when new.
    ///
    /// # Panics
    /// When there are more than `u32::MAX` series.
    pub(crate) fn intern_series(&mut self, pairs: &[(u32, u32)]) -> u32 {
        let Self { tags, len, by_tuple } = self;
        let hash = hash_pairs(pairs.iter().copied());
        let same = |id: u32| {
            let mut expected = pairs.iter().copied().peekable();
            tags.iter().enumerate().all(|(tag, column)| {
                let code = expected.next_if(|pair| pair.0 as usize == tag);
                column.codes.of(id) == code.map_or(0, |pair| pair.1)
            })
        };
        let at = match by_tuple.find(hash, same) {
            Ok(id) => return id,
            Err(at) => at,
        };
        assert!(*len < u32::MAX, "a table holds at most u32::MAX series");
        let id = *len;
        // First what may find no memory: then there is no half of a series.
        by_tuple.insert(hash, id, at);
        *len += 1;
        let mut given = pairs.iter().copied().peekable();
        for (tag, column) in tags.iter_mut().enumerate() {
            let pair = given.next_if(|pair| pair.0 as usize == tag);
            column.codes.push(pair.map_or(0, |pair| pair.1));
        }
        id
    }

    /// Makes room for more series where their number tells.
    pub(crate) fn reserve(&mut self, series: usize) {
        // Otherwise it grows.
        let _ = self.by_tuple.try_reserve(series);
    }

    /// The `(tag, code)` pairs of a series.
    pub(crate) fn pairs(&self, series: u32) -> impl Iterator<Item = (u32, u32)> {
        pairs_of(&self.tags, series)
    }

    /// Forgets the series, values and tags that came after a point in time.
    pub(crate) fn truncate(&mut self, series: u32, values: &[u32]) {
        let tags = &self.tags;
        self.by_tuple.remove_last(series..self.len, |id| hash_pairs(pairs_of(tags, id)));
        self.len = series;
        self.tags.truncate(values.len());
        for (tag, count) in self.tags.iter_mut().zip(values) {
            tag.codes.truncate(series);
            tag.values.truncate(*count as usize);
        }
    }
}

fn pairs_of(tags: &[TagColumn], series: u32) -> impl Iterator<Item = (u32, u32)> {
    let code = move |(tag, column): (usize, &TagColumn)| (tag as u32, column.codes.of(series));
    tags.iter().enumerate().map(code).filter(|pair| pair.1 != 0)
}

/// Absent tags take no part, so that a tag added later changes no hash.
fn hash_pairs(pairs: impl Iterator<Item = (u32, u32)>) -> u32 {
    let hash = pairs.fold(0x9e37_79b9_7f4a_7c15, |hash: u64, (tag, code)| {
        let word = u64::from(tag) << 32 | u64::from(code);
        let product = u128::from(hash ^ word) * 0xe703_7ed1_a0b4_28db;
        (product >> 64) as u64 ^ product as u64 ^ hash.rotate_left(23)
    });
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_its_set_of_tags() {
        let mut index = SeriesIndex::default();
        index.add_tag();
        let (a, b) = (index.intern_value(0, "a"), index.intern_value(0, "b"));
        let first = index.intern_series(&[(0, a)]);
        let second = index.intern_series(&[(0, b)]);
        let bare = index.intern_series(&[]);
        assert_eq!((first, second, bare), (0, 1, 2));
        index.add_tag();
        let x = index.intern_value(1, "x");
        assert_eq!(index.intern_series(&[(0, a)]), 0, "a tag added later changes no series");
        assert_eq!(index.intern_series(&[(0, a), (1, x)]), 3);
        assert_eq!(index.series_tags(3).collect::<Vec<_>>(), [(0, "a"), (1, "x")]);
        let zones: Vec<u32> = (0..4).map(|series| index.tag_codes(1).of(series)).collect();
        assert_eq!(zones, [0, 0, 0, 1]);
        index.truncate(2, &[2]);
        assert_eq!((index.len(), index.tag_count()), (2, 1));
        assert_eq!(index.intern_series(&[]), 2);
        assert_eq!(index.intern_series(&[(0, b)]), 1);
    }

    #[test]
    fn many_series_are_found_again() {
        let mut index = SeriesIndex::default();
        index.add_tag();
        index.add_tag();
        let ids: Vec<u32> = (0..2000)
            .map(|i| {
                let pairs = [(0, 1 + i % 40), (1, 1 + i / 40)];
                index.intern_series(&pairs)
            })
            .collect();
        assert_eq!(ids, (0..2000).collect::<Vec<_>>());
        let pairs = |number: u32| [(0, 1 + number % 40), (1, 1 + number / 40)];
        assert_eq!(index.intern_series(&pairs(77)), 77);
        // The last few, then many are forgotten, and get other numbers.
        for (left, other) in [(1990, 1995), (300, 1990)] {
            index.truncate(left, &[40, 50]);
            let again = [77, other, left, 299].map(|number| index.intern_series(&pairs(number)));
            assert_eq!(again, [77, left, left + 1, 299]);
        }
    }
}
