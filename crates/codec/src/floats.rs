//! A column of doubles.
//!
//! # Layout
//! ```text
//! column = 0x00 exponent factor exceptions integers   DECIMAL: integer · 10^factor · 10^-exponent
//!        | 0x01 words                                 BITS: the bits of the doubles
//!        | 0x02 low_bits highs lows                   SPLIT: high << low_bits | low
//! ```
//! * `exponent`, `factor`: one byte each, 0 to 18, `factor` not above `exponent`. The product is
//!   that of doubles, from left to right, with the doubles nearest to the powers of ten.
//! * `exceptions`: `count`, a varint of at most the rows; `count` positions of two bytes,
//!   ascending, the rows that are not such products; `count` doubles of eight bytes, their values.
//!   The rows of exceptions have integers, too, which mean nothing.
//! * `low_bits`: one byte, 1 to 63.
//! * `integers`, `words`, `highs`, `lows`: columns of [`crate::ints`](mod@crate::ints).
//!
//! Every bit pattern returns: DECIMAL compares bits. DECIMAL is ALP, and SPLIT the idea of its
//! ALP-RD: the sign, the exponent and perhaps some more bits have few distinct values.

use crate::bytes::Cursor;
use crate::decimal::Decimal;
use crate::ints::{IntColumn, Places, Starts, appended, decode_rows, vector_count};
use crate::pages::PageDecoder;
use crate::{Error, VECTOR_ROWS};
use std::ops::Range;
use zerocopy::transmute_mut;

pub(crate) const DECIMAL: u8 = 0;
pub(crate) const BITS: u8 = 1;
pub(crate) const SPLIT: u8 = 2;

/// An encoded column of doubles whose header is checked.
#[derive(Clone, Copy, Debug)]
pub struct FloatColumn<'a> {
    rows: usize,
    shape: Shape<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    Decimal { decimal: Decimal, exceptions: Exceptions<'a>, integers: IntColumn<'a> },
    Bits(IntColumn<'a>),
    Split { low_bits: u32, highs: IntColumn<'a>, lows: IntColumn<'a> },
}

#[derive(Clone, Copy, Debug)]
struct Exceptions<'a> {
    offset: usize,
    positions: &'a [[u8; 2]],
    values: &'a [[u8; 8]],
}

/// Reads the header of a column of `rows` doubles that [`crate::Encoder::floats`] made.
///
/// # Errors
/// When these are not the bytes of such a column.
pub fn floats(bytes: &[u8], rows: usize) -> Result<FloatColumn<'_>, Error> {
    parse(bytes, rows, None).map(|(column, _)| column)
}

/// [`floats`], where it may be known already where the vectors of these bytes begin; otherwise it is then.
///
/// # Errors
/// As [`floats`]. With places of other bytes it may also be another column.
pub fn floats_with<'a>(
    bytes: &'a [u8],
    rows: usize,
    places: &Places,
) -> Result<FloatColumn<'a>, Error> {
    places.reading(|known| parse(bytes, rows, known))
}

/// A column, of whose columns of integers it may be known where their vectors begin, and where they do.
fn parse<'a>(
    bytes: &'a [u8],
    rows: usize,
    known: Option<&[Starts; 2]>,
) -> Result<(FloatColumn<'a>, [Starts; 2]), Error> {
    let mut cursor = Cursor::new(bytes);
    let mut starts = [Starts::default(); 2];
    let mut integers = |cursor: &mut Cursor<'a>, which: usize| {
        let column = IntColumn::parse_with(cursor, rows, known.map(|starts| &starts[which]))?;
        starts[which] = column.starts();
        Ok::<_, Error>(column)
    };
    let shape = match cursor.u8()? {
        DECIMAL => {
            let decimal = Decimal::new(cursor.u8()?, cursor.u8()?);
            let decimal = decimal.ok_or(cursor.error_before("a scale of too many digits"))?;
            let exceptions = Exceptions::parse(&mut cursor, rows)?;
            Shape::Decimal { decimal, exceptions, integers: integers(&mut cursor, 0)? }
        }
        BITS => Shape::Bits(integers(&mut cursor, 0)?),
        SPLIT => {
            let low_bits = u32::from(cursor.u8()?);
            if !(1..64).contains(&low_bits) {
                return Err(cursor.error_before("a split outside the word"));
            }
            let highs = integers(&mut cursor, 0)?;
            Shape::Split { low_bits, highs, lows: integers(&mut cursor, 1)? }
        }
        _ => return Err(cursor.error_before("an unknown encoding of floats")),
    };
    cursor.finish()?;
    Ok((FloatColumn { rows, shape }, starts))
}

