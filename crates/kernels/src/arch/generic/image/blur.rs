use crate::arch::Simd;
use crate::arch::portable::Portable;
use crate::image::{COLUMN_SHIFT, MAX_RADIUS, ROW_SHIFT, clamped};
use std::array::from_fn;

/// What convolution needs beyond `Simd`: 32 integers of 16 bits, none of them above 32,767.
pub(crate) trait Convolve: Simd {
    /// 32 integers of 16 bits.
    type Words: Copy;
    /// 32 integers of 32 bits.
    type Sums: Copy;

    fn widen(self, bytes: &[u8; 32]) -> Self::Words;
    fn words(self, words: &[u16; 32]) -> Self::Words;
    fn add_words(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn splat_sums(self, value: i32) -> Self::Sums;
    /// `sums + a * weights[0] + b * weights[1]`.
    fn add_products(
        self,
        sums: Self::Sums,
        a: Self::Words,
        b: Self::Words,
        weights: [u16; 2],
    ) -> Self::Sums;
    /// All of them to the right by `SHIFT`.
    fn shifted<const SHIFT: u32>(self, sums: Self::Sums) -> Self::Words;
    fn store_words(self, words: Self::Words, to: &mut [u16; 32]);
    /// As bytes: none of them is above 255.
    fn store_narrow(self, words: Self::Words, to: &mut [u8; 32]);
}

impl Convolve for Portable {
    type Words = [u16; 32];
    type Sums = [i32; 32];

