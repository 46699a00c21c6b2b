//! Writers, readers, flushes and compactions at the same time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{Row, dump, fill};
use tidemill_model::Batch;
use tidemill_store::{Options, Snapshot, Store};

const WRITERS: usize = 3;
const BATCHES: usize = 60;
const ROWS: usize = 5;

/// How many batches of each writer a snapshot shows; each must be whole, and none missing before it.
fn batches(snapshot: &Snapshot) -> [usize; WRITERS] {
    let mut rows: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (_, host, time) in dump(snapshot).into_keys() {
        *rows.entry((host.parse().unwrap(), time as usize / ROWS)).or_default() += 1;
    }
    std::array::from_fn(|writer| {
        let mine = rows.range((writer, 0)..(writer + 1, 0));
        let mut count = 0;
        for ((_, batch), rows) in mine {
            assert_eq!((*batch, *rows), (count, ROWS), "writer {writer}");
            count += 1;
        }
        count
    })
}

#[test]
fn readers_see_whole_batches_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        // Flushes beside the writers, and compactions, all the time.
        max_memtable_bytes: Some(20_000),
        max_segment_rows: 200,
        ..Options::default()
    };
    let store = Store::open(dir.path(), options.clone()).unwrap();
    let acknowledged: [AtomicUsize; WRITERS] = Default::default();
    let done = AtomicUsize::new(0);
    let seen = || acknowledged.each_ref().map(|count| count.load(Ordering::SeqCst));
    let write = |writer: usize| {
        let (mut way, mut batch) = (store.writer(), Batch::new());
        for number in 0..BATCHES {
            let row = |row: usize| {
                let time = (number * ROWS + row) as i64;
                Row::new(["t", "u"][row % 2], &writer.to_string(), time, time)
            };
            fill(&mut batch, &(0..ROWS).map(row).collect::<Vec<_>>());
            way.write(&mut batch).unwrap();
            acknowledged[writer].store(number + 1, Ordering::SeqCst);
        }
        done.fetch_add(1, Ordering::SeqCst);
    };
    let is_done = || done.load(Ordering::SeqCst) == WRITERS;
    let check = |take: &dyn Fn() -> Snapshot| {
        let before = seen();
        let found = batches(&take());
        assert!((0..WRITERS).all(|writer| found[writer] >= before[writer]), "{found:?} {before:?}");
    };
    thread::scope(|scope| {
        let write = &write;
        (0..WRITERS).for_each(|writer| drop(scope.spawn(move || write(writer))));
        scope.spawn(|| {
            while !is_done() {
                check(&|| store.snapshot())
            }
        });
        scope.spawn(|| {
            let options = Options { read_only: true, ..options.clone() };
            while !is_done() {
                check(&|| match Store::open(dir.path(), options.clone()) {
                    Ok(reader) => reader.snapshot(),
                    Err(error) => {
                        assert_eq!(error.kind(), tidemill_store::ErrorKind::Locked, "{error}");
                        store.snapshot()
                    }
                });
            }
        });
        scope.spawn(|| {
            while !is_done() {
                store.flush().unwrap();
                store.compact().unwrap();
            }
        });
    });
    assert_eq!(batches(&store.snapshot()), [BATCHES; WRITERS]);
    assert!(store.check().unwrap().problems.is_empty());
}
