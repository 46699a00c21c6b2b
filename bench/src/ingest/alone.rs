//! What is ours alone: the memory of imports, the time to open a store.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tidemill::workload::{Format, UseCase};

use super::files::{Input, Size, tsbs};
use super::ours::{self, Opening};
use super::table::{Fact, Goal};
use super::workloads::{Sizes, prepare};
use crate::print::digits;

/// How many times more data may not take more memory.
const LARGER: u64 = 10;

/// A store of many series is opened by a fresh process.
///
/// # Errors
/// When that fails.
pub fn many_series(data: &Path, input: &Input, series: u32, runs: usize) -> Result<Fact> {
    let folder = prepare(data, &input.path)?;
    let load = ours::load(input, folder.path())?;
    let opening = open(folder.path(), series, runs)?;
    ensure!(opening.series == f64::from(series), "{} series", opening.series);
    let resident = opening.resident_bytes / 1e6;
    Ok(Fact {
        what: format!("open {} series, {} values", series, load.values),
        told: told(&opening),
        goals: vec![
            Goal::most("s to open", opening.seconds, 1.0),
            Goal::most("MB resident", resident, 300.0),
        ],
    })
}

/// The most memory that imports of a file and of a larger one take; then the larger store is opened.
///
/// # Errors
/// When that fails.
pub fn memory(data: &Path, sizes: &Sizes, runs: usize) -> Result<Vec<Fact>> {
    let mut peaks = Vec::new();
    let mut all = Vec::new();
    for times in [1, LARGER] {
        let seconds = sizes.memory_hours * 3600 * times;
        let (case, scale, format) = (UseCase::Cpu, sizes.hosts, Format::LineProtocol);
        let size = Size { case, table: None, scale, seconds, format };
        let input = tsbs(data, size)?;
        let folder = prepare(data, &input.path)?;
        let load = ours::load(&input, folder.path())?;
        let peak = load.peak_bytes / 1e6;
        peaks.push(peak);
        let mut goals = vec![Goal::most("MB at most", peak, 200.0)];
        if times > 1 {
            goals.push(Goal::most("x the peak of a tenth of it", peak / peaks[0], 1.05));
        }
        let rate = input.bytes as f64 / load.seconds / 1e6;
        all.push(Fact {
            what: format!("memory while importing {:.0} MB of lp", input.bytes as f64 / 1e6),
            told: format!("{} MB at most, {} MB/s", digits(peak), digits(rate)),
            goals,
        });
        if times > 1 {
            std::fs::remove_file(&input.path)?;
            let opening = open(folder.path(), sizes.hosts, runs)?;
            let what = format!("open {} values of {} series", load.values, sizes.hosts);
            all.push(Fact { what, told: told(&opening), goals: Vec::new() });
        }
    }
    Ok(all)
}

/// The opening of median time.
fn open(store: &Path, hosts: u32, runs: usize) -> Result<Opening> {
    let host = format!("host_{}", hosts / 2);
    let mut all: Vec<Opening> =
        (0..runs).map(|_| ours::open(store, &host)).collect::<Result<_>>()?;
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    all.get(all.len() / 2).copied().context("no runs")
}

fn told(opening: &Opening) -> String {
    format!(
        "open after {} ms ({} CPU s), all rows of one series after {} ms; {} MB resident when open, {} MB at most",
        digits(opening.seconds * 1e3),
        digits(opening.cpu),
        digits(opening.first_rows_seconds * 1e3),
        digits(opening.resident_bytes / 1e6),
        digits(opening.peak_bytes / 1e6)
    )
}