impl FloatColumn<'_> {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of vectors.
    #[must_use]
    pub fn vectors(&self) -> usize {
        vector_count(self.rows)
    }

    /// The value of every row, when the column is encoded as a constant.
    #[must_use]
    pub fn constant(&self) -> Option<f64> {
        match &self.shape {
            Shape::Bits(words) => words.constant::<u64>().map(f64::from_bits),
            _ => None,
        }
    }

    /// Decodes a vector into the front of `out` and returns its number of rows; the rest of `out`
    /// is undefined.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is no such vector.
    pub fn decode_vector(
        &self,
        vector: usize,
        out: &mut [f64; VECTOR_ROWS],
    ) -> Result<usize, Error> {
        self.decode_next(vector, out, &mut Default::default())
    }

    /// Decodes one of several vectors, all with the same decoders: those of the first and second column
    /// of integers.
    fn decode_next(
        &self,
        vector: usize,
        out: &mut [f64; VECTOR_ROWS],
        (first, second): &mut (PageDecoder, PageDecoder),
    ) -> Result<usize, Error> {
        match &self.shape {
            Shape::Decimal { decimal, exceptions, integers } => {
                let rows = integers.decode_next(vector, transmute_mut!(&mut *out), first)?;
                let to_double = decimal.to_double();
                for value in &mut out[..rows] {
                    *value = to_double(value.to_bits());
                }
                exceptions.put(vector, &mut out[..rows])?;
                Ok(rows)
            }
            Shape::Bits(words) => words.decode_next(vector, transmute_mut!(out), first),
            Shape::Split { low_bits, highs, lows } => {
                let mut high = [0; VECTOR_ROWS];
                highs.decode_next(vector, &mut high, first)?;
                let rows = lows.decode_next(vector, transmute_mut!(&mut *out), second)?;
                for (value, high) in out.iter_mut().zip(high) {
                    *value = f64::from_bits((high << low_bits) | value.to_bits());
                }
                Ok(rows)
            }
        }
    }

    /// Appends the values of `rows` to `out`.
    ///
    /// # Errors
    /// When their bytes are corrupt, then `out` may have got some of them, and others; or when there is no
    /// memory for them.
    ///
    /// # Panics
    /// When the column has no such rows.
    pub fn decode(&self, rows: Range<usize>, out: &mut Vec<f64>) -> Result<(), Error> {
        let out = appended(out, rows.len())?;
        self.decode_into(rows, out)
    }

    /// Puts the values of `rows` into `out`, which is as long. What `out` holds is not looked at: a
    /// buffer that is used again need not be cleared.
    ///
    /// # Errors
    /// When their bytes are corrupt; then `out` may hold some of them, and others.
    ///
    /// # Panics
    /// When the column has no such rows, or `out` another length.
    pub fn decode_into(&self, rows: Range<usize>, out: &mut [f64]) -> Result<(), Error> {
        let mut decoders = Default::default();
        decode_rows(rows, self.rows, out, |vector, out| {
            self.decode_next(vector, out, &mut decoders)
        })
    }
}

impl<'a> Exceptions<'a> {
    fn parse(cursor: &mut Cursor<'a>, rows: usize) -> Result<Self, Error> {
        let offset = cursor.offset();
        let count = cursor.count(rows, "more exceptions than rows")?;
        let (positions, _) = cursor.take(2 * count)?.as_chunks();
        let (values, _) = cursor.take(8 * count)?.as_chunks();
        Ok(Self { offset, positions, values })
    }

    /// Puts the exceptions among the rows of a vector in their places.
    fn put(&self, vector: usize, out: &mut [f64]) -> Result<(), Error> {
        let start = vector * VECTOR_ROWS;
        let row = |position: &[u8; 2]| usize::from(u16::from_le_bytes(*position));
        let first = self.positions.partition_point(|position| row(position) < start);
        for (position, value) in self.positions.iter().zip(self.values).skip(first) {
            let index = row(position).wrapping_sub(start);
            if index >= VECTOR_ROWS {
                break;
            }
            let place = out.get_mut(index);
            let beyond = Error::new(self.offset, "an exception beyond the rows");
            *place.ok_or(beyond)? = f64::from_le_bytes(*value);
        }
        Ok(())
    }
}
