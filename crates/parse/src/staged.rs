use tidemill_model::{FieldType, TableBatch};

/// Rows of a table whose values wait before they go to the columns, many at once.
pub(crate) const MAX_STAGED_ROWS: usize = 16;

const _: () = assert!(MAX_STAGED_ROWS <= u16::BITS as usize, "a bit for each staged row");

/// The values of one column in a table's last rows.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    /// The type, and the table's column for it. Strings are not staged.
    pub(crate) ty: FieldType,
    pub(crate) column: usize,
    /// Bit `row` says whether a row has a value. Of the row behind the last one, anything.
    present: u16,
    /// Integers as they are, floats as their bits, 0 and 1.
    words: [u64; MAX_STAGED_ROWS],
}

impl Staged {
    pub(crate) fn new(ty: FieldType, column: usize) -> Self {
        Self { ty, column, present: 0, words: [0; MAX_STAGED_ROWS] }
    }

    /// Gives a row a value.
    #[inline(always)]
    pub(crate) fn set(&mut self, row: usize, word: u64) {
        self.words[row % MAX_STAGED_ROWS] = word;
        self.present |= 1 << (row % MAX_STAGED_ROWS);
    }

    /// Brings the values of `rows` rows to the column, where the first of them is row `first_row`.
    pub(crate) fn flush(&mut self, first_row: usize, rows: usize, table: &mut TableBatch) {
        let mut present = u32::from(std::mem::take(&mut self.present)) & ((1 << rows) - 1);
        let column = if present == 0 { return } else { table.column_mut(self.column) };
        // Rows that have a value, and then rows that don't.
        let mut row = 0;
        while present != 0 {
            row += present.trailing_zeros() as usize;
            present >>= present.trailing_zeros();
            let count = present.trailing_ones() as usize;
            present >>= count;
            let words = self.words[row..][..count].iter().copied();
            match self.ty {
                FieldType::Int => column.extend_int(first_row + row, words.map(|word| word as i64)),
                FieldType::UInt => column.extend_uint(first_row + row, words),
                FieldType::Float => column.extend_float(first_row + row, words.map(f64::from_bits)),
                FieldType::Bool => column.extend_bool(first_row + row, words.map(|word| word != 0)),
                FieldType::Text => {}
            }
            row += count;
        }
    }
}
