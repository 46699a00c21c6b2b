//! What the functions are held to: the definitions, to more digits, and the bounds of their errors.

use crate::common::{Fenced, each_isa, random};
use std::fmt::Debug;
use tidemill_kernels::Isa;
use tidemill_kernels::reduce::*;

/// The functions of one type, and what the definition needs of it.
pub(crate) trait Tested: Number {
    fn moments(values: &[Self]) -> Moments<Self>;
    fn moments_valid(values: &[Self], validity: &[u64], bit_offset: usize) -> Moments<Self>;
    /// The sum of `sum`, whose unit of rounding is `SUM_UNIT`.
    fn sum(values: &[Self]) -> Self::Sum;
    fn sum_valid(values: &[Self], validity: &[u64], bit_offset: usize) -> Self::Sum;
    const SUM_UNIT: f64 = f64::EPSILON / 2.0;
    fn min_max(values: &[Self]) -> Option<(Self, Self)>;
    fn min_max_valid(values: &[Self], validity: &[u64], bit_offset: usize) -> Option<(Self, Self)>;
    /// The sum by definition, and what its error is relative to.
    fn defined_sum(values: &[Self]) -> (Self::Sum, f64);
    fn difference(a: Self::Sum, b: Self::Sum) -> f64;
    /// A sum to compare to the bit; all NaNs are one.
    fn sum_bits(sum: Self::Sum) -> i128;
    /// The second moment by definition, to more digits than the functions have.
    fn defined_m2(values: &[Self]) -> f64;
    /// Numbers that are hard, by any luck.
    fn hard(bits: u64) -> Self;
}

/// Sums with an error of about 2⁻¹⁰⁰ (Neumaier 1974), or as IEEE has it if anything is not finite.
pub(crate) fn accurate_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let plain: f64 = values.clone().sum();
    if !plain.is_finite() {
        return plain;
    }
    let (mut sum, mut rest) = (0.0f64, 0.0);
    for value in values {
        let next = sum + value;
        let (large, small) = if sum.abs() >= value.abs() { (sum, value) } else { (value, sum) };
        rest += (large - next) + small;
        sum = next;
    }
    sum + rest
}

macro_rules! float {
    ($(
        $ty:ident: $moments:ident $moments_valid:ident $sum:ident $sum_valid:ident
        $min_max:ident $min_max_valid:ident;
    )*) => {$(
        impl Tested for $ty {
            fn moments(values: &[$ty]) -> Moments<$ty> {
                $moments(values)
            }
            fn moments_valid(values: &[$ty], validity: &[u64], bit_offset: usize) -> Moments<$ty> {
                $moments_valid(values, validity, bit_offset)
            }
            fn sum(values: &[$ty]) -> f64 {
                $sum(values).into()
            }
            fn sum_valid(values: &[$ty], validity: &[u64], bit_offset: usize) -> f64 {
                $sum_valid(values, validity, bit_offset).into()
            }
            const SUM_UNIT: f64 = $ty::EPSILON as f64 / 2.0;
            fn min_max(values: &[$ty]) -> Option<($ty, $ty)> {
                $min_max(values)
            }
            fn min_max_valid(
                values: &[$ty], validity: &[u64], bit_offset: usize,
            ) -> Option<($ty, $ty)> {
                $min_max_valid(values, validity, bit_offset)
            }
            fn defined_sum(values: &[$ty]) -> (f64, f64) {
                let absolute: f64 = values.iter().map(|value| f64::from(value.abs())).sum();
                let size = if absolute.is_finite() { absolute } else { 0.0 };
                (accurate_sum(values.iter().copied().map(f64::from)), size)
            }
            fn difference(a: f64, b: f64) -> f64 {
                if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() }
            }
            fn sum_bits(sum: f64) -> i128 {
                (if sum.is_nan() { f64::NAN } else { sum }).to_bits().into()
            }
            fn defined_m2(values: &[$ty]) -> f64 {
                let values = values.iter().copied().map(f64::from);
                let (count, sum) = (values.len() as f64, accurate_sum(values.clone()));
                let mean = sum / count;
                let squares = accurate_sum(values.clone().map(|value| (value - mean).powi(2)));
                let error = accurate_sum(values.map(|value| value - mean));
                // What the mean's own rounding does to the squares.
                squares - if error.is_finite() { error * (error / count) } else { 0.0 }
            }
            fn hard(bits: u64) -> $ty {
                let mantissa = 1.0 + (bits >> 12) as $ty * (2.0 as $ty).powi(-52);
                match bits % 16 {
                    0 => 0.0,
                    1 => -0.0,
                    2 => $ty::MIN_POSITIVE / 8.0,
                    3 => -mantissa * 1e9,
                    4..8 => mantissa,
                    _ => mantissa - 1.5,
                }
            }
        }
    )*};
}
float! {
    f64: moments_f64 moments_f64_valid sum_f64 sum_f64_valid min_max_f64 min_max_f64_valid;
    f32: moments_f32 moments_f32_valid sum_f32 sum_f32_valid min_max_f32 min_max_f32_valid;
}

