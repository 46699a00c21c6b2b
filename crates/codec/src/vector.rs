//! One vector: up to 1,024 64-bit words.
//!
//! # Layout
//! ```text
//! vector  = 0x00 stream                        PACKED: the words
//!         | 0x01 first stream                  DELTA: each word less the one before it
//!         | 0x02 count lengths values          RUNS: `count` runs
//! stream  = width base [patches] bits [positions highs]
//! ```
//! * `width`, one byte: bits a word, 0 to 64; 0x80 is added when there are patches (then the
//!   width is below 64).
//! * `base`, zigzag varint: added to each word, wrapping (frame of reference).
//! * `patches`: their `count`, a varint from 1 to the words' number, and `high_bytes`, one byte
//!   from 1 to 8.
//! * `bits`: the words less `base`, their low `width` bits. 1,024 words are laid out as
//!   [`tidemill_kernels::bitpack`] has it, fewer one after the other, least significant bit
//!   first, the last byte filled up with zeros.
//! * `positions`: two bytes a patch, ascending, the word it is for; `highs`: `high_bytes` bytes a
//!   patch in two's complement, the bits from `width` on, which may be negative. So a few outliers
//!   on either side don't widen all.
//!
//! A stream has as many words as the vector has rows. That of DELTA begins with a word that means
//! nothing: the first row is `first`, a zigzag varint. RUNS has two streams of `count` words (a
//! varint from 1 to the rows' number): the rows of each run less one, and the word they repeat.
//!
//! Numbers of more than one byte are little-endian. Patched frames of reference are from
//! Zukowski et al., "Super-Scalar RAM-CPU Cache Compression" (2006).

use crate::bytes::Cursor;
use crate::{Error, VECTOR_ROWS};
use tidemill_kernels::{bitpack, bitstream, delta};

pub(crate) const PACKED: u8 = 0;
pub(crate) const DELTA: u8 = 1;
pub(crate) const RUNS: u8 = 2;
pub(crate) const PATCHED: u8 = 0x80;

/// A vector being decoded or encoded.
pub(crate) type Words = [u64; VECTOR_ROWS];

/// A vector whose lengths are checked. Its patches and runs are checked when it is decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vector<'a> {
    offset: usize,
    body: Body<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Body<'a> {
    Packed(Stream<'a>),
    Delta { first: u64, deltas: Stream<'a> },
    Runs { lengths: Stream<'a>, values: Stream<'a> },
    Page { first: u64, bytes: &'a [u8] },
}

#[derive(Clone, Copy, Debug, Default)]
struct Stream<'a> {
    count: usize,
    width: u32,
    base: u64,
    bits: &'a [u8],
    positions: &'a [u8],
    highs: &'a [u8],
    high_bytes: usize,
}

impl Default for Body<'_> {
    fn default() -> Self {
        Self::Packed(Stream::default())
    }
}

impl<'a> Vector<'a> {
    /// Reads a vector of `rows` rows, 1 to 1,024.
    pub(crate) fn parse(cursor: &mut Cursor<'a>, rows: usize) -> Result<Self, Error> {
        let offset = cursor.offset();
        let body = match cursor.u8()? {
            PACKED => Body::Packed(Stream::parse(cursor, rows)?),
            DELTA => Body::Delta { first: cursor.zigzag()?, deltas: Stream::parse(cursor, rows)? },
            RUNS => {
                let count = cursor.count(rows, "more runs than rows")?;
                let lengths = Stream::parse(cursor, count)?;
                Body::Runs { lengths, values: Stream::parse(cursor, count)? }
            }
            _ => return Err(Error::new(offset, "an unknown kind of vector")),
        };
        Ok(Self { offset, body })
    }

    /// A page of [`crate::pages`], whose bytes begin at `offset`.
    pub(crate) fn of_page(offset: usize, first: u64, bytes: &'a [u8]) -> Self {
        Self { offset, body: Body::Page { first, bytes } }
    }

    /// The first word and the bytes of its page.
    pub(crate) fn page(&self) -> Option<(u64, &'a [u8])> {
        if let Body::Page { first, bytes } = self.body { Some((first, bytes)) } else { None }
    }

    /// An error about this vector.
    pub(crate) fn error(&self, reason: &'static str) -> Error {
        Error::new(self.offset, reason)
    }

