//! One algorithm for `u64` and `i64`: with its sign bit flipped, an `i64` is a `u64` of the same
//! order that is greater by 2⁶³. That number, or 0 for a `u64`, is the `bias`.

use super::Moments;
use super::blocks::{All, BLOCK, FEW, Present, Tree, Which, pending};
use super::element::{Reduce, greater, less, tree};
use crate::arch::Simd;
use crate::arch::scalar::reduce as scalar;
use crate::reduce::Number;

/// Up to this many values, no sum of 32-bit halves overflows.
const HALVES: usize = 1 << 30;

/// Registers in a row: accumulators, so that operations need not wait for one another.
const WIDTH: usize = 2;
type Row<S> = [<S as Simd>::U64s; WIDTH];

/// Biased values in rows, the last of which is filled up.
struct Rows<'a, S: Simd> {
    simd: S,
    full: std::slice::Iter<'a, [u64; 8 * WIDTH]>,
    rest: &'a [u64],
    bias: S::U64s,
    /// Without the bias.
    fill: u64,
}

#[inline(always)]
fn rows<S: Simd>(simd: S, values: &[u64], bias: u64, fill: u64) -> Rows<'_, S> {
    let (full, rest) = values.as_chunks();
    Rows { simd, full: full.iter(), rest, bias: simd.splat(bias), fill: fill ^ bias }
}

impl<S: Simd> Iterator for Rows<'_, S> {
    type Item = Row<S>;

    #[inline(always)]
    fn next(&mut self) -> Option<Row<S>> {
        let simd = self.simd;
        let row = if let Some(row) = self.full.next() {
            let (groups, _) = row.as_chunks::<8>();
            [simd.load(&groups[0]), simd.load(&groups[1])]
        } else if self.rest.is_empty() {
            return None;
        } else {
            let (left, right) = self.rest.split_at(self.rest.len().min(8));
            self.rest = &[];
            [simd.load_part(left, self.fill), simd.load_part(right, self.fill)]
        };
        Some([simd.xor(row[0], self.bias), simd.xor(row[1], self.bias)])
    }
}

/// Extremes and wrapping sum of biased values.
struct Extremes<S: Simd> {
    simd: S,
    min: Row<S>,
    max: Row<S>,
    sum: Row<S>,
}

impl<S: Simd> Extremes<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let (zero, most) = (simd.splat(0), simd.splat(u64::MAX));
        Self { simd, min: [most; WIDTH], max: [zero; WIDTH], sum: [zero; WIDTH] }
    }

    #[inline(always)]
    fn push(&mut self, index: usize, values: S::U64s) {
        self.min[index] = self.simd.min(self.min[index], values);
        self.max[index] = self.simd.max(self.max[index], values);
        self.sum[index] = self.simd.add(self.sum[index], values);
    }

    #[inline(always)]
    fn min(&self) -> u64 {
        let lanes = self.simd.to_array(self.simd.min(self.min[0], self.min[1]));
        lanes.into_iter().fold(u64::MAX, u64::min)
    }

    #[inline(always)]
    fn max(&self) -> u64 {
        let lanes = self.simd.to_array(self.simd.max(self.max[0], self.max[1]));
        lanes.into_iter().fold(0, u64::max)
    }

    #[inline(always)]
    fn sum(&self) -> u64 {
        let lanes = self.simd.to_array(self.simd.add(self.sum[0], self.sum[1]));
        lanes.into_iter().fold(0, u64::wrapping_add)
    }
}

/// How many values fill the last row of `len`.
#[inline(always)]
fn filled(len: usize) -> u64 {
    (len.next_multiple_of(8 * WIDTH) - len) as u64
}

/// The sum of squared distances from a centre. All distances have at most 51 bits.
struct Squares<S: Simd> {
    simd: S,
    to_bits: S::U64s,
    sums: [S::F64s; WIDTH],
}

/// Added to the bits of 1.5 · 2⁵², a small integer is what that float's last bits stand for. Only
/// AVX-512 has an instruction for it.
const MAGIC: f64 = 6_755_399_441_055_744.0;

