//! Columns of numbers, element by element: sums, comparisons that become bitmaps, and what is done
//! with a bitmap.
//!
//! # Bitmaps
//! Element `i` is bit `i % 64` of word `i / 64`. A bitmap of `n` elements has exactly
//! [`words`]`(n)` words; what this module writes has zeros behind the last element, what it reads
//! may have anything there.
//!
//! # Rules
//! * **NaN** compares as in Rust: nothing is less than, equal to or greater than it, so that of the
//!   comparisons only [`Comparison::Ne`] selects it. ±0 are equal.
//! * **Rounding**: [`scale_add_f64`] rounds twice, after the multiplication and after the addition,
//!   on every processor. One rounding (FMA) would cost a hundred times the loop where the
//!   processor lacks the instruction, and gains nothing where it has it: the loop waits for memory.
//! * **Integers** wrap in [`add_i64`]; sums of [`sum_where_i64`] and [`sum_where_u64`] are exact.
//!
//! Integer prefix sums and differences are in [`delta`](crate::delta), sums over a bitmap in
//! [`reduce`](crate::reduce) (`moments_*_valid`).

mod arithmetic;
mod bitmap;
mod compare;
mod lookup;
mod select;

pub use arithmetic::{
    add_assign_f32, add_assign_f64, add_assign_i64, add_f32, add_f64, add_i64, prefix_sum_f64,
    scale_add_assign_f64, scale_add_f64,
};
pub use bitmap::{and_assign, and_not_assign, count_ones, not_assign, or_assign, words};
pub use compare::{
    Comparison, SumWhere, compare_columns_f64, compare_columns_i64, compare_columns_u64,
    compare_f64, compare_i64, compare_u64, sum_where_f64, sum_where_i64, sum_where_u64,
};
pub use lookup::{lookup_u8, lookup_u32, translate};
pub use select::{filter, filter_into, set_bits};

/// A type of 64 bits that columns are made of: `f64`, `i64`, `u64`.
pub trait Element: Copy + sealed::Sealed {}

impl Element for f64 {}
impl Element for i64 {}
impl Element for u64 {}

mod sealed {
    use std::mem::MaybeUninit;

    pub trait Sealed: Sized {
        /// The bits of each.
        #[inline]
        fn bits(values: &[Self]) -> &[u64] {
            const { assert!(size_of::<Self>() == 8 && align_of::<Self>() == align_of::<u64>()) };
            // SAFETY: size and alignment are those of a `u64`, and the types that implement the
            // trait, all of them below, have no padding: any of their values is a `u64`.
            unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
        }

        /// Memory for values as memory for their bits.
        #[inline]
        fn bits_uninit(memory: &mut [MaybeUninit<Self>]) -> &mut [MaybeUninit<u64>] {
            const { assert!(size_of::<Self>() == 8 && align_of::<Self>() == align_of::<u64>()) };
            // SAFETY: size and alignment are the same, and nothing is taken to be initialised.
            unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), memory.len()) }
        }

        /// Memory that holds values as their bits.
        #[inline]
        fn bits_mut(values: &mut [Self]) -> &mut [u64] {
            const { assert!(size_of::<Self>() == 8 && align_of::<Self>() == align_of::<u64>()) };
            // SAFETY: as in `bits`, and any `u64` is a value of the types that implement the trait.
            unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
        }
    }

    impl Sealed for f64 {}
    impl Sealed for i64 {}
    impl Sealed for u64 {}
}

/// Panics when two columns differ in length.
#[track_caller]
fn check_same(a: usize, b: usize, what: &str) {
    assert!(a == b, "{a} values, {b} {what}");
}

/// Panics when a bitmap has not the words that `values` need.
#[track_caller]
fn check_bitmap(values: usize, mask: &[u64]) {
    assert!(mask.len() == words(values), "{} words of bitmap for {values} values", mask.len());
}
