use crate::arch::Simd;
use crate::arch::generic::elementwise::Elementwise;
use crate::arch::generic::elementwise::compare::{Eq, Ge, Gt, Le, Lt, Ne, Test, Value, with_test};
use crate::bitpack::{LANES, ROWS, VALUES};
use crate::bitstream::mask;
use crate::elementwise::Comparison;

/// The 16 values of a row.
type Row<S> = [<S as Simd>::U64s; 2];

const ROW_BYTES: usize = 128;

/// The 64 rows one after the other. All lanes shift alike, so a row is a shift across two words
/// and a mask, in whole registers. A word is loaded once: packed vectors start anywhere, and a
/// load that crosses a cache line costs two.
#[derive(Clone)]
struct Rows<'a, S: Simd> {
    simd: S,
    /// The words after `high`.
    words: std::slice::Iter<'a, [u8; ROW_BYTES]>,
    width: u32,
    mask: S::U64s,
    row: usize,
    /// The word that the row begins in, at which bit, and the word after it.
    low: Row<S>,
    shift: u32,
    high: Row<S>,
}

#[inline(always)]
fn rows<S: Simd>(simd: S, packed: &[u8], width: u32) -> Rows<'_, S> {
    let words = packed.as_chunks().0.iter();
    let zero = [simd.splat(0); 2];
    let mask = simd.splat(mask(width));
    let mut rows = Rows { simd, words, width, mask, row: 0, low: zero, shift: 0, high: zero };
    rows.advance();
    rows.advance();
    rows
}

impl<S: Simd> Rows<'_, S> {
    #[inline(always)]
    fn advance(&mut self) {
        self.low = self.high;
        // After the last word nothing is needed: the mask removes what is taken for it.
        if let Some(word) = self.words.next() {
            self.high = load(self.simd, word);
        }
    }
}

impl<S: Simd> Rows<'_, S> {
    /// The next row, which stays the next, unless `end` is where it begins.
    #[inline(always)]
    fn part(&self, end: usize) -> [u64; LANES] {
        if end.is_multiple_of(LANES) {
            return [0; LANES];
        }
        self.clone().next().map_or([0; LANES], |row| array(self.simd, row))
    }
}

impl<S: Simd> Iterator for Rows<'_, S> {
    type Item = Row<S>;

    #[inline(always)]
    fn next(&mut self) -> Option<Row<S>> {
        if self.row == ROWS {
            return None;
        }
        let (simd, low, high, shift) = (self.simd, self.low, self.high, self.shift);
        self.row += 1;
        self.shift += self.width;
        if self.shift >= 64 {
            self.shift -= 64;
            self.advance();
        }
        Some([
            simd.and(simd.funnel_shr(low[0], high[0], shift), self.mask),
            simd.and(simd.funnel_shr(low[1], high[1], shift), self.mask),
        ])
    }
}

#[inline(always)]
fn load<S: Simd>(simd: S, bytes: &[u8; ROW_BYTES]) -> Row<S> {
    let (halves, _) = bytes.as_chunks::<64>();
    [simd.load_bytes(&halves[0]), simd.load_bytes(&halves[1])]
}

#[inline(always)]
fn store<S: Simd>(simd: S, row: Row<S>, to: &mut [u64; 16]) {
    let (halves, _) = to.as_chunks_mut::<8>();
    simd.store(row[0], &mut halves[0]);
    simd.store(row[1], &mut halves[1]);
}

#[inline(always)]
pub(crate) fn pack<S: Simd>(simd: S, values: &[u64; VALUES], width: u32, packed: &mut [u8]) {
    if width == 0 {
        return;
    }
    let (words, _) = packed.as_chunks_mut::<64>();
    let mask = simd.splat(mask(width));
    // The words being filled, which begin with the bits that the row before left over.
    let mut left = simd.splat(0);
    let mut right = simd.splat(0);
    let (mut shift, mut word) = (0, 0);
    for row in values.as_chunks::<16>().0 {
        let (halves, _) = row.as_chunks::<8>();
        let left_row = simd.and(simd.load(&halves[0]), mask);
        let right_row = simd.and(simd.load(&halves[1]), mask);
        left = simd.or(left, simd.shl(left_row, shift));
        right = simd.or(right, simd.shl(right_row, shift));
        shift += width;
        if shift >= 64 {
            simd.store_bytes(left, &mut words[word]);
            simd.store_bytes(right, &mut words[word + 1]);
            word += 2;
            shift -= 64;
            left = simd.shr(left_row, width - shift);
            right = simd.shr(right_row, width - shift);
        }
    }
}

