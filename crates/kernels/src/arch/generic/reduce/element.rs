//! What the algorithms for floats need of a type of float and of an instruction set.

use crate::arch::Simd;
use crate::arch::portable::Portable;
use crate::reduce::Number;
use std::array::from_fn;

/// How many 32-bit lanes a register has.
pub(crate) const LANES_32: usize = 16;

/// What reductions need beyond [`Simd`]: sixteen floats of 32 bits.
pub(crate) trait Reduce: Simd {
    /// Sixteen floats.
    type F32s: Copy;
    /// Whether `min` and `max` of integers are faster than a loop over single values.
    const HAS_64_BIT_EXTREMES: bool;

    fn splat_f32(self, value: f32) -> Self::F32s;
    fn load_f32(self, values: &[f32; LANES_32]) -> Self::F32s;
    /// Up to sixteen values, `fill` in the lanes that are left.
    #[inline(always)]
    fn load_part_f32(self, values: &[f32], fill: f32) -> Self::F32s {
        let mut array = [fill; LANES_32];
        for (to, value) in array.iter_mut().zip(values) {
            *to = *value;
        }
        self.load_f32(&array)
    }
    fn to_array_f32(self, values: Self::F32s) -> [f32; LANES_32];
    fn add_f32(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    fn mul_f32(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// `if a < b { a } else { b }`: `b` where `a` is NaN.
    fn min_f32(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// `if a > b { a } else { b }`: `b` where `a` is NaN.
    fn max_f32(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// `a` where the bit of the lane is set, `b` elsewhere.
    fn select_f32(self, bits: u16, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// Eight values of 32 bits as ones of 64.
    fn widen(self, values: &[f32; 8]) -> Self::F64s;
}

impl Reduce for Portable {
    type F32s = [f32; LANES_32];
    const HAS_64_BIT_EXTREMES: bool = false;

    #[inline(always)]
    fn splat_f32(self, value: f32) -> [f32; LANES_32] {
        [value; LANES_32]
    }
    #[inline(always)]
    fn load_f32(self, values: &[f32; LANES_32]) -> [f32; LANES_32] {
        *values
    }
    #[inline(always)]
    fn to_array_f32(self, values: [f32; LANES_32]) -> [f32; LANES_32] {
        values
    }
    #[inline(always)]
    fn add_f32(self, a: [f32; LANES_32], b: [f32; LANES_32]) -> [f32; LANES_32] {
        from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    fn mul_f32(self, a: [f32; LANES_32], b: [f32; LANES_32]) -> [f32; LANES_32] {
        from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    fn min_f32(self, a: [f32; LANES_32], b: [f32; LANES_32]) -> [f32; LANES_32] {
        from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn max_f32(self, a: [f32; LANES_32], b: [f32; LANES_32]) -> [f32; LANES_32] {
        from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn select_f32(self, bits: u16, a: [f32; LANES_32], b: [f32; LANES_32]) -> [f32; LANES_32] {
        from_fn(|lane| if bits >> lane & 1 != 0 { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn widen(self, values: &[f32; 8]) -> [f64; 8] {
        values.map(f64::from)
    }
}

/// A type of float, in registers of its own, and its values as `f64`s.
pub(super) trait Element<S: Reduce>: Number<Sum = f64> {
    /// A register full.
    type Lanes: Copy;
    /// How many values a register holds.
    const LANES: usize;
    const ZERO: Self;
    const NAN: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;

    fn splat(simd: S, value: Self) -> Self::Lanes;
    /// `W` registers full of values.
    fn load_row<const W: usize>(simd: S, values: &[Self]) -> [Self::Lanes; W];
    /// Up to `LANES` values, and `fill` in the lanes that are left.
    fn load_part(simd: S, values: &[Self], fill: Self) -> Self::Lanes;
    fn add(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn mul(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn min(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn max(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// `a` where the bit of the lane is set in `bits`, which begin with the lowest; `b` elsewhere.
    fn select(simd: S, bits: u16, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// The sum of the lanes, as a tree.
    fn total(simd: S, lanes: Self::Lanes) -> Self;
    /// The least lane; none is NaN.
    fn least(simd: S, lanes: Self::Lanes) -> Self;
    /// The greatest lane; none is NaN.
    fn greatest(simd: S, lanes: Self::Lanes) -> Self;

    fn plus(self, other: Self) -> Self;
    fn from_f64(value: f64) -> Self;
    /// Eight values as `f64`s.
    fn wide(simd: S, values: &[Self; 8]) -> S::F64s;
    /// Up to eight, `fill` in the lanes that are left.
    fn wide_part(simd: S, values: &[Self], fill: f64) -> S::F64s;
}

// Written so, they are one instruction, and NaNs never win.
#[inline(always)]
pub(super) fn less<T: Number>(value: T, min: T) -> T {
    if value < min { value } else { min }
}

#[inline(always)]
pub(super) fn greater<T: Number>(value: T, max: T) -> T {
    if value > max { value } else { max }
}

macro_rules! tree {
    ($lanes:expr, $width:expr, $merge:expr) => {{
        let mut lanes = $lanes;
        let mut width = $width;
        while width > 1 {
            width /= 2;
            for lane in 0..width {
                lanes[lane] = $merge(lanes[lane], lanes[lane + width]);
            }
        }
        lanes[0]
    }};
}
pub(super) use tree;

macro_rules! element {
    (
        $ty:ident $lanes:ident $width:literal
        $splat:ident $load:ident $load_part:ident $to_array:ident $add:ident $mul:ident $min:ident $max:ident
        $select:ident $bits:ty
    ) => {
        type Lanes = S::$lanes;
        const LANES: usize = $width;
        const ZERO: $ty = 0.0;
        const NAN: $ty = $ty::NAN;
        const INFINITY: $ty = $ty::INFINITY;
        const NEG_INFINITY: $ty = $ty::NEG_INFINITY;

        #[inline(always)]
        fn splat(simd: S, value: $ty) -> Self::Lanes {
            simd.$splat(value)
        }
        #[inline(always)]
        fn load_row<const W: usize>(simd: S, values: &[$ty]) -> [Self::Lanes; W] {
            let (groups, _) = values.as_chunks::<$width>();
            let mut row = [simd.$splat(0.0); W];
            for index in 0..W {
                row[index] = simd.$load(&groups[index]);
            }
            row
        }
        #[inline(always)]
        fn load_part(simd: S, values: &[$ty], fill: $ty) -> Self::Lanes {
            simd.$load_part(values, fill)
        }
        #[inline(always)]
        fn add(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            simd.$add(a, b)
        }
        #[inline(always)]
        fn mul(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            simd.$mul(a, b)
        }
        #[inline(always)]
        fn min(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            simd.$min(a, b)
        }
        #[inline(always)]
        fn max(simd: S, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            simd.$max(a, b)
        }
        #[inline(always)]
        fn select(simd: S, bits: u16, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
            simd.$select(bits as $bits, a, b)
        }
        #[inline(always)]
        fn total(simd: S, lanes: Self::Lanes) -> $ty {
            tree!(simd.$to_array(lanes), $width, |a: $ty, b: $ty| a + b)
        }
        #[inline(always)]
        fn least(simd: S, lanes: Self::Lanes) -> $ty {
            tree!(simd.$to_array(lanes), $width, less)
        }
        #[inline(always)]
        fn greatest(simd: S, lanes: Self::Lanes) -> $ty {
            tree!(simd.$to_array(lanes), $width, greater)
        }
        #[inline(always)]
        fn plus(self, other: $ty) -> $ty {
            self + other
        }
        #[inline(always)]
        fn from_f64(value: f64) -> $ty {
            value as $ty
        }
    };
}

impl<S: Reduce> Element<S> for f64 {
    element! {
        f64 F64s 8
        splat_f64 load_f64 load_part_f64 to_array_f64 add_f64 mul_f64 min_f64 max_f64 select_f64 u8
    }

    #[inline(always)]
    fn wide(simd: S, values: &[f64; 8]) -> S::F64s {
        simd.load_f64(values)
    }
    #[inline(always)]
    fn wide_part(simd: S, values: &[f64], fill: f64) -> S::F64s {
        simd.load_part_f64(values, fill)
    }
}

impl<S: Reduce> Element<S> for f32 {
    element! {
        f32 F32s 16
        splat_f32 load_f32 load_part_f32 to_array_f32 add_f32 mul_f32 min_f32 max_f32 select_f32 u16
    }

    #[inline(always)]
    fn wide(simd: S, values: &[f32; 8]) -> S::F64s {
        simd.widen(values)
    }
    #[inline(always)]
    fn wide_part(simd: S, values: &[f32], fill: f64) -> S::F64s {
        let mut array = [fill; 8];
        for (to, value) in array.iter_mut().zip(values) {
            *to = f64::from(*value);
        }
        simd.load_f64(&array)
    }
}
