//! Durable storage. (prose at the end)
#![forbid(unsafe_code)]

mod bulk;
mod bytes;
mod check;
mod chunk;
mod column_codec;
mod commit;
mod compact;
mod definition;
mod definition_file;
mod disk;
mod duplicates;
mod error;
mod flush;
mod ingest;
mod manifest;
mod open;
mod options;
mod read;
mod segment;
mod series_index;
mod sorted;
mod store;
mod wal;
mod workers;

pub use bulk::{Bulk, BulkMap, Loaded};
pub use check::Check;
pub use compact::Compacted;
pub use disk::{Disk, DiskFile, Failure, Fault, FaultyDisk, Operation, RealDisk, SimDisk};
pub use error::{Error, ErrorKind, Result};
pub use ingest::Rejection;
pub use options::{Durability, Options, default_budget_bytes};
pub use read::{
    ColumnSlice, Piece, Reader, SliceValues, Snapshot, StoredAggregate, TableView, TextSlice,
};
pub use segment::AnyAggregate;
pub use series_index::SeriesIndex;
pub use store::{Recovery, Store, Writer, Written};
pub use workers::workers;
