use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::{Simd, Words};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// By the lower half of a byte, the whitespace that ends so. No byte is 0 where the table is.
const WHITE: [u8; 16] = [b' ', 0, 0, 0, 0, 0, 0, 0, 0, b'\t', b'\n', 0, 0x0C, b'\r', 0, 0];

const NUMBERS: [u8; 64] = {
    let mut numbers = [0; 64];
    let mut number = 0;
    while number < 64 {
        numbers[number] = number as u8;
        number += 1;
    }
    numbers
};

impl Words for Avx2 {
    methods! {
        fn whitespace(self, bytes: [__m256i; 2]) -> u64 {
            let white = _mm256_broadcastsi128_si256(_mm_loadu_si128(WHITE.as_ptr().cast()));
            // A byte of 128 and more selects 0, which it is not.
            let low = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(white, bytes[0]), bytes[0]);
            let high = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(white, bytes[1]), bytes[1]);
            let [low, high] = [low, high].map(|half| _mm256_movemask_epi8(half) as u32);
            u64::from(low) | u64::from(high) << 32
        }
        fn equal_tags(self, tags: &[u32; 8], wanted: u32) -> u8 {
            let tags = _mm256_loadu_si256(tags.as_ptr().cast());
            let equal = _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(wanted as i32));
            _mm256_movemask_ps(_mm256_castsi256_ps(equal)) as u8
        }
        fn prefetch(self, address: *const u8) { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}

impl Words for Avx512 {
    methods! {
        fn whitespace(self, bytes: __m512i) -> u64 {
            let white = _mm512_broadcast_i32x4(_mm_loadu_si128(WHITE.as_ptr().cast()));
            _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(white, bytes), bytes)
        }
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
        fn prefetch(self, address: *const u8) { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}
