//! The store as its users see it, on a real directory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tidemill_model::{Batch, Duplicates, FieldType, SeriesKey, TableBatch, TimeRange, Value};
use tidemill_store::{AnyAggregate, BulkMap, ErrorKind, Options, Store, TableView};

type Row<'a> = (&'a str, i64, Vec<(&'a str, Value<'a>)>);

fn fill(batch: &mut Batch, table: &str, rows: &[Row<'_>]) {
    let table = batch.table(table);
    let table = &mut batch.tables_mut()[table];
    let mut key = Vec::new();
    for (position, (host, time, fields)) in rows.iter().enumerate() {
        let mut tags: Vec<(&str, &str)> =
            if host.is_empty() { vec![] } else { vec![("host", host)] };
        SeriesKey::encode(&mut tags, &mut key).unwrap();
        let series = table.series(&key);
        for (name, value) in fields {
            let column = table.column(name, value.ty());
            table.set(column, *value);
        }
        table.end_row(series, Some(*time), position as u32);
    }
    table.finish();
}

fn ints(rows: &[(&'static str, i64, i64)]) -> Vec<Row<'static>> {
    rows.iter().map(|(host, time, v)| (*host, *time, vec![("v", Value::Int(*v))])).collect()
}

/// All rows of a table as text: `host time field=value …`.
fn dump(table: &TableView) -> Vec<String> {
    let (mut reader, mut pieces, mut lines) = (table.reader(), Vec::new(), Vec::new());
    for series in 0..table.series_count() {
        let host = {
            let index = table.series_index();
            index
                .series_tags(series)
                .map(|(_, value)| value.to_owned())
                .collect::<Vec<_>>()
                .join(",")
        };
        reader.pieces(series, TimeRange::ALL, &mut pieces).unwrap();
        for piece in &pieces {
            let rows = reader.rows(piece).unwrap();
            let mut times = Vec::new();
            reader.times(piece, 0..rows, &mut times).unwrap();
            for (row, time) in times.iter().enumerate() {
                let mut line = format!("{host} {time}");
                for (field, schema) in table.schema().fields.iter().enumerate() {
                    if let Some(value) = reader.column(piece, field, row..row + 1).unwrap().get(0) {
                        line.push_str(&format!(" {}={value:?}", schema.name));
                    }
                }
                lines.push(line);
            }
        }
    }
    lines
}

fn open(dir: &std::path::Path) -> Store {
    Store::open(dir, Options::default()).unwrap()
}

#[test]
fn rows_survive_reopening_flushing_and_compacting() {
    let dir = tempfile::tempdir().unwrap();
    let want = ["a 1 v=Int(1)", "a 2 v=Int(2)", "a 3 v=Int(3)", "b 1 v=Int(9)"];
    let check = |store: &Store| assert_eq!(dump(store.snapshot().table("t").unwrap()), want);
    {
        let store = open(dir.path());
        let mut batch = Batch::new();
        fill(&mut batch, "t", &ints(&[("a", 2, 2), ("b", 1, 9), ("a", 1, 1)]));
        assert_eq!(store.write(&mut batch).unwrap().rows, 3);
        fill(&mut batch, "t", &ints(&[("a", 3, 3)]));
        store.write(&mut batch).unwrap();
        check(&store);
    }
    let store = open(dir.path());
    assert_eq!(store.recovery().replayed_rows, 4);
    check(&store);
    store.flush().unwrap();
    check(&store);
    store.close().unwrap();
    let store = open(dir.path());
    assert_eq!(store.recovery().replayed_rows, 0);
    check(&store);
    let mut batch = Batch::new();
    fill(&mut batch, "t", &ints(&[("a", 3, 3)]));
    store.write(&mut batch).unwrap();
    assert_eq!(store.compact().unwrap().dropped_rows, 1);
    check(&store);
    let report = store.check().unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!((report.rows, report.segments), (4, 1));
}

#[test]
fn the_later_write_wins_per_field_or_the_first_row_stays() {
    for (policy, want) in
        [(Duplicates::Last, "a 1 v=Int(2) w=Int(7)"), (Duplicates::Keep, "a 1 v=Int(1) w=Int(7)")]
    {
        for flush in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let options = Options { duplicates: policy, ..Options::default() };
            let store = Store::open(dir.path(), options).unwrap();
            let mut batch = Batch::new();
            let both = vec![("v", Value::Int(1)), ("w", Value::Int(7))];
            fill(&mut batch, "t", &[("a", 1, both)]);
            store.write(&mut batch).unwrap();
            if flush {
                store.flush().unwrap();
            }
            fill(&mut batch, "t", &ints(&[("a", 1, 2)]));
            store.write(&mut batch).unwrap();
            assert_eq!(dump(store.snapshot().table("t").unwrap()), [want], "{policy} {flush}");
            store.compact().unwrap();
            assert_eq!(dump(store.snapshot().table("t").unwrap()), [want], "{policy} compacted");
        }
    }
}

#[test]
fn a_table_may_refuse_duplicates() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { duplicates: Duplicates::Error, ..Options::default() };
    let store = Store::open(dir.path(), options).unwrap();
    let mut batch = Batch::new();
    fill(&mut batch, "t", &ints(&[("a", 1, 1), ("a", 1, 2), ("b", 1, 3)]));
    let written = store.write(&mut batch).unwrap();
    assert_eq!((written.rows, written.rejections.len(), written.rejections[0].position), (2, 1, 1));
    store.flush().unwrap();
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let (mut rejections, mut map) = (Vec::new(), BulkMap::default());
    fill(&mut batch, "t", &ints(&[("a", 1, 9), ("a", 2, 4)]));
    bulk.append(&mut batch, &mut map, &mut rejections).unwrap();
    fill(&mut batch, "t", &ints(&[("a", 2, 9)]));
    bulk.append(&mut batch, &mut map, &mut rejections).unwrap();
    assert_eq!((rejections.len(), bulk.commit().unwrap().rows), (2, 1));
    drop(bulk);
    let want = ["a 1 v=Int(1)", "a 2 v=Int(4)", "b 1 v=Int(3)"];
    assert_eq!(dump(store.snapshot().table("t").unwrap()), want);
}

#[test]
fn who_comes_first_has_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    fill(
        &mut batch,
        "t",
        &[
            ("", 1, vec![("v", Value::Float(0.5))]),
            ("", 2, vec![("v", Value::Int(1)), ("w", Value::Int(1))]),
            ("a", 3, vec![("host", Value::Int(1))]),
            ("", 4, vec![("time", Value::Int(1))]),
            ("a", 5, vec![("w", Value::Int(2))]),
        ],
    );
    let written = store.write(&mut batch).unwrap();
    let reasons: Vec<_> =
        written.rejections.iter().map(|r| (r.position, r.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (1, "field `v` is int here and float in table `t`"),
            (2, "field `host` is a tag in table `t`"),
            (3, "a field named `time`, which is the time column"),
        ]
    );
    assert_eq!(dump(store.snapshot().table("t").unwrap()), [" 1 v=Float(0.5)", "a 5 w=Int(2)"]);
}

/// Rows may name series by the ids that the store gave, and no others.
#[test]
fn a_bulk_load_takes_rows_of_stored_series() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (mut batch, mut other) = (Batch::new(), Batch::new());
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let (mut map, mut others, mut rejections) =
        (BulkMap::default(), BulkMap::default(), Vec::new());
    fill(&mut batch, "t", &ints(&[("a", 1, 1), ("b", 1, 2)]));
    batch.tables_mut()[0].series(b"not of any row");
    let id = batch.id();
    assert_eq!(map.series_id(id, 0, 1), None, "not appended yet");
    bulk.append(&mut batch, &mut map, &mut rejections).unwrap();
    assert_eq!(
        [0, 1, 2, 3].map(|number| map.series_id(id, 0, number)),
        [Some(0), Some(1), None, None]
    );
    assert_eq!((map.series_id(id, 1, 0), map.series_id(other.id(), 0, 0)), (None, None));
    let stored = |batch: &mut Batch, series: u32, time: i64| {
        let place = batch.table("t");
        let rows = &mut batch.tables_mut()[place];
        let column = rows.column("v", FieldType::Int);
        rows.set_int(column, time);
        rows.end_row(series | TableBatch::STORED, Some(time), 0);
    };
    other.table("before");
    stored(&mut other, 1, 5);
    fill(&mut other, "t", &ints(&[("c", 5, 3)]));
    stored(&mut other, 0, 6);
    bulk.append(&mut other, &mut others, &mut rejections).unwrap();
    bulk.commit().unwrap();
    assert!(rejections.is_empty());
    let rows = ["a 1 v=Int(1)", "a 6 v=Int(6)", "b 1 v=Int(2)", "b 5 v=Int(5)", "c 5 v=Int(3)"];
    assert_eq!(dump(store.snapshot().table("t").unwrap()), rows);
    stored(&mut other, 3, 7);
    let error = bulk.append(&mut other, &mut others, &mut rejections).unwrap_err();
    assert!(error.to_string().contains("series 3 of table `t`, which has 3"), "{error}");
    drop(bulk);
    other.clear_rows();
    stored(&mut other, 3, 7);
    assert!(store.write(&mut other).is_err());
    assert_eq!(dump(store.snapshot().table("t").unwrap()), rows);
}

