//! Rows of the memtable in the order of series and time, duplicates resolved.
//!
//! Nothing is moved: a sorted view is a list of references to rows of chunks, gathered column by
//! column into whatever asks (a segment being written, a query).

mod late;

use std::sync::Arc;

use tidemill_model::{Column, Duplicates, FieldType, TimeRange, Values};

use crate::chunk::Chunk;
use crate::stages;
use late::LateSorter;

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

    /// Gathers a field of rows over `out`, which is of the field's type. Returns whether any has
    /// a value.
    pub(crate) fn gather(
        &self,
        field: usize,
        rows: std::ops::Range<usize>,
        out: &mut Column,
    ) -> bool {
        let column_of = |chunk: usize| self.chunks[chunk].column(field);
        if self.groups.is_some() {
            return self.gather_winners(column_of, rows, out);
        }
        gather_spans(column_of, self.spans(rows), out)
    }

    /// [`SortedRows::gather`] of rows whose [`SortedRows::spans`] are known.
    pub(crate) fn gather_from(
        &self,
        field: usize,
        rows: std::ops::Range<usize>,
        spans: &[Span],
        out: &mut Column,
    ) -> bool {
        const SHORT_ROWS: usize = 8;
        let column_of = |chunk: usize| self.chunks[chunk].column(field);
        if self.groups.is_some() {
            return self.gather_winners(column_of, rows, out);
        }
        if spans.len() * SHORT_ROWS < rows.len() {
            gather_spans(column_of, spans.iter().cloned(), out)
        } else {
            // How long the next one is would be guessed wrong again and again.
            gather_spans(column_of, self.entries[rows].iter().map(RowRef::span), out)
        }
    }

    fn gather_winners<'c>(
        &self,
        column_of: impl Fn(usize) -> Option<&'c Column> + Copy,
        rows: std::ops::Range<usize>,
        out: &mut Column,
    ) -> bool {
        gather_spans(column_of, rows.map(|row| self.winner(column_of, row).span()), out)
    }

    /// The chunks and rows that stand for `rows`, stretch by stretch; there are no duplicates.
    pub(crate) fn spans(&self, rows: std::ops::Range<usize>) -> impl Iterator<Item = Span> + Clone {
        let mut entries = &self.entries[rows];
        std::iter::from_fn(move || {
            let first = *entries.first()?;
            let goes_on = |(index, entry): (usize, &RowRef)| {
                entry.chunk == first.chunk && entry.row == first.row + index as u32
            };
            let length =
                entries.iter().enumerate().take_while(|entry| goes_on((entry.0, entry.1))).count();
            entries = &entries[length..];
            let row = first.row as usize;
            Some((first.chunk as usize, row..row + length))
        })
    }

    fn entry_time(&self, entry: usize) -> i64 {
        let entry = self.entries[entry];
        self.chunks[entry.chunk as usize].times[entry.row as usize]
    }

    fn first_entry(&self, row: usize) -> usize {
        self.groups.as_ref().map_or(row, |groups| groups[row] as usize)
    }

    /// The entry whose value of one field counts: of the last that has one, or of the first row.
    fn winner<'c>(&self, column_of: impl Fn(usize) -> Option<&'c Column>, row: usize) -> RowRef {
        let Some(groups) = &self.groups else { return self.entries[row] };
        let entries = &self.entries[groups[row] as usize..groups[row + 1] as usize];
        let has_value = |entry: &&RowRef| {
            column_of(entry.chunk as usize).is_some_and(|c| c.is_valid(entry.row as usize))
        };
        match (entries, self.duplicates) {
            ([_, .., _], Duplicates::Last) => {
                *entries.iter().rev().find(has_value).unwrap_or(&entries[0])
            }
            _ => entries[0],
        }
    }
}

