//! A column of integers, or of any 64-bit words.
//!
//! # Layout
//! ```text
//! column = 0x00 value                            CONSTANT: every row
//!        | 0x01 vectors                          VECTORS: the rows
//!        | 0x02 divisor offset vectors           SCALED: offset + divisor * word, wrapping
//!        | 0x03 count entry_bytes base entries vectors    DICTIONARY: base + entries[word]
//!        | 0x04 column                           PAGES: VECTORS, SCALED or DICTIONARY, but with
//!                                               pages for its vectors
//! ```
//! * `vectors`: those of [`crate::vector`], one for each 1,024 rows, the last for what is left;
//!   none when there are no rows.
//! * `pages`: those of [`crate::pages`].
//! * `value`, `offset`, `base`: zigzag varints; `divisor`: a varint, at least 2.
//! * `count`: a varint, up to 8,192; `entry_bytes`: one byte, 1, 2, 4 or 8; `entries`: `count`
//!   numbers of so many bytes, ascending, added to `base` wrapping.
//!
//! `i64` and `u64` are encoded alike, as their 64 bits.

use crate::bytes::Cursor;
use crate::pages::{PageDecoder, Pages};
use crate::vector::{Vector, Words, sum_up};
use crate::{Error, MAX_BLOCK_ROWS, VECTOR_ROWS};
use std::collections::TryReserveError;
use std::ops::Range;
use std::sync::OnceLock;
use zerocopy::transmute_mut;

pub(crate) const CONSTANT: u8 = 0;
pub(crate) const VECTORS: u8 = 1;
pub(crate) const SCALED: u8 = 2;
pub(crate) const DICTIONARY: u8 = 3;
pub(crate) const PAGES: u8 = 4;

const MAX_VECTORS: usize = MAX_BLOCK_ROWS / VECTOR_ROWS;

/// An encoded column of integers whose header, and those of its vectors, are checked.
///
/// It is made for every window that is read, so that it is small: of vectors it has the places.
#[derive(Clone, Copy, Debug)]
pub struct IntColumn<'a> {
    rows: usize,
    transform: Transform<'a>,
    /// How the vectors are coded, if they are.
    pages: Option<Pages<'a>>,
    /// The first vector begins here.
    vectors: Cursor<'a>,
    starts: Starts,
}

/// How many bytes behind the first vector each begins, and after the last one what follows.
pub(crate) type Starts = [u32; MAX_VECTORS + 1];

/// Where the vectors of an encoded column begin: once that was found out with [`ints_with`] or
/// [`floats_with`](crate::floats_with), it is not looked for again. Belongs to the bytes of one column.
#[derive(Clone, Debug, Default)]
pub struct Places(OnceLock<[Starts; 2]>);

impl Places {
    /// What `read` makes of a column and of these places, if they are known: those of the first and the second column
    /// of integers in it. Otherwise they are what it found.
    pub(crate) fn reading<C>(
        &self,
        read: impl FnOnce(Option<&[Starts; 2]>) -> Result<(C, [Starts; 2]), Error>,
    ) -> Result<C, Error> {
        let known = self.0.get();
        let (column, starts) = read(known)?;
        if known.is_none() {
            self.0.get_or_init(|| starts);
        }
        Ok(column)
    }
}

/// What is made of the words of vectors.
#[derive(Clone, Copy, Debug)]
enum Transform<'a> {
    Constant(u64),
    None,
    Scaled { divisor: u64, offset: u64 },
    Dictionary { base: u64, entry_bytes: usize, entries: &'a [u8] },
}

/// `i64` or `u64`.
pub trait Integer: Copy + Default + private::Sealed {
    #[doc(hidden)]
    fn words_mut(vector: &mut [Self; VECTOR_ROWS]) -> &mut [u64; VECTOR_ROWS];
    #[doc(hidden)]
    fn from_word(word: u64) -> Self;
}

mod private {
    pub trait Sealed {}
    impl Sealed for i64 {}
    impl Sealed for u64 {}
}

impl Integer for i64 {
    fn words_mut(vector: &mut [Self; VECTOR_ROWS]) -> &mut [u64; VECTOR_ROWS] {
        transmute_mut!(vector)
    }
    fn from_word(word: u64) -> Self {
        word as Self
    }
}

