//! Tiles and squares of matrices.
#![expect(
    clippy::needless_range_loop,
    reason = "the index says which part of memory goes with which register"
)]

use super::avx2::Avx2;
use super::avx512::Avx512;
use crate::arch::generic::matrix::{Tile, Transpose};
use crate::matrix::{COLUMNS_F32, COLUMNS_F64, ROWS};
use std::arch::x86_64::*;

/// The tile of `$t` in pieces of `$rows` rows and `$most` registers of `$lanes` columns.
macro_rules! tile {
    (
        $simd:ty, $t:ty, $panel:expr, $piece:ident: $rows:literal x $most:literal x $lanes:literal $register:ty,
        $zero:ident, $set:ident, $load:ident, $store:ident, $fmadd:ident, $add:ident
    ) => {
        impl Tile<$t> for $simd {
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
                const WIDTH: usize = $most * $lanes;
                let depth = a.len() / ROWS;
                let written = columns.next_multiple_of($lanes);
                assert!(b.len() >= depth * $panel && written <= $panel);
                // A stride within `c` cannot make the product wrap.
                assert!(stride >= written && stride <= c.len());
                assert!(c.len() >= (ROWS - 1) * stride + written);
                for column in (0..columns).step_by(WIDTH) {
                    for row in (0..ROWS).step_by($rows) {
                        // SAFETY: a value of `self` is the proof of the instructions. A piece reads
                        // `depth` times `$rows` elements from `row` of `ROWS`, and at most as many
                        // registers as up to `written` from `column` of `$panel`; it writes as many
                        // of `$rows` rows of `c`. All of that is there, see the assertions.
                        unsafe {
                            let a = a.as_ptr().add(row);
                            let b = b.as_ptr().add(column);
                            let c = c.as_mut_ptr().add(row * stride + column);
                            match (columns - column).div_ceil($lanes) {
                                1 => $piece::<1>(depth, a, b, c, stride, add),
                                2 => $piece::<2>(depth, a, b, c, stride, add),
                                _ => $piece::<$most>(depth, a, b, c, stride, add),
                            }
                        }
                    }
                }
            }
        }

        /// `$rows` rows of `N` registers of the tile.
        ///
        /// # Safety
        /// `a` is the first of `depth` times `$rows` elements, `ROWS` apart, `b` of as many times
        /// `N` registers, a panel's width apart, `c` of `$rows` rows of them, `stride` apart, and
        /// the processor has the instructions.
        #[inline(always)]
        unsafe fn $piece<const N: usize>(
            depth: usize,
            mut a: *const $t,
            mut b: *const $t,
            c: *mut $t,
            stride: usize,
            add: bool,
        ) {
            // SAFETY: see above; all pointers stay in what the caller vouches for, but for the last
            // steps of `a` and `b`, which are not read there and hence wrapping.
            unsafe {
                for row in 0..$rows {
                    // The product is needed when the panels are through: fetched meanwhile.
                    _mm_prefetch::<_MM_HINT_T0>(c.add(row * stride).cast());
                    _mm_prefetch::<_MM_HINT_T0>(c.add(row * stride + N * $lanes - 1).cast());
                    if N == 3 {
                        _mm_prefetch::<_MM_HINT_T0>(c.add(row * stride + $lanes).cast());
                    }
                }
                let mut sums = [[$zero(); N]; $rows];
                for _ in 0..depth {
                    let mut right = [$zero(); N];
                    for n in 0..N {
                        right[n] = $load(b.add(n * $lanes));
                    }
                    for row in 0..$rows {
                        let left = $set(*a.add(row));
                        for n in 0..N {
                            sums[row][n] = $fmadd(left, right[n], sums[row][n]);
                        }
                    }
                    a = a.wrapping_add(ROWS);
                    b = b.wrapping_add($panel);
                }
                for row in 0..$rows {
                    for n in 0..N {
                        let c = c.add(row * stride + n * $lanes);
                        let sum = if add { $add($load(c), sums[row][n]) } else { sums[row][n] };
                        $store(c, sum);
                    }
                }
            }
        }
    };
}

