use super::avx2::Avx2;
use super::avx512::Avx512;
use super::methods;
use crate::arch::Simd;
use crate::arch::generic::elementwise::Elementwise;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// For each set of four lanes, those in it by number, as the 32-bit halves of what to take.
const FRONT: [[u32; 8]; 16] = {
    let mut table = [[0; 8]; 16];
    let mut bits = 0;
    while bits < 16 {
        let (mut lane, mut count) = (0, 0);
        while lane < 4 {
            if bits >> lane & 1 != 0 {
                table[bits][2 * count] = 2 * lane;
                table[bits][2 * count + 1] = 2 * lane + 1;
                count += 1;
            }
            lane += 1;
        }
        bits += 1;
    }
    table
};

impl Elementwise for Avx2 {
    type F32s = [__m256; 2];
    /// All bits or none in each lane.
    type Mask = [__m256i; 2];

    #[inline(always)]
    fn lt_u64(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // Only signed numbers compare: flip the sign bits for it.
        let sign = self.splat(1 << 63);
        self.lt_i64(self.xor(a, sign), self.xor(b, sign))
    }
    #[inline(always)]
    fn not(self, mask: [__m256i; 2]) -> [__m256i; 2] {
        self.xor(mask, self.splat(u64::MAX))
    }
    #[inline(always)]
    fn mask(self, bits: u8) -> [__m256i; 2] {
        self.select(bits, self.splat(u64::MAX), self.splat(0))
    }
    #[inline(always)]
    fn and_mask(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        self.and(a, b)
    }
    #[inline(always)]
    fn keep(self, mask: [__m256i; 2], values: [__m256i; 2]) -> [__m256i; 2] {
        self.and(mask, values)
    }

    methods! {
        fn load_i64(self, values: &[i64; 8]) -> [__m256i; 2] {
            let from = values.as_ptr().cast();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
        fn store_i64(self, values: [__m256i; 2], to: &mut [i64; 8]) {
            let to = to.as_mut_ptr().cast();
            _mm256_storeu_si256(to, values[0]);
            _mm256_storeu_si256(to.add(1), values[1]);
        }
        fn load_f32(self, values: &[f32; 16]) -> [__m256; 2] {
            [_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))]
        }
        fn store_f32(self, values: [__m256; 2], to: &mut [f32; 16]) {
            _mm256_storeu_ps(to.as_mut_ptr(), values[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), values[1]);
        }
        fn add_f32(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }
        fn store_f64(self, values: [__m256d; 2], to: &mut [f64; 8]) {
            _mm256_storeu_pd(to.as_mut_ptr(), values[0]);
            _mm256_storeu_pd(to.as_mut_ptr().add(4), values[1]);
        }
        fn prefix_sum_f64(self, a: [__m256d; 2]) -> [__m256d; 2] {
            let zero = _mm256_setzero_pd();
            let low = _mm256_permute4x64_pd::<0b10_01_00_11>(a[0]);
            let high = _mm256_permute4x64_pd::<0b10_01_00_11>(a[1]);
            let low_by_1 = _mm256_blend_pd::<1>(low, zero);
            let high_by_1 = _mm256_blend_pd::<1>(high, low);
            let (low, high) = (_mm256_add_pd(a[0], low_by_1), _mm256_add_pd(a[1], high_by_1));
            let low_by_2 = _mm256_permute2f128_pd::<0x08>(low, low);
            let high_by_2 = _mm256_permute2f128_pd::<0x21>(low, high);
            let (low, high) = (_mm256_add_pd(low, low_by_2), _mm256_add_pd(high, high_by_2));
            [_mm256_add_pd(low, zero), _mm256_add_pd(high, low)]
        }
        fn lt_f64(self, a: [__m256d; 2], b: [__m256d; 2]) -> [__m256i; 2] {
            [
                _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_LT_OQ>(a[0], b[0])),
                _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_LT_OQ>(a[1], b[1])),
            ]
        }
        fn le_f64(self, a: [__m256d; 2], b: [__m256d; 2]) -> [__m256i; 2] {
            [
                _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_LE_OQ>(a[0], b[0])),
                _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_LE_OQ>(a[1], b[1])),
            ]
        }
        fn eq_f64(self, a: [__m256d; 2], b: [__m256d; 2]) -> [__m256i; 2] {
            [
                _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_EQ_OQ>(a[0], b[0])),
                _mm256_castpd_si256(_mm256_cmp_pd::<_CMP_EQ_OQ>(a[1], b[1])),
            ]
        }
        fn lt_i64(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            [_mm256_cmpgt_epi64(b[0], a[0]), _mm256_cmpgt_epi64(b[1], a[1])]
        }
        fn eq_u64(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
            [_mm256_cmpeq_epi64(a[0], b[0]), _mm256_cmpeq_epi64(a[1], b[1])]
        }
        fn word(self, masks: [[__m256i; 2]; 8]) -> u64 {
            let mut word = 0;
            for (index, half) in masks.as_flattened().iter().enumerate() {
                let bits = _mm256_movemask_pd(_mm256_castsi256_pd(*half)) as u64;
                word |= bits << (4 * index);
            }
            word
        }
        fn compress(self, bits: u8, values: &[u64; 8], to: &mut [MaybeUninit<u64>; 8]) {
            let [low, high] = self.load(values);
            let front = FRONT[usize::from(bits % 16)].as_ptr().cast();
            let low = _mm256_permutevar8x32_epi32(low, _mm256_loadu_si256(front));
            let front = FRONT[usize::from(bits / 16)].as_ptr().cast();
            let high = _mm256_permutevar8x32_epi32(high, _mm256_loadu_si256(front));
            let to = to.as_mut_ptr();
            _mm256_storeu_si256(to.cast(), low);
            // Four places from the first, second, ... or fifth on.
            _mm256_storeu_si256(to.add((bits % 16).count_ones() as usize).cast(), high);
        }
    }
}

