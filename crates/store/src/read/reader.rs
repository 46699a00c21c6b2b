use std::mem;
use std::ops::Range;
use std::sync::Arc;

use tidemill_model::{Column, FieldType, TimeRange};

use super::cache::BlockCache;
use super::merge::Merge;
use super::piece::{Part, Parts, Piece};
use super::slice::ColumnSlice;
use super::view::{TableView, ViewInner};
use crate::bytes::Cursor;
use crate::error::{Error, Result};
use crate::segment::{AnyAggregate, Segment, decode_slice, slices};

/// The memtable's rows of a series come in parts of this many at most.
const MAX_MEMORY_PART_ROWS: usize = 8192;

/// Reads rows of one table: pieces of series, and of each its times, columns, statistics.
///
/// A reader keeps the blocks it decoded last, two of each column and segment (32 MiB at most), so that
/// neighbouring short series, which share blocks, are read once: ask in ascending order of series.
pub struct Reader {
    view: TableView,
    cache: BlockCache,
    /// The merge of the piece that was asked for last.
    merge: Option<(Vec<Part>, Merge)>,
    scratch: Column,
    /// Memory of calls, empty between them.
    parts: Vec<Part>,
    starts: Vec<u32>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.view.inner.spare.caches.put(mem::take(&mut self.cache));
    }
}

/// Statistics of consecutive rows, as they stand in the segment.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAggregate {
    /// Rows of the piece.
    pub rows: Range<usize>,
    /// How many of them have a value, NaNs included.
    pub valid: u64,
    /// Their statistics.
    pub aggregate: AnyAggregate,
}

impl Reader {
    pub(crate) fn new(view: TableView) -> Self {
        let scratch = Column::new(FieldType::Int);
        let cache = view.inner.spare.caches.take();
        Self { view, cache, merge: None, scratch, parts: Vec::new(), starts: Vec::new() }
    }

    /// The table.
    #[must_use]
    pub fn view(&self) -> &TableView {
        &self.view
    }

    /// Puts the pieces of a series inside `range` into `out`: ascending, disjoint in time, cut to
    /// the range exactly.
    ///
    /// # Errors
    /// When a block cannot be read or is corrupt; so for all methods.
    pub fn pieces(&mut self, series: u32, range: TimeRange, out: &mut Vec<Piece>) -> Result<()> {
        out.clear();
        let inner = Arc::clone(&self.view.inner);
        let mut parts = mem::take(&mut self.parts);
        let mut sources = 0;
        for (source, segment) in inner.segments.iter().enumerate() {
            let before = parts.len();
            self.segment_parts(source as u32, segment, series, range, &mut parts)?;
            sources += usize::from(parts.len() > before);
        }
        let before = parts.len();
        memory_parts(&inner, series, range, &mut parts);
        sources += usize::from(parts.len() > before);
        if sources > 1 {
            parts.sort_by_key(|part| part.range.start);
            if parts.windows(2).any(|pair| pair[0].range.end >= pair[1].range.start) {
                return self.merged_pieces(series, parts, out);
            }
        }
        out.extend(parts.drain(..).map(|part| Piece {
            series,
            range: part.range,
            parts: Parts::One(part),
        }));
        self.parts = parts;
        Ok(())
    }