macro_rules! integer {
    ($(
        $ty:ty: $moments:ident $moments_valid:ident $sum:ident $sum_valid:ident
        $min_max:ident $min_max_valid:ident;
    )*) => {$(
        impl Tested for $ty {
            fn moments(values: &[$ty]) -> Moments<$ty> {
                $moments(values)
            }
            fn moments_valid(values: &[$ty], validity: &[u64], bit_offset: usize) -> Moments<$ty> {
                $moments_valid(values, validity, bit_offset)
            }
            fn sum(values: &[$ty]) -> i128 {
                $sum(values)
            }
            fn sum_valid(values: &[$ty], validity: &[u64], bit_offset: usize) -> i128 {
                $sum_valid(values, validity, bit_offset)
            }
            fn min_max(values: &[$ty]) -> Option<($ty, $ty)> {
                $min_max(values)
            }
            fn min_max_valid(
                values: &[$ty], validity: &[u64], bit_offset: usize,
            ) -> Option<($ty, $ty)> {
                $min_max_valid(values, validity, bit_offset)
            }
            fn defined_sum(values: &[$ty]) -> (i128, f64) {
                (values.iter().map(|value| i128::from(*value)).sum(), 0.0)
            }
            fn difference(a: i128, b: i128) -> f64 {
                (a - b).abs() as f64
            }
            fn sum_bits(sum: i128) -> i128 {
                sum
            }
            fn defined_m2(values: &[$ty]) -> f64 {
                let count = values.len() as i128;
                let (sum, _) = Self::defined_sum(values);
                // The distances times the count are whole numbers.
                let distance = |value: &$ty| (i128::from(*value) * count - sum) as f64 / count as f64;
                accurate_sum(values.iter().map(|value| distance(value) * distance(value)))
            }
            fn hard(bits: u64) -> $ty {
                match bits % 8 {
                    0 => <$ty>::MIN,
                    1 => <$ty>::MAX,
                    2 => 0,
                    3 => bits as $ty,
                    _ => (bits >> 34) as $ty,
                }
            }
        }
    )*};
}
integer! {
    i64: moments_i64 moments_i64_valid sum_i64 sum_i64_valid min_max_i64 min_max_i64_valid;
    u64: moments_u64 moments_u64_valid sum_u64 sum_u64_valid min_max_u64 min_max_u64_valid;
}

pub(crate) fn is_nan<T: Number>(value: &T) -> bool {
    value.partial_cmp(value).is_none()
}

/// The roundings that the documentation allows a sum, whose blocks have `block` values; the
/// left-to-right loop has a bound of its own.
pub(crate) fn roundings(isa: Isa, values: usize, in_block: f64, block: f64) -> f64 {
    let blocks = (values as f64 / block).max(1.0);
    if isa == Isa::Scalar { values as f64 } else { in_block + blocks.log2().ceil() }
}

pub(crate) fn roundings_of_sum(isa: Isa, values: usize) -> f64 {
    roundings(isa, values, 39.0, 2048.0)
}

/// Of the sum in moments, relative to the sum of absolute values.
pub(crate) fn error_of_moments(isa: Isa, values: usize) -> f64 {
    roundings(isa, values, 119.0, 1024.0) * f64::EPSILON / 2.0
}

/// The answer by definition.
pub(crate) struct Expected<T: Tested> {
    values: usize,
    moments: Moments<T>,
    /// What the error of the sum is relative to.
    size: f64,
}

impl<T: Tested> Expected<T> {
    pub(crate) fn of(values: &[T]) -> Self {
        let numbers: Vec<T> = values.iter().copied().filter(|value| !is_nan(value)).collect();
        let (count, nan_count) = (numbers.len() as u64, (values.len() - numbers.len()) as u64);
        if count == 0 {
            let moments = Moments { nan_count, ..Moments::default() };
            return Self { values: values.len(), moments, size: 0.0 };
        }
        let min = numbers.iter().copied().reduce(|a, b| if b < a { b } else { a }).unwrap();
        let max = numbers.iter().copied().reduce(|a, b| if b > a { b } else { a }).unwrap();
        let (sum, size) = T::defined_sum(&numbers);
        let m2 = T::defined_m2(&numbers);
        let moments = Moments { count, nan_count, sum, min, max, m2 };
        Self { values: values.len(), moments, size }
    }

    pub(crate) fn extremes(&self) -> Option<(T, T)> {
        (self.moments.count > 0).then_some((self.moments.min, self.moments.max))
    }

