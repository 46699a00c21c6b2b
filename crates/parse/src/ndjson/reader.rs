use tidemill_model::{Batch, FieldType, SeriesKey, TableBatch, Value};

use super::keys::Keys;
use super::layout::{Layout, missing_time};
use super::line::{self, Line};
use super::survey::file_start;
use super::token::{Fault, Token, TokenKind};
use crate::tabular::{Plan, Role, SeriesCache, Syntax, TimeCell, excerpt, take_part};
use crate::time_text::TimeError;
use crate::{RowError, RowReader, Taken, max_cells};

/// A reader of NDJSON that follows a [`Plan`].
#[derive(Debug)]
pub struct NdjsonReader {
    table: String,
    is_first: bool,
    keys: Keys,
    members: Members,
    series: SeriesCache,
    key: Vec<u8>,
}

/// What is done with the members of a row.
#[derive(Debug)]
struct Members {
    layout: Layout,
    /// For each column that is a field, its index in the table of the batch.
    outputs: Vec<usize>,
    /// For each column that is a tag, its place in `tags`.
    tag_places: Vec<usize>,
    /// The index of the time column.
    time_column: usize,
    time_cell: TimeCell,
    scratch: Vec<u8>,
    /// Of the row being read.
    tags: Vec<TagText>,
    time: Option<i64>,
}

/// Where the raw text of a tag stands in the chunk; nowhere, if it is absent.
#[derive(Clone, Copy, Debug, Default)]
struct TagText {
    start: usize,
    end: usize,
    has_escapes: bool,
}

impl NdjsonReader {
    /// A reader of a file that `plan` was made for; `is_first` says that the chunk read first is
    /// the file's beginning, where a byte order mark is passed over.
    ///
    /// # Panics
    /// When the plan is of another format.
    #[must_use]
    pub fn new(plan: &Plan, is_first: bool) -> Self {
        assert!(plan.syntax() == Syntax::Ndjson, "a reader of NDJSON was given a plan of a CSV");
        let layout = Layout::new(plan);
        let mut tag_places = vec![0; layout.columns.len()];
        let tags = layout.columns.iter().enumerate().filter(|(_, c)| c.role() == Role::Tag);
        let tag_columns: Vec<_> = tags.map(|(index, _)| index).collect();
        tag_columns.iter().enumerate().for_each(|(place, column)| tag_places[*column] = place);
        let (time_column, parser) = plan.time();
        let members = Members {
            outputs: vec![0; layout.columns.len()],
            layout,
            tag_places,
            time_column,
            time_cell: TimeCell::new(parser),
            scratch: Vec::new(),
            tags: vec![TagText::default(); tag_columns.len()],
            time: None,
        };
        Self {
            table: plan.table().to_owned(),
            is_first,
            keys: Keys::new(),
            members,
            series: SeriesCache::new(tag_columns.len()),
            key: Vec::new(),
        }
    }
}

impl RowReader for NdjsonReader {
    fn read(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        batch: &mut Batch,
        errors: &mut Vec<RowError>,
    ) -> Taken {
        let Some(mut at) = file_start(chunk, self.is_first, is_last) else {
            return Taken { bytes: 0, is_full: false };
        };
        self.is_first = false;
        self.series.attach(batch);
        let table = batch.table(&self.table);
        let table = &mut batch.tables_mut()[table];
        self.members.find_outputs(table);
        let (max_cells, mut is_full) = (max_cells(chunk.len()), false);
        while at < chunk.len() && !is_full {
            match self.read_line(chunk, at, is_last, table) {
                Line::Row(next) | Line::Blank(next) => at = next,
                Line::Bad { fault, next } => {
                    table.abandon_row();
                    errors.push(fault.into_error(at));
                    at = next;
                }
                Line::Unfinished => {
                    table.abandon_row();
                    break;
                }
            }
            is_full = table.rows() * table.columns().len() > max_cells;
        }
        table.finish();
        Taken { bytes: at, is_full: is_full && at < chunk.len() }
    }
}

impl NdjsonReader {
    #[inline]
    fn read_line(
        &mut self,
        chunk: &[u8],
        start: usize,
        is_last: bool,
        table: &mut TableBatch,
    ) -> Line {
        let Self { keys, members, .. } = self;
        members.tags.fill(TagText::default());
        members.time = None;
        let visit = |keys: &Keys, key, token: Token<'_>| members.visit(keys, key, &token, table);
        let line = line::read(chunk, start, is_last, keys, visit);
        let Line::Row(next) = line else { return line };
        let series = match members.time {
            Some(_) => self.series_number(chunk, table),
            None => {
                let name = members.layout.columns[members.time_column].name();
                Err(missing_time(start, name))
            }
        };
        match series {
            Ok(series) => {
                table.end_row(series, self.members.time, start as u32);
                line
            }
            Err(fault) => Line::Bad { fault, next },
        }
    }

