//! A column of bits: booleans, or which values of another column are present.
//!
//! # Layout
//! ```text
//! column = 0x00                        ZEROS: every bit
//!        | 0x01                        ONES: every bit
//!        | 0x02 first count lengths    RUNS: of equal bits, by turns zeros and ones
//!        | 0x03 bytes                  RAW: eight bits a byte, least significant first
//! ```
//! * `first`, one byte: the bit of the first run.
//! * `count`, a varint from 1 to the rows' number; `lengths`, a column of
//!   [`crate::ints`](mod@crate::ints) of `count` rows: the rows of each run less one.
//! * `bytes`: the last one is filled up with zeros.

use crate::bytes::{Cursor, HEADER_BYTES, put_varint};
use crate::ints::{IntColumn, appended};
use crate::ints_encoder::IntsEncoder;
use crate::{Error, MAX_BLOCK_ROWS, VECTOR_ROWS};
use std::collections::TryReserveError;
use std::ops::Range;
use tidemill_model::Bitmap;

const ZEROS: u8 = 0;
const ONES: u8 = 1;
const RUNS: u8 = 2;
const RAW: u8 = 3;

/// An encoded column of bits whose header is checked.
#[derive(Clone, Copy, Debug)]
pub struct BitColumn<'a> {
    rows: usize,
    shape: Shape<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    Constant(bool),
    Runs { offset: usize, first: bool, lengths: IntColumn<'a> },
    Raw(&'a [u8]),
}

/// Reads the header of a column of `rows` bits that [`crate::Encoder::bools`] or
/// [`crate::Encoder::validity`] made.
///
/// # Errors
/// When these are not the bytes of such a column.
pub fn bits(bytes: &[u8], rows: usize) -> Result<BitColumn<'_>, Error> {
    let mut cursor = Cursor::new(bytes);
    if rows > MAX_BLOCK_ROWS {
        return Err(cursor.error("a block of too many rows"));
    }
    let shape = match cursor.u8()? {
        ZEROS => Shape::Constant(false),
        ONES => Shape::Constant(true),
        RUNS => {
            let first = cursor.u8()? != 0;
            let offset = cursor.offset();
            let count = cursor.count(rows, "more runs than rows")?;
            Shape::Runs { offset, first, lengths: IntColumn::parse(&mut cursor, count)? }
        }
        RAW => Shape::Raw(cursor.take(rows.div_ceil(8))?),
        _ => return Err(cursor.error_before("an unknown encoding of bits")),
    };
    cursor.finish()?;
    Ok(BitColumn { rows, shape })
}

impl BitColumn<'_> {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bit of every row, when the column is encoded as a constant.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match self.shape {
            Shape::Constant(bit) => Some(bit),
            _ => None,
        }
    }

    /// Replaces what is in `words` by all bits: bit `i` is bit `i % 64` of word `i / 64`. Bits
    /// beyond the rows are zero.
    ///
    /// # Errors
    /// When its bytes are corrupt, or there is no memory for the bits.
    pub fn decode_words(&self, words: &mut Vec<u64>) -> Result<(), Error> {
        words.clear();
        self.set(appended(words, self.rows.div_ceil(64))?)
    }

    /// All bits.
    ///
    /// # Errors
    /// When its bytes are corrupt, or there is no memory for the bits.
    pub fn decode_bitmap(&self) -> Result<Bitmap, Error> {
        let mut words = Vec::new();
        self.decode_words(&mut words)?;
        Ok(Bitmap::from_words(words, self.rows))
    }

    /// Appends the bits of `rows` to `out`.
    ///
    /// # Errors
    /// When its bytes are corrupt, or there is no memory for the bits.
    ///
    /// # Panics
    /// When the column has no such rows.
    pub fn decode(&self, rows: Range<usize>, out: &mut Vec<bool>) -> Result<(), Error> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let mut words = [0; MAX_BLOCK_ROWS / 64];
        self.set(&mut words[..self.rows.div_ceil(64)])?;
        out.try_reserve(rows.len())?;
        out.extend(rows.map(|row| words[row / 64] >> (row % 64) & 1 != 0));
        Ok(())
    }

    /// Sets the bits in `words`, which are all zero.
    fn set(&self, words: &mut [u64]) -> Result<(), Error> {
        match &self.shape {
            Shape::Constant(false) => {}
            Shape::Constant(true) => set_bits(words, 0..self.rows),
            Shape::Raw(bytes) => {
                for (word, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
                    let mut word_bytes = [0; 8];
                    word_bytes[..bytes.len()].copy_from_slice(bytes);
                    *word = u64::from_le_bytes(word_bytes);
                }
                self.clear_tail(words);
            }
            Shape::Runs { offset, first, lengths } => {
                self.set_runs(*first, lengths, words, *offset)?;
            }
        }
        Ok(())
    }

    fn set_runs(
        &self,
        first: bool,
        lengths: &IntColumn<'_>,
        words: &mut [u64],
        offset: usize,
    ) -> Result<(), Error> {
        let mismatch = Error::new(offset, "runs that don't have the block's rows");
        let mut row = 0;
        let mut vector = [0; VECTOR_ROWS];
        // Where bits differ from those before them.
        if let (Some(word), true) = (words.first_mut(), first) {
            *word = 1;
        }
        for index in 0..lengths.vectors() {
            let runs = lengths.decode_words(index, &mut vector)?;
            for length in &vector[..runs] {
                let rows = (self.rows - row) as u64;
                row =
                    if *length < rows { row + *length as usize + 1 } else { return Err(mismatch) };
                if let Some(word) = words.get_mut(row / 64) {
                    *word |= 1 << (row % 64);
                }
            }
        }
        if row != self.rows {
            return Err(mismatch);
        }
        toggle(words);
        self.clear_tail(words);
        Ok(())
    }

    /// Clears the bits behind the last row's.
    fn clear_tail(&self, words: &mut [u64]) {
        if let (Some(last), used @ 1..) = (words.last_mut(), self.rows % 64) {
            *last &= (1 << used) - 1;
        }
    }
}

