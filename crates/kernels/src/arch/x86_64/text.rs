use super::avx2::Avx2;
use super::avx512::Avx512;
use super::{NUMBERS, methods};
use crate::arch::{Simd, Words};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

impl Words for Avx2 {
    methods! {
        fn equal_tags(self, tags: &[u32; 8], wanted: u32) -> u8 {
            let tags = _mm256_loadu_si256(tags.as_ptr().cast());
            let equal = _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(wanted as i32));
            _mm256_movemask_ps(_mm256_castsi256_ps(equal)) as u8
        }
    }
}

impl Words for Avx512 {
    methods! {
        fn edges(self, bits: u64, start: u32, to: &mut [MaybeUninit<u32>; 64]) {
            if bits.count_ones() > 32 {
                return self.positions(bits, start, to);
            }
            // Without a branch for the second half, which every other block of a text has.
            let numbers = _mm512_maskz_compress_epi8(bits, self.bytes(&NUMBERS));
            let numbers = _mm512_castsi512_si256(numbers);
            let start = _mm512_set1_epi32(start as i32);
            let to: *mut __m512i = to.as_mut_ptr().cast();
            let sixteen = _mm512_cvtepu8_epi32(_mm256_castsi256_si128(numbers));
            _mm512_storeu_si512(to, _mm512_add_epi32(sixteen, start));
            let sixteen = _mm512_cvtepu8_epi32(_mm256_extracti128_si256::<1>(numbers));
            _mm512_storeu_si512(to.add(1), _mm512_add_epi32(sixteen, start));
        }
        fn equal_tags(self, tags: &[u32; 8], wanted: u32) -> u8 {
            let tags = _mm256_loadu_si256(tags.as_ptr().cast());
            let equal = _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(wanted as i32));
            _mm256_movemask_ps(_mm256_castsi256_ps(equal)) as u8
        }
    }
}
