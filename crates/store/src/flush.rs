//! From the memtable to segments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tidemill_codec::Compression;

use crate::chunk::Chunk;
use crate::commit::Change;
use crate::error::Result;
use crate::manifest::SegmentEntry;
use crate::segment::{SegmentTarget, build_segment, plan_blocks};
use crate::sorted::SortedRows;
use crate::stages;
use crate::store::{Inner, Store};
use crate::wal::{End, log_number, log_path};

impl Store {
    /// Writes all rows in memory to segments and empties the log.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    /// Flushes and closes: clones of this store take no more writes. Waits for flushes and
    /// compactions that are going on. The directory's lock is given up with the last clone.
    ///
    /// # Errors
    /// When the disk fails; what was acknowledged is in the log then.
    pub fn close(self) -> Result<()> {
        if self.is_read_only() {
            return Ok(());
        }
        self.inner.flush_memory()?;
        let _compaction = self.inner.lock_compaction();
        // Whoever comes after this lock is given up finds the store closed.
        let _ingest = self.inner.lock_ingest();
        self.inner.log()?.sync_and_mark(End::OfLog)?;
        self.inner.is_closed.store(true, Ordering::Release);
        Ok(())
    }
}

impl Inner {
    pub(crate) fn lock_maintenance(&self) -> MutexGuard<'_, ()> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Flushes, then compacts what needs it.
    pub(crate) fn flush(&self) -> Result<()> {
        self.flush_memory()?;
        self.compact_if_needed();
        Ok(())
    }

    /// Flushes, and no more.
    pub(crate) fn flush_memory(&self) -> Result<()> {
        self.log()?;
        let _maintenance = self.lock_maintenance();
        self.flush_locked()
    }

    fn held_bytes(&self) -> usize {
        self.memtable.lock().unwrap_or_else(PoisonError::into_inner).bytes()
    }

    /// Starts a flush beside the writers when the memtable is full, and waits for one when it is
    /// twice that. What the caller wrote is in the log, whatever becomes of the flush: an error
    /// that puts later writes in doubt has poisoned the log, and is told to the next.
    pub(crate) fn flush_if_full(self: &Arc<Self>) {
        let limit = self.options.memtable_bytes();
        let held = self.held_bytes();
        if held >= 2 * limit {
            let _maintenance = self.lock_maintenance();
            // Others may have waited, too.
            if self.held_bytes() >= 2 * limit {
                self.settle_flush(self.flush_locked());
            }
        } else if held >= limit && !self.is_flushing.swap(true, Ordering::AcqRel) {
            let inner = Arc::clone(self);
            let flush = move || {
                let _done = Flushing(&inner.is_flushing);
                inner.settle_flush(inner.flush());
            };
            let started = std::thread::Builder::new().name("tidemill-flush".into()).spawn(flush);
            match started {
                Ok(thread) => {
                    let mut flusher = self.flusher.lock().unwrap_or_else(PoisonError::into_inner);
                    // The one before it is at its end.
                    let before = flusher.replace(thread).map(JoinHandle::join);
                    drop(before);
                }
                Err(error) => {
                    tracing::warn!(%error, "no thread to flush beside the writers");
                    self.is_flushing.store(false, Ordering::Release);
                    self.settle_flush(self.flush());
                }
            }
        }
    }

    /// A flush that nobody waits for failed: what it was to write stays in the log, which takes
    /// no more, so that memory does not grow without end.
    fn settle_flush(&self, flushed: Result<()>) {
        if let Err(error) = flushed {
            tracing::error!(%error, "flushing the memtable failed");
            if let Ok(log) = self.log() {
                log.poison(&error);
            }
        }
    }

