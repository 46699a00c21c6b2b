use std::ops::Deref;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use tidemill_codec::Compression;
use tidemill_model::{TableSchema, TimeRange};

use super::{ChunkCache, Reader};
use crate::chunk::Chunk;
use crate::compact::are_disjoint;
use crate::definition::Definition;
use crate::recycle::Spare;
use crate::segment::Segment;
use crate::series_index::SeriesIndex;
use crate::sorted::SortedRows;

/// All tables as they were at one moment: what was acknowledged before is in it, nothing that
/// came after. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) tables: Arc<[TableView]>,
}

impl Snapshot {
    /// The tables, in the order they were created.
    #[must_use]
    pub fn tables(&self) -> &[TableView] {
        &self.tables
    }

    /// The table with exactly this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableView> {
        self.tables.iter().find(|table| table.name() == name)
    }
}

/// One table of a [`Snapshot`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TableView {
    pub(crate) inner: Arc<ViewInner>,
}

#[derive(Debug)]
pub(crate) struct ViewInner {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) definition: Arc<RwLock<Definition>>,
    pub(crate) series_count: u32,
    /// By age.
    pub(crate) segments: Arc<Segments>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) spare: Arc<Spare>,
    /// What was read last: the store's, unless all is read once.
    pub(crate) chunks: Arc<ChunkCache>,
}

/// The segments of a table, by age.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    all: Vec<Arc<Segment>>,
    are_disjoint: OnceLock<bool>,
}

impl From<Vec<Arc<Segment>>> for Segments {
    fn from(all: Vec<Arc<Segment>>) -> Self {
        Self { all, are_disjoint: OnceLock::new() }
    }
}

impl Deref for Segments {
    type Target = [Arc<Segment>];
    fn deref(&self) -> &[Arc<Segment>] {
        &self.all
    }
}

/// The memtable's rows of a table, sorted when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    chunks: Vec<Arc<Chunk>>,
    duplicates: tidemill_model::Duplicates,
    sorted: OnceLock<SortedRows>,
}

impl Memory {
    pub(crate) fn new(chunks: Vec<Arc<Chunk>>, duplicates: tidemill_model::Duplicates) -> Self {
        Self { chunks, duplicates, sorted: OnceLock::new() }
    }

    /// Whether it is made of exactly these chunks.
    pub(crate) fn is_of(&self, chunks: &[Arc<Chunk>]) -> bool {
        self.chunks.len() == chunks.len()
            && self.chunks.iter().zip(chunks).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// The last write it is made of; 0: none.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.sequence).max().unwrap_or(0)
    }

    pub(crate) fn sorted(&self) -> &SortedRows {
        self.sorted.get_or_init(|| SortedRows::new(self.chunks.clone(), self.duplicates))
    }
}

impl TableView {
    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.schema.name
    }

    /// Its schema.
    #[must_use]
    pub fn schema(&self) -> &TableSchema {
        &self.inner.schema
    }

    /// The schema, shared: the same `Arc` as long as the schema is the same.
    #[must_use]
    pub fn shared_schema(&self) -> Arc<TableSchema> {
        Arc::clone(&self.inner.schema)
    }

    /// The times of all rows, or [`TimeRange::EMPTY`].
    #[must_use]
    pub fn time_range(&self) -> TimeRange {
        let segments = self.inner.segments.iter().map(|segment| segment.entry.range);
        segments.fold(self.inner.memory.sorted().range(), TimeRange::union)
    }

    /// The number of rows; those of the same series and time in several sources count several
    /// times, so it is exact when [`TableView::is_disjoint`].
    #[must_use]
    pub fn max_rows(&self) -> u64 {
        let segments = self.inner.segments.iter().map(|segment| segment.entry.rows);
        segments.sum::<u64>() + self.inner.memory.sorted().rows() as u64
    }

    /// Whether no two sources may hold the same series and time, so that every row stands once.
    #[must_use]
    pub fn is_disjoint(&self) -> bool {
        let memory = self.inner.memory.sorted().range();
        let segments = &self.inner.segments;
        segments.iter().all(|segment| !segment.entry.range.overlaps(memory))
            && *segments.are_disjoint.get_or_init(|| are_disjoint(segments))
    }

    /// The number of series; their ids are `0..series_count`.
    #[must_use]
    pub fn series_count(&self) -> u32 {
        self.inner.series_count
    }

    /// The tags of the series. It may know series and values that came after the snapshot.
    ///
    /// This is a lock that writers wait for: copy out what is needed, don't hold it while
    /// scanning.
    #[must_use]
    pub fn series_index(&self) -> impl Deref<Target = SeriesIndex> + '_ {
        struct Guard<'a>(RwLockReadGuard<'a, Definition>);
        impl Deref for Guard<'_> {
            type Target = SeriesIndex;
            fn deref(&self) -> &SeriesIndex {
                &self.0.index
            }
        }
        Guard(self.inner.definition.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes of the table's segments on disk.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.inner.segments.iter().map(|segment| segment.entry.bytes).sum()
    }

    /// The number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.inner.segments.len()
    }

    /// How many of the segments were written to be small.
    #[must_use]
    pub fn small_segments(&self) -> usize {
        let segments = self.inner.segments.iter();
        segments.filter(|segment| segment.compression == Compression::Small).count()
    }

    /// The number of rows that stand in memory only (and in the log).
    #[must_use]
    pub fn memory_rows(&self) -> usize {
        self.inner.memory.sorted().rows()
    }

    /// A reader of this table's rows; each thread takes its own.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }
}
