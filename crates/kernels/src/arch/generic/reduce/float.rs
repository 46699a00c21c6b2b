//! Sums, extremes and dot products of floats.

use super::Moments;
use super::blocks::{FEW, Tree, pending, word_at};
use super::element::{Element, Reduce};
use super::moments::moments;
use crate::arch::scalar::reduce as scalar;

/// Accumulators of a sum, so that additions need not wait for one another.
const SUMS: usize = 8;

/// The same of extremes, of which there are two.
const EXTREMES: usize = 2;

/// Rows of registers in a block: each lane adds up as many values before lanes are added as a tree.
const ROWS: usize = 32;

/// Which values count: those whose bits are set, from a bit on. Without bits, all.
type Validity<'a> = Option<(&'a [u64], usize)>;

/// `W` registers of values, from value `start` on, with `fill` in place of those that do not count.
#[inline(always)]
fn row<S: Reduce, T: Element<S>, const W: usize>(
    simd: S,
    values: &[T],
    start: usize,
    validity: Validity<'_>,
    fill: T,
) -> [T::Lanes; W] {
    row_at(simd, &values[start..start + W * T::LANES], start, validity, fill)
}

/// The same of the values of the row alone; `start` is the number of the first.
#[inline(always)]
fn row_at<S: Reduce, T: Element<S>, const W: usize>(
    simd: S,
    values: &[T],
    start: usize,
    validity: Validity<'_>,
    fill: T,
) -> [T::Lanes; W] {
    masked::<S, T, W>(simd, T::load_row(simd, values), start, validity, fill)
}

/// The same of the fewer values that are left; `start` is the number of the first.
#[inline(always)]
fn last_row<S: Reduce, T: Element<S>, const W: usize>(
    simd: S,
    mut rest: &[T],
    start: usize,
    validity: Validity<'_>,
    fill: T,
) -> [T::Lanes; W] {
    let mut row = [T::splat(simd, fill); W];
    for lanes in &mut row {
        let (values, after) = rest.split_at(rest.len().min(T::LANES));
        *lanes = T::load_part(simd, values, fill);
        rest = after;
    }
    masked::<S, T, W>(simd, row, start, validity, fill)
}

#[inline(always)]
fn masked<S: Reduce, T: Element<S>, const W: usize>(
    simd: S,
    mut row: [T::Lanes; W],
    start: usize,
    validity: Validity<'_>,
    fill: T,
) -> [T::Lanes; W] {
    if let Some((validity, bit_offset)) = validity {
        let fills = T::splat(simd, fill);
        let mut bits = 0;
        for (index, lanes) in row.iter_mut().enumerate() {
            let at = index * T::LANES;
            if at % 64 == 0 {
                bits = word_at(validity, bit_offset + start + at);
            }
            *lanes = T::select(simd, (bits >> (at % 64)) as u16, *lanes, fills);
        }
    }
    row
}

/// The sum of all lanes, in an order that is the same everywhere.
#[inline(always)]
fn total<S: Reduce, T: Element<S>>(simd: S, sums: [T::Lanes; SUMS]) -> T {
    let by_4 = [
        T::add(simd, sums[0], sums[4]),
        T::add(simd, sums[1], sums[5]),
        T::add(simd, sums[2], sums[6]),
        T::add(simd, sums[3], sums[7]),
    ];
    let by_2 = [T::add(simd, by_4[0], by_4[2]), T::add(simd, by_4[1], by_4[3])];
    T::total(simd, T::add(simd, by_2[0], by_2[1]))
}

#[inline(always)]
fn sum<S: Reduce, T: Element<S>>(simd: S, values: &[T], validity: Validity<'_>) -> T {
    let row_values = SUMS * T::LANES;
    let mut pending = pending();
    let mut tree = Tree::new(&mut pending);
    let mut start = 0;
    // Pieces, not indices: what is in a row is then known to be there.
    for block in values.chunks(ROWS * row_values) {
        let mut sums = [T::splat(simd, T::ZERO); SUMS];
        let rows = block.chunks_exact(row_values);
        let last = rows.remainder();
        for values in rows {
            add::<S, T>(simd, &mut sums, row_at(simd, values, start, validity, T::ZERO));
            start += row_values;
        }
        if !last.is_empty() {
            add::<S, T>(simd, &mut sums, last_row(simd, last, start, validity, T::ZERO));
            start += last.len();
        }
        tree.push(total::<S, T>(simd, sums), T::plus);
    }
    tree.finish(T::plus)
}

