use std::ops::Range;

use crate::Quantiles;
use tidemill_kernels::reduce;
use tidemill_model::{Aggregate, Number, Values, count_ones};
use tidemill_store::{AnyAggregate, ColumnSlice, SliceValues};

/// Runs shorter than this are reduced in place: a kernel's call costs more than they do.
const MIN_KERNEL_VALUES: usize = 16;

/// Which statistics of a run are wanted; the others are left 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistics {
    /// `count` alone; NaNs count as numbers.
    Count,
    /// `count` and `sum`; NaNs count as numbers and make the sum NaN.
    Sum,
    /// `count`, `nan_count`, `min`, `max`.
    Extremes,
    /// Everything but `first` and `last`.
    All,
}

impl Statistics {
    /// What answers both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Count, some) | (some, Self::Count) => some,
            _ => Self::All,
        }
    }
}

/// A numeric field type: how its columns are read, reduced and made.
pub(crate) trait Numeric: Number + Send + Sync {
    /// The values of a column of this type.
    fn of_slice(values: SliceValues<'_>) -> Option<&[Self]>;
    /// Stored statistics of this type.
    fn of_stored(stored: &AnyAggregate) -> Option<&Aggregate<Self>>;
    /// The values as a column's.
    fn into_values(values: Vec<Self>) -> Values;
    /// A sum as a value of this type; `Err` where it does not fit.
    fn from_sum(sum: Self::Sum) -> Result<Self, i128>;
    /// NaN, for types that have it.
    fn nan() -> Option<Self>;
    /// `self - other`, exact before it is rounded.
    fn distance(self, other: Self) -> f64;
    /// Adds values to a collection.
    fn collect(values: &[Self], quantiles: &mut Quantiles);
    /// The statistics of values by a kernel.
    fn reduce(values: &[Self], wanted: Statistics) -> Aggregate<Self>;
    /// All statistics of the valid values by a kernel.
    fn reduce_valid(values: &[Self], validity: &[u64], bit_offset: usize) -> Aggregate<Self>;
}

/// The statistics of rows of a column. `first` and `last` are not set.
pub(crate) fn reduce<T: Numeric>(
    column: &ColumnSlice<'_>,
    rows: Range<usize>,
    wanted: Statistics,
) -> Aggregate<T> {
    let Some(values) = T::of_slice(column.values()).and_then(|values| values.get(rows.clone()))
    else {
        return Aggregate::default();
    };
    match column.validity() {
        Some((words, offset)) if wanted == Statistics::Count => {
            let count = count_ones(words, offset + rows.start..offset + rows.end) as u64;
            Aggregate { count, ..Aggregate::default() }
        }
        Some((words, offset)) => T::reduce_valid(values, words, offset + rows.start),
        None if wanted == Statistics::Count => {
            Aggregate { count: values.len() as u64, ..Aggregate::default() }
        }
        None if values.len() < MIN_KERNEL_VALUES => reduce_few(values, wanted),
        None => T::reduce(values, wanted),
    }
}

/// Adds the statistics of later rows, those that are wanted: a count or a sum need none of the
/// divisions that a second moment takes.
pub(crate) fn merge<T: Numeric>(all: &mut Aggregate<T>, later: &Aggregate<T>, wanted: Statistics) {
    match wanted {
        Statistics::All => *all = all.merge(later),
        Statistics::Count | Statistics::Sum => {
            all.count += later.count;
            all.nan_count += later.nan_count;
            all.sum = all.sum + later.sum;
        }
        Statistics::Extremes => {
            if later.count > 0 && (all.count == 0 || later.min < all.min) {
                all.min = later.min;
            }
            if later.count > 0 && (all.count == 0 || later.max > all.max) {
                all.max = later.max;
            }
            all.count += later.count;
            all.nan_count += later.nan_count;
        }
    }
}

/// The stretches of rows that have values among `rows` of a column.
pub(crate) fn valid_stretches(column: &ColumnSlice<'_>) -> impl Iterator<Item = Range<usize>> {
    let (len, validity) = (column.len(), column.validity());
    let bit = move |row: usize, words: &[u64], offset: usize| {
        let at = offset + row;
        words[at / 64] >> (at % 64) & 1 == 1
    };
    let mut next = 0;
    std::iter::from_fn(move || {
        let Some((words, offset)) = validity else {
            let all = next..len;
            next = len;
            return (!all.is_empty()).then_some(all);
        };
        let start = (next..len).find(|row| bit(*row, words, offset))?;
        let end = (start..len).find(|row| !bit(*row, words, offset)).unwrap_or(len);
        next = end;
        Some(start..end)
    })
}

/// The plain loop, for runs too short for a kernel.
fn reduce_few<T: Numeric>(values: &[T], wanted: Statistics) -> Aggregate<T> {
    let mut all = Aggregate::<T> { count: values.len() as u64, ..Aggregate::default() };
    if wanted == Statistics::Sum {
        all.sum = values.iter().fold(all.sum, |sum, value| sum + value.to_sum());
        return all;
    }
    all.count = 0;
    for &value in values {
        if value.is_nan() {
            all.nan_count += 1;
            continue;
        }
        if all.count == 0 || value < all.min {
            all.min = value;
        }
        if all.count == 0 || value > all.max {
            all.max = value;
        }
        all.count += 1;
        all.sum = all.sum + value.to_sum();
    }
    if wanted == Statistics::All && all.count > 1 {
        all.m2 = squared_distances(values);
    }
    all
}

/// The sum of squared distances from the mean of the values that are not NaN.
///
/// Shifted by one of the values: the squares around it are at most `count + 1` times those around
/// the mean, so that their difference loses no more than a few bits.
fn squared_distances<T: Numeric>(values: &[T]) -> f64 {
    let mut numbers = values.iter().filter(|value| !value.is_nan());
    let Some(&base) = numbers.next() else { return 0.0 };
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 1.0);
    for value in numbers {
        let distance = value.distance(base);
        sum += distance;
        squares += distance * distance;
        count += 1.0;
    }
    let m2: f64 = squares - sum * sum / count;
    if m2 < 0.0 { 0.0 } else { m2 }
}

