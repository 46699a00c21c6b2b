//! Small stores with everything in them, and what their files were earlier.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_model::Duplicates;
use tidemill_store::{Disk, Durability, Options, Recovery, SimDisk, check};

use super::digest::Digest;
use super::driver::Finding;
use super::machine::{DIR, Session, open};
use super::workload::Call;
use crate::common::{
    Model, Random, Row, RowSource, Rows, TABLES, Val, WrittenValues, note_written, texts,
};

/// A file, and its earlier contents.
#[derive(Clone, Debug)]
pub(crate) struct SampleFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) earlier: Vec<Arc<Vec<u8>>>,
    /// Bytes of a log that its last frame says are durable, as long as that frame is there: where
    /// it starts. Of another file all.
    pub(crate) vouched_bytes: usize,
}

/// What a store held after a call, and where its log ended then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) digest: Digest,
    pub(crate) rows: Rows,
    /// The last log, and its length.
    pub(crate) log_end: (PathBuf, usize),
}

/// The files of a store, and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) options: Options,
    pub(crate) files: Vec<SampleFile>,
    /// What it held after each call, the present last; the first is that of no store.
    pub(crate) versions: Vec<Version>,
    /// Logs that were removed when their writes were flushed, as they were last.
    pub(crate) removed_logs: Vec<Arc<Vec<u8>>>,
    /// The process was killed: the last log says that it was not closed.
    pub(crate) is_open: bool,
    /// What opening it says before it is damaged.
    pub(crate) intact: Recovery,
    /// The notes of a check of it.
    pub(crate) intact_notes: Vec<String>,
    pub(crate) written: WrittenValues,
}

impl SampleFile {
    pub(crate) fn is_log(&self) -> bool {
        self.extension() == "wal"
    }

    pub(crate) fn is_definition(&self) -> bool {
        self.extension() == "def"
    }

    /// What it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self.extension() {
            "wal" => "log",
            "seg" => "segment",
            "def" => "definition",
            _ => "manifest",
        }
    }

    pub(crate) fn extension(&self) -> &str {
        self.path.extension().and_then(|extension| extension.to_str()).unwrap_or("manifest")
    }
}

impl Sample {
    /// Segments of every type and both tables, definitions that grew, logs with several frames; the
    /// last one closed well, or not.
    pub(crate) fn new(seed: u64) -> Result<Self, Finding> {
        let mut random = Random(seed);
        let duplicates = [Duplicates::Last, Duplicates::Keep, Duplicates::Error][random.below(3)];
        let options = Options {
            durability: Durability::Fsync,
            duplicates,
            max_segment_rows: [12, 200][random.below(2)],
            max_memtable_bytes: Some(usize::MAX / 4),
            ..Options::default()
        };
        let source = RowSource { duplicates, has_large_batches: false };
        let disk = SimDisk::new(seed);
        let failed = |error: tidemill_store::Error| format!("making the store: {error}");
        let mut session = Session::open(Arc::new(disk.clone()), &options).map_err(failed)?;
        let mut model = Model::new(duplicates);
        let mut history = History::default();
        let mut versions = vec![Version::default()];
        let mut written = WrittenValues::new();
        let is_closed = random.one_in(2);
        for call in calls(&mut random, &source, is_closed) {
            call.rows().for_each(|rows| note_written(rows, &mut written));
            call.apply(&mut model);
            session.call(&call).map_err(failed)?;
            history.note(&disk);
            let (digest, rows) = (Digest::of_model(&model), model.rows.clone());
            versions.push(Version { digest, rows, log_end: log_end(&disk) });
        }
        let disk = if is_closed {
            drop(session);
            disk.crash()
        } else {
            let next = disk.crash();
            drop(session);
            next
        };
        let (files, removed_logs) = history.files(&disk);
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let checked = check(DIR, &Options { disk: Arc::clone(&disk), ..options.clone() });
        let checked = checked.map_err(failed)?;
        if !checked.is_sound() {
            return Err(format!("the check of a sound store: {:#?}", texts(&checked)));
        }
        let intact = open(&disk, &options).map_err(failed)?.recovery().clone();
        let (is_open, intact_notes) = (!is_closed, checked.notes);
        Ok(Self { options, files, versions, removed_logs, is_open, intact, intact_notes, written })
    }

    /// What it holds.
    pub(crate) fn answer(&self) -> Digest {
        self.now().digest
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.now().rows
    }

    /// What it held when the last mark of its last log was written: what came after may be cut off.
    pub(crate) fn durable_rows(&self) -> &Rows {
        let Some(log) = self.files.iter().rfind(|file| file.is_log()) else { return self.rows() };
        let marked = mark(&log.bytes, 512).1.max(mark(&log.bytes, 1024).1);
        &self.versions[self.version_at(&log.path, marked)].rows
    }

    fn now(&self) -> &Version {
        &self.versions[self.versions.len() - 1]
    }

    /// The last version whose writes stand in logs before this one, and in its first `bytes`.
    pub(crate) fn version_at(&self, log: &Path, bytes: usize) -> usize {
        let is_before = |version: &Version| {
            let (path, end) = &version.log_end;
            (path.as_path(), *end) <= (log, bytes)
        };
        self.versions.iter().rposition(is_before).unwrap_or(0)
    }
}

fn log_end(disk: &SimDisk) -> (PathBuf, usize) {
    let logs = disk.shared_files().into_iter().filter(|(path, _)| is_log(path));
    logs.max().map_or_else(Default::default, |(path, bytes)| (path, bytes.len()))
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wal")
}

/// Writes from this time on are all of one size in the log: one in another's place leaves no trace but
/// its number.
const TWIN_TIME: i64 = 5_000_000;

