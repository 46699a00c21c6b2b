//! What each durability keeps, what `Store::sync` adds, and what a store does after its disk failed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use common::{Row, Val, dump, fill};
use tidemill_memory::Budget;
use tidemill_model::{Batch, Duplicates};
use tidemill_store::{
    Bulk, BulkMap, Disk, Durability, Error, ErrorKind, Failure, Fault, FaultyDisk, Operation,
    Options, SimDisk, Store,
};

const DIR: &str = "/store";

fn open(disk: &(impl Disk + Clone + 'static), durability: Durability) -> Result<Store, Error> {
    Store::open(DIR, Options { disk: Arc::new(disk.clone()), durability, ..Options::default() })
}

fn write(store: &Store, time: i64) -> Result<(), Error> {
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "a", time, time)]);
    store.write(&mut batch).map(|_| ())
}

fn times(store: &Store) -> Vec<i64> {
    dump(&store.snapshot()).into_keys().map(|key| key.2).collect()
}

#[test]
fn each_durability_keeps_what_it_says_and_sync_keeps_all() {
    for durability in [Durability::Fsync, Durability::Os, Durability::None] {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let store = open(&disk, durability).unwrap();
            (1..4).for_each(|time| write(&store, time).unwrap());
            assert_eq!(times(&store), [1, 2, 3], "what was written is seen");
            let killed = disk.crash();
            drop(store);
            let store = open(&killed, durability).unwrap();
            let kept = times(&store);
            let least = if durability == Durability::None { 0 } else { 3 };
            assert!(
                kept.len() >= least && [1, 2, 3].starts_with(&kept),
                "{durability:?}: {kept:?}"
            );
            write(&store, 9).unwrap();
            store.sync().unwrap();
            write(&store, 10).unwrap();
            let cut = killed.power_cut(seed);
            drop(store);
            let found = times(&open(&cut, durability).unwrap());
            let kept = [&kept[..], &[9]].concat();
            let all = [&kept[..], &[10]].concat();
            assert!(found == all || found == kept, "{durability:?}: {found:?}");
            assert!(found == all || durability != Durability::Fsync, "{found:?}");
        }
    }
}

#[test]
fn without_durability_memory_is_bounded() {
    let disk = SimDisk::new(0);
    let store = open(&disk, Durability::None).unwrap();
    let written = || disk.files().into_values().map(|bytes| bytes.len()).max().unwrap();
    let mut batch = Batch::new();
    let mut random = common::Random(1);
    for step in 0..40 {
        let text = |random: &mut common::Random| format!("{:x}{:x}", random.next(), random.next());
        let fields = |random: &mut common::Random| vec![("s", common::Val::Text(text(random)))];
        let row = |time| Row { table: "t", host: "a".into(), time, fields: fields(&mut random) };
        let rows: Vec<Row> = (step * 1000..(step + 1) * 1000).map(row).collect();
        fill(&mut batch, &rows);
        store.write(&mut batch).unwrap();
    }
    assert!(written() > 1 << 20, "{} bytes", written());
    store.close().unwrap();
    assert_eq!(times(&open(&disk, Durability::Os).unwrap()).len(), 40_000);
}

#[test]
fn a_closed_log_says_so_and_another_does_not() {
    let disk = SimDisk::new(0);
    let store = open(&disk, Durability::Fsync).unwrap();
    write(&store, 1).unwrap();
    store.sync().unwrap();
    write(&store, 2).unwrap();
    let disk = disk.crash();
    drop(store);
    let store = open(&disk, Durability::Fsync).unwrap();
    let (_, bytes) = store.recovery().unclosed_log.clone().unwrap();
    assert!(bytes > 0, "the second write was not marked");
    // Closed by rotating, by dropping, by closing.
    store.flush().unwrap();
    write(&store, 3).unwrap();
    drop(store);
    let store = open(&disk, Durability::Fsync).unwrap();
    assert_eq!(store.recovery().unclosed_log, None);
    write(&store, 4).unwrap();
    let clone = store.clone();
    store.close().unwrap();
    assert_eq!(write(&clone, 5).unwrap_err().kind(), ErrorKind::Invalid);
    drop(clone);
    let reader = Options { disk: Arc::new(disk.clone()), read_only: true, ..Options::default() };
    let store = Store::open(DIR, reader).unwrap();
    assert_eq!((store.recovery().unclosed_log.clone(), times(&store)), (None, vec![1, 2, 3, 4]));
    assert_eq!(write(&store, 5).unwrap_err().kind(), ErrorKind::ReadOnly);
    store.close().unwrap();
}

