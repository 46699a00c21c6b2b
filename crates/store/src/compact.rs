//! Merging segments: overlapping ones, so that rows stand once and stored statistics count, and
//! small ones, so that runs are long; and writing segments anew in fewer bytes.

use std::ops::Range;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};

use tidemill_codec::Compression;
use tidemill_model::{Column, FieldType, TimeRange, Value};

use crate::commit::Change;
use crate::delete::{Doomed, Expired};
use crate::error::Result;
use crate::manifest::{SegmentEntry, segment_path};
use crate::read::{Memory, Piece, Reader, TableView, ViewInner};
use crate::segment::{
    BlockData, BlockPlan, BlockSource, Segment, SegmentTarget, build_segment, plan_blocks,
};
use crate::stages;
use crate::store::{Inner, Store};

/// Without being asked, a table is compacted when this many small segments would be merged…
const MAX_SMALL_SEGMENTS: usize = 8;
/// …or a time stands in more than this many segments.
const MAX_OVERLAP: usize = 4;
/// A segment is small below a quarter of the largest number of rows, and below so many bytes of values before they
/// were encoded: half of what a bulk load holds, in which some is room that no value takes, and text.
const MAX_SMALL_BYTES: u64 = 40 << 20;

/// To know how much text rows hold, this many series are looked at, and so many rows of each.
const TEXT_SAMPLES: usize = 64;
const MAX_SAMPLE_ROWS: usize = 128;

/// What a compaction or a deletion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments merged or written anew.
    pub segments_before: usize,
    /// Segments they became.
    pub segments_after: usize,
    /// Bytes before and after.
    pub bytes_before: u64,
    /// See `bytes_before`.
    pub bytes_after: u64,
    /// Rows that stood more than once, were deleted, or were older than their table keeps them.
    pub dropped_rows: u64,
}

impl Store {
    /// Flushes, removes what is older than its table keeps it, then merges what overlaps or is
    /// small, in bounded memory and without keeping readers from anything.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn compact(&self) -> Result<Compacted> {
        self.compact_as(Compression::Fast)
    }

    /// [`Store::compact`] that chooses encodings for this. With [`Compression::Small`] all segments that were
    /// not written so are written anew, even where there is nothing to merge: one set after the other, so that
    /// what was done stays when the rest is interrupted, and the next call goes on from there. Merged among
    /// themselves, and by deletions, they stay as they are; merged with younger rows they are
    /// [`Compression::Fast`] again.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn compact_as(&self, compression: Compression) -> Result<Compacted> {
        self.compact_with_progress(compression, |_, _| {})
    }

    /// [`Store::compact_as`] that tells `progress`, after each set of segments, how many bytes and rows of them were
    /// written anew. It must not ask the store to compact, delete or close: that waits for this to end.
    ///
    /// # Errors
    /// As [`Store::compact_as`].
    pub fn compact_with_progress(
        &self,
        compression: Compression,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Compacted> {
        let _compaction = self.inner.lock_compaction();
        self.inner.flush_memory()?;
        let mut total = Compacted::default();
        self.inner.remove_expired(Expired::Rows, &mut total)?;
        self.inner.compact_groups(true, compression, &mut total, &mut progress)?;
        Ok(total)
    }
}

