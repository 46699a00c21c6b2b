//! A time-series engine: ingest, store, query.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! use tidemill::{Options, Scan, Store};
//!
//! let store = Store::open(dir, Options::default())?;
//! let written = store.write_line_protocol(b"cpu,host=a usage=1.5 10\ncpu,host=b usage=2 20\n")?;
//! assert_eq!(written.rows, 2); // and they are on the disk
//! for rows in store.scan("cpu", &Scan::default())? {
//!     let rows = rows?;
//!     println!("{:?} {:?} {:?}", rows.tags, rows.times, rows.columns);
//! }
//! store.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! * [`Store`]: open, write, scan, `sql` (with the feature `sql`, on by default), flush, close.
//! * [`import`]: files and streams in line protocol, CSV, NDJSON, Parquet.
//! * [`check`], [`repair`], [`Store::backup`]: what is damaged, what can be saved, a copy while writing.
//! * [`Options`]: memory budget, durability, duplicates, read-only.
//!
//! What stands below is re-exported where it is part of this interface: [`Batch`] to write rows
//! without text, [`Snapshot`] to read pieces of series and stored statistics.
#![forbid(unsafe_code)]

mod error;
pub mod import;
#[cfg(feature = "sql")]
mod parquet;
#[cfg(feature = "sql")]
mod parquet_rows;
mod salvage;
mod scan;
#[cfg(feature = "sql")]
mod sql;
mod store;

pub use error::{Error, ErrorKind, Result};
pub use salvage::{check, repair};
pub use scan::{Scan, Scanned, ScannedRows};
pub use store::{BadLine, MAX_WRITE_BYTES, Store, WrittenLines};

pub use tidemill_analysis as analysis;
pub use tidemill_memory::Budget;
pub use tidemill_model::{
    Batch, Bitmap, Column, Duplicates, FieldSchema, FieldType, SeriesKey, TableBatch, TableSchema,
    TimeRange, Value, Values,
};
pub use tidemill_parse as parse;
#[cfg(feature = "sql")]
pub use tidemill_query as query;
pub use tidemill_store::{
    BackedUp, Check, Compacted, Compression, Damage, Durability, Lost, Options, Recovery,
    Rejection, Repaired, RepairedTable, Report, Snapshot, TableView, Written, default_budget_bytes,
};
pub use tidemill_workload as workload;
