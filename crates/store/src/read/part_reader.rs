use std::ops::Range;

use tidemill_model::{Column, FieldType, TimeRange};

use super::cache::BlockCache;
use super::piece::Part;
use super::slice::ColumnSlice;
use super::times::BlockTimes;
use super::view::ViewInner;
use crate::bytes::Cursor;
use crate::column_codec;
use crate::error::{Error, Result};
use crate::segment::{
    BlockStatistics, MIN_SLICE_ROWS, Segment, StoredAggregate, decode_slice, slices, statistics_of,
};
use crate::stages;

/// The memtable's rows of a series come in parts of this many at most.
const MAX_MEMORY_PART_ROWS: usize = 8192;

/// Reads parts: rows of one series in one source. The view is given with each call, so that what
/// is borrowed of it need not be counted.
#[derive(Debug)]
pub(super) struct PartReader {
    pub(super) cache: BlockCache,
    scratch: Column,
    starts: Vec<u32>,
    /// Statistics that there was no memory to keep.
    statistics: Option<Box<BlockStatistics>>,
}

impl PartReader {
    pub(super) fn new(cache: BlockCache) -> Self {
        let scratch = Column::new(FieldType::Int);
        Self { cache, scratch, starts: Vec::new(), statistics: None }
    }

    /// The parts of a series in a segment inside `range`.
    pub(super) fn segment_parts(
        &mut self,
        inner: &ViewInner,
        source: u32,
        series: u32,
        range: TimeRange,
        out: &mut Vec<Part>,
    ) -> Result<()> {
        let segment = &*inner.segments[source as usize];
        if !segment.entry.range.overlaps(range) {
            return Ok(());
        }
        let Some(run) = segment.run(series) else { return Ok(()) };
        let run_range = segment.footer.runs.times(run);
        if !run_range.overlaps(range) {
            return Ok(());
        }
        let blocks = segment.blocks_of(run);
        let is_split = blocks.len() > 1;
        for block in blocks {
            // A block holds whole runs, or a piece of one and nothing else.
            let part_range = if is_split { segment.footer.block_ranges[block] } else { run_range };
            if !part_range.overlaps(range) {
                continue;
            }
            let rows = segment.rows_in_block(run, block);
            let part = Part { source, block: block as u32, rows, range: part_range };
            if range.covers(part_range) {
                out.push(part);
            } else {
                out.extend(self.cut(inner, &part, range)?);
            }
        }
        Ok(())
    }

    /// The rows of a part inside `range`.
    pub(super) fn cut(
        &mut self,
        inner: &ViewInner,
        part: &Part,
        range: TimeRange,
    ) -> Result<Option<Part>> {
        let start = part.rows.start + self.rows_before(inner, part, range.start)?;
        let end = match range.end.checked_add(1) {
            Some(end) => part.rows.start + self.rows_before(inner, part, end)?,
            None => part.rows.end,
        };
        if start >= end {
            return Ok(None);
        }
        let cut = TimeRange::new(self.time(inner, part, start)?, self.time(inner, part, end - 1)?);
        Ok(Some(Part { rows: start..end, range: cut, ..part.clone() }))
    }

    pub(super) fn rows_before(
        &mut self,
        inner: &ViewInner,
        part: &Part,
        time: i64,
    ) -> Result<usize> {
        match inner.segments.get(part.source as usize) {
            Some(segment) => {
                let around = |times: &BlockTimes| times.around(&part.rows, time);
                let times = self.block_times(inner, part, segment, around)?;
                Ok(times.rows_before(&part.rows, time))
            }
            None => Ok(inner.memory.sorted().rows_before(part.rows.clone(), time)),
        }
    }

    pub(super) fn times(
        &mut self,
        inner: &ViewInner,
        part: &Part,
        rows: Range<usize>,
        out: &mut Vec<i64>,
    ) -> Result<()> {
        let rows = part.rows.start + rows.start..part.rows.start + rows.end;
        match inner.segments.get(part.source as usize) {
            Some(segment) => {
                let times = self.block_times(inner, part, segment, |_| rows.clone())?;
                times.append(&rows, out);
            }
            None => inner.memory.sorted().times(rows, out),
        }
        Ok(())
    }

