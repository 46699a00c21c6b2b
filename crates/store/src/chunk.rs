use tidemill_model::{Column, TimeRange};

/// Rows of one table in arrival order, with the store's series ids and field indices: what the
/// memtable is made of. Never changed once it is made.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Orders chunks: that of a later write is the later.
    pub(crate) sequence: u64,
    pub(crate) series: Vec<u32>,
    pub(crate) times: Vec<i64>,
    /// Field index and column, ascending by field; columns without any value are left out.
    pub(crate) columns: Vec<(u32, Column)>,
    /// Where each row starts in its text, to name it; empty once the chunk is taken in.
    pub(crate) positions: Vec<u32>,
}

impl Chunk {
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn column(&self, field: usize) -> Option<&Column> {
        let at = self.columns.binary_search_by_key(&(field as u32), |(field, _)| *field);
        at.ok().map(|at| &self.columns[at].1)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.columns.iter().map(|(_, column)| column.memory_bytes() + 64).sum::<usize>()
            + self.series.capacity() * 4
            + self.times.capacity() * 8
            + 128
    }

    pub(crate) fn range(&self) -> TimeRange {
        self.times.iter().fold(TimeRange::EMPTY, |range, time| range.including(*time))
    }
}
