//! Rows as the plan foresees them, from cell to cell, without taking the row apart first.

use tidemill_model::{FieldType, TableBatch, Value};

use super::cursor::{PlainCell, plain_cell};
use super::reader::{CsvReader, field_type};
use crate::short;
use crate::staged::{MAX_STAGED_ROWS, Staged};
use crate::tabular::{PlanColumn, Role, SeriesCache, TimeCell, cell, take_part};

/// What comes next in a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Time,
    /// So many adjacent tag cells.
    Tags(usize),
    /// A field, by the index of its column.
    Field(usize),
    /// A cell that is empty as far as is known.
    Empty,
}

/// The steps of a row.
pub(super) fn steps(columns: &[PlanColumn], tag_runs: &[(usize, usize)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut index = 0;
    while let Some(column) = columns.get(index) {
        let run = tag_runs.iter().find(|(first, _)| *first == index);
        let step = match (run, field_type(column)) {
            (Some((first, end)), _) => Step::Tags(end - first),
            (None, Some(_)) => Step::Field(index),
            (None, None) if matches!(column.role(), Role::Time(_)) => Step::Time,
            (None, None) => Step::Empty,
        };
        index += if let Step::Tags(count) = step { count } else { 1 };
        steps.push(step);
    }
    steps
}

/// Whether the tag cells of a row are those of the predicted series.
struct Prediction<'a> {
    /// What is left of the predicted text.
    text: &'a [u8],
    holds: bool,
}

impl CsvReader {
    /// Reads the row at `start` and returns where the next one starts; `None`, with nothing
    /// changed, when the row has anything uncommon about it.
    #[inline]
    pub(super) fn fast_row(
        &mut self,
        chunk: &[u8],
        start: usize,
        table: &mut TableBatch,
    ) -> Option<usize> {
        let row = self.fast_cells(chunk, start, table);
        if row.is_some() {
            self.staged_rows += 1;
            if self.staged_rows == MAX_STAGED_ROWS {
                self.flush(table);
            }
        } else {
            table.abandon_row();
            self.flush(table);
        }
        row
    }

    /// Brings the values of the staged rows to the columns.
    pub(super) fn flush(&mut self, table: &mut TableBatch) {
        let rows = std::mem::take(&mut self.staged_rows);
        let first_row = table.rows() - rows;
        self.staged.iter_mut().for_each(|staged| staged.flush(first_row, rows, table));
    }

    #[inline]
    fn fast_cells(&mut self, chunk: &[u8], start: usize, table: &mut TableBatch) -> Option<usize> {
        let Self { delimiter, steps, staged, series, time_cell, scratch, .. } = self;
        let (delimiter, staged_row) = (*delimiter, self.staged_rows);
        let (mut at, mut time, mut run) = (start, 0, 0);
        let predicted = series.predicted();
        let mut prediction =
            Prediction { text: predicted.unwrap_or_default(), holds: predicted.is_some() };
        let last = steps.len().checked_sub(1)?;
        for (index, step) in steps.iter().enumerate() {
            at = match *step {
                Step::Time => {
                    let end;
                    (time, end) = time_at(time_cell, chunk, at, delimiter)?;
                    end
                }
                Step::Tags(count) => {
                    let end = prediction.run_end(chunk, at, delimiter, count)?;
                    scratch.runs[run] = (at, end);
                    run += 1;
                    end
                }
                Step::Field(column) => {
                    let staged = staged.get_mut(column)?;
                    field(chunk, at, delimiter, staged, staged_row, table)?
                }
                Step::Empty => {
                    let cell = plain_cell(chunk, at, delimiter)?;
                    cell.text.is_empty().then_some(cell.end)?
                }
            };
            if index < last {
                at = (chunk.get(at) == Some(&delimiter)).then_some(at + 1)?;
            }
        }
        let next = match chunk.get(at..)? {
            [b'\n', ..] => at + 1,
            [b'\r', b'\n', ..] => at + 2,
            _ => return None,
        };
        let holds = prediction.holds;
        let runs = &scratch.runs[..run];
        let number = if holds { series.follow() } else { look_up(series, chunk, runs) };
        table.end_row(number?, Some(time), start as u32);
        Some(next)
    }
}

