use std::ops::Range;

use rayon::prelude::*;
use tidemill_model::{Column, Values};
use tidemill_store::{ColumnSlice, SliceValues, workers};

use super::answer::column as column_of;
use super::plan::Function;

/// Fewer values are not shared out to threads.
const MIN_PARALLEL_VALUES: usize = 50_000;
/// The weight of the greater of two values is a multiple of one part of this, as DataFusion 55 has it.
const WEIGHTS: f64 = 1e6;

/// Appends the values of some rows, those that are there.
pub(super) fn collect(column: &ColumnSlice<'_>, rows: &Range<usize>, out: &mut Vec<f64>) {
    let present = |row: &usize| column.is_valid(*row);
    let is_complete = column.all_valid();
    macro_rules! extend {
        ($values:ident, $float:expr) => {
            match is_complete {
                true => out.extend($values[rows.clone()].iter().map($float)),
                false => {
                    out.extend(rows.clone().filter(present).map(|row| &$values[row]).map($float))
                }
            }
        };
    }
    match column.values() {
        SliceValues::Float(values) => extend!(values, |value| *value),
        SliceValues::Int(values) => extend!(values, |value| *value as f64),
        SliceValues::UInt(values) => extend!(values, |value| *value as f64),
        SliceValues::Bool(_) | SliceValues::Text(_) | SliceValues::Missing => {}
    }
}

/// The quantile of each cell, missing where there are no values.
pub(super) fn column(cells: &[Vec<f64>], function: Function) -> Column {
    let Function::Quantile(share) = function else {
        unreachable!("values are kept for quantiles only")
    };
    let one = |values: &Vec<f64>| quantile(values, share.get());
    let values: usize = cells.iter().map(Vec::len).sum();
    let quantiles: Vec<Option<f64>> = if cells.len() > 1 && values >= MIN_PARALLEL_VALUES {
        workers().install(|| cells.par_iter().map(one).collect())
    } else {
        cells.iter().map(one).collect()
    };
    column_of(quantiles.into_iter(), Values::Float)
}

/// The value at `share` of the way from the least to the greatest; NaNs are the greatest, or with their sign set the least.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    // Integers in the order of the floats: they are compared without branches.
    let mut keys: Vec<i64> = values.iter().map(|value| key(*value)).collect();
    let place = share * last as f64;
    let (below, weight) =
        (place.floor() as usize, ((place - place.floor()) * WEIGHTS).floor() / WEIGHTS);
    let (_, lower, above) = keys.select_nth_unstable(below);
    let lower = value(*lower);
    if place.fract() == 0.0 {
        return Some(lower);
    }
    let upper = above.iter().min().map_or(lower, |key| value(*key));
    Some(lower + (upper - lower) * weight)
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
    fn a_quantile_lies_between_two_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
        let values = [4.0, 1.0, 3.0, 2.0];
        let of = |share| quantile(&values, share).unwrap();
        assert_eq!([of(0.0), of(1.0), of(0.5), of(0.25)], [1.0, 4.0, 2.5, 1.75]);
        assert!((of(0.95) - 3.85).abs() < 3e-6);
    }
}
