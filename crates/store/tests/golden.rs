//! Stores written by earlier versions of the formats are read by every later program, and this
//! program still writes the bytes of the latest.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Row, Rows, Val, dump, fill};
use tidemill_model::Batch;
use tidemill_store::{Compression, Disk, Options, SimDisk, Store};

const DIR: &str = "/store";

/// Three rows in a segment and one in the log, of every type.
fn write(disk: &SimDisk) -> Rows {
    let options = Options { disk: Arc::new(disk.clone()), ..Options::default() };
    let store = Store::open(DIR, options).unwrap();
    let mut batch = Batch::new();
    let mut rows = [Row::new("t", "a", 1, 7), Row::new("t", "b", -1, 8), Row::new("t", "a", 2, 9)];
    rows[1].fields = vec![
        ("f", Val::Float(0.5f64.to_bits())),
        ("u", Val::UInt(u64::MAX)),
        ("b", Val::Bool(true)),
        ("s", Val::Text("ü".to_owned())),
    ];
    fill(&mut batch, &rows);
    store.write(&mut batch).unwrap();
    store.flush().unwrap();
    fill(&mut batch, &[Row::new("t", "c", 3, 10)]);
    store.write(&mut batch).unwrap();
    let rows = dump(&store.snapshot());
    drop(store);
    rows
}

fn golden(version: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version);
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let content = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (Path::new(DIR).join(path.file_name().unwrap()), bytes)
    };
    files.map(content).collect()
}

#[test]
fn earlier_versions_are_read() {
    let want = write(&SimDisk::new(0));
    assert_eq!(want.len(), 4);
    for version in ["v1", "v2"] {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        for (path, bytes) in golden(version) {
            disk.create(&path).unwrap().write_all_at(&bytes, 0).unwrap();
        }
        // The second time what the first one made of it.
        for replayed in [1, 1] {
            let options =
                Options { disk: Arc::new(disk.clone()), create: false, ..Options::default() };
            let store = Store::open(DIR, options).unwrap();
            assert!(store.check().unwrap().problems.is_empty());
            let recovery = store.recovery();
            assert_eq!((recovery.replayed_rows, &recovery.unclosed_log), (replayed, &None));
            assert_eq!(dump(&store.snapshot()), want, "{version}");
        }
    }
}

/// Fails when a format changes: then it needs another version, and this directory stays. (An
/// encoder that chooses differently within the format may be blessed with `TIDEMILL_BLESS=1`.)
#[track_caller]
fn check_written(disk: &SimDisk, version: &str) {
    let mut files = disk.files();
    files.retain(|path, _| !path.ends_with("LOCK"));
    if std::env::var_os("TIDEMILL_BLESS").is_some() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version);
        std::fs::create_dir_all(&dir).unwrap();
        for (path, bytes) in &files {
            std::fs::write(dir.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    let golden = golden(version);
    assert!(files.keys().eq(golden.keys()), "{:?}", files.keys());
    for (path, bytes) in files {
        assert!(bytes == golden[&path], "{} has other bytes", path.display());
    }
}

#[test]
fn version_2_is_written() {
    let disk = SimDisk::new(0);
    write(&disk);
    check_written(&disk, "v2");
}

/// Two vectors and a half of integers and floats whose steps are mostly small, in the smallest encodings.
fn write_small(disk: &SimDisk) -> Rows {
    let options = Options { disk: Arc::new(disk.clone()), ..Options::default() };
    let store = Store::open(DIR, options).unwrap();
    let mut level = 50;
    let rows: Vec<Row> = (0..2500)
        .map(|n: i64| {
            level += (n * n % 7 + n % 5) % 3 - 1;
            let mut row = Row::new("t", "a", n * 10, level);
            row.fields.push(("f", Val::Float((level as f64 / 10.0).to_bits())));
            row
        })
        .collect();
    let mut batch = Batch::new();
    fill(&mut batch, &rows);
    store.write(&mut batch).unwrap();
    let mut sets = Vec::new();
    let tell = |bytes, rows| sets.push((bytes, rows));
    let compacted = store.compact_with_progress(Compression::Small, tell).unwrap();
    assert!(compacted.bytes_after < compacted.bytes_before, "{compacted:?}");
    assert_eq!(sets, [(compacted.bytes_before, 2500)]);
    let rows = dump(&store.snapshot());
    store.close().unwrap();
    rows
}

#[test]
fn small_segments_are_read_and_written() {
    let disk = SimDisk::new(0);
    let want = write_small(&disk);
    assert_eq!(want.len(), 2500);
    check_written(&disk, "v2-small");
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    for (path, bytes) in golden("v2-small") {
        disk.create(&path).unwrap().write_all_at(&bytes, 0).unwrap();
    }
    let options = Options { disk: Arc::new(disk.clone()), create: false, ..Options::default() };
    let store = Store::open(DIR, options).unwrap();
    assert!(store.check().unwrap().problems.is_empty());
    assert_eq!(dump(&store.snapshot()), want);
}

/// Version 1 made logs in place: a power cut could leave the last one without its header.
#[test]
fn an_unfinished_log_of_version_1_is_no_damage() {
    for bytes in [&b""[..], b"TIDEMWAL", &[0; 24]] {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        let mut files = golden("v1");
        files.insert(Path::new(DIR).join("00000009.wal"), bytes.to_vec());
        for (path, bytes) in files {
            disk.create(&path).unwrap().write_all_at(&bytes, 0).unwrap();
        }
        let options = Options { disk: Arc::new(disk), create: false, ..Options::default() };
        assert_eq!(dump(&Store::open(DIR, options).unwrap().snapshot()).len(), 4);
    }
}

/// Its removal is durable before a log that is whole comes after it: only the last may be unfinished.
#[test]
fn an_unfinished_log_stays_removed_when_the_power_goes() {
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let mut files = golden("v1");
    files.insert(Path::new(DIR).join("00000003.wal"), b"TIDEMWAL".to_vec());
    for (path, bytes) in files {
        let file = disk.create(&path).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        file.sync().unwrap();
    }
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let open = |disk: &SimDisk| {
        let options = Options { disk: Arc::new(disk.clone()), create: false, ..Options::default() };
        Store::open(DIR, options)
    };
    disk.keep_moments();
    let want = dump(&open(&disk).unwrap().snapshot());
    let mut cuts = 0;
    for moment in disk.take_moments() {
        let after: Vec<SimDisk> = match moment.power_cuts(1 << 12) {
            Some(all) => all,
            None => (0..64).map(|seed| moment.fork().power_cut(seed)).collect(),
        };
        for disk in after {
            cuts += 1;
            assert_eq!(dump(&open(&disk).unwrap().snapshot()), want);
        }
    }
    assert!(cuts > 20, "{cuts}");
}
