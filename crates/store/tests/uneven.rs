//! Series whose times have no constant interval, longer than a vector: any stretch of them is found, also where late rows lie
//! between the others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Model, Row, Val, fill, read};
use proptest::prelude::*;
use tidemill_model::{Batch, Duplicates, TimeRange};
use tidemill_store::{Options, Store};

const ROWS: i64 = 5000;

/// About a second apart, of three hosts; every 13th row lacks a value.
fn rows(of: impl Iterator<Item = i64>, shift: i64) -> Vec<Row> {
    let row = |n: i64| {
        let host = ["a", "a", "a", "b", "c"][(n % 5) as usize];
        let mut row = Row::new("t", host, n * 1000 + n * n % 311 + shift, n);
        if n % 13 == 0 {
            row.fields = vec![("f", Val::Float((n as f64).to_bits()))];
        }
        row
    };
    of.map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn every_stretch_is_found(
        stretches in prop::collection::vec((-9..ROWS + 9, 0..600i64), 20),
        keep in any::<bool>(),
        late in 3..40i64,
    ) {
        let duplicates = if keep { Duplicates::Keep } else { Duplicates::Last };
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options { duplicates, ..Options::default() }).unwrap();
        let (mut batch, mut model) = (Batch::new(), Model::new(duplicates));
        let mut write = |rows: Vec<Row>| {
            fill(&mut batch, &rows);
            store.write(&mut batch).unwrap();
            model.write(&rows);
            store.flush().unwrap();
        };
        write(rows(0..ROWS, 0));
        // Some between the others, and some once more.
        write(rows((700..ROWS).filter(|n| n % late == 0), 7));
        write(rows((1500..2500).filter(|n| n % late == 1), 0));
        let snapshot = store.snapshot();
        let table = snapshot.table("t").unwrap();
        prop_assert!(table.segments() > 1);
        for (first, count) in stretches {
            let range = TimeRange::new(first * 1000 + 5, (first + count) * 1000);
            if !range.is_empty() {
                prop_assert_eq!(read(table, range), model.within("t", range), "{:?}", range);
            }
        }
    }
}
