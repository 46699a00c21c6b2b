//! Wilcoxon's signed-rank test (1945), exact, and the estimate and interval that belong to it: Hodges
//! and Lehmann (1963).

use super::quantile;

/// The two-sided p-value of "`samples` are as likely to have either sign", exact for any number of
/// samples and for ties: the distribution is that of the ranks at hand, not a table's. Zeros are left out.
pub fn p_value(samples: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = samples.iter().copied().filter(|sample| *sample != 0.0).collect();
    sizes.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let ranks = doubled_midranks(&sizes);
    let positive: usize =
        ranks.iter().zip(&sizes).filter(|(_, size)| **size > 0.0).map(|(rank, _)| rank).sum();
    let total: usize = ranks.iter().sum();
    let tail = positive.min(total - positive);
    let below: f64 = distribution(&ranks).iter().take(tail + 1).sum();
    (2.0 * below).min(1.0)
}

/// The median of the means of all pairs of samples: the estimate whose test [`p_value`] is. NaN
/// without samples.
pub fn estimate(samples: &[f64]) -> f64 {
    quantile(&walsh_averages(samples), 0.5)
}

/// The interval that covers the true centre with at least this `confidence`; none where the samples are
/// too few for it.
pub fn interval(samples: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let ranks: Vec<usize> = (1..=samples.len()).map(|rank| 2 * rank).collect();
    let mut below = 0.0;
    // How many averages may be cut off at either end: sums of ranks below that are rarer than a tail.
    let cut = distribution(&ranks)
        .iter()
        .step_by(2)
        .take_while(|probability| {
            below += **probability;
            below <= (1.0 - confidence) / 2.0
        })
        .count();
    let averages = walsh_averages(samples);
    let low = averages.get(cut.checked_sub(1)?)?;
    Some((*low, averages[averages.len() - cut]))
}

/// The fewest samples of one sign that are significant at `level` in a family of `rows` tests.
pub fn least_samples(level: f64, rows: usize) -> usize {
    (2.0 * rows.max(1) as f64 / level).log2().ceil() as usize
}

/// Twice the rank of each, by size; the same, their mean rank, for those of one size. Doubled, so that they are whole.
fn doubled_midranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for same in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        let first = ranks.len() + 1;
        let last = ranks.len() + same.len();
        ranks.extend(std::iter::repeat_n(first + last, same.len()));
    }
    ranks
}