/// Makes of bits that differ from those before them the bits: each is the parity of all up to it.
fn toggle(words: &mut [u64]) {
    for word in &mut *words {
        for shift in [1, 2, 4, 8, 16, 32] {
            *word ^= *word << shift;
        }
    }
    let mut before = 0;
    for word in words {
        *word ^= before;
        before = 0u64.wrapping_sub(*word >> 63);
    }
}

fn set_bits(words: &mut [u64], mut bits: Range<usize>) {
    while bits.start < bits.end {
        let (word, first) = (bits.start / 64, bits.start % 64);
        let count = (64 - first).min(bits.end - bits.start);
        words[word] |= u64::MAX >> (64 - count) << first;
        bits.start += count;
    }
}

/// Encodes bits.
#[derive(Default)]
pub(crate) struct BitsEncoder {
    words: Vec<u64>,
    lengths: Vec<u64>,
}

impl BitsEncoder {
    pub(crate) fn encode_bools(
        &mut self,
        ints: &mut IntsEncoder,
        values: &[bool],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        words.try_reserve(values.len().div_ceil(64))?;
        words.extend(values.chunks(64).map(|chunk| {
            chunk.iter().rev().fold(0, |word, value| (word << 1) | u64::from(*value))
        }));
        let encoded = self.encode(ints, &words, values.len(), out);
        self.words = words;
        encoded
    }

    /// Appends a column of the first `rows` bits of `words`; those behind are zero.
    pub(crate) fn encode(
        &mut self,
        ints: &mut IntsEncoder,
        words: &[u64],
        rows: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        assert!(rows <= MAX_BLOCK_ROWS, "a block of {rows} rows");
        out.try_reserve(HEADER_BYTES)?;
        let ones: usize = words.iter().map(|word| word.count_ones() as usize).sum();
        if ones == 0 || ones == rows {
            out.push(if ones == 0 { ZEROS } else { ONES });
            return Ok(());
        }
        let (start, raw_bytes) = (out.len(), rows.div_ceil(8));
        // A run takes a byte or two.
        if self.find_runs(words, rows, raw_bytes)? {
            out.extend_from_slice(&[RUNS, words[0] as u8 & 1]);
            put_varint(out, self.lengths.len() as u64);
            ints.encode(&self.lengths, out)?;
            if out.len() - start <= raw_bytes {
                return Ok(());
            }
            out.truncate(start);
        }
        out.try_reserve(1 + raw_bytes)?;
        out.push(RAW);
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        out.extend(bytes.take(raw_bytes));
        Ok(())
    }

    /// Finds the lengths of the runs less one; `false` when there are more than `max`.
    fn find_runs(
        &mut self,
        words: &[u64],
        rows: usize,
        max: usize,
    ) -> Result<bool, TryReserveError> {
        self.lengths.clear();
        self.lengths.try_reserve(max + 1)?;
        let mut start = 0;
        let mut last = words[0] & 1;
        for (index, word) in words.iter().enumerate() {
            // The bits that differ from the one before.
            let mut changes = word ^ (word << 1 | last);
            last = word >> 63;
            while changes != 0 {
                let row = index * 64 + changes.trailing_zeros() as usize;
                if row >= rows {
                    break;
                }
                if self.lengths.len() == max {
                    return Ok(false);
                }
                self.lengths.push((row - start - 1) as u64);
                start = row;
                changes &= changes - 1;
            }
        }
        self.lengths.push((rows - start - 1) as u64);
        Ok(true)
    }
}