macro_rules! aggregate {
    ($moments:expr) => {{
        let m = $moments;
        let (count, nan_count) = (m.count, m.nan_count);
        Aggregate {
            count,
            nan_count,
            sum: m.sum,
            min: m.min,
            max: m.max,
            m2: m.m2,
            ..Aggregate::default()
        }
    }};
}

macro_rules! numeric {
    ($ty:ident is $variant:ident; $moments:ident, $moments_valid:ident, $sum:ident, $min_max:ident;
     collect $collect:ident; nan_count $nan_count:expr; from_sum $from_sum:expr; nan $nan:expr; distance $distance:expr) => {
        impl Numeric for $ty {
            fn of_slice(values: SliceValues<'_>) -> Option<&[Self]> {
                if let SliceValues::$variant(values) = values { Some(values) } else { None }
            }
            fn of_stored(stored: &AnyAggregate) -> Option<&Aggregate<Self>> {
                if let AnyAggregate::$variant(aggregate) = stored { Some(aggregate) } else { None }
            }
            fn into_values(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }
            fn from_sum(sum: Self::Sum) -> Result<Self, i128> {
                $from_sum(sum)
            }
            fn nan() -> Option<Self> {
                $nan
            }
            fn distance(self, other: Self) -> f64 {
                $distance(self, other)
            }
            fn collect(values: &[Self], quantiles: &mut Quantiles) {
                quantiles.$collect(values);
            }
            fn reduce(values: &[Self], wanted: Statistics) -> Aggregate<Self> {
                let count = values.len() as u64;
                match wanted {
                    Statistics::Count => Aggregate { count, ..Aggregate::default() },
                    Statistics::Sum => {
                        Aggregate { count, sum: reduce::$sum(values), ..Aggregate::default() }
                    }
                    Statistics::Extremes => {
                        let nan_count: u64 = $nan_count(values);
                        let (min, max) = reduce::$min_max(values).unwrap_or_default();
                        let count = count - nan_count;
                        Aggregate { count, nan_count, min, max, ..Aggregate::default() }
                    }
                    Statistics::All => aggregate!(reduce::$moments(values)),
                }
            }
            fn reduce_valid(
                values: &[Self],
                validity: &[u64],
                bit_offset: usize,
            ) -> Aggregate<Self> {
                aggregate!(reduce::$moments_valid(values, validity, bit_offset))
            }
        }
    };
}

