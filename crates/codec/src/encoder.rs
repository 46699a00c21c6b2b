use crate::floats_encoder::FloatsEncoder;
use crate::ints_encoder::IntsEncoder;
use crate::times_encoder::TimesEncoder;
use zerocopy::transmute_ref;

/// Encodes columns of up to [`crate::MAX_BLOCK_ROWS`] rows.
///
/// An encoder keeps its buffers: used again and again, it allocates nothing. Its output depends on
/// the values only, not on what it encoded before.
///
/// # Panics
/// All functions panic when there are more rows than that.
pub struct Encoder {
    ints: IntsEncoder,
    floats: FloatsEncoder,
    times: TimesEncoder,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder with no buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self { ints: IntsEncoder::new(), floats: FloatsEncoder::new(), times: TimesEncoder::new() }
    }

    /// Appends a column of integers, for [`crate::ints`](crate::ints()).
    pub fn ints(&mut self, values: &[i64], out: &mut Vec<u8>) {
        self.ints.encode(transmute_ref!(values), out);
    }

    /// Appends a column of unsigned integers, for [`crate::ints`](crate::ints()).
    pub fn uints(&mut self, values: &[u64], out: &mut Vec<u8>) {
        self.ints.encode(values, out);
    }

    /// Appends a column of doubles, of which every bit returns, for
    /// [`crate::floats`](crate::floats()).
    pub fn floats(&mut self, values: &[f64], out: &mut Vec<u8>) {
        self.floats.encode(&mut self.ints, values, out);
    }

    /// Appends the times, in nanoseconds, of rows that consist of runs, each of one series and
    /// ascending: run `i` starts at row `run_starts[i]`, the first at 0. For
    /// [`crate::times`](crate::times()).
    ///
    /// # Panics
    /// When the runs don't start at 0 and ascend within the rows.
    pub fn times(&mut self, times: &[i64], run_starts: &[u32], out: &mut Vec<u8>) {
        self.times.encode(&mut self.ints, times, run_starts, out);
    }
}
