/// A day, in nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// One field of one series on a regular grid of times: what anomalies are sought in and charts
/// are drawn from. Cell `i` holds the rows of `start + i * step ..< start + (i + 1) * step`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// The first time of cell 0, in nanoseconds.
    pub start: i64,
    /// The width of a cell, in nanoseconds; positive.
    pub step: i64,
    /// The cells.
    pub cells: Vec<Cell>,
}

/// The numbers of one grid cell; NaNs are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// How many numbers; 0 where none was stored.
    pub count: u32,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Cell {
    /// The cell of one number.
    #[must_use]
    pub fn of(value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value }
    }

    /// The mean; NaN for an empty cell.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }

    /// Adds one number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.merge(&Self::of(value));
    }

    /// Adds the numbers of another cell.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Points {
    /// Empty cells, at most `max_cells` (but never fewer than three), for times `first..=last`.
    ///
    /// A cell is as wide as the sampling `interval` or a multiple of it, so that all cells of a
    /// regular series hold equally many rows; of several days, a multiple up to twice the needed
    /// one is preferred that divides the day.
    #[must_use]
    pub fn new(first: i64, last: i64, interval: Option<i64>, max_cells: usize) -> Self {
        let max_cells = max_cells.max(3) as u64;
        let span = last.max(first).abs_diff(first);
        let interval = interval.filter(|interval| *interval > 0).map_or(1, i64::unsigned_abs);
        // Not `span / interval + 1`, which need not fit.
        let needed = span / interval / max_cells + 1;
        let factor = if span >= DAY_NS { day_divisor(interval, needed) } else { None };
        let factor = factor.unwrap_or(needed);
        // At most a third of all times, which an i64 holds.
        let step = interval.saturating_mul(factor).min(i64::MAX as u64);
        let cells = vec![Cell::default(); (span / step) as usize + 1];
        Self { start: first, step: step as i64, cells }
    }

    /// The cell of `time`, which is at or after `start`.
    #[must_use]
    pub fn cell(&self, time: i64) -> usize {
        (time.abs_diff(self.start) / self.step.unsigned_abs()) as usize
    }

    /// The first time of cell `index`; saturates at the last time there is.
    #[must_use]
    pub fn time(&self, index: usize) -> i64 {
        let time = i128::from(self.start) + index as i128 * i128::from(self.step);
        i64::try_from(time).unwrap_or(i64::MAX)
    }

    /// The last time of cell `index`.
    #[must_use]
    pub fn last_time(&self, index: usize) -> i64 {
        let time = i128::from(self.start) + (index as i128 + 1) * i128::from(self.step) - 1;
        i64::try_from(time).unwrap_or(i64::MAX)
    }
}

/// The least factor of `needed..=2 * needed` that makes the interval a whole part of the day.
fn day_divisor(interval: u64, needed: u64) -> Option<u64> {
    let samples_a_day = DAY_NS / interval;
    let most = samples_a_day / needed;
    // The series is longer than a day, so these are at most as many as it has cells.
    let divides = |cells: &u64| samples_a_day.is_multiple_of(*cells);
    let cells = (most.div_ceil(2)..=most).rev().filter(|cells| *cells > 0).find(divides);
    cells.filter(|_| DAY_NS.is_multiple_of(interval)).map(|cells| samples_a_day / cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND_NS: i64 = 1_000_000_000;

    #[test]
    fn a_cell_is_a_multiple_of_the_interval_that_divides_the_day() {
        let three_days = Points::new(0, 259_190 * SECOND_NS, Some(10 * SECOND_NS), 4096);
        assert_eq!((three_days.step, three_days.cells.len()), (80 * SECOND_NS, 3240));
        let odd = Points::new(0, 6_999 * SECOND_NS, Some(7 * SECOND_NS), 500);
        assert_eq!((odd.step, odd.cells.len()), (14 * SECOND_NS, 500));
    }

    proptest! {
        #[test]
        fn every_time_has_a_cell(first: i64, last: i64, interval in prop::option::of(-1i64..), max_cells in 0usize..5000) {
            let (first, last) = (first.min(last), first.max(last));
            let points = Points::new(first, last, interval, max_cells);
            prop_assert!(points.cells.len() <= max_cells.max(3) && points.step > 0);
            prop_assert_eq!(points.cell(last), points.cells.len() - 1);
            prop_assert_eq!((points.cell(first), points.time(0)), (0, first));
            let index = points.cells.len() - 1;
            prop_assert!(points.time(index) <= last && last <= points.last_time(index));
        }
    }
}
