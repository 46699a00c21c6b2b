use crate::support::Place;

const ROWS: &[u8] = b"cpu,host=a usage=1.5,n=9007199254740993i 1704067200000000000\n\
cpu,host=b usage=2.5 1704067201000000000\n\
cpu,host=b usage=3.5 1704067202000000000\n";

fn store() -> Place {
    let place = Place::with(&[("a.lp", ROWS)]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    place
}

#[track_caller]
fn check(format: &str, want: &str) {
    let sql = "SELECT time, host, usage, n FROM cpu WHERE usage < 3 ORDER BY time";
    let ran = store().run(&["query", "--format", format, sql]);
    assert_eq!((ran.stdout.as_str(), ran.code), (want, 0), "{ran:?}");
}

#[test]
fn answers_in_text_formats() {
    check(
        "csv",
        "time,host,usage,n\n2024-01-01T00:00:00Z,a,1.5,9007199254740993\n2024-01-01T00:00:01Z,b,2.5,\n",
    );
    check(
        "ndjson",
        "{\"time\":\"2024-01-01T00:00:00Z\",\"host\":\"a\",\"usage\":1.5,\"n\":9007199254740993}\n\
         {\"time\":\"2024-01-01T00:00:01Z\",\"host\":\"b\",\"usage\":2.5,\"n\":null}\n",
    );
}

#[test]
fn answers_as_a_table() {
    let ran =
        store().run(&["query", "SELECT host, count(*) AS n FROM cpu GROUP BY host ORDER BY host"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().map(str::trim).collect();
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["a", "1"]);
    assert!(lines.last().unwrap().starts_with("2 rows in "), "{lines:?}");
}

#[test]
fn a_file_appears_when_it_is_complete() {
    let place = store();
    for format in ["parquet", "arrow", "csv"] {
        let output = format!("out.{format}");
        let ran =
            place.run(&["query", "--format", format, "--output", &output, "SELECT * FROM cpu"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
        assert!(place.path(&output).metadata().unwrap().len() > 50);
    }
    let ran = place.run(&["query", "--output", "none.csv", "SELECT nope FROM cpu"]);
    assert_eq!(ran.code, 1);
    assert!(!place.path("none.csv").exists());
}

#[test]
fn an_export_of_every_format_is_imported_again() {
    let place = store();
    for format in ["csv", "ndjson", "parquet"] {
        let output = format!("cpu.{format}");
        let ran = place.run(&["export", "cpu", "--format", format, "--output", &output]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let store = format!("store-{format}");
        let ran = place.run(&["import", "--store", &store, "--tags", "host", &output]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let export =
            |store: &str| place.run(&["export", "cpu", "--format", "lp", "--store", store]).stdout;
        assert_eq!(export(&store), export("tidemill-data"), "{format}");
    }
}

#[test]
fn mistakes_are_explained() {
    let place = store();
    for (sql, says) in [
        ("SELECT usge FROM cpu", "usage"),
        ("SELECT * FROM cpus", "cpu"),
        ("SELEC 1", "line 1"),
        ("DROP TABLE cpu", "SELECT"),
        ("COPY cpu TO 'x.csv'", "SELECT"),
    ] {
        let ran = place.run(&["query", sql]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.starts_with("tidemill: ") && ran.stderr.contains(says), "{ran:?}");
    }
    let ran = place.run(&["export", "SELECT * FROM cpu", "--format", "lp"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn the_shell_answers_what_a_pipe_asks() {
    let place = store();
    let input = b"\\d\n\\d cpu\nSELECT count(*)\n AS total FROM cpu; SELECT ';' AS x;\n";
    let ran = place.run_with_input(&["shell"], input);
    assert_eq!(ran.code, 0, "{ran:?}");
    for wanted in ["host", "total", "3", ";", "1 row"] {
        assert!(ran.stdout.contains(wanted), "{wanted}: {ran:?}");
    }
    assert_eq!(place.run_with_input(&["shell"], b"SELECT nope FROM cpu;\n").code, 1);
    assert_eq!(place.run_with_input(&["shell"], b"\\q\nSELECT nope;\n").code, 0);
}

#[test]
fn an_output_says_its_format_by_its_name() {
    let place = store();
    let sql = "SELECT host FROM cpu ORDER BY time LIMIT 1";
    for (name, want) in [("o.csv", "host\na\n"), ("o.ndjson", "{\"host\":\"a\"}\n")] {
        assert_eq!(place.run(&["query", sql, "--output", name]).code, 0);
        assert_eq!(place.read(name), want);
    }
}

#[test]
fn a_plan_has_its_lines() {
    let ran = store().run(&["query", "EXPLAIN SELECT host, max(usage) FROM cpu GROUP BY host"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.lines().count() > 2 && !ran.stdout.contains("\\n"), "{ran:?}");
}

/// So many rows that several threads share them out, each at a time of its own.
const MANY_ROWS: u64 = 210_000;

fn large_store() -> Place {
    let start = 1_704_067_200_000_000_000u64;
    let line =
        |row: u64| format!("many,host={} v={row}i {}\n", row % 4, start + row * 1_000_000_000);
    let text: String = (0..MANY_ROWS).map(line).collect();
    let place = Place::with(&[("a.lp", text.as_bytes())]);
    assert_eq!(place.run(&["import", "a.lp"]).code, 0);
    place
}

/// A table of `--profile-memory`: name, calls, allocations and bytes of each row; the last two have no calls.
fn profile(table: &str) -> Vec<(String, u64, u64, f64)> {
    let (_, rows) = table.split_once("thread seconds").unwrap();
    let rows = rows.lines().skip(2).take_while(|line| !line.starts_with("at most"));
    let number = |text: &str| text.replace(',', "").parse().unwrap_or_else(|_| panic!("{table}"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split_whitespace().collect();
        let (cells, bytes) = cells.split_at(cells.len() - 2);
        let unit = match bytes[1] {
            "B" => 1.0,
            "kB" => 1e3,
            "MB" => 1e6,
            unit => panic!("{unit}: {table}"),
        };
        let bytes = bytes[0].parse::<f64>().unwrap() * unit;
        let calls = if cells.len() > 2 { number(cells[cells.len() - 3]) } else { 0 };
        (cells[0].to_owned(), calls, number(cells[cells.len() - 1]), bytes)
    };
    rows.map(row).collect()
}

#[test]
fn a_query_tells_what_its_stages_allocate() {
    let place = large_store();
    let check = |sql: &str, stages: &[&str], most: &str| {
        let plain = place.run(&["query", "--format", "csv", sql]);
        let ran = place.run(&["query", "--profile-memory", "--format", "csv", sql]);
        assert_eq!((ran.code, &ran.stdout), (0, &plain.stdout), "{}", ran.stderr);
        let rows = profile(&ran.stderr);
        let row = |name: &str| {
            rows.iter().find(|row| row.0 == name).unwrap_or_else(|| {
                panic!("no {name}: {}", ran.stderr);
            })
        };
        for stage in stages {
            assert!(row(stage).1 > 0, "{stage}: {}", ran.stderr);
        }
        let (parts, all) = rows.split_at(rows.len() - 1);
        assert_eq!((parts.last().unwrap().0.as_str(), all[0].0.as_str()), ("elsewhere", "all"));
        let sum: u64 = parts.iter().map(|row| row.2).sum();
        assert!(sum > 0 && sum <= all[0].2, "{sum}: {}", ran.stderr);
        // The work of all threads is that of the operator for which they do it.
        assert!(row(most).3 > 10.0 * row("elsewhere").3, "{}", ran.stderr);
        assert!(parts.iter().all(|row| row.3 <= all[0].3), "{}", ran.stderr);
        row(most).1
    };
    let sql = "SELECT date_bin(INTERVAL '1 second', time) AS t, max(v) AS m FROM many GROUP BY t ORDER BY m, t LIMIT 3";
    let stages = ["open", "engine", "parse", "plan", "fetch", "decode", "Sort", "Limit", "format"];
    let calls = check(sql, &stages, "NativeAggregate");
    assert!(calls > 4, "several threads: {calls}");
    let sql = "SELECT time, count(*) AS n FROM many GROUP BY time ORDER BY time LIMIT 3";
    let stages = ["open", "parse", "plan", "optimise", "fetch", "decode", "SeriesScan", "format"];
    check(sql, &stages, "AggregateExec");
}

#[test]
fn explain_analyze_shows_who_allocates() {
    let place = large_store();
    let check = |sql: &str, most: &str, least: u64| {
        let sql = format!("EXPLAIN ANALYZE {sql}");
        let ran = place.run(&["query", "--profile-memory", &sql]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let value = |line: &str, name: &str| -> Option<u64> {
            let (_, rest) = line.split_once(&format!("{name}="))?;
            rest.split([',', ']']).next()?.parse().ok()
        };
        let operators: Vec<_> = ran.stdout.lines().filter(|l| l.contains("cycles=")).collect();
        assert!(operators.len() > 1, "{ran:?}");
        let (mut allocations, mut of_most) = (0, 0);
        for line in operators {
            let known = ["cycles", "allocations", "allocated_bytes"].map(|name| value(line, name));
            let [Some(_), Some(count), Some(bytes)] = known else { panic!("{line}") };
            allocations += count;
            of_most += if line.trim_start().starts_with(most) { bytes } else { 0 };
        }
        assert!(of_most >= least, "{of_most}: {}", ran.stdout);
        let all = profile(&ran.stderr).last().unwrap().2;
        assert!(allocations > 0 && allocations <= all, "{allocations} of {all}: {}", ran.stdout);
        // The same without the profile: it is turned on for the statement.
        let alone = place.run(&["query", &sql]);
        assert!(alone.stdout.contains(" allocations=") && !alone.stdout.contains("unknown"));
    };
    // A hash table of 210,000 times and counts.
    check("SELECT time, count(*) AS n FROM many GROUP BY time", "AggregateExec", MANY_ROWS * 16);
    check(
        "SELECT date_bin(INTERVAL '1 second', time) AS t, max(v) AS m FROM many GROUP BY t ORDER BY m, t LIMIT 3",
        "NativeAggregate",
        MANY_ROWS * 16,
    );
}

#[test]
fn what_json_cannot_say_is_said_of_an_export() {
    let place = Place::with(&[("n.csv", b"time,v\n2024-01-01,NaN\n2024-01-02,1.5\n")]);
    assert_eq!(place.run(&["import", "n.csv"]).code, 0);
    let ran = place.run(&["export", "n", "--format", "ndjson"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 2), "{ran:?}");
    assert!(ran.stderr.contains("1 value NaN or infinite"), "{ran:?}");
    assert_eq!(place.run(&["query", "SELECT v FROM n", "--format", "ndjson"]).code, 0);
}

#[test]
fn comments_are_no_statements() {
    let ran = store().run_with_input(&["shell"], b"SELECT 1 AS one; -- done\n-- really\n");
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn an_average_of_texts_is_an_error_of_the_statement() {
    let ran = store().run(&["query", "SELECT avg(host) FROM cpu"]);
    assert_eq!(ran.code, 1);
    assert!(!ran.stderr.contains("bug"), "{ran:?}");
}

#[test]
fn rows_are_deleted_by_time_and_tags() {
    let place = store();
    let count = |place: &Place| place.rows("cpu").len();
    let condition = "host = 'b' AND time < '2024-01-01T00:00:02Z'";
    let ran = place.run(&["delete", "cpu", "--where", condition, "--dry-run"]);
    assert_eq!((ran.code, count(&place)), (0, 3), "{ran:?}");
    assert!(ran.stdout.contains("would delete 1 rows"), "{ran:?}");
    let ran = place.run(&["delete", "cpu", "--where", condition]);
    assert_eq!((ran.code, count(&place)), (0, 2), "{ran:?}");
    assert!(ran.stdout.contains("deleted 1 rows of cpu"), "{ran:?}");
    for (table, condition, reason) in [
        ("cpu", "usage > 2", "times and tags"),
        ("cpu", "hots = 'a'", "host"),
        ("cpuu", "true", "cpu"),
        ("cpu", "host = ", "an expression"),
    ] {
        let ran = place.run(&["delete", table, "--where", condition]);
        assert_eq!((ran.code, count(&place)), (1, 2), "{ran:?}");
        assert!(ran.stderr.contains(reason), "{ran:?}");
    }
    assert_eq!(place.run(&["delete", "cpu", "--where", "true"]).code, 0);
    assert_eq!(count(&place), 0);
}

/// All rows by statistics, by buckets, by conditions, newest ones, texts and floats: as they are answered
/// before and after.
#[test]
fn small_segments_answer_as_the_others_do() {
    let place = Place::new();
    let generate = ["generate", "tsbs-cpu", "--scale", "4", "--hours", "6", "--output", "cpu.lp"];
    assert_eq!(place.run(&generate).code, 0);
    assert_eq!(place.run(&["import", "cpu.lp"]).code, 0);
    let generate = ["generate", "tsbs-iot", "--table", "readings", "--scale", "3", "--hours", "2"];
    assert_eq!(place.run(&[&generate[..], &["--output", "iot.lp"]].concat()).code, 0);
    assert_eq!(place.run(&["import", "iot.lp"]).code, 0);
    let statements = [
        "SELECT count(*), sum(usage_user), min(usage_system), max(usage_idle) FROM cpu",
        "SELECT hostname, avg(usage_user), stddev(usage_nice) FROM cpu GROUP BY hostname ORDER BY hostname",
        "SELECT date_bin('7 minutes', time) AS t, max(usage_user), last(usage_irq, time) FROM cpu GROUP BY t ORDER BY t",
        "SELECT time, hostname, usage_user FROM cpu WHERE usage_user > 80 ORDER BY time, hostname",
        "SELECT * FROM cpu WHERE time < '2016-01-01T00:40:00Z' ORDER BY time, hostname",
        "SELECT usage_guest, count(*) AS n FROM cpu GROUP BY usage_guest ORDER BY usage_guest",
        "SELECT * FROM readings ORDER BY time, name LIMIT 2000",
        "SELECT name, sum(fuel_consumption), min(latitude) FROM readings GROUP BY name ORDER BY name",
    ];
    let answers = || -> Vec<String> {
        let answer = |sql: &&str| {
            let ran = place.run(&["query", "--format", "csv", sql]);
            assert!(ran.code == 0 && ran.stdout.lines().count() > 1, "{sql}: {ran:?}");
            ran.stdout
        };
        statements.iter().map(answer).collect()
    };
    let want = answers();
    let ran = place.run(&["compact", "--small"]);
    assert!(ran.code == 0 && ran.stdout.contains("0 rows dropped"), "{ran:?}");
    assert!(place.run(&["check"]).stdout.contains("all sound"));
    for (sql, (got, want)) in statements.iter().zip(answers().into_iter().zip(want)) {
        assert_eq!(got, want, "{sql}");
    }
}
