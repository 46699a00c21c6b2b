//! Stretches of a series that are unlike the rest of it.
//!
//! # Method
//! 1. The series stands on a regular grid ([`Points`]); cells without numbers stay missing.
//! 2. A counter (it falls at most once for a hundred times it rises) is replaced by its increase
//!    from cell to cell; a fall is a reset and counts as missing.
//! 3. The *trend* is subtracted: a robust line, then a running midmean over a quarter of the series.
//! 4. The *season* is subtracted, and the trend found again without it. The season is the median of all cells of the same phase. Candidates for its
//!    length are the day and the week where the grid divides them, and the lag of the greatest
//!    autocorrelation (Vlachos, Yu, Castelli, "On Periodicity Detection and Structural Periodic
//!    Similarity", 2005, take it likewise from the autocorrelation). One is taken only if it makes
//!    the residuals' spread a tenth smaller, after a penalty for the freedom of a median of few
//!    cycles. Medians in place of the means of classical decomposition keep the anomalies out of
//!    the season (Hochenbaum, Vallis, Kejariwal, "Automatic Anomaly Detection in the Cloud Via
//!    Statistical Learning", 2017).
//! 5. The residuals, and their running means over 4, 16, 64, … cells up to a twentieth of the
//!    series, become robust z-scores `|x − median| / (1.4826 · MAD)` (Iglewicz and Hoaglin, "How
//!    to Detect and Handle Outliers", 1993), each width by its own median and MAD: a spike
//!    stands out at width 1, a change of level that lasts for hours at a greater one. Where cells
//!    hold several numbers, the greatest and the least of each cell are scored too, so that
//!    downsampling hides no spike. A cell's score is the greatest of these.
//! 6. The scale is at least a twentieth of the distance between the 2nd and the 98th percentile:
//!    what happens in one cell of twenty-five is no anomaly, however quiet the others are.
//! 7. Cells that score 4 or more are joined with neighbours up to 0.5 % of the series away. A
//!    stretch scores as its greatest cell, and is cut at both ends to where cells reach half of that.
//!
//! All parameters are constants of this module and its children. They were chosen on the whole of
//! the Numenta Anomaly Benchmark's real series (`examples/nab.rs`), no file having its own.
//!
//! # Cost
//! O(n log n) for n cells, plus the trend (at most 512 cells wide) and one autocorrelation over
//! at most 1,024 cells: below 0.3 µs a cell. The caller bounds n by the grid it makes.

mod robust;
mod score;
mod season;

use crate::Points;
use robust::running_midmean;
use season::Season;

/// The fewest cells with numbers that can be judged.
const MIN_CELLS: usize = 24;
/// The trend is computed on at most this many cells.
const MAX_TREND_CELLS: usize = 512;
/// The window of the trend is the series' length divided by this.
const TREND_WINDOW_DIVISOR: usize = 4;
/// The score from which on a cell is anomalous.
const THRESHOLD: f64 = 4.0;
/// Anomalous cells this share of the series apart belong together.
const JOIN_SHARE: f64 = 0.005;
/// A stretch ends where cells score less than this share of its best.
const MIN_PART: f64 = 0.5;
/// A series that falls no oftener than once in so many rises is a counter.
const RISES_PER_RESET: usize = 100;

/// Anomalous cells that stand together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// The first time of its first cell.
    pub start: i64,
    /// The last time of its last cell.
    pub end: i64,
    /// The robust z-score of its most anomalous cell, at most a million.
    pub score: f64,
}

/// The most anomalous stretches of a series, at most `limit` of them, the greatest score first.
/// They do not overlap.
#[must_use]
pub fn stretches(points: &Points, limit: usize) -> Vec<Stretch> {
    let mut values: Vec<f64> = points.cells.iter().map(|cell| finite(cell.mean())).collect();
    if values.iter().filter(|value| !value.is_nan()).count() < MIN_CELLS {
        return Vec::new();
    }
    let is_counter = is_counter(&values);
    if is_counter {
        replace_by_increase(&mut values);
    }
    let mut scratch = Vec::with_capacity(values.len());
    let residuals = residuals(&values, points.step, &mut scratch);
    let mut scores = vec![0.0; values.len()];
    score::at_all_widths(&residuals, &mut scores, &mut scratch);
    if !is_counter && points.cells.iter().any(|cell| cell.count > 1) {
        for extreme in [|cell: &crate::Cell| cell.min, |cell: &crate::Cell| cell.max] {
            let own = points.cells.iter().zip(&residuals);
            // The same expectation as the mean's: mean minus residual.
            let own = own.map(|(cell, residual)| finite(extreme(cell)) - cell.mean() + residual);
            score::at_width_one(&own.collect::<Vec<_>>(), &mut scores, &mut scratch);
        }
    }
    join(points, &scores, limit)
}

