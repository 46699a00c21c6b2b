//! The aggregates a query most often wants, computed on the store's own columns.
//!
//! The rows of a series are sorted by time, so nothing is hashed or divided per row: a piece of a
//! series is cut into *runs* of one bucket each, by arithmetic where its times have a constant
//! interval and by a search otherwise. A run is answered from the store's statistics where these
//! lie inside it, and by one call of a kernel where not. Threads share out series, or time where
//! there are few series, and their groups are merged in order.
//!
//! The answers are those of SQL, as DataFusion has it, with three exceptions. Integer sums are
//! exact, and those that do not fit are errors. Float sums add up in another order, and the last
//! digits may differ. NaN is greater than all other numbers for `Min` and `Max` everywhere, as
//! Arrow has it and DataFusion without groups; with groups DataFusion's answer depends on the
//! order of rows.

mod answer;
pub(crate) mod cells;
mod gathered;
mod grouping;
mod last;
mod partial;
mod plan;
mod quantile;
mod resolve;
pub(crate) mod runs;
mod scan;

pub use last::{LastOf, last_rows, last_rows_where};
pub use plan::{AggregatePlan, Bucket, Call, Function, Groups, LastRows, PlanStats, Share};

use std::ops::Range;
use std::sync::Arc;

use gauge_probe::Stretch;
use tidemill_memory::Budget;
use tidemill_model::TimeRange;
use tidemill_store::{TableView, share, workers};

use crate::error::Error;
use grouping::Grouping;
use partial::Partial;
use resolve::Resolved;
use scan::{Scanner, Unit};

/// Plans over fewer values stay on the calling thread: before another is awake, they are done.
const MIN_PARALLEL_VALUES: u64 = 200_000;
/// Finding a series' rows of a column, and what stands in them, takes as long as so many values.
/// In unit tests, whose tables are small, three series are many.
const SERIES_VALUES: u64 = if cfg!(test) { 80_000 } else { 1024 };
/// Units of work a thread, so that none is long idle at the end…
const UNITS_PER_THREAD: usize = 4;
/// …unless they had fewer values than this: each has groups of its own.
const MIN_UNIT_VALUES: u64 = MIN_PARALLEL_VALUES / 5;
/// Time is not cut into shorter ranges of a series: statistics are of slices of 1,024 rows and of blocks.
const MIN_RANGE_ROWS: u64 = 16_384;

/// Runs a plan.
///
/// Memory grows with the number of groups times that of fields: some 80 bytes for each, drawn
/// from `budget`. Of a field of which quantiles are wanted all values are kept, at 24 bytes each.
///
/// # Errors
/// When the store cannot be read; the plan names what does not exist; a function does not fit a
/// field's type; an exact sum does not fit; or the groups need more memory than `budget` has.
pub fn aggregate(view: &TableView, plan: &AggregatePlan, budget: &Budget) -> Result<Groups, Error> {
    let resolved = Arc::new(Resolved::new(plan, view.schema())?);
    let grouping = Arc::new(Grouping::new(view, plan)?);
    let range = plan.range.intersect(view.time_range());
    let units = shares(view, grouping.members.len(), range, resolved.accumulators.len());
    // What is being measured is so wherever it runs.
    let (here, bucket) = (Stretch::current(), plan.bucket);
    let shared = (view.clone(), Arc::clone(&resolved), Arc::clone(&grouping), budget.clone());
    let scan = move |unit: &Unit| {
        let (view, resolved, grouping, budget) = &shared;
        let members = &grouping.members[unit.members.clone()];
        here.run(|| Scanner::new(view, resolved, bucket, budget).scan(members, unit.range))
    };
    let (mut parts, mut stats) = (Vec::new(), PlanStats::default());
    for (part, more) in Stretch::wait(|| share(units, scan))? {
        parts.push(part);
        stats.add(more);
    }
    let first = if parts.is_empty() { Partial::new(&resolved, budget) } else { parts.remove(0) };
    let mut partial = first.join(parts);
    partial.sort();
    answer::answer(plan, view.schema(), &resolved, &grouping, partial, stats)
}

/// Shares out the series, in order, and time as well where there are few of them.
fn shares(view: &TableView, members: usize, range: TimeRange, columns: usize) -> Vec<Unit> {
    if range.is_empty() || members == 0 {
        return Vec::new();
    }
    let rows = expected_rows(view, members, range);
    let wanted = units(rows, members, columns);
    let by_series = members.min(wanted);
    let most = rows / members as u64 / MIN_RANGE_ROWS;
    let by_time = (wanted / by_series).min(usize::try_from(most).unwrap_or(usize::MAX)).max(1);
    let ranges = split(range, by_time);
    let some = members.div_ceil(by_series);
    let chunks = (0..members).step_by(some).map(|first| first..members.min(first + some));
    // Of the same series the earlier range comes first.
    let unit = |members: Range<usize>| {
        ranges.iter().map(move |&range| Unit { members: members.clone(), range })
    };
    chunks.flat_map(unit).collect()
}

/// In how many units the work is shared out that these rows of some series are, of so many columns.
fn units(rows: u64, series: usize, columns: usize) -> usize {
    let values = rows.saturating_add((series as u64).saturating_mul(SERIES_VALUES));
    let values = values.saturating_mul(columns.max(1) as u64);
    if values < MIN_PARALLEL_VALUES {
        return 1;
    }
    let most = usize::try_from(values / MIN_UNIT_VALUES).unwrap_or(usize::MAX);
    (workers().current_num_threads() * UNITS_PER_THREAD).min(most)
}

/// How many rows there are if they are spread evenly.
fn expected_rows(view: &TableView, series: usize, range: TimeRange) -> u64 {
    let length = |range: TimeRange| range.end.abs_diff(range.start) as f64 + 1.0;
    let share = length(range) / length(view.time_range());
    let share = share * series as f64 / f64::from(view.series_count().max(1));
    (view.max_rows() as f64 * share) as u64
}

fn split(range: TimeRange, parts: usize) -> Vec<TimeRange> {
    let width = (range.end.abs_diff(range.start) / parts as u64).saturating_add(1);
    let mut ranges = Vec::with_capacity(parts);
    let mut start = range.start;
    while let Some(next) = start.checked_add_unsigned(width).filter(|next| *next <= range.end) {
        ranges.push(TimeRange::new(start, next - 1));
        start = next;
    }
    ranges.push(TimeRange::new(start, range.end));
    ranges
}

impl PlanStats {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.values_from_aggregates += other.values_from_aggregates;
        self.values_decoded += other.values_decoded;
    }
}

#[cfg(test)]
mod tests;
