//! Rows as tests see them, and the naive store that the real one is compared with.
#![allow(dead_code, unused_imports, reason = "every test program uses its own part of this")]

mod losses;

pub(crate) mod hooked;

use std::collections::BTreeMap;

pub(crate) use losses::{Held, WrittenValues, judge_repair, note_written, texts};
use tidemill_model::{Batch, Duplicates, FieldType, SeriesKey, TimeRange, Value};
use tidemill_store::{
    AnyAggregate, BulkMap, Compacted, Reader, Result, Snapshot, Store, StoredAggregate, TableView,
};

/// A value that can be compared: floats by their bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Val {
    Float(u64),
    Int(i64),
    UInt(u64),
    Bool(bool),
    Text(String),
}

impl Val {
    pub(crate) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Float(v) => Self::Float(v.to_bits()),
            Value::Int(v) => Self::Int(v),
            Value::UInt(v) => Self::UInt(v),
            Value::Bool(v) => Self::Bool(v),
            Value::Text(v) => Self::Text(v.to_owned()),
        }
    }

    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Float(v) => Value::Float(f64::from_bits(*v)),
            Self::Int(v) => Value::Int(*v),
            Self::UInt(v) => Value::UInt(*v),
            Self::Bool(v) => Value::Bool(*v),
            Self::Text(v) => Value::Text(v),
        }
    }
}

pub(crate) type Fields = BTreeMap<String, Val>;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) table: &'static str,
    /// Value of tag `host`; empty: no tag.
    pub(crate) host: String,
    pub(crate) time: i64,
    pub(crate) fields: Vec<(&'static str, Val)>,
}

impl Row {
    pub(crate) fn new(table: &'static str, host: &str, time: i64, value: i64) -> Self {
        Self { table, host: host.to_owned(), time, fields: vec![("i", Val::Int(value))] }
    }
}

pub(crate) fn fill(batch: &mut Batch, rows: &[Row]) {
    let mut key = Vec::new();
    for (position, row) in rows.iter().enumerate() {
        let table = batch.table(row.table);
        let table = &mut batch.tables_mut()[table];
        let mut tags: Vec<(&str, &str)> = Vec::new();
        if !row.host.is_empty() {
            tags.push(("host", &row.host));
        }
        SeriesKey::encode(&mut tags, &mut key).unwrap();
        let series = table.series(&key);
        for (name, value) in &row.fields {
            let column = table.column(name, value.value().ty());
            table.set(column, value.value());
        }
        table.end_row(series, Some(row.time), position as u32);
    }
    batch.tables_mut().iter_mut().for_each(tidemill_model::TableBatch::finish);
}

/// Rows of all tables by table, host and time.
pub(crate) type Rows = BTreeMap<(String, String, i64), Fields>;

/// What a store should hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) duplicates: Duplicates,
    pub(crate) rows: Rows,
    /// The type of field `i` of a table: the first that came, the only field given two types.
    pub(crate) types: BTreeMap<&'static str, FieldType>,
}

impl Model {
    pub(crate) fn new(duplicates: Duplicates) -> Self {
        Self { duplicates, rows: Rows::new(), types: BTreeMap::new() }
    }

    /// Applies a batch; returns how many rows are refused.
    pub(crate) fn write(&mut self, rows: &[Row]) -> usize {
        let mut refused = 0;
        for row in rows {
            let i = row.fields.iter().find(|field| field.0 == "i").map(|i| i.1.value().ty());
            let is_misfit = i.is_some_and(|ty| *self.types.entry(row.table).or_insert(ty) != ty);
            let key = (row.table.to_owned(), row.host.clone(), row.time);
            let stored = self.rows.get_mut(&key);
            if is_misfit || (stored.is_some() && self.duplicates == Duplicates::Error) {
                refused += 1;
                continue;
            }
            let fields = row.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            match stored {
                None => {
                    self.rows.insert(key, fields.collect());
                }
                Some(stored) if self.duplicates == Duplicates::Last => stored.extend(fields),
                Some(_) => {}
            }
        }
        refused
    }

    /// Applies a bulk load, or does nothing when it is rolled back; returns how many rows it refuses.
    pub(crate) fn load(&mut self, batches: &[Vec<Row>], is_committed: bool) -> usize {
        let mut after = self.clone();
        let refused = batches.iter().map(|rows| after.write(rows)).sum();
        if is_committed {
            *self = after;
        }
        refused
    }

    /// Takes out the rows of a table in a range, of these hosts.
    pub(crate) fn delete(&mut self, table: &str, range: TimeRange, hosts: &[&str]) {
        let is_gone = |key: &(String, String, i64)| {
            key.0 == table && range.contains(key.2) && hosts.contains(&&*key.1)
        };
        self.rows.retain(|key, _| !is_gone(key));
    }

