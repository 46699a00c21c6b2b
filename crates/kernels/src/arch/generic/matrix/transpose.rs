use crate::arch::Simd;
use crate::arch::portable::Portable;

/// What transposition needs beyond `Simd`.
pub(crate) trait Transpose: Simd {
    /// Eight rows of eight elements, `from_stride` apart, to eight columns: rows of `to`,
    /// `to_stride` apart.
    fn square_u64(self, from: &[u64], from_stride: usize, to: &mut [u64], to_stride: usize);
    /// The same for elements of four bytes.
    fn square_u32(self, from: &[u32], from_stride: usize, to: &mut [u32], to_stride: usize);
}

macro_rules! square {
    ($name:ident, $t:ty) => {
        #[inline(always)]
        fn $name(self, from: &[$t], from_stride: usize, to: &mut [$t], to_stride: usize) {
            for column in 0..8 {
                for (row, to) in to[column * to_stride..][..8].iter_mut().enumerate() {
                    *to = from[row * from_stride + column];
                }
            }
        }
    };
}

impl Transpose for Portable {
    square!(square_u64, u64);
    square!(square_u32, u32);
}

/// Rows and columns of the pieces that are gone through one after the other.
const PIECE: usize = 64;

macro_rules! transpose {
    ($name:ident, $t:ty, $square:ident) => {
        /// `rows` x `columns` elements, whose rows are `from_stride` apart, to columns.
        #[inline(always)]
        pub(crate) fn $name<S: Transpose>(
            simd: S,
            from: &[$t],
            from_stride: usize,
            to: &mut [$t],
            to_stride: usize,
            [rows, columns]: [usize; 2],
        ) {
            for first_row in (0..rows).step_by(PIECE) {
                let piece_rows = PIECE.min(rows - first_row);
                for first_column in (0..columns).step_by(PIECE) {
                    let piece_columns = PIECE.min(columns - first_column);
                    let whole = [piece_rows & !7, piece_columns & !7];
                    for column in (first_column..first_column + whole[1]).step_by(8) {
                        for row in (first_row..first_row + whole[0]).step_by(8) {
                            let from = &from[row * from_stride + column..];
                            let to = &mut to[column * to_stride + row..];
                            simd.$square(from, from_stride, to, to_stride);
                        }
                    }
                    for row in first_row..first_row + piece_rows {
                        let done = if row < first_row + whole[0] { whole[1] } else { 0 };
                        for column in first_column + done..first_column + piece_columns {
                            to[column * to_stride + row] = from[row * from_stride + column];
                        }
                    }
                }
            }
        }
    };
}

transpose!(transpose_u32, u32, square_u32);
transpose!(transpose_u64, u64, square_u64);
