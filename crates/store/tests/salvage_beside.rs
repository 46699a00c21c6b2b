//! Check and repair beside a writer, on disks that fail, and of what is left over.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::hooked::{Call, Hooked};
use common::{Row, Val, delete, dump, fill};
use tidemill_model::{Batch, TimeRange};
use tidemill_store::{
    Disk, Failure, Fault, FaultyDisk, Operation, Options, Report, SimDisk, Store, check, repair,
};

const DIR: &str = "/store";
const NEW: &str = "/new";

fn options(disk: &SimDisk) -> Options {
    Options { disk: Arc::new(disk.clone()), ..Options::default() }
}

fn put(store: &Store, time: i64) {
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", time, time)]);
    store.write(&mut batch).unwrap();
}

fn disk_of(files: &BTreeMap<PathBuf, Vec<u8>>) -> SimDisk {
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    for (path, bytes) in files {
        disk.create(path).unwrap().write_all_at(bytes, 0).unwrap();
    }
    disk
}

fn texts(report: &Report) -> Vec<String> {
    report.damages.iter().map(ToString::to_string).collect()
}

#[test]
fn a_repaired_table_keeps_its_rows_as_long() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    put(&store, 1);
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("u", "a", 1, 1)]);
    store.write(&mut batch).unwrap();
    let keep = Some(std::time::Duration::from_secs(1 << 30));
    store.set_retention("u", keep).unwrap();
    store.close().unwrap();
    repair(DIR, NEW, options(&disk)).unwrap();
    let new = Store::open(NEW, options(&disk)).unwrap();
    assert_eq!(["t", "u"].map(|table| new.retention(table).unwrap()), [None, keep]);
}

/// A segment that was written anew has a later number than the one that replaces its rows.
#[test]
fn what_is_older_stays_older() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    for rows in
        [&[Row::new("t", "a", 1, 1), Row::new("t", "a", 10, 1)][..], &[Row::new("t", "a", 1, 2)]]
    {
        let mut batch = Batch::new();
        fill(&mut batch, rows);
        store.write(&mut batch).unwrap();
        store.flush().unwrap();
    }
    delete(&store, "t", TimeRange::new(10, 10), &["a"]).unwrap();
    let want = dump(&store.snapshot());
    store.close().unwrap();
    repair(DIR, NEW, options(&disk)).unwrap();
    assert_eq!(dump(&Store::open(NEW, options(&disk)).unwrap().snapshot()), want);
    assert_eq!(want[&("t".into(), "a".into(), 1)]["i"], Val::Int(2));
}

/// Two definitions in each other's place are both whole, and not believed.
#[test]
fn definitions_that_are_swapped_name_nothing() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", 1, 1), Row::new("u", "b", 2, 2)]);
    store.write(&mut batch).unwrap();
    store.close().unwrap();
    let mut files = disk.files();
    let paths = [0, 1].map(|table| Path::new(DIR).join(format!("table-00000{table}.def")));
    let [t, u] = [&paths[0], &paths[1]].map(|path| files[path].clone());
    assert_eq!(t.len(), u.len());
    files.extend([(paths[0].clone(), u), (paths[1].clone(), t)]);
    let names_nothing = |files: &BTreeMap<PathBuf, Vec<u8>>| {
        let disk = disk_of(files);
        let repaired = repair(DIR, NEW, options(&disk)).unwrap();
        assert_eq!(repaired.rows(), 0);
        assert!(repaired.report.damages.iter().any(|damage| !damage.lost.is_nothing()));
    };
    names_nothing(&files);
    // Nor is one in the other's place, where nothing says that there were two.
    files.remove(&paths[0]);
    files.remove(&Path::new(DIR).join("MANIFEST"));
    names_nothing(&files);
}

/// A power cut may bring back a log whose writes are in segments; what was deleted of them stays so.
#[test]
fn a_log_that_is_back_brings_nothing_back() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    (0..3).for_each(|time| put(&store, time));
    store.sync().unwrap();
    let logs = disk.files();
    let logs = logs.into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "wal"));
    store.flush().unwrap();
    delete(&store, "t", TimeRange::new(1, 1), &["a"]).unwrap();
    let want = dump(&store.snapshot());
    store.close().unwrap();
    for (path, bytes) in logs {
        disk.create(&path).unwrap().write_all_at(&bytes, 0).unwrap();
    }
    let report = check(DIR, &options(&disk)).unwrap();
    assert_eq!((report.rows, report.writes), (2, 0));
    repair(DIR, NEW, options(&disk)).unwrap();
    assert_eq!(dump(&Store::open(NEW, options(&disk)).unwrap().snapshot()), want);
}

