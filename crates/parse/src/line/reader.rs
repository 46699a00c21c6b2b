use std::borrow::Cow;
use std::sync::Arc;

use tidemill_model::{Batch, SeriesKey, TableBatch, Value};

use super::LineOptions;
use super::escape::{Escapes, unescape, unescape_into};
use super::grammar::{Fault, MAX_COLUMNS, Next, Row, Text, shown};
use super::keys::{Keys, SharedSeries};
use super::known::{Scratch, read_fields};
use super::memory::Memory;
use super::value::Token;
use crate::{RowError, RowReader, Taken, max_cells};

/// The most tables of a batch.
pub const MAX_TABLES: usize = 65_536;

/// Reads line protocol into a batch.
///
/// It remembers the series and fields of the batch it fills: their rows are compared with what
/// usually comes next instead of being taken apart, several times faster and with the same result.
/// So give a reader the same batch again and again ([`Batch::clear_rows`],
/// [`TableBatch::take_rows`]); with another one it starts to learn anew. A chunk has at most 4 GiB;
/// chunks of a few MiB stay in the processor's caches.
#[derive(Debug)]
pub struct LineReader {
    options: LineOptions,
    memory: Memory,
    shared: Option<Arc<SharedSeries>>,
    scratch: Scratch,
    /// The canonical key of a row's tags.
    key: Vec<u8>,
    /// Cells of the batch so far.
    cells: usize,
}

impl LineReader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new(options: LineOptions) -> Self {
        let (memory, scratch) = (Memory::default(), Scratch::default());
        Self { options, memory, shared: None, scratch, key: Vec::new(), cells: 0 }
    }

    /// A reader that knows what others know, and tells them ([`RowReader::share`]). All must be of the same
    /// input and store.
    #[must_use]
    pub fn sharing(options: LineOptions, shared: &Arc<SharedSeries>) -> Self {
        Self { shared: Some(Arc::clone(shared)), ..Self::new(options) }
    }
}

impl RowReader for LineReader {
    fn read(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        batch: &mut Batch,
        errors: &mut Vec<RowError>,
    ) -> Taken {
        let unit = self.options.precision.nanoseconds();
        let text = Text { bytes: chunk, is_last, unit };
        self.memory.attach(batch);
        let shared = self.shared.clone();
        let shared = shared.as_ref().map(|shared| shared.read());
        if let Some(shared) = &shared {
            self.memory.attach_tables(shared, batch);
        }
        let none = Keys::default();
        let known = shared.as_ref().map_or(&none, |shared| &shared.keys);
        let max_cells = max_cells(chunk.len());
        self.memory.expect_rows(batch, chunk.len(), max_cells);
        self.cells = batch.tables().iter().map(|table| table.rows() * table.columns().len()).sum();
        let mut row = Row::default();
        let mut at = 0;
        let taken = loop {
            let start = match text.next_row(at) {
                Next::Row(start) => start,
                Next::End(bytes) => break Taken { bytes, is_full: false },
            };
            at = match self.read_known(&text, start, known, batch) {
                Some(next) => next,
                None => match self.read_any(&text, start, &mut row, batch) {
                    Ok(next) => next,
                    Err(fault) => match fault.into_error(start) {
                        Some((error, next)) => {
                            errors.push(error);
                            next
                        }
                        None => break Taken { bytes: start, is_full: false },
                    },
                },
            };
            if self.cells > max_cells && at < chunk.len() {
                break Taken { bytes: at, is_full: true };
            }
        };
        self.memory.flush(batch);
        self.memory.note_rows(batch, taken.bytes);
        batch.tables_mut().iter_mut().for_each(TableBatch::finish);
        taken
    }

    fn share(&mut self, batch: &mut Batch, id_of: &dyn Fn(usize, u32) -> Option<u32>) {
        if let Some(shared) = &self.shared {
            self.memory.share(shared, batch, id_of);
        }
    }
}

impl LineReader {
    /// Reads the row at `start` if its series and fields were seen before and nothing is wrong
    /// with it; returns where the next line starts.
    fn read_known(
        &mut self,
        text: &Text<'_>,
        start: usize,
        known: &Keys,
        batch: &mut Batch,
    ) -> Option<usize> {
        let (series, key_len) = self.memory.series(known, &text.bytes[start..])?;
        let table = batch.tables_mut().get_mut(series.table as usize)?;
        let layout = self.memory.layout(series.table as usize)?;
        let fields = start + key_len + 1;
        match read_fields(text, fields, layout, table, &mut self.scratch) {
            Some((time, next)) => {
                table.end_row(series.number, time, position(start));
                layout.stage_row(table);
                self.cells += table.columns().len();
                Some(next)
            }
            None => {
                table.abandon_row();
                layout.flush(table);
                None
            }
        }
    }

