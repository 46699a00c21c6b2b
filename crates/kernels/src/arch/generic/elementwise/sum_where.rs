use super::Elementwise;
use super::compare::{Eq, Ge, Gt, Le, Lt, Ne, Test, Value, with_test};
use crate::arch::generic::reduce::blocks::{BLOCK, Tree, pending};
use crate::elementwise::{Comparison, SumWhere};

/// Registers in a row: accumulators, so that additions need not wait for one another.
const WIDTH: usize = 4;

/// The bits of a group of `len` values.
#[inline(always)]
fn first_bits(len: usize) -> u8 {
    (0xFF_u16 >> (8 - len.min(8))) as u8
}

#[inline(always)]
pub(crate) fn sum_where_f64<S: Elementwise>(
    simd: S,
    values: &[f64],
    comparison: Comparison,
    constant: f64,
) -> SumWhere<f64> {
    with_test!(comparison, test => float_sum_where(simd, test, values, constant))
}

#[inline(always)]
fn float_sum_where<S: Elementwise, P: Test<S>>(
    simd: S,
    test: P,
    values: &[f64],
    constant: f64,
) -> SumWhere<f64> {
    let (constant, one) = (simd.splat_f64(constant), simd.splat(1));
    let mut counts = [simd.splat(0); WIDTH];
    let mut pending = pending();
    let mut tree = Tree::new(&mut pending);
    for block in values.chunks(BLOCK) {
        let mut sums = [simd.splat_f64(0.0); WIDTH];
        let (rows, rest) = block.as_chunks::<{ 8 * WIDTH }>();
        for row in rows {
            let groups = row.as_chunks::<8>().0;
            for index in 0..WIDTH {
                let values = simd.load_f64(&groups[index]);
                let holds = test.holds::<f64>(simd, values, constant);
                sums[index] = simd.add_f64(sums[index], simd.keep_f64(holds, values));
                counts[index] = simd.add(counts[index], simd.keep(holds, one));
            }
        }
        for ((sum, count), group) in sums.iter_mut().zip(&mut counts).zip(rest.chunks(8)) {
            let values = simd.load_part_f64(group, 0.0);
            let holds = test.holds::<f64>(simd, values, constant);
            let holds = simd.and_mask(holds, simd.mask(first_bits(group.len())));
            *sum = simd.add_f64(*sum, simd.keep_f64(holds, values));
            *count = simd.add(*count, simd.keep(holds, one));
        }
        let even = simd.add_f64(sums[0], sums[2]);
        let odd = simd.add_f64(sums[1], sums[3]);
        let lanes = simd.to_array_f64(simd.add_f64(even, odd));
        // Written out: `map` with a closure became a call.
        let even = (lanes[0] + lanes[4]) + (lanes[2] + lanes[6]);
        let odd = (lanes[1] + lanes[5]) + (lanes[3] + lanes[7]);
        tree.push(even + odd, |a, b| a + b);
    }
    SumWhere { count: counts_total(simd, counts), sum: tree.finish(|a, b| a + b) }
}

#[inline(always)]
fn counts_total<S: Elementwise>(simd: S, counts: [S::U64s; WIDTH]) -> u64 {
    let mut total = 0;
    for counts in counts {
        total += simd.to_array(counts).into_iter().sum::<u64>();
    }
    total
}

/// Up to this many values, no sum of 32-bit halves overflows.
const HALVES: usize = 1 << 30;

/// How many were selected, and the sums of their lower and upper halves.
struct Halves<S: Elementwise> {
    simd: S,
    counts: [S::U64s; WIDTH],
    lower: [S::U64s; WIDTH],
    upper: [S::U64s; WIDTH],
}

impl<S: Elementwise> Halves<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let zeros = [simd.splat(0); WIDTH];
        Self { simd, counts: zeros, lower: zeros, upper: zeros }
    }

    #[inline(always)]
    fn push(&mut self, index: usize, holds: S::Mask, values: S::U64s) {
        let simd = self.simd;
        let kept = simd.keep(holds, values);
        let lower = simd.and(kept, simd.splat(0xFFFF_FFFF));
        self.lower[index] = simd.add(self.lower[index], lower);
        self.upper[index] = simd.add(self.upper[index], simd.shr(kept, 32));
        let ones = simd.keep(holds, simd.splat(1));
        self.counts[index] = simd.add(self.counts[index], ones);
    }

    #[inline(always)]
    fn total(&self) -> i128 {
        let mut total = 0;
        for (lower, upper) in self.lower.iter().zip(&self.upper) {
            let lower = self.simd.to_array(*lower).into_iter().map(i128::from).sum::<i128>();
            let upper = self.simd.to_array(*upper).into_iter().map(i128::from).sum::<i128>();
            total += lower + (upper << 32);
        }
        total
    }
}

/// Count and sum of the selected; the values are summed as unsigned ones, which they are after
/// `bias` was flipped.
#[inline(always)]
fn integer_sum_where<S: Elementwise, T: Value<S, Register = S::U64s>, P: Test<S>>(
    simd: S,
    test: P,
    values: &[T],
    constant: T,
    bias: u64,
) -> (u64, i128) {
    let (constant, flip) = (T::splat(simd, constant), simd.splat(bias));
    let (mut count, mut total) = (0, 0);
    for values in values.chunks(HALVES) {
        let mut halves = Halves::new(simd);
        let (rows, rest) = values.as_chunks::<{ 8 * WIDTH }>();
        for row in rows {
            for (index, group) in row.as_chunks::<8>().0.iter().enumerate() {
                let values = T::load(simd, group);
                let holds = test.holds::<T>(simd, values, constant);
                halves.push(index, holds, simd.xor(values, flip));
            }
        }
        for (index, group) in rest.chunks(8).enumerate() {
            let values = T::load_part(simd, group);
            let holds = test.holds::<T>(simd, values, constant);
            let holds = simd.and_mask(holds, simd.mask(first_bits(group.len())));
            halves.push(index, holds, simd.xor(values, flip));
        }
        total += halves.total();
        count += counts_total(simd, halves.counts);
    }
    (count, total - i128::from(count) * i128::from(bias))
}

#[inline(always)]
pub(crate) fn sum_where_i64<S: Elementwise>(
    simd: S,
    values: &[i64],
    comparison: Comparison,
    constant: i64,
) -> SumWhere<i64> {
    let (count, sum) = with_test!(comparison, test => {
        integer_sum_where(simd, test, values, constant, 1 << 63)
    });
    SumWhere { count, sum }
}

#[inline(always)]
pub(crate) fn sum_where_u64<S: Elementwise>(
    simd: S,
    values: &[u64],
    comparison: Comparison,
    constant: u64,
) -> SumWhere<u64> {
    let (count, sum) = with_test!(comparison, test => {
        integer_sum_where(simd, test, values, constant, 0)
    });
    SumWhere { count, sum }
}
