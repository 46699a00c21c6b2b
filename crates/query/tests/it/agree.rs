//! Native plans and DataFusion give the same answers: random statements over random stores.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tidemill_model::{Batch, Value};
use tidemill_query::{ExecutedBy, QueryResult};

use crate::common::{Fixture, Row, SECOND, START, lines, push, types};

/// One row of a random store; the series is a place in [`SERIES`].
#[derive(Clone, Debug)]
struct RandomRow {
    series: usize,
    step: i64,
    float: Option<f64>,
    int: Option<i64>,
    uint: Option<u64>,
    flag: Option<bool>,
    text: Option<&'static str>,
}

const SERIES: [&[(&str, &str)]; 6] = [
    &[("h", "a"), ("r", "x")],
    &[("h", "b"), ("r", "x")],
    &[("h", "c"), ("r", "y")],
    &[("h", "a")],
    &[("r", "y")],
    &[],
];

fn row() -> impl Strategy<Value = RandomRow> {
    // Multiples of a quarter add up exactly in any order.
    let float = prop_oneof![
        8 => (-400i32..400).prop_map(|v| f64::from(v) / 4.0),
        1 => Just(f64::NAN),
    ];
    (
        (0..SERIES.len(), 0i64..40),
        prop::option::weighted(0.8, float),
        prop::option::weighted(0.8, -50i64..50),
        prop::option::weighted(0.8, 0u64..50),
        prop::option::weighted(0.5, any::<bool>()),
        prop::option::weighted(0.5, select(vec!["", "é", "long text", "it's"])),
    )
        .prop_map(|((series, step), float, int, uint, flag, text)| RandomRow {
            series,
            step,
            float,
            int,
            uint,
            flag,
            text,
        })
}

/// Writes in several batches, some of them flushed, rows in any order and some twice.
fn store(batches: &[(Vec<RandomRow>, bool)]) -> Fixture {
    let fixture = Fixture::empty();
    for (rows, flush) in batches {
        let mut batch = Batch::new();
        for row in rows {
            let mut fields = Vec::new();
            fields.extend(row.float.map(|v| ("f", Value::Float(v))));
            fields.extend(row.int.map(|v| ("i", Value::Int(v))));
            fields.extend(row.uint.map(|v| ("u", Value::UInt(v))));
            fields.extend(row.flag.map(|v| ("b", Value::Bool(v))));
            fields.extend(row.text.map(|v| ("s", Value::Text(v))));
            if fields.is_empty() {
                fields.push(("i", Value::Int(0)));
            }
            // No two series share a time, so that the newest row of several is one row.
            let time = START + row.step * 7 * SECOND + row.series as i64;
            push(&mut batch, "t", &Row { tags: SERIES[row.series], fields: &fields, time });
        }
        fixture.write(batch);
        if *flush {
            fixture.store.flush().unwrap();
        }
    }
    // Every column exists, whatever was drawn.
    let mut batch = Batch::new();
    let fields = [
        ("f", Value::Float(0.25)),
        ("i", Value::Int(1)),
        ("u", Value::UInt(2)),
        ("b", Value::Bool(true)),
        ("s", Value::Text("x")),
    ];
    let time = START + 300 * SECOND;
    push(&mut batch, "t", &Row { tags: SERIES[0], fields: &fields, time });
    fixture.write(batch);
    fixture
}

const CONDITIONS: [&str; 28] = [
    "time >= '2021-01-01T00:01:00Z'",
    "time < '2021-01-01T00:03:00Z'",
    "time > TIMESTAMP '2021-01-01T00:00:14'",
    "'2021-01-01T00:04:00Z' >= time",
    "time BETWEEN '2021-01-01T00:00:30Z' AND '2021-01-01T00:03:30Z'",
    "time = '2021-01-01T00:00:07Z'",
    "time >= DATE '2021-01-01'",
    "time < to_timestamp('2021-01-01T00:02:00Z') + INTERVAL '1 minute'",
    "time <= now()",
    "h = 'a'",
    "'b' = h",
    "h <> 'a'",
    "h IN ('a', 'c', 'nobody')",
    "h NOT IN ('b')",
    "h NOT IN ('b', NULL)",
    "h LIKE 'a%'",
    "h IS NULL",
    "h IS NOT NULL",
    "h = 'b' OR r = 'x'",
    "upper(h) = 'B'",
    "NOT (h = 'a')",
    "h > 'a'",
    "coalesce(h, 'none') = 'none'",
    "nvl2(h, 'some', 'none') = 'some'",
    "CASE WHEN h = 'nobody' THEN NULL END",
    "h = r",
    "h BETWEEN 'a' AND 'b'",
    "1 = 1",
];

