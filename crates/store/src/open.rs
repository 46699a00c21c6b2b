//! Opening a store: manifest, definitions, segments, log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use rayon::prelude::*;

use crate::chunk::Chunk;
use crate::commit::Commit;
use crate::definition::Definition;
use crate::definition_file::DefinitionFile;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::Ingest;
use crate::manifest::{Manifest, SegmentEntry, TableEntry, definition_path};
use crate::options::Options;
use crate::recycle::Spare;
use crate::segment::Segment;
use crate::stages;
use crate::store::{Inner, Recovery, Store, TableState, publish_definitions};
use crate::wal::{
    End, HEADER_BYTES_V1, Log, Marker, Replay, decode_record, header_v1, is_new_log, log_number,
    log_path, replay,
};
use crate::workers::workers;

/// What was not durable of a log is written anew in steps of this many bytes.
const REWRITE_BYTES: usize = 1 << 20;
pub(crate) const LOCK_NAME: &str = "LOCK";
/// A reader beside a writer may find files gone that the writer has just replaced, and looks
/// again this many times.
pub(crate) const MAX_OPEN_ATTEMPTS: usize = 100;

impl Store {
    /// Opens the store in `dir`, or creates one there.
    ///
    /// # Errors
    /// When another process writes to it ([`ErrorKind::Locked`]), when there is none and
    /// `options.create` is false or it is to be read only, and when files are damaged.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        let _opening = stages::OPEN.enter();
        let dir = dir.as_ref();
        if !options.read_only {
            return open_to_write(dir, options);
        }
        let mut attempt = 1;
        loop {
            let before = generation(&options, dir);
            let opened = open_to_read(dir, options.clone());
            // A writer may have replaced the manifest and removed a log in between: what was read
            // is not one state then.
            let is_gone = opened.as_ref().is_err_and(is_gone);
            if generation(&options, dir) == before && !(is_gone && attempt < MAX_OPEN_ATTEMPTS) {
                return opened;
            }
            if attempt == MAX_OPEN_ATTEMPTS {
                let message = "the writer replaces files faster than they can be read; try again";
                return opened.and(Err(Error::new(ErrorKind::Locked, message).at(dir)));
            }
            attempt += 1;
        }
    }
}

/// Whether a file, or its end, was not there: a log may go after the manifest that makes it
/// superfluous was read, and before the log is; a torn tail may be cut.
fn is_gone(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<std::io::Error>());
    let gone = [std::io::ErrorKind::NotFound, std::io::ErrorKind::UnexpectedEof];
    source.is_some_and(|e| gone.contains(&e.kind()))
}

fn generation(options: &Options, dir: &Path) -> Option<u64> {
    Manifest::read(&*options.disk, dir).ok().flatten().map(|manifest| manifest.generation)
}

/// What the files hold.
struct Loaded {
    manifest: Manifest,
    definition_files: Vec<DefinitionFile>,
    definitions: Vec<Definition>,
    segments: Vec<Arc<Segment>>,
}

/// From so many bytes of definitions on, they and the segments, which have as many series, are read in parallel: it pays
/// for waking threads up.
const PARALLEL_BYTES: u64 = 1 << 20;

