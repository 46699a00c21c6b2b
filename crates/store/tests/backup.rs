//! A backup is the store as it was at one moment, whatever goes on beside it, or it is none.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use common::hooked::{Call, Hooked};
use common::{Row, Rows, dump, fill};
use tidemill_model::Batch;
use tidemill_store::{Disk, ErrorKind, Options, RealDisk, SimDisk, Store};

const DIR: &str = "/store";
const TO: &str = "/backups/one";

fn options(disk: &SimDisk) -> Options {
    Options { disk: Arc::new(disk.clone()), ..Options::default() }
}

/// What a reader sees of a store.
fn read(options: Options, dir: &Path) -> tidemill_store::Result<Rows> {
    Store::open(dir, Options { read_only: true, ..options }).map(|store| dump(&store.snapshot()))
}

/// Whether there is nothing, or files without the manifest that would make them a store.
fn is_no_store(error: &tidemill_store::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.to_string().contains("there is no manifest")
}

/// Segments of two tables, one of them compacted, and rows in memory.
fn sample(disk: &SimDisk) -> tidemill_store::Result<Store> {
    let store = Store::open(DIR, options(disk))?;
    let mut batch = Batch::new();
    for round in 0..3 {
        fill(&mut batch, &[Row::new("t", "a", round, 1), Row::new("t", "b", 7, round)]);
        fill(&mut batch, &[Row::new("u", "", round, round)]);
        store.write(&mut batch)?;
        match round {
            0 => store.flush()?,
            1 => drop(store.compact()?),
            _ => {}
        }
    }
    Ok(store)
}

#[test]
fn a_backup_is_a_store_with_the_same_rows() {
    let disk = SimDisk::new(0);
    let store = sample(&disk).unwrap();
    let want = dump(&store.snapshot());
    let keep = Some(std::time::Duration::from_nanos(u64::MAX));
    store.set_retention("u", keep).unwrap();
    let before = disk.files();
    let done = store.backup(TO).unwrap();
    assert_eq!((done.tables, done.rows >= want.len() as u64), (2, true), "{done:?}");
    let after = disk.files();
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "only read");
    // Beside a writer, too.
    let reader = Store::open(DIR, Options { read_only: true, ..options(&disk) }).unwrap();
    reader.backup("/backups/two").unwrap();
    for dir in [TO, "/backups/two"] {
        assert_eq!(read(options(&disk), Path::new(dir)).unwrap(), want);
        let copy = Store::open(dir, options(&disk)).unwrap();
        assert_eq!(copy.check().unwrap().problems.len(), 0);
        let retentions = ["t", "u"].map(|table| copy.retention(table).unwrap());
        assert_eq!(retentions, [None, keep]);
        assert_eq!(copy.recovery().removed_files.len(), 0);
        // It goes on from there: later rows win over those that came along.
        let mut batch = Batch::new();
        fill(&mut batch, &[Row::new("t", "a", 0, 9), Row::new("t", "z", 0, 9)]);
        copy.write(&mut batch).unwrap();
        copy.compact().unwrap();
        let rows = dump(&copy.snapshot());
        assert_eq!(rows.len(), want.len() + 1);
        let key = ("t".to_owned(), "a".to_owned(), 0);
        assert_eq!(rows[&key], rows[&("t".to_owned(), "z".to_owned(), 0)]);
    }
    assert_eq!(dump(&store.snapshot()), want);
}

/// Whether rows were in memory or all in segments.
#[test]
fn what_is_written_to_a_backup_is_younger_than_what_it_holds() {
    for is_flushed in [false, true] {
        let disk = SimDisk::new(0);
        let store = sample(&disk).unwrap();
        if is_flushed {
            store.flush().unwrap();
        }
        store.backup(TO).unwrap();
        let copy = Store::open(TO, options(&disk)).unwrap();
        let (mut batch, mut want) = (Batch::new(), dump(&store.snapshot()));
        let newer = Row::new("t", "b", 7, 99);
        fill(&mut batch, std::slice::from_ref(&newer));
        copy.write(&mut batch).unwrap();
        want.insert(("t".into(), "b".into(), 7), [("i".into(), newer.fields[0].1.clone())].into());
        assert_eq!(dump(&copy.snapshot()), want, "{is_flushed}");
        copy.compact().unwrap();
        assert_eq!(dump(&copy.snapshot()), want, "{is_flushed}");
        drop(copy);
        let copy = Store::open(TO, options(&disk)).unwrap();
        assert_eq!(dump(&copy.snapshot()), want, "{is_flushed}");
    }
}

