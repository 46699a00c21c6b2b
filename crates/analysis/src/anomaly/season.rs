use super::robust::{centre_and_scale, median};

const DAY_NS: i64 = 86_400_000_000_000;
/// A season is believed only if the series holds it so many times.
const MIN_CYCLES: usize = 3;
/// The shortest season, in cells.
const MIN_PERIOD: usize = 4;
/// The autocorrelation is computed on at most this many cells, then refined.
const MAX_COARSE_CELLS: usize = 1024;
/// Below this autocorrelation a series no longer resembles itself.
const UNLIKE: f64 = 0.1;
/// From this autocorrelation on a lag may be a season.
const ALIKE: f64 = 0.25;
/// The shortest lag that reaches this share of the greatest peak is the season: its multiples
/// reach about the same.
const NEARLY_GREATEST: f64 = 0.85;
/// A season must make the residuals' scale smaller by this factor.
const MIN_GAIN: f64 = 0.9;

/// What recurs every `medians.len()` cells.
#[derive(Clone, Debug)]
pub(super) struct Season {
    /// The median by phase.
    medians: Vec<f64>,
}

impl Season {
    /// The season of this period.
    pub(super) fn of(values: &[f64], period: usize, scratch: &mut Vec<f64>) -> Self {
        let cells = |phase: usize| values[phase..].iter().step_by(period).copied();
        let mut medians: Vec<f64> =
            (0..period).map(|phase| median(cells(phase), scratch)).collect();
        // The level is the trend's.
        let level = median(medians.iter().copied(), scratch);
        medians.iter_mut().for_each(|median| *median -= level);
        Self { medians }
    }

    /// The values without the season.
    pub(super) fn subtracted_from(&self, values: &[f64]) -> Vec<f64> {
        let medians = self.medians.iter().cycle();
        values.iter().zip(medians).map(|(value, median)| value - median).collect()
    }
}

/// The period of trendless `values` on a grid of `step_ns`, in cells, if they have one.
pub(super) fn find_period(values: &[f64], step_ns: i64, scratch: &mut Vec<f64>) -> Option<usize> {
    let periods = calendar_periods(values.len(), step_ns);
    let own = autocorrelation_period(values, scratch);
    let mut scale = centre_and_scale(values, scratch).1;
    let mut best = None;
    for period in periods.into_iter().chain(own) {
        let residuals = Season::of(values, period, scratch).subtracted_from(values);
        // A value has a part in the median that is subtracted from it: of few cycles even noise
        // would leave little.
        let cycles = values.len() as f64 / period as f64;
        let penalty = (cycles / (cycles - 1.0)).powi(2);
        let own_scale = centre_and_scale(&residuals, scratch).1 * penalty;
        if own_scale < MIN_GAIN * scale {
            (scale, best) = (own_scale, Some(period));
        }
    }
    best
}

/// Day and week in cells, where they are whole numbers and the series is long enough.
fn calendar_periods(cells: usize, step_ns: i64) -> Vec<usize> {
    let mut periods = Vec::new();
    for length in [DAY_NS, 7 * DAY_NS] {
        let period = usize::try_from(length / step_ns).unwrap_or(usize::MAX);
        if length % step_ns == 0 && (MIN_PERIOD..=cells / MIN_CYCLES).contains(&period) {
            periods.push(period);
        }
    }
    periods
}

/// The period with the greatest autocorrelation, found on a coarse grid and refined on `values`.
fn autocorrelation_period(values: &[f64], scratch: &mut Vec<f64>) -> Option<usize> {
    let block = values.len().div_ceil(MAX_COARSE_CELLS);
    let coarse = centred(&block_means(values, block), scratch);
    let lags = coarse.len() / MIN_CYCLES;
    let correlation: Vec<f64> = (0..lags).map(|lag| autocorrelation(&coarse, lag)).collect();
    let unlike = correlation.iter().position(|r| *r < UNLIKE)?.max(MIN_PERIOD);
    let is_peak = |lag: &usize| {
        let [before, here, after] = [lag - 1, *lag, lag + 1].map(|lag| correlation[lag]);
        here >= ALIKE && here >= before && here >= after
    };
    let peaks: Vec<usize> = (unlike..lags.saturating_sub(1)).filter(is_peak).collect();
    let greatest = peaks.iter().map(|lag| correlation[*lag]).fold(0.0, f64::max);
    let lag = peaks.into_iter().find(|lag| correlation[*lag] >= NEARLY_GREATEST * greatest)?;
    let fine = centred(values, scratch);
    let mut lag = best_lag(&fine, lag * block, block);
    // The peak of a smooth season is flat, but at its multiples an error is multiplied as well.
    let mut cycles = 1;
    while 2 * lag + 2 <= fine.len() / 2 {
        lag = best_lag(&fine, 2 * lag, 2);
        cycles *= 2;
    }
    Some((lag + cycles / 2) / cycles)
}

/// The lag of the greatest autocorrelation at most `distance` from `near`.
fn best_lag(centred: &[f64], near: usize, distance: usize) -> usize {
    let lags = near - distance..=near + distance;
    let best = lags.map(|lag| (autocorrelation(centred, lag), lag));
    best.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(near, |(_, lag)| lag)
}

/// Distances from the median, cut at three times the scale so that no spike dominates; 0 for
/// missing values.
fn centred(values: &[f64], scratch: &mut Vec<f64>) -> Vec<f64> {
    let (centre, scale) = centre_and_scale(values, scratch);
    let limit = 3.0 * scale;
    let distance = |value: &f64| {
        if value.is_nan() { 0.0 } else { (value - centre).max(-limit).min(limit) }
    };
    values.iter().map(distance).collect()
}

/// The correlation of centred values with those `lag` cells later.
fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let energy = dot(values, values) / values.len() as f64;
    dot(values, &values[lag..]) / (values.len() - lag) as f64 / energy
}

/// The scalar product of the common length, in eight sums that the compiler keeps in registers.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let len = a.len().min(b.len());
    let (a, a_rest) = a[..len].as_chunks::<8>();
    let (b, b_rest) = b[..len].as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// Means of `block` neighbours, NaN where all of them are missing.
pub(super) fn block_means(values: &[f64], block: usize) -> Vec<f64> {
    let mean = |values: &[f64]| {
        let present = values.iter().filter(|value| !value.is_nan());
        let (sum, count) = present.fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
        sum / f64::from(count)
    };
    values.chunks(block).map(mean).collect()
}