fn load(disk: &dyn Disk, dir: &Path, manifest: Manifest) -> Result<Loaded> {
    let path = Manifest::path(dir);
    for (index, table) in manifest.tables.iter().enumerate() {
        if table.id as usize != index {
            let message = format!("table {} where {index} is expected", table.id);
            return Err(Error::corrupt(&path, 0, message));
        }
    }
    let define =
        |table: &TableEntry| DefinitionFile::read(disk, dir, table.id, table.definition_bytes);
    let define = || manifest.tables.iter().map(define).collect::<Result<Vec<_>>>();
    let open = |entry: &SegmentEntry| Segment::open(disk, dir, entry.clone());
    let open_all = || manifest.segments.par_iter().map(open).collect::<Vec<_>>();
    let bytes: u64 = manifest.tables.iter().map(|table| table.definition_bytes).sum();
    let (definitions, opened) = if bytes >= PARALLEL_BYTES {
        workers().install(|| rayon::join(define, open_all))
    } else {
        (define(), Vec::new())
    };
    let (definition_files, definitions) = definitions?.into_iter().unzip();
    let mut loaded = Loaded { definition_files, definitions, segments: Vec::new(), manifest };
    let mut opened = opened.into_iter();
    for entry in &loaded.manifest.segments {
        let path = entry.path(dir);
        let segment = opened.next().unwrap_or_else(|| open(entry))?;
        let Some(definition) = loaded.definitions.get(entry.table as usize) else {
            return Err(Error::corrupt(&path, 12, format!("a segment of table {}", entry.table)));
        };
        // Compared so: the last number there is has no successor.
        let series = definition.index.len();
        let has_series = segment.footer.runs.last_series().is_none_or(|last| last < series);
        let fields_fit = segment.footer.fields.iter().all(|(field, ty)| {
            definition.schema.fields.get(*field as usize).is_some_and(|known| known.ty == *ty)
        });
        if !has_series || !fields_fit {
            return Err(Error::corrupt(
                &path,
                0,
                "a segment with series or fields its table lacks",
            ));
        }
        loaded.segments.push(Arc::new(segment));
    }
    Ok(loaded)
}

fn open_to_write(dir: &Path, options: Options) -> Result<Store> {
    let disk = Arc::clone(&options.disk);
    let disk = &*disk;
    if Manifest::read(disk, dir)?.is_none() {
        if !options.create {
            return Err(no_manifest(disk, dir));
        }
        disk.create_dir_all(dir).map_err(|e| Error::io(dir, "create the store", e))?;
    }
    let lock = disk.lock(&dir.join(LOCK_NAME)).map_err(|e| lock_error(dir, e))?;
    // Again, now that nobody else can change it.
    let manifest = match Manifest::read(disk, dir)? {
        Some(manifest) => manifest,
        None => create(disk, dir)?,
    };
    // A process that ended before its own sync may have left a manifest that a power cut would
    // take back, together with the names of files that are about to be removed.
    disk.sync_dir(dir).map_err(|e| Error::io(dir, "sync the directory", e))?;
    if manifest.is_version_1 {
        remove_unfinished_log(disk, dir)?;
    }
    let mut recovery = Recovery::default();
    let mut loaded = load(disk, dir, manifest)?;
    let replayed = replay_logs(disk, dir, &mut loaded, &mut recovery)?;
    // Not before all fits together: a manifest that is too old would take what it does not know along.
    recovery.removed_files = remove_orphans(disk, dir, &loaded.manifest)?;
    let last_log = match &replayed.last_log {
        Some((number, replay)) => settle_last_log(disk, dir, *number, replay)?,
        None => 0,
    };
    let next_file = loaded.manifest.next_file.max(last_log + 1);
    let last_sequence = replayed.last_sequence;
    let log = Log::create(disk, dir, next_file, last_sequence, options.durability)?;
    if loaded.manifest.generation == 0 {
        // From now on a store without a log has lost it.
        loaded.manifest.generation = 1;
        loaded.manifest.replace(disk, dir)?;
    }
    let all_flushed = last_sequence == loaded.manifest.flushed_sequence;
    let store =
        assemble(dir, options, loaded, replayed, Some(log), next_file + 1, recovery, Some(lock));
    if all_flushed {
        store.inner.remove_logs_before(next_file)?;
    }
    Ok(store)
}