/// Puts the rows at these places over `out`; what stands together in a chunk is copied together.
/// Returns whether any has a value.
fn gather_spans<'c>(
    column_of: impl Fn(usize) -> Option<&'c Column>,
    spans: impl Iterator<Item = Span> + Clone,
    out: &mut Column,
) -> bool {
    let (mut values, validity) = std::mem::replace(out, Column::new(out.ty())).into_parts();
    let mut is_dense = true;
    macro_rules! gather {
        ($variant:ident, $to:expr) => {{
            $to.clear();
            for (chunk, rows) in spans.clone() {
                let column = column_of(chunk);
                is_dense &= column.is_some_and(|column| column.validity().is_none());
                match column.map(Column::values) {
                    Some(Values::$variant(from)) => match &from[rows] {
                        [value] => $to.push(*value),
                        several => $to.extend_from_slice(several),
                    },
                    _ => $to.resize($to.len() + rows.len(), Default::default()),
                }
            }
        }};
    }
    match &mut values {
        Values::Float(to) => gather!(Float, to),
        Values::Int(to) => gather!(Int, to),
        Values::UInt(to) => gather!(UInt, to),
        Values::Bool(to) => gather!(Bool, to),
        Values::Text(to) => {
            to.clear();
            for (chunk, rows) in spans.clone() {
                let column = column_of(chunk);
                is_dense &= column.is_some_and(|column| column.validity().is_none());
                match column.map(Column::values) {
                    Some(Values::Text(from)) => to.append(from, rows),
                    _ => to.push_empty(rows.len()),
                }
            }
        }
    }
    if is_dense {
        *out = Column::from_parts(values, None);
        return !out.is_empty();
    }
    let mut present = validity.unwrap_or_default();
    present.truncate(0);
    for (chunk, rows) in spans {
        match column_of(chunk).map(Column::validity) {
            Some(Some(bits)) => present.append(bits.words(), rows.start, rows.len()),
            column => present.extend(rows.len(), column.is_some()),
        }
    }
    let count = present.count_ones();
    let validity = (count < values.len()).then_some(present);
    *out = Column::from_parts(values, validity);
    out.fill_gaps();
    count > 0
}

/// Rows of one series that follow one another in a chunk.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    series: u32,
    chunk: u32,
    row: u32,
    length: u32,
}

impl Stretch {
    fn rows(&self) -> std::ops::Range<usize> {
        self.row as usize..(self.row + self.length) as usize
    }

    fn entries(&self) -> impl Iterator<Item = RowRef> {
        let chunk = self.chunk;
        (self.row..self.row + self.length).map(move |row| RowRef { chunk, row })
    }
}

/// All rows, ordered by series, in arrival order within each.
fn stretches_by_series(chunks: &[Arc<Chunk>]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for (chunk, number) in chunks.iter().zip(0..) {
        let mut row = 0;
        for same in chunk.series.chunk_by(|a, b| a == b) {
            let length = same.len() as u32;
            stretches.push(Stretch { series: same[0], chunk: number, row, length });
            row += length;
        }
    }
    let highest = stretches.iter().map(|stretch| stretch.series).max().unwrap_or(0) as usize;
    // A counter for every series up to the highest pays when there are stretches to go with them.
    if highest > stretches.len() * 8 + 1024 {
        stretches.sort_by_key(|stretch| stretch.series);
        return stretches;
    }
    let mut next = vec![0u32; highest + 2];
    stretches.iter().for_each(|stretch| next[stretch.series as usize + 1] += 1);
    for series in 1..next.len() {
        next[series] += next[series - 1];
    }
    let mut sorted = vec![Stretch::default(); stretches.len()];
    for stretch in stretches {
        let slot = &mut next[stretch.series as usize];
        sorted[*slot as usize] = stretch;
        *slot += 1;
    }
    sorted
}

/// What a merge of the same rows by a naive map gives; the oracle of the tests below and of the
/// model tests.
#[cfg(test)]
pub(crate) mod naive {
    use super::*;
    use std::collections::BTreeMap;
    use tidemill_model::Value;

    pub(crate) type Row = Vec<Option<i64>>;

    pub(crate) fn merge(
        rows: &[(u32, i64, Row)],
        duplicates: Duplicates,
    ) -> BTreeMap<(u32, i64), Row> {
        let mut map: BTreeMap<(u32, i64), Row> = BTreeMap::new();
        for (series, time, values) in rows {
            match map.entry((*series, *time)) {
                std::collections::btree_map::Entry::Vacant(slot) => {
                    slot.insert(values.clone());
                }
                std::collections::btree_map::Entry::Occupied(mut slot) => {
                    if duplicates == Duplicates::Last {
                        for (old, new) in slot.get_mut().iter_mut().zip(values) {
                            *old = new.or(*old);
                        }
                    }
                }
            }
        }
        map
    }

