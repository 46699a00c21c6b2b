//! From samples to a verdict a row.

use super::{holm, signed_rank};
use crate::result::Verdict;

/// When a difference counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The chance of any false verdict in a family of rows, from noise alone.
    pub level: f64,
    /// The least effect that matters: 0.02 is two per cent.
    pub least_effect: f64,
    /// Of the interval that is printed, and that must lie within the least effect for "equal".
    pub confidence: f64,
}

/// What [`Rule::default`] says was chosen by measurement: `cargo xtask gauge-accept`.
impl Default for Rule {
    fn default() -> Self {
        Self { level: 0.01, least_effect: 0.015, confidence: 0.95 }
    }
}

/// What the samples of a row say. Ratios are of times: above one is slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The ratio, by Hodges and Lehmann.
    pub ratio: f64,
    /// Its interval, where the samples are enough for one.
    pub interval: Option<(f64, f64)>,
    /// The p-value of this row by itself.
    pub p: f64,
    /// The p-value after Holm's correction over the family.
    pub adjusted: f64,
    /// Improved, equal, regressed or inconclusive.
    pub verdict: Verdict,
}

/// Judges a family of rows: the log ratios of each, one a block. `floors` are effects, as log ratios,
/// that a row shows without any change of its source: its finding must exceed them too. Missing floors are zero.
pub fn judge(rule: Rule, rows: &[Vec<f64>], floors: &[f64]) -> Vec<Comparison> {
    let p: Vec<f64> = rows.iter().map(|samples| signed_rank::p_value(samples)).collect();
    let adjusted = holm::adjust(&p);
    let compare = |row: usize| {
        let centre = signed_rank::estimate(&rows[row]);
        let interval = signed_rank::interval(&rows[row], rule.confidence);
        let least = rule.least_effect.ln_1p();
        let floor = floors.get(row).copied().unwrap_or(0.0).abs();
        let is_within = |(low, high): (f64, f64)| low > -least && high < least;
        let verdict = if adjusted[row] <= rule.level && centre.abs() >= least.max(floor) {
            if centre > 0.0 { Verdict::Regressed } else { Verdict::Improved }
        } else if interval.is_some_and(is_within) {
            Verdict::Equal
        } else {
            Verdict::Inconclusive
        };
        Comparison {
            ratio: centre.exp(),
            interval: interval.map(|(low, high)| (low.exp(), high.exp())),
            p: p[row],
            adjusted: adjusted[row],
            verdict,
        }
    };
    (0..rows.len()).map(compare).collect()
}

impl Comparison {
    /// Whether a difference was found, in either direction. For a control: whether it fired.
    pub fn is_different(&self) -> bool {
        matches!(self.verdict, Verdict::Improved | Verdict::Regressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty samples about `centre`, within `spread` of it.
    fn samples(centre: f64, spread: f64) -> Vec<f64> {
        (0..20).map(|i| centre + spread * (f64::from(i) / 9.5 - 1.0)).collect()
    }

    #[test]
    fn each_verdict_has_its_case() {
        let rule = Rule { level: 0.01, least_effect: 0.02, confidence: 0.95 };
        let rows = [
            samples(0.05, 0.01),
            samples(-0.05, 0.01),
            samples(0.0, 0.01),
            // Significant, but below the least effect.
            samples(0.01, 0.005),
            // Large, but no more than noise.
            samples(0.03, 0.3),
            Vec::new(),
        ];
        let verdicts = judge(rule, &rows, &[]).iter().map(|c| c.verdict).collect::<Vec<_>>();
        use Verdict::*;
        assert_eq!(verdicts, [Regressed, Improved, Equal, Equal, Inconclusive, Inconclusive]);
    }

    #[test]
    fn what_relinking_does_alone_is_no_finding() {
        let rule = Rule { level: 0.01, least_effect: 0.02, confidence: 0.95 };
        let rows = [samples(0.03, 0.01)];
        assert_eq!(judge(rule, &rows, &[-0.025])[0].verdict, Verdict::Regressed);
        assert_eq!(judge(rule, &rows, &[-0.035])[0].verdict, Verdict::Inconclusive);
    }

    #[test]
    fn many_rows_ask_for_more() {
        let rule = Rule::default();
        let row: Vec<f64> = samples(0.05, 0.01)[..9].to_vec();
        assert!(judge(rule, std::slice::from_ref(&row), &[])[0].is_different());
        let mut rows = vec![samples(0.0, 0.01); 20];
        rows[0] = row;
        assert!(!judge(rule, &rows, &[])[0].is_different());
    }
}
