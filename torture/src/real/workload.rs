//! The calls a victim makes, derived from a seed: the parent derives the same ones.

use std::time::Duration;

use tidemill_memory::Budget;
use tidemill_model::{Duplicates, TimeRange};
use tidemill_store::{Durability, Options};

use crate::common::{Model, Random, Row, RowSource, TABLES};

/// A table that loses rows by its age: every row has a time of its own, later than all before it.
pub(crate) const KEPT: &str = "kept";
/// Longer than any row is old.
pub(crate) const LONG: Duration = Duration::from_secs(500 * 365 * 24 * 3600);
/// Times of [`KEPT`] between two victims of a store, and between two calls of one.
const VICTIM_NS: i64 = 1_000_000;
const CALL_NS: i64 = 1_000;
/// Writers of a [`Call::Concurrent`]; each has a host of its own, so that their order is no matter.
const WRITERS: [&str; 3] = ["w0", "w1", "w2"];

/// One call of a victim to its store, acknowledged as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// One batch.
    Write(Vec<Row>),
    /// Several threads, each with batches of its own, acknowledged one by one.
    Concurrent(Vec<Vec<Vec<Row>>>),
    Flush,
    Compact,
    Bulk {
        batches: Vec<Vec<Row>>,
        is_committed: bool,
    },
    Sync,
    /// Of the hosts named.
    Delete {
        table: &'static str,
        range: TimeRange,
        hosts: Vec<&'static str>,
    },
    /// Has the table keep its rows so long, or for ever.
    Retain {
        table: &'static str,
        keep: Option<Duration>,
    },
    /// Close and open again.
    Reopen,
    /// Drop without closing, and open again.
    Drop,
}

impl Call {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Write(_) => "write",
            Self::Concurrent(_) => "writes of several threads",
            Self::Flush => "flush",
            Self::Compact => "compact",
            Self::Bulk { is_committed: true, .. } => "bulk load",
            Self::Bulk { .. } => "bulk load taken back",
            Self::Sync => "sync",
            Self::Delete { .. } => "delete",
            Self::Retain { .. } => "a change of retention",
            Self::Reopen => "close and open",
            Self::Drop => "drop and open",
        }
    }

    /// Does to the model what the call does to the store; returns how many rows are refused.
    pub(crate) fn apply(&self, model: &mut Model) -> usize {
        match self {
            Self::Write(rows) => model.write(rows),
            Self::Concurrent(writers) => {
                writers.iter().flatten().map(|rows| model.write(rows)).sum()
            }
            Self::Bulk { batches, is_committed } => model.load(batches, *is_committed),
            Self::Delete { table, range, hosts } => {
                model.delete(table, *range, hosts);
                0
            }
            Self::Flush
            | Self::Compact
            | Self::Sync
            | Self::Retain { .. }
            | Self::Reopen
            | Self::Drop => 0,
        }
    }
}

/// What a store is opened with as long as it lives; derived from the seed it was made with.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) duplicates: Duplicates,
    durability: Durability,
    max_segment_rows: usize,
    max_memtable_bytes: usize,
    budget_bytes: usize,
}

impl Profile {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed ^ 0x7072_6f66_696c_6500);
        Self {
            duplicates: [Duplicates::Last, Duplicates::Keep, Duplicates::Error][random.below(3)],
            // Both outlive a process.
            durability: [Durability::Fsync, Durability::Fsync, Durability::Os][random.below(3)],
            max_segment_rows: [60, 300, 5000][random.below(3)],
            // Every write flushes; some do, beside the writers; none does.
            max_memtable_bytes: [0, 4 << 10, 16 << 10, usize::MAX / 4][random.below(4)],
            // Small enough for a bulk load to write several segments.
            budget_bytes: 3 * (4 << random.below(8)) * 1024,
        }
    }

    /// Acknowledged is on the disk, and all calls come from the caller's own thread.
    pub(crate) fn plain() -> Self {
        Self {
            duplicates: Duplicates::Last,
            durability: Durability::Fsync,
            max_segment_rows: 5000,
            max_memtable_bytes: usize::MAX / 4,
            budget_bytes: 1 << 20,
        }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            budget: Budget::new(self.budget_bytes),
            durability: self.durability,
            duplicates: self.duplicates,
            max_segment_rows: self.max_segment_rows,
            max_memtable_bytes: Some(self.max_memtable_bytes),
            ..Options::default()
        }
    }
}

