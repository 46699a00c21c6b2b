//! Sliding windows over the rows of a series, natively and by DataFusion.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tidemill_query::ExecutedBy::{self, DataFusion, Native};

use crate::agree::agree;
use crate::common::{lines, sample};
use crate::filters::STORE;

/// That both ways say the same, and who answers.
fn check(sql: &str, by: ExecutedBy) -> Result<(), TestCaseError> {
    let [native, alone] = STORE.1.each_ref().map(|engine| engine.sql(sql).unwrap());
    prop_assert_eq!(native.executed_by(), by, "{}", sql);
    agree(&native, &alone).map_err(|e| TestCaseError::fail(format!("{sql}\n{e}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn windows_of_single_series_agree(
        functions in subsequence(
            vec!["avg(f)", "sum(f)", "count(f)", "avg(i)", "avg(u)", "count(s)", "count(b)", "count(i)"],
            1..5,
        ),
        before in select(vec![0, 1, 6, 59, 1000, 30_000]),
        columns in subsequence(vec!["f", "i", "s"], 0..3),
        condition in select(vec![
            "",
            " WHERE h = 'a'",
            " WHERE time >= '2021-01-01T01:30:00.5Z' AND time < '2021-01-01T03:10:00Z'",
            " WHERE h <> 'a' AND time > '2021-01-01T05:20:00Z'",
            " WHERE h = 'nobody'",
        ]),
    ) {
        let over = format!(
            "OVER (PARTITION BY h ORDER BY time ROWS BETWEEN {before} PRECEDING AND CURRENT ROW)"
        );
        // Rows are compared in order, and windows of them not to the last digit.
        let mut columns: Vec<String> =
            ["h", "time"].into_iter().chain(columns).map(str::to_owned).collect();
        let windows = functions.iter().enumerate();
        columns.extend(windows.map(|(n, function)| format!("{function} {over} AS w{n}")));
        check(&format!("SELECT {} FROM t{condition}", columns.join(", ")), Native)?;
    }
}

#[test]
fn windows_that_are_others_are_datafusions() {
    let rows = "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW";
    for (over, condition) in [
        // Of several series together.
        (format!("ORDER BY time {rows}"), "time < '2021-01-01T00:10:00Z'"),
        (format!("PARTITION BY b ORDER BY time {rows}"), "h = 'a'"),
        (format!("PARTITION BY h ORDER BY time DESC {rows}"), "h = 'a'"),
        (format!("PARTITION BY h ORDER BY i {rows}"), "h = 'a' AND time < '2021-01-01T00:00:01Z'"),
        ("PARTITION BY h ORDER BY time ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING".into(), "h = 'a'"),
        ("PARTITION BY h ORDER BY time ROWS UNBOUNDED PRECEDING".into(), "h = 'a'"),
        ("PARTITION BY h ORDER BY time".into(), "h = 'a'"),
        // A window is over the rows that are left.
        (format!("PARTITION BY h ORDER BY time {rows}"), "h = 'a' AND i > 3"),
    ] {
        let sql = format!("SELECT time, avg(i) OVER ({over}) AS w FROM t WHERE {condition}");
        let result = STORE.1[0].sql(&sql).unwrap();
        assert_eq!(result.executed_by(), DataFusion, "{sql}");
        assert!(result.rows() > 0, "{sql}");
    }
    // Of one series, however it is said.
    let one = format!("SELECT avg(i) OVER (ORDER BY time {rows}) AS w FROM t WHERE h = 'a'");
    check(&one, Native).unwrap();
}

#[test]
fn series_that_share_a_tag_are_one_partition() {
    let fixture = sample();
    let engine = fixture.engine(true);
    let sql = |by: &str, condition: &str| {
        format!(
            "SELECT host, avg(usage) OVER (PARTITION BY {by} ORDER BY time ROWS BETWEEN 1 PRECEDING \
             AND CURRENT ROW) AS w FROM cpu{condition}"
        )
    };
    assert_eq!(engine.sql(&sql("host", "")).unwrap().executed_by(), Native);
    assert_eq!(engine.sql(&sql("host, region", "")).unwrap().executed_by(), Native);
    assert_eq!(engine.sql(&sql("region", "")).unwrap().executed_by(), Native);
    // The form is the same; whether two series are one partition is not.
    for (value, by) in [("a", Native), ("b", Native)] {
        let sql = sql("region", &format!(" WHERE host <> '{value}'"));
        assert_eq!(engine.sql(&sql).unwrap().executed_by(), by, "{sql}");
    }
    let with = |value: &str| {
        format!(
            "SELECT count(f) OVER (ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM t WHERE h IN ('{value}', 'a')"
        )
    };
    for (value, by) in [("nobody", Native), ("b", DataFusion), ("none", Native)] {
        check(&with(value), by).unwrap();
    }
}

#[test]
fn limits_and_names_are_kept() {
    let sql = "SELECT time AS a, time AS b, h AS c, h AS d, f AS e, f AS g, avg(f) OVER w AS m, avg(f) OVER w AS n \
               FROM t WHERE h = 'a' AND time < '2021-01-01T00:05:00Z' \
               WINDOW w AS (PARTITION BY h ORDER BY time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)";
    check(sql, Native).unwrap();
    let explained = lines(&STORE.1[0].sql(&format!("EXPLAIN {sql}")).unwrap()).join("\n");
    assert!(explained.contains("NativeRows: 8 columns, windows by tags=[h]"), "{explained}");
    let limited = STORE.1[0].sql(&format!("{sql} LIMIT 7")).unwrap();
    assert_eq!((limited.rows(), limited.executed_by()), (7, Native));
    check("SELECT time AS a, time AS b, h AS c, h AS d, f AS e, f AS g FROM t WHERE i > 9", Native)
        .unwrap();
}
