//! Decimal numbers in text, several of them at once.

use crate::dispatch::dispatch;

/// What [`cells`] has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// How many cells.
    pub count: usize,
    /// Where the delimiter or newline behind the last of them stands; 0 when there is none.
    pub end: usize,
}

/// The number of eight digits, the first in the lowest byte; each byte is 0 to 9, not a character (D. Lemire,
/// *Quickly parsing eight digits*, 2018). Of other bytes it makes any number.
///
/// ```
/// assert_eq!(tidemill_kernels::decimal::eight_digits(u64::from_le_bytes([0, 0, 1, 2, 3, 4, 5, 6])), 123_456);
/// ```
#[must_use]
#[inline(always)]
pub fn eight_digits(digits: u64) -> u64 {
    const MASK: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & MASK).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & MASK).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Reads the cells that `text` begins with, up to `max`, as far as each is a number of one to eight
/// digits and ends before a `delimiter` or a newline that is in `text`, too. Behind a newline there
/// are no more cells. `out` gets the numbers, eight a group; what is behind the last one in its
/// group is overwritten by anything.
///
/// It stops before any other cell: an empty or a longer one, one with a sign, a point, a blank, a
/// quote. Whoever meets such a cell reads it otherwise and goes on behind it.
///
/// The digits of eight cells are moved to the ends of the eight lanes of a register and multiplied
/// there as in W. Muła's *SIMD-ized parsing of series of integers* (2018); without AVX-512, cell by
/// cell within words of 64 bits.
///
/// ```
/// # use tidemill_kernels::decimal::{Cells, cells};
/// let text = *b"12,7,-3,5                                                       ";
/// let mut out = [[0; 8]];
/// assert_eq!(cells(&text, b',', 8, &mut out), Cells { count: 2, end: 4 });
/// assert_eq!(out[0][..2], [12, 7]);
/// ```
///
/// # Panics
/// When `out` has not a group for each eight of `max` cells.
pub fn cells(text: &[u8; 64], delimiter: u8, max: usize, out: &mut [[u64; 8]]) -> Cells {
    assert!(out.len() >= max.div_ceil(8), "{} groups for {max} cells", out.len());
    dispatch!(decimal::cells(
        text: &[u8; 64],
        delimiter: u8,
        max: usize,
        out: &mut [[u64; 8]],
    ) -> Cells)
}
