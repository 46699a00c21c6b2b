//! `reduce`: sums, extremes and moments, with and without a validity bitmap.

use tidemill_kernels::Isa;
use tidemill_kernels::reduce::{
    Moments, dot_i64, min_max_f64, min_max_f64_valid, min_max_i64, min_max_i64_valid, min_max_u64,
    min_max_u64_valid, moments_f64, moments_f64_valid, moments_i64, moments_i64_valid, moments_u64,
    moments_u64_valid, sum_f64, sum_f64_valid, sum_i64, sum_i64_valid, sum_u64, sum_u64_valid,
};

use super::{bitmap, each_level, placed};
use crate::codec::{most_rows, words};
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (skip, offset) = (input.below(8), input.below(130));
    let present = input.u64();
    let most = most_rows(&mut input);
    let values = placed(&words(&mut input, most), skip);
    let values = &values[skip..];
    let is_valid = |row: usize| present == 0 || present >> (row * 7 % 61) & 1 != 0;
    let bits: Vec<bool> = (0..values.len()).map(is_valid).collect();
    let mut shifted = vec![true; offset];
    shifted.extend(&bits);
    let validity = bitmap(&shifted, true);
    integers(values, &bits, &validity, offset);
    floats(values, &bits, &validity, offset);
}

macro_rules! integers {
    ($values:expr, $bits:expr, $validity:expr, $offset:expr, $level:expr,
     $sum:ident, $sum_valid:ident, $extremes:ident, $extremes_valid:ident,
     $moments:ident, $moments_valid:ident) => {{
        let (values, isa) = ($values, $level.name());
        let all = || values.iter().copied();
        let some = || all().zip($bits).filter(|(_, bit)| **bit).map(|(value, _)| value);
        let extremes = (all().min().zip(all().max()), some().min().zip(some().max()));
        let sums = (all().map(i128::from).sum::<i128>(), some().map(i128::from).sum::<i128>());
        assert_eq!(($sum(values), $sum_valid(values, $validity, $offset)), sums, "{isa}");
        let got = ($extremes(values), $extremes_valid(values, $validity, $offset));
        assert_eq!(got, extremes, "{isa}");
        let got = ($moments(values), $moments_valid(values, $validity, $offset));
        assert_eq!((got.0.sum, got.1.sum), sums, "moments, {isa}");
        assert_eq!((got.0.nan_count, got.1.nan_count), (0, 0), "{isa}");
        assert_eq!((got.0.count, got.1.count), (all().count() as u64, some().count() as u64));
        let extremes = |extremes: Option<_>| extremes.unwrap_or_default();
        assert_eq!((got.0.min, got.0.max), extremes(extremes_of(all())), "moments, {isa}");
        assert_eq!((got.1.min, got.1.max), extremes(extremes_of(some())), "moments, {isa}");
        (got.0.m2.to_bits(), got.1.m2.to_bits())
    }};
}

fn extremes_of<T: Ord + Copy>(values: impl Iterator<Item = T> + Clone) -> Option<(T, T)> {
    values.clone().min().zip(values.max())
}

fn integers(words: &[u64], bits: &[bool], validity: &[u64], offset: usize) {
    let signed: Vec<i64> = words.iter().map(|word| *word as i64).collect();
    // Two squares of the least value are beyond 127 bits, where `dot_i64` wraps around.
    let squares = signed.iter().map(|value| i128::from(*value) * i128::from(*value));
    let product = squares.fold(0, i128::wrapping_add);
    let mut first = None;
    each_level(|isa| {
        let unsigned = integers!(
            words,
            bits,
            validity,
            offset,
            isa,
            sum_u64,
            sum_u64_valid,
            min_max_u64,
            min_max_u64_valid,
            moments_u64,
            moments_u64_valid
        );
        let signed_m2 = integers!(
            &signed[..],
            bits,
            validity,
            offset,
            isa,
            sum_i64,
            sum_i64_valid,
            min_max_i64,
            min_max_i64_valid,
            moments_i64,
            moments_i64_valid
        );
        assert_eq!(dot_i64(&signed, &signed), product, "{}", isa.name());
        if isa != Isa::Scalar {
            let m2 = (unsigned, signed_m2);
            assert_eq!(*first.get_or_insert(m2), m2, "m2 differs, {}", isa.name());
        }
    });
}

/// Bits of a float, all NaNs alike.
fn key(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

fn moments(moments: Moments<f64>) -> [u64; 6] {
    let Moments { count, nan_count, sum, min, max, m2 } = moments;
    // Of zeros of both signs, either may be the extreme.
    [count, nan_count, key(sum), key(min + 0.0), key(max + 0.0), key(m2)]
}

fn floats(words: &[u64], bits: &[bool], validity: &[u64], offset: usize) {
    let values: Vec<f64> = words.iter().map(|word| f64::from_bits(*word)).collect();
    let some: Vec<f64> = values.iter().zip(bits).filter(|p| *p.1).map(|p| *p.0).collect();
    let extremes = |values: &[f64]| {
        let numbers = || values.iter().copied().filter(|value| !value.is_nan());
        numbers().reduce(f64::min).zip(numbers().reduce(f64::max))
    };
    let nans = |values: &[f64]| values.iter().filter(|value| value.is_nan()).count() as u64;
    let mut first = None;
    each_level(|isa| {
        assert_eq!(min_max_f64(&values), extremes(&values), "{}", isa.name());
        let got = min_max_f64_valid(&values, validity, offset);
        assert_eq!(got, extremes(&some), "{}", isa.name());
        let got = [moments_f64(&values), moments_f64_valid(&values, validity, offset)].map(moments);
        for (got, values) in got.iter().zip([&values, &some]) {
            assert_eq!(got[1], nans(values), "nan_count, {}", isa.name());
            assert_eq!(got[0] + got[1], values.len() as u64, "count, {}", isa.name());
        }
        let sums = [sum_f64(&values), sum_f64_valid(&values, validity, offset)].map(key);
        if isa != Isa::Scalar {
            let all = (got, sums);
            assert_eq!(*first.get_or_insert(all), all, "levels differ, {}", isa.name());
        }
    });
}
