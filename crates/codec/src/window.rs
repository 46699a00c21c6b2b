//! The choice of a frame of reference: `base` and `width` such that words in
//! `base .. base + 2^width` are packed and the few outside are patched, at the least size.

use crate::bytes::signed_bytes;
use tidemill_kernels::bitpack::width_of;

/// How many bins a range is divided into to see where its words are.
const BINS: usize = 64;

/// A frame of reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) base: u64,
    pub(crate) width: u32,
    /// Words outside, at most.
    pub(crate) outside: usize,
    /// The size of the stream without its header, in bits.
    pub(crate) bits: usize,
}

/// The signed extremes of `words`, which are not empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    low: i64,
    high: i64,
}

impl Extent {
    pub(crate) fn of(words: &[u64]) -> Self {
        const LANES: usize = 8;
        let (mut low, mut high) = ([i64::MAX; LANES], [i64::MIN; LANES]);
        let (chunks, rest) = words.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                low[lane] = low[lane].min(chunk[lane] as i64);
                high[lane] = high[lane].max(chunk[lane] as i64);
            }
        }
        for word in rest {
            low[0] = low[0].min(*word as i64);
            high[0] = high[0].max(*word as i64);
        }
        let low = low.into_iter().fold(i64::MAX, i64::min);
        Self { low, high: high.into_iter().fold(i64::MIN, i64::max) }
    }

    /// The distance of its ends.
    pub(crate) fn range(self) -> u64 {
        self.high.wrapping_sub(self.low) as u64
    }

    pub(crate) fn low(self) -> u64 {
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
    /// Nearly the best frame of reference of `words`, which are not empty: the words are counted
    /// in bins, every run of 2^n bins is a candidate, and the best is looked into again while its
    /// bins are wider than a word.
    pub(crate) fn choose(words: &[u64], extent: Extent) -> Self {
        let mut best = extent.whole(words.len());
        let (mut low, mut range) = (extent.low(), extent.range());
        while range > 0 {
            let bin_width = width_of(range).saturating_sub(BINS.ilog2());
            let ends = count_bins(words, low, range, bin_width);
            let before = best.width;
            for log in 0..BINS.ilog2() {
                let width = bin_width + log;
                if width >= before {
                    break;
                }
                let (start, inside) = fullest(&ends, 1 << log);
                let base = low.wrapping_add((start as u64) << bin_width);
                let window = extent.window(base, width, words.len() - inside, words.len());
                if window.bits < best.bits {
                    best = window;
                }
            }
            if bin_width == 0 || best.width == before {
                break;
            }
            (low, range) = tighten(words, best);
            if width_of(range) < best.width {
                best = extent.window(low, width_of(range), best.outside, words.len());
            }
        }
        best
    }
}

/// How many words of `low..=low + range` are in bins before each, the last entry being all.
fn count_bins(words: &[u64], low: u64, range: u64, bin_width: u32) -> [u16; BINS + 1] {
    // Four tables: neighbours are often equal, and counting in one would wait for itself. The
    // last bin is for words outside.
    let mut tables = [[0u16; BINS + 1]; 4];
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
    let mut ends = [0; BINS + 1];
    for bin in 0..BINS {
        ends[bin + 1] = ends[bin] + tables.iter().map(|table| table[bin]).sum::<u16>();
    }
    ends
}

/// Where the `bins` neighbours with the most words start, and how many words these are.
fn fullest(ends: &[u16; BINS + 1], bins: usize) -> (usize, usize) {
    let mut best = (0, 0);
    for start in 0..=BINS - bins {
        let inside = ends[start + bins] - ends[start];
        if inside > best.1 {
            best = (start, inside);
        }
    }
    (best.0, usize::from(best.1))
}

/// The least word inside the window, and the distance of the greatest from it.
fn tighten(words: &[u64], window: Window) -> (u64, u64) {
    let span = if window.width == 64 { u64::MAX } else { (1 << window.width) - 1 };
    let (mut least, mut greatest) = (span, 0);
    for word in words {
        let distance = word.wrapping_sub(window.base);
        if distance <= span {
            least = least.min(distance);
            greatest = greatest.max(distance);
        }
    }
    (window.base.wrapping_add(least), greatest.saturating_sub(least))
}
