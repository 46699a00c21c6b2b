//! Any row, cell by cell, with a reason when it is refused.

use tidemill_model::{FieldType, MAX_TAG_BYTES, SeriesKey, TableBatch, Value};

use super::reader::CsvReader;
use super::record::{Cell, RowEnd, is_blank, split};
use crate::tabular::{Kinds, PlanColumn, Role, cell, excerpt};
use crate::time_text::{TimeError, TimeParser};
use crate::{Misfit, RowError};

/// Why a cell is refused.
pub(super) struct BadCell {
    column: usize,
    reason: String,
    misfit: Option<Misfit>,
}

impl BadCell {
    fn new(column: usize, reason: String) -> Self {
        Self { column, reason, misfit: None }
    }

    /// The error of the row that starts at `row_start` and has these cells.
    pub(super) fn at(self, row_start: usize, cells: &[Cell]) -> RowError {
        let at = cells.get(self.column).map_or(row_start, |cell| cell.start);
        RowError { row_start, at, reason: self.reason, misfit: self.misfit }
    }
}

impl CsvReader {
    /// Reads the row at `start` and returns where the next one starts; `None` when the row is not
    /// all there.
    #[cold]
    pub(super) fn careful_row(
        &mut self,
        chunk: &[u8],
        start: usize,
        is_last: bool,
        table: &mut TableBatch,
        errors: &mut Vec<RowError>,
    ) -> Option<usize> {
        let mut cells = std::mem::take(&mut self.scratch.cells);
        let next = match split(chunk, start, self.delimiter, is_last, &mut cells) {
            RowEnd::Complete(next) => {
                if !is_blank(&cells)
                    && let Err(bad) = self.row_of_cells(chunk, start, &cells, table)
                {
                    table.abandon_row();
                    errors.push(bad.at(start, &cells));
                }
                Some(next)
            }
            RowEnd::Malformed { at, reason, next_row } => {
                let reason = reason.to_owned();
                errors.push(RowError { row_start: start, at, reason, misfit: None });
                Some(next_row)
            }
            RowEnd::Unfinished => None,
        };
        self.scratch.cells = cells;
        next
    }

    /// The time is read first: where that is no time, as in a header repeated, nothing else is
    /// worth a complaint.
    fn row_of_cells(
        &mut self,
        chunk: &[u8],
        start: usize,
        cells: &[Cell],
        table: &mut TableBatch,
    ) -> Result<(), BadCell> {
        check_count(cells.len(), self.columns.len())?;
        let time = self.time_of(chunk, &cells[self.time])?;
        let series = self.series_of(chunk, cells, table)?;
        let columns = self.columns.iter().zip(&self.outputs).zip(cells).enumerate();
        for (index, ((column, output), cell)) in columns {
            let text = cell.text(chunk, &mut self.scratch.text);
            match column.role() {
                Role::Time(_) | Role::Tag => {}
                Role::Field(ty) => {
                    if let Some(value) = field_value(index, column, ty, text)? {
                        table.set(*output, value);
                    }
                }
                Role::Empty if cell::trim(text).is_empty() => {}
                Role::Empty => return Err(misfit(index, column, text)),
            }
        }
        table.end_row(series, Some(time), start as u32);
        Ok(())
    }

    fn time_of(&mut self, chunk: &[u8], found: &Cell) -> Result<i64, BadCell> {
        let text = found.text(chunk, &mut self.scratch.text);
        parse_time(self.time, self.time_cell.parser(), text)
    }

    fn series_of(
        &mut self,
        chunk: &[u8],
        cells: &[Cell],
        table: &mut TableBatch,
    ) -> Result<u32, BadCell> {
        let runs = self.tag_runs.iter();
        let texts = runs.map(|(first, end)| &chunk[cells[*first].start..cells[*end - 1].end]);
        if let Some(series) = self.series.look_up(texts) {
            return Ok(series);
        }
        self.new_series(chunk, cells, table)
    }

    fn new_series(
        &mut self,
        chunk: &[u8],
        cells: &[Cell],
        table: &mut TableBatch,
    ) -> Result<u32, BadCell> {
        let mut owned = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            if column.role() == Role::Tag {
                let text = cells[index].text(chunk, &mut self.scratch.text);
                let text = utf8(index, column, text)?;
                if !text.is_empty() {
                    owned.push((index, column.name(), text.to_owned()));
                }
            }
        }
        let mut tags: Vec<_> = owned.iter().map(|(_, name, text)| (*name, &**text)).collect();
        SeriesKey::encode(&mut tags, &mut self.scratch.key).map_err(|error| {
            let is_long = |text: &str| text.len() > MAX_TAG_BYTES;
            let long = owned.iter().find(|(_, name, text)| is_long(name) || is_long(text));
            BadCell::new(long.map_or(0, |(index, ..)| *index), error.to_string())
        })?;
        let series = table.series(&self.scratch.key);
        self.series.insert(series);
        Ok(series)
    }
}

/// Whether a row has as many cells as there are columns.
pub(super) fn check_count(count: usize, want: usize) -> Result<(), BadCell> {
    if count == want {
        return Ok(());
    }
    let columns = if count == 1 { "column" } else { "columns" };
    Err(BadCell::new(0, format!("{count} {columns} instead of {want}")))
}

/// The time that `text` says in column `index`.
pub(super) fn parse_time(
    index: usize,
    parser: &mut TimeParser,
    text: &[u8],
) -> Result<i64, BadCell> {
    let text = cell::trim(text);
    parser.parse(text).map_err(|error| {
        let reason = match error {
            _ if text.is_empty() => "no time".to_owned(),
            TimeError::Malformed => {
                format!("`{}` is not a time ({})", excerpt(text), parser.format())
            }
            TimeError::OutOfRange => format!("`{}` is {error}", excerpt(text)),
        };
        BadCell::new(index, reason)
    })
}

/// The value that `text` says in a column of type `ty`, `None` where it is missing.
pub(super) fn field_value<'a>(
    index: usize,
    column: &PlanColumn,
    ty: FieldType,
    text: &'a [u8],
) -> Result<Option<Value<'a>>, BadCell> {
    if ty == FieldType::Text {
        let text = utf8(index, column, text)?;
        return Ok((!text.is_empty()).then_some(Value::Text(text)));
    }
    let word = cell::trim(text);
    if word.is_empty() {
        return Ok(None);
    }
    let value = match ty {
        FieldType::Float => cell::float(word).map(Value::Float),
        FieldType::Int => cell::int(word).map(Value::Int),
        FieldType::UInt => cell::uint(word).map(Value::UInt),
        FieldType::Bool => cell::bool(word).map(Value::Bool),
        FieldType::Text => None,
    };
    value.map(Some).ok_or_else(|| misfit(index, column, text))
}

pub(super) fn misfit(index: usize, column: &PlanColumn, text: &[u8]) -> BadCell {
    let what = match column.role() {
        Role::Field(ty) => format!("no {ty}"),
        _ => "the first value".to_owned(),
    };
    let reason = format!("`{}` is {what} (column `{}`)", excerpt(text), column.name());
    let misfit = column.misfit(index, Kinds::of_cell(cell::trim(text)));
    BadCell { column: index, reason, misfit }
}

pub(super) fn utf8<'a>(
    index: usize,
    column: &PlanColumn,
    text: &'a [u8],
) -> Result<&'a str, BadCell> {
    std::str::from_utf8(text).map_err(|_| {
        let reason = format!("`{}` is not UTF-8 (column `{}`)", excerpt(text), column.name());
        BadCell::new(index, reason)
    })
}