impl Inner {
    pub(crate) fn lock_compaction(&self) -> MutexGuard<'_, ()> {
        self.compaction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compacts tables that need it, unless somebody does. That it failed is no failure of what
    /// came before it: rows are where they were, and the next will try again.
    pub(crate) fn compact_if_needed(&self) {
        let _compaction = match self.compaction.try_lock() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(lock)) => lock.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let mut total = Compacted::default();
        let compacted = self.remove_expired(Expired::Segments, &mut total);
        let compacted = compacted.and_then(|()| {
            self.compact_groups(false, Compression::Fast, &mut total, &mut |_, _| {})
        });
        if let Err(error) = compacted {
            tracing::warn!(%error, "segments could not be merged");
        }
    }

    fn compact_groups(
        &self,
        all: bool,
        compression: Compression,
        total: &mut Compacted,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let (mut bytes, mut rows) = (0, 0);
        let tables = self.read_tables().len();
        for table in 0..tables {
            let segments = self.read_tables()[table].segments.to_vec();
            for group in groups(&segments, self.options.max_segment_rows, all, compression) {
                for segment in &group {
                    bytes += segment.entry.bytes;
                    rows += segment.entry.rows;
                }
                self.rewrite(table, &[group], &Doomed::nothing(), compression, total)?;
                progress(bytes, rows);
            }
        }
        Ok(())
    }

    /// Writes groups of segments of a table anew, each merged, without the rows that are
    /// `doomed`, and puts them in the place of the old ones, all at once. The caller holds the
    /// compaction lock.
    pub(crate) fn rewrite(
        &self,
        table: usize,
        groups: &[Vec<Arc<Segment>>],
        doomed: &Doomed,
        compression: Compression,
        total: &mut Compacted,
    ) -> Result<()> {
        let _compacting = stages::COMPACT.enter();
        let old = groups.concat();
        let remove = old.iter().map(|segment| segment.entry.file).collect();
        let mut change = Change { remove, ..Change::default() };
        let written = groups.iter().try_for_each(|group| {
            self.write_group(table, group, doomed, compression, &mut change.add)
        });
        let opened = self.commit_or_remove(written, &change, false)?;
        let sum = |segments: &[Arc<Segment>], of: fn(&Segment) -> u64| -> u64 {
            segments.iter().map(|segment| of(segment)).sum()
        };
        let (bytes, rows) = (|s: &Segment| s.entry.bytes, |s: &Segment| s.entry.rows);
        total.segments_before += old.len();
        total.segments_after += opened.len();
        total.bytes_before += sum(&old, bytes);
        total.bytes_after += sum(&opened, bytes);
        total.dropped_rows += sum(&old, rows) - sum(&opened, rows);
        let mut tables = self.write_tables();
        tables[table].change_segments(|segments| {
            segments.retain(|segment| !change.remove.contains(&segment.entry.file));
            segments.extend(opened);
        });
        drop(tables);
        self.remove_files(change.remove.iter().map(|file| segment_path(&self.dir, *file)));
        Ok(())
    }

    fn write_group(
        &self,
        table: usize,
        group: &[Arc<Segment>],
        doomed: &Doomed,
        compression: Compression,
        add: &mut Vec<SegmentEntry>,
    ) -> Result<()> {
        let kept = group.iter().filter(|segment| !doomed.takes_all(segment));
        let group: Vec<Arc<Segment>> = kept.cloned().collect();
        if group.is_empty() {
            return Ok(());
        }
        let compression = compression_of(&group, compression);
        let merge = Merge::new(self, table, group.clone(), doomed)?;
        let sequence = group.iter().map(|segment| segment.entry.sequence).max().unwrap_or(0);
        for window in windows(&group, self.options.max_segment_rows) {
            let mut source = merge.window(window)?;
            if source.plans.is_empty() {
                continue;
            }
            let target = SegmentTarget {
                disk: self.disk(),
                dir: &self.dir,
                file: self.next_file_number(),
                table: table as u32,
                sequence,
                fields: merge.fields.clone(),
                row_bytes: merge.row_bytes,
                compression,
            };
            let plans = std::mem::take(&mut source.plans);
            add.push(build_segment(target, &self.spare, plans, &source)?);
        }
        Ok(())
    }
}

/// Sets of segments to merge. All that overlap with one another stay together, so that what is
/// older and what is younger among the others does not change. A segment that is not yet of the
/// `compression` asked for may be alone.
fn groups(
    segments: &[Arc<Segment>],
    max_rows: usize,
    all: bool,
    compression: Compression,
) -> Vec<Vec<Arc<Segment>>> {
    let clusters = clusters(segments);
    let deepest = clusters.iter().map(Vec::len).max().unwrap_or(0);
    let mut groups: Vec<(Vec<Arc<Segment>>, u64)> = Vec::new();
    for cluster in clusters {
        let rows: u64 = cluster.iter().map(|segment| segment.entry.rows).sum();
        // What need not be merged is no reason to write what is small in more bytes.
        let fits = |(group, group_rows): &&mut (Vec<_>, u64)| {
            let of = |segments: &[_]| compression_of(segments, compression);
            *group_rows + rows <= max_rows as u64 && of(group) == of(&cluster)
        };
        match groups.last_mut().filter(fits) {
            Some((group, group_rows)) => {
                group.extend(cluster);
                *group_rows += rows;
            }
            None => groups.push((cluster, rows)),
        }
    }
    let is_left = |group: &Vec<Arc<Segment>>| {
        let wanted = compression_of(group, compression);
        group.len() > 1 || group.iter().any(|segment| segment.compression != wanted)
    };
    let groups: Vec<_> = groups.into_iter().map(|(group, _)| group).filter(is_left).collect();
    let merged = groups.iter().filter(|group| group.len() > 1).flatten();
    let small = merged.filter(|segment| is_small(segment, max_rows)).count();
    let is_needed = all || small >= MAX_SMALL_SEGMENTS || deepest > MAX_OVERLAP;
    if is_needed { groups } else { Vec::new() }
}

fn is_small(segment: &Segment, max_rows: usize) -> bool {
    let rows = segment.entry.rows;
    let row_bytes = ((1 + segment.footer.fields.len()) * size_of::<u64>()) as u64;
    rows < max_rows as u64 / 4 && rows.saturating_mul(row_bytes) < MAX_SMALL_BYTES
}

