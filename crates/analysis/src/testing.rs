//! Small stores for tests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;
use tidemill_model::{Batch, FieldType, SeriesKey, Value};
use tidemill_store::{Durability, Options, Snapshot, Store};

/// The fields of the rows below.
pub(crate) const FIELDS: [(&str, FieldType); 5] = [
    ("float", FieldType::Float),
    ("int", FieldType::Int),
    ("uint", FieldType::UInt),
    ("bool", FieldType::Bool),
    ("text", FieldType::Text),
];

/// Host and region: the tags; a series may lack either.
pub(crate) type Tags = (Option<&'static str>, Option<&'static str>);

/// One value of each field; of texts one of a few.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) float: Option<f64>,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) bool: Option<bool>,
    pub(crate) text: Option<&'static str>,
}

impl Row {
    pub(crate) fn get(&self, field: usize) -> Option<Value<'static>> {
        match field {
            0 => self.float.map(Value::Float),
            1 => self.int.map(Value::Int),
            2 => self.uint.map(Value::UInt),
            3 => self.bool.map(Value::Bool),
            _ => self.text.map(Value::Text),
        }
    }
}

/// Rows by series and time.
pub(crate) type Rows = BTreeMap<(Tags, i64), Row>;

/// The row every store begins with, so that all tags and fields exist in this order.
pub(crate) fn first_row() -> ((Tags, i64), Row) {
    let (bool, text) = (Some(true), Some("a"));
    let row = Row { float: Some(0.25), int: Some(1), uint: Some(1), bool, text };
    (((Some("x"), Some("x")), -1), row)
}

/// A store that lives as long as this.
pub(crate) struct TestStore {
    _dir: TempDir,
    pub(crate) store: Store,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::None, ..Options::default() };
        let store = Store::open(dir.path(), options).unwrap();
        let store = Self { _dir: dir, store };
        store.write(&Rows::from([first_row()]));
        store
    }

    /// Writes rows to the table `t`.
    pub(crate) fn write<'a>(&self, rows: impl IntoIterator<Item = (&'a (Tags, i64), &'a Row)>) {
        let mut batch = Batch::new();
        let table = batch.table("t");
        let table = &mut batch.tables_mut()[table];
        let columns = FIELDS.map(|(name, ty)| table.column(name, ty));
        let mut key = Vec::new();
        for (((host, region), time), row) in rows {
            let tags = [host.map(|host| ("host", host)), region.map(|region| ("region", region))];
            let mut tags: Vec<_> = tags.into_iter().flatten().collect();
            SeriesKey::encode(&mut tags, &mut key).unwrap();
            let series = table.series(&key);
            for (field, column) in columns.into_iter().enumerate() {
                if let Some(value) = row.get(field) {
                    table.set(column, value);
                }
            }
            table.end_row(series, Some(*time), 0);
        }
        table.finish();
        assert_eq!(self.store.write(&mut batch).unwrap().rejections.len(), 0);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.store.snapshot()
    }
}

/// A row of small values, some of them missing, some NaN.
pub(crate) fn row() -> impl Strategy<Value = Row> {
    let float =
        prop_oneof![20 => (-50i32..50).prop_map(|v| f64::from(v) / 4.0), 1 => Just(f64::NAN)];
    (
        prop::option::weighted(0.8, float),
        prop::option::weighted(0.9, -50i64..50),
        prop::option::weighted(0.5, 0u64..9),
        prop::option::weighted(0.7, any::<bool>()),
        prop::option::weighted(0.7, prop::sample::select(vec!["", "a", "ab", "b"])),
    )
        .prop_map(|(float, int, uint, bool, text)| Row { float, int, uint, bool, text })
}

/// Tags of one of nine series.
pub(crate) fn tags() -> impl Strategy<Value = Tags> {
    let one = || prop::sample::select(vec![None, Some("x"), Some("y")]);
    (one(), one())
}
