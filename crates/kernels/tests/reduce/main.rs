//! The battery of `reduce`.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod definition;

use common::{Fenced, each_isa, random};
use definition::*;
use proptest::prelude::*;
use tidemill_kernels::Isa;
use tidemill_kernels::reduce::*;

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

/// Whether a value is in the sample that `arch/generic/reduce/moments.rs` takes its shift from: of a
/// block of 1,024 the groups of eight at 128, 384, 640 and 896, of one of 2,048 those at 256, 768, …
fn is_sampled(index: usize) -> bool {
    index % 256 / 8 == 16 || index % 512 / 8 == 32
}

/// What makes a shift a bad one.
#[test]
fn a_shift_far_from_the_mean() {
    type Make = fn(usize, f64) -> f64;
    let cases: [Make; 14] = [
        |index, noise| if index == 0 { 1e20 } else { noise },
        |index, noise| if index % 1024 == 130 { 1e20 } else { noise },
        |index, noise| if is_sampled(index) { 1e12 } else { noise },
        |index, noise| if is_sampled(index) { f64::NAN } else { noise },
        |index, noise| if is_sampled(index) { 1e300 } else { -1e300 * noise },
        |index, noise| if is_sampled(index) { 0.0 } else { 1e9 + noise },
        |index, noise| if is_sampled(index) { -1e9 - noise } else { 1e9 + noise },
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
        for len in (16..300).chain([1000, 1024, 1027, 1048, 2048, 5000, 8192]) {
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
