//! Loading files: past the log, straight into segments, committed by one manifest.

mod pending;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLockWriteGuard};

use tidemill_memory::Reservation;
use tidemill_model::{Batch, Duplicates};

use crate::chunk::Chunk;
use crate::commit::Change;
use crate::definition::Mark;
use crate::duplicates::count_duplicates;
use crate::error::{Error, Result};
use crate::ingest::{BatchMap, Rejection};
use crate::manifest::{SegmentEntry, segment_path};
use crate::segment::Segment;
use crate::sorted::SortedRows;
use crate::stages;
use crate::store::{Inner, Store, publish_definitions};
use crate::workers::together;
use pending::Pending;

/// A bulk load's rows are written to a segment when they hold this part of the budget.
const BUDGET_PART: usize = 3;
/// …or this many bytes, whichever is less: enough for runs that compress well.
const MAX_PENDING_BYTES: usize = 80 << 20;

/// A bulk load: rows that become part of the store all at once with [`Bulk::commit`], or never.
///
/// It goes past the log. Other writers wait until it is dropped; readers don't. What was not
/// committed is taken back when it is dropped.
#[derive(Debug)]
pub struct Bulk<'a> {
    inner: &'a Arc<Inner>,
    _gate: RwLockWriteGuard<'a, ()>,
    duplicates: Duplicates,
    marks: Vec<Mark>,
    /// The sequence number of the next write at that time.
    start_sequence: u64,
    /// Rows not in a segment yet, and memory for the next ones.
    pending: Pending,
    /// For them.
    reservation: Reservation,
    /// Segments that wait for the manifest.
    written: Vec<SegmentEntry>,
    /// Those of tables that refuse duplicates, to compare later rows with.
    strict: Vec<Arc<Segment>>,
    /// A call failed, and its rows are neither here nor there: nothing may be committed.
    has_failed: bool,
    /// The latest time of each series, by table.
    last_times: Vec<Vec<i64>>,
    counts: Loaded,
    /// Late rows and duplicates by table.
    by_table: Vec<LoadedTable>,
}

/// What a bulk load has done since its last commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows taken, those that overwrote others included.
    pub rows: u64,
    /// Rows that came after a later row of their series.
    pub late: u64,
    /// Rows of the same series and time as another, stored before or in this load.
    pub duplicates: u64,
    /// The same by table, where there are any.
    pub tables: BTreeMap<String, LoadedTable>,
}

/// What a bulk load has done to one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadedTable {
    /// See [`Loaded::late`].
    pub late: u64,
    /// See [`Loaded::duplicates`].
    pub duplicates: u64,
}

/// What a batch's numbers mean in the store; one a batch, see [`Bulk::append`].
#[derive(Debug, Default)]
pub struct BulkMap(BatchMap);

impl BulkMap {
    /// The id that the store has given a series of the batch with this [`Batch::id`] when it was appended, by its
    /// table's index and its number there; nothing, when it was refused or had no row yet. Rows may name it
    /// ([`tidemill_model::TableBatch::STORED`]) until [`Bulk::rollback`].
    #[must_use]
    pub fn series_id(&self, batch: u64, table: usize, number: u32) -> Option<u32> {
        self.0.series_id(batch, table, number)
    }
}

impl Store {
    /// Starts a bulk load. `duplicates` is what tables created by it do with duplicate rows.
    ///
    /// # Errors
    /// When the store is read only, or the disk fails.
    pub fn bulk(&self, duplicates: Duplicates) -> Result<Bulk<'_>> {
        let inner = &self.inner;
        // Most of what is in memory goes while others may still write.
        inner.flush_memory()?;
        let gate = inner.gate.write().unwrap_or_else(PoisonError::into_inner);
        // What is in memory is older than all that is loaded now.
        inner.flush_memory()?;
        let (marks, start_sequence) = {
            let ingest = inner.lock_ingest();
            (ingest.marks(), ingest.next_sequence)
        };
        Ok(Bulk {
            inner,
            _gate: gate,
            duplicates,
            marks,
            start_sequence,
            pending: Pending::default(),
            reservation: inner.options.budget.empty(),
            written: Vec::new(),
            strict: Vec::new(),
            has_failed: false,
            last_times: Vec::new(),
            counts: Loaded::default(),
            by_table: Vec::new(),
        })
    }
}

