use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::generic::text::Words;
use std::arch::x86_64::*;

/// By the lower half of a byte, the whitespace that ends so. No byte is 0 where the table is.
const WHITE: [u8; 16] = [b' ', 0, 0, 0, 0, 0, 0, 0, 0, b'\t', b'\n', 0, 0x0C, b'\r', 0, 0];

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
        fn equal_tags(self, tags: &[u32; 8], wanted: u32) -> u8 {
            let tags = _mm256_loadu_si256(tags.as_ptr().cast());
            let equal = _mm256_cmpeq_epi32(tags, _mm256_set1_epi32(wanted as i32));
            _mm256_movemask_ps(_mm256_castsi256_ps(equal)) as u8
        }
        fn prefetch(self, address: *const u8) { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}
