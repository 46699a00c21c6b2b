//! A chart of one field as SVG in a box of HTML: the plot stretches with the page, the labels
//! keep their size.

use std::fmt::Write;

use tidemill::analysis::ChartPoint;

use super::axis::{HEIGHT, TimeAxis, ValueAxis, WIDTH, is_finite};
use super::html::Escaped;

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
}
