//! The nouns that all floors share.
//!
//! A *table* (measurement) holds *series*: a series is the table and a sorted set of tags. Each
//! series has *fields* ([`FieldType`]: float, int, unsigned int, bool, text) at times in
//! nanoseconds since 1970-01-01T00:00:00Z, as `i64`.
//!
//! * [`TableSchema`], [`FieldType`], [`Duplicates`]: what a table looks like.
//! * [`Value`]: one value, borrowed.
//! * [`Column`], [`Bitmap`], [`Text`]: one column of values and which of them are present.
//! * [`Batch`], [`TableBatch`]: rows in arrival order, column by column: what a reader makes and
//!   a store takes.
//! * [`SeriesKey`]: the canonical bytes of a tag set.
//! * [`TimeRange`]: both ends included.
//! * [`Aggregate`]: count, sum, minimum, maximum, second moment, first and last, which merge.
#![forbid(unsafe_code)]

mod aggregate;
mod batch;
mod bitmap;
mod column;
mod schema;
mod series;
mod text;
mod time;
mod value;
mod values;

pub use aggregate::{Aggregate, Number};
pub use batch::{Batch, BatchColumn, TableBatch, TakenRows};
pub use bitmap::{Bitmap, count_ones};
pub use column::Column;
pub use schema::{Duplicates, FieldSchema, TableSchema};
pub use series::{KeyError, MAX_TAG_BYTES, SeriesKey};
pub use text::Text;
pub use time::TimeRange;
pub use value::{FieldType, Value};
pub use values::Values;
