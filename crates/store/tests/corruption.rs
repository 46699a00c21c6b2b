//! Every bit of a small store is flipped, every file cut at every byte: it is reported, naming the
//! file, or the answer is the same; there is never a panic and never another answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Random, Row, Rows, Val, dump, fill};
use tidemill_model::Batch;
use tidemill_store::{Disk, ErrorKind, Options, SimDisk, Store};

const DIR: &str = "/store";

fn open(disk: &SimDisk) -> tidemill_store::Result<Store> {
    Store::open(DIR, Options { disk: Arc::new(disk.clone()), ..Options::default() })
}

/// A store with a segment of every type, with statistics, and a log that was closed well.
fn sample() -> (Vec<(PathBuf, Vec<u8>)>, Rows) {
    let disk = SimDisk::new(0);
    let store = open(&disk).unwrap();
    let mut batch = Batch::new();
    let mut random = Random(3);
    let row = |index: i64| {
        let mut fields = vec![("i", Val::Int(index % 7)), ("f", Val::Float(1.5f64.to_bits()))];
        if index % 2 == 0 {
            fields.push(("u", Val::UInt(u64::MAX)));
            fields.push(("b", Val::Bool(index % 3 == 0)));
            fields.push(("s", Val::Text(format!("s{}", index % 4))));
        }
        let host = if index < 130 { "a" } else { "b" }.to_owned();
        Row { table: "t", host, time: index * 10 + random.below(3) as i64, fields }
    };
    fill(&mut batch, &(0..140).map(row).collect::<Vec<_>>());
    store.write(&mut batch).unwrap();
    store.flush().unwrap();
    for value in 0..2 {
        fill(&mut batch, &[Row::new("t", "a", 3, value), Row::new("t", "c", 4, value)]);
        store.write(&mut batch).unwrap();
    }
    let rows = dump(&store.snapshot());
    drop(store);
    (disk.files().into_iter().filter(|file| !file.0.ends_with("LOCK")).collect(), rows)
}

/// What a store of these files says.
enum Finding {
    Same,
    Reported,
}

fn check(files: &[(PathBuf, Vec<u8>)], damaged: usize, want: &Rows, what: &str) -> Finding {
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    for (path, bytes) in files {
        disk.create(path).unwrap().write_all_at(bytes, 0).unwrap();
    }
    let path = &files[damaged].0;
    let what = format!("{} {what}", path.display());
    let is_reported = |error: &tidemill_store::Error| {
        let is_kind = [ErrorKind::Corrupt, ErrorKind::Version].contains(&error.kind());
        assert!(is_kind && error.path().is_some(), "{what}: {error}");
        // A log that ends too early is seen by the write that is missing, in the next file.
        assert!(
            error.path() == Some(path) || path.extension().is_some_and(|e| e == "wal"),
            "{what}: {error}"
        );
        if error.kind() == ErrorKind::Corrupt {
            assert!(error.offset_bytes().is_some(), "{what}: {error}");
        }
    };
    let store = match open(&disk) {
        Ok(store) => store,
        Err(error) => {
            is_reported(&error);
            return Finding::Reported;
        }
    };
    let problems = store.check().unwrap().problems;
    problems.iter().for_each(is_reported);
    if !problems.is_empty() {
        return Finding::Reported;
    }
    assert!(dump(&store.snapshot()) == *want, "{what}: another answer and no report");
    // Of the two marks of a log one is enough.
    match &store.recovery().damaged_marks[..] {
        [(damaged, _)] if damaged == path => Finding::Reported,
        _ => Finding::Same,
    }
}

#[test]
fn every_flipped_bit_is_reported_or_harmless() {
    let (files, want) = sample();
    assert_eq!(files.iter().filter(|file| file.1.len() > 24).count(), 4, "one file of each kind");
    for damaged in 0..files.len() {
        let length = files[damaged].1.len();
        let mut same = 0;
        for bit in 0..length * 8 {
            let mut files = files.clone();
            files[damaged].1[bit / 8] ^= 1 << (bit % 8);
            same += usize::from(matches!(
                check(&files, damaged, &want, &format!("bit {bit}")),
                Finding::Same
            ));
        }
        assert!(same == 0, "{}: {same}", files[damaged].0.display());
    }
}

#[test]
fn every_truncation_is_reported_or_harmless() {
    let (files, want) = sample();
    for damaged in 0..files.len() {
        let path = &files[damaged].0;
        for cut in 0..files[damaged].1.len() {
            let mut files = files.clone();
            files[damaged].1.truncate(cut);
            let finding = check(&files, damaged, &want, &format!("cut at {cut}"));
            assert!(matches!(finding, Finding::Reported), "{} cut at {cut}", path.display());
        }
    }
}