#[inline(always)]
fn dot<S: Reduce, T: Element<S>>(simd: S, a: &[T], b: &[T], validity: Validity<'_>) -> T {
    let b = &b[..a.len()];
    let row_values = SUMS * T::LANES;
    let mut pending = pending();
    let mut tree = Tree::new(&mut pending);
    let mut start = 0;
    for (a, b) in a.chunks(ROWS * row_values).zip(b.chunks(ROWS * row_values)) {
        let mut sums = [T::splat(simd, T::ZERO); SUMS];
        let (rows_of_a, rows_of_b) = (a.chunks_exact(row_values), b.chunks_exact(row_values));
        let (last_of_a, last_of_b) = (rows_of_a.remainder(), rows_of_b.remainder());
        for (a, b) in rows_of_a.zip(rows_of_b) {
            let row_of_a = row_at(simd, a, start, validity, T::ZERO);
            let row_of_b = row_at(simd, b, start, validity, T::ZERO);
            add::<S, T>(simd, &mut sums, products::<S, T>(simd, row_of_a, row_of_b));
            start += row_values;
        }
        if !last_of_a.is_empty() {
            let row_of_a = last_row(simd, last_of_a, start, validity, T::ZERO);
            let row_of_b = last_row(simd, last_of_b, start, validity, T::ZERO);
            add::<S, T>(simd, &mut sums, products::<S, T>(simd, row_of_a, row_of_b));
            start += last_of_a.len();
        }
        tree.push(total::<S, T>(simd, sums), T::plus);
    }
    tree.finish(T::plus)
}

#[inline(always)]
fn add<S: Reduce, T: Element<S>>(simd: S, sums: &mut [T::Lanes; SUMS], row: [T::Lanes; SUMS]) {
    for index in 0..SUMS {
        sums[index] = T::add(simd, sums[index], row[index]);
    }
}

#[inline(always)]
fn products<S: Reduce, T: Element<S>>(
    simd: S,
    mut a: [T::Lanes; SUMS],
    b: [T::Lanes; SUMS],
) -> [T::Lanes; SUMS] {
    for index in 0..SUMS {
        a[index] = T::mul(simd, a[index], b[index]);
    }
    a
}

#[inline(always)]
fn min_max<S: Reduce, T: Element<S>>(
    simd: S,
    values: &[T],
    validity: Validity<'_>,
) -> Option<(T, T)> {
    let mut mins = [T::splat(simd, T::INFINITY); EXTREMES];
    let mut maxs = [T::splat(simd, T::NEG_INFINITY); EXTREMES];
    let row_values = 2 * EXTREMES * T::LANES;
    let mut start = 0;
    while start < values.len() {
        let row: [_; 2 * EXTREMES] = if start + row_values <= values.len() {
            row(simd, values, start, validity, T::NAN)
        } else {
            last_row(simd, &values[start..], start, validity, T::NAN)
        };
        for index in 0..2 * EXTREMES {
            let (min, max) = (&mut mins[index % EXTREMES], &mut maxs[index % EXTREMES]);
            *min = T::min(simd, row[index], *min);
            *max = T::max(simd, row[index], *max);
        }
        start += row_values;
    }
    let min = T::least(simd, T::min(simd, mins[0], mins[1]));
    let max = T::greatest(simd, T::max(simd, maxs[0], maxs[1]));
    (min <= max).then_some((min, max))
}

macro_rules! functions {
    ($(
        $ty:ty: $moments:ident $moments_valid:ident $sum:ident $sum_valid:ident
        $min_max:ident $min_max_valid:ident $dot:ident $dot_valid:ident;
    )*) => {$(
        #[inline(always)]
        pub(crate) fn $moments<S: Reduce>(simd: S, values: &[$ty]) -> Moments<$ty> {
            if values.len() < FEW {
                return scalar::$moments(values);
            }
            moments(simd, values, None)
        }
        #[inline(always)]
        pub(crate) fn $moments_valid<S: Reduce>(
            simd: S,
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Moments<$ty> {
            if values.len() < FEW {
                return scalar::$moments_valid(values, validity, bit_offset);
            }
            moments(simd, values, Some((validity, bit_offset)))
        }
        #[inline(always)]
        pub(crate) fn $sum<S: Reduce>(simd: S, values: &[$ty]) -> $ty {
            if values.len() < FEW {
                return scalar::$sum(values);
            }
            sum(simd, values, None)
        }
        #[inline(always)]
        pub(crate) fn $sum_valid<S: Reduce>(
            simd: S,
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> $ty {
            sum(simd, values, Some((validity, bit_offset)))
        }
        #[inline(always)]
        pub(crate) fn $min_max<S: Reduce>(simd: S, values: &[$ty]) -> Option<($ty, $ty)> {
            if values.len() < FEW {
                return scalar::$min_max(values);
            }
            min_max(simd, values, None)
        }
        #[inline(always)]
        pub(crate) fn $min_max_valid<S: Reduce>(
            simd: S,
            values: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> Option<($ty, $ty)> {
            min_max(simd, values, Some((validity, bit_offset)))
        }
        #[inline(always)]
        pub(crate) fn $dot<S: Reduce>(simd: S, a: &[$ty], b: &[$ty]) -> $ty {
            if a.len() < FEW {
                return scalar::$dot(a, b);
            }
            dot(simd, a, b, None)
        }
        #[inline(always)]
        pub(crate) fn $dot_valid<S: Reduce>(
            simd: S,
            a: &[$ty],
            b: &[$ty],
            validity: &[u64],
            bit_offset: usize,
        ) -> $ty {
            dot(simd, a, b, Some((validity, bit_offset)))
        }
    )*};
}
functions! {
    f64: moments_f64 moments_f64_valid sum_f64 sum_f64_valid
        min_max_f64 min_max_f64_valid dot_f64 dot_f64_valid;
    f32: moments_f32 moments_f32_valid sum_f32 sum_f32_valid
        min_max_f32 min_max_f32_valid dot_f32 dot_f32_valid;
}
