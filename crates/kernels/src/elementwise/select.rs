use super::{Element, check_bitmap, count_ones};
use crate::dispatch::dispatch;
use std::mem::MaybeUninit;

/// Appends to `out` the values whose bit is set, in their order. Room is made once, for as many as
/// there are; bits behind the last value are not looked at.
///
/// # Panics
/// When `mask` has not [`words`](super::words)`(values.len())` words.
pub fn filter<T: Element>(values: &[T], mask: &[u64], out: &mut Vec<T>) {
    let count = selected(values.len(), mask);
    out.reserve(count);
    let written = compact(T::bits(values), mask, T::bits_uninit(out.spare_capacity_mut()));
    assert!(written == count, "{written} values of {count}");
    // SAFETY: so many were written behind the old ones.
    unsafe { out.set_len(out.len() + count) };
}

/// Writes the values whose bit is set to the front of `out`, in their order, and returns how many
/// they are. What stands behind them in `out` may be overwritten; bits behind the last value are
/// not looked at.
///
/// # Panics
/// When `mask` has not [`words`](super::words)`(values.len())` words, or `out` is shorter than what
/// is selected.
pub fn filter_into<T: Element>(values: &[T], mask: &[u64], out: &mut [T]) -> usize {
    let count = selected(values.len(), mask);
    assert!(count <= out.len(), "{count} values for room of {}", out.len());
    let bits = T::bits_mut(out);
    let (len, start) = (bits.len(), bits.as_mut_ptr().cast());
    // SAFETY: the memory of `out`, as that of `u64`s, which any values of `T` are and the other way
    // round; `compact` writes nothing that is not initialised.
    compact(T::bits(values), mask, unsafe { std::slice::from_raw_parts_mut(start, len) })
}

/// Appends to `out` the number of each bit that is set, ascending.
///
/// # Panics
/// When `mask` has more than 2²⁶ words: numbers have 32 bits.
pub fn set_bits(mask: &[u64], out: &mut Vec<u32>) {
    assert!(mask.len() <= 1 << 26, "{} words of bitmap", mask.len());
    // A group of 64 is written at once, whatever of it counts.
    out.reserve(count_ones(mask) as usize + 64);
    dispatch!(elementwise::set_bits(mask: &[u64], out: &mut Vec<u32>))
}

/// How many of `values` are selected.
#[track_caller]
fn selected(values: usize, mask: &[u64]) -> usize {
    check_bitmap(values, mask);
    let behind = match (mask.last(), values % 64) {
        (Some(last), used @ 1..) => (last >> used).count_ones(),
        _ => 0,
    };
    count_ones(mask) as usize - behind as usize
}

fn compact(values: &[u64], mask: &[u64], out: &mut [MaybeUninit<u64>]) -> usize {
    dispatch!(elementwise::filter(
        values: &[u64],
        mask: &[u64],
        out: &mut [MaybeUninit<u64>],
    ) -> usize)
}
