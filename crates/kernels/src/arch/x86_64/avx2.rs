use super::{functions, methods};
use crate::arch::simd::LANES;
use crate::arch::{Simd, for_each_kernel};
use crate::base64::Tables;
use crate::reduce::Moments;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// AVX2, BMI1, BMI2, FMA, LZCNT, POPCNT and PCLMULQDQ: two registers of four lanes.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

for_each_kernel!(functions!(Avx2 "avx2,bmi1,bmi2,fma,lzcnt,popcnt,pclmulqdq"));

type U64s = [__m256i; 2];
type F64s = [__m256d; 2];

/// The expression for each half of the registers that it names: `[f(a[0], b[0]), f(a[1], b[1])]`
/// is `halves!(a, b => f(a, b))`.
macro_rules! halves {
    ($($register:ident),* => $half:expr) => {{
        let half = 0;
        let low = { $(let $register = $register[half];)* $half };
        let half = 1;
        let high = { $(let $register = $register[half];)* $half };
        [low, high]
    }};
}

impl Simd for Avx2 {
    type U64s = U64s;
    type F64s = F64s;
    type Bytes = [__m256i; 2];

    methods! {
        fn splat(self, value: u64) -> U64s { [_mm256_set1_epi64x(value as i64); 2] }
        fn load(self, values: &[u64; LANES]) -> U64s {
            let from = values.as_ptr().cast();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
        fn store(self, values: U64s, to: &mut [u64; LANES]) {
            let to = to.as_mut_ptr().cast();
            _mm256_storeu_si256(to, values[0]);
            _mm256_storeu_si256(to.add(1), values[1]);
        }
        fn load_bytes(self, bytes: &[u8; 8 * LANES]) -> U64s {
            let from = bytes.as_ptr().cast();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
        fn store_bytes(self, values: U64s, to: &mut [u8; 8 * LANES]) {
            let to = to.as_mut_ptr().cast();
            _mm256_storeu_si256(to, values[0]);
            _mm256_storeu_si256(to.add(1), values[1]);
        }
        fn add(self, a: U64s, b: U64s) -> U64s { halves!(a, b => _mm256_add_epi64(a, b)) }
        fn and(self, a: U64s, b: U64s) -> U64s { halves!(a, b => _mm256_and_si256(a, b)) }
        fn or(self, a: U64s, b: U64s) -> U64s { halves!(a, b => _mm256_or_si256(a, b)) }
        fn xor(self, a: U64s, b: U64s) -> U64s { halves!(a, b => _mm256_xor_si256(a, b)) }
        fn shl(self, a: U64s, count: u32) -> U64s {
            let count = _mm_cvtsi32_si128(count as i32);
            halves!(a => _mm256_sll_epi64(a, count))
        }
        fn shr(self, a: U64s, count: u32) -> U64s {
            let count = _mm_cvtsi32_si128(count as i32);
            halves!(a => _mm256_srl_epi64(a, count))
        }
        fn min(self, a: U64s, b: U64s) -> U64s {
            // Only signed numbers compare: flip the sign bits for it.
            let sign = self.splat(1 << 63);
            let (flipped_a, flipped_b) = (self.xor(a, sign), self.xor(b, sign));
            let greater = halves!(flipped_a, flipped_b => _mm256_cmpgt_epi64(flipped_a, flipped_b));
            halves!(a, b, greater => _mm256_blendv_epi8(a, b, greater))
        }
        fn max(self, a: U64s, b: U64s) -> U64s {
            let sign = self.splat(1 << 63);
            let (flipped_a, flipped_b) = (self.xor(a, sign), self.xor(b, sign));
            let greater = halves!(flipped_a, flipped_b => _mm256_cmpgt_epi64(flipped_a, flipped_b));
            halves!(a, b, greater => _mm256_blendv_epi8(b, a, greater))
        }
        fn prefix_sum(self, a: U64s) -> U64s {
            let [low, high] = halves!(a => {
                // a, a + b, c, c + d
                let pairs = _mm256_add_epi64(a, _mm256_slli_si256::<8>(a));
                let second = _mm256_permute4x64_epi64::<0b01_01_01_01>(pairs);
                _mm256_add_epi64(pairs, _mm256_blend_epi32::<0xF0>(_mm256_setzero_si256(), second))
            });
            [low, _mm256_add_epi64(high, _mm256_permute4x64_epi64::<0xFF>(low))]
        }
        fn splat_last(self, a: U64s) -> U64s { [_mm256_permute4x64_epi64::<0xFF>(a[1]); 2] }
        fn select(self, bits: u8, a: U64s, b: U64s) -> U64s {
            let bits = _mm256_set1_epi64x(bits.into());
            let lane = [_mm256_set_epi64x(8, 4, 2, 1), _mm256_set_epi64x(128, 64, 32, 16)];
            halves!(a, b, lane => {
                let chosen = _mm256_cmpeq_epi64(_mm256_and_si256(bits, lane), lane);
                _mm256_blendv_epi8(b, a, chosen)
            })
        }

        fn splat_f64(self, value: f64) -> F64s { [_mm256_set1_pd(value); 2] }
        fn load_f64(self, values: &[f64; LANES]) -> F64s {
            [_mm256_loadu_pd(values.as_ptr()), _mm256_loadu_pd(values.as_ptr().add(4))]
        }
        fn add_f64(self, a: F64s, b: F64s) -> F64s { halves!(a, b => _mm256_add_pd(a, b)) }
        fn sub_f64(self, a: F64s, b: F64s) -> F64s { halves!(a, b => _mm256_sub_pd(a, b)) }
        fn mul_f64(self, a: F64s, b: F64s) -> F64s { halves!(a, b => _mm256_mul_pd(a, b)) }
        fn min_f64(self, a: F64s, b: F64s) -> F64s { halves!(a, b => _mm256_min_pd(a, b)) }
        fn max_f64(self, a: F64s, b: F64s) -> F64s { halves!(a, b => _mm256_max_pd(a, b)) }
        fn numbers(self, a: F64s) -> u8 {
            let ordered = halves!(a => _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_ORD_Q>(a, a)));
            (ordered[0] | ordered[1] << 4) as u8
        }
        fn f64_from_bits(self, bits: U64s) -> F64s { halves!(bits => _mm256_castsi256_pd(bits)) }
        fn f64_to_bits(self, values: F64s) -> U64s { halves!(values => _mm256_castpd_si256(values)) }

        fn bytes(self, bytes: &[u8; 64]) -> [__m256i; 2] {
            let from = bytes.as_ptr().cast();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
        fn equal(self, bytes: [__m256i; 2], wanted: u8) -> u64 {
            let wanted = _mm256_set1_epi8(wanted as i8);
            let [low, high] = halves!(bytes => {
                _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, wanted)) as u32
            });
            u64::from(low) | u64::from(high) << 32
        }
        fn prefetch(self, address: *const u8) { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
        fn prefix_xor(self, bits: u64) -> u64 {
            let bits = _mm_cvtsi64_si128(bits as i64);
            _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(bits, _mm_set1_epi8(-1))) as u64
        }
        fn load_part(self, values: &[u64], fill: u64) -> U64s {
            let count = _mm256_set1_epi64x(values.len().min(LANES) as i64);
            let lanes = [_mm256_set_epi64x(3, 2, 1, 0), _mm256_set_epi64x(7, 6, 5, 4)];
            let from = values.as_ptr().cast::<i64>();
            let from = [from, from.wrapping_add(4)];
            let fill = self.splat(fill);
            halves!(lanes, from, fill => {
                let there = _mm256_cmpgt_epi64(count, lanes);
                // Lanes that are not there are not read.
                _mm256_blendv_epi8(fill, _mm256_maskload_epi64(from, there), there)
            })
        }
        fn load_part_f64(self, values: &[f64], fill: f64) -> F64s {
            // SAFETY: both types have the same size and alignment, and any bits are a value.
            let bits = std::slice::from_raw_parts(values.as_ptr().cast(), values.len());
            self.f64_from_bits(self.load_part(bits, fill.to_bits()))
        }
    }
}