#[test]
fn an_idle_store_marks_how_far_its_log_is_durable() {
    let disk = SimDisk::new(0);
    let store = open(&disk, Durability::Fsync).unwrap();
    let unmarked = || {
        let store = open(&disk.fork().crash(), Durability::Fsync).unwrap();
        store.recovery().unclosed_log.as_ref().map(|(_, bytes)| *bytes)
    };
    write(&store, 1).unwrap();
    assert!(unmarked().is_some_and(|bytes| bytes > 0));
    store.idle().unwrap();
    assert_eq!(unmarked(), Some(0));
}

/// A store whose disk fails from now on, each call in turn being the first.
#[test]
fn after_a_failure_nothing_is_taken_and_nothing_written() {
    for operation in [Operation::Write, Operation::Sync] {
        let sim = SimDisk::new(0);
        let disk = FaultyDisk::new(sim.clone());
        let store = open(&disk, Durability::Fsync).unwrap();
        write(&store, 1).unwrap();
        store.flush().unwrap();
        write(&store, 2).unwrap();
        let failure = Failure::Io;
        disk.set_fault(Some(Fault {
            operation: Some(operation),
            at: 0,
            is_permanent: false,
            failure,
        }));
        assert_eq!(write(&store, 3).unwrap_err().kind(), ErrorKind::Io);
        let poisoned = |result: Result<(), Error>| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Poisoned, "{operation:?}");
            // The first failure, with its file.
            let said = error.to_string();
            assert!(said.contains("could not write the log") && said.contains(".wal"), "{said}");
        };
        let changes = sim.changes();
        poisoned(write(&store, 4));
        poisoned(store.sync());
        assert_eq!(sim.changes(), changes, "nothing is written behind what failed");
        poisoned(store.flush());
        poisoned(store.bulk(Duplicates::Last).map(|_| ()));
        let names = |sim: &SimDisk| sim.files().into_keys().collect::<Vec<_>>();
        let before = names(&sim);
        drop(store);
        assert_eq!(names(&sim), before);
        let store = open(&sim.crash(), Durability::Fsync).unwrap();
        let found = times(&store);
        assert!(found == [1, 2] || found == [1, 2, 3], "{operation:?}: {found:?}");
    }
}

/// Old blocks of a log that is gone, in the place of new ones: an old write stands where an acknowledged
/// one did, whole, and everything before it is in segments or sound.
#[test]
fn an_old_write_in_the_place_of_a_new_one_is_damage() {
    let sim = SimDisk::new(0);
    let store = open(&sim, Durability::Fsync).unwrap();
    let log = |sim: &SimDisk| {
        let mut files = sim.files().into_iter();
        files.rfind(|(path, _)| path.extension().is_some_and(|end| end == "wal")).unwrap()
    };
    let mut lengths = vec![log(&sim).1.len()];
    for time in 1..4 {
        write(&store, time).unwrap();
        lengths.push(log(&sim).1.len());
    }
    let (old_path, old) = log(&sim);
    store.flush().unwrap();
    (4..7).for_each(|time| write(&store, time).unwrap());
    // The log is synced and closed, not flushed.
    drop(store);
    assert!(!sim.files().contains_key(&old_path), "it is gone");
    let (path, now) = log(&sim);
    // The log's first write defines the table; the others are of one size.
    let size = lengths[3] - lengths[2];
    assert_eq!(lengths[2] - lengths[1], size);
    for place in 1..4 {
        let at = now.len() - place * size;
        let put = |bytes: &[u8]| {
            sim.open(&path, true).unwrap().write_all_at(bytes, at as u64).unwrap();
        };
        put(&old[lengths[2]..lengths[3]]);
        let error = open(&sim, Durability::Fsync).unwrap_err();
        assert_eq!((error.kind(), error.offset_bytes()), (ErrorKind::Corrupt, Some(at as u64)));
        let options = Options { disk: Arc::new(sim.clone()), ..Options::default() };
        let report = tidemill_store::check(DIR, &options).unwrap();
        let is_it = |error: &Error| error.offset_bytes() == Some(at as u64);
        assert!(report.damages.iter().any(|damage| is_it(&damage.error)), "{report:?}");
        put(&now[at..at + size]);
    }
    assert_eq!(times(&open(&sim, Durability::Fsync).unwrap()), [1, 2, 3, 4, 5, 6]);
}

