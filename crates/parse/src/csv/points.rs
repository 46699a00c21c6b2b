use std::borrow::Cow;

use tidemill_model::Value;

use super::careful::{BadCell, check_count, field_value, misfit, parse_time, utf8};
use super::record::{Cell, RowEnd, is_blank, split};
use super::survey::file_start;
use crate::tabular::{Plan, PlanColumn, Role, Syntax, cell};
use crate::time_text::TimeParser;
use crate::{Point, PointValue, RowError};

/// Reads the rows of `chunk` one by one.
///
/// The slow and plain reader, with the same rows, errors and places as
/// [`CsvReader`](super::CsvReader). `is_first` and `is_last` say that the chunk is the file's
/// beginning and its end.
#[must_use]
pub fn points<'a>(chunk: &'a [u8], is_first: bool, is_last: bool, plan: &'a Plan) -> Points<'a> {
    let (delimiter, has_header) = match plan.syntax() {
        Syntax::Csv { delimiter, has_header } => (delimiter, has_header),
        Syntax::Ndjson => (b',', false),
    };
    let start = file_start(chunk, delimiter, is_first, has_header, is_last);
    let (time, parser) = plan.time();
    // Without its header there is nothing to read in a file's beginning.
    let rows = if start.is_some() { chunk } else { &[] };
    let (at, row_start, cells) = (start.unwrap_or(0), 0, Vec::new());
    Points { plan, chunk: rows, delimiter, is_last, time, parser, at, row_start, cells }
}

/// The iterator of [`points`].
#[derive(Debug)]
pub struct Points<'a> {
    plan: &'a Plan,
    chunk: &'a [u8],
    delimiter: u8,
    is_last: bool,
    /// The index of the time column.
    time: usize,
    parser: TimeParser,
    at: usize,
    row_start: usize,
    cells: Vec<Cell>,
}

impl Points<'_> {
    /// Bytes of the chunk done with: once the iterator has ended, what is left is the beginning of
    /// a row that goes on in the next chunk.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.at
    }

    /// Where the row handed out last starts, in bytes from the start of the chunk.
    #[must_use]
    pub fn row_start(&self) -> usize {
        self.row_start
    }
}

impl<'a> Iterator for Points<'a> {
    type Item = Result<Point<'a>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.chunk.len() {
            let start = self.at;
            let mut cells = std::mem::take(&mut self.cells);
            let end = split(self.chunk, start, self.delimiter, self.is_last, &mut cells);
            let item = match end {
                RowEnd::Complete(next) => {
                    self.at = next;
                    let row = || self.point(&cells).map_err(|bad| bad.at(start, &cells));
                    (!is_blank(&cells)).then(row)
                }
                RowEnd::Malformed { at, reason, next_row } => {
                    self.at = next_row;
                    let reason = reason.to_owned();
                    Some(Err(RowError { row_start: start, at, reason, misfit: None }))
                }
                RowEnd::Unfinished => return None,
            };
            self.cells = cells;
            self.row_start = start;
            if item.is_some() {
                return item;
            }
        }
        None
    }
}

impl<'a> Points<'a> {
    fn point(&mut self, cells: &[Cell]) -> Result<Point<'a>, BadCell> {
        let columns = self.plan.columns();
        check_count(cells.len(), columns.len())?;
        let time = parse_time(self.time, &mut self.parser, &cells[self.time].to_text(self.chunk))?;
        let table = Cow::Borrowed(self.plan.table());
        let mut point = Point { table, time: Some(time), ..Point::default() };
        let columns = || columns.iter().zip(cells).enumerate();
        for (index, (column, found)) in columns().filter(|(_, (c, _))| c.role() == Role::Tag) {
            let text = found.to_text(self.chunk);
            utf8(index, column, &text)?;
            if !text.is_empty() {
                point.tags.push((Cow::Borrowed(column.name()), into_string(text)));
            }
        }
        for (index, (column, found)) in columns() {
            if let Some(value) = point_value(index, column, found.to_text(self.chunk))? {
                point.fields.push((Cow::Borrowed(column.name()), value));
            }
        }
        Ok(point)
    }
}

fn point_value<'a>(
    index: usize,
    column: &PlanColumn,
    text: Cow<'a, [u8]>,
) -> Result<Option<PointValue<'a>>, BadCell> {
    let ty = match column.role() {
        Role::Time(_) | Role::Tag => return Ok(None),
        Role::Empty if cell::trim(&text).is_empty() => return Ok(None),
        Role::Empty => return Err(misfit(index, column, &text)),
        Role::Field(ty) => ty,
    };
    Ok(match field_value(index, column, ty, &text)? {
        None => None,
        Some(Value::Float(value)) => Some(PointValue::Float(value)),
        Some(Value::Int(value)) => Some(PointValue::Int(value)),
        Some(Value::UInt(value)) => Some(PointValue::UInt(value)),
        Some(Value::Bool(value)) => Some(PointValue::Bool(value)),
        Some(Value::Text(_)) => Some(PointValue::Text(into_string(text))),
    })
}

/// Text that is known to be UTF-8.
fn into_string(text: Cow<'_, [u8]>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(std::str::from_utf8(text).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(String::from_utf8(text).unwrap_or_default()),
    }
}
