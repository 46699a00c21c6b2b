use crate::reduce::{Moments, Number};

/// What the definitions below need of a number.
trait Definition: Number {
    /// The mean, in a form that loses nothing.
    type Mean: Copy;
    /// What the functions `sum` return.
    type Total: Copy + Default;
    fn add(sum: Self::Sum, value: Self) -> Self::Sum;
    fn add_to_total(total: Self::Total, value: Self) -> Self::Total;
    fn mean(sum: Self::Sum, count: u64) -> Self::Mean;
    fn distance(self, mean: Self::Mean) -> f64;
}

macro_rules! float {
    ($($ty:ty)*) => {$(
        impl Definition for $ty {
            type Mean = f64;
            type Total = $ty;
            fn add(sum: f64, value: $ty) -> f64 {
                sum + f64::from(value)
            }
            fn add_to_total(total: $ty, value: $ty) -> $ty {
                total + value
            }
            fn mean(sum: f64, count: u64) -> f64 {
                sum / count as f64
            }
            fn distance(self, mean: f64) -> f64 {
                f64::from(self) - mean
            }
        }
    )*};
}
float! { f64 f32 }

macro_rules! integer {
    ($($ty:ty)*) => {$(
        impl Definition for $ty {
            /// The whole part and the rest.
            type Mean = (i128, f64);
            type Total = i128;
            fn add(sum: i128, value: $ty) -> i128 {
                sum + i128::from(value)
            }
            fn add_to_total(total: i128, value: $ty) -> i128 {
                total + i128::from(value)
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

fn sum<T: Definition>(values: impl Iterator<Item = T>) -> T::Total {
    values.fold(T::Total::default(), T::add_to_total)
}

fn min_max<T: Definition>(values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let mut numbers = values.filter(|value| !is_nan(*value));
    let first = numbers.next()?;
    Some(numbers.fold((first, first), |(min, max), value| {
        (if value < min { value } else { min }, if value > max { value } else { max })
    }))
}

macro_rules! functions {
    ($(
        $ty:ty, $total:ty: $moments:ident $moments_valid:ident $sum:ident $sum_valid:ident
        $min_max:ident $min_max_valid:ident;
    )*) => {$(
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
        pub(crate) fn $sum(values: &[$ty]) -> $total {
            sum(values.iter().copied())
        }
        pub(crate) fn $sum_valid(
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> $total {
            sum(valid(values, validity, bit_offset))
        }
        pub(crate) fn $min_max(values: &[$ty]) -> Option<($ty, $ty)> {
            min_max(values.iter().copied())
        }
        pub(crate) fn $min_max_valid(
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Option<($ty, $ty)> {
            min_max(valid(values, validity, bit_offset))
        }
    )*};
}
functions! {
    f64, f64: moments_f64 moments_f64_valid sum_f64 sum_f64_valid min_max_f64 min_max_f64_valid;
    f32, f32: moments_f32 moments_f32_valid sum_f32 sum_f32_valid min_max_f32 min_max_f32_valid;
    i64, i128: moments_i64 moments_i64_valid sum_i64 sum_i64_valid min_max_i64 min_max_i64_valid;
    u64, i128: moments_u64 moments_u64_valid sum_u64 sum_u64_valid min_max_u64 min_max_u64_valid;
}

macro_rules! dot {
    ($($ty:ty: $dot:ident $dot_valid:ident;)*) => {$(
        pub(crate) fn $dot(a: &[$ty], b: &[$ty]) -> $ty {
            a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
        }
        pub(crate) fn $dot_valid(
            a: &[$ty],
            b: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> $ty {
            let a = valid(a, validity, bit_offset);
            a.zip(valid(b, validity, bit_offset)).fold(0.0, |sum, (a, b)| sum + a * b)
        }
    )*};
}
dot! {
    f64: dot_f64 dot_f64_valid;
    f32: dot_f32 dot_f32_valid;
}

pub(crate) fn dot_i64(a: &[i64], b: &[i64]) -> i128 {
    let products = a.iter().zip(b).map(|(a, b)| i128::from(*a) * i128::from(*b));
    products.fold(0, i128::wrapping_add)
}
