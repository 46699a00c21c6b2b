use super::robust::{centre_and_scale, quantile};

/// The greatest score.
pub(super) const MAX: f64 = 1e6;
/// Each width is so many times the one before.
const WIDTH_FACTOR: usize = 4;
/// The greatest width is the series' length divided by this.
const MAX_WIDTH_DIVISOR: usize = 20;
/// The scale is at least this share of the distance between the percentiles below.
const MIN_SCALE_SHARE: f64 = 0.05;
const PERCENTILES: [f64; 2] = [0.02, 0.98];

/// Raises `scores` to the robust z-scores of the residuals and of their running means.
pub(super) fn at_all_widths(residuals: &[f64], scores: &mut [f64], scratch: &mut Vec<f64>) {
    at_width_one(residuals, scores, scratch);
    let sums = running_sums(residuals);
    let mut width = WIDTH_FACTOR;
    while width <= residuals.len() / MAX_WIDTH_DIVISOR {
        let means = running_means(&sums, width);
        // Neighbouring means share their cells: a few of them say how all are spread.
        let sample: Vec<f64> = means.iter().copied().step_by(width / WIDTH_FACTOR).collect();
        raise(scores, &means, Usual::of(&sample, scratch));
        width *= WIDTH_FACTOR;
    }
}

/// Raises `scores` to the robust z-scores of the residuals.
pub(super) fn at_width_one(residuals: &[f64], scores: &mut [f64], scratch: &mut Vec<f64>) {
    raise(scores, residuals, Usual::of(residuals, scratch));
}

/// What values usually are.
struct Usual {
    centre: f64,
    scale: f64,
}

impl Usual {
    fn of(values: &[f64], scratch: &mut Vec<f64>) -> Self {
        let (centre, scale) = centre_and_scale(values, scratch);
        let [low, high] = PERCENTILES.map(|p| quantile(values.iter().copied(), p, scratch));
        Self { centre, scale: scale.max(MIN_SCALE_SHARE * (high - low)) }
    }
}

fn raise(scores: &mut [f64], values: &[f64], usual: Usual) {
    if usual.scale.is_nan() || usual.scale <= 0.0 {
        return;
    }
    for (score, value) in scores.iter_mut().zip(values) {
        let own = (value - usual.centre).abs() / usual.scale;
        // False where the value is missing.
        if own > *score {
            *score = own.min(MAX);
        }
    }
}

/// For each position the sum and the count of the values before it.
fn running_sums(values: &[f64]) -> Vec<(f64, u32)> {
    let sums = values.iter().scan((0.0, 0), |(sum, count), value| {
        if !value.is_nan() {
            *sum += value;
            *count += 1;
        }
        Some((*sum, *count))
    });
    std::iter::once((0.0, 0)).chain(sums).collect()
}

/// The means of the `width` cells around each, missing where fewer than half of them have values.
fn running_means(sums: &[(f64, u32)], width: usize) -> Vec<f64> {
    let (cells, half) = (sums.len() - 1, width / 2);
    let mean = |index: usize| {
        let before = sums[index.saturating_sub(half)];
        let through = sums[(index + half).min(cells)];
        let count = through.1 - before.1;
        if count as usize >= half { (through.0 - before.0) / f64::from(count) } else { f64::NAN }
    };
    (0..cells).map(mean).collect()
}
