use super::Moments;
use super::blocks::{BLOCK, FEW, Present, Tree};
use crate::arch::Simd;
use crate::arch::scalar::reduce as scalar;

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

/// Lane by lane, for rows without NaNs.
#[inline(always)]
fn least_of_row<S: Simd>(simd: S, row: Row<S>) -> S::F64s {
    simd.min_f64(simd.min_f64(row[0], row[1]), simd.min_f64(row[2], row[3]))
}

/// Lane by lane, for rows without NaNs.
#[inline(always)]
fn greatest_of_row<S: Simd>(simd: S, row: Row<S>) -> S::F64s {
    simd.max_f64(simd.max_f64(row[0], row[1]), simd.max_f64(row[2], row[3]))
}

#[inline(always)]
fn least<S: Simd>(simd: S, mins: S::F64s) -> f64 {
    simd.to_array_f64(mins).into_iter().fold(f64::INFINITY, |min, lane| less(lane, min))
}

#[inline(always)]
fn greatest<S: Simd>(simd: S, maxs: S::F64s) -> f64 {
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
    (least(simd, least_of_row(simd, mins)), greatest(simd, greatest_of_row(simd, maxs)))
}

/// The moments of a block, which is taken to be without NaNs until its sum tells otherwise.
#[inline(always)]
fn block<S: Simd>(simd: S, block: &[f64]) -> Moments<f64> {
    let mut sums = [simd.splat_f64(0.0); WIDTH];
    let mut min = simd.splat_f64(f64::INFINITY);
    let mut max = simd.splat_f64(f64::NEG_INFINITY);
    let (full, rest) = block.split_at(block.len() / ROW_VALUES * ROW_VALUES);
    for row in rows(simd, full, 0.0) {
        for index in 0..WIDTH {
            sums[index] = simd.add_f64(sums[index], row[index]);
        }
        min = simd.min_f64(least_of_row(simd, row), min);
        max = simd.max_f64(greatest_of_row(simd, row), max);
    }
    let (mut min, mut max) = (least(simd, min), greatest(simd, max));
    if !rest.is_empty() {
        for row in rows(simd, rest, 0.0) {
            for index in 0..WIDTH {
                sums[index] = simd.add_f64(sums[index], row[index]);
            }
        }
        let of_rest = extremes(simd, rest);
        (min, max) = (less(of_rest.0, min), greater(of_rest.1, max));
    }
    let sum = total(simd, sums);
    if sum.is_nan() {
        return sparse_block(simd, block, &Present::all(block.len()));
    }
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

/// The moments of those values of a block that are `present`. NaNs are looked for only if the sum
/// is one, and are then taken out of what is present.
#[inline(always)]
fn sparse_block<S: Simd>(simd: S, block: &[f64], present: &Present) -> Moments<f64> {
    let moments = present_block(simd, block, present);
    if !moments.sum.is_nan() {
        return moments;
    }
    let mut numbers = Present::none();
    let mut group = 0;
    for row in rows(simd, block, f64::NAN) {
        for values in row {
            numbers.set_group(group, simd.numbers(values) & present.group(group));
            group += 1;
        }
    }
    let nan_count = (present.count - numbers.count) as u64;
    Moments { nan_count, ..present_block(simd, block, &numbers) }
}

/// The moments of those values that are present, none of which is NaN.
#[inline(always)]
fn present_block<S: Simd>(simd: S, block: &[f64], present: &Present) -> Moments<f64> {
    if present.count == 0 {
        return Moments::default();
    }
    let (zero, nan) = (simd.splat_f64(0.0), simd.splat_f64(f64::NAN));
    let mut sums = [zero; WIDTH];
    let mut mins = [simd.splat_f64(f64::INFINITY); WIDTH];
    let mut maxs = [simd.splat_f64(f64::NEG_INFINITY); WIDTH];
    let mut group = 0;
    for row in rows(simd, block, f64::NAN) {
        for index in 0..WIDTH {
            let present = present.group(group);
            let values = simd.select_f64(present, row[index], zero);
            sums[index] = simd.add_f64(sums[index], values);
            let values = simd.select_f64(present, row[index], nan);
            mins[index] = simd.min_f64(values, mins[index]);
            maxs[index] = simd.max_f64(values, maxs[index]);
            group += 1;
        }
    }
    let sum = total(simd, sums);
    let means = simd.splat_f64(sum / present.count as f64);
    let mut squares = [zero; WIDTH];
    group = 0;
    for row in rows(simd, block, f64::NAN) {
        for index in 0..WIDTH {
            let distance = simd.sub_f64(row[index], means);
            let distance = simd.select_f64(present.group(group), distance, zero);
            squares[index] = simd.add_f64(squares[index], simd.mul_f64(distance, distance));
            group += 1;
        }
    }
    Moments {
        count: present.count as u64,
        nan_count: 0,
        sum,
        min: least(simd, least_of_row(simd, mins)),
        max: greatest(simd, greatest_of_row(simd, maxs)),
        m2: total(simd, squares),
    }
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
    if values.len() < FEW {
        return scalar::moments_f64(values);
    }
    if values.len() <= BLOCK {
        return block(simd, values);
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
    if values.len() < FEW {
        return scalar::moments_f64_valid(values, validity, bit_offset);
    }
    if values.len() <= BLOCK {
        return valid_block(simd, values, validity, bit_offset);
    }
    let mut tree = Tree::new();
    let mut start = bit_offset;
    for values in values.chunks(BLOCK) {
        tree.push(valid_block(simd, values, validity, start), merge);
        start += values.len();
    }
    tree.finish(merge)
}

#[inline(always)]
fn valid_block<S: Simd>(
    simd: S,
    values: &[f64],
    validity: &[u64],
    bit_offset: usize,
) -> Moments<f64> {
    let present = Present::new(validity, bit_offset, values.len());
    if present.count == values.len() {
        return block(simd, values);
    }
    sparse_block(simd, values, &present)
}

#[inline(always)]
pub(crate) fn sum_f64<S: Simd>(simd: S, values: &[f64]) -> f64 {
    if values.len() < FEW {
        return scalar::sum_f64(values);
    }
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
    if values.len() < FEW {
        return scalar::min_max_f64(values);
    }
    let (min, max) = extremes(simd, values);
    (min <= max).then_some((min, max))
}

const _: () = assert!(BLOCK.is_multiple_of(ROW_VALUES), "only the last block has a rest");
