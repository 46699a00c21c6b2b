//! Dense matrices in row-major order: products and transposes.
//!
//! A matrix of `rows` x `columns` is a slice of as many elements, the first row first. The product
//! is computed as in BLIS (Van Zee, van de Geijn: "BLIS: A Framework for Rapidly Instantiating BLAS
//! Functionality", ACM TOMS 2015): blocks of both matrices are copied into panels that caches hold
//! and that are read in order, and a tile of the product stays in registers while two panels are
//! gone through.
//!
//! # Rounding
//! [`multiply`] uses fused multiplication and addition where the processor has it, and adds the
//! products in another order than the loop that defines it. This is the one family whose vector
//! levels ([`Isa`](crate::Isa)) do not agree to the bit. At every level each element of the product is
//! within `k * EPSILON * (|A| |B|)` of the real one, where `k` is the number of products it is the
//! sum of and `|A| |B|` the product of the absolute values (Higham, "Accuracy and Stability of
//! Numerical Algorithms", 3.5). The number of threads never changes the answer.

mod multiply;
mod scratch;
mod transpose;

pub use multiply::{Number, multiply, multiply_blocked, multiply_naive, multiply_parallel};
pub use transpose::{Element, transpose, transpose_naive, transpose_parallel, transpose_recursive};

use std::fmt;

/// Rows of a panel of the left matrix, and of a tile of the product. With 24 accumulators of 512
/// bits, three loads of the right matrix, and one element of the left in all lanes, 28 of 32
/// registers are in use.
pub(crate) const ROWS: usize = 8;
/// Columns of a panel of the right matrix: three registers of 512 bits.
pub(crate) const COLUMNS_F64: usize = 24;
/// The same for `f32`.
pub(crate) const COLUMNS_F32: usize = 48;

/// The length of a slice is not what the shape of its matrix asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// Which matrix: `a`, `b`, `c`, `from` or `to`.
    pub matrix: &'static str,
    /// Its rows and columns.
    pub shape: [usize; 2],
    /// How many elements the slice has.
    pub elements: usize,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { matrix, shape: [rows, columns], elements } = self;
        write!(f, "{matrix} is {rows} x {columns}, but has {elements} elements")
    }
}

impl std::error::Error for ShapeError {}

/// Checks that a slice of `elements` is a matrix of this shape.
fn check(matrix: &'static str, shape: [usize; 2], elements: usize) -> Result<(), ShapeError> {
    if shape[0].checked_mul(shape[1]) == Some(elements) {
        return Ok(());
    }
    Err(ShapeError { matrix, shape, elements })
}

/// A float of 8 or 4 bytes, seen as the bits it is made of.
pub(crate) trait Bits: Copy {
    type Bits;
}
impl Bits for f64 {
    type Bits = u64;
}
impl Bits for f32 {
    type Bits = u32;
}

/// Floats as bits.
#[inline(always)]
pub(crate) fn bits<T: Bits>(values: &[T]) -> &[T::Bits] {
    const { assert!(size_of::<T>() == size_of::<T::Bits>()) };
    const { assert!(align_of::<T>() == align_of::<T::Bits>()) };
    // SAFETY: only `f64` and `f32` are `Bits`, by integers of their size and alignment, and any
    // bits are a value of either.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// The same, to be written.
#[inline(always)]
pub(crate) fn bits_mut<T: Bits>(values: &mut [T]) -> &mut [T::Bits] {
    const { assert!(size_of::<T>() == size_of::<T::Bits>()) };
    const { assert!(align_of::<T>() == align_of::<T::Bits>()) };
    // SAFETY: as in `bits`; the borrow is handed on.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}
