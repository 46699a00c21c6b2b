use super::table::{Table, Text};
use crate::dispatch::dispatch;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

/// Words and how often each was seen.
///
/// It takes 32 bytes a distinct word and 13 to 26 for the index, or up to twice the 32 where it has
/// just grown; words longer than 16 bytes take their length in addition, unless they are borrowed
/// from the text. About 3 · 10⁸ distinct words fit.
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

    /// How many words there are, all of them together.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.table.entries().iter().map(|entry| entry.count).sum()
    }

    /// Bytes of memory this has, with the room it grows into; a borrowed text does not count.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    /// How often `word` was seen.
    #[must_use]
    pub fn get(&self, word: &[u8]) -> u64 {
        self.table.count_of(word)
    }

    /// All distinct words with their counts, in the order of their first appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u64)> {
        self.table.entries().iter().map(|entry| (self.table.bytes_of(&entry.word), entry.count))
    }

    /// The `count` most frequent words, the most frequent first; those seen equally often in the
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

impl fmt::Debug for WordCounts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |(word, count)| (String::from_utf8_lossy(word), count);
        f.debug_map().entries(self.iter().map(text)).finish()
    }
}

/// How often each word of a text in memory is there. Words longer than 16 bytes stay in the text.
///
/// One pass finds the words of a chunk by masks, the next hashes them and has their places in the
/// table fetched, the third looks them up.
///
/// ```
/// # use tidemill_kernels::text::word_counts;
/// let counts = word_counts(b"to be or not to be", usize::MAX)?;
/// assert_eq!(counts.get(b"not"), 1);
/// assert_eq!(counts.top(2), [(&b"be"[..], 2), (b"to", 2)]);
/// # Ok::<(), tidemill_kernels::text::WordLimit>(())
/// ```
///
/// # Errors
/// When the table would need more than `max_bytes` of memory, the text not counted.
pub fn word_counts(text: &[u8], max_bytes: usize) -> Result<WordCounts<'_>, WordLimit> {
    let mut table = Table::new(Text::Borrowed(text), max_bytes);
    tally(text, 0..text.len(), &mut table)?;
    Ok(WordCounts { table })
}

/// The same with `threads` threads: the text is cut at whitespace, each thread fills a table of its
/// own, and the first takes up the others.
///
/// # Errors
/// When any of the tables would need more than `max_bytes`. Until they are merged, all of them
/// together may have `threads` times as much.
///
/// # Panics
/// When the system has no thread to give.
pub fn word_counts_threads(
    text: &[u8],
    threads: NonZeroUsize,
    max_bytes: usize,
) -> Result<WordCounts<'_>, WordLimit> {
    let mut first = Table::new(Text::Borrowed(text), max_bytes);
    let mut parts = cut_at_whitespace(text, threads);
    let own = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let fellows: Vec<_> = parts
            .map(|part| {
                let mut table = first.fellow();
                scope.spawn(move || tally(text, part, &mut table).map(|()| table))
            })
            .collect();
        tally(text, own, &mut first)?;
        for fellow in fellows {
            match fellow.join() {
                Ok(from) => merge(&from?, &mut first)?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })?;
    Ok(WordCounts { table: first })
}

/// As many ranges, of about the same length; each but the first begins with whitespace, or is empty.
fn cut_at_whitespace(text: &[u8], parts: NonZeroUsize) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    (1..=parts.get()).map(move |part| {
        let start = end;
        let cut = (text.len() as u128 * part as u128 / parts.get() as u128) as usize;
        let cut = cut.max(start);
        let white = text[cut..].iter().position(u8::is_ascii_whitespace);
        end = white.map_or(text.len(), |white| cut + white);
        start..end
    })
}

/// Counts the words of a text that comes in blocks: a file larger than memory.
///
/// Memory is proportional to the distinct words. Blocks may be cut anywhere: a word in two blocks
/// is joined. Words longer than 16 bytes are copied once each, one behind the other.
///
/// ```
/// # use tidemill_kernels::text::WordFrequency;
/// let mut frequency = WordFrequency::new(1 << 20);
/// frequency.push(b"to be or n")?;
/// frequency.push(b"ot to be")?;
/// let counts = frequency.finish()?;
/// assert_eq!((counts.len(), counts.words(), counts.get(b"not")), (4, 6, 1));
/// # Ok::<(), tidemill_kernels::text::WordLimit>(())
/// ```
#[derive(Clone, Debug)]
pub struct WordFrequency {
    counts: WordCounts<'static>,
    /// The beginning of a word that the blocks so far cut.
    pending: Vec<u8>,
    max_bytes: usize,
}

