//! The moments of floats, in one pass.
//!
//! With a shift `s` near the mean, `Σ(x − s)` and `Σ(x − s)²` give the sum and the second moment:
//! `M2 = Σ(x − s)² − (Σ(x − s))² / n`, where little cancels (Chan, Golub, LeVeque, "Algorithms for
//! Computing the Sample Variance", 1983, on shifted data). Each block takes its shift from a sample
//! of its values and proves afterwards that it was near enough; if it was not, the block goes
//! through two passes, from the first-level cache.
//!
//! With `d = Σ|x − s|`, `q = Σ(x − s)²`, `u = 2⁻⁵³` and 38 roundings in a sum of 2,048 values, and
//! what is checked, `(Σ(x − s))² ≤ n·q / 2` and `n·|s| ≤ 2·|Σx|`:
//! * `d ≤ Σ|x| + n·|s| ≤ 3·Σ|x|`: the sum's error is at most `(3 · 39 + 2) · u · Σ|x|`.
//! * `q`'s error is `40·u·q`; that of `(Σ(x − s))² / n` is `2 · 39·u·d · |Σ(x − s)| / n`, which by
//!   `d² ≤ n·q` is at most `56·u·q`; and `M2 ≥ q / 2`. So M2's is at most `192·u·M2`, however far
//!   from zero the values are.

use super::Moments;
use super::blocks::{All, BLOCK, Present, Tree, Which, pending};
use super::element::{Element, Reduce, greater, less, tree};

/// Registers in a row, which is added up before it is added to an accumulator: so additions need
/// not wait for one another, and one accumulator of each kind leaves room for all in AVX2's sixteen
/// registers.
const WIDTH: usize = 4;
const ROW_VALUES: usize = 8 * WIDTH;
type Row<S> = [<S as crate::arch::Simd>::F64s; WIDTH];

/// How many times as long a block of values is that all count: its shift, its proof and its merging
/// cost as much as those of a short one.
const PARTS: usize = 2;

/// Groups of eight that the shift is taken from.
const SAMPLES: usize = 4;

/// Moments whose extremes are `f64`s too.
type Wide = Moments<f64>;

/// Values in rows, the last of which is filled up.
struct Rows<'a, S, T> {
    simd: S,
    full: std::slice::Iter<'a, [T; ROW_VALUES]>,
    rest: &'a [T],
    fill: f64,
}

#[inline(always)]
fn rows<S: Reduce, T: Element<S>>(simd: S, values: &[T], fill: f64) -> Rows<'_, S, T> {
    let (full, rest) = values.as_chunks();
    Rows { simd, full: full.iter(), rest, fill }
}

impl<S: Reduce, T: Element<S>> Iterator for Rows<'_, S, T> {
    type Item = Row<S>;

    #[inline(always)]
    fn next(&mut self) -> Option<Row<S>> {
        let simd = self.simd;
        if let Some(row) = self.full.next() {
            return Some(full_row(simd, row));
        }
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { None } else { Some(last_row(simd, rest, self.fill)) }
    }
}

#[inline(always)]
fn full_row<S: Reduce, T: Element<S>>(simd: S, row: &[T; ROW_VALUES]) -> Row<S> {
    let (groups, _) = row.as_chunks::<8>();
    [
        T::wide(simd, &groups[0]),
        T::wide(simd, &groups[1]),
        T::wide(simd, &groups[2]),
        T::wide(simd, &groups[3]),
    ]
}

#[inline(always)]
fn last_row<S: Reduce, T: Element<S>>(simd: S, mut values: &[T], fill: f64) -> Row<S> {
    let mut row = [simd.splat_f64(fill); WIDTH];
    for group in &mut row {
        let (of_group, rest) = values.split_at(values.len().min(8));
        *group = T::wide_part(simd, of_group, fill);
        values = rest;
    }
    row
}

#[inline(always)]
fn sum_of_row<S: Reduce>(simd: S, row: Row<S>) -> S::F64s {
    simd.add_f64(simd.add_f64(row[0], row[1]), simd.add_f64(row[2], row[3]))
}

/// The sum of all lanes, in an order that is the same everywhere.
#[inline(always)]
fn total<S: Reduce>(simd: S, sums: S::F64s) -> f64 {
    tree!(simd.to_array_f64(sums), 8, |a: f64, b: f64| a + b)
}

