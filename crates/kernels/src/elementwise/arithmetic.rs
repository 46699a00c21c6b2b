use super::check_same;
use crate::dispatch::dispatch;

macro_rules! functions {
    ($($ty:ty: $add:ident $add_assign:ident, $rounding:literal;)*) => {$(
        #[doc = concat!("`out[i] = a[i] + b[i]`, ", $rounding, ".")]
        ///
        /// # Panics
        /// When the lengths differ.
        pub fn $add(a: &[$ty], b: &[$ty], out: &mut [$ty]) {
            check_same(a.len(), b.len(), "to add");
            check_same(a.len(), out.len(), "sums");
            dispatch!(elementwise::$add(a: &[$ty], b: &[$ty], out: &mut [$ty]))
        }

        #[doc = concat!("`a[i] += b[i]`, ", $rounding, ".")]
        ///
        /// # Panics
        /// When the lengths differ.
        pub fn $add_assign(a: &mut [$ty], b: &[$ty]) {
            check_same(a.len(), b.len(), "to add");
            dispatch!(elementwise::$add_assign(a: &mut [$ty], b: &[$ty]))
        }
    )*};
}
functions! {
    f32: add_f32 add_assign_f32, "rounded once";
    f64: add_f64 add_assign_f64, "rounded once";
    i64: add_i64 add_assign_i64, "wrapping";
}

/// `out[i] = a[i] + scale * b[i]` in one pass, rounded after each of the two operations.
///
/// # Panics
/// When the lengths differ.
pub fn scale_add_f64(a: &[f64], scale: f64, b: &[f64], out: &mut [f64]) {
    check_same(a.len(), b.len(), "to add");
    check_same(a.len(), out.len(), "sums");
    dispatch!(elementwise::scale_add_f64(a: &[f64], scale: f64, b: &[f64], out: &mut [f64]))
}

/// `a[i] += scale * b[i]` in one pass, rounded after each of the two operations.
///
/// # Panics
/// When the lengths differ.
pub fn scale_add_assign_f64(a: &mut [f64], scale: f64, b: &[f64]) {
    check_same(a.len(), b.len(), "to add");
    dispatch!(elementwise::scale_add_assign_f64(a: &mut [f64], scale: f64, b: &[f64]))
}

/// `values[0] += first`, `values[i] += values[i - 1]`: running sums.
///
/// Groups of eight are summed in three steps (`x[i] += x[i - 1]`, then `x[i - 2]`, then `x[i - 4]`:
/// Hillis, Steele, "Data Parallel Algorithms", 1986), and what stands before a group is added last;
/// values behind the last whole group, one by one. So sum `i` is off by at most
/// `(i / 8 + 11) · 2⁻⁵³ · Σ|x|` to first order, where the plain loop's bracket is `i`.
/// [`Isa::Scalar`](crate::Isa::Scalar) *is* that loop; all other levels agree to the bit. A sum is
/// never −0, and NaN from the first NaN on.
pub fn prefix_sum_f64(values: &mut [f64], first: f64) {
    dispatch!(elementwise::prefix_sum_f64(values: &mut [f64], first: f64))
}
