//! Campaigns against the store: `cargo xtask torture --help`.
//!
//! Each prints what it injected, how often, and what it found, and ends with 1 when it found
//! something or (a simulated one) injected nothing, with 2 when it could not run or nothing was chosen. The simulated ones take a seed, which replays them to the byte (with the same options);
//! `kill` draws what is done from one, but when a process dies depends on the machine.
//!
//! The simulated ones (`power`, `faults`, `lies`, `corrupt`) take a minute each unless told otherwise. Half a
//! minute each, for every commit: `--minutes 0.5`. The long run: `power --until 1000000`,
//! `lies --until 1000000`, `corrupt --until 2000000`, `faults --cases 100` (all of seeds 0 to 99; 0 is the canonical workload).
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
    /// Power cuts at every change that a store makes to a simulated disk, inside recoveries, too.
    Power(sim::PowerArgs),
    /// Every call to a simulated disk failing, in every way, once and for ever.
    Faults(sim::FaultsArgs),
    /// Syncs of a simulated disk that succeed and keep nothing, before its power goes.
    Lies(sim::LiesArgs),
    /// Every bit flipped, every truncation, and worse, of small stores' files.
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
    let simulated = match Args::parse().campaign {
        Campaign::Power(arguments) => sim::power(&arguments),
        Campaign::Faults(arguments) => sim::faults(&arguments),
        Campaign::Lies(arguments) => sim::lies(&arguments),
        Campaign::Corrupt(arguments) => sim::corrupt(&arguments),
        Campaign::Kill(arguments) => return real::kill(&arguments),
        Campaign::Syscalls(arguments) => return real::syscalls(&arguments),
        Campaign::Environment(arguments) => return real::environment(&arguments),
        Campaign::Memory(arguments) => return real::memory(&arguments),
        Campaign::Victim(arguments) => return Ok(real::victim(&arguments)),
    };
    simulated.print();
    Ok(simulated.exit_code())
}
