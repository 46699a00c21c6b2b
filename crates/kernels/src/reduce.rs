//! Sums, extremes and moments of slices.
//!
//! # Rules
//! * **NaN**: [`min_max_f64`] skips them, [`moments_f64`] skips and counts them, [`sum_f64`] is NaN
//!   if any value is.
//! * **±0** are equal: of zeros of both signs, which one is the minimum or the maximum is not
//!   specified. A sum is never −0.
//! * **±∞** are values like others: they make the sum ±∞, or NaN if both occur, and `m2` NaN.
//! * **Integer** sums are exact, in `i128`.
//! * **Error**: a sum of `n` floats differs from the exact sum by at most
//!   `(37 + log₂(n / 1024)) · 2⁻⁵³ · Σ|x|` to first order: 32 lanes of 32 values in each block of
//!   1,024, added up as a tree, as are the blocks (Higham, "The Accuracy of Floating Point
//!   Summation", 1993). The left-to-right loop has `n` in place of the bracket.
//!   [`Isa::Scalar`](crate::Isa::Scalar) *is* that loop; all other levels agree with each other to
//!   the bit.
//! * **`m2`** is computed block by block, from the block's own mean, in a second pass over values
//!   that are still in the first-level cache, and blocks are merged as a tree (Chan, Golub,
//!   LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
//!   Its error is that of summing the squared distances, and of distances from means that are
//!   themselves rounded; no squares of large numbers cancel. For integers the distances are exact
//!   before they are rounded to `f64`, however large the values are.

use crate::dispatch::dispatch;
use std::fmt::Debug;

/// A type of number this module reduces: `f64`, `i64`, `u64`.
pub trait Number: Copy + Default + PartialOrd + Debug + sealed::Sealed {
    /// What sums are kept in: `f64` for floats, `i128` for integers.
    type Sum: Copy + Default + PartialEq + Debug;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
    impl Sealed for i64 {}
    impl Sealed for u64 {}
}

impl Number for f64 {
    type Sum = f64;
}
impl Number for f32 {
    type Sum = f64;
}
impl Number for i64 {
    type Sum = i128;
}
impl Number for u64 {
    type Sum = i128;
}

/// Count, sum, extremes and second moment of a slice, taken in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments<T: Number> {
    /// How many values, NaNs left out.
    pub count: u64,
    /// How many NaNs.
    pub nan_count: u64,
    /// Their sum.
    pub sum: T::Sum,
    /// The least, or 0 when `count` is 0.
    pub min: T,
    /// The greatest, or 0 when `count` is 0.
    pub max: T,
    /// The sum of squared distances from the mean.
    pub m2: f64,
}

/// The moments of all values. See the [module](self) for NaN, infinities and error.
#[must_use]
pub fn moments_f64(values: &[f64]) -> Moments<f64> {
    dispatch!(reduce::moments_f64(values: &[f64]) -> Moments<f64>)
}

/// The moments of the valid values: value `i` is valid if bit `(bit_offset + i) % 64` of word
/// `(bit_offset + i) / 64` of `validity` is set. What stands in the place of others is not looked
/// at.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn moments_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> Moments<f64> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::moments_f64_valid(
        values: &[f64], validity: &[u64], bit_offset: usize,
    ) -> Moments<f64>)
}

/// The sum; 0 for none, NaN if any value is NaN. Its error is bounded; see the
/// [module](self).
#[must_use]
pub fn sum_f64(values: &[f64]) -> f64 {
    dispatch!(reduce::sum_f64(values: &[f64]) -> f64)
}

/// [`sum_f64`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn sum_f64_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> f64 {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::sum_f64_valid(
        values: &[f64], validity: &[u64], bit_offset: usize,
    ) -> f64)
}

/// The least and the greatest value that is not NaN, or `None` if there is none.
#[must_use]
pub fn min_max_f64(values: &[f64]) -> Option<(f64, f64)> {
    dispatch!(reduce::min_max_f64(values: &[f64]) -> Option<(f64, f64)>)
}

