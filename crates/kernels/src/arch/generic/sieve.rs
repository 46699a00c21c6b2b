use crate::arch::Simd;
use crate::sieve::{AT_ONCE, STRIDE};

/// Keeps the bits that are in all patterns.
#[inline(always)]
pub(crate) fn overlay<S: Simd>(
    simd: S,
    bytes: &mut [u8; STRIDE],
    patterns: &[&[u8; STRIDE]; AT_ONCE],
) {
    let patterns = patterns.map(|pattern| pattern.as_chunks::<64>().0);
    let (blocks, _) = bytes.as_chunks_mut::<64>();
    for (number, block) in blocks.iter_mut().enumerate() {
        let mut kept = simd.load_bytes(block);
        for pattern in patterns {
            kept = simd.and(kept, simd.load_bytes(&pattern[number]));
        }
        simd.store_bytes(kept, block);
    }
}

#[inline(always)]
pub(crate) fn count_ones<S: Simd>(_simd: S, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut ones = 0;
    for word in words {
        ones += u64::from(u64::from_le_bytes(*word).count_ones());
    }
    for byte in rest {
        ones += u64::from(byte.count_ones());
    }
    ones
}
