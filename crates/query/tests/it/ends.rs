//! The first groups by time, of which only the rows at that end are read.

use crate::common::{Fixture, Row, SECOND, START, lines, push};
use crate::filters::STORE;
use tidemill_model::{Batch, Value};

const STATEMENTS: [&str; 12] = [
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*), max(i) FROM t GROUP BY t ORDER BY t DESC LIMIT 5",
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*), max(i) FROM t GROUP BY t ORDER BY t LIMIT 5",
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, h, count(*) AS n FROM t GROUP BY t, h ORDER BY t DESC, n, h LIMIT 7 OFFSET 3",
    "SELECT h, date_bin(INTERVAL '7 minutes', time, '2021-01-01T00:00:13Z') AS t, count(u) FROM t WHERE h <> 'a' GROUP BY t, h ORDER BY t, h DESC LIMIT 4",
    // Few buckets have what is wanted, and none.
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, max(i) AS m FROM t GROUP BY t HAVING max(i) < 0 ORDER BY t DESC LIMIT 3",
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, max(i) AS m FROM t GROUP BY t HAVING max(i) > 13 ORDER BY t LIMIT 3",
    "SELECT date_bin(INTERVAL '1 minute', time) AS t FROM t GROUP BY t HAVING max(i) > 1000000 ORDER BY t LIMIT 3",
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*) FROM t WHERE time < '2021-01-01T02:00:30Z' GROUP BY t ORDER BY t DESC LIMIT 2",
    "SELECT date_bin(INTERVAL '1 minute', time) AS t, count(*) FROM t WHERE h = 'nobody' GROUP BY t ORDER BY t DESC LIMIT 2",
    "SELECT m, t FROM (SELECT date_bin(INTERVAL '1 hour', time) AS t, max(i) AS m FROM t GROUP BY t) ORDER BY t DESC LIMIT 2",
    // Ordered by something else, or all of them.
    "SELECT date_bin(INTERVAL '1 hour', time) AS t, max(i) AS m FROM t GROUP BY t ORDER BY m DESC, t DESC LIMIT 2",
    "SELECT date_bin(INTERVAL '1 hour', time) AS t, count(*) FROM t GROUP BY t ORDER BY t DESC LIMIT 1000",
];

#[test]
fn the_first_groups_are_those_of_all() {
    for sql in STATEMENTS {
        let [native, alone] = STORE.1.each_ref().map(|engine| engine.sql(sql).unwrap());
        assert_eq!(lines(&native), lines(&alone), "{sql}");
    }
}

#[test]
fn only_the_end_is_read() {
    let rows_in = |sql: &str| -> u64 {
        let plan = lines(&STORE.1[0].sql(&format!("EXPLAIN ANALYZE {sql}")).unwrap()).join("\n");
        plan.split_once("rows in: ").unwrap().1.split_once(',').unwrap().0.parse().unwrap()
    };
    assert!(rows_in(STATEMENTS[0]) < 2000);
    assert!(rows_in(STATEMENTS[1]) < 2000);
    assert!(rows_in(STATEMENTS[10]) > 60_000);
}

#[test]
fn rows_far_apart_are_found() {
    let fixture = Fixture::empty();
    let mut batch = Batch::new();
    for time in [i64::MIN, i64::MIN + 1, -SECOND, 0, START, i64::MAX - 1, i64::MAX] {
        push(&mut batch, "t", &Row { tags: &[("h", "a")], fields: &[("i", Value::Int(1))], time });
    }
    fixture.write(batch);
    let (native, alone) = (fixture.engine(true), fixture.engine(false));
    for order in ["t", "t DESC"] {
        for limit in 1..8 {
            let sql = format!(
                "SELECT date_trunc('second', time) AS t, count(*) FROM t WHERE time > '1677-10-01' \
                 GROUP BY t ORDER BY {order} LIMIT {limit}"
            );
            assert_eq!(
                lines(&native.sql(&sql).unwrap()),
                lines(&alone.sql(&sql).unwrap()),
                "{sql}"
            );
        }
    }
}
