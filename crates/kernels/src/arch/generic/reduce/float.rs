use super::tree::{BLOCK, Present, reduce};
use super::{Moments, Number};
use std::array::from_fn;

/// Independent partial sums, so that additions need not wait for one another.
const LANES: usize = 32;
type Lanes = [f64; LANES];

#[inline(always)]
fn total(lanes: Lanes) -> f64 {
    let by_16: [f64; 16] = from_fn(|lane| lanes[lane] + lanes[lane + 16]);
    let by_8: [f64; 8] = from_fn(|lane| by_16[lane] + by_16[lane + 8]);
    let by_4: [f64; 4] = from_fn(|lane| by_8[lane] + by_8[lane + 4]);
    (by_4[0] + by_4[2]) + (by_4[1] + by_4[3])
}

// Written so, and not as `f64::min`, it is one instruction: NaNs never win.
#[inline(always)]
fn less(value: f64, min: f64) -> f64 {
    if value < min { value } else { min }
}

#[inline(always)]
fn greater(value: f64, max: f64) -> f64 {
    if value > max { value } else { max }
}

/// The sum of `term` of each value.
#[inline(always)]
fn sum_of(block: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let (rows, rest) = block.as_chunks::<LANES>();
    let mut sums: Lanes = [0.0; LANES];
    for row in rows {
        sums = from_fn(|lane| sums[lane] + term(row[lane]));
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += term(*value);
    }
    total(sums)
}

/// The extremes; `(∞, −∞)` when there is nothing but NaNs.
#[inline(always)]
fn extremes(block: &[f64]) -> (f64, f64) {
    let (rows, rest) = block.as_chunks::<LANES>();
    let (mut min, mut max): (Lanes, Lanes) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    for row in rows {
        min = from_fn(|lane| less(row[lane], min[lane]));
        max = from_fn(|lane| greater(row[lane], max[lane]));
    }
    for (lane, value) in rest.iter().enumerate() {
        min[lane] = less(*value, min[lane]);
        max[lane] = greater(*value, max[lane]);
    }
    (
        min.into_iter().fold(f64::INFINITY, |a, b| less(b, a)),
        max.into_iter().fold(f64::NEG_INFINITY, |a, b| greater(b, a)),
    )
}

/// The moments of a block that may have NaNs.
#[inline(always)]
fn block_with_nans(block: &[f64]) -> Moments<f64> {
    let count = block.iter().filter(|value| !value.is_nan()).count();
    let nan_count = (block.len() - count) as u64;
    if count == 0 {
        return Moments { nan_count, ..Moments::default() };
    }
    let sum = sum_of(block, |value| if value.is_nan() { 0.0 } else { value });
    let (min, max) = extremes(block);
    let mean = sum / count as f64;
    let m2 = sum_of(block, |value| {
        let distance = if value.is_nan() { 0.0 } else { value - mean };
        distance * distance
    });
    Moments { count: count as u64, nan_count, sum, min, max, m2 }
}

/// The moments of a block, which is taken to be without NaNs until its sum tells otherwise.
#[inline(always)]
fn block(block: &[f64]) -> Moments<f64> {
    let sum = sum_of(block, |value| value);
    if sum.is_nan() {
        return block_with_nans(block);
    }
    let (min, max) = extremes(block);
    let mean = sum / block.len() as f64;
    let m2 = sum_of(block, |value| (value - mean) * (value - mean));
    Moments { count: block.len() as u64, nan_count: 0, sum, min, max, m2 }
}

#[inline(always)]
fn merge(a: Moments<f64>, b: Moments<f64>) -> Moments<f64> {
    let nan_count = a.nan_count + b.nan_count;
    if a.count == 0 || b.count == 0 {
        return Moments { nan_count, ..if a.count == 0 { b } else { a } };
    }
    let (a_count, b_count) = (a.count as f64, b.count as f64);
    let distance = b.sum / b_count - a.sum / a_count;
    Moments {
        count: a.count + b.count,
        nan_count,
        sum: a.sum + b.sum,
        min: less(b.min, a.min),
        max: greater(b.max, a.max),
        m2: a.m2 + b.m2 + distance * distance * (a_count * b_count / (a_count + b_count)),
    }
}

#[inline(always)]
pub(crate) fn moments_f64(values: &[f64]) -> Moments<f64> {
    reduce(values.len(), |range| block(&values[range]), merge).unwrap_or_default()
}

#[inline(always)]
pub(crate) fn moments_f64_valid(
    values: &[f64],
    validity: &[u64],
    bit_offset: usize,
) -> Moments<f64> {
    let valid_block = |range: std::ops::Range<usize>| {
        let present = Present::new(validity, bit_offset + range.start, range.len());
        let values = &values[range];
        if present.count == values.len() {
            return block(values);
        }
        // What is absent is made a NaN, and then not counted.
        let selected: [f64; BLOCK] = present.select(values, f64::NAN);
        let moments = block_with_nans(&selected[..values.len()]);
        Moments { nan_count: present.count as u64 - moments.count, ..moments }
    };
    reduce(values.len(), valid_block, merge).unwrap_or_default()
}

#[inline(always)]
pub(crate) fn sum_f64(values: &[f64]) -> <f64 as Number>::Sum {
    let block = |range| sum_of(&values[range], |value| value);
    reduce(values.len(), block, |a, b| a + b).unwrap_or(0.0)
}

#[inline(always)]
pub(crate) fn min_max_f64(values: &[f64]) -> Option<(f64, f64)> {
    let (min, max) = extremes(values);
    (min <= max).then_some((min, max))
}