/// A log that nobody needs may go between being listed and being opened; the manifest stays the same.
#[test]
fn a_log_may_go_while_it_is_looked_at() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    put(&store, 1);
    store.close().unwrap();
    let (gone, other) = (Path::new(DIR).join("00000001.wal"), disk.clone());
    disk.create(&gone).unwrap();
    let hook = move |call, path: &Path| {
        if call == Call::Open && path == gone { other.remove(path) } else { Ok(()) }
    };
    let looking = Options { disk: Arc::new(Hooked::new(&disk, hook)), ..Options::default() };
    let report = check(DIR, &looking).unwrap();
    assert_eq!((texts(&report), report.logs, report.rows), (vec![], 1, 1));
}

/// A disk that does not answer is no sound store, unless it does when it is asked again.
#[test]
fn what_cannot_be_read_is_said() {
    let files = |close: fn(Store)| {
        let disk = SimDisk::new(0);
        let store = Store::open(DIR, options(&disk)).unwrap();
        (0..3).for_each(|time| put(&store, time));
        store.flush().unwrap();
        (3..6).for_each(|time| put(&store, time));
        close(store);
        disk.crash().files()
    };
    // Of the one the log is marked as durable, of the other not.
    let (closed, unmarked) = (files(drop), files(std::mem::forget));
    let operations = [Operation::Read, Operation::Open, Operation::Len, Operation::List];
    for (files, operation) in
        [closed, unmarked].iter().flat_map(|files| operations.map(|operation| (files, operation)))
    {
        let all = check(DIR, &options(&disk_of(files))).unwrap().rows;
        for (at, is_permanent) in (0..).flat_map(|at| [(at, false), (at, true)]) {
            let disk = FaultyDisk::new(disk_of(files));
            let (operation, failure) = (Some(operation), Failure::Io);
            disk.set_fault(Some(Fault { operation, at, is_permanent, failure }));
            let reading = Options { disk: Arc::new(disk.clone()), ..Options::default() };
            let report = check(DIR, &reading);
            if disk.failed() == 0 {
                assert!(report.unwrap().is_sound() && at > 0);
                break;
            }
            let Ok(report) = report else { continue };
            let is_asked_again = report.rows == all && !is_permanent;
            assert!(!report.is_sound() || is_asked_again, "{operation:?} {at}");
        }
    }
}

/// Whatever a writer does between two looks at the directory, a check finds nothing, and a backup
/// has all that was acknowledged before.
#[test]
fn a_writer_may_replace_files_at_any_moment() {
    let mut looks = 0;
    for act_at in 0..40 {
        let disk = SimDisk::new(0);
        let store = Store::open(DIR, options(&disk)).unwrap();
        for time in 0..3 {
            put(&store, time);
            store.flush().unwrap();
        }
        put(&store, 3);
        let want = dump(&store.snapshot());
        let writer = store.clone();
        let act = move || {
            put(&writer, 4);
            writer.compact().unwrap();
            put(&writer, 5);
        };
        // Right before the n-th look at the directory.
        let seen = Arc::new(AtomicUsize::new(0));
        let of_hook = Arc::clone(&seen);
        let hook = move |call, _: &Path| {
            let is_look = [Call::Open, Call::List].contains(&call);
            if is_look && of_hook.fetch_add(1, Ordering::SeqCst) == act_at {
                act();
            }
            Ok(())
        };
        let beside = Arc::new(Hooked::new(&disk, hook));
        let beside_options = Options { disk: beside, ..Options::default() };
        let report = check(DIR, &beside_options).unwrap();
        assert_eq!(texts(&report), Vec::<String>::new(), "at look {act_at}");
        looks = seen.swap(0, Ordering::SeqCst);
        let reader =
            Store::open(DIR, Options { read_only: true, ..beside_options.clone() }).unwrap();
        reader.backup(NEW).unwrap();
        let got = Store::open(NEW, options(&disk)).unwrap();
        let got = dump(&got.snapshot());
        assert!(want.keys().all(|key| got.contains_key(key)), "at look {act_at}");
    }
    assert!((10..40).contains(&looks), "{looks} looks: not all were tried");
}

/// A write is looked at twice: first whether it is whole, then what is in it.
#[test]
fn a_write_that_changes_meanwhile_is_not_taken() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(&disk)).unwrap();
    put(&store, 1);
    put(&store, 2);
    drop(store);
    let is_log = |path: &PathBuf| path.extension().is_some_and(|end| end == "wal");
    let log = disk.files().into_keys().find(is_log).unwrap();
    let sim = disk.clone();
    let hook = move |call, path: &Path| {
        if call == Call::Create && path.starts_with(NEW) {
            let file = sim.open(&log, true)?;
            file.write_all_at(&[0xFF], file.len()? - 1)?;
        }
        Ok(())
    };
    let hooked = Options { disk: Arc::new(Hooked::new(&disk, hook)), ..Options::default() };
    let repaired = repair(DIR, NEW, hooked).unwrap();
    let said = texts(&repaired.report);
    assert!(said.iter().any(|text| text.contains("changed while it was read")), "{said:?}");
    let new = Store::open(NEW, options(&disk)).unwrap();
    assert_eq!(dump(&new.snapshot()).len(), 1);
}
