//! What allocates: batches, blocks and statements do, rows don't. One test, since the counts are
//! the whole process's.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::System;
use std::path::Path;

use gauge_probe::{Counting, Scope};
use tidemill::analysis::native::{AggregatePlan, Bucket, Call, Function, aggregate};
use tidemill::import::{ImportOptions, Input, Observer, import};
use tidemill::parse::line::{LineOptions, LineReader};
use tidemill::parse::{RowReader, Taken};
use tidemill::workload::{Format, Generator, UseCase};
use tidemill::{Batch, Budget, Durability, Options, Scan, ScannedRows, Store, TimeRange};

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting::new(System);

/// Requests to the allocator by all threads while `run` runs.
fn requests<T>(run: impl FnOnce() -> T) -> u64 {
    let scope = Scope::start();
    drop(run());
    scope.stop().process.requests()
}

/// A hundred hosts with ten fields every ten seconds.
fn generator() -> Generator {
    let mut options = tidemill::workload::Options::new(UseCase::Cpu);
    options.scale = 100;
    options.duration = std::time::Duration::from_secs(30 * 86_400);
    options.format = Format::LineProtocol;
    Generator::new(&options).unwrap()
}

fn text(generator: &mut Generator, rows: usize) -> Vec<u8> {
    let mut text = Vec::new();
    assert_eq!(generator.write_rows(&mut text, rows), rows);
    text
}

fn open(dir: &Path) -> Store {
    let options = Options {
        durability: Durability::None,
        budget: Budget::new(1 << 30),
        ..Options::default()
    };
    Store::open(dir, options).unwrap()
}

/// A reader that fills a batch again.
fn reading() {
    let (mut reader, mut batch) = (LineReader::new(LineOptions::default()), Batch::new());
    let mut generator = generator();
    let mut errors = Vec::new();
    let texts = [4000, 4000, 2000, 3999].map(|rows| text(&mut generator, rows));
    for (number, text) in texts.iter().enumerate() {
        batch.clear_rows();
        let requests = requests(|| {
            let taken = reader.read(text, true, &mut batch, &mut errors);
            assert_eq!(taken, Taken { bytes: text.len(), is_full: false });
        });
        assert_eq!(batch.rows(), [4000, 4000, 2000, 3999][number]);
        // The second text is a little longer than the first.
        assert!(number < 2 || requests == 0, "text {number}: {requests}");
    }
}

/// Writes of one row, and of thousands.
fn writing(store: &Store) {
    let mut generator = generator();
    for _ in 0..4 {
        store.write_line_protocol(&text(&mut generator, 10_000)).unwrap();
    }
    // The memory of what was flushed goes to what comes.
    store.flush().unwrap();
    let mut write = |rows: usize| {
        let text = text(&mut generator, rows);
        requests(|| store.write_line_protocol(&text).unwrap())
    };
    let (few, many) = (write(100), write(10_000));
    assert!(many <= few + 32, "{few} for 100 rows, {many} for 10,000");
}

/// An import, which goes through batches of 4 MiB of text, and blocks of 8,192 rows.
fn importing(dir: &Path) {
    struct Nobody;
    impl Observer for Nobody {}
    let mut generator = generator();
    let mut import = |rows: usize| {
        let path = dir.join("rows.lp");
        std::fs::write(&path, text(&mut generator, rows)).unwrap();
        let store = open(&dir.join(rows.to_string()));
        let (input, options) = (Input::File(path), ImportOptions::default());
        requests(|| import(store.inner(), &input, &options, &mut Nobody).unwrap())
    };
    let (few, many) = (import(50_000), import(250_000));
    let more = many.saturating_sub(few) as f64 / 200_000.0;
    assert!(more < 0.01, "{few} for 50,000 rows, {many} for 250,000: {more} a row");
}

/// The same statement over more rows.
fn querying(store: &Store) {
    let snapshot = store.snapshot();
    let view = snapshot.table("cpu").unwrap();
    let end = view.time_range().end;
    let second = 1_000_000_000;
    let budget = Budget::new(1 << 30);
    for function in [Function::Avg, Function::Max, Function::Stddev, Function::Last] {
        let query = |series: u32, seconds: i64| {
            // Neither range begins or ends where a slice with statistics does.
            let range = TimeRange::new(end - (seconds + 3) * second, end - 3 * second);
            let plan = AggregatePlan {
                series: (0..series).collect(),
                range,
                bucket: Some(Bucket { origin_ns: range.start, width_ns: 4000 * second }),
                group_tags: Vec::new(),
                calls: vec![Call { function, field: 0 }, Call { function, field: 3 }],
            };
            let answer = aggregate(view, &plan, &budget).unwrap();
            assert_eq!(answer.stats.rows, u64::from(series) * seconds as u64 / 10);
            // Buffers change places from one statement to the next until all are large enough.
            let again = (0..8).map(|_| requests(|| aggregate(view, &plan, &budget).unwrap()));
            again.min()
        };
        // So few series at most that all is done by one thread.
        let (few, many) = (query(1, 900), query(20, 3000));
        assert_eq!(few, many, "{function:?}: 90 rows, and 6,000");
        assert!(few < Some(40), "{function:?}: {few:?}");
        // Shared out they are those of a few units of work.
        let shared = query(100, 3000);
        assert!(shared < Some(500), "{function:?}: {shared:?}");
    }
}

/// Rows read into the same memory again and again.
fn scanning(store: &Store) {
    let end = store.snapshot().table("cpu").unwrap().time_range().end;
    let mut rows = ScannedRows::default();
    let mut scan = |seconds: i64| {
        let scan = Scan {
            range: TimeRange::new(end - seconds * 1_000_000_000 + 1, end),
            tags: vec![("hostname".to_owned(), "host_7".to_owned())],
            ..Scan::default()
        };
        let again = (0..8).map(|_| {
            requests(|| {
                let (mut scanned, mut read) = (store.scan("cpu", &scan).unwrap(), 0);
                while scanned.next_into(&mut rows).unwrap() {
                    read += rows.times.len();
                }
                assert_eq!(read as i64, seconds / 10);
            })
        });
        again.min()
    };
    assert_eq!(scan(300), scan(3000), "30 rows, and 300");
}

#[test]
fn rows_allocate_nothing() {
    let dir = tempfile::tempdir().unwrap();
    reading();
    let store = open(&dir.path().join("store"));
    writing(&store);
    store.flush().unwrap();
    querying(&store);
    scanning(&store);
    importing(dir.path());
}
