//! From a routine to one number: how many iterations a batch has, how long batches run, which quantile counts.

use std::time::{Duration, Instant};

use tidemill_machine::{CycleClock, Tick};

use crate::counters::Allocations;
use crate::options::Mode;

/// How long a batch is to last: long beside reading the clock (25 ns), short beside a slice of the
/// scheduler (milliseconds), so that in a busy machine some batches run undisturbed.
const BATCH: Duration = Duration::from_micros(100);

/// The most batches of a measurement: memory for their times is set aside before.
const MAX_BATCHES: usize = 1 << 16;

/// The fewest batches, however long they are.
const MIN_BATCHES: usize = 3;

/// How long is measured when nobody says.
pub(crate) const DEFAULT_TIME: Duration = Duration::from_millis(500);

/// What a batch took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lap {
    pub(crate) time: Duration,
    pub(crate) cycles: u64,
    pub(crate) allocations: Option<Allocations>,
}

/// A stopwatch for one stretch of code.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    tick: Tick,
    allocations: Option<Allocations>,
}

impl Watch {
    /// Starts; with allocations counted only where that is asked for.
    #[inline]
    pub(crate) fn start(is_counting: bool) -> Self {
        let allocations = if is_counting { Allocations::now() } else { None };
        Self { tick: CycleClock::now(), start: Instant::now(), allocations }
    }

    #[inline]
    pub(crate) fn stop(self) -> Lap {
        let time = self.start.elapsed();
        let cycles = CycleClock::now().since(self.tick).0;
        let now = self.allocations.and_then(|earlier| Some(Allocations::now()?.since(earlier)));
        Lap { time, cycles, allocations: now }
    }
}

impl std::ops::AddAssign for Lap {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.cycles += other.cycles;
        self.allocations = match (self.allocations, other.allocations) {
            (Some(a), Some(b)) => {
                Some(Allocations { requests: a.requests + b.requests, bytes: a.bytes + b.bytes })
            }
            (a, b) => a.or(b),
        };
    }
}

/// What a process found out about a bench; times and cycles are of one iteration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// Iterations of a batch.
    pub(crate) iterations: u64,
    /// Batches measured.
    pub(crate) batches: usize,
    /// Nanoseconds, at the [`QUANTILES`].
    pub(crate) nanoseconds: [f64; QUANTILES.len()],
    /// Cycles of the time stamp counter, likewise.
    pub(crate) cycles: [f64; QUANTILES.len()],
    /// Requests to the allocator and their bytes, where they are counted.
    pub(crate) allocations: Option<(f64, f64)>,
}

/// What is told of the batches.
pub(crate) const QUANTILES: [(&str, f64); 5] =
    [("minimum", 0.0), ("p05", 0.05), ("p25", 0.25), ("median", 0.5), ("p75", 0.75)];

/// Runs so many iterations, with allocations counted or not, and tells what they took.
pub(crate) type Routine<'a> = &'a mut dyn FnMut(u64, bool) -> Lap;

/// Does what `mode` asks for.
pub(crate) fn run(mode: Mode, default: Duration, routine: Routine<'_>) -> Option<Reading> {
    match mode {
        Mode::List => None,
        Mode::Test => {
            routine(1, false);
            None
        }
        Mode::Iterate(iterations) => {
            routine(iterations, false);
            None
        }
        Mode::Measure(time) => Some(measure(time.unwrap_or(default), routine)),
    }
}

