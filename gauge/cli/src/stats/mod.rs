//! Statistics for noisy machines: what may be said about two programs that were measured in turn.
//!
//! * One number a process run, so that what a process is dealt (addresses, page colours) is noise
//!   between the samples and not a bias of all of them.
//! * Runs come in blocks; the log ratio of a block is one sample ([`crate::bench::order`]). Which
//!   program stands where in a block is drawn, so under the null hypothesis the sign of a log ratio is a
//!   fair coin *whatever* the noise is: drifting, autocorrelated, heavy-tailed.
//!   [`signed_rank`] tests just that, exactly.
//! * A small p-value is not enough: the estimate must exceed a least effect as well, and rows
//!   are many, so p-values are [adjusted](holm). [`verdict`] puts the three together.

pub mod holm;
pub mod random;
pub mod signed_rank;
#[cfg(test)]
mod simulation;
pub mod verdict;

/// The `q` quantile, 0 to 1, of `values`, which are sorted: linear between the two next to it.
/// NaN where there are none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let below = sorted[at as usize];
    let above = sorted[(at as usize + 1).min(last)];
    below + (above - below) * at.fract()
}

/// The median of `values`, in any order; NaN where there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 8.0);
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(median(&[8.0, 1.0, 4.0]), 4.0);
        assert!(median(&[]).is_nan());
    }
}
