//! Two plots over the working set in one SVG: latency and bandwidth, both axes logarithmic.

use std::fmt::Write;

use super::kernel::Cache;
use super::levels::Level;
use super::table::{colour, heading};
use super::{Ladder, Point, size};
use crate::markup::escape;

const WIDTH: f64 = 860.0;
const PANEL: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const GAP: f64 = 70.0;

/// A curve of a panel.
struct Curve<'a> {
    name: String,
    colour: &'a str,
    is_dashed: bool,
    points: &'a [Point],
    /// What a figure is divided by.
    unit: f64,
}

impl Curve<'_> {
    fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.iter().map(|point| (point.bytes as f64, point.median() / self.unit))
    }
}

/// A panel's place and its scales.
struct Panel {
    top: f64,
    bytes: (f64, f64),
    values: (f64, f64),
}

impl Panel {
    fn x(&self, bytes: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * share(bytes, self.bytes)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + PANEL * (1.0 - share(value, self.values))
    }
}

/// Where a value lies between two, on a logarithmic scale.
fn share(value: f64, (low, high): (f64, f64)) -> f64 {
    (value / low).ln() / (high / low).ln().max(1e-9)
}

/// The picture.
pub fn draw(title: &str, caches: &[Cache], levels: &[Level], ladder: &Ladder) -> String {
    let mut svg = String::new();
    let height = TOP + 2.0 * PANEL + GAP + 50.0;
    _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
        escape(title)
    );
    let latency = |name: &str, is_dashed, points| Curve {
        name: name.to_owned(),
        colour: "#333333",
        is_dashed,
        points,
        unit: 1.0,
    };
    let curves = [
        latency("4 KiB pages", true, &ladder.small[..]),
        latency("2 MiB pages", false, &ladder.huge),
    ];
    panel(&mut svg, TOP, "ns a dependent load", caches, levels, &curves);
    let curves: Vec<Curve<'_>> = ladder
        .bandwidth
        .iter()
        .map(|bandwidth| Curve {
            name: heading(bandwidth),
            colour: colour(bandwidth.work),
            is_dashed: bandwidth.cores > 1,
            points: &bandwidth.points,
            unit: 1e9,
        })
        .collect();
    panel(&mut svg, TOP + PANEL + GAP, "GB/s", caches, &[], &curves);
    svg.push_str("</svg>\n");
    svg
}

fn panel(
    svg: &mut String,
    top: f64,
    unit: &str,
    caches: &[Cache],
    levels: &[Level],
    curves: &[Curve<'_>],
) {
    let all = || curves.iter().flat_map(Curve::values);
    let low = |value: fn((f64, f64)) -> f64| all().map(value).fold(f64::INFINITY, f64::min);
    let high = |value: fn((f64, f64)) -> f64| all().map(value).fold(0.0, f64::max);
    if all().next().is_none() {
        return;
    }
    let values = (decade(low(|v| v.1)), 1.15 * high(|v| v.1));
    let panel = Panel { top, bytes: (low(|v| v.0), high(|v| v.0)), values };
    grid(svg, &panel, unit);
    for cache in caches {
        let x = panel.x(cache.bytes as f64);
        if (LEFT..WIDTH - RIGHT).contains(&x) {
            _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{}\" stroke=\"#c8a000\" stroke-dasharray=\"3 3\"/>\
                 <text x=\"{:.1}\" y=\"{}\" fill=\"#8a6d00\">L{} {}</text>",
                top + PANEL,
                x + 3.0,
                top + 13.0,
                cache.level,
                size(cache.bytes)
            );
        }
    }
    for level in levels {
        let y = panel.y(level.nanoseconds);
        _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#f0b000\" stroke-width=\"6\" stroke-opacity=\"0.4\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{} {:.1} ns</text>",
            panel.x(level.from as f64),
            panel.x(level.to as f64),
            panel.x(level.from as f64) + 2.0,
            y - 8.0,
            escape(&level.name),
            level.nanoseconds
        );
    }
    let mut labels: Vec<f64> = Vec::new();
    for curve in curves {
        plot(svg, &panel, curve, &mut labels);
    }
}

/// The largest of 1, 2 and 5 times a power of ten that is not above a value.
fn decade(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [5.0, 2.0].map(|m| m * power).into_iter().find(|tick| *tick <= value).unwrap_or(power)
}

