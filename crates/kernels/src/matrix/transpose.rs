use super::{ShapeError, check};
use crate::dispatch::dispatch;
use rayon::prelude::*;

/// Elements of 4 and 8 bytes that can be transposed: integers and floats. Their bits are moved, so
/// that no NaN changes.
pub trait Element: Kernels {}

/// The dispatched function for elements of a size; private, so that nobody else implements it.
pub trait Kernels: Copy + Send + Sync {
    #[doc(hidden)]
    fn transpose(
        from: &[Self],
        from_stride: usize,
        to: &mut [Self],
        to_stride: usize,
        shape: [usize; 2],
    );
}

macro_rules! element {
    ($bits:ty, $name:ident: $($t:ty),*) => {$(
        impl Element for $t {}
        impl Kernels for $t {
            fn transpose(
                from: &[$t],
                from_stride: usize,
                to: &mut [$t],
                to_stride: usize,
                shape: [usize; 2],
            ) {
                // SAFETY: the integer has the size and alignment of the type, and any bits are a
                // value of both.
                let (from, to): (&[$bits], &mut [$bits]) = unsafe {
                    (
                        std::slice::from_raw_parts(from.as_ptr().cast(), from.len()),
                        std::slice::from_raw_parts_mut(to.as_mut_ptr().cast(), to.len()),
                    )
                };
                dispatch!(matrix::$name(
                    from: &[$bits],
                    from_stride: usize,
                    to: &mut [$bits],
                    to_stride: usize,
                    shape: [usize; 2],
                ))
            }
        }
    )*};
}
element!(u64, transpose_u64: u64, i64, f64);
element!(u32, transpose_u32: u32, i32, f32);

/// Writes the transpose of `from`, `rows` x `columns`, to `to`: `columns` x `rows`.
///
/// ```
/// # use tidemill_kernels::matrix;
/// let mut to = [0; 6];
/// matrix::transpose(&[1, 2, 3, 4, 5, 6], &mut to, 2, 3)?;
/// assert_eq!(to, [1, 4, 2, 5, 3, 6]);
/// # Ok::<(), matrix::ShapeError>(())
/// ```
///
/// Needs 136 KiB of the stack. From 8 MiB on it writes past the caches.
///
/// # Errors
/// When a slice does not have as many elements as its matrix; `to` is then as it was.
pub fn transpose<T: Element>(
    from: &[T],
    to: &mut [T],
    rows: usize,
    columns: usize,
) -> Result<(), ShapeError> {
    check_both(from, to, rows, columns)?;
    T::transpose(from, columns, to, rows, [rows, columns]);
    Ok(())
}

/// [`transpose`] on all threads of the `rayon` pool of the caller.
///
/// # Errors
/// As [`transpose`].
pub fn transpose_parallel<T: Element>(
    from: &[T],
    to: &mut [T],
    rows: usize,
    columns: usize,
) -> Result<(), ShapeError> {
    check_both(from, to, rows, columns)?;
    if to.is_empty() {
        return Ok(());
    }
    let piece = columns.div_ceil(rayon::current_num_threads()).next_multiple_of(128);
    to.par_chunks_mut(piece * rows).enumerate().for_each(|(index, to)| {
        let piece_columns = to.len() / rows;
        T::transpose(&from[index * piece..], columns, to, rows, [rows, piece_columns]);
    });
    Ok(())
}

/// The definition: row by row, each element to its place.
///
/// # Errors
/// As [`transpose`].
pub fn transpose_naive<T: Element>(
    from: &[T],
    to: &mut [T],
    rows: usize,
    columns: usize,
) -> Result<(), ShapeError> {
    check_both(from, to, rows, columns)?;
    for row in 0..rows {
        for column in 0..columns {
            to[column * rows + row] = from[row * columns + column];
        }
    }
    Ok(())
}

/// Halves of halves, so that some size fits each cache, whatever it is (Frigo, Leiserson, Prokop,
/// Ramachandran: "Cache-Oblivious Algorithms", FOCS 1999), down to 64 x 64 elements, which are
/// transposed as [`transpose`] does. To compare with: it knows no sizes, yet nothing of lines and
/// pages either.
///
/// # Errors
/// As [`transpose`].
pub fn transpose_recursive<T: Element>(
    from: &[T],
    to: &mut [T],
    rows: usize,
    columns: usize,
) -> Result<(), ShapeError> {
    check_both(from, to, rows, columns)?;
    if !to.is_empty() {
        halves(from, columns, to, rows, [rows, columns]);
    }
    Ok(())
}

fn halves<T: Element>(
    from: &[T],
    from_stride: usize,
    to: &mut [T],
    to_stride: usize,
    [rows, columns]: [usize; 2],
) {
    if rows.max(columns) <= 64 {
        T::transpose(from, from_stride, to, to_stride, [rows, columns]);
    } else if rows >= columns {
        let half = (rows / 2).next_multiple_of(8);
        halves(from, from_stride, to, to_stride, [half, columns]);
        let from = &from[half * from_stride..];
        halves(from, from_stride, &mut to[half..], to_stride, [rows - half, columns]);
    } else {
        let half = (columns / 2).next_multiple_of(8);
        halves(from, from_stride, to, to_stride, [rows, half]);
        let to = &mut to[half * to_stride..];
        halves(&from[half..], from_stride, to, to_stride, [rows, columns - half]);
    }
}

fn check_both<T>(from: &[T], to: &[T], rows: usize, columns: usize) -> Result<(), ShapeError> {
    check("from", [rows, columns], from.len())?;
    check("to", [columns, rows], to.len())
}
