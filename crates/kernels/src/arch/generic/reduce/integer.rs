use super::tree::{BLOCK, Present, reduce};
use super::{Moments, Number};
use std::array::from_fn;

const LANES: usize = 16;
type Lanes = [u64; LANES];

/// What the algorithms below need of an integer. `as_u64` and `from_u64` keep the bits, so that
/// wrapping arithmetic is that of `u64`.
trait Integer: Number<Sum = i128> + Ord + Into<i128> {
    const LEAST: Self;
    const GREATEST: Self;
    fn as_u64(self) -> u64;
    fn from_u64(bits: u64) -> Self;
    /// The upper 32 bits, with their sign.
    fn upper(self) -> i64;
}

impl Integer for i64 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;
    #[inline(always)]
    fn as_u64(self) -> u64 {
        self as u64
    }
    #[inline(always)]
    fn from_u64(bits: u64) -> Self {
        bits as Self
    }
    #[inline(always)]
    fn upper(self) -> i64 {
        self >> 32
    }
}

impl Integer for u64 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;
    #[inline(always)]
    fn as_u64(self) -> u64 {
        self
    }
    #[inline(always)]
    fn from_u64(bits: u64) -> Self {
        bits
    }
    #[inline(always)]
    fn upper(self) -> i64 {
        (self >> 32) as i64
    }
}

/// The sum of up to 2³¹ values: of their upper and lower halves, none of which overflows.
#[inline(always)]
fn sum_of<T: Integer>(block: &[T]) -> i128 {
    let (rows, rest) = block.as_chunks::<LANES>();
    let (mut lower, mut upper): (Lanes, [i64; LANES]) = ([0; LANES], [0; LANES]);
    for row in rows {
        lower = from_fn(|lane| lower[lane] + (row[lane].as_u64() & 0xFFFF_FFFF));
        upper = from_fn(|lane| upper[lane] + row[lane].upper());
    }
    for (lane, value) in rest.iter().enumerate() {
        lower[lane] += value.as_u64() & 0xFFFF_FFFF;
        upper[lane] += value.upper();
    }
    let lower: i128 = lower.into_iter().map(i128::from).sum();
    let upper: i128 = upper.into_iter().map(i128::from).sum();
    lower + (upper << 32)
}

/// The extremes and the wrapping sum.
#[inline(always)]
fn extremes<T: Integer>(block: &[T]) -> (T, T, u64) {
    let (rows, rest) = block.as_chunks::<LANES>();
    let (mut min, mut max) = ([T::GREATEST; LANES], [T::LEAST; LANES]);
    let mut sums: Lanes = [0; LANES];
    for row in rows {
        min = from_fn(|lane| min[lane].min(row[lane]));
        max = from_fn(|lane| max[lane].max(row[lane]));
        sums = from_fn(|lane| sums[lane].wrapping_add(row[lane].as_u64()));
    }
    for (lane, value) in rest.iter().enumerate() {
        min[lane] = min[lane].min(*value);
        max[lane] = max[lane].max(*value);
        sums[lane] = sums[lane].wrapping_add(value.as_u64());
    }
    (
        min.into_iter().fold(T::GREATEST, T::min),
        max.into_iter().fold(T::LEAST, T::max),
        sums.into_iter().fold(0, u64::wrapping_add),
    )
}

/// The sum of squares of what `distance` gives for each value.
#[inline(always)]
fn squares<T: Copy>(block: &[T], distance: impl Fn(T) -> f64) -> f64 {
    let (rows, rest) = block.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for row in rows {
        sums = from_fn(|lane| {
            let distance = distance(row[lane]);
            sums[lane] + distance * distance
        });
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        let distance = distance(*value);
        *sum += distance * distance;
    }
    let by_8: [f64; 8] = from_fn(|lane| sums[lane] + sums[lane + 8]);
    let by_4: [f64; 4] = from_fn(|lane| by_8[lane] + by_8[lane + 4]);
    (by_4[0] + by_4[2]) + (by_4[1] + by_4[3])
}

/// `distance`, read as a signed number of at most 51 bits, as the same `f64`: added to the bits of
/// 1.5 · 2⁵², it is what that float's last bits stand for. AVX2 has no instruction for it.
#[inline(always)]
fn small_to_f64(distance: u64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    f64::from_bits(distance.wrapping_add(MAGIC.to_bits())) - MAGIC
}

/// The moments of a block that is not empty.
///
/// The sum and the distances from the mean are exact whatever the values are; most blocks span
/// less than 2⁵¹, so that 64 bits suffice for both.
#[inline(always)]
fn block<T: Integer>(block: &[T]) -> Moments<T> {
    let (min, max, wrapped) = extremes(block);
    let count = block.len() as u64;
    let (sum, m2);
    if max.as_u64().wrapping_sub(min.as_u64()) < 1 << 51 {
        let above_min = wrapped.wrapping_sub(count.wrapping_mul(min.as_u64()));
        sum = i128::from(count) * min.into() + i128::from(above_min);
        let centre = min.as_u64().wrapping_add(above_min / count);
        let squares = squares(block, |value| small_to_f64(value.as_u64().wrapping_sub(centre)));
        m2 = from_centre(squares, above_min % count, count);
    } else {
        sum = sum_of(block);
        let centre = T::from_u64(sum.div_euclid(count.into()) as u64);
        let squares = squares(block, |value| distance(value, centre));
        m2 = from_centre(squares, sum.rem_euclid(count.into()) as u64, count);
    }
    Moments { count, nan_count: 0, sum, min, max, m2 }
}

