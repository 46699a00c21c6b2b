//! The battery of `sieve`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{each_isa, random};
use proptest::prelude::*;
use std::num::NonZeroUsize;
use tidemill_kernels::sieve::{
    MAX_LIMIT, Sieve, count, count_naive, count_rayon, count_threads, primes, primes_between,
};

fn is_prime(number: u64) -> bool {
    number > 1 && (2..=number.isqrt()).all(|divisor| !number.is_multiple_of(divisor))
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// All strategies count `expected` primes up to `limit`.
fn check_count(limit: u64, expected: u64) {
    each_isa(|isa| {
        assert_eq!(count(limit), expected, "{isa:?} {limit}");
        assert_eq!(count_rayon(limit), expected, "{isa:?} {limit}, rayon");
        for number in [1, 3] {
            let got = count_threads(limit, threads(number));
            assert_eq!(got, expected, "{isa:?} {limit}, {number} threads");
        }
        assert_eq!(Sieve::new(limit).count(), expected, "{isa:?} {limit}, set");
    });
}

/// The primes of a window are those that trial division finds.
fn check_window(first: u64, len: u64) {
    let expected: Vec<u64> = (first..=first + len).filter(|number| is_prime(*number)).collect();
    let got: Vec<u64> = primes_between(first..=first + len).collect();
    assert_eq!(got, expected, "{len} numbers from {first}");
}

#[test]
fn every_limit_agrees_with_trial_division() {
    let mut expected = 0;
    for limit in 0..20_000 {
        expected += u64::from(is_prime(limit));
        assert_eq!(count(limit), expected, "{limit}");
        if limit < 1000 {
            assert_eq!(count_naive(limit as usize), expected, "{limit}");
        }
    }
}

#[test]
fn powers_of_ten() {
    // OEIS A006880.
    let counts = [4, 25, 168, 1229, 9592, 78_498, 664_579];
    for (power, expected) in (1..).zip(counts) {
        check_count(10u64.pow(power), expected);
        assert_eq!(count_naive(10usize.pow(power)), expected);
    }
}

#[test]
fn limits_at_the_borders_of_bytes_and_segments() {
    let borders = [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        29,
        30,
        31,
        59,
        60,
        61,
        // The patterns' last prime, the first that crosses off, and their squares.
        162,
        163,
        164,
        166,
        167,
        168,
        163 * 163,
        167 * 167 - 1,
        167 * 167,
        // Strides, parts and segments.
        30 * 1024 - 1,
        30 * 1024,
        30 * (32 << 10) - 1,
        30 * (32 << 10),
        30 * (256 << 10) - 30,
        30 * (256 << 10) - 1,
        30 * (256 << 10),
        30 * (256 << 10) + 1,
    ];
    for limit in borders {
        check_count(limit, count_naive(limit as usize));
    }
}

#[test]
fn the_set_and_the_list_agree_with_trial_division() {
    for limit in [0, 1, 2, 10, 179, 180, 181, 50_000] {
        let sieve = Sieve::new(limit);
        assert_eq!(sieve.limit(), limit);
        assert!(sieve.memory_bytes() as u64 <= limit / 30 + 1);
        let expected: Vec<u64> = (0..=limit).filter(|number| is_prime(*number)).collect();
        let got: Vec<u64> = (0..=limit).filter(|number| sieve.is_prime(*number)).collect();
        assert_eq!(got, expected);
        assert_eq!(primes(limit).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn windows_anywhere() {
    let mut random = random(1);
    // The first byte, the first segment's end, squares of primes, where rounds are cut.
    for first in [0, 1, 2, 6, 7, 100, 163 * 163, 167 * 167, 7_864_320, 16_769_025] {
        check_window(first, 500);
    }
    for _ in 0..40 {
        check_window(random() % 1_000_000_000, random() % 300);
    }
    assert_eq!(primes_between(24..=28).count(), 0);
    // Larger than a segment, from the middle of one.
    let between = primes_between(5_000_000..=30_000_000).count() as u64;
    assert_eq!(between, count(30_000_000) - count(4_999_999));
}

#[test]
fn primes_larger_than_a_segment_cross_off() {
    // The root is 1,000,000; the first primes beyond 10^12 (OEIS A033874 has the first: 39).
    let first = 1_000_000_000_000;
    let got: Vec<u64> = primes_between(first..=first + 100).map(|prime| prime - first).collect();
    assert_eq!(got, [39, 61, 63, 91]);
    // 8 million more numbers a segment: over two of them, against one from the middle.
    let (middle, end) = (first + 35_000_000, first + 70_000_000);
    let whole = primes_between(first..=end).filter(|prime| *prime >= middle).count();
    assert_eq!(whole, primes_between(middle..=end).count());
}

#[test]
fn limits_are_bounded() {
    let limit = MAX_LIMIT + 1;
    let two = std::num::NonZeroUsize::new(2).unwrap();
    let ways: [&(dyn Fn() + std::panic::RefUnwindSafe); 5] = [
        &|| assert_eq!(count(limit), 0),
        &|| assert_eq!(count_threads(limit, two), 0),
        &|| assert_eq!(count_rayon(u64::MAX), 0),
        &|| drop(Sieve::new(limit)),
        &|| drop(primes(limit)),
    ];
    for way in ways {
        let panic = std::panic::catch_unwind(way).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("beyond 2^60"), "{message}");
    }
}

#[test]
#[should_panic(expected = "100 is beyond the limit 99")]
fn a_set_knows_its_limit() {
    let _ = Sieve::new(99).is_prime(100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_window(first in 0u64..10_000_000_000, len in 0u64..200) {
        check_window(first, len);
    }
}