impl Integer for u64 {
    fn words_mut(vector: &mut [Self; VECTOR_ROWS]) -> &mut [u64; VECTOR_ROWS] {
        vector
    }
    fn from_word(word: u64) -> Self {
        word
    }
}

/// Reads the header of a column of `rows` integers that [`crate::Encoder::ints`] or
/// [`crate::Encoder::uints`] made.
///
/// # Errors
/// When these are not the bytes of such a column.
pub fn ints(bytes: &[u8], rows: usize) -> Result<IntColumn<'_>, Error> {
    whole(bytes, rows, None)
}

/// [`ints`], where it may be known already where the vectors of these bytes begin; otherwise it is then.
///
/// # Errors
/// As [`ints`]. With places of other bytes it may also be another column.
pub fn ints_with<'a>(
    bytes: &'a [u8],
    rows: usize,
    places: &Places,
) -> Result<IntColumn<'a>, Error> {
    places.reading(|known| {
        let column = whole(bytes, rows, known.map(|starts| &starts[0]))?;
        Ok((column, [column.starts, Starts::default()]))
    })
}

fn whole<'a>(bytes: &'a [u8], rows: usize, known: Option<&Starts>) -> Result<IntColumn<'a>, Error> {
    let mut cursor = Cursor::new(bytes);
    let column = IntColumn::parse_with(&mut cursor, rows, known)?;
    cursor.finish()?;
    Ok(column)
}

impl<'a> IntColumn<'a> {
    /// Reads a column inside another.
    pub(crate) fn parse(cursor: &mut Cursor<'a>, rows: usize) -> Result<Self, Error> {
        Self::parse_with(cursor, rows, None)
    }

    /// Reads a column inside another, of which it may be known where its vectors begin.
    pub(crate) fn parse_with(
        cursor: &mut Cursor<'a>,
        rows: usize,
        known: Option<&Starts>,
    ) -> Result<Self, Error> {
        if rows > MAX_BLOCK_ROWS {
            return Err(cursor.error("a block of too many rows"));
        }
        let tag = cursor.u8()?;
        let transform = Transform::parse(if tag == PAGES { cursor.u8()? } else { tag }, cursor)?;
        let is_constant = matches!(transform, Transform::Constant(_));
        if tag == PAGES && is_constant {
            return Err(cursor.error("pages of a constant"));
        }
        let pages = if tag == PAGES { Some(Pages::parse_header(cursor)?) } else { None };
        let count = if is_constant { 0 } else { vector_count(rows) };
        let vectors = *cursor;
        let starts = match known {
            Some(starts) => *starts,
            None => find_starts(pages.is_some(), vectors, rows, count)?,
        };
        cursor.take(starts[count] as usize)?;
        Ok(Self { rows, transform, pages, vectors, starts })
    }

    /// Where its vectors begin.
    pub(crate) fn starts(&self) -> Starts {
        self.starts
    }

