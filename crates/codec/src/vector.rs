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
    base: u64,
    /// The packed bits, the patches' positions and their high bytes.
    bytes: &'a [u8],
    bits_bytes: u32,
    count: u16,
    patches: u16,
    width: u8,
    high_bytes: u8,
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
            Body::Delta { first, deltas } if deltas.is_whole() && deltas.patches == 0 => {
                bitpack::unpack_delta(deltas.bits(), deltas.width(), deltas.base, *first, out);
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

    /// The sums of its first `ends[i]` rows, wrapping, over `sums`: of packed words and deltas
    /// without decoding them.
    pub(crate) fn prefix_sums(
        &self,
        rows: usize,
        ends: &[u16],
        sums: &mut [u64],
    ) -> Result<(), Error> {
        match &self.body {
            Body::Packed(words) if words.is_whole() => {
                bitpack::unpack_prefix_sums(words.bits(), words.width(), words.base, ends, sums);
                self.add_patches(words, ends, sums, |_| 1)
            }
            Body::Delta { first, deltas } if deltas.is_whole() => {
                let (bits, width) = (deltas.bits(), deltas.width());
                bitpack::unpack_delta_prefix_sums(bits, width, deltas.base, *first, ends, sums);
                // A delta counts for its row and all after it; the first means nothing.
                self.add_patches(deltas, ends, sums, |rows| rows)
            }
            _ => {
                let mut words = [0; VECTOR_ROWS];
                self.decode(rows, &mut words)?;
                sum_up(&words, ends, sums);
                Ok(())
            }
        }
    }

    /// Adds the patches to sums of the first `ends[i]` rows, as often as `weight` says for the rows from the
    /// patch on.
    fn add_patches(
        &self,
        stream: &Stream<'_>,
        ends: &[u16],
        sums: &mut [u64],
        weight: impl Fn(u64) -> u64,
    ) -> Result<(), Error> {
        let is_delta = matches!(self.body, Body::Delta { .. });
        for (position, high) in stream.patches() {
            if position >= stream.count() {
                return Err(self.error(BEYOND));
            }
            if is_delta && position == 0 {
                continue;
            }
            for (end, sum) in ends.iter().zip(&mut *sums) {
                let rows = usize::from(*end).saturating_sub(position) as u64;
                let times = if rows > 0 { weight(rows) } else { 0 };
                *sum = sum.wrapping_add(high.wrapping_mul(times));
            }
        }
        Ok(())
    }

    fn unpack(&self, stream: &Stream<'_>, out: &mut Words) -> Result<(), Error> {
        if stream.is_whole() {
            bitpack::unpack(stream.bits(), stream.width(), stream.base, out);
        } else {
            bitstream::unpack(
                stream.bits(),
                stream.width(),
                stream.base,
                &mut out[..stream.count()],
            );
        }
        for (position, high) in stream.patches() {
            let word = out[..stream.count()].get_mut(position).ok_or(self.error(BEYOND))?;
            *word = word.wrapping_add(high);
        }
        Ok(())
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
        for (length, value) in run_lengths[..lengths.count()].iter().zip(run_values) {
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

/// The sums of the first `ends[i]` words, wrapping, over `sums`.
pub(crate) fn sum_up(words: &Words, ends: &[u16], sums: &mut [u64]) {
    let (mut next, mut all) = (0, 0u64);
    for (end, sum) in ends.iter().zip(sums) {
        let more = words.get(next..usize::from(*end)).unwrap_or_default();
        (next, all) =
            (usize::from(*end), more.iter().fold(all, |all, word| all.wrapping_add(*word)));
        *sum = all;
    }
}

const BEYOND: &str = "a patch beyond the vector";
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
        let bits_bytes = if count == VECTOR_ROWS {
            bitpack::packed_bytes(width)
        } else {
            bitstream::packed_bytes(count, width)
        };
        let bytes = cursor.take(bits_bytes + (2 + high_bytes) * patches)?;
        Ok(Self {
            base,
            bytes,
            // A stream has 1,024 words of 8 bytes, and so many patches, at most.
            bits_bytes: bits_bytes as u32,
            count: count as u16,
            patches: patches as u16,
            width: width as u8,
            high_bytes: high_bytes as u8,
        })
    }

    fn width(&self) -> u32 {
        u32::from(self.width)
    }

    fn count(&self) -> usize {
        usize::from(self.count)
    }

    fn bits(&self) -> &'a [u8] {
        &self.bytes[..self.bits_bytes as usize]
    }

    fn is_whole(&self) -> bool {
        self.count() == VECTOR_ROWS
    }

    /// The rows that have patches, unchecked, and what is added to their words.
    fn patches(&self) -> impl Iterator<Item = (usize, u64)> {
        let patches = &self.bytes[self.bits_bytes as usize..];
        let (positions, highs) = patches.split_at(2 * usize::from(self.patches));
        let (positions, _) = positions.as_chunks::<2>();
        let high_bytes = usize::from(self.high_bytes);
        let unused = u64::BITS - 8 * high_bytes as u32;
        let highs = highs.chunks_exact(high_bytes.max(1));
        positions.iter().zip(highs).map(move |(position, high)| {
            let mut bytes = [0; 8];
            bytes[..high.len()].copy_from_slice(high);
            // Shifted up and back down for its sign.
            let high = (i64::from_le_bytes(bytes) << unused >> unused) as u64;
            (usize::from(u16::from_le_bytes(*position)), high << self.width())
        })
    }
}