#[test]
fn a_bulk_load_is_all_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    fill(&mut batch, "old", &ints(&[("a", 1, 1)]));
    store.write(&mut batch).unwrap();
    {
        let mut bulk = store.bulk(Duplicates::Last).unwrap();
        fill(&mut batch, "new", &ints(&[("a", 1, 1)]));
        fill(&mut batch, "old", &[("b", 1, vec![("x", Value::Bool(true))])]);
        bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new()).unwrap();
    }
    let snapshot = store.snapshot();
    assert!(snapshot.table("new").is_none());
    let old = snapshot.table("old").unwrap();
    assert_eq!((old.series_count(), old.schema().fields.len()), (1, 1));
    drop(snapshot);
    let mut batch = Batch::new();
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let (mut map, mut rejections) = (BulkMap::default(), Vec::new());
    for rows in [&[("a", 5, 1), ("a", 4, 2), ("a", 1, 7)][..], &[("a", 4, 3)]] {
        fill(&mut batch, "old", &ints(rows));
        bulk.append(&mut batch, &mut map, &mut rejections).unwrap();
    }
    let loaded = bulk.commit().unwrap();
    assert_eq!((loaded.rows, loaded.late, loaded.duplicates), (4, 3, 2));
    drop(bulk);
    let want = ["a 1 v=Int(7)", "a 4 v=Int(3)", "a 5 v=Int(1)"];
    assert_eq!(dump(store.snapshot().table("old").unwrap()), want);
    drop(store);
    assert_eq!(dump(open(dir.path()).snapshot().table("old").unwrap()), want);
}

