//! What recovery finds it makes durable before anything is built on it: the power may go right
//! after.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use tidemill_model::{Batch, FieldType, SeriesKey, TimeRange};
use tidemill_store::{Disk, Durability, Error, ErrorKind, Options, SimDisk, Store};

fn open(disk: &SimDisk, durability: Durability) -> Result<Store, Error> {
    let options = Options { disk: Arc::new(disk.clone()), durability, ..Options::default() };
    Store::open("/store", options)
}

fn write(store: &Store, time: i64) -> Result<(), Error> {
    let mut batch = Batch::new();
    let table = batch.table("t");
    let table = &mut batch.tables_mut()[table];
    let mut key = Vec::new();
    SeriesKey::encode(&mut [], &mut key).unwrap();
    let series = table.series(&key);
    let column = table.column("v", FieldType::Int);
    table.set_int(column, time);
    table.end_row(series, Some(time), 0);
    table.finish();
    store.write(&mut batch).map(|_| ())
}

fn times(store: &Store) -> Vec<i64> {
    let mut times = Vec::new();
    let snapshot = store.snapshot();
    let Some(table) = snapshot.table("t") else { return times };
    let (mut reader, mut pieces) = (table.reader(), Vec::new());
    reader.pieces(0, TimeRange::ALL, &mut pieces).unwrap();
    for piece in &pieces {
        let rows = reader.rows(piece).unwrap();
        reader.times(piece, 0..rows, &mut times).unwrap();
    }
    times
}

#[test]
fn what_was_not_synced_is_before_more_follows_it() {
    for seed in 0..64 {
        let disk = SimDisk::new(seed);
        let store = open(&disk, Durability::Os).unwrap();
        write(&store, 1).unwrap();
        let disk = disk.crash();
        drop(store);
        let store = open(&disk, Durability::Fsync).unwrap();
        write(&store, 2).unwrap();
        let disk = disk.power_cut(seed);
        drop(store);
        assert_eq!(times(&open(&disk, Durability::Fsync).unwrap()), [1, 2], "seed {seed}");
    }
}

/// Works until the power goes; the times of the rows that were acknowledged.
fn work(disk: &SimDisk) -> Vec<i64> {
    let mut acknowledged = Vec::new();
    let mut work = || -> Result<(), Error> {
        let store = open(disk, Durability::Fsync)?;
        for time in 1..=3 {
            write(&store, time)?;
            acknowledged.push(time);
            store.flush()?;
        }
        write(&store, 4)?;
        acknowledged.push(4);
        store.compact()?;
        write(&store, 5)?;
        acknowledged.push(5);
        Ok(())
    };
    // That the power goes is what it is about.
    let _ = work();
    acknowledged
}

#[test]
fn a_power_cut_right_after_recovery_takes_nothing_back() {
    let disk = SimDisk::new(0);
    assert_eq!(work(&disk), [1, 2, 3, 4, 5]);
    for cut in 0..disk.changes() {
        for seed in (0..8).map(|seed| cut * 8 + seed) {
            let disk = SimDisk::new(seed);
            disk.cut_power_at(cut);
            let acknowledged = work(&disk);
            // The process is gone, and what it left behind is as volatile as it was.
            let disk = disk.crash();
            let recovered = open(&disk, Durability::Fsync).unwrap();
            let found = times(&recovered);
            assert!(found.starts_with(&acknowledged), "cut {cut}: {found:?}");
            let disk = disk.power_cut(seed);
            drop(recovered);
            let again = open(&disk, Durability::Fsync).map(|store| times(&store));
            assert_eq!(again.unwrap(), found, "cut {cut}, seed {seed}");
        }
    }
}

#[test]
fn a_power_cut_in_the_middle_of_recovery_takes_nothing_back() {
    let disk = SimDisk::new(0);
    assert_eq!(work(&disk), [1, 2, 3, 4, 5]);
    for cut in 0..disk.changes() {
        for (again, seed) in (0..12).flat_map(|again| (0..4).map(move |seed| (again, seed))) {
            // A number makes the same choices every time.
            let seed = (cut * 12 + again) * 4 + seed;
            let disk = SimDisk::new(seed);
            disk.cut_power_at(cut);
            let acknowledged = work(&disk);
            let disk = disk.crash();
            disk.cut_power_at(disk.changes() + again);
            // It may come to its end before.
            drop(open(&disk, Durability::Fsync));
            let disk = disk.power_cut(seed);
            let found = open(&disk, Durability::Fsync).map(|store| times(&store)).unwrap();
            let context = (cut, again, seed);
            assert!(found.starts_with(&acknowledged), "{context:?}: {found:?}, {acknowledged:?}");
        }
    }
}