/// What a set of segments is written as: where all of them are small, that is not undone.
fn compression_of(group: &[Arc<Segment>], asked: Compression) -> Compression {
    let are_small = group.iter().all(|segment| segment.compression == Compression::Small);
    if are_small { Compression::Small } else { asked }
}

/// Segments that overlap with one another, directly or by way of others; each set by the start of
/// its first.
fn clusters(segments: &[Arc<Segment>]) -> Vec<Vec<Arc<Segment>>> {
    let mut by_time = segments.to_vec();
    by_time.sort_by_key(|segment| segment.entry.range.start);
    let mut clusters: Vec<Vec<Arc<Segment>>> = Vec::new();
    for segment in by_time {
        let touches =
            |cluster: &mut Vec<Arc<Segment>>| cluster.iter().any(|other| other.overlaps(&segment));
        let mut merged: Vec<_> = clusters.extract_if(.., touches).flatten().collect();
        merged.push(segment);
        clusters.push(merged);
    }
    clusters.sort_by_key(|cluster| cluster.iter().map(|s| s.entry.range.start).min());
    clusters
}

/// Whether no two segments hold overlapping times of the same series.
pub(crate) fn are_disjoint(segments: &[Arc<Segment>]) -> bool {
    clusters(segments).iter().all(|cluster| cluster.len() == 1)
}

/// Ranges of time that hold about `max_rows` rows each, so that what is written does not overlap.
fn windows(group: &[Arc<Segment>], max_rows: usize) -> Vec<TimeRange> {
    let rows: u64 = group.iter().map(|segment| segment.entry.rows).sum();
    let range = group.iter().fold(TimeRange::EMPTY, |all, s| all.union(s.entry.range));
    let count = rows.div_ceil(max_rows as u64).max(1);
    // Rows are taken to be spread evenly inside a block.
    let mut starts: Vec<(i64, u64)> = Vec::new();
    for segment in group {
        for (block, block_range) in segment.footer.block_ranges.iter().enumerate() {
            let middle = i128::midpoint(block_range.start.into(), block_range.end.into()) as i64;
            starts.push((middle, segment.block_rows(block) as u64));
        }
    }
    starts.sort_unstable();
    let (mut windows, mut start, mut seen) = (Vec::new(), range.start, 0);
    for (time, block_rows) in starts {
        if seen * count >= rows * (windows.len() as u64 + 1) && time > start {
            windows.push(TimeRange::new(start, time - 1));
            start = time;
        }
        seen += block_rows;
    }
    windows.push(TimeRange::new(start, range.end));
    windows
}

/// Segments of one table seen as one.
struct Merge<'a> {
    doomed: &'a Doomed,
    view: TableView,
    series: Vec<u32>,
    fields: Vec<(u32, FieldType)>,
    /// What a row holds, roughly.
    row_bytes: usize,
}

impl<'a> Merge<'a> {
    fn new(
        inner: &Inner,
        table: usize,
        segments: Vec<Arc<Segment>>,
        doomed: &'a Doomed,
    ) -> Result<Self> {
        let mut series: Vec<u32> =
            segments.iter().flat_map(|s| s.footer.runs.iter_series()).collect();
        series.sort_unstable();
        series.dedup();
        let mut fields: Vec<_> = segments.iter().flat_map(|s| &s.footer.fields).copied().collect();
        fields.sort_unstable();
        fields.dedup();
        let state = &inner.read_tables()[table];
        let mut segments = segments;
        segments.sort_by_key(|segment| segment.entry.sequence);
        let view = TableView {
            inner: Arc::new(ViewInner {
                schema: Arc::clone(&state.schema),
                definition: Arc::clone(&state.definition),
                series_count: state.series_count,
                segments: Arc::new(segments.into()),
                memory: Arc::new(Memory::default()),
                spare: Arc::clone(&inner.spare),
                chunks: Arc::default(),
            }),
        };
        let row_bytes = row_bytes(&view, &series, &fields)?;
        Ok(Self { doomed, view, series, fields, row_bytes })
    }

    /// The pieces of a series that stay, in a range of time.
    fn pieces(
        &self,
        reader: &mut Reader,
        series: u32,
        range: TimeRange,
        out: &mut Vec<Piece>,
    ) -> Result<()> {
        let [before, after] = self.doomed.kept(series, range);
        reader.pieces(series, before, out)?;
        if !after.is_empty() {
            let mut later = Vec::new();
            reader.pieces(series, after, &mut later)?;
            out.append(&mut later);
        }
        Ok(())
    }