/// [`min_max_f64`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn min_max_f64_valid(
    values: &[f64],
    validity: &[u64],
    bit_offset: usize,
) -> Option<(f64, f64)> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::min_max_f64_valid(
        values: &[f64], validity: &[u64], bit_offset: usize,
    ) -> Option<(f64, f64)>)
}

/// The moments of all values. In `f64` inside: the sum and `m2` are as exact as those of [`moments_f64`].
#[must_use]
pub fn moments_f32(values: &[f32]) -> Moments<f32> {
    dispatch!(reduce::moments_f32(values: &[f32]) -> Moments<f32>)
}

/// The moments of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn moments_f32_valid(values: &[f32], validity: &[u64], bit_offset: usize) -> Moments<f32> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::moments_f32_valid(
        values: &[f32], validity: &[u64], bit_offset: usize,
    ) -> Moments<f32>)
}

/// The sum, in single precision throughout: [`moments_f32`] has it in `f64`; 0 for none, NaN if any value is NaN. Its error is bounded; see the
/// [module](self).
#[must_use]
pub fn sum_f32(values: &[f32]) -> f32 {
    dispatch!(reduce::sum_f32(values: &[f32]) -> f32)
}

/// [`sum_f32`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn sum_f32_valid(values: &[f32], validity: &[u64], bit_offset: usize) -> f32 {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::sum_f32_valid(
        values: &[f32], validity: &[u64], bit_offset: usize,
    ) -> f32)
}

/// The least and the greatest value that is not NaN, or `None` if there is none.
#[must_use]
pub fn min_max_f32(values: &[f32]) -> Option<(f32, f32)> {
    dispatch!(reduce::min_max_f32(values: &[f32]) -> Option<(f32, f32)>)
}

/// [`min_max_f32`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn min_max_f32_valid(
    values: &[f32],
    validity: &[u64],
    bit_offset: usize,
) -> Option<(f32, f32)> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::min_max_f32_valid(
        values: &[f32], validity: &[u64], bit_offset: usize,
    ) -> Option<(f32, f32)>)
}

/// The moments of all values. `nan_count` is 0.
#[must_use]
pub fn moments_i64(values: &[i64]) -> Moments<i64> {
    dispatch!(reduce::moments_i64(values: &[i64]) -> Moments<i64>)
}

/// The moments of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn moments_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> Moments<i64> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::moments_i64_valid(
        values: &[i64], validity: &[u64], bit_offset: usize,
    ) -> Moments<i64>)
}

/// The sum, exactly.
#[must_use]
pub fn sum_i64(values: &[i64]) -> i128 {
    dispatch!(reduce::sum_i64(values: &[i64]) -> i128)
}

/// [`sum_i64`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn sum_i64_valid(values: &[i64], validity: &[u64], bit_offset: usize) -> i128 {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::sum_i64_valid(
        values: &[i64], validity: &[u64], bit_offset: usize,
    ) -> i128)
}

/// The least and the greatest value, or `None` if there is none.
#[must_use]
pub fn min_max_i64(values: &[i64]) -> Option<(i64, i64)> {
    dispatch!(reduce::min_max_i64(values: &[i64]) -> Option<(i64, i64)>)
}

/// [`min_max_i64`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn min_max_i64_valid(
    values: &[i64],
    validity: &[u64],
    bit_offset: usize,
) -> Option<(i64, i64)> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::min_max_i64_valid(
        values: &[i64], validity: &[u64], bit_offset: usize,
    ) -> Option<(i64, i64)>)
}

/// The moments of all values. `nan_count` is 0.
#[must_use]
pub fn moments_u64(values: &[u64]) -> Moments<u64> {
    dispatch!(reduce::moments_u64(values: &[u64]) -> Moments<u64>)
}

/// The moments of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn moments_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> Moments<u64> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::moments_u64_valid(
        values: &[u64], validity: &[u64], bit_offset: usize,
    ) -> Moments<u64>)
}

/// The sum, exactly.
#[must_use]
pub fn sum_u64(values: &[u64]) -> i128 {
    dispatch!(reduce::sum_u64(values: &[u64]) -> i128)
}

