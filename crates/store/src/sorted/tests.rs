use super::*;
use proptest::prelude::*;
use tidemill_model::{Column, Value, Values};

fn rows() -> impl Strategy<Value = Vec<(u32, i64, naive::Row)>> {
    let value = prop::option::weighted(0.8, -50i64..50);
    prop::collection::vec((0u32..5, 0i64..30, prop::collection::vec(value, 2)), 0..80)
}

proptest! {
    #[test]
    fn sorting_is_merging_in_order(rows in rows(), size in 1usize..40, policy in 1u8..3, sparse in any::<bool>()) {
        let duplicates = Duplicates::from_code(policy).unwrap();
        let spread = |series: u32| if sparse { series * 100_000 } else { series };
        let rows: Vec<_> = rows.into_iter().map(|(s, t, v)| (spread(s), t, v)).collect();
        let want = naive::merge(&rows, duplicates);
        let sorted = SortedRows::new(naive::chunks(&rows, size), duplicates);
        prop_assert_eq!(sorted.rows(), want.len());
        prop_assert_eq!(sorted.overwritten() as usize, rows.len() - want.len());
        let mut got = Vec::new();
        for run in 0..sorted.runs().len() {
            for row in sorted.run_rows(run) {
                let values = (0..2).map(|field| {
                    let mut column = Column::new(FieldType::Int);
                    sorted.gather(field, row..row + 1, &mut column);
                    match column.get(0) { Some(Value::Int(v)) => Some(v), _ => None }
                });
                got.push(((sorted.runs()[run].series, sorted.time(row)), values.collect::<Vec<_>>()));
            }
        }
        prop_assert_eq!(&got, &want.into_iter().collect::<Vec<_>>());

        let all = 0..sorted.rows();
        let spans: Vec<_> = if sorted.groups.is_none() { sorted.spans(all.clone()).collect() } else { Vec::new() };
        for field in 0..2 {
            let wanted: Vec<_> = got.iter().map(|row| row.1[field]).collect();
            // Over what was there: nothing of it may stay.
            let mut out = Column::new(FieldType::Int);
            [Some(Value::Int(99)), None].into_iter().for_each(|value| out.push(value));
            let any = sorted.gather(field, all.clone(), &mut out);
            check_column(&out, any, &wanted)?;
            let any = sorted.gather_from(field, all.clone(), &spans, &mut out);
            check_column(&out, any, &wanted)?;
        }
    }
}

/// These values, of which missing ones repeat the one before.
fn check_column(column: &Column, any: bool, wanted: &[Option<i64>]) -> Result<(), TestCaseError> {
    let mut before = 0;
    let slots: Vec<_> = wanted
        .iter()
        .map(|value| {
            before = value.unwrap_or(before);
            before
        })
        .collect();
    prop_assert_eq!(column.values(), &Values::Int(slots));
    let valid: Vec<_> = (0..wanted.len()).map(|row| column.is_valid(row)).collect();
    prop_assert_eq!(valid, wanted.iter().map(Option::is_some).collect::<Vec<_>>());
    prop_assert_eq!(any, wanted.iter().any(Option::is_some));
    prop_assert_eq!(column.validity().is_some(), wanted.iter().any(Option::is_none));
    Ok(())
}

#[test]
fn text_is_gathered() {
    let chunk = |times: Vec<i64>, texts: &[Option<&str>]| {
        let mut column = Column::new(FieldType::Text);
        texts.iter().for_each(|text| column.push(text.map(Value::Text)));
        let columns = Vec::from_iter((!texts.is_empty()).then_some((0, column)));
        let series = vec![0; times.len()];
        Arc::new(Chunk { series, times, columns, ..Chunk::default() })
    };
    let check = |chunks: Vec<Arc<Chunk>>, wanted: &[Option<&str>]| {
        let sorted = SortedRows::new(chunks, Duplicates::Last);
        let mut out = Column::new(FieldType::Text);
        let any = sorted.gather(0, 0..sorted.rows(), &mut out);
        let got: Vec<_> = (0..out.len()).map(|row| out.get(row)).collect();
        assert_eq!(got, wanted.iter().map(|text| text.map(Value::Text)).collect::<Vec<_>>());
        assert_eq!(any, wanted.iter().any(Option::is_some));
        assert_eq!(out.validity().is_some(), wanted.iter().any(Option::is_none));
    };
    let dense = chunk(vec![2, 1], &[Some("b"), Some("a")]);
    check(vec![Arc::clone(&dense)], &[Some("a"), Some("b")]);
    let sparse = chunk(vec![3, 5, 6], &[Some("dé"), None, Some("f")]);
    let without = chunk(vec![4, 7], &[]);
    check(
        vec![dense, sparse, without],
        &[Some("a"), Some("b"), Some("dé"), None, None, Some("f"), None],
    );
    check(vec![chunk(vec![4, 7], &[])], &[None, None]);
}
