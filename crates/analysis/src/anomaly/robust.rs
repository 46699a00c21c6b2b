//! Medians and what is made of them. NaN stands for a missing number everywhere.

/// What makes the median absolute deviation of normal noise its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// The number of rank `(count - 1) * share`, rounded up, among those that are not NaN, or NaN if
/// there is none. `scratch` is overwritten. O(n).
pub(super) fn quantile(
    values: impl Iterator<Item = f64>,
    share: f64,
    scratch: &mut Vec<f64>,
) -> f64 {
    scratch.clear();
    scratch.extend(values.filter(|value| !value.is_nan()));
    if scratch.is_empty() {
        return f64::NAN;
    }
    let rank = ((scratch.len() - 1) as f64 * share).ceil() as usize;
    *scratch.select_nth_unstable_by(rank, f64::total_cmp).1
}

/// [`quantile`] at one half.
pub(super) fn median(values: impl Iterator<Item = f64>, scratch: &mut Vec<f64>) -> f64 {
    quantile(values, 0.5, scratch)
}

/// Centre and scale: the median, and 1.4826 times the median absolute deviation (MAD) from it.
///
/// Where more than half of the numbers are equal the MAD is 0, and the root mean square distance
/// from the median stands in, so that what happens once in n cells scores at most √n.
pub(super) fn centre_and_scale(values: &[f64], scratch: &mut Vec<f64>) -> (f64, f64) {
    let centre = median(values.iter().copied(), scratch);
    let deviation = median(values.iter().map(|value| (value - centre).abs()), scratch);
    if deviation != 0.0 {
        return (centre, MAD_TO_SIGMA * deviation);
    }
    let present = values.iter().filter(|value| !value.is_nan());
    let (sum, count) = present
        .fold((0.0, 0u32), |(sum, count), value| (sum + (value - centre).powi(2), count + 1));
    (centre, (sum / f64::from(count)).sqrt())
}

/// For each cell the midmean of the `width` cells around it (cut at both ends): the mean of the
/// middle half of the sorted window, NaN where all of it is missing. It is as deaf to a quarter of
/// outliers on each side as the median, but does not jump between the levels of a season.
/// O(n · width) in a window that stays in the first-level cache.
pub(super) fn running_midmean(values: &[f64], width: usize) -> Vec<f64> {
    let half = width / 2;
    let present = |index: usize| values.get(index).copied().filter(|value| !value.is_nan());
    let place = |window: &[f64], value: f64| window.partition_point(|other| *other < value);
    let mut window: Vec<f64> = Vec::with_capacity(2 * half + 1);
    for value in (0..half).filter_map(present) {
        window.insert(place(&window, value), value);
    }
    let step = |index: usize| {
        if let Some(value) = present(index + half) {
            window.insert(place(&window, value), value);
        }
        if let Some(value) = index.checked_sub(half + 1).and_then(present) {
            window.remove(place(&window, value));
        }
        midmean(&window)
    };
    (0..values.len()).map(step).collect()
}

/// The mean of the middle half, at least one, of sorted numbers; NaN of none.
pub(super) fn midmean(sorted: &[f64]) -> f64 {
    let quarter = sorted.len() / 4;
    let middle = &sorted[quarter..sorted.len() - quarter];
    middle.iter().sum::<f64>() / middle.len() as f64
}
