//! The engine as a whole: ways to ask, snapshots, memory, refusals.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use futures::StreamExt;
use tempfile::TempDir;
use tidemill_memory::Budget;
use tidemill_model::{Batch, Value};
use tidemill_query::{ErrorKind, ExecutedBy, Options};

use crate::common::{Fixture, Row, SECOND, START, lines, push, rows as rows_of};

const TOP: &str = "SELECT host, max(usage) FROM cpu GROUP BY host ORDER BY host";

#[test]
fn all_ways_to_ask_give_the_same() {
    let fixture = crate::common::sample();
    for native in [true, false] {
        let engine = fixture.engine(native);
        let wanted = lines(&engine.sql(TOP).unwrap());
        let by_async = futures::executor::block_on(engine.sql_async(TOP)).unwrap();
        assert_eq!(lines(&by_async), wanted);
        let mut stream = engine.sql_stream(TOP).unwrap();
        let mut rows = 0;
        while let Some(batch) = stream.next_batch().unwrap() {
            rows += batch.num_rows();
        }
        assert_eq!(rows + 1, wanted.len());
        let stream = engine.sql_stream(TOP).unwrap();
        let polled =
            futures::executor::block_on(stream.map(|b| b.unwrap().num_rows()).collect::<Vec<_>>());
        assert_eq!(polled.iter().sum::<usize>(), rows);
    }
}

#[test]
fn blocking_calls_work_inside_another_runtime() {
    let fixture = crate::common::sample();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let engine = fixture.engine(false);
        assert_eq!(engine.sql(TOP).unwrap().rows(), 3);
        assert_eq!(engine.sql_async(TOP).await.unwrap().rows(), 3);
        // Dropped where waiting for its threads is not allowed.
        drop(engine);
    });
}

#[test]
fn a_panic_is_an_error_of_the_same_text_however_one_asks() {
    const PANICS: &str = "SELECT lpad(host, 0 - requests) FROM cpu";
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let wanted = engine.sql(PANICS).unwrap_err();
    assert!(wanted.to_string().contains("panicked: capacity overflow"), "{wanted}");
    let by_async = futures::executor::block_on(engine.sql_async(PANICS)).unwrap_err();
    assert_eq!((by_async.kind(), by_async.to_string()), (wanted.kind(), wanted.to_string()));
    let mut stream = engine.sql_stream(PANICS).unwrap();
    let schema = stream.schema();
    assert_eq!(stream.next_batch().unwrap_err().to_string(), wanted.to_string());
    // It is over, and still tells its columns.
    assert!(stream.next_batch().unwrap().is_none());
    assert_eq!(stream.schema(), schema);
    assert_eq!(engine.sql(TOP).unwrap().rows(), 3);
}

#[test]
fn a_statement_sees_what_was_written_before_it() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let count = "SELECT count(*) FROM cpu";
    assert_eq!(lines(&engine.sql(count).unwrap())[1], "180");
    let mut batch = Batch::new();
    let fields = [("usage", Value::Float(1.0)), ("new", Value::Int(1))];
    push(&mut batch, "cpu", &Row { tags: &[("host", "d")], fields: &fields, time: START });
    fixture.write(batch);
    // The plan is remembered, the data and the schema are not.
    assert_eq!(lines(&engine.sql(count).unwrap())[1], "181");
    assert_eq!(lines(&engine.sql("SELECT sum(new) FROM cpu").unwrap())[1], "1");
    assert_eq!(engine.sql(TOP).unwrap().rows(), 4);
}

#[test]
fn a_stream_keeps_its_snapshot() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(false);
    let mut stream = engine.sql_stream("SELECT time FROM cpu").unwrap();
    let mut batch = Batch::new();
    let fields = [("usage", Value::Float(1.0))];
    push(&mut batch, "cpu", &Row { tags: &[("host", "d")], fields: &fields, time: START });
    fixture.write(batch);
    drop(engine);
    let mut rows = 0;
    while let Some(batch) = stream.next_batch().unwrap() {
        rows += batch.num_rows();
    }
    assert_eq!(rows, 180);
}

#[test]
fn threads_share_an_engine() {
    let fixture = crate::common::sample();
    let engine = Arc::new(fixture.engine(true));
    let wanted = lines(&engine.sql(TOP).unwrap());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(lines(&engine.sql(TOP).unwrap()), wanted);
                }
            });
        }
    });
}

/// One table of 4 series, 60,000 rows each.
fn large() -> Fixture {
    let fixture = Fixture::empty();
    let mut batch = Batch::new();
    for step in 0..60_000 {
        for host in ["a", "b", "c", "d"] {
            let value = (step * 7919) % 60_000;
            let fields = [("x", Value::Int(value)), ("y", Value::Float(value as f64))];
            let time = START + step * SECOND;
            push(&mut batch, "big", &Row { tags: &[("host", host)], fields: &fields, time });
        }
    }
    fixture.write(batch);
    fixture.store.flush().unwrap();
    fixture
}

