//! What is done to a store: random calls, made up ahead, so that they can be made again.

use tidemill_memory::Budget;
use tidemill_model::{Duplicates, TimeRange};
use tidemill_store::{Durability, Options};

use crate::common::{HOSTS, Model, Random, Row, RowSource, TABLES};

/// About what a simulated machine's clock says: far from the times of rows, but for extremes.
const SIM_NOW_NS: i64 = 1_000_000_000_000_000_000;

/// A call of the store's user.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Write(Vec<Row>),
    Flush,
    Compact,
    /// Makes everything durable that was acknowledged.
    Sync,
    /// Nothing is written for a moment, so that the store marks its log by itself.
    Idle,
    /// Deletes the rows of a table in a range, of these hosts.
    Delete {
        table: &'static str,
        range: TimeRange,
        hosts: &'static [&'static str],
    },
    /// Sets a table's retention, compacts, and takes it back: what is left is known then.
    Retain {
        table: &'static str,
        keep_ns: u64,
    },
    Bulk {
        batches: Vec<Vec<Row>>,
        is_committed: bool,
    },
    /// Closes the store (or, if not `is_closed`, drops it) and opens it again.
    Reopen {
        is_closed: bool,
    },
}

/// Options and calls.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) options: Options,
    pub(crate) calls: Vec<Call>,
}

impl Call {
    /// What the store holds afterwards, and how many rows are refused.
    pub(crate) fn apply(&self, model: &mut Model) -> usize {
        match self {
            Self::Write(rows) => model.write(rows),
            Self::Bulk { batches, is_committed } => model.load(batches, *is_committed),
            Self::Delete { table, range, hosts } => {
                model.delete(table, *range, hosts);
                0
            }
            Self::Retain { table, keep_ns } => {
                let times = model.rows.keys().filter(|key| key.0 == *table).map(|key| key.2);
                if let Some(latest) = times.max() {
                    let cutoff = latest.min(SIM_NOW_NS).saturating_sub_unsigned(*keep_ns);
                    model.rows.retain(|key, _| key.0 != *table || key.2 >= cutoff);
                }
                0
            }
            Self::Flush | Self::Compact | Self::Sync | Self::Idle | Self::Reopen { .. } => 0,
        }
    }

    /// The batches it writes.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Vec<Row>> {
        let (written, loaded) = match self {
            Self::Write(rows) => (Some(rows), &[][..]),
            Self::Bulk { batches, .. } => (None, &batches[..]),
            _ => (None, &[][..]),
        };
        written.into_iter().chain(loaded)
    }

    /// Whether all writes before it are on the disk when it returns, whatever the durability.
    pub(crate) fn is_durable(&self) -> bool {
        !matches!(self, Self::Write(_))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Write(_) => "write",
            Self::Flush => "flush",
            Self::Compact => "compact",
            Self::Sync => "sync",
            Self::Idle => "an idle moment",
            Self::Retain { .. } => "retention",
            Self::Delete { .. } => "delete",
            Self::Bulk { is_committed: true, .. } => "bulk load",
            Self::Bulk { .. } => "bulk load, rolled back",
            Self::Reopen { is_closed: true } => "close and reopen",
            Self::Reopen { .. } => "drop and reopen",
        }
    }
}

impl Workload {
    /// A bit of everything, always the same.
    pub(crate) fn canonical() -> Self {
        let rows = |base: i64| {
            let other = ["b", "c"][base as usize % 2];
            vec![Row::new("t", "a", base, base), Row::new("t", other, 7, base)]
        };
        let bulk = |base: i64, is_committed| {
            let more = vec![Row::new("u", "a", base, 1), Row::new("t", "d", 5, base)];
            Call::Bulk { batches: vec![rows(base), more], is_committed }
        };
        let calls = vec![
            Call::Write(rows(0)),
            Call::Write(rows(1)),
            Call::Flush,
            Call::Write(rows(2)),
            bulk(10, true),
            Call::Write(rows(3)),
            Call::Idle,
            Call::Compact,
            Call::Sync,
            Call::Delete { table: "t", range: TimeRange::new(1, 9), hosts: &["a", "c"] },
            Call::Write(rows(4)),
            Call::Retain { table: "t", keep_ns: 5 },
            Call::Write(rows(9)),
            Call::Reopen { is_closed: false },
            Call::Write(rows(5)),
            Call::Idle,
            bulk(20, false),
            Call::Write(rows(6)),
            Call::Reopen { is_closed: true },
            Call::Write(rows(7)),
            Call::Flush,
            Call::Compact,
            Call::Write(rows(8)),
        ];
        let options = Options {
            max_segment_rows: 8,
            max_memtable_bytes: Some(usize::MAX / 4),
            ..Options::default()
        };
        Self { options, calls }
    }

    /// As many calls, of batches of `max_rows` rows at most.
    pub(crate) fn random(
        random: &mut Random,
        durability: Durability,
        calls: usize,
        max_rows: usize,
    ) -> Self {
        let duplicates = [Duplicates::Last, Duplicates::Keep, Duplicates::Error][random.below(3)];
        let options = Options {
            // Small enough for a bulk load to write several segments.
            budget: Budget::new(3 * (1 << random.below(8)) * 1024),
            durability,
            duplicates,
            max_segment_rows: [20, 60, 5000][random.below(3)],
            // Either every write flushes, or none does; a flush beside the writers would make a
            // run depend on the machine's speed.
            max_memtable_bytes: Some([0, usize::MAX / 4, usize::MAX / 4][random.below(3)]),
            ..Options::default()
        };
        let source = RowSource { duplicates, has_large_batches: false };
        let rows = |random: &mut Random| {
            let most = [3, 3, max_rows][random.below(3)];
            let count = 1 + random.below(most);
            source.rows_of(count, random)
        };
        let call = |random: &mut Random| match random.below(22) {
            20 | 21 => Call::Idle,
            0..8 => Call::Write(rows(random)),
            16 => Call::Sync,
            17 | 18 => delete(random),
            19 => Call::Retain {
                table: TABLES[random.below(2)],
                keep_ns: [10, 500, 500_000][random.below(3)],
            },
            8 | 9 => Call::Flush,
            10 => Call::Compact,
            11..14 => Call::Bulk {
                batches: (0..random.below(4)).map(|_| rows(random)).collect(),
                is_committed: !random.one_in(3),
            },
            _ => Call::Reopen { is_closed: !random.one_in(3) },
        };
        Self { options, calls: (0..calls).map(|_| call(random)).collect() }
    }
}

fn delete(random: &mut Random) -> Call {
    let (start, length) = (random.below(1200) as i64 - 100, random.below(1500) as i64);
    let range = match random.below(4) {
        0 => TimeRange::ALL,
        1 => TimeRange::new(i64::MIN, start),
        _ => TimeRange::new(start, start + length),
    };
    Call::Delete { table: TABLES[random.below(2)], range, hosts: &HOSTS[random.below(4)..] }
}