/// A commit that failed leaves open what is durable: none may follow it, also not one that was begun.
#[test]
fn no_commit_follows_one_that_failed() {
    for operation in [Operation::Rename, Operation::SyncDir] {
        let sim = SimDisk::new(0);
        let disk = FaultyDisk::new(sim.clone());
        let store = open(&disk, Durability::Fsync).unwrap();
        for _ in 0..2 {
            write(&store, 1).unwrap();
            store.flush().unwrap();
        }
        let mut bulk = store.bulk(Duplicates::Last).unwrap();
        let mut batch = Batch::new();
        fill(&mut batch, &[Row::new("u", "a", 1, 1)]);
        bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new()).unwrap();
        let (is_permanent, failure) = (false, Failure::Io);
        let operation = Some(operation);
        disk.set_fault(Some(Fault { operation, at: 0, is_permanent, failure }));
        assert_eq!(store.compact().unwrap_err().kind(), ErrorKind::Io);
        let committed = bulk.commit().map(|_| ());
        assert_eq!(committed.unwrap_err().kind(), ErrorKind::Poisoned, "{operation:?}");
        drop(bulk);
        let deleted = store.delete("t", tidemill_model::TimeRange::EMPTY, |_, _| true);
        assert_eq!(deleted.unwrap_err().kind(), ErrorKind::Poisoned, "{operation:?}");
        drop(store);
        let store = open(&sim.crash(), Durability::Fsync).unwrap();
        assert_eq!(times(&store), [1], "{operation:?}");
        assert!(store.snapshot().table("u").is_none());
    }
}

/// In doubt is what was committed, not what is pending: nothing is, and yet nothing may be called done.
#[test]
fn a_store_in_doubt_calls_nothing_done() {
    let disk = FaultyDisk::new(SimDisk::new(0));
    let store = open(&disk, Durability::Fsync).unwrap();
    for _ in 0..2 {
        write(&store, 1).unwrap();
        store.flush().unwrap();
    }
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let (operation, failure) = (Some(Operation::SyncDir), Failure::Io);
    disk.set_fault(Some(Fault { operation, at: 0, is_permanent: false, failure }));
    assert_eq!(store.compact().unwrap_err().kind(), ErrorKind::Io);
    let poisoned = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert!(error.to_string().contains("could not sync the directory"), "{error}");
    };
    poisoned(bulk.commit().map(|_| ()));
    drop(bulk);
    poisoned(store.flush());
    poisoned(store.compact().map(|_| ()));
    poisoned(store.sync());
    poisoned(store.bulk(Duplicates::Last).map(|_| ()));
    // A row that is refused asks for nothing to be written.
    let mut batch = Batch::new();
    let refused = Row { fields: vec![("i", Val::Text("x".into()))], ..Row::new("t", "a", 2, 2) };
    fill(&mut batch, &[refused]);
    poisoned(store.write(&mut batch).map(|_| ()));
}