fn grid(svg: &mut String, panel: &Panel, unit: &str) {
    let (right, bottom) = (WIDTH - RIGHT, panel.top + PANEL);
    _ = writeln!(svg, "<text x=\"8\" y=\"{:.1}\">{}</text>", panel.top - 8.0, escape(unit));
    let mut power = 10f64.powf(panel.values.0.log10().floor());
    while power <= panel.values.1 {
        for tick in [1.0, 2.0, 5.0].map(|multiple| multiple * power) {
            if (panel.values.0 * 0.999..=panel.values.1).contains(&tick) {
                let y = panel.y(tick);
                _ = writeln!(
                    svg,
                    "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#e4e4e4\"/>\
                     <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
                    LEFT - 6.0,
                    y + 4.0
                );
            }
        }
        power *= 10.0;
    }
    let mut bytes = panel.bytes.0;
    while bytes <= panel.bytes.1 * 1.001 {
        let x = panel.x(bytes);
        _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#f0f0f0\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            panel.top,
            bottom + 16.0,
            size(bytes as usize)
        );
        bytes *= 4.0;
    }
}

fn plot(svg: &mut String, panel: &Panel, curve: &Curve<'_>, labels: &mut Vec<f64>) {
    let places: Vec<(f64, f64)> = curve.values().map(|(x, y)| (panel.x(x), panel.y(y))).collect();
    let Some(last) = places.last() else { return };
    let dash = if curve.is_dashed { " stroke-dasharray=\"6 3\"" } else { "" };
    let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    // Names at the right do not cover each other.
    let mut y = last.1;
    while let Some(other) = labels.iter().find(|other| (**other - y).abs() < 13.0) {
        y = other + 13.0;
    }
    labels.push(y);
    _ = writeln!(
        svg,
        "<polyline fill=\"none\" stroke=\"{0}\" stroke-width=\"1.8\"{dash} points=\"{1}\"/>\
         <text x=\"{2:.1}\" y=\"{3:.1}\" fill=\"{0}\">{4}</text>",
        curve.colour,
        line.join(" "),
        last.0 + 6.0,
        y + 4.0,
        escape(&curve.name)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caches::{Bandwidth, Work};

    fn curve(values: &[f64]) -> Vec<Point> {
        let point = |(i, v): (usize, &f64)| Point { bytes: 4096 << i, passes: vec![*v] };
        values.iter().enumerate().map(point).collect()
    }

    #[test]
    fn all_curves_stand_within_the_picture() {
        let ladder = Ladder {
            small: curve(&[1.0, 1.0, 4.0, 120.0]),
            huge: curve(&[1.0, 1.0, 3.0, 90.0]),
            bandwidth: vec![Bandwidth {
                work: Work::Read,
                cores: 2,
                points: curve(&[3e11, 2e11, 5e10, 9e9]),
            }],
        };
        let cache = Cache { level: 1, bytes: 8192, ways: None, line_bytes: None, shared_by: None };
        let svg = draw("a <b> & \"c\"", &[cache], &[], &ladder);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;"), "{svg}");
        assert!(svg.contains("read, 2 cores") && svg.contains("L1 8 KiB"), "{svg}");
        for points in svg.split("points=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let places = points.split(' ').filter_map(|place| place.split_once(','));
            let mut last = 0.0;
            for (x, y) in places {
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!(x > last && x <= WIDTH - RIGHT && y >= TOP, "{points}");
                assert!(y <= TOP + 2.0 * PANEL + GAP, "{points}");
                last = x;
            }
        }
        // Larger is higher up.
        let panel = Panel { top: 0.0, bytes: (1.0, 10.0), values: (1.0, 100.0) };
        assert_eq!((panel.y(1.0), panel.y(10.0), panel.y(100.0)), (PANEL, PANEL / 2.0, 0.0));
    }

    #[test]
    fn an_empty_ladder_is_an_empty_picture() {
        let svg = draw("none", &[], &[], &Ladder::default());
        assert!(!svg.contains("polyline") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn axes_begin_at_round_figures() {
        assert_eq!([decade(0.93), decade(3.4), decade(70.0)], [0.5, 2.0, 50.0]);
    }
}
