//! Pixels and convolution.
#![expect(
    clippy::needless_range_loop,
    reason = "the index says which part of memory goes with which register"
)]

use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::generic::image::{Convolve, Gray};
use crate::image::{BLUE, GREEN, HALF, RED};
use std::arch::x86_64::*;

/// Two weights of 16 bits, one above the other.
const fn pair(low: u32, high: u32) -> i32 {
    (low | high << 16) as i32
}

/// `x / 125` is `x * 33,555 / 2^22` for all `x` up to 31,937, a thousandth of eighths of luma: the
/// factor is too large by 0.57 / 2^22, which is less than 1 / 125 in total.
const BY_125: i16 = 33_555_u16 as i16;

/// Where red and green of 16 pixels of 3 bytes are, for a word each, or blue in the first; and the
/// bytes of the words that are taken from there. The pixels begin at byte `start` of a register.
const fn words_of_16(start: u8, channels: [Option<u8>; 2]) -> ([u8; 64], u64) {
    let (mut index, mut mask) = ([0; 64], 0);
    let mut pixel = 0;
    while pixel < 16 {
        let mut word = 0;
        while word < 2 {
            if let Some(channel) = channels[word] {
                index[pixel * 4 + word * 2] = start + pixel as u8 * 3 + channel;
                mask |= 1 << (pixel * 4 + word * 2);
            }
            word += 1;
        }
        pixel += 1;
    }
    (index, mask)
}

/// Where the four times 16 pixels of 192 bytes begin: the register they are loaded with, and the
/// byte of it. The last one begins earlier so as to end with them.
const STARTS: [(usize, u8); 4] = [(0, 0), (48, 0), (96, 0), (128, 16)];
const RED_GREEN: [([u8; 64], u64); 2] =
    [words_of_16(0, [Some(0), Some(1)]), words_of_16(16, [Some(0), Some(1)])];
const BLUE_ONE: [([u8; 64], u64); 2] =
    [words_of_16(0, [Some(2), None]), words_of_16(16, [Some(2), None])];

impl Gray for Avx512 {
    methods! {
        fn gray_rgb(self, rgb: &[u8; 192], gray: &mut [u8; 64]) {
            let one = _mm512_set1_epi32(1 << 16);
            let mut eighths = [_mm512_setzero_si512(); 4];
            for quarter in 0..4 {
                let (at, start) = STARTS[quarter];
                let late = usize::from(start > 0);
                let red_green = _mm512_loadu_si512(RED_GREEN[late].0.as_ptr().cast());
                let blue = _mm512_loadu_si512(BLUE_ONE[late].0.as_ptr().cast());
                let pixels = _mm512_loadu_si512(rgb.as_ptr().add(at).cast());
                let red_green = _mm512_maskz_permutexvar_epi8(RED_GREEN[0].1, red_green, pixels);
                let blue_one = _mm512_mask_permutexvar_epi8(one, BLUE_ONE[0].1, blue, pixels);
                let sum = _mm512_add_epi32(
                    _mm512_madd_epi16(red_green, _mm512_set1_epi32(pair(RED, GREEN))),
                    _mm512_madd_epi16(blue_one, _mm512_set1_epi32(pair(BLUE, HALF))),
                );
                eighths[quarter] = _mm512_srli_epi32::<3>(sum);
            }
            store_gray_512(eighths, gray);
        }
        fn gray_rgba(self, rgba: &[u8; 256], gray: &mut [u8; 64]) {
            let mut eighths = [_mm512_setzero_si512(); 4];
            for quarter in 0..4 {
                let pixels = _mm512_loadu_si512(rgba.as_ptr().add(64 * quarter).cast());
                let red_blue = _mm512_and_si512(pixels, _mm512_set1_epi16(0xFF));
                let green = _mm512_srli_epi16::<8>(pixels);
                let sum = _mm512_add_epi32(
                    _mm512_madd_epi16(red_blue, _mm512_set1_epi32(pair(RED, BLUE))),
                    _mm512_madd_epi16(green, _mm512_set1_epi32(pair(GREEN, 0))),
                );
                let sum = _mm512_add_epi32(sum, _mm512_set1_epi32(HALF as i32));
                eighths[quarter] = _mm512_srli_epi32::<3>(sum);
            }
            store_gray_512(eighths, gray);
        }
    }
}