tile!(
    Avx512, f64, COLUMNS_F64, piece_512_f64: 8 x 3 x 8 __m512d,
    _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd, _mm512_add_pd
);
tile!(
    Avx512, f32, COLUMNS_F32, piece_512_f32: 8 x 3 x 16 __m512,
    _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps, _mm512_add_ps
);
tile!(
    Avx2, f64, COLUMNS_F64, piece_256_f64: 4 x 2 x 4 __m256d,
    _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd, _mm256_add_pd
);
tile!(
    Avx2, f32, COLUMNS_F32, piece_256_f32: 4 x 2 x 8 __m256,
    _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_add_ps
);

/// Checks that eight rows of eight elements are there, so that they may be reached by pointers.
#[inline(always)]
fn check_square<T>(from: &[T], from_stride: usize, to: &[T], to_stride: usize) {
    let there = |len: usize, stride: usize| stride < usize::MAX / 16 && len >= 7 * stride + 8;
    assert!(there(from.len(), from_stride) && there(to.len(), to_stride));
}

/// The methods that are the same for both.
macro_rules! streams {
    ($stream:ident) => {
        #[inline(always)]
        fn stream_u64(self, from: &[u64; 8], to: &mut [u64; 8]) {
            assert!(to.as_ptr().addr().is_multiple_of(64));
            // SAFETY: `self` is the proof of the instructions; 64 bytes, to an aligned address.
            unsafe { $stream(from.as_ptr().cast(), to.as_mut_ptr().cast()) }
        }
        #[inline(always)]
        fn stream_u32(self, from: &[u32; 16], to: &mut [u32; 16]) {
            assert!(to.as_ptr().addr().is_multiple_of(64));
            // SAFETY: as above.
            unsafe { $stream(from.as_ptr().cast(), to.as_mut_ptr().cast()) }
        }
        #[inline(always)]
        fn fence(self) {
            // SAFETY: every x86-64 has it.
            unsafe { _mm_sfence() }
        }
        #[inline(always)]
        fn prefetch_l2<T>(self, element: *const T) {
            // SAFETY: every x86-64 has it, and it does nothing where there is no memory.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(element.cast()) }
        }
    };
}

/// # Safety
/// 64 bytes are at both addresses, `to` is a multiple of 64, and AVX-512 is there.
#[inline(always)]
unsafe fn stream_512(from: *const __m512i, to: *mut __m512i) {
    // SAFETY: the caller vouches for it.
    unsafe { _mm512_stream_si512(to, _mm512_loadu_si512(from)) }
}

/// # Safety
/// 64 bytes are at both addresses, `to` is a multiple of 64, and AVX2 is there.
#[inline(always)]
unsafe fn stream_256(from: *const __m256i, to: *mut __m256i) {
    // SAFETY: the caller vouches for it.
    unsafe {
        _mm256_stream_si256(to, _mm256_loadu_si256(from));
        _mm256_stream_si256(to.add(1), _mm256_loadu_si256(from.add(1)));
    }
}

impl Transpose for Avx512 {
    streams!(stream_512);
    #[inline(always)]
    fn square_u64(self, from: &[u64], from_stride: usize, to: &mut [u64], to_stride: usize) {
        check_square(from, from_stride, to, to_stride);
        // SAFETY: `self` is the proof of the instructions; the elements are there, as just checked.
        unsafe {
            let even = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
            let odd = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
            for half in [0, 4] {
                // Rows i and i + 4 in one register, by loads: what is left to shuffle is little.
                let mut rows = [_mm512_setzero_si512(); 4];
                for row in 0..4 {
                    let low = from.as_ptr().add(row * from_stride + half);
                    let high = from.as_ptr().add((row + 4) * from_stride + half);
                    let low = _mm512_castsi256_si512(_mm256_loadu_si256(low.cast()));
                    rows[row] = _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(high.cast()));
                }
                let a = _mm512_unpacklo_epi64(rows[0], rows[1]);
                let b = _mm512_unpackhi_epi64(rows[0], rows[1]);
                let c = _mm512_unpacklo_epi64(rows[2], rows[3]);
                let d = _mm512_unpackhi_epi64(rows[2], rows[3]);
                let columns = [
                    _mm512_permutex2var_epi64(a, even, c),
                    _mm512_permutex2var_epi64(b, even, d),
                    _mm512_permutex2var_epi64(a, odd, c),
                    _mm512_permutex2var_epi64(b, odd, d),
                ];
                for column in 0..4 {
                    let to = to.as_mut_ptr().add((half + column) * to_stride);
                    _mm512_storeu_si512(to.cast(), columns[column]);
                }
            }
        }
    }
    #[inline(always)]
    fn square_u32(self, from: &[u32], from_stride: usize, to: &mut [u32], to_stride: usize) {
        check_square(from, from_stride, to, to_stride);
        // SAFETY: `self` is the proof of the instructions; the elements are there, as just checked.
        unsafe { square_256_u32(from.as_ptr(), from_stride, to.as_mut_ptr(), to_stride) }
    }
}