/// `value - centre`, which takes up to 65 bits, rounded once.
#[inline(always)]
fn distance<T: Integer>(value: T, centre: T) -> f64 {
    let above = value.as_u64().wrapping_sub(centre.as_u64()) as f64;
    let below = centre.as_u64().wrapping_sub(value.as_u64()) as f64;
    if value >= centre { above } else { -below }
}

/// The sum of squared distances from the mean, given those from a centre that is less by
/// `rest / count`, less than 1.
#[inline(always)]
fn from_centre(squares: f64, rest: u64, count: u64) -> f64 {
    let rest = rest as f64;
    squares - rest * rest / count as f64
}

#[inline(always)]
fn merge<T: Integer>(a: Moments<T>, b: Moments<T>) -> Moments<T> {
    if a.count == 0 || b.count == 0 {
        return if a.count == 0 { b } else { a };
    }
    let (a_count, b_count) = (a.count as f64, b.count as f64);
    // b's mean less a's, times both counts: exact as long as the counts have 63 bits together.
    let exact = b.sum.checked_mul(a.count.into()).and_then(|b_scaled| {
        let a_scaled = a.sum.checked_mul(b.count.into())?;
        b_scaled.checked_sub(a_scaled)
    });
    let distance = match exact {
        Some(exact) => exact as f64 / (a_count * b_count),
        None => b.sum as f64 / b_count - a.sum as f64 / a_count,
    };
    Moments {
        count: a.count + b.count,
        nan_count: 0,
        sum: a.sum + b.sum,
        min: a.min.min(b.min),
        max: a.max.max(b.max),
        m2: a.m2 + b.m2 + distance * distance * (a_count * b_count / (a_count + b_count)),
    }
}

/// The moments of those values of a block that are present.
#[inline(always)]
fn present_block<T: Integer>(values: &[T], present: &Present) -> Moments<T> {
    if present.count == values.len() {
        return block(values);
    }
    let Some(word) = present.words.iter().position(|word| *word != 0) else {
        return Moments::default();
    };
    // What is absent is made equal to a value that is there, and its share taken out again.
    let some = values[word * 64 + present.words[word].trailing_zeros() as usize];
    let mut selected: [T; BLOCK] = present.select(values, some);
    let selected = &mut selected[..values.len()];
    let (min, max, _) = extremes(selected);
    let count = present.count as u64;
    let sum = sum_of(selected) - some.into() * (values.len() - present.count) as i128;
    let centre = T::from_u64(sum.div_euclid(count.into()) as u64);
    for (index, value) in selected.iter_mut().enumerate() {
        if present.words[index / 64] >> (index % 64) & 1 == 0 {
            *value = centre;
        }
    }
    let squares = squares(selected, |value| distance(value, centre));
    let m2 = from_centre(squares, sum.rem_euclid(count.into()) as u64, count);
    Moments { count, nan_count: 0, sum, min, max, m2 }
}

#[inline(always)]
fn moments<T: Integer>(values: &[T]) -> Moments<T> {
    reduce(values.len(), |range| block(&values[range]), merge).unwrap_or_default()
}

#[inline(always)]
fn moments_valid<T: Integer>(values: &[T], validity: &[u64], bit_offset: usize) -> Moments<T> {
    let block = |range: std::ops::Range<usize>| {
        let present = Present::new(validity, bit_offset + range.start, range.len());
        present_block(&values[range], &present)
    };
    reduce(values.len(), block, merge).unwrap_or_default()
}

#[inline(always)]
fn sum<T: Integer>(values: &[T]) -> i128 {
    values.chunks(1 << 31).map(sum_of).sum()
}

#[inline(always)]
fn min_max<T: Integer>(values: &[T]) -> Option<(T, T)> {
    let (min, max, _) = extremes(values);
    (!values.is_empty()).then_some((min, max))
}

macro_rules! functions {
    ($($ty:ty: $moments:ident $moments_valid:ident $sum:ident $min_max:ident;)*) => {$(
        #[inline(always)]
        pub(crate) fn $moments(values: &[$ty]) -> Moments<$ty> {
            moments(values)
        }
        #[inline(always)]
        pub(crate) fn $moments_valid(
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Moments<$ty> {
            moments_valid(values, validity, bit_offset)
        }
        #[inline(always)]
        pub(crate) fn $sum(values: &[$ty]) -> i128 {
            sum(values)
        }
        #[inline(always)]
        pub(crate) fn $min_max(values: &[$ty]) -> Option<($ty, $ty)> {
            min_max(values)
        }
    )*};
}
functions! {
    i64: moments_i64 moments_i64_valid sum_i64 min_max_i64;
    u64: moments_u64 moments_u64_valid sum_u64 min_max_u64;
}
