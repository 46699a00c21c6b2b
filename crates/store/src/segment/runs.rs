use tidemill_model::TimeRange;

use super::packed::Packed;

/// The runs of a segment, ascending by series: which rows are whose, and their times.
///
/// Where a store has many series a segment may have as many runs as rows, so they are [`Packed`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Runs {
    series: Packed,
    /// Where each ends.
    ends: Packed,
    starts_of_times: Packed,
    spans_of_times: Packed,
    /// Of all.
    range: Option<TimeRange>,
}

impl Runs {
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// Rows of all runs.
    pub(crate) fn rows(&self) -> u32 {
        self.rows_before(self.len())
    }

    /// The times of all rows.
    pub(crate) fn all_times(&self) -> TimeRange {
        self.range.unwrap_or(TimeRange::EMPTY)
    }

    pub(crate) fn series(&self, run: usize) -> Option<u32> {
        self.series.get(run).map(|series| series as u32)
    }

    pub(crate) fn last_series(&self) -> Option<u32> {
        self.series.last().map(|series| series as u32)
    }

    /// The series of runs, in order.
    pub(crate) fn iter_series(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map_while(|run| self.series(run))
    }

    /// The run of a series.
    pub(crate) fn find(&self, series: u32) -> Option<usize> {
        let run = self.at_or_after(series);
        (self.series(run) == Some(series)).then_some(run)
    }

    /// The first run of this series or a later one.
    pub(crate) fn at_or_after(&self, series: u32) -> usize {
        self.series.partition_point(|other| other < i64::from(series))
    }

    /// The rows of all runs before this one, which may be the one behind the last.
    pub(crate) fn rows_before(&self, run: usize) -> u32 {
        if run == 0 { 0 } else { self.ends.get(run - 1).unwrap_or_default() as u32 }
    }

    /// The run that a row is in.
    pub(crate) fn of_row(&self, row: u32) -> usize {
        self.ends.partition_point(|end| end <= i64::from(row))
    }

    /// A run's times; none, if there is no such run.
    pub(crate) fn times(&self, run: usize) -> TimeRange {
        match (self.starts_of_times.get(run), self.spans_of_times.get(run)) {
            (Some(start), Some(span)) => TimeRange::new(start, start.wrapping_add(span)),
            _ => TimeRange::EMPTY,
        }
    }

    /// Adds a run, which ends before row `end`.
    pub(crate) fn push(&mut self, series: u32, end: u32, times: TimeRange) {
        self.series.push(i64::from(series));
        self.ends.push(i64::from(end));
        self.starts_of_times.push(times.start);
        self.spans_of_times.push(times.end.wrapping_sub(times.start));
        self.range = Some(self.all_times().union(times));
    }

    /// The last run has more rows and times.
    pub(crate) fn extend_last(&mut self, end: u32, times: TimeRange) {
        let Self { ends, starts_of_times, spans_of_times, range, .. } = self;
        let last = (ends.last_mut(), starts_of_times.last_mut(), spans_of_times.last_mut());
        let (Some(last_end), Some(start), Some(span)) = last else { return };
        let all = TimeRange::new(*start, start.wrapping_add(*span)).union(times);
        (*last_end, *start, *span) = (i64::from(end), all.start, all.end.wrapping_sub(all.start));
        *range = range.map(|range| range.union(times));
    }

    /// Gives back memory for runs to come.
    pub(crate) fn shrink_to_fit(&mut self) {
        let Self { series, ends, starts_of_times, spans_of_times, .. } = self;
        for numbers in [series, ends, starts_of_times, spans_of_times] {
            numbers.shrink_to_fit();
        }
    }
}
