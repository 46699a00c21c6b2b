use crate::arch::Simd;
use crate::arch::portable::Portable;
use crate::decimal::{Cells, eight_digits};

/// What the family needs beyond [`Simd`].
pub(crate) trait Decimal: Simd {
    #[inline(always)]
    fn cells(self, text: &[u8; 64], delimiter: u8, max: usize, out: &mut [[u64; 8]]) -> Cells {
        let mut ends = ends(self, self.bytes(text), delimiter);
        let (mut cells, mut start) = (Cells::default(), 0);
        for to in out.as_flattened_mut().iter_mut().take(max) {
            // Without any end left there are 64 bytes, which are too many.
            let end = ends.trailing_zeros() as usize;
            let Some(number) = number(text, start, end - start) else { break };
            *to = number;
            cells = Cells { count: cells.count + 1, end };
            start = end + 1;
            ends &= ends.wrapping_sub(1);
            if ends == 0 {
                break;
            }
        }
        cells
    }
}

impl Decimal for Portable {}

#[inline(always)]
pub(crate) fn cells<S: Decimal>(
    simd: S,
    text: &[u8; 64],
    delimiter: u8,
    max: usize,
    out: &mut [[u64; 8]],
) -> Cells {
    simd.cells(text, delimiter, max, out)
}

/// The delimiters and newlines, up to the first newline.
#[inline(always)]
pub(crate) fn ends<S: Simd>(simd: S, bytes: S::Bytes, delimiter: u8) -> u64 {
    let newlines = simd.equal(bytes, b'\n');
    (simd.equal(bytes, delimiter) | newlines) & (newlines ^ newlines.wrapping_sub(1))
}

/// The number that the one to eight bytes from `start` on say, if all are digits.
#[inline(always)]
fn number(text: &[u8; 64], start: usize, len: usize) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    if !(1..=8).contains(&len) {
        return None;
    }
    // The last eight bytes hold all there is behind byte 56.
    let from = start.min(text.len() - 8);
    let word = u64::from_le_bytes(*text[from..].first_chunk()?) >> (8 * (start - from));
    // The digits go to the highest bytes, zeros below them.
    let digits = (word ^ ZEROS) << (64 - 8 * len);
    // A byte above 9 sets its own highest bit, or has it.
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & HIGH != 0 {
        return None;
    }
    Some(eight_digits(digits))
}
