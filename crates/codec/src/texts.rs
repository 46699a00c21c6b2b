//! A column of strings.
//!
//! # Layout
//! ```text
//! column  = 0x00 count strings codes     DICTIONARY: the string of each row's code
//!         | 0x01 strings                 PLAIN: one string a row
//! strings = shared lengths size bytes
//! ```
//! * `count`: a varint, 1 to 8,192: the number of entries, which are ascending; `codes`: a column
//!   of [`crate::ints`](mod@crate::ints), below `count`.
//! * `shared`, `lengths`: columns of integers: how many bytes a string has in common with the one
//!   before it (at most 255; none where the string's number is a multiple of 1,024), and how many
//!   follow in `bytes`. All strings are UTF-8 (front coding).
//! * `size`: a varint, the size of `bytes`, in which the strings' remainders follow one another.

use crate::bytes::Cursor;
use crate::ints::{IntColumn, vector_count, vector_rows};
use crate::{Error, MAX_BLOCK_ROWS, VECTOR_ROWS};
use std::ops::Range;
use tidemill_model::Text;

pub(crate) const DICTIONARY: u8 = 0;
pub(crate) const PLAIN: u8 = 1;

/// The most bytes a string takes from the one before it.
pub(crate) const MAX_SHARED_BYTES: usize = 255;

/// Memory for reading columns of strings, to be used again for the next.
#[derive(Debug, Default)]
pub struct TextScratch {
    entries: Text,
}

impl TextScratch {
    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.entries.memory_bytes()
    }
}

/// An encoded column of strings whose header is checked.
#[derive(Clone, Copy, Debug)]
pub struct TextColumn<'a> {
    rows: usize,
    shape: Shape<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    Dictionary { entries: &'a Text, offset: usize, codes: IntColumn<'a> },
    Plain(Strings<'a>),
}

#[derive(Clone, Copy, Debug)]
struct Strings<'a> {
    offset: usize,
    shared: IntColumn<'a>,
    lengths: IntColumn<'a>,
    bytes: &'a [u8],
}

/// Reads the header of a column of `rows` strings that [`crate::Encoder::texts`] made, and its
/// dictionary, if it has one.
///
/// # Errors
/// When these are not the bytes of such a column.
pub fn texts<'a>(
    bytes: &'a [u8],
    rows: usize,
    scratch: &'a mut TextScratch,
) -> Result<TextColumn<'a>, Error> {
    let mut cursor = Cursor::new(bytes);
    let shape = match cursor.u8()? {
        DICTIONARY => {
            let count = cursor.count(MAX_BLOCK_ROWS, "a dictionary of too many entries")?;
            let strings = Strings::parse(&mut cursor, count)?;
            let offset = cursor.offset();
            let codes = IntColumn::parse(&mut cursor, rows)?;
            scratch.entries.clear();
            strings.decode(0..count, &mut scratch.entries)?;
            Shape::Dictionary { entries: &scratch.entries, offset, codes }
        }
        PLAIN => Shape::Plain(Strings::parse(&mut cursor, rows)?),
        _ => return Err(cursor.error_before("an unknown encoding of texts")),
    };
    cursor.finish()?;
    Ok(TextColumn { rows, shape })
}

impl<'a> TextColumn<'a> {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The distinct strings, ascending, and the column of each row's index among them (unchecked:
    /// a corrupt one is beyond), when the column is encoded so.
    #[must_use]
    pub fn dictionary(&self) -> Option<(&'a Text, &IntColumn<'a>)> {
        match &self.shape {
            Shape::Dictionary { entries, codes, .. } => Some((entries, codes)),
            Shape::Plain(_) => None,
        }
    }

    /// Appends the strings of `rows` to `out`.
    ///
    /// # Errors
    /// When their bytes are corrupt, or when `out` would hold more than 4 GiB, or more than there is memory
    /// for; then `out` may have got some of them, and others.
    ///
    /// # Panics
    /// When the column has no such rows.
    pub fn decode(&self, rows: Range<usize>, out: &mut Text) -> Result<(), Error> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let (entries, offset, codes) = match &self.shape {
            Shape::Plain(strings) => return strings.decode(rows, out),
            Shape::Dictionary { entries, offset, codes } => (entries, *offset, codes),
        };
        let mut vector = [0; VECTOR_ROWS];
        for index in rows.start / VECTOR_ROWS..vector_count(rows.end) {
            codes.decode_words(index, &mut vector)?;
            let start = index * VECTOR_ROWS;
            let inside = rows.start.max(start) - start..(rows.end - start).min(VECTOR_ROWS);
            for code in &vector[inside] {
                let code = usize::try_from(*code).ok().filter(|code| *code < entries.len());
                let code = code.ok_or(Error::new(offset, "a code beyond the dictionary"))?;
                push(entries.get(code), out, offset)?;
            }
        }
        Ok(())
    }
}

const TOO_LONG: &str = "more than 4 GiB of text";

/// Appends a string of a column, whose codes or remainders are at `offset`.
fn push(text: &str, out: &mut Text, offset: usize) -> Result<(), Error> {
    if u32::try_from(out.parts().1.len() + text.len()).is_err() {
        return Err(Error::new(offset, TOO_LONG));
    }
    out.try_reserve(1, text.len())?;
    out.push(text);
    Ok(())
}

impl<'a> Strings<'a> {
    fn parse(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, Error> {
        let shared = IntColumn::parse(cursor, count)?;
        let lengths = IntColumn::parse(cursor, count)?;
        let offset = cursor.offset();
        let size = cursor.count(usize::MAX, "a size beyond memory")?;
        Ok(Self { offset, shared, lengths, bytes: cursor.take(size)? })
    }

    fn decode(&self, rows: Range<usize>, out: &mut Text) -> Result<(), Error> {
        let error = |reason| Error::new(self.offset, reason);
        let mut rest = self.bytes;
        let (mut shared, mut lengths) = ([0; VECTOR_ROWS], [0; VECTOR_ROWS]);
        let mut string = Vec::new();
        for vector in 0..vector_count(rows.end) {
            let count = self.lengths.decode_words(vector, &mut lengths)?;
            let start = vector * VECTOR_ROWS;
            if start + count <= rows.start {
                for length in &lengths[..count] {
                    split(&mut rest, *length).ok_or(error(REMAINDERS))?;
                }
                continue;
            }
            self.shared.decode_words(vector, &mut shared)?;
            let wanted = vector_rows(rows.end, vector).min(count);
            for (index, (shared, length)) in shared.iter().zip(&lengths[..wanted]).enumerate() {
                let remainder = split(&mut rest, *length).ok_or(error(REMAINDERS))?;
                let shared = usize::try_from(*shared).unwrap_or(usize::MAX);
                // What a vector begins with stands for itself.
                let most = if index == 0 { 0 } else { string.len().min(MAX_SHARED_BYTES) };
                if shared > most {
                    return Err(error("a string that shares more than there is"));
                }
                string.truncate(shared);
                string.try_reserve(remainder.len())?;
                string.extend_from_slice(remainder);
                let text = str::from_utf8(&string).map_err(|_| error("a string not in UTF-8"))?;
                if start + index >= rows.start {
                    push(text, out, self.offset)?;
                }
            }
        }
        if rows.end == self.lengths.rows() && !rest.is_empty() {
            return Err(error(REMAINDERS));
        }
        Ok(())
    }
}

const REMAINDERS: &str = "strings that don't have the size of their bytes";

/// Takes `length` bytes from the front.
fn split<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(front)
}