impl Transpose for Avx2 {
    streams!(stream_256);
    #[inline(always)]
    fn square_u64(self, from: &[u64], from_stride: usize, to: &mut [u64], to_stride: usize) {
        check_square(from, from_stride, to, to_stride);
        for (row, column) in [(0, 0), (0, 4), (4, 0), (4, 4)] {
            // SAFETY: `self` is the proof of the instructions; the elements are there, as just
            // checked.
            unsafe {
                let from = from.as_ptr().add(row * from_stride + column);
                let to = to.as_mut_ptr().add(column * to_stride + row);
                for half in [0, 2] {
                    let from = from.add(half);
                    let to = to.add(half * to_stride);
                    let a = pair(from.cast(), from.add(2 * from_stride).cast());
                    let b = pair(from.add(from_stride).cast(), from.add(3 * from_stride).cast());
                    _mm256_storeu_si256(to.cast(), _mm256_unpacklo_epi64(a, b));
                    _mm256_storeu_si256(to.add(to_stride).cast(), _mm256_unpackhi_epi64(a, b));
                }
            }
        }
    }
    #[inline(always)]
    fn square_u32(self, from: &[u32], from_stride: usize, to: &mut [u32], to_stride: usize) {
        check_square(from, from_stride, to, to_stride);
        // SAFETY: `self` is the proof of the instructions; the elements are there, as just checked.
        unsafe { square_256_u32(from.as_ptr(), from_stride, to.as_mut_ptr(), to_stride) }
    }
}

/// Sixteen bytes from `low` and from `high` in one register.
///
/// # Safety
/// They are there, and so is AVX2.
#[inline(always)]
unsafe fn pair(low: *const __m128i, high: *const __m128i) -> __m256i {
    // SAFETY: the caller vouches for it.
    unsafe {
        let low = _mm256_castsi128_si256(_mm_loadu_si128(low));
        _mm256_inserti128_si256::<1>(low, _mm_loadu_si128(high))
    }
}

/// Eight rows of eight elements to columns.
///
/// # Safety
/// They and their places are there, and so is AVX2.
#[inline(always)]
unsafe fn square_256_u32(from: *const u32, from_stride: usize, to: *mut u32, to_stride: usize) {
    for half in [0, 4] {
        // SAFETY: the caller vouches for it.
        unsafe {
            // Rows i and i + 4 in one register.
            let mut rows = [_mm256_setzero_si256(); 4];
            for row in 0..4 {
                let low = from.add(row * from_stride + half);
                rows[row] = pair(low.cast(), low.add(4 * from_stride).cast());
            }
            let a = _mm256_unpacklo_epi32(rows[0], rows[1]);
            let b = _mm256_unpackhi_epi32(rows[0], rows[1]);
            let c = _mm256_unpacklo_epi32(rows[2], rows[3]);
            let d = _mm256_unpackhi_epi32(rows[2], rows[3]);
            let columns = [
                _mm256_unpacklo_epi64(a, c),
                _mm256_unpackhi_epi64(a, c),
                _mm256_unpacklo_epi64(b, d),
                _mm256_unpackhi_epi64(b, d),
            ];
            for column in 0..4 {
                let to = to.add((half + column) * to_stride);
                _mm256_storeu_si256(to.cast(), columns[column]);
            }
        }
    }
}
