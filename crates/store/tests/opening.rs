//! Opening a store on a disk where something happens between two calls.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use common::hooked::{Call, Hooked};
use common::{Row, dump, fill};
use tidemill_model::{Batch, Duplicates};
use tidemill_store::{BulkMap, Disk, ErrorKind, Options, SimDisk, Store};

const DIR: &str = "/store";

/// A disk that calls a hook before it opens a file.
fn hooked(
    disk: &SimDisk,
    on_open: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static,
) -> Hooked {
    let hook = move |call, path: &Path| if call == Call::Open { on_open(path) } else { Ok(()) };
    Hooked::new(disk, hook)
}

fn options(disk: impl Disk + 'static, read_only: bool) -> Options {
    Options { disk: Arc::new(disk), read_only, ..Options::default() }
}

fn write(store: &Store, time: i64) {
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", time, time)]);
    store.write(&mut batch).unwrap();
}

/// A store with a row in a segment and one in the log.
fn writer(disk: &SimDisk) -> Store {
    let store = Store::open(DIR, options(disk.clone(), false)).unwrap();
    write(&store, 1);
    store.flush().unwrap();
    write(&store, 2);
    store
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "wal")
}

#[test]
fn a_reader_looks_again_when_the_writer_was_at_work() {
    for flushes in [1, 3, usize::MAX] {
        let disk = SimDisk::new(0);
        let store = writer(&disk);
        let opened = AtomicUsize::new(0);
        let flush = move |path: &Path| {
            let is_next = is_log(path) && opened.fetch_add(1, SeqCst) < flushes;
            if is_next {
                store.flush().unwrap();
                write(&store, 3);
            }
            Ok(())
        };
        let read = Store::open(DIR, options(hooked(&disk, flush), true));
        if flushes == usize::MAX {
            let error = read.unwrap_err();
            assert!(error.to_string().contains("could not read the log"), "{error}");
        } else {
            let want = dump(&Store::open(DIR, options(disk, true)).unwrap().snapshot());
            assert_eq!(dump(&read.unwrap().snapshot()), want);
            assert_eq!(want.len(), 3);
        }
    }
}

