use super::{check_bitmap, check_same};
use crate::dispatch::dispatch;

/// How many words the bitmap of so many elements has.
#[must_use]
pub const fn words(elements: usize) -> usize {
    elements.div_ceil(64)
}

/// `a &= b`.
///
/// # Panics
/// When the lengths differ.
pub fn and_assign(a: &mut [u64], b: &[u64]) {
    check_same(a.len(), b.len(), "words");
    dispatch!(elementwise::and_assign(a: &mut [u64], b: &[u64]))
}

/// `a |= b`.
///
/// # Panics
/// When the lengths differ.
pub fn or_assign(a: &mut [u64], b: &[u64]) {
    check_same(a.len(), b.len(), "words");
    dispatch!(elementwise::or_assign(a: &mut [u64], b: &[u64]))
}

/// `a &= !b`.
///
/// # Panics
/// When the lengths differ.
pub fn and_not_assign(a: &mut [u64], b: &[u64]) {
    check_same(a.len(), b.len(), "words");
    dispatch!(elementwise::and_not_assign(a: &mut [u64], b: &[u64]))
}

/// Turns each of the first `elements` bits over and clears those behind them.
///
/// # Panics
/// When `mask` has not [`words`]`(elements)` words.
pub fn not_assign(mask: &mut [u64], elements: usize) {
    check_bitmap(elements, mask);
    dispatch!(elementwise::not_assign(mask: &mut [u64]));
    if let (Some(last), 1..) = (mask.last_mut(), elements % 64) {
        *last &= (1 << (elements % 64)) - 1;
    }
}

/// How many bits are set, those behind the last element too.
#[must_use]
pub fn count_ones(mask: &[u64]) -> u64 {
    dispatch!(elementwise::count_ones(mask: &[u64]) -> u64)
}
