use proptest::prelude::*;
use tidemill_memory::Budget;
use tidemill_model::Value;

use super::*;
use crate::testing::{FIELDS, Row, Rows, Tags, TestStore, first_row, row, tags};

fn build(store: &TestStore, limits: &Limits) -> Report {
    let mut import = ImportCounts::default();
    import.tables.insert("t".to_owned(), TableCounts { late: 3, duplicates: 4 });
    Report::build(&store.snapshot(), limits, &import, &Budget::new(1 << 26)).unwrap()
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::UInt(value) => Some(*value as f64),
        _ => None,
    }
}

fn close(got: Option<f64>, want: Option<f64>) -> bool {
    match (got, want) {
        (Some(got), Some(want)) => (got - want).abs() <= 1e-9 * (1.0 + want.abs()),
        (got, want) => got.is_none() && want.is_none(),
    }
}

/// Type 7 of Hyndman and Fan.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (sorted.len().checked_sub(1)?) as f64 * share;
    let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    Some(low + (high - low) * rank.fract())
}

/// Checks one field against its definition; `rows` by time.
fn check_field(report: &FieldReport, field: usize, rows: &[&Row]) -> Result<(), TestCaseError> {
    prop_assert_eq!((report.name.as_str(), report.ty), FIELDS[field]);
    let values: Vec<Value<'_>> = rows.iter().filter_map(|row| row.get(field)).collect();
    prop_assert_eq!(report.count, values.len() as u64);
    prop_assert_eq!(report.missing, (rows.len() - values.len()) as u64);
    let same = |got: &Option<Scalar>, want: Option<&Value<'_>>| {
        format!("{:?}", got.as_ref().map(Scalar::value)) == format!("{want:?}")
    };
    prop_assert!(same(&report.first, values.first()), "{:?}", report.first);
    prop_assert!(same(&report.last, values.last()), "{:?}", report.last);
    if field >= 3 {
        let mut shown: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        let is_true = |value: &&String| *value == "Bool(true)";
        if field == 3 {
            prop_assert_eq!(report.true_count, Some(shown.iter().filter(is_true).count() as u64));
        } else {
            shown.sort_unstable();
            shown.dedup();
            let want = Distinct { count: shown.len() as u64, is_complete: true };
            prop_assert_eq!(report.distinct, Some(want));
        }
        return Ok(());
    }
    let mut numbers: Vec<f64> = values.iter().filter_map(number).collect();
    numbers.retain(|value| !value.is_nan());
    prop_assert_eq!(report.nan_count, (values.len() - numbers.len()) as u64);
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let mean = (count > 0.0).then_some(sum / count);
    prop_assert!(close(report.mean, mean), "{:?} {:?}", report.mean, mean);
    let m2: f64 = numbers.iter().map(|value| (value - mean.unwrap_or(0.0)).powi(2)).sum();
    prop_assert!(close(report.stddev, (count > 1.0).then(|| (m2 / (count - 1.0)).sqrt())));
    let got_sum = report.sum.map(|sum| match sum {
        Sum::Float(sum) => sum,
        Sum::Int(sum) => sum as f64,
    });
    prop_assert!(close(got_sum, mean.map(|_| sum)));
    numbers.sort_by(f64::total_cmp);
    let scalar =
        |scalar: &Option<Scalar>| scalar.as_ref().and_then(|scalar| number(&scalar.value()));
    prop_assert!(close(scalar(&report.min), numbers.first().copied()));
    prop_assert!(close(scalar(&report.max), numbers.last().copied()));
    for (got, share) in [(report.p50, 0.5), (report.p95, 0.95), (report.p99, 0.99)] {
        let want = quantile(&numbers, share);
        prop_assert!(close(got, want), "p{} {:?} {:?}", share, got, want);
    }
    prop_assert_eq!(report.quantile_error, 0.0);
    let line = |pick: fn(f64, f64) -> f64, part: fn(&ChartPoint) -> f64| {
        report.sparkline.iter().map(part).reduce(pick)
    };
    prop_assert!(close(line(f64::min, |p| p.min), numbers.first().copied()));
    prop_assert!(close(line(f64::max, |p| p.max), numbers.last().copied()));
    Ok(())
}