    fn segment_parts(
        &mut self,
        source: u32,
        segment: &Segment,
        series: u32,
        range: TimeRange,
        out: &mut Vec<Part>,
    ) -> Result<()> {
        if !segment.entry.range.overlaps(range) {
            return Ok(());
        }
        let Some(run) = segment.run(series) else { return Ok(()) };
        let run_range = segment.footer.run_ranges[run];
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
                out.extend(self.cut(&part, range)?);
            }
        }
        Ok(())
    }

    /// The rows of a part inside `range`.
    fn cut(&mut self, part: &Part, range: TimeRange) -> Result<Option<Part>> {
        let start = part.rows.start + self.part_rows_before(part, range.start)?;
        let end = match range.end.checked_add(1) {
            Some(end) => part.rows.start + self.part_rows_before(part, end)?,
            None => part.rows.end,
        };
        if start >= end {
            return Ok(None);
        }
        let cut = TimeRange::new(self.part_time(part, start)?, self.part_time(part, end - 1)?);
        Ok(Some(Part { rows: start..end, range: cut, ..part.clone() }))
    }

    /// Cuts overlapping parts, ascending by start, at the ends of the shortest, so that a merged
    /// piece holds one block's rows of each source at most.
    fn merged_pieces(
        &mut self,
        series: u32,
        mut parts: Vec<Part>,
        out: &mut Vec<Piece>,
    ) -> Result<()> {
        parts.reverse();
        while let Some(first) = parts.pop() {
            let mut group = vec![first];
            let mut end = group[0].range.end;
            while let Some(next) = parts.pop_if(|next| next.range.start <= end) {
                end = end.min(next.range.end);
                group.push(next);
            }
            let mut rest = Vec::new();
            if group.len() > 1 {
                for part in &mut group {
                    if part.range.end > end {
                        rest.extend(self.cut(part, TimeRange::new(end + 1, part.range.end))?);
                        let kept = self.cut(part, TimeRange::new(part.range.start, end))?;
                        *part = kept.unwrap_or_else(|| Part { rows: 0..0, ..part.clone() });
                    }
                }
                group.retain(|part| !part.rows.is_empty());
            }
            for part in rest {
                let at = parts.partition_point(|other| other.range.start >= part.range.start);
                parts.insert(at, part);
            }
            group.sort_by_key(|part| part.source);
            let range = group.iter().fold(TimeRange::EMPTY, |all, part| all.union(part.range));
            let parts = match <[Part; 1]>::try_from(group) {
                Ok([part]) => Parts::One(part),
                Err(parts) => Parts::Merged(parts),
            };
            out.push(Piece { series, range, parts });
        }
        Ok(())
    }

    /// How many rows the piece has.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    pub fn rows(&mut self, piece: &Piece) -> Result<usize> {
        match &piece.parts[..] {
            [part] => Ok(part.rows.len()),
            _ => Ok(self.merge(piece)?.rows()),
        }
    }

    /// How many rows of the piece are before `time`: by arithmetic where the times have a
    /// constant interval, otherwise by a search.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    pub fn rows_before(&mut self, piece: &Piece, time: i64) -> Result<usize> {
        match &piece.parts[..] {
            [part] => self.part_rows_before(part, time),
            _ => Ok(self.merge(piece)?.times.partition_point(|t| *t < time)),
        }
    }

    /// Appends the times of rows of the piece.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    ///
    /// # Panics
    /// When the piece has no such rows; so for all methods that take rows.
    pub fn times(&mut self, piece: &Piece, rows: Range<usize>, out: &mut Vec<i64>) -> Result<()> {
        match &piece.parts[..] {
            [part] => self.part_times(part, rows, out)?,
            _ => out.extend_from_slice(&self.merge(piece)?.times[rows]),
        }
        Ok(())
    }

    /// The first time and the interval, where the times are known to have a constant one.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    pub fn linear_times(&mut self, piece: &Piece) -> Result<Option<(i64, i64)>> {
        let [part] = &piece.parts[..] else { return Ok(None) };
        let inner = Arc::clone(&self.view.inner);
        let Some(segment) = inner.segments.get(part.source as usize) else { return Ok(None) };
        Ok(self.block_times(part, segment)?.linear(&part.rows))
    }

    /// A field's values in rows of the piece.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    pub fn column(
        &mut self,
        piece: &Piece,
        field: usize,
        rows: Range<usize>,
    ) -> Result<ColumnSlice<'_>> {
        let inner = Arc::clone(&self.view.inner);
        match &piece.parts[..] {
            [part] => self.part_column(&inner, part, field, rows),
            parts => {
                let ty = field_type(&inner, field)?;
                let mut columns = Vec::with_capacity(parts.len());
                for part in parts {
                    columns.push(self.owned_column(&inner, part, field)?);
                }
                let count = rows.len();
                let merge = self.merge(piece)?;
                self.scratch = merge.column(ty, &columns, rows, inner.schema.duplicates);
                Ok(ColumnSlice::of(&self.scratch, 0..count))
            }
        }
    }

    /// Appends the stored statistics of a numeric field: of slices of about 1,024 rows that are
    /// wholly inside the piece, ascending. Rows without any must be decoded. There are none for
    /// merged pieces, short series and rows in memory.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    pub fn stored_aggregates(
        &mut self,
        piece: &Piece,
        field: usize,
        out: &mut Vec<StoredAggregate>,
    ) -> Result<()> {
        let [part] = &piece.parts[..] else { return Ok(()) };
        let inner = Arc::clone(&self.view.inner);
        let Some(segment) = inner.segments.get(part.source as usize) else { return Ok(()) };
        let Some(column @ (_, ty)) = segment.column_of(field) else { return Ok(()) };
        let block = part.block as usize;
        let Some(chunk) = self.cache.chunk(part.source, segment, block, column)? else {
            return Ok(());
        };
        let Some(statistics) = chunk.parse(segment)?.statistics else { return Ok(()) };
        self.starts.clear();
        self.starts.extend(segment.runs_of(block).1);
        let mut cursor = Cursor::new(statistics);
        for rows in slices(&self.starts, segment.block_rows(block)) {
            if rows.start >= part.rows.end {
                break;
            }
            let slice = decode_slice(ty, &mut cursor).map_err(|m| chunk.corrupt(segment, m))?;
            if rows.start >= part.rows.start && rows.end <= part.rows.end {
                let rows = rows.start - part.rows.start..rows.end - part.rows.start;
                out.push(StoredAggregate { rows, valid: slice.valid, aggregate: slice.aggregate });
            }
        }
        Ok(())
    }

    /// The merge of a piece of several parts, kept until another is asked for.
    fn merge(&mut self, piece: &Piece) -> Result<&Merge> {
        let is_cached = self.merge.as_ref().is_some_and(|(parts, _)| parts[..] == piece.parts[..]);
        if !is_cached {
            let mut times = Vec::with_capacity(piece.parts.len());
            for part in &piece.parts[..] {
                let mut part_times = Vec::with_capacity(part.rows.len());
                self.part_times(part, 0..part.rows.len(), &mut part_times)?;
                times.push(part_times);
            }
            self.merge = Some((piece.parts.to_vec(), Merge::new(&times)));
        }
        match &self.merge {
            Some((_, merge)) => Ok(merge),
            None => unreachable!("set above"),
        }
    }

    fn block_times(&mut self, part: &Part, segment: &Segment) -> Result<&super::cache::BlockTimes> {
        self.cache.times(part.source, segment, part.block as usize)
    }

    fn part_time(&mut self, part: &Part, row: usize) -> Result<i64> {
        let inner = Arc::clone(&self.view.inner);
        match inner.segments.get(part.source as usize) {
            Some(segment) => Ok(self.block_times(part, segment)?.time(row)),
            None => Ok(inner.memory.sorted().time(row)),
        }
    }

    fn part_rows_before(&mut self, part: &Part, time: i64) -> Result<usize> {
        let inner = Arc::clone(&self.view.inner);
        match inner.segments.get(part.source as usize) {
            Some(segment) => Ok(self.block_times(part, segment)?.rows_before(&part.rows, time)),
            None => Ok(inner.memory.sorted().rows_before(part.rows.clone(), time)),
        }
    }

    fn part_times(&mut self, part: &Part, rows: Range<usize>, out: &mut Vec<i64>) -> Result<()> {
        let inner = Arc::clone(&self.view.inner);
        let rows = part.rows.start + rows.start..part.rows.start + rows.end;
        match inner.segments.get(part.source as usize) {
            Some(segment) => self.block_times(part, segment)?.append(&rows, out),
            None => inner.memory.sorted().times(rows, out),
        }
        Ok(())
    }

    fn part_column(
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
        let Some(column) = segment.column_of(field) else { return Ok(ColumnSlice::missing(count)) };
        let block = part.block as usize;
        let column = self.cache.column(part.source, segment, block, column)?;
        Ok(column
            .map_or_else(|| ColumnSlice::missing(count), |column| ColumnSlice::of(column, rows)))
    }

    fn owned_column(
        &mut self,
        inner: &ViewInner,
        part: &Part,
        field: usize,
    ) -> Result<Option<Column>> {
        let slice = self.part_column(inner, part, field, 0..part.rows.len())?;
        let Some(ty) = inner.schema.fields.get(field).map(|field| field.ty) else {
            return Ok(None);
        };
        if slice.valid_count() == 0 {
            return Ok(None);
        }
        let mut column = Column::new(ty);
        slice.copy_into(&mut column);
        Ok(Some(column))
    }
}

fn field_type(inner: &ViewInner, index: usize) -> Result<FieldType> {
    let field = inner.schema.fields.get(index).map(|field| field.ty);
    field.ok_or_else(|| Error::invalid(format!("no field {index}")))
}

fn memory_parts(inner: &ViewInner, series: u32, range: TimeRange, out: &mut Vec<Part>) {
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
