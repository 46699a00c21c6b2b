use tidemill_memory::Interner;

use super::Kinds;

/// The first rows of a file, column by column.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(super) columns: Vec<SampleColumn>,
    pub(super) rows: usize,
}

/// What is in a column, row by row; missing cells are left out.
#[derive(Debug)]
pub(super) struct SampleColumn {
    pub(super) name: String,
    /// The distinct texts.
    pub(super) texts: Interner,
    /// Of each text, where it alone says it.
    kinds: Vec<Kinds>,
    pub(super) cells: Vec<SampleCell>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SampleCell {
    pub(super) row: usize,
    /// A number into the column's texts.
    pub(super) text: u32,
    pub(super) kinds: Kinds,
}

/// Rows sorted into classes: two rows are of one class if they agree in every column that the
/// partition was refined by.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// For each row, its class, or `None` for a row that is left out.
    classes: Vec<Option<u32>>,
    next_class: u32,
    /// Rows that are not left out.
    rows: usize,
    /// Whether each row is alone in its class: there is nothing to split.
    is_finest: bool,
}

impl Sample {
    /// The index of the column with this name, which is added when new.
    pub(crate) fn column(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            let (name, texts, kinds, cells) =
                (name.to_owned(), Interner::new(), Vec::new(), Vec::new());
            self.columns.push(SampleColumn { name, texts, kinds, cells });
            self.columns.len() - 1
        })
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Gives the row being sampled a value, unless it is empty; the last one for a column counts.
    pub(crate) fn set(&mut self, column: usize, text: &[u8], kinds: Kinds) {
        let (row, column) = (self.rows, &mut self.columns[column]);
        column.take_back(row);
        if !text.is_empty() {
            let text = column.texts.intern(text).0;
            column.cells.push(SampleCell { row, text, kinds });
        }
    }

    /// [`Sample::set`] where the text alone says of what kinds it is; the row being sampled has no
    /// value for the column yet.
    pub(crate) fn set_text(
        &mut self,
        column: usize,
        text: &[u8],
        kinds_of: impl FnOnce(&[u8]) -> Kinds,
    ) {
        let (row, column) = (self.rows, &mut self.columns[column]);
        if text.is_empty() {
            return;
        }
        // Rows of one moment mostly come together.
        let last = column.cells.last().filter(|cell| column.texts.bytes(cell.text) == text);
        let (text, kinds) = match last {
            Some(cell) => (cell.text, cell.kinds),
            None => {
                let (id, is_new) = column.texts.intern(text);
                if is_new {
                    column.kinds.push(kinds_of(text));
                }
                (id, column.kinds[id as usize])
            }
        };
        column.cells.push(SampleCell { row, text, kinds });
    }

    /// Finishes the row being sampled.
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Takes back what the row being sampled was given.
    pub(crate) fn abandon_row(&mut self) {
        self.columns.iter_mut().for_each(|column| column.take_back(self.rows));
    }

    /// The names of all columns, for a message.
    pub(super) fn names(&self) -> String {
        const MAX_SHOWN: usize = 50;
        let names = self.columns.iter().take(MAX_SHOWN).map(|c| format!("`{}`", c.name));
        let more = if self.width() > MAX_SHOWN { ", …" } else { "" };
        names.collect::<Vec<_>>().join(", ") + more
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl SampleColumn {
    fn take_back(&mut self, row: usize) {
        if self.cells.last().is_some_and(|cell| cell.row == row) {
            self.cells.pop();
        }
    }
}

impl Partition {
    /// All these rows in one class, the others left out.
    pub(super) fn new(rows: &[bool]) -> Self {
        let classes: Vec<_> = rows.iter().map(|is_in| is_in.then_some(0)).collect();
        let rows = rows.iter().filter(|is_in| **is_in).count();
        Self { classes, next_class: 1, rows, is_finest: false }
    }

    /// Splits classes by what their rows have in `column`.
    pub(super) fn refine(&mut self, column: &SampleColumn) {
        if self.is_finest {
            return;
        }
        let (mut parts, mut split) = (Interner::new(), 0);
        for cell in &column.cells {
            if let Some(class) = &mut self.classes[cell.row] {
                let [a, b, c, d] = class.to_le_bytes();
                let [e, f, g, h] = cell.text.to_le_bytes();
                // Rows without a cell keep their class, which no part is given.
                *class = self.next_class + parts.intern(&[a, b, c, d, e, f, g, h]).0;
                split += 1;
            }
        }
        self.next_class += parts.len() as u32;
        self.is_finest = parts.len() == split && split == self.rows;
    }

    /// How many rows are of the class of an earlier row.
    pub(super) fn repeats(&self) -> usize {
        let mut classes: Vec<_> = self.classes.iter().flatten().collect();
        let rows = classes.len();
        classes.sort_unstable();
        classes.dedup();
        rows - classes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Partition, Sample};
    use crate::tabular::Kinds;

    #[test]
    fn rows_repeat_when_they_agree_in_all_columns() {
        let check = |rows: &[[&str; 2]], want: usize| {
            let mut sample = Sample::default();
            for row in rows {
                for (name, text) in ["a", "b"].iter().zip(row) {
                    let column = sample.column(name);
                    sample.set(column, text.as_bytes(), Kinds::TEXT);
                }
                sample.end_row();
            }
            let mut partition = Partition::new(&vec![true; rows.len()]);
            sample.columns.iter().for_each(|column| partition.refine(column));
            assert_eq!(partition.repeats(), want, "{rows:?}");
        };
        check(&[["x", "1"], ["x", "2"], ["y", "1"]], 0);
        check(&[["x", "1"], ["y", "2"], ["x", "1"], ["x", "1"]], 2);
        check(&[["x", "1"], ["x", ""], ["y", ""], ["", "1"], ["", ""]], 0);
        check(&[["x", ""], ["", "x"], ["x", ""], ["", ""], ["", ""]], 2);
    }

    #[test]
    fn a_row_taken_back_was_never_there() {
        let mut sample = Sample::default();
        let column = sample.column("a");
        sample.set(column, b"x", Kinds::TEXT);
        sample.abandon_row();
        sample.end_row();
        assert!(sample.columns[column].cells.is_empty());
    }
}
