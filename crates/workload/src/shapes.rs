use crate::Random;
use crate::elementary::sine_of_turns;

/// One series of known shape, to test against: what was put in is what must be found.
///
/// Point `i` lies at `start_ns + i * interval_ns`; its value is the sum of level, trend, sine,
/// noise and what the [`Event`]s add. The same fields give the same rows on every machine.
///
/// ```
/// use tidemill_workload::{Event, Shape, Sine};
///
/// let day = Sine { amplitude: 5.0, period_points: 1440 };
/// let spike = Event::Outlier { at: 2000, by: 50.0 };
/// let rows = Shape { sine: Some(day), noise: 0.5, events: vec![spike], ..Shape::default() }.rows();
/// assert_eq!(rows.len(), 10_000);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Points before gaps and duplicates.
    pub points: usize,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub start_ns: i64,
    /// Nanoseconds between points.
    pub interval_ns: i64,
    /// The value everything is added to.
    pub level: f64,
    /// What each point adds to the one before.
    pub trend: f64,
    /// A season.
    pub sine: Option<Sine>,
    /// Standard deviation of normal noise.
    pub noise: f64,
    /// What happens on the way.
    pub events: Vec<Event>,
    /// The share of rows, 0 to 1, that come a second time, at once.
    pub duplicates: f64,
    /// The share of rows, 0 to 1, that come late.
    pub late: f64,
    /// A late row comes after 1 to this many of those that follow it.
    pub max_delay_rows: usize,
    /// Of noise, duplicates and late rows.
    pub seed: u64,
}

/// A season of a [`Shape`]: zero at its first point, and rising.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// Half of what lies between the lowest and the highest point.
    pub amplitude: f64,
    /// Points a period.
    pub period_points: usize,
}

/// Something that happens in a [`Shape`]. `at` is the index of a point; beyond the last one,
/// nothing happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// One point is off by `by`.
    Outlier {
        /// Which.
        at: usize,
        /// By how much.
        by: f64,
    },
    /// The level changes by `by`, for good.
    Step {
        /// The first point of the new level.
        at: usize,
        /// By how much.
        by: f64,
    },
    /// The sensor is stuck: all these points have the value of the first.
    Flat {
        /// The first point.
        at: usize,
        /// How many.
        points: usize,
    },
    /// These points are missing.
    Gap {
        /// The first point.
        at: usize,
        /// How many.
        points: usize,
    },
}

/// One row of a [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapeRow {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub time_ns: i64,
    /// The value.
    pub value: f64,
}

impl Default for Shape {
    /// 10,000 zeros, a second apart from 2024-01-01T00:00:00Z.
    fn default() -> Self {
        Self {
            points: 10_000,
            start_ns: 1_704_067_200_000_000_000,
            interval_ns: 1_000_000_000,
            level: 0.0,
            trend: 0.0,
            sine: None,
            noise: 0.0,
            events: Vec::new(),
            duplicates: 0.0,
            late: 0.0,
            max_delay_rows: 1,
            seed: 1,
        }
    }
}

impl Shape {
    /// The rows in the order in which they arrive.
    #[must_use]
    pub fn rows(&self) -> Vec<ShapeRow> {
        let mut random = Random::new(self.seed);
        let rows = self.points_in_order(&mut random);
        self.arrivals(rows, &mut random)
    }

    fn points_in_order(&self, random: &mut Random) -> Vec<ShapeRow> {
        let mut rows = Vec::with_capacity(self.points);
        let mut stuck = None;
        for index in 0..self.points {
            let noise = if self.noise == 0.0 { 0.0 } else { self.noise * random.normal() };
            let mut value = self.level + self.trend * index as f64 + noise;
            if let Some(Sine { amplitude, period_points }) = self.sine {
                let period = period_points.max(1);
                value += amplitude * sine_of_turns((index % period) as f64 / period as f64);
            }
            let mut is_missing = false;
            let mut is_stuck = false;
            for event in &self.events {
                let within = |at: usize, points: usize| index >= at && index - at < points;
                match *event {
                    Event::Outlier { at, by } if at == index => value += by,
                    Event::Step { at, by } if at <= index => value += by,
                    Event::Flat { at, points } => is_stuck |= within(at, points),
                    Event::Gap { at, points } => is_missing |= within(at, points),
                    Event::Outlier { .. } | Event::Step { .. } => {}
                }
            }
            stuck = is_stuck.then_some(stuck.unwrap_or(value));
            if !is_missing {
                let time_ns = self.start_ns + index as i64 * self.interval_ns;
                rows.push(ShapeRow { time_ns, value: stuck.unwrap_or(value) });
            }
        }
        rows
    }

