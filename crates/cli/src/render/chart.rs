//! A chart of one field as SVG in a box of HTML: the plot stretches with the page, the labels
//! keep their size.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tidemill::analysis::ChartPoint;

use super::html::Escaped;
use super::text;

/// The plot's own coordinates, which the page stretches.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;
/// Labels on an axis, at most.
const MAX_VALUE_TICKS: f64 = 4.0;
const MAX_TIME_TICKS: i64 = 5;
/// The least distance of extreme values that is drawn.
const LEAST_HEIGHT: f64 = 1e-290;
/// A mark is at least this wide, so that it can be seen.
const MIN_MARK_WIDTH: f64 = 3.0;

/// A stretch of time to point at, and what to say of it.
pub(crate) struct Mark {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) title: String,
}

/// Writes the chart: a band from the least to the greatest value of each point, a line through the
/// means, marks behind them, labelled axes. `range` are the first and the last time.
pub(crate) fn write(out: &mut String, points: &[ChartPoint], range: (i64, i64), marks: &[Mark]) {
    let values = ValueAxis::of(points);
    let times = TimeAxis { first: range.0, last: range.1.max(range.0) };
    let spacing = spacing(points);
    out.push_str("<div class=plot><div class=values>");
    for tick in &values.ticks {
        let top = values.y(*tick);
        let _ = write!(out, "<span style=top:{top:.2}%>{}</span>", Escaped(&values.label(*tick)));
    }
    // In milliseconds, as scripts count.
    let (first, last) = (times.first / 1_000_000, times.last / 1_000_000);
    let (low, high) = (values.low, values.high);
    let _ = write!(
        out,
        "</div><div class=area data-first={first} data-last={last} data-low={low:e} data-high={high:e}>"
    );
    let _ = write!(out, "<svg viewBox='0 0 {WIDTH} {HEIGHT}' preserveAspectRatio=none>");
    for tick in &values.ticks {
        let _ = write!(out, "<path class=grid d='M0 {:.2}H{WIDTH}'/>", values.y(*tick));
    }
    for mark in marks {
        let (left, right) = (times.x(mark.start), times.x(mark.end));
        let width = (right - left).max(MIN_MARK_WIDTH);
        let left = left.min(WIDTH - width);
        let title = Escaped(&mark.title);
        let _ = write!(
            out,
            "<rect class=mark x={left:.1} y=0 width={width:.1} height={HEIGHT}><title>{title}</title></rect>"
        );
    }
    let place = |point: &ChartPoint, value: f64| {
        let middle = point.time.saturating_add(spacing / 2).min(times.last);
        (times.x(middle), values.y(value))
    };
    write_band(out, points, spacing, place);
    write_line(out, points, spacing, place);
    out.push_str("</svg></div><div class=times>");
    for (time, label) in times.ticks() {
        let left = times.x(time) / WIDTH * 100.0;
        let _ = write!(out, "<span style=left:{left:.2}%>{label}</span>");
    }
    out.push_str("</div></div>");
}

/// The usual distance of points, in nanoseconds.
fn spacing(points: &[ChartPoint]) -> i64 {
    let mut distances: Vec<u64> =
        points.windows(2).map(|pair| pair[1].time.abs_diff(pair[0].time)).collect();
    let middle = distances.len() / 2;
    if distances.is_empty() {
        return 0;
    }
    let (_, median, _) = distances.select_nth_unstable(middle);
    i64::try_from(*median).unwrap_or(i64::MAX)
}

/// Stretches of points without a gap, and without infinities.
fn runs(points: &[ChartPoint], spacing: i64) -> impl Iterator<Item = &[ChartPoint]> {
    let is_near = move |a: &ChartPoint, b: &ChartPoint| {
        let is_gap = b.time.abs_diff(a.time) / 2 > spacing.unsigned_abs();
        !is_gap && is_finite(a) && is_finite(b)
    };
    points.chunk_by(is_near).filter(|run| run.iter().all(is_finite))
}

fn is_finite(point: &ChartPoint) -> bool {
    point.min.is_finite() && point.mean.is_finite() && point.max.is_finite()
}