    #[track_caller]
    pub(crate) fn check(&self, actual: Moments<T>, isa: Isa, context: &dyn Debug) {
        let expected = self.moments;
        let counts = (expected.count, expected.nan_count);
        assert_eq!((actual.count, actual.nan_count), counts, "{isa:?} {context:?}");
        let extremes = (expected.min, expected.max);
        assert_eq!((actual.min, actual.max), extremes, "{isa:?} {context:?}");
        let tolerance = self.size * error_of_moments(isa, self.values);
        let near = T::difference(actual.sum, expected.sum) <= tolerance;
        assert!(near, "{isa:?} {context:?}: sum {:?}, not {:?}", actual.sum, expected.sum);
        let near = if expected.m2.is_finite() {
            // An error of a block's mean shifts its distances alike.
            let count = expected.count.max(1) as f64;
            let from_mean = count * (tolerance / count).powi(2);
            let from_means = from_mean + 2.0 * (expected.m2 * from_mean).sqrt();
            let from_sum = 2.0 * error_of_moments(isa, self.values) * expected.m2;
            // Squares may be less than the least number.
            let least = self.values as f64 * f64::from_bits(1);
            (actual.m2 - expected.m2).abs() <= from_sum + from_means + least
        } else {
            !actual.m2.is_finite()
        };
        assert!(near, "{isa:?} {context:?}: m2 {:e}, not {:e}", actual.m2, expected.m2);
    }
}

/// All functions on `values`, with the validity `bits` from `bit_offset` on.
pub(crate) fn check<T: Tested>(
    memory: &mut Fenced<T>,
    values: &[T],
    bits: &[u64],
    bit_offset: usize,
) {
    let valid: Vec<T> = (0..values.len())
        .filter(|index| bits[(bit_offset + index) / 64] >> ((bit_offset + index) % 64) & 1 != 0)
        .map(|index| values[index])
        .collect();
    let (of_all, of_valid) = (Expected::of(values), Expected::of(&valid));
    let bits = &bits[..(bit_offset + values.len()).div_ceil(64)];
    let mut bit_memory = Fenced::new(bits.len());
    let bits = bit_memory.copy(bits, true);
    let (sum, size) = T::defined_sum(values);
    let (sum_of_valid, size_of_valid) = T::defined_sum(&valid);
    let all_ones = vec![u64::MAX; bits.len()];
    let mut portable = None;
    each_isa(|isa| {
        let unit = roundings_of_sum(isa, values.len()) * T::SUM_UNIT;
        memory.at_both_ends(values, |fenced| {
            let moments = T::moments(fenced);
            let moments_of_valid = T::moments_valid(fenced, bits, bit_offset);
            of_all.check(moments, isa, &"dense");
            of_valid.check(moments_of_valid, isa, &bit_offset);
            of_all.check(T::moments_valid(fenced, &all_ones, bit_offset), isa, &"all valid");
            let total = T::sum(fenced);
            assert!(T::difference(total, sum) <= size * unit, "{isa:?}: {total:?}, not {sum:?}");
            let total_of_valid = T::sum_valid(fenced, bits, bit_offset);
            assert!(
                T::difference(total_of_valid, sum_of_valid) <= size_of_valid * unit,
                "{isa:?} {bit_offset}: {total_of_valid:?}, not {sum_of_valid:?}"
            );
            assert_eq!(T::min_max(fenced), of_all.extremes(), "{isa:?}");
            let extremes = T::min_max_valid(fenced, bits, bit_offset);
            assert_eq!(extremes, of_valid.extremes(), "{isa:?} {bit_offset}");
            if isa != Isa::Scalar {
                let sums = [total, moments.sum, total_of_valid, moments_of_valid.sum];
                let m2s = [moments.m2, moments_of_valid.m2];
                let answers = (sums.map(T::sum_bits), m2s.map(f64::sum_bits));
                assert_eq!(*portable.get_or_insert(answers), answers, "{isa:?}");
            }
        });
    });
}

/// Lengths and validities of all kinds, of numbers that `make` makes of random bits.
pub(crate) fn battery<T: Tested>(make: impl Fn(u64) -> T) {
    let mut random = random(4);
    let mut memory = Fenced::new(5000);
    for len in (0..=300).chain([1023, 1024, 1025, 2048, 3100, 5000]) {
        let values: Vec<T> = (0..len).map(|_| make(random())).collect();
        let bit_offset = random() as usize % 130;
        let words = (bit_offset + len).div_ceil(64) + 1;
        let bits: Vec<u64> = match len % 3 {
            0 => (0..words).map(|_| random()).collect(),
            1 => {
                (0..words).map(|_| if random().is_multiple_of(4) { 0 } else { u64::MAX }).collect()
            }
            _ => (0..words).map(|_| random() & random() & random() & random()).collect(),
        };
        check(&mut memory, &values, &bits, bit_offset);
    }
}
