//! A small good store, and its files.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use tidemill_memory::Budget;
use tidemill_model::{Batch, SeriesKey, TableBatch, Value};
use tidemill_store::{Options, Result, SimDisk, Store};

use super::cells::Cells;

pub(super) const DIR: &str = "/store";

/// The files of a store with one table: a segment, a definition, and a log of three writes that was
/// closed well. Stores share the bytes until they change them.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    pub(super) manifest: (PathBuf, Arc<Vec<u8>>),
    pub(super) definition: (PathBuf, Arc<Vec<u8>>),
    pub(super) segment: (PathBuf, Arc<Vec<u8>>),
    pub(super) log: (PathBuf, Arc<Vec<u8>>),
}

/// The sample, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) files: Files,
    /// What is there after the flush, and after each write that stands in the log.
    pub(super) versions: Vec<Cells>,
    /// How long the log was then.
    pub(super) log_bytes: Vec<usize>,
    /// What these writes alone are.
    pub(super) in_log: Cells,
}

const WRITES: usize = 3;

pub(super) fn options(disk: &SimDisk) -> Options {
    Options {
        disk: Arc::new(disk.clone()),
        budget: Budget::new(64 << 20),
        max_memtable_bytes: Some(usize::MAX / 4),
        ..Options::default()
    }
}

/// The sample.
///
/// # Panics
/// When it cannot be made: without it the targets would look at nothing.
pub(super) fn sample() -> &'static Sample {
    static SAMPLE: LazyLock<Sample> =
        LazyLock::new(|| make().unwrap_or_else(|error| panic!("no sample: {error}")));
    &SAMPLE
}

/// Its files.
pub(super) fn files() -> &'static Files {
    &sample().files
}

fn make() -> Result<Sample> {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk))?;
    let alone = Store::open(DIR, options(&SimDisk::new(0)))?;
    let mut batch = Batch::new();
    // One run long enough for statistics, and two short ones.
    (0..140).for_each(|row| put(&mut batch, ["a", "b"][usize::from(row >= 132)], row));
    finish(&mut batch);
    store.write(&mut batch)?;
    store.flush()?;
    let mut versions = vec![Cells::of(&store.snapshot()).0];
    let mut log_bytes = vec![log_length(&disk)];
    for row in 0..WRITES as i64 {
        for store in [&store, &alone] {
            put(&mut batch, ["a", "c"][row as usize % 2], 100 + row);
            finish(&mut batch);
            store.write(&mut batch)?;
        }
        versions.push(Cells::of(&store.snapshot()).0);
        log_bytes.push(log_length(&disk));
    }
    let in_log = Cells::of(&alone.snapshot()).0;
    // Ends the log well, and flushes nothing.
    drop(store);
    let mut files = Files::default();
    for (path, bytes) in disk.files() {
        let place = match path.extension().and_then(|end| end.to_str()) {
            Some("wal") => &mut files.log,
            Some("seg") => &mut files.segment,
            Some("def") => &mut files.definition,
            _ if path.ends_with("MANIFEST") => &mut files.manifest,
            _ => continue,
        };
        *place = (path, bytes.into());
    }
    let all = [&files.manifest, &files.definition, &files.segment, &files.log];
    assert!(all.iter().all(|file| !file.1.is_empty()), "a sample without one of its files");
    Ok(Sample { files, versions, log_bytes, in_log })
}

fn log_length(disk: &SimDisk) -> usize {
    let files = disk.files();
    let mut logs = files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "wal"));
    logs.next_back().map_or(0, |(_, bytes)| bytes.len())
}

fn put(batch: &mut Batch, host: &str, row: i64) {
    let index = batch.table("t");
    let table = &mut batch.tables_mut()[index];
    let mut key = Vec::new();
    let encoded = SeriesKey::encode(&mut [("host", host)], &mut key);
    assert!(encoded.is_ok(), "no key of a sample's row: {encoded:?}");
    let series = table.series(&key);
    let text = format!("s{}", row % 3);
    let values = [
        ("i", Value::Int(row % 7 * 100 + 5)),
        ("f", Value::Float(row as f64 / 10.0)),
        ("u", Value::UInt(u64::MAX - row as u64 % 2)),
        ("b", Value::Bool(row % 5 == 0)),
        ("s", Value::Text(&text)),
    ];
    for (index, (name, value)) in values.into_iter().enumerate() {
        if index < 2 || row % 4 != 1 {
            let column = table.column(name, value.ty());
            table.set(column, value);
        }
    }
    table.end_row(series, Some(row * 10 + row % 3 / 2), row as u32);
}

/// A row of any kind, to write into an opened store.
pub(super) fn another_row(batch: &mut Batch) {
    put(batch, "d", 7);
    finish(batch);
}

fn finish(batch: &mut Batch) {
    batch.tables_mut().iter_mut().for_each(TableBatch::finish);
}

impl Files {
    /// A machine with these files.
    ///
    /// # Panics
    /// When there can be none.
    pub(super) fn disk(&self) -> SimDisk {
        let files = [&self.manifest, &self.definition, &self.segment, &self.log];
        SimDisk::with_files(files.map(|(path, bytes)| (path.as_path(), Arc::clone(bytes))))
            .unwrap_or_else(|error| panic!("no machine with these files: {error}"))
    }
}
