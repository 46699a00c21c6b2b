//! Segments: immutable files of one table's rows in the order of series and time. See
//! `docs/formats/segment.md`.
//!
//! ```text
//! segment := magic "TIDEMSEG", version u32, table u32,
//!            block*, footer, footer bytes u32, crc32c u32 of the footer, magic "TIDEMSEG"
//! block   := column chunk of the times, column chunk of each field of the segment
//! chunk   := flags u8 (1: validity, 2: statistics), validity bytes u32 if flag 1,
//!            statistics bytes u32 if flag 2, validity, statistics, values
//! ```
//!
//! Version 2 is that of segments whose encodings were chosen to be small: numbers may stand in pages
//! there, which no writer of version 1 makes.
//!
//! A block is up to 8,192 rows: either whole runs of rows (a run is the rows of one series) or a
//! piece of a single long one. A field without any value in a block has a chunk of no bytes. The
//! length and CRC32C of every chunk stand in the footer (`footer.rs`); validity, values and times
//! are encoded by `tidemill-codec`, statistics as `statistics.rs` says.

mod block;
mod build;
mod file;
mod footer;
mod kept;
mod packed;
mod plan;
mod runs;
mod statistics;
mod writer;

pub(crate) use block::{BlockData, BlockScratch, EncodedBlock};
pub(crate) use build::{BlockSource, SegmentTarget, build_segment};
pub(crate) use file::{ColumnChunk, Segment};
pub(crate) use kept::BlockStatistics;
pub(crate) use plan::{BlockPlan, plan_blocks};
pub use statistics::{AnyAggregate, StoredAggregate};
pub(crate) use statistics::{MIN_SLICE_ROWS, decode_slice, slices, statistics_of};
pub(crate) use writer::SegmentWriter;

const MAGIC: &[u8; 8] = b"TIDEMSEG";
const FAST_VERSION: u32 = 1;
const SMALL_VERSION: u32 = 2;
const HEADER_BYTES: u64 = 16;

const HAS_VALIDITY: u8 = 1;
const HAS_STATISTICS: u8 = 2;