#[test]
fn a_directory_that_holds_something_is_left_alone() {
    let disk = SimDisk::new(0);
    let store = sample(&disk).unwrap();
    disk.create_dir_all(Path::new(TO)).unwrap();
    disk.create(&Path::new(TO).join("notes.txt")).unwrap();
    let error = store.backup(TO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(store.backup(DIR).unwrap_err().kind(), ErrorKind::Invalid);
}

/// What others do in the directory between the first look at it and the lock.
#[test]
fn a_directory_is_for_one_backup() {
    for (other, kind) in [("LOCK", ErrorKind::Locked), ("notes.txt", ErrorKind::Invalid)] {
        let disk = SimDisk::new(0);
        let (beside, held) = (disk.clone(), std::sync::Mutex::new(None));
        let hook = move |call, dir: &Path| {
            if call == Call::CreateDir && dir == Path::new(TO) {
                beside.create_dir_all(dir)?;
                *held.lock().unwrap() = Some(beside.lock(&dir.join(other))?);
            }
            Ok(())
        };
        let store = sample(&disk).unwrap();
        drop(store);
        let hooked = Arc::new(Hooked::new(&disk, hook));
        let reader = Options { disk: hooked, read_only: true, ..Options::default() };
        let error = Store::open(DIR, reader).unwrap().backup(TO).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let names = disk.list(Path::new(TO)).unwrap();
        assert!(names.iter().all(|name| name == "LOCK" || name == other), "{names:?}");
    }
}

#[test]
fn damage_is_not_copied_in_silence() {
    let disk = SimDisk::new(0);
    let store = sample(&disk).unwrap();
    let segments: Vec<_> =
        disk.files().into_keys().filter(|p| p.extension().is_some_and(|e| e == "seg")).collect();
    let mut byte = [0];
    let file = disk.open(&segments[0], true).unwrap();
    file.read_exact_at(&mut byte, 17).unwrap();
    file.write_all_at(&[byte[0] ^ 4], 17).unwrap();
    let error = store.backup(TO).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Corrupt, Some(&*segments[0])));
    assert!(is_no_store(&read(options(&disk), Path::new(TO)).unwrap_err()));
}

#[test]
fn a_power_cut_leaves_a_whole_backup_or_none() {
    let disk = SimDisk::new(0);
    let store = sample(&disk).unwrap();
    let want = dump(&store.snapshot());
    let start = disk.changes();
    store.backup(TO).unwrap();
    let end = disk.changes();
    let (mut whole, mut none) = (0, 0);
    for (cut, seed) in (start..=end).flat_map(|cut| (0..4).map(move |seed| (cut, seed))) {
        let seed = cut * 4 + seed;
        let disk = SimDisk::new(seed);
        let store = sample(&disk).unwrap();
        assert_eq!(disk.changes(), start);
        disk.cut_power_at(cut);
        let done = store.backup(TO);
        let disk = disk.power_cut(seed);
        drop(store);
        let context = format!("cut {cut}, seed {seed}");
        match read(options(&disk), Path::new(TO)) {
            Ok(rows) => {
                assert_eq!(rows, want, "{context}");
                whole += 1;
            }
            Err(error) => {
                assert!(is_no_store(&error), "{context}: {error}");
                assert!(done.is_err(), "{context}: done, and yet not there");
                none += 1;
            }
        }
        let source = Store::open(DIR, options(&disk)).unwrap();
        assert_eq!(dump(&source.snapshot()), want, "{context}");
    }
    assert!(whole > 4 && none > 40, "{whole} whole, {none} none");
}

/// Writes with flushes and compactions from one thread, backups from this one; each must be a
/// state between its call and its return.
fn backups_during_writes(options: &Options, dir: &Path, to: &Path, rounds: usize) {
    let store = Store::open(dir, options.clone()).unwrap();
    let (acknowledged, handed_in) = (AtomicI64::new(-1), AtomicI64::new(-1));
    let is_done = AtomicBool::new(false);
    /// The writer ends even if a backup is not what it should be.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    std::thread::scope(|scope| {
        let _done = Done(&is_done);
        scope.spawn(|| {
            let mut batch = Batch::new();
            for time in 0.. {
                if is_done.load(Ordering::SeqCst) {
                    break;
                }
                handed_in.store(time, Ordering::SeqCst);
                let host = format!("h{}", time / 10);
                fill(&mut batch, &[Row::new("t", &host, time, time), Row::new("u", "", time, 1)]);
                store.write(&mut batch).unwrap();
                acknowledged.store(time, Ordering::SeqCst);
                match time % 32 {
                    15 => store.flush().unwrap(),
                    31 => drop(store.compact().unwrap()),
                    _ => {}
                }
            }
        });
        for round in 0..rounds {
            let to = to.join(round.to_string());
            let before = acknowledged.load(Ordering::SeqCst);
            if round % 2 == 0 {
                store.backup(&to).unwrap();
            } else {
                // As another process does it.
                let options = Options { read_only: true, ..options.clone() };
                let reader = loop {
                    match Store::open(dir, options.clone()) {
                        // A writer that flushes all the time may be too fast for it.
                        Err(error) if error.kind() == ErrorKind::Locked => {}
                        opened => break opened.unwrap(),
                    }
                };
                reader.backup(&to).unwrap();
            }
            let after = handed_in.load(Ordering::SeqCst);
            let rows = read(options.clone(), &to).unwrap();
            let last = rows.keys().map(|key| key.2).max().unwrap_or(-1);
            assert!(before <= last && last <= after, "{before} <= {last} <= {after}");
            assert_eq!(rows.len() as i64, 2 * (last + 1), "each write whole, none left out");
        }
    });
}

#[test]
fn a_backup_is_a_state_between_call_and_return() {
    let disk = SimDisk::new(0);
    backups_during_writes(&options(&disk), Path::new(DIR), Path::new("/backups"), 20);
    let dir = tempfile::tempdir().unwrap();
    let options = Options { disk: Arc::new(RealDisk), ..Options::default() };
    backups_during_writes(&options, &dir.path().join("store"), &dir.path().join("backups"), 10);
}
