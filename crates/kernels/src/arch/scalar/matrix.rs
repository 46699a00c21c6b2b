use crate::matrix::{COLUMNS_F32, COLUMNS_F64, ROWS};

macro_rules! kernels {
    ($t:ty, $columns:expr, $pack_left:ident, $pack_right:ident, $block:ident) => {
        pub(crate) fn $pack_left(
            a: &[$t],
            stride: usize,
            rows: usize,
            depth: usize,
            packed: &mut [$t],
        ) {
            for (panel, packed) in packed.chunks_exact_mut(ROWS * depth).enumerate() {
                for (at, packed) in packed.iter_mut().enumerate() {
                    let (row, column) = (panel * ROWS + at % ROWS, at / ROWS);
                    *packed = if row < rows { a[row * stride + column] } else { 0.0 };
                }
            }
        }

        pub(crate) fn $pack_right(
            b: &[$t],
            stride: usize,
            depth: usize,
            columns: usize,
            packed: &mut [$t],
        ) {
            for (panel, packed) in packed.chunks_exact_mut($columns * depth).enumerate() {
                for (at, packed) in packed.iter_mut().enumerate() {
                    let (row, column) = (at / $columns, panel * $columns + at % $columns);
                    *packed = if column < columns { b[row * stride + column] } else { 0.0 };
                }
            }
        }

        pub(crate) fn $block(
            a: &[$t],
            b: &[$t],
            [rows, depth, columns]: [usize; 3],
            c: &mut [$t],
            stride: usize,
            add: bool,
        ) {
            for row in 0..rows {
                for column in 0..columns {
                    let a = a[row / ROWS * depth * ROWS + row % ROWS..].iter().step_by(ROWS);
                    let b = &b[column / $columns * depth * $columns + column % $columns..];
                    let products = a.zip(b.iter().step_by($columns)).map(|(a, b)| a * b);
                    let sum: $t = products.take(depth).sum();
                    let c = &mut c[row * stride + column];
                    *c = if add { *c + sum } else { sum };
                }
            }
        }
    };
}
kernels!(f64, COLUMNS_F64, pack_left_f64, pack_right_f64, block_f64);
kernels!(f32, COLUMNS_F32, pack_left_f32, pack_right_f32, block_f32);

macro_rules! transpose {
    ($name:ident, $t:ty) => {
        pub(crate) fn $name(
            from: &[$t],
            from_stride: usize,
            to: &mut [$t],
            to_stride: usize,
            [rows, columns]: [usize; 2],
        ) {
            for row in 0..rows {
                for column in 0..columns {
                    to[column * to_stride + row] = from[row * from_stride + column];
                }
            }
        }
    };
}
transpose!(transpose_u32, u32);
transpose!(transpose_u64, u64);
