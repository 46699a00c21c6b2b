//! Making things part of the store: definitions, segments, then the manifest that counts them.

use std::sync::{Arc, MutexGuard, PoisonError};

use crate::definition_file::DefinitionFile;
use crate::error::{Error, Result};
use crate::ingest::Ingest;
use crate::manifest::{Manifest, SegmentEntry, TableEntry};
use crate::segment::Segment;
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
        let log = self.log()?;
        if log.is_poisoned() {
            return Err(Error::poisoned());
        }
        let committed = self.commit_files(change, ingest);
        if committed.is_err() {
            log.poison();
        }
        committed
    }

    fn commit_files(&self, change: &Change, ingest: Option<&Ingest>) -> Result<Vec<Arc<Segment>>> {
        let disk = self.disk();
        let open =
            |entry: &SegmentEntry| Segment::open(disk, &self.dir, entry.clone()).map(Arc::new);
        let opened = change.add.iter().map(open).collect::<Result<Vec<_>>>()?;
        let mut commit = self.lock_commit();
        let mut manifest = commit.manifest.clone();
        let mut appended = Vec::new();
        if let Some(ingest) = ingest {
            for (id, table) in ingest.tables.iter().enumerate() {
                if id == commit.definitions.len() {
                    commit.definitions.push(DefinitionFile::new(&self.dir, id as u32));
                    manifest.tables.push(TableEntry { id: id as u32, definition_bytes: 0 });
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
        manifest.segments.retain(|segment| !change.remove.contains(&segment.file));
        manifest.segments.extend(change.add.iter().cloned());
        manifest.replace(disk, &self.dir)?;
        for (id, addition) in appended {
            commit.definitions[id].committed(addition);
        }
        commit.manifest = manifest;
        Ok(opened)
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
