//! The axes of a chart: where values and times lie, and which of them are labelled.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tidemill::analysis::ChartPoint;

use super::text;

/// The plot's own coordinates, which the page stretches.
pub(super) const WIDTH: f64 = 1000.0;
pub(super) const HEIGHT: f64 = 100.0;
/// Labels on an axis, at most.
const MAX_VALUE_TICKS: f64 = 4.0;
const MAX_TIME_TICKS: i64 = 5;
/// The least distance of extreme values that is drawn.
const LEAST_HEIGHT: f64 = 1e-290;

/// Values from the bottom to the top of a plot.
pub(super) struct ValueAxis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    step: f64,
}

impl ValueAxis {
    pub(super) fn of(points: &[ChartPoint]) -> Self {
        let shown = || points.iter().filter(|point| is_finite(point));
        let low = shown().fold(f64::INFINITY, |low, point| low.min(point.min));
        let high = shown().fold(f64::NEG_INFINITY, |high, point| high.max(point.max));
        if low > high {
            return Self { low: 0.0, high: 1.0, ticks: Vec::new(), step: 1.0 };
        }
        // A constant runs through the middle, and what differs by less than can be divided is one.
        let (low, high) = if high / 2.0 - low / 2.0 < LEAST_HEIGHT {
            let half = if low.abs() < LEAST_HEIGHT { 1.0 } else { (low / 2.0).abs() };
            (low - half, high + half)
        } else {
            (low, high)
        };
        let step = nice_step(high / MAX_VALUE_TICKS - low / MAX_VALUE_TICKS);
        let first = (low / step).ceil();
        let count = ((high / step).floor() - first).clamp(0.0, MAX_VALUE_TICKS * 2.0) as usize;
        let ticks = (0..=count).map(|tick| (first + tick as f64) * step).collect();
        Self { low, high, ticks, step }
    }

    /// The distance from the top, 0 to 100.
    pub(super) fn y(&self, value: f64) -> f64 {
        // Halves, so that the distance of the extremes is finite.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        // A little air above and below.
        HEIGHT * (0.97 - 0.94 * share.clamp(0.0, 1.0))
    }

    pub(super) fn label(&self, tick: f64) -> String {
        const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
        // Zero, but for rounding.
        let tick = if tick.abs() < self.step / 1e6 { 0.0 } else { tick };
        let largest = self.low.abs().max(self.high.abs());
        if tick == 0.0 {
            return "0".to_owned();
        }
        match UNITS.into_iter().find(|(from, _)| largest >= *from && largest < 1e15) {
            Some((_, "k")) => text::number(tick / 1e3) + " k",
            Some((unit, name)) => format!("{} {name}", text::number(tick / unit)),
            None => text::number(tick),
        }
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

/// Times from the left to the right of a plot.
pub(super) struct TimeAxis {
    pub(super) first: i64,
    pub(super) last: i64,
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Distances of labels, in nanoseconds, and how they are written.
const TIME_STEPS: [(i64, &str); 25] = [
    (SECOND / 10, "%H:%M:%S%.f"),
    (SECOND, "%H:%M:%S"),
    (5 * SECOND, "%H:%M:%S"),
    (10 * SECOND, "%H:%M:%S"),
    (30 * SECOND, "%H:%M:%S"),
    (60 * SECOND, "%H:%M"),
    (2 * 60 * SECOND, "%H:%M"),
    (5 * 60 * SECOND, "%H:%M"),
    (10 * 60 * SECOND, "%H:%M"),
    (15 * 60 * SECOND, "%H:%M"),
    (30 * 60 * SECOND, "%H:%M"),
    (3600 * SECOND, "%H:%M"),
    (2 * 3600 * SECOND, "%H:%M"),
    (3 * 3600 * SECOND, "%H:%M"),
    (6 * 3600 * SECOND, "%b %-d %H:%M"),
    (12 * 3600 * SECOND, "%b %-d %H:%M"),
    (DAY, "%b %-d"),
    (2 * DAY, "%b %-d"),
    (7 * DAY, "%b %-d"),
    (14 * DAY, "%b %-d"),
    (30 * DAY, "%Y-%m-%d"),
    (91 * DAY, "%Y-%m-%d"),
    (365 * DAY, "%Y-%m-%d"),
    (3652 * DAY, "%Y"),
    (36_525 * DAY, "%Y"),
];

impl TimeAxis {
    pub(super) fn x(&self, time: i64) -> f64 {
        let distance = |time: i64| time.abs_diff(self.first) as f64;
        WIDTH * (distance(time.clamp(self.first, self.last)) / distance(self.last).max(1.0))
    }

    pub(super) fn ticks(&self) -> Vec<(i64, String)> {
        let span = i128::from(self.last) - i128::from(self.first);
        let fits = |(step, _): &(i64, &str)| span / i128::from(*step) <= i128::from(MAX_TIME_TICKS);
        let (step, format) = TIME_STEPS.into_iter().find(fits).unwrap_or(TIME_STEPS[24]);
        let first = self.first.div_euclid(step) + i64::from(self.first.rem_euclid(step) > 0);
        let ticks = (0..=MAX_TIME_TICKS).map(|index| (first + index).saturating_mul(step));
        let label = |time: i64| {
            let time = Timestamp::from_nanosecond(time.into()).ok()?.to_zoned(TimeZone::UTC);
            Some(time.strftime(format).to_string())
        };
        let mut ticks: Vec<_> = ticks
            .filter(|time| (self.first..=self.last).contains(time))
            .filter_map(|time| Some((time, label(time)?)))
            .collect();
        if ticks.is_empty() {
            ticks.extend(label(self.first).map(|label| (self.first, label)));
        }
        ticks
    }
}

/// Whether a point has a place in a plot.
pub(super) fn is_finite(point: &ChartPoint) -> bool {
    point.min.is_finite() && point.mean.is_finite() && point.max.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_round() {
        let axis = TimeAxis { first: 1_451_606_403 * SECOND, last: 1_451_609_990 * SECOND };
        let labels: Vec<_> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["00:10", "00:20", "00:30", "00:40", "00:50"]);
        let axis = ValueAxis::of(&[(0, -3.2), (1, 104.9)].map(point));
        assert_eq!(axis.ticks, [0.0, 50.0, 100.0]);
    }

    fn point((time, value): (i64, f64)) -> ChartPoint {
        ChartPoint { time, min: value, mean: value, max: value }
    }
}
