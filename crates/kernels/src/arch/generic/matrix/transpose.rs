use crate::arch::Simd;
use crate::arch::portable::Portable;

/// What transposition needs beyond `Simd`.
pub(crate) trait Transpose: Simd {
    /// Eight rows of eight elements, `from_stride` apart, to eight columns: rows of `to`,
    /// `to_stride` apart.
    fn square_u64(self, from: &[u64], from_stride: usize, to: &mut [u64], to_stride: usize);
    /// The same for elements of four bytes.
    fn square_u32(self, from: &[u32], from_stride: usize, to: &mut [u32], to_stride: usize);
    /// Copies a cache line past the caches.
    ///
    /// # Panics
    /// When `to` is no cache line: it does not begin at a multiple of 64 bytes.
    fn stream_u64(self, from: &[u64; 8], to: &mut [u64; 8]);
    /// The same for elements of four bytes.
    fn stream_u32(self, from: &[u32; 16], to: &mut [u32; 16]);
    /// Orders the lines that were streamed before whatever is written afterwards.
    fn fence(self);
    /// Has the cache line of `element` fetched, if there is one.
    fn prefetch_l2<T>(self, element: *const T);
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
    #[inline(always)]
    fn stream_u64(self, from: &[u64; 8], to: &mut [u64; 8]) {
        *to = *from;
    }
    #[inline(always)]
    fn stream_u32(self, from: &[u32; 16], to: &mut [u32; 16]) {
        *to = *from;
    }
    #[inline(always)]
    fn fence(self) {}
    #[inline(always)]
    fn prefetch_l2<T>(self, _: *const T) {}
}

/// Rows and columns of a tile: 1 KiB of each row of 8-byte elements, on both sides, in a buffer of
/// 136 KiB that the second-level cache holds. 64 took 5 % longer, 32 half as long again.
const SIDE: usize = 128;
/// Rows ahead of those being read that are fetched; 8 to 32 do as well, none costs a tenth.
const AHEAD: usize = 16;
/// Matrices up to this size are transposed in place of their tiles: they are in a cache.
const DIRECT_BYTES: usize = 256 << 10;
/// From this size on lines are written past the caches: they would not stay there.
const STREAM_BYTES: usize = 8 << 20;

#[repr(align(64))]
struct Aligned<T>(T);

macro_rules! transpose {
    ($name:ident, $direct:ident, $tile:ident, $t:ty, $line:literal, $square:ident, $stream:ident) => {
        /// `rows` x `columns` elements, whose rows are `from_stride` apart, to columns.
        ///
        /// Tile by tile down a strip of columns, through a buffer: however far apart the rows are,
        /// and if all of them fall into the same sets of the caches, each line is read once and
        /// written once, and whole.
        #[inline(always)]
        pub(crate) fn $name<S: Transpose>(
            simd: S,
            from: &[$t],
            from_stride: usize,
            to: &mut [$t],
            to_stride: usize,
            [rows, columns]: [usize; 2],
        ) {
            let bytes = rows * columns * size_of::<$t>();
            if bytes <= DIRECT_BYTES {
                return $direct(simd, from, from_stride, to, to_stride, [rows, columns]);
            }
            let stream = bytes >= STREAM_BYTES;
            // Rows of the transpose: what was left over of the tile before, and the tile.
            let mut buffer = Aligned([[0; $line + SIDE]; SIDE]);
            let buffer = &mut buffer.0;
            for first in (0..columns).step_by(SIDE) {
                let width = SIDE.min(columns - first);
                // How much of each row of `to` is written.
                let mut written = [0; SIDE];
                for row in (0..rows).step_by(SIDE) {
                    let height = SIDE.min(rows - row);
                    let from = &from[row * from_stride + first..];
                    $tile(simd, from, from_stride, [height, width], buffer);
                    let buffered = buffer.iter_mut().zip(&mut written).take(width);
                    for (column, (buffer, written)) in (first..).zip(buffered) {
                        let to = &mut to[column * to_stride..][..rows];
                        if row == 0 {
                            // Up to the first line that is whole.
                            *written = to.as_ptr().align_offset(64).min(height);
                            to[..*written].copy_from_slice(&buffer[$line..][..*written]);
                        }
                        let pending = &buffer[$line + *written - row..$line + height];
                        let (from, rest) = pending.as_chunks::<$line>();
                        let (to, end) = to[*written..row + height].as_chunks_mut::<$line>();
                        for (from, to) in from.iter().zip(to) {
                            if stream {
                                simd.$stream(from, to);
                            } else {
                                *to = *from;
                            }
                        }
                        if row + height == rows {
                            end.copy_from_slice(rest);
                        } else {
                            *written += from.len() * $line;
                            buffer.copy_within(SIDE.., 0);
                        }
                    }
                }
            }
            if stream {
                simd.fence();
            }
        }

        /// Transposes a tile to the buffer, behind what is left over.
        #[inline(always)]
        fn $tile<S: Transpose>(
            simd: S,
            from: &[$t],
            from_stride: usize,
            [height, width]: [usize; 2],
            buffer: &mut [[$t; $line + SIDE]; SIDE],
        ) {
            let buffer = buffer.as_flattened_mut();
            let whole = [height & !7, width & !7];
            for row in (0..whole[0]).step_by(8) {
                for column in (0..whole[1]).step_by(8) {
                    let ahead = from.as_ptr().wrapping_add((row + AHEAD) * from_stride + column);
                    if column % $line == 0 {
                        for row in 0..8 {
                            simd.prefetch_l2(ahead.wrapping_add(row * from_stride));
                        }
                    }
                    let from = &from[row * from_stride + column..];
                    let to = &mut buffer[column * ($line + SIDE) + $line + row..];
                    simd.$square(from, from_stride, to, $line + SIDE);
                }
            }
            for row in 0..height {
                let done = if row < whole[0] { whole[1] } else { 0 };
                for column in done..width {
                    let to = column * ($line + SIDE) + $line + row;
                    buffer[to] = from[row * from_stride + column];
                }
            }
        }

        /// The same square by square.
        #[inline(always)]
        fn $direct<S: Transpose>(
            simd: S,
            from: &[$t],
            from_stride: usize,
            to: &mut [$t],
            to_stride: usize,
            [rows, columns]: [usize; 2],
        ) {
            let whole = [rows & !7, columns & !7];
            for row in (0..whole[0]).step_by(8) {
                for column in (0..whole[1]).step_by(8) {
                    let from = &from[row * from_stride + column..];
                    simd.$square(from, from_stride, &mut to[column * to_stride + row..], to_stride);
                }
            }
            for row in 0..rows {
                let done = if row < whole[0] { whole[1] } else { 0 };
                for column in done..columns {
                    to[column * to_stride + row] = from[row * from_stride + column];
                }
            }
        }
    };
}

transpose!(transpose_u64, direct_u64, tile_u64, u64, 8, square_u64, stream_u64);
transpose!(transpose_u32, direct_u32, tile_u32, u32, 16, square_u32, stream_u32);
