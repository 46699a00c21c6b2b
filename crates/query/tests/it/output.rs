//! Answers written in every format, and Parquet read back.

use std::fs::File;
use std::io::{Seek, Write};

use arrow::array::RecordBatch;
use arrow::ipc::reader::FileReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidemill_model::Batch;
use tidemill_query::output::{Format, write_stream};
use tidemill_query::parquet_import::{ColumnRole, ImportOptions, ParquetImport};
use tidemill_query::{Engine, ErrorKind};

use crate::common::{Fixture, lines};

const EVENTS: &str = "SELECT * FROM event WHERE kind = 'x' ORDER BY time";

fn written(engine: &Engine, sql: &str, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = engine.sql_stream(sql).unwrap();
    write_stream(&mut stream, format, &mut bytes).unwrap();
    bytes
}

fn text(sql: &str, format: Format) -> String {
    let fixture = crate::common::sample();
    String::from_utf8(written(&fixture.engine(true), sql, format)).unwrap()
}

#[test]
fn csv_has_plain_text_and_full_precision() {
    let wanted = r#"time,kind,level,ok,note,drift,total
2021-01-01T00:00:00Z,x,18446744073709551615,true,first,,
2021-01-01T00:01:00Z,x,7,,"it's, ""quoted""",,
2021-01-01T00:02:00Z,x,,false,,NaN,
2021-01-01T00:03:00Z,x,,,,-0.5,9223372036854775807
"#;
    assert_eq!(text(EVENTS, Format::Csv), wanted);
}

#[test]
fn ndjson_has_integers_in_full_and_null_for_nan() {
    let wanted = r#"{"time":"2021-01-01T00:00:00Z","kind":"x","level":18446744073709551615,"ok":true,"note":"first","drift":null,"total":null}
{"time":"2021-01-01T00:01:00Z","kind":"x","level":7,"ok":null,"note":"it's, \"quoted\"","drift":null,"total":null}
{"time":"2021-01-01T00:02:00Z","kind":"x","level":null,"ok":false,"note":null,"drift":null,"total":null}
{"time":"2021-01-01T00:03:00Z","kind":"x","level":null,"ok":null,"note":null,"drift":-0.5,"total":9223372036854775807}
"#;
    assert_eq!(text(EVENTS, Format::Ndjson), wanted);
}

#[test]
fn json_is_one_array_also_of_nothing() {
    assert_eq!(text("SELECT 1 AS a UNION ALL SELECT 1", Format::Json), "[{\"a\":1},{\"a\":1}]\n");
    assert_eq!(text("SELECT host FROM cpu WHERE 1 = 0", Format::Json), "[]\n");
    assert_eq!(text("SELECT host FROM cpu WHERE 1 = 0", Format::Csv), "host\n");
}

#[test]
fn times_keep_their_nanoseconds() {
    let sql = "SELECT max(time) AS t FROM event";
    assert_eq!(text(sql, Format::Csv), "t\n2021-01-01T00:03:00.000000001Z\n");
}

#[test]
fn nested_values_are_text_in_csv() {
    let sql = "SELECT [1, 2] AS list, 'x' AS s";
    assert_eq!(text(sql, Format::Csv), "list,s\n\"[1, 2]\",x\n");
}

#[test]
fn arrow_and_parquet_files_hold_the_same_rows() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let wanted = rows(engine.sql(EVENTS).unwrap().batches());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&written(&engine, EVENTS, Format::Arrow)).unwrap();
    file.rewind().unwrap();
    let batches: Vec<_> =
        FileReader::try_new(file, None).unwrap().map(|batch| batch.unwrap()).collect();
    assert_eq!(rows(&batches), wanted);
    let batches: Vec<_> = ParquetRecordBatchReaderBuilder::try_new(parquet_file(&engine, EVENTS))
        .unwrap()
        .build()
        .unwrap()
        .map(|batch| batch.unwrap())
        .collect();
    assert_eq!(rows(&batches), wanted);
}

fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let mut lines = Vec::new();
    batches.iter().for_each(|batch| crate::common::rows(batch, &mut lines));
    lines
}

fn parquet_file(engine: &Engine, sql: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&written(engine, sql, Format::Parquet)).unwrap();
    file.rewind().unwrap();
    file
}

fn options(time: Option<&str>, tags: Option<&[&str]>) -> ImportOptions {
    ImportOptions {
        table: "back".into(),
        time: time.map(str::to_owned),
        tags: tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect()),
        zone: None,
    }
}

/// Imports the file into a new store; the plan's line and the refused rows.
fn imported(file: File, options: &ImportOptions) -> (Fixture, String, Vec<String>) {
    let fixture = Fixture::empty();
    let mut import = ParquetImport::open(file, options).unwrap();
    let (mut refused, mut rows) = (Vec::new(), 0);
    loop {
        let mut batch = Batch::new();
        if !import.read(&mut batch, &mut refused).unwrap() {
            break;
        }
        rows += batch.rows();
        fixture.write(batch);
    }
    assert_eq!(rows + refused.len(), import.rows() as usize);
    let refused = refused.iter().map(|row| format!("{}: {}", row.row, row.reason)).collect();
    (fixture, import.plan().to_string(), refused)
}

#[test]
fn what_is_exported_can_be_imported() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    for table in ["cpu", "event"] {
        let sql = format!("SELECT * FROM {table} ORDER BY time, kind");
        let sql = if table == "cpu" { sql.replace("kind", "host") } else { sql };
        let (back, ..) = imported(parquet_file(&engine, &sql), &options(None, None));
        let again = back.engine(true).sql(&sql.replace(table, "back")).unwrap();
        let wanted = engine.sql(&sql).unwrap();
        let names = |line: &str| line.split(" | ").map(str::to_owned).collect::<Vec<_>>();
        let (wanted, again) = (lines(&wanted), lines(&again));
        assert_eq!(names(&wanted[0]).len(), names(&again[0]).len(), "{table}");
        // Columns may come in another order: compare by name.
        let place = |name: &String| names(&again[0]).iter().position(|n| n == name).unwrap();
        let places: Vec<usize> = names(&wanted[0]).iter().map(place).collect();
        for (wanted, again) in wanted.iter().zip(&again) {
            let again = names(again);
            let again: Vec<String> = places.iter().map(|place| again[*place].clone()).collect();
            assert_eq!(again, names(wanted), "{table}");
        }
    }
}

#[test]
fn types_are_mapped_and_the_rest_is_named() {
    let fixture = crate::common::sample();
    let sql = "SELECT TIMESTAMP '2021-01-01T00:00:00' AS ts, 1.5::DECIMAL(10, 2) AS price, \
         7::SMALLINT AS small, 8::BIGINT UNSIGNED AS big, true AS ok, [1, 2] AS list, \
         'eu' AS region, DATE '2020-02-03' AS day, NULL::DOUBLE AS gap";
    let file = parquet_file(&fixture.engine(true), sql);
    let (back, plan, refused) = imported(file, &options(None, None));
    assert_eq!(refused, Vec::<String>::new());
    assert!(
        plan.starts_with("time ts · tags region · fields 6 · left out: list (its type is"),
        "{plan}"
    );
    let sql = "SELECT time, region, price, small, big, ok, day FROM back";
    let wanted = "2021-01-01T00:00:00Z | eu | 1.5 | 7 | 8 | true | 1580688000000000000";
    assert_eq!(lines(&back.engine(true).sql(sql).unwrap())[1], wanted);
}

#[test]
fn numbers_are_times_in_the_unit_that_makes_sense() {
    let fixture = crate::common::sample();
    for unit in ["1609459200", "1609459200000", "1609459200000000", "1609459200000000000"] {
        let sql = format!("SELECT {unit} AS at, 1 AS value");
        let file = parquet_file(&fixture.engine(true), &sql);
        let (back, ..) = imported(file, &options(Some("at"), None));
        let result = back.engine(true).sql("SELECT * FROM back").unwrap();
        assert_eq!(lines(&result)[1], "2021-01-01T00:00:00Z | 1", "{unit}");
    }
}

