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
    fn sum(values: &[Self]) -> Self::Sum;
    fn min_max(values: &[Self]) -> Option<(Self, Self)>;
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

impl Tested for f64 {
    fn moments(values: &[f64]) -> Moments<f64> {
        moments_f64(values)
    }
    fn moments_valid(values: &[f64], validity: &[u64], bit_offset: usize) -> Moments<f64> {
        moments_f64_valid(values, validity, bit_offset)
    }
    fn sum(values: &[f64]) -> f64 {
        sum_f64(values)
    }
    fn min_max(values: &[f64]) -> Option<(f64, f64)> {
        min_max_f64(values)
    }
    fn defined_sum(values: &[f64]) -> (f64, f64) {
        let absolute: f64 = values.iter().map(|value| value.abs()).sum();
        let size = if absolute.is_finite() { absolute } else { 0.0 };
        (accurate_sum(values.iter().copied()), size)
    }
    fn difference(a: f64, b: f64) -> f64 {
        if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() }
    }
    fn sum_bits(sum: f64) -> i128 {
        (if sum.is_nan() { f64::NAN } else { sum }).to_bits().into()
    }
    fn defined_m2(values: &[f64]) -> f64 {
        let mean = accurate_sum(values.iter().copied()) / values.len() as f64;
        accurate_sum(values.iter().map(|value| (value - mean) * (value - mean)))
    }
    fn hard(bits: u64) -> f64 {
        let mantissa = 1.0 + (bits >> 12) as f64 * 2f64.powi(-52);
        match bits % 16 {
            0 => 0.0,
            1 => -0.0,
            2 => f64::MIN_POSITIVE / 8.0,
            3 => -mantissa * 1e9,
            4..8 => mantissa,
            _ => mantissa - 1.5,
        }
    }
}

macro_rules! integer {
    ($($ty:ty: $moments:ident $moments_valid:ident $sum:ident $min_max:ident;)*) => {$(
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
            fn min_max(values: &[$ty]) -> Option<($ty, $ty)> {
                $min_max(values)
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
    i64: moments_i64 moments_i64_valid sum_i64 min_max_i64;
    u64: moments_u64 moments_u64_valid sum_u64 min_max_u64;
}

fn is_nan<T: Number>(value: &T) -> bool {
    value.partial_cmp(value).is_none()
}

/// The bound that the documentation gives; the left-to-right loop has one of its own.
fn relative_error(isa: Isa, values: usize) -> f64 {
    let blocks = (values as f64 / 1024.0).max(1.0);
    let roundings = if isa == Isa::Scalar { values as f64 } else { 37.0 + blocks.log2().ceil() };
    roundings * f64::EPSILON / 2.0
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
        let tolerance = self.size * relative_error(isa, self.values);
        let near = T::difference(actual.sum, expected.sum) <= tolerance;
        assert!(near, "{isa:?} {context:?}: sum {:?}, not {:?}", actual.sum, expected.sum);
        let near = if expected.m2.is_finite() {
            // An error of a block's mean shifts its distances alike.
            let count = expected.count.max(1) as f64;
            let from_mean = count * (tolerance / count).powi(2);
            let from_means = from_mean + 2.0 * (expected.m2 * from_mean).sqrt();
            let from_sum = 2.0 * relative_error(isa, self.values) * expected.m2;
            (actual.m2 - expected.m2).abs() <= from_sum + from_means
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
    let all_ones = vec![u64::MAX; bits.len()];
    let mut portable = None;
    each_isa(|isa| {
        let tolerance = size * relative_error(isa, values.len());
        memory.at_both_ends(values, |fenced| {
            let moments = T::moments(fenced);
            of_all.check(moments, isa, &"dense");
            of_valid.check(T::moments_valid(fenced, bits, bit_offset), isa, &bit_offset);
            of_all.check(T::moments_valid(fenced, &all_ones, bit_offset), isa, &"all valid");
            let total = T::sum(fenced);
            assert!(T::difference(total, sum) <= tolerance, "{isa:?}: {total:?}, not {sum:?}");
            assert_eq!(T::min_max(fenced), of_all.extremes(), "{isa:?}");
            if isa != Isa::Scalar {
                let answers =
                    (T::sum_bits(total), T::sum_bits(moments.sum), f64::sum_bits(moments.m2));
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
}

#[test]
fn floats_with_nans() {
    battery(|bits| if bits % 5 == 0 { f64::NAN } else { f64::hard(bits / 5) });
    battery(|bits| if bits % 50 != 0 { -f64::NAN } else { f64::hard(bits / 50) });
    battery(|_| f64::NAN);
}

#[test]
fn floats_with_infinities() {
    battery(|bits| if bits % 99 == 0 { f64::INFINITY } else { f64::hard(bits / 99) });
    battery(|bits| if bits % 99 == 0 { f64::NEG_INFINITY } else { f64::hard(bits / 99) });
    battery(|bits| [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.0][(bits >> 60) as usize % 4]);
    battery(|_| f64::NEG_INFINITY);
}

#[test]
fn a_large_mean_takes_nothing_from_the_variance() {
    battery(|bits| 1e15 + (bits % 8) as f64);
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
        check(&mut Fenced::new(3000), &floats, &bits, bit_offset);
    }
}
