//! Benches for `cargo gauge`: criterion's macros and methods over another measurement.
//!
//! ```
//! use gauge_bench::{Criterion, criterion_group, criterion_main};
//!
//! fn sums(criterion: &mut Criterion) {
//!     let values: Vec<u64> = (0..1000).collect();
//!     criterion.bench_function("sum", |bencher| bencher.iter(|| values.iter().sum::<u64>()));
//! }
//!
//! criterion_group!(benches, sums);
//! criterion_main!(benches);
//! ```
//!
//! A bench written for criterion needs one import changed. What is there: [`criterion_group!`],
//! [`criterion_main!`], [`Criterion`], [`BenchmarkGroup`], [`BenchmarkId`], [`Throughput`], [`BatchSize`],
//! [`Bencher`] with `iter`, `iter_batched`, `iter_batched_ref`, `iter_with_setup`,
//! `iter_with_large_drop` and `iter_custom`. What is not: async benches, plots, other measurements. Settings
//! of criterion's own statistics are accepted and mean nothing.
//!
//! A process makes one number of a bench. It finds how many iterations last 100 µs, runs such batches for the
//! time it is given, and takes the least of their times: what the code takes when nobody interferes.
//! Confidence comes from many processes, which `cargo gauge` runs in turn; by itself an executable
//! prints what it found:
//!
//! * `--bench [FILTER] [--exact]`: measures and prints a line a bench; without `--bench` each runs once, as a test.
//! * `--list`: the names.
//! * `--gauge-out FILE`: writes the result of the bench that ran last as JSON. `--gauge-time MILLISECONDS`: how long to
//!   measure. `--gauge-iterations N`: run it so often and measure nothing, for tools that count instructions.
//!
//! Where [`gauge_probe::Counters`] are in the program's allocator, allocations are counted as well, in an
//! extra batch after the measurement.

mod bencher;
mod counters;
mod criterion;
mod group;
mod macros;
mod measure;
mod options;
mod report;
mod threads;

pub use std::hint::black_box;

pub use crate::bencher::{BatchSize, Bencher};
pub use crate::criterion::Criterion;
pub use crate::group::{BenchmarkGroup, BenchmarkId, IntoBenchmarkId, SamplingMode, Throughput};
pub use crate::report::MARKER;
pub use crate::threads::threads;

/// For signatures that name criterion's measurement: `BenchmarkGroup<'_, WallTime>`.
pub mod measurement {
    /// Wall time, the only measurement.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct WallTime;
}

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
