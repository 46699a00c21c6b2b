use tidemill_memory::Recycle;
use tidemill_model::{Column, FieldType, TableBatch, TimeRange};

use crate::ingest::select;
use crate::read::ColumnSlice;

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
    /// Where each row starts in its text, to name it; nobody looks once the chunk is taken in.
    pub(crate) positions: Vec<u32>,
    /// Whether it was made of several.
    pub(crate) is_merged: bool,
}

impl Recycle for Chunk {
    fn clear(&mut self) {
        self.series.clear();
        self.times.clear();
        self.positions.clear();
        self.columns.iter_mut().for_each(|(_, column)| column.clear());
    }

    fn memory_bytes(&self) -> usize {
        Self::memory_bytes(self)
    }
}

impl Chunk {
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn column(&self, field: usize) -> Option<&Column> {
        // Mostly a chunk has all fields.
        if let Some((id, column)) = self.columns.get(field)
            && *id == field as u32
        {
            return Some(column);
        }
        let at = self.columns.binary_search_by_key(&(field as u32), |(field, _)| *field);
        at.ok().map(|at| &self.columns[at].1)
    }

    /// Makes this chunk, which has no rows, one of the rows of all these, without their positions.
    pub(crate) fn merge<'c>(&mut self, parts: impl Iterator<Item = &'c Self> + Clone) {
        self.is_merged = true;
        let rows = TableBatch::room_for(parts.clone().map(Self::rows).sum());
        self.series.reserve_exact(rows);
        self.times.reserve_exact(rows);
        self.columns.iter_mut().for_each(|(_, column)| column.reserve_exact(rows));
        for part in parts {
            let before = self.rows();
            self.series.extend_from_slice(&part.series);
            self.times.extend_from_slice(&part.times);
            for (field, column) in &part.columns {
                let to = self.column_or_new(*field, column.ty(), rows);
                to.pad_to(before);
                ColumnSlice::of(column, 0..column.len()).append_to(to);
            }
            let now = self.rows();
            self.columns.iter_mut().for_each(|(_, column)| column.pad_to(now));
        }
        // Some were there for their memory only.
        self.columns.retain(|(_, column)| column.valid_count() > 0);
    }

    /// The column of a field, which is added, with room for `rows`, if there is none.
    fn column_or_new(&mut self, field: u32, ty: FieldType, rows: usize) -> &mut Column {
        let at = self.columns.binary_search_by_key(&field, |(field, _)| *field);
        let at = at.unwrap_or_else(|at| {
            let mut column = Column::new(ty);
            column.reserve_exact(rows);
            self.columns.insert(at, (field, column));
            at
        });
        &mut self.columns[at].1
    }

    /// Brings the rows of each series together, in arrival order. A chunk fits a cache, the whole
    /// memtable does not: sorting it later moves stretches instead of single values.
    pub(crate) fn cluster(&mut self, scratch: &mut ClusterScratch) {
        let rows = self.rows();
        if self.series.is_sorted() {
            return;
        }
        scratch.order_by_series(&self.series);
        let order = &scratch.order[..rows];
        permute(&mut self.series, order, &mut scratch.series);
        permute(&mut self.times, order, &mut scratch.times);
        for (_, column) in &mut self.columns {
            let spare = column_of_type(&mut scratch.columns, column.ty());
            spare.take(column, order);
            std::mem::swap(column, spare);
        }
        if self.positions.len() == rows {
            permute(&mut self.positions, order, &mut scratch.series);
        }
    }

    /// Keeps only the rows with these indices.
    pub(crate) fn keep(&mut self, kept: &[u32]) {
        self.series = kept.iter().map(|row| self.series[*row as usize]).collect();
        self.times = kept.iter().map(|row| self.times[*row as usize]).collect();
        self.columns.iter_mut().for_each(|(_, column)| *column = select(column, kept));
        self.columns.retain(|(_, column)| column.valid_count() > 0);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.columns.iter().map(|(_, column)| column.memory_bytes() + 64).sum::<usize>()
            + self.series.capacity() * 4
            + self.times.capacity() * 8
            + self.positions.capacity() * 4
            + 128
    }

    pub(crate) fn range(&self) -> TimeRange {
        self.times.iter().fold(TimeRange::EMPTY, |range, time| range.including(*time))
    }
}

