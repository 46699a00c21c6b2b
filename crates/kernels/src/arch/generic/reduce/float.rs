use super::Moments;
use super::blocks::{BLOCK, Present, Tree};
use crate::arch::Simd;

/// Registers in a row: accumulators, so that additions need not wait for one another.
const WIDTH: usize = 4;
type Row<S> = [<S as Simd>::F64s; WIDTH];
const ROW_VALUES: usize = 8 * WIDTH;

/// Values in rows, the last of which is filled up.
struct Rows<'a, S> {
    simd: S,
    full: std::slice::Iter<'a, [f64; ROW_VALUES]>,
    rest: &'a [f64],
    fill: f64,
}

#[inline(always)]
fn rows<S: Simd>(simd: S, values: &[f64], fill: f64) -> Rows<'_, S> {
    let (full, rest) = values.as_chunks();
    Rows { simd, full: full.iter(), rest, fill }
}

impl<S: Simd> Iterator for Rows<'_, S> {
    type Item = Row<S>;

    #[inline(always)]
    fn next(&mut self) -> Option<Row<S>> {
        if let Some(row) = self.full.next() {
            let (groups, _) = row.as_chunks::<8>();
            return Some([
                self.simd.load_f64(&groups[0]),
                self.simd.load_f64(&groups[1]),
                self.simd.load_f64(&groups[2]),
                self.simd.load_f64(&groups[3]),
            ]);
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut row = [self.simd.splat_f64(self.fill); WIDTH];
        for group in &mut row {
            let (values, rest) = self.rest.split_at(self.rest.len().min(8));
            *group = self.simd.load_part_f64(values, self.fill);
            self.rest = rest;
        }
        Some(row)
    }
}

/// The sum of all lanes, in an order that is the same everywhere.
#[inline(always)]
fn total<S: Simd>(simd: S, sums: Row<S>) -> f64 {
    let even = simd.add_f64(sums[0], sums[2]);
    let odd = simd.add_f64(sums[1], sums[3]);
    let lanes = simd.to_array_f64(simd.add_f64(even, odd));
    let by_4 = [0, 1, 2, 3].map(|lane| lanes[lane] + lanes[lane + 4]);
    (by_4[0] + by_4[2]) + (by_4[1] + by_4[3])
}

// Written so, they are one instruction, and NaNs never win.
#[inline(always)]
fn less(value: f64, min: f64) -> f64 {
    if value < min { value } else { min }
}

#[inline(always)]
fn greater(value: f64, max: f64) -> f64 {
    if value > max { value } else { max }
}

#[inline(always)]
fn least<S: Simd>(simd: S, mins: Row<S>) -> f64 {
    let mins = simd.min_f64(simd.min_f64(mins[0], mins[1]), simd.min_f64(mins[2], mins[3]));
    simd.to_array_f64(mins).into_iter().fold(f64::INFINITY, |min, lane| less(lane, min))
}

#[inline(always)]
fn greatest<S: Simd>(simd: S, maxs: Row<S>) -> f64 {
    let maxs = simd.max_f64(simd.max_f64(maxs[0], maxs[1]), simd.max_f64(maxs[2], maxs[3]));
    simd.to_array_f64(maxs).into_iter().fold(f64::NEG_INFINITY, |max, lane| greater(lane, max))
}

#[inline(always)]
fn sum<S: Simd>(simd: S, values: &[f64]) -> f64 {
    let mut sums = [simd.splat_f64(0.0); WIDTH];
    for row in rows(simd, values, 0.0) {
        for index in 0..WIDTH {
            sums[index] = simd.add_f64(sums[index], row[index]);
        }
    }
    total(simd, sums)
}

/// The extremes; `(∞, −∞)` when there is nothing but NaNs.
#[inline(always)]
fn extremes<S: Simd>(simd: S, values: &[f64]) -> (f64, f64) {
    let mut mins = [simd.splat_f64(f64::INFINITY); WIDTH];
    let mut maxs = [simd.splat_f64(f64::NEG_INFINITY); WIDTH];
    for row in rows(simd, values, f64::NAN) {
        for index in 0..WIDTH {
            mins[index] = simd.min_f64(row[index], mins[index]);
            maxs[index] = simd.max_f64(row[index], maxs[index]);
        }
    }
    (least(simd, mins), greatest(simd, maxs))
}

