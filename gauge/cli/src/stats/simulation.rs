//! What the whole procedure does on noise whose truth is known: orders drawn, log ratios, test, correction,
//! least effect. Seeds are fixed, so a result is one number.

use super::random::Random;
use super::verdict::{Comparison, Rule, judge};
use crate::bench::order;
use crate::result::Verdict;

/// The noise of one process run after the other, on the logarithm of its time.
trait Noise {
    fn next(&mut self, random: &mut Random) -> f64;
}

impl<F: FnMut(&mut Random) -> f64> Noise for F {
    fn next(&mut self, random: &mut Random) -> f64 {
        self(random)
    }
}

/// A normal number (Box and Muller).
fn normal(random: &mut Random) -> f64 {
    let uniform = |random: &mut Random| (random.bits() >> 11) as f64 / (1u64 << 53) as f64;
    let (radius, angle) = (uniform(random), uniform(random));
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Independent, 1 %.
fn independent() -> impl Noise {
    |random: &mut Random| 0.01 * normal(random)
}

/// A neighbour that comes and goes: correlation 0.95 from run to run, 3 % in all, and 0.5 % of each run.
fn correlated() -> impl Noise {
    let mut state = 0.0;
    move |random: &mut Random| {
        state = 0.95 * state + 0.03 * (1.0f64 - 0.95 * 0.95).sqrt() * normal(random);
        state + 0.005 * normal(random)
    }
}

/// A machine that gets hot: 0.02 % a run, for ever, 0.5 % of each run, and a leap of 5 % now and then that stays.
fn drifting() -> impl Noise {
    let mut level = 0.0;
    move |random: &mut Random| {
        level += 0.0002;
        if random.below(200) == 0 {
            level += 0.05;
        }
        level + 0.005 * normal(random)
    }
}

/// Every tenth run is disturbed, up to 50 %.
fn heavy() -> impl Noise {
    |random: &mut Random| {
        let disturbed = if random.below(10) == 0 { 0.5 * normal(random).abs() } else { 0.0 };
        disturbed + 0.005 * normal(random)
    }
}

/// Rows of two programs, of which the second's time is `effect` longer in row 0, and equal in the others.
fn family(
    noise: &mut dyn Noise,
    rows: usize,
    blocks: usize,
    effect: f64,
    random: &mut Random,
) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::new(); rows];
    for _ in 0..blocks {
        for (row, samples) in samples.iter_mut().enumerate() {
            let mut runs = [const { Vec::new() }; 2];
            for program in order::block(2, random) {
                let extra = if row == 0 && program == 1 { effect.ln_1p() } else { 0.0 };
                runs[program].push((noise.next(random) + extra).exp());
            }
            samples.push(order::log_ratio([runs[0][0], runs[0][1]], [runs[1][0], runs[1][1]]));
        }
    }
    samples
}

/// In how many of `families` of ten rows `is_found`.
fn count(
    noise: &mut dyn Noise,
    (rule, blocks, effect, families): (Rule, usize, f64, usize),
    is_found: impl Fn(&[Comparison]) -> bool,
) -> usize {
    let mut random = Random(20_261_121);
    let mut found = 0;
    for _ in 0..families {
        let rows = family(noise, 10, blocks, effect, &mut random);
        found += usize::from(is_found(&judge(rule, &rows, &[])));
    }
    found
}

#[test]
fn the_test_alone_keeps_its_level_under_any_noise() {
    // Without a least effect, so that the level is all there is: 5 % of 1,000 families are 50, standard deviation 7.
    let rule = Rule { level: 0.05, least_effect: 0.0, confidence: 0.95 };
    let any = |rows: &[Comparison]| rows.iter().any(Comparison::is_different);
    let noises: [(&str, &mut dyn Noise); 4] = [
        ("independent", &mut independent()),
        ("correlated", &mut correlated()),
        ("drifting", &mut drifting()),
        ("heavy", &mut heavy()),
    ];
    for (name, noise) in noises {
        let false_families = count(noise, (rule, 16, 0.0, 1000), any);
        // Not zero either: that would be a test that cannot reject.
        assert!((15..=71).contains(&false_families), "{name}: {false_families}");
    }
}

#[test]
fn two_equal_programs_get_no_verdict() {
    let different = |rows: &[Comparison]| rows.iter().any(Comparison::is_different);
    let noises: [&mut dyn Noise; 4] =
        [&mut independent(), &mut correlated(), &mut drifting(), &mut heavy()];
    for noise in noises {
        // 2,000 rows; one verdict in 200 would be ten.
        assert!(count(noise, (Rule::default(), 16, 0.0, 200), different) <= 1);
    }
}

#[test]
fn a_slowdown_of_three_per_cent_is_found() {
    let found = |rows: &[Comparison]| rows[0].verdict == Verdict::Regressed;
    for (noise, at_least) in [
        (&mut independent() as &mut dyn Noise, 195),
        (&mut correlated(), 190),
        (&mut drifting(), 190),
    ] {
        let found = count(noise, (Rule::default(), 24, 0.03, 200), found);
        assert!(found >= at_least, "{found} of 200");
    }
}

#[test]
fn neighbours_that_compare_runs_far_apart_would_fail() {
    // All runs of one program, then all of the other: what a baseline from yesterday does. The same noise,
    // the same test: it lies in most families, so the order is what keeps the level.
    let rule = Rule { level: 0.05, least_effect: 0.0, confidence: 0.95 };
    let (mut noise, mut random) = (correlated(), Random(5));
    let lies = (0..200).filter(|_| {
        let runs: Vec<f64> = (0..64).map(|_| noise.next(&mut random).exp()).collect();
        let pair = |at: usize| [runs[at], runs[at + 1]];
        let samples = (0..16).map(|i| order::log_ratio(pair(2 * i), pair(32 + 2 * i))).collect();
        judge(rule, &[samples], &[])[0].is_different()
    });
    let lies = lies.count();
    assert!(lies > 60, "{lies} of 200");
}