    /// The rows in a range of time, as blocks.
    fn window(&self, range: TimeRange) -> Result<Window<'_>> {
        let (mut reader, mut pieces) = (self.view.reader(), Vec::new());
        let mut runs = Vec::new();
        for series in &self.series {
            self.pieces(&mut reader, *series, range, &mut pieces)?;
            let mut rows = 0;
            for piece in &pieces {
                rows += reader.rows(piece)?;
            }
            if rows > 0 {
                runs.push((*series, rows));
            }
        }
        let mut run_rows = Vec::with_capacity(runs.len());
        let mut row = 0;
        for (series, rows) in &runs {
            run_rows.push((*series, row));
            row += rows;
        }
        let plans = plan_blocks(runs.into_iter(), self.row_bytes);
        Ok(Window { merge: self, range, plans, run_rows })
    }
}

/// What a row holds, in bytes: 8 a field, and what its texts have in a sample of the series.
fn row_bytes(view: &TableView, series: &[u32], fields: &[(u32, FieldType)]) -> Result<usize> {
    let texts = fields.iter().filter(|(_, ty)| *ty == FieldType::Text);
    let texts: Vec<usize> = texts.map(|(field, _)| *field as usize).collect();
    let (mut reader, mut pieces) = (view.reader(), Vec::new());
    let mut largest = 0;
    let step = series.len().div_ceil(TEXT_SAMPLES).max(1);
    for series in series.iter().step_by(step).filter(|_| !texts.is_empty()) {
        reader.pieces(*series, TimeRange::ALL, &mut pieces)?;
        let Some(piece) = pieces.last() else { continue };
        let rows = reader.rows(piece)?.min(MAX_SAMPLE_ROWS);
        let mut bytes = 0;
        for field in &texts {
            let values = reader.column(piece, *field, 0..rows)?;
            bytes += (0..rows).filter_map(|row| values.get(row)).map(text_bytes).sum::<usize>();
        }
        largest = largest.max(bytes / rows.max(1));
    }
    Ok(largest + (1 + fields.len()) * size_of::<u64>())
}

fn text_bytes(value: Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 0,
    }
}

struct Window<'a> {
    merge: &'a Merge<'a>,
    range: TimeRange,
    plans: Vec<BlockPlan>,
    /// Where each series starts among all rows.
    run_rows: Vec<(u32, usize)>,
}

impl BlockSource for Window<'_> {
    type Worker = Reader;

    fn worker(&self) -> Reader {
        self.merge.view.reader()
    }

    fn fill(
        &self,
        reader: &mut Reader,
        plan: &BlockPlan,
        fields: &[(u32, FieldType)],
        data: &mut BlockData,
    ) -> Result<()> {
        data.times.clear();
        let spare = data.columns.drain(..).map(Some).chain(std::iter::repeat_with(|| None));
        let mut columns: Vec<Column> = fields.iter().zip(spare).map(emptied).collect();
        let ends = plan.runs.iter().skip(1).map(|run| run.1 as usize).chain([plan.rows.len()]);
        let mut pieces: Vec<Piece> = Vec::new();
        for (&(series, start), end) in plan.runs.iter().zip(ends) {
            let first = plan.rows.start + start as usize - self.run_start(series);
            let wanted = first..first + (end - start as usize);
            self.merge.pieces(reader, series, self.range, &mut pieces)?;
            let mut at = 0;
            for piece in &pieces {
                let rows = reader.rows(piece)?;
                let inside = wanted.start.max(at)..wanted.end.min(at + rows);
                if !inside.is_empty() {
                    let rows = inside.start - at..inside.end - at;
                    append(reader, piece, rows, fields, &mut data.times, &mut columns)?;
                }
                at += rows;
            }
        }
        data.columns = columns
            .into_iter()
            .map(|column| Some(column).filter(|column| column.valid_count() > 0))
            .collect();
        Ok(())
    }
}

/// A column for a field, with the memory of an old one of the same type.
fn emptied(((_, ty), old): (&(u32, FieldType), Option<Option<Column>>)) -> Column {
    let mut column = old.flatten().filter(|old| old.ty() == *ty).unwrap_or(Column::new(*ty));
    column.clear();
    column
}

impl Window<'_> {
    fn run_start(&self, series: u32) -> usize {
        let at = self.run_rows.binary_search_by_key(&series, |(series, _)| *series);
        at.map_or(0, |at| self.run_rows[at].1)
    }
}

fn append(
    reader: &mut Reader,
    piece: &Piece,
    rows: Range<usize>,
    fields: &[(u32, FieldType)],
    times: &mut Vec<i64>,
    columns: &mut [Column],
) -> Result<()> {
    reader.times(piece, rows.clone(), times)?;
    for ((field, _), column) in fields.iter().zip(columns) {
        let values = reader.column(piece, *field as usize, rows.clone())?;
        values.append_to(column);
    }
    Ok(())
}