const GROUPS: [&str; 7] = [
    "h",
    "r",
    "date_bin(INTERVAL '20 seconds', time)",
    "date_bin(INTERVAL '1 minute', time, '2021-01-01T00:00:13Z')",
    "time_bucket(INTERVAL '1 hour', time)",
    "date_trunc('minute', time)",
    "date_trunc('week', time)",
];

const CALLS: [&str; 38] = [
    "percentile_cont(0.95) WITHIN GROUP (ORDER BY f)",
    "percentile_cont(0.25) WITHIN GROUP (ORDER BY i DESC)",
    "percentile_cont(1) WITHIN GROUP (ORDER BY u)",
    "percentile_cont(0.0) WITHIN GROUP (ORDER BY f DESC)",
    "percentile_cont(f, 0.5)",
    "round(quantile_cont(i, 0.123456789), 4)",
    "count(*)",
    "coalesce(avg(f), -1.0)",
    "nullif(max(i), 3)",
    "count(1)",
    "count(time)",
    "count(f)",
    "count(s)",
    "count(b)",
    "sum(f)",
    "sum(i)",
    "sum(u)",
    "min(f)",
    "max(f)",
    "min(i)",
    "max(u)",
    "min(b)",
    "max(s)",
    "avg(f)",
    "avg(i)",
    "mean(u)",
    "stddev(f)",
    "stddev_samp(i)",
    "first_value(f ORDER BY time)",
    "last_value(i ORDER BY time)",
    "first_value(s ORDER BY time DESC)",
    "last_value(b ORDER BY time DESC)",
    "first(u, time)",
    "last(s, time)",
    "max(i) - min(i)",
    "round(avg(f), 2)",
    "CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END",
    "last_value(f ORDER BY time)",
];

fn conditions() -> impl Strategy<Value = String> {
    subsequence(CONDITIONS.to_vec(), 0..3).prop_map(|conditions| {
        let all: Vec<String> = conditions.iter().map(|c| format!("({c})")).collect();
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    })
}

/// Groups of which at most one is a stretch of time.
fn groups() -> impl Strategy<Value = Vec<&'static str>> {
    (subsequence(vec![GROUPS[0], GROUPS[1]], 0..=2), prop::option::of(select(GROUPS[2..].to_vec())))
        .prop_map(|(mut groups, bucket)| {
            groups.extend(bucket);
            groups
        })
        .prop_shuffle()
}

fn aggregate() -> impl Strategy<Value = String> {
    let having =
        prop::option::weighted(0.2, select(vec!["count(*) > 2", "max(i) > 10", "h = 'a'"]));
    let limit = prop::option::weighted(0.3, (1usize..5, 0usize..3));
    let calls = subsequence(CALLS.to_vec(), 1..5).prop_shuffle();
    (conditions(), groups(), calls, having, limit, any::<bool>()).prop_map(
        |(conditions, groups, calls, having, limit, descending)| {
            let named = |(n, group): (usize, &&str)| format!("{group} AS g{n}");
            let mut columns: Vec<String> = groups.iter().enumerate().map(named).collect();
            columns.extend(calls.iter().enumerate().map(|(n, call)| format!("{call} AS c{n}")));
            let mut sql = format!("SELECT {} FROM t{conditions}", columns.join(", "));
            if groups.is_empty() {
                return sql;
            }
            let names: Vec<String> = (0..groups.len()).map(|n| format!("g{n}")).collect();
            sql += &format!(" GROUP BY {}", names.join(", "));
            match having {
                Some("h = 'a'") if !groups.contains(&"h") => {}
                Some(having) => sql += &format!(" HAVING {having}"),
                None => {}
            }
            let way = if descending { " DESC" } else { "" };
            let order: Vec<String> = names.iter().map(|name| format!("{name}{way}")).collect();
            sql += &format!(" ORDER BY {}", order.join(", "));
            if let Some((limit, offset)) = limit {
                sql += &format!(" LIMIT {limit} OFFSET {offset}");
            }
            sql
        },
    )
}

