//! Random queries: ours equal to DuckDB's, native plans equal to DataFusion's
//! (`cargo xtask torture-sql --help`).
//!
//! * [`dataset`]: random tables, the steps that write them, and the rows that must be left.
//! * [`loaded`]: the steps done to a store in memory; the rows as statements for DuckDB.
//! * [`query`]: random statements in two dialects.
//! * [`duckdb`]: one process that answers them in batches, while the store does.
//! * [`answer`]: when two answers are the same. Rows count as a set with repetitions unless the
//!   order is decided; NULL is NULL, NaN is NaN, -0 is 0; floats may differ by 1e-9 of the greater.
//! * [`differences`]: what one of the engines refuses and the other does not, by class.
//!
//! `docs/query-differences.md` has every rule where the engines differ by definition.
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
    /// Ask this of the dataset instead, in all three engines: to make a finding's query smaller.
    #[arg(long)]
    ask: Option<String>,
    /// End after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// End after so many findings.
    #[arg(long, default_value_t = 20)]
    findings: usize,
    /// Print the counts every so many seconds, so that they are known of a run that is ended.
    #[arg(long, default_value_t = 60)]
    print_every_seconds: u64,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let Some(mut duckdb) = duckdb::DuckDb::start()? else {
        eprintln!("{}", duckdb::MISSING);
        return Ok(ExitCode::from(2));
    };
    if let Some(text) = &args.ask {
        campaign::ask_all(&mut duckdb, args.seed, args.dataset, text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(query) = args.query {
        let part = Part { seed: args.seed, dataset: args.dataset, queries: query..query + 1 };
        let mut report = Report::default();
        part.run(&mut duckdb, &mut report, true)?;
        report.print();
        return Ok(report.exit_code());
    }
    run(&args, &mut duckdb)
}

/// Goes through datasets until the queries, the time or the patience is used up.
fn run(args: &Args, duckdb: &mut duckdb::DuckDb) -> Result<ExitCode> {
    let mut report = Report::default();
    let start = Instant::now();
    let until = args.minutes.map(|minutes| start + Duration::from_secs(60 * minutes));
    let every = Duration::from_secs(args.print_every_seconds);
    let (mut left, mut dataset, mut printed) = (args.queries, args.dataset, start);
    while left > 0
        && report.findings().len() < args.findings
        && until.is_none_or(|until| Instant::now() < until)
    {
        let count = left.min(args.each);
        let part = Part { seed: args.seed, dataset, queries: 0..count };
        let known = report.findings().len();
        let done = part.run(duckdb, &mut report, false);
        report.findings()[known..].iter().for_each(|finding| println!("FOUND: {finding}"));
        if let Err(error) = done {
            print(args, &report, start, dataset);
            return Err(error);
        }
        (left, dataset) = (left - count, dataset + 1);
        if printed.elapsed() >= every {
            print(args, &report, start, dataset);
            printed = Instant::now();
        }
    }
    print(args, &report, start, dataset);
    Ok(report.exit_code())
}

/// The counts so far.
fn print(args: &Args, report: &Report, start: Instant, dataset: u64) {
    let seconds = start.elapsed().as_secs_f64();
    println!("seed {}, {seconds:.0} s, up to dataset {dataset}:", args.seed);
    report.print_counts();
    let rate = report.count_of("queries") as f64 / seconds;
    println!("{rate:>14.0}  queries a second");
}

#[cfg(test)]
mod tests {
    use super::{Part, Report, duckdb};

    /// A few queries of each sort; where DuckDB is not installed it says so.
    #[test]
    fn random_queries_are_answered_as_duckdb_does() {
        let Some(mut duckdb) = duckdb::DuckDb::start().unwrap() else {
            eprintln!("skipped: {}", duckdb::MISSING);
            return;
        };
        let (mut report, mut findings) = (Report::default(), 0);
        for dataset in 0..4 {
            let part = Part { seed: 20_261_121, dataset, queries: 0..60 };
            findings += part.run(&mut duckdb, &mut report, false).unwrap();
        }
        report.print();
        assert_eq!(findings, 0);
    }
}
