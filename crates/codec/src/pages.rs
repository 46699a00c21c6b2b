//! Pages of words, each coded by its entropy: the smallest form of a column of integers, and the
//! slowest.
//!
//! # Layout
//! ```text
//! pages = word_bytes base size meta (page_bytes page)*
//! ```
//! * `word_bytes`: one byte, 1, 2, 4 or 8: a row is `base + word`, wrapping, and a word an unsigned
//!   integer of so many bytes; `base`: a zigzag varint.
//! * `size`: a varint, the size of `meta`: the metadata of a chunk in the wrapped format 4.1 of
//!   [`pco`], of the mode "classic", as it is or of deltas (0 or 1 in the fields of 4 bits each that
//!   it begins with).
//! * A page for each 1,024 rows, the last for what is left: `page_bytes`, a varint, and `page`, one
//!   in that format.
//!
//! A page is read without those before it.

use crate::bytes::Cursor;
use crate::ints::vector_rows;
use crate::vector::Vector;
use crate::{Error, VECTOR_ROWS};
use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileDecompressor};

/// What a file in pco's format begins with: the format's version.
pub(crate) const PCO_HEADER: [u8; 2] = [4, 1];

/// More than an encoder ever makes, in bytes: a chunk has 256 bins at most, each of less than 24 bytes.
const MAX_META_BYTES: usize = 8 << 10;

/// What all pages of a column have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages<'a> {
    offset: usize,
    word_bytes: u8,
    base: u64,
    meta: &'a [u8],
}

/// What reading the pages of one column needs, made with the first that is read.
#[derive(Default)]
pub(crate) struct PageDecoder(State);

#[derive(Default)]
enum State {
    #[default]
    Empty,
    U8(ChunkDecompressor<u8>),
    U16(ChunkDecompressor<u16>),
    U32(ChunkDecompressor<u32>),
    U64(ChunkDecompressor<u64>),
}

impl<'a> Pages<'a> {
    /// Reads what stands before the pages.
    pub(crate) fn parse_header(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let word_bytes = cursor.u8()?;
        if ![1, 2, 4, 8].contains(&word_bytes) {
            return Err(cursor.error_before("words of an odd size"));
        }
        let base = cursor.zigzag()?;
        let size = cursor.count(MAX_META_BYTES, "metadata of too many bytes")?;
        let offset = cursor.offset();
        let meta = cursor.take(size)?;
        // The other modes and deltas of pco's take memory that the rows don't say.
        if !matches!(meta.first(), Some(0x00 | 0x10)) {
            return Err(Error::new(offset, "pages of an unknown coding"));
        }
        Ok(Self { offset, word_bytes, base, meta })
    }

    /// Reads where the pages of `rows` rows stand.
    pub(crate) fn parse(
        &self,
        cursor: &mut Cursor<'a>,
        rows: usize,
        vectors: &mut [Vector<'a>],
    ) -> Result<(), Error> {
        for (index, vector) in vectors.iter_mut().enumerate() {
            // A word has 64 bits, and what is coded of it 14 more at most.
            let most = 64 + 10 * vector_rows(rows, index);
            let size = cursor.count(most, "a page of too many bytes")?;
            *vector = Vector::of_page(cursor.offset(), cursor.take(size)?);
        }
        Ok(())
    }

    /// Decodes the rows of a page.
    pub(crate) fn decode(
        &self,
        vector: &Vector<'a>,
        PageDecoder(state): &mut PageDecoder,
        out: &mut [u64],
    ) -> Result<(), Error> {
        if matches!(state, State::Empty) {
            let decoder = match self.word_bytes {
                1 => chunk(self.meta).map(State::U8),
                2 => chunk(self.meta).map(State::U16),
                4 => chunk(self.meta).map(State::U32),
                _ => chunk(self.meta).map(State::U64),
            };
            *state = decoder.ok_or(Error::new(self.offset, "pages of an impossible coding"))?;
        }
        let page = vector.page().unwrap_or_default();
        let decoded = match state {
            State::Empty => None,
            State::U8(chunk) => unpack(chunk, page, self.base, out),
            State::U16(chunk) => unpack(chunk, page, self.base, out),
            State::U32(chunk) => unpack(chunk, page, self.base, out),
            State::U64(chunk) => unpack(chunk, page, self.base, out),
        };
        decoded.ok_or(vector.error("a page that does not have its rows"))
    }
}

fn chunk<T: Number>(meta: &[u8]) -> Option<ChunkDecompressor<T>> {
    let (file, _) = FileDecompressor::new(&PCO_HEADER[..]).ok()?;
    let (chunk, rest) = file.chunk_decompressor(meta).ok()?;
    rest.is_empty().then_some(chunk)
}

/// Decodes a page of as many rows as there are places.
fn unpack<T: Number + Default + Into<u64>>(
    chunk: &mut ChunkDecompressor<T>,
    page: &[u8],
    base: u64,
    out: &mut [u64],
) -> Option<()> {
    let mut words = [T::default(); VECTOR_ROWS];
    let words = words.get_mut(..out.len())?;
    let mut page = chunk.page_decompressor(page, words.len()).ok()?;
    let is_whole = page.read(words).ok()?.finished && page.into_src().is_empty();
    for (out, word) in out.iter_mut().zip(words) {
        *out = base.wrapping_add((*word).into());
    }
    is_whole.then_some(())
}