    /// Reads the row at `start` by the grammar; returns where the next line starts.
    #[inline(never)]
    fn read_any<'a>(
        &mut self,
        text: &Text<'a>,
        start: usize,
        row: &mut Row<'a>,
        batch: &mut Batch,
    ) -> Result<usize, Fault> {
        let key_end = text.key(start, row)?;
        if let Some(next) = self.read_known_fields(text, start, key_end, row, batch) {
            return Ok(next);
        }
        let next = text.fields(key_end, row)?;
        let key_text = &text.bytes[start..key_end];
        self.add(row, key_text, position(start), batch).map_err(|reason| Fault::Bad {
            at: start,
            next,
            reason,
        })?;
        Ok(next)
    }

    /// Reads the row at `start`, whose key was read, if its fields were seen before in rows of
    /// other series and nothing is wrong with it; returns where the next line starts.
    fn read_known_fields(
        &mut self,
        text: &Text<'_>,
        start: usize,
        key_end: usize,
        row: &Row<'_>,
        batch: &mut Batch,
    ) -> Option<usize> {
        if text.bytes.get(key_end) != Some(&b' ') {
            return None;
        }
        encode_key(row, &mut self.key).ok()?;
        let key_text = &text.bytes[start..key_end];
        let is_remembered =
            self.memory.make_room(key_text.len(), self.options.max_remembered_bytes, batch);
        let index = batch.find_table(&unescape(row.table, Escapes::Measurement))?;
        let layout = self.memory.layout(index)?;
        let table = &mut batch.tables_mut()[index];
        let Some((time, next)) = read_fields(text, key_end + 1, layout, table, &mut self.scratch)
        else {
            table.abandon_row();
            layout.flush(table);
            return None;
        };
        let series = table.series(&self.key);
        table.end_row(series, time, position(start));
        layout.stage_row(table);
        self.cells += table.columns().len();
        if is_remembered {
            self.memory.learn_series(key_text, index, series, self.options.max_remembered_bytes);
        }
        Some(next)
    }

    /// Adds a row to the batch, or says why it cannot.
    fn add(
        &mut self,
        row: &Row<'_>,
        key_text: &[u8],
        position: u32,
        batch: &mut Batch,
    ) -> Result<(), String> {
        encode_key(row, &mut self.key)?;
        let is_remembered =
            self.memory.make_room(key_text.len(), self.options.max_remembered_bytes, batch);
        let name = unescape(row.table, Escapes::Measurement);
        let index = table_index(batch, &name, row)?;
        let table = &mut batch.tables_mut()[index];
        let columns_before = table.columns().len();
        let series = table.series(&self.key);
        if let Some(layout) = self.memory.layout(index) {
            layout.flush(table);
        }
        self.scratch.ids.clear();
        for &(name, token) in &row.fields {
            let ty = token.ty();
            let known = self.memory.layout(index).and_then(|layout| layout.column(name, ty));
            let column = known.unwrap_or_else(|| table.column(&unescape(name, Escapes::Tag), ty));
            set(table, column, token, &mut self.scratch.text);
            if is_remembered {
                self.scratch.ids.push(self.memory.learn_field(index, name, ty, column));
            }
        }
        let columns = table.columns().len();
        self.cells += table.rows() * (columns - columns_before) + columns;
        table.end_row(series, row.time, position);
        if is_remembered {
            self.memory.learn_series(key_text, index, series, self.options.max_remembered_bytes);
            if let Some(layout) = self.memory.layout(index) {
                layout.learn_order(&self.scratch.ids);
            }
        }
        Ok(())
    }
}

/// Writes the canonical key of the row's tags over `key`.
fn encode_key(row: &Row<'_>, key: &mut Vec<u8>) -> Result<(), String> {
    let part = |text| unescape(text, Escapes::Tag);
    let tags: Vec<_> = row.tags.iter().map(|&(name, tag)| (part(name), part(tag))).collect();
    let mut pairs: Vec<(&str, &str)> =
        tags.iter().map(|(name, tag): &(Cow<'_, str>, Cow<'_, str>)| (&**name, &**tag)).collect();
    SeriesKey::encode(&mut pairs, key).map_err(|error| error.to_string())
}

/// The index of the row's table, which is added when new and within bounds.
fn table_index(batch: &mut Batch, name: &str, row: &Row<'_>) -> Result<usize, String> {
    let Some(index) = batch.find_table(name) else {
        if batch.tables().len() >= MAX_TABLES {
            return Err(format!("more than {MAX_TABLES} tables"));
        }
        return Ok(batch.table(name));
    };
    let columns = batch.tables()[index].columns();
    if columns.len() + row.fields.len() > MAX_COLUMNS {
        let is_new = |&&(name, token): &&(&str, Token<'_>)| {
            let name = unescape(name, Escapes::Tag);
            !columns.iter().any(|c| c.column.ty() == token.ty() && c.name == name)
        };
        if columns.len() + row.fields.iter().filter(is_new).count() > MAX_COLUMNS {
            return Err(format!("more than {MAX_COLUMNS} fields in table {}", shown(name)));
        }
    }
    Ok(index)
}

/// Positions are 32 bits: chunks are far smaller.
fn position(start: usize) -> u32 {
    u32::try_from(start).unwrap_or(u32::MAX)
}

/// Gives the row being written the value `token` says.
pub(super) fn set(table: &mut TableBatch, column: usize, token: Token<'_>, scratch: &mut String) {
    let value = match token {
        Token::Float(value) => Value::Float(value),
        Token::Int(value) => Value::Int(value),
        Token::UInt(value) => Value::UInt(value),
        Token::Bool(value) => Value::Bool(value),
        Token::Text(text) if text.contains('\\') => {
            scratch.clear();
            unescape_into(text, Escapes::Quoted, scratch);
            Value::Text(scratch)
        }
        Token::Text(text) => Value::Text(text),
    };
    table.set(column, value);
}
