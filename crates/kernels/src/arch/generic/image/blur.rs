use crate::arch::Simd;
use crate::arch::portable::Portable;
use crate::image::{COLUMN_SHIFT, MAX_RADIUS, ROW_SHIFT, clamped};
use std::array::from_fn;

/// What convolution needs beyond `Simd`: 32 integers of 16 bits, none of them above 32,767.
pub(crate) trait Convolve: Simd {
    /// Whether there are registers enough for two of `Sums` and what they are made of.
    const TWO: bool;
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
    const TWO: bool = false;
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
const LINE: usize = (STRIP + 2 * MAX_RADIUS) * 3 + 64;
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
        // SAFETY: all of them have 32 columns.
        let [words] = unsafe { column::<S, 1>(simd, &slices[..rows.len()], pairs, 0) };
        simd.store_words(words, &mut sums);
        line.copy_from_slice(&sums[..len]);
        return;
    }
    for rows in rows.as_flattened() {
        assert!(rows.len() == len);
    }
    let mut at = 0;
    // SAFETY: all rows are as long as the line, of which `32 * N` are left from `at` on.
    unsafe {
        while S::TWO && at + 64 <= len {
            let sums = column::<S, 2>(simd, rows, pairs, at);
            simd.store_words(sums[0], chunk_mut(line, at));
            simd.store_words(sums[1], chunk_mut(line, at + 32));
            at += 64;
        }
        while at < len {
            // The last register takes in some of the one before.
            at = at.min(len - 32);
            let [sums] = column::<S, 1>(simd, rows, pairs, at);
            simd.store_words(sums, chunk_mut(line, at));
            at += 32;
        }
    }
}

/// The weighted sums of `32 * N` columns from `at` on.
///
/// # Safety
/// All rows have them.
#[inline(always)]
unsafe fn column<S: Convolve, const N: usize>(
    simd: S,
    rows: &[[&[u8]; 2]],
    pairs: &[[u16; 2]],
    at: usize,
) -> [S::Words; N] {
    let mut sums = [simd.splat_sums(1 << (COLUMN_SHIFT - 1)); N];
    for (pair, (rows, weights)) in rows.as_chunks::<2>().0.iter().zip(pairs).enumerate() {
        let [[a, b], [c, d]] = *rows;
        for (n, sums) in sums.iter_mut().enumerate() {
            let at = at + 32 * n;
            // SAFETY: the caller vouches for it.
            unsafe {
                let mut first = simd.widen(chunk(a, at));
                if pair > 0 {
                    first = simd.add_words(first, simd.widen(chunk(b, at)));
                }
                let second = simd.add_words(simd.widen(chunk(c, at)), simd.widen(chunk(d, at)));
                *sums = simd.add_products(*sums, first, second, *weights);
            }
        }
    }
    let mut words = [simd.shifted::<COLUMN_SHIFT>(sums[0]); N];
    for (words, sums) in words.iter_mut().zip(sums) {
        *words = simd.shifted::<COLUMN_SHIFT>(sums);
    }
    words
}

/// The weighted sums of a line, as bytes. The line begins `radius` pixels before them.
#[inline(always)]
fn rows_of<S: Convolve>(
    simd: S,
    line: &[u16; LINE],
    radius: usize,
    pairs: &[[u16; 2]],
    to: &mut [u8],
) {
    assert!(to.len() <= STRIP * 3 && radius <= MAX_RADIUS && pairs.len() <= radius / 2 + 1);
    let (blocks, rest) = to.split_at_mut(if S::TWO { to.len() & !63 } else { 0 });
    let mut at = radius * 3;
    // SAFETY: up to `STRIP` pixels begin `radius` of them behind the start of the line, which has
    // as many behind them and 64 elements more.
    unsafe {
        for to in blocks.as_chunks_mut::<64>().0 {
            let [low, high] = row::<S, 2>(simd, line, radius, pairs, at);
            let (to, _) = to.as_chunks_mut();
            simd.store_narrow(low, &mut to[0]);
            simd.store_narrow(high, &mut to[1]);
            at += 64;
        }
        for rest in rest.chunks_mut(32) {
            let mut bytes = [0; 32];
            let [sums] = row::<S, 1>(simd, line, radius, pairs, at);
            simd.store_narrow(sums, &mut bytes);
            rest.copy_from_slice(&bytes[..rest.len()]);
            at += 32;
        }
    }
}

/// The weighted sums around the `32 * N` elements from `at` on.
///
/// # Safety
/// The line has them, and `radius` pixels before and behind.
#[inline(always)]
unsafe fn row<S: Convolve, const N: usize>(
    simd: S,
    line: &[u16; LINE],
    radius: usize,
    pairs: &[[u16; 2]],
    at: usize,
) -> [S::Words; N] {
    let mut sums = [simd.splat_sums(1 << (ROW_SHIFT - 1)); N];
    for (pair, weights) in pairs.iter().enumerate() {
        let even = 6 * pair;
        // An even radius has no partner for its last distance: the weight is 0.
        let odd = 3 * radius.min(2 * pair + 1);
        for (n, sums) in sums.iter_mut().enumerate() {
            let at = at + 32 * n;
            // SAFETY: the caller vouches for it.
            unsafe {
                let mut first = simd.words(chunk(line, at - even));
                if pair > 0 {
                    first = simd.add_words(first, simd.words(chunk(line, at + even)));
                }
                let second = simd.words(chunk(line, at - odd));
                let second = simd.add_words(second, simd.words(chunk(line, at + odd)));
                *sums = simd.add_products(*sums, first, second, *weights);
            }
        }
    }
    let mut words = [simd.shifted::<ROW_SHIFT>(sums[0]); N];
    for (words, sums) in words.iter_mut().zip(sums) {
        *words = simd.shifted::<ROW_SHIFT>(sums);
    }
    words
}

/// 32 elements from `at` on.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn chunk<T>(values: &[T], at: usize) -> &[T; 32] {
    debug_assert!(at + 32 <= values.len());
    // SAFETY: the caller vouches for it.
    unsafe { &*values.as_ptr().add(at).cast() }
}

/// The same, to be written.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn chunk_mut<T>(values: &mut [T], at: usize) -> &mut [T; 32] {
    debug_assert!(at + 32 <= values.len());
    // SAFETY: the caller vouches for it; the borrow is handed on.
    unsafe { &mut *values.as_mut_ptr().add(at).cast() }
}
