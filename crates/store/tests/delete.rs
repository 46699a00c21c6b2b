//! Deleted rows are gone and no others, all at once; rows that are too old go as their table says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Model, Row, Rows, delete, dump, fill};
use tidemill_model::{Batch, Duplicates, TimeRange};
use tidemill_store::{BulkMap, Compacted, Disk, ErrorKind, Options, SimDisk, Store};

const DIR: &str = "/store";

fn open(disk: &SimDisk) -> Store {
    let disk = Arc::new(disk.clone());
    Store::open(DIR, Options { disk, max_segment_rows: 50, ..Options::default() }).unwrap()
}

fn write(store: &Store, rows: &[Row]) {
    let mut batch = Batch::new();
    fill(&mut batch, rows);
    store.write(&mut batch).unwrap();
}

fn rows(table: &'static str, times: std::ops::Range<i64>, value: i64) -> Vec<Row> {
    let hosts = ["a", "b", ""];
    times.flat_map(|time| hosts.map(|host| Row::new(table, host, time, value))).collect()
}

/// Two tables, several segments that overlap, rows in memory.
fn filled(disk: &SimDisk) -> (Store, Model) {
    let (store, mut model) = (open(disk), Model::new(Duplicates::Last));
    for batch in [rows("t", 0..20, 1), rows("t", 15..40, 2), rows("u", 0..5, 3)] {
        write(&store, &batch);
        store.flush().unwrap();
        model.write(&batch);
    }
    let batch = rows("t", 38..45, 4);
    write(&store, &batch);
    model.write(&batch);
    (store, model)
}

#[test]
fn what_is_deleted_is_gone_and_nothing_else() {
    let ranges = [
        TimeRange::ALL,
        TimeRange::new(i64::MIN, 17),
        TimeRange::new(17, 39),
        TimeRange::new(40, i64::MAX),
        TimeRange::new(7, 7),
        TimeRange::new(100, 200),
        TimeRange::EMPTY,
    ];
    for range in ranges {
        for hosts in [&["a"][..], &["a", "b", ""], &["", "none"], &[]] {
            let disk = SimDisk::new(0);
            let (store, mut model) = filled(&disk);
            let before = (store.snapshot(), model.rows.clone());
            let deleted = delete(&store, "t", range, hosts).unwrap();
            model.delete("t", range, hosts);
            let what = format!("{range:?} {hosts:?}");
            assert_eq!(dump(&store.snapshot()), model.rows, "{what}");
            // Rows that stood twice are counted twice.
            let gone = before.1.len() - model.rows.len();
            assert!(deleted.dropped_rows as usize >= gone, "{what}");
            assert_eq!(deleted.dropped_rows == 0, gone == 0, "{what}: {deleted:?}");
            assert_eq!(
                deleted.segments_before == 0,
                hosts.is_empty() || range.start > range.end || range.start == 100,
                "{what}"
            );
            assert_eq!(dump(&before.0), before.1, "{what}: a snapshot stays as it was");
            assert!(store.check().unwrap().problems.is_empty(), "{what}");
            // What comes later is there, also where rows were deleted.
            write(&store, &rows("t", 16..18, 9));
            model.write(&rows("t", 16..18, 9));
            drop(store);
            let store = open(&disk);
            assert_eq!(dump(&store.snapshot()), model.rows, "{what}");
        }
    }
}

#[test]
fn a_segment_with_nothing_left_is_removed_and_not_read() {
    let disk = SimDisk::new(0);
    let (store, _) = filled(&disk);
    store.compact().unwrap();
    let bytes = |store: &Store| store.snapshot().table("t").unwrap().stored_bytes();
    let before = (bytes(&store), disk.files().len());
    let deleted = delete(&store, "t", TimeRange::ALL, &["a", "b", ""]).unwrap();
    assert_eq!((deleted.segments_after, deleted.bytes_after, bytes(&store)), (0, 0, 0));
    assert_eq!(deleted.bytes_before, before.0);
    assert_eq!(disk.files().len(), before.1 - deleted.segments_before);
}

