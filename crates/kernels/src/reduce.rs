//! Sums, extremes, moments and dot products of slices, with and without a validity bitmap.
//!
//! # Rules
//! * **NaN**: `min_max` skips them, `moments` skips and counts them, `sum` and `dot` are NaN if any
//!   value is.
//! * **±0** are equal: of zeros of both signs, which one is the minimum or the maximum is not
//!   specified. A sum is never −0.
//! * **±∞** are values like others: they make the sum ±∞, or NaN if both occur, and `m2` NaN.
//! * **Integer** sums are exact, in `i128`.
//! * All levels agree to the bit, but for [`Isa::Scalar`](crate::Isa::Scalar), which is the
//!   left-to-right loop.
//!
//! # Error
//! To first order, with `u = 2⁻⁵³` (2⁻²⁴ in [`sum_f32`] and [`dot_f32`]), for `n` values:
//! * **Sums** differ from the exact one by at most `(39 + log₂(n / 2048)) · u · Σ|x|`: lanes of 32
//!   values in each block, added up as a tree, as are the blocks (Higham, "The Accuracy of Floating
//!   Point Summation", 1993). The left-to-right loop has `n` in place of the bracket. **Dot
//!   products**: one more, relative to `Σ|a·b|`.
//! * **`moments`** take each block of 2,048 values (1,024 where not all are valid) in one pass, as their distances from a shift
//!   near the mean; the block proves afterwards that it was near enough, and is done again in two
//!   passes if it was not. The sum's error is at most `(119 + log₂(n / 1024)) · u · Σ|x|`. `m2` of
//!   a block is exact to `192·u·m2`, however far from zero the values are, and 0 for 16 or more
//!   equal values. Two passes instead have `41·u·m2` and the square of the error of the block's mean, `n` times.
//!   Blocks are merged as a tree (Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm
//!   for Computing Sample Variances", 1979), by means that are themselves rounded. For integers the
//!   distances are exact before they are rounded to `f64`, however large the values are.

use crate::dispatch::dispatch;
use std::fmt::Debug;

/// A type of number this module reduces: `f64`, `f32`, `i64`, `u64`.
pub trait Number: Copy + Default + PartialOrd + Debug + sealed::Sealed {
    /// What sums are kept in: `f64` for floats, `i128` for integers.
    type Sum: Copy + Default + PartialEq + Debug;

    /// A sum, rounded to the nearest `f64`.
    fn sum_as_f64(sum: Self::Sum) -> f64;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
    impl Sealed for i64 {}
    impl Sealed for u64 {}
}

macro_rules! number {
    ($($ty:ty, $sum:ty;)*) => {$(
        impl Number for $ty {
            type Sum = $sum;

            fn sum_as_f64(sum: $sum) -> f64 {
                sum as f64
            }
        }
    )*};
}
number! {
    f64, f64;
    f32, f64;
    i64, i128;
    u64, i128;
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

impl<T: Number> Moments<T> {
    /// The arithmetic mean; `None` when `count` is 0.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| T::sum_as_f64(self.sum) / self.count as f64)
    }

    /// The variance of the values as a whole population, `m2 / count`; `None` when `count` is 0.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count > 0).then(|| self.m2 / self.count as f64)
    }

    /// The variance of what the values are a sample of, `m2 / (count - 1)`; `None` when `count` is
    /// less than 2.
    #[must_use]
    pub fn sample_variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.m2 / (self.count - 1) as f64)
    }

    /// The root of [`variance`](Self::variance).
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The root of [`sample_variance`](Self::sample_variance).
    #[must_use]
    pub fn sample_stddev(&self) -> Option<f64> {
        self.sample_variance().map(f64::sqrt)
    }
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
