use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use tidemill_model::{Aggregate, FieldType, TimeRange};
use tidemill_store::{ColumnSlice, Piece, Reader, SliceValues, TableView};

use super::limits::{Judged, Limits};
use crate::anomaly::{Stretch, stretches};
use crate::error::Error;
use crate::native::Bucket;
use crate::native::cells::Cells;
use crate::native::runs::{Run, cut};
use crate::numeric::{Numeric, Statistics, valid_stretches};
use crate::{Points, Quantiles};

/// What is known of a field over some series.
#[derive(Clone, Debug)]
pub(super) struct Totals {
    pub(super) rows: u64,
    /// Statistics by stretch of the sparkline.
    pub(super) stretches: Cells,
    /// First and last value, missing ones left out: one cell.
    pub(super) ends: Cells,
    pub(super) quantiles: Quantiles,
    pub(super) true_count: u64,
    pub(super) texts: HashSet<u64>,
    pub(super) max_texts: usize,
}

/// What does not change while a table's field is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldScan<'a> {
    pub(super) view: &'a TableView,
    pub(super) field: usize,
    pub(super) ty: FieldType,
    /// The sparkline's stretches.
    pub(super) grid: Bucket,
    pub(super) grid_len: usize,
    pub(super) judged: Judged,
    pub(super) limits: &'a Limits,
    /// Values kept for the whole field …
    pub(super) max_exact_values: usize,
    /// … by so many [`Totals`] at most.
    pub(super) parts: usize,
    /// The sampling interval by series; 0: unknown.
    pub(super) intervals: &'a [i64],
}

/// A field of some series.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) totals: Totals,
    /// The field of each series that is reported one by one, with its points.
    pub(super) details: Vec<(u32, Totals, Points)>,
    /// The worst stretches, unordered.
    pub(super) stretches: Vec<(u32, Stretch)>,
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    times: Vec<i64>,
    runs: Vec<Run>,
    cells: Vec<Run>,
}