#[test]
fn a_segment_without_such_rows_is_left_alone() {
    let disk = SimDisk::new(0);
    let store = open(&disk);
    write(&store, &[Row::new("t", "a", 0, 0), Row::new("t", "b", 20, 0)]);
    store.flush().unwrap();
    let files = disk.files();
    // Within the segment's time, and in neither series.
    for (range, host) in [((5, 25), "a"), ((-5, 15), "b"), ((30, 40), "a")] {
        let deleted = delete(&store, "t", TimeRange::new(range.0, range.1), &[host]).unwrap();
        assert_eq!(deleted, Compacted::default(), "{range:?}");
    }
    assert_eq!(disk.files(), files);
}

#[test]
fn a_deletion_is_whole_or_not_at_all_whenever_the_power_goes() {
    let (mut done, mut undone) = (0, 0);
    for index in 0.. {
        let disk = SimDisk::new(index);
        let (store, model) = filled(&disk);
        let mut after = model.clone();
        after.delete("t", TimeRange::new(5, 41), &["a", "b"]);
        disk.cut_power_at(disk.changes() + index);
        let deleted = delete(&store, "t", TimeRange::new(5, 41), &["a", "b"]);
        if deleted.is_ok() && !disk.is_dead() {
            assert!(done > 3 && undone > 20, "{done} {undone}");
            break;
        }
        for seed in 0..8 {
            let disk = SimDisk::new(index);
            let (store, _) = filled(&disk);
            disk.cut_power_at(disk.changes() + index);
            let deleted = delete(&store, "t", TimeRange::new(5, 41), &["a", "b"]);
            let disk = disk.power_cut(seed);
            let store = open(&disk);
            let found = dump(&store.snapshot());
            assert!(found == after.rows || (found == model.rows && deleted.is_err()), "{index}");
            *(if found == after.rows { &mut done } else { &mut undone }) += 1;
        }
    }
}

#[test]
fn what_cannot_be_deleted_is_said() {
    let disk = SimDisk::new(0);
    let (store, _) = filled(&disk);
    let kind = |result: tidemill_store::Result<()>| result.unwrap_err().kind();
    let nowhere =
        |store: &Store, table: &str| delete(store, table, TimeRange::ALL, &["a"]).map(drop);
    assert_eq!(kind(nowhere(&store, "T")), ErrorKind::NotFound);
    assert_eq!(kind(store.set_retention("T", None)), ErrorKind::NotFound);
    assert_eq!(kind(store.retention("T").map(drop)), ErrorKind::NotFound);
    for keep in [Duration::ZERO, Duration::MAX] {
        assert_eq!(kind(store.set_retention("t", Some(keep))), ErrorKind::Invalid);
    }
    let options = Options { disk: Arc::new(disk), read_only: true, ..Options::default() };
    let reader = Store::open(DIR, options).unwrap();
    assert_eq!(kind(nowhere(&reader, "t")), ErrorKind::ReadOnly);
    assert_eq!(kind(reader.set_retention("t", None)), ErrorKind::ReadOnly);
}

fn at(rows: &Rows, table: &str) -> Vec<i64> {
    let mut times: Vec<i64> = rows.keys().filter(|key| key.0 == table).map(|key| key.2).collect();
    times.dedup();
    times.sort_unstable();
    times.dedup();
    times
}

