use crate::Error;
use crate::bits::BitsEncoder;
use crate::floats_encoder::FloatsEncoder;
use crate::ints_encoder::IntsEncoder;
use crate::texts_encoder::TextsEncoder;
use crate::times_encoder::TimesEncoder;
use tidemill_model::Bitmap;
use zerocopy::transmute_ref;

/// What a column's encoding is chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// To be read fast: billions of values a second.
    #[default]
    Fast,
    /// To be small: numbers are coded by how often each occurs, where that is worth it. They are read several
    /// times slower.
    Small,
}

/// Encodes columns of up to [`crate::MAX_BLOCK_ROWS`] rows.
///
/// An encoder keeps its buffers: used again and again, it allocates nothing. Its output depends on the values and on that only, not on what it encoded before.
///
/// The fallible form of each function (`try_ints`, …) does the same, or says that there is no memory, and
/// leaves what it was to append to as it was; the encoder can be used again.
///
/// # Panics
/// All functions panic when there are more rows than that; those that don't begin with `try_` end the process
/// when there is no memory.
#[derive(Default)]
pub struct Encoder {
    ints: IntsEncoder,
    floats: FloatsEncoder,
    times: TimesEncoder,
    bits: BitsEncoder,
    texts: TextsEncoder,
    compression: Compression,
}

impl Encoder {
    /// Bytes of memory held: for texts exactly, for numbers what a full block takes at most.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<[u64; 10]>() * crate::MAX_BLOCK_ROWS + self.texts.memory_bytes()
    }

    /// An encoder with no buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what encodings of numbers are chosen for from now on. Times, booleans and texts are always
    /// [`Compression::Fast`].
    pub fn set_compression(&mut self, compression: Compression) {
        self.compression = compression;
    }

    /// Appends a column of integers, for [`crate::ints`](crate::ints()).
    pub fn ints(&mut self, values: &[i64], out: &mut Vec<u8>) {
        self.try_ints(values, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::ints`].
    ///
    /// # Errors
    /// When there is no memory.
    pub fn try_ints(&mut self, values: &[i64], out: &mut Vec<u8>) -> Result<(), Error> {
        self.try_uints(transmute_ref!(values), out)
    }

    /// Appends a column of unsigned integers, for [`crate::ints`](crate::ints()).
    pub fn uints(&mut self, values: &[u64], out: &mut Vec<u8>) {
        self.try_uints(values, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::uints`].
    ///
    /// # Errors
    /// When there is no memory.
    pub fn try_uints(&mut self, values: &[u64], out: &mut Vec<u8>) -> Result<(), Error> {
        let compression = self.compression;
        whole(out, |out| Ok(self.ints.encode_as(compression, values, out)?))
    }

    /// Appends a column of doubles, of which every bit returns, for
    /// [`crate::floats`](crate::floats()).
    pub fn floats(&mut self, values: &[f64], out: &mut Vec<u8>) {
        self.try_floats(values, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::floats`].
    ///
    /// # Errors
    /// When there is no memory.
    pub fn try_floats(&mut self, values: &[f64], out: &mut Vec<u8>) -> Result<(), Error> {
        self.floats.compression = self.compression;
        whole(out, |out| Ok(self.floats.encode(&mut self.ints, values, out)?))
    }

    /// Appends the times, in nanoseconds, of rows that consist of runs, each of one series and
    /// ascending: run `i` starts at row `run_starts[i]`, the first at 0. For
    /// [`crate::times`](crate::times()).
    ///
    /// # Panics
    /// When the runs don't start at 0 and ascend within the rows.
    pub fn times(&mut self, times: &[i64], run_starts: &[u32], out: &mut Vec<u8>) {
        self.try_times(times, run_starts, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::times`].
    ///
    /// # Errors
    /// When there is no memory.
    ///
    /// # Panics
    /// When the runs don't start at 0 and ascend within the rows.
    pub fn try_times(
        &mut self,
        times: &[i64],
        run_starts: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        whole(out, |out| Ok(self.times.encode(&mut self.ints, times, run_starts, out)?))
    }

    /// Appends a column of booleans, for [`crate::bits`](crate::bits()).
    pub fn bools(&mut self, values: &[bool], out: &mut Vec<u8>) {
        self.try_bools(values, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::bools`].
    ///
    /// # Errors
    /// When there is no memory.
    pub fn try_bools(&mut self, values: &[bool], out: &mut Vec<u8>) -> Result<(), Error> {
        whole(out, |out| self.bits.encode_bools(&mut self.ints, values, out))
    }

    /// Appends which values of a column are present, for [`crate::bits`](crate::bits()).
    pub fn validity(&mut self, bitmap: &Bitmap, out: &mut Vec<u8>) {
        self.try_validity(bitmap, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::validity`].
    ///
    /// # Errors
    /// When there is no memory.
    pub fn try_validity(&mut self, bitmap: &Bitmap, out: &mut Vec<u8>) -> Result<(), Error> {
        whole(out, |out| self.bits.encode(&mut self.ints, bitmap.words(), bitmap.len(), out))
    }

    /// Appends a column of `rows` strings, for [`crate::texts`](crate::texts()): `value` gives
    /// that of a row, and is called twice for each.
    pub fn texts<'v>(&mut self, rows: usize, value: impl Fn(usize) -> &'v str, out: &mut Vec<u8>) {
        self.try_texts(rows, value, out).unwrap_or_else(|error| error.raise());
    }

    /// [`Encoder::texts`].
    ///
    /// # Errors
    /// When there is no memory.
    pub fn try_texts<'v>(
        &mut self,
        rows: usize,
        value: impl Fn(usize) -> &'v str,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        whole(out, |out| self.texts.encode(&mut self.ints, rows, value, out))
    }
}

/// Appends a whole column, or nothing.
fn whole(
    out: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let start = out.len();
    append(out).inspect_err(|_| out.truncate(start))
}
