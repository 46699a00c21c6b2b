//! What a store does when its budget is spent by others: it says so, or goes on in small steps, and loses
//! nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Row, dump, fill};
use tidemill_memory::Budget;
use tidemill_model::Batch;
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