/// The least lane; none is NaN.
#[inline(always)]
fn least<S: Reduce>(simd: S, mins: S::F64s) -> f64 {
    tree!(simd.to_array_f64(mins), 8, less)
}

/// The greatest lane; none is NaN.
#[inline(always)]
fn greatest<S: Reduce>(simd: S, maxs: S::F64s) -> f64 {
    tree!(simd.to_array_f64(maxs), 8, greater)
}

#[inline(always)]
fn kept<S: Reduce>(simd: S, bits: Option<u8>, values: S::F64s, other: S::F64s) -> S::F64s {
    match bits {
        Some(bits) => simd.select_f64(bits, values, other),
        None => values,
    }
}

/// A shift for a block, which lies between its extremes: the mean of a sample, or 0 if the sample
/// has both signs and its mean is small. Where nothing in the sample counts, or NaNs do, it is such
/// that the block proves it useless.
#[inline(always)]
fn shift<S: Reduce, T: Element<S>>(simd: S, block: &[T], which: &impl Which) -> f64 {
    let (groups, _) = block.as_chunks::<8>();
    if groups.is_empty() {
        return f64::NAN;
    }
    let nans = simd.splat_f64(f64::NAN);
    let mut sums = [simd.splat_f64(0.0); SAMPLES];
    let mut mins = [simd.splat_f64(f64::INFINITY); SAMPLES];
    let mut maxs = [simd.splat_f64(f64::NEG_INFINITY); SAMPLES];
    let mut count = 0;
    for index in 0..SAMPLES {
        // The middles of as many parts.
        let group = (2 * index + 1) * groups.len() / (2 * SAMPLES);
        let Some(values) = groups.get(group) else { continue };
        let bits = which.group(group);
        let values = T::wide(simd, values);
        sums[index] = kept(simd, bits, values, sums[index]);
        let values = kept(simd, bits, values, nans);
        mins[index] = simd.min_f64(values, mins[index]);
        maxs[index] = simd.max_f64(values, maxs[index]);
        count += bits.map_or(8, u8::count_ones);
    }
    let min = simd.min_f64(simd.min_f64(mins[0], mins[1]), simd.min_f64(mins[2], mins[3]));
    let max = simd.max_f64(simd.max_f64(maxs[0], maxs[1]), simd.max_f64(maxs[2], maxs[3]));
    let (min, max) = (least(simd, min), greatest(simd, max));
    let mean = total(simd, sum_of_row(simd, sums)) / f64::from(count);
    if min < 0.0 && max > 0.0 && mean.abs() < (max - min) / 8.0 {
        return 0.0;
    }
    // It is outside only by rounding, or NaN.
    less(greater(mean, min), max)
}

/// What a block's values add up to.
struct Sums<S: Reduce> {
    simd: S,
    shifts: S::F64s,
    minus_shifts: S::F64s,
    ones: S::F64s,
    sum: S::F64s,
    square: S::F64s,
    min: S::F64s,
    max: S::F64s,
}

impl<S: Reduce> Sums<S> {
    #[inline(always)]
    fn push(&mut self, mut row: Row<S>, which: &impl Which, group: usize) {
        let Self { simd, shifts, minus_shifts, ones, .. } = *self;
        let mut distances = row;
        for index in 0..WIDTH {
            // The shift in place of what does not count adds nothing and is no extreme.
            row[index] = kept(simd, which.group(group + index), row[index], shifts);
            distances[index] = simd.add_f64_by_fma(row[index], minus_shifts, ones);
        }
        let left = simd.add_f64_by_fma(distances[0], distances[1], ones);
        let right = simd.add_f64_by_fma(distances[2], distances[3], ones);
        self.sum = simd.add_f64_by_fma(simd.add_f64_by_fma(left, right, ones), self.sum, ones);
        for distance in &mut distances {
            *distance = simd.mul_f64(*distance, *distance);
        }
        self.square = simd.add_f64(self.square, sum_of_row(simd, distances));
        let [left, right] = [simd.min_f64(row[0], row[1]), simd.min_f64(row[2], row[3])];
        self.min = simd.min_f64(simd.min_f64(left, right), self.min);
        let [left, right] = [simd.max_f64(row[0], row[1]), simd.max_f64(row[2], row[3])];
        self.max = simd.max_f64(simd.max_f64(left, right), self.max);
    }
}