/// The luma of 64 pixels from eighths of thousandths.
///
/// # Safety
/// AVX-512 is there.
#[inline(always)]
unsafe fn store_gray_512(eighths: [__m512i; 4], gray: &mut [u8; 64]) {
    // SAFETY: the caller vouches for the instructions; 64 bytes are stored.
    unsafe {
        let [a, b, c, d] = eighths;
        let factor = _mm512_set1_epi16(BY_125);
        let low = _mm512_mulhi_epu16(_mm512_packus_epi32(a, b), factor);
        let high = _mm512_mulhi_epu16(_mm512_packus_epi32(c, d), factor);
        let low = _mm512_srli_epi16::<6>(low);
        let high = _mm512_srli_epi16::<6>(high);
        let bytes = _mm512_packus_epi16(low, high);
        // Packing goes by 16 bytes: four of each quarter in turn.
        let order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
        _mm512_storeu_si512(gray.as_mut_ptr().cast(), _mm512_permutexvar_epi32(order, bytes));
    }
}

impl Gray for Avx2 {
    methods! {
        fn gray_rgb(self, rgb: &[u8; 192], gray: &mut [u8; 64]) {
            for half in 0..2 {
                let mut eighths = [_mm256_setzero_si256(); 4];
                for quarter in 0..4 {
                    // Eight pixels of 24 bytes: four from the front of 16 bytes, four from the end
                    // of the next, so that no byte behind them is read.
                    let from = rgb.as_ptr().add(96 * half + 24 * quarter);
                    let low = _mm256_castsi128_si256(_mm_loadu_si128(from.cast()));
                    let pixels =
                        _mm256_inserti128_si256::<1>(low, _mm_loadu_si128(from.add(8).cast()));
                    let red_green = _mm256_shuffle_epi8(pixels, _mm256_setr_epi8(
                        0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1,
                        4, -1, 5, -1, 7, -1, 8, -1, 10, -1, 11, -1, 13, -1, 14, -1,
                    ));
                    let blue = _mm256_shuffle_epi8(pixels, _mm256_setr_epi8(
                        2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1,
                        6, -1, -1, -1, 9, -1, -1, -1, 12, -1, -1, -1, 15, -1, -1, -1,
                    ));
                    let blue_one = _mm256_or_si256(blue, _mm256_set1_epi32(1 << 16));
                    let sum = _mm256_add_epi32(
                        _mm256_madd_epi16(red_green, _mm256_set1_epi32(pair(RED, GREEN))),
                        _mm256_madd_epi16(blue_one, _mm256_set1_epi32(pair(BLUE, HALF))),
                    );
                    eighths[quarter] = _mm256_srli_epi32::<3>(sum);
                }
                store_gray_256(eighths, gray.as_mut_ptr().add(32 * half));
            }
        }
        fn gray_rgba(self, rgba: &[u8; 256], gray: &mut [u8; 64]) {
            for half in 0..2 {
                let mut eighths = [_mm256_setzero_si256(); 4];
                for quarter in 0..4 {
                    let from = rgba.as_ptr().add(128 * half + 32 * quarter);
                    let pixels = _mm256_loadu_si256(from.cast());
                    let red_blue = _mm256_and_si256(pixels, _mm256_set1_epi16(0xFF));
                    let green = _mm256_srli_epi16::<8>(pixels);
                    let sum = _mm256_add_epi32(
                        _mm256_madd_epi16(red_blue, _mm256_set1_epi32(pair(RED, BLUE))),
                        _mm256_madd_epi16(green, _mm256_set1_epi32(pair(GREEN, 0))),
                    );
                    let sum = _mm256_add_epi32(sum, _mm256_set1_epi32(HALF as i32));
                    eighths[quarter] = _mm256_srli_epi32::<3>(sum);
                }
                store_gray_256(eighths, gray.as_mut_ptr().add(32 * half));
            }
        }
    }
}

/// The luma of 32 pixels from eighths of thousandths.
///
/// # Safety
/// AVX2 is there, and 32 bytes at `gray`.
#[inline(always)]
unsafe fn store_gray_256(eighths: [__m256i; 4], gray: *mut u8) {
    // SAFETY: the caller vouches for it.
    unsafe {
        let [a, b, c, d] = eighths;
        let factor = _mm256_set1_epi16(BY_125);
        let low = _mm256_mulhi_epu16(_mm256_packus_epi32(a, b), factor);
        let high = _mm256_mulhi_epu16(_mm256_packus_epi32(c, d), factor);
        let low = _mm256_srli_epi16::<6>(low);
        let high = _mm256_srli_epi16::<6>(high);
        let bytes = _mm256_packus_epi16(low, high);
        // Packing goes by 16 bytes: four of each quarter in turn.
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(gray.cast(), _mm256_permutevar8x32_epi32(bytes, order));
    }
}

impl Convolve for Avx512 {
    const TWO: bool = true;
    type Words = __m512i;
    type Sums = [__m512i; 2];

