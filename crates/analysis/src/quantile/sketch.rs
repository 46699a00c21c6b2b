/// The counters of a sketch: 2 MiB of them at most.
const MAX_COUNTERS: usize = 1 << 18;
/// The resolution a sketch begins with: 2^12 counters to an octave.
const MAX_BITS: u32 = 12;
/// One octave (and sign) of all numbers: sign and exponent are 12 bits.
const OCTAVES: usize = 1 << 12;
const NO_PAGE: u32 = u32::MAX;

/// Counters of finite numbers in cells of equal relative width.
///
/// A number's cell is named by its sign, its exponent and the first `bits` of its mantissa: the
/// logarithm is taken by the number's own representation, as in HdrHistogram (Tene, 2012), and
/// the error is that of DDSketch (Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile
/// Sketch with Relative-Error Guarantees", 2019). Counters come by the octave; when they are too
/// many, neighbours are joined and `bits` is one less.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    bits: u32,
    /// For each octave, ascending by value, its page of `2^bits` counters.
    pages: Vec<u32>,
    counters: Vec<u64>,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self { bits: MAX_BITS, pages: vec![NO_PAGE; OCTAVES], counters: Vec::new() }
    }

    /// Counts a finite number `weight` times.
    #[inline]
    pub(super) fn add(&mut self, value: f64, weight: u64) {
        let key = key(value);
        let mut page = self.pages[(key >> 52) as usize];
        if page == NO_PAGE {
            page = self.new_page((key >> 52) as usize);
        }
        let within = (key & ((1 << 52) - 1)) >> (52 - self.bits);
        self.counters[((page as usize) << self.bits) + within as usize] += weight;
    }

    #[cold]
    fn new_page(&mut self, octave: usize) -> u32 {
        while self.counters.len() + (1 << self.bits) > MAX_COUNTERS {
            self.coarsen();
        }
        let page = (self.counters.len() >> self.bits) as u32;
        self.counters.resize(self.counters.len() + (1 << self.bits), 0);
        self.pages[octave] = page;
        page
    }

    fn coarsen(&mut self) {
        self.bits -= 1;
        for pair in 0..self.counters.len() / 2 {
            self.counters[pair] = self.counters[2 * pair] + self.counters[2 * pair + 1];
        }
        self.counters.truncate(self.counters.len() / 2);
    }

    /// Adds what another sketch counted.
    pub(super) fn merge(&mut self, other: &Self) {
        other.cells().for_each(|(value, count)| self.add(value, count));
        // A cell's middle has lost what its own sketch did not tell apart.
        while self.bits > other.bits {
            self.coarsen();
        }
    }

    /// How many numbers were counted.
    pub(super) fn count(&self) -> u64 {
        self.counters.iter().sum()
    }

    /// The number of this rank, counted from 0, give or take [`Sketch::relative_error`]; NaN
    /// beyond the last.
    pub(super) fn value(&self, rank: u64) -> f64 {
        let mut before = 0;
        for (value, count) in self.cells() {
            before += count;
            if before > rank {
                return value;
            }
        }
        f64::NAN
    }

    /// A value is off by at most this share of itself (numbers below 2⁻¹⁰²² aside).
    pub(super) fn relative_error(&self) -> f64 {
        0.5f64.powi(self.bits as i32 + 1)
    }

    /// The middles of the cells that counted something, ascending, with their counts.
    fn cells(&self) -> impl Iterator<Item = (f64, u64)> {
        let pages = self.pages.iter().enumerate().filter(|(_, page)| **page != NO_PAGE);
        pages.flat_map(move |(octave, page)| {
            let start = (*page as usize) << self.bits;
            let counters = self.counters[start..start + (1 << self.bits)].iter().enumerate();
            let used = counters.filter(|(_, count)| **count > 0);
            used.map(move |(within, count)| {
                let half = 1u64 << (51 - self.bits);
                let low = (octave as u64) << 52 | (within as u64) << (52 - self.bits);
                (number(low + half), *count)
            })
        })
    }
}

/// Bits that sort as the numbers do.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}
