//! Plain Rust, compiled for what every processor of the architecture has.

use super::simd::LANES;
use super::{Simd, for_each_kernel};
use crate::base64::Tables;
use crate::reduce::Moments;
use std::array::from_fn;
use std::mem::MaybeUninit;

/// No instructions in particular.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type U64s = [u64; LANES];
    type F64s = [f64; LANES];
    type Bytes = [u8; 64];

    #[inline(always)]
    fn splat(self, value: u64) -> [u64; LANES] {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, values: &[u64; LANES]) -> [u64; LANES] {
        *values
    }
    #[inline(always)]
    fn store(self, values: [u64; LANES], to: &mut [u64; LANES]) {
        *to = values;
    }
    #[inline(always)]
    fn load_bytes(self, bytes: &[u8; 8 * LANES]) -> [u64; LANES] {
        let (words, _) = bytes.as_chunks::<8>();
        from_fn(|lane| u64::from_le_bytes(words[lane]))
    }
    #[inline(always)]
    fn store_bytes(self, values: [u64; LANES], to: &mut [u8; 8 * LANES]) {
        let (words, _) = to.as_chunks_mut::<8>();
        for (word, value) in words.iter_mut().zip(values) {
            *word = value.to_le_bytes();
        }
    }
    #[inline(always)]
    fn add(self, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }
    #[inline(always)]
    fn and(self, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| a[lane] & b[lane])
    }
    #[inline(always)]
    fn or(self, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| a[lane] | b[lane])
    }
    #[inline(always)]
    fn xor(self, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| a[lane] ^ b[lane])
    }
    #[inline(always)]
    fn shl(self, a: [u64; LANES], count: u32) -> [u64; LANES] {
        if count < 64 { a.map(|a| a << count) } else { [0; LANES] }
    }
    #[inline(always)]
    fn shr(self, a: [u64; LANES], count: u32) -> [u64; LANES] {
        if count < 64 { a.map(|a| a >> count) } else { [0; LANES] }
    }
    #[inline(always)]
    fn min(self, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| a[lane].min(b[lane]))
    }
    #[inline(always)]
    fn max(self, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| a[lane].max(b[lane]))
    }
    #[inline(always)]
    fn prefix_sum(self, mut a: [u64; LANES]) -> [u64; LANES] {
        for lane in 1..LANES {
            a[lane] = a[lane].wrapping_add(a[lane - 1]);
        }
        a
    }
    #[inline(always)]
    fn splat_last(self, a: [u64; LANES]) -> [u64; LANES] {
        [a[LANES - 1]; LANES]
    }
    #[inline(always)]
    fn select(self, bits: u8, a: [u64; LANES], b: [u64; LANES]) -> [u64; LANES] {
        from_fn(|lane| if bits >> lane & 1 != 0 { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn splat_f64(self, value: f64) -> [f64; LANES] {
        [value; LANES]
    }
    #[inline(always)]
    fn load_f64(self, values: &[f64; LANES]) -> [f64; LANES] {
        *values
    }
    #[inline(always)]
    fn add_f64(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    fn sub_f64(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    fn mul_f64(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    fn min_f64(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn max_f64(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn numbers(self, a: [f64; LANES]) -> u8 {
        (0..LANES).fold(0, |bits, lane| bits | u8::from(!a[lane].is_nan()) << lane)
    }
    #[inline(always)]
    fn f64_from_bits(self, bits: [u64; LANES]) -> [f64; LANES] {
        bits.map(f64::from_bits)
    }
    #[inline(always)]
    fn f64_to_bits(self, values: [f64; LANES]) -> [u64; LANES] {
        values.map(f64::to_bits)
    }

    #[inline(always)]
    fn bytes(self, bytes: &[u8; 64]) -> [u8; 64] {
        *bytes
    }
    #[inline(always)]
    fn equal(self, bytes: [u8; 64], wanted: u8) -> u64 {
        const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
        let (words, _) = bytes.as_chunks::<8>();
        let pattern = u64::from(wanted) * 0x0101_0101_0101_0101;
        words.iter().rev().fold(0, |mask, word| {
            let difference = u64::from_le_bytes(*word) ^ pattern;
            // The top bit of each byte that is zero (Warren, "Hacker's Delight", 6-1), and those
            // eight bits side by side.
            let zero = !((difference & LOW).wrapping_add(LOW) | difference | LOW) >> 7;
            mask << 8 | zero.wrapping_mul(0x0102_0408_1020_4080) >> 56
        })
    }
}

macro_rules! functions {
    ($(mod $family:ident {$(
        fn $name:ident($($argument:ident: $ty:ty),*) $(-> $output:ty)?;
    )*})*) => {$(
        pub(crate) mod $family {
            #[allow(unused_imports, reason = "some families need it")]
            use super::*;
            $(pub(crate) fn $name($($argument: $ty),*) $(-> $output)? {
                crate::arch::generic::$family::$name(Portable, $($argument),*)
            })*
        }
    )*};
}
for_each_kernel!(functions!());