impl FieldScan<'_> {
    /// Totals of nothing, for a part of the series.
    fn part(&self) -> Totals {
        self.totals(self.max_exact_values / self.parts.max(1))
    }

    /// Totals of nothing, for all series.
    pub(super) fn whole(&self) -> Totals {
        self.totals(self.max_exact_values)
    }

    fn totals(&self, max_exact_values: usize) -> Totals {
        let mut stretches = Cells::of_field(self.ty);
        (0..self.grid_len).for_each(|_| stretches.push());
        let mut ends = Cells::Ends(Vec::new());
        ends.push();
        Totals {
            rows: 0,
            stretches,
            ends,
            quantiles: Quantiles::new(max_exact_values),
            true_count: 0,
            texts: HashSet::new(),
            max_texts: self.limits.max_distinct,
        }
    }

    /// Reads the field of consecutive series.
    pub(super) fn scan(&self, series: std::ops::Range<u32>) -> Result<Scanned, Error> {
        let mut all = Scanned { totals: self.part(), details: Vec::new(), stretches: Vec::new() };
        let (mut reader, mut pieces) = (self.view.reader(), Vec::new());
        let mut scratch = Scratch::default();
        for series in series {
            reader.pieces(series, TimeRange::ALL, &mut pieces)?;
            if pieces.is_empty() {
                continue;
            }
            let is_detailed = (series as usize) < self.limits.max_series;
            let is_judged = is_numeric(self.ty) && self.judged.includes(series);
            let mut points = self.points(series, &pieces, is_detailed, is_judged);
            let mut own = is_detailed.then(|| self.part());
            for piece in &pieces {
                let totals = own.as_mut().unwrap_or(&mut all.totals);
                self.add_piece(&mut reader, piece, totals, points.as_mut(), &mut scratch)?;
            }
            if let Some(points) = points.as_ref().filter(|_| is_judged) {
                let found = stretches(points, self.limits.max_anomalies);
                all.stretches.extend(found.into_iter().map(|stretch| (series, stretch)));
                keep_worst(&mut all.stretches, self.limits.max_anomalies);
            }
            if let Some(own) = own {
                all.details.push((series, own, points.unwrap_or_default()));
            }
        }
        Ok(all)
    }

    /// The points of one series, without the totals.
    pub(super) fn points_of(&self, series: u32) -> Result<Points, Error> {
        let (mut reader, mut pieces) = (self.view.reader(), Vec::new());
        reader.pieces(series, TimeRange::ALL, &mut pieces)?;
        let (mut points, mut scratch) =
            (self.points(series, &pieces, true, true), Scratch::default());
        let mut totals = self.part();
        for piece in &pieces {
            self.add_piece(&mut reader, piece, &mut totals, points.as_mut(), &mut scratch)?;
        }
        Ok(points.unwrap_or_default())
    }

    /// The grid of a series that is judged or drawn.
    fn points(
        &self,
        series: u32,
        pieces: &[Piece],
        is_detailed: bool,
        is_judged: bool,
    ) -> Option<Points> {
        let (first, last) = (pieces.first()?.range().start, pieces.last()?.range().end);
        let max_cells = match (is_judged, is_detailed && is_numeric(self.ty)) {
            (true, _) => self.judged.max_cells,
            (false, true) => self.limits.chart_points,
            (false, false) => return None,
        };
        let interval = self.intervals.get(series as usize).copied();
        Some(Points::new(first, last, interval, max_cells))
    }

    fn add_piece(
        &self,
        reader: &mut Reader,
        piece: &Piece,
        totals: &mut Totals,
        points: Option<&mut Points>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let rows = reader.rows(piece)?;
        if rows == 0 {
            return Ok(());
        }
        let Scratch { times, runs, cells } = scratch;
        cut(reader, piece, rows, Some(self.grid), times, runs)?;
        for run in runs.iter_mut() {
            // Not negative: the grid starts at the table's first time.
            let distance = run.bucket.abs_diff(self.grid.origin_ns);
            run.cell = (distance / self.grid.width_ns.unsigned_abs()) as usize;
        }
        if let Some(points) = &points {
            let bucket = Bucket { origin_ns: points.start, width_ns: points.step };
            cut(reader, piece, rows, Some(bucket), times, cells)?;
        }
        let ends = valued_ends(reader, piece, self.field, rows)?;
        let column = reader.column(piece, self.field, 0..rows)?;
        totals.rows += rows as u64;
        totals.stretches.add(runs, Statistics::All, &[], Some(&column));
        if let Some(run) = ends {
            totals.ends.add(&[run], Statistics::Count, &[], Some(&column));
        }
        totals.collect(&column);
        if let Some(points) = points {
            add_points(points, cells, &column);
        }
        Ok(())
    }
}

/// From the first to the last row of a piece that has a value.
fn valued_ends(
    reader: &mut Reader,
    piece: &Piece,
    field: usize,
    rows: usize,
) -> Result<Option<Run>, Error> {
    let column = reader.column(piece, field, 0..rows)?;
    let first = (0..rows).find(|row| column.is_valid(*row));
    let last = (0..rows).rev().find(|row| column.is_valid(*row));
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let mut time = |row: usize, edge: usize, known: i64| {
        if row == edge {
            return Ok::<_, Error>(known);
        }
        let mut times = Vec::with_capacity(1);
        reader.times(piece, row..row + 1, &mut times)?;
        Ok(times.first().copied().unwrap_or(known))
    };
    let first_time = time(first, 0, piece.range().start)?;
    let last_time = time(last, rows - 1, piece.range().end)?;
    Ok(Some(Run { bucket: 0, cell: 0, rows: first..last + 1, first_time, last_time }))
}

