use std::collections::TryReserveError;
use std::ops::Range;

/// Strings in one block: string `i` ends at `ends[i]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Text {
    /// The number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a string.
    ///
    /// # Panics
    /// When the column would hold more than 4 GiB: batches and blocks are bounded far below.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        assert!(self.bytes.len() <= u32::MAX as usize, "a text column holds at most 4 GiB");
        self.ends.push(self.bytes.len() as u32);
    }

    /// Appends strings `rows` of another column.
    ///
    /// # Panics
    /// When there are no such strings, or as [`Text::push`].
    pub fn append(&mut self, from: &Self, rows: Range<usize>) {
        let ends = &from.ends[rows.clone()];
        let start = from.start(rows.start);
        let end = ends.last().map_or(start, |end| *end as usize);
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&from.bytes[start..end]);
        assert!(self.bytes.len() <= u32::MAX as usize, "a text column holds at most 4 GiB");
        self.ends.extend(ends.iter().map(|end| (before + (*end as usize - start)) as u32));
    }

    /// Where string `index` begins, which may be the one after the last.
    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.ends[index - 1] as usize }
    }

    /// String `index`.
    ///
    /// # Panics
    /// When `index >= len`.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        // Whole strings are appended, so every boundary is a character's.
        let bytes = &self.bytes[self.start(index)..self.ends[index] as usize];
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// All strings.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The end offsets and the block of all bytes.
    #[must_use]
    pub fn parts(&self) -> (&[u32], &[u8]) {
        (&self.ends, &self.bytes)
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<u32>() + self.bytes.capacity()
    }

    /// Makes room for `more` strings (not for their bytes).
    pub fn reserve(&mut self, more: usize) {
        self.ends.reserve(more);
    }

    /// Makes room for `more` strings and no others (not for their bytes).
    pub fn reserve_exact(&mut self, more: usize) {
        self.ends.reserve_exact(more);
    }

    /// Makes room for `more` strings of `bytes` bytes in all.
    ///
    /// # Errors
    /// When there is no such memory; the strings are as they were.
    pub fn try_reserve(&mut self, more: usize, bytes: usize) -> Result<(), TryReserveError> {
        self.ends.try_reserve(more)?;
        self.bytes.try_reserve(bytes)
    }

    /// Keeps the first `len` strings.
    pub fn truncate(&mut self, len: usize) {
        if len < self.ends.len() {
            self.ends.truncate(len);
            self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
        }
    }

    /// Appends `count` empty strings.
    pub fn push_empty(&mut self, count: usize) {
        self.ends.resize(self.ends.len() + count, self.bytes.len() as u32);
    }

    /// Forgets all strings and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}
