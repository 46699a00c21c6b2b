//! What a store does when its budget is spent by others: it says so, or goes on in small steps, and loses
//! nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Row, dump, fill};
use tidemill_memory::Budget;
use tidemill_model::{Batch, TimeRange};
use tidemill_store::{Options, Store};

fn row(number: usize) -> Row {
    Row::new("t", &(number % 7).to_string(), number as i64, number as i64)
}

/// Queries have reserved everything: writers are not refused, since what they hold is bounded by the
/// memtable's size, but it counts against everyone who asks later.
#[test]
fn writes_are_acknowledged_and_whole_while_others_hold_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let budget = Budget::new(1 << 20);
    let options = Options {
        budget: budget.clone(),
        max_memtable_bytes: Some(20_000),
        max_segment_rows: 500,
        ..Options::default()
    };
    let store = Store::open(dir.path(), options.clone()).unwrap();
    let held = budget.try_reserve(1 << 20).unwrap();
    let (mut writer, mut batch) = (store.writer(), Batch::new());
    for start in (0..3000).step_by(100) {
        fill(&mut batch, &(start..start + 100).map(row).collect::<Vec<_>>());
        assert_eq!(writer.write(&mut batch).unwrap().rows, 100);
        assert!(budget.try_reserve(1).is_err());
    }
    assert!(store.snapshot().table("t").unwrap().segments() > 1, "it was flushed meanwhile");
    assert_eq!(dump(&store.snapshot()).len(), 3000);
    drop(writer);
    store.flush().unwrap();
    assert_eq!(dump(&store.snapshot()).len(), 3000);
    drop(held);
    let left = budget.used_bytes();
    assert!(budget.try_reserve((1 << 20) - left).is_ok(), "{left} bytes of a flushed store");
    drop(store);
    assert_eq!(budget.used_bytes(), 0);
    // A log of more than the budget is read all the same, and counts.
    let small = Options { budget: Budget::new(10), ..options };
    let store = Store::open(dir.path(), small).unwrap();
    assert_eq!(dump(&store.snapshot()).len(), 3000);
}

/// Statistics and times of open segments are kept as far as there is memory for that: what they say does not
/// depend on it, nor on whether they were asked for before.
#[test]
fn statistics_are_the_same_whether_they_are_kept_or_read_each_time() {
    let dir = tempfile::tempdir().unwrap();
    // Of each series 30 rows are beyond those of whole vectors.
    let rows: Vec<Row> = (0..36_050).map(row).collect();
    {
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let (mut writer, mut batch) = (store.writer(), Batch::new());
        fill(&mut batch, &rows);
        writer.write(&mut batch).unwrap();
        store.flush().unwrap();
    }
    // A sixteenth of it is for what is kept: nothing, a part, everything.
    let asked = [100, 48_000, 1 << 30].map(|bytes| {
        let options = Options { budget: Budget::new(bytes), ..Options::default() };
        let store = Store::open(dir.path(), options).unwrap();
        let snapshot = store.snapshot();
        let view = snapshot.table("t").unwrap();
        let ask = || {
            let (mut reader, mut pieces, mut said) = (view.reader(), Vec::new(), Vec::new());
            for series in 0..view.series_count() {
                // All of them, and a range that cuts the first block.
                for range in [TimeRange::ALL, TimeRange::new(1000, 30_000)] {
                    reader.pieces(series, range, &mut pieces).unwrap();
                    for piece in &pieces {
                        let (mut stored, mut sums) = (Vec::new(), Vec::new());
                        reader.stored_aggregates(piece, 0, &mut stored).unwrap();
                        let whole = reader.whole_aggregate(piece, 0).unwrap().cloned();
                        let rows = reader.rows(piece).unwrap();
                        let edges = [0, 7, rows / 2, rows];
                        let is_summed = reader.sums(piece, 0, &edges, &mut sums).unwrap();
                        // More than are looked for at a time.
                        let (edges, mut many) = (edges_of(rows), Vec::new());
                        assert_eq!(reader.sums(piece, 0, &edges, &mut many).unwrap(), is_summed);
                        sums.append(&mut many);
                        let times = reader.linear_times(piece).unwrap();
                        said.push((piece.range(), stored, whole, is_summed, sums, times));
                    }
                }
            }
            said
        };
        let first = ask();
        assert_eq!(first, ask(), "the second time");
        first
    });
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[1], asked[2]);
    for (range, stored, whole, is_summed, sums, times) in &asked[0] {
        let values: Vec<i64> = (range.start..=range.end).step_by(7).collect();
        assert!(!stored.is_empty() && *is_summed && times == &Some((range.start, 7)));
        assert_eq!(whole.is_some(), range.start < 7, "{range:?}: blocks are not cut");
        let (a, b) = (7, values.len() / 2);
        let wanted = [&values[..a], &values[a..b], &values[b..]].map(|part| part.iter().sum());
        let edges = edges_of(values.len());
        let many = edges.windows(2).map(|edge| values[edge[0]..edge[1]].iter().sum());
        assert_eq!(*sums, wanted.into_iter().chain(many).collect::<Vec<i64>>());
    }
}

fn edges_of(rows: usize) -> Vec<usize> {
    (0..=rows).step_by(10).collect()
}
