//! Logarithm, exponential and sine from additions, multiplications, divisions and nothing else.
//!
//! Those of the standard library call the platform's own, which differ in the last bit; these
//! give the same bits wherever `f64` is IEEE 754, so that a seed gives the same rows everywhere.
//! They are accurate to a few units in the last place, which is ample for drawing random numbers.

use std::f64::consts::{LN_2, SQRT_2, TAU};

/// Natural logarithm of a positive, normal number.
pub(crate) fn ln(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits(bits & (u64::MAX >> 12) | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …), and |s| < 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..12).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    exponent as f64 * LN_2 + 2.0 * s * series
}

/// e to the power of `x`, for `-700 < x < 700`.
pub(crate) fn exp(x: f64) -> f64 {
    debug_assert!(x.abs() < 700.0);
    let exponent = (x / LN_2).round();
    let rest = x - exponent * LN_2;
    let series = (1..=16).rev().fold(1.0, |sum, k| 1.0 + sum * rest / f64::from(k));
    series * f64::from_bits(((exponent as i64 + 1023) as u64) << 52)
}

/// The sine of `turns` full turns.
pub(crate) fn sine_of_turns(turns: f64) -> f64 {
    // To the quarter turn around zero, where the series is short.
    let turn = turns - turns.round();
    let turn = if turn > 0.25 {
        0.5 - turn
    } else if turn < -0.25 {
        -0.5 - turn
    } else {
        turn
    };
    let x = TAU * turn;
    let square = x * x;
    let series = (1..=10).rev().fold(1.0, |sum, k| {
        let k = f64::from(2 * k);
        1.0 - sum * square / (k * (k + 1.0))
    });
    x * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(ours: f64, std: f64) -> bool {
        (ours - std).abs() <= 1e-14 * std.abs().max(1.0)
    }

    proptest! {
        #[test]
        fn agree_with_the_standard_library(x in 1e-300..1e300, y in -20.0..20.0, small in 0.01..3.0) {
            prop_assert!(close(ln(x), x.ln()), "ln {x}");
            prop_assert!(close(ln(small), small.ln()), "ln {small}");
            prop_assert!((exp(y) / y.exp() - 1.0).abs() < 1e-14, "exp {y}");
            // The argument itself is off by a rounding: few turns.
            prop_assert!(close(sine_of_turns(y / 20.0), (TAU * (y / 20.0)).sin()), "sine {y}");
        }
    }
}