fn newest() -> impl Strategy<Value = String> {
    let keys = subsequence(vec!["h", "r"], 1..=2).prop_shuffle();
    let columns = subsequence(vec!["h", "r", "time", "f", "i", "u", "b", "s"], 1..8);
    (conditions(), keys, columns, 0..4).prop_map(|(conditions, keys, columns, form)| {
        let (keys, columns) = (keys.join(", "), columns.join(", "));
        match form {
            0 => format!(
                "SELECT DISTINCT ON ({keys}) {columns} FROM t{conditions} ORDER BY {keys}, time DESC"
            ),
            1 => format!(
                "SELECT {columns} FROM (SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY \
                 time DESC) AS n FROM t{conditions}) WHERE n = 1"
            ),
            2 => format!(
                "SELECT {keys}, max(time) AS at, last_value(f ORDER BY time) AS f, last(s, time) \
                 FROM t{conditions} GROUP BY {keys} ORDER BY {keys}"
            ),
            _ => format!("SELECT DISTINCT {keys} FROM t{conditions} ORDER BY {keys}"),
        }
    })
}

/// Statements that differ from this one in their literals only, and may be no good ones.
fn others(sql: &str) -> [String; 2] {
    let hosts = sql.replace("'a'", "'c'").replace("'b'", "'a'").replace("'x'", "'y'");
    let times = hosts.replace("01T00:0", "02T00:0").replace("'1 minute'", "'2 minutes'");
    [times, sql.replace("00:01:00", "00:02:20").replace("'a%'", "'%'").replace("'none'", "'a'")]
}

/// Cells are the same text, or floats that differ by rounding.
fn same(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => a == b || (x - y).abs() <= 1e-9 * (1.0 + x.abs()),
        _ => a == b,
    }
}

pub(crate) fn agree(native: &QueryResult, alone: &QueryResult) -> Result<(), TestCaseError> {
    prop_assert_eq!(types(native), types(alone));
    let [mut a, mut b] = [lines(native), lines(alone)];
    a[1..].sort();
    b[1..].sort();
    prop_assert_eq!(a.len(), b.len(), "{:#?}\n{:#?}", a, b);
    for (x, y) in a.iter().zip(&b) {
        let same = x.split(" | ").zip(y.split(" | ")).all(|(x, y)| same(x, y));
        prop_assert!(same, "native     {}\nDataFusion {}", x, y);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn native_plans_and_datafusion_agree(
        batches in prop::collection::vec((prop::collection::vec(row(), 0..80), any::<bool>()), 1..4),
        statements in prop::collection::vec(prop_oneof![3 => aggregate(), 1 => newest()], 12),
    ) {
        let fixture = store(&batches);
        let (native, alone) = (fixture.engine(true), fixture.engine(false));
        for sql in statements {
            // Others of its form come first: it gets their plan.
            for other in others(&sql) {
                let _ = native.sql(&other);
            }
            let got = native.sql(&sql).map_err(|e| TestCaseError::fail(format!("{sql}: {e}")))?;
            let want = alone.sql(&sql).map_err(|e| TestCaseError::fail(format!("{sql}: {e}")))?;
            prop_assert_eq!(got.executed_by(), ExecutedBy::Native, "{}", sql);
            prop_assert_eq!(want.executed_by(), ExecutedBy::DataFusion);
            agree(&got, &want).map_err(|e| TestCaseError::fail(format!("{sql}\n{e}")))?;
        }
    }
}
