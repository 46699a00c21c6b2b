//! What the benches share: data, memory, medians.
#![forbid(unsafe_code)]

pub mod ingest;
#[cfg(feature = "sql")]
pub mod peers;
pub mod print;
pub mod python;
pub mod strategies;
mod unsynced;

pub use unsynced::UnsyncedDisk;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tidemill::workload::{Format, UseCase};

use ingest::files;

/// The ten metrics of TSBS cpu-only, in its order.
pub const METRICS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// The cpu-only data of TSBS: hosts with a row every 10 s, with the default seed.
///
/// # Errors
/// When the file cannot be written.
pub fn tsbs_cpu(dir: &Path, hosts: u32, hours: u32, format: Format) -> Result<PathBuf> {
    let (case, seconds) = (UseCase::Cpu, u64::from(hours) * 3600);
    Ok(files::tsbs(dir, files::Size { case, table: None, scale: hosts, seconds, format })?.path)
}

/// Reads a file once, so that it is in the page cache.
///
/// # Errors
/// When it cannot be read.
pub fn warm(path: &Path) -> Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(total),
            count => total += count as u64,
        }
    }
}

/// The most memory this process ever had, in bytes.
///
/// # Errors
/// When the kernel does not say.
pub fn peak_resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

/// The middle value.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
