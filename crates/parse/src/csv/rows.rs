use std::ops::Range;

use tidemill_machine::prefetch;
use tidemill_model::{FieldType, TableBatch, Values};

use super::reader::{field_type, is_number};
use crate::tabular::PlanColumn;

/// The most rows that wait…
const MAX_ROWS: usize = u64::BITS as usize;
/// …and the most numbers, but for those of a single row: few enough for the nearest cache.
const MAX_WORDS: usize = 2048;
/// Numbers are written in groups of eight.
const GROUP: usize = 8;

/// The last rows: their numbers wait here, row by row, before they go to the columns, many at once.
#[derive(Debug)]
pub(super) struct Rows {
    fields: Vec<Field>,
    rows: usize,
    max_rows: usize,
    /// Integers as they are, floats as their bits, 0 and 1: as many a row as there are fields.
    words: Vec<u64>,
}

/// A column that is a field, but for texts.
#[derive(Debug)]
struct Field {
    ty: FieldType,
    /// The index of the table's column for it.
    column: usize,
    /// Bit `row` says whether a row has no value. Of rows behind the last one, anything.
    missing: u64,
}

impl Rows {
    pub(super) fn new(columns: &[PlanColumn]) -> Self {
        let types = columns.iter().filter(|column| is_number(column)).filter_map(field_type);
        let fields: Vec<_> = types.map(|ty| Field { ty, column: 0, missing: 0 }).collect();
        let max_rows = (MAX_WORDS / fields.len().max(1)).clamp(1, MAX_ROWS);
        Self { rows: 0, max_rows, words: vec![0; max_rows * fields.len() + GROUP], fields }
    }

    /// Says which columns of the table the fields are, in order.
    pub(super) fn attach(&mut self, columns: impl Iterator<Item = usize>) {
        self.fields.iter_mut().zip(columns).for_each(|(field, column)| field.column = column);
    }

    /// The type of a field.
    #[inline(always)]
    pub(super) fn ty(&self, field: usize) -> FieldType {
        self.fields[field].ty
    }

    /// Gives the row being written a value.
    #[inline(always)]
    pub(super) fn set(&mut self, field: usize, word: u64) {
        let at = self.rows * self.fields.len() + field;
        self.words[at] = word;
    }

    /// Gives the row being written values, from this field on.
    #[inline(always)]
    pub(super) fn set_all(&mut self, field: usize, words: &[u64]) {
        let at = self.rows * self.fields.len() + field;
        for (to, word) in self.words[at..].iter_mut().zip(words) {
            *to = *word;
        }
    }

    /// The values of the row being written, if it has all of these.
    #[inline]
    pub(super) fn values(&self, fields: Range<usize>) -> Option<&[u64]> {
        let row = self.rows * self.fields.len();
        let is_missing = |field: &Field| field.missing >> (self.rows % MAX_ROWS) & 1 != 0;
        let is_whole = !self.fields[fields.clone()].iter().any(is_missing);
        is_whole.then(|| &self.words[row + fields.start..row + fields.end])
    }

    /// The row being written has no such value.
    #[inline(always)]
    pub(super) fn leave_out(&mut self, field: usize) {
        self.fields[field].missing |= 1 << (self.rows % MAX_ROWS);
    }

    /// Where the values of the row being written stand, from this field on. What comes later in the
    /// row may be overwritten.
    #[inline(always)]
    pub(super) fn values_from(&mut self, field: usize) -> &mut [[u64; GROUP]] {
        let at = self.rows * self.fields.len() + field;
        self.words[at..].as_chunks_mut().0
    }

    /// One more row is here; whether there is no room for another.
    #[inline(always)]
    pub(super) fn end_row(&mut self) -> bool {
        self.rows += 1;
        self.rows == self.max_rows
    }

    /// Brings the values to the columns; the rows are the last that the table has.
    pub(super) fn flush(&mut self, table: &mut TableBatch) {
        let rows = std::mem::take(&mut self.rows);
        let (first_row, stride) = (table.rows() - rows, self.fields.len());
        let mut values = [0; MAX_ROWS];
        for (index, field) in self.fields.iter_mut().enumerate() {
            let missing = std::mem::take(&mut field.missing);
            for (value, row) in values.iter_mut().zip(self.words.chunks_exact(stride)).take(rows) {
                *value = row[index];
            }
            // Rows that have a value, and then rows that don't.
            let mut row = 0;
            while row < rows {
                let count = ((missing >> row).trailing_zeros() as usize).min(rows - row);
                field.extend(first_row + row, &values[row..][..count], table);
                row += count;
                if row < rows {
                    row += (!missing >> row).trailing_zeros() as usize;
                }
            }
        }
    }
}

impl Field {
    /// Appends the values of rows, of which `row` is the first, to the table's column.
    fn extend(&self, row: usize, words: &[u64], table: &mut TableBatch) {
        if words.is_empty() {
            return;
        }
        let (column, words) = (table.column_mut(self.column), words.iter().copied());
        match self.ty {
            FieldType::Int => column.extend_int(row, words.map(|word| word as i64)),
            FieldType::UInt => column.extend_uint(row, words),
            FieldType::Float => column.extend_float(row, words.map(f64::from_bits)),
            FieldType::Bool => column.extend_bool(row, words.map(|word| word != 0)),
            FieldType::Text => {}
        }
        match column.values() {
            Values::Int(values) => expect(values),
            Values::UInt(values) => expect(values),
            Values::Float(values) => expect(values),
            Values::Bool(_) | Values::Text(_) => {}
        }
    }
}

/// Has the memory for the next values loaded: a column was last touched long ago, and the few values
/// that come at once end before a processor sees that they are in a row.
fn expect<T>(values: &[T]) {
    for row in (0..MAX_ROWS).step_by(64 / size_of::<u64>()) {
        prefetch::read_at(values, values.len() + row);
    }
}
