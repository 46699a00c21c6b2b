//! Statements of one form, asked after each other: the plan of the first answers the second.

use crate::common::{lines, types};

/// What was asked before, and what is asked then.
const PAIRS: [(&str, &str); 24] = [
    // Another host, another hour.
    (
        "SELECT max(usage) FROM cpu WHERE host = 'a' AND time >= '2021-01-01T00:01:00Z' AND time < '2021-01-01T00:03:00Z'",
        "SELECT max(usage) FROM cpu WHERE host = 'b' AND time >= '2021-01-01T00:02:00Z' AND time < '2021-01-01T00:09:00Z'",
    ),
    // They change places.
    (
        "SELECT count(*) FROM cpu WHERE time > '2021-01-01T00:01:00Z' AND time < '2021-01-01T00:03:00Z'",
        "SELECT count(*) FROM cpu WHERE time > '2021-01-01T00:03:00Z' AND time < '2021-01-01T00:01:00Z'",
    ),
    // What was the same twice is not, and the other way round.
    (
        "SELECT count(*) FROM cpu WHERE host = 'a' OR region = 'a'",
        "SELECT count(*) FROM cpu WHERE host = 'c' OR region = 'us'",
    ),
    (
        "SELECT count(*) FROM cpu WHERE host IN ('a', 'b') AND region <> 'us'",
        "SELECT count(*) FROM cpu WHERE host IN ('a', 'a') AND region <> 'a'",
    ),
    // Quotes, and nothing at all.
    (
        "SELECT count(*) FROM cpu WHERE host <> 'a'",
        "SELECT count(*) FROM cpu WHERE host <> 'it''s'",
    ),
    ("SELECT count(*) FROM cpu WHERE host > 'b'", "SELECT count(*) FROM cpu WHERE host > ''"),
    // Literals that are no values of a condition: widths, origins, units, columns, names.
    (
        "SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*) FROM cpu GROUP BY t ORDER BY t",
        "SELECT date_bin(INTERVAL '5 minutes', time) AS t, count(*) FROM cpu GROUP BY t ORDER BY t",
    ),
    (
        "SELECT date_bin(INTERVAL '1 minute', time, '2021-01-01T00:00:13Z') AS t, count(*) FROM cpu GROUP BY t ORDER BY t",
        "SELECT date_bin(INTERVAL '1 minute', time, '2021-01-01T00:00:33Z') AS t, count(*) FROM cpu GROUP BY t ORDER BY t",
    ),
    (
        "SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*) FROM cpu WHERE host <> '1 minute' GROUP BY t ORDER BY t",
        "SELECT date_bin(INTERVAL '5 minutes', time) AS t, count(*) FROM cpu WHERE host <> 'a' GROUP BY t ORDER BY t",
    ),
    (
        "SELECT date_trunc('minute', time), count(*) FROM cpu WHERE host = 'a' GROUP BY 1 ORDER BY 1",
        "SELECT date_trunc('hour', time), count(*) FROM cpu WHERE host = 'b' GROUP BY 1 ORDER BY 1",
    ),
    (
        "SELECT 'a', count(*) FROM cpu WHERE host = 'b'",
        "SELECT 'b', count(*) FROM cpu WHERE host = 'a'",
    ),
    (
        "SELECT host, max(usage) AS \"it's\" FROM cpu WHERE host < 'b' GROUP BY host ORDER BY host",
        "SELECT host, max(usage) AS \"it's\" FROM cpu WHERE host < 'c' GROUP BY host ORDER BY host",
    ),
    (
        "SELECT host, CASE WHEN count(*) > 3 THEN 'x' ELSE 'y' END FROM cpu WHERE host <> 'a' GROUP BY host ORDER BY host",
        "SELECT host, CASE WHEN count(*) > 3 THEN 'a' ELSE 'b' END FROM cpu WHERE host <> 'x' GROUP BY host ORDER BY host",
    ),
    (
        "SELECT host, count(*) FROM cpu WHERE region = 'us' GROUP BY host HAVING host = 'b'",
        "SELECT host, count(*) FROM cpu WHERE region = 'eu' GROUP BY host HAVING host = 'a'",
    ),
    (
        "SELECT host, count(*) FROM cpu WHERE host = 'b' GROUP BY host HAVING host = 'b'",
        "SELECT host, count(*) FROM cpu WHERE host = 'b' GROUP BY host HAVING host = 'a'",
    ),
    // Names, where a text of the planner's own is the same.
    (
        "SELECT count(*) AS 'YEAR' FROM cpu WHERE extract(YEAR FROM now()) >= 1",
        "SELECT count(*) AS 'DAY' FROM cpu WHERE extract(YEAR FROM now()) >= 1",
    ),
    (
        "SELECT count(*) FROM 'cpu' WHERE host <> 'a'",
        "SELECT count(*) FROM 'event' WHERE kind <> 'x'",
    ),
    (
        "SELECT host, count(*) AS 'a' FROM cpu WHERE host <> 'a' GROUP BY host ORDER BY host",
        "SELECT host, count(*) AS 'b' FROM cpu WHERE host <> 'b' GROUP BY host ORDER BY host",
    ),
    // Values within expressions.
    (
        "SELECT count(*) FROM cpu WHERE coalesce(region, 'none') = 'none'",
        "SELECT count(*) FROM cpu WHERE coalesce(region, 'eu') = 'eu'",
    ),
    (
        "SELECT count(*) FROM cpu WHERE coalesce(region, 'none') = 'eu'",
        "SELECT count(*) FROM cpu WHERE coalesce(region, 'eu') = 'eu'",
    ),
    (
        "SELECT count(*) FROM cpu WHERE host LIKE 'a%'",
        "SELECT count(*) FROM cpu WHERE host LIKE '_'",
    ),
    (
        "SELECT count(*) FROM cpu WHERE time < TIMESTAMP '2021-01-01T00:01:00'",
        "SELECT count(*) FROM cpu WHERE time < TIMESTAMP '2021-01-01T00:04:00'",
    ),
    (
        "SELECT count(*) FROM cpu WHERE time <= now() AND host = 'a'",
        "SELECT count(*) FROM cpu WHERE time <= now() AND host = 'nobody'",
    ),
    // Newest rows, under a number.
    (
        "SELECT host, usage FROM (SELECT *, row_number() OVER (PARTITION BY host ORDER BY time DESC) AS n FROM cpu WHERE time < '2021-01-01T00:01:00Z') WHERE n = 1 ORDER BY host",
        "SELECT host, usage FROM (SELECT *, row_number() OVER (PARTITION BY host ORDER BY time DESC) AS n FROM cpu WHERE time < '2021-01-01T00:02:00Z') WHERE n = 1 ORDER BY host",
    ),
];

#[test]
fn the_plan_of_one_answers_the_other() {
    let fixture = crate::common::sample();
    let alone = fixture.engine(false);
    for (first, second) in PAIRS {
        let engine = fixture.engine(true);
        // There and back: the plan of either answers both.
        for sql in [first, second, first, second] {
            let got = engine.sql(sql).unwrap();
            let want = alone.sql(sql).unwrap();
            assert_eq!((lines(&got), types(&got)), (lines(&want), types(&want)), "{sql}");
        }
    }
}

#[test]
fn a_text_that_is_no_time_is_the_error_that_it_would_be_alone() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let sql = |time: &str| format!("SELECT count(*) FROM cpu WHERE time > '{time}'");
    engine.sql(&sql("2021-01-01T00:01:00Z")).unwrap();
    let got = engine.sql(&sql("yesterday")).unwrap_err();
    let want = fixture.engine(true).sql(&sql("yesterday")).unwrap_err();
    assert_eq!((got.kind(), got.to_string()), (want.kind(), want.to_string()));
    // It has not spoilt the form.
    assert_eq!(lines(&engine.sql(&sql("2021-01-01T00:09:00Z")).unwrap())[1], "15");
}
