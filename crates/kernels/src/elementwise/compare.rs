use super::{check_bitmap, check_same};
use crate::dispatch::dispatch;
use crate::reduce::Number;

/// How a value stands to another: `value <comparison> constant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Equal.
    Eq,
    /// Not equal, which a NaN is to everything.
    Ne,
}

impl Comparison {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Lt, Self::Le, Self::Gt, Self::Ge, Self::Eq, Self::Ne];

    /// Whether `a` so stands to `b`.
    #[must_use]
    pub fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Self::Lt => a < b,
            Self::Le => a <= b,
            Self::Gt => a > b,
            Self::Ge => a >= b,
            Self::Eq => a == b,
            Self::Ne => a != b,
        }
    }
}

/// The sum of selected values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SumWhere<T: Number> {
    /// How many were selected.
    pub count: u64,
    /// Their sum.
    pub sum: T::Sum,
}

macro_rules! functions {
    ($($ty:ty: $compare:ident $columns:ident;)*) => {$(
        /// Sets bit `i` of `mask` where `values[i] <comparison> constant` holds, and clears all
        /// others, those behind the last value too.
        ///
        /// # Panics
        /// When `mask` has not [`words`](super::words)`(values.len())` words.
        pub fn $compare(values: &[$ty], comparison: Comparison, constant: $ty, mask: &mut [u64]) {
            check_bitmap(values.len(), mask);
            dispatch!(elementwise::$compare(
                values: &[$ty],
                comparison: Comparison,
                constant: $ty,
                mask: &mut [u64],
            ))
        }

        /// Sets bit `i` of `mask` where `a[i] <comparison> b[i]` holds, and clears all others,
        /// those behind the last value too.
        ///
        /// # Panics
        /// When `a` and `b` differ in length, or `mask` has not
        /// [`words`](super::words)`(a.len())` words.
        pub fn $columns(a: &[$ty], comparison: Comparison, b: &[$ty], mask: &mut [u64]) {
            check_same(a.len(), b.len(), "to compare with");
            check_bitmap(a.len(), mask);
            dispatch!(elementwise::$columns(
                a: &[$ty],
                comparison: Comparison,
                b: &[$ty],
                mask: &mut [u64],
            ))
        }
    )*};
}
functions! {
    f64: compare_f64 compare_columns_f64;
    i64: compare_i64 compare_columns_i64;
    u64: compare_u64 compare_columns_u64;
}

/// The sum of the values for which `value <comparison> constant` holds, without a branch on any.
///
/// It follows the rules of [`reduce`](crate::reduce): with all `n` values counted, its error is at
/// most `(37 + log₂(n / 1024)) · 2⁻⁵³ · Σ|x|` over the selected ones, and it is never −0. Only
/// [`Comparison::Ne`] selects NaNs, and makes the sum NaN.
#[must_use]
pub fn sum_where_f64(values: &[f64], comparison: Comparison, constant: f64) -> SumWhere<f64> {
    dispatch!(elementwise::sum_where_f64(
        values: &[f64], comparison: Comparison, constant: f64,
    ) -> SumWhere<f64>)
}

/// The sum of the values for which `value <comparison> constant` holds, exactly, without a branch
/// on any.
#[must_use]
pub fn sum_where_i64(values: &[i64], comparison: Comparison, constant: i64) -> SumWhere<i64> {
    dispatch!(elementwise::sum_where_i64(
        values: &[i64], comparison: Comparison, constant: i64,
    ) -> SumWhere<i64>)
}

/// The sum of the values for which `value <comparison> constant` holds, exactly, without a branch
/// on any.
#[must_use]
pub fn sum_where_u64(values: &[u64], comparison: Comparison, constant: u64) -> SumWhere<u64> {
    dispatch!(elementwise::sum_where_u64(
        values: &[u64], comparison: Comparison, constant: u64,
    ) -> SumWhere<u64>)
}