    #[inline(always)]
    fn widen(self, bytes: &[u8; 32]) -> [u16; 32] {
        bytes.map(u16::from)
    }
    #[inline(always)]
    fn words(self, words: &[u16; 32]) -> [u16; 32] {
        *words
    }
    #[inline(always)]
    fn add_words(self, a: [u16; 32], b: [u16; 32]) -> [u16; 32] {
        from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }
    #[inline(always)]
    fn splat_sums(self, value: i32) -> [i32; 32] {
        [value; 32]
    }
    #[inline(always)]
    fn add_products(
        self,
        sums: [i32; 32],
        a: [u16; 32],
        b: [u16; 32],
        weights: [u16; 2],
    ) -> [i32; 32] {
        let weights = weights.map(i32::from);
        from_fn(|lane| {
            sums[lane] + i32::from(a[lane]) * weights[0] + i32::from(b[lane]) * weights[1]
        })
    }
    #[inline(always)]
    fn shifted<const SHIFT: u32>(self, sums: [i32; 32]) -> [u16; 32] {
        sums.map(|sum| (sum >> SHIFT) as u16)
    }
    #[inline(always)]
    fn store_words(self, words: [u16; 32], to: &mut [u16; 32]) {
        *to = words;
    }
    #[inline(always)]
    fn store_narrow(self, words: [u16; 32], to: &mut [u8; 32]) {
        *to = words.map(|word| word as u8);
    }
}

/// Pixels of a strip: what a strip of the rows in flight takes (2,049 * 3 bytes times 15 rows at a
/// radius of 7) stays in a second-level cache, and their sums in a first-level one.
const STRIP: usize = 2048;
/// The sums of the columns of a strip, the pixels that its ends reach, and what a last register
/// reads too many.
const LINE: usize = (STRIP + 2 * MAX_RADIUS) * 3 + 32;
/// One more than there are distances, so that they come in pairs.
const DISTANCES: usize = (MAX_RADIUS + 2) & !1;

/// Rows `first_row..` of the blurred image, as many as `to` has; `weights` are those of the
/// distances 0 to the radius, which is at least 1 and at most [`MAX_RADIUS`].
#[inline(always)]
pub(crate) fn blur_rgb<S: Convolve>(
    simd: S,
    from: &[u8],
    [width, height]: [usize; 2],
    weights: &[u16],
    first_row: usize,
    to: &mut [u8],
) {
    let radius = weights.len() - 1;
    let mut padded = [0; DISTANCES];
    padded[..=radius].copy_from_slice(weights);
    let pairs = &padded.as_chunks::<2>().0[..weights.len().div_ceil(2)];
    let mut line = [0; LINE];
    for x in (0..width).step_by(STRIP) {
        let strip = STRIP.min(width - x);
        let (left, right) = (x.saturating_sub(radius), width.min(x + strip + radius));
        for (y, to) in (first_row..).zip(to.chunks_exact_mut(width * 3)) {
            // What the rows at each distance above and below have from `left` to `right`; beyond
            // the radius the row itself, as its weight is 0.
            let mut rows = [[&from[..0]; 2]; DISTANCES];
            for (distance, rows) in rows.iter_mut().enumerate() {
                let distance = if distance <= radius { distance } else { 0 };
                for (row, y) in rows.iter_mut().zip(clamped(y, distance, height)) {
                    *row = &from[(y * width + left) * 3..(y * width + right) * 3];
                }
            }
            let before = radius - (x - left);
            let len = (right - left) * 3;
            columns(simd, &rows[..2 * pairs.len()], pairs, &mut line[before * 3..][..len]);
            repeat_ends(&mut line[..(strip + 2 * radius) * 3], before, right - left);
            rows_of(simd, &line, radius, pairs, &mut to[x * 3..(x + strip) * 3]);
        }
    }
}

/// The pixel at `before` to all before it, the last of the `len` from there on to all behind it.
#[inline(always)]
fn repeat_ends(line: &mut [u16], before: usize, len: usize) {
    let (pixels, _) = line.as_chunks_mut::<3>();
    let (first, last) = (pixels[before], pixels[before + len - 1]);
    pixels[..before].fill(first);
    pixels[before + len..].fill(last);
}

/// The weighted sums of columns.
#[inline(always)]
fn columns<S: Convolve>(simd: S, rows: &[[&[u8]; 2]], pairs: &[[u16; 2]], line: &mut [u16]) {
    let len = line.len();
    if len < 32 {
        // Too narrow for a register: in one of its own, padded.
        let mut padded = [[[0; 32]; 2]; DISTANCES];
        for (padded, rows) in padded.iter_mut().zip(rows) {
            for (padded, row) in padded.iter_mut().zip(rows) {
                padded[..len].copy_from_slice(row);
            }
        }
        let mut slices = [[&[][..]; 2]; DISTANCES];
        for (slices, padded) in slices.iter_mut().zip(&padded) {
            *slices = [&padded[0], &padded[1]];
        }
        let mut sums = [0; 32];
        simd.store_words(column(simd, &slices[..rows.len()], pairs, 0), &mut sums);
        line.copy_from_slice(&sums[..len]);
        return;
    }
    let (blocks, rest) = line.as_chunks_mut::<32>();
    let mut at = 0;
    for block in blocks {
        simd.store_words(column(simd, rows, pairs, at), block);
        at += 32;
    }
    if !rest.is_empty() {
        // The last register again takes in some of the one before.
        let sums = column(simd, rows, pairs, len - 32);
        if let Some(last) = line.last_chunk_mut() {
            simd.store_words(sums, last);
        }
    }
}

/// The weighted sums of 32 columns from `at` on.
#[inline(always)]
fn column<S: Convolve>(simd: S, rows: &[[&[u8]; 2]], pairs: &[[u16; 2]], at: usize) -> S::Words {
    let mut sums = simd.splat_sums(1 << (COLUMN_SHIFT - 1));
    for (pair, (rows, weights)) in rows.as_chunks::<2>().0.iter().zip(pairs).enumerate() {
        let [[a, b], [c, d]] = *rows;
        let mut first = simd.widen(chunk(a, at));
        if pair > 0 {
            first = simd.add_words(first, simd.widen(chunk(b, at)));
        }
        let second = simd.add_words(simd.widen(chunk(c, at)), simd.widen(chunk(d, at)));
        sums = simd.add_products(sums, first, second, *weights);
    }
    simd.shifted::<COLUMN_SHIFT>(sums)
}

/// The weighted sums of a line, as bytes. The line begins `radius` pixels before them.
#[inline(always)]
fn rows_of<S: Convolve>(simd: S, line: &[u16], radius: usize, pairs: &[[u16; 2]], to: &mut [u8]) {
    let (blocks, rest) = to.as_chunks_mut::<32>();
    let mut at = radius * 3;
    for block in blocks {
        simd.store_narrow(row(simd, line, radius, pairs, at), block);
        at += 32;
    }
    if !rest.is_empty() {
        let mut bytes = [0; 32];
        simd.store_narrow(row(simd, line, radius, pairs, at), &mut bytes);
        rest.copy_from_slice(&bytes[..rest.len()]);
    }
}

/// The weighted sums around the 32 elements from `at` on.
#[inline(always)]
fn row<S: Convolve>(
    simd: S,
    line: &[u16],
    radius: usize,
    pairs: &[[u16; 2]],
    at: usize,
) -> S::Words {
    let mut sums = simd.splat_sums(1 << (ROW_SHIFT - 1));
    for (pair, weights) in pairs.iter().enumerate() {
        let mut first = simd.words(chunk(line, at));
        if pair > 0 {
            let distance = 6 * pair;
            let before = simd.words(chunk(line, at - distance));
            first = simd.add_words(before, simd.words(chunk(line, at + distance)));
        }
        // An even radius has no partner for its last distance: the weight is 0.
        let distance = 3 * radius.min(2 * pair + 1);
        let before = simd.words(chunk(line, at - distance));
        let second = simd.add_words(before, simd.words(chunk(line, at + distance)));
        sums = simd.add_products(sums, first, second, *weights);
    }
    simd.shifted::<ROW_SHIFT>(sums)
}

/// 32 elements from `at` on.
#[inline(always)]
fn chunk<T>(values: &[T], at: usize) -> &[T; 32] {
    let (chunks, _) = values[at..at + 32].as_chunks();
    &chunks[0]
}
