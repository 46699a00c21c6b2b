use std::fmt::Debug;
use std::ops::Add;

/// A field type that statistics are made of: `f64`, `i64`, `u64`.
pub trait Number: Copy + PartialOrd + Default + Debug {
    /// What a sum of them is kept in: `f64` for floats, `i128` for integers, which holds the sum
    /// of 2⁶³ of them exactly.
    type Sum: Copy + Default + PartialEq + Debug + Add<Output = Self::Sum>;
    /// This number as a term of a sum.
    fn to_sum(self) -> Self::Sum;
    /// The nearest `f64`.
    fn to_f64(self) -> f64;
    /// A sum as the nearest `f64`.
    fn sum_to_f64(sum: Self::Sum) -> f64;
    /// Whether this is a NaN, which statistics skip and count.
    fn is_nan(self) -> bool {
        false
    }
}

impl Number for f64 {
    type Sum = f64;
    fn to_sum(self) -> f64 {
        self
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn sum_to_f64(sum: f64) -> f64 {
        sum
    }
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

macro_rules! integer {
    ($($ty:ty)*) => {$(
        impl Number for $ty {
            type Sum = i128;
            fn to_sum(self) -> i128 {
                self.into()
            }
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn sum_to_f64(sum: i128) -> f64 {
                sum as f64
            }
        }
    )*};
}

integer! { i64 u64 }

/// Statistics of a piece of one series' field that merge with those of the next piece.
///
/// Missing values are left out. NaNs are counted and otherwise left out, save that they may be
/// first or last. `min`, `max` mean something only when `count > 0`, `first`, `last` only when
/// `count + nan_count > 0`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aggregate<T: Number> {
    /// How many values, NaNs left out.
    pub count: u64,
    /// How many NaNs.
    pub nan_count: u64,
    /// Their sum.
    pub sum: T::Sum,
    /// The least.
    pub min: T,
    /// The greatest.
    pub max: T,
    /// The sum of squared distances from the mean.
    pub m2: f64,
    /// The value of the earliest time.
    pub first: T,
    /// The value of the latest time.
    pub last: T,
}

impl<T: Number> Aggregate<T> {
    /// The statistics of one value.
    #[must_use]
    pub fn of(value: T) -> Self {
        let (first, last) = (value, value);
        if value.is_nan() {
            return Self { nan_count: 1, first, last, ..Self::default() };
        }
        let (count, sum) = (1, value.to_sum());
        Self { count, nan_count: 0, sum, min: value, max: value, m2: 0.0, first, last }
    }

    /// The naive definition, value by value in order of time: the oracle of faster ways.
    pub fn of_all(values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(Self::default(), |all, value| all.merge(&Self::of(value)))
    }

    /// Whether there was no value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count + self.nan_count == 0
    }

    /// The mean, or NaN when `count` is 0.
    #[must_use]
    pub fn mean(&self) -> f64 {
        T::sum_to_f64(self.sum) / self.count as f64
    }

    /// The sample's variance (divisor `count - 1`), or `None` when `count < 2`.
    #[must_use]
    pub fn sample_variance(&self) -> Option<f64> {
        (self.count >= 2).then(|| self.m2 / (self.count - 1) as f64)
    }

    /// These statistics and those of a later piece together. The second moment is merged as in
    /// Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    /// Variances" (1979).
    #[must_use]
    pub fn merge(&self, later: &Self) -> Self {
        if self.is_empty() {
            return *later;
        }
        if later.is_empty() {
            return *self;
        }
        let nan_count = self.nan_count + later.nan_count;
        let (first, last) = (self.first, later.last);
        if self.count == 0 || later.count == 0 {
            let counted = if self.count == 0 { later } else { self };
            return Self { nan_count, first, last, ..*counted };
        }
        let count = self.count + later.count;
        let distance = later.mean() - self.mean();
        let weight = self.count as f64 * later.count as f64 / count as f64;
        Self {
            count,
            nan_count,
            sum: self.sum + later.sum,
            min: if later.min < self.min { later.min } else { self.min },
            max: if later.max > self.max { later.max } else { self.max },
            m2: self.m2 + later.m2 + distance * distance * weight,
            first,
            last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Aggregate;
    use proptest::prelude::*;

    #[test]
    fn nans_are_counted_and_skipped() {
        let all = Aggregate::of_all([f64::NAN, 1.0, f64::NAN, 3.0]);
        assert_eq!((all.count, all.nan_count, all.sum, all.min, all.max), (2, 2, 4.0, 1.0, 3.0));
        assert!(all.first.is_nan());
        assert_eq!((all.last, all.m2), (3.0, 2.0));
    }

    #[test]
    fn an_integer_sum_holds_what_no_i64_does() {
        let all = Aggregate::of_all([i64::MAX, i64::MAX]);
        assert_eq!(all.sum, 2 * i128::from(i64::MAX));
    }

    proptest! {
        #[test]
        fn merging_pieces_is_the_whole(values in prop::collection::vec(-1000i64..1000, 1..60), cut in 0usize..60) {
            let cut = cut.min(values.len());
            let whole = Aggregate::of_all(values.iter().copied());
            let merged = Aggregate::of_all(values[..cut].iter().copied()).merge(&Aggregate::of_all(values[cut..].iter().copied()));
            prop_assert_eq!((merged.count, merged.sum, merged.min, merged.max), (whole.count, whole.sum, whole.min, whole.max));
            prop_assert_eq!((merged.first, merged.last), (values[0], values[values.len() - 1]));
            let mean = values.iter().sum::<i64>() as f64 / values.len() as f64;
            let m2: f64 = values.iter().map(|v| (*v as f64 - mean).powi(2)).sum();
            prop_assert!((merged.m2 - m2).abs() <= 1e-6 * (1.0 + m2));
        }
    }
}
