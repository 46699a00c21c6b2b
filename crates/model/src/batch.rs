use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_memory::Interner;

use crate::{Column, FieldType, Value};

/// Rows of several tables in arrival order: what a reader fills and a store takes.
///
/// A batch is made to be reused. [`Batch::clear_rows`] forgets the rows and keeps tables, series
/// and columns with their memory, so that a steady state allocates nothing and a row's series is
/// a number after its first sight.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    id: BatchId,
    names: Interner,
    tables: Vec<TableBatch>,
}

/// What the keys of forgotten series took is kept for others up to this many bytes a table.
const MAX_IDLE_KEY_BYTES: usize = 1 << 20;

/// Tells batches apart, clones included: the numbers of tables, series and columns that a reader
/// remembers mean something in one batch only.
#[derive(Debug, PartialEq, Eq)]
struct BatchId(u64);

impl Default for BatchId {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Clone for BatchId {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Batch {
    /// A batch of no tables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A number no other batch of this process has: whoever remembers indices of tables, series or
    /// columns between calls compares it first.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// The index of the table with this name, which is added when new.
    pub fn table(&mut self, name: &str) -> usize {
        let (id, is_new) = self.names.intern(name.as_bytes());
        if is_new {
            self.tables.push(TableBatch { name: name.to_owned(), ..TableBatch::default() });
        }
        id as usize
    }

    /// The index of the table with this name, if there is one.
    #[must_use]
    pub fn find_table(&self, name: &str) -> Option<usize> {
        self.names.get(name.as_bytes()).map(|id| id as usize)
    }

    /// The tables, in the order they were first seen; some may hold no rows.
    #[must_use]
    pub fn tables(&self) -> &[TableBatch] {
        &self.tables
    }

    /// The tables, to fill.
    pub fn tables_mut(&mut self) -> &mut [TableBatch] {
        &mut self.tables
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tables.iter().map(TableBatch::rows).sum()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Forgets the rows; keeps tables, series, columns and memory.
    pub fn clear_rows(&mut self) {
        self.tables.iter_mut().for_each(TableBatch::clear_rows);
    }

    /// Forgets the rows and the series; keeps tables, columns and their memory. The batch is another one from now on
    /// ([`Batch::id`]).
    pub fn forget_series(&mut self) {
        self.clear_rows();
        for table in &mut self.tables {
            match table.series_keys.memory_bytes() {
                0..=MAX_IDLE_KEY_BYTES => table.series_keys.clear(),
                _ => table.series_keys = Interner::new(),
            }
        }
        self.id = BatchId::default();
    }
}

/// Rows of one table in arrival order, column by column.
#[derive(Clone, Debug, Default)]
pub struct TableBatch {
    name: String,
    series_keys: Interner,
    columns: Vec<BatchColumn>,
    series: Vec<u32>,
    times: Vec<i64>,
    positions: Vec<u32>,
    untimed: Vec<u32>,
}

/// A named column of a [`TableBatch`]. The same name may stand twice with different types: only
/// the store knows which of them is the table's.
#[derive(Clone, Debug)]
pub struct BatchColumn {
    /// The field's name.
    pub name: String,
    /// Its values, one a row (after [`TableBatch::finish`]).
    pub column: Column,
}

/// The rows of a [`TableBatch`], taken out of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakenRows {
    /// The series of each row.
    pub series: Vec<u32>,
    /// The time of each row, in nanoseconds.
    pub times: Vec<i64>,
    /// Where each row starts in its text, in bytes.
    pub positions: Vec<u32>,
    /// The columns that were added so far, in order.
    pub columns: Vec<Column>,
}

/// Changes places with `other`, which is emptied first.
fn swap_cleared<T>(values: &mut Vec<T>, other: &mut Vec<T>) {
    other.clear();
    std::mem::swap(values, other);
}

impl TableBatch {
    /// A row's series with this bit is one that the store has, by the id it gave it; without it, it is one of
    /// [`TableBatch::series_keys`].
    pub const STORED: u32 = 1 << 31;

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of finished rows, which is also the index of the row being written.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// The number of the series with this key ([`crate::SeriesKey`]), which is added when new.
    pub fn series(&mut self, key: &[u8]) -> u32 {
        self.series_keys.intern(key).0
    }

    /// The keys of all series seen so far, by number.
    #[must_use]
    pub fn series_keys(&self) -> &Interner {
        &self.series_keys
    }

