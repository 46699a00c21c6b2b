//! A copy of a store as it is at one moment, while others write to it.

use std::path::Path;
use std::sync::PoisonError;

use tidemill_codec::Compression;

use crate::definition_file::DefinitionFile;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, SegmentEntry, TableEntry, segment_path};
use crate::open::{LOCK_NAME, lock_error, sync_parents};
use crate::read::{Snapshot, TableView};
use crate::recycle::Spare;
use crate::segment::{Segment, SegmentTarget, build_segment, plan_blocks};
use crate::store::Store;

/// Files are copied in pieces of this many bytes.
const COPY_BYTES: usize = 1 << 20;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Tables.
    pub tables: usize,
    /// Segments, those written for rows that were in memory included.
    pub segments: usize,
    /// Rows; those of the same series and time in several segments count several times.
    pub rows: u64,
    /// Bytes of segments and definitions.
    pub bytes: u64,
}

impl Store {
    /// Copies the store into `dir`, which must not exist or be empty: all that was acknowledged
    /// before the call, and of each write that comes meanwhile all or nothing. Neither readers
    /// nor writers wait for it. The store may have been opened to be read only, beside a writer.
    ///
    /// The copy is a store of its own, without a log: open it where it is, or copy it back. Its
    /// manifest comes last and every checksum is read back before, so that a backup that was
    /// interrupted is no store.
    ///
    /// # Errors
    /// When `dir` holds something, a disk fails, or a file of this store is damaged: then
    /// [`crate::repair`] salvages what can be read.
    pub fn backup(&self, dir: impl AsRef<Path>) -> Result<BackedUp> {
        self.backup_with_progress(dir, |_, _| {})
    }