/// The moments of `count` values of a block, by this shift, which lies between their extremes.
/// Nothing if it is too far from the mean, or a value is not finite.
#[inline(always)]
fn shifted<S: Reduce, T: Element<S>>(
    simd: S,
    block: &[T],
    (which, count): (&impl Which, usize),
    shift: f64,
    ones: S::F64s,
) -> Option<Wide> {
    let mut sums = Sums {
        simd,
        shifts: simd.splat_f64(shift),
        minus_shifts: simd.splat_f64(-shift),
        ones,
        sum: simd.splat_f64(0.0),
        square: simd.splat_f64(0.0),
        min: simd.splat_f64(f64::INFINITY),
        max: simd.splat_f64(f64::NEG_INFINITY),
    };
    // Sums of parts of a block are added in the end, so that none goes through more roundings.
    let (mut sum, mut square) = (simd.splat_f64(0.0), simd.splat_f64(0.0));
    let mut group = 0;
    for part in block.chunks(BLOCK) {
        (sums.sum, sums.square) = (simd.splat_f64(0.0), simd.splat_f64(0.0));
        let (full, rest) = part.as_chunks();
        for row in full {
            sums.push(full_row(simd, row), which, group);
            group += WIDTH;
        }
        if !rest.is_empty() {
            sums.push(last_row(simd, rest, shift), which, group);
        }
        sum = simd.add_f64(sum, sums.sum);
        square = simd.add_f64(square, sums.square);
    }
    let n = count as f64;
    let (from_shift, square) = (total(simd, sum), total(simd, square));
    let sum = n * shift + from_shift;
    let of_mean = from_shift * (from_shift / n);
    let near = of_mean <= square * 0.5 && (n * shift).abs() <= 2.0 * sum.abs();
    if !(near && square <= f64::MAX) {
        return None;
    }
    Some(Moments {
        count: count as u64,
        nan_count: 0,
        sum,
        min: least(simd, sums.min),
        max: greatest(simd, sums.max),
        m2: square - of_mean,
    })
}

/// A block: its values, those of them that count if not all do, and a shift.
struct Block<'a, T> {
    values: &'a [T],
    present: Option<Present>,
    shift: f64,
}

impl<'a, T> Block<'a, T> {
    /// The block that begins with value `start`.
    #[inline(always)]
    fn new<S: Reduce>(
        simd: S,
        values: &'a [T],
        validity: Option<(&[u64], usize)>,
        start: usize,
    ) -> Self
    where
        T: Element<S>,
    {
        let len = if validity.is_none() { PARTS * BLOCK } else { BLOCK };
        let values = &values[start..values.len().min(start + len)];
        let present = match validity {
            None => None,
            Some((validity, bit_offset)) => {
                let present = Present::new(validity, bit_offset + start, values.len());
                (present.count < values.len()).then_some(present)
            }
        };
        let shift = match &present {
            None => shift(simd, values, &All),
            Some(present) => shift(simd, values, present),
        };
        Self { values, present, shift }
    }

    #[inline(always)]
    fn moments<S: Reduce>(self, simd: S, ones: S::F64s) -> Wide
    where
        T: Element<S>,
    {
        let Self { values, present, shift } = self;
        let of_shift = match &present {
            None => shifted(simd, values, (&All, values.len()), shift, ones),
            Some(present) => shifted(simd, values, (present, present.count), shift, ones),
        };
        match of_shift {
            Some(moments) => moments,
            None => {
                if let Some(present) = present {
                    return hard_block(simd, values, &present, ones);
                }
                let mut all = Wide::default();
                for part in values.chunks(BLOCK) {
                    let present = Present::all(part.len());
                    all = merge(all, hard_block(simd, part, &present, ones));
                }
                all
            }
        }
    }
}

/// The moments of those values of a block that are present, when it has no good shift, or NaNs.
#[inline(always)]
fn hard_block<S: Reduce, T: Element<S>>(
    simd: S,
    values: &[T],
    present: &Present,
    ones: S::F64s,
) -> Wide {
    let mut numbers = Present::none();
    let mut group = 0;
    for row in rows(simd, values, f64::NAN) {
        for values in row {
            numbers.set_group(group, simd.numbers(values) & present.group(group));
            group += 1;
        }
    }
    let nan_count = (present.count - numbers.count) as u64;
    if numbers.count == 0 {
        return Moments { nan_count, ..Moments::default() };
    }
    if nan_count > 0 {
        let shift = shift(simd, values, &numbers);
        let which = (&numbers, numbers.count);
        if let Some(moments) = shifted(simd, values, which, shift, ones) {
            return Moments { nan_count, ..moments };
        }
    }
    Moments { nan_count, ..two_passes(simd, values, &numbers) }
}