    /// The first time and the interval, where the times are known to have a constant one.
    pub(super) fn linear_times(
        &mut self,
        inner: &ViewInner,
        part: &Part,
    ) -> Result<Option<(i64, i64)>> {
        let Some(segment) = inner.segments.get(part.source as usize) else { return Ok(None) };
        Ok(self.block_times(inner, part, segment, |_| 0..0)?.linear(&part.rows))
    }

    fn time(&mut self, inner: &ViewInner, part: &Part, row: usize) -> Result<i64> {
        match inner.segments.get(part.source as usize) {
            Some(segment) => {
                Ok(self.block_times(inner, part, segment, |_| row..row + 1)?.time(row))
            }
            None => Ok(inner.memory.sorted().time(row)),
        }
    }

    /// The times of a part's block, at least those of the rows of it that `needed` says.
    fn block_times<'a>(
        &'a mut self,
        inner: &ViewInner,
        part: &Part,
        segment: &'a Segment,
        needed: impl FnOnce(&BlockTimes) -> Range<usize>,
    ) -> Result<&'a BlockTimes> {
        let block = part.block as usize;
        if let Some(kept) = segment.kept_times(block) {
            return Ok(kept);
        }
        let times = self.cache.times(&inner.chunks, part.source, segment, block, needed)?;
        Ok(segment.keep_times(block, times, &inner.spare.kept).unwrap_or(times))
    }

    /// A field's values in rows of the part.
    pub(super) fn column(
        &mut self,
        inner: &ViewInner,
        part: &Part,
        field: usize,
        rows: Range<usize>,
    ) -> Result<ColumnSlice<'_>> {
        let count = rows.len();
        let rows = part.rows.start + rows.start..part.rows.start + rows.end;
        let Some(segment) = inner.segments.get(part.source as usize) else {
            let ty = field_type(inner, field)?;
            if self.scratch.ty() != ty {
                self.scratch = Column::new(ty);
            }
            let any = inner.memory.sorted().gather(field, rows, &mut self.scratch);
            return Ok(if any {
                ColumnSlice::of(&self.scratch, 0..count)
            } else {
                ColumnSlice::missing(count)
            });
        };
        let column = segment.column_of(field).filter(|_| count > 0);
        let Some(column) = column else { return Ok(ColumnSlice::missing(count)) };
        let block = part.block as usize;
        let column =
            self.cache.column(&inner.chunks, part.source, segment, block, column, &rows)?;
        Ok(column
            .map_or_else(|| ColumnSlice::missing(count), |column| ColumnSlice::of(column, rows)))
    }

    /// The sums of rows `edges[i]..edges[i + 1]` of the part, if they are integers, all of them there, and so small that no sum
    /// overflows: that is known from stored statistics. Most encodings are summed up without decoding them.
    pub(super) fn sums(
        &mut self,
        inner: &ViewInner,
        part: &Part,
        field: usize,
        edges: &[usize],
        out: &mut Vec<i64>,
    ) -> Result<bool> {
        out.clear();
        let whole = self.statistics(inner, part, field)?.and_then(|stored| stored.whole.as_ref());
        if !whole.is_some_and(StoredAggregate::has_small_sums) {
            return Ok(false);
        }
        let Some(segment) = inner.segments.get(part.source as usize) else { return Ok(false) };
        let Some(column) = segment.column_of(field) else { return Ok(false) };
        let block = part.block as usize;
        let Some(chunk) = self.cache.chunk(&inner.chunks, part.source, segment, block, column)?
        else {
            return Ok(false);
        };
        let parsed = chunk.parse(segment)?;
        if parsed.validity.is_some() {
            return Ok(false);
        }
        let _decoding = stages::DECODE.enter();
        let edges = edges.iter().map(|edge| part.rows.start + edge);
        let values = (parsed.values, chunk.places());
        let summed = column_codec::sums(values, segment.block_rows(block), edges, out);
        summed.map_err(|error| chunk.undecoded(segment, chunk.values_at(&parsed), error))
    }

    /// The stored statistics of a numeric field of the part's block: kept with the segment as long as the
    /// store's part for that lasts, so that the next query need not read them.
    pub(super) fn statistics<'a>(
        &'a mut self,
        inner: &'a ViewInner,
        part: &Part,
        field: usize,
    ) -> Result<Option<&'a BlockStatistics>> {
        let Some(segment) = inner.segments.get(part.source as usize) else { return Ok(None) };
        let Some(column) = segment.column_of(field) else { return Ok(None) };
        let block = part.block as usize;
        if let Some(kept) = segment.kept_statistics(block, column.0) {
            return Ok(Some(kept));
        }
        let mut read = self.statistics.take().unwrap_or_default();
        self.read_statistics(inner, segment, part, column, &mut read)?;
        match segment.keep_statistics(block, column.0, read, &inner.spare.kept) {
            Ok(kept) => Ok(Some(kept)),
            Err(read) => Ok(Some(self.statistics.insert(read))),
        }
    }

    fn read_statistics(
        &mut self,
        inner: &ViewInner,
        segment: &Segment,
        part: &Part,
        column @ (_, ty): (usize, FieldType),
        out: &mut BlockStatistics,
    ) -> Result<()> {
        let block = part.block as usize;
        out.slices.clear();
        out.whole = None;
        let Some(chunk) = self.cache.chunk(&inner.chunks, part.source, segment, block, column)?
        else {
            return Ok(());
        };
        self.starts.clear();
        self.starts.extend(segment.runs_of(block).1);
        let rows = segment.block_rows(block);
        if let Some(statistics) = chunk.parse(segment)?.statistics {
            let mut cursor = Cursor::new(statistics);
            for rows in slices(&self.starts, rows) {
                let slice = decode_slice(ty, rows, &mut cursor);
                out.slices.push(slice.map_err(|m| chunk.corrupt(segment, m))?);
            }
        }
        // Few rows at the end have none, and without them it is not known of the whole block. Where
        // series have as many rows as each other, that is so of all of a segment or of none.
        let known = out.slices.last().map_or(0, |slice| slice.rows.end);
        let is_short = (1..MIN_SLICE_ROWS).contains(&(rows - known));
        let has_any = !matches!(ty, FieldType::Bool | FieldType::Text);
        if is_short && has_any && self.starts.len() == 1 {
            let end = known..rows;
            let (chunks, source) = (&inner.chunks, part.source);
            let values = self.cache.column(chunks, source, segment, block, column, &end)?;
            out.slices.extend(values.and_then(|values| statistics_of(values, end)));
        }
        out.find_whole(self.starts.len(), rows);
        Ok(())
    }
}

pub(super) fn field_type(inner: &ViewInner, index: usize) -> Result<FieldType> {
    let field = inner.schema.fields.get(index).map(|field| field.ty);
    field.ok_or_else(|| Error::invalid(format!("no field {index}")))
}

/// The parts of a series in the memtable inside `range`.
pub(super) fn memory_parts(inner: &ViewInner, series: u32, range: TimeRange, out: &mut Vec<Part>) {
    let sorted = inner.memory.sorted();
    let Some(rows) = sorted.series_rows(series) else { return };
    let start = rows.start + sorted.rows_before(rows.clone(), range.start);
    let end = match range.end.checked_add(1) {
        Some(end) => rows.start + sorted.rows_before(rows.clone(), end),
        None => rows.end,
    };
    for from in (start..end).step_by(MAX_MEMORY_PART_ROWS) {
        let rows = from..end.min(from + MAX_MEMORY_PART_ROWS);
        let part_range = TimeRange::new(sorted.time(rows.start), sorted.time(rows.end - 1));
        out.push(Part { source: inner.segments.len() as u32, block: 0, rows, range: part_range });
    }
}
