//! What a reader remembers of the rows it has read: the key texts of series, and the names of
//! fields; for each the one that followed it last time.
//!
//! Collectors write their series round and round, each with the same fields in the same order. So
//! what comes next is guessed and verified by comparing bytes, and neither is taken apart again.

use tidemill_memory::Interner;
use tidemill_model::{Batch, FieldType};

use super::layout::Layout;

/// The series and fields of one batch that were seen.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The batch whose numbers these are.
    batch_id: Option<u64>,
    /// Key texts: all of a row before its first space that is not escaped.
    keys: Interner,
    /// By id in `keys`.
    series: Vec<Series>,
    /// The id of the last row's series.
    last: u32,
    /// By index of the table in the batch.
    layouts: Vec<Layout>,
    layout_bytes: usize,
    last_chunk_bytes: usize,
}

/// A series that was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// The index of its table in the batch.
    pub(super) table: usize,
    /// Its number in that table.
    pub(super) number: u32,
    /// The id of the series whose row followed.
    successor: u32,
}

impl Memory {
    /// Forgets everything unless it is about this batch.
    pub(super) fn attach(&mut self, batch: &Batch) {
        if self.batch_id != Some(batch.id()) {
            *self = Self { batch_id: Some(batch.id()), ..Self::default() };
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
        let series_bytes = self.series.capacity() * size_of::<Series>();
        let bytes = self.keys.memory_bytes() + series_bytes + self.layout_bytes;
        if bytes + key_bytes > max_bytes {
            self.flush(batch);
            *self = Self { batch_id: self.batch_id, ..Self::default() };
        }
        key_bytes <= max_bytes
    }

    /// The series whose row `text` starts with, and the length of its key text, if it was seen.
    #[inline]
    pub(super) fn series(&mut self, text: &[u8]) -> Option<(Series, usize)> {
        let guess = self.series.get(self.last as usize)?.successor;
        let key = self.keys.bytes(guess);
        if text.starts_with(key) && text.get(key.len()) == Some(&b' ') {
            self.last = guess;
            return Some((self.series[guess as usize], key.len()));
        }
        self.find_series(text)
    }

    #[inline(never)]
    fn find_series(&mut self, text: &[u8]) -> Option<(Series, usize)> {
        let len = key_len(text)?;
        let id = self.keys.get(&text[..len])?;
        self.follow(id);
        Some((self.series[id as usize], len))
    }

    /// Remembers that a row of series `id` came next.
    fn follow(&mut self, id: u32) {
        self.series[self.last as usize].successor = id;
        self.last = id;
    }

    pub(super) fn learn_series(&mut self, key: &[u8], table: usize, number: u32) {
        let (id, is_new) = self.keys.intern(key);
        if is_new {
            self.series.push(Series { table, number, successor: 0 });
        }
        self.follow(id);
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
            memory.learn_series(key.as_bytes(), 0, number);
            let series_bytes = memory.series.capacity() * size_of::<Series>();
            let bytes = memory.keys.memory_bytes() + series_bytes;
            // What grows doubles.
            assert!(bytes < 3 * max_bytes, "{bytes} after {number}");
        }
        assert!(!memory.series.is_empty());
    }
}