#[test]
fn one_writes_and_others_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(Store::open(dir.path(), Options::default()).unwrap_err().kind(), ErrorKind::Locked);
    let mut batch = Batch::new();
    fill(&mut batch, "t", &ints(&[("a", 1, 1)]));
    store.write(&mut batch).unwrap();
    let read = Options { read_only: true, ..Options::default() };
    let reader = Store::open(dir.path(), read.clone()).unwrap();
    assert_eq!(dump(reader.snapshot().table("t").unwrap()), ["a 1 v=Int(1)"]);
    fill(&mut batch, "t", &ints(&[("a", 2, 1)]));
    assert_eq!(reader.write(&mut batch).unwrap_err().kind(), ErrorKind::ReadOnly);
    let nowhere = Store::open(dir.path().join("nowhere"), read).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
}

#[test]
fn types_and_missing_values_survive_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    let rows: Vec<Row<'_>> = (0..3000)
        .map(|i| {
            let mut fields = vec![("i", Value::Int(i * i - 7))];
            if i % 3 == 0 {
                fields.push(("f", Value::Float(i as f64 / 7.0)));
            }
            if i % 5 == 0 {
                fields.push(("u", Value::UInt(u64::MAX - i as u64)));
            }
            if i % 2 == 0 {
                fields.push(("b", Value::Bool(i % 4 == 0)));
            }
            if i % 7 == 0 {
                fields.push(("s", Value::Text(if i % 14 == 0 { "x\ny" } else { "ü" })));
            }
            (["a", "b", "c"][i as usize % 3], 1_000_000_007 * i, fields)
        })
        .collect();
    fill(&mut batch, "t", &rows);
    store.write(&mut batch).unwrap();
    let before = dump(store.snapshot().table("t").unwrap());
    assert_eq!(before.len(), 3000);
    store.flush().unwrap();
    assert_eq!(dump(store.snapshot().table("t").unwrap()), before);
}