    /// The series of the row just read.
    #[inline]
    fn series_number(&mut self, chunk: &[u8], table: &mut TableBatch) -> Result<u32, Fault> {
        let tags = &self.members.tags;
        if let Some(mut text) = self.series.predicted() {
            let is_right = |tag: &TagText| take_part(&mut text) == Some(&chunk[tag.start..tag.end]);
            if tags.iter().all(is_right)
                && let Some(series) = self.series.follow()
            {
                return Ok(series);
            }
        }
        let texts = tags.iter().map(|tag| &chunk[tag.start..tag.end]);
        match self.series.look_up(texts) {
            Some(series) => Ok(series),
            None => self.new_series(chunk, table),
        }
    }

    #[cold]
    fn new_series(&mut self, chunk: &[u8], table: &mut TableBatch) -> Result<u32, Fault> {
        let mut owned = Vec::new();
        let columns = self.members.layout.columns.iter();
        for (column, place) in columns.zip(&self.members.tag_places) {
            let tag = self.members.tags.get(*place).copied().unwrap_or_default();
            if column.role() == Role::Tag && tag.start < tag.end {
                let text = tag.token(chunk).text(&mut self.members.scratch)?.to_owned();
                owned.push((column.name(), text));
            }
        }
        let mut tags: Vec<_> = owned.iter().map(|(name, text)| (*name, &**text)).collect();
        SeriesKey::encode(&mut tags, &mut self.key).map_err(|error| {
            let tags = self.members.tags.iter();
            let longest = tags.max_by_key(|tag| tag.end - tag.start).copied().unwrap_or_default();
            Fault::new(longest.start, error.to_string())
        })?;
        let series = table.series(&self.key);
        self.series.insert(series);
        Ok(series)
    }
}

impl TagText {
    fn token(self, chunk: &[u8]) -> Token<'_> {
        let kind = if self.has_escapes { TokenKind::EscapedText } else { TokenKind::Text };
        Token { at: self.start, raw: &chunk[self.start..self.end], kind }
    }
}

impl Members {
    /// Finds the columns of this batch.
    fn find_outputs(&mut self, table: &mut TableBatch) {
        for (output, column) in self.outputs.iter_mut().zip(&self.layout.columns) {
            if let Role::Field(ty) = column.role() {
                *output = table.column(column.name(), ty);
            }
        }
    }

    #[inline]
    fn visit(
        &mut self,
        keys: &Keys,
        key: u32,
        token: &Token<'_>,
        table: &mut TableBatch,
    ) -> Result<(), Fault> {
        let column = self.layout.column(keys, key, token.at)?;
        if token.is_missing() {
            return Ok(());
        }
        match self.layout.columns[column].role() {
            Role::Field(ty) => self.set(column, ty, token, table),
            Role::Tag => {
                let has_escapes = token.kind == TokenKind::EscapedText;
                let (start, end) = (token.at, token.at + token.raw.len());
                self.tags[self.tag_places[column]] = TagText { start, end, has_escapes };
                Ok(())
            }
            Role::Time(_) => {
                self.time = Some(read_time(&mut self.time_cell, token, &mut self.scratch)?);
                Ok(())
            }
            Role::Empty => {
                let Some(ty) = self.layout.settle(column, token) else { return Ok(()) };
                self.outputs.resize(self.layout.columns.len(), 0);
                self.outputs[column] = table.column(self.layout.columns[column].name(), ty);
                self.set(column, ty, token, table)
            }
        }
    }

    #[inline]
    fn set(
        &mut self,
        column: usize,
        ty: FieldType,
        token: &Token<'_>,
        table: &mut TableBatch,
    ) -> Result<(), Fault> {
        let output = self.outputs[column];
        match self.layout.value(column, ty, token, &mut self.scratch)? {
            Value::Int(value) => table.set_int(output, value),
            Value::Float(value) => table.set_float(output, value),
            value => table.set(output, value),
        }
        Ok(())
    }
}

/// The time that a string or a number says.
#[inline]
pub(super) fn read_time(
    cell: &mut TimeCell,
    token: &Token<'_>,
    scratch: &mut Vec<u8>,
) -> Result<i64, Fault> {
    if let Some((time, length)) = cell.repeated(token.raw)
        && length == token.raw.len()
    {
        return Ok(time);
    }
    let text = token.text(scratch)?.trim_ascii();
    cell.parse(token.raw, text.as_bytes()).map_err(|error| {
        let text = excerpt(text.as_bytes());
        let reason = match error {
            TimeError::Malformed => format!("`{text}` is not a time ({})", cell.parser().format()),
            TimeError::OutOfRange => format!("`{text}` is {error}"),
        };
        Fault::new(token.at, reason)
    })
}
