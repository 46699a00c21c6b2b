//! Rows as the plan foresees them, from cell to cell, without taking the row apart first.

use tidemill_model::{FieldType, TableBatch, Value};

use super::cursor::{PlainCell, behind_delimiter, ends_cell, plain_cell};
use super::numbers::{ints, number};
use super::reader::{CsvReader, Scratch, field_type};
use super::rows::Rows;
use super::stretch::Stretches;
use crate::tabular::{PlanColumn, Role, SeriesCache, TimeCell, take_part};

/// What comes next in a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Time,
    /// So many adjacent tag cells.
    Tags(usize),
    /// So many adjacent integers, from this one of the numbers on.
    Ints {
        first: usize,
        count: usize,
    },
    /// One of the numbers (and truth values).
    Number(usize),
    /// A text, by the index of its column.
    Text(usize),
    /// A cell that is empty as far as is known.
    Empty,
}

/// Fewer integers are read one by one.
const LEAST_INTS: usize = 3;

/// The steps of a row.
pub(super) fn steps(columns: &[PlanColumn], tag_runs: &[(usize, usize)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut index, mut numbers) = (0, 0);
    while let Some(column) = columns.get(index) {
        let run = tag_runs.iter().find(|(first, _)| *first == index);
        let is_int = |column: &&PlanColumn| {
            matches!(field_type(column), Some(FieldType::Int | FieldType::UInt))
        };
        let ints = columns[index..].iter().take_while(is_int).count();
        let (step, width) = match (run, field_type(column)) {
            (Some((first, end)), _) => (Step::Tags(end - first), end - first),
            (None, Some(FieldType::Text)) => (Step::Text(index), 1),
            (None, Some(_)) if ints >= LEAST_INTS => {
                (Step::Ints { first: numbers, count: ints }, ints)
            }
            (None, Some(_)) => (Step::Number(numbers), 1),
            (None, None) if matches!(column.role(), Role::Time(_)) => (Step::Time, 1),
            (None, None) => (Step::Empty, 1),
        };
        if matches!(step, Step::Ints { .. } | Step::Number(_)) {
            numbers += width;
        }
        index += width;
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
        if row.is_none() {
            table.abandon_row();
            self.rows.flush(table);
        } else if self.rows.end_row() {
            self.rows.flush(table);
        }
        row
    }

    #[inline]
    fn fast_cells(&mut self, chunk: &[u8], start: usize, table: &mut TableBatch) -> Option<usize> {
        let Self { delimiter, steps, rows, series, time_cell, scratch, outputs, stretches, .. } =
            self;
        let delimiter = *delimiter;
        let mut row = Row { chunk, delimiter, time: 0, prediction: None, runs: 0 };
        let (mut at, mut index) = (start, 0);
        // Where a stretch is that was not known, or has changed.
        let mut new_stretch = 0..0;
        let last = steps.len().checked_sub(1)?;
        loop {
            if index == stretches.steps.start {
                new_stretch.start = at;
                if let Some(end) = known_stretch(chunk, at, delimiter, series, stretches, rows) {
                    (at, index) = (end, stretches.steps.end);
                    if index > last {
                        break;
                    }
                    at = behind_delimiter(chunk, at, delimiter)?;
                }
            }
            at = match *steps.get(index)? {
                Step::Time => row.time(at, time_cell)?,
                Step::Tags(count) => row.tags(at, count, series, scratch)?,
                Step::Ints { first, count } => ints(chunk, at, delimiter, first, count, rows)?,
                Step::Number(field) => number(chunk, at, delimiter, field, rows)?,
                Step::Text(column) => row.text(at, *outputs.get(column)?, table)?,
                Step::Empty => row.nothing(at)?,
            };
            index += 1;
            if index == stretches.steps.end {
                new_stretch.end = at;
            }
            if index > last {
                break;
            }
            at = behind_delimiter(chunk, at, delimiter)?;
        }
        let next = match chunk.get(at..)? {
            [b'\n', ..] => at + 1,
            [b'\r', b'\n', ..] => at + 2,
            _ => return None,
        };
        let Row { time, prediction, runs, .. } = row;
        let (holds, runs) = (prediction.is_none_or(|p| p.holds), &scratch.runs[..runs]);
        let number = if holds { series.follow() } else { look_up(series, chunk, runs) }?;
        if new_stretch.end > 0 {
            stretches.learn(series.place(), &chunk[new_stretch], rows);
        }
        table.end_row(number, Some(time), start as u32);
        Some(next)
    }
}