fn write_band(
    out: &mut String,
    points: &[ChartPoint],
    spacing: i64,
    place: impl Fn(&ChartPoint, f64) -> (f64, f64),
) {
    out.push_str("<path class=band d='");
    for run in runs(points, spacing) {
        let forth = run.iter().map(|point| place(point, point.max));
        let back = run.iter().rev().map(|point| place(point, point.min));
        write_path(out, forth.chain(back));
        out.push('Z');
    }
    out.push_str("'/>");
}

fn write_line(
    out: &mut String,
    points: &[ChartPoint],
    spacing: i64,
    place: impl Fn(&ChartPoint, f64) -> (f64, f64),
) {
    out.push_str("<path class=line d='");
    for run in runs(points, spacing) {
        write_path(out, run.iter().map(|point| place(point, point.mean)));
        // A line of no length has round ends: a dot.
        out.push_str(if run.len() == 1 { "h.01" } else { "" });
    }
    out.push_str("'/>");
}

fn write_path(out: &mut String, places: impl Iterator<Item = (f64, f64)>) {
    for (index, (x, y)) in places.enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(out, "{command}{x:.1} {y:.2}");
    }
}

/// Values from the bottom to the top of a plot.
struct ValueAxis {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    step: f64,
}

impl ValueAxis {
    fn of(points: &[ChartPoint]) -> Self {
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
    fn y(&self, value: f64) -> f64 {
        // Halves, so that the distance of the extremes is finite.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        // A little air above and below.
        HEIGHT * (0.97 - 0.94 * share.clamp(0.0, 1.0))
    }

    fn label(&self, tick: f64) -> String {
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
struct TimeAxis {
    first: i64,
    last: i64,
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
    fn x(&self, time: i64) -> f64 {
        let distance = |time: i64| time.abs_diff(self.first) as f64;
        WIDTH * (distance(time.clamp(self.first, self.last)) / distance(self.last).max(1.0))
    }

    fn ticks(&self) -> Vec<(i64, String)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(i64, f64)]) -> Vec<ChartPoint> {
        let point = |&(time, value)| ChartPoint { time, min: value, mean: value, max: value };
        values.iter().map(point).collect()
    }

    fn chart(values: &[(i64, f64)], marks: &[Mark]) -> String {
        let mut out = String::new();
        write(&mut out, &points(values), (values[0].0, values[values.len() - 1].0), marks);
        out
    }

    #[test]
    fn extreme_values_and_times_stay_inside_the_plot() {
        let extremes = [
            vec![(0, 1.0)],
            vec![(0, 5.0), (1, 5.0)],
            vec![(i64::MIN, f64::MIN), (0, 0.0), (i64::MAX, f64::MAX)],
            vec![(0, f64::NAN), (10, f64::INFINITY)],
            vec![(0, 5e-324), (10, 0.0)],
            vec![(0, 1e300), (10, 1e300 * 1.000001)],
        ];
        for values in extremes {
            let out = chart(&values, &[]);
            assert!(!out.contains("NaN") && !out.contains("inf"), "{values:?}: {out}");
        }
    }

    #[test]
    fn marks_are_escaped_and_wide_enough_to_be_seen() {
        let mark = Mark { start: 99, end: 99, title: "<b>&".to_owned() };
        let out = chart(&[(0, 1.0), (100, 2.0)], &[mark]);
        assert!(out.contains("width=3.0") && out.contains("&lt;b&gt;&amp;"), "{out}");
    }

    #[test]
    fn a_gap_cuts_the_line() {
        let values: Vec<_> = (0..20).filter(|i| !(8..12).contains(i)).map(|i| (i, 1.0)).collect();
        let points = points(&values);
        let runs: Vec<_> = runs(&points, spacing(&points)).map(<[_]>::len).collect();
        assert_eq!(runs, [8, 8]);
    }

    #[test]
    fn labels_are_round() {
        let axis = TimeAxis { first: 1_451_606_403 * SECOND, last: 1_451_609_990 * SECOND };
        let labels: Vec<_> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["00:10", "00:20", "00:30", "00:40", "00:50"]);
        let axis = ValueAxis::of(&points(&[(0, -3.2), (1, 104.9)]));
        assert_eq!(axis.ticks, [0.0, 50.0, 100.0]);
    }
}
