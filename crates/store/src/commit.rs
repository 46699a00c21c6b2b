//! Making things part of the store: definitions, segments, then the manifest that counts them.

use std::sync::{Arc, MutexGuard, PoisonError};

use crate::definition_file::DefinitionFile;
use crate::error::{Error, Result};
use crate::ingest::Ingest;
use crate::manifest::{Manifest, SegmentEntry, TableEntry};
use crate::segment::Segment;
use crate::stages;
use crate::store::Inner;

/// What is durable.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    pub(crate) manifest: Manifest,
    pub(crate) definitions: Vec<DefinitionFile>,
}

/// What is to become durable at once.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) add: Vec<SegmentEntry>,
    /// File numbers of segments that are replaced.
    pub(crate) remove: Vec<u64>,
    /// Writes up to this one are in segments now.
    pub(crate) flushed_sequence: Option<u64>,
    /// A table, and for how many nanoseconds it keeps its rows from now on.
    pub(crate) retention: Option<(usize, u64)>,
}

impl Inner {
    pub(crate) fn lock_commit(&self) -> MutexGuard<'_, Commit> {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a change, with all definitions if `ingest` is given, and returns the new segments,
    /// opened. The caller shows them to readers.
    ///
    /// An error of the disk leaves open what is durable: the store takes no more writes then, and
    /// opening it again finds either state whole.
    pub(crate) fn commit(
        &self,
        change: &Change,
        ingest: Option<&Ingest>,
    ) -> Result<Vec<Arc<Segment>>> {
        let _committing = stages::COMMIT.enter();
        let log = self.log()?;
        log.takes_more()?;
        // Nothing is in doubt yet if these cannot be opened.
        let open = |entry: &SegmentEntry| Segment::open(self.disk(), &self.dir, entry.clone());
        let opened =
            change.add.iter().map(|entry| open(entry).map(Arc::new)).collect::<Result<_>>()?;
        if let Err(error) = self.commit_files(change, ingest) {
            log.poison(&error);
            return Err(error);
        }
        Ok(opened)
    }

    /// Commits what was `written`. If that or this fails, the new segments' files are removed,
    /// unless the manifest may name them.
    pub(crate) fn commit_or_remove(
        &self,
        written: Result<()>,
        change: &Change,
        with_definitions: bool,
    ) -> Result<Vec<Arc<Segment>>> {
        let result = written.and_then(|()| {
            let ingest = with_definitions.then(|| self.lock_ingest());
            self.commit(change, ingest.as_deref())
        });
        if result.is_err() && !self.is_in_doubt() {
            self.remove_files(change.add.iter().map(|entry| entry.path(&self.dir)));
        }
        result
    }

    /// Whether a commit may have failed on its way: the manifest may name what it was to add.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.log.as_deref().is_some_and(|log| log.takes_more().is_err())
    }

    fn commit_files(&self, change: &Change, ingest: Option<&Ingest>) -> Result<()> {
        let disk = self.disk();
        let mut commit = self.lock_commit();
        let mut manifest = commit.manifest.clone();
        let mut appended = Vec::new();
        if let Some(ingest) = ingest {
            for (id, table) in ingest.tables.iter().enumerate() {
                if id == commit.definitions.len() {
                    commit.definitions.push(DefinitionFile::new(&self.dir, id as u32));
                    manifest.tables.push(TableEntry { id: id as u32, ..TableEntry::default() });
                }
                let definition = table.definition.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(addition) = commit.definitions[id].append(disk, &definition)? {
                    manifest.tables[id].definition_bytes = addition.bytes;
                    appended.push((id, addition));
                }
            }
        }
        // The files must be found after a power cut before something names them.
        disk.sync_dir(&self.dir).map_err(|e| Error::io(&self.dir, "sync the directory", e))?;
        manifest.generation += 1;
        manifest.next_file = self.next_file.load(std::sync::atomic::Ordering::SeqCst);
        manifest.flushed_sequence = change.flushed_sequence.unwrap_or(manifest.flushed_sequence);
        if let Some((table, nanoseconds)) = change.retention
            && let Some(entry) = manifest.tables.get_mut(table)
        {
            entry.retention_ns = nanoseconds;
        }
        manifest.segments.retain(|segment| !change.remove.contains(&segment.file));
        manifest.segments.extend(change.add.iter().cloned());
        manifest.replace(disk, &self.dir)?;
        for (id, addition) in appended {
            commit.definitions[id].committed(addition);
        }
        commit.manifest = manifest;
        Ok(())
    }

    /// Removes files that the store no longer names. Readers that have them open keep them.
    pub(crate) fn remove_files(&self, paths: impl IntoIterator<Item = std::path::PathBuf>) {
        for path in paths {
            if let Err(error) = self.disk().remove(&path) {
                // Opening the store removes what is left.
                tracing::warn!(path = %path.display(), %error, "could not remove a file that is no longer used");
            }
        }
    }

    pub(crate) fn next_file_number(&self) -> u64 {
        self.next_file.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }
}