#[test]
fn a_manifest_replaced_all_the_time_is_said() {
    let disk = SimDisk::new(0);
    let store = writer(&disk);
    let replace = move |path: &Path| {
        if path.ends_with("MANIFEST") {
            store.set_retention("t", Some(std::time::Duration::from_secs(1 << 30))).unwrap();
        }
        Ok(())
    };
    let error = Store::open(DIR, options(hooked(&disk, replace), true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("faster than they can be read"), "{error}");
}

#[test]
fn a_log_that_is_gone_may_be_one_that_nobody_needs() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(disk.clone(), false)).unwrap();
    write(&store, 1);
    store.sync().unwrap();
    let (path, _) = disk.files().into_iter().find(|file| is_log(&file.0)).unwrap();
    store.flush().unwrap();
    // It was listed, and is removed before it is opened. No manifest was replaced meanwhile.
    let other = disk.clone();
    disk.create(&path).unwrap();
    let gone = path.clone();
    let remove = move |path: &Path| if path == gone { other.remove(path) } else { Ok(()) };
    let read = Store::open(DIR, options(hooked(&disk, remove), true)).unwrap();
    assert_eq!(dump(&read.snapshot()).len(), 1);
    // One that the directory names and that cannot be opened is an error in the end.
    let fail = |path: &Path| {
        if is_log(path) { Err(io::ErrorKind::NotFound.into()) } else { Ok(()) }
    };
    let error = Store::open(DIR, options(hooked(&disk, fail), true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[test]
fn directories_above_are_synced_as_far_as_they_may_be_read() {
    for (forbidden, kind, opens) in [
        ("/", io::ErrorKind::PermissionDenied, true),
        ("/", io::ErrorKind::Other, false),
        ("none", io::ErrorKind::Other, true),
    ] {
        let disk = SimDisk::new(0);
        let hook = move |call, dir: &Path| {
            let is_forbidden = call == Call::SyncDir && dir == Path::new(forbidden);
            if is_forbidden { Err(kind.into()) } else { Ok(()) }
        };
        let opened = Store::open("/a/b/store", options(Hooked::new(&disk, hook), false));
        assert_eq!(opened.is_ok(), opens, "{kind:?}");
    }
    // A path that starts here.
    let disk = SimDisk::new(0);
    drop(Store::open("store", options(hooked(&disk, |_| Ok(())), false)).unwrap());
    assert!(disk.files().contains_key(Path::new("/store/MANIFEST")));
}

/// What opening creates is there after a power cut, the directories above it included.
#[test]
fn a_new_store_in_new_directories_survives_a_power_cut() {
    for seed in 0..64 {
        let disk = SimDisk::new(seed);
        let store = Store::open("/a/b/store", options(disk.clone(), false)).unwrap();
        write(&store, 1);
        let cut = disk.power_cut(seed);
        drop(store);
        let store = Store::open("/a/b/store", Options { create: false, ..options(cut, false) });
        assert_eq!(dump(&store.unwrap().snapshot()).len(), 1, "seed {seed}");
    }
}

/// A flush beside a compaction that reads what is older: its rows stay the younger ones, now and
/// when the store is opened again.
#[test]
fn what_is_flushed_beside_a_compaction_is_younger() {
    let disk = SimDisk::new(0);
    let beside: Arc<Mutex<Option<Store>>> = Arc::default();
    let (of_hook, flushed) = (Arc::clone(&beside), AtomicUsize::new(0));
    // The compaction opens what it wrote before it commits.
    let hook = move |path: &Path| {
        let is_segment = path.extension().is_some_and(|end| end == "seg");
        let store = of_hook.lock().unwrap().clone();
        if let Some(store) = store.filter(|_| is_segment)
            && flushed.fetch_add(1, SeqCst) == 0
        {
            let mut batch = Batch::new();
            fill(&mut batch, &[Row::new("t", "a", 1, 9)]);
            store.write(&mut batch).unwrap();
            store.flush().unwrap();
        }
        Ok(())
    };
    let store = Store::open(DIR, options(hooked(&disk, hook), false)).unwrap();
    for time in [1, 2] {
        write(&store, time);
        store.flush().unwrap();
    }
    *beside.lock().unwrap() = Some(store.clone());
    store.compact().unwrap();
    // The store has the disk, the disk the hook, the hook the store: otherwise they would stay.
    *beside.lock().unwrap() = None;
    let rows = dump(&store.snapshot());
    let value = |rows: &common::Rows| rows[&("t".to_owned(), "a".to_owned(), 1)]["i"].clone();
    assert_eq!((rows.len(), value(&rows)), (2, common::Val::Int(9)));
    let opened = Store::open(DIR, options(disk, true)).unwrap();
    assert_eq!(dump(&opened.snapshot()), rows);
}

/// A write that began before the store was closed is refused, not put behind the log's end.
#[test]
fn a_store_may_be_closed_while_a_write_begins() {
    let disk = SimDisk::new(0);
    let closing: Arc<Mutex<Option<Store>>> = Arc::default();
    let of_hook = Arc::clone(&closing);
    let hook = move |call, _: &Path| {
        let store = of_hook.lock().unwrap().take_if(|_| call == Call::Now);
        store.map_or(Ok(()), Store::close).unwrap();
        Ok(())
    };
    let store = Store::open(DIR, options(Hooked::new(&disk, hook), false)).unwrap();
    *closing.lock().unwrap() = Some(store.clone());
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", 1, 1)]);
    let table = &mut batch.tables_mut()[0];
    let series = table.series(&[]);
    let column = table.column("i", tidemill_model::FieldType::Int);
    table.set_int(column, 2);
    // The clock is asked for the time of a row without one.
    table.end_row(series, None, 1);
    table.finish();
    let error = store.write(&mut batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let opened = Store::open(DIR, options(disk, true)).unwrap();
    assert_eq!(dump(&opened.snapshot()).len(), 0);
}

#[test]
fn a_store_that_lost_its_manifest_is_damaged_to_readers_too() {
    let disk = SimDisk::new(0);
    drop(writer(&disk));
    disk.remove(&Path::new(DIR).join("MANIFEST")).unwrap();
    for read_only in [false, true] {
        let opened = Store::open(DIR, options(disk.clone(), read_only));
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupt, "read only: {read_only}");
    }
}

/// Definitions of more than a mebibyte and the segments are read in parallel: all of them, and of several errors the
/// first one is told.
#[test]
fn many_series_are_opened_as_few_are() {
    let disk = SimDisk::new(0);
    let store = Store::open(DIR, options(disk.clone(), false)).unwrap();
    let rows = |time: i64| -> Vec<Row> {
        let host = |number: i64| format!("{number:050}");
        (0..25_000).map(|number| Row::new("t", &host(number), time, number + time)).collect()
    };
    for time in 1..=3 {
        let mut bulk = store.bulk(Duplicates::Last).unwrap();
        let mut batch = Batch::new();
        fill(&mut batch, &rows(time));
        bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new()).unwrap();
        bulk.finish().unwrap();
    }
    let want = dump(&store.snapshot());
    assert_eq!(want.len(), 75_000);
    drop(store);
    let opened = |disk: &SimDisk| Store::open(DIR, options(disk.clone(), true));
    assert!(dump(&opened(&disk).unwrap().snapshot()) == want);
    let files = disk.files();
    let ending =
        |end: &'static str| files.keys().filter(move |path| path.to_string_lossy().ends_with(end));
    let segments: Vec<_> = ending(".seg").collect();
    let definition = ending(".def").next().unwrap();
    assert!(segments.len() == 3 && files[definition].len() > 1 << 20);
    // Which files are damaged, and which one the error names.
    let [first, second, third] = segments[..] else { panic!("{segments:?}") };
    for (damaged, named) in [
        (vec![third], third),
        (vec![third, second], second),
        (vec![first, second, definition], definition),
    ] {
        let mut files = files.clone();
        for path in damaged {
            *files.get_mut(path).unwrap().last_mut().unwrap() ^= 1;
        }
        let files = files.iter().map(|(path, bytes)| (&**path, Arc::new(bytes.clone())));
        let disk = SimDisk::with_files(files).unwrap();
        let error = opened(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&*named.to_string_lossy()), "{error}");
    }
}