    fn arrivals(&self, rows: Vec<ShapeRow>, random: &mut Random) -> Vec<ShapeRow> {
        let mut arrivals = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let is_late = self.late > 0.0 && random.chance(self.late);
            let delay = 1 + random.below(self.max_delay_rows.max(1) as u64) as usize;
            let is_double = self.duplicates > 0.0 && random.chance(self.duplicates);
            // A late row stands behind the one it waits for, which is not late itself or waits
            // longer; of two that wait for the same, the earlier comes first.
            let arrival = if is_late { 2 * (index + delay) + 1 } else { 2 * index };
            for _ in 0..=usize::from(is_double) {
                arrivals.push((arrival, row));
            }
        }
        arrivals.sort_by_key(|(arrival, _)| *arrival);
        arrivals.into_iter().map(|(_, row)| row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(shape: &Shape) -> Vec<f64> {
        shape.rows().iter().map(|row| row.value).collect()
    }

    #[track_caller]
    fn check(shape: Shape, expected: &[f64]) {
        let shape = Shape { points: 6, ..shape };
        assert_eq!(values(&shape), expected);
    }

    #[test]
    fn parts_add_up() {
        let shape = Shape::default;
        check(Shape { level: 2.0, trend: 0.5, ..shape() }, &[2.0, 2.5, 3.0, 3.5, 4.0, 4.5]);
        let sine = Some(Sine { amplitude: 3.0, period_points: 4 });
        let rounded: Vec<_> = values(&Shape { points: 5, sine, ..shape() })
            .iter()
            .map(|value| (value * 1e9).round() / 1e9)
            .collect();
        assert_eq!(rounded, [0.0, 3.0, 0.0, -3.0, 0.0]);
    }

    #[test]
    fn events_happen_where_they_should() {
        let cases: [(&[Event], &[f64]); 5] = [
            (&[Event::Outlier { at: 2, by: 9.0 }], &[0.0, 1.0, 11.0, 3.0, 4.0, 5.0]),
            (&[Event::Step { at: 4, by: -4.0 }], &[0.0, 1.0, 2.0, 3.0, 0.0, 1.0]),
            (&[Event::Flat { at: 1, points: 3 }], &[0.0, 1.0, 1.0, 1.0, 4.0, 5.0]),
            (&[Event::Gap { at: 4, points: 9 }], &[0.0, 1.0, 2.0, 3.0]),
            (&[Event::Outlier { at: 6, by: 9.0 }], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ];
        for (events, expected) in cases {
            check(Shape { trend: 1.0, events: events.to_vec(), ..Shape::default() }, expected);
        }
    }

    #[test]
    fn noise_has_the_deviation_asked_for() {
        let values = values(&Shape { noise: 2.0, points: 50_000, ..Shape::default() });
        let square = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!((square.sqrt() - 2.0).abs() < 0.03, "{square}");
    }

    proptest! {
        #[test]
        fn late_and_double_rows_are_the_same_points(
            points in 0..500usize, duplicates in 0.0..1.0, late in 0.0..1.0, delay in 0..20usize, seed: u64,
        ) {
            let calm = Shape { points, trend: 1.0, seed, ..Shape::default() };
            let wild = Shape { duplicates, late, max_delay_rows: delay, ..calm.clone() };
            let mut rows = wild.rows();
            prop_assert_eq!(&rows, &wild.rows());
            let mut latest = i64::MIN;
            for row in &rows {
                // Between a row and one that overtook it lie no more than the delay's rows.
                let behind = latest.saturating_sub(row.time_ns) / wild.interval_ns;
                prop_assert!(latest == i64::MIN || behind <= delay.max(1) as i64);
                latest = latest.max(row.time_ns);
            }
            rows.sort_by_key(|row| row.time_ns);
            rows.dedup();
            prop_assert_eq!(rows, calm.rows());
        }
    }

    #[test]
    fn the_shares_of_late_and_double_rows_are_those_asked_for() {
        let shape = Shape { duplicates: 0.1, late: 0.2, max_delay_rows: 5, ..Shape::default() };
        let rows = shape.rows();
        let late = rows.windows(2).filter(|pair| pair[1].time_ns < pair[0].time_ns).count();
        assert!((10_900..11_100).contains(&rows.len()), "{}", rows.len());
        assert!((1_500..2_100).contains(&late), "{late}");
    }
}