/// The moments of a block, which is taken to be without NaNs until its sum tells otherwise.
#[inline(always)]
fn block<S: Simd>(simd: S, block: &[f64]) -> Moments<f64> {
    let sum = sum(simd, block);
    if sum.is_nan() {
        return sparse_block(simd, block, &Present::all(block.len()));
    }
    let (min, max) = extremes(simd, block);
    let mean = sum / block.len() as f64;
    let means = simd.splat_f64(mean);
    let mut squares = [simd.splat_f64(0.0); WIDTH];
    for row in rows(simd, block, mean) {
        for index in 0..WIDTH {
            let distance = simd.sub_f64(row[index], means);
            squares[index] = simd.add_f64(squares[index], simd.mul_f64(distance, distance));
        }
    }
    let m2 = total(simd, squares);
    Moments { count: block.len() as u64, nan_count: 0, sum, min, max, m2 }
}

/// The moments of those values of a block that are `present`, some of which may be NaN.
#[inline(always)]
fn sparse_block<S: Simd>(simd: S, block: &[f64], present: &Present) -> Moments<f64> {
    let (zero, nan) = (simd.splat_f64(0.0), simd.splat_f64(f64::NAN));
    let mut count = 0;
    let mut sums = [zero; WIDTH];
    let mut mins = [simd.splat_f64(f64::INFINITY); WIDTH];
    let mut maxs = [simd.splat_f64(f64::NEG_INFINITY); WIDTH];
    let mut group = 0;
    for row in rows(simd, block, f64::NAN) {
        for index in 0..WIDTH {
            let numbers = simd.numbers(row[index]) & present.group(group);
            count += u64::from(numbers.count_ones());
            let values = simd.select_f64(numbers, row[index], zero);
            sums[index] = simd.add_f64(sums[index], values);
            let values = simd.select_f64(numbers, row[index], nan);
            mins[index] = simd.min_f64(values, mins[index]);
            maxs[index] = simd.max_f64(values, maxs[index]);
            group += 1;
        }
    }
    let nan_count = present.count as u64 - count;
    if count == 0 {
        return Moments { nan_count, ..Moments::default() };
    }
    let sum = total(simd, sums);
    let means = simd.splat_f64(sum / count as f64);
    let mut squares = [zero; WIDTH];
    group = 0;
    for row in rows(simd, block, f64::NAN) {
        for index in 0..WIDTH {
            let numbers = simd.numbers(row[index]) & present.group(group);
            let distance = simd.select_f64(numbers, simd.sub_f64(row[index], means), zero);
            squares[index] = simd.add_f64(squares[index], simd.mul_f64(distance, distance));
            group += 1;
        }
    }
    let (min, max, m2) = (least(simd, mins), greatest(simd, maxs), total(simd, squares));
    Moments { count, nan_count, sum, min, max, m2 }
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
pub(crate) fn moments_f64<S: Simd>(simd: S, values: &[f64]) -> Moments<f64> {
    if values.len() <= BLOCK {
        return if values.is_empty() { Moments::default() } else { block(simd, values) };
    }
    let mut tree = Tree::new();
    for values in values.chunks(BLOCK) {
        tree.push(block(simd, values), merge);
    }
    tree.finish(merge)
}

#[inline(always)]
pub(crate) fn moments_f64_valid<S: Simd>(
    simd: S,
    values: &[f64],
    validity: &[u64],
    bit_offset: usize,
) -> Moments<f64> {
    let mut tree = Tree::new();
    let mut start = bit_offset;
    for values in values.chunks(BLOCK) {
        let present = Present::new(validity, start, values.len());
        start += values.len();
        let moments = if present.count == values.len() {
            block(simd, values)
        } else {
            sparse_block(simd, values, &present)
        };
        tree.push(moments, merge);
    }
    tree.finish(merge)
}

#[inline(always)]
pub(crate) fn sum_f64<S: Simd>(simd: S, values: &[f64]) -> f64 {
    if values.len() <= BLOCK {
        return sum(simd, values);
    }
    let mut tree = Tree::new();
    for values in values.chunks(BLOCK) {
        tree.push(sum(simd, values), |a, b| a + b);
    }
    tree.finish(|a, b| a + b)
}

#[inline(always)]
pub(crate) fn min_max_f64<S: Simd>(simd: S, values: &[f64]) -> Option<(f64, f64)> {
    let (min, max) = extremes(simd, values);
    (min <= max).then_some((min, max))
}

const _: () = assert!(BLOCK.is_multiple_of(ROW_VALUES), "only the last block has a rest");
