//! The canonical workload: everything a store does, in two processes.

use tidemill_model::TimeRange;

use super::workload::{Call, LONG, rows};
use crate::common::{Random, Row, TABLES, Val};

/// Its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Canonical {
    /// Makes a store, does everything once, and ends without closing it.
    Create,
    /// Recovers what `create` left, goes on, and closes.
    Recover,
}

impl Canonical {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Recover => "recover",
        }
    }

    pub(crate) fn calls(self) -> Vec<Call> {
        let random = &mut Random(self as u64 + 1);
        let bulk = |random: &mut Random, is_committed| {
            let batches = vec![rows(random), rows(random), new_series(random)];
            Call::Bulk { batches, is_committed }
        };
        let delete = |table| {
            let range = TimeRange::new(10, 100);
            Call::Delete { table, range, hosts: vec!["", "a", "b"] }
        };
        match self {
            Self::Create => vec![
                Call::Write(rows(random)),
                Call::Write(new_series(random)),
                // The log rotates, rows go to segments.
                Call::Flush,
                Call::Write(rows(random)),
                Call::Flush,
                bulk(random, true),
                bulk(random, false),
                Call::Compact,
                delete("cpu"),
                Call::Retain { table: "mem", keep: Some(LONG) },
                Call::Write(rows(random)),
                Call::Sync,
                Call::Write(new_series(random)),
                Call::Flush,
                Call::Write(rows(random)),
                Call::Write(new_series(random)),
            ],
            Self::Recover => vec![
                Call::Write(rows(random)),
                Call::Flush,
                Call::Write(new_series(random)),
                Call::Compact,
                Call::Write(rows(random)),
                delete("mem"),
                Call::Reopen,
                Call::Write(rows(random)),
            ],
        }
    }
}

/// Rows that bring definitions with them: a tag value, a text.
fn new_series(random: &mut Random) -> Vec<Row> {
    let host = format!("host {}", random.below(1 << 20));
    let row = |time| Row {
        table: TABLES[random.below(2)],
        host: host.clone(),
        time,
        fields: vec![("i", Val::Int(time)), ("s", Val::Text(host.clone()))],
    };
    (0..6).map(row).collect()
}
