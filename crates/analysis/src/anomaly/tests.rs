use super::robust::{centre_and_scale, median, midmean, running_midmean};
use super::{Stretch, stretches};
use crate::{Cell, Points};
use proptest::prelude::*;

const MINUTE_NS: i64 = 60_000_000_000;

fn points(values: impl IntoIterator<Item = f64>) -> Points {
    let cell = |value: f64| if value.is_nan() { Cell::default() } else { Cell::of(value) };
    Points { start: 0, step: MINUTE_NS, cells: values.into_iter().map(cell).collect() }
}

/// Noise between -1 and 1 that is the same in every run.
fn noise(index: usize) -> f64 {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 32) as u32 as f64 / f64::from(u32::MAX) * 2.0 - 1.0
}

/// The first stretch found covers cells `want`, give or take `slack`.
#[track_caller]
fn check(values: impl IntoIterator<Item = f64>, want: std::ops::Range<usize>, slack: usize) {
    let found = stretches(&points(values), 10);
    let first = found.first().expect("nothing found");
    let cells = (first.start / MINUTE_NS) as usize..(first.end / MINUTE_NS) as usize + 1;
    let is_near = |a: usize, b: usize| a.abs_diff(b) <= slack;
    assert!(
        is_near(cells.start, want.start) && is_near(cells.end, want.end),
        "found {cells:?}, not {want:?}: {found:?}"
    );
}

#[test]
fn a_spike_in_noise() {
    check((0..2000).map(|i| noise(i) + if i == 700 { 9.0 } else { 0.0 }), 700..701, 3);
}

#[test]
fn a_spike_smaller_than_the_season() {
    let day = |i: usize| 100.0 * (i as f64 / 240.0 * std::f64::consts::TAU).sin();
    check((0..4000).map(|i| day(i) + noise(i) + if i == 1500 { 9.0 } else { 0.0 }), 1500..1501, 3);
}

#[test]
fn a_spike_on_a_trend() {
    check((0..2000).map(|i| -0.5 * i as f64 + noise(i) + f64::from(i == 900) * 30.0), 900..901, 3);
}

#[test]
fn a_level_that_lasts() {
    check(
        (0..4000).map(|i| noise(i) + if (2000..2200).contains(&i) { 1.0 } else { 0.0 }),
        2000..2200,
        40,
    );
}

#[test]
fn a_day_that_is_not_like_the_others() {
    let day = |i: usize| if i / 300 == 7 { 60.0 } else { 50.0 * (i % 300) as f64 / 300.0 };
    check((0..4000).map(|i| day(i) + noise(i)), 2100..2280, 30);
}

#[test]
fn a_counter_that_rests() {
    let mut total = 0.0;
    let counter = (0..3000).map(|i| {
        if i % 1000 == 0 {
            total = 0.0;
        }
        total += if (1500..1600).contains(&i) { 0.0 } else { 10.0 + noise(i) };
        total
    });
    check(counter, 1500..1600, 8);
}

#[test]
fn a_spike_inside_a_cell_of_many_numbers() {
    let mut values = points((0..1000).map(noise));
    for (index, cell) in values.cells.iter_mut().enumerate() {
        (1..20).for_each(|k| cell.add(noise(index * 31 + k)));
    }
    values.cells[400].max = 4.0;
    values.cells[400].sum += 4.0;
    let found = stretches(&values, 1);
    assert_eq!((found[0].start, found[0].end), (values.time(400), values.last_time(400)));
}

#[test]
fn nothing_in_what_does_not_change() {
    assert_eq!(stretches(&points((0..1000).map(|_| 5.0)), 10), []);
    assert_eq!(stretches(&points((0..1000).map(|_| f64::NAN)), 10), []);
    assert_eq!(stretches(&points((0..1000).map(noise)), 10), []);
    assert_eq!(stretches(&Points::default(), 10), []);
}

#[test]
fn missing_cells_are_no_anomaly() {
    let gap = (0..2000).map(|i| if (500..700).contains(&i) { f64::NAN } else { noise(i) });
    assert_eq!(stretches(&points(gap), 10), []);
}

#[test]
fn what_happens_once_in_a_constant_scores_the_root_of_its_rarity() {
    let found =
        stretches(&points((0..1024).map(|i| f64::from(i == 500 || i > 900 && i < 903))), 10);
    let best = found.iter().map(|stretch: &Stretch| stretch.score).fold(0.0, f64::max);
    assert!(best <= 32.0, "{found:?}");
    assert_eq!(found.len(), 2);
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -10.0..10.0f64,
        2 => Just(f64::NAN),
        1 => any::<f64>(),
        1 => Just(0.0),
        1 => prop::sample::select(vec![f64::INFINITY, f64::MAX, f64::MIN, -0.0]),
    ]
}

proptest! {
    #[test]
    fn stretches_are_sane_whatever_the_series(values in prop::collection::vec(number(), 0..400)) {
        let points = points(values);
        let found = stretches(&points, 5);
        prop_assert!(found.len() <= 5);
        for stretch in &found {
            prop_assert!(0 <= stretch.start && stretch.start < stretch.end);
            prop_assert!(stretch.end < points.time(points.cells.len()));
            prop_assert!(stretch.score >= super::THRESHOLD && stretch.score <= super::score::MAX);
        }
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        let mut in_time = found.clone();
        in_time.sort_by_key(|stretch| stretch.start);
        prop_assert!(in_time.is_sorted_by(|a, b| a.end < b.start));
    }

    #[test]
    fn medians_are_those_of_the_sorted_numbers(values in prop::collection::vec(number(), 1..60), width in 0usize..20) {
        let naive = |values: &[f64]| {
            let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
            sorted.sort_by(f64::total_cmp);
            sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
        let mut scratch = Vec::new();
        prop_assert!(same(median(values.iter().copied(), &mut scratch), naive(&values)));
        let half = width / 2;
        for (index, got) in running_midmean(&values, width).into_iter().enumerate() {
            let window = &values[index.saturating_sub(half)..(index + half + 1).min(values.len())];
            let mut sorted: Vec<f64> = window.iter().copied().filter(|v| !v.is_nan()).collect();
            sorted.sort_by(f64::total_cmp);
            prop_assert!(same(got, midmean(&sorted)), "{got} at {index} of {window:?}");
        }
    }

    #[test]
    fn centre_and_scale_follow_the_values(values in prop::collection::vec(-10.0..10.0f64, 3..50)) {
        let mut scratch = Vec::new();
        let (centre, scale) = centre_and_scale(&values, &mut scratch);
        let moved: Vec<f64> = values.iter().map(|v| 4.0 * v + 1.0).collect();
        let (moved_centre, moved_scale) = centre_and_scale(&moved, &mut scratch);
        prop_assert!((moved_centre - (4.0 * centre + 1.0)).abs() < 1e-9);
        prop_assert!((moved_scale - 4.0 * scale).abs() < 1e-9);
    }
}
