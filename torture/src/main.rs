//! Campaigns against the store: `cargo xtask torture --help`.
//!
//! Each takes a seed, which replays it exactly, prints what it injected, how often, and what it
//! found, and ends with 1 when it found something.
//!
//! The simulated ones (`power`, `faults`, `corrupt`) take a minute each unless told otherwise. Half a
//! minute each, for every commit: `--minutes 0.5`. The long run: `power --until 1000000`,
//! `corrupt --until 2000000`, `faults --cases 100` (all of seeds 0 to 99; 0 is the canonical workload).
#![forbid(unsafe_code)]

#[allow(clippy::unwrap_used, reason = "an oracle that cannot read has found something: a panic")]
#[path = "../../crates/store/tests/common/mod.rs"]
mod common;
mod report;
mod sim;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(version, about = "Campaigns against the store; each prints its counts")]
struct Args {
    #[command(subcommand)]
    campaign: Campaign,
}

#[derive(Debug, Subcommand)]
enum Campaign {
    Power(sim::PowerArgs),
    Faults(sim::FaultsArgs),
    Corrupt(sim::CorruptArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    let report = match Args::parse().campaign {
        Campaign::Power(args) => sim::power(&args),
        Campaign::Faults(args) => sim::faults(&args),
        Campaign::Corrupt(args) => sim::corrupt(&args),
    };
    report.print();
    Ok(report.exit_code())
}
