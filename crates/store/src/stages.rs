//! What the store's work consists of, for `--profile-memory`: off, each costs one load. Own times and
//! allocations add up: what a stage calls is that stage's.

use gauge_probe::Section;

/// A store is opened: what that takes beside the stages below.
pub(crate) static OPEN: Section = Section::new("open");
/// Columns of blocks come from the disk, and are checked.
pub(crate) static FETCH: Section = Section::new("fetch");
/// Columns of blocks are decoded.
pub(crate) static DECODE: Section = Section::new("decode");
/// Names of a bulk load's batch become numbers, its columns chunks.
pub(crate) static RESOLVE: Section = Section::new("resolve");
/// Rows come in the order of series and time.
pub(crate) static SORT: Section = Section::new("sort");
/// Columns of a block are gathered and encoded.
pub(crate) static ENCODE: Section = Section::new("encode");
/// A segment is written and synced.
pub(crate) static WRITE: Section = Section::new("write");
/// The log is written and synced.
pub(crate) static LOG: Section = Section::new("log");
/// Rows in memory become segments: what that takes beside the stages above, waiting for them included.
pub(crate) static FLUSH: Section = Section::new("flush");
/// Files become part of the store.
pub(crate) static COMMIT: Section = Section::new("commit");
/// Segments are merged.
pub(crate) static COMPACT: Section = Section::new("compact");