    /// The index of the column with this name and type, which is added when new.
    pub fn column(&mut self, name: &str, ty: FieldType) -> usize {
        let found = self.columns.iter().position(|c| c.column.ty() == ty && c.name == name);
        found.unwrap_or_else(|| {
            self.columns.push(BatchColumn { name: name.to_owned(), column: Column::new(ty) });
            self.columns.len() - 1
        })
    }

    /// All columns.
    #[must_use]
    pub fn columns(&self) -> &[BatchColumn] {
        &self.columns
    }

    /// A column, to be given the values of many rows at once: finished ones and the one being
    /// written.
    ///
    /// # Panics
    /// When there is none.
    pub fn column_mut(&mut self, column: usize) -> &mut Column {
        &mut self.columns[column].column
    }

    /// Gives the row being written a value; a later one for the same column wins.
    ///
    /// # Panics
    /// When there is no such column or it is of another type.
    #[inline]
    pub fn set(&mut self, column: usize, value: Value<'_>) {
        let row = self.rows();
        self.columns[column].column.set_row(row, value);
    }

    /// [`TableBatch::set`] for an integer: the hot path of a reader.
    ///
    /// # Panics
    /// As [`TableBatch::set`].
    #[inline]
    pub fn set_int(&mut self, column: usize, value: i64) {
        let row = self.rows();
        self.columns[column].column.set_int(row, value);
    }

    /// [`TableBatch::set`] for a float: the hot path of a reader.
    ///
    /// # Panics
    /// As [`TableBatch::set`].
    #[inline]
    pub fn set_float(&mut self, column: usize, value: f64) {
        let row = self.rows();
        self.columns[column].column.set_float(row, value);
    }

    /// Finishes the row being written. `time` `None`: the store decides it later
    /// ([`TableBatch::untimed`]). `position` is the byte at which the row starts in the text it
    /// was read from, to name it should the store refuse it.
    #[inline]
    pub fn end_row(&mut self, series: u32, time: Option<i64>, position: u32) {
        if time.is_none() {
            self.untimed.push(self.times.len() as u32);
        }
        self.series.push(series);
        self.times.push(time.unwrap_or_default());
        self.positions.push(position);
    }

    /// Makes room for `rows` more rows in every column there is; if it has none yet, for an eighth more than that at most.
    pub fn reserve(&mut self, rows: usize) {
        if self.rows() > 0 {
            // Exactly so many time and again would be a copy each time.
            self.columns.iter_mut().for_each(|c| c.column.reserve(rows));
            self.series.reserve(rows);
            self.times.reserve(rows);
            self.positions.reserve(rows);
            return;
        }
        let rows = Self::room_for(rows);
        self.columns.iter_mut().for_each(|c| c.column.reserve_exact(rows));
        self.series.reserve_exact(rows);
        self.times.reserve_exact(rows);
        self.positions.reserve_exact(rows);
    }

    /// For how many rows there should be room where there are `rows`, and will be about as many again: the next ones
    /// are a few more or less, so the memory that is used again is mostly large enough.
    #[must_use]
    pub fn room_for(rows: usize) -> usize {
        rows.next_multiple_of((rows / 16).next_power_of_two())
    }

    /// Takes back the values given to the row being written.
    pub fn abandon_row(&mut self) {
        let row = self.rows();
        self.columns.iter_mut().for_each(|c| c.column.truncate(row));
    }

    /// Makes every column as long as there are rows. Readers call it when a batch is full.
    pub fn finish(&mut self) {
        let rows = self.rows();
        self.columns.iter_mut().for_each(|c| c.column.pad_to(rows));
    }

    /// The series of each row: its number in [`TableBatch::series_keys`], or an id with the bit
    /// [`TableBatch::STORED`].
    #[must_use]
    pub fn row_series(&self) -> &[u32] {
        &self.series
    }

    /// The time of each row, in nanoseconds; 0 where it has none.
    #[must_use]
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The times, to settle those of [`TableBatch::untimed`].
    pub fn times_mut(&mut self) -> &mut [i64] {
        &mut self.times
    }

    /// Where each row starts in its text, in bytes.
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The rows that came without a time, ascending.
    #[must_use]
    pub fn untimed(&self) -> &[u32] {
        &self.untimed
    }

    /// Takes the rows out. The batch keeps its series and columns and is ready for new rows.
    #[must_use]
    pub fn take_rows(&mut self) -> TakenRows {
        let mut rows = TakenRows::default();
        self.take_rows_into(&mut rows);
        rows
    }

