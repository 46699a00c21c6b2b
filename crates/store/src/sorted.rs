//! Rows of the memtable in the order of series and time, duplicates resolved.
//!
//! Nothing is moved: a sorted view is a list of references to rows of chunks, gathered column by
//! column into whatever asks (a segment being written, a query).

mod gather;
mod late;
#[cfg(test)]
pub(crate) mod naive;
mod stretches;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tidemill_model::{Duplicates, FieldType, TimeRange};

use crate::chunk::Chunk;
use crate::stages;
use late::LateSorter;
use stretches::stretches_by_series;

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowRef {
    chunk: u32,
    row: u32,
}

impl RowRef {
    fn span(&self) -> Span {
        (self.chunk as usize, self.row as usize..self.row as usize + 1)
    }
}

/// Where the rows of a series start among the sorted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunStart {
    pub(crate) series: u32,
    pub(crate) row: u32,
}

/// Rows that stand together: the number of their chunk, and which they are there.
pub(crate) type Span = (usize, std::ops::Range<usize>);

/// Chunks of one table, seen in the order of series and time.
#[derive(Debug)]
pub(crate) struct SortedRows {
    chunks: Vec<Arc<Chunk>>,
    entries: Vec<RowRef>,
    /// With duplicates: row `i` is entries `groups[i]..groups[i + 1]`, of one series and time in
    /// arrival order. Without: row `i` is entry `i`.
    groups: Option<Vec<u32>>,
    runs: Vec<RunStart>,
    rows: usize,
    duplicates: Duplicates,
}

impl SortedRows {
    /// Sorts chunks, which come in the order of their sequence.
    ///
    /// Stretches of one series are brought together series by series, in arrival order; only runs
    /// that are not ascending already are sorted by time.
    pub(crate) fn new(chunks: Vec<Arc<Chunk>>, duplicates: Duplicates) -> Self {
        let _sorting = stages::SORT.enter();
        let stretches = stretches_by_series(&chunks);
        let rows = chunks.iter().map(|chunk| chunk.rows()).sum();
        let mut entries: Vec<RowRef> = Vec::with_capacity(rows);
        let time = |entry: &RowRef| chunks[entry.chunk as usize].times[entry.row as usize];
        let mut runs = Vec::new();
        let mut late = LateSorter::default();
        let mut has_duplicates = false;
        for run in stretches.chunk_by(|a, b| a.series == b.series) {
            let start = entries.len();
            runs.push(RunStart { series: run[0].series, row: start as u32 });
            let mut is_ascending = true;
            let mut last = None;
            for stretch in run {
                let times = &chunks[stretch.chunk as usize].times[stretch.rows()];
                is_ascending &=
                    last.is_none_or(|last| last < times[0]) && times.is_sorted_by(|a, b| a < b);
                last = times.last().copied();
                entries.extend(stretch.entries());
            }
            if is_ascending {
                continue;
            }
            let run = &mut entries[start..];
            if !run.is_sorted_by_key(time) {
                late.sort(run, time);
            }
            has_duplicates |= run.windows(2).any(|pair| time(&pair[0]) == time(&pair[1]));
        }
        let mut this = Self { chunks, entries, groups: None, runs, rows, duplicates };
        if has_duplicates {
            this.group_duplicates();
        }
        this
    }

    /// The chunks, which nobody sees in order any more.
    pub(crate) fn into_chunks(self) -> Vec<Arc<Chunk>> {
        self.chunks
    }

    fn group_duplicates(&mut self) {
        let mut groups = Vec::with_capacity(self.rows + 1);
        for index in 0..self.runs.len() {
            let end = self.runs.get(index + 1).map_or(self.entries.len(), |next| next.row as usize);
            let start = std::mem::replace(&mut self.runs[index].row, groups.len() as u32) as usize;
            let mut last = None;
            for entry in start..end {
                let time = self.entry_time(entry);
                if last != Some(time) {
                    groups.push(entry as u32);
                    last = Some(time);
                }
            }
        }
        self.rows = groups.len();
        groups.push(self.entries.len() as u32);
        self.groups = Some(groups);
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What a row of a block of these rows holds on average, in bytes.
    pub(crate) fn row_bytes(&self) -> usize {
        let bytes: usize = self.chunks.iter().map(|chunk| chunk.memory_bytes()).sum();
        bytes / self.entries.len().max(1) + self.fields().len() * size_of::<u64>()
    }

    /// Rows that gave way to, or were dropped for, another of the same series and time.
    pub(crate) fn overwritten(&self) -> u64 {
        (self.entries.len() - self.rows) as u64
    }

    pub(crate) fn runs(&self) -> &[RunStart] {
        &self.runs
    }

    /// The rows of run `index`.
    pub(crate) fn run_rows(&self, index: usize) -> std::ops::Range<usize> {
        let end = self.runs.get(index + 1).map_or(self.rows, |next| next.row as usize);
        self.runs[index].row as usize..end
    }

    /// The rows of a series.
    pub(crate) fn series_rows(&self, series: u32) -> Option<std::ops::Range<usize>> {
        let at = self.runs.binary_search_by_key(&series, |run| run.series).ok()?;
        Some(self.run_rows(at))
    }

    pub(crate) fn time(&self, row: usize) -> i64 {
        self.entry_time(self.first_entry(row))
    }

    pub(crate) fn range(&self) -> TimeRange {
        (0..self.runs.len()).map(|run| self.run_rows(run)).fold(TimeRange::EMPTY, |range, rows| {
            range.including(self.time(rows.start)).including(self.time(rows.end - 1))
        })
    }

    /// The fields that any chunk has values of, ascending, with their types.
    pub(crate) fn fields(&self) -> Vec<(u32, FieldType)> {
        let columns = self.chunks.iter().flat_map(|chunk| &chunk.columns);
        let mut fields: Vec<_> = columns.map(|(field, column)| (*field, column.ty())).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// How many of these rows, which are of one series, are before `time`.
    pub(crate) fn rows_before(&self, rows: std::ops::Range<usize>, time: i64) -> usize {
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low.midpoint(high);
            if self.time(middle) < time { low = middle + 1 } else { high = middle }
        }
        low - rows.start
    }

    /// Appends the times of rows.
    pub(crate) fn times(&self, rows: std::ops::Range<usize>, out: &mut Vec<i64>) {
        self.times_from(rows.clone(), self.spans(rows), out);
    }

    /// [`SortedRows::times`] of rows whose [`SortedRows::spans`] are known.
    pub(crate) fn times_from(
        &self,
        rows: std::ops::Range<usize>,
        spans: impl Iterator<Item = Span>,
        out: &mut Vec<i64>,
    ) {
        if self.groups.is_some() {
            return out.extend(rows.map(|row| self.time(row)));
        }
        for (chunk, rows) in spans {
            out.extend_from_slice(&self.chunks[chunk].times[rows]);
        }
    }

    fn entry_time(&self, entry: usize) -> i64 {
        let entry = self.entries[entry];
        self.chunks[entry.chunk as usize].times[entry.row as usize]
    }

    fn first_entry(&self, row: usize) -> usize {
        self.groups.as_ref().map_or(row, |groups| groups[row] as usize)
    }
}