/// The probability of each sum, from 0 up, of a subset of `ranks` in which each stands with a chance of
/// one half.
fn distribution(ranks: &[usize]) -> Vec<f64> {
    let mut chances = vec![0.0; ranks.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    let mut reached = 0;
    for rank in ranks {
        reached += rank;
        for sum in (0..=reached).rev() {
            let with = sum.checked_sub(*rank).map_or(0.0, |rest| chances[rest]);
            chances[sum] = (chances[sum] + with) / 2.0;
        }
    }
    chances
}

/// The means of all pairs, each with itself as well, sorted.
fn walsh_averages(samples: &[f64]) -> Vec<f64> {
    let mut averages: Vec<f64> = (0..samples.len())
        .flat_map(|i| (i..samples.len()).map(move |j| (samples[i] + samples[j]) / 2.0))
        .collect();
    averages.sort_by(f64::total_cmp);
    averages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(samples: &[f64], expected: f64) {
        let found = p_value(samples);
        assert!((found - expected).abs() < 1e-12, "{samples:?}: {found}, not {expected}");
    }

    #[test]
    fn p_values_of_small_samples_are_exact() {
        // Two-sided, all of one sign: 2 / 2^n.
        check(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.0625);
        check(&[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0], 0.03125);
        // W- = 1: subsets of {1..5} with sum 0 or 1 are 2 of 32.
        check(&[-1.0, 2.0, 3.0, 4.0, 5.0], 0.125);
        // W- = 3: {}, {1}, {2}, {3}, {1,2} of 32.
        check(&[1.0, 2.0, -3.0, 4.0, 5.0], 0.3125);
        check(&[1.0, -1.0], 1.0);
        check(&[], 1.0);
    }

    #[test]
    fn the_published_critical_values_hold() {
        // Wilcoxon's table, two-sided 5 %: n = 8: 3, n = 10: 8, n = 12: 13, n = 15: 25, n = 20: 52.
        for (n, critical) in [(8usize, 3usize), (10, 8), (12, 13), (15, 25), (20, 52)] {
            let ranks: Vec<usize> = (1..=n).map(|rank| 2 * rank).collect();
            let chances = distribution(&ranks);
            let tail = |w: usize| chances.iter().take(2 * w + 1).sum::<f64>();
            assert!(tail(critical) <= 0.025, "n = {n}: {}", tail(critical));
            assert!(tail(critical + 1) > 0.025, "n = {n}: {}", tail(critical + 1));
        }
    }

    #[test]
    fn ties_and_zeros_have_the_distribution_of_their_own_ranks() {
        // Ranks 1.5, 1.5, 3; W- = 1.5: {}, {1}, {2} of 8.
        check(&[1.0, -1.0, 2.0], 0.75);
        // Zeros count for nothing.
        check(&[0.0, 1.0, -1.0, 0.0, 2.0], 0.75);
        // All of one size: the sign test. One of six is negative: 2 * 7 / 64.
        check(&[1.0, 1.0, 1.0, -1.0, 1.0, 1.0], 0.21875);
        // Against all sign patterns, one by one.
        let samples = [0.5, -1.0, 1.0, 2.0, -2.0, 2.0, 3.5];
        let sum = |signs: u32| -> f64 {
            let ranks = [1.0, 2.5, 2.5, 5.0, 5.0, 5.0, 7.0];
            ranks.iter().enumerate().map(|(i, r)| if signs >> i & 1 == 1 { *r } else { 0.0 }).sum()
        };
        let observed = sum(0b110_1101);
        let tail = observed.min(28.0 - observed);
        let count = (0..128).filter(|signs| sum(*signs) <= tail).count();
        check(&samples, (2.0 * count as f64 / 128.0).min(1.0));
    }

    #[test]
    fn the_estimate_is_the_median_of_pairs_and_shrugs_off_an_outlier() {
        assert_eq!(estimate(&[1.0, 2.0, 3.0]), 2.0);
        // Pairs of 1, 5: 1, 3, 5.
        assert_eq!(estimate(&[5.0, 1.0]), 3.0);
        let calm: Vec<f64> = (0..11).map(f64::from).collect();
        let mut wild = calm.clone();
        wild[10] = 1e9;
        assert_eq!(estimate(&calm), 5.0);
        assert!(estimate(&wild) < 6.1);
        assert!(estimate(&[]).is_nan());
    }

    #[test]
    fn the_interval_is_that_of_the_table() {
        // n = 10 at 95 %: the 9th of the 55 averages from either end (Hollander and Wolfe, table A.4:
        // t = 47 has tail 0.024, C = 55 + 1 - 47 = 9).
        let samples: Vec<f64> = (1..=10).map(|value| f64::from(value * value)).collect();
        let averages = walsh_averages(&samples);
        assert_eq!(interval(&samples, 0.95), Some((averages[8], averages[46])));
        // Five cannot carry 95 %: 2/32. Six can: the extremes.
        assert_eq!(interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95), None);
        assert_eq!(interval(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.95), Some((1.0, 6.0)));
        assert_eq!(interval(&[], 0.95), None);
    }

    #[test]
    fn the_least_number_of_samples_is_enough_and_one_fewer_is_not() {
        for rows in [1, 10, 53] {
            let n = least_samples(0.01, rows);
            let p = |n: usize| p_value(&vec![1.0; n]) * rows as f64;
            assert!(p(n) <= 0.01 && p(n - 1) > 0.01, "{rows} rows: {n}");
        }
    }
}
