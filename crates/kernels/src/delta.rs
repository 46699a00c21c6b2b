//! Differences of neighbours and back, and signed numbers as small unsigned ones. All arithmetic
//! wraps, so that signed integers go through as their bits and nothing overflows.

use crate::dispatch::dispatch;

/// `out[0] = values[0] - first`, `out[i] = values[i] - values[i - 1]`.
///
/// # Panics
/// When `values` and `out` differ in length.
pub fn deltas(values: &[u64], first: u64, out: &mut [u64]) {
    assert!(values.len() == out.len(), "{} values, {} deltas", values.len(), out.len());
    dispatch!(delta::deltas(values: &[u64], first: u64, out: &mut [u64]))
}

/// `values[0] += first`, `values[i] += values[i - 1]`, from left to right: the inverse of
/// [`deltas`].
pub fn prefix_sum(values: &mut [u64], first: u64) {
    dispatch!(delta::prefix_sum(values: &mut [u64], first: u64))
}

/// Takes each value as an `i64` and puts the sign into the lowest bit: 0, −1, 1, −2, 2 become 0,
/// 1, 2, 3, 4.
pub fn zigzag(values: &mut [u64]) {
    dispatch!(delta::zigzag(values: &mut [u64]))
}

/// The inverse of [`zigzag`].
pub fn unzigzag(values: &mut [u64]) {
    dispatch!(delta::unzigzag(values: &mut [u64]))
}
