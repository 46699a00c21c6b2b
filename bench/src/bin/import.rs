//! How fast a file of text becomes a committed store.
//!
//! `cargo run --release -p tidemill-bench --bin import`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use tidemill::import::{ImportOptions, Input, import};
use tidemill::workload::Format;
use tidemill::{Budget, Durability, Options, TimeRange};
use tidemill_bench::{UnsyncedDisk, median, peak_resident_bytes, tsbs_cpu, warm};

/// Imports TSBS cpu-only data (100 hosts, a row each 10 s) and prints the rate, the memory and
/// the size.
#[derive(Parser)]
struct Args {
    /// Hours of data: 72 are 2,592,000 rows.
    #[arg(long, default_value_t = 72)]
    hours: u32,
    /// CSV instead of line protocol.
    #[arg(long)]
    csv: bool,
    /// Memory budget in MB.
    #[arg(long, default_value_t = 384)]
    memory_mb: usize,
    /// Times it is done; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Also imports, in turn, without any sync of the disk, and says what the syncs cost.
    #[arg(long)]
    durability: bool,
    /// Where the data is kept.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    let format = if args.csv { Format::Csv } else { Format::LineProtocol };
    let path = tsbs_cpu(&args.data, 100, args.hours, format)?;
    let rows = u64::from(args.hours) * 360 * 100;
    let (mut synced, mut unsynced) = (Vec::new(), Vec::new());
    for run in 0..args.runs {
        synced.push(import_once(&args, &path, rows, run, true)?);
        if args.durability {
            unsynced.push(import_once(&args, &path, rows, run, false)?);
        }
    }
    if args.durability {
        let ratios: Vec<f64> = synced.iter().zip(&unsynced).map(|(a, b)| b / a).collect();
        let none = median(unsynced);
        let gain = median(ratios);
        println!(
            "median without syncs: {none:.0} MB/s; pair by pair {gain:.3} x the rate with them"
        );
    }
    println!("median: {:.0} MB/s", median(synced));
    Ok(())
}

/// Imports the file into a new store, checks what is in it, prints and returns MB/s.
fn import_once(args: &Args, path: &Path, rows: u64, run: usize, is_synced: bool) -> Result<f64> {
    let bytes = warm(path)?;
    let dir = tempfile::tempdir_in(&args.data)?;
    let budget = Budget::new(args.memory_mb * 1_000_000);
    let mut options = Options { budget, ..Options::default() };
    if !is_synced {
        (options.durability, options.disk) = (Durability::None, Arc::new(UnsyncedDisk));
    }
    let store = tidemill::Store::open(dir.path(), options)?;
    let options = ImportOptions { table: Some("cpu".into()), ..ImportOptions::default() };
    let start = Instant::now();
    let report = import(store.inner(), &Input::File(path.to_owned()), &options, &mut ())?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!((report.rows, report.bad_rows) == (rows, 0), "{report:?}");
    let table = store
        .snapshot()
        .table("cpu")
        .map(|table| (table.max_rows(), table.stored_bytes(), table.segments()));
    let Some((stored_rows, stored_bytes, segments)) = table else { anyhow::bail!("no table") };
    ensure!(stored_rows == rows);
    let scanned: usize = store
        .scan("cpu", &tidemill::Scan { range: TimeRange::ALL, fields: Some(vec![]), tags: vec![] })?
        .map(|rows| Ok(rows?.times.len()))
        .sum::<Result<usize>>()?;
    ensure!(scanned as u64 == rows);
    let rate = bytes as f64 / seconds / 1e6;
    println!(
        "run {run}{}: {:.0} MB in {seconds:.3} s = {rate:.0} MB/s, {:.2} M rows/s; {:.3} bytes a value in {segments} segments; peak memory {:.0} MB",
        if is_synced { "" } else { " without syncs" },
        bytes as f64 / 1e6,
        rows as f64 / seconds / 1e6,
        stored_bytes as f64 / (rows * 10) as f64,
        peak_resident_bytes()? as f64 / 1e6,
    );
    Ok(rate)
}
