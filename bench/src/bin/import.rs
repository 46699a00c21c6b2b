//! How fast a file of text becomes a committed store.
//!
//! `cargo run --release -p tidemill-bench --bin import`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use tidemill::import::{ImportOptions, Input, import};
use tidemill::workload::Format;
use tidemill::{Budget, Options, TimeRange};
use tidemill_bench::{median, peak_resident_bytes, tsbs_cpu, warm};

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
    /// Where the data is kept.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    let format = if args.csv { Format::Csv } else { Format::LineProtocol };
    let path = tsbs_cpu(&args.data, args.hours, format)?;
    let rows = u64::from(args.hours) * 360 * 100;
    let mut rates = Vec::new();
    for run in 0..args.runs {
        let bytes = warm(&path)?;
        let dir = tempfile::tempdir_in(&args.data)?;
        let budget = Budget::new(args.memory_mb * 1_000_000);
        let store = tidemill::Store::open(dir.path(), Options { budget, ..Options::default() })?;
        let options = ImportOptions { table: Some("cpu".into()), ..ImportOptions::default() };
        let start = Instant::now();
        let report = import(store.inner(), &Input::File(path.clone()), &options, &mut ())?;
        let seconds = start.elapsed().as_secs_f64();
        ensure!((report.rows, report.bad_rows) == (rows, 0), "{report:?}");
        let table = store
            .snapshot()
            .table("cpu")
            .map(|table| (table.max_rows(), table.stored_bytes(), table.segments()));
        let Some((stored_rows, stored_bytes, segments)) = table else { anyhow::bail!("no table") };
        ensure!(stored_rows == rows);
        let scanned: usize = store
            .scan(
                "cpu",
                &tidemill::Scan { range: TimeRange::ALL, fields: Some(vec![]), tags: vec![] },
            )?
            .map(|rows| Ok(rows?.times.len()))
            .sum::<Result<usize>>()?;
        ensure!(scanned as u64 == rows);
        rates.push(bytes as f64 / seconds / 1e6);
        println!(
            "run {run}: {:.0} MB in {seconds:.3} s = {:.0} MB/s, {:.2} M rows/s; {:.3} bytes a value in {segments} segments; peak memory {:.0} MB",
            bytes as f64 / 1e6,
            bytes as f64 / seconds / 1e6,
            rows as f64 / seconds / 1e6,
            stored_bytes as f64 / (rows * 10) as f64,
            peak_resident_bytes()? as f64 / 1e6,
        );
    }
    println!("median: {:.0} MB/s", median(rates));
    Ok(())
}