/// The moments of those values that are present, some and none of which is NaN.
#[inline(always)]
fn two_passes<S: Reduce, T: Element<S>>(simd: S, block: &[T], present: &Present) -> Wide {
    let (zero, nan) = (simd.splat_f64(0.0), simd.splat_f64(f64::NAN));
    let mut sums = zero;
    let mut min = simd.splat_f64(f64::INFINITY);
    let mut max = simd.splat_f64(f64::NEG_INFINITY);
    let mut group = 0;
    for mut row in rows(simd, block, f64::NAN) {
        for values in &mut row {
            let present = present.group(group);
            let or_nan = simd.select_f64(present, *values, nan);
            min = simd.min_f64(or_nan, min);
            max = simd.max_f64(or_nan, max);
            *values = simd.select_f64(present, *values, zero);
            group += 1;
        }
        sums = simd.add_f64(sums, sum_of_row(simd, row));
    }
    let sum = total(simd, sums);
    let means = simd.splat_f64(sum / present.count as f64);
    let mut squares = zero;
    group = 0;
    for mut row in rows(simd, block, f64::NAN) {
        for values in &mut row {
            let distance = simd.sub_f64(*values, means);
            let distance = simd.select_f64(present.group(group), distance, zero);
            *values = simd.mul_f64(distance, distance);
            group += 1;
        }
        squares = simd.add_f64(squares, sum_of_row(simd, row));
    }
    Moments {
        count: present.count as u64,
        nan_count: 0,
        sum,
        min: least(simd, min),
        max: greatest(simd, max),
        m2: total(simd, squares),
    }
}

#[inline(always)]
fn merge(a: Wide, b: Wide) -> Wide {
    let nan_count = a.nan_count + b.nan_count;
    if a.count == 0 || b.count == 0 {
        return Moments { nan_count, ..if a.count == 0 { b } else { a } };
    }
    let (a_count, b_count) = (a.count as f64, b.count as f64);
    // Nearly always the counts are equal powers of two: scaled by them, nothing is rounded.
    let distance = if a.count == b.count && a.count.is_power_of_two() {
        b.sum * (1.0 / b_count) - a.sum * (1.0 / a_count)
    } else {
        b.sum / b_count - a.sum / a_count
    };
    Moments {
        count: a.count + b.count,
        nan_count,
        sum: a.sum + b.sum,
        min: less(b.min, a.min),
        max: greater(b.max, a.max),
        m2: a.m2 + b.m2 + distance * distance * (a_count * b_count / (a_count + b_count)),
    }
}

/// The moments of at least one value; of those that the bits of `validity` from a bit on tell, if
/// there are bits.
#[inline(always)]
pub(super) fn moments<S: Reduce, T: Element<S>>(
    simd: S,
    values: &[T],
    validity: Option<(&[u64], usize)>,
) -> Moments<T> {
    let ones = simd.ones_f64();
    let mut pending = pending();
    let mut tree = Tree::new(&mut pending);
    let mut block = Block::new(simd, values, validity, 0);
    let mut start = block.values.len();
    loop {
        // The next block's shift is looked for before this block's values wait for theirs.
        let next = if start < values.len() {
            Some(Block::new(simd, values, validity, start))
        } else {
            None
        };
        tree.push(block.moments(simd, ones), merge);
        let Some(next) = next else { break };
        start += next.values.len();
        block = next;
    }
    let wide = tree.finish(merge);
    let Moments { count, nan_count, sum, .. } = wide;
    // Of equal values the means of blocks may differ by rounding.
    let m2 = if wide.min == wide.max && wide.min.is_finite() { 0.0 } else { wide.m2 };
    let (min, max) = (T::from_f64(wide.min), T::from_f64(wide.max));
    Moments { count, nan_count, sum, min, max, m2 }
}

const _: () = assert!(BLOCK.is_multiple_of(ROW_VALUES), "only the last block has a rest");
