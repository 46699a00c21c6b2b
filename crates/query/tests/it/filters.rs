//! Rows chosen by the values of their fields: the scan's conditions beside DataFusion's own comparisons.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tidemill_model::{Batch, Value};
use tidemill_query::{Engine, ExecutedBy};

use crate::common::{Fixture, Row, SECOND, START, lines, push};

const CONDITIONS: [&str; 42] = [
    "f > 1",
    "f >= -3.25",
    "f < 0",
    "f <= 0.0",
    "f > -0.0",
    "f = 0",
    "f = -0.0",
    "f <> 0",
    "f <> 2",
    "f = 0.25",
    "1 < f",
    "-1e300 > f",
    "f < 1e300",
    "f <= 1e308 * 10",
    "f BETWEEN -2 AND 10",
    "f BETWEEN 10 AND -2",
    "f NOT BETWEEN -2 AND 10",
    "f > 9007199254740993",
    "f > '1'",
    "i > 3",
    "i <= -2",
    "i = 7",
    "7 <> i",
    "i < 2.5",
    "i BETWEEN 0 AND 9",
    "i > 3 + 4",
    "i >= -9223372036854775808",
    "u > 5",
    "u < 3",
    "u >= 0",
    "u > -1",
    "u = 18446744073709551615",
    "u <= 18446744073709551614",
    "u <> 2",
    "i > 3 AND f > 1",
    "i > 3 OR f > 1",
    "f IS NOT NULL",
    "i IS NOT NULL",
    "s IS NOT NULL",
    "b IS NOT NULL AND u > 5",
    "NOT (i IS NULL)",
    "i IS NOT NULL AND f > 2 AND u IS NOT NULL",
];

/// Three series with every kind of number: on disk, in memory, and in both at once; long, sorted
/// stretches of which statistics say that all or none of a window is wanted, and mixed ones.
pub(crate) static STORE: LazyLock<(Fixture, [Engine; 2])> = LazyLock::new(|| {
    let fixture = Fixture::empty();
    let mut random = 1u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    let mut write = |steps: std::ops::Range<i64>, hosts: &[&str], odd: i64| {
        let mut batch = Batch::new();
        for step in steps {
            for host in hosts {
                let float = match next(40) {
                    // A NaN now and then, where all else is far from it.
                    n if step % 8192 >= 6144 && (n > 0 || next(8) > 0) => (step / 1024) as f64,
                    0 if step % 8192 >= 6144 => -f64::NAN,
                    0 => f64::NAN,
                    1 => -f64::NAN,
                    2 => -0.0,
                    3 => f64::INFINITY,
                    4 => f64::NEG_INFINITY,
                    n if step % 8192 < 4096 => n as f64 / 4.0 - 3.0,
                    _ => (step / 1024) as f64,
                };
                let uint = if next(50) == 0 { u64::MAX } else { next(8) };
                let int = if step % 8192 < 4096 { next(20) as i64 - 5 } else { step / 1024 };
                let mut fields = vec![("s", Value::Text("x")), ("b", Value::Bool(step % 2 == 0))];
                if *host != "c" || next(3) > 0 {
                    fields.push(("f", Value::Float(float)));
                    fields.push(("u", Value::UInt(uint)));
                }
                if *host != "b" || step > 5000 {
                    fields.push(("i", Value::Int(int)));
                }
                let time = START + step * SECOND + odd;
                push(&mut batch, "t", &Row { tags: &[("h", host)], fields: &fields, time });
            }
        }
        fixture.write(batch);
    };
    write(0..20_000, &["a", "b", "c"], 0);
    fixture.store.flush().unwrap();
    // Into the same stretch, and over some of its rows.
    write(7000..7500, &["a", "b"], 1);
    write(9000..9100, &["c"], 0);
    write(20_000..20_100, &["a"], 0);
    let engines = [fixture.engine(true), fixture.engine(false)];
    (fixture, engines)
});

/// What the columns of the rows are for which a condition is true, as DataFusion computes it when it is no filter.
fn wanted(columns: &str, outer: &str, condition: &str) -> Vec<String> {
    let sql = format!("SELECT {columns}, ({condition}) AS holds FROM t{outer}");
    let result = STORE.1[1].sql(&sql).unwrap();
    let rows = lines(&result);
    let mut rows: Vec<String> =
        rows[1..].iter().filter_map(|row| row.strip_suffix(" | true").map(str::to_owned)).collect();
    rows.sort();
    rows
}

fn check(columns: &str, outer: &str, condition: &str) -> Result<(), TestCaseError> {
    let wanted = wanted(columns, outer, condition);
    let and = if outer.is_empty() { " WHERE" } else { " AND" };
    let sql = format!("SELECT {columns} FROM t{outer}{and} ({condition})");
    for engine in &STORE.1 {
        let mut got = lines(&engine.sql(&sql).unwrap()).split_off(1);
        got.sort();
        prop_assert_eq!(got.len(), wanted.len(), "{}", sql);
        prop_assert!(got == wanted, "{}", sql);
    }
    Ok(())
}

