//! The battery of `reduce`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use std::fmt::Debug;
use tidemill_kernels::Isa;
use tidemill_kernels::reduce::*;

/// The functions of one type, and what the definition needs of it.
trait Tested: Number {
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
fn accurate_sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
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

fn is_nan<T: Number>(value: &T) -> bool {
    value.partial_cmp(value).is_none()
}

/// The roundings that the documentation allows a sum, whose blocks have `block` values; the
/// left-to-right loop has a bound of its own.
fn roundings(isa: Isa, values: usize, in_block: f64, block: f64) -> f64 {
    let blocks = (values as f64 / block).max(1.0);
    if isa == Isa::Scalar { values as f64 } else { in_block + blocks.log2().ceil() }
}

fn roundings_of_sum(isa: Isa, values: usize) -> f64 {
    roundings(isa, values, 39.0, 2048.0)
}

/// Of the sum in moments, relative to the sum of absolute values.
fn error_of_moments(isa: Isa, values: usize) -> f64 {
    roundings(isa, values, 116.0, 1024.0) * f64::EPSILON / 2.0
}

/// The answer by definition.
struct Expected<T: Tested> {
    values: usize,
    moments: Moments<T>,
    /// What the error of the sum is relative to.
    size: f64,
}

impl<T: Tested> Expected<T> {
    fn of(values: &[T]) -> Self {
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

    fn extremes(&self) -> Option<(T, T)> {
        (self.moments.count > 0).then_some((self.moments.min, self.moments.max))
    }

    #[track_caller]
    fn check(&self, actual: Moments<T>, isa: Isa, context: &dyn Debug) {
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
fn check<T: Tested>(memory: &mut Fenced<T>, values: &[T], bits: &[u64], bit_offset: usize) {
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
fn battery<T: Tested>(make: impl Fn(u64) -> T) {
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

#[test]
fn floats_of_many_sizes() {
    battery(f64::hard);
    battery(f32::hard);
}

/// Values that begin at every place of a cache line.
#[test]
fn every_alignment() {
    fn aligned<T: Tested>() {
        let mut random = random(9);
        let values: Vec<T> = (0..400).map(|_| T::hard(random())).collect();
        for start in 0..64 / size_of::<T>() {
            for len in [1, 15, 16, 63, 130, 300] {
                let mut memory = Fenced::new(values.len());
                let all = memory.copy(&values, false);
                let values = all[start..start + len].to_vec();
                let expected = Expected::of(&values);
                each_isa(|isa| {
                    expected.check(T::moments(&all[start..start + len]), isa, &start);
                    assert_eq!(T::min_max(&all[start..start + len]), expected.extremes());
                });
            }
        }
    }
    aligned::<f64>();
    aligned::<f32>();
    aligned::<i64>();
    aligned::<u64>();
}

/// What makes a shift a bad one: see `arch/generic/reduce/moments.rs`, whose sample of a block of
/// 1,024 are the groups of eight at 128, 384, 640 and 896.
#[test]
fn a_shift_far_from_the_mean() {
    type Make = fn(usize, f64) -> f64;
    let cases: [Make; 14] = [
        |index, noise| if index == 0 { 1e20 } else { noise },
        |index, noise| if index % 1024 == 130 { 1e20 } else { noise },
        |index, noise| if index % 256 / 8 == 16 { 1e12 } else { noise },
        |index, noise| if index % 256 / 8 == 16 { f64::NAN } else { noise },
        |index, noise| if index % 256 / 8 == 16 { 1e300 } else { -1e300 * noise },
        |index, noise| if index % 256 / 8 == 16 { 0.0 } else { 1e9 + noise },
        |index, noise| if index % 256 / 8 == 16 { -1e9 - noise } else { 1e9 + noise },
        |_, noise| 1e9 + noise,
        |index, noise| index as f64 * 1e6 + noise,
        |_, noise| -(1.0 - noise).ln(),
        |_, noise| noise * 1e-170,
        |_, noise| (noise - 0.5) * 1e-160,
        |_, noise| 1e153 * noise,
        |_, noise| f64::MAX * 1e-4 * (noise - 0.5),
    ];
    for make in cases {
        let mut random = random(5);
        let mut noise = || (random() >> 11) as f64 * 2f64.powi(-53);
        for len in [16, 64, 1000, 1024, 4096, 5000] {
            let values: Vec<f64> = (0..len).map(|index| make(index, noise())).collect();
            let bits: Vec<u64> = (0..=len / 64).map(|word| !0 << (word % 9 * 7)).collect();
            check(&mut Fenced::new(5000), &values, &bits, 0);
        }
    }
}

#[test]
fn equal_values_have_no_variance() {
    for value in [0.1, -1e300, 5e-324, 1e-101, 1.0 / 3.0, 0.0] {
        for len in (16..300).chain([1000, 1024, 2048, 8192]) {
            each_isa(|isa| {
                let moments = moments_f64(&vec![value; len]);
                assert!(moments.m2 == 0.0 || isa == Isa::Scalar, "{isa:?} {value} {moments:?}");
            });
        }
        let equal = moments_i64(&vec![value as i64; 777]);
        assert_eq!(equal.m2, 0.0);
    }
}

#[test]
fn statistics_of_moments() {
    let moments = moments_f64(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    assert_eq!(
        (moments.mean(), moments.variance(), moments.stddev()),
        (Some(5.0), Some(4.0), Some(2.0))
    );
    assert_eq!(moments.sample_variance(), Some(32.0 / 7.0));
    assert_eq!(moments_i64(&[i64::MIN, i64::MAX]).mean(), Some(-0.5));
    let none = moments_f32(&[f32::NAN]);
    assert_eq!((none.mean(), none.variance(), none.stddev()), (None, None, None));
    let one = moments_u64(&[7]);
    assert_eq!((one.mean(), one.variance(), one.sample_variance()), (Some(7.0), Some(0.0), None));
    assert_eq!((one.sample_stddev(), moments.sample_stddev()), (None, Some((32f64 / 7.0).sqrt())));
}

macro_rules! dot_battery {
    ($($test:ident $ty:ident $dot:ident $dot_valid:ident;)*) => {$(
        #[test]
        fn $test() {
            let mut random = random(6);
            let mut memory = [Fenced::new(5000), Fenced::new(5000)];
            for len in (0..=300).chain([2047, 2048, 2049, 5000]) {
                let a: Vec<$ty> = (0..len).map(|_| $ty::hard(random())).collect();
                let b: Vec<$ty> = (0..len).map(|_| $ty::hard(random())).collect();
                let bit_offset = random() as usize % 130;
                let bits: Vec<u64> =
                    (0..(bit_offset + len).div_ceil(64)).map(|_| random() | random()).collect();
                let is_valid = |index: &usize| {
                    bits[(bit_offset + index) / 64] >> ((bit_offset + index) % 64) & 1 != 0
                };
                // The exact product is `product` and its rounding error.
                let exact = |places: &[usize]| {
                    let products = places.iter().flat_map(|index| {
                        let (a, b) = (f64::from(a[*index]), f64::from(b[*index]));
                        let product = a * b;
                        [product, a.mul_add(b, -product)]
                    });
                    (accurate_sum(products.clone()), products.map(f64::abs).sum::<f64>())
                };
                let all: Vec<usize> = (0..len).collect();
                let valid: Vec<usize> = (0..len).filter(is_valid).collect();
                let (of_all, of_valid) = (exact(&all), exact(&valid));
                let mut portable = None;
                for at_end in [true, false] {
                    let [of_a, of_b] = &mut memory;
                    let (a, b) = (of_a.copy(&a, at_end), of_b.copy(&b, at_end));
                    each_isa(|isa| {
                        let unit = (1.0 + roundings_of_sum(isa, len)) * f64::from($ty::EPSILON) / 2.0;
                        let (dense, sparse) = ($dot(a, b), $dot_valid(a, b, &bits, bit_offset));
                        for (dot, (sum, size)) in [(dense, of_all), (sparse, of_valid)] {
                            // A product may be less than the least number.
                            let least = len as f64 * f64::from($ty::MIN_POSITIVE * $ty::EPSILON);
                            let error = (f64::from(dot) - sum).abs();
                            assert!(error <= size * unit + least, "{isa:?} {len}: {dot}, not {sum}");
                        }
                        if isa != Isa::Scalar {
                            let answers = (dense.to_bits(), sparse.to_bits());
                            assert_eq!(*portable.get_or_insert(answers), answers, "{isa:?}");
                        }
                    });
                }
            }
            each_isa(|isa| {
                let a: Vec<$ty> = (0..100).map(|index| index as $ty).collect();
                let b = vec![2.0; 100];
                assert_eq!($dot(&a, &b), 9900.0, "{isa:?}");
                assert!($dot(&a, &vec![$ty::NAN; 100]).is_nan(), "{isa:?}");
                let never = [0; 2];
                assert_eq!($dot_valid(&a, &vec![$ty::NAN; 100], &never, 3), 0.0, "{isa:?}");
            });
        }
    )*};
}
dot_battery! {
    dot_products_in_double_precision f64 dot_f64 dot_f64_valid;
    dot_products_in_single_precision f32 dot_f32 dot_f32_valid;
}

#[test]
fn dot_products_of_integers_are_exact() {
    let mut random = random(7);
    for len in (0..=300).chain([1024, 3000]) {
        for shift in [0, 20, 33, 45] {
            let a: Vec<i64> = (0..len).map(|_| random() as i64 >> shift).collect();
            let b: Vec<i64> = (0..len).map(|_| random() as i64 >> shift).collect();
            let products = a.iter().zip(&b).map(|(a, b)| i128::from(*a) * i128::from(*b));
            let sum = products.fold(0, i128::wrapping_add);
            each_isa(|isa| assert_eq!(dot_i64(&a, &b), sum, "{isa:?} {len} {shift}"));
        }
    }
    each_isa(|_| assert_eq!(dot_i64(&[i64::MIN; 64], &[i64::MIN; 64]), 0));
}

#[test]
#[should_panic(expected = "3 and 2 values have no dot product")]
fn different_lengths_have_no_dot_product() {
    let _ = dot_f64(&[0.0; 3], &[0.0; 2]);
}

// Chapter 25's checkpoint tests, of what this family does.
#[test]
fn checkpoints_of_the_ladder() {
    each_isa(|isa| {
        assert_eq!(sum_i64(&[]), 0, "{isa:?}");
        assert_eq!(sum_i64(&[1, 2, 3, 4, 5]), 15, "{isa:?}");
        assert_eq!(sum_i64(&[-1, -2, -3]), -6, "{isa:?}");
        assert_eq!(dot_f32(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0]), 70.0, "{isa:?}");
        let extremes = min_max_f32(&[3.0, 7.0, 2.0, 9.0, 1.0, 5.0]);
        assert_eq!(extremes, Some((1.0, 9.0)), "{isa:?}");
    });
}

#[test]
fn floats_with_nans() {
    battery(|bits| if bits % 5 == 0 { f64::NAN } else { f64::hard(bits / 5) });
    battery(|bits| if bits % 50 != 0 { -f64::NAN } else { f64::hard(bits / 50) });
    battery(|_| f64::NAN);
    battery(|bits| if bits % 5 == 0 { f32::NAN } else { f32::hard(bits / 5) });
}

#[test]
fn floats_with_infinities() {
    battery(|bits| if bits % 99 == 0 { f64::INFINITY } else { f64::hard(bits / 99) });
    battery(|bits| if bits % 99 == 0 { f64::NEG_INFINITY } else { f64::hard(bits / 99) });
    battery(|bits| [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.0][(bits >> 60) as usize % 4]);
    battery(|_| f64::NEG_INFINITY);
    battery(|bits| [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1.0][(bits >> 60) as usize % 4]);
}

#[test]
fn a_large_mean_takes_nothing_from_the_variance() {
    battery(|bits| 1e15 + (bits % 8) as f64);
    battery(|bits| 1e6 + (bits % 8) as f32);
    battery(|bits| 1_700_000_000_000_000_000i64 + (bits % 1000) as i64);
    battery(|bits| u64::MAX - bits % 1000);
}

#[test]
fn integers_of_all_sizes() {
    battery(i64::hard);
    battery(u64::hard);
    battery(|bits| bits as i64);
    battery(|bits| bits);
    battery(|bits| if bits % 2 == 0 { i64::MIN } else { i64::MAX });
    // As wide as the conversion of small distances takes.
    battery(|bits| (bits >> 13) as i64 - (1 << 50));
    // Where distances wrap around.
    battery(|bits| if bits % 9 == 0 { i64::MAX - (bits >> 32) as i64 } else { i64::MIN });
    battery(|bits| if bits % 9 == 0 { u64::MAX - (bits >> 32) } else { bits >> 32 });
    // Two values that leave the same rounding error each time.
    battery(|bits| if bits % 2 == 0 { 0 } else { (1u64 << 53) / 3 });
    battery(|_| u64::MAX);
    battery(|_| i64::MIN);
}

#[test]
fn a_sum_of_a_million_tenths_has_no_visible_error() {
    let values = vec![0.1; 1_000_000];
    each_isa(|isa| {
        let error = (sum_f64(&values) - 100_000.0).abs();
        let naive = (values.iter().sum::<f64>() - 100_000.0).abs();
        assert!(error < 1e-10 || isa == Isa::Scalar, "{isa:?}: {error:e} against {naive:e}");
    });
}

#[test]
fn no_values_sum_to_zero() {
    each_isa(|isa| {
        assert_eq!((sum_f64(&[]).to_bits(), sum_i64(&[]), sum_u64(&[])), (0, 0, 0), "{isa:?}");
        assert_eq!(sum_f64(&[-0.0; 3]).to_bits(), 0, "{isa:?}");
        assert_eq!(moments_f64(&[-0.0; 3]).sum.to_bits(), 0, "{isa:?}");
    });
}

#[test]
#[should_panic(expected = "1 words of validity for 64 values from bit 1 on")]
fn too_few_bits_panic() {
    let _ = moments_f64_valid(&[0.0; 64], &[0], 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_values(
        seed in any::<u64>(), len in 0usize..3000, shift in 0u32..64, bit_offset in 0usize..200,
    ) {
        let mut random = random(seed);
        let bits: Vec<u64> = (0..=(bit_offset + len).div_ceil(64)).map(|_| random() | random()).collect();
        let words: Vec<u64> = (0..len).map(|_| random() >> shift).collect();
        let base = random();
        let signed: Vec<i64> = words.iter().map(|word| word.wrapping_add(base) as i64).collect();
        let floats: Vec<f64> = signed.iter().map(|value| *value as f64 * 1e-9).collect();
        check(&mut Fenced::new(3000), &words, &bits, bit_offset);
        check(&mut Fenced::new(3000), &signed, &bits, bit_offset);
        let singles: Vec<f32> = floats.iter().map(|value| *value as f32).collect();
        check(&mut Fenced::new(3000), &floats, &bits, bit_offset);
        check(&mut Fenced::new(3000), &singles, &bits, bit_offset);
    }
}
