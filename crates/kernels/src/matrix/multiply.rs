use super::scratch::Scratch;
use super::{COLUMNS_F32, COLUMNS_F64, ROWS, ShapeError, check};
use crate::dispatch::dispatch;
use rayon::prelude::*;

/// Bytes of a panel of the right matrix, which every panel of the left one passes: 256 rows of it.
/// At that depth what is read and written of the product is small beside what is computed, and the
/// panel is a first-level cache of 48 KiB; what the other panel displaces comes from the second.
const PANEL_BYTES: usize = 48 << 10;
/// Bytes of the block of the left matrix that stays in the second-level cache.
const LEFT_BYTES: usize = 512 << 10;
/// Bytes of the block of the right matrix that stays in the third-level cache.
const RIGHT_BYTES: usize = 4 << 20;

/// `f32` and `f64`: what matrices are multiplied of.
pub trait Number: Kernels {}
impl Number for f32 {}
impl Number for f64 {}

/// The dispatched functions for a type of number; private, so that nobody else implements it.
pub trait Kernels:
    Copy + Default + Send + Sync + std::ops::Mul<Output = Self> + std::ops::AddAssign
{
    #[doc(hidden)]
    const COLUMNS: usize;
    #[doc(hidden)]
    fn pack_left(a: &[Self], stride: usize, rows: usize, depth: usize, packed: &mut [Self]);
    #[doc(hidden)]
    fn pack_right(b: &[Self], stride: usize, depth: usize, columns: usize, packed: &mut [Self]);
    #[doc(hidden)]
    fn block(a: &[Self], b: &[Self], shape: [usize; 3], c: &mut [Self], stride: usize, add: bool);
}

macro_rules! kernels {
    ($t:ty, $columns:expr, $pack_left:ident, $pack_right:ident, $block:ident) => {
        impl Kernels for $t {
            const COLUMNS: usize = $columns;
            fn pack_left(a: &[$t], stride: usize, rows: usize, depth: usize, packed: &mut [$t]) {
                dispatch!(matrix::$pack_left(
                    a: &[$t],
                    stride: usize,
                    rows: usize,
                    depth: usize,
                    packed: &mut [$t],
                ))
            }
            fn pack_right(b: &[$t], stride: usize, depth: usize, columns: usize, packed: &mut [$t]) {
                dispatch!(matrix::$pack_right(
                    b: &[$t],
                    stride: usize,
                    depth: usize,
                    columns: usize,
                    packed: &mut [$t],
                ))
            }
            fn block(a: &[$t], b: &[$t], shape: [usize; 3], c: &mut [$t], stride: usize, add: bool) {
                dispatch!(matrix::$block(
                    a: &[$t],
                    b: &[$t],
                    shape: [usize; 3],
                    c: &mut [$t],
                    stride: usize,
                    add: bool,
                ))
            }
        }
    };
}
kernels!(f64, COLUMNS_F64, pack_left_f64, pack_right_f64, block_f64);
kernels!(f32, COLUMNS_F32, pack_left_f32, pack_right_f32, block_f32);

/// `c = a * b` on this thread, where `a` is `m` x `k`, `b` is `k` x `n` and `c` is `m` x `n`.
///
/// Takes `2 m k n` floating-point operations. Keeps at most 4.5 MiB of this thread's memory for the
/// next call.
///
/// ```
/// # use tidemill_kernels::matrix;
/// let (a, b) = ([1.0, 2.0], [3.0, 4.0]); // 1 x 2 and 2 x 1
/// let mut c = [0.0];
/// matrix::multiply(&a, &b, &mut c, 1, 2, 1)?;
/// assert_eq!(c, [11.0]);
/// # Ok::<(), matrix::ShapeError>(())
/// ```
///
/// # Errors
/// When a slice does not have as many elements as its matrix; `c` is then as it was.
pub fn multiply<T: Number>(
    a: &[T],
    b: &[T],
    c: &mut [T],
    m: usize,
    k: usize,
    n: usize,
) -> Result<(), ShapeError> {
    check_all(a, b, c, m, k, n)?;
    packed(a, b, c, [m, k, n], None);
    Ok(())
}