/// Where the stretch at `at` ends, if it is that of the predicted series' last row; its numbers are
/// in `rows` then.
#[inline(always)]
fn known_stretch(
    chunk: &[u8],
    at: usize,
    delimiter: u8,
    series: &SeriesCache,
    stretches: &mut Stretches,
    rows: &mut Rows,
) -> Option<usize> {
    let place = series.predicted_place()?;
    let end = at + stretches.len_of(place, chunk.get(at..)?)?;
    // The same bytes, and the last cell does not go on: then the cells are the same, too. (Whoever
    // goes on from there looks again; but if it is another series, its tags are read piece by piece.)
    if !ends_cell(chunk, end, delimiter) {
        return None;
    }
    let (first, words) = stretches.numbers_of(place);
    rows.set_all(first, words);
    Some(end)
}

/// A row being read.
struct Row<'a> {
    chunk: &'a [u8],
    delimiter: u8,
    time: i64,
    /// From the first tags on that are in no known stretch.
    prediction: Option<Prediction<'a>>,
    /// How many stretches of adjacent tag cells were read.
    runs: usize,
}

/// Each reads what begins at `at` and returns where its last cell ends.
impl<'a> Row<'a> {
    #[inline(always)]
    fn time(&mut self, at: usize, time_cell: &mut TimeCell) -> Option<usize> {
        let end;
        (self.time, end) = time_at(time_cell, self.chunk, at, self.delimiter)?;
        Some(end)
    }

    #[inline(always)]
    fn tags(
        &mut self,
        at: usize,
        count: usize,
        series: &'a SeriesCache,
        scratch: &mut Scratch,
    ) -> Option<usize> {
        let prediction = self.prediction.get_or_insert_with(|| {
            let text = series.predicted();
            Prediction { text: text.unwrap_or_default(), holds: text.is_some() }
        });
        let end = prediction.run_end(self.chunk, at, self.delimiter, count)?;
        *scratch.runs.get_mut(self.runs)? = (at, end);
        self.runs += 1;
        Some(end)
    }

    #[inline]
    fn text(&mut self, at: usize, column: usize, table: &mut TableBatch) -> Option<usize> {
        let PlainCell { text, end } = plain_cell(self.chunk, at, self.delimiter)?;
        if !text.is_empty() {
            table.set(column, Value::Text(std::str::from_utf8(text).ok()?));
        }
        Some(end)
    }

    #[inline]
    fn nothing(&self, at: usize) -> Option<usize> {
        let PlainCell { text, end } = plain_cell(self.chunk, at, self.delimiter)?;
        text.is_empty().then_some(end)
    }
}

#[cold]
fn look_up(series: &mut SeriesCache, chunk: &[u8], runs: &[(usize, usize)]) -> Option<u32> {
    series.look_up(runs.iter().map(|(start, end)| &chunk[*start..*end]))
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
    let rest = chunk.get(start..)?;
    if let Some((time, length)) = time_cell.repeated(rest)
        && ends_cell(chunk, start + length, delimiter)
    {
        return Some((time, start + length));
    }
    if let Some((time, length)) = time_cell.count(rest)
        && ends_cell(chunk, start + length, delimiter)
    {
        time_cell.remember(&rest[..length], time);
        return Some((time, start + length));
    }
    let cell = plain_cell(chunk, start, delimiter)?;
    let time = time_cell.parse(chunk.get(start..cell.end)?, cell.text).ok()?;
    Some((time, cell.end))
}
