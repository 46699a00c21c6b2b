//! Plain loops where those vectorise by themselves.

use super::Elementwise;

#[inline(always)]
pub(crate) fn and_assign<S: Elementwise>(_: S, a: &mut [u64], b: &[u64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a &= b;
    }
}

#[inline(always)]
pub(crate) fn or_assign<S: Elementwise>(_: S, a: &mut [u64], b: &[u64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a |= b;
    }
}

#[inline(always)]
pub(crate) fn and_not_assign<S: Elementwise>(_: S, a: &mut [u64], b: &[u64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a &= !b;
    }
}

#[inline(always)]
pub(crate) fn not_assign<S: Elementwise>(_: S, mask: &mut [u64]) {
    for word in mask {
        *word = !*word;
    }
}

#[inline(always)]
pub(crate) fn count_ones<S: Elementwise>(_: S, mask: &[u64]) -> u64 {
    let mut count = 0;
    for word in mask {
        count += u64::from(word.count_ones());
    }
    count
}
