//! Random queries: ours equal to DuckDB's, native plans equal to DataFusion's.
#![forbid(unsafe_code)]

mod answer;
mod campaign;
mod dataset;
mod differences;
mod duckdb;
mod loaded;
mod query;
mod random;
#[allow(dead_code, reason = "shared with the other campaigns")]
#[path = "../../src/report.rs"]
mod report;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;

use campaign::Part;
use report::Report;

#[derive(Debug, Parser)]
#[command(version, about = "Random queries: ours equal to DuckDB's, native plans to DataFusion's")]
struct Args {
    /// What is drawn; the same seed draws the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Queries in all.
    #[arg(long, default_value_t = 10_000)]
    queries: u64,
    /// Queries of one dataset.
    #[arg(long, default_value_t = 500)]
    each: u64,
    /// The first dataset; with `--query`, the only one.
    #[arg(long, default_value_t = 0)]
    dataset: u64,
    /// Only this query, with what both say.
    #[arg(long)]
    query: Option<u64>,
    /// End after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// End after so many findings.
    #[arg(long, default_value_t = 20)]
    findings: usize,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let Some(mut duckdb) = duckdb::DuckDb::start()? else {
        eprintln!("{}", duckdb::MISSING);
        return Ok(ExitCode::from(2));
    };
    let mut report = Report::default();
    if let Some(query) = args.query {
        let part = Part { seed: args.seed, dataset: args.dataset, queries: query..query + 1 };
        part.run(&mut duckdb, &mut report, true)?;
        report.print();
        return Ok(report.exit_code());
    }
    let start = Instant::now();
    let until = args.minutes.map(|minutes| start + Duration::from_secs(60 * minutes));
    let (mut left, mut dataset, mut findings) = (args.queries, args.dataset, 0);
    while left > 0 && until.is_none_or(|until| Instant::now() < until) {
        let count = left.min(args.each);
        let part = Part { seed: args.seed, dataset, queries: 0..count };
        findings += part.run(&mut duckdb, &mut report, false)?;
        (left, dataset) = (left - count, dataset + 1);
        if findings >= args.findings {
            break;
        }
    }
    report.print();
    let rate = (args.queries - left) as f64 / start.elapsed().as_secs_f64();
    println!("{rate:>14.0}  queries a second");
    Ok(report.exit_code())
}