/// Rows that are all refused leave nothing behind: no write in the log, no segment of no rows.
#[test]
fn duplicates_alone_write_nothing() {
    let disk = SimDisk::new(0);
    let options = Options {
        disk: Arc::new(disk.clone()),
        duplicates: Duplicates::Error,
        ..Options::default()
    };
    let store = Store::open(DIR, options).unwrap();
    write(&store, 1).unwrap();
    for _ in 0..2 {
        let before = disk.changes();
        let mut batch = Batch::new();
        fill(&mut batch, &[Row::new("t", "a", 1, 2)]);
        let written = store.write(&mut batch).unwrap();
        assert_eq!((written.rows, written.rejections.len()), (0, 1));
        assert_eq!(disk.changes(), before);
        store.flush().unwrap();
        let mut bulk = store.bulk(Duplicates::Error).unwrap();
        let before = disk.changes();
        let (mut rejections, mut batch) = (Vec::new(), Batch::new());
        fill(&mut batch, &[Row::new("t", "a", 1, 3)]);
        bulk.append(&mut batch, &mut BulkMap::default(), &mut rejections).unwrap();
        assert_eq!((bulk.commit().unwrap().rows, rejections.len()), (0, 1));
        assert_eq!(disk.changes(), before);
    }
}

/// A failed flush poisons when it may have left the manifest in doubt, and does no harm before.
#[test]
fn a_failure_at_any_rename_is_told_and_reopening_finds_one_state() {
    for at in 0..4 {
        let sim = SimDisk::new(at);
        let disk = FaultyDisk::new(sim.clone());
        let store = open(&disk, Durability::Fsync).unwrap();
        write(&store, 1).unwrap();
        disk.set_fault(Some(Fault {
            operation: Some(Operation::Rename),
            at,
            is_permanent: true,
            failure: Failure::NoSpace,
        }));
        let flushed = store.flush();
        assert_eq!(flushed.is_err(), at < 2, "a log and the manifest are renamed");
        if flushed.is_err() {
            assert_eq!(write(&store, 2).unwrap_err().kind(), ErrorKind::Poisoned);
        }
        disk.set_fault(None);
        let cut = sim.power_cut(at);
        drop(store);
        let store = open(&cut, Durability::Fsync).unwrap();
        assert_eq!(times(&store), [1]);
        assert!(store.check().unwrap().problems.is_empty());
    }
}

