use crate::reduce::{Moments, Number};

/// What the definitions below need of a number.
trait Definition: Number {
    /// The mean, in a form that loses nothing.
    type Mean: Copy;
    fn add(sum: Self::Sum, value: Self) -> Self::Sum;
    fn mean(sum: Self::Sum, count: u64) -> Self::Mean;
    fn distance(self, mean: Self::Mean) -> f64;
}

impl Definition for f64 {
    type Mean = f64;
    fn add(sum: f64, value: f64) -> f64 {
        sum + value
    }
    fn mean(sum: f64, count: u64) -> f64 {
        sum / count as f64
    }
    fn distance(self, mean: f64) -> f64 {
        self - mean
    }
}

macro_rules! integer {
    ($($ty:ty)*) => {$(
        impl Definition for $ty {
            /// The whole part and the rest.
            type Mean = (i128, f64);
            fn add(sum: i128, value: $ty) -> i128 {
                sum + i128::from(value)
            }
            fn mean(sum: i128, count: u64) -> (i128, f64) {
                let whole = sum.div_euclid(count.into());
                (whole, (sum - whole * i128::from(count)) as f64 / count as f64)
            }
            fn distance(self, (whole, rest): (i128, f64)) -> f64 {
                (i128::from(self) - whole) as f64 - rest
            }
        }
    )*};
}
integer! { i64 u64 }

#[expect(clippy::eq_op, reason = "only a NaN differs from itself")]
fn is_nan<T: Number>(value: T) -> bool {
    value != value
}

fn moments<T: Definition>(values: impl Iterator<Item = T> + Clone) -> Moments<T> {
    let mut moments = Moments::default();
    for value in values.clone() {
        if is_nan(value) {
            moments.nan_count += 1;
            continue;
        }
        if moments.count == 0 {
            (moments.min, moments.max) = (value, value);
        }
        moments.count += 1;
        moments.sum = T::add(moments.sum, value);
        moments.min = if value < moments.min { value } else { moments.min };
        moments.max = if value > moments.max { value } else { moments.max };
    }
    if moments.count > 0 {
        let mean = T::mean(moments.sum, moments.count);
        let distances = values.filter(|value| !is_nan(*value)).map(|value| value.distance(mean));
        moments.m2 = distances.map(|distance| distance * distance).sum::<f64>() + 0.0;
    }
    moments
}

fn valid<T: Copy>(
    values: &[T],
    validity: &[u64],
    bit_offset: usize,
) -> impl Iterator<Item = T> + Clone {
    let bit = move |index: usize| {
        let at = bit_offset + index;
        validity[at / 64] >> (at % 64) & 1 != 0
    };
    values.iter().enumerate().filter(move |(index, _)| bit(*index)).map(|(_, value)| *value)
}

fn sum<T: Definition>(values: &[T]) -> T::Sum {
    values.iter().fold(T::Sum::default(), |sum, value| T::add(sum, *value))
}

fn min_max<T: Definition>(values: &[T]) -> Option<(T, T)> {
    let mut numbers = values.iter().copied().filter(|value| !is_nan(*value));
    let first = numbers.next()?;
    Some(numbers.fold((first, first), |(min, max), value| {
        (if value < min { value } else { min }, if value > max { value } else { max })
    }))
}

macro_rules! functions {
    ($($ty:ty: $moments:ident $moments_valid:ident $sum:ident $min_max:ident;)*) => {$(
        pub(crate) fn $moments(values: &[$ty]) -> Moments<$ty> {
            moments(values.iter().copied())
        }
        pub(crate) fn $moments_valid(
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Moments<$ty> {
            moments(valid(values, validity, bit_offset))
        }
        pub(crate) fn $sum(values: &[$ty]) -> <$ty as Number>::Sum {
            sum(values)
        }
        pub(crate) fn $min_max(values: &[$ty]) -> Option<($ty, $ty)> {
            min_max(values)
        }
    )*};
}
functions! {
    f64: moments_f64 moments_f64_valid sum_f64 min_max_f64;
    i64: moments_i64 moments_i64_valid sum_i64 min_max_i64;
    u64: moments_u64 moments_u64_valid sum_u64 min_max_u64;
}
