use std::ops::Range;

use tidemill_memory::Budget;
use tidemill_model::TimeRange;
use tidemill_store::{Piece, Reader, StoredAggregate, TableView};

use super::grouping::Member;
use super::partial::Partial;
use super::plan::{Bucket, PlanStats};
use super::resolve::{Accumulator, Kind, Resolved};
use super::runs::{Run, cut};
use crate::error::Error;
use crate::numeric::Statistics;

/// Stored statistics are of slices of about 1,024 rows; shorter runs hold none of them.
pub(super) const MIN_STORED_RUN_ROWS: usize = 512;

/// Values of shorter runs are decoded: an edge costs as much as so many of them.
const MIN_SUMMED_ROWS: usize = 64;

/// A part of a plan for one thread: some of its series, ordered by group, and a range of time.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) members: Range<usize>,
    pub(super) range: TimeRange,
}

/// Reads and accumulates.
pub(super) struct Scanner<'a> {
    resolved: &'a Resolved,
    bucket: Option<Bucket>,
    reader: Reader,
    partial: Partial,
    stats: PlanStats,
    runs: Vec<Run>,
    times: Vec<i64>,
    stored: Vec<StoredAggregate>,
    /// Where runs begin and end, and their sums.
    edges: Vec<usize>,
    sums: Vec<i64>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(
        view: &TableView,
        resolved: &'a Resolved,
        bucket: Option<Bucket>,
        budget: &Budget,
    ) -> Self {
        Self {
            resolved,
            bucket,
            reader: view.reader(),
            partial: Partial::new(resolved, budget),
            stats: PlanStats::default(),
            runs: Vec::new(),
            times: Vec::new(),
            stored: Vec::new(),
            edges: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// The groups of series, in order.
    pub(super) fn scan(
        mut self,
        members: &[Member],
        range: TimeRange,
    ) -> Result<(Partial, PlanStats), Error> {
        let mut pieces = Vec::new();
        let mut group = None;
        for member in members {
            if group != Some(member.group) {
                self.partial.begin_group();
                group = Some(member.group);
            }
            self.partial.begin_series();
            self.reader.pieces(member.series, range, &mut pieces)?;
            for piece in &pieces {
                self.add_piece(member.group, piece)?;
            }
        }
        self.partial.sort();
        Ok((self.partial, self.stats))
    }

    fn add_piece(&mut self, group: u32, piece: &Piece) -> Result<(), Error> {
        let rows = self.reader.rows(piece)?;
        if rows == 0 {
            return Ok(());
        }
        cut(&mut self.reader, piece, rows, self.bucket, &mut self.times, &mut self.runs)?;
        self.partial.locate(group, &mut self.runs)?;
        self.stats.rows += rows as u64;
        for place in 0..self.resolved.accumulators.len() {
            self.add_field(place, piece, rows)?;
        }
        Ok(())
    }

    fn add_field(&mut self, place: usize, piece: &Piece, rows: usize) -> Result<(), Error> {
        let accumulator = &self.resolved.accumulators[place];
        if accumulator.kind == Kind::Values {
            return self.add_values(place, piece, rows);
        }
        self.stored.clear();
        let has_long_run = self.runs.iter().any(|run| run.rows.len() >= MIN_STORED_RUN_ROWS);
        if has_long_run && accumulator.is_numeric() {
            let (reader, field) = (&mut self.reader, accumulator.field);
            // One run has all rows of the piece: there may be one statistic of them.
            let whole =
                if self.runs.len() == 1 { reader.whole_aggregate(piece, field)? } else { None };
            // Where a value is missing, the first and last slices may say more of the ends.
            let says = |whole: &&StoredAggregate| {
                accumulator.kind != Kind::Ends || whole.valid == whole.rows.len() as u64
            };
            match whole.filter(says) {
                Some(whole) => self.stored.push(whole.clone()),
                None => reader.stored_aggregates(piece, field, &mut self.stored)?,
            }
        }
        let mut covered = keep_usable(accumulator, &self.runs, &mut self.stored);
        let mut needed: usize = self.runs.iter().map(|run| run.rows.len()).sum();
        let wanted = match accumulator.kind {
            Kind::Statistics(wanted) => wanted,
            // Of the ends only the rows at the edges count.
            Kind::Ends => {
                (covered, needed) = ends_covered(&self.runs, &self.stored);
                Statistics::Count
            }
            Kind::Values => Statistics::Count,
        };
        self.stats.values_from_aggregates += covered as u64;
        self.stats.values_decoded += (needed - covered) as u64;
        if wanted == Statistics::Sum && self.stored.is_empty() && self.add_sums(place, piece)? {
            return Ok(());
        }
        let column = if covered < needed {
            Some(self.reader.column(piece, accumulator.field, 0..rows)?)
        } else {
            None
        };
        self.partial.cells[place].add(&self.runs, wanted, &self.stored, column.as_ref());
        Ok(())
    }

    /// Adds the sums of the runs, where the store has a shorter way to them than all values.
    fn add_sums(&mut self, place: usize, piece: &Piece) -> Result<bool, Error> {
        let rows: usize = self.runs.iter().map(|run| run.rows.len()).sum();
        if rows < MIN_SUMMED_ROWS * self.runs.len() {
            return Ok(false);
        }
        let field = self.resolved.accumulators[place].field;
        self.edges.clear();
        self.edges.push(0);
        self.edges.extend(self.runs.iter().map(|run| run.rows.end));
        if !self.reader.sums(piece, field, &self.edges, &mut self.sums)? {
            return Ok(false);
        }
        self.partial.cells[place].add_sums(&self.runs, &self.sums);
        Ok(true)
    }

    /// Keeps all values of a field.
    fn add_values(&mut self, place: usize, piece: &Piece, rows: usize) -> Result<(), Error> {
        self.partial.reserve_values(rows)?;
        self.stats.values_decoded += rows as u64;
        let column = self.reader.column(piece, self.resolved.accumulators[place].field, 0..rows)?;
        self.partial.cells[place].add(&self.runs, Statistics::Count, &[], Some(&column));
        Ok(())
    }
}

/// Keeps the slices that lie inside one run and say what is wanted; returns their rows.
fn keep_usable(
    accumulator: &Accumulator,
    runs: &[Run],
    stored: &mut Vec<StoredAggregate>,
) -> usize {
    let mut runs = runs.iter().peekable();
    let mut covered = 0;
    stored.retain(|slice| {
        while runs.next_if(|run| run.rows.end <= slice.rows.start).is_some() {}
        let is_inside = runs.peek().is_some_and(|run| {
            run.rows.start <= slice.rows.start && slice.rows.end <= run.rows.end
        });
        // The first value of a slice is its first row's only if that has one.
        let is_whole = slice.valid == slice.rows.len() as u64;
        let is_usable = is_inside && (accumulator.kind != Kind::Ends || is_whole);
        covered += if is_usable { slice.rows.len() } else { 0 };
        is_usable
    });
    covered
}

/// How many of the runs' first and last rows slices answer for, and how many there are.
fn ends_covered(runs: &[Run], stored: &[StoredAggregate]) -> (usize, usize) {
    let first = |run: &Run| stored.binary_search_by_key(&run.rows.start, |s| s.rows.start).is_ok();
    let last = |run: &Run| stored.binary_search_by_key(&run.rows.end, |s| s.rows.end).is_ok();
    let covered = runs.iter().map(|run| usize::from(first(run)) + usize::from(last(run))).sum();
    (covered, 2 * runs.len())
}