    /// Takes the rows out and puts them over `rows`, whose memory the batch uses for the next.
    pub fn take_rows_into(&mut self, rows: &mut TakenRows) {
        self.finish();
        swap_cleared(&mut self.series, &mut rows.series);
        swap_cleared(&mut self.times, &mut rows.times);
        swap_cleared(&mut self.positions, &mut rows.positions);
        self.untimed.clear();
        for (index, BatchColumn { column, .. }) in self.columns.iter_mut().enumerate() {
            // Mostly it is the same column as the last time.
            match rows.columns.get_mut(index) {
                Some(spare) if spare.ty() == column.ty() => {
                    spare.clear();
                    std::mem::swap(column, spare);
                }
                Some(other) => {
                    *other = std::mem::replace(column, Column::new(column.ty()));
                }
                None => rows.columns.push(std::mem::replace(column, Column::new(column.ty()))),
            }
        }
        rows.columns.truncate(self.columns.len());
    }

    /// Forgets the rows; keeps series, columns and memory.
    pub fn clear_rows(&mut self) {
        self.columns.iter_mut().for_each(|c| c.column.clear());
        self.series.clear();
        self.times.clear();
        self.positions.clear();
        self.untimed.clear();
    }

    /// Bytes of memory held by the rows.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.columns.iter().map(|c| c.column.memory_bytes()).sum::<usize>()
            + self.series.capacity() * 4
            + self.times.capacity() * 8
            + self.positions.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_rows_leave_their_memory() {
        let mut batch = Batch::new();
        let table = batch.table("t");
        let table = &mut batch.tables_mut()[table];
        let (int, text) = (table.column("i", FieldType::Int), table.column("s", FieldType::Text));
        let mut fill = |time: i64| {
            table.set_int(int, time);
            table.set(text, Value::Text("x"));
            table.end_row(0, Some(time), 7);
        };
        fill(1);
        fill(2);
        let mut rows = table.take_rows();
        assert_eq!((&rows.series[..], &rows.times[..]), (&[0, 0][..], &[1, 2][..]));
        assert_eq!((table.rows(), &rows.positions[..]), (0, &[7, 7][..]));
        let memory = rows.times.as_ptr();
        // Of other types, in another order, and one too many.
        rows.columns.swap(0, 1);
        rows.columns.insert(0, Column::new(FieldType::Bool));
        table.set_int(int, 3);
        table.end_row(1, Some(3), 9);
        table.take_rows_into(&mut rows);
        assert_eq!((rows.columns.len(), &rows.times[..]), (2, &[3][..]));
        assert_eq!((rows.columns[0].get(0), rows.columns[1].get(0)), (Some(Value::Int(3)), None));
        table.end_row(1, Some(4), 9);
        assert_eq!(table.times().as_ptr(), memory);
        assert!(table.take_rows().columns.iter().all(|column| column.get(0).is_none()));
    }

    #[test]
    fn rows_are_written_abandoned_and_kept_apart_by_type() {
        let mut batch = Batch::new();
        let cpu = batch.table("cpu");
        assert_eq!((batch.table("mem"), batch.table("cpu")), (1, 0));
        assert_eq!((batch.find_table("mem"), batch.find_table("disk")), (Some(1), None));
        assert_ne!(batch.id(), batch.clone().id());
        let table = &mut batch.tables_mut()[cpu];
        let series = table.series(b"key");
        let int = table.column("u", FieldType::Int);
        let float = table.column("u", FieldType::Float);
        table.set_int(int, 5);
        table.end_row(series, Some(10), 0);
        table.set_float(float, 1.0);
        table.abandon_row();
        table.set_float(float, 2.5);
        table.end_row(series, None, 40);
        table.finish();
        let column = |i: usize| &table.columns()[i].column;
        assert_eq!((column(int).get(0), column(int).get(1)), (Some(Value::Int(5)), None));
        assert_eq!((column(float).get(0), column(float).get(1)), (None, Some(Value::Float(2.5))));
        assert_eq!((table.untimed(), table.positions()), (&[1u32][..], &[0u32, 40][..]));
        assert_eq!(batch.rows(), 2);
        batch.clear_rows();
        assert!(batch.is_empty());
        assert_eq!(batch.tables()[cpu].series_keys().len(), 1);
    }
}
