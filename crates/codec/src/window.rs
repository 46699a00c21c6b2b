//! The choice of a frame of reference: `base` and `width` such that words in
//! `base .. base + 2^width` are packed and the few outside are patched, at the least size.

use crate::bytes::signed_bytes;
use tidemill_kernels::bitpack::width_of;
use tidemill_kernels::reduce;
use zerocopy::transmute_ref;

/// How many bins a range is divided into to see where its words are.
const BINS: usize = 128;

/// Windows of fewer bins than these are looked into again, with smaller bins.
const FEW_BINS: u32 = 8;

/// How many words are looked at: groups of eight neighbours.
const SAMPLE: usize = 256;

/// The least size of a patch, in bits.
const PATCH_BITS: usize = 24;

/// A frame of reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) base: u64,
    pub(crate) width: u32,
    /// Words outside, about; none if 0.
    pub(crate) outside: usize,
    /// The size of the stream without its header, in bits, about.
    pub(crate) bits: usize,
}

/// The signed extremes of words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    low: i64,
    high: i64,
}

impl Extent {
    pub(crate) fn of(words: &[u64]) -> Self {
        let (low, high) = reduce::min_max_i64(transmute_ref!(words)).unwrap_or((0, 0));
        Self { low, high }
    }

    /// The distance of its ends.
    pub(crate) fn range(self) -> u64 {
        self.high.wrapping_sub(self.low) as u64
    }

    fn low(self) -> u64 {
        self.low as u64
    }

    /// The frame of reference that holds every word.
    pub(crate) fn whole(self, count: usize) -> Window {
        let width = width_of(self.range());
        let bits = count * width as usize;
        Window { base: self.low(), width, outside: 0, bits }
    }

    /// The frame of reference at `base` that leaves out `outside` of `count` words.
    fn window(self, base: u64, width: u32, outside: usize, count: usize) -> Window {
        // Ends more than 2^63 away wrap around, and their patches with them.
        let distance = |end: i64| (end as u64).wrapping_sub(base) as i64;
        let (below, above) = (distance(self.low), distance(self.high));
        let high_bytes =
            if below > 0 || above < 0 { 8 } else { signed_bytes(below >> width, above >> width) };
        let bits = count * width as usize + outside * (16 + 8 * high_bytes) + 16;
        Window { base, width, outside, bits }
    }
}

impl Window {
    /// Nearly the best frame of reference of 1 to 1,024 words: a sample of them is counted in
    /// bins, every row of 2^n bins is a candidate, and a best of few bins is looked into again.
    pub(crate) fn choose(words: &[u64], extent: Extent) -> Self {
        let mut best = extent.whole(words.len());
        let (mut low, mut range) = (extent.low(), extent.range());
        let mut sample = [0; SAMPLE];
        let sample = take_sample(words, &mut sample);
        while range > 0 {
            let bin_width = width_of(range).saturating_sub(BINS.ilog2());
            let bins = Bins::count(sample, low, range, bin_width);
            let before = best;
            for log in (0..BINS.ilog2()).rev() {
                let width = bin_width + log;
                if width >= before.width {
                    continue;
                }
                let (start, inside) = bins.fullest(1 << log);
                let outside = (sample.len() - inside) * words.len() / sample.len();
                // Narrower windows leave out even more.
                if outside * PATCH_BITS >= best.bits {
                    break;
                }
                let base = low.wrapping_add((start as u64) << bin_width);
                let window = extent.window(base, width, outside.max(1), words.len());
                if window.bits < best.bits {
                    best = window;
                }
            }
            if best == before || bin_width == 0 || best.width >= bin_width + FEW_BINS.ilog2() {
                break;
            }
            (low, range) = tighten(sample, best);
            if width_of(range) < best.width {
                best = extent.window(low, width_of(range), best.outside, words.len());
            }
        }
        best
    }
}

/// Copies words from all over to `sample`, as far as there are enough.
fn take_sample<'a>(words: &[u64], sample: &'a mut [u64; SAMPLE]) -> &'a [u64] {
    const GROUP: usize = 8;
    let stride = words.len().div_ceil(SAMPLE / GROUP).max(GROUP);
    let mut taken = 0;
    for group in words.chunks(stride) {
        let group = &group[..group.len().min(GROUP)];
        sample[taken..taken + group.len()].copy_from_slice(group);
        taken += group.len();
    }
    &sample[..taken]
}

/// Entry `i`: how many words are in the bins of a range before bin `i`.
struct Bins([i16; BINS + 1]);

impl Bins {
    fn count(words: &[u64], low: u64, range: u64, bin_width: u32) -> Self {
        // Four tables: neighbours are often equal, and counting in one would wait for itself. The
        // last bin is for words outside.
        let mut tables = [[0i16; BINS + 1]; 4];
        let mut count = |table: usize, word: u64| {
            let distance = word.wrapping_sub(low);
            let bin = if distance <= range { (distance >> bin_width) as usize } else { BINS };
            tables[table][bin.min(BINS)] += 1;
        };
        let (chunks, rest) = words.as_chunks::<4>();
        for chunk in chunks {
            (0..4).for_each(|table| count(table, chunk[table]));
        }
        rest.iter().for_each(|word| count(0, *word));
        let (mut before, mut sum) = ([0; BINS + 1], 0);
        for bin in 0..BINS {
            sum += tables.iter().map(|table| table[bin]).sum::<i16>();
            before[bin + 1] = sum;
        }
        Self(before)
    }

    /// Where the `bins` neighbours with the most words start, and how many words these are.
    fn fullest(&self, bins: usize) -> (usize, usize) {
        let inside = || self.0[bins..].iter().zip(&self.0).map(|(end, start)| end - start);
        let most = inside().fold(0, i16::max);
        (inside().position(|count| count == most).unwrap_or(0), most as usize)
    }
}

/// The least word inside the window, and the distance of the greatest from it.
fn tighten(words: &[u64], window: Window) -> (u64, u64) {
    let span = (1 << window.width) - 1;
    let (mut least, mut greatest) = (span, 0);
    for word in words {
        let distance = word.wrapping_sub(window.base);
        least = least.min(distance);
        greatest = greatest.max(if distance <= span { distance } else { 0 });
    }
    (window.base.wrapping_add(least), greatest.saturating_sub(least))
}