/// [`multiply`] on all threads of the `rayon` pool of the caller, to the same bits.
///
/// Each of them keeps up to 0.5 MiB, the calling one 4 MiB more.
///
/// # Errors
/// As [`multiply`].
pub fn multiply_parallel<T: Number>(
    a: &[T],
    b: &[T],
    c: &mut [T],
    m: usize,
    k: usize,
    n: usize,
) -> Result<(), ShapeError> {
    check_all(a, b, c, m, k, n)?;
    packed(a, b, c, [m, k, n], Some(rayon::current_num_threads()));
    Ok(())
}

/// The definition: each element the sum of its products in order, one after the other.
///
/// # Errors
/// As [`multiply`].
pub fn multiply_naive<T: Number>(
    a: &[T],
    b: &[T],
    c: &mut [T],
    m: usize,
    k: usize,
    n: usize,
) -> Result<(), ShapeError> {
    check_all(a, b, c, m, k, n)?;
    for i in 0..m {
        for j in 0..n {
            let mut sum = T::default();
            for l in 0..k {
                sum += a[i * k + l] * b[l * n + j];
            }
            c[i * n + j] = sum;
        }
    }
    Ok(())
}

/// The textbook's way to spare the caches: the naive loops over blocks, rows innermost, nothing
/// packed. To compare with.
///
/// # Errors
/// As [`multiply`].
pub fn multiply_blocked<T: Number>(
    a: &[T],
    b: &[T],
    c: &mut [T],
    m: usize,
    k: usize,
    n: usize,
) -> Result<(), ShapeError> {
    /// Rows of `a`, columns of `a`, columns of `b`.
    const BLOCK: [usize; 3] = [64, 64, 256];
    check_all(a, b, c, m, k, n)?;
    c.fill(T::default());
    for (j, columns) in pieces(n, BLOCK[2]) {
        for (l, depth) in pieces(k, BLOCK[1]) {
            for (i, rows) in pieces(m, BLOCK[0]) {
                for i in i..i + rows {
                    let c = &mut c[i * n + j..][..columns];
                    for l in l..l + depth {
                        let left = a[i * k + l];
                        for (c, right) in c.iter_mut().zip(&b[l * n + j..][..columns]) {
                            *c += left * *right;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn check_all<T>(a: &[T], b: &[T], c: &[T], m: usize, k: usize, n: usize) -> Result<(), ShapeError> {
    check("a", [m, k], a.len())?;
    check("b", [k, n], b.len())?;
    check("c", [m, n], c.len())
}

/// First and length of pieces of at most `most` that are together `0..len`.
fn pieces(len: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(most).map(move |first| (first, most.min(len - first)))
}

/// The size of pieces of about equal size, multiples of `unit`, at most `most`.
fn even(len: usize, most: usize, unit: usize) -> usize {
    let pieces = len.div_ceil((most / unit * unit).max(unit)).max(1);
    len.div_ceil(pieces).next_multiple_of(unit)
}

/// All three loops around the blocks, by `threads` if that is some.
fn packed<T: Number>(a: &[T], b: &[T], c: &mut [T], [m, k, n]: [usize; 3], threads: Option<usize>) {
    if c.is_empty() {
        return;
    }
    if k == 0 {
        return c.fill(T::default());
    }
    let element = size_of::<T>();
    let depth = even(k, PANEL_BYTES / (T::COLUMNS * element), 8);
    let width = even(n, RIGHT_BYTES / (depth * element), T::COLUMNS);
    let rows = even(m, LEFT_BYTES / (depth * element), ROWS);
    let rows = rows.min(m.div_ceil(threads.unwrap_or(1)).next_multiple_of(ROWS));
    Scratch::with_right(|right| {
        for (l, depth) in pieces(k, depth) {
            for (j, width) in pieces(n, width) {
                let right = right.room::<T>(depth * width.next_multiple_of(T::COLUMNS));
                T::pack_right(&b[l * n + j..], n, depth, width, right);
                let right = &*right;
                let block = |(piece, c): (usize, &mut [T])| {
                    let (i, rows) = (piece * rows, c.len().div_ceil(n));
                    Scratch::with_left(|left| {
                        let left = left.room::<T>(depth * rows.next_multiple_of(ROWS));
                        T::pack_left(&a[i * k + l..], k, rows, depth, left);
                        T::block(left, right, [rows, depth, width], &mut c[j..], n, l > 0);
                    });
                };
                match threads {
                    Some(_) => c.par_chunks_mut(rows * n).enumerate().for_each(block),
                    None => c.chunks_mut(rows * n).enumerate().for_each(block),
                }
            }
        }
    });
}