fn in_time<'a>(rows: impl Iterator<Item = (&'a (Tags, i64), &'a Row)>) -> Vec<&'a Row> {
    let mut rows: Vec<(i64, &Row)> = rows.map(|((_, time), row)| (*time, row)).collect();
    rows.sort_by_key(|(time, _)| *time);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn label_of(tags: Tags) -> String {
    let pair = |name: &str, value: Option<&str>| value.map(|value| format!("{name}={value}"));
    let pairs: Vec<String> =
        [pair("host", tags.0), pair("region", tags.1)].into_iter().flatten().collect();
    pairs.join(",")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_report_says_what_is_there(
        rows in prop::collection::vec((tags(), row()), 0..120),
        step in 3i64..40,
        cut in 0usize..120,
        max_series in 0usize..12,
    ) {
        // Every row has a time of its own: which of two is first is not a question then.
        let own_time = |((tags, row), n): ((Tags, Row), i64)| ((tags, n * step), row);
        let mut all: Rows = rows.into_iter().zip(0i64..).map(own_time).collect();
        let store = TestStore::new();
        store.write(all.iter().take(cut));
        store.store.flush().unwrap();
        store.write(all.iter().skip(cut));
        all.extend([first_row()]);
        let report = build(&store, &Limits { max_series, ..Limits::default() });
        let table = &report.tables[0];
        prop_assert_eq!((report.rows, table.rows), (all.len() as u64, all.len() as u64));
        prop_assert_eq!((table.late, table.duplicates), (3, 4));
        prop_assert_eq!(table.start, all.keys().map(|key| key.1).min());
        prop_assert_eq!(table.end, all.keys().map(|key| key.1).max());
        let by_time = in_time(all.iter());
        for (field, report) in table.fields.iter().enumerate() {
            check_field(report, field, &by_time)?;
        }
        let mut series: Vec<Tags> = all.keys().map(|key| key.0).collect();
        series.dedup();
        prop_assert_eq!(table.series, series.len() as u64);
        prop_assert_eq!(table.series_reports.len(), max_series.min(series.len()));
        for one in &table.series_reports {
            let own = all.iter().filter(|((tags, _), _)| label_of(*tags) == one.series);
            let own = in_time(own);
            prop_assert_eq!(one.rows, own.len() as u64);
            for (field, report) in one.fields.iter().enumerate() {
                check_field(report, field, &own)?;
            }
        }
    }

    #[test]
    fn gaps_are_long_distances(distances in prop::collection::vec(prop_oneof![9 => Just(10i64), 1 => 1i64..200], 3..400), flush: bool) {
        let times = distances.iter().scan(0i64, |time, distance| { *time += distance; Some(*time) });
        let tags: Tags = (Some("gap"), None);
        let rows: Rows = std::iter::once(0).chain(times).map(|time| ((tags, time), Row { int: Some(1), ..Row::default() })).collect();
        let store = TestStore::new();
        store.write(&rows);
        if flush {
            store.store.flush().unwrap();
        }
        let report = build(&store, &Limits::default());
        let one = &report.tables[0].series_reports[1];
        let mut sorted = distances.clone();
        sorted.sort_unstable();
        let interval = sorted[sorted.len() / 2];
        prop_assert_eq!(one.interval_ns, Some(interval));
        let gaps: Vec<i64> = distances.into_iter().filter(|distance| 2 * distance > 3 * interval).collect();
        prop_assert_eq!(one.gaps.count, gaps.len() as u64);
        prop_assert_eq!(one.gaps.longest_ns, gaps.iter().max().map_or(0, |gap| *gap as u64));
        let missing: f64 = gaps.iter().map(|gap| (*gap as f64 / interval as f64).round() - 1.0).sum();
        prop_assert_eq!(one.gaps.missing_rows, missing as u64);
        prop_assert_eq!(report.tables[0].gaps, one.gaps);
    }
}

#[test]
fn the_worst_stretch_of_all_series_comes_first() {
    const SECOND_NS: i64 = 1_000_000_000;
    let wave =
        |i: i64| 100.0 * (i as f64 / 600.0 * std::f64::consts::TAU).sin() + (i * 7919 % 13) as f64;
    let spike = |tags: Tags, i: i64| if tags.0 == Some("y") && i == 5000 { 300.0 } else { 0.0 };
    let hosts: [Tags; 2] = [(Some("x"), None), (Some("y"), None)];
    let rows = hosts.into_iter().flat_map(|tags| (0..20_000).map(move |i| (tags, i)));
    let row = |tags, i| Row { float: Some(wave(i) + spike(tags, i)), ..Row::default() };
    let rows: Rows = rows.map(|(tags, i)| ((tags, i * SECOND_NS), row(tags, i))).collect();
    let store = TestStore::new();
    store.write(&rows);
    store.store.flush().unwrap();
    let report = build(&store, &Limits::default());
    let worst = &report.anomalies[0];
    assert_eq!((worst.series.as_str(), worst.field.as_str()), ("host=y", "float"));
    assert!(worst.start <= 5000 * SECOND_NS && 5000 * SECOND_NS <= worst.end, "{worst:?}");
    assert!((worst.end - worst.start) < 60 * SECOND_NS);
    let top = worst.chart.iter().max_by(|a, b| a.max.total_cmp(&b.max)).unwrap();
    assert!((top.time - 5000 * SECOND_NS).abs() < 60 * SECOND_NS);
}

#[test]
fn judging_is_bounded_by_cells_and_then_by_series() {
    let limits =
        Limits { max_judged_cells: 10_000, min_cells_per_series: 100, ..Limits::default() };
    let judged = |series, fields| {
        let judged = limits.judged(series, fields);
        (judged.every, judged.max_cells)
    };
    assert_eq!(judged(1, 1), (1, 4096));
    assert_eq!(judged(10, 5), (1, 200));
    assert_eq!(judged(1000, 10), (100, 100));
    assert_eq!(limits.judged(1000, 10).count(1000), 10);
}

#[test]
fn an_empty_store_has_an_empty_report() {
    let report = Report::build(
        &tidemill_store::Snapshot::default(),
        &Limits::default(),
        &ImportCounts::default(),
        &Budget::new(0),
    );
    let report = report.unwrap();
    assert_eq!((report.rows, report.tables.len(), report.anomalies.len()), (0, 0, 0));
}

#[test]
fn the_first_and_the_last_time_there_are() {
    let tags: Tags = (Some("y"), None);
    let row = |time: i64| ((tags, time), Row { float: Some(time as f64), ..Row::default() });
    let rows: Rows = [i64::MIN, -1, 0, 1, i64::MAX].map(row).into();
    for flush in [false, true] {
        let store = TestStore::new();
        store.write(&rows);
        if flush {
            store.store.flush().unwrap();
        }
        let report =
            build(&store, &Limits { sparkline_points: 0, chart_points: 0, ..Limits::default() });
        let table = &report.tables[0];
        assert_eq!((table.start, table.end), (Some(i64::MIN), Some(i64::MAX)));
        assert_eq!(table.fields[0].count, 6);
    }
}

#[test]
fn one_wild_series_does_not_hide_the_others() {
    use crate::anomaly::Stretch;
    use crate::report::scan::keep_worst;
    let stretch = |score| Stretch { score, start: 0, end: 0 };
    let kept = |mut all: Vec<(&'static str, Stretch)>, limit| {
        keep_worst(&mut all, limit);
        all.into_iter().map(|(series, s)| (series, s.score)).collect::<Vec<_>>()
    };
    let all = || {
        let wild = (0..6).map(|i| ("wild", stretch(100.0 - f64::from(i))));
        wild.chain([("calm", stretch(5.0))]).collect::<Vec<_>>()
    };
    let (first, calm) = ([("wild", 100.0), ("wild", 99.0), ("wild", 98.0)], [("calm", 5.0)]);
    assert_eq!(kept(all(), 4), [&first[..], &calm].concat());
    assert_eq!(kept(all(), 5), [&first[..], &calm, &[("wild", 97.0)]].concat());
    assert_eq!(kept(all(), 7).len(), 7);
}