#[test]
fn statistics_are_of_whole_blocks_wherever_their_rows_end() {
    // Few rows beyond those of a vector, of a block, or in all.
    for rows in [60i64, 1024, 1025, 2100, 8192, 8200] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let value = |time: i64| time * 3 % 1000;
        let fields = |time: i64| {
            let sparse = (time % 4 > 0).then(|| ("f", Value::Float(value(time) as f64)));
            Vec::from_iter([("i", Value::Int(value(time)))].into_iter().chain(sparse))
        };
        let all: Vec<Row<'_>> = (0..rows).map(|time| ("a", time, fields(time))).collect();
        let mut batch = Batch::new();
        fill(&mut batch, "t", &all);
        store.write(&mut batch).unwrap();
        store.flush().unwrap();
        let snapshot = store.snapshot();
        let view = snapshot.table("t").unwrap();
        let (mut reader, mut pieces) = (view.reader(), Vec::new());
        reader.pieces(0, TimeRange::ALL, &mut pieces).unwrap();
        let mut found = 0;
        for piece in &pieces {
            let times = piece.range().start..=piece.range().end;
            let count = reader.rows(piece).unwrap();
            let ints = reader.whole_aggregate(piece, 0).unwrap().unwrap();
            let AnyAggregate::Int(i) = &ints.aggregate else { panic!("{ints:?}") };
            let sum: i64 = times.clone().map(value).sum();
            assert_eq!((ints.rows.clone(), ints.valid), (0..count, count as u64));
            assert_eq!((i.sum, i.last), (i128::from(sum), value(*times.end())));
            let floats = reader.whole_aggregate(piece, 1).unwrap().unwrap();
            let AnyAggregate::Float(f) = &floats.aggregate else { panic!("{floats:?}") };
            let present: Vec<i64> = times.filter(|time| time % 4 > 0).map(value).collect();
            assert_eq!(floats.valid, present.len() as u64, "{rows} rows");
            assert_eq!(f.sum, present.iter().sum::<i64>() as f64);
            found += count;
        }
        assert_eq!(found, rows as usize);
    }
}

fn names(dir: &std::path::Path, ending: &str) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn rows_that_are_refused_define_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    fill(&mut batch, "t", &[("", 1, vec![("v", Value::Float(0.5))])]);
    store.write(&mut batch).unwrap();
    // `w` in a refused row, alone and beside a row that is taken.
    let wrong = vec![("v", Value::Text("x")), ("w", Value::Text("y"))];
    let right = vec![("v", Value::Float(1.0)), ("u", Value::Int(1))];
    for rows in [vec![("b", 2, wrong.clone())], vec![("b", 2, wrong), ("", 3, right)]] {
        let count = rows.len();
        fill(&mut batch, "t", &rows);
        let written = store.write(&mut batch).unwrap();
        assert_eq!((written.rows, written.rejections.len()), (count as u64 - 1, 1));
    }
    fill(&mut batch, "t", &[("", 4, vec![("w", Value::Int(7))])]);
    assert_eq!(store.write(&mut batch).unwrap().rows, 1);
    let view = store.snapshot().table("t").unwrap().clone();
    assert_eq!((view.series_count(), view.schema().tags.len()), (1, 0));
    let want = [" 1 v=Float(0.5)", " 3 v=Float(1.0) u=Int(1)", " 4 w=Int(7)"];
    assert_eq!(dump(&view), want);
}

#[test]
fn a_bulk_load_of_refused_rows_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    fill(&mut batch, "t", &[("", 1, vec![("v", Value::Float(0.5))])]);
    store.write(&mut batch).unwrap();
    let mut rejections = Vec::new();
    {
        let mut bulk = store.bulk(Duplicates::Last).unwrap();
        fill(&mut batch, "new", &[("a", 1, vec![("time", Value::Int(1))])]);
        bulk.append(&mut batch, &mut BulkMap::default(), &mut rejections).unwrap();
    }
    assert_eq!(rejections.len(), 1);
    fill(&mut batch, "t", &[("", 2, vec![("v", Value::Float(0.5))])]);
    store.write(&mut batch).unwrap();
    assert!(store.snapshot().table("new").is_none());
}

#[test]
fn logs_that_are_not_needed_go_and_other_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = ["module.def", "notes.seg", "table-1.def"];
    for round in 0..5 {
        let store = open(dir.path());
        let mut batch = Batch::new();
        fill(&mut batch, "t", &ints(&[("a", round, 1)]));
        let mut bulk = store.bulk(Duplicates::Last).unwrap();
        bulk.append(&mut batch, &mut BulkMap::default(), &mut Vec::new()).unwrap();
        bulk.commit().unwrap();
        assert_eq!(names(dir.path(), ".wal").len(), 1, "round {round}");
        foreign.iter().for_each(|name| std::fs::write(dir.path().join(name), "mine").unwrap());
    }
    let store = open(dir.path());
    assert_eq!(dump(store.snapshot().table("t").unwrap()).len(), 5);
    for name in foreign {
        assert_eq!(std::fs::read_to_string(dir.path().join(name)).unwrap(), "mine");
    }
}

