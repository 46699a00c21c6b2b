use crate::dispatch::dispatch;

/// What `wc` tells of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Newlines.
    pub lines: u64,
    /// Words: runs of bytes that are not ASCII whitespace.
    pub words: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The newlines of a text. The end of the text ends no line.
///
/// ```
/// assert_eq!(tidemill_kernels::text::count_lines(b"one\ntwo\nthree"), 2);
/// ```
#[must_use]
pub fn count_lines(text: &[u8]) -> u64 {
    dispatch!(text::lines(text: &[u8]) -> u64)
}

/// The words of a text.
#[must_use]
pub fn count_words(text: &[u8]) -> u64 {
    count(text).words
}

/// Lines, words and bytes of a text, in one pass.
///
/// Whitespace becomes a mask of 64 bits `w`, and a word begins at each bit of
/// `!w & (w << 1 | carry)`.
///
/// ```
/// let counts = tidemill_kernels::text::count(b"to be or\nnot to be\n");
/// assert_eq!((counts.lines, counts.words, counts.bytes), (2, 6, 19));
/// ```
#[must_use]
pub fn count(text: &[u8]) -> Counts {
    let mut counter = Counter::new();
    counter.push(text);
    counter.counts()
}

/// Counts a text that comes in blocks, cut anywhere: a word in two blocks is one.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    counts: Counts,
    in_word: bool,
}

impl Counter {
    /// A counter at the beginning of a text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the next block.
    pub fn push(&mut self, block: &[u8]) {
        let in_word = self.in_word;
        let text = block;
        let (lines, words) = dispatch!(text::count(text: &[u8], in_word: bool) -> (u64, u64));
        self.counts.lines += lines;
        self.counts.words += words;
        self.counts.bytes += block.len() as u64;
        if let Some(last) = block.last() {
            self.in_word = !last.is_ascii_whitespace();
        }
    }

    /// The counts of the blocks so far. A word at their end counts, if it goes on or not.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
