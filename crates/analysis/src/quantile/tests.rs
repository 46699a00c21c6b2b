use super::Quantiles;
use proptest::prelude::*;

const SHARES: [f64; 6] = [0.0, 0.1, 0.5, 0.95, 0.99, 1.0];

/// Type 7 of Hyndman and Fan, and the two values it lies between.
fn naive(sorted: &[f64], share: f64) -> (f64, f64, f64) {
    let rank = (sorted.len() - 1) as f64 * share;
    let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    let value = if low == high { low } else { low * (1.0 - rank.fract()) + high * rank.fract() };
    (value, low, high)
}

fn check(mut quantiles: Quantiles, values: &[f64], is_exact: bool) -> Result<(), TestCaseError> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    prop_assert_eq!(quantiles.count(), sorted.len() as u64);
    if is_exact {
        prop_assert_eq!(quantiles.relative_error(), 0.0);
    }
    for share in SHARES {
        let got = quantiles.quantile(share);
        if sorted.is_empty() {
            prop_assert_eq!(got, None);
            continue;
        }
        let got = got.unwrap();
        let (want, low, high) = naive(&sorted, share);
        let error = quantiles.relative_error() * low.abs().max(high.abs());
        let is_right = got == want
            || got.is_nan() && want.is_nan()
            || (got - want).abs() <= error * 1.000_001 + f64::MIN_POSITIVE + 1e-12 * want.abs();
        prop_assert!(is_right, "{} of {:?}: {} not {}", share, sorted, got, want);
    }
    Ok(())
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -1000.0..1000.0f64,
        2 => prop::num::f64::NORMAL,
        1 => prop::sample::select(vec![0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX]),
    ]
}

proptest! {
    #[test]
    fn floats_exact_or_within_the_bound(
        values in prop::collection::vec(prop::collection::vec(float(), 0..40), 0..6),
        max_exact_values in 0usize..200,
    ) {
        let all: Vec<f64> = values.iter().flatten().copied().collect();
        let mut one = Quantiles::new(max_exact_values);
        values.iter().for_each(|values| one.add_floats(values));
        check(one, &all, max_exact_values >= all.len())?;
        let mut merged = Quantiles::new(max_exact_values);
        for values in &values {
            let mut part = Quantiles::new(max_exact_values / 2);
            part.add_floats(values);
            merged.merge(part);
        }
        check(merged, &all, max_exact_values >= 2 * all.len())?;
    }

    #[test]
    fn integers_are_counted_while_they_are_close(
        values in prop::collection::vec(prop::collection::vec(-40_000i64..40_000, 0..30), 0..6),
        far in prop::option::of(any::<i64>()),
        max_exact_values in 0usize..200,
    ) {
        let mut values = values;
        values.extend(far.map(|value| vec![value]));
        let all: Vec<f64> = values.iter().flatten().map(|value| *value as f64).collect();
        let range = values.iter().flatten().max().zip(values.iter().flatten().min());
        let is_close = range.is_none_or(|(max, min)| i128::from(*max) - i128::from(*min) < 1 << 16);
        let is_exact = is_close || max_exact_values >= all.len();
        let mut one = Quantiles::new(max_exact_values);
        values.iter().for_each(|values| one.add_integers(values));
        check(one, &all, is_exact)?;
        let mut merged = Quantiles::new(max_exact_values);
        for values in &values {
            let mut part = Quantiles::new(max_exact_values);
            part.add_integers(values);
            merged.merge(part);
        }
        check(merged, &all, is_exact)?;
    }
}

#[test]
fn the_sketch_is_bounded_and_close_however_wide_the_numbers_spread() {
    let mut quantiles = Quantiles::new(0);
    let values: Vec<f64> = (0..200_000).map(|i| 1.001f64.powi(i % 80_000 - 40_000)).collect();
    quantiles.add_floats(&values);
    assert!(quantiles.relative_error() <= 1.0 / 128.0);
    check(quantiles, &values, false).unwrap();
}

#[test]
fn unsigned_integers_beyond_i64_are_counted() {
    let mut quantiles = Quantiles::new(0);
    quantiles.add_integers(&[u64::MAX, u64::MAX - 2]);
    quantiles.add_integers(&[u64::MAX - 4]);
    assert_eq!(quantiles.quantile(0.5), Some((u64::MAX - 2) as f64));
    assert_eq!(quantiles.relative_error(), 0.0);
}
