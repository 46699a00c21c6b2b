//! What a reader remembers of the rows it has read: the key texts of series, and the names of
//! fields; for each the one that followed it last time.
//!
//! Collectors write their series round and round, each with the same fields in the same order. So
//! what comes next is guessed and verified by comparing bytes, and neither is taken apart again.

use std::sync::Arc;

use tidemill_model::{Batch, FieldType, TableBatch};

use super::keys::{Keys, Known, Series, SharedSeries, max_plain_bytes};
use super::layout::Layout;

/// The series and fields of one batch that were seen.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The batch whose numbers these are.
    batch_id: Option<u64>,
    /// Series that the batch has numbers for.
    keys: Keys,
    /// The id of the last row's series among them.
    last: u32,
    /// The id of the last row whose series the store has, among those that are shared.
    last_known: u32,
    /// The tables of shared series, as indices in the batch.
    tables: Vec<u32>,
    /// By index of the table in the batch.
    layouts: Vec<Layout>,
    layout_bytes: usize,
    last_chunk_bytes: usize,
    scratch: Vec<u8>,
}

impl Memory {
    /// Forgets everything unless it is about this batch.
    pub(super) fn attach(&mut self, batch: &Batch) {
        if self.batch_id != Some(batch.id()) {
            *self = Self { batch_id: Some(batch.id()), ..Self::default() };
        }
    }

    /// Gives every table of the shared series a place in the batch.
    pub(super) fn attach_tables(&mut self, known: &Known, batch: &mut Batch) {
        for name in known.tables.iter().skip(self.tables.len()) {
            // They come from texts.
            let name = std::str::from_utf8(name).unwrap_or_default();
            self.tables.push(batch.table(name) as u32);
        }
    }

    /// Readies it to learn a row with a key text of `key_bytes`: forgets everything when it would
    /// take more than `max_bytes`. Returns `false` when the key alone would.
    /// What was staged goes to `batch`.
    pub(super) fn make_room(
        &mut self,
        key_bytes: usize,
        max_bytes: usize,
        batch: &mut Batch,
    ) -> bool {
        let bytes = self.keys.memory_bytes() + self.layout_bytes;
        if bytes + key_bytes > max_bytes {
            self.flush(batch);
            let tables = std::mem::take(&mut self.tables);
            *self = Self { batch_id: self.batch_id, tables, ..Self::default() };
        }
        key_bytes <= max_bytes
    }

    /// The series whose row `text` starts with, its table in the batch, and the length of its key text, if it
    /// was seen.
    #[inline]
    pub(super) fn series(&mut self, known: &Keys, text: &[u8]) -> Option<(Series, usize)> {
        if let Some((id, len, series)) = known.guess(self.last_known, text) {
            self.last_known = id;
            return Some((self.in_batch(series), len));
        }
        if let Some((id, len, series)) = self.keys.guess(self.last, text) {
            self.last = id;
            return Some((series, len));
        }
        self.find_series(known, text)
    }

    #[inline(never)]
    fn find_series(&mut self, known: &Keys, text: &[u8]) -> Option<(Series, usize)> {
        if known.is_empty() && self.keys.is_empty() {
            return None;
        }
        let len = key_len(text)?;
        if let Some((id, series)) = known.find(self.last_known, &text[..len], &mut self.scratch) {
            self.last_known = id;
            return Some((self.in_batch(series), len));
        }
        let (id, series) = self.keys.find(self.last, &text[..len], &mut self.scratch)?;
        self.last = id;
        Some((series, len))
    }

    /// A shared series, with its table's index in the batch.
    #[inline(always)]
    fn in_batch(&self, series: Series) -> Series {
        Series { table: self.tables[series.table as usize], ..series }
    }

    /// Remembers a series, where all that is remembered takes `max_bytes` at most.
    pub(super) fn learn_series(&mut self, key: &[u8], table: usize, number: u32, max_bytes: usize) {
        let series = Series { table: table as u32, number };
        self.last = self.keys.learn(self.last, key, series, max_plain_bytes(max_bytes));
    }

