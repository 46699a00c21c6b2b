//! Steps of a curve of latency: where it is level, and how far each level goes.

use super::Point;

/// What a further piece must save, in sums of logarithms of ratios: a step of a third over three points.
const PIECE: f64 = 0.8;

/// Levels nearer to each other than this are one.
const LEAST_STEP: f64 = 1.3;

/// Points that make a level; fewer are the slope between two.
const LEAST_POINTS: usize = 3;

/// A stretch where latency hardly changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// `L1`, `L2` … `memory`.
    pub name: String,
    /// The smallest working set of it.
    pub from: usize,
    /// The largest working set of it.
    pub to: usize,
    /// The median latency, nanoseconds.
    pub nanoseconds: f64,
    /// Whether the curve is not level here: it ends on a slope, and what comes is slower still.
    pub is_slope: bool,
}

/// The levels of a curve, sorted by size. The curve's logarithms are cut into constant pieces, so that the sum of distances from each piece's
/// median, and a price a piece, is the least there is (dynamic programming); short pieces between two others are slopes. `last_cache` is the size
/// of the last cache, if known: what goes beyond twice of it is memory.
pub fn levels(points: &[Point], last_cache: Option<usize>) -> Vec<Level> {
    let logs: Vec<f64> = points.iter().map(|point| point.median().ln()).collect();
    if logs.iter().any(|log| !log.is_finite()) {
        return Vec::new();
    }
    let mut pieces = pieces(&logs);
    let last = pieces.len().saturating_sub(1);
    let mut at = 0;
    pieces.retain(|piece| {
        at += 1;
        piece.len() >= LEAST_POINTS || at - 1 == last
    });
    let mut merged: Vec<std::ops::Range<usize>> = Vec::new();
    for piece in pieces {
        let value = |range: &std::ops::Range<usize>| median(&logs[range.clone()]);
        match merged.last_mut() {
            Some(before) if (value(&piece) - value(before)).abs() < LEAST_STEP.ln() => {
                before.end = piece.end;
            }
            _ => merged.push(piece),
        }
    }
    let count = merged.len();
    let named = merged.into_iter().enumerate().map(|(index, range)| {
        let range = without_slopes(range, &logs);
        let (from, to) = (points[range.start].bytes, points[range.end - 1].bytes);
        let is_memory = index + 1 == count && last_cache.is_none_or(|last| to >= 2 * last);
        let name = if is_memory { "memory".to_owned() } else { format!("L{}", index + 1) };
        let nanoseconds = median(&logs[range.clone()]).exp();
        Level { name, from, to, nanoseconds, is_slope: range.len() < LEAST_POINTS }
    });
    named.collect()
}

/// A piece without the points at its ends that lie on a slope already.
fn without_slopes(mut range: std::ops::Range<usize>, logs: &[f64]) -> std::ops::Range<usize> {
    let middle = median(&logs[range.clone()]);
    let is_off = |index: usize| (logs[index] - middle).abs() > LEAST_STEP.ln();
    while range.len() > 1 && is_off(range.start) {
        range.start += 1;
    }
    while range.len() > 1 && is_off(range.end - 1) {
        range.end -= 1;
    }
    range
}

fn median(logs: &[f64]) -> f64 {
    crate::stats::median(logs)
}

/// The cheapest pieces.
fn pieces(logs: &[f64]) -> Vec<std::ops::Range<usize>> {
    let cost = |range: std::ops::Range<usize>| {
        let middle = median(&logs[range.clone()]);
        PIECE + logs[range].iter().map(|log| (log - middle).abs()).sum::<f64>()
    };
    // The least cost of the points before `end`, and where its last piece begins.
    let mut best = vec![(0.0, 0)];
    for end in 1..=logs.len() {
        let all = (0..end).map(|start| (best[start].0 + cost(start..end), start));
        let least = all.min_by(|a: &(f64, usize), b| a.0.total_cmp(&b.0));
        best.extend(least);
    }
    let mut pieces = Vec::new();
    let mut end = logs.len();
    while end > 0 {
        let start = best[end].1;
        pieces.push(start..end);
        end = start;
    }
    pieces.reverse();
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half octaves from 4 KiB.
    fn curve(nanoseconds: &[f64]) -> Vec<Point> {
        let point = |(index, ns): (usize, &f64)| Point {
            bytes: (4096.0 * 2f64.powf(index as f64 / 2.0)) as usize,
            passes: vec![*ns],
        };
        nanoseconds.iter().enumerate().map(point).collect()
    }

    fn check(nanoseconds: &[f64], last_cache: Option<usize>, expected: &[(&str, f64)]) {
        let levels = levels(&curve(nanoseconds), last_cache);
        let found: Vec<_> = levels.iter().map(|l| (l.name.as_str(), l.nanoseconds)).collect();
        let is_near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.05;
        let same = found.iter().zip(expected).all(|(f, e)| f.0 == e.0 && is_near(f.1, e.1));
        assert!(found.len() == expected.len() && same, "{levels:?}");
    }

    const CLEAN: [f64; 31] = [
        1.0, 1.0, 1.0, 1.02, 1.0, 1.0, 1.0, 1.0, // to 45 KiB
        2.9, 3.4, 3.5, 3.5, 3.5, 3.5, 3.6, 3.6, // to 724 KiB
        5.5, 9.0, 10.5, 11.0, 11.0, 11.0, 11.5, 11.5, 11.5, // to 16 MiB
        20.0, 45.0, 80.0, 95.0, 100.0, 102.0,
    ];

    #[test]
    fn three_caches_and_memory_are_found_with_slopes_between() {
        let expected = [("L1", 1.0), ("L2", 3.5), ("L3", 11.0), ("memory", 97.0)];
        check(&CLEAN, Some(16 << 20), &expected);
        let levels = levels(&curve(&CLEAN), Some(16 << 20));
        assert_eq!(levels[0].to, 46_340);
        assert_eq!(levels[1].to >> 10, 724);
        assert_eq!(levels[2].to, 16 << 20);
        assert!(levels.iter().all(|level| !level.is_slope));
    }

    #[test]
    fn one_disturbed_point_is_no_level() {
        let mut noisy = CLEAN;
        noisy[4] = 2.0;
        noisy[12] = 7.0;
        noisy[20] = 19.0;
        let expected = [("L1", 1.0), ("L2", 3.5), ("L3", 11.0), ("memory", 97.0)];
        check(&noisy, Some(16 << 20), &expected);
    }

    #[test]
    fn what_does_not_step_is_one_level() {
        check(&[1.0; 12], Some(1 << 30), &[("L1", 1.0)]);
        check(&[1.0; 12], None, &[("memory", 1.0)]);
        check(&[], None, &[]);
        check(&[f64::NAN; 5], None, &[]);
    }

    #[test]
    fn two_caches_are_two() {
        let points: Vec<f64> = [[1.0; 8], [4.0; 8], [60.0; 8]].concat();
        check(&points, None, &[("L1", 1.0), ("L2", 4.0), ("memory", 60.0)]);
    }

    #[test]
    fn an_end_on_a_slope_says_so() {
        let mut points = [[1.0; 8], [4.0; 8]].concat();
        points.extend([30.0, 90.0]);
        let levels = levels(&curve(&points), None);
        assert_eq!(levels.last().map(|l| (l.name.as_str(), l.is_slope)), Some(("memory", true)));
    }
}
