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
    /// `chunk` starts at a row. Returns the number of bytes taken: all of them, or, when
    /// `is_last` is false and the chunk ends inside a row (in a quoted string, after a guessed
    /// cut), those before that row. With `is_last` an unfinished row is read as it is or is an
    /// error, and all bytes are taken. Every table of the batch is left
    /// [finished](tidemill_model::TableBatch::finish).
    fn read(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        batch: &mut Batch,
        errors: &mut Vec<RowError>,
    ) -> usize;
}
