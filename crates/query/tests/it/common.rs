//! Small stores to ask.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tempfile::TempDir;
use tidemill_memory::Budget;
use tidemill_model::{Batch, SeriesKey, Value};
use tidemill_query::{Engine, Options, QueryResult};
use tidemill_store::Store;

/// One row: tags, fields, time.
pub(crate) struct Row<'a> {
    pub(crate) tags: &'a [(&'a str, &'a str)],
    pub(crate) fields: &'a [(&'a str, Value<'a>)],
    pub(crate) time: i64,
}

/// Adds a row to a batch.
pub(crate) fn push(batch: &mut Batch, table: &str, row: &Row<'_>) {
    let table = batch.table(table);
    let table = &mut batch.tables_mut()[table];
    let mut key = Vec::new();
    SeriesKey::encode(&mut row.tags.to_vec(), &mut key).unwrap();
    let series = table.series(&key);
    for (name, value) in row.fields {
        let column = table.column(name, value.ty());
        table.set(column, *value);
    }
    table.end_row(series, Some(row.time), 0);
}

/// A store in a directory of its own, which goes when it is dropped.
pub(crate) struct Fixture {
    pub(crate) store: Arc<Store>,
    _directory: TempDir,
}

impl Fixture {
    pub(crate) fn empty() -> Self {
        let directory = TempDir::new().unwrap();
        let store = Store::open(directory.path(), tidemill_store::Options::default()).unwrap();
        Self { store: Arc::new(store), _directory: directory }
    }

    pub(crate) fn write(&self, mut batch: Batch) {
        batch.tables_mut().iter_mut().for_each(|table| table.finish());
        self.store.write(&mut batch).unwrap();
    }

    pub(crate) fn engine(&self, native: bool) -> Engine {
        self.engine_with(Options { native, ..Options::default() }, self.store.budget())
    }

    pub(crate) fn engine_with(&self, options: Options, budget: &Budget) -> Engine {
        let store = Arc::clone(&self.store);
        let source = move || Ok::<_, tidemill_store::Error>(store.snapshot());
        Engine::new(source, budget, options).unwrap()
    }
}

/// 2021-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_609_459_200_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;

/// Two tables: `cpu` of three hosts, one of them without a region, ten minutes at 10 s, partly
/// flushed to disk; `event` with every type of field and gaps.
pub(crate) fn sample() -> Fixture {
    let fixture = Fixture::empty();
    let hosts: [&[(&str, &str)]; 3] =
        [&[("host", "a"), ("region", "eu")], &[("host", "b"), ("region", "us")], &[("host", "c")]];
    for half in 0..2 {
        let mut batch = Batch::new();
        for step in half * 30..(half + 1) * 30 {
            for (number, tags) in hosts.iter().enumerate() {
                let usage = (step * (number as i64 + 1)) as f64 / 4.0;
                let fields = [("usage", Value::Float(usage)), ("requests", Value::Int(step))];
                let missing = step % 7 == 3 && number == 1;
                let fields = if missing { &fields[1..] } else { &fields[..] };
                let time = START + step * 10 * SECOND;
                push(&mut batch, "cpu", &Row { tags, fields, time });
            }
        }
        fixture.write(batch);
        if half == 0 {
            fixture.store.flush().unwrap();
        }
    }
    let mut batch = Batch::new();
    let rows: [(i64, &[(&str, Value<'_>)]); 4] = [
        (
            0,
            &[
                ("level", Value::UInt(u64::MAX)),
                ("ok", Value::Bool(true)),
                ("note", Value::Text("first")),
            ],
        ),
        (1, &[("level", Value::UInt(7)), ("note", Value::Text("it's, \"quoted\""))]),
        (2, &[("ok", Value::Bool(false)), ("drift", Value::Float(f64::NAN))]),
        (3, &[("total", Value::Int(i64::MAX)), ("drift", Value::Float(-0.5))]),
    ];
    for (minute, fields) in rows {
        let time = START + minute * MINUTE;
        push(&mut batch, "event", &Row { tags: &[("kind", "x")], fields, time });
        push(
            &mut batch,
            "event",
            &Row { tags: &[("kind", "y")], fields: &fields[..1], time: time + 1 },
        );
    }
    fixture.write(batch);
    fixture
}

/// An answer as text: the names, then one line a row.
pub(crate) fn lines(result: &QueryResult) -> Vec<String> {
    let names: Vec<_> = result.schema().fields().iter().map(|f| f.name().clone()).collect();
    let mut lines = vec![names.join(" | ")];
    result.batches().iter().for_each(|batch| rows(batch, &mut lines));
    lines
}

/// One line a row of a batch.
pub(crate) fn rows(batch: &RecordBatch, lines: &mut Vec<String>) {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    for row in 0..batch.num_rows() {
        let values: Vec<String> =
            columns.iter().map(|column| column.value(row).to_string()).collect();
        lines.push(values.join(" | "));
    }
}

/// Names and types of an answer's columns. Whether one may be missing is not compared: a planner
/// may know that it cannot.
pub(crate) fn types(result: &QueryResult) -> Vec<(String, arrow::datatypes::DataType)> {
    let fields = result.schema().fields().iter();
    fields.map(|field| (field.name().clone(), field.data_type().clone())).collect()
}
