//! Where the structure of a text is, found with a few instructions for each 64 bytes.
//!
//! The bytes become masks of 64 bits, one for each character of interest, as in simdjson (Langdale,
//! Lemire: "Parsing Gigabytes of JSON per Second", VLDB Journal 2019): whether a byte is inside
//! quotes is the parity of the quotes up to it, a prefix sum over bits that one carry-less
//! multiplication computes.

use crate::dispatch::dispatch;

mod characters;
pub(crate) mod line;

pub use characters::{count_newlines, newlines, whitespace};
pub use line::LineScanner;

/// Finds the ends of CSV fields, block by block, with the state of quotes carried along.
///
/// A quote *anywhere* opens or closes: RFC 4180 quotes only whole fields, and its doubled quote
/// inside of quotes closes and opens again, so that both come out right. A stray quote in a field
/// that is not quoted (`5" disk`) makes the rest appear quoted: a reader that tolerates those has
/// to notice them when it looks at the field.
///
/// ```
/// # use tidemill_kernels::scan::CsvScanner;
/// let mut scanner = CsvScanner::new(b',');
/// let mut ends = Vec::new();
/// scanner.scan(b"a,\"x,y\"\nb,", &mut ends);
/// assert_eq!(ends, [1, 7, 9]); // the block's `,` at 1, `\n` at 7, `,` at 9
/// assert!(!scanner.inside_quotes());
/// ```
#[derive(Clone, Debug)]
pub struct CsvScanner {
    delimiter: u8,
    quotes: u64,
}

impl CsvScanner {
    /// A scanner at the beginning of a row, outside quotes.
    ///
    /// # Panics
    /// When the delimiter is a quote (`"`) or a newline.
    #[must_use]
    pub fn new(delimiter: u8) -> Self {
        assert!(delimiter != b'"' && delimiter != b'\n', "delimiter {:?}", delimiter as char);
        Self { delimiter, quotes: 0 }
    }

    /// Appends to `ends` the offsets, from the start of `block` and ascending, of the delimiters
    /// and newlines outside quotes. The next block goes on where this one ends: it may be cut
    /// anywhere, between the two quotes of a doubled one as well.
    ///
    /// What kind of end an offset is, `block[offset]` tells. The newline is `\n`; a `\r` before it
    /// belongs to the field.
    ///
    /// # Panics
    /// When `block` is longer than `u32::MAX` bytes.
    pub fn scan(&mut self, block: &[u8], ends: &mut Vec<u32>) {
        check_block(block);
        let (delimiter, inside_quotes) = (self.delimiter, self.inside_quotes());
        self.quotes += dispatch!(scan::csv(
            block: &[u8],
            delimiter: u8,
            inside_quotes: bool,
            ends: &mut Vec<u32>,
        ) -> u64);
    }

    /// Whether the blocks so far end inside quotes.
    #[must_use]
    pub fn inside_quotes(&self) -> bool {
        self.quotes % 2 == 1
    }

    /// How many quotes the blocks so far have. As long as it does not change, no field needs
    /// unquoting.
    #[must_use]
    pub fn quotes(&self) -> u64 {
        self.quotes
    }
}

#[track_caller]
fn check_block(block: &[u8]) {
    assert!(u32::try_from(block.len()).is_ok(), "a block of {} bytes", block.len());
}
