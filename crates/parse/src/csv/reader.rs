use tidemill_model::{Batch, FieldType};

use super::fast::{Step, steps};
use super::record::Cell;
use super::rows::Rows;
use super::stretch::Stretches;
use super::survey::file_start;
use crate::tabular::{Plan, PlanColumn, Role, SeriesCache, Syntax, TimeCell};
use crate::{RowError, RowReader, Taken};

/// A reader of CSV that follows a [`Plan`].
///
/// Rows are read by a fast path that goes from cell to cell as the plan foresees it; whatever it
/// does not understand goes through the careful path, which takes the row apart first, and which
/// alone refuses rows. Both give the same rows.
#[derive(Debug)]
pub struct CsvReader {
    pub(super) table: String,
    pub(super) columns: Vec<PlanColumn>,
    pub(super) delimiter: u8,
    /// Whether the next chunk starts with the file, and with a header.
    is_first: bool,
    has_header: bool,
    /// For each column that is a field, its index in the table of the batch.
    pub(super) outputs: Vec<usize>,
    pub(super) rows: Rows,
    pub(super) steps: Vec<Step>,
    /// The index of the time column.
    pub(super) time: usize,
    pub(super) time_cell: TimeCell,
    /// The stretches of adjacent tag columns: the first and the one behind the last.
    pub(super) tag_runs: Vec<(usize, usize)>,
    pub(super) series: SeriesCache,
    /// Of the series in `series`.
    pub(super) stretches: Stretches,
    pub(super) scratch: Scratch,
}

/// Memory that is used again for every row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub cells: Vec<Cell>,
    /// Where the text of each stretch of tag cells stands.
    pub runs: Vec<(usize, usize)>,
    /// The text of a cell with quotes in it.
    pub text: Vec<u8>,
    pub key: Vec<u8>,
}

impl CsvReader {
    /// A reader of a file that `plan` was made for; `is_first` says that the chunk read first is
    /// the file's beginning, where a byte order mark and the header are passed over.
    ///
    /// # Panics
    /// When the plan is of another format.
    #[must_use]
    pub fn new(plan: &Plan, is_first: bool) -> Self {
        let Syntax::Csv { delimiter, has_header } = plan.syntax() else {
            panic!("a reader of CSV was given a plan of another format");
        };
        let columns = plan.columns().to_vec();
        let (time, parser) = plan.time();
        let tag_runs = tag_runs(&columns);
        let steps = steps(&columns, &tag_runs);
        Self {
            table: plan.table().to_owned(),
            delimiter,
            is_first,
            has_header,
            outputs: vec![0; columns.len()],
            rows: Rows::new(&columns),
            stretches: Stretches::new(&steps),
            steps,
            time,
            time_cell: TimeCell::new(parser),
            series: SeriesCache::new(tag_runs.len()),
            scratch: Scratch { runs: vec![(0, 0); tag_runs.len()], ..Scratch::default() },
            tag_runs,
            columns,
        }
    }
}

impl RowReader for CsvReader {
    fn read(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        batch: &mut Batch,
        errors: &mut Vec<RowError>,
    ) -> Taken {
        let start = file_start(chunk, self.delimiter, self.is_first, self.has_header, is_last);
        let Some(mut at) = start else { return Taken { bytes: 0, is_full: false } };
        self.is_first = false;
        if self.series.attach(batch) {
            self.stretches.forget();
        }
        let table = batch.table(&self.table);
        let table = &mut batch.tables_mut()[table];
        for (output, column) in self.outputs.iter_mut().zip(&self.columns) {
            if let Role::Field(ty) = column.role() {
                *output = table.column(column.name(), ty);
            }
        }
        let outputs = self.outputs.iter().zip(&self.columns);
        self.rows
            .attach(outputs.filter(|(_, column)| is_number(column)).map(|(output, _)| *output));
        // Their number is a guess; a row has a delimiter for each of its columns.
        let rows = (chunk.len() - at) / mean_row_bytes(&chunk[at..]).max(self.columns.len());
        table.reserve(rows + rows / 16);
        while at < chunk.len() {
            let next = self.fast_row(chunk, at, table);
            match next.or_else(|| self.careful_row(chunk, at, is_last, table, errors)) {
                Some(next) => at = next,
                None => break,
            }
        }
        self.rows.flush(table);
        table.finish();
        // Never full: a row has a delimiter for each of its columns, so that the text bounds it.
        Taken { bytes: at, is_full: false }
    }
}

fn tag_runs(columns: &[PlanColumn]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (index, _) in columns.iter().enumerate().filter(|(_, c)| c.role() == Role::Tag) {
        match runs.last_mut() {
            Some((_, end)) if *end == index => *end += 1,
            _ => runs.push((index, index + 1)),
        }
    }
    runs
}

/// The mean length of the first rows, in bytes with their newlines; all there is where no row ends.
fn mean_row_bytes(text: &[u8]) -> usize {
    const SAMPLE_BYTES: usize = 8 << 10;
    let sample = &text[..text.len().min(SAMPLE_BYTES)];
    let rows = memchr::memchr_iter(b'\n', sample).count();
    if rows == 0 { text.len().max(1) } else { sample.len().div_ceil(rows) }
}

/// The type of a column that is a field.
pub(super) fn field_type(column: &PlanColumn) -> Option<FieldType> {
    match column.role() {
        Role::Field(ty) => Some(ty),
        _ => None,
    }
}

/// Whether a column is a field of numbers, or of truth values.
pub(super) fn is_number(column: &PlanColumn) -> bool {
    field_type(column).is_some_and(|ty| ty != FieldType::Text)
}