    /// A vector of a column that is not constant.
    fn vector(&self, index: usize) -> Result<Vector<'a>, Error> {
        let mut cursor = self.vectors;
        cursor.take(self.starts[index] as usize)?;
        parse_vector(self.pages.is_some(), &mut cursor, vector_rows(self.rows, index))
    }

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
    pub fn constant<T: Integer>(&self) -> Option<T> {
        match self.transform {
            Transform::Constant(word) => Some(T::from_word(word)),
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
    pub fn decode_vector<T: Integer>(
        &self,
        vector: usize,
        out: &mut [T; VECTOR_ROWS],
    ) -> Result<usize, Error> {
        self.decode_words(vector, T::words_mut(out))
    }

    /// Appends the values of `rows` to `out`.
    ///
    /// # Errors
    /// When their bytes are corrupt, then `out` may have got some of them, and others; or when there is no
    /// memory for them.
    ///
    /// # Panics
    /// When the column has no such rows.
    pub fn decode<T: Integer>(&self, rows: Range<usize>, out: &mut Vec<T>) -> Result<(), Error> {
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
    pub fn decode_into<T: Integer>(&self, rows: Range<usize>, out: &mut [T]) -> Result<(), Error> {
        let mut decoder = PageDecoder::default();
        decode_rows(rows, self.rows, out, |vector, out| {
            self.decode_next(vector, T::words_mut(out), &mut decoder)
        })
    }

    /// Whether sums may take less than decoding: whole vectors of packed words or deltas do, runs are decoded.
    #[must_use]
    pub fn has_short_sums(&self) -> bool {
        self.pages.is_none() && !matches!(self.transform, Transform::Dictionary { .. })
    }

    /// The sums of the first `ends[i]` rows of a vector, wrapping, over `sums`, which is as long.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is no such vector, or `ends` don't ascend to at most its rows.
    pub fn prefix_sums(&self, vector: usize, ends: &[u16], sums: &mut [u64]) -> Result<(), Error> {
        assert!(vector < self.vectors(), "sums of vector {vector} of {}", self.vectors());
        let rows = vector_rows(self.rows, vector);
        assert!(
            ends.is_sorted() && ends.last().is_none_or(|end| usize::from(*end) <= rows),
            "ends that don't ascend to {rows}: {ends:?}"
        );
        assert!(ends.len() == sums.len(), "{} ends, {} sums", ends.len(), sums.len());
        let (factor, each) = match self.transform {
            _ if !self.has_short_sums() => {
                let mut words = [0; VECTOR_ROWS];
                self.decode_words(vector, &mut words)?;
                sum_up(&words, ends, sums);
                return Ok(());
            }
            Transform::Constant(value) => {
                sums.fill(0);
                (0, value)
            }
            Transform::Scaled { divisor, offset } => (divisor, offset),
            Transform::None | Transform::Dictionary { .. } => (1, 0),
        };
        if factor != 0 {
            self.vector(vector)?.prefix_sums(rows, ends, sums)?;
        }
        for (end, sum) in ends.iter().zip(sums) {
            let each = each.wrapping_mul(u64::from(*end));
            *sum = sum.wrapping_mul(factor).wrapping_add(each);
        }
        Ok(())
    }

    pub(crate) fn decode_words(&self, vector: usize, out: &mut Words) -> Result<usize, Error> {
        self.decode_next(vector, out, &mut PageDecoder::default())
    }

    /// Decodes one of several vectors, all with the same `decoder`.
    pub(crate) fn decode_next(
        &self,
        vector: usize,
        out: &mut Words,
        decoder: &mut PageDecoder,
    ) -> Result<usize, Error> {
        assert!(vector < self.vectors(), "vector {vector} of {}", self.vectors());
        let rows = vector_rows(self.rows, vector);
        if let Transform::Constant(value) = self.transform {
            out[..rows].fill(value);
            return Ok(rows);
        }
        let encoded = self.vector(vector)?;
        match &self.pages {
            Some(pages) => pages.decode(&encoded, decoder, &mut out[..rows])?,
            None => encoded.decode(rows, out)?,
        }
        match self.transform {
            Transform::Constant(_) | Transform::None => {}
            Transform::Scaled { divisor, offset } => {
                for word in &mut out[..rows] {
                    *word = word.wrapping_mul(divisor).wrapping_add(offset);
                }
            }
            Transform::Dictionary { base, entry_bytes, entries } => {
                let found = match entry_bytes {
                    1 => look_up(&mut out[..rows], base, entries.as_chunks().0, u8::from_le_bytes),
                    2 => look_up(&mut out[..rows], base, entries.as_chunks().0, u16::from_le_bytes),
                    4 => look_up(&mut out[..rows], base, entries.as_chunks().0, u32::from_le_bytes),
                    _ => look_up(&mut out[..rows], base, entries.as_chunks().0, u64::from_le_bytes),
                };
                found.ok_or(encoded.error("a code beyond the dictionary"))?;
            }
        }
        Ok(rows)
    }
}

/// Reads through `count` vectors, the first of which begins at the cursor.
fn find_starts(
    is_page: bool,
    mut cursor: Cursor<'_>,
    rows: usize,
    count: usize,
) -> Result<Starts, Error> {
    let (first, mut starts) = (cursor.offset(), Starts::default());
    for index in 0..count {
        parse_vector(is_page, &mut cursor, vector_rows(rows, index))?;
        // A vector, or a page, is less than 40 KiB.
        starts[index + 1] = (cursor.offset() - first) as u32;
    }
    Ok(starts)
}

fn parse_vector<'a>(
    is_page: bool,
    cursor: &mut Cursor<'a>,
    rows: usize,
) -> Result<Vector<'a>, Error> {
    if is_page { Pages::parse(cursor, rows) } else { Vector::parse(cursor, rows) }
}

