use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use tidemill_codec::Encoder;
use tidemill_memory::{Budget, Recycle, Reservation};
use tidemill_model::{Batch, TableSchema};

use crate::bytes::Put;
use crate::chunk::{Chunk, ClusterScratch};
use crate::commit::Commit;
use crate::definition::Definition;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::flush::LastHandle;
use crate::ingest::{BatchMap, Ingest, Rejection};
use crate::options::Options;
use crate::read::{Memory, Segments, Snapshot, TableView, ViewInner};
use crate::recycle::Spare;
use crate::segment::Segment;
use crate::wal::{End, Log, MAX_RECORD_BYTES, Marker, encode_rows};

/// A store: a directory of tables. Cheap to clone; all clones are the same store.
///
/// Dropping the last clone closes it; [`Store::close`] does so with a result.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    _last: Arc<LastHandle>,
}

/// Locks are taken in the order of these fields, never the other way. (`commit` and `tables` are
/// held for moments.)
pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) spare: Arc<Spare>,
    /// Writers share it; a bulk load, which defines things it may take back, excludes them.
    pub(crate) gate: RwLock<()>,
    /// One compaction at a time.
    pub(crate) compaction: Mutex<()>,
    /// One flush at a time.
    pub(crate) maintenance: Mutex<()>,
    /// What tables are, and the order of writes.
    pub(crate) ingest: Mutex<Ingest>,
    /// What is durable.
    pub(crate) commit: Mutex<Commit>,
    /// What readers see.
    pub(crate) tables: RwLock<Vec<TableState>>,
    /// `None`: read only.
    pub(crate) log: Option<Arc<Log>>,
    pub(crate) next_file: AtomicU64,
    pub(crate) memtable: Mutex<Reservation>,
    pub(crate) is_flushing: AtomicBool,
    /// The last flush beside the writers.
    pub(crate) flusher: Mutex<Option<JoinHandle<()>>>,
    /// The last time given to a row without one.
    pub(crate) last_untimed: AtomicI64,
    pub(crate) is_closed: AtomicBool,
    pub(crate) recovery: Recovery,
    pub(crate) _marker: Option<Marker>,
    /// Held as long as the store is open.
    pub(crate) _lock: Option<Box<dyn Send + Sync>>,
}

/// What a writer needs for a moment.
#[derive(Default)]
pub(crate) struct WriteScratch {
    rows: Vec<u8>,
    encoder: Encoder,
    cluster: ClusterScratch,
}

impl Recycle for WriteScratch {
    fn clear(&mut self) {
        self.rows.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.rows.capacity() + self.encoder.memory_bytes() + self.cluster.memory_bytes()
    }
}

/// What readers see of a table.
#[derive(Debug)]
pub(crate) struct TableState {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) definition: Arc<RwLock<Definition>>,
    pub(crate) series_count: u32,
    /// By age.
    pub(crate) segments: Arc<Segments>,
    /// Rows in memory, by sequence; the last ones may not be durable yet.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// The rows of the last snapshot, sorted if it needed them.
    pub(crate) memory: Arc<Memory>,
}

/// What opening a store found to mend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Rows that came back from the log.
    pub replayed_rows: u64,
    /// Bytes of a write at the end of the log that was cut off before it was acknowledged, and
    /// the file they stood in.
    pub torn_tail: Option<(PathBuf, u64)>,
    /// The log was not closed: the file, and the bytes of writes in it behind the last moment it was
    /// known to be durable. All of them came back; that more followed and was lost cannot be told.
    pub unclosed_log: Option<(PathBuf, u64)>,
    /// Marks of logs that were damaged, and their offsets; another mark of the same log counted.
    pub damaged_marks: Vec<(PathBuf, u64)>,
    /// Files that were being written and never became part of the store; they were removed.
    pub removed_files: Vec<PathBuf>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows taken.
    pub rows: u64,
    /// Rows refused; the others are in.
    pub rejections: Vec<Rejection>,
}

/// A way into a store for one thread, which remembers what its batch's series are: to write the
/// same series again costs no lookup.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    map: BatchMap,
}

impl Store {
    pub(crate) fn new(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        Self { _last: Arc::new(LastHandle(Arc::clone(&inner))), inner }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// The memory this store may use.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.inner.options.budget
    }