#[inline(always)]
pub(crate) fn unpack<S: Simd>(
    simd: S,
    packed: &[u8],
    width: u32,
    base: u64,
    out: &mut [u64; VALUES],
) {
    let base = simd.splat(base);
    let mut rows = rows(simd, packed, width);
    for out in out.as_chunks_mut::<16>().0 {
        let Some([left, right]) = rows.next() else { return };
        store(simd, [simd.add(left, base), simd.add(right, base)], out);
    }
}

#[inline(always)]
pub(crate) fn unpack_delta<S: Simd>(
    simd: S,
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    out: &mut [u64; VALUES],
) {
    // What stands before the first value, so that adding the first delta gives `first`.
    let ignored = packed.first_chunk().map_or(0, |word| u64::from_le_bytes(*word) & mask(width));
    let mut before = simd.splat(first.wrapping_sub(ignored).wrapping_sub(min_delta));
    let min_delta = simd.splat(min_delta);
    let mut rows = rows(simd, packed, width);
    for out in out.as_chunks_mut::<16>().0 {
        let Some([left, right]) = rows.next() else { return };
        let left = simd.prefix_sum(simd.add(left, min_delta));
        let right = simd.prefix_sum(simd.add(right, min_delta));
        // Only one addition for each half row waits for the one before.
        let middle = simd.add(before, simd.splat_last(left));
        store(simd, [simd.add(left, before), simd.add(right, middle)], out);
        before = simd.add(middle, simd.splat_last(right));
    }
}

#[inline(always)]
pub(crate) fn unpack_sum<S: Simd>(simd: S, packed: &[u8], width: u32) -> u128 {
    let (mut left_sums, mut right_sums) = (simd.splat(0), simd.splat(0));
    // 64 values of 58 bits have a sum of 64 bits.
    if width <= 58 {
        for [left, right] in rows(simd, packed, width) {
            left_sums = simd.add(left_sums, left);
            right_sums = simd.add(right_sums, right);
        }
        return total(simd, left_sums) + total(simd, right_sums);
    }
    // The sums of the lower and the upper 32 bits; of the latter, both halves of a row.
    let lower = simd.splat(0xFFFF_FFFF);
    let mut upper_sums = simd.splat(0);
    for [left, right] in rows(simd, packed, width) {
        left_sums = simd.add(left_sums, simd.and(left, lower));
        right_sums = simd.add(right_sums, simd.and(right, lower));
        upper_sums = simd.add(upper_sums, simd.add(simd.shr(left, 32), simd.shr(right, 32)));
    }
    total(simd, left_sums) + total(simd, right_sums) + (total(simd, upper_sums) << 32)
}

#[inline(always)]
pub(crate) fn unpack_prefix_sums<S: Simd>(
    simd: S,
    packed: &[u8],
    width: u32,
    base: u64,
    ends: &[u16],
    sums: &mut [u64],
) {
    let mut lanes = [simd.splat(0); 2];
    let mut rows = rows(simd, packed, width);
    for (end, sum) in ends.iter().zip(sums) {
        while rows.row < usize::from(*end) / LANES {
            let Some(row) = rows.next() else { return };
            lanes = [simd.add(lanes[0], row[0]), simd.add(lanes[1], row[1])];
        }
        let values = array(simd, lanes).into_iter().fold(0, u64::wrapping_add);
        let part = &rows.part(usize::from(*end))[..usize::from(*end) % LANES];
        let values = part.iter().fold(values, |sum, value| sum.wrapping_add(*value));
        *sum = values.wrapping_add(base.wrapping_mul(u64::from(*end)));
    }
}