impl<'a> Transform<'a> {
    /// Reads what stands behind the tag.
    fn parse(tag: u8, cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        match tag {
            CONSTANT => Ok(Self::Constant(cursor.zigzag()?)),
            VECTORS => Ok(Self::None),
            SCALED => {
                let start = cursor.offset();
                let (divisor, offset) = (cursor.varint()?, cursor.zigzag()?);
                if divisor < 2 {
                    return Err(Error::new(start, "a divisor that does not divide"));
                }
                Ok(Self::Scaled { divisor, offset })
            }
            DICTIONARY => {
                let count = cursor.count(MAX_BLOCK_ROWS, "a dictionary of too many entries")?;
                let entry_bytes = usize::from(cursor.u8()?);
                if ![1, 2, 4, 8].contains(&entry_bytes) {
                    return Err(cursor.error_before("dictionary entries of an odd size"));
                }
                let base = cursor.zigzag()?;
                Ok(Self::Dictionary {
                    base,
                    entry_bytes,
                    entries: cursor.take(count * entry_bytes)?,
                })
            }
            _ => Err(cursor.error_before("an unknown encoding of integers")),
        }
    }
}

/// Replaces codes by their entries; `None` when there is none.
fn look_up<const BYTES: usize, T: Into<u64>>(
    words: &mut [u64],
    base: u64,
    entries: &[[u8; BYTES]],
    read: fn([u8; BYTES]) -> T,
) -> Option<()> {
    for word in words {
        let entry = entries.get(usize::try_from(*word).ok()?)?;
        *word = base.wrapping_add(read(*entry).into());
    }
    Some(())
}

pub(crate) fn vector_count(rows: usize) -> usize {
    rows.div_ceil(VECTOR_ROWS)
}

pub(crate) fn vector_rows(rows: usize, vector: usize) -> usize {
    (rows - vector * VECTOR_ROWS).min(VECTOR_ROWS)
}

/// Puts `rows` of a column that has `column_rows` into `out`, which is as long, vector by vector.
pub(crate) fn decode_rows<T: Copy + Default>(
    rows: Range<usize>,
    column_rows: usize,
    mut out: &mut [T],
    mut decode_vector: impl FnMut(usize, &mut [T; VECTOR_ROWS]) -> Result<usize, Error>,
) -> Result<(), Error> {
    assert!(rows.start <= rows.end && rows.end <= column_rows, "rows {rows:?} of {column_rows}");
    assert!(rows.len() == out.len(), "{} rows into {}", rows.len(), out.len());
    let mut row = rows.start;
    while row < rows.end {
        let (vector, skipped) = (row / VECTOR_ROWS, row % VECTOR_ROWS);
        let count = (rows.end - row).min(VECTOR_ROWS - skipped);
        let (part, rest) = out.split_at_mut(count);
        match part.first_chunk_mut() {
            Some(whole) => {
                decode_vector(vector, whole)?;
            }
            None => {
                let mut whole = [T::default(); VECTOR_ROWS];
                decode_vector(vector, &mut whole)?;
                part.copy_from_slice(&whole[skipped..skipped + count]);
            }
        }
        (row, out) = (row + count, rest);
    }
    Ok(())
}

/// Makes room for `more` values at the end of `out`.
pub(crate) fn appended<T: Copy + Default>(
    out: &mut Vec<T>,
    more: usize,
) -> Result<&mut [T], TryReserveError> {
    let start = out.len();
    out.try_reserve(more)?;
    out.resize(start + more, T::default());
    Ok(&mut out[start..])
}
