//! Segments written to be small: they hold what the others held, and stay small while they are alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{Row, Rows, Val, delete, dump, fill};
use tidemill_model::{Batch, TimeRange};
use tidemill_store::{
    Compression, Disk, ErrorKind, Options, SimDisk, Snapshot, Store, check, repair,
};

const DIR: &str = "/store";

fn options(disk: &SimDisk) -> Options {
    Options { disk: Arc::new(disk.clone()), max_segment_rows: 8000, ..Options::default() }
}

fn open(disk: &SimDisk) -> Store {
    Store::open(DIR, options(disk)).unwrap()
}

/// A number that looks random.
fn mixed(row: i64) -> u64 {
    let word = (row as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (word ^ (word >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 7
}

/// A step from -2 to 2, those near 0 more often.
fn step(row: i64) -> i64 {
    i64::from(mixed(row).count_ones()) / 2 - 14
}

/// Rows of every type, some values missing, some of those that are easily lost.
fn rows(host: &str, times: std::ops::Range<i64>) -> Vec<Row> {
    let mut walk = 0;
    let special = [f64::NAN, -0.0, f64::from_bits(0x7FF0_0000_0000_0001), 1e-310, -f64::NAN];
    let row = |time: i64| {
        walk += step(time);
        let mut fields =
            vec![("i", Val::Int(walk)), ("f", Val::Float((0.1 * walk as f64).to_bits()))];
        if time % 7 != 0 {
            fields.push(("u", Val::UInt(u64::MAX - walk.unsigned_abs())));
        }
        match time % 500 {
            0 => fields[0].1 = Val::Int([i64::MIN, i64::MAX][(time / 500 % 2) as usize]),
            1 => fields[1].1 = Val::Float(special[(time / 500 % 5) as usize].to_bits()),
            2..40 => fields.push(("b", Val::Bool(time % 3 == 0))),
            40..50 => fields.push(("s", Val::Text(format!("{}", time % 4)))),
            _ => {}
        }
        Row { table: "t", host: host.to_owned(), time, fields }
    };
    times.map(row).collect()
}

fn write(store: &Store, rows: &[Row]) {
    let mut batch = Batch::new();
    for rows in rows.chunks(4000) {
        fill(&mut batch, rows);
        store.write(&mut batch).unwrap();
    }
    store.flush().unwrap();
}

/// Small segments, and all, of table `t`.
fn segments(store: &Store) -> (usize, usize) {
    let snapshot: Snapshot = store.snapshot();
    let view = snapshot.table("t").unwrap();
    (view.small_segments(), view.segments())
}

/// A store of three segments that do not overlap, and what it holds.
fn store(disk: &SimDisk) -> (Store, Rows) {
    let store = open(disk);
    for part in 0..3 {
        let times = part * 3000..(part + 1) * 3000;
        write(&store, &[rows("a", times.clone()), rows("b", times)].concat());
    }
    let rows = dump(&store.snapshot());
    assert_eq!((rows.len(), segments(&store)), (18_000, (0, 3)));
    (store, rows)
}

#[test]
fn small_segments_hold_the_same_in_fewer_bytes() {
    let disk = SimDisk::new(0);
    let (store, want) = store(&disk);
    let compacted = store.compact_as(Compression::Small).unwrap();
    assert_eq!((compacted.segments_before, compacted.segments_after), (3, 3));
    assert!(compacted.bytes_after < compacted.bytes_before * 9 / 10, "{compacted:?}");
    assert_eq!(compacted.dropped_rows, 0);
    let check = |store: &Store| {
        assert_eq!(segments(store), (3, 3));
        // Statistics are compared with the rows, too.
        assert_eq!(dump(&store.snapshot()), want);
        assert!(store.check().unwrap().problems.is_empty());
    };
    check(&store);
    // All is done.
    assert_eq!(store.compact_as(Compression::Small).unwrap().segments_before, 0);
    assert_eq!(store.compact().unwrap().segments_before, 0);
    store.close().unwrap();
    check(&open(&disk));
}

#[test]
fn what_comes_later_is_fast_and_what_is_merged_with_it() {
    let disk = SimDisk::new(0);
    let (store, mut want) = store(&disk);
    store.compact_as(Compression::Small).unwrap();
    // Behind them: stands beside them, though it would fit.
    let later = rows("a", 9000..9500);
    write(&store, &later);
    store.compact().unwrap();
    assert_eq!(segments(&store), (3, 4));
    // Among the rows of the second.
    write(&store, &rows("b", 4000..4010));
    let compacted = store.compact().unwrap();
    assert_eq!((compacted.segments_before, compacted.dropped_rows), (2, 10));
    assert_eq!(segments(&store), (2, 4));
    let mut now = dump(&store.snapshot());
    now.retain(|key, _| key.2 < 9000);
    // Ten rows were written again, with a walk of their own.
    let written = |key: &(String, String, i64)| key.1 == "b" && (4000..4010).contains(&key.2);
    now.retain(|key, _| !written(key));
    want.retain(|key, _| !written(key));
    assert_eq!(now, want);
    let compacted = store.compact_as(Compression::Small).unwrap();
    assert!(compacted.segments_before >= 2, "{compacted:?}");
    let (small, all) = segments(&store);
    assert_eq!(small, all);
}

#[test]
fn a_deletion_leaves_small_what_is_small() {
    let disk = SimDisk::new(0);
    let (store, mut want) = store(&disk);
    store.compact_as(Compression::Small).unwrap();
    delete(&store, "t", TimeRange::new(2500, 3500), &["a"]).unwrap();
    want.retain(|key, _| !(key.1 == "a" && (2500..=3500).contains(&key.2)));
    assert_eq!(segments(&store), (3, 3));
    assert_eq!(dump(&store.snapshot()), want);
    assert!(store.check().unwrap().problems.is_empty());
}

#[test]
fn small_stores_are_backed_up_and_repaired() {
    let disk = SimDisk::new(0);
    let (store, want) = store(&disk);
    store.compact_as(Compression::Small).unwrap();
    store.backup("/copy").unwrap();
    let copy = Store::open("/copy", options(&disk)).unwrap();
    assert_eq!(segments(&copy), (3, 3));
    assert_eq!(dump(&copy.snapshot()), want);
    store.close().unwrap();
    assert!(check(DIR, &options(&disk)).unwrap().damages.is_empty());
    let repaired = repair(DIR, "/repaired", options(&disk)).unwrap();
    assert_eq!(repaired.rows(), 18_000);
    let repaired = Store::open("/repaired", options(&disk)).unwrap();
    assert_eq!(dump(&repaired.snapshot()), want);
}

/// What an earlier program sees: a version it does not know.
#[test]
fn small_segments_say_that_they_are() {
    let disk = SimDisk::new(0);
    let (store, _) = store(&disk);
    store.compact_as(Compression::Small).unwrap();
    store.close().unwrap();
    let path = disk.files().into_keys().find(|path| path.extension().is_some_and(|e| e == "seg"));
    let path = path.unwrap();
    assert_eq!(disk.files()[Path::new(&path)][8..12], [2, 0, 0, 0]);
    disk.open(&path, true).unwrap().write_all_at(&[3], 8).unwrap();
    let error = Store::open(DIR, options(&disk)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Version);
    assert!(error.to_string().contains("version 3; this program knows 1 and 2"), "{error}");
}

#[test]
fn a_damaged_page_is_reported() {
    let disk = SimDisk::new(0);
    let (store, _) = store(&disk);
    store.compact_as(Compression::Small).unwrap();
    store.close().unwrap();
    let files = disk.files();
    let (path, bytes) =
        files.iter().find(|(path, _)| path.extension().is_some_and(|e| e == "seg")).unwrap();
    disk.open(path, true).unwrap().write_all_at(&[!bytes[3000]], 3000).unwrap();
    let store = open(&disk);
    assert!(!store.check().unwrap().problems.is_empty());
}

/// Whatever the power leaves: all rows, in segments of which each is small or is not; and the
/// next compaction makes the rest so.
#[test]
fn an_interrupted_compaction_goes_on_where_it_was() {
    let disk = SimDisk::new(0);
    let (first, want) = store(&disk);
    first.close().unwrap();
    let disk = disk.power_cut(0);
    let store = open(&disk);
    disk.keep_moments();
    store.compact_as(Compression::Small).unwrap();
    drop(store);
    let mut seen = [false; 4];
    for (seed, moment) in disk.take_moments().into_iter().enumerate() {
        let disk = moment.power_cut(seed as u64);
        let store = open(&disk);
        let (small, all) = segments(&store);
        assert_eq!(all, 3);
        seen[small] = true;
        assert_eq!(dump(&store.snapshot()), want);
        let compacted = store.compact_as(Compression::Small).unwrap();
        assert_eq!((compacted.segments_before, segments(&store)), (3 - small, (3, 3)));
        assert_eq!(dump(&store.snapshot()), want);
    }
    assert_eq!(seen, [true; 4]);
}

/// What cannot be merged is no reason to merge something else again with every flush.
#[test]
fn short_segments_between_small_ones_are_left_alone() {
    let disk = SimDisk::new(0);
    let store = open(&disk);
    for part in 0..9 {
        // As much as no neighbour has room for.
        write(&store, &rows("a", part * 10_000..part * 10_000 + 5000));
        store.compact_as(Compression::Small).unwrap();
    }
    for part in 0..8 {
        write(&store, &rows("a", part * 10_000 + 7000..part * 10_000 + 7010));
    }
    assert_eq!(segments(&store), (9, 17));
    // At the end, one after the other: nothing is merged before there are eight.
    for part in 0..7 {
        write(&store, &rows("a", 90_000 + part * 10..90_000 + part * 10 + 10));
        assert_eq!(segments(&store), (9, 18 + part as usize));
    }
    write(&store, &rows("a", 90_070..90_080));
    assert_eq!(segments(&store), (9, 18));
    assert_eq!(dump(&store.snapshot()).len(), 9 * 5000 + 16 * 10);
}