/// What is left of the values without trend and season.
fn residuals(values: &[f64], step_ns: i64, scratch: &mut Vec<f64>) -> Vec<f64> {
    let mut rest = values.to_vec();
    subtract_trend(&mut rest, 1, scratch);
    let Some(period) = season::find_period(&rest, step_ns, scratch) else { return rest };
    // That trend had some of the season in it. One of whole periods has none, except near the
    // ends, of which the season's medians see little; the last has none anywhere.
    rest.copy_from_slice(values);
    subtract_trend(&mut rest, period, scratch);
    rest = Season::of(&rest, period, scratch).subtracted_from(values);
    subtract_trend(&mut rest, period, scratch);
    rest
}

/// Subtracts a robust line and then the running midmean of blocks of cells. Distances and windows
/// are multiples of `period` cells where the series is long enough.
fn subtract_trend(values: &mut [f64], period: usize, scratch: &mut Vec<f64>) {
    let whole_periods = |cells: usize| (cells / period).max(1) * period;
    subtract_line(values, whole_periods(values.len() / 2).min(values.len() / 2), scratch);
    let block = values.len().div_ceil(MAX_TREND_CELLS);
    let blocks = season::block_means(values, block);
    let trend =
        running_midmean(&blocks, whole_periods(values.len() / TREND_WINDOW_DIVISOR) / block);
    for (values, trend) in values.chunks_mut(block).zip(trend) {
        values.iter_mut().for_each(|value| *value -= trend);
    }
}

/// Infinities are as good as missing: nothing can be computed from them.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn is_counter(values: &[f64]) -> bool {
    let (mut rises, mut falls) = (0, 0);
    let mut previous = f64::NAN;
    for value in values.iter().copied().filter(|value| !value.is_nan()) {
        rises += usize::from(value > previous);
        falls += usize::from(value < previous);
        previous = value;
    }
    rises > 0 && falls * RISES_PER_RESET <= rises
}

fn replace_by_increase(values: &mut [f64]) {
    let mut previous = f64::NAN;
    for value in values.iter_mut().filter(|value| !value.is_nan()) {
        let increase = finite(*value - previous);
        previous = *value;
        *value = if increase >= 0.0 { increase } else { f64::NAN };
    }
}

/// Subtracts the line of the median slope between cells `distance` apart (Theil, "A Rank-invariant
/// Method of Linear and Polynomial Regression Analysis", 1950, his incomplete method), which a
/// running midmean would miss near both ends.
fn subtract_line(values: &mut [f64], distance: usize, scratch: &mut Vec<f64>) {
    let rises = values.iter().zip(&values[distance..]).map(|(before, after)| after - before);
    let slope = robust::median(rises, scratch) / distance as f64;
    if slope.is_finite() {
        values.iter_mut().enumerate().for_each(|(index, value)| *value -= slope * index as f64);
    }
}

fn join(points: &Points, scores: &[f64], limit: usize) -> Vec<Stretch> {
    struct Run {
        first: usize,
        last: usize,
        score: f64,
    }
    let distance = ((scores.len() as f64 * JOIN_SHARE) as usize).max(2);
    let mut runs: Vec<Run> = Vec::new();
    for (index, &score) in scores.iter().enumerate().filter(|(_, score)| **score >= THRESHOLD) {
        match runs.last_mut() {
            Some(run) if index - run.last <= distance => {
                run.last = index;
                run.score = run.score.max(score);
            }
            _ => runs.push(Run { first: index, last: index, score }),
        }
    }
    for run in &mut runs {
        // A spike makes its neighbours' running means anomalous, too: they are not part of it.
        let is_part = |index: &usize| scores[*index] >= run.score * MIN_PART;
        run.first = (run.first..=run.last).find(is_part).unwrap_or(run.first);
        run.last = (run.first..=run.last).rev().find(is_part).unwrap_or(run.last);
    }
    // Stable: of equal scores the earlier stretch comes first.
    runs.sort_by(|a, b| b.score.total_cmp(&a.score));
    runs.truncate(limit);
    let stretch = |run: Run| Stretch {
        start: points.time(run.first),
        end: points.last_time(run.last),
        score: run.score,
    };
    runs.into_iter().map(stretch).collect()
}

#[cfg(test)]
mod tests;