    /// What opening it found to mend.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
    }

    /// Whether it was opened to be read only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.inner.log.is_none()
    }

    /// All tables as they are now: what was acknowledged is in it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    /// Makes everything acknowledged durable, whatever the store's [`crate::Durability`] says, and
    /// notes in the log how far it is: what is damaged or missing before that is an error when
    /// the store is opened, and not taken for a write that was cut off.
    ///
    /// # Errors
    /// When the disk fails: the store takes no more then.
    pub fn sync(&self) -> Result<()> {
        self.inner.log()?.sync_and_mark(End::Open)
    }

    /// Does what an open store does by itself when nothing is written for a tenth of a second: it
    /// marks how far its log is durable. On a disk without real time ([`crate::SimDisk`]) nothing
    /// happens by itself, and a test says when. Like there, that it failed is told to the next
    /// writer only.
    ///
    /// # Errors
    /// When the store is closed or read only.
    pub fn idle(&self) -> Result<()> {
        self.inner.log()?.idle();
        Ok(())
    }

    /// A way to write for one thread.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer { store: self.clone(), map: BatchMap::default() }
    }

    /// Writes the rows of a batch and leaves it empty. When this returns, they are as durable as
    /// the store's [`crate::Durability`] says, and all of them or (after a crash before) none
    /// are in.
    ///
    /// Who writes often keeps a [`Writer`] and a batch.
    ///
    /// # Errors
    /// When the disk fails: the store takes no more then. Rows that the schema refuses are no
    /// error; see [`Written::rejections`].
    pub fn write(&self, batch: &mut Batch) -> Result<Written> {
        self.writer().write(batch)
    }
}

impl Writer {
    /// As [`Store::write`]. With the same batch each time, known series cost no lookup.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write(&mut self, batch: &mut Batch) -> Result<Written> {
        self.store.inner.write(batch, &mut self.map)
    }
}

impl Inner {
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.options.disk
    }

    pub(crate) fn lock_ingest(&self) -> MutexGuard<'_, Ingest> {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read_tables(&self) -> RwLockReadGuard<'_, Vec<TableState>> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write_tables(&self) -> RwLockWriteGuard<'_, Vec<TableState>> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> Result<&Log> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(Error::invalid("the store is closed"));
        }
        self.log.as_deref().ok_or_else(Error::read_only)
    }

    fn write(self: &Arc<Self>, batch: &mut Batch, map: &mut BatchMap) -> Result<Written> {
        let log = self.log()?;
        let mut written = Written::default();
        let sequence = {
            let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            self.settle_times(batch);
            let mut ingest = self.lock_ingest();
            ingest.check_stored(batch)?;
            if !map.is_complete_for(batch, ingest.epoch()) {
                ingest.resolve(batch, map, self.options.duplicates);
            }
            let is_strict =
                ingest.tables.iter().any(|t| t.duplicates == tidemill_model::Duplicates::Error);
            // Encoding is the work, and needs no lock, unless rows are compared with stored ones.
            let mut ingest = if is_strict {
                Some(ingest)
            } else {
                drop(ingest);
                None
            };
            let spare = |_| self.spare.chunks.take();
            let mut chunks = map.take_chunks(batch, &mut written.rejections, spare);
            if let Some(ingest) = &ingest {
                self.refuse_duplicates(ingest, &mut chunks, (&[], &[]), &mut written.rejections)?;
            }
            if chunks.is_empty() {
                drop(ingest);
                // What they were refused for may be a write that is not acknowledged yet, and
                // may never be.
                log.wait_for_all()?;
                return Ok(written);
            }
            let mut scratch = self.spare.writes.take();
            let WriteScratch { rows, encoder, cluster } = &mut scratch;
            for (table, chunk) in &mut chunks {
                chunk.cluster(cluster);
                // The log holds what stands where a value is missing: the one before it is short.
                chunk.columns.iter_mut().for_each(|(_, column)| column.fill_gaps());
                written.rows += chunk.rows() as u64;
                encode_rows(*table, chunk, encoder, rows);
            }
            let mut ingest = ingest.take().unwrap_or_else(|| self.lock_ingest());
            // It may have been closed meanwhile.
            self.log()?;
            let sequence = self.append(log, &mut ingest, chunks, &scratch.rows)?;
            self.spare.writes.put(scratch);
            sequence
        };
        log.wait(sequence)?;
        self.flush_if_full();
        Ok(written)
    }

    /// Gives rows without a time the present one, a nanosecond apart, and none twice.
    fn settle_times(&self, batch: &mut Batch) {
        for table in batch.tables_mut().iter_mut().filter(|table| !table.untimed().is_empty()) {
            let untimed = table.untimed().to_vec();
            let (now, count) = (self.disk().now_ns(), untimed.len() as i64);
            let first = |last: i64| now.max(last.saturating_add(1));
            let last =
                self.last_untimed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
                    Some(first(last).saturating_add(count - 1))
                });
            let first = first(last.unwrap_or_else(|last| last));
            for (ordinal, row) in untimed.into_iter().enumerate() {
                table.times_mut()[row as usize] = first.saturating_add(ordinal as i64);
            }
        }
    }

    /// Puts a write into its place in the order of all: the log and the memtable.
    fn append(
        &self,
        log: &Log,
        ingest: &mut Ingest,
        chunks: Vec<(u32, Chunk)>,
        rows: &[u8],
    ) -> Result<u64> {
        let sequence = ingest.next_sequence;
        let mut additions = Vec::new();
        let mut count = 0u64;
        if ingest.has_unlogged {
            for (id, table) in ingest.tables.iter().enumerate() {
                let definition = table.definition.read().unwrap_or_else(PoisonError::into_inner);
                if definition.mark() != table.logged || table.logged == Default::default() {
                    let mut addition = Vec::new();
                    definition.encode_since(&table.logged, &mut addition);
                    additions.put_varint(id as u64);
                    additions.put_bytes(&addition);
                    count += 1;
                }
            }
        }
        let mut head = Vec::new();
        head.put_varint(count);
        if additions.len() + rows.len() > MAX_RECORD_BYTES / 2 {
            let bytes = additions.len() + rows.len();
            let message =
                format!("a batch of {bytes} bytes, {} of them definitions", additions.len());
            return Err(Error::new(ErrorKind::Limit, message));
        }
        log.enqueue(sequence, &[&head, &additions, rows])?;
        ingest.next_sequence += 1;
        if ingest.has_unlogged {
            ingest.mark_logged();
        }
        let mut tables = self.write_tables();
        if count > 0 {
            publish_definitions(ingest, &mut tables);
        }
        let mut bytes = 0;
        for (table, mut chunk) in chunks {
            chunk.sequence = sequence;
            bytes += chunk.memory_bytes();
            tables[table as usize].chunks.push(Arc::new(chunk));
        }
        drop(tables);
        let mut memtable = self.memtable.lock().unwrap_or_else(PoisonError::into_inner);
        let held = memtable.bytes();
        memtable.force(held + bytes);
        Ok(sequence)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let durable = self.log.as_deref().map_or(u64::MAX, Log::durable_sequence);
        let mut stale = Vec::new();
        let views: Vec<TableView> = {
            let tables = self.read_tables();
            let view = |(index, table): (usize, &TableState)| {
                let visible = table.chunks.partition_point(|chunk| chunk.sequence <= durable);
                let memory = if table.memory.is_of(&table.chunks[..visible]) {
                    Arc::clone(&table.memory)
                } else {
                    let chunks = table.chunks[..visible].to_vec();
                    let memory = Arc::new(Memory::new(chunks, table.schema.duplicates));
                    stale.push((index, Arc::clone(&memory)));
                    memory
                };
                table.view(memory, Arc::clone(&self.spare))
            };
            tables.iter().enumerate().map(view).collect()
        };
        if !stale.is_empty() {
            let mut tables = self.write_tables();
            for (index, memory) in stale {
                if let Some(table) = tables.get_mut(index) {
                    table.memory = memory;
                }
            }
        }
        Snapshot { tables: views.into() }
    }
}