/// What stands behind the last mark of a log that was not closed may be cut; that it was not
/// closed is reported, and what is left is the first of the writes.
#[test]
fn a_cut_behind_the_mark_is_reported_and_one_before_it_is_damage() {
    let disk = SimDisk::new(0);
    let store = open(&disk).unwrap();
    let mut batch = Batch::new();
    let mut dumps = Vec::new();
    for time in 0..4 {
        fill(&mut batch, &[Row::new("t", "a", time, time)]);
        store.write(&mut batch).unwrap();
        dumps.push(dump(&store.snapshot()));
        if time == 1 {
            store.sync().unwrap();
        }
    }
    let disk = disk.crash();
    let files: Vec<_> = disk.files().into_iter().filter(|file| !file.0.ends_with("LOCK")).collect();
    let log = files.iter().position(|file| file.0.extension().is_some_and(|e| e == "wal")).unwrap();
    let path = &files[log].0;
    let (mut reported, mut damaged) = (0, 0);
    for cut in 0..files[log].1.len() {
        let disk = SimDisk::new(0);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        for (index, (path, bytes)) in files.iter().enumerate() {
            let bytes = if index == log { &bytes[..cut] } else { bytes };
            disk.create(path).unwrap().write_all_at(bytes, 0).unwrap();
        }
        match open(&disk) {
            Err(error) => {
                assert_eq!((error.kind(), error.path()), (ErrorKind::Corrupt, Some(&**path)));
                damaged += 1;
            }
            Ok(store) => {
                let (unclosed, _) = store.recovery().unclosed_log.as_ref().unwrap();
                assert_eq!(unclosed, path, "cut at {cut}");
                let found = dump(&store.snapshot());
                assert!(dumps[1..].contains(&found), "cut at {cut}: {found:?}");
                reported += 1;
            }
        }
    }
    assert!(damaged > 1536 && reported > 50, "{damaged} {reported}");
}

#[test]
fn every_missing_file_is_reported() {
    let (files, _) = sample();
    for (missing, read_only) in (0..files.len()).flat_map(|file| [(file, false), (file, true)]) {
        let rest = files.iter().enumerate().filter(|(file, _)| *file != missing);
        let rest = rest.map(|(_, (path, bytes))| (path.as_path(), Arc::new(bytes.clone())));
        let disk = Arc::new(SimDisk::with_files(rest).unwrap());
        let options = Options { disk, read_only, ..Options::default() };
        let error = Store::open(DIR, options).map(|_| ()).unwrap_err();
        let path = files[missing].0.display();
        let is_kind = [ErrorKind::Corrupt, ErrorKind::Io].contains(&error.kind());
        assert!(is_kind && error.path().is_some(), "{path}: {error}");
    }
}

#[test]
fn a_missing_last_log_is_reported() {
    let disk = SimDisk::new(0);
    let write = |time| {
        let store = open(&disk).unwrap();
        let mut batch = Batch::new();
        fill(&mut batch, &[Row::new("t", "a", time, 1)]);
        store.write(&mut batch).unwrap();
    };
    let last_log =
        || disk.files().into_keys().rfind(|path| path.extension() == Some("wal".as_ref()));
    write(1);
    let first = last_log();
    write(2);
    let second = last_log().unwrap();
    assert!(first.is_some() && first.as_ref() != Some(&second));
    disk.remove(&second).unwrap();
    let store = open(&disk).unwrap();
    assert_eq!(dump(&store.snapshot()).len(), 1);
    assert_eq!(store.recovery().unclosed_log, first.map(|path| (path, 0)));
}

/// A manifest that is older than the files beside it: opening refuses, and takes nothing along.
#[test]
fn an_old_manifest_removes_nothing() {
    let disk = SimDisk::new(0);
    let store = open(&disk).unwrap();
    let mut batch = Batch::new();
    let mut manifests = Vec::new();
    for time in 0..2 {
        fill(&mut batch, &[Row::new("t", "a", time, time)]);
        store.write(&mut batch).unwrap();
        store.flush().unwrap();
        manifests.push(disk.files()[&Path::new(DIR).join("MANIFEST")].clone());
    }
    drop(store);
    let disk = disk.crash();
    let manifest = disk.open(&Path::new(DIR).join("MANIFEST"), true).unwrap();
    manifest.set_len(0).unwrap();
    manifest.write_all_at(&manifests[0], 0).unwrap();
    let before = disk.files();
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(disk.files() == before, "{:?}", disk.files().keys());
}

/// Also of a store that was never flushed: its only log holds all there is.
#[test]
fn the_first_log_is_missed() {
    let disk = SimDisk::new(0);
    let store = open(&disk).unwrap();
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", 1, 1)]);
    store.write(&mut batch).unwrap();
    let disk = disk.crash();
    disk.remove(&Path::new(DIR).join("00000001.wal")).unwrap();
    assert_eq!(open(&disk).map(|_| ()).unwrap_err().kind(), ErrorKind::Corrupt);
}