    /// The rows of a table inside a range.
    pub(crate) fn within(&self, table: &str, range: TimeRange) -> Rows {
        let is_inside =
            |(key, _): &(&(String, String, i64), &Fields)| key.0 == table && range.contains(key.2);
        self.rows.iter().filter(is_inside).map(|(key, row)| (key.clone(), row.clone())).collect()
    }
}

/// Loads what [`Model::load`] does; returns how many rows were refused.
pub(crate) fn load(
    store: &Store,
    duplicates: Duplicates,
    batches: &[Vec<Row>],
    is_committed: bool,
) -> Result<usize> {
    let mut bulk = store.bulk(duplicates)?;
    let (mut batch, mut map, mut rejections) = (Batch::new(), BulkMap::default(), Vec::new());
    for rows in batches {
        fill(&mut batch, rows);
        bulk.append(&mut batch, &mut map, &mut rejections)?;
    }
    if is_committed {
        bulk.finish()?;
    } else {
        bulk.rollback();
    }
    Ok(rejections.len())
}

/// Deletes what [`Model::delete`] does.
pub(crate) fn delete(
    store: &Store,
    table: &str,
    range: TimeRange,
    hosts: &[&str],
) -> Result<Compacted> {
    store.delete(table, range, |index, series| {
        let host = index.series_tags(series).next().map_or("", |(_, value)| value);
        hosts.contains(&host)
    })
}

/// All rows of a snapshot.
pub(crate) fn dump(snapshot: &Snapshot) -> Rows {
    let tables = snapshot.tables().iter();
    tables.flat_map(|table| read(table, TimeRange::ALL)).collect()
}

/// The rows of a table inside a range, read in every way there is; all ways must agree.
pub(crate) fn read(table: &TableView, range: TimeRange) -> Rows {
    let mut rows = Rows::new();
    let (mut reader, mut pieces) = (table.reader(), Vec::new());
    for series in 0..table.series_count() {
        let host = {
            let index = table.series_index();
            let tag = index.series_tags(series).next();
            tag.map_or_else(String::new, |(_, value)| value.to_owned())
        };
        reader.pieces(series, range, &mut pieces).unwrap();
        let mut last = None;
        for piece in &pieces {
            let count = reader.rows(piece).unwrap();
            assert!(0 < count && count <= piece.max_rows(), "{count} rows of {}", piece.max_rows());
            let mut times = Vec::new();
            reader.times(piece, count..count, &mut times).unwrap();
            assert_eq!(times, [], "no rows");
            reader.times(piece, 0..count, &mut times).unwrap();
            assert!(times.is_sorted_by(|a, b| a < b) && last < times.first().copied());
            assert_eq!((times[0], times[count - 1]), (piece.range().start, piece.range().end));
            last = times.last().copied();
            check_times(&mut reader, piece, &times);
            let columns: Vec<_> = (0..table.schema().fields.len())
                .map(|field| column(&mut reader, piece, field, count))
                .collect();
            for (row, time) in times.into_iter().enumerate() {
                let mut fields = Fields::new();
                for (schema, column) in table.schema().fields.iter().zip(&columns) {
                    fields.extend(column[row].clone().map(|value| (schema.name.clone(), value)));
                }
                rows.insert((table.name().to_owned(), host.clone(), time), fields);
            }
        }
    }
    rows
}

fn check_times(reader: &mut Reader, piece: &tidemill_store::Piece, times: &[i64]) {
    let (first, last) = (times[0], times[times.len() - 1]);
    let middle = times[times.len() / 2];
    let edges = [first, first.saturating_add(1), middle, last, last.saturating_add(1)];
    for time in edges.into_iter().chain([i64::MIN, i64::MAX]) {
        let want = times.partition_point(|t| *t < time);
        assert_eq!(reader.rows_before(piece, time).unwrap(), want, "rows before {time}");
    }
    if let Some((first, step)) = reader.linear_times(piece).unwrap() {
        let line = (0..times.len() as i64).map(|row| first + row * step);
        assert_eq!(line.collect::<Vec<_>>(), times);
    }
}

fn column(
    reader: &mut Reader,
    piece: &tidemill_store::Piece,
    field: usize,
    count: usize,
) -> Vec<Option<Val>> {
    let slice = reader.column(piece, field, 0..count).unwrap();
    let values: Vec<_> = (0..count).map(|row| slice.get(row).map(Val::of)).collect();
    assert_eq!(slice.valid_count(), values.iter().flatten().count());
    let part = reader.column(piece, field, count / 3..count).unwrap();
    let part: Vec<_> = (0..part.len()).map(|row| part.get(row).map(Val::of)).collect();
    assert_eq!(part, values[count / 3..]);
    let mut stored = Vec::new();
    reader.stored_aggregates(piece, field, &mut stored).unwrap();
    stored.iter().for_each(|stored| check_aggregate(stored, &values[stored.rows.clone()]));
    values
}