#[inline(always)]
pub(crate) fn unpack_delta_prefix_sums<S: Simd>(
    simd: S,
    packed: &[u8],
    width: u32,
    min_delta: u64,
    first: u64,
    ends: &[u16],
    sums: &mut [u64],
) {
    let ignored = packed.first_chunk().map_or(0, |word| u64::from_le_bytes(*word) & mask(width));
    let before = first.wrapping_sub(ignored).wrapping_sub(min_delta);
    // A value is `before` and all deltas up to its own. Of whole rows, those of earlier rows are in all 16 values, and
    // those of the same row in as many as are left of it: nothing has to be summed up across lanes but at the end.
    let (mut deltas, mut earlier) = ([simd.splat(0); 2], [simd.splat(0); 2]);
    let least = simd.splat(min_delta);
    let mut rows = rows(simd, packed, width);
    for (end, sum) in ends.iter().zip(sums) {
        while rows.row < usize::from(*end) / LANES {
            let Some(row) = rows.next() else { return };
            for half in 0..2 {
                earlier[half] = simd.add(earlier[half], deltas[half]);
                deltas[half] = simd.add(deltas[half], simd.add(row[half], least));
            }
        }
        let (deltas, earlier) = (array(simd, deltas), array(simd, earlier));
        let (mut value, mut all) = (before, 0u64);
        for lane in 0..LANES {
            value = value.wrapping_add(deltas[lane]);
            let weighted = deltas[lane].wrapping_mul((LANES - lane) as u64);
            all = all.wrapping_add(weighted).wrapping_add(earlier[lane].wrapping_mul(LANES as u64));
        }
        let whole_rows = (rows.row * LANES) as u64;
        all = all.wrapping_add(before.wrapping_mul(whole_rows));
        for delta in &rows.part(usize::from(*end))[..usize::from(*end) % LANES] {
            value = value.wrapping_add(*delta).wrapping_add(min_delta);
            all = all.wrapping_add(value);
        }
        *sum = all;
    }
}

#[inline(always)]
fn array<S: Simd>(simd: S, row: Row<S>) -> [u64; LANES] {
    let mut values = [0; LANES];
    store(simd, row, &mut values);
    values
}

#[inline(always)]
fn total<S: Simd>(simd: S, sums: S::U64s) -> u128 {
    simd.to_array(sums).into_iter().map(u128::from).sum()
}

#[inline(always)]
pub(crate) fn unpack_min_max<S: Simd>(simd: S, packed: &[u8], width: u32) -> (u64, u64) {
    let mut mins = [simd.splat(u64::MAX); 2];
    let mut maxs = [simd.splat(0); 2];
    for row in rows(simd, packed, width) {
        for half in 0..2 {
            mins[half] = simd.min(mins[half], row[half]);
            maxs[half] = simd.max(maxs[half], row[half]);
        }
    }
    let min = simd.to_array(simd.min(mins[0], mins[1])).into_iter().fold(u64::MAX, u64::min);
    (min, simd.to_array(simd.max(maxs[0], maxs[1])).into_iter().fold(0, u64::max))
}

#[inline(always)]
pub(crate) fn unpack_compare<S: Elementwise>(
    simd: S,
    packed: &[u8],
    width: u32,
    comparison: Comparison,
    constant: u64,
    mask: &mut [u64; 16],
) {
    // With signs AVX2 compares twice as fast. All values are less than 2⁶², and so stand to that as
    // to whatever is greater.
    if width <= 62 {
        let constant = constant.min(1 << 62) as i64;
        with_test!(comparison, test => compare(simd, packed, width, test, constant, mask));
    } else {
        with_test!(comparison, test => compare(simd, packed, width, test, constant, mask));
    }
}

#[inline(always)]
fn compare<S: Elementwise, T: Value<S, Register = S::U64s>, P: Test<S>>(
    simd: S,
    packed: &[u8],
    width: u32,
    test: P,
    constant: T,
    mask: &mut [u64; 16],
) {
    let constant = T::splat(simd, constant);
    let mut rows = rows(simd, packed, width);
    for word in mask {
        let mut masks = [simd.mask(0); 8];
        for row_masks in masks.as_chunks_mut::<2>().0 {
            let Some([left, right]) = rows.next() else { return };
            *row_masks =
                [test.holds::<T>(simd, left, constant), test.holds::<T>(simd, right, constant)];
        }
        *word = simd.word(masks);
    }
}