#[test]
fn the_log_is_as_short_whatever_the_order_of_hosts() {
    let hosts = ["a", "b", "c", "d"];
    let log_bytes = |is_by_host: bool| {
        let value = |host: i64, time: i64| Value::Int((host + 1) * 1_000_000_007 + time);
        let row = |host: usize, time: i64| {
            let fields = Vec::from_iter((time % 3 == 0).then(|| ("v", value(host as i64, time))));
            (hosts[host], time, [vec![("all", Value::Int(1))], fields].concat())
        };
        let rows: Vec<Row<'_>> = if is_by_host {
            (0..4).flat_map(|host| (0..300).map(move |time| row(host, time))).collect()
        } else {
            (0..300).flat_map(|time| (0..4).map(move |host| row(host, time))).collect()
        };
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut batch = Batch::new();
        fill(&mut batch, "t", &rows);
        store.write(&mut batch).unwrap();
        let name = names(dir.path(), ".wal").pop().unwrap();
        std::fs::metadata(dir.path().join(name)).unwrap().len()
    };
    assert_eq!(log_bytes(false), log_bytes(true));
}

#[test]
fn the_lock_is_free_when_the_last_handle_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..50 {
        // Each write starts a flush beside it.
        let options = Options { max_memtable_bytes: Some(1), ..Options::default() };
        let store = Store::open(dir.path(), options).unwrap();
        let mut batch = Batch::new();
        fill(&mut batch, "t", &ints(&[("a", round, 1)]));
        store.write(&mut batch).unwrap();
    }
    assert_eq!(dump(open(dir.path()).snapshot().table("t").unwrap()).len(), 50);
}

#[test]
fn long_texts_make_short_blocks_and_survive_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let text = "x".repeat(30_000);
    for half in 0..2 {
        let rows: Vec<Row<'_>> = (0..400)
            .map(|row| ("a", 2 * row + half, vec![("s", Value::Text(&text[row as usize..]))]))
            .collect();
        let mut batch = Batch::new();
        fill(&mut batch, "t", &rows);
        store.write(&mut batch).unwrap();
        store.flush().unwrap();
    }
    assert_eq!(store.compact().unwrap().segments_after, 1);
    let snapshot = store.snapshot();
    let table = snapshot.table("t").unwrap();
    let (mut reader, mut pieces) = (table.reader(), Vec::new());
    reader.pieces(0, TimeRange::ALL, &mut pieces).unwrap();
    let rows: Vec<usize> = pieces.iter().map(|piece| reader.rows(piece).unwrap()).collect();
    assert_eq!((rows.iter().sum::<usize>(), rows.iter().max()), (800, Some(&283)));
    let lengths: Vec<usize> = pieces
        .iter()
        .flat_map(|piece| {
            let rows = reader.rows(piece).unwrap();
            let column = reader.column(piece, 0, 0..rows).unwrap();
            (0..rows)
                .map(|row| match column.get(row) {
                    Some(Value::Text(text)) => text.len(),
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let want: Vec<usize> = (0..800).map(|row| 30_000 - row / 2).collect();
    assert_eq!(lengths, want);
}

/// Flushes merge segments when there are eight small ones, or five that overlap.
#[test]
fn many_small_segments_become_one() {
    let counts = |time: fn(i64) -> i64| -> Vec<usize> {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut batch = Batch::new();
        let flush = |number| {
            fill(&mut batch, "t", &ints(&[("a", time(number), number)]));
            store.write(&mut batch).unwrap();
            store.flush().unwrap();
            store.snapshot().table("t").unwrap().segments()
        };
        (0..10).map(flush).collect()
    };
    assert_eq!(counts(|number| number), [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]);
    assert_eq!(counts(|_| 0), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
}

#[test]
fn a_field_that_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    // In memory, in a segment, and in both at the same time.
    for flushes in [false, true, false] {
        fill(&mut batch, "t", &ints(&[("a", 1, 1)]));
        store.write(&mut batch).unwrap();
        if flushes {
            store.flush().unwrap();
        }
        let snapshot = store.snapshot();
        let (mut reader, mut pieces) = (snapshot.table("t").unwrap().reader(), Vec::new());
        reader.pieces(0, TimeRange::ALL, &mut pieces).unwrap();
        let error = reader.column(&pieces[0], 9, 0..1).err().map(|error| error.to_string());
        assert_eq!(error.is_none(), flushes, "an old segment lacks fields: {error:?}");
        assert!(error.is_none_or(|error| error.contains("no field 9")));
    }
}