/// So many calls; those of the store's n-th victim (`Some(n)`) also write to [`KEPT`], and have it
/// lose rows.
pub(crate) fn calls(seed: u64, count: usize, victim: Option<u32>) -> Vec<Call> {
    let mut random = Random(seed);
    let call = |number: usize| match victim {
        Some(victim) if random.one_in(3) => {
            kept(&mut random, i64::from(victim) * VICTIM_NS + number as i64 * CALL_NS)
        }
        _ => call(&mut random),
    };
    (0..count).map(call).collect()
}

fn call(random: &mut Random) -> Call {
    match random.below(25) {
        0..9 => Call::Write(rows(random)),
        9..11 => Call::Concurrent(writers(random)),
        11..13 => Call::Flush,
        13..15 => Call::Compact,
        15..17 => Call::Bulk {
            batches: (0..random.below(4)).map(|_| rows(random)).collect(),
            is_committed: !random.one_in(3),
        },
        17 => Call::Reopen,
        18 => Call::Drop,
        19 | 20 => Call::Sync,
        21 | 22 => delete(random),
        23 => {
            Call::Retain { table: TABLES[random.below(2)], keep: random.one_in(2).then_some(LONG) }
        }
        _ => Call::Write(vec![Row::new(TABLES[0], "a", 0, random.below(1000) as i64)]),
    }
}

/// Rows of [`KEPT`], from this time on, or how long it keeps them.
fn kept(random: &mut Random, first: i64) -> Call {
    let row = |time| Row::new(KEPT, ["a", "b"][time as usize % 2], time, time);
    let (count, middle) = (1 + random.below(30) as i64, first + CALL_NS / 2);
    let mut written: Vec<Row> = (first..first + count).map(row).collect();
    match random.below(8) {
        0..4 => {
            if random.one_in(3) {
                written.extend(rows(random));
            }
            Call::Write(written)
        }
        4 => Call::Bulk {
            batches: vec![written, (middle..middle + count).map(row).collect()],
            is_committed: !random.one_in(4),
        },
        5 => Call::Retain { table: KEPT, keep: None },
        _ => {
            let keep = [20, 2 * CALL_NS, VICTIM_NS, 5 * VICTIM_NS][random.below(4)];
            Call::Retain { table: KEPT, keep: Some(Duration::from_nanos(keep as u64)) }
        }
    }
}

fn delete(random: &mut Random) -> Call {
    let (start, length) = (random.below(150) as i64, random.below(500) as i64);
    let range =
        if random.one_in(5) { TimeRange::ALL } else { TimeRange::new(start, start + length) };
    let mut hosts = vec!["", "a", "b", "ü ,", "w0", "w1"];
    hosts.retain(|_| random.one_in(2));
    Call::Delete { table: TABLES[random.below(2)], range, hosts }
}

fn writers(random: &mut Random) -> Vec<Vec<Vec<Row>>> {
    let batch = |random: &mut Random, host| {
        let row = |random: &mut Random| {
            let (table, time) = (TABLES[random.below(2)], random.below(200) as i64);
            Row::new(table, host, time, random.below(1000) as i64)
        };
        (0..=random.below(6)).map(|_| row(random)).collect()
    };
    let of = |host| (0..=random.below(4)).map(|_| batch(random, host)).collect();
    WRITERS.into_iter().map(of).collect()
}

/// A batch in which times collide often, or hardly, or are a line. (None is of another type than
/// before: a call that defines one and adds no row would be one state more.)
pub(crate) fn rows(random: &mut Random) -> Vec<Row> {
    RowSource { duplicates: Duplicates::Error, has_large_batches: false }.rows(random)
}