/// Version 1 gave a log file its name before its header was durable: one that a power cut left
/// without it, the last one, holds nothing.
fn remove_unfinished_log(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let names = disk.list(dir).map_err(|e| Error::io(dir, "list the store", e))?;
    let Some(number) = names.iter().filter_map(|name| log_number(name)).max() else {
        return Ok(());
    };
    let path = log_path(dir, number);
    let removed = disk.open(&path, false).and_then(|file| {
        let mut bytes = vec![0; file.len()?.min(1 + HEADER_BYTES_V1 as u64) as usize];
        file.read_exact_at(&mut bytes, 0)?;
        if bytes.len() > HEADER_BYTES_V1 || bytes == header_v1(number) {
            return Ok(());
        }
        disk.remove(&path).and_then(|()| disk.sync_dir(dir))
    });
    removed.map_err(|e| Error::io(&path, "remove an unfinished log", e))
}

fn open_to_read(dir: &Path, options: Options) -> Result<Store> {
    let disk = Arc::clone(&options.disk);
    let Some(manifest) = Manifest::read(&*disk, dir)? else {
        return Err(no_manifest(&*disk, dir));
    };
    let mut recovery = Recovery::default();
    let mut loaded = load(&*disk, dir, manifest)?;
    let replayed = replay_logs(&*disk, dir, &mut loaded, &mut recovery)?;
    Ok(assemble(dir, options, loaded, replayed, None, 0, recovery, None))
}

/// There is no store, or one that lost its manifest.
fn no_manifest(disk: &dyn Disk, dir: &Path) -> Error {
    match refuse_remains(disk, dir) {
        Err(error) if error.kind() == ErrorKind::Corrupt => error,
        _ => no_store(dir),
    }
}

pub(crate) fn no_store(dir: &Path) -> Error {
    Error::new(ErrorKind::NotFound, "there is no store here; `tidemill import` creates one").at(dir)
}

pub(crate) fn lock_error(dir: &Path, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::WouldBlock {
        let message = "another process writes to this store; wait for it, or open it read only";
        return Error::new(ErrorKind::Locked, message).at(dir);
    }
    Error::io(dir, "lock the store", error)
}

/// Makes an empty store. The manifest comes last, so that where one is, the directories above it
/// are durable.
fn create(disk: &dyn Disk, dir: &Path) -> Result<Manifest> {
    refuse_remains(disk, dir)?;
    sync_parents(disk, dir)?;
    let manifest = Manifest { next_file: 1, ..Manifest::default() };
    manifest.replace(disk, dir)?;
    Ok(manifest)
}

/// Makes a new directory durable: it and those above it are found.
pub(crate) fn sync_parents(disk: &dyn Disk, dir: &Path) -> Result<()> {
    for parent in dir.ancestors().skip(1) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match disk.sync_dir(parent) {
            // Who may not read a directory did not create it.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => break,
            synced => synced.map_err(|e| Error::io(parent, "sync the directory", e))?,
        }
    }
    Ok(())
}

/// The manifest is the first file of a store: where others are without it, it was lost, and to
/// start anew would remove them.
fn refuse_remains(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let names = disk.list(dir).map_err(|e| Error::io(dir, "list the store", e))?;
    let is_data = |name: &&String| is_segment_or_definition(name) || log_number(name).is_some();
    match names.iter().find(is_data) {
        Some(name) => {
            let message = format!("there is no manifest, but `{name}`");
            Err(Error::corrupt(&Manifest::path(dir), 0, message))
        }
        None => Ok(()),
    }
}

