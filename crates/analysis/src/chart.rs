use crate::{Cell, Points};

/// What a chart shows of one stretch of time: the band from least to greatest, and the mean. With
/// one for each column of pixels the drawn line is that of all points, as with the minimum and
/// maximum of M4 (Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", 2014).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartPoint {
    /// The first time of the stretch, in nanoseconds.
    pub time: i64,
    /// The least value.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest value.
    pub max: f64,
}

/// At most `max_points` (and at least one) for a series; stretches without numbers are left out.
#[must_use]
pub fn downsample(points: &Points, max_points: usize) -> Vec<ChartPoint> {
    let width = points.cells.len().div_ceil(max_points.max(1)).max(1);
    let merged = |(place, cells): (usize, &[Cell])| {
        let mut all = Cell::default();
        cells.iter().for_each(|cell| all.merge(cell));
        let (time, mean) = (points.time(place * width), all.mean());
        (all.count > 0).then_some(ChartPoint { time, min: all.min, mean, max: all.max })
    };
    points.cells.chunks(width).enumerate().filter_map(merged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_extreme_is_lost(values in prop::collection::vec(prop::option::of(-9.0..9.0f64), 0..100), max_points in 1usize..20) {
            let cell = |value: &Option<f64>| value.map_or_else(Cell::default, Cell::of);
            let points = Points { start: 5, step: 10, cells: values.iter().map(cell).collect() };
            let chart = downsample(&points, max_points);
            prop_assert!(chart.len() <= max_points);
            prop_assert!(chart.is_sorted_by(|a, b| a.time < b.time));
            let extreme = |pick: fn(f64, f64) -> f64| values.iter().flatten().copied().reduce(pick);
            prop_assert_eq!(chart.iter().map(|p| p.min).reduce(f64::min), extreme(f64::min));
            prop_assert_eq!(chart.iter().map(|p| p.max).reduce(f64::max), extreme(f64::max));
            for point in chart {
                prop_assert!(point.min <= point.mean + 1e-9 && point.mean <= point.max + 1e-9);
            }
        }
    }
}
