//! Measuring side by side: all strategies of a case in turn, round by round, so that what disturbs
//! the machine disturbs all of them; medians and their spread; answers compared.

mod pages;

pub use pages::Pages;

use std::hint::black_box;
use std::time::Instant;

/// How one call's figure is printed.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Bytes a call goes through: printed as GB/s.
    Bytes(u64),
    /// Things a call does: printed as nanoseconds each.
    Items(u64),
    /// Floating-point operations a call does: printed as GFLOPS.
    Flops(u64),
}

/// A strategy: its name, and what runs it once and gives a number that tells its answer.
pub type Strategy<'a> = (&'a str, Box<dyn FnMut() -> u64 + 'a>);

/// What a strategy took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The strategy's name.
    pub name: String,
    /// The median of the rounds, nanoseconds a call.
    pub median_ns: f64,
    /// The fastest and the slowest tenth of the rounds, nanoseconds a call.
    pub spread_ns: (f64, f64),
}

/// Whether this is a measurement (`cargo bench`) or a test that runs everything once, small.
#[must_use]
pub fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// `large` in a measurement, `small` in a test.
#[must_use]
pub fn size(large: usize, small: usize) -> usize {
    if measuring() { large } else { small }
}

/// Runs the strategies of a case in turn and prints a line for each; the first is what the others
/// are compared with.
///
/// A filter on the command line (`cargo bench --bench NAME -- FILTER`) skips the cases whose name
/// lacks it.
///
/// # Panics
/// When two strategies differ in their answer.
pub fn compare(case: &str, work: Work, strategies: &mut [Strategy<'_>]) -> Vec<Measured> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if wanted.is_some_and(|wanted| !case.contains(&wanted)) {
        return Vec::new();
    }
    let mut answer = None;
    for (name, run) in strategies.iter_mut() {
        let got = run();
        let (first, wanted) = answer.get_or_insert_with(|| (name.to_string(), got));
        assert_eq!(*wanted, got, "{case}: {name} and {first} differ");
    }
    if !measuring() {
        println!("{case}: {} strategies agree", strategies.len());
        return Vec::new();
    }
    let calls: Vec<u64> = strategies.iter_mut().map(|(_, run)| calls_of_a_round(run)).collect();
    let slowest = strategies.iter_mut().map(|(_, run)| timed(run, 1)).fold(0.0, f64::max);
    // About two seconds a case and strategy at most.
    let rounds = ((2e9 / slowest.max(1.0)) as usize).clamp(5, 41) | 1;
    let mut times = vec![Vec::with_capacity(rounds); strategies.len()];
    for _ in 0..rounds {
        for (index, (_, run)) in strategies.iter_mut().enumerate() {
            times[index].push(timed(run, calls[index]));
        }
    }
    let names = strategies.iter().map(|(name, _)| *name);
    let measured: Vec<Measured> =
        names.zip(times).map(|(name, times)| summary(name, times)).collect();
    report(case, work, &measured);
    measured
}

/// So many that a round takes about ten milliseconds, or one call.
fn calls_of_a_round(run: &mut dyn FnMut() -> u64) -> u64 {
    let mut calls = 1;
    loop {
        let total = timed(run, calls) * calls as f64;
        if total > 2e6 || calls > 1 << 30 {
            return ((1e7 / total * calls as f64) as u64).max(1);
        }
        calls *= 4;
    }
}

/// Nanoseconds a call.
fn timed(run: &mut dyn FnMut() -> u64, calls: u64) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(run());
    }
    start.elapsed().as_secs_f64() * 1e9 / calls as f64
}

fn summary(name: &str, mut times: Vec<f64>) -> Measured {
    times.sort_by(f64::total_cmp);
    let at = |tenth: usize| times[(times.len() - 1) * tenth / 10];
    Measured { name: name.to_owned(), median_ns: at(5), spread_ns: (at(1), at(9)) }
}

fn report(case: &str, work: Work, measured: &[Measured]) {
    println!(
        "\n{case}\n\n| strategy | median | p10 to p90 | rate | faster than the first |\n|---|---|---|---|---|"
    );
    for one in measured {
        let rate = match work {
            Work::Bytes(bytes) => format!("{:.2} GB/s", bytes as f64 / one.median_ns),
            Work::Items(items) => format!("{:.2} ns each", one.median_ns / items as f64),
            Work::Flops(flops) => format!("{:.1} GFLOPS", flops as f64 / one.median_ns),
        };
        let (low, high) = one.spread_ns;
        let ratio = measured[0].median_ns / one.median_ns;
        let [median, low, high] = [one.median_ns, low, high].map(duration);
        println!("| {} | {median} | {low} to {high} | {rate} | {ratio:.2} x |", one.name);
    }
}

fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e4 => format!("{ns:.1} ns"),
        ns if ns < 1e7 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

/// Pseudo-random numbers (SplitMix64, Steele, Lea, Flood 2014).
pub fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