    /// [`Store::backup`] that tells `progress` how many bytes and rows are copied, now and then.
    ///
    /// # Errors
    /// As [`Store::backup`].
    pub fn backup_with_progress(
        &self,
        dir: impl AsRef<Path>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackedUp> {
        let (disk, dir) = (self.inner.disk(), dir.as_ref());
        let retentions: Vec<u64> = {
            let commit = self.inner.lock_commit();
            commit.manifest.tables.iter().map(|table| table.retention_ns).collect()
        };
        // Its segments stay open, whatever becomes of the files.
        let snapshot = self.snapshot();
        let _lock = prepare(disk, dir)?;
        let mut copy = Copy { disk, dir, done: BackedUp::default(), progress: &mut progress };
        // Of generation 0, as a new store: it has no log yet.
        let mut manifest = Manifest { next_file: 1, ..Manifest::default() };
        for segment in segments(&snapshot) {
            copy.segment(segment)?;
            manifest.push_segment(segment.entry.clone());
        }
        for (id, table) in snapshot.tables().iter().enumerate() {
            let file = manifest.next_file;
            if let Some(entry) = copy.memory(id as u32, file, table, &self.inner.spare)? {
                manifest.push_segment(entry);
            }
            let definition_bytes = copy.definition(id as u32, table)?;
            let retention_ns = retentions.get(id).copied().unwrap_or(0);
            manifest.tables.push(TableEntry { id: id as u32, definition_bytes, retention_ns });
        }
        copy.done.tables = manifest.tables.len();
        // All that the manifest names is found before it is.
        disk.sync_dir(dir).map_err(|e| Error::io(dir, "sync the directory", e))?;
        manifest.replace(disk, dir)?;
        Ok(copy.done)
    }
}

fn segments(snapshot: &Snapshot) -> impl Iterator<Item = &Segment> {
    snapshot.tables().iter().flat_map(|table| table.inner.segments.iter()).map(|s| &**s)
}

impl Manifest {
    fn push_segment(&mut self, entry: SegmentEntry) {
        self.next_file = self.next_file.max(entry.file + 1);
        self.flushed_sequence = self.flushed_sequence.max(entry.sequence);
        self.segments.push(entry);
    }
}

/// Makes the directory and takes its lock, so that two backups do not share it.
fn prepare(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Send + Sync>> {
    refuse_files(disk, dir, &[])?;
    disk.create_dir_all(dir).map_err(|e| Error::io(dir, "create the directory", e))?;
    let lock = disk.lock(&dir.join(LOCK_NAME)).map_err(|e| lock_error(dir, e))?;
    // Again, now that nobody else can change it.
    refuse_files(disk, dir, &[LOCK_NAME])?;
    sync_parents(disk, dir)?;
    Ok(lock)
}

/// Refuses a directory that holds anything else.
pub(crate) fn refuse_files(disk: &dyn Disk, dir: &Path, allowed: &[&str]) -> Result<()> {
    let names = match disk.list(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        names => names.map_err(|e| Error::io(dir, "list the directory", e))?,
    };
    match names.iter().find(|name| !allowed.contains(&name.as_str())) {
        Some(name) => {
            let message = format!("the directory holds `{name}`; give a new or an empty one");
            Err(Error::new(ErrorKind::Invalid, message).at(dir))
        }
        None => Ok(()),
    }
}

/// Where it goes, and how far it is.
struct Copy<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    done: BackedUp,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Copy<'_> {
    fn add(&mut self, bytes: u64) {
        self.done.bytes += bytes;
        (self.progress)(self.done.bytes, self.done.rows);
    }

    fn segment(&mut self, source: &Segment) -> Result<()> {
        let path = segment_path(self.dir, source.entry.file);
        let io = |e| Error::io(&path, "write a copy of a segment", e);
        let file = self.disk.create(&path).map_err(io)?;
        let (mut at, mut piece) = (0, Vec::new());
        while at < source.entry.bytes {
            piece.resize((source.entry.bytes - at).min(COPY_BYTES as u64) as usize, 0);
            source.read_bytes(&mut piece, at)?;
            file.write_all_at(&piece, at).map_err(io)?;
            at += piece.len() as u64;
            self.add(piece.len() as u64);
        }
        file.sync().map_err(io)?;
        self.verify(source)?;
        self.done.segments += 1;
        self.done.rows += source.entry.rows;
        Ok(())
    }

    /// Reads a copy back. What does not match there may be damaged in the store already.
    fn verify(&self, source: &Segment) -> Result<()> {
        let copy = Segment::open(self.disk, self.dir, source.entry.clone())?;
        let mut bytes = Vec::new();
        for block in 0..copy.blocks() {
            for column in 0..=copy.footer.fields.len() {
                if let Err(error) = copy.read_chunk(block, column, &mut bytes) {
                    source.read_chunk(block, column, &mut bytes)?;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Writes the rows of a table that are in no segment as one.
    fn memory(
        &mut self,
        table: u32,
        file: u64,
        view: &TableView,
        spare: &Spare,
    ) -> Result<Option<SegmentEntry>> {
        let memory = &view.inner.memory;
        let sorted = memory.sorted();
        if sorted.rows() == 0 {
            return Ok(None);
        }
        let runs = sorted.runs().iter().enumerate();
        let runs = runs.map(|(index, run)| (run.series, sorted.run_rows(index).len()));
        let row_bytes = sorted.row_bytes();
        let plans = plan_blocks(runs, row_bytes);
        let sequence = memory.last_sequence();
        let (disk, dir, fields) = (self.disk, self.dir, sorted.fields());
        let compression = Compression::Fast;
        let target =
            SegmentTarget { disk, dir, file, table, sequence, fields, row_bytes, compression };
        let entry = build_segment(target, spare, plans, sorted)?;
        self.done.segments += 1;
        self.done.rows += entry.rows;
        self.add(entry.bytes);
        Ok(Some(entry))
    }

    /// Writes a table's definition, as it is now: it may know more than the rows need.
    fn definition(&mut self, table: u32, view: &TableView) -> Result<u64> {
        // Writers wait for this lock, and not for the disk of the copy.
        let definition =
            view.inner.definition.read().unwrap_or_else(PoisonError::into_inner).clone();
        let appended = DefinitionFile::new(self.dir, table).append(self.disk, &definition)?;
        let bytes = appended.map_or(0, |appended| appended.bytes);
        self.add(bytes);
        Ok(bytes)
    }
}
