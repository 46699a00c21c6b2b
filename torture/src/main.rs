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
mod real;
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
    /// Kills processes at random moments: nothing acknowledged is lost, nothing is invented.
    Kill(real::Kill),
    /// Kills processes at, and fails, every storage system call of a workload; needs strace.
    Syscalls(real::Syscalls),
    /// Full and read-only disks, two processes, jumping clocks, few open files: one check each.
    Environment(real::Environment),
    /// Imports and queries 20 times the budget where the kernel limits memory; needs root.
    Memory(real::Memory),
    #[command(hide = true)]
    Victim(real::Victim),
}

fn main() -> anyhow::Result<ExitCode> {
    let report = match Args::parse().campaign {
        Campaign::Power(args) => sim::power(&args),
        Campaign::Faults(args) => sim::faults(&args),
        Campaign::Corrupt(args) => sim::corrupt(&args),
        Campaign::Kill(arguments) => return real::kill(&arguments),
        Campaign::Syscalls(arguments) => return real::syscalls(&arguments),
        Campaign::Environment(arguments) => return real::environment(&arguments),
        Campaign::Memory(arguments) => return real::memory(&arguments),
        Campaign::Victim(arguments) => return Ok(real::victim(&arguments)),
    };
    report.print();
    Ok(report.exit_code())
}
