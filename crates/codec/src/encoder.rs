use crate::bits::BitsEncoder;
use crate::floats_encoder::FloatsEncoder;
use crate::ints_encoder::IntsEncoder;
use crate::texts_encoder::TextsEncoder;
use crate::times_encoder::TimesEncoder;
use tidemill_model::Bitmap;
use zerocopy::transmute_ref;

/// Encodes columns of up to [`crate::MAX_BLOCK_ROWS`] rows.
///
/// An encoder keeps its buffers: used again and again, it allocates nothing. Its output depends on
/// the values only, not on what it encoded before.
///
/// # Panics
/// All functions panic when there are more rows than that.
#[derive(Default)]
pub struct Encoder {
    ints: IntsEncoder,
    floats: FloatsEncoder,
    times: TimesEncoder,
    bits: BitsEncoder,
    texts: TextsEncoder,
}

impl Encoder {
    /// Bytes of memory held: for texts exactly, for numbers what a full block takes at most.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<[u64; 8]>() * crate::MAX_BLOCK_ROWS + self.texts.memory_bytes()
    }

    /// An encoder with no buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// Appends a column of booleans, for [`crate::bits`](crate::bits()).
    pub fn bools(&mut self, values: &[bool], out: &mut Vec<u8>) {
        self.bits.encode_bools(&mut self.ints, values, out);
    }

    /// Appends which values of a column are present, for [`crate::bits`](crate::bits()).
    pub fn validity(&mut self, bitmap: &Bitmap, out: &mut Vec<u8>) {
        self.bits.encode(&mut self.ints, bitmap.words(), bitmap.len(), out);
    }

    /// Appends a column of `rows` strings, for [`crate::texts`](crate::texts()): `value` gives
    /// that of a row, and is called twice for each.
    pub fn texts<'v>(&mut self, rows: usize, value: impl Fn(usize) -> &'v str, out: &mut Vec<u8>) {
        self.texts.encode(&mut self.ints, rows, value, out);
    }
}
