//! Rows of several sources made one: the later source wins per field, or the first row stays.

use tidemill_model::{Column, Duplicates, FieldType};

/// The rows of a merged piece: which row of which part stands where.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    /// The time of each row.
    pub(crate) times: Vec<i64>,
    /// Part and row within it, by time, then by age.
    entries: Vec<(u32, u32)>,
    /// Row `i` is entries `starts[i]..starts[i + 1]`.
    starts: Vec<u32>,
}

impl Merge {
    /// Merges the times of parts, each ascending, in the order of their age.
    pub(crate) fn new(parts: &[Vec<i64>]) -> Self {
        let entries = parts
            .iter()
            .enumerate()
            .flat_map(|(part, times)| (0..times.len() as u32).map(move |row| (part as u32, row)));
        let mut entries: Vec<_> = entries.collect();
        let time = |entry: &(u32, u32)| parts[entry.0 as usize][entry.1 as usize];
        entries.sort_by_key(time);
        let mut merge = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            if merge.times.last() != Some(&time(entry)) {
                merge.times.push(time(entry));
                merge.starts.push(index as u32);
            }
        }
        merge.starts.push(entries.len() as u32);
        merge.entries = entries;
        merge
    }

    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// The values of rows of a field, given its column in each part (`None`: all missing).
    pub(crate) fn column(
        &self,
        ty: FieldType,
        parts: &[Option<Column>],
        rows: std::ops::Range<usize>,
        duplicates: Duplicates,
    ) -> Column {
        let mut out = Column::new(ty);
        let value = |&(part, row): &(u32, u32)| {
            parts[part as usize].as_ref().and_then(|column| column.get(row as usize))
        };
        for row in rows {
            let entries = &self.entries[self.starts[row] as usize..self.starts[row + 1] as usize];
            out.push(match duplicates {
                Duplicates::Last => entries.iter().rev().find_map(value),
                Duplicates::Keep | Duplicates::Error => entries.first().and_then(value),
            });
        }
        out
    }
}