#[test]
fn times_without_a_zone_are_of_the_one_that_is_said() {
    let fixture = crate::common::sample();
    let cases = [
        ("TIMESTAMP '2021-07-01T12:00:00'", "2021-07-01T10:00:00Z"),
        (
            "arrow_cast('2021-07-01T12:00:00Z', 'Timestamp(Second, Some(\"UTC\"))')",
            "2021-07-01T12:00:00Z",
        ),
        ("DATE '2021-01-01'", "2020-12-31T23:00:00Z"),
        ("'2021-07-01 12:00:00'", "2021-07-01T10:00:00Z"),
        ("'2021-07-01T12:00:00Z'", "2021-07-01T12:00:00Z"),
        ("1609459200", "2021-01-01T00:00:00Z"),
    ];
    for (time, wanted) in cases {
        let sql = format!("SELECT {time} AS time, 1 AS value");
        let file = parquet_file(&fixture.engine(true), &sql);
        let zone = Some("Europe/Berlin".to_owned());
        let (back, ..) = imported(file, &ImportOptions { zone, ..options(None, None) });
        let result = back.engine(true).sql("SELECT * FROM back").unwrap();
        assert_eq!(lines(&result)[1], format!("{wanted} | 1"), "{time}");
    }
}

#[test]
fn rows_without_a_time_are_refused() {
    let fixture = crate::common::sample();
    let sql = "SELECT * FROM (VALUES ('2021-01-01', 1), (NULL, 2), ('not a time', 3)) v(time, x)";
    let file = parquet_file(&fixture.engine(true), sql);
    let (back, _, refused) = imported(file, &options(None, None));
    assert_eq!(back.engine(true).sql("SELECT * FROM back").unwrap().rows(), 1);
    assert_eq!(refused[0], "2: it has no time");
    assert!(refused[1].starts_with("3: its time is none"), "{refused:?}");
}

#[test]
fn what_cannot_be_planned_is_an_error_that_says_why() {
    let fixture = crate::common::sample();
    let engine = fixture.engine(true);
    let cases = [
        ("SELECT 1 AS a, 'x' AS b", options(None, None), "no column is a time"),
        ("SELECT 1 AS time", options(Some("tme"), None), "did you mean `time`?"),
        ("SELECT now() AS a, now() AS b", options(None, None), "several columns are times"),
        ("SELECT now() AS a, 'x' AS b", options(None, Some(&["a"])), "cannot be a tag"),
        ("SELECT true AS a", options(Some("a"), None), "holds no times"),
    ];
    for (sql, options, wanted) in cases {
        let error = ParquetImport::open(parquet_file(&engine, sql), &options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains(wanted), "{sql}: {error}");
    }
    let mut junk = tempfile::tempfile().unwrap();
    junk.write_all(b"PAR1 but nothing else").unwrap();
    assert!(ParquetImport::open(junk, &options(None, None)).is_err());
}

#[test]
fn chosen_tags_make_the_series() {
    let fixture = crate::common::sample();
    let sql = "SELECT time, host, usage FROM cpu WHERE requests < 2";
    let file = parquet_file(&fixture.engine(true), sql);
    let mut import = ParquetImport::open(file, &options(None, Some(&["host"]))).unwrap();
    let roles: Vec<_> = import.plan().columns.iter().map(|column| column.role.clone()).collect();
    assert_eq!(roles[..2], [ColumnRole::Time, ColumnRole::Tag]);
    let mut batch = Batch::new();
    assert!(import.read(&mut batch, &mut Vec::new()).unwrap());
    assert_eq!(batch.tables()[0].series_keys().len(), 3);
}