    /// Flushes; the caller holds the maintenance lock.
    pub(crate) fn flush_locked(&self) -> Result<()> {
        let log = self.log()?;
        let (tables, sequence, log_file) = {
            let ingest = self.lock_ingest();
            let tables = self.read_tables();
            if tables.iter().all(|table| table.chunks.is_empty()) {
                // What was written before may be in doubt.
                return log.takes_more();
            }
            let sequence = ingest.next_sequence - 1;
            let chunks: Vec<Vec<Arc<Chunk>>> = tables.iter().map(|t| t.chunks.clone()).collect();
            drop(tables);
            let log_file = self.next_file_number();
            log.rotate(self.disk(), log_file)?;
            (chunks, sequence, log_file)
        };
        let _flushing = stages::FLUSH.enter();
        let mut change = Change { flushed_sequence: Some(sequence), ..Change::default() };
        let written =
            tables.iter().enumerate().filter(|(_, chunks)| !chunks.is_empty()).try_for_each(
                |(table, chunks)| {
                    let duplicates = self.read_tables()[table].schema.duplicates;
                    let sorted = SortedRows::new(chunks.clone(), duplicates);
                    change.add.push(self.write_segment(table as u32, sequence, &sorted)?);
                    Ok(())
                },
            );
        let segments = self.commit_or_remove(written, &change, true)?;
        let mut states = self.write_tables();
        let mut flushed_bytes = 0;
        for (state, chunks) in states.iter_mut().zip(&tables) {
            flushed_bytes += chunks.iter().map(|chunk| chunk.memory_bytes()).sum::<usize>();
            state.chunks.drain(..chunks.len());
            // The last snapshot's view would keep what was flushed in memory.
            state.memory = Arc::default();
        }
        for segment in segments {
            states[segment.entry.table as usize].change_segments(|all| all.push(segment));
        }
        drop(states);
        self.memtable.lock().unwrap_or_else(PoisonError::into_inner).shrink(flushed_bytes);
        // Those that no snapshot holds.
        let unused = tables.into_iter().flatten().filter_map(Arc::into_inner);
        unused.for_each(|chunk| self.spare.chunks.put(chunk));
        self.remove_logs_before(log_file)
    }

    /// Writes sorted rows of a table as a segment.
    pub(crate) fn write_segment(
        &self,
        table: u32,
        sequence: u64,
        sorted: &SortedRows,
    ) -> Result<SegmentEntry> {
        let runs = (0..sorted.runs().len())
            .map(|run| (sorted.runs()[run].series, sorted.run_rows(run).len()));
        let row_bytes = sorted.row_bytes();
        let plans = plan_blocks(runs, row_bytes);
        let target = SegmentTarget {
            disk: self.disk(),
            dir: &self.dir,
            file: self.next_file_number(),
            table,
            sequence,
            fields: sorted.fields(),
            row_bytes,
            compression: Compression::Fast,
        };
        build_segment(target, &self.spare, plans, sorted)
    }

    pub(crate) fn remove_logs_before(&self, file: u64) -> Result<()> {
        let names = self.disk().list(&self.dir);
        let names = names.map_err(|e| crate::Error::io(&self.dir, "list the store", e))?;
        let old = names.iter().filter_map(|name| log_number(name)).filter(|number| *number < file);
        self.remove_files(old.map(|number| log_path(&self.dir, number)));
        Ok(())
    }
}

/// Whoever comes after it may start a flush, even if this one panics.
struct Flushing<'a>(&'a AtomicBool);

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The last handle of a store waits for its flush, so that the directory's lock is given up when
/// the handle is gone.
#[derive(Debug)]
pub(crate) struct LastHandle(pub(crate) Arc<Inner>);

impl Drop for LastHandle {
    fn drop(&mut self) {
        let thread = self.0.flusher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It says itself what went wrong.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.is_closed.load(Ordering::Acquire) {
            return;
        }
        if let Some(log) = &self.log
            && let Err(error) = log.sync_and_mark(End::OfLog)
        {
            tracing::error!(%error, "the log could not be synced when the store was dropped");
        }
    }
}