impl Bulk<'_> {
    /// Takes the rows of a batch and leaves it empty. `map` is kept with the batch, so that known
    /// series cost no lookup. Rows must all have a time ([`tidemill_model::TableBatch::untimed`]).
    ///
    /// # Errors
    /// When the disk fails; all that is left then is [`Bulk::rollback`]. Rows that the schema
    /// refuses go to `rejections`.
    pub fn append(
        &mut self,
        batch: &mut Batch,
        map: &mut BulkMap,
        rejections: &mut Vec<Rejection>,
    ) -> Result<()> {
        self.refuse_after_failure()?;
        let appended = self.append_rows(batch, map, rejections);
        self.has_failed = appended.is_err();
        appended
    }

    fn append_rows(
        &mut self,
        batch: &mut Batch,
        map: &mut BulkMap,
        rejections: &mut Vec<Rejection>,
    ) -> Result<()> {
        let chunks = {
            let _resolving = stages::RESOLVE.enter();
            let mut ingest = self.inner.lock_ingest();
            ingest.check_stored(batch)?;
            if !map.0.is_complete_for(batch, ingest.epoch()) {
                ingest.resolve(batch, &mut map.0, self.duplicates);
            }
            let Self { inner, pending, .. } = self;
            let spare = |table| pending.spare(table).unwrap_or_else(|| inner.spare.chunks.take());
            let mut chunks = map.0.take_chunks(batch, rejections, spare);
            let uncommitted = (self.pending.chunks(), &self.strict[..]);
            self.inner.refuse_duplicates(&ingest, &mut chunks, uncommitted, rejections)?;
            chunks
        };
        for (table, mut chunk) in chunks {
            // None will be named any more.
            chunk.positions.clear();
            self.counts.rows += chunk.rows() as u64;
            self.count_late(table, &chunk);
            self.pending.push(table, chunk);
        }
        let limit = (self.inner.options.budget.limit_bytes() / BUDGET_PART).min(MAX_PENDING_BYTES);
        self.pending.shrink_spare(limit);
        self.reservation.force(self.pending.memory_bytes());
        if self.pending.bytes() >= limit { self.write_pending() } else { Ok(()) }
    }

    /// Rows taken since the last commit.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.rows
    }

    /// Makes everything appended so far part of the store, durably, at once.
    ///
    /// # Errors
    /// When the disk fails. Either all of it is in the store then, or nothing, and all that is left
    /// is [`Bulk::rollback`].
    pub fn commit(&mut self) -> Result<Loaded> {
        self.refuse_after_failure()?;
        let committed = self.commit_all();
        self.has_failed = committed.is_err();
        committed
    }

    /// [`Bulk::commit`], and no rows will follow: what is kept for them in memory goes first.
    ///
    /// # Errors
    /// As [`Bulk::commit`]; what was not committed is taken back.
    pub fn finish(mut self) -> Result<Loaded> {
        self.refuse_after_failure()?;
        self.write_pending()?;
        self.pending.shrink_spare(0);
        self.last_times = Vec::new();
        self.commit()
    }

    fn commit_all(&mut self) -> Result<Loaded> {
        self.write_pending()?;
        if self.written.is_empty() {
            self.inner.log()?.takes_more()?;
            return Ok(self.take_counts());
        }
        for (table, duplicates) in count_duplicates(self.inner, &self.written)? {
            self.table_counts(table).duplicates += duplicates;
        }
        let mut ingest = self.inner.lock_ingest();
        let flushed_sequence = Some(ingest.next_sequence - 1);
        let add = std::mem::take(&mut self.written);
        self.strict.clear();
        let change = Change { add, flushed_sequence, ..Change::default() };
        let committed = self.inner.commit(&change, Some(&ingest));
        if committed.is_err() && !self.inner.is_in_doubt() {
            // Otherwise the manifest may name them: the next opening decides.
            self.written = change.add;
        }
        let segments = committed?;
        ingest.mark_logged();
        let mut tables = self.inner.write_tables();
        publish_definitions(&ingest, &mut tables);
        for segment in segments {
            tables[segment.entry.table as usize].change_segments(|all| all.push(segment));
        }
        drop(tables);
        self.marks = ingest.marks();
        self.start_sequence = ingest.next_sequence;
        drop(ingest);
        self.inner.compact_if_needed();
        Ok(self.take_counts())
    }

    fn table_counts(&mut self, table: u32) -> &mut LoadedTable {
        if self.by_table.len() <= table as usize {
            self.by_table.resize(table as usize + 1, LoadedTable::default());
        }
        &mut self.by_table[table as usize]
    }

    fn take_counts(&mut self) -> Loaded {
        let mut counts = std::mem::take(&mut self.counts);
        let by_table = std::mem::take(&mut self.by_table);
        let states = self.inner.read_tables();
        for (state, table) in states.iter().zip(by_table) {
            counts.late += table.late;
            counts.duplicates += table.duplicates;
            if table != LoadedTable::default() {
                counts.tables.insert(state.schema.name.clone(), table);
            }
        }
        counts
    }

    /// Takes back everything since the last commit.
    pub fn rollback(&mut self) {
        self.pending = Pending::default();
        self.strict.clear();
        self.has_failed = false;
        self.reservation.force(0);
        let dir = &self.inner.dir;
        let written = std::mem::take(&mut self.written);
        self.inner.remove_files(written.iter().map(|entry| segment_path(dir, entry.file)));
        let mut ingest = self.inner.lock_ingest();
        ingest.truncate(&self.marks);
        ingest.next_sequence = self.start_sequence;
        drop(ingest);
        self.last_times.clear();
        self.by_table.clear();
        self.counts = Loaded::default();
    }

    fn refuse_after_failure(&self) -> Result<()> {
        if self.has_failed {
            return Err(Error::invalid("an earlier call of this bulk load failed; roll it back"));
        }
        Ok(())
    }

    fn count_late(&mut self, table: u32, chunk: &Chunk) {
        if self.last_times.len() <= table as usize {
            self.last_times.resize_with(table as usize + 1, Vec::new);
        }
        let last_times = &mut self.last_times[table as usize];
        let highest = chunk.series.iter().max().map_or(0, |series| *series as usize + 1);
        if last_times.len() < highest {
            last_times.resize(highest, i64::MIN);
        }
        let mut late = 0;
        for (series, time) in chunk.series.iter().zip(&chunk.times) {
            let last = &mut last_times[*series as usize];
            late += u64::from(*time < *last);
            *last = (*last).max(*time);
        }
        self.table_counts(table).late += late;
    }

    fn write_pending(&mut self) -> Result<()> {
        let _flushing = stages::FLUSH.enter();
        for (table, chunks) in self.pending.take().into_iter().enumerate() {
            if chunks.is_empty() {
                continue;
            }
            let (sequence, duplicates) = {
                let mut ingest = self.inner.lock_ingest();
                ingest.next_sequence += 1;
                (ingest.next_sequence - 1, ingest.tables[table].duplicates)
            };
            let sorted = SortedRows::new(self.cluster(chunks), duplicates);
            self.table_counts(table as u32).duplicates += sorted.overwritten();
            let entry = self.inner.write_segment(table as u32, sequence, &sorted)?;
            if duplicates == Duplicates::Error {
                let segment = Segment::open(self.inner.disk(), &self.inner.dir, entry.clone())?;
                self.strict.push(Arc::new(segment));
            }
            self.written.push(entry);
            // Nobody else ever had them.
            let written = sorted.into_chunks().into_iter().filter_map(Arc::into_inner);
            written.for_each(|chunk| self.pending.put_spare(table as u32, chunk));
        }
        self.reservation.force(self.pending.memory_bytes());
        Ok(())
    }

    /// Clusters chunks, in parallel.
    fn cluster(&self, mut chunks: Vec<Arc<Chunk>>) -> Vec<Arc<Chunk>> {
        let shelf = &self.inner.spare.clusters;
        let most = chunks.len();
        // Nobody else has them yet.
        let left = Mutex::new(chunks.iter_mut().filter_map(Arc::get_mut));
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        together(most, || {
            let _sorting = stages::SORT.enter();
            let mut scratch = shelf.take();
            while let Some(chunk) = next() {
                chunk.cluster(&mut scratch);
            }
            shelf.put(scratch);
        });
        chunks
    }
}

impl Drop for Bulk<'_> {
    fn drop(&mut self) {
        // Rows that were all refused may have defined something.
        let is_clean = self.written.is_empty()
            && self.pending.bytes() == 0
            && self.counts.rows == 0
            && self.inner.lock_ingest().marks() == self.marks;
        if !is_clean {
            self.rollback();
        }
    }
}