#[test]
fn memory_is_bounded_and_sorts_spill() {
    let fixture = large();
    let spill = TempDir::new().unwrap();
    let options = Options {
        native: false,
        threads: NonZeroUsize::MIN,
        spill_directory: Some(spill.path().to_owned()),
    };
    let budget = Budget::new(24 << 20);
    let engine = fixture.engine_with(options, &budget);
    let mut stream = engine.sql_stream("SELECT * FROM big ORDER BY y, x, time, host").unwrap();
    let (mut rows, mut last) = (0, f64::NEG_INFINITY);
    while let Some(batch) = stream.next_batch().unwrap() {
        use arrow::array::AsArray;
        let column = batch.column_by_name("y").unwrap();
        for value in column.as_primitive::<arrow::datatypes::Float64Type>().values() {
            assert!(*value >= last);
            last = *value;
        }
        rows += batch.num_rows();
    }
    drop(stream);
    assert_eq!(rows, 240_000);
    assert!(budget.peak_bytes() <= budget.limit_bytes());
    assert_eq!(budget.used_bytes(), 0, "all is given back");
}

#[test]
fn an_answer_that_does_not_fit_the_budget_is_an_error() {
    let fixture = large();
    let budget = Budget::new(4 << 20);
    let engine = fixture.engine_with(Options::default(), &budget);
    let error = engine.sql("SELECT * FROM big").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory, "{error}");
    assert!(error.to_string().contains("--memory"), "{error}");
    // Threads that were reading give back what they hold when they notice.
    let mut turns = 0;
    while budget.used_bytes() > 0 && turns < 10_000_000 {
        std::thread::yield_now();
        turns += 1;
    }
    assert_eq!(budget.used_bytes(), 0);
    // Batch by batch it fits.
    let mut stream = engine.sql_stream("SELECT * FROM big").unwrap();
    while stream.next_batch().unwrap().is_some() {}
}

/// What several threads collect is what one stream gives, each series' rows in order, and counted as long as it is there.
#[test]
fn rows_collected_by_several_threads_are_all_rows() {
    let fixture = large();
    let budget = Budget::new(256 << 20);
    let threads = NonZeroUsize::new(2).unwrap();
    let engine = fixture.engine_with(Options { threads, ..Options::default() }, &budget);
    for (sql, rows) in [
        ("SELECT time, host, x FROM big", 240_000),
        ("SELECT time, host, x, y FROM big WHERE x >= 30000", 120_000),
        (
            "SELECT time, host, avg(x) OVER (PARTITION BY host ORDER BY time ROWS BETWEEN 5 PRECEDING AND CURRENT ROW) \
             FROM big",
            240_000,
        ),
    ] {
        let collected = engine.sql(sql).unwrap();
        assert_eq!(
            (collected.executed_by(), collected.rows()),
            (ExecutedBy::Native, rows),
            "{sql}"
        );
        let bytes: usize =
            collected.batches().iter().map(|batch| batch.get_array_memory_size()).sum();
        assert!(budget.used_bytes() > bytes / 4, "{} of {bytes}", budget.used_bytes());
        let got = lines(&collected).split_off(1);
        drop(collected);
        assert_eq!(budget.used_bytes(), 0);
        let mut stream = engine.sql_stream(sql).unwrap();
        let mut wanted = Vec::new();
        while let Some(batch) = stream.next_batch().unwrap() {
            rows_of(&batch, &mut wanted);
        }
        // Its series come in no order.
        wanted.sort_by(|a, b| a.split('|').nth(1).cmp(&b.split('|').nth(1)));
        assert_eq!(got.len(), rows, "{sql}");
        assert!(got == wanted, "{sql}");
    }
}

#[test]
fn many_rows_are_read_by_several_threads() {
    let fixture = large();
    let options =
        Options { native: false, threads: NonZeroUsize::new(2).unwrap(), ..Options::default() };
    let engine = fixture.engine_with(options, fixture.store.budget());
    let plan = lines(&engine.sql("EXPLAIN SELECT sum(x), max(y) FROM big WHERE x >= 0").unwrap());
    assert!(plan.join("\n").contains("partitions=2"), "{plan:#?}");
    let sql = "SELECT host, sum(x), count(*) FROM big WHERE x >= 0 GROUP BY host ORDER BY host";
    let result = engine.sql(sql).unwrap();
    assert_eq!(lines(&result)[1], "a | 1799970000 | 60000");
    assert_eq!(result.rows(), 4);
}

