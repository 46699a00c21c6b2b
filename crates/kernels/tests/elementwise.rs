//! The battery of `elementwise`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::Isa;
use tidemill_kernels::elementwise::{
    Comparison, SumWhere, add_assign_f32, add_assign_f64, add_assign_i64, add_f32, add_f64,
    add_i64, compare_columns_f64, compare_columns_i64, compare_columns_u64, compare_f64,
    compare_i64, compare_u64, prefix_sum_f64, scale_add_assign_f64, scale_add_f64, sum_where_f64,
    sum_where_i64, sum_where_u64, words,
};
use tidemill_kernels::reduce::Number;

const SPECIAL: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    f64::MAX,
    f64::MIN,
    0.1,
    1e300,
];

/// The bits, but one NaN for all.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { 1 } else { value.to_bits() }).collect()
}

/// Small numbers, special ones, and equal neighbours.
fn floats(len: usize, random: &mut impl FnMut() -> u64) -> Vec<f64> {
    let mut one = || match random() % 4 {
        0 => SPECIAL[random() as usize % SPECIAL.len()],
        1 => (random() % 5) as f64,
        _ => (random() % 2_000_001) as f64 / 1000.0 - 1000.0,
    };
    (0..len).map(|_| one()).collect()
}

/// Few different ones, so that many are equal, and the extremes.
fn integers(len: usize, random: &mut impl FnMut() -> u64) -> Vec<u64> {
    let extremes = [0, 1, u64::MAX, i64::MAX as u64, i64::MIN as u64, i64::MIN as u64 + 1];
    let mut one = || match random() % 3 {
        0 => extremes[random() as usize % extremes.len()],
        1 => random() % 5,
        _ => random(),
    };
    (0..len).map(|_| one()).collect()
}

/// A column of any type, between unreadable pages at `$at_end` of them.
macro_rules! fenced {
    ($($name:ident = $values:expr),*; $at_end:expr) => {
        $(let mut memory = Fenced::new($values.len() + 64); let $name = memory.copy(&$values, $at_end);)*
    };
}

macro_rules! check_arithmetic {
    ($($check:ident $ty:ty: $add:ident $add_assign:ident, $sum:expr, $bits:expr;)*) => {$(
        fn $check(a: &[$ty], b: &[$ty]) {
            let expected: Vec<$ty> = a.iter().zip(b).map($sum).collect();
            each_isa(|isa| for at_end in [true, false] {
                fenced!(a = a, b = b, out = vec![<$ty>::default(); a.len()]; at_end);
                $add(a, b, out);
                assert_eq!($bits(out), $bits(&expected), "{isa:?}");
                $add_assign(a, b);
                assert_eq!($bits(a), $bits(&expected), "{isa:?}");
            });
        }
    )*};
}
check_arithmetic! {
    check_f32 f32: add_f32 add_assign_f32, |(a, b)| a + b,
        |values: &[f32]| bits(&values.iter().copied().map(f64::from).collect::<Vec<_>>());
    check_f64 f64: add_f64 add_assign_f64, |(a, b)| a + b, bits;
    check_i64 i64: add_i64 add_assign_i64, |(a, b)| a.wrapping_add(*b), <[i64]>::to_vec;
}

fn check_scale_add(a: &[f64], scale: f64, b: &[f64]) {
    let expected: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + scale * b).collect();
    each_isa(|isa| {
        for at_end in [true, false] {
            fenced!(a = a, b = b, out = vec![5.0; a.len()]; at_end);
            scale_add_f64(a, scale, b, out);
            assert_eq!(bits(out), bits(&expected), "{isa:?} {scale}");
            scale_add_assign_f64(a, scale, b);
            assert_eq!(bits(a), bits(&expected), "{isa:?} {scale}");
        }
    });
}