    /// Hands on the series that the store has given ids, and forgets all numbers of the batch, which forgets them, too.
    pub(super) fn share(
        &mut self,
        shared: &Arc<SharedSeries>,
        batch: &mut Batch,
        id_of: &dyn Fn(usize, u32) -> Option<u32>,
    ) {
        self.attach(batch);
        let stored = self.keys.iter().filter_map(|(key, Series { table, number })| {
            let id = id_of(table as usize, number).filter(|id| *id < TableBatch::STORED)?;
            Some((key, batch.tables()[table as usize].name(), id | TableBatch::STORED))
        });
        shared.learn(stored);
        self.keys.clear();
        self.last = 0;
        batch.forget_series();
        // Columns keep their places.
        self.batch_id = Some(batch.id());
    }

    /// What is known of the fields of a table.
    #[inline]
    pub(super) fn layout(&mut self, table: usize) -> Option<&mut Layout> {
        self.layouts.get_mut(table)
    }

    /// Remembers a field of a table; returns its id there.
    pub(super) fn learn_field(
        &mut self,
        table: usize,
        name: &str,
        ty: FieldType,
        column: usize,
    ) -> u32 {
        if self.layouts.len() <= table {
            self.layout_bytes += (table + 1 - self.layouts.len()) * size_of::<Layout>();
            self.layouts.resize_with(table + 1, Layout::default);
        }
        let (id, bytes) = self.layouts[table].learn(name, ty, column);
        self.layout_bytes += bytes;
        id
    }

    /// Brings all staged values to the columns.
    pub(super) fn flush(&mut self, batch: &mut Batch) {
        for (layout, table) in self.layouts.iter_mut().zip(batch.tables_mut()) {
            layout.flush(table);
        }
    }

    /// Before a chunk: makes room in `batch` for as many rows as the chunk before would have had
    /// in `chunk_bytes`, and for `max_cells` at most.
    pub(super) fn expect_rows(&mut self, batch: &mut Batch, chunk_bytes: usize, max_cells: usize) {
        let last_bytes = self.last_chunk_bytes.max(1);
        let mut cells = max_cells;
        for (layout, table) in self.layouts.iter_mut().zip(batch.tables_mut()) {
            let rows = layout.rows.saturating_mul(chunk_bytes) / last_bytes;
            let columns = table.columns().len().max(1);
            let rows = (rows + rows / 16).min(cells / columns);
            cells -= rows * columns;
            table.reserve(rows);
            layout.rows = table.rows();
        }
    }

    /// After a chunk: notes how many rows it had in how many bytes.
    pub(super) fn note_rows(&mut self, batch: &Batch, chunk_bytes: usize) {
        self.last_chunk_bytes = chunk_bytes;
        for (layout, table) in self.layouts.iter_mut().zip(batch.tables()) {
            layout.rows = table.rows() - layout.rows;
        }
    }
}

/// The length of the key text that `text` starts with, if its line goes on behind it.
fn key_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(b' ', b'\\', b'\n', &text[at..])?;
        match text[at] {
            b' ' => return Some(at),
            // In a measurement `\=` is two characters, neither of which ends it.
            b'\\' => at += 1 + usize::from(matches!(text.get(at + 1), Some(b' ' | b',' | b'='))),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        let mut batch = Batch::new();
        memory.attach(&batch);
        let mut make_room =
            |memory: &mut Memory, bytes, max_bytes| memory.make_room(bytes, max_bytes, &mut batch);
        assert!(!make_room(&mut memory, 1001, 1000) && make_room(&mut memory, 1000, 1000));
        let max_bytes = 20_000;
        for number in 0..5000u32 {
            let key = format!("m,host={number}");
            assert!(make_room(&mut memory, key.len(), max_bytes));
            memory.learn_series(key.as_bytes(), 0, number, max_bytes);
            let bytes = memory.keys.memory_bytes();
            // What grows doubles.
            assert!(bytes < 3 * max_bytes, "{bytes} after {number}");
        }
        assert!(!memory.keys.is_empty());
    }
}
