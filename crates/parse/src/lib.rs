//! Readers of line protocol, CSV and NDJSON that do not allocate per line.
//!
//! A [`RowReader`] turns a chunk of text into rows of a [`tidemill_model::Batch`]. Chunks end
//! where a row is *guessed* to end; a reader says how much it took, and the caller joins the rest
//! with what follows. What a reader refuses is a [`RowError`] with its place; the good rows
//! around it are kept.
#![forbid(unsafe_code)]

pub mod csv;
mod detect;
mod error;
pub mod line;
pub mod ndjson;
pub mod number;
mod point;
mod prefix;
mod short;
mod staged;
pub mod tabular;
pub mod time_text;

pub use detect::{Compression, DETECT_BYTES, Format};
pub use error::{Misfit, RowError, locate};
pub use point::{Point, PointValue};

use tidemill_model::Batch;

/// A reader of one text format.
pub trait RowReader: Send {
    /// Appends the rows of `chunk` to `batch` and what is wrong to `errors`, in order.
    ///
    /// `chunk` starts at a row. All of it is taken, except
    ///
    /// * when the batch is full ([`Taken::is_full`]): the rows behind are left, to be read into
    ///   the batch once it was emptied;
    /// * when `is_last` is false and the chunk ends inside a row (in a quoted string, after a
    ///   guessed cut): that row is left. With `is_last` an unfinished row is read as it is or is
    ///   an error.
    ///
    /// Every table of the batch is left [finished](tidemill_model::TableBatch::finish).
    fn read(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        batch: &mut Batch,
        errors: &mut Vec<RowError>,
    ) -> Taken;

    /// Tells other readers of the same input what series are in the store, once their rows were taken out of
    /// the batch: `id_of` says it of a table's index and a series' number in the batch; nothing, of a series
    /// that was refused. The batch forgets its series then.
    ///
    /// Readers that share nothing leave it as it is.
    fn share(&mut self, batch: &mut Batch, id_of: &dyn Fn(usize, u32) -> Option<u32>) {
        let _ = (batch, id_of);
    }
}

/// What a [`RowReader`] has taken of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Taken {
    /// How many bytes.
    pub bytes: usize,
    /// Whether the batch is full, and the rest of the chunk is still to be read.
    pub is_full: bool,
}

/// How many cells (rows times columns, table by table) fill a batch: as many as the densest chunk
/// of 4 MiB has values.
const FULL_BATCH_CELLS: usize = 1 << 20;
/// The least text that a value and its name take: `u=1,`.
const MIN_VALUE_BYTES: usize = 4;

/// How many cells of a batch `chunk_bytes` of text may be given.
///
/// A row has a cell for every column that its table has in the batch. So where each row has other
/// fields, memory grows as rows times fields, a thousand times the text; where they have the same,
/// the text itself bounds it, and no batch is full before the chunk ends.
fn max_cells(chunk_bytes: usize) -> usize {
    FULL_BATCH_CELLS.max(chunk_bytes / MIN_VALUE_BYTES)
}
