use super::{NUMBERS, functions, methods};
use crate::arch::simd::LANES;
use crate::arch::{Simd, for_each_kernel};
use crate::base64::Tables;
use crate::reduce::Moments;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2 and what [`Avx2`](super::avx2::Avx2) has: one register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

for_each_kernel!(functions!(
    Avx512
    "avx2,bmi1,bmi2,fma,lzcnt,popcnt,pclmulqdq,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2"
));

impl Simd for Avx512 {
    type U64s = __m512i;
    type F64s = __m512d;
    type Bytes = __m512i;

    methods! {
        fn splat(self, value: u64) -> __m512i { _mm512_set1_epi64(value as i64) }
        fn load(self, values: &[u64; LANES]) -> __m512i {
            _mm512_loadu_si512(values.as_ptr().cast())
        }
        fn store(self, values: __m512i, to: &mut [u64; LANES]) {
            _mm512_storeu_si512(to.as_mut_ptr().cast(), values)
        }
        fn load_bytes(self, bytes: &[u8; 8 * LANES]) -> __m512i {
            _mm512_loadu_si512(bytes.as_ptr().cast())
        }
        fn store_bytes(self, values: __m512i, to: &mut [u8; 8 * LANES]) {
            _mm512_storeu_si512(to.as_mut_ptr().cast(), values)
        }
        fn add(self, a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi64(a, b) }
        fn and(self, a: __m512i, b: __m512i) -> __m512i { _mm512_and_si512(a, b) }
        fn or(self, a: __m512i, b: __m512i) -> __m512i { _mm512_or_si512(a, b) }
        fn xor(self, a: __m512i, b: __m512i) -> __m512i { _mm512_xor_si512(a, b) }
        fn shl(self, a: __m512i, count: u32) -> __m512i {
            _mm512_sll_epi64(a, _mm_cvtsi32_si128(count as i32))
        }
        fn shr(self, a: __m512i, count: u32) -> __m512i {
            _mm512_srl_epi64(a, _mm_cvtsi32_si128(count as i32))
        }
        fn funnel_shr(self, low: __m512i, high: __m512i, count: u32) -> __m512i {
            _mm512_shrdv_epi64(low, high, _mm512_set1_epi64(count.into()))
        }
        fn min(self, a: __m512i, b: __m512i) -> __m512i { _mm512_min_epu64(a, b) }
        fn max(self, a: __m512i, b: __m512i) -> __m512i { _mm512_max_epu64(a, b) }
        fn prefix_sum(self, a: __m512i) -> __m512i {
            // Added to itself moved by one lane, by two, by four.
            let zero = _mm512_setzero_si512();
            let a = _mm512_add_epi64(a, _mm512_alignr_epi64::<7>(a, zero));
            let a = _mm512_add_epi64(a, _mm512_alignr_epi64::<6>(a, zero));
            _mm512_add_epi64(a, _mm512_alignr_epi64::<4>(a, zero))
        }
        fn splat_last(self, a: __m512i) -> __m512i {
            _mm512_permutexvar_epi64(_mm512_set1_epi64(7), a)
        }
        fn select(self, bits: u8, a: __m512i, b: __m512i) -> __m512i {
            _mm512_mask_blend_epi64(bits, b, a)
        }

        fn splat_f64(self, value: f64) -> __m512d { _mm512_set1_pd(value) }
        fn load_f64(self, values: &[f64; LANES]) -> __m512d { _mm512_loadu_pd(values.as_ptr()) }
        fn add_f64(self, a: __m512d, b: __m512d) -> __m512d { _mm512_add_pd(a, b) }
        fn sub_f64(self, a: __m512d, b: __m512d) -> __m512d { _mm512_sub_pd(a, b) }
        fn mul_f64(self, a: __m512d, b: __m512d) -> __m512d { _mm512_mul_pd(a, b) }
        fn ones_f64(self) -> __m512d { _mm512_set1_pd(std::hint::black_box(1.0)) }
        fn add_f64_by_fma(self, a: __m512d, b: __m512d, ones: __m512d) -> __m512d {
            _mm512_fmadd_pd(a, ones, b)
        }
        fn min_f64(self, a: __m512d, b: __m512d) -> __m512d { _mm512_min_pd(a, b) }
        fn max_f64(self, a: __m512d, b: __m512d) -> __m512d { _mm512_max_pd(a, b) }
        fn numbers(self, a: __m512d) -> u8 { _mm512_cmp_pd_mask::<_CMP_ORD_Q>(a, a) }
        fn f64_from_bits(self, bits: __m512i) -> __m512d { _mm512_castsi512_pd(bits) }
        fn f64_to_bits(self, values: __m512d) -> __m512i { _mm512_castpd_si512(values) }

        fn bytes(self, bytes: &[u8; 64]) -> __m512i { _mm512_loadu_si512(bytes.as_ptr().cast()) }
        fn equal(self, bytes: __m512i, wanted: u8) -> u64 {
            _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(wanted as i8))
        }
        fn prefetch(self, address: *const u8) { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
        fn prefix_xor(self, bits: u64) -> u64 {
            let bits = _mm_cvtsi64_si128(bits as i64);
            _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(bits, _mm_set1_epi8(-1))) as u64
        }
        fn positions(self, bits: u64, start: u32, to: &mut [MaybeUninit<u32>; 64]) {
            // Compressed into a register: the form that stores is slow on AMD.
            let numbers = _mm512_maskz_compress_epi8(bits, self.bytes(&NUMBERS));
            let start = _mm512_set1_epi32(start as i32);
            let to: *mut __m512i = to.as_mut_ptr().cast();
            let count = bits.count_ones();
            let sixteen = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(numbers));
            _mm512_storeu_si512(to, _mm512_add_epi32(sixteen, start));
            if count > 16 {
                let sixteen = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<1>(numbers));
                _mm512_storeu_si512(to.add(1), _mm512_add_epi32(sixteen, start));
            }
            if count > 32 {
                let sixteen = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<2>(numbers));
                _mm512_storeu_si512(to.add(2), _mm512_add_epi32(sixteen, start));
                let sixteen = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32::<3>(numbers));
                _mm512_storeu_si512(to.add(3), _mm512_add_epi32(sixteen, start));
            }
        }
        fn load_part(self, values: &[u64], fill: u64) -> __m512i {
            let bits = _bzhi_u32(0xFF, values.len() as u32) as u8;
            // Lanes without their bit are not read.
            _mm512_mask_loadu_epi64(self.splat(fill), bits, values.as_ptr().cast())
        }
        fn load_part_f64(self, values: &[f64], fill: f64) -> __m512d {
            let bits = _bzhi_u32(0xFF, values.len() as u32) as u8;
            _mm512_mask_loadu_pd(self.splat_f64(fill), bits, values.as_ptr())
        }
    }
}
