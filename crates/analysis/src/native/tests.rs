use std::collections::BTreeMap;

use proptest::prelude::*;
use tidemill_memory::Budget;
use tidemill_model::{Column, TimeRange, Value};
use tidemill_store::TableView;

use super::*;
use crate::testing::{FIELDS, Row, Rows, Tags, TestStore, first_row, row, tags};

const SHARE: Share = Share::new(0.37).unwrap();
const FUNCTIONS: [Function; 10] = [
    Function::Quantile(SHARE),
    Function::CountRows,
    Function::Count,
    Function::Sum,
    Function::Min,
    Function::Max,
    Function::Avg,
    Function::Stddev,
    Function::First,
    Function::Last,
];

fn is_defined(call: &Call) -> bool {
    call.field < 3 || !call.function.needs_number()
}

/// One value of an answer as text, floats with few digits.
fn show(value: Option<Value<'_>>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(Value::Float(value)) => format!("{:.6}", value + 0.0),
        Some(value) => format!("{value:?}"),
    }
}

/// SQL's definition, value by value. `rows` are of one group, by time and then series.
fn naive(call: Call, rows: &[&Row]) -> String {
    let values: Vec<Value<'_>> = rows.iter().filter_map(|row| row.get(call.field)).collect();
    let number = |value: &Value<'_>| match value {
        Value::Float(value) => *value,
        Value::Int(value) => *value as f64,
        Value::UInt(value) => *value as f64,
        _ => f64::NAN,
    };
    let numbers: Vec<f64> = values.iter().map(number).collect();
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let order = |a: &&Value<'_>, b: &&Value<'_>| match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::UInt(a), Value::UInt(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => unreachable!("one type a field"),
    };
    let some = |value: f64| show(Some(Value::Float(value)));
    match call.function {
        Function::CountRows => show(Some(Value::Int(rows.len() as i64))),
        Function::Count => show(Some(Value::Int(values.len() as i64))),
        Function::Min => show(values.iter().min_by(order).copied()),
        Function::Max => show(values.iter().max_by(order).copied()),
        Function::First => show(rows.first().and_then(|row| row.get(call.field))),
        Function::Last => show(rows.last().and_then(|row| row.get(call.field))),
        _ if values.is_empty() => show(None),
        Function::Avg => some(mean),
        Function::Quantile(share) => {
            let mut numbers = numbers;
            numbers.sort_by(f64::total_cmp);
            let place = share.get() * (count - 1.0);
            let (lower, upper) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
            let weight = (place.fract() * 1e6).floor() / 1e6;
            some(if place.fract() == 0.0 { lower } else { lower + (upper - lower) * weight })
        }
        Function::Stddev if values.len() < 2 => show(None),
        Function::Stddev => {
            let m2: f64 = numbers.iter().map(|value| (value - mean).powi(2)).sum();
            some((m2 / (count - 1.0)).sqrt())
        }
        Function::Sum => match values[0] {
            Value::Float(_) => some(numbers.iter().sum()),
            Value::Int(_) => show(Some(Value::Int(numbers.iter().sum::<f64>() as i64))),
            _ => show(Some(Value::UInt(numbers.iter().sum::<f64>() as u64))),
        },
    }
}

