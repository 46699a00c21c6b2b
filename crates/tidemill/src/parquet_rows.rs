//! The rows of a Parquet file as they stand, for people who look at it without storing it.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::Ordering;

use tidemill_model::{Batch, SeriesKey, TableBatch, Value};
use tidemill_parse::{Point, PointValue};
use tidemill_query::parquet_import::RefusedRow;

use crate::error::{Error, ErrorKind, Result};
use crate::import::{BadRow, ImportOptions, Input, Row, Text, table_name};
use crate::parquet::{open, plan_alone};

/// What [`crate::import::read_rows`] does, of Parquet; the line of a bad row is its number.
pub(crate) fn read_rows(
    input: &Input,
    text: Text,
    options: &ImportOptions,
    visit: &mut dyn FnMut(Row<'_>) -> io::Result<()>,
) -> Result<bool> {
    let name = input.name();
    let (file, _) = open(input, text).map_err(|error| Error::read(&name, error))?;
    let table = table_name(input.stem(), options)?;
    let mut file = plan_alone(&name, &file, &table, options, options.tags.clone())?;
    let mut refused = Vec::new();
    loop {
        let mut batch = Batch::new();
        refused.clear();
        let has_more = file.read(&mut batch, &mut refused);
        if !has_more.map_err(|error| Error::because(ErrorKind::Read, name.clone(), error))? {
            return Ok(true);
        }
        let mut bad = refused.iter().peekable();
        for rows in batch.tables() {
            for row in 0..rows.rows() {
                let number = u64::from(rows.positions()[row]) + 1;
                while let Some(row) = bad.next_if(|bad| bad.row < number) {
                    hand_on_bad(&name, row, visit)?;
                }
                visit(Row::Point(point(rows, row))).map_err(Error::visit)?;
            }
        }
        bad.try_for_each(|row| hand_on_bad(&name, row, visit))?;
        if options.cancel.load(Ordering::Relaxed) {
            return Err(Error::cancelled());
        }
    }
}

fn hand_on_bad(
    file: &str,
    row: &RefusedRow,
    visit: &mut dyn FnMut(Row<'_>) -> io::Result<()>,
) -> Result<()> {
    let row = BadRow { file, line: row.row, column: 1, reason: &row.reason, text: b"" };
    visit(Row::Bad(row)).map_err(Error::visit)
}

fn point(rows: &TableBatch, row: usize) -> Point<'_> {
    let key = SeriesKey(rows.series_keys().bytes(rows.row_series()[row]));
    let tags = key.tags().flatten().map(|(name, value)| (Cow::from(name), Cow::from(value)));
    let fields = rows.columns().iter().filter_map(|column| {
        let value = match column.column.get(row)? {
            Value::Float(value) => PointValue::Float(value),
            Value::Int(value) => PointValue::Int(value),
            Value::UInt(value) => PointValue::UInt(value),
            Value::Bool(value) => PointValue::Bool(value),
            Value::Text(value) => PointValue::Text(value.into()),
        };
        Some((Cow::from(column.name.as_str()), value))
    });
    Point {
        table: rows.name().into(),
        tags: tags.collect(),
        fields: fields.collect(),
        time: Some(rows.times()[row]),
    }
}
