//! Plain loops where those vectorise by themselves.

use crate::arch::Simd;

/// The plain loop: it vectorises, and its stores begin where `out` does, at a line of the cache
/// nearly always.
#[inline(always)]
pub(crate) fn deltas<S: Simd>(_: S, values: &[u64], first: u64, out: &mut [u64]) {
    let mut before = first;
    for (out, value) in out.iter_mut().zip(values) {
        *out = value.wrapping_sub(before);
        before = *value;
    }
}

#[inline(always)]
pub(crate) fn prefix_sum<S: Simd>(simd: S, values: &mut [u64], first: u64) {
    let (groups, rest) = values.as_chunks_mut::<8>();
    let mut before = simd.splat(first);
    for group in groups {
        let sums = simd.prefix_sum(simd.load(group));
        simd.store(simd.add(sums, before), group);
        // One addition from group to group; all else is outside of this chain.
        before = simd.add(before, simd.splat_last(sums));
    }
    let mut sum = simd.to_array(before)[0];
    for value in rest {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

#[inline(always)]
pub(crate) fn zigzag<S: Simd>(_: S, values: &mut [u64]) {
    for value in values {
        *value = (*value << 1) ^ (*value as i64 >> 63) as u64;
    }
}

#[inline(always)]
pub(crate) fn unzigzag<S: Simd>(_: S, values: &mut [u64]) {
    for value in values {
        *value = (*value >> 1) ^ (*value & 1).wrapping_neg();
    }
}