numeric!(f64 is Float; moments_f64, moments_f64_valid, sum_f64, min_max_f64;
    collect add_floats; nan_count |values: &[f64]| values.iter().map(|value| u64::from(value.is_nan())).sum();
    from_sum Ok; nan Some(f64::NAN); distance |a: f64, b: f64| a - b);
numeric!(i64 is Int; moments_i64, moments_i64_valid, sum_i64, min_max_i64;
    collect add_integers; nan_count |_: &[i64]| 0; from_sum |sum: i128| sum.try_into().map_err(|_| sum); nan None;
    distance |a: i64, b: i64| (i128::from(a) - i128::from(b)) as f64);
numeric!(u64 is UInt; moments_u64, moments_u64_valid, sum_u64, min_max_u64;
    collect add_integers; nan_count |_: &[u64]| 0; from_sum |sum: i128| sum.try_into().map_err(|_| sum); nan None;
    distance |a: u64, b: u64| (i128::from(a) - i128::from(b)) as f64);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Numeric>(values: &[T]) -> Result<(), TestCaseError> {
        let want = Aggregate::of_all(values.iter().copied());
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
        for got in [reduce_few(values, Statistics::All), T::reduce(values, Statistics::All)] {
            prop_assert_eq!((got.count, got.nan_count), (want.count, want.nan_count));
            prop_assert!(close(T::sum_to_f64(got.sum), T::sum_to_f64(want.sum)));
            prop_assert!(close(got.m2, want.m2), "{} {}", got.m2, want.m2);
            if want.count > 0 {
                prop_assert_eq!((got.min, got.max), (want.min, want.max));
            }
        }
        for got in
            [reduce_few(values, Statistics::Extremes), T::reduce(values, Statistics::Extremes)]
        {
            prop_assert_eq!((got.count, got.nan_count), (want.count, want.nan_count));
            if want.count > 0 {
                prop_assert_eq!((got.min, got.max), (want.min, want.max));
            }
        }
        for got in [reduce_few(values, Statistics::Sum), T::reduce(values, Statistics::Sum)] {
            prop_assert_eq!(got.count, values.len() as u64);
            let (got, want) = (T::sum_to_f64(got.sum), T::sum_to_f64(want.sum));
            let has_nan = values.iter().any(|value| value.is_nan());
            let is_right = if has_nan { got.is_nan() } else { close(got, want) };
            prop_assert!(is_right, "{got} {want}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn short_and_long_ways_agree_with_the_definition(
            floats in prop::collection::vec(prop_oneof![5 => -1e6..1e6f64, 1 => Just(f64::NAN)], 0..40),
            ints in prop::collection::vec(-1000i64..1000, 0..40),
            uints in prop::collection::vec(0u64..5000, 0..40),
        ) {
            check(&floats)?;
            check(&ints)?;
            check(&uints)?;
        }

    }

    #[test]
    fn deviations_of_huge_integers_do_not_cancel() {
        let near = |offset: i64| i64::MAX - offset;
        let small: Vec<i64> = (0..10).collect();
        let huge: Vec<i64> = (0..10).map(near).collect();
        let m2 = |values: &[i64]| reduce_few(values, Statistics::All).m2;
        assert_eq!((m2(&small), m2(&huge)), (82.5, 82.5));
    }
}