#[test]
fn the_order_of_rows_saves_a_sort() {
    let fixture = large();
    let engine = fixture.engine(false);
    for (sql, sorts) in [
        ("SELECT time, x FROM big WHERE host = 'a' ORDER BY time", false),
        (
            "SELECT host, time, x FROM big WHERE time < '2021-01-01T01:00:00Z' ORDER BY host, time",
            false,
        ),
        ("SELECT host, time, x FROM big WHERE host = 'a' ORDER BY host, time", false),
        ("SELECT time, x FROM big ORDER BY time", true),
    ] {
        let plan = lines(&engine.sql(&format!("EXPLAIN {sql}")).unwrap()).join("\n");
        let physical = plan.split("physical_plan").nth(1).unwrap();
        assert_eq!(physical.contains("SortExec"), sorts, "{sql}\n{plan}");
        assert!(engine.sql(sql).unwrap().rows() > 0);
    }
}

#[test]
fn limits_stop_the_scan() {
    let fixture = large();
    let engine = fixture.engine(false);
    let plan = lines(&engine.sql("EXPLAIN SELECT * FROM big WHERE host = 'b' LIMIT 5").unwrap());
    assert!(plan.join("\n").contains("limit=5"), "{plan:#?}");
    let result = engine.sql("SELECT * FROM big WHERE host = 'b' LIMIT 5").unwrap();
    assert_eq!(result.rows(), 5);
}

#[test]
fn explain_says_who_runs_a_statement() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let plan = |sql: &str| lines(&engine.sql(sql).unwrap()).join("\n");
    let native = plan(&format!("EXPLAIN {TOP}"));
    assert!(native.contains("NativeAggregate: [Max(usage)] by tags=[host]"), "{native}");
    let ran = plan(&format!("EXPLAIN ANALYZE {TOP}"));
    assert!(ran.contains("rows out: 3, series: 3, rows in: 180"), "{ran}");
    let other = plan("EXPLAIN SELECT * FROM cpu WHERE usage > requests");
    assert!(other.contains("SeriesScan") && !other.contains("Native"), "{other}");
    assert_eq!(engine.sql(TOP).unwrap().executed_by(), ExecutedBy::Native);
    assert_eq!(fixture.engine(false).sql(TOP).unwrap().executed_by(), ExecutedBy::DataFusion);
}

/// Cycles of the operator of each line that has some. This program's allocator counts nothing.
fn cycles(plan: &str) -> Vec<u64> {
    let operators = plan.lines().filter(|line| line.contains("cycles="));
    let of = |line: &str| {
        for unknown in ["allocations=unknown", "allocated_bytes=unknown"] {
            assert!(line.contains(unknown), "{line}");
        }
        let (_, rest) = line.split_once("cycles=").unwrap();
        rest.split([',', ']']).next().unwrap().parse().unwrap()
    };
    operators.map(of).collect()
}

#[test]
fn explain_analyze_says_what_each_operator_took() {
    let fixture = large();
    let check = |native: bool, sql: &str, operators: &[&str]| {
        let result = fixture.engine(native).sql(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
        let text = lines(&result).join("\n");
        let cycles = cycles(&text);
        assert_eq!(cycles.len(), operators.len(), "{sql}\n{text}");
        assert!(cycles.iter().all(|cycles| *cycles > 0), "{sql}\n{text}");
        for (line, operator) in text.lines().filter(|l| l.contains("cycles=")).zip(operators) {
            assert!(line.contains(operator), "{operator}: {sql}\n{text}");
        }
    };
    let sql = "SELECT host, max(x) AS m FROM big GROUP BY host ORDER BY m LIMIT 2";
    check(true, sql, &["Limit", "Sort", "Project", "NativeAggregate"]);
    // Several partitions, and tasks between them.
    let sql = "SELECT x, count(*) AS n FROM big WHERE y > x - 3 GROUP BY x";
    let scan = ["FilterExec", "SeriesScan"];
    let group = ["ProjectionExec", "AggregateExec", "RepartitionExec", "AggregateExec"];
    check(false, sql, &[&group[..], &scan[..]].concat());
    let sql = "SELECT sum(x) FROM big WHERE y > x - 3";
    let group = ["AggregateExec", "CoalescePartitionsExec", "AggregateExec"];
    check(false, sql, &[&group[..], &scan[..]].concat());
    check(true, "SELECT host, x FROM big WHERE y > 3", &["NativeRows"]);
}

#[test]
fn errors_name_the_place() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let error = engine.sql("SELECT host,\n  usge FROM cpu").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Planning);
    let place = error.position().map(|p| (p.line, p.column));
    assert_eq!(place, Some((2, 3)), "{error}");
    assert!(error.to_string().contains("did you mean `usage`?"), "{error}");
    let error = engine.sql("SELECT 1 FROM cpuu").unwrap_err();
    assert!(error.to_string().contains("there is no table `cpuu`; did you mean `cpu`?"), "{error}");
    assert_eq!(error.position().map(|p| (p.line, p.column)), Some((1, 15)), "{error}");
}

