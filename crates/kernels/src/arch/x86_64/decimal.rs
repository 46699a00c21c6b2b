use super::avx2::Avx2;
use super::avx512::Avx512;
use super::{NUMBERS, methods};
use crate::arch::Simd;
use crate::arch::generic::decimal::{Decimal, ends};
use crate::decimal::Cells;
use std::arch::x86_64::*;

impl Decimal for Avx2 {}

/// For each byte of eight lanes, the number of its lane, …
const LANE: [u8; 64] = {
    let mut lane = [0; 64];
    let mut byte = 0;
    while byte < 64 {
        lane[byte] = byte as u8 / 8;
        byte += 1;
    }
    lane
};

/// … and how far it is before the byte behind the lane.
const BEFORE_END: [u8; 64] = {
    let mut before = [0; 64];
    let mut byte = 0;
    while byte < 64 {
        before[byte] = 8 - byte as u8 % 8;
        byte += 1;
    }
    before
};

impl Decimal for Avx512 {
    methods! {
        fn cells(
            self,
            text: &[u8; 64],
            delimiter: u8,
            max: usize,
            out: &mut [[u64; 8]]
        ) -> Cells {
            let bytes = self.bytes(text);
            let ends = ends(self, bytes, delimiter);
            let digits = _mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0' as i8));
            // Where the first cell ends, the second, …
            let places = _mm512_maskz_compress_epi8(ends, self.bytes(&NUMBERS));
            let mut count = max.min(ends.count_ones() as usize);
            let mut lane = self.bytes(&LANE);
            // Where the cell before the first one would end.
            let mut last_end = _mm512_set1_epi8(-1);
            for (group, out) in out.iter_mut().enumerate() {
                if 8 * group >= count {
                    break;
                }
                let end = _mm512_permutexvar_epi8(lane, places);
                let before = _mm512_alignr_epi64::<7>(end, last_end);
                // The eight bytes before the end, those of the cell before left out.
                let from = _mm512_sub_epi8(end, self.bytes(&BEFORE_END));
                let is_in = _mm512_cmpgt_epi8_mask(from, before);
                let values = _mm512_maskz_permutexvar_epi8(is_in, from, digits);
                let is_other = _mm512_cmpgt_epu8_mask(values, _mm512_set1_epi8(9));
                // With the end, a cell is two to nine bytes long.
                let len = _mm512_sub_epi8(_mm512_sub_epi8(end, before), _mm512_set1_epi8(2));
                let refused = is_other | _mm512_cmpgt_epu8_mask(len, _mm512_set1_epi8(7));
                let pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi16(0x010A));
                let fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_0064));
                let high = _mm512_mul_epu32(fours, _mm512_set1_epi64(10_000));
                let numbers = _mm512_add_epi64(high, _mm512_srli_epi64::<32>(fours));
                _mm512_storeu_si512(out.as_mut_ptr().cast(), numbers);
                if refused != 0 {
                    count = count.min(8 * group + refused.trailing_zeros() as usize / 8);
                    break;
                }
                lane = _mm512_add_epi8(lane, _mm512_set1_epi8(8));
                last_end = end;
            }
            if count == 0 {
                return Cells::default();
            }
            // The end that is number `count`.
            let end = _pdep_u64(1 << (count - 1), ends).trailing_zeros() as usize;
            Cells { count, end }
        }
    }
}
