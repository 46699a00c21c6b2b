use crate::arch::Simd;
use crate::arch::portable::Portable;
use std::array::from_fn;
use std::mem::MaybeUninit;

mod arithmetic;
mod bitmap;
pub(in crate::arch::generic) mod compare;
mod lookup;
mod select;
mod sum_where;

pub(crate) use arithmetic::*;
pub(crate) use bitmap::*;
pub(crate) use compare::*;
pub(crate) use lookup::*;
pub(crate) use select::*;
pub(crate) use sum_where::*;

/// What the family needs beyond [`Simd`].
pub(crate) trait Elementwise: Simd {
    /// Sixteen floats of 32 bits.
    type F32s: Copy;
    /// Which of the eight 64-bit lanes a comparison holds for.
    type Mask: Copy;

    fn load_i64(self, values: &[i64; 8]) -> Self::U64s;
    fn store_i64(self, values: Self::U64s, to: &mut [i64; 8]);
    fn load_f32(self, values: &[f32; 16]) -> Self::F32s;
    fn store_f32(self, values: Self::F32s, to: &mut [f32; 16]);
    fn add_f32(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    fn store_f64(self, values: Self::F64s, to: &mut [f64; 8]);

    /// The sum of each lane and those before it: the lane one before is added to each that has
    /// one, then two before, then four. Whether a zero is negative is not specified.
    fn prefix_sum_f64(self, a: Self::F64s) -> Self::F64s;

    fn lt_f64(self, a: Self::F64s, b: Self::F64s) -> Self::Mask;
    fn le_f64(self, a: Self::F64s, b: Self::F64s) -> Self::Mask;
    fn eq_f64(self, a: Self::F64s, b: Self::F64s) -> Self::Mask;
    fn lt_i64(self, a: Self::U64s, b: Self::U64s) -> Self::Mask;
    fn lt_u64(self, a: Self::U64s, b: Self::U64s) -> Self::Mask;
    fn eq_u64(self, a: Self::U64s, b: Self::U64s) -> Self::Mask;
    fn not(self, mask: Self::Mask) -> Self::Mask;
    /// The lanes with bits set.
    fn mask(self, bits: u8) -> Self::Mask;
    fn and_mask(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Bit `i` of the result is lane `i % 8` of mask `i / 8`.
    fn word(self, masks: [Self::Mask; 8]) -> u64;
    /// The lanes that the mask has, 0 elsewhere.
    fn keep(self, mask: Self::Mask, values: Self::U64s) -> Self::U64s;

    /// Writes the lanes whose bit is set to the front of `to`; what is behind them may be
    /// overwritten.
    fn compress(self, bits: u8, values: &[u64; 8], to: &mut [MaybeUninit<u64>; 8]);

    /// Each byte replaced by its entry.
    #[inline(always)]
    fn translate(self, bytes: &mut [u8; 64], table: &[u8; 256]) {
        for byte in bytes {
            *byte = table[usize::from(*byte)];
        }
    }

    #[inline(always)]
    fn splat_last_f64(self, values: Self::F64s) -> Self::F64s {
        self.f64_from_bits(self.splat_last(self.f64_to_bits(values)))
    }

    #[inline(always)]
    fn keep_f64(self, mask: Self::Mask, values: Self::F64s) -> Self::F64s {
        self.f64_from_bits(self.keep(mask, self.f64_to_bits(values)))
    }
}

impl Elementwise for Portable {
    type F32s = [f32; 16];
    /// All bits or none in each lane.
    type Mask = [u64; 8];

    #[inline(always)]
    fn load_i64(self, values: &[i64; 8]) -> [u64; 8] {
        values.map(|value| value as u64)
    }
    #[inline(always)]
    fn store_i64(self, values: [u64; 8], to: &mut [i64; 8]) {
        *to = values.map(|value| value as i64);
    }
    #[inline(always)]
    fn load_f32(self, values: &[f32; 16]) -> [f32; 16] {
        *values
    }
    #[inline(always)]
    fn store_f32(self, values: [f32; 16], to: &mut [f32; 16]) {
        *to = values;
    }
    #[inline(always)]
    fn add_f32(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    fn store_f64(self, values: [f64; 8], to: &mut [f64; 8]) {
        *to = values;
    }
    #[inline(always)]
    fn prefix_sum_f64(self, a: [f64; 8]) -> [f64; 8] {
        let a: [f64; 8] = from_fn(|lane| a[lane] + if lane < 1 { 0.0 } else { a[lane - 1] });
        let a: [f64; 8] = from_fn(|lane| a[lane] + if lane < 2 { 0.0 } else { a[lane - 2] });
        from_fn(|lane| a[lane] + if lane < 4 { 0.0 } else { a[lane - 4] })
    }
    #[inline(always)]
    fn lt_f64(self, a: [f64; 8], b: [f64; 8]) -> [u64; 8] {
        from_fn(|lane| u64::from(a[lane] < b[lane]).wrapping_neg())
    }
    #[inline(always)]
    fn le_f64(self, a: [f64; 8], b: [f64; 8]) -> [u64; 8] {
        from_fn(|lane| u64::from(a[lane] <= b[lane]).wrapping_neg())
    }
    #[inline(always)]
    fn eq_f64(self, a: [f64; 8], b: [f64; 8]) -> [u64; 8] {
        from_fn(|lane| u64::from(a[lane] == b[lane]).wrapping_neg())
    }
    #[inline(always)]
    fn lt_i64(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|lane| u64::from((a[lane] as i64) < b[lane] as i64).wrapping_neg())
    }
    #[inline(always)]
    fn lt_u64(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|lane| u64::from(a[lane] < b[lane]).wrapping_neg())
    }
    #[inline(always)]
    fn eq_u64(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|lane| u64::from(a[lane] == b[lane]).wrapping_neg())
    }
    #[inline(always)]
    fn not(self, mask: [u64; 8]) -> [u64; 8] {
        mask.map(|lane| !lane)
    }
    #[inline(always)]
    fn mask(self, bits: u8) -> [u64; 8] {
        from_fn(|lane| u64::from(bits >> lane & 1).wrapping_neg())
    }
    #[inline(always)]
    fn and_mask(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        self.and(a, b)
    }
    #[inline(always)]
    fn word(self, masks: [[u64; 8]; 8]) -> u64 {
        let mut word = 0;
        for (index, lane) in masks.as_flattened().iter().enumerate() {
            word |= lane & 1 << index;
        }
        word
    }
    #[inline(always)]
    fn keep(self, mask: [u64; 8], values: [u64; 8]) -> [u64; 8] {
        self.and(mask, values)
    }
    #[inline(always)]
    fn compress(self, bits: u8, values: &[u64; 8], to: &mut [MaybeUninit<u64>; 8]) {
        // Each is written, and overwritten by the next if it does not count.
        let mut count = 0;
        for (lane, value) in values.iter().enumerate() {
            to[count % 8].write(*value);
            count += usize::from(bits >> lane & 1);
        }
    }
}
