use tidemill_memory::Interner;

use super::Kinds;

/// The first rows of a file, column by column.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(super) columns: Vec<SampleColumn>,
    pub(super) rows: usize,
}

/// The cells of one column; a cell is a number into the column's distinct texts.
#[derive(Debug)]
pub(super) struct SampleColumn {
    pub(super) name: String,
    pub(super) texts: Interner,
    pub(super) cells: Vec<SampleCell>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SampleCell {
    /// `None`: missing.
    pub(super) text: Option<u32>,
    pub(super) kinds: Kinds,
}

const MISSING: SampleCell = SampleCell { text: None, kinds: Kinds::NONE };

impl Sample {
    /// The index of the column with this name, which is added when new.
    pub(crate) fn column(&mut self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.unwrap_or_else(|| {
            self.columns.push(SampleColumn {
                name: name.to_owned(),
                texts: Interner::new(),
                cells: Vec::new(),
            });
            self.columns.len() - 1
        })
    }

    /// Gives the row being sampled a value; the last one for a column counts.
    pub(crate) fn set(&mut self, column: usize, text: &[u8], kinds: Kinds) {
        let row = self.rows;
        let column = &mut self.columns[column];
        column.cells.resize(row, MISSING);
        let text = (!text.is_empty()).then(|| column.texts.intern(text).0);
        column.cells.push(SampleCell { text, kinds });
    }

    /// Finishes the row being sampled.
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
        self.columns.iter_mut().for_each(|column| column.cells.resize(self.rows, MISSING));
    }

    /// Takes back what the row being sampled was given.
    pub(crate) fn abandon_row(&mut self) {
        self.columns.iter_mut().for_each(|column| column.cells.truncate(self.rows));
    }

    /// The names of all columns, for a message.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|c| format!("`{}`", c.name)).collect();
        names.join(", ")
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// How many rows agree in all of `columns` with a row before them.
    pub(super) fn repeats(&self, rows: &[usize], columns: &[usize]) -> usize {
        let mut seen = Interner::new();
        let mut key = Vec::new();
        let repeats = rows.iter().filter(|row| {
            key.clear();
            for column in columns {
                let text = self.columns[*column].cells[**row].text;
                key.extend_from_slice(&text.map_or(0, |id| id + 1).to_le_bytes());
            }
            !seen.intern(&key).1
        });
        repeats.count()
    }
}