impl Totals {
    fn collect(&mut self, column: &ColumnSlice<'_>) {
        match column.values() {
            SliceValues::Float(values) => collect(values, column, &mut self.quantiles),
            SliceValues::Int(values) => collect(values, column, &mut self.quantiles),
            SliceValues::UInt(values) => collect(values, column, &mut self.quantiles),
            SliceValues::Bool(values) => {
                let stretches = valid_stretches(column).flat_map(|rows| &values[rows]);
                self.true_count += stretches.filter(|value| **value).count() as u64;
            }
            SliceValues::Text(texts) => {
                for text in valid_stretches(column).flatten().map(|row| texts.get(row)) {
                    if self.texts.len() > self.max_texts {
                        return;
                    }
                    let mut hasher = DefaultHasher::new();
                    text.hash(&mut hasher);
                    self.texts.insert(hasher.finish());
                }
            }
            SliceValues::Missing => {}
        }
    }

    /// Adds the totals of later series.
    pub(super) fn merge(&mut self, later: Self) {
        let grid_len = self.stretches.len() as u32;
        self.rows += later.rows;
        self.stretches.append(later.stretches);
        let pairs: Vec<[u32; 2]> = (0..grid_len).map(|cell| [cell, cell + grid_len]).collect();
        let pairs: Vec<&[u32]> = pairs.iter().map(|pair| &pair[..]).collect();
        self.stretches.regroup(&pairs);
        self.ends.append(later.ends);
        self.ends.regroup(&[&[0, 1]]);
        self.quantiles.merge(later.quantiles);
        self.true_count += later.true_count;
        self.texts.extend(later.texts);
    }
}

fn collect<T: Numeric>(values: &[T], column: &ColumnSlice<'_>, quantiles: &mut Quantiles) {
    valid_stretches(column).for_each(|rows| T::collect(&values[rows], quantiles));
}

fn add_points(points: &mut Points, runs: &[Run], column: &ColumnSlice<'_>) {
    match column.values() {
        SliceValues::Float(values) => add_numbers(points, runs, values, column),
        SliceValues::Int(values) => add_numbers(points, runs, values, column),
        SliceValues::UInt(values) => add_numbers(points, runs, values, column),
        _ => {}
    }
}

fn add_numbers<T: Numeric>(
    points: &mut Points,
    runs: &[Run],
    values: &[T],
    column: &ColumnSlice<'_>,
) {
    let is_complete = column.validity().is_none();
    for run in runs {
        let cell = points.cell(run.first_time);
        let cell = &mut points.cells[cell];
        for row in run.rows.clone() {
            let value = values[row].to_f64();
            if (is_complete || column.is_valid(row)) && !value.is_nan() {
                cell.add(value);
            }
        }
    }
}

/// Whether a field has statistics.
pub(super) fn is_numeric(ty: FieldType) -> bool {
    matches!(ty, FieldType::Float | FieldType::Int | FieldType::UInt)
}

/// Stretches of one series that are kept before those of any other are left out for them.
const MAX_OF_ONE_SERIES: usize = 3;

/// Keeps the stretches of the greatest scores; further ones of the same series only where room is
/// left, so that one that is wild all the time does not hide the others.
pub(super) fn keep_worst<S: PartialEq>(stretches: &mut Vec<(S, Stretch)>, limit: usize) {
    if stretches.len() <= limit {
        return;
    }
    stretches.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    let (mut kept, mut further) = (Vec::new(), Vec::new());
    for stretch in stretches.drain(..) {
        let same = kept.iter().filter(|(series, _)| *series == stretch.0).count();
        if same < MAX_OF_ONE_SERIES { kept.push(stretch) } else { further.push(stretch) }
    }
    kept.append(&mut further);
    kept.truncate(limit);
    *stretches = kept;
}

/// The statistics of all stretches together.
pub(super) fn total<T: Numeric>(stretches: &[Aggregate<T>]) -> Aggregate<T> {
    stretches.iter().fold(Aggregate::default(), |all, stretch| all.merge(stretch))
}