fn check_aggregate(stored: &StoredAggregate, values: &[Option<Val>]) {
    let present: Vec<&Val> = values.iter().flatten().collect();
    assert_eq!(stored.valid, present.len() as u64);
    macro_rules! check {
        ($variant:ident, $a:expr, $from:expr) => {{
            let all: Vec<_> = present
                .iter()
                .map(|v| if let Val::$variant(v) = v { $from(*v) } else { panic!("{v:?}") })
                .collect();
            let want = tidemill_model::Aggregate::of_all(all.iter().copied());
            assert_eq!(($a.count, $a.nan_count), (want.count, want.nan_count));
            if want.count > 0 {
                assert_eq!(($a.min, $a.max), (want.min, want.max));
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
                assert!(close($a.sum as f64, want.sum as f64), "{} {}", $a.sum, want.sum);
                // A mean is as exact as a float of its size, and each value is compared with it.
                let size = (want.min as f64).abs().max((want.max as f64).abs());
                let inexact = want.count as f64 * (8.0 * f64::EPSILON * size).powi(2);
                let is_close = close($a.m2, want.m2) || ($a.m2 - want.m2).abs() <= inexact;
                assert!(is_close, "{} {} {:?}", $a.m2, want.m2, all);
            }
            if want.count > 0 && want.nan_count == 0 {
                assert_eq!(($a.first, $a.last), (want.first, want.last));
            }
        }};
    }
    match &stored.aggregate {
        AnyAggregate::Float(a) => check!(Float, a, f64::from_bits),
        AnyAggregate::Int(a) => check!(Int, a, i64::from),
        AnyAggregate::UInt(a) => check!(UInt, a, u64::from),
    }
}

/// `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// The tables of random rows.
pub(crate) const TABLES: [&str; 2] = ["cpu", "mem"];

/// Their hosts.
pub(crate) const HOSTS: [&str; 4] = ["", "a", "b", "ü ,"];

/// Random rows for [`TABLES`]: few series, times that collide, all types, now and then a field of
/// another type than before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowSource {
    pub(crate) duplicates: Duplicates,
    pub(crate) has_large_batches: bool,
}

impl RowSource {
    pub(crate) fn rows(&self, random: &mut Random) -> Vec<Row> {
        let count = match random.below(10) {
            0 if self.has_large_batches => 1500,
            0..3 => 1 + random.below(150),
            _ => 1 + random.below(12),
        };
        self.rows_of(count, random)
    }

    pub(crate) fn rows_of(&self, count: usize, random: &mut Random) -> Vec<Row> {
        // Times collide often in a small span; a long stretch in order has a constant interval.
        let span = [20, 1000, 1_000_000][random.below(3)];
        let start = random.below(100) as i64;
        let is_regular = random.one_in(3);
        let has_extremes = random.one_in(20);
        let hosts = 1 + random.below(4);
        let row = |index: usize| {
            let mut time = random.below(span) as i64;
            if is_regular {
                time = start + index as i64 * 10;
            }
            if has_extremes && random.one_in(10) {
                time = if random.one_in(2) { i64::MIN } else { i64::MAX };
            }
            let host = HOSTS[random.below(hosts)].to_owned();
            Row { table: TABLES[random.below(2)], host, time, fields: self.fields(random) }
        };
        (0..count).map(row).collect()
    }

    fn fields(&self, random: &mut Random) -> Vec<(&'static str, Val)> {
        let mut fields = Vec::new();
        let small = random.below(100) as i64 - 50;
        if !random.one_in(3) {
            fields.push(("i", Val::Int(small)));
        } else if random.one_in(20) && self.duplicates != Duplicates::Error {
            fields.push(("i", Val::Float(0)));
        }
        if !random.one_in(3) {
            let float = if random.one_in(50) { f64::NAN } else { small as f64 / 4.0 };
            fields.push(("f", Val::Float(float.to_bits())));
        }
        if random.one_in(3) {
            fields.push(("u", Val::UInt(random.next() >> random.below(64))));
        }
        if random.one_in(3) {
            fields.push(("b", Val::Bool(small > 0)));
        }
        if fields.is_empty() || random.one_in(4) {
            fields
                .push(("s", Val::Text(["", "x", "a longer text, ü"][random.below(3)].to_owned())));
        }
        fields
    }
}
