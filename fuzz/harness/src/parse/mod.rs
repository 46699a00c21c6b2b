//! Targets of `tidemill-parse`.

pub(crate) mod csv;
pub(crate) mod line;
pub(crate) mod ndjson;
pub(crate) mod number;
mod tabular;
pub(crate) mod time;

use std::borrow::Cow;

use tidemill_model::{Batch, SeriesKey, TableBatch, Value};
use tidemill_parse::{Point, PointValue, RowError, RowReader};

use crate::input::Input;

/// What a text holds; places count from its start.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome<'a> {
    pub(crate) rows: Vec<(usize, Row<'a>)>,
    pub(crate) errors: Vec<RowError>,
}

/// A row in comparable form: by name, floats as their bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    table: Cow<'a, str>,
    tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    fields: Vec<(Cow<'a, str>, Cell<'a>)>,
    time: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell<'a> {
    Float(u64),
    Int(i64),
    UInt(u64),
    Bool(bool),
    Text(Cow<'a, str>),
}

impl<'a> Row<'a> {
    pub(crate) fn of(point: Point<'a>) -> Self {
        let cell = |value| match value {
            PointValue::Float(value) => Cell::Float(value.to_bits()),
            PointValue::Int(value) => Cell::Int(value),
            PointValue::UInt(value) => Cell::UInt(value),
            PointValue::Bool(value) => Cell::Bool(value),
            PointValue::Text(text) => Cell::Text(text),
        };
        let fields = point.fields.into_iter().map(|(name, value)| (name, cell(value)));
        let mut row = Self {
            table: point.table,
            tags: point.tags,
            fields: fields.collect(),
            time: point.time,
        };
        row.tags.sort_unstable();
        row.fields.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        row
    }

    fn of_batch(table: &TableBatch, row: usize) -> Row<'static> {
        let own = |text: &str| Cow::Owned(text.to_owned());
        let key = SeriesKey(table.series_keys().bytes(table.row_series()[row]));
        let tags = key.tags().map(|tag| tag.unwrap_or(("damaged", "key")));
        let tags = tags.map(|(name, value)| (own(name), own(value))).collect();
        let mut fields: Vec<_> = Vec::new();
        for column in table.columns() {
            assert_eq!(column.column.len(), table.rows(), "an unfinished column");
            let cell = match column.column.get(row) {
                None => continue,
                Some(Value::Float(value)) => Cell::Float(value.to_bits()),
                Some(Value::Int(value)) => Cell::Int(value),
                Some(Value::UInt(value)) => Cell::UInt(value),
                Some(Value::Bool(value)) => Cell::Bool(value),
                Some(Value::Text(text)) => Cell::Text(own(text)),
            };
            fields.push((own(&column.name), cell));
        }
        fields.sort_unstable_by(|a: &(Cow<'_, str>, Cell<'_>), b| a.0.cmp(&b.0));
        let is_timed = !table.untimed().contains(&(row as u32));
        let time = is_timed.then(|| table.times()[row]);
        Row { table: own(table.name()), tags, fields, time }
    }
}

impl Outcome<'_> {
    fn push_error(&mut self, base: usize, error: RowError) {
        let (row_start, at) = (error.row_start + base, error.at + base);
        self.errors.push(RowError { row_start, at, ..error });
    }

    fn push_batch(&mut self, base: usize, batch: &Batch) {
        let first = self.rows.len();
        for table in batch.tables() {
            for row in 0..table.rows() {
                let place = base + table.positions()[row] as usize;
                self.rows.push((place, Row::of_batch(table, row)));
            }
        }
        self.rows[first..].sort_by_key(|row| row.0);
    }
}

/// Up to four cuts, ascending, within `length`; taken from the input's front.
fn cuts(input: &mut Input<'_>) -> impl Fn(usize) -> Vec<usize> + use<> {
    let count = input.below(5);
    let places: Vec<usize> = (0..count).map(|_| usize::from(input.u8())).collect();
    move |length| {
        let mut cuts: Vec<usize> = places.iter().map(|place| place % (length + 1)).collect();
        cuts.push(length);
        cuts.sort_unstable();
        cuts
    }
}

/// Reads `text` cut at `cuts`, the last of which is its end; what a piece leaves is joined with
/// the next. `read(start, piece, is_last)` says how much it took.
fn for_each_piece(text: &[u8], cuts: &[usize], mut read: impl FnMut(usize, &[u8], bool) -> usize) {
    let mut start = 0;
    for (index, end) in cuts.iter().enumerate() {
        let is_last = index == cuts.len() - 1;
        let taken = read(start, &text[start..*end], is_last);
        assert!(start + taken <= *end && (!is_last || start + taken == *end), "{taken} taken");
        start += taken;
    }
}

/// The outcome by a batch reader.
fn by_reader(
    reader: &mut dyn RowReader,
    batch: &mut Batch,
    text: &[u8],
    cuts: &[usize],
) -> Outcome<'static> {
    let mut outcome = Outcome::default();
    let mut errors = Vec::new();
    for_each_piece(text, cuts, |start, piece, is_last| {
        let mut read_bytes = 0;
        loop {
            batch.clear_rows();
            let taken = reader.read(&piece[read_bytes..], is_last, batch, &mut errors);
            outcome.push_batch(start + read_bytes, batch);
            errors.drain(..).for_each(|error| outcome.push_error(start + read_bytes, error));
            read_bytes += taken.bytes;
            if !taken.is_full {
                return read_bytes;
            }
        }
    });
    outcome
}
