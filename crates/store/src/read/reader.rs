use std::mem;
use std::ops::Range;

use tidemill_model::{Column, FieldType, TimeRange};

use super::merge::Merge;
use super::part_reader::{PartReader, field_type, memory_parts};
use super::piece::{Part, Parts, Piece};
use super::slice::ColumnSlice;
use super::view::TableView;
use crate::error::Result;
use crate::segment::StoredAggregate;

/// Reads rows of one table: pieces of series, and of each its times, columns, statistics.
///
/// A reader keeps the blocks it decoded last, two of each column and segment (32 MiB at most), and of a merged piece the
/// column that was asked for last, so that
/// neighbouring short series, which share blocks, are read once: ask in ascending order of series.
pub struct Reader {
    view: TableView,
    inside: PartReader,
    /// The merge of the piece that was asked for last.
    merge: Option<(Vec<Part>, Merge)>,
    /// The values of a merge, and of the parts it is made of.
    merged: Column,
    columns: Vec<Column>,
    /// Memory of calls, empty between them.
    parts: Vec<Part>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.view.inner.spare.caches.put(mem::take(&mut self.inside.cache));
    }
}

impl Reader {
    pub(crate) fn new(view: TableView) -> Self {
        let inside = PartReader::new(view.inner.spare.caches.take());
        let merged = Column::new(FieldType::Int);
        Self { view, inside, merge: None, merged, columns: Vec::new(), parts: Vec::new() }
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
        let Self { view, inside, parts, .. } = self;
        let inner = &*view.inner;
        let mut sources = 0;
        for source in 0..inner.segments.len() as u32 {
            let before = parts.len();
            inside.segment_parts(inner, source, series, range, parts)?;
            sources += usize::from(parts.len() > before);
        }
        let before = parts.len();
        memory_parts(inner, series, range, parts);
        sources += usize::from(parts.len() > before);
        if sources > 1 {
            parts.sort_by_key(|part| part.range.start);
            if parts.windows(2).any(|pair| pair[0].range.end >= pair[1].range.start) {
                let parts = mem::take(parts);
                return self.merged_pieces(series, parts, out);
            }
        }
        out.extend(parts.drain(..).map(|part| Piece {
            series,
            range: part.range,
            parts: Parts::One(part),
        }));
        Ok(())
    }

    /// Cuts overlapping parts, ascending by start, at the ends of the shortest, so that a merged
    /// piece holds one block's rows of each source at most.
    fn merged_pieces(
        &mut self,
        series: u32,
        mut parts: Vec<Part>,
        out: &mut Vec<Piece>,
    ) -> Result<()> {
        let Self { view, inside, .. } = self;
        let inner = &*view.inner;
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
                        let later = TimeRange::new(end + 1, part.range.end);
                        rest.extend(inside.cut(inner, part, later)?);
                        let kept = TimeRange::new(part.range.start, end);
                        let kept = inside.cut(inner, part, kept)?;
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
            [part] => self.inside.rows_before(&self.view.inner, part, time),
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
            [part] => self.inside.times(&self.view.inner, part, rows, out)?,
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
        self.inside.linear_times(&self.view.inner, part)
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
        if let [part] = &piece.parts[..] {
            return self.inside.column(&self.view.inner, part, field, rows);
        }
        self.merge(piece)?;
        let Self { view, inside, merge, merged, columns, .. } = self;
        let ty = field_type(&view.inner, field)?;
        columns.resize_with(piece.parts.len(), || Column::new(ty));
        for (part, column) in piece.parts.iter().zip(&mut *columns) {
            if column.ty() != ty {
                *column = Column::new(ty);
            }
            inside.column(&view.inner, part, field, 0..part.rows.len())?.copy_into(column);
        }
        if merged.ty() != ty {
            *merged = Column::new(ty);
        }
        let (count, duplicates) = (rows.len(), view.inner.schema.duplicates);
        if let Some((_, merge)) = merge {
            merge.column(columns, rows, duplicates, merged);
        }
        Ok(ColumnSlice::of(merged, 0..count))
    }

    /// Puts the sums of rows `edges[i]..edges[i + 1]` of the piece into `out` and returns `true`, where they are
    /// integers of which none is missing, of a long series, and so small that no sum overflows 64 bits. Most
    /// encodings need not be decoded for that.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    ///
    /// # Panics
    /// When the edges don't ascend.
    pub fn sums(
        &mut self,
        piece: &Piece,
        field: usize,
        edges: &[usize],
        out: &mut Vec<i64>,
    ) -> Result<bool> {
        let [part] = &piece.parts[..] else { return Ok(false) };
        self.inside.sums(&self.view.inner, part, field, edges, out)
    }

    /// Appends the stored statistics of a numeric field: of slices of up to 1,024 rows that are
    /// wholly inside the piece, ascending. Rows without any must be decoded. There are none for
    /// merged pieces, rows in memory, and short series that share a block.
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
        let Some(stored) = self.inside.statistics(&self.view.inner, part, field)? else {
            return Ok(());
        };
        let first = stored.slices.partition_point(|slice| slice.rows.start < part.rows.start);
        let inside = stored.slices[first..].iter();
        out.extend(inside.take_while(|slice| slice.rows.end <= part.rows.end).map(|slice| {
            let rows = slice.rows.start - part.rows.start..slice.rows.end - part.rows.start;
            StoredAggregate { rows, ..slice.clone() }
        }));
        Ok(())
    }

    /// The stored statistics of all rows of the piece together, if it is whole: a block of one
    /// series.
    ///
    /// # Errors
    /// As [`Reader::pieces`].
    pub fn whole_aggregate(
        &mut self,
        piece: &Piece,
        field: usize,
    ) -> Result<Option<&StoredAggregate>> {
        let [part] = &piece.parts[..] else { return Ok(None) };
        let stored = self.inside.statistics(&self.view.inner, part, field)?;
        let whole = stored.and_then(|stored| stored.whole.as_ref());
        Ok(whole.filter(|whole| whole.rows == part.rows))
    }

    /// The merge of a piece of several parts, kept until another is asked for.
    fn merge(&mut self, piece: &Piece) -> Result<&Merge> {
        let is_cached = self.merge.as_ref().is_some_and(|(parts, _)| parts[..] == piece.parts[..]);
        if !is_cached {
            let mut times = Vec::with_capacity(piece.parts.len());
            for part in &piece.parts[..] {
                let mut part_times = Vec::with_capacity(part.rows.len());
                let all = 0..part.rows.len();
                self.inside.times(&self.view.inner, part, all, &mut part_times)?;
                times.push(part_times);
            }
            self.merge = Some((piece.parts.to_vec(), Merge::new(&times)));
        }
        match &self.merge {
            Some((_, merge)) => Ok(merge),
            None => unreachable!("set above"),
        }
    }
}
