use super::Transpose;
use crate::arch::portable::Portable;
use crate::matrix::{COLUMNS_F32, COLUMNS_F64, ROWS, bits, bits_mut};

/// What multiplication needs beyond `Simd`.
pub(crate) trait Tile<T>: Transpose {
    /// A tile of the product: `ROWS` rows and `columns` columns (at most a panel's) of the product
    /// of a panel of the left and of the right matrix, added to what `c` has if `add` is set. Rows
    /// of `c` are `stride` apart. Columns up to the next multiple of a panel's quarter may be
    /// written, of all `ROWS` rows.
    fn tile(self, a: &[T], b: &[T], c: &mut [T], stride: usize, columns: usize, add: bool);
}

/// The tile in plain Rust, in pieces that fit 16 registers of 16 bytes.
macro_rules! portable_tile {
    ($t:ty, $panel:expr, $width:literal) => {
        impl Tile<$t> for Portable {
            #[inline(always)]
            fn tile(
                self,
                a: &[$t],
                b: &[$t],
                c: &mut [$t],
                stride: usize,
                columns: usize,
                add: bool,
            ) {
                for column in (0..columns).step_by($width) {
                    for row in (0..ROWS).step_by(4) {
                        let mut sums = [[0.0; $width]; 4];
                        let (a, b) = (a.chunks_exact(ROWS), b.chunks_exact($panel));
                        for (a, b) in a.zip(b) {
                            for (sums, a) in sums.iter_mut().zip(&a[row..row + 4]) {
                                for (sum, b) in sums.iter_mut().zip(&b[column..column + $width]) {
                                    *sum += a * b;
                                }
                            }
                        }
                        for (row, sums) in (row..).zip(&sums) {
                            let c = &mut c[row * stride + column..][..$width];
                            for (c, sum) in c.iter_mut().zip(sums) {
                                *c = if add { *c + sum } else { *sum };
                            }
                        }
                    }
                }
            }
        }
    };
}
portable_tile!(f64, COLUMNS_F64, 4);
portable_tile!(f32, COLUMNS_F32, 8);

/// The functions for one type of element; `$bits` is the integer of its size.
macro_rules! kernels {
    ($t:ty, $columns:expr, $pack_left:ident, $pack_right:ident, $block:ident, $square:ident) => {
        /// Packs `rows` x `depth` elements of `a`, whose rows are `stride` apart, into panels of
        /// `ROWS` rows: the first column of a panel, then the second. Rows that are missing are 0.
        #[inline(always)]
        pub(crate) fn $pack_left<S: Tile<$t>>(
            simd: S,
            a: &[$t],
            stride: usize,
            rows: usize,
            depth: usize,
            packed: &mut [$t],
        ) {
            for (panel, packed) in packed.chunks_exact_mut(ROWS * depth).enumerate() {
                let first = panel * ROWS;
                let mut done = 0;
                if first + ROWS <= rows {
                    let from = &a[first * stride..];
                    while done + 8 <= depth {
                        let (from, to) =
                            (bits(&from[done..]), bits_mut(&mut packed[done * ROWS..]));
                        simd.$square(from, stride, to, ROWS);
                        done += 8;
                    }
                }
                for (column, packed) in packed.chunks_exact_mut(ROWS).enumerate().skip(done) {
                    for (row, packed) in (first..).zip(packed) {
                        *packed = if row < rows { a[row * stride + column] } else { 0.0 };
                    }
                }
            }
        }

        /// Packs `depth` x `columns` elements of `b`, whose rows are `stride` apart, into panels:
        /// the first row of a panel, then the second. Columns that are missing are 0.
        #[inline(always)]
        pub(crate) fn $pack_right<S: Tile<$t>>(
            _: S,
            b: &[$t],
            stride: usize,
            depth: usize,
            columns: usize,
            packed: &mut [$t],
        ) {
            let panel = depth * $columns;
            for row in 0..depth {
                let from = &b[row * stride..][..columns];
                let (whole, rest) = from.as_chunks::<{ $columns }>();
                let mut at = row * $columns;
                for from in whole {
                    packed[at..at + $columns].copy_from_slice(from);
                    at += panel;
                }
                if !rest.is_empty() {
                    let (to, zero) = packed[at..at + $columns].split_at_mut(rest.len());
                    to.copy_from_slice(rest);
                    zero.fill(0.0);
                }
            }
        }

        /// The product of packed panels, `depth` deep, into the `rows` x `columns` elements of `c`,
        /// whose rows are `stride` apart; added to what is there if `add` is set.
        #[inline(always)]
        pub(crate) fn $block<S: Tile<$t>>(
            simd: S,
            a: &[$t],
            b: &[$t],
            [rows, depth, columns]: [usize; 3],
            c: &mut [$t],
            stride: usize,
            add: bool,
        ) {
            let panels = b.chunks_exact(depth * $columns);
            for (column, b) in (0..columns).step_by($columns).zip(panels) {
                let columns = $columns.min(columns - column);
                for (row, a) in (0..rows).step_by(ROWS).zip(a.chunks_exact(depth * ROWS)) {
                    let rows = ROWS.min(rows - row);
                    let c = &mut c[row * stride + column..];
                    if rows == ROWS && columns % ($columns / 3) == 0 {
                        simd.tile(a, b, c, stride, columns, add);
                        continue;
                    }
                    // A tile that hangs over the edge is made beside the product.
                    let mut tile = [0.0; ROWS * $columns];
                    simd.tile(a, b, &mut tile, $columns, columns, false);
                    for (row, tile) in tile.chunks_exact($columns).take(rows).enumerate() {
                        let c = &mut c[row * stride..][..columns];
                        for (c, tile) in c.iter_mut().zip(tile) {
                            *c = if add { *c + tile } else { *tile };
                        }
                    }
                }
            }
        }
    };
}

kernels!(f64, COLUMNS_F64, pack_left_f64, pack_right_f64, block_f64, square_u64);
kernels!(f32, COLUMNS_F32, pack_left_f32, pack_right_f32, block_f32, square_u32);
