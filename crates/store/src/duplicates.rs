//! Rows of the same series and time in several sources: counted for reports, refused where the
//! table says so.

use std::collections::HashSet;
use std::sync::Arc;

use rayon::prelude::*;
use tidemill_model::{Duplicates, TimeRange};

use crate::chunk::Chunk;
use crate::error::Result;
use crate::ingest::{Ingest, Rejection};
use crate::manifest::SegmentEntry;
use crate::read::{Memory, Piece, TableView, ViewInner};
use crate::segment::Segment;
use crate::store::{Inner, publish_definitions};
use crate::workers::workers;

/// How many rows of new segments have the series and time of another row, in the store or among
/// themselves, by table.
pub(crate) fn count_duplicates(inner: &Inner, new: &[SegmentEntry]) -> Result<Vec<(u32, u64)>> {
    let mut counts = Vec::new();
    let mut tables: Vec<u32> = new.iter().map(|entry| entry.table).collect();
    tables.sort_unstable();
    tables.dedup();
    for table in tables {
        let entries = new.iter().filter(|entry| entry.table == table);
        let open = |entry: &SegmentEntry| Segment::open(inner.disk(), &inner.dir, entry.clone());
        let opened = entries.map(|entry| open(entry).map(Arc::new)).collect::<Result<Vec<_>>>()?;
        let range = opened.iter().fold(TimeRange::EMPTY, |all, s| all.union(s.entry.range));
        let stored = stored_segments(inner, table, range);
        let before = view_of(inner, table, stored.clone(), Vec::new());
        let after = view_of(inner, table, [stored, opened.clone()].concat(), Vec::new());
        if after.is_disjoint() {
            continue;
        }
        let mut series: Vec<u32> =
            opened.iter().flat_map(|s| s.footer.runs.iter_series()).collect();
        series.sort_unstable();
        series.dedup();
        let count = |series: &[u32]| -> Result<u64> {
            Ok(merged_away(&after, series, range)? - merged_away(&before, series, range)?)
        };
        let duplicates =
            workers().install(|| series.par_chunks(64).map(count).sum::<Result<u64>>())?;
        counts.push((table, duplicates));
    }
    Ok(counts)
}

/// How many rows of these series give way to others of the same time.
fn merged_away(view: &TableView, series: &[u32], range: TimeRange) -> Result<u64> {
    let mut reader = view.reader();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut count = 0;
    for id in series {
        reader.pieces(*id, range, &mut pieces)?;
        for piece in pieces.iter().filter(|piece| piece.is_merged()) {
            count += (piece.max_rows() - reader.rows(piece)?) as u64;
        }
    }
    Ok(count)
}

fn stored_segments(inner: &Inner, table: u32, range: TimeRange) -> Vec<Arc<Segment>> {
    let tables = inner.read_tables();
    let segments = tables.get(table as usize).map_or(&[][..], |table| &table.segments);
    segments.iter().filter(|segment| segment.entry.range.overlaps(range)).cloned().collect()
}

fn view_of(
    inner: &Inner,
    table: u32,
    segments: Vec<Arc<Segment>>,
    chunks: Vec<Arc<Chunk>>,
) -> TableView {
    let mut states = Vec::new();
    publish_definitions(&inner.lock_ingest(), &mut states);
    view_of_state(inner, &states[table as usize], segments, chunks)
}

fn view_of_state(
    inner: &Inner,
    state: &crate::store::TableState,
    segments: Vec<Arc<Segment>>,
    chunks: Vec<Arc<Chunk>>,
) -> TableView {
    TableView {
        inner: Arc::new(ViewInner {
            schema: Arc::clone(&state.schema),
            definition: Arc::clone(&state.definition),
            series_count: state.series_count,
            segments: Arc::new(segments.into()),
            memory: Arc::new(Memory::new(chunks, state.schema.duplicates)),
            spare: Arc::clone(&inner.spare),
            chunks: Arc::clone(&inner.spare.shared),
        }),
    }
}

impl Inner {
    /// Takes rows out of chunks whose table refuses duplicates and that have the series and time
    /// of a row stored, waiting in `uncommitted` chunks (by table) and segments, or earlier in the
    /// same chunk.
    ///
    /// It reads the times of every series written, so such tables are slower to write.
    pub(crate) fn refuse_duplicates(
        &self,
        ingest: &Ingest,
        chunks: &mut Vec<(u32, Chunk)>,
        uncommitted: (&[Vec<Arc<Chunk>>], &[Arc<Segment>]),
        rejections: &mut Vec<Rejection>,
    ) -> Result<()> {
        let is_strict = |table: u32| ingest.tables[table as usize].duplicates == Duplicates::Error;
        if !chunks.iter().any(|(table, _)| is_strict(*table)) {
            return Ok(());
        }
        let mut states = Vec::new();
        publish_definitions(ingest, &mut states);
        for (table, chunk) in chunks.iter_mut().filter(|(table, _)| is_strict(*table)) {
            let index = *table as usize;
            let range = chunk.range();
            let mut rows: Vec<Arc<Chunk>> =
                self.read_tables().get(index).map_or_else(Vec::new, |state| state.chunks.clone());
            rows.extend(uncommitted.0.get(index).into_iter().flatten().cloned());
            let mut segments = stored_segments(self, *table, range);
            segments.extend(uncommitted.1.iter().filter(|s| s.entry.table == *table).cloned());
            let view = view_of_state(self, &states[index], segments, rows);
            let taken = times_taken(&view, chunk, range)?;
            let mut seen = HashSet::new();
            let is_new = |row: &u32| {
                let key = (chunk.series[*row as usize], chunk.times[*row as usize]);
                !taken.contains(&key) && seen.insert(key)
            };
            let kept: Vec<u32> = (0..chunk.rows() as u32).filter(is_new).collect();
            if kept.len() < chunk.rows() {
                let name = &states[index].schema.name;
                refuse(chunk, &kept, name, rejections);
            }
        }
        chunks.retain(|(_, chunk)| chunk.rows() > 0);
        Ok(())
    }
}

fn times_taken(view: &TableView, chunk: &Chunk, range: TimeRange) -> Result<HashSet<(u32, i64)>> {
    let mut series = chunk.series.clone();
    series.sort_unstable();
    series.dedup();
    let (mut reader, mut pieces, mut times) = (view.reader(), Vec::new(), Vec::new());
    let mut taken = HashSet::new();
    for id in series {
        reader.pieces(id, range, &mut pieces)?;
        for piece in &pieces {
            times.clear();
            let rows = reader.rows(piece)?;
            reader.times(piece, 0..rows, &mut times)?;
            taken.extend(times.iter().map(|time| (id, *time)));
        }
    }
    Ok(taken)
}

fn refuse(chunk: &mut Chunk, kept: &[u32], table: &str, rejections: &mut Vec<Rejection>) {
    let mut next = kept.iter().peekable();
    for row in 0..chunk.rows() {
        if next.next_if(|kept| **kept as usize == row).is_none() {
            rejections.push(Rejection {
                table: table.to_owned(),
                position: chunk.positions.get(row).copied().unwrap_or_default(),
                field: None,
                reason: format!(
                    "a row of this series and time ({} ns) is there already",
                    chunk.times[row]
                ),
            });
        }
    }
    chunk.keep(kept);
}
