use rayon::prelude::*;
use tidemill_model::{Column, Values};
use tidemill_store::workers;

use super::answer::column as column_of;
use super::gathered::{Counts, Gathered};
use super::plan::Function;

/// Fewer values are not shared out to threads.
const MIN_PARALLEL_VALUES: usize = 50_000;
/// The weight of the greater of two values is a multiple of one part of this, as DataFusion 55 has it.
const WEIGHTS: f64 = 1e6;

/// The quantile of each cell, missing where there are no values.
pub(super) fn column(cells: &[Gathered], function: Function) -> Column {
    let Function::Quantile(share) = function else {
        unreachable!("values are kept for quantiles only")
    };
    let one = |gathered: &Gathered| match gathered {
        Gathered::Values(values) => of_values(values, share.get()),
        Gathered::Counts(counts) => of_counts(counts, gathered.len(), share.get()),
    };
    let values: usize = cells.iter().map(Gathered::kept).sum();
    let quantiles: Vec<Option<f64>> = if cells.len() > 1 && values >= MIN_PARALLEL_VALUES {
        workers().install(|| cells.par_iter().map(one).collect())
    } else {
        cells.iter().map(one).collect()
    };
    column_of(quantiles.into_iter(), Values::Float)
}

/// The value at `share` of the way from the least to the greatest; NaNs are the greatest, or with their sign set the least.
fn of_values(values: &[f64], share: f64) -> Option<f64> {
    let place = Place::of(share, values.len())?;
    // Integers in the order of the floats: they are compared without branches.
    let mut keys: Vec<i64> = values.iter().map(|value| key(*value)).collect();
    let (_, lower, above) = keys.select_nth_unstable(place.below);
    let upper = || above.iter().min().map(|key| value(*key));
    Some(place.between(value(*lower), upper))
}

fn of_counts(counts: &Counts, len: usize, share: f64) -> Option<f64> {
    let place = Place::of(share, len)?;
    let mut ends = counts.iter().scan(0, |end, (value, count)| {
        *end += count;
        Some((value, *end))
    });
    let (lower, end) = ends.find(|(_, end)| *end > place.below as u64)?;
    let is_last_of_it = end == place.below as u64 + 1;
    let upper = || if is_last_of_it { ends.next().map(|(value, _)| value) } else { None };
    Some(place.between(lower, upper))
}

/// Between which two of some ascending values a quantile is, and the weight of the greater.
struct Place {
    below: usize,
    weight: f64,
    is_exact: bool,
}

impl Place {
    fn of(share: f64, values: usize) -> Option<Self> {
        let place = share * values.checked_sub(1)? as f64;
        let below = place.floor();
        let weight = ((place - below) * WEIGHTS).floor() / WEIGHTS;
        Some(Self { below: below as usize, weight, is_exact: place.fract() == 0.0 })
    }

    /// `upper`: the value after `lower`, if it is another.
    fn between(&self, lower: f64, upper: impl FnOnce() -> Option<f64>) -> f64 {
        if self.is_exact {
            return lower;
        }
        let upper = upper().unwrap_or(lower);
        lower + (upper - lower) * self.weight
    }
}

fn key(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

fn value(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) as u64 >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_floats() {
        let floats =
            [-f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        for (a, b) in floats.iter().zip(&floats[1..]) {
            assert!(key(*a) < key(*b), "{a} {b}");
        }
        assert!(floats.iter().all(|float| value(key(*float)).to_bits() == float.to_bits()));
    }

    #[test]
    fn counted_values_have_the_same_quantiles() {
        let values: Vec<f64> = (0..40i64).map(|n| ((n * n * 7) % 11) as f64).collect();
        let integers: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        let counted = Gathered::counted(&integers);
        let Gathered::Counts(counts) = &counted else { panic!("{counted:?}") };
        for share in (0..=200).map(|share| f64::from(share) / 200.0) {
            assert_eq!(of_counts(counts, 40, share), of_values(&values, share), "{share}");
        }
    }

    #[test]
    fn a_quantile_lies_between_two_values() {
        assert_eq!(of_values(&[], 0.5), None);
        assert_eq!(of_values(&[7.0], 0.3), Some(7.0));
        let values = [4.0, 1.0, 3.0, 2.0];
        let of = |share| of_values(&values, share).unwrap();
        assert_eq!([of(0.0), of(1.0), of(0.5), of(0.25)], [1.0, 4.0, 2.5, 1.75]);
        assert!((of(0.95) - 3.85).abs() < 3e-6);
    }
}