/// In groups of eight, as documented.
fn check_prefix_sum(values: &[f64], first: f64) {
    let mut in_groups = Vec::new();
    let mut before = first + 0.0;
    for group in values.chunks(8) {
        let mut sums = group.to_vec();
        if group.len() == 8 {
            for step in [1, 2, 4] {
                let old = sums.clone();
                (0..8).for_each(|i| sums[i] += if i < step { 0.0 } else { old[i - step] });
            }
            sums.iter_mut().for_each(|sum| *sum += before);
        } else {
            let running = group.iter().scan(before, |sum, value| {
                *sum += value;
                Some(*sum)
            });
            sums = running.collect();
        }
        before = sums[group.len() - 1];
        in_groups.extend(sums);
    }
    let running = values.iter().scan(first + 0.0, |sum, value| {
        *sum += value;
        Some(*sum)
    });
    let one_by_one: Vec<_> = running.collect();
    each_isa(|isa| {
        for at_end in [true, false] {
            fenced!(values = values; at_end);
            prefix_sum_f64(values, first);
            let expected = if isa == Isa::Scalar { &one_by_one } else { &in_groups };
            assert_eq!(bits(values), bits(expected), "{isa:?} {first}");
        }
    });
}

/// Whether the sum of integers or floats is what it should be; `sums` collects those of the levels
/// above the naive one, which must agree.
trait Sums: Number {
    fn check(selected: &[Self], sum: Self::Sum, sums: &mut Vec<u64>, isa: Isa);
}

impl Sums for f64 {
    fn check(selected: &[f64], sum: f64, sums: &mut Vec<u64>, isa: Isa) {
        if isa != Isa::Scalar {
            sums.push(bits(&[sum])[0]);
        }
        let naive: f64 = selected.iter().fold(0.0, |sum, value| sum + value);
        if !naive.is_finite() {
            // A sum may pass the greatest number in one order only.
            assert!(!sum.is_finite() || selected.iter().all(|value| value.is_finite()), "{isa:?}");
            return;
        }
        let size: f64 = selected.iter().map(|value| value.abs()).sum();
        let error = (selected.len() + 50) as f64 * f64::EPSILON * size;
        assert!((sum - naive).abs() <= error || !size.is_finite(), "{isa:?} {sum} {naive}");
        assert!(sum != 0.0 || sum.is_sign_positive(), "{isa:?} −0");
    }
}

macro_rules! exact {
    ($($ty:ty)*) => {$(
        impl Sums for $ty {
            fn check(selected: &[$ty], sum: i128, _: &mut Vec<u64>, isa: Isa) {
                let exact: i128 = selected.iter().map(|value| i128::from(*value)).sum();
                assert_eq!(sum, exact, "{isa:?}");
            }
        }
    )*};
}
exact! { i64 u64 }

macro_rules! check_compare {
    ($($check:ident $ty:ty: $compare:ident $columns:ident $sum_where:ident;)*) => {$(
        fn $check(a: &[$ty], b: &[$ty], constant: $ty) {
            for comparison in Comparison::ALL {
                let with = |others: &dyn Fn(usize) -> $ty| {
                    let mut mask = vec![0; words(a.len())];
                    for (index, value) in a.iter().enumerate() {
                        let holds = comparison.holds(*value, others(index));
                        mask[index / 64] |= u64::from(holds) << (index % 64);
                    }
                    mask
                };
                let (expected, of_columns) = (with(&|_| constant), with(&|index| b[index]));
                let is_selected = |value: &$ty| comparison.holds(*value, constant);
                let selected: Vec<$ty> = a.iter().copied().filter(is_selected).collect();
                let mut sums = Vec::new();
                each_isa(|isa| for at_end in [true, false] {
                    fenced!(a = a, b = b, mask = vec![u64::MAX; expected.len()]; at_end);
                    $compare(a, comparison, constant, mask);
                    assert_eq!(mask, expected, "{isa:?} {comparison:?} {constant:?} {a:?}");
                    mask.fill(u64::MAX);
                    $columns(a, comparison, b, mask);
                    assert_eq!(mask, of_columns, "{isa:?} {comparison:?} {a:?} {b:?}");
                    let SumWhere { count, sum } = $sum_where(a, comparison, constant);
                    assert_eq!(count, selected.len() as u64, "{isa:?} {comparison:?}");
                    <$ty as Sums>::check(&selected, sum, &mut sums, isa);
                });
                assert!(sums.windows(2).all(|pair| pair[0] == pair[1]), "{comparison:?} {sums:?}");
            }
        }
    )*};
}
check_compare! {
    check_compare_f64 f64: compare_f64 compare_columns_f64 sum_where_f64;
    check_compare_i64 i64: compare_i64 compare_columns_i64 sum_where_i64;
    check_compare_u64 u64: compare_u64 compare_columns_u64 sum_where_u64;
}

