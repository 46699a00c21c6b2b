//! The engine's own choices beside the others there were: time, allocations, peak memory.
//!
//! `cargo run --release -p tidemill-bench --no-default-features --bin strategies`

use std::alloc::System;

use anyhow::Result;
use clap::Parser;
use gauge_probe::{Counters, Observed, Peak};
use tidemill_bench::strategies::{self, Bench};

/// Counts what is allocated, and the most there was at one time. It costs a few nanoseconds a call,
/// so what allocates for every row is seen a little slower than it is.
#[global_allocator]
static ALLOCATOR: Observed<System, (Counters, Peak)> =
    Observed::with(System, (Counters, Peak::new()));

/// Compares, on TSBS cpu-only rows: ways to keep rows that come in, ways to parse them, fresh and
/// recycled buffers, rows, columns and compressed columns.
#[derive(Parser)]
struct Args {
    /// Rows.
    #[arg(long, default_value_t = 500_000)]
    rows: usize,
    /// How often each is run, in turn with the others; medians are printed.
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let (_, peak) = ALLOCATOR.observer();
    let bench = Bench { runs: args.runs.max(1), peak };
    let text = strategies::text(args.rows)?;
    strategies::ingest(&bench, &text, args.rows)?;
    strategies::parse(&bench, &text, args.rows)?;
    strategies::buffers(&bench, &text, args.rows)?;
    strategies::layout(&bench, &text, args.rows)
}
