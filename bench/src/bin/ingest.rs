//! Ingestion beside VictoriaMetrics, InfluxDB, DuckDB, Polars and ClickHouse: the same bytes for all, in turn; what
//! each holds afterwards is counted and must be the same.
//!
//! `cargo run --release -p tidemill-bench --no-default-features --bin ingest`

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use anyhow::{Result, ensure};
use clap::Parser;
use tidemill_bench::ingest::alone::{many_series, memory};
use tidemill_bench::ingest::clock::{family_cpu_seconds, machine_cpu_seconds};
use tidemill_bench::ingest::files::Input;
use tidemill_bench::ingest::ours;
use tidemill_bench::ingest::table::{Goal, Kind, facts, goals, table};
use tidemill_bench::ingest::workloads::{Bench, Sizes, Workload, measure, workloads};
use tidemill_bench::python::{find, install};

/// Peers that load; the others of `bench/peers` only query.
const LOADING: [&str; 5] = ["duckdb", "polars", "clickhouse", "victoriametrics", "influxdb"];

/// Loads TSBS data into a committed store and into peers: line protocol, CSV, rows out of order, many series; then
/// memory, and the time to open. Every side's rows are counted after every load.
#[derive(Parser)]
#[command(after_help = "Example: files of CSV, without the servers:
  cargo run --release -p tidemill-bench --no-default-features --bin ingest -- --only csv --peers duckdb,polars,clickhouse")]
struct Args {
    #[command(flatten)]
    sizes: Sizes,
    /// Connections to servers, and threads of ours that write.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Runs of each load; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Small data, one run: for tests.
    #[arg(long, conflicts_with_all = ["hosts", "hours", "series", "memory_hours", "late_minutes", "runs"])]
    quick: bool,
    /// Only workloads whose name has this: lp, cpu-only, devops, iot, csv, late, writes, series, memory.
    #[arg(long, default_value = "")]
    only: String,
    /// The peers, by commas.
    #[arg(long, value_delimiter = ',', default_values_t = LOADING.map(str::to_owned))]
    peers: Vec<String>,
    /// Draws which rows are late; from the clock if there is none.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the data and the peers are kept.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
    /// What a process of ours is to do.
    #[arg(long, hide = true)]
    job: Option<String>,
}

fn main() -> Result<()> {
    let mut args = Args::parse();
    if let Some(job) = &args.job {
        return ours::work(job);
    }
    if args.quick {
        args.sizes =
            Sizes { hosts: 10, hours: 8, series: 10_000, memory_hours: 8, late_minutes: 60 };
        args.runs = 1;
    }
    std::fs::create_dir_all(&args.data)?;
    let peers = find(&args.peers)?;
    for peer in &peers {
        ensure!(
            LOADING.contains(&peer.name),
            "{} loads nothing; --peers of {LOADING:?}",
            peer.name
        );
    }
    let installed = match peers.is_empty() {
        true => None,
        false => Some(install(&args.data.join("peers"), &peers)?),
    };
    let threads = std::thread::available_parallelism()?.get();
    let bench =
        Bench { installed, data: args.data.clone(), connections: args.connections, threads };
    let seed = args.seed.unwrap_or_else(clock);
    let workloads = workloads(&args.data, &args.sizes, &peers, &args.only, seed)?;
    let has_memory = "memory".contains(&args.only);
    ensure!(!workloads.is_empty() || has_memory, "no workload has `{}` in its name", args.only);
    let (busy, own) = (machine_cpu_seconds()?, family_cpu_seconds()?);
    let start = Instant::now();
    let (lines, abouts) = measure(&workloads, &bench, args.runs)?;
    let mut told = Vec::new();
    if let Some(many) = workloads.iter().find(|workload| workload.kind == Kind::Series) {
        told.push(many_series(&args.data, &many.input, args.sizes.series, args.runs)?);
    }
    if has_memory {
        told.extend(memory(&args.data, &args.sizes, args.runs)?);
    }
    let others = machine_cpu_seconds()? - busy - (family_cpu_seconds()? - own);
    let others = (others / start.elapsed().as_secs_f64()).max(0.0);
    println!(
        "Medians of {} runs in turn; late rows of --seed {seed}; {threads} processors, of which other processes took \
         {others:.2} on average; files are in the page cache; what was written before is synced outside of the clock.\n",
        args.runs,
    );
    describe(&workloads, &abouts, args.connections);
    if !lines.is_empty() {
        println!("\n{}", table(&lines));
    }
    if !told.is_empty() {
        println!("{}", facts(&told));
    }
    let all: Vec<Goal> =
        goals(&lines).into_iter().chain(told.into_iter().flat_map(|fact| fact.goals)).collect();
    let count = |is| all.iter().filter(|goal| goal.is_reached() == is).count();
    let [reached, missed, unknown] = [Some(true), Some(false), None].map(count);
    println!("{reached} goals reached, {missed} not, {unknown} not measured");
    Ok(())
}

/// Versions, settings, and what was loaded.
fn describe(workloads: &[Workload], abouts: &[String], connections: usize) {
    println!(
        "* tidemill {}: imports are committed by one manifest and synced; writes are in the log, synced, before they are \
         acknowledged; memory budget as by default; CPU seconds are those of all its threads",
        env!("CARGO_PKG_VERSION")
    );
    for about in abouts {
        println!("* {about}");
    }
    println!(
        "* lines go to servers in requests of 10,000 lines (writes of 100: 100) by {connections} connections; MB a CPU s \
         are those of the server without the client"
    );
    for workload in workloads {
        let Input { rows, bytes, fields, .. } = &workload.input;
        let fields: Vec<String> =
            fields.iter().map(|(table, field)| format!("{table}.{field}")).collect();
        println!(
            "* {}: {rows} rows, {:.0} MB; on every side the same count and sum of {}",
            workload.name,
            *bytes as f64 / 1e6,
            fields.join(", ")
        );
    }
}

fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(1, |time| time.as_secs())
}