/// Memory for [`Chunk::cluster`], to be used again.
#[derive(Debug, Default)]
pub(crate) struct ClusterScratch {
    /// Rows, by series and then in arrival order.
    order: Vec<u32>,
    /// Where the next row of each series goes.
    next: Vec<u32>,
    pairs: Vec<u64>,
    series: Vec<u32>,
    times: Vec<i64>,
    /// One of each type there was.
    columns: Vec<Column>,
}

impl ClusterScratch {
    fn order_by_series(&mut self, series: &[u32]) {
        self.order.clear();
        let (Some(least), Some(most)) = (series.iter().min(), series.iter().max()) else { return };
        let range = (most - least) as usize + 1;
        // Counters pay when there are rows to go with them.
        if range > 4 * series.len() {
            self.pairs.clear();
            let pair = |(series, row): (&u32, u32)| u64::from(*series) << 32 | u64::from(row);
            self.pairs.extend(series.iter().zip(0..).map(pair));
            // Rows are part of what is compared, so arrival order stays without a stable sort.
            self.pairs.sort_unstable();
            self.order.extend(self.pairs.iter().map(|pair| *pair as u32));
            return;
        }
        self.next.clear();
        self.next.resize(range, 0);
        series.iter().for_each(|series| self.next[(series - least) as usize] += 1);
        let mut start = 0;
        for next in &mut self.next {
            start += std::mem::replace(next, start);
        }
        self.order.resize(series.len(), 0);
        for (series, row) in series.iter().zip(0..) {
            let next = &mut self.next[(series - least) as usize];
            self.order[*next as usize] = row;
            *next += 1;
        }
    }
}

impl Recycle for ClusterScratch {
    fn clear(&mut self) {}

    fn memory_bytes(&self) -> usize {
        let words = self.pairs.capacity() + self.times.capacity();
        let halves = self.order.capacity() + self.next.capacity() + self.series.capacity();
        let columns: usize = self.columns.iter().map(Column::memory_bytes).sum();
        columns + words * size_of::<u64>() + halves * size_of::<u32>()
    }
}

/// The column of this type, which is added if there is none.
fn column_of_type(columns: &mut Vec<Column>, ty: FieldType) -> &mut Column {
    let at = columns.iter().position(|column| column.ty() == ty).unwrap_or_else(|| {
        columns.push(Column::new(ty));
        columns.len() - 1
    });
    &mut columns[at]
}

/// Puts values into an order, by way of `scratch`, which they change places with.
fn permute<T: Copy>(values: &mut Vec<T>, order: &[u32], scratch: &mut Vec<T>) {
    scratch.clear();
    scratch.extend(order.iter().map(|row| values[*row as usize]));
    std::mem::swap(values, scratch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill_model::{FieldType, Value, Values};

    #[test]
    fn clustering_keeps_rows_together_and_in_order() {
        let mut chunk =
            Chunk { series: vec![2, 0, 2, 1, 0], times: vec![1, 2, 3, 4, 5], ..Chunk::default() };
        let mut dense = Column::new(FieldType::Int);
        let mut sparse = Column::new(FieldType::Text);
        for row in 0..5 {
            dense.push(Some(Value::Int(row * 10)));
            sparse.push((row % 2 == 0).then_some(Value::Text(["a", "b", "c"][row as usize / 2])));
        }
        chunk.columns = vec![(0, dense), (3, sparse)];
        chunk.positions = vec![100, 200, 300, 400, 500];
        chunk.cluster(&mut ClusterScratch::default());
        assert_eq!(
            (&chunk.series[..], &chunk.times[..]),
            (&[0, 0, 1, 2, 2][..], &[2, 5, 4, 1, 3][..])
        );
        assert_eq!(chunk.columns[0].1.values(), &Values::Int(vec![10, 40, 30, 0, 20]));
        let texts: Vec<_> = (0..5).map(|row| chunk.columns[1].1.get(row)).collect();
        let text = |text| Some(Value::Text(text));
        assert_eq!(texts, [None, text("c"), None, text("a"), text("b")]);
        assert_eq!(chunk.positions, [200, 500, 400, 100, 300]);
    }
}