impl WordFrequency {
    /// No words yet, and at most `max_bytes` of memory for them.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let table = Table::new(Text::Owned(Vec::new()), max_bytes);
        Self { counts: WordCounts { table }, pending: Vec::new(), max_bytes }
    }

    /// Counts the next block.
    ///
    /// # Errors
    /// When the distinct words, or one that no block ends, would need more memory than allowed.
    /// The words before are counted, the rest of the block is not: there is no going on after it.
    pub fn push(&mut self, block: &[u8]) -> Result<(), WordLimit> {
        let mut start = 0;
        if !self.pending.is_empty() {
            let white = block.iter().position(u8::is_ascii_whitespace);
            start = white.unwrap_or(block.len());
            self.keep(&block[..start])?;
            if white.is_none() {
                return Ok(());
            }
            self.end_word()?;
        }
        let white = block.iter().rposition(u8::is_ascii_whitespace);
        let end = white.map_or(0, |white| white + 1);
        self.tally(block, start..end, self.pending.capacity())?;
        self.keep(&block[end..])
    }

    /// The counts; the end of the text ends a word.
    ///
    /// # Errors
    /// When this word does not fit any more.
    pub fn finish(mut self) -> Result<WordCounts<'static>, WordLimit> {
        self.end_word()?;
        Ok(self.counts)
    }

    /// The counts so far, without a word that the last block may have cut.
    #[must_use]
    pub fn counts(&self) -> &WordCounts<'static> {
        &self.counts
    }

    /// Bytes of memory this has.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes() + self.pending.capacity()
    }

    /// Adds to the word that is cut, which may come to have as many bytes as are allowed.
    fn keep(&mut self, piece: &[u8]) -> Result<(), WordLimit> {
        let wanted = self.pending.len() + piece.len();
        if wanted > self.pending.capacity() {
            let room = wanted.max(2 * self.pending.capacity());
            if self.memory_bytes().saturating_add(room) > self.max_bytes {
                return Err(WordLimit::new(self.max_bytes, self.counts.len()));
            }
            self.pending.reserve_exact(room - self.pending.len());
        }
        self.pending.extend_from_slice(piece);
        Ok(())
    }

    /// Counts words, while so many bytes are in use beside the table.
    fn tally(&mut self, text: &[u8], words: Range<usize>, beside: usize) -> Result<(), WordLimit> {
        let table = &mut self.counts.table;
        table.set_max_bytes(self.max_bytes.saturating_sub(beside));
        tally(text, words, table).map_err(|_| WordLimit::new(self.max_bytes, self.counts.len()))
    }

    fn end_word(&mut self) -> Result<(), WordLimit> {
        let word = std::mem::take(&mut self.pending);
        self.tally(&word, 0..word.len(), word.capacity())?;
        // Its memory serves the next one, unless it was an unusual one.
        if word.capacity() <= Self::MAX_KEPT_BYTES {
            self.pending = word;
            self.pending.clear();
        }
        Ok(())
    }

    /// A buffer for cut words that is larger is given back.
    const MAX_KEPT_BYTES: usize = 1 << 16;
}

/// Adds the words of `text[range]`; a word at its end ends there.
fn tally(text: &[u8], range: Range<usize>, table: &mut Table<'_>) -> Result<(), WordLimit> {
    dispatch!(text::tally(
        text: &[u8],
        range: Range<usize>,
        table: &mut Table<'_>,
    ) -> Result<(), WordLimit>)
}

fn merge(from: &Table<'_>, into: &mut Table<'_>) -> Result<(), WordLimit> {
    dispatch!(text::merge(from: &Table<'_>, into: &mut Table<'_>) -> Result<(), WordLimit>)
}

/// Distinct words need more memory than they may have.
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
        write!(f, "more than {words} distinct words do not fit into {max_bytes} bytes")
    }
}

impl std::error::Error for WordLimit {}