impl Elementwise for Avx512 {
    type F32s = __m512;
    type Mask = __mmask8;

    #[inline(always)]
    fn not(self, mask: u8) -> u8 {
        !mask
    }
    #[inline(always)]
    fn mask(self, bits: u8) -> u8 {
        bits
    }
    #[inline(always)]
    fn and_mask(self, a: u8, b: u8) -> u8 {
        a & b
    }
    #[inline(always)]
    fn word(self, masks: [u8; 8]) -> u64 {
        u64::from_le_bytes(masks)
    }

    methods! {
        fn load_i64(self, values: &[i64; 8]) -> __m512i {
            _mm512_loadu_si512(values.as_ptr().cast())
        }
        fn store_i64(self, values: __m512i, to: &mut [i64; 8]) {
            _mm512_storeu_si512(to.as_mut_ptr().cast(), values)
        }
        fn load_f32(self, values: &[f32; 16]) -> __m512 { _mm512_loadu_ps(values.as_ptr()) }
        fn store_f32(self, values: __m512, to: &mut [f32; 16]) {
            _mm512_storeu_ps(to.as_mut_ptr(), values)
        }
        fn add_f32(self, a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn store_f64(self, values: __m512d, to: &mut [f64; 8]) {
            _mm512_storeu_pd(to.as_mut_ptr(), values)
        }
        fn prefix_sum_f64(self, a: __m512d) -> __m512d {
            // Lanes moved around the corner are left out: with zeros moved in, the compiler takes
            // `vexpandpd`, and is three times slower.
            let by_1 = _mm512_castpd_si512(a);
            let by_1 = _mm512_castsi512_pd(_mm512_alignr_epi64::<7>(by_1, by_1));
            let a = _mm512_mask_add_pd(a, 0b1111_1110, a, by_1);
            let by_2 = _mm512_castpd_si512(a);
            let by_2 = _mm512_castsi512_pd(_mm512_alignr_epi64::<6>(by_2, by_2));
            let a = _mm512_mask_add_pd(a, 0b1111_1100, a, by_2);
            let by_4 = _mm512_castpd_si512(a);
            let by_4 = _mm512_castsi512_pd(_mm512_alignr_epi64::<4>(by_4, by_4));
            _mm512_mask_add_pd(a, 0b1111_0000, a, by_4)
        }
        fn lt_f64(self, a: __m512d, b: __m512d) -> u8 { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b) }
        fn le_f64(self, a: __m512d, b: __m512d) -> u8 { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b) }
        fn eq_f64(self, a: __m512d, b: __m512d) -> u8 { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b) }
        fn lt_i64(self, a: __m512i, b: __m512i) -> u8 { _mm512_cmplt_epi64_mask(a, b) }
        fn lt_u64(self, a: __m512i, b: __m512i) -> u8 { _mm512_cmplt_epu64_mask(a, b) }
        fn eq_u64(self, a: __m512i, b: __m512i) -> u8 { _mm512_cmpeq_epi64_mask(a, b) }
        fn keep(self, mask: u8, values: __m512i) -> __m512i {
            _mm512_maskz_mov_epi64(mask, values)
        }
        fn compress(self, bits: u8, values: &[u64; 8], to: &mut [MaybeUninit<u64>; 8]) {
            // Compressed into a register: the form that stores is slow on AMD.
            let front = _mm512_maskz_compress_epi64(bits, self.load(values));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), front)
        }
        fn translate(self, bytes: &mut [u8; 64], table: &[u8; 256]) {
            let (parts, _) = table.as_chunks::<64>();
            let [a, b] = [self.bytes(&parts[0]), self.bytes(&parts[1])];
            let [c, d] = [self.bytes(&parts[2]), self.bytes(&parts[3])];
            let codes = self.bytes(bytes);
            let lower = _mm512_permutex2var_epi8(a, codes, b);
            let upper = _mm512_permutex2var_epi8(c, codes, d);
            // The instruction looks at the seven lower bits of a code; the eighth chooses.
            let found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), lower, upper);
            _mm512_storeu_si512(bytes.as_mut_ptr().cast(), found)
        }
    }
}