#[test]
fn rows_go_when_they_are_too_old() {
    let disk = SimDisk::new(0);
    let (store, model) = filled(&disk);
    let keep = Some(Duration::from_nanos(10));
    store.set_retention("t", keep).unwrap();
    assert_eq!(store.retention("t").unwrap(), keep);
    assert_eq!(dump(&store.snapshot()), model.rows, "nothing goes before something is flushed");
    // The latest row is at 44; the first segment ends at 19, but a younger one overlaps with it.
    store.flush().unwrap();
    assert_eq!(at(&dump(&store.snapshot()), "t")[0], 0);
    let compacted = store.compact().unwrap();
    assert!(compacted.dropped_rows > 0);
    assert_eq!(at(&dump(&store.snapshot()), "t"), (34..45).collect::<Vec<_>>());
    assert_eq!(at(&dump(&store.snapshot()), "u"), [0, 1, 2, 3, 4]);
    // It is a property of the table, also after reopening and later changes of the manifest.
    drop(store);
    let store = open(&disk);
    assert_eq!(store.retention("t").unwrap(), keep);
    write(&store, &rows("t", 50..51, 1));
    store.compact().unwrap();
    assert_eq!(at(&dump(&store.snapshot()), "t"), [40, 41, 42, 43, 44, 50]);
    // Whole segments go without being asked.
    write(&store, &rows("t", 80..81, 1));
    store.flush().unwrap();
    assert_eq!(at(&dump(&store.snapshot()), "t"), [80]);
    store.set_retention("t", None).unwrap();
    write(&store, &rows("t", 120..121, 1));
    store.compact().unwrap();
    assert_eq!(at(&dump(&store.snapshot()), "t"), [80, 120]);
}

#[test]
fn neither_a_row_from_the_future_nor_the_clock_takes_others_along() {
    let disk = SimDisk::new(0);
    let (store, now) = (open(&disk), disk.now_ns());
    store.set_retention("t", None).unwrap_err();
    let second = 1_000_000_000;
    write(&store, &[now - 5 * second, now - second].map(|time| Row::new("t", "a", time, 1)));
    store.set_retention("t", Some(Duration::from_secs(3))).unwrap();
    write(&store, &[Row::new("t", "a", i64::MAX, 1)]);
    store.compact().unwrap();
    assert_eq!(at(&dump(&store.snapshot()), "t"), [now - second, i64::MAX]);
    // Rows of long ago, while the clock is far ahead of them.
    write(&store, &[Row::new("v", "a", 5, 1), Row::new("v", "a", 6, 1)]);
    store.set_retention("v", Some(Duration::from_nanos(1))).unwrap();
    store.compact().unwrap();
    assert_eq!(at(&dump(&store.snapshot()), "v"), [5, 6]);
}

/// A younger segment that is wholly too old hides an older value of its row: it goes when that goes.
#[test]
fn what_was_replaced_is_not_seen_again() {
    let disk = SimDisk::new(0);
    let store = open(&disk);
    for batch in
        [&[Row::new("t", "a", 5, 1), Row::new("t", "a", 100, 1)][..], &[Row::new("t", "a", 5, 2)]]
    {
        write(&store, batch);
        store.flush().unwrap();
    }
    store.set_retention("t", Some(Duration::from_nanos(30))).unwrap();
    let value = |store: &Store| dump(&store.snapshot()).into_iter().find(|row| row.0.2 == 5);
    let two = value(&store).unwrap();
    write(&store, &[Row::new("t", "b", 101, 1)]);
    store.flush().unwrap();
    assert_eq!(value(&store), Some(two));
    store.compact().unwrap();
    assert_eq!(value(&store), None);
}

/// Definitions that a bulk load may take back are in no manifest before it is done.
#[test]
fn retention_waits_for_a_bulk_load() {
    let disk = SimDisk::new(0);
    let (store, mut model) = filled(&disk);
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let mut batch = Batch::new();
    fill(&mut batch, &[Row::new("t", "new", 1, 1), Row::new("v", "a", 1, 1)]);
    bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new()).unwrap();
    let (begins, begun) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let set = scope.spawn(|| {
            begins.send(()).unwrap();
            store.set_retention("t", Some(Duration::from_secs(1)))
        });
        begun.recv().unwrap();
        // As much time as it would need.
        let changes = disk.changes();
        for _ in 0..10_000 {
            if set.is_finished() {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!(disk.changes(), changes, "it commits while the load goes on");
        bulk.rollback();
        drop(bulk);
        set.join().unwrap().unwrap();
    });
    let rows = [Row::new("t", "other", 1, 1), Row::new("w", "a", 1, 1)];
    write(&store, &rows);
    model.write(&rows);
    drop(store);
    assert_eq!(dump(&open(&disk).snapshot()), model.rows);
}