impl<S: Simd> Squares<S> {
    #[inline(always)]
    fn new(simd: S, centre: u64) -> Self {
        let to_bits = simd.splat(MAGIC.to_bits().wrapping_sub(centre));
        Self { simd, to_bits, sums: [simd.splat_f64(0.0); WIDTH] }
    }

    #[inline(always)]
    fn push(&mut self, index: usize, values: S::U64s, present: u8) {
        let simd = self.simd;
        let shifted = simd.f64_from_bits(simd.add(values, self.to_bits));
        let distance = simd.sub_f64(shifted, simd.splat_f64(MAGIC));
        let distance = simd.select_f64(present, distance, simd.splat_f64(0.0));
        self.sums[index] = simd.add_f64(self.sums[index], simd.mul_f64(distance, distance));
    }

    #[inline(always)]
    fn total(&self) -> f64 {
        let lanes = self.simd.to_array_f64(self.simd.add_f64(self.sums[0], self.sums[1]));
        // Written out: `map` with a closure became a call.
        let even = (lanes[0] + lanes[4]) + (lanes[2] + lanes[6]);
        let odd = (lanes[1] + lanes[5]) + (lanes[3] + lanes[7]);
        even + odd
    }
}

/// Moments of biased values.
type Biased = Moments<u64>;

/// Registers in a row of the one pass.
const WIDE: usize = 4;

/// The same in one pass, as `moments.rs` has it for floats: with a shift near the mean, which a
/// sample gives, distances fit into the last bits of a float nearly always, and then that float's
/// order is theirs. Nothing if they do not, or if too much would cancel.
#[inline(always)]
fn shifted<S: Reduce>(
    simd: S,
    block: &[u64],
    (which, count): (&impl Which, usize),
    first: usize,
    bias: u64,
) -> Option<Biased> {
    let shift = shift(simd, block, which, block[first]);
    let magics = simd.splat(MAGIC.to_bits());
    let to_bits = simd.splat(MAGIC.to_bits().wrapping_sub(shift));
    let (magic, minus_magic, ones) =
        (simd.splat_f64(MAGIC), simd.splat_f64(-MAGIC), simd.ones_f64());
    let mut sums = simd.splat(0);
    let mut squares = simd.splat_f64(0.0);
    let (mut min, mut max) = (magic, magic);
    let mut group = 0;
    let mut rest = block;
    while !rest.is_empty() {
        let (values, after) = rest.split_at(rest.len().min(8 * WIDE));
        let mut row = [magics; WIDE];
        if let Some(values) = values.first_chunk::<{ 8 * WIDE }>() {
            let (groups, _) = values.as_chunks();
            for index in 0..WIDE {
                row[index] = simd.add(simd.load(&groups[index]), to_bits);
            }
        } else {
            let mut values = values;
            for values_of_row in &mut row {
                let (left, right) = values.split_at(values.len().min(8));
                *values_of_row = simd.add(simd.load_part(left, shift), to_bits);
                values = right;
            }
        }
        let (mut floats, mut of_row) = ([magic; WIDE], [minus_magic; WIDE]);
        for index in 0..WIDE {
            if let Some(bits) = which.group(group) {
                row[index] = simd.select(bits, row[index], magics);
            }
            floats[index] = simd.f64_from_bits(row[index]);
            let distance = simd.add_f64_by_fma(floats[index], minus_magic, ones);
            of_row[index] = simd.mul_f64(distance, distance);
            group += 1;
        }
        let of_row =
            simd.add_f64(simd.add_f64(of_row[0], of_row[1]), simd.add_f64(of_row[2], of_row[3]));
        squares = simd.add_f64(squares, of_row);
        sums = simd.add(sums, simd.add(simd.add(row[0], row[1]), simd.add(row[2], row[3])));
        let least_of_row =
            simd.min_f64(simd.min_f64(floats[0], floats[1]), simd.min_f64(floats[2], floats[3]));
        let greatest_of_row =
            simd.max_f64(simd.max_f64(floats[0], floats[1]), simd.max_f64(floats[2], floats[3]));
        min = simd.min_f64(least_of_row, min);
        max = simd.max_f64(greatest_of_row, max);
        rest = after;
    }
    let min = tree!(simd.to_array_f64(min), 8, less);
    let max = tree!(simd.to_array_f64(max), 8, greater);
    let sum = tree!(simd.to_array(sums), 8, u64::wrapping_add);
    let square = tree!(simd.to_array_f64(squares), 8, |a: f64, b: f64| a + b);
    // A distance of more than 51 bits makes a float that is less than 2⁵², at least 2⁵³, or NaN,
    // and then `square` is one.
    let fits = min >= 4_503_599_627_370_496.0 && max < 9_007_199_254_740_992.0;
    let from_magic = (8 * group as u64).wrapping_mul(MAGIC.to_bits());
    let from_shift = sum.wrapping_sub(from_magic) as i64;
    let n = count as f64;
    let of_mean = from_shift as f64 * (from_shift as f64 / n);
    if !(fits && of_mean <= square * 0.5) {
        return None;
    }
    let shift = i128::from(shift ^ bias);
    let [min, max] = [min, max].map(|float| shift + i128::from((float - MAGIC) as i64));
    // Where a distance wrapped around, the value is not in the range of its type.
    let (Ok(min), Ok(max)) = (u64::try_from(min), u64::try_from(max)) else { return None };
    let sum = shift * count as i128 + i128::from(from_shift);
    Some(Moments { count: count as u64, nan_count: 0, sum, min, max, m2: square - of_mean })
}