#[test]
fn every_comparison_means_what_datafusion_means_by_it() {
    for condition in CONDITIONS {
        check("time, h, f, i, u, s, b", "", condition).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn several_conditions_and_columns_agree(
        conditions in subsequence(CONDITIONS.to_vec(), 1..4),
        columns in subsequence(vec!["time", "h", "f", "i", "u", "s", "b"], 1..7),
        outer in select(vec![
            "",
            " WHERE h = 'a'",
            " WHERE time >= '2021-01-01T01:30:00.5Z' AND time < '2021-01-01T03:10:00Z'",
            " WHERE h <> 'b' AND time > '2021-01-01T05:00:00Z'",
        ]),
    ) {
        let condition: Vec<String> = conditions.iter().map(|c| format!("({c})")).collect();
        check(&columns.join(", "), outer, &condition.join(" AND "))?;
    }
}

/// Of each series the newest row for which a condition is true, which may lie far behind the newest.
#[test]
fn newest_rows_that_satisfy_conditions_agree() {
    for condition in CONDITIONS {
        for outer in [
            "",
            " AND time < '2021-01-01T02:20:01Z'",
            " AND h <> 'a' AND time >= '2021-01-01T01:10:00Z'",
        ] {
            let sql = |condition: &str| {
                format!(
                    "SELECT DISTINCT ON (h) h, time, f, i, u, s, b FROM t WHERE {condition}{outer} ORDER BY h, time DESC"
                )
            };
            // As a number it is no condition that a scan knows.
            let computed = format!("CASE WHEN {condition} THEN 1 ELSE 0 END = 1");
            let wanted = lines(&STORE.1[1].sql(&sql(&computed)).unwrap());
            let sql = sql(&format!("({condition})"));
            let got = STORE.1[0].sql(&sql).unwrap();
            assert_eq!(lines(&got), wanted, "{sql}");
            let is_simple = ["i > 3", "f IS NOT NULL", "s IS NOT NULL"].contains(&condition);
            assert!(!is_simple || got.executed_by() == ExecutedBy::Native, "{sql}");
        }
    }
    let sql =
        "SELECT h, max(time) AS at, last(i, time) AS i FROM t WHERE i < 0 GROUP BY h ORDER BY h";
    let [native, alone] = [0, 1].map(|engine| STORE.1[engine].sql(sql).unwrap());
    assert_eq!((lines(&native), native.executed_by()), (lines(&alone), ExecutedBy::Native));
}

#[test]
fn limits_give_so_many_rows_that_are_wanted() {
    for limit in [0, 1, 5, 1023, 1024, 1025, 8192, 9000, 1_000_000] {
        for condition in ["i > 3", "f = 0.25", "i >= -9223372036854775808", "i > 1000"] {
            let all = wanted("time, h, i, f", "", condition);
            let sql = format!("SELECT time, h, i, f FROM t WHERE {condition} LIMIT {limit}");
            let result = STORE.1[0].sql(&sql).unwrap();
            assert_eq!(result.executed_by(), ExecutedBy::Native, "{sql}");
            let got = lines(&result).split_off(1);
            assert_eq!(got.len(), all.len().min(limit), "{sql}");
            assert!(got.iter().all(|row| all.binary_search(row).is_ok()), "{sql}");
        }
    }
}

#[test]
fn simple_comparisons_are_the_scans() {
    let plan = |sql: &str, place: usize| {
        lines(&STORE.1[place].sql(&format!("EXPLAIN {sql}")).unwrap()).join("\n")
    };
    let sql = "SELECT h, f FROM t WHERE f > 1 AND u <= 3 AND h = 'a'";
    let native = plan(sql, 0);
    assert!(native.contains("NativeRows: 2 columns"), "{native}");
    assert!(native.contains("where f > 1.0, where u <= 3"), "{native}");
    let alone = plan(sql, 1);
    assert!(alone.contains("where f > 1.0") && !alone.contains("FilterExec"), "{alone}");
    let newest = "SELECT DISTINCT ON (h) h, f FROM t WHERE i IS NOT NULL ORDER BY h, time DESC";
    let newest = plan(newest, 0);
    assert!(
        newest.contains("NativeLastRows") && newest.contains("where i IS NOT NULL"),
        "{newest}"
    );
    // What it cannot say stays above it.
    let other = plan("SELECT h FROM t WHERE f > i", 0);
    assert!(other.contains("FilterExec"), "{other}");
    let ran = lines(&STORE.1[0].sql(&format!("EXPLAIN ANALYZE {sql}")).unwrap()).join("\n");
    let rows = STORE.1[0].sql(sql).unwrap().rows();
    assert!(rows > 1000 && ran.contains(&format!("rows out: {rows}, series: 1")), "{ran}");
}

#[test]
fn rows_may_come_batch_by_batch_and_asynchronously() {
    let sql = "SELECT time, f FROM t WHERE i > 3";
    let wanted = wanted("time, f", "", "i > 3").len();
    let mut stream = STORE.1[0].sql_stream(sql).unwrap();
    assert_eq!(stream.executed_by(), ExecutedBy::Native);
    let mut rows = 0;
    while let Some(batch) = stream.next_batch().unwrap() {
        assert!(batch.num_rows() <= 8192);
        rows += batch.num_rows();
    }
    assert_eq!(rows, wanted);
    let result = futures::executor::block_on(STORE.1[0].sql_async(sql)).unwrap();
    assert_eq!(result.rows(), wanted);
}
