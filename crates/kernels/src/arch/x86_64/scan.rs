use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::generic::scan::Scan;
use std::arch::x86_64::*;

/// In place `n`, the one of `characters` whose lower four bits are `n`; elsewhere something whose
/// lower bits are others. So a byte is one of them if it is what stands in its place (Langdale,
/// Lemire: "Parsing Gigabytes of JSON per Second", 2019).
const fn by_lower_bits(characters: &[u8]) -> [u8; 16] {
    let mut table = [0; 16];
    // Not 0, which would be found.
    table[0] = 1;
    let mut index = 0;
    while index < characters.len() {
        table[(characters[index] % 16) as usize] = characters[index];
        index += 1;
    }
    table
}

const WHITESPACE: [u8; 16] = by_lower_bits(b" \t\n\x0C\r");
const SEPARATORS: [u8; 16] = by_lower_bits(b",= \n");
const SPECIAL: [u8; 16] = by_lower_bits(b"\"\\#\t");

/// The byte of a byte order mark that is not found by its lower bits: the instruction takes 0 for
/// bytes above 127.
const MARK: i8 = 0xEF_u8 as i8;

impl Scan for Avx2 {
    methods! {
        fn whitespace(self, bytes: [__m256i; 2]) -> u64 {
            bits([is_in(bytes[0], WHITESPACE), is_in(bytes[1], WHITESPACE)])
        }
        fn separators(self, bytes: [__m256i; 2]) -> u64 {
            bits([is_in(bytes[0], SEPARATORS), is_in(bytes[1], SEPARATORS)])
        }
        fn any_special(self, bytes: [__m256i; 2]) -> bool {
            let low = _mm256_or_si256(is_in(bytes[0], SPECIAL), is_mark(bytes[0]));
            let high = _mm256_or_si256(is_in(bytes[1], SPECIAL), is_mark(bytes[1]));
            _mm256_movemask_epi8(_mm256_or_si256(low, high)) != 0
        }
    }
}

/// All bits of the bytes that are in the table.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn is_in(bytes: __m256i, table: [u8; 16]) -> __m256i {
    // SAFETY: as the caller says; 16 bytes are read from a table of as many.
    unsafe {
        let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
        _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(table, bytes))
    }
}

/// All bits of the bytes that may begin a byte order mark.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn is_mark(bytes: __m256i) -> __m256i {
    // SAFETY: as the caller says.
    unsafe { _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(MARK)) }
}

/// A bit of each byte.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn bits(bytes: [__m256i; 2]) -> u64 {
    // SAFETY: as the caller says.
    let (low, high) = unsafe { (_mm256_movemask_epi8(bytes[0]), _mm256_movemask_epi8(bytes[1])) };
    u64::from(low as u32) | u64::from(high as u32) << 32
}

impl Scan for Avx512 {
    methods! {
        fn whitespace(self, bytes: __m512i) -> u64 {
            let table = _mm_loadu_si128(WHITESPACE.as_ptr().cast());
            let table = _mm512_broadcast_i32x4(table);
            _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(table, bytes))
        }
        fn separators(self, bytes: __m512i) -> u64 {
            let table = _mm_loadu_si128(SEPARATORS.as_ptr().cast());
            let table = _mm512_broadcast_i32x4(table);
            _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(table, bytes))
        }
        fn any_special(self, bytes: __m512i) -> bool {
            let table = _mm512_broadcast_i32x4(_mm_loadu_si128(SPECIAL.as_ptr().cast()));
            let mark = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(MARK));
            mark | _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(table, bytes)) != 0
        }
    }
}