/// [`sum_u64`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn sum_u64_valid(values: &[u64], validity: &[u64], bit_offset: usize) -> i128 {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::sum_u64_valid(
        values: &[u64], validity: &[u64], bit_offset: usize,
    ) -> i128)
}

/// The least and the greatest value, or `None` if there is none.
#[must_use]
pub fn min_max_u64(values: &[u64]) -> Option<(u64, u64)> {
    dispatch!(reduce::min_max_u64(values: &[u64]) -> Option<(u64, u64)>)
}

/// [`min_max_u64`] of the valid values, as [`moments_f64_valid`] has it.
///
/// # Panics
/// When `validity` has fewer than `bit_offset + values.len()` bits.
#[must_use]
pub fn min_max_u64_valid(
    values: &[u64],
    validity: &[u64],
    bit_offset: usize,
) -> Option<(u64, u64)> {
    check(values.len(), validity, bit_offset);
    dispatch!(reduce::min_max_u64_valid(
        values: &[u64], validity: &[u64], bit_offset: usize,
    ) -> Option<(u64, u64)>)
}

/// The sum of the products of values of the same place; 0 for none. Its error is bounded;
/// see the [module](self).
///
/// # Panics
/// When `a` and `b` differ in length.
#[must_use]
pub fn dot_f64(a: &[f64], b: &[f64]) -> f64 {
    check_pairs(a.len(), b.len());
    dispatch!(reduce::dot_f64(a: &[f64], b: &[f64]) -> f64)
}

/// [`dot_f64`] of the places that are valid, as [`moments_f64_valid`] has it: where `a` and `b` have
/// a bitmap each, combine the two by `&` word by word.
///
/// # Panics
/// When `a` and `b` differ in length, or `validity` has fewer than `bit_offset + a.len()` bits.
#[must_use]
pub fn dot_f64_valid(a: &[f64], b: &[f64], validity: &[u64], bit_offset: usize) -> f64 {
    check_pairs(a.len(), b.len());
    check(a.len(), validity, bit_offset);
    dispatch!(reduce::dot_f64_valid(
        a: &[f64], b: &[f64], validity: &[u64], bit_offset: usize,
    ) -> f64)
}

/// The sum of the products of values of the same place, in single precision throughout; 0 for none. Its error is bounded;
/// see the [module](self).
///
/// # Panics
/// When `a` and `b` differ in length.
#[must_use]
pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    check_pairs(a.len(), b.len());
    dispatch!(reduce::dot_f32(a: &[f32], b: &[f32]) -> f32)
}

/// [`dot_f32`] of the places that are valid, as [`moments_f64_valid`] has it: where `a` and `b` have
/// a bitmap each, combine the two by `&` word by word.
///
/// # Panics
/// When `a` and `b` differ in length, or `validity` has fewer than `bit_offset + a.len()` bits.
#[must_use]
pub fn dot_f32_valid(a: &[f32], b: &[f32], validity: &[u64], bit_offset: usize) -> f32 {
    check_pairs(a.len(), b.len());
    check(a.len(), validity, bit_offset);
    dispatch!(reduce::dot_f32_valid(
        a: &[f32], b: &[f32], validity: &[u64], bit_offset: usize,
    ) -> f32)
}

/// The sum of the products of values of the same place, exactly as long as it has 127 bits; beyond,
/// it wraps around.
///
/// # Panics
/// When `a` and `b` differ in length.
#[must_use]
pub fn dot_i64(a: &[i64], b: &[i64]) -> i128 {
    check_pairs(a.len(), b.len());
    dispatch!(reduce::dot_i64(a: &[i64], b: &[i64]) -> i128)
}

fn check_pairs(a: usize, b: usize) {
    assert!(a == b, "{a} and {b} values have no dot product");
}

fn check(values: usize, validity: &[u64], bit_offset: usize) {
    let bits = bit_offset.checked_add(values);
    assert!(
        bits.is_some_and(|bits| bits.div_ceil(64) <= validity.len()),
        "{} words of validity for {values} values from bit {bit_offset} on",
        validity.len(),
    );
}
