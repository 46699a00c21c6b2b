//! Sums of a column of integers, vector after vector, for which most encodings need not be decoded.

use crate::bytes::Cursor;
use crate::ints::{CONSTANT, PAGES, Transform, vector_rows};
use crate::vector::Vector;
use crate::{Error, MAX_BLOCK_ROWS};

/// An encoded column of integers that is summed up: only the vectors that it has come to are read and checked, and
/// nothing behind them.
#[derive(Clone, Copy, Debug)]
pub struct IntSums<'a> {
    rows: usize,
    /// Words are multiplied by it…
    factor: u64,
    /// …and this is added to each.
    each: u64,
    cursor: Cursor<'a>,
    vector: Vector<'a>,
    /// Vectors that were come to: the present one is the last of them.
    begun: usize,
}

/// Reads the header of a column of `rows` integers; `None`: sums take no less than decoding, because its words are
/// codes of a dictionary, or lie in pages.
///
/// # Errors
/// When these are not the bytes of such a column.
pub fn int_sums(bytes: &[u8], rows: usize) -> Result<Option<IntSums<'_>>, Error> {
    let mut cursor = Cursor::new(bytes);
    if rows > MAX_BLOCK_ROWS {
        return Err(cursor.error("a block of too many rows"));
    }
    let tag = cursor.u8()?;
    if tag == PAGES {
        return Ok(None);
    }
    let (factor, each) = match Transform::parse(tag, &mut cursor)? {
        Transform::Constant(value) => (0, value),
        Transform::None => (1, 0),
        Transform::Scaled { divisor, offset } => (divisor, offset),
        Transform::Dictionary { .. } => return Ok(None),
    };
    debug_assert!((factor == 0) == (tag == CONSTANT), "divisors are at least 2");
    Ok(Some(IntSums { rows, factor, each, cursor, vector: Vector::default(), begun: 0 }))
}

impl IntSums<'_> {
    /// Comes to the next vector: before this was called once there is none.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is none.
    pub fn advance(&mut self) -> Result<(), Error> {
        let vector = self.begun;
        assert!(
            vector < self.rows.div_ceil(crate::VECTOR_ROWS),
            "vector {vector} of {} rows",
            self.rows
        );
        if self.factor != 0 {
            self.vector = Vector::parse(&mut self.cursor, vector_rows(self.rows, vector))?;
        }
        self.begun += 1;
        Ok(())
    }

    /// The sums of the first `ends[i]` rows of the present vector, wrapping, over `sums`, which is as long.
    ///
    /// # Errors
    /// When its bytes are corrupt.
    ///
    /// # Panics
    /// When there is no vector yet, or `ends` don't ascend to at most its rows.
    pub fn prefix_sums(&self, ends: &[u16], sums: &mut [u64]) -> Result<(), Error> {
        assert!(self.begun > 0, "sums before the first vector");
        let rows = vector_rows(self.rows, self.begun - 1);
        assert!(
            ends.is_sorted() && ends.last().is_none_or(|end| usize::from(*end) <= rows),
            "ends that don't ascend to {rows}: {ends:?}"
        );
        assert!(ends.len() == sums.len(), "{} ends, {} sums", ends.len(), sums.len());
        if self.factor == 0 {
            sums.fill(0);
        } else {
            self.vector.prefix_sums(rows, ends, sums)?;
        }
        for (end, sum) in ends.iter().zip(sums) {
            let each = self.each.wrapping_mul(u64::from(*end));
            *sum = sum.wrapping_mul(self.factor).wrapping_add(each);
        }
        Ok(())
    }
}
