//! Campaigns against the store: `cargo xtask torture --help`.
//!
//! Each takes a seed, which replays it exactly, prints what it injected, how often, and what it
//! found, and ends with 1 when it found something.
#![forbid(unsafe_code)]

#[allow(clippy::unwrap_used, reason = "an oracle that cannot read has found something: a panic")]
#[path = "../../crates/store/tests/common/mod.rs"]
mod common;
mod real;
mod report;

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
    match Args::parse().campaign {
        Campaign::Kill(arguments) => real::kill(&arguments),
        Campaign::Syscalls(arguments) => real::syscalls(&arguments),
        Campaign::Environment(arguments) => real::environment(&arguments),
        Campaign::Memory(arguments) => real::memory(&arguments),
        Campaign::Victim(arguments) => Ok(real::victim(&arguments)),
    }
}