/// The mean of a sample of a block, rounded down; `some` is a value that counts. It is between the
/// extremes if all distances in the block have 52 bits.
#[inline(always)]
fn shift<S: Reduce>(simd: S, block: &[u64], which: &impl Which, some: u64) -> u64 {
    const SAMPLES: usize = 4;
    let (groups, _) = block.as_chunks::<8>();
    if groups.is_empty() {
        return some;
    }
    let minus_some = simd.splat(some.wrapping_neg());
    let mut sums = [simd.splat(0); SAMPLES];
    let mut count = 0;
    for (index, sum) in sums.iter_mut().enumerate() {
        // The middles of as many parts.
        let group = (2 * index + 1) * groups.len() / (2 * SAMPLES);
        let Some(values) = groups.get(group) else { continue };
        let distances = simd.add(simd.load(values), minus_some);
        let bits = which.group(group).unwrap_or(u8::MAX);
        *sum = simd.select(bits, distances, *sum);
        count += i64::from(bits.count_ones());
    }
    let sums = simd.add(simd.add(sums[0], sums[2]), simd.add(sums[1], sums[3]));
    let sum = tree!(simd.to_array(sums), 8, u64::wrapping_add) as i64;
    let mean = match count {
        0 => 0,
        // The usual count, without a division.
        32 => sum >> 5,
        _ => sum.div_euclid(count),
    };
    some.wrapping_add(mean as u64)
}

/// The moments of a block that is not empty. Sum and distances are exact; where the values span
/// less than 2⁵¹, which is nearly always, 64 bits suffice for both.
#[inline(always)]
fn block<S: Reduce>(simd: S, block: &[u64], bias: u64) -> Biased {
    if let Some(moments) = shifted(simd, block, (&All, block.len()), 0, bias) {
        return moments;
    }
    let (len, first) = (block.len() as u64, block[0] ^ bias);
    let mut extremes = Extremes::new(simd);
    for row in rows(simd, block, bias, first) {
        extremes.push(0, row[0]);
        extremes.push(1, row[1]);
    }
    let (min, max) = (extremes.min(), extremes.max());
    if max - min >= 1 << 51 {
        return wide(block.iter().map(|value| value ^ bias));
    }
    let sum = extremes.sum().wrapping_sub(filled(block.len()).wrapping_mul(first));
    let above_min = sum.wrapping_sub(len.wrapping_mul(min));
    let (centre, rest) = (min + above_min / len, above_min % len);
    let mut squares = Squares::new(simd, centre);
    for row in rows(simd, block, bias, centre) {
        squares.push(0, row[0], u8::MAX);
        squares.push(1, row[1], u8::MAX);
    }
    let sum = i128::from(len) * i128::from(min) + i128::from(above_min);
    Moments { count: len, nan_count: 0, sum, min, max, m2: from_centre(squares.total(), rest, len) }
}

