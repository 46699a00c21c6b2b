//! A row's history as a small picture.

use std::fmt::Write;

use super::units::minute;
use super::{Point, Section, Series};
use crate::markup::escape;
use crate::result::{Document, Verdict};

const WIDTH: f64 = 180.0;
const HEIGHT: f64 = 22.0;
const MARGIN: f64 = 4.0;

/// A row's figures from run to run, the newest at the right edge, on a scale from the least to the most;
/// empty where there is but one. A line joins what one machine measured; points of others are hollow.
pub fn history(section: &Section, series: &Series) -> String {
    if series.points.len() < 2 {
        return String::new();
    }
    let runs = section.runs.len();
    let x = |run: usize| MARGIN + (WIDTH - 2.0 * MARGIN) * run as f64 / (runs - 1).max(1) as f64;
    let values = || series.points.iter().filter_map(|point| point.value);
    let (least, most) =
        values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let y = |value: f64| {
        let share = if most > least { (value - least) / (most - least) } else { 0.5 };
        MARGIN + (HEIGHT - 2.0 * MARGIN) * (1.0 - share)
    };
    let mut svg = format!("<svg class=\"history\" width=\"{WIDTH}\" height=\"{HEIGHT}\">");
    for pair in series.points.windows(2) {
        if let (Some(from), Some(to)) = (pair[0].value, pair[1].value)
            && section.is_same_machine(pair[0].run, pair[1].run)
        {
            let ends = (x(pair[0].run), y(from), x(pair[1].run), y(to));
            let _ = write!(
                svg,
                "<path class=\"line\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
                ends.0, ends.1, ends.2, ends.3
            );
        }
    }
    let last_run = series.points[series.points.len() - 1].run;
    for point in &series.points {
        let run = &section.runs[point.run];
        let place = match section.is_same_machine(point.run, last_run) {
            true => "",
            false => " elsewhere",
        };
        let _ = write!(
            svg,
            "<circle class=\"{}{place}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"><title>{}</title></circle>",
            class(point.verdict),
            x(point.run),
            point.value.map_or(HEIGHT / 2.0, y),
            escape(&title(run, series, point)),
        );
    }
    svg + "</svg>"
}

/// The class of a verdict.
pub fn class(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(verdict) if verdict.is_breach() => "breach",
        Some(Verdict::Improved) => "improved",
        Some(Verdict::Pass) => "pass",
        _ => "plain",
    }
}

fn title(run: &Document, series: &Series, point: &Point) -> String {
    let mut text = format!("{}, {}", minute(&run.started), revision(run));
    if let Some(value) = point.value {
        let _ = write!(text, ": {}", series.figure(value));
    }
    if let Some(verdict) = point.verdict {
        let _ = write!(text, ", {}", verdict.word());
    }
    text
}

/// The revision of a run, short, and whether files differed from it.
pub fn revision(run: &Document) -> String {
    let environment = &run.environment;
    let short = |revision: &str| revision.get(..10).unwrap_or(revision).to_owned();
    let revision = environment.revision.as_deref().map_or_else(|| "no revision".to_owned(), short);
    revision + if environment.dirty { " with changes" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{document, report};
    use super::*;

    #[test]
    fn a_line_joins_what_one_machine_measured() {
        let mut elsewhere = document("bench", None, "3", &[("a", Some(3.0))]);
        elsewhere.environment.cpu = Some("another".to_owned());
        let first = document("bench", None, "1", &[("a", Some(1.0))]);
        let second = document("bench", None, "2", &[("a", Some(2.0)), ("b", Some(7.0))]);
        let report = report(vec![first, second, elsewhere]);
        let bench = &report.sections[0];
        let svg = history(bench, &bench.series[0]);
        let count = |text: &str| svg.matches(text).count();
        assert_eq!((count("<path"), count("<circle"), count("elsewhere")), (1, 3, 2));
        // The least lies lowest, at the left; the newest and largest at the upper right.
        assert!(svg.contains("d=\"M4.0 18.0L90.0 11.0\""), "{svg}");
        assert!(svg.contains("cx=\"176.0\" cy=\"4.0\""), "{svg}");
        assert!(svg.contains("<title>2, no revision: 2.000 ns</title>"), "{svg}");
        assert_eq!(history(bench, &bench.series[1]), "");
    }
}