/// A row that is refused as a duplicate of one that was never acknowledged was refused for nothing.
#[test]
fn no_row_is_refused_for_one_that_is_in_doubt() {
    let sim = SimDisk::new(0);
    let disk = FaultyDisk::new(sim.clone());
    let options = Options {
        disk: Arc::new(disk.clone()),
        duplicates: Duplicates::Error,
        ..Options::default()
    };
    let store = Store::open(DIR, options).unwrap();
    let (operation, failure) = (Some(Operation::Sync), Failure::Io);
    disk.set_fault(Some(Fault { operation, at: 0, is_permanent: false, failure }));
    assert_eq!(write(&store, 1).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(write(&store, 1).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(times(&store), [] as [i64; 0]);
}

/// Without durability a write that is taken is not waited for: that the store is poisoned must be
/// said before.
#[test]
fn without_durability_nothing_is_taken_after_a_failure() {
    let disk = FaultyDisk::new(SimDisk::new(0));
    let store = open(&disk, Durability::None).unwrap();
    write(&store, 1).unwrap();
    let (operation, failure) = (Some(Operation::Sync), Failure::Io);
    disk.set_fault(Some(Fault { operation, at: 0, is_permanent: false, failure }));
    assert_eq!(store.sync().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(write(&store, 2).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(times(&store), [1]);
}

/// A flush that failed leaves no segment behind that nothing names, and another one may succeed,
/// unless the store is poisoned.
#[test]
fn a_flush_that_failed_leaves_no_segment() {
    let mut harmless = 0;
    for operation in [Operation::Create, Operation::Write, Operation::Sync] {
        for at in 0.. {
            let sim = SimDisk::new(0);
            let disk = FaultyDisk::new(sim.clone());
            let store = open(&disk, Durability::Fsync).unwrap();
            let mut batch = Batch::new();
            fill(&mut batch, &["t", "u"].map(|table| Row::new(table, "a", 1, 1)));
            store.write(&mut batch).unwrap();
            let (operation, failure) = (Some(operation), Failure::NoSpace);
            disk.set_fault(Some(Fault { operation, at, is_permanent: false, failure }));
            if store.flush().is_ok() {
                break;
            }
            if write(&store, 2).is_err_and(|error| error.kind() == ErrorKind::Poisoned) {
                continue;
            }
            harmless += 1;
            let segments = || {
                let names = sim.files().into_keys();
                names.filter(|path| path.extension().is_some_and(|end| end == "seg")).count()
            };
            assert_eq!(segments(), 0, "{operation:?} {at}");
            store.flush().unwrap();
            assert_eq!((segments(), times(&store)), (2, vec![1, 2, 1]), "{operation:?} {at}");
        }
    }
    assert_eq!(harmless, 6, "two segments are each created, written and synced");
}

/// A flush that nobody waits for fails: the write that made it due is in the log, and no more come.
#[test]
fn a_flush_that_nobody_waits_for_poisons_when_it_fails() {
    let sim = SimDisk::new(0);
    let disk = FaultyDisk::new(sim.clone());
    let options =
        |disk: Arc<dyn Disk>| Options { disk, max_memtable_bytes: Some(1), ..Options::default() };
    let store = Store::open(DIR, options(Arc::new(disk.clone()))).unwrap();
    // The first file created is the next log, the second the segment.
    let (operation, failure) = (Some(Operation::Create), Failure::NoSpace);
    disk.set_fault(Some(Fault { operation, at: 1, is_permanent: false, failure }));
    write(&store, 1).unwrap();
    assert_eq!(disk.failed(), 1);
    let refused = write(&store, 2).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Poisoned);
    // Nobody saw the flush fail, so this one says why.
    let said = refused.to_string();
    assert!(said.contains(".seg") && said.contains("No space left"), "{said}");
    drop(store);
    let store = Store::open(DIR, options(Arc::new(sim.crash()))).unwrap();
    assert_eq!(times(&store), [1]);
}

/// A table all of whose rows were refused has a name and nothing else.
#[test]
fn a_table_without_rows_is_found_again() {
    let disk = SimDisk::new(0);
    let store = open(&disk, Durability::Fsync).unwrap();
    let mut batch = Batch::new();
    let refused = Row { fields: vec![("time", common::Val::Int(1))], ..Row::new("u", "", 1, 1) };
    fill(&mut batch, &[refused]);
    assert_eq!(store.write(&mut batch).unwrap().rejections.len(), 1);
    write(&store, 1).unwrap();
    store.close().unwrap();
    let store = open(&disk, Durability::Fsync).unwrap();
    assert_eq!((times(&store), store.snapshot().tables().len()), (vec![1], 2));
}

/// A load of which a call failed takes no more: what was lost of it would be missing.
#[test]
fn a_bulk_load_that_does_not_finish_leaves_nothing_or_all() {
    use Operation::{Create, Open, Rename, Sync, SyncDir, Write};
    let (mut taken_back, mut in_doubt) = (0, 0);
    let on = |disk: Arc<dyn Disk>| Options { disk, ..Options::default() };
    for operation in [Create, Write, Sync, Open, Rename, SyncDir] {
        for at in 0.. {
            let what = format!("{operation:?} {at}");
            let sim = SimDisk::new(0);
            let disk = FaultyDisk::new(sim.clone());
            let store = Store::open(DIR, on(Arc::new(disk.clone()))).unwrap();
            let load = |times: [i64; 2]| {
                let mut bulk = store.bulk(Duplicates::Last)?;
                for time in times {
                    let mut batch = Batch::new();
                    fill(&mut batch, &["t", "u"].map(|table| Row::new(table, "a", time, time)));
                    bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new())?;
                }
                bulk.finish()
            };
            let failure = Failure::Io;
            disk.set_fault(Some(Fault {
                operation: Some(operation),
                at,
                is_permanent: false,
                failure,
            }));
            let loaded = load([1, 2]);
            if disk.failed() == 0 {
                assert_eq!(loaded.unwrap().rows, 4);
                assert_eq!(times(&store), [1, 2, 1, 2]);
                break;
            }
            assert_eq!(loaded.unwrap_err().kind(), ErrorKind::Io, "{what}");
            let again = load([3, 4]);
            drop(store);
            let store = Store::open(DIR, on(Arc::new(sim.crash()))).unwrap();
            let found = times(&store);
            if again.is_ok() {
                assert_eq!(found, [3, 4, 3, 4], "{what}");
                taken_back += 1;
            } else {
                let is_whole = [&[][..], &[1, 2, 1, 2]].contains(&&found[..]);
                assert!(is_whole, "{what}: {found:?}");
                in_doubt += 1;
            }
            assert!(store.check().unwrap().problems.is_empty(), "{what}");
        }
    }
    assert!(taken_back > 5 && in_doubt > 5, "{taken_back}, {in_doubt}");
}

#[test]
fn a_bulk_load_that_failed_is_rolled_back_or_nothing() {
    use Operation::{Create, Open, Rename, Sync, SyncDir, Write};
    let mut poisoned = 0;
    let is_segment = |path: &std::path::Path| path.extension().is_some_and(|end| end == "seg");
    // Of a budget so small every batch is written at once, of the other none.
    let budgets = [(3, 2), (1 << 20, 0)];
    for (budget, operation) in
        budgets.iter().flat_map(|b| [Create, Write, Sync, Open, Rename, SyncDir].map(|o| (*b, o)))
    {
        for at in 0.. {
            let what = format!("{budget:?}, {operation:?} {at}");
            let sim = SimDisk::new(0);
            let disk = FaultyDisk::new(sim.clone());
            let options = |disk: Arc<dyn Disk>| Options {
                disk,
                budget: Budget::new(budget.0),
                ..Options::default()
            };
            let store = Store::open(DIR, options(Arc::new(disk.clone()))).unwrap();
            let mut bulk = store.bulk(Duplicates::Last).unwrap();
            let append = |bulk: &mut Bulk<'_>, time: i64| {
                let mut batch = Batch::new();
                fill(&mut batch, &["t", "u"].map(|table| Row::new(table, "a", time, time)));
                bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new())
            };
            let segments = || sim.files().into_keys().filter(|path| is_segment(path)).count();
            append(&mut bulk, 1).unwrap();
            assert_eq!(segments(), budget.1, "{what}");
            let (operation, failure) = (Some(operation), Failure::Io);
            disk.set_fault(Some(Fault { operation, at, is_permanent: false, failure }));
            let loaded = append(&mut bulk, 2).and_then(|()| bulk.commit());
            if disk.failed() == 0 {
                loaded.unwrap();
                break;
            }
            assert_eq!(loaded.unwrap_err().kind(), ErrorKind::Io, "{what}");
            assert_eq!(append(&mut bulk, 3).unwrap_err().kind(), ErrorKind::Invalid, "{what}");
            assert_eq!(bulk.commit().unwrap_err().kind(), ErrorKind::Invalid, "{what}");
            bulk.rollback();
            let again = append(&mut bulk, 4).and_then(|()| bulk.commit());
            drop(bulk);
            let left = segments();
            drop(store);
            let store = Store::open(DIR, options(Arc::new(sim.crash()))).unwrap();
            let found = times(&store);
            if again.is_ok() {
                assert_eq!((found, left), (vec![4, 4], 2), "{what}");
            } else {
                let is_whole = [&[][..], &[1, 2, 1, 2]].contains(&&found[..]);
                assert!(is_whole, "{what}: {found:?}");
                poisoned += 1;
            }
            assert!(store.check().unwrap().problems.is_empty(), "{what}");
        }
    }
    assert!(poisoned > 10, "{poisoned}");
}