fn measure(time: Duration, routine: Routine<'_>) -> Reading {
    // A fifth to warm up, in which the length of a batch is found.
    let iterations = calibrate(time / 5, routine);
    let mut laps: Vec<(f64, f64)> = Vec::with_capacity(MAX_BATCHES);
    let start = Instant::now();
    while laps.len() < MIN_BATCHES || (laps.len() < MAX_BATCHES && start.elapsed() < time * 4 / 5) {
        let lap = routine(iterations, false);
        laps.push((lap.time.as_nanos() as f64, lap.cycles as f64));
    }
    let counted = routine(iterations, true).allocations;
    let each = |total: f64| total / iterations as f64;
    let mut nanoseconds: Vec<f64> = laps.iter().map(|lap| each(lap.0)).collect();
    let mut cycles: Vec<f64> = laps.iter().map(|lap| each(lap.1)).collect();
    Reading {
        iterations,
        batches: laps.len(),
        nanoseconds: quantiles(&mut nanoseconds),
        cycles: quantiles(&mut cycles),
        allocations: counted.map(|all| (each(all.requests as f64), each(all.bytes as f64))),
    }
}

/// How many iterations last a [`BATCH`]: doubles until they do, and warms up until `time` is over.
fn calibrate(time: Duration, routine: Routine<'_>) -> u64 {
    let start = Instant::now();
    let mut iterations = 1u64;
    let mut least = Duration::MAX;
    loop {
        let lap = routine(iterations, false).time;
        if lap < BATCH && iterations < 1 << 40 {
            iterations *= 2;
            continue;
        }
        least = least.min(lap);
        if start.elapsed() >= time {
            break;
        }
    }
    // The least: what an undisturbed batch of so many takes.
    let wanted = (u128::from(iterations) * BATCH.as_nanos()).div_ceil(least.as_nanos().max(1));
    u64::try_from(wanted).unwrap_or(iterations).clamp(1, iterations)
}

/// The values at the [`QUANTILES`], rounded down to a batch's.
fn quantiles(values: &mut [f64]) -> [f64; QUANTILES.len()] {
    values.sort_by(f64::total_cmp);
    QUANTILES.map(|(_, q)| values[((values.len() - 1) as f64 * q) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A routine of which an iteration takes so long, in a time that the test makes.
    fn simulated(iteration: Duration) -> impl FnMut(u64, bool) -> Lap {
        move |iterations, is_counting| Lap {
            time: iteration * u32::try_from(iterations).unwrap(),
            cycles: 3 * iterations,
            allocations: is_counting
                .then_some(Allocations { requests: 2 * iterations, bytes: 64 * iterations }),
        }
    }

    #[test]
    fn a_batch_lasts_as_long_as_it_is_to() {
        for nanos in [1, 7, 300, 99_999] {
            let mut routine = simulated(Duration::from_nanos(nanos));
            let iterations = calibrate(Duration::ZERO, &mut routine);
            let lasts = nanos * iterations;
            assert!((100_000..100_000 + nanos).contains(&lasts), "{nanos}: {lasts}");
        }
        assert_eq!(calibrate(Duration::ZERO, &mut simulated(Duration::from_secs(1))), 1);
    }

    #[test]
    fn a_reading_is_of_one_iteration() {
        let mut routine = simulated(Duration::from_nanos(50));
        let reading = measure(Duration::from_micros(10), &mut routine);
        assert_eq!(
            (reading.iterations, reading.nanoseconds[0], reading.cycles[4]),
            (2000, 50.0, 3.0)
        );
        assert!(reading.batches >= MIN_BATCHES);
        assert_eq!(reading.allocations, Some((2.0, 64.0)));
    }

    #[test]
    fn disturbed_batches_do_not_count() {
        let mut values: Vec<f64> =
            (0..100).map(|i| if i % 4 == 0 { 10.0 } else { 500.0 }).collect();
        let [minimum, p05, p25, median, _] = quantiles(&mut values);
        assert_eq!([minimum, p05, p25, median], [10.0, 10.0, 10.0, 500.0]);
    }

    #[test]
    fn a_test_runs_it_once_and_a_count_so_often() {
        let mut total = 0;
        for mode in [Mode::Test, Mode::Iterate(5), Mode::List] {
            let mut routine = |iterations, _| {
                total += iterations;
                Lap::default()
            };
            assert_eq!(run(mode, DEFAULT_TIME, &mut routine), None);
        }
        assert_eq!(total, 6);
    }
}