fn calls(random: &mut Random, source: &RowSource, is_closed: bool) -> Vec<Call> {
    let mut calls = vec![Call::Write(regular_rows(random))];
    let mut twins = 0;
    let mut twin = || {
        twins += 1;
        Call::Write(vec![Row::new(TABLES[0], "a", TWIN_TIME + twins, twins)])
    };
    let rows = |random: &mut Random, most: usize| {
        let count = 1 + random.below(most);
        source.rows_of(count, random)
    };
    calls.push(Call::Write(rows(random, 12)));
    calls.push(twin());
    calls.push(Call::Flush);
    calls.push(Call::Write(rows(random, 12)));
    if random.one_in(2) {
        let batches = vec![rows(random, 20), rows(random, 6)];
        calls.push(Call::Bulk { batches, is_committed: true });
    } else {
        calls.push(Call::Flush);
    }
    if random.one_in(3) {
        calls.push(Call::Compact);
    }
    (0..2 + random.below(3)).for_each(|_| calls.push(Call::Write(rows(random, 9))));
    if random.one_in(2) {
        calls.push(if random.one_in(2) { Call::Sync } else { Call::Idle });
        (0..2).for_each(|_| calls.push(Call::Write(rows(random, 3))));
    }
    calls.push(twin());
    if random.one_in(2) {
        // Its frames stay in a log that another follows.
        calls.push(Call::Reopen { is_closed: false });
        let writes = usize::from(!is_closed) + random.below(3);
        (0..writes).for_each(|_| calls.push(Call::Write(rows(random, 5))));
        calls.extend((writes > 0).then(twin));
    }
    calls
}

/// A run that is long enough for statistics, of every type.
fn regular_rows(random: &mut Random) -> Vec<Row> {
    let row = |index: i64| {
        let mut fields =
            vec![("i", Val::Int(index % 7)), ("f", Val::Float((index as f64 * 0.25).to_bits()))];
        if index % 2 == 0 {
            fields.push(("u", Val::UInt(u64::MAX - index as u64)));
            fields.push(("b", Val::Bool(index % 3 == 0)));
            fields.push(("s", Val::Text(format!("s{}", index % 4))));
        }
        let host = if index % 9 == 0 { "b" } else { "a" }.to_owned();
        let table = TABLES[usize::from(index > 140)];
        Row { table, host, time: index * 10 + random.below(3) as i64, fields }
    };
    (0..160).map(row).collect()
}

/// The contents that files had.
#[derive(Default)]
struct History(BTreeMap<PathBuf, Vec<Arc<Vec<u8>>>>);

impl History {
    fn note(&mut self, disk: &SimDisk) {
        for (path, bytes) in disk.shared_files() {
            let contents = self.0.entry(path).or_default();
            if contents.last() != Some(&bytes) {
                contents.push(bytes);
            }
        }
    }

    /// The files that are there, and the logs that no longer are.
    fn files(mut self, disk: &SimDisk) -> (Vec<SampleFile>, Vec<Arc<Vec<u8>>>) {
        self.note(disk);
        let files = disk.shared_files();
        let file = |(path, bytes): (PathBuf, Arc<Vec<u8>>)| {
            let mut earlier = self.0.remove(&path).unwrap_or_default();
            earlier.pop();
            // The last frame of a log says that those before it are durable.
            let shorter = earlier.iter().map(|earlier| earlier.len()).filter(|l| *l < bytes.len());
            let last_frame = shorter.max().unwrap_or(0);
            let vouched_bytes = if is_log(&path) { last_frame } else { bytes.len() };
            SampleFile { path, bytes, earlier, vouched_bytes }
        };
        let is_data = |path: &Path| path.file_name().is_some_and(|name| name != "LOCK");
        let files = files.into_iter().filter(|(path, _)| is_data(path)).map(file).collect();
        let removed = self.0.into_iter().filter(|(path, _)| is_log(path));
        (files, removed.filter_map(|(_, mut contents)| contents.pop()).collect())
    }
}

/// A log's header with its two marks.
pub(crate) const LOG_HEADER_BYTES: usize = 1536;
/// What stands before a frame's payload.
const FRAME_HEADER_BYTES: usize = 28;

/// Where the frames of a log stand of which none is damaged (`docs/formats/wal.md`).
pub(crate) fn frames(log: &[u8]) -> Vec<Range<usize>> {
    let (mut frames, mut at) = (Vec::new(), LOG_HEADER_BYTES);
    while let Some(Ok(bytes)) = log.get(at + 4..at + 8).map(<[u8; 4]>::try_from) {
        let end = at + FRAME_HEADER_BYTES + u32::from_le_bytes(bytes) as usize;
        if end > log.len() {
            break;
        }
        frames.push(at..end);
        at = end;
    }
    frames
}

/// Up to where a log that was damaged holds the frames it held before.
pub(crate) fn whole_bytes(before: &[u8], now: &[u8]) -> usize {
    let bytes = before.iter().zip(now).skip(LOG_HEADER_BYTES);
    let same = LOG_HEADER_BYTES + bytes.take_while(|(a, b)| a == b).count();
    let ends = frames(before).into_iter().map(|frame| frame.end);
    ends.take_while(|end| *end <= same).last().unwrap_or(LOG_HEADER_BYTES)
}

/// Number and durable bytes of a mark in a log's header (`docs/formats/wal.md`).
pub(crate) fn mark(log: &[u8], at: usize) -> (usize, usize) {
    let word = |at: usize| {
        let bytes = log.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes) as usize
    };
    (word(at), word(at + 8))
}
