use super::Elementwise;
use crate::arch::scalar::elementwise as scalar;

/// Codes that are checked, then looked up: few enough that they stay in the first-level cache, and
/// the table with them.
const BLOCK: usize = 1024;

macro_rules! look_up {
    ($codes:expr, $table:expr, $out:expr, $block:ident => $in_bounds:expr) => {
        for ($block, out) in $codes.chunks(BLOCK).zip($out.chunks_mut(BLOCK)) {
            if !$in_bounds {
                return false;
            }
            for (out, code) in out.iter_mut().zip($block) {
                // Volatile, or the compiler makes a gather of it where there is one: slower than
                // loads one by one on Zen 5.
                // SAFETY: no code of the block is as great as the length of the table.
                *out = unsafe { $table.as_ptr().add(*code as usize).read_volatile() };
            }
        }
        return true;
    };
}

#[inline(always)]
pub(crate) fn lookup_u8<S: Elementwise>(
    _: S,
    codes: &[u8],
    table: &[u64],
    out: &mut [u64],
) -> bool {
    look_up!(codes, table, out, block => usize::from(greatest(block)) < table.len());
}

#[inline(always)]
fn greatest(codes: &[u8]) -> u8 {
    let mut greatest = 0;
    for code in codes {
        greatest = greatest.max(*code);
    }
    greatest
}

#[inline(always)]
pub(crate) fn lookup_u32<S: Elementwise>(
    _: S,
    codes: &[u32],
    table: &[u64],
    out: &mut [u64],
) -> bool {
    let last = match table.len().checked_sub(1).map(i32::try_from) {
        Some(Ok(last)) => last as u32,
        _ => return scalar::lookup_u32(codes, table, out),
    };
    look_up!(codes, table, out, block => none_beyond(block, last));
}

/// Whether no code is greater than `last`, which has 31 bits: then neither a code nor what it
/// lacks of `last` has the highest bit. SSE2 cannot compare without signs.
#[inline(always)]
fn none_beyond(codes: &[u32], last: u32) -> bool {
    let mut bits = 0;
    for code in codes {
        bits |= code | last.wrapping_sub(*code);
    }
    bits >> 31 == 0
}

#[inline(always)]
pub(crate) fn translate<S: Elementwise>(simd: S, bytes: &mut [u8], table: &[u8; 256]) {
    let (chunks, rest) = bytes.as_chunks_mut::<64>();
    for chunk in chunks {
        simd.translate(chunk, table);
    }
    for byte in rest {
        *byte = table[usize::from(*byte)];
    }
}
