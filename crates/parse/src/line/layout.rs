use tidemill_memory::Interner;
use tidemill_model::{FieldType, TableBatch};

use super::escape::Escapes;
use super::grammar::Text;
use crate::prefix::Prefix;
use crate::staged::{MAX_STAGED_ROWS, Staged};

/// The fields of a table that were seen.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Names as they stand in the text.
    names: Interner,
    /// By id in `names`.
    fields: Vec<Field>,
    /// All ids, in the order in which rows are expected to have their fields.
    order: Vec<u32>,
    /// Memory for the next order, and for places in it by id.
    next_order: Vec<u32>,
    places: Vec<u32>,
    /// The table's last rows whose values are not in the columns yet.
    staged_rows: usize,
    /// Rows of the last chunk; while one is read, rows there were before it.
    pub(super) rows: usize,
}

/// A field that was seen, and what it is in the staged rows.
#[derive(Debug)]
pub(super) struct Field {
    /// The name as it stands in the text, with its equals sign.
    pub(super) name: Prefix,
    /// Its values of the type it had last.
    pub(super) staged: Staged,
    /// The table's column for each type, by the type's code.
    columns: [Option<u32>; FieldType::ALL.len() + 1],
}

/// The place of a field that a row has not, or has had already.
const OTHER: u32 = u32::MAX;
const TAKEN: u32 = OTHER - 1;

impl Layout {
    /// What reading a row in the expected order takes: the order, the fields, and the number that
    /// the row has among the staged ones.
    #[inline(always)]
    pub(super) fn expected(&mut self) -> (&[u32], &mut [Field], usize) {
        (&self.order, &mut self.fields, self.staged_rows)
    }

    /// The id of the field whose name stands at `at`, wherever its place is.
    pub(super) fn find_by_name(&self, text: &Text<'_>, at: usize) -> Option<u32> {
        let end = text.name_end(at, Escapes::Tag);
        if text.bytes.get(end) != Some(&b'=') {
            return None;
        }
        self.names.get(&text.bytes[at..end])
    }

    /// A field, and the number that the row being read has among the staged ones.
    ///
    /// # Panics
    /// When `id` was not given out by this layout.
    #[inline(always)]
    pub(super) fn field(&mut self, id: u32) -> (&mut Field, usize) {
        (&mut self.fields[id as usize], self.staged_rows)
    }

    /// The column of a field and type, by the field's name as it stands in the text.
    pub(super) fn column(&self, name: &str, ty: FieldType) -> Option<usize> {
        let id = self.names.get(name.as_bytes())?;
        self.fields[id as usize].columns[usize::from(ty.code())].map(|column| column as usize)
    }

    /// Remembers a field; returns its id and how many bytes more that takes. No rows are staged.
    pub(super) fn learn(&mut self, name: &str, ty: FieldType, column: usize) -> (u32, usize) {
        let (id, is_new) = self.names.intern(name.as_bytes());
        if is_new {
            self.fields.push(Field::new(name));
            self.order.push(id);
        }
        let field = &mut self.fields[id as usize];
        field.staged = Staged::new(ty, column);
        field.columns[usize::from(ty.code())] = u32::try_from(column).ok();
        let bytes = 2 * name.len() + size_of::<Field>() + size_of::<u64>() * 3;
        (id, if is_new { bytes } else { 0 })
    }

    /// From now on, expects the fields of `row` in its order; the others stay behind those that
    /// they were behind.
    pub(super) fn learn_order(&mut self, row: &[u32]) {
        let Self { fields, order, places, next_order, .. } = self;
        places.clear();
        places.resize(fields.len(), OTHER);
        row.iter().for_each(|id| places[*id as usize] = 0);
        for (place, id) in order.iter().enumerate() {
            if places[*id as usize] != OTHER {
                places[*id as usize] = place as u32;
            }
        }
        if row.is_sorted_by_key(|id| places[*id as usize]) {
            return;
        }
        let is_other = |id: &&u32, places: &[u32]| places[**id as usize] == OTHER;
        next_order.clear();
        next_order.extend(order.iter().take_while(|id| is_other(id, places)));
        for id in row {
            // A name may stand there twice.
            let place = std::mem::replace(&mut places[*id as usize], TAKEN);
            if place != TAKEN {
                next_order.push(*id);
                let behind = &order[place as usize + 1..];
                next_order.extend(behind.iter().take_while(|id| is_other(id, places)));
            }
        }
        std::mem::swap(order, next_order);
    }

    /// One more of the table's rows has its values here.
    #[inline]
    pub(super) fn stage_row(&mut self, table: &mut TableBatch) {
        self.staged_rows += 1;
        if self.staged_rows == MAX_STAGED_ROWS {
            self.flush(table);
        }
    }

    /// Brings the values of the staged rows to the columns.
    pub(super) fn flush(&mut self, table: &mut TableBatch) {
        let rows = std::mem::take(&mut self.staged_rows);
        let first_row = table.rows() - rows;
        for field in &mut self.fields {
            field.staged.flush(first_row, rows, table);
        }
    }
}

impl Field {
    fn new(name: &str) -> Self {
        Self {
            name: Prefix::new(&[name.as_bytes(), b"="].concat()),
            staged: Staged::new(FieldType::Float, 0),
            columns: [None; FieldType::ALL.len() + 1],
        }
    }
}