#[cold]
fn look_up(series: &mut SeriesCache, chunk: &[u8], runs: &[(usize, usize)]) -> Option<u32> {
    series.look_up(runs.iter().map(|(start, end)| &chunk[*start..*end]))
}

/// Whether a cell ends before the byte at `end`.
#[inline]
fn ends_cell(chunk: &[u8], end: usize, delimiter: u8) -> bool {
    match chunk.get(end) {
        Some(b'\n') => true,
        Some(b'\r') => chunk.get(end + 1) == Some(&b'\n'),
        byte => byte == Some(&delimiter),
    }
}

impl Prediction<'_> {
    /// Where `count` tag cells that start at `start` end.
    #[inline]
    fn run_end(
        &mut self,
        chunk: &[u8],
        start: usize,
        delimiter: u8,
        count: usize,
    ) -> Option<usize> {
        if self.holds {
            let text = take_part(&mut self.text)?;
            let end = start + text.len();
            // The same bytes, and the last cell does not go on: then the cells are the same, too.
            if chunk.get(start..end) == Some(text) && ends_cell(chunk, end, delimiter) {
                return Some(end);
            }
            self.holds = false;
        }
        run_end(chunk, start, delimiter, count)
    }
}

#[cold]
fn run_end(chunk: &[u8], start: usize, delimiter: u8, count: usize) -> Option<usize> {
    let mut end = plain_cell(chunk, start, delimiter)?.end;
    for _ in 1..count {
        if chunk.get(end) != Some(&delimiter) {
            return None;
        }
        end = plain_cell(chunk, end + 1, delimiter)?.end;
    }
    Some(end)
}

/// The time at `start` and where its cell ends.
#[inline]
fn time_at(
    time_cell: &mut TimeCell,
    chunk: &[u8],
    start: usize,
    delimiter: u8,
) -> Option<(i64, usize)> {
    if let Some((time, length)) = time_cell.repeated(chunk.get(start..)?)
        && ends_cell(chunk, start + length, delimiter)
    {
        return Some((time, start + length));
    }
    let cell = plain_cell(chunk, start, delimiter)?;
    let time = time_cell.parse(chunk.get(start..cell.end)?, cell.text).ok()?;
    Some((time, cell.end))
}

/// Reads a field at `start` and returns where its cell ends.
#[inline(always)]
fn field(
    chunk: &[u8],
    start: usize,
    delimiter: u8,
    staged: &mut Staged,
    row: usize,
    table: &mut TableBatch,
) -> Option<usize> {
    if let Some(window) = chunk.get(start..)?.first_chunk() {
        let number = match staged.ty {
            FieldType::Int => short::int(window, 0),
            FieldType::Float => short::float(window, 0),
            _ => None,
        };
        let ends_cell = |byte| byte == delimiter || byte == b'\n';
        if let Some(number) = number.filter(|number| ends_cell(number.behind)) {
            staged.set(row, number.word);
            return Some(start + number.end);
        }
    }
    any_field(chunk, start, delimiter, staged, row, table)
}

#[inline(never)]
fn any_field(
    chunk: &[u8],
    start: usize,
    delimiter: u8,
    staged: &mut Staged,
    row: usize,
    table: &mut TableBatch,
) -> Option<usize> {
    let PlainCell { text, end } = plain_cell(chunk, start, delimiter)?;
    if text.is_empty() {
        return Some(end);
    }
    let word = match staged.ty {
        FieldType::Int => cell::int(text)? as u64,
        FieldType::Float => cell::float(text)?.to_bits(),
        FieldType::UInt => cell::uint(text)?,
        FieldType::Bool => u64::from(cell::bool(text)?),
        FieldType::Text => {
            table.set(staged.column, Value::Text(std::str::from_utf8(text).ok()?));
            return Some(end);
        }
    };
    staged.set(row, word);
    Some(end)
}