impl TableState {
    pub(crate) fn new(definition: Arc<RwLock<Definition>>) -> Self {
        let mut this = Self {
            schema: Arc::default(),
            definition,
            series_count: 0,
            segments: Arc::default(),
            chunks: Vec::new(),
            memory: Arc::default(),
        };
        this.publish();
        this
    }

    /// Shows readers other segments.
    pub(crate) fn change_segments(&mut self, change: impl FnOnce(&mut Vec<Arc<Segment>>)) {
        let mut segments = self.segments.to_vec();
        change(&mut segments);
        segments.sort_by_key(|segment| segment.entry.sequence);
        self.segments = Arc::new(segments.into());
    }

    /// Shows readers the definition as it is now.
    pub(crate) fn publish(&mut self) {
        let definition = self.definition.read().unwrap_or_else(PoisonError::into_inner);
        if *self.schema != definition.schema {
            self.schema = Arc::new(definition.schema.clone());
        }
        self.series_count = definition.index.len();
    }

    pub(crate) fn view(&self, memory: Arc<Memory>, spare: Arc<Spare>) -> TableView {
        TableView {
            inner: Arc::new(ViewInner {
                schema: Arc::clone(&self.schema),
                definition: Arc::clone(&self.definition),
                series_count: self.series_count,
                segments: Arc::clone(&self.segments),
                memory,
                chunks: Arc::clone(&spare.shared),
                spare,
            }),
        }
    }
}

/// Shows readers all definitions as they are now, new tables included.
pub(crate) fn publish_definitions(ingest: &Ingest, tables: &mut Vec<TableState>) {
    tables.iter_mut().for_each(TableState::publish);
    for table in &ingest.tables[tables.len()..] {
        tables.push(TableState::new(Arc::clone(&table.definition)));
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).finish_non_exhaustive()
    }
}