/// The moments of those values of a block that are present.
#[inline(always)]
fn sparse_block<S: Reduce>(simd: S, values: &[u64], bias: u64, present: &Present) -> Biased {
    let Some(first) = present.first() else { return Moments::default() };
    if let Some(moments) = shifted(simd, values, (present, present.count), first, bias) {
        return moments;
    }
    // What is absent is made equal to a value that is there, and taken out of the sum again.
    let some = values[first] ^ bias;
    let somes = simd.splat(some);
    let mut extremes = Extremes::new(simd);
    let mut group = 0;
    for row in rows(simd, values, bias, some) {
        extremes.push(0, simd.select(present.group(group), row[0], somes));
        extremes.push(1, simd.select(present.group(group + 1), row[1], somes));
        group += 2;
    }
    let (min, max) = (extremes.min(), extremes.max());
    if max - min >= 1 << 51 {
        let is_there = |index: &usize| present.group(index / 8) >> (index % 8) & 1 != 0;
        return wide((0..values.len()).filter(is_there).map(|index| values[index] ^ bias));
    }
    let count = present.count as u64;
    let replaced = (values.len() as u64 - count + filled(values.len())).wrapping_mul(some);
    let above_min = extremes.sum().wrapping_sub(replaced).wrapping_sub(count.wrapping_mul(min));
    let (centre, rest) = (min + above_min / count, above_min % count);
    let mut squares = Squares::new(simd, centre);
    group = 0;
    for row in rows(simd, values, bias, centre) {
        squares.push(0, row[0], present.group(group));
        squares.push(1, row[1], present.group(group + 1));
        group += 2;
    }
    let sum = i128::from(count) * i128::from(min) + i128::from(above_min);
    let m2 = from_centre(squares.total(), rest, count);
    Moments { count, nan_count: 0, sum, min, max, m2 }
}

/// The same one by one, for values that span more than 2⁵¹.
#[inline(always)]
fn wide(values: impl Iterator<Item = u64> + Clone) -> Biased {
    let mut moments = Moments { min: u64::MAX, ..Moments::default() };
    for value in values.clone() {
        moments.count += 1;
        moments.sum += i128::from(value);
        moments.min = moments.min.min(value);
        moments.max = moments.max.max(value);
    }
    let count = i128::from(moments.count);
    let centre = (moments.sum / count) as u64;
    let squares = values.map(|value| {
        let distance = value.abs_diff(centre) as f64;
        distance * distance
    });
    // Many short sums, as the other path has them: one long one would lose bits with each square.
    let mut sums = [0.0; 32];
    for (index, square) in squares.enumerate() {
        sums[index % sums.len()] += square;
    }
    let mut width = sums.len();
    while width > 1 {
        width /= 2;
        (0..width).for_each(|lane| sums[lane] += sums[lane + width]);
    }
    let squares = sums[0];
    moments.m2 = from_centre(squares, (moments.sum % count) as u64, moments.count);
    moments
}

/// The sum of squared distances from the mean, given those from a centre that is less by
/// `rest / count`, less than 1.
#[inline(always)]
fn from_centre(squares: f64, rest: u64, count: u64) -> f64 {
    let rest = rest as f64;
    squares - rest * rest / count as f64
}