    methods! {
        fn widen(self, bytes: &[u8; 32]) -> __m512i {
            _mm512_cvtepu8_epi16(_mm256_loadu_si256(bytes.as_ptr().cast()))
        }
        fn words(self, words: &[u16; 32]) -> __m512i { _mm512_loadu_si512(words.as_ptr().cast()) }
        fn add_words(self, a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi16(a, b) }
        fn splat_sums(self, value: i32) -> [__m512i; 2] { [_mm512_set1_epi32(value); 2] }
        fn add_products(self, sums: [__m512i; 2], a: __m512i, b: __m512i, weights: [u16; 2]) -> [__m512i; 2] {
            // Side by side in pairs; `shifted` packs them in the order they had.
            let weights = _mm512_set1_epi32(pair(weights[0].into(), weights[1].into()));
            let low = _mm512_madd_epi16(_mm512_unpacklo_epi16(a, b), weights);
            let high = _mm512_madd_epi16(_mm512_unpackhi_epi16(a, b), weights);
            [_mm512_add_epi32(sums[0], low), _mm512_add_epi32(sums[1], high)]
        }
        fn store_words(self, words: __m512i, to: &mut [u16; 32]) {
            _mm512_storeu_si512(to.as_mut_ptr().cast(), words)
        }
        fn store_narrow(self, words: __m512i, to: &mut [u8; 32]) {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtepi16_epi8(words))
        }
    }
    #[inline(always)]
    fn shifted<const SHIFT: u32>(self, [low, high]: [__m512i; 2]) -> __m512i {
        // SAFETY: `self` is the proof of the instructions.
        unsafe {
            _mm512_packus_epi32(_mm512_srli_epi32::<SHIFT>(low), _mm512_srli_epi32::<SHIFT>(high))
        }
    }
}

impl Convolve for Avx2 {
    const TWO: bool = true;
    type Words = [__m256i; 2];
    type Sums = [[__m256i; 2]; 2];

    methods! {
        fn widen(self, bytes: &[u8; 32]) -> [__m256i; 2] {
            let from = bytes.as_ptr().cast::<__m128i>();
            [
                _mm256_cvtepu8_epi16(_mm_loadu_si128(from)),
                _mm256_cvtepu8_epi16(_mm_loadu_si128(from.add(1))),
            ]
        }
        fn words(self, words: &[u16; 32]) -> [__m256i; 2] {
            let from = words.as_ptr().cast();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
        fn add_words(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            [_mm256_add_epi16(a[0], b[0]), _mm256_add_epi16(a[1], b[1])]
        }
        fn splat_sums(self, value: i32) -> [[__m256i; 2]; 2] { [[_mm256_set1_epi32(value); 2]; 2] }
        fn add_products(self, sums: [[__m256i; 2]; 2], a: [__m256i; 2], b: [__m256i; 2], weights: [u16; 2]) -> [[__m256i; 2]; 2] {
            let weights = _mm256_set1_epi32(pair(weights[0].into(), weights[1].into()));
            let mut sums = sums;
            for half in 0..2 {
                // Side by side in pairs; `shifted` packs them in the order they had.
                let low = _mm256_madd_epi16(_mm256_unpacklo_epi16(a[half], b[half]), weights);
                let high = _mm256_madd_epi16(_mm256_unpackhi_epi16(a[half], b[half]), weights);
                sums[half][0] = _mm256_add_epi32(sums[half][0], low);
                sums[half][1] = _mm256_add_epi32(sums[half][1], high);
            }
            sums
        }
        fn store_words(self, words: [__m256i; 2], to: &mut [u16; 32]) {
            let to = to.as_mut_ptr().cast();
            _mm256_storeu_si256(to, words[0]);
            _mm256_storeu_si256(to.add(1), words[1]);
        }
        fn store_narrow(self, words: [__m256i; 2], to: &mut [u8; 32]) {
            let bytes = _mm256_packus_epi16(words[0], words[1]);
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes)
        }
    }
    #[inline(always)]
    fn shifted<const SHIFT: u32>(self, sums: [[__m256i; 2]; 2]) -> [__m256i; 2] {
        let mut words = sums[0];
        for half in 0..2 {
            // SAFETY: `self` is the proof of the instructions.
            words[half] = unsafe {
                let low = _mm256_srl_epi32(sums[half][0], _mm_cvtsi32_si128(SHIFT as i32));
                let high = _mm256_srl_epi32(sums[half][1], _mm_cvtsi32_si128(SHIFT as i32));
                _mm256_packus_epi32(low, high)
            };
        }
        words
    }
}