/// When nothing more comes for a moment, the log says how far it is durable: one that is cut before
/// that is damaged, not torn.
#[test]
fn an_idle_log_is_marked() {
    let home = tempfile::tempdir().unwrap();
    let (dir, copy) = (home.path().join("store"), home.path().join("copy"));
    let store = Store::open(&dir, Options::default()).unwrap();
    write(&store, 1).unwrap();
    let cut_copy = || {
        let _ = std::fs::remove_dir_all(&copy);
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let is_log = path.extension().is_some_and(|end| end == "wal");
            let kept = bytes.len() - usize::from(is_log);
            std::fs::write(copy.join(path.file_name().unwrap()), &bytes[..kept]).unwrap();
        }
        Store::open(&copy, Options::default())
    };
    // Before it is marked, a cut is a write that was never acknowledged, for all anyone can tell.
    let damage = loop {
        match cut_copy() {
            Ok(store) => assert!(store.recovery().torn_tail.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(damage.kind(), ErrorKind::Corrupt, "{damage}");
    assert!(damage.to_string().contains("were durable"), "{damage}");
    write(&store, 2).unwrap();
    assert_eq!(times(&store), [1, 2]);
}

/// At any moment of a sync, of a flush, and of the opening after that: the store opens, holds the first of
/// its writes, and holds them still when it is opened once more.
#[test]
fn the_power_may_go_at_any_moment_and_again_while_opening() {
    let run = |cut: u64, again: u64, seed: u64| {
        let what = format!("cut at {cut}, again at {again}, seed {seed}");
        let disk = SimDisk::new(seed);
        let store = open(&disk, Durability::Os).unwrap();
        (0..3).for_each(|time| write(&store, time).unwrap());
        let is_killed = seed.is_multiple_of(2);
        disk.cut_power_at(disk.changes() + cut);
        let is_synced = store.sync().is_ok();
        let is_over = store.flush().is_ok() && !disk.is_dead();
        let disk = if is_killed { disk.crash() } else { disk.power_cut(seed) };
        drop(store);
        disk.cut_power_at(again);
        let opened = open(&disk, Durability::Fsync);
        assert!(opened.is_ok() || disk.is_dead(), "{what}: {opened:?}");
        let shown = opened.ok().filter(|_| !disk.is_dead()).map(|store| times(&store));
        let mut disk = disk.power_cut(seed + 1);
        for _ in 0..2 {
            let store = open(&disk, Durability::Fsync);
            let found = times(&store.unwrap_or_else(|error| panic!("{what}: {error}")));
            assert!([0, 1, 2].starts_with(&found) && (!is_synced || found.len() == 3), "{what}");
            assert!(
                shown.as_ref().is_none_or(|shown| *shown == found),
                "{what}: {shown:?} {found:?}"
            );
            disk = disk.power_cut(seed + 2);
        }
        is_over
    };
    for cut in 0.. {
        let runs = (0..14).flat_map(|again| (0..16).map(move |seed| (again, seed)));
        if runs.map(|(again, seed)| run(cut, again, seed)).fold(true, |all, is_over| all & is_over)
        {
            assert!(cut > 10, "{cut}");
            break;
        }
    }
}

/// What a killed process may leave in the log: writes that nobody synced, half of one more, or one
/// whose sync failed, which the kernel shows and does not keep.
fn unsettled() -> [SimDisk; 3] {
    let written = |fails: bool| {
        let disk = SimDisk::new(0);
        let durability = if fails { Durability::Fsync } else { Durability::Os };
        let store = open(&disk, durability).unwrap();
        write(&store, 1).unwrap();
        if fails {
            disk.fail_sync_at(disk.syncs());
        }
        assert_eq!(write(&store, 2).is_err(), fails);
        disk.crash()
    };
    let torn = written(false);
    let (path, bytes) =
        torn.files().into_iter().find(|(path, _)| path.ends_with("00000001.wal")).unwrap();
    let frame = &bytes[1536..1556];
    torn.open(&path, true).unwrap().write_all_at(frame, bytes.len() as u64).unwrap();
    [written(false), torn, written(true)]
}

/// Every state in which a power cut may leave the disk, or many of them.
fn power_cuts(disk: &SimDisk) -> Vec<SimDisk> {
    let some = || (0..400).map(|seed| disk.fork().power_cut(seed)).collect();
    disk.power_cuts(2000).unwrap_or_else(some)
}

/// Whatever is in the log, opening comes to an end, holds what it shows, and may be cut anywhere.
#[test]
fn a_log_is_settled_before_more_follows_it() {
    for (which, disk) in unsettled().into_iter().enumerate() {
        let durable = i64::from(which == 2);
        let opened = disk.fork();
        let store = open(&opened, Durability::Fsync).unwrap();
        assert_eq!(store.recovery().torn_tail.is_some(), which == 1);
        assert_eq!(times(&store), [1, 2], "{which}");
        for cut in power_cuts(&opened) {
            let again = open(&cut, Durability::Fsync).unwrap();
            assert_eq!((times(&again), &again.recovery().torn_tail), (vec![1, 2], &None));
            drop(again);
            let again = open(&cut, Durability::Fsync).unwrap();
            assert_eq!(times(&again), [1, 2], "{which}");
        }
        for change in 0.. {
            let cut = disk.fork();
            cut.cut_power_at(change);
            if open(&cut, Durability::Fsync).is_ok() && !cut.is_dead() {
                assert!(change > 8, "{change} changes");
                break;
            }
            for cut in power_cuts(&cut) {
                let what = format!("{which}, cut at {change}");
                let again = open(&cut, Durability::Fsync).unwrap_or_else(|e| panic!("{what}: {e}"));
                let found = times(&again);
                assert!([1, 2].starts_with(&found) && found.len() as i64 >= durable, "{what}");
            }
        }
    }
}