    /// Decodes the vector's rows into the front of `out`; what stands behind them is undefined.
    pub(crate) fn decode(&self, rows: usize, out: &mut Words) -> Result<(), Error> {
        match &self.body {
            Body::Packed(words) => self.unpack(words, out),
            Body::Delta { first, deltas } if deltas.is_whole() && deltas.positions.is_empty() => {
                bitpack::unpack_delta(deltas.bits, deltas.width, deltas.base, *first, out);
                Ok(())
            }
            Body::Delta { first, deltas } => {
                self.unpack(deltas, out)?;
                out[0] = 0;
                delta::prefix_sum(&mut out[..rows], *first);
                Ok(())
            }
            Body::Runs { lengths, values } => self.decode_runs(lengths, values, rows, out),
            Body::Page { .. } => unreachable!("a page is decoded by what codes its column"),
        }
    }

    fn unpack(&self, stream: &Stream<'_>, out: &mut Words) -> Result<(), Error> {
        if stream.is_whole() {
            bitpack::unpack(stream.bits, stream.width, stream.base, out);
        } else {
            bitstream::unpack(stream.bits, stream.width, stream.base, &mut out[..stream.count]);
        }
        stream.patch(&mut out[..stream.count]).ok_or(self.error("a patch beyond the vector"))
    }

    fn decode_runs(
        &self,
        lengths: &Stream<'_>,
        values: &Stream<'_>,
        rows: usize,
        out: &mut Words,
    ) -> Result<(), Error> {
        let (mut run_lengths, mut run_values) = ([0; VECTOR_ROWS], [0; VECTOR_ROWS]);
        self.unpack(lengths, &mut run_lengths)?;
        self.unpack(values, &mut run_values)?;
        let mut row = 0;
        for (length, value) in run_lengths[..lengths.count].iter().zip(run_values) {
            let left = (rows - row) as u64;
            if *length >= left {
                return Err(self.error(RUN_ROWS));
            }
            let end = row + *length as usize + 1;
            // Most runs are short: a fixed number of rows is written faster than a counted one.
            match out[row..].first_chunk_mut::<8>() {
                Some(rows) if end - row <= 8 => *rows = [value; 8],
                _ => out[row..end].fill(value),
            }
            row = end;
        }
        if row == rows { Ok(()) } else { Err(self.error(RUN_ROWS)) }
    }
}

const RUN_ROWS: &str = "runs that don't have the vector's rows";

impl<'a> Stream<'a> {
    fn parse(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, Error> {
        let width_byte = cursor.u8()?;
        let (width, patched) = (u32::from(width_byte & !PATCHED), width_byte & PATCHED != 0);
        if width > 64 || patched && width == 64 {
            return Err(cursor.error_before("a word of too many bits"));
        }
        let base = cursor.zigzag()?;
        let (mut patches, mut high_bytes) = (0, 1);
        if patched {
            patches = cursor.count(count, "more patches than words")?;
            high_bytes = usize::from(cursor.u8()?);
            if !(1..=8).contains(&high_bytes) {
                return Err(cursor.error_before("a patch of no bytes or more than eight"));
            }
        }
        let bytes = if count == VECTOR_ROWS {
            bitpack::packed_bytes(width)
        } else {
            bitstream::packed_bytes(count, width)
        };
        let bits = cursor.take(bytes)?;
        let positions = cursor.take(2 * patches)?;
        let highs = cursor.take(high_bytes * patches)?;
        Ok(Self { count, width, base, bits, positions, highs, high_bytes })
    }

    fn is_whole(&self) -> bool {
        self.count == VECTOR_ROWS
    }

    /// Adds the patches' high bits; `None` when one is beyond the words.
    fn patch(&self, out: &mut [u64]) -> Option<()> {
        let (positions, _) = self.positions.as_chunks::<2>();
        let unused = u64::BITS - 8 * self.high_bytes as u32;
        for (position, high) in positions.iter().zip(self.highs.chunks_exact(self.high_bytes)) {
            let mut bytes = [0; 8];
            bytes[..high.len()].copy_from_slice(high);
            // Shifted up and back down for its sign.
            let high = (i64::from_le_bytes(bytes) << unused >> unused) as u64;
            let word = out.get_mut(usize::from(u16::from_le_bytes(*position)))?;
            *word = word.wrapping_add(high << self.width);
        }
        Some(())
    }
}
