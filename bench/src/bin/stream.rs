//! How fast acknowledged rows come in: several threads, each write on the disk before it returns.
//!
//! `cargo run --release -p tidemill-bench --bin stream`

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use tidemill::workload::{Generator, Options as Tsbs, UseCase};
use tidemill::{Options, Store};
use tidemill_bench::median;

/// Writes TSBS cpu-only line protocol from several threads, acknowledged after fsync, and prints
/// rates and latencies beside the disk's bare fsync.
#[derive(Parser)]
struct Args {
    /// Writing threads, each with hosts of its own.
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// Rows a thread writes in batches of 10,000; a fifth of that in batches of 100.
    #[arg(long, default_value_t = 500_000)]
    rows: usize,
    /// Where the store is made.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    println!("bare fsync of a 4 KiB append: p50 {:.2} ms", bare_fsync(&args)?);
    for batch_rows in [100, 10_000] {
        run(&args, batch_rows)?;
    }
    println!("bare fsync of a 4 KiB append: p50 {:.2} ms", bare_fsync(&args)?);
    Ok(())
}

fn bare_fsync(args: &Args) -> Result<f64> {
    let mut file = tempfile::tempfile_in(&args.data)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

fn run(args: &Args, batch_rows: usize) -> Result<()> {
    let dir = tempfile::tempdir_in(&args.data)?;
    let store = Store::open(dir.path(), Options::default())?;
    let rows = if batch_rows < 1000 { args.rows / 5 } else { args.rows };
    let texts = (0..args.threads)
        .map(|thread| texts(thread, batch_rows, rows))
        .collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let results: Vec<Result<(u64, Vec<f64>)>> = std::thread::scope(|scope| {
        let writers: Vec<_> =
            texts.iter().map(|texts| scope.spawn(|| write(&store, texts))).collect();
        let join = |writer: std::thread::ScopedJoinHandle<'_, _>| {
            writer.join().unwrap_or_else(|_| anyhow::bail!("a writer panicked"))
        };
        writers.into_iter().map(join).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let (mut rows, mut latencies) = (0, Vec::new());
    for result in results {
        let (written, times) = result?;
        rows += written;
        latencies.extend(times);
    }
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    println!(
        "{} threads, batches of {batch_rows}: {:.0} rows/s; latency p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
        args.threads,
        rows as f64 / seconds,
        at(0.5),
        at(0.99),
        at(1.0),
    );
    store.flush()?;
    let snapshot = store.snapshot();
    let stored: u64 = snapshot.tables().iter().map(tidemill::TableView::max_rows).sum();
    ensure!(stored == rows, "{stored} rows stored, {rows} acknowledged");
    Ok(())
}

/// The batches of a thread, made before the clock runs.
fn texts(thread: usize, batch_rows: usize, rows: usize) -> Result<Vec<Vec<u8>>> {
    let mut options = Tsbs::new(UseCase::Cpu);
    options.scale = 100;
    options.seed = 1000 + thread as u64;
    options.duration = Duration::from_secs(3600 * 24 * 30);
    let mut generator = Generator::new(&options)?;
    // A table of its own for each thread: the generator's hosts are the same for all.
    let own = format!("cpu{thread},");
    let batch = |_| {
        let mut text = Vec::new();
        generator.write_rows(&mut text, batch_rows);
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines.flat_map(|line| [own.as_bytes(), &line[4..]].concat()).collect()
    };
    Ok((0..rows.div_ceil(batch_rows)).map(batch).collect())
}

fn write(store: &Store, texts: &[Vec<u8>]) -> Result<(u64, Vec<f64>)> {
    let (mut rows, mut latencies) = (0, Vec::with_capacity(texts.len()));
    for text in texts {
        let begin = Instant::now();
        let written = store.write_line_protocol(text)?;
        latencies.push(begin.elapsed().as_secs_f64() * 1e3);
        ensure!(written.bad_lines.is_empty(), "{written:?}");
        rows += written.rows;
    }
    Ok((rows, latencies))
}