    pub(crate) fn chunks(rows: &[(u32, i64, Row)], size: usize) -> Vec<Arc<Chunk>> {
        rows.chunks(size.max(1))
            .enumerate()
            .map(|(number, rows)| {
                let mut chunk = Chunk { sequence: number as u64, ..Chunk::default() };
                let fields = rows.first().map_or(0, |row| row.2.len());
                chunk.columns = (0..fields)
                    .map(|field| {
                        let mut column = Column::new(FieldType::Int);
                        rows.iter().for_each(|row| column.push(row.2[field].map(Value::Int)));
                        (field as u32, column)
                    })
                    .filter(|(_, column)| column.valid_count() > 0)
                    .collect();
                chunk.series = rows.iter().map(|row| row.0).collect();
                chunk.times = rows.iter().map(|row| row.1).collect();
                Arc::new(chunk)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidemill_model::Value;

    fn rows() -> impl Strategy<Value = Vec<(u32, i64, naive::Row)>> {
        let value = prop::option::weighted(0.8, -50i64..50);
        prop::collection::vec((0u32..5, 0i64..30, prop::collection::vec(value, 2)), 0..80)
    }

    proptest! {
        #[test]
        fn sorting_is_merging_in_order(rows in rows(), size in 1usize..40, policy in 1u8..3, sparse in any::<bool>()) {
            let duplicates = Duplicates::from_code(policy).unwrap();
            let spread = |series: u32| if sparse { series * 100_000 } else { series };
            let rows: Vec<_> = rows.into_iter().map(|(s, t, v)| (spread(s), t, v)).collect();
            let want = naive::merge(&rows, duplicates);
            let sorted = SortedRows::new(naive::chunks(&rows, size), duplicates);
            prop_assert_eq!(sorted.rows(), want.len());
            prop_assert_eq!(sorted.overwritten() as usize, rows.len() - want.len());
            let mut got = Vec::new();
            for run in 0..sorted.runs().len() {
                for row in sorted.run_rows(run) {
                    let values = (0..2).map(|field| {
                        let mut column = Column::new(FieldType::Int);
                        sorted.gather(field, row..row + 1, &mut column);
                        match column.get(0) { Some(Value::Int(v)) => Some(v), _ => None }
                    });
                    got.push(((sorted.runs()[run].series, sorted.time(row)), values.collect::<Vec<_>>()));
                }
            }
            prop_assert_eq!(&got, &want.into_iter().collect::<Vec<_>>());

            let all = 0..sorted.rows();
            let spans: Vec<_> = if sorted.groups.is_none() { sorted.spans(all.clone()).collect() } else { Vec::new() };
            for field in 0..2 {
                let wanted: Vec<_> = got.iter().map(|row| row.1[field]).collect();
                // Over what was there: nothing of it may stay.
                let mut out = Column::new(FieldType::Int);
                [Some(Value::Int(99)), None].into_iter().for_each(|value| out.push(value));
                let any = sorted.gather(field, all.clone(), &mut out);
                check_column(&out, any, &wanted)?;
                let any = sorted.gather_from(field, all.clone(), &spans, &mut out);
                check_column(&out, any, &wanted)?;
            }
        }
    }

    /// These values, of which missing ones repeat the one before.
    fn check_column(
        column: &Column,
        any: bool,
        wanted: &[Option<i64>],
    ) -> Result<(), TestCaseError> {
        let mut before = 0;
        let slots: Vec<_> = wanted
            .iter()
            .map(|value| {
                before = value.unwrap_or(before);
                before
            })
            .collect();
        prop_assert_eq!(column.values(), &Values::Int(slots));
        let valid: Vec<_> = (0..wanted.len()).map(|row| column.is_valid(row)).collect();
        prop_assert_eq!(valid, wanted.iter().map(Option::is_some).collect::<Vec<_>>());
        prop_assert_eq!(any, wanted.iter().any(Option::is_some));
        prop_assert_eq!(column.validity().is_some(), wanted.iter().any(Option::is_none));
        Ok(())
    }

    #[test]
    fn text_is_gathered() {
        let chunk = |times: Vec<i64>, texts: &[Option<&str>]| {
            let mut column = Column::new(FieldType::Text);
            texts.iter().for_each(|text| column.push(text.map(Value::Text)));
            let columns = Vec::from_iter((!texts.is_empty()).then_some((0, column)));
            let series = vec![0; times.len()];
            Arc::new(Chunk { series, times, columns, ..Chunk::default() })
        };
        let check = |chunks: Vec<Arc<Chunk>>, wanted: &[Option<&str>]| {
            let sorted = SortedRows::new(chunks, Duplicates::Last);
            let mut out = Column::new(FieldType::Text);
            let any = sorted.gather(0, 0..sorted.rows(), &mut out);
            let got: Vec<_> = (0..out.len()).map(|row| out.get(row)).collect();
            assert_eq!(got, wanted.iter().map(|text| text.map(Value::Text)).collect::<Vec<_>>());
            assert_eq!(any, wanted.iter().any(Option::is_some));
            assert_eq!(out.validity().is_some(), wanted.iter().any(Option::is_none));
        };
        let dense = chunk(vec![2, 1], &[Some("b"), Some("a")]);
        check(vec![Arc::clone(&dense)], &[Some("a"), Some("b")]);
        let sparse = chunk(vec![3, 5, 6], &[Some("dé"), None, Some("f")]);
        let without = chunk(vec![4, 7], &[]);
        check(
            vec![dense, sparse, without],
            &[Some("a"), Some("b"), Some("dé"), None, None, Some("f"), None],
        );
        check(vec![chunk(vec![4, 7], &[])], &[None, None]);
    }
}
