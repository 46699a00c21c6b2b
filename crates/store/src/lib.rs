//! Durable storage of time series: a directory of immutable, compressed, checksummed files.
//!
//! # The way of a write
//!
//! [`Store::write`] takes a [`tidemill_model::Batch`]. Under the ingest lock the names in it become the
//! store's numbers (table, series, field; new ones are defined, misfits refused), its rows are encoded
//! without a lock, and then get their place in the order of all writes: a sequence number, a frame in
//! the log, a chunk in the memtable. Writers that come together share one fsync; after it the write is
//! acknowledged and visible. A full memtable is *flushed*: the log goes on in a new file, the rows
//! are sorted by series and time into segments, and one replacement of the manifest makes
//! those part of the store and the old log superfluous. *Compaction* merges segments that overlap
//! or are small; a *deletion* writes them anew without the rows that go. A [`Bulk`] load goes past the log into segments, committed by one manifest.
//!
//! # The way of a read
//!
//! [`Store::snapshot`] is what was acknowledged at that moment: an `Arc` of each source. A [`Reader`] gives the
//! rows of a series as [`Piece`]s, ascending and disjoint in time: stretches of one block where no other
//! source has the same times, merged ones elsewhere. Of a piece one asks the times, columns, or
//! the statistics that stand in the segment. No read waits for a write, and files that were replaced stay
//! open for those who read them.
//!
//! # What is always true
//!
//! * Locks are taken in one order: `gate` (writers share it, a bulk load excludes them),
//!   `compaction` and `maintenance` (one compaction, one flush), `ingest` (definitions, the order of writes), `commit` (the manifest), `tables`
//!   (what readers see), and within them the log's own. No fsync happens under `tables`.
//! * Sequence numbers have no holes between the manifest's `flushed_sequence` and the end of the log, so that a
//!   missing log is noticed.
//! * Durable: a row when its write returns (unless [`Durability`] says less), with the definitions it
//!   needs, in the same frame; a flush, bulk load or compaction when the manifest's directory is synced. Order: segment
//!   and definitions synced, directory synced, manifest synced, renamed, directory synced, old files removed.
//! * What recovery finds it makes durable before it builds on it.
//! * After a failed write or fsync nothing more is acknowledged ([`ErrorKind::Poisoned`]); nothing is retried.
//!   Reopening finds every acknowledged row, and a batch or bulk load whole or not at all.
//! * One process writes (`LOCK`); others open read only and see whole acknowledged writes.
//! * Bytes from disk are untrusted: damage is an [`Error`] that names file and offset, never a panic.
//!
//! All I/O and the clock go through [`Disk`]. [`SimDisk`] loses power and [`FaultyDisk`] fails on
//! demand; `tests/` runs the store on them against a naive model. The bytes are described in `docs/formats`.
#![forbid(unsafe_code)]

mod backup;
mod bulk;
mod bytes;
mod check;
mod chunk;
mod column_codec;
mod commit;
mod compact;
#[cfg(test)]
mod crafted_tests;
mod definition;
mod definition_file;
mod delete;
mod disk;
mod duplicates;
mod error;
mod flush;
mod ingest;
mod manifest;
mod open;
mod options;
mod read;
mod recycle;
mod repair;
mod salvage;
mod segment;
mod series_index;
mod sorted;
mod stages;
mod store;
mod tag_codes;
mod wal;
mod workers;

pub use backup::BackedUp;
pub use bulk::{Bulk, BulkMap, Loaded, LoadedTable};
pub use check::{Check, check, check_with_progress};
pub use compact::Compacted;
pub use disk::{Disk, DiskFile, Failure, Fault, FaultyDisk, Lie, Operation, RealDisk, SimDisk};
pub use error::{Error, ErrorKind, Result};
pub use ingest::Rejection;
pub use options::{Durability, Options, default_budget_bytes};
pub use read::{ColumnSlice, Piece, Reader, SliceValues, Snapshot, TableView, TextSlice};
pub use repair::{Repaired, RepairedTable, repair, repair_with_progress};
pub use salvage::{Damage, Lost, Report};
pub use segment::{AnyAggregate, StoredAggregate};
pub use series_index::SeriesIndex;
pub use store::{Recovery, Store, Writer, Written};
pub use tag_codes::TagCodes;
pub use tidemill_codec::Compression;
pub use workers::{share, workers};