#[inline(always)]
fn merge(a: Biased, b: Biased) -> Biased {
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

#[inline(always)]
fn moments<S: Reduce>(simd: S, values: &[u64], bias: u64) -> Biased {
    if values.is_empty() {
        return Moments::default();
    }
    if values.len() <= BLOCK {
        return block(simd, values, bias);
    }
    let mut pending = pending();
    let mut tree = Tree::new(&mut pending);
    for values in values.chunks(BLOCK) {
        tree.push(block(simd, values, bias), merge);
    }
    tree.finish(merge)
}

#[inline(always)]
fn moments_valid<S: Reduce>(
    simd: S,
    values: &[u64],
    bias: u64,
    validity: &[u64],
    bit_offset: usize,
) -> Biased {
    if values.len() <= BLOCK {
        return valid_block(simd, values, bias, validity, bit_offset);
    }
    let mut pending = pending();
    let mut tree = Tree::new(&mut pending);
    let mut start = bit_offset;
    for values in values.chunks(BLOCK) {
        tree.push(valid_block(simd, values, bias, validity, start), merge);
        start += values.len();
    }
    tree.finish(merge)
}

#[inline(always)]
fn valid_block<S: Reduce>(
    simd: S,
    values: &[u64],
    bias: u64,
    validity: &[u64],
    bit_offset: usize,
) -> Biased {
    let present = Present::new(validity, bit_offset, values.len());
    if present.count == values.len() && present.count > 0 {
        return block(simd, values, bias);
    }
    sparse_block(simd, values, bias, &present)
}

/// The sum of the biased values: of their lower and upper halves, none of which overflows.
#[inline(always)]
fn sum<S: Simd>(simd: S, values: &[u64], bias: u64) -> i128 {
    let lower_half = simd.splat(0xFFFF_FFFF);
    let mut total = 0;
    for values in values.chunks(HALVES) {
        let (mut lower, mut upper) = ([simd.splat(0); WIDTH], [simd.splat(0); WIDTH]);
        for row in rows(simd, values, bias, 0) {
            for index in 0..WIDTH {
                lower[index] = simd.add(lower[index], simd.and(row[index], lower_half));
                upper[index] = simd.add(upper[index], simd.shr(row[index], 32));
            }
        }
        for (sums, shift) in [(lower, 0), (upper, 32)] {
            let lanes = simd.to_array(simd.add(sums[0], sums[1])).into_iter().map(i128::from);
            total += lanes.sum::<i128>() << shift;
        }
    }
    total
}

#[inline(always)]
fn min_max<S: Reduce>(simd: S, values: &[u64], bias: u64) -> Option<(u64, u64)> {
    let mut extremes = Extremes::new(simd);
    for row in rows(simd, values, bias, values.first()? ^ bias) {
        extremes.push(0, row[0]);
        extremes.push(1, row[1]);
    }
    Some((extremes.min(), extremes.max()))
}

/// The sum of those biased values that count, and how many they are.
#[inline(always)]
fn sum_valid<S: Reduce>(
    simd: S,
    values: &[u64],
    bias: u64,
    validity: &[u64],
    bit_offset: usize,
) -> (i128, usize) {
    let (lower_half, zero) = (simd.splat(0xFFFF_FFFF), simd.splat(0));
    let (mut total, mut count) = (0, 0);
    let mut start = bit_offset;
    for values in values.chunks(BLOCK) {
        let present = Present::new(validity, start, values.len());
        start += values.len();
        count += present.count;
        let (mut lower, mut upper) = ([zero; WIDTH], [zero; WIDTH]);
        let mut group = 0;
        for row in rows(simd, values, bias, 0) {
            for index in 0..WIDTH {
                let values = simd.select(present.group(group), row[index], zero);
                lower[index] = simd.add(lower[index], simd.and(values, lower_half));
                upper[index] = simd.add(upper[index], simd.shr(values, 32));
                group += 1;
            }
        }
        for (sums, shift) in [(lower, 0), (upper, 32)] {
            let lanes = simd.to_array(simd.add(sums[0], sums[1]));
            // Less than 2⁴² together.
            total += i128::from(tree!(lanes, 8, |a: u64, b: u64| a + b)) << shift;
        }
    }
    (total, count)
}

#[inline(always)]
fn min_max_valid<S: Reduce>(
    simd: S,
    values: &[u64],
    bias: u64,
    validity: &[u64],
    bit_offset: usize,
) -> Option<(u64, u64)> {
    let (zero, most) = (simd.splat(0), simd.splat(u64::MAX));
    let mut extremes = Extremes::new(simd);
    let mut start = bit_offset;
    let mut count = 0;
    for values in values.chunks(BLOCK) {
        let present = Present::new(validity, start, values.len());
        start += values.len();
        count += present.count;
        let mut group = 0;
        for row in rows(simd, values, bias, 0) {
            for (index, values) in row.into_iter().enumerate() {
                let bits = present.group(group);
                let (low, high) =
                    (simd.select(bits, values, most), simd.select(bits, values, zero));
                extremes.min[index] = simd.min(extremes.min[index], low);
                extremes.max[index] = simd.max(extremes.max[index], high);
                group += 1;
            }
        }
    }
    (count > 0).then(|| (extremes.min(), extremes.max()))
}

/// An integer type, and the bias that makes it a `u64`.
trait Integer: Number<Sum = i128> {
    const BIAS: u64;
    fn bits(values: &[Self]) -> &[u64];
    fn from_biased(value: u64) -> Self;

    #[inline(always)]
    fn moments_from_biased(biased: Biased) -> Moments<Self> {
        let Moments { count, nan_count, m2, .. } = biased;
        if count == 0 {
            return Moments::default();
        }
        let sum = biased.sum - i128::from(count) * i128::from(Self::BIAS);
        let (min, max) = (Self::from_biased(biased.min), Self::from_biased(biased.max));
        Moments { count, nan_count, sum, min, max, m2 }
    }
}

impl Integer for u64 {
    const BIAS: u64 = 0;
    #[inline(always)]
    fn bits(values: &[u64]) -> &[u64] {
        values
    }
    #[inline(always)]
    fn from_biased(value: u64) -> u64 {
        value
    }
}

impl Integer for i64 {
    const BIAS: u64 = 1 << 63;
    #[inline(always)]
    fn bits(values: &[i64]) -> &[u64] {
        // SAFETY: both types have the same size and alignment, and any bits are a value of either.
        unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
    }
    #[inline(always)]
    fn from_biased(value: u64) -> i64 {
        (value ^ Self::BIAS) as i64
    }
}

macro_rules! functions {
    ($(
        $ty:ty: $moments:ident $moments_valid:ident $sum:ident $sum_valid:ident
        $min_max:ident $min_max_valid:ident;
    )*) => {$(
        #[inline(always)]
        pub(crate) fn $moments<S: Reduce>(simd: S, values: &[$ty]) -> Moments<$ty> {
            <$ty>::moments_from_biased(moments(simd, <$ty>::bits(values), <$ty>::BIAS))
        }
        #[inline(always)]
        pub(crate) fn $moments_valid<S: Reduce>(
            simd: S,
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Moments<$ty> {
            let values = <$ty>::bits(values);
            let biased = moments_valid(simd, values, <$ty>::BIAS, validity, bit_offset);
            <$ty>::moments_from_biased(biased)
        }
        #[inline(always)]
        pub(crate) fn $sum<S: Reduce>(simd: S, values: &[$ty]) -> i128 {
            if values.len() < FEW {
                return scalar::$sum(values);
            }
            let biased = sum(simd, <$ty>::bits(values), <$ty>::BIAS);
            biased - values.len() as i128 * i128::from(<$ty>::BIAS)
        }
        #[inline(always)]
        pub(crate) fn $min_max<S: Reduce>(simd: S, values: &[$ty]) -> Option<($ty, $ty)> {
            if values.len() < FEW || !S::HAS_64_BIT_EXTREMES {
                return scalar::$min_max(values);
            }
            let (min, max) = min_max(simd, <$ty>::bits(values), <$ty>::BIAS)?;
            Some((<$ty>::from_biased(min), <$ty>::from_biased(max)))
        }
        #[inline(always)]
        pub(crate) fn $sum_valid<S: Reduce>(
            simd: S,
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> i128 {
            let values = <$ty>::bits(values);
            let (biased, count) = sum_valid(simd, values, <$ty>::BIAS, validity, bit_offset);
            biased - count as i128 * i128::from(<$ty>::BIAS)
        }
        #[inline(always)]
        pub(crate) fn $min_max_valid<S: Reduce>(
            simd: S,
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Option<($ty, $ty)> {
            if !S::HAS_64_BIT_EXTREMES {
                return scalar::$min_max_valid(values, validity, bit_offset);
            }
            let values = <$ty>::bits(values);
            let (min, max) = min_max_valid(simd, values, <$ty>::BIAS, validity, bit_offset)?;
            Some((<$ty>::from_biased(min), <$ty>::from_biased(max)))
        }
    )*};
}
functions! {
    i64: moments_i64 moments_i64_valid sum_i64 sum_i64_valid min_max_i64 min_max_i64_valid;
    u64: moments_u64 moments_u64_valid sum_u64 sum_u64_valid min_max_u64 min_max_u64_valid;
}

#[inline(always)]
pub(crate) fn dot_i64<S: Reduce>(_: S, a: &[i64], b: &[i64]) -> i128 {
    scalar::dot_i64(a, b)
}
