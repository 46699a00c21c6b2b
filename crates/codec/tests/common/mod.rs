//! Shapes of columns that the tests share.
#![allow(dead_code, reason = "each test binary uses some of it")]

use proptest::prelude::*;

/// Numbers of rows at which something changes.
pub(crate) const ROWS: [usize; 12] = [0, 1, 2, 3, 50, 1023, 1024, 1025, 2048, 3000, 8191, 8192];

/// A generator of pseudo-random numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from the unit interval.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number from the standard normal distribution (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// A field of TSBS's `cpu` table: a walk of steps N(0, 1) within 0..=100, cut to an integer.
pub(crate) fn tsbs_walk(rows: usize, seed: u64) -> Vec<i64> {
    let mut random = Random(seed);
    let mut state = random.unit() * 100.0;
    let mut next = || {
        let value = state as i64;
        state = (state + random.normal()).clamp(0.0, 100.0);
        value
    };
    (0..rows).map(|_| next()).collect()
}

/// Integers of many shapes, by name.
pub(crate) fn int_shapes(rows: usize, seed: u64) -> Vec<(&'static str, Vec<i64>)> {
    let mut random = Random(seed);
    let mut make = |value: &mut dyn FnMut(&mut Random, usize) -> i64| -> Vec<i64> {
        (0..rows).map(|row| value(&mut random, row)).collect()
    };
    let mut sum = 0i64;
    vec![
        ("constant", make(&mut |_, _| -7)),
        ("linear", make(&mut |_, row| 1_000_000 + 3 * row as i64)),
        ("falling", make(&mut |_, row| -(row as i64) * 1_000_000_007)),
        ("walk", tsbs_walk(rows, seed)),
        (
            "outliers above",
            make(&mut |random, _| match random.below(50) {
                0 => random.word() as i64 >> 1,
                _ => random.below(30) as i64,
            }),
        ),
        (
            "outliers below",
            make(&mut |random, _| match random.below(50) {
                0 => -(random.below(1 << 40) as i64),
                _ => random.below(30) as i64,
            }),
        ),
        (
            "outliers everywhere",
            make(&mut |random, _| match random.below(30) {
                0 => random.word() as i64,
                _ => random.below(1000) as i64,
            }),
        ),
        (
            "two clusters",
            make(&mut |random, _| (random.below(2) << 40) as i64 + random.below(256) as i64),
        ),
        (
            "resets",
            make(&mut |random, _| {
                sum = if random.below(300) == 0 { 0 } else { sum + random.below(100) as i64 };
                sum
            }),
        ),
        ("hundreds", make(&mut |random, _| random.below(1 << 20) as i64 * 100 + 7)),
        (
            "odd divisor",
            make(&mut |random, _| (random.word() >> 10) as i64 / 999 * 999 - (1 << 50)),
        ),
        ("runs", make(&mut |_, row| (row / 97 % 5) as i64 * 1_000_003)),
        ("few distinct", make(&mut |random, _| Random(random.below(90) + seed).word() as i64)),
        ("many distinct", make(&mut |random, _| Random(random.below(900)).word() as i64)),
        ("random", make(&mut |random, _| random.word() as i64)),
        (
            "extremes",
            make(&mut |random, _| [i64::MIN, i64::MAX, 0, -1, 1][random.below(5) as usize]),
        ),
        ("one of a kind", make(&mut |_, row| if row == rows / 2 { i64::MIN } else { i64::MAX })),
        ("counter beyond 2^63", make(&mut |_, row| (u64::MAX / 2 - 500 + row as u64) as i64)),
    ]
}

/// Any integers: of any width, with or without order.
pub(crate) fn any_ints() -> impl Strategy<Value = Vec<i64>> {
    let int = (any::<i64>(), 0..64u32).prop_map(|(value, shift)| value >> shift);
    prop_oneof![
        prop::collection::vec(int.clone(), 0..300),
        prop::collection::vec(int, 0..2000).prop_map(|deltas| {
            let mut sum = 0i64;
            deltas
                .iter()
                .map(|delta| {
                    sum = sum.wrapping_add(delta >> 20);
                    sum
                })
                .collect()
        }),
        (0..2500usize, any::<u64>(), 0..18usize).prop_map(|(rows, seed, shape)| int_shapes(
            rows, seed
        )
        .swap_remove(shape)
        .1),
    ]
}

/// Calls `check` with every truncation, and with every byte replaced by several others.
pub(crate) fn for_each_corruption(bytes: &[u8], mut check: impl FnMut(&[u8])) {
    for end in 0..bytes.len() {
        check(&bytes[..end]);
    }
    check(&[bytes, &[0]].concat());
    let mut corrupt = bytes.to_vec();
    for index in 0..bytes.len() {
        for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF, bytes[index]] {
            corrupt[index] ^= flip;
            check(&corrupt);
            corrupt[index] = bytes[index];
        }
    }
}

/// Doubles of many shapes, by name.
pub(crate) fn float_shapes(rows: usize, seed: u64) -> Vec<(&'static str, Vec<f64>)> {
    let mut random = Random(seed);
    let mut make = |value: &mut dyn FnMut(&mut Random, usize) -> f64| -> Vec<f64> {
        (0..rows).map(|row| value(&mut random, row)).collect()
    };
    let mut state = 500.0;
    vec![
        ("constant", make(&mut |_, _| -0.1)),
        (
            "tenths",
            make(&mut |random, _| {
                state += random.normal() * 5.0;
                (state as i64) as f64 / 10.0
            }),
        ),
        (
            "cents with outliers",
            make(&mut |random, _| match random.below(200) {
                0 => f64::from_bits(random.word()),
                _ => random.below(1000) as f64 / 100.0,
            }),
        ),
        ("integers", make(&mut |random, _| random.below(1000) as f64 - 500.0)),
        ("thirds of few integers", make(&mut |random, _| random.below(50) as f64 / 3.0)),
        ("from single precision", make(&mut |random, _| f64::from(random.unit() as f32))),
        ("normal", make(&mut |random, _| random.normal())),
        (
            "slow walk",
            make(&mut |random, _| {
                state += random.normal() * 1e-9;
                state
            }),
        ),
        ("any bits", make(&mut |random, _| f64::from_bits(random.word()))),
        ("runs of doubles", make(&mut |_, row| ((row / 90) as f64).sin())),
        (
            "specials",
            make(&mut |random, _| {
                let payload = f64::from_bits(0x7FF0_0000_0000_0001 + random.below(5));
                let specials = [
                    f64::NAN,
                    -f64::NAN,
                    payload,
                    0.0,
                    -0.0,
                    f64::INFINITY,
                    f64::NEG_INFINITY,
                    f64::MIN_POSITIVE / 8.0,
                    f64::from_bits(1),
                    f64::MAX,
                    f64::MIN,
                    f64::EPSILON,
                ];
                specials[random.below(specials.len() as u64) as usize]
            }),
        ),
        ("zeros of both signs", make(&mut |random, _| [0.0, -0.0][random.below(2) as usize])),
        (
            "integers around 2^51",
            make(&mut |random, _| (1u64 << 51) as f64 + random.below(100) as f64 - 50.0),
        ),
    ]
}