/// Whether a file is ours by its name: others may stand in the directory.
fn is_segment_or_definition(name: &str) -> bool {
    let number = match name.strip_suffix(".seg") {
        Some(number) => Some(number),
        None => name.strip_prefix("table-").and_then(|name| name.strip_suffix(".def")),
    };
    number.is_some_and(|n| n.len() >= 6 && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Removes files that were being written when a process ended and that nothing names.
fn remove_orphans(disk: &dyn Disk, dir: &Path, manifest: &Manifest) -> Result<Vec<PathBuf>> {
    let segments = manifest.segments.iter().map(|segment| segment.path(dir));
    let definitions = manifest.tables.iter().map(|table| definition_path(dir, table.id));
    let named: HashSet<PathBuf> = segments.chain(definitions).collect();
    let mut removed = Vec::new();
    for name in disk.list(dir).map_err(|e| Error::io(dir, "list the store", e))? {
        let path = dir.join(&name);
        let is_new = name == "MANIFEST.next" || is_new_log(&name);
        let is_ours = is_segment_or_definition(&name) || is_new;
        if is_ours && !named.contains(&path) {
            disk.remove(&path).map_err(|e| Error::io(&path, "remove an unfinished file", e))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

#[derive(Debug, Default)]
struct Replayed {
    chunks: Vec<(u32, Chunk)>,
    last_sequence: u64,
    /// The number of the last log, and what it gave.
    last_log: Option<(u64, Replay)>,
}

/// Applies the log to what the files hold.
fn replay_logs(
    disk: &dyn Disk,
    dir: &Path,
    loaded: &mut Loaded,
    recovery: &mut Recovery,
) -> Result<Replayed> {
    let names = disk.list(dir).map_err(|e| Error::io(dir, "list the store", e))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| log_number(name)).collect();
    numbers.sort_unstable();
    // A store always has a log but right after it was made (or copied) and not committed to yet.
    if numbers.is_empty() && loaded.manifest.generation > 0 {
        return Err(Error::corrupt(&Manifest::path(dir), 0, "there is a manifest, but no log"));
    }
    let flushed = loaded.manifest.flushed_sequence;
    let mut replayed = Replayed { last_sequence: flushed, ..Replayed::default() };
    for (index, number) in numbers.iter().enumerate() {
        let path = log_path(dir, *number);
        let before = replayed.last_sequence;
        let check_base = |base: u64| {
            if base <= before + 1 {
                return Ok(());
            }
            Err(format!("writes {} to {} are missing before this log", before + 1, base - 1))
        };
        let apply = |sequence: u64, payload: &[u8], offset: u64| {
            if sequence <= flushed {
                return Ok(());
            }
            if sequence != replayed.last_sequence + 1 {
                let missing = replayed.last_sequence + 1;
                let message =
                    format!("write {sequence} where write {missing} is missing before it");
                return Err(Error::corrupt(&path, offset, message));
            }
            replayed.last_sequence = sequence;
            let applied =
                apply_record(payload, sequence, &mut loaded.definitions, &mut replayed.chunks);
            applied.map_err(|what| Error::corrupt(&path, offset, what))
        };
        let is_last = index + 1 == numbers.len();
        let result = replay(disk, dir, *number, is_last, check_base, apply)?;
        replayed.last_log = Some((*number, result));
        if result.torn_bytes > 0 {
            recovery.torn_tail = Some((path.clone(), result.torn_bytes));
        }
        // Of the files before it `replay` has made sure.
        if is_last && !result.is_closed(End::OfLog) {
            let marked = result.header.mark.map_or(0, |mark| mark.synced);
            let unmarked = result.valid_bytes.saturating_sub(marked);
            recovery.unclosed_log = Some((path.clone(), unmarked));
        }
        recovery.damaged_marks.extend(result.header.damaged_mark.map(|offset| (path, offset)));
    }
    recovery.replayed_rows = replayed.chunks.iter().map(|(_, chunk)| chunk.rows() as u64).sum();
    Ok(replayed)
}

fn apply_record(
    payload: &[u8],
    sequence: u64,
    definitions: &mut Vec<Definition>,
    chunks: &mut Vec<(u32, Chunk)>,
) -> Result<(), String> {
    let record =
        decode_record(payload).map_err(|m| format!("{} (byte {} of the write)", m.what, m.at))?;
    for (table, addition) in record.additions {
        if table as usize == definitions.len() {
            definitions.push(Definition::default());
        }
        let Some(definition) = definitions.get_mut(table as usize) else {
            return Err(format!("table {table} before those before it"));
        };
        let mut cursor = crate::bytes::Cursor::new(addition);
        definition.apply(&mut cursor).and_then(|()| cursor.end()).map_err(|m| m.what)?;
    }
    for (table, mut chunk) in record.rows {
        let Some(definition) = definitions.get(table as usize) else {
            return Err(format!("rows of table {table}, which is not defined"));
        };
        let fields_fit = chunk.columns.iter().all(|(field, column)| {
            definition.schema.fields.get(*field as usize).is_some_and(|f| f.ty == column.ty())
        });
        if !fields_fit || chunk.series.iter().any(|series| *series >= definition.index.len()) {
            return Err(format!("rows with series or fields that table {table} lacks"));
        }
        chunk.sequence = sequence;
        chunks.push((table, chunk));
    }
    Ok(())
}

/// Cuts the torn tail of the last log and makes the rest durable: a process that ended before its
/// fsync, or whose fsync failed, left writes that were just replayed, and later ones will build on
/// them. Then marks it as closed. Returns its number.
///
/// After a failed fsync the kernel may take pages for written that are not, and the next fsync
/// for done: what no fsync vouches for is written anew.
fn settle_last_log(disk: &dyn Disk, dir: &Path, number: u64, log: &Replay) -> Result<u64> {
    let path = log_path(dir, number);
    let settled = disk.open(&path, true).and_then(|file| {
        file.set_len(log.valid_bytes)?;
        let mut piece = Vec::new();
        for start in (log.synced_bytes..log.valid_bytes).step_by(REWRITE_BYTES) {
            piece.resize((log.valid_bytes - start).min(REWRITE_BYTES as u64) as usize, 0);
            file.read_exact_at(&mut piece, start)?;
            file.write_all_at(&piece, start)?;
        }
        file.sync()?;
        let Some(mark) = log.header.mark else { return Ok(()) };
        // Even if there is such a mark: it may have been read, and not be durable.
        let mark = mark.next(log.valid_bytes, End::OfFile);
        file.write_all_at(&mark.sector(number), mark.offset())?;
        file.sync()
    });
    settled.map_err(|e| Error::io(&path, "settle the last log", e))?;
    Ok(number)
}

#[expect(clippy::too_many_arguments, reason = "the parts of a store, put together in one place")]
fn assemble(
    dir: &Path,
    options: Options,
    loaded: Loaded,
    replayed: Replayed,
    log: Option<Log>,
    next_file: u64,
    recovery: Recovery,
    lock: Option<Box<dyn Send + Sync>>,
) -> Store {
    let mut ingest = Ingest::new(loaded.definitions, replayed.last_sequence + 1);
    ingest.mark_logged();
    let mut tables: Vec<TableState> = Vec::new();
    publish_definitions(&ingest, &mut tables);
    for segment in loaded.segments {
        tables[segment.entry.table as usize].change_segments(|all| all.push(segment));
    }
    let mut memtable = options.budget.empty();
    let mut bytes = 0;
    for (table, chunk) in replayed.chunks {
        bytes += chunk.memory_bytes();
        tables[table as usize].chunks.push(Arc::new(chunk));
    }
    memtable.force(bytes);
    let spare = Arc::new(Spare::new(options.budget.limit_bytes()));
    let log = log.map(Arc::new);
    // Where time does not pass by itself nobody waits for a moment without writes.
    let marker = log.as_ref().filter(|_| options.disk.has_real_time()).map(Marker::start);
    let commit = Commit { manifest: loaded.manifest, definitions: loaded.definition_files };
    Store::new(Inner {
        dir: dir.to_owned(),
        options,
        spare,
        gate: RwLock::new(()),
        compaction: Mutex::new(()),
        maintenance: Mutex::new(()),
        ingest: Mutex::new(ingest),
        commit: Mutex::new(commit),
        tables: RwLock::new(tables),
        log,
        next_file: AtomicU64::new(next_file),
        memtable: Mutex::new(memtable),
        is_flushing: AtomicBool::new(false),
        flusher: Mutex::new(None),
        last_untimed: AtomicI64::new(i64::MIN),
        is_closed: AtomicBool::new(false),
        recovery,
        _marker: marker,
        _lock: lock,
    })
}
