//! What a file looks like: its delimiter, whether it has a header, what is in its columns.

use super::record::{Cell, RowEnd, is_blank, split};
use crate::tabular::{Kinds, Plan, PlanError, Sample, Syntax, TabularOptions, cell, is_time_name};
use crate::time_text::TimeFormat;

/// What may stand between cells, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many rows tell the delimiter.
const DELIMITER_ROWS: usize = 100;

/// The plan of the file that begins with `sample`; `is_whole` says that it also ends with it.
///
/// The delimiter is the one which splits the most of the first rows into as many cells as the
/// first row, more than one; of equals, into the most. The first row is a header when one of its
/// cells is a usual name of a time column or named by the user, or when none of them is a number,
/// a truth value or a time.
///
/// # Errors
/// [`PlanError`]: no row, no time column, a bad header, a column named that is not there.
pub fn survey(sample: &[u8], is_whole: bool, options: &TabularOptions) -> Result<Plan, PlanError> {
    let sample = sample.strip_prefix(BYTE_ORDER_MARK).unwrap_or(sample);
    let delimiter = find_delimiter(sample, is_whole);
    let mut rows = Rows::new(sample, delimiter, is_whole);
    let first = rows.next_texts().ok_or(PlanError::NoRows)?;
    let has_header = is_header(&first, options);
    let names = if has_header { header_names(&first)? } else { numbered_names(first.len()) };
    let mut columns = Sample::default();
    names.iter().for_each(|name| {
        columns.column(name);
    });
    if !has_header {
        rows.at = 0;
    }
    let mut scratch = Vec::new();
    while rows.next_row() {
        if rows.cells.len() == names.len() {
            for (column, found) in rows.cells.iter().enumerate() {
                let text = found.text(sample, &mut scratch);
                columns.set_text(column, text, |text| Kinds::of_cell(cell::trim(text)));
            }
            columns.end_row();
        }
    }
    columns.into_plan(Syntax::Csv { delimiter, has_header }, options)
}

/// [`Plan::survey_types`] for CSV.
pub(crate) fn survey_types(plan: &mut Plan, chunk: &[u8], is_first: bool, is_last: bool) -> usize {
    let Syntax::Csv { delimiter, has_header } = plan.syntax() else { return chunk.len() };
    let (time, mut parser) = plan.time();
    let start = file_start(chunk, delimiter, is_first, has_header, is_last);
    let Some(start) = start else { return 0 };
    let mut rows = Rows { chunk, at: start, delimiter, is_last, cells: Vec::new() };
    let mut scratch = Vec::new();
    while rows.next_row() {
        let text = rows.cells.get(time).map(|c| cell::trim(c.text(chunk, &mut scratch)));
        let is_time = text.is_some_and(|text| parser.parse(text).is_ok());
        if !is_time || rows.cells.len() != plan.columns().len() {
            continue;
        }
        for (column, found) in rows.cells.iter().enumerate() {
            if !plan.columns()[column].is_open() {
                continue;
            }
            let kinds = Kinds::of_cell(cell::trim(found.text(chunk, &mut scratch)));
            plan.see(column, kinds);
        }
    }
    rows.at
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Where the first row of values starts: after the byte order mark and the header, if `chunk` is
/// the file's beginning; `None` when it ends too early to tell.
pub(super) fn file_start(
    chunk: &[u8],
    delimiter: u8,
    is_first: bool,
    has_header: bool,
    is_last: bool,
) -> Option<usize> {
    if !is_first {
        return Some(0);
    }
    if !is_last && chunk.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(chunk) {
        return None;
    }
    let start = if chunk.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    if !has_header {
        return Some(start);
    }
    let mut rows = Rows { chunk, at: start, delimiter, is_last, cells: Vec::new() };
    (rows.next_row() || is_last).then_some(rows.at)
}

/// The rows of a chunk that make sense, one after the other.
struct Rows<'a> {
    chunk: &'a [u8],
    /// Where the next row starts.
    at: usize,
    delimiter: u8,
    is_last: bool,
    cells: Vec<Cell>,
}

impl<'a> Rows<'a> {
    fn new(chunk: &'a [u8], delimiter: u8, is_last: bool) -> Self {
        Self { chunk, at: 0, delimiter, is_last, cells: Vec::new() }
    }

    /// Reads the next row that is neither blank nor malformed into `cells`.
    fn next_row(&mut self) -> bool {
        while self.at < self.chunk.len() {
            match split(self.chunk, self.at, self.delimiter, self.is_last, &mut self.cells) {
                RowEnd::Complete(end) => {
                    self.at = end;
                    if !is_blank(&self.cells) {
                        return true;
                    }
                }
                RowEnd::Malformed { next_row, .. } => self.at = next_row,
                RowEnd::Unfinished => return false,
            }
        }
        false
    }

    /// The texts of the next row.
    fn next_texts(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut scratch = Vec::new();
        self.next_row()
            .then(|| self.cells.iter().map(|c| c.text(self.chunk, &mut scratch).to_vec()).collect())
    }
}

fn find_delimiter(sample: &[u8], is_whole: bool) -> u8 {
    let score = |delimiter: &u8| {
        let mut rows = Rows::new(sample, *delimiter, is_whole);
        let width = if rows.next_row() { rows.cells.len() } else { 0 };
        let mut same = 0;
        for _ in 1..DELIMITER_ROWS {
            if !rows.next_row() {
                break;
            }
            same += usize::from(rows.cells.len() == width);
        }
        if width > 1 { (same, width) } else { (0, 0) }
    };
    // `max_by_key` takes the last of equals.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

fn is_header(first: &[Vec<u8>], options: &TabularOptions) -> bool {
    let named = options.time.iter().chain(options.tags.iter().flatten());
    let is_named = |text: &Vec<u8>| {
        let text = cell::trim(text);
        is_time_name(text) || named.clone().any(|name| name.as_bytes() == text)
    };
    let is_value = |text: &Vec<u8>| {
        let text = cell::trim(text);
        let is_time = TimeFormat::detect([text]).is_some();
        is_time || !matches!(Kinds::of_cell(text), Kinds::TEXT | Kinds::NONE)
    };
    let has_text = first.iter().any(|text| !cell::trim(text).is_empty());
    first.iter().any(is_named) || (has_text && !first.iter().any(is_value))
}

fn header_names(first: &[Vec<u8>]) -> Result<Vec<String>, PlanError> {
    let mut names: Vec<String> = Vec::with_capacity(first.len());
    for (index, text) in first.iter().enumerate() {
        let name =
            std::str::from_utf8(cell::trim(text)).map_err(|_| PlanError::NotUtf8(index + 1))?;
        // As in what pandas writes, whose index has no name.
        let name = if name.is_empty() { numbered_name(index + 1) } else { name.to_owned() };
        if names.contains(&name) {
            return Err(PlanError::Twice(name));
        }
        names.push(name);
    }
    Ok(names)
}

fn numbered_names(count: usize) -> Vec<String> {
    (1..=count).map(numbered_name).collect()
}

fn numbered_name(number: usize) -> String {
    format!("column_{number}")
}