fn check_all(a: &[f64], b: &[f64], first: f64) {
    let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
    check_f32(&narrow(a), &narrow(b));
    check_f64(a, b);
    check_scale_add(a, first, b);
    check_prefix_sum(a, first);
    check_compare_f64(a, b, first);
}

fn check_integers(a: &[u64], b: &[u64], constant: u64) {
    let signed = |values: &[u64]| values.iter().map(|value| *value as i64).collect::<Vec<_>>();
    check_i64(&signed(a), &signed(b));
    check_compare_i64(&signed(a), &signed(b), constant as i64);
    check_compare_u64(a, b, constant);
}

#[test]
fn every_length_up_to_an_unreadable_page() {
    let mut random = random(1);
    for len in (0..=300).chain([1023, 1024, 1025, 2049, 5000]) {
        let (a, b) = (floats(len, &mut random), floats(len, &mut random));
        check_all(&a, &b, a.first().copied().unwrap_or(0.5));
        let (a, b) = (integers(len, &mut random), integers(len, &mut random));
        check_integers(&a, &b, a.first().copied().unwrap_or(1));
    }
}

#[test]
fn special_values_against_each_other() {
    let all: Vec<f64> = SPECIAL.iter().flat_map(|value| [*value; SPECIAL.len()]).collect();
    let others = SPECIAL.repeat(SPECIAL.len());
    for constant in SPECIAL {
        check_all(&all, &others, constant);
    }
    let integers = [0, 1, 2, u64::MAX, i64::MAX as u64, i64::MIN as u64, i64::MIN as u64 - 2];
    let all: Vec<u64> = integers.iter().flat_map(|value| [*value; 7]).collect();
    for constant in integers {
        check_integers(&all, &integers.repeat(7), constant);
    }
}

/// All 64 places a column can begin at in a cache line, of those that its type allows.
#[test]
fn every_alignment() {
    let mut random = random(2);
    let (a, b) = (floats(300, &mut random), floats(300, &mut random));
    for offset in 0..16 {
        check_compare_f64(&a[offset..][..200], &b[16 - offset..][..200], a[offset]);
        check_scale_add(&a[offset..][..200], 0.1, &b[16 - offset..][..200]);
    }
}

#[test]
fn sums_without_rounding_errors_agree_with_the_loop() {
    let values: Vec<f64> = (0..100_000).map(f64::from).collect();
    each_isa(|isa| {
        let expected = SumWhere { count: 50_001, sum: 1_250_025_000.0 };
        assert_eq!(sum_where_f64(&values, Comparison::Le, 50_000.0), expected, "{isa:?}");
    });
}

#[test]
#[should_panic(expected = "3 values, 2 to add")]
fn lengths_must_agree() {
    add_f64(&[0.0; 3], &[0.0; 2], &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "1 words of bitmap for 65 values")]
fn a_bitmap_has_a_bit_for_each_value() {
    compare_f64(&[0.0; 65], Comparison::Lt, 1.0, &mut [0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_values(
        pairs in prop::collection::vec((any::<f64>(), any::<f64>(), any::<u64>(), any::<u64>()), 0..300),
        constant in any::<(f64, u64)>(),
    ) {
        let (a, b): (Vec<_>, Vec<_>) = pairs.iter().map(|(a, b, _, _)| (*a, *b)).unzip();
        check_all(&a, &b, constant.0);
        let (a, b): (Vec<_>, Vec<_>) = pairs.iter().map(|(_, _, a, b)| (*a, *b)).unzip();
        check_integers(&a, &b, constant.1);
    }
}