#[test]
fn nothing_outside_the_store_is_touched() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file.csv");
    std::fs::write(&file, "a\n1\n").unwrap();
    let file = file.display();
    for sql in [
        format!("SELECT * FROM '{file}'"),
        format!("SELECT * FROM \"{file}\""),
        format!("COPY (SELECT 1) TO '{file}'"),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{file}'"),
        format!("SELECT * FROM read_csv('{file}')"),
        "WITH x AS (SELECT 1) INSERT INTO cpu SELECT * FROM x".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
    ] {
        let error = engine.sql(&sql).unwrap_err();
        let expected = [ErrorKind::Refused, ErrorKind::Planning].contains(&error.kind());
        assert!(expected, "{sql}: {error:?}");
    }
    assert_eq!(std::fs::read(directory.path().join("file.csv")).unwrap(), b"a\n1\n");
}

#[test]
fn an_empty_store_answers_too() {
    let fixture = Fixture::empty();
    let engine = fixture.engine(true);
    assert_eq!(engine.sql("SHOW TABLES").unwrap().rows(), 0);
    assert_eq!(lines(&engine.sql("SELECT 1 + 1 AS two").unwrap()), ["two", "2"]);
    let error = engine.sql("SELECT * FROM cpu").unwrap_err();
    assert!(error.to_string().contains("the store is empty"), "{error}");
}

/// What [`tidemill_query::Engine::matching`] means is what `WHERE` means.
#[test]
fn a_condition_on_times_and_tags_means_what_it_means_in_a_query() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let rows_of = |condition: &str| {
        let matching = engine.matching("cpu", condition).unwrap();
        let snapshot = fixture.store.snapshot();
        let mut reader = snapshot.table("cpu").unwrap().reader();
        let (mut pieces, mut rows) = (Vec::new(), 0);
        for series in matching.series {
            reader.pieces(series, matching.range, &mut pieces).unwrap();
            rows += pieces.iter().map(|piece| reader.rows(piece).unwrap()).sum::<usize>();
        }
        rows.to_string()
    };
    for condition in [
        "true",
        "false",
        "host = 'a'",
        "host <> 'a'",
        "host IN ('a', 'c') AND time < '2021-01-01T00:02:00Z'",
        "region IS NULL",
        "region LIKE 'e%' OR host = 'c'",
        "time >= '2021-01-01T00:01:00Z' AND time < '2021-01-01T00:02:00Z'",
        "time BETWEEN '2021-01-01T00:01:00Z' AND '2021-01-01T00:02:00Z' -- a comment",
        "time = '2021-01-01T00:01:00Z' AND region = 'nowhere'",
        "upper(host) = 'B'",
        "time < now()",
    ] {
        let count = engine.sql(&format!("SELECT count(*) FROM cpu WHERE\n{condition}\n")).unwrap();
        assert_eq!(rows_of(condition), lines(&count)[1], "{condition}");
    }
}

#[test]
fn what_a_condition_cannot_say_is_refused() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let check = |table: &str, condition: &str, kind: ErrorKind| {
        let error = engine.matching(table, condition).unwrap_err();
        assert_eq!(error.kind(), kind, "{condition}: {error}");
    };
    for condition in [
        "usage > 1",
        "host = 'a' OR usage > 1",
        "time < '2021-01-01' OR time > '2021-01-02'",
        "true LIMIT 1",
        "true ORDER BY time",
        "true GROUP BY host, time",
        "host = 'a' UNION ALL SELECT * FROM cpu",
        "true; SELECT 1",
        "host IN (SELECT host FROM cpu)",
    ] {
        let error = engine.matching("cpu", condition).unwrap_err();
        let is_kind = [ErrorKind::Refused, ErrorKind::Planning].contains(&error.kind());
        assert!(is_kind, "{condition}: {error:?}");
    }
    check("cpu", "host =", ErrorKind::Syntax);
    check("cpu", "hots = 'a'", ErrorKind::Planning);
    check("cpuu", "true", ErrorKind::Planning);
    check("cpu\" JOIN \"event", "true", ErrorKind::Planning);
    let error = engine.matching("cpu", "host = = 'a'").unwrap_err();
    assert_eq!(error.position().unwrap().line, 1, "{error}");
}
