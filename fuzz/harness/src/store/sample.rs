//! A small good store, and its files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tidemill_memory::Budget;
use tidemill_model::{Batch, SeriesKey, TableBatch, Value};
use tidemill_store::{Disk, Options, Result, SimDisk, Store};

pub(super) const DIR: &str = "/store";

/// The files of a store with one table: a segment, a definition, and a log of three writes that was
/// closed well.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    pub(super) manifest: Vec<u8>,
    pub(super) definition: Vec<u8>,
    pub(super) segment: (PathBuf, Vec<u8>),
    pub(super) log: (PathBuf, Vec<u8>),
}

pub(super) fn options(disk: &SimDisk) -> Options {
    Options {
        disk: Arc::new(disk.clone()),
        budget: Budget::new(64 << 20),
        max_memtable_bytes: Some(usize::MAX / 4),
        ..Options::default()
    }
}

/// The sample.
pub(super) fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| make().unwrap_or_default())
}

fn make() -> Result<Files> {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk))?;
    let mut batch = Batch::new();
    // One run long enough for statistics, and two short ones.
    (0..140).for_each(|row| put(&mut batch, ["a", "b"][usize::from(row >= 132)], row));
    finish(&mut batch);
    store.write(&mut batch)?;
    store.flush()?;
    for row in 0..3 {
        put(&mut batch, ["a", "c"][row as usize % 2], 100 + row);
        finish(&mut batch);
        store.write(&mut batch)?;
    }
    // Ends the log well, and flushes nothing.
    drop(store);
    let mut files = Files::default();
    for (path, bytes) in disk.files() {
        match path.extension().and_then(|end| end.to_str()) {
            Some("wal") => files.log = (path, bytes),
            Some("seg") => files.segment = (path, bytes),
            Some("def") => files.definition = bytes,
            _ if path.ends_with("MANIFEST") => files.manifest = bytes,
            _ => {}
        }
    }
    Ok(files)
}

fn put(batch: &mut Batch, host: &str, row: i64) {
    let index = batch.table("t");
    let table = &mut batch.tables_mut()[index];
    let mut key = Vec::new();
    if SeriesKey::encode(&mut [("host", host)], &mut key).is_err() {
        return;
    }
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
    pub(super) fn disk(&self) -> std::io::Result<SimDisk> {
        let disk = SimDisk::new(1);
        let dir = Path::new(DIR);
        disk.create_dir_all(dir)?;
        let files = [
            (&dir.join("MANIFEST"), &self.manifest),
            (&dir.join("table-000000.def"), &self.definition),
            (&self.segment.0, &self.segment.1),
            (&self.log.0, &self.log.1),
        ];
        for (path, bytes) in files {
            disk.create(path)?.write_all_at(bytes, 0)?;
        }
        Ok(disk)
    }
}
