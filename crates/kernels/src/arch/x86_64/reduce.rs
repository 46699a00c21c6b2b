//! What reductions need beyond `Simd`.

use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::generic::reduce::{LANES_32, Reduce};
use std::arch::x86_64::*;

impl Reduce for Avx2 {
    type F32s = [__m256; 2];
    const HAS_64_BIT_EXTREMES: bool = true;

    methods! {
        fn splat_f32(self, value: f32) -> [__m256; 2] { [_mm256_set1_ps(value); 2] }
        fn load_f32(self, values: &[f32; LANES_32]) -> [__m256; 2] {
            [_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))]
        }
        fn load_part_f32(self, values: &[f32], fill: f32) -> [__m256; 2] {
            let count = _mm256_set1_epi32(values.len().min(LANES_32) as i32);
            let lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
            let fill = _mm256_set1_ps(fill);
            let low = _mm256_cmpgt_epi32(count, lanes);
            let high = _mm256_cmpgt_epi32(count, _mm256_add_epi32(lanes, _mm256_set1_epi32(8)));
            // Lanes without their bit are not read.
            let from = values.as_ptr();
            let values = [_mm256_maskload_ps(from, low), _mm256_maskload_ps(from.wrapping_add(8), high)];
            [
                _mm256_blendv_ps(fill, values[0], _mm256_castsi256_ps(low)),
                _mm256_blendv_ps(fill, values[1], _mm256_castsi256_ps(high)),
            ]
        }
        fn to_array_f32(self, values: [__m256; 2]) -> [f32; LANES_32] {
            let mut array = [0.0; LANES_32];
            _mm256_storeu_ps(array.as_mut_ptr(), values[0]);
            _mm256_storeu_ps(array.as_mut_ptr().add(8), values[1]);
            array
        }
        fn add_f32(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }
        fn mul_f32(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
        }
        fn min_f32(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])]
        }
        fn max_f32(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])]
        }
        fn select_f32(self, bits: u16, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            let bits = _mm256_set1_epi32(bits.into());
            let low = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
            let high = _mm256_slli_epi32::<8>(low);
            let low = _mm256_cmpeq_epi32(_mm256_and_si256(bits, low), low);
            let high = _mm256_cmpeq_epi32(_mm256_and_si256(bits, high), high);
            [
                _mm256_blendv_ps(b[0], a[0], _mm256_castsi256_ps(low)),
                _mm256_blendv_ps(b[1], a[1], _mm256_castsi256_ps(high)),
            ]
        }
        fn widen(self, values: &[f32; 8]) -> [__m256d; 2] {
            [
                _mm256_cvtps_pd(_mm_loadu_ps(values.as_ptr())),
                _mm256_cvtps_pd(_mm_loadu_ps(values.as_ptr().add(4))),
            ]
        }
    }
}

impl Reduce for Avx512 {
    type F32s = __m512;
    const HAS_64_BIT_EXTREMES: bool = true;

    methods! {
        fn splat_f32(self, value: f32) -> __m512 { _mm512_set1_ps(value) }
        fn load_f32(self, values: &[f32; LANES_32]) -> __m512 { _mm512_loadu_ps(values.as_ptr()) }
        fn load_part_f32(self, values: &[f32], fill: f32) -> __m512 {
            let bits = _bzhi_u32(0xFFFF, values.len() as u32) as u16;
            // Lanes without their bit are not read.
            _mm512_mask_loadu_ps(self.splat_f32(fill), bits, values.as_ptr())
        }
        fn to_array_f32(self, values: __m512) -> [f32; LANES_32] {
            let mut array = [0.0; LANES_32];
            _mm512_storeu_ps(array.as_mut_ptr(), values);
            array
        }
        fn add_f32(self, a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn mul_f32(self, a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn min_f32(self, a: __m512, b: __m512) -> __m512 { _mm512_min_ps(a, b) }
        fn max_f32(self, a: __m512, b: __m512) -> __m512 { _mm512_max_ps(a, b) }
        fn select_f32(self, bits: u16, a: __m512, b: __m512) -> __m512 {
            _mm512_mask_blend_ps(bits, b, a)
        }
        fn widen(self, values: &[f32; 8]) -> __m512d {
            _mm512_cvtps_pd(_mm256_loadu_ps(values.as_ptr()))
        }
    }
}
