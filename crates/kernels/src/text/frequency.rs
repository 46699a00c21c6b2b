use super::table::{Table, Text};
use crate::dispatch::dispatch;
use std::fmt;
use std::ops::Range;

/// Words and how often each was seen.
///
/// It takes 32 bytes a distinct word and 13 to 26 for the index, up to twice that where room for
/// growth was just made, and the bytes of words longer than 16 unless they are borrowed.
#[derive(Clone)]
pub struct WordCounts<'t> {
    table: Table<'t>,
}

impl WordCounts<'_> {
    /// How many distinct words there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.entries().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.entries().is_empty()
    }

    /// How many words there are together.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.table.entries().iter().map(|entry| entry.count).sum()
    }

    /// Bytes of memory the table has; a borrowed text does not count.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    /// All distinct words with their counts. From one thread, in the order of their first
    /// appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u64)> {
        self.table.entries().iter().map(|entry| (self.table.bytes_of(&entry.word), entry.count))
    }

    /// The `count` most frequent words, the most frequent first, those seen equally often in the
    /// order of their bytes.
    #[must_use]
    pub fn top(&self, count: usize) -> Vec<(&[u8], u64)> {
        let mut words: Vec<_> = self.iter().collect();
        let order = |a: &(&[u8], u64), b: &(&[u8], u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0));
        if count < words.len() {
            words.select_nth_unstable_by(count, order);
            words.truncate(count);
        }
        words.sort_unstable_by(order);
        words
    }
}

pub fn word_counts(text: &[u8], max_bytes: usize) -> Result<WordCounts<'_>, WordLimit> {
    let mut table = Table::new(Text::Borrowed(text), max_bytes);
    tally(text, 0..text.len(), &mut table)?;
    Ok(WordCounts { table })
}

fn tally(text: &[u8], range: Range<usize>, table: &mut Table<'_>) -> Result<(), WordLimit> {
    dispatch!(text::tally(
        text: &[u8],
        range: Range<usize>,
        table: &mut Table<'_>,
    ) -> Result<(), WordLimit>)
}

/// More distinct words than the memory allowed has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordLimit {
    max_bytes: usize,
    words: usize,
}

impl WordLimit {
    pub(crate) fn new(max_bytes: usize, words: usize) -> Self {
        Self { max_bytes, words }
    }
}

impl fmt::Display for WordLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_bytes, words } = self;
        write!(f, "more than {words} distinct words need more than {max_bytes} bytes")
    }
}

impl std::error::Error for WordLimit {}