/// Bucket, host, region of a group; a missing tag comes last. Parts the plan does not group by
/// are left out.
type GroupKey = (Vec<(bool, &'static str)>, Option<i64>);

fn naive_groups<'a>(
    rows: &'a Rows,
    plan: &AggregatePlan,
    hosts: &[Option<&str>],
) -> Vec<(GroupKey, Vec<&'a Row>)> {
    let mut groups: BTreeMap<GroupKey, Vec<(i64, &Row)>> = BTreeMap::new();
    for ((tags, time), row) in rows {
        if !plan.range.contains(*time) || !hosts.contains(&tags.0) {
            continue;
        }
        let tag = |tag: &usize| if *tag == 0 { tags.0 } else { tags.1 };
        let values =
            plan.group_tags.iter().map(|t| tag(t).map_or((true, ""), |value| (false, value)));
        let bucket = plan
            .bucket
            .map(|b| (time - b.origin_ns).div_euclid(b.width_ns) * b.width_ns + b.origin_ns);
        groups.entry((values.collect(), bucket)).or_default().push((*time, row));
    }
    let ordered = |mut rows: Vec<(i64, &'a Row)>| {
        rows.sort_by_key(|(time, _)| *time);
        rows.into_iter().map(|(_, row)| row).collect()
    };
    groups.into_iter().map(|(key, rows)| (key, ordered(rows))).collect()
}

/// The series ids of these hosts.
fn series(view: &TableView, hosts: &[Option<&str>]) -> Vec<u32> {
    let index = view.series_index();
    let host = |series: u32| index.tag_value(0, index.tag_codes(0).of(series));
    (0..view.series_count()).filter(|series| hosts.contains(&host(*series))).collect()
}

fn check(
    store: &TestStore,
    rows: &Rows,
    plan: AggregatePlan,
    hosts: &[Option<&str>],
) -> Result<(), TestCaseError> {
    let snapshot = store.snapshot();
    let view = snapshot.table("t").unwrap();
    let plan = AggregatePlan { series: series(view, hosts), ..plan };
    let got = aggregate(view, &plan, &Budget::new(1 << 24)).unwrap();
    let mut want = naive_groups(rows, &plan, hosts);
    if plan.bucket.is_none() && plan.group_tags.is_empty() && want.is_empty() {
        want.push((GroupKey::default(), Vec::new()));
    }
    prop_assert_eq!(got.len, want.len());
    let index = view.series_index();
    for (row, ((tags, bucket), rows)) in want.iter().enumerate() {
        prop_assert_eq!(got.buckets.get(row), bucket.as_ref());
        for (place, tag) in plan.group_tags.iter().enumerate() {
            let value = index.tag_value(*tag, got.tags[place][row]);
            prop_assert_eq!(value.map_or((true, ""), |value| (false, value)), tags[place]);
        }
        for (call, column) in plan.calls.iter().zip(&got.values) {
            prop_assert_eq!(show(column.get(row)), naive(*call, rows), "{:?} row {}", call, row);
        }
    }
    Ok(())
}

fn plan() -> impl Strategy<Value = AggregatePlan> {
    let range = prop_oneof![
        Just(TimeRange::ALL),
        (0i64..3000, 0i64..3000).prop_map(|(a, b)| TimeRange::new(a, b))
    ];
    let bucket = prop::option::of((-500i64..500, prop_oneof![1i64..50, 1000i64..5000]));
    let group_tags = prop::sample::select(vec![vec![], vec![0], vec![1], vec![0, 1], vec![1, 0]]);
    let call = (prop::sample::select(FUNCTIONS.to_vec()), 0..FIELDS.len());
    let call = call.prop_map(|(function, field)| Call { function, field });
    let calls = prop::collection::vec(call.prop_filter("defined", is_defined), 1..6);
    (range, bucket, group_tags, calls).prop_map(|(range, bucket, group_tags, calls)| {
        let bucket = bucket.map(|(origin_ns, width_ns)| Bucket { origin_ns, width_ns });
        AggregatePlan { series: Vec::new(), range, bucket, group_tags, calls }
    })
}

/// First and last of groups with several rows at one time depend on series ids: give every row
/// its own time.
fn with_own_times(rows: Vec<(Tags, Row)>, step: i64) -> Rows {
    let own_time = |((tags, row), n): ((Tags, Row), i64)| ((tags, n * step + n % 3), row);
    rows.into_iter().zip(0i64..).map(own_time).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn plans_agree_with_the_definition(
        rows in prop::collection::vec((tags(), row()), 0..150),
        step in 4i64..30,
        plans in prop::collection::vec(plan(), 1..6),
        hosts in prop::sample::subsequence(vec![None, Some("x"), Some("y")], 1..=3),
        cuts in prop::collection::vec(0usize..150, 2),
    ) {
        let rows = with_own_times(rows, step);
        let store = TestStore::new();
        let mut cuts = cuts;
        cuts.sort_unstable();
        // Every third row comes late, so that sources overlap.
        let (early, late): (Vec<_>, Vec<_>) = rows.iter().partition(|((_, time), _)| time % 3 != 0);
        store.write(early.iter().copied().take(cuts[0]));
        store.store.flush().unwrap();
        store.write(early.iter().copied().skip(cuts[0]));
        if cuts[1] % 2 == 0 {
            store.store.flush().unwrap();
        }
        store.write(late);
        let mut rows = rows;
        rows.extend([first_row()]);
        for plan in plans {
            check(&store, &rows, plan, &hosts)?;
        }
    }
}

/// A series long enough for stored statistics, flushed; regular or not, with missing values or
/// not.
fn long(count: usize, is_regular: bool, has_missing: bool) -> (TestStore, Rows) {
    let value = |row: usize| Row {
        // Neither the first nor the last row of a series has one.
        float: (!has_missing || row % 7 != 3 && (2..count - 2).contains(&row))
            .then_some((row % 101) as f64),
        int: Some((row as i64 * 37) % 1009),
        ..Row::default()
    };
    let time = |row: usize| row as i64 * 10 + if is_regular { 0 } else { (row % 4) as i64 };
    let tags = |row: usize| (Some(if row.is_multiple_of(2) { "x" } else { "y" }), None);
    let mut rows: Rows = (0..count).map(|row| ((tags(row), time(row)), value(row))).collect();
    let store = TestStore::new();
    store.store.flush().unwrap();
    store.write(&rows);
    store.store.flush().unwrap();
    rows.extend([first_row()]);
    (store, rows)
}

#[test]
fn long_series_agree_with_the_definition_and_use_what_is_stored() {
    let call = |function: Function, field| Call { function, field };
    let calls = FUNCTIONS.iter().flat_map(|f| [call(*f, 0), call(*f, 1)]).collect::<Vec<_>>();
    for (is_regular, has_missing) in [(true, false), (true, true), (false, false), (false, true)] {
        let (store, rows) = long(30_000, is_regular, has_missing);
        for width_ns in [0, 35, 9_999, 61_000, 150_000, 1 << 40] {
            for group_tags in [vec![], vec![0]] {
                let bucket = (width_ns > 0).then_some(Bucket { origin_ns: 3, width_ns });
                let range = TimeRange::new(555, 287_654);
                let plan = AggregatePlan {
                    series: vec![],
                    range,
                    bucket,
                    group_tags,
                    calls: calls.clone(),
                };
                check(&store, &rows, plan, &[Some("x"), Some("y")]).unwrap();
            }
        }
        let snapshot = store.snapshot();
        let view = snapshot.table("t").unwrap();
        let plan = AggregatePlan {
            series: vec![1, 2],
            range: TimeRange::ALL,
            bucket: None,
            group_tags: vec![],
            calls: vec![call(Function::Sum, 1)],
        };
        let stats = aggregate(view, &plan, &Budget::new(1 << 20)).unwrap().stats;
        let want = PlanStats { rows: 30_000, values_from_aggregates: 30_000, values_decoded: 0 };
        assert_eq!(stats, want);
    }
}

#[test]
fn long_plans_are_shared_out_and_merged() {
    let (store, rows) = long(250_000, true, false);
    let calls = FUNCTIONS.map(|function| Call { function, field: 1 }).to_vec();
    for group_tags in [vec![], vec![0]] {
        for width_ns in [700, 123_456] {
            let bucket = Some(Bucket { origin_ns: 0, width_ns });
            let range = TimeRange::ALL;
            let plan = AggregatePlan {
                series: vec![],
                range,
                bucket,
                group_tags: group_tags.clone(),
                calls: calls.clone(),
            };
            check(&store, &rows, plan, &[Some("x"), Some("y")]).unwrap();
        }
    }
}

#[test]
fn of_rows_at_the_same_time_the_one_of_the_least_series_counts() {
    let store = TestStore::new();
    let hosts = [Some("x"), Some("y")];
    let value = |host| Row { int: Some(if host == Some("x") { 1 } else { 2 }), ..Row::default() };
    let rows = hosts.iter().flat_map(|host| (0..150_000).map(move |time| (*host, time)));
    let rows: Rows = rows.map(|(host, time)| (((host, None), time), value(host))).collect();
    store.write(&rows);
    store.store.flush().unwrap();
    let call = |function| Call { function, field: 1 };
    let plan = AggregatePlan {
        series: vec![1, 2],
        range: TimeRange::ALL,
        bucket: None,
        group_tags: vec![],
        calls: vec![call(Function::First), call(Function::Last)],
    };
    let snapshot = store.snapshot();
    let got = aggregate(snapshot.table("t").unwrap(), &plan, &Budget::new(1 << 20)).unwrap();
    let got: Vec<_> = got.values.iter().map(|column| column.get(0)).collect();
    assert_eq!(got, [Some(Value::Int(1)); 2]);
}

#[test]
fn the_first_and_the_last_time_there_are() {
    for times in [vec![i64::MIN, i64::MAX], vec![i64::MIN, -5, i64::MAX]] {
        let store = TestStore::new();
        let row = |time: &i64| (((Some("y"), None), *time), Row { int: Some(7), ..Row::default() });
        let mut rows: Rows = times.iter().map(row).collect();
        store.write(&rows);
        store.store.flush().unwrap();
        rows.extend([first_row()]);
        let calls = FUNCTIONS.map(|function| Call { function, field: 1 }).to_vec();
        for bucket in [None, Some(Bucket { origin_ns: i64::MIN, width_ns: 1 << 62 })] {
            let plan = AggregatePlan {
                series: vec![],
                range: TimeRange::ALL,
                bucket: None,
                group_tags: vec![0],
                calls: calls.clone(),
            };
            check(&store, &rows, plan.clone(), &[Some("x"), Some("y")]).unwrap();
            let snapshot = store.snapshot();
            let plan = AggregatePlan { series: vec![0, 1], bucket, ..plan };
            let got =
                aggregate(snapshot.table("t").unwrap(), &plan, &Budget::new(1 << 20)).unwrap();
            assert_eq!(got.len, if bucket.is_some() { times.len() + 1 } else { 2 });
        }
    }
}

#[track_caller]
fn check_error(int: i64, function: Function, field: usize, budget_bytes: usize, want: &str) {
    let store = TestStore::new();
    let row = Row { int: Some(int), ..Row::default() };
    store.write(&Rows::from([((first_row().0.0, 0), row)]));
    let snapshot = store.snapshot();
    let calls = vec![Call { function, field }];
    let (range, bucket, group_tags) = (TimeRange::ALL, None, vec![]);
    let plan = AggregatePlan { series: vec![0], range, bucket, group_tags, calls };
    let got = aggregate(snapshot.table("t").unwrap(), &plan, &Budget::new(budget_bytes));
    assert_eq!(got.unwrap_err().to_string(), want);
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    let sum = "the sum of `int` is 9223372036854775808, which does not fit the type int";
    check_error(i64::MAX, Function::Sum, 1, 1 << 20, sum);
    check_error(1, Function::Sum, 4, 1 << 20, "sum of `text`, which is text");
    check_error(1, Function::Count, 9, 1 << 20, "no such field");
    let memory = "the groups of an aggregate: memory budget exceeded: 6656 bytes wanted, 0 of 100 \
                  in use; raise it with --memory";
    check_error(1, Function::Sum, 1, 100, memory);
    let values = "the values of a quantile: memory budget exceeded: 48 bytes wanted, 6144 of 6154 \
                  in use; raise it with --memory";
    check_error(1, Function::Quantile(SHARE), 1, 6154, values);
}

#[test]
fn last_rows_of_long_series_are_the_newest() {
    for (is_regular, has_missing) in [(true, false), (true, true), (false, true)] {
        let (store, rows) = long(30_000, is_regular, has_missing);
        let snapshot = store.snapshot();
        let view = snapshot.table("t").unwrap();
        // Also where a slice of statistics is cut.
        for end in [i64::MAX, 287_654, 81_919 * 2, 77] {
            let range = TimeRange::new(i64::MIN, end);
            let ids: Vec<u32> = (0..view.series_count()).collect();
            let got = last_rows(view, &ids, range, &[0, 1], &Budget::new(1 << 20)).unwrap();
            let index = view.series_index();
            for (place, series) in got.series.iter().enumerate() {
                let tag = |tag: usize| index.tag_value(tag, index.tag_codes(tag).of(*series));
                let own = (tag(0), tag(1));
                let of_series =
                    rows.iter().filter(|((tags, time), _)| (tags.0, tags.1) == own && *time <= end);
                let ((_, time), row) = of_series.max_by_key(|((_, time), _)| *time).unwrap();
                assert_eq!(got.times[place], *time);
                for field in [0, 1] {
                    let value = got.columns[field].get(place);
                    assert_eq!(show(value), show(row.get(field)), "{own:?} {end} {field}");
                }
            }
            assert!(got.series.len() >= 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn last_rows_are_the_newest(
        rows in prop::collection::btree_map((tags(), 0i64..50), row(), 0..60),
        range in (0i64..50, 0i64..50),
        flush: bool,
    ) {
        let store = TestStore::new();
        store.write(&rows);
        if flush {
            store.store.flush().unwrap();
        }
        let snapshot = store.snapshot();
        let view = snapshot.table("t").unwrap();
        let range = TimeRange::new(range.0, range.1);
        let series: Vec<u32> = (0..view.series_count()).collect();
        let fields = [0, 1, 4];
        let got = last_rows(view, &series, range, &fields, &Budget::new(1 << 20)).unwrap();
        let mut newest: BTreeMap<Tags, (i64, &Row)> = BTreeMap::new();
        let rows: Rows = rows.into_iter().chain([first_row()]).collect();
        for ((tags, time), row) in &rows {
            if range.contains(*time) {
                newest.insert(*tags, (*time, row));
            }
        }
        prop_assert_eq!(got.series.len(), newest.len());
        prop_assert!(got.series.is_sorted());
        let index = view.series_index();
        for (place, series) in got.series.iter().enumerate() {
            let tag = |tag: usize| index.tag_value(tag, index.tag_codes(tag).of(*series));
            let (time, row) = newest.iter().find(|(tags, _)| (tags.0, tags.1) == (tag(0), tag(1))).unwrap().1;
            prop_assert_eq!(got.times[place], *time);
            for (field, column) in fields.iter().zip(&got.columns) {
                let column: &Column = column;
                prop_assert_eq!(show(column.get(place)), show(row.get(*field)));
            }
        }
    }
}
