//! The plain loop: its check is foreseen, and its loads keep pace with the stores. Gathers, which
//! the compiler makes where checks are done before, took 1.2 times as long on Zen 5.

use super::Elementwise;
use crate::arch::scalar::elementwise as scalar;

#[inline(always)]
pub(crate) fn lookup_u8<S: Elementwise>(
    _: S,
    codes: &[u8],
    table: &[u64],
    out: &mut [u64],
) -> bool {
    scalar::lookup_u8(codes, table, out)
}

#[inline(always)]
pub(crate) fn lookup_u32<S: Elementwise>(
    _: S,
    codes: &[u32],
    table: &[u64],
    out: &mut [u64],
) -> bool {
    scalar::lookup_u32(codes, table, out)
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
