//! Queries of TSBS and others through `Store::sql`, beside DuckDB, Polars, ClickHouse, DataFusion, VictoriaMetrics
//! and InfluxDB on the same rows, call by call; every answer is compared.
//!
//! `cargo run --release -p tidemill-bench --bin peers`

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tidemill::workload::{Format, Random};
use tidemill_bench::peers::answer::Answer;
use tidemill_bench::peers::ours::{Ours, Told};
use tidemill_bench::peers::process::{Data, Peer};
use tidemill_bench::peers::spec::{Query, Scale, TEMPLATES, Template};
use tidemill_bench::peers::table::{Line, markdown, svg};
use tidemill_bench::python::{PEERS, find, install};
use tidemill_bench::tsbs_cpu;

/// Asked before the clock counts: peers choose their formulation, everyone's answer is compared.
const UNTIMED: usize = 2;
/// So often at most, where answers have no rows: they say little.
const MAX_UNTIMED: usize = 50;

/// Times queries over TSBS cpu-only data, warm, interleaved, literals drawn anew for each; checks all answers.
#[derive(Parser)]
struct Args {
    /// Hosts, with a row every 10 s each.
    #[arg(long, default_value_t = 100)]
    hosts: u32,
    /// Hours of data.
    #[arg(long, default_value_t = 72)]
    hours: u32,
    /// Timed runs of each query; the median counts.
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// Small data, few runs: for tests.
    #[arg(long, conflicts_with_all = ["hosts", "hours", "runs"])]
    quick: bool,
    /// Only queries whose name has this.
    #[arg(long, default_value = "")]
    only: String,
    /// The peers, by commas.
    #[arg(long, value_delimiter = ',', default_values_t = PEERS.iter().map(|peer| peer.name.to_owned()).collect::<Vec<_>>())]
    peers: Vec<String>,
    /// Draws the literals; from the clock if there is none.
    #[arg(long)]
    seed: Option<u64>,
    /// Write the table as a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where the data and the peers are kept.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
}

fn main() -> Result<()> {
    let mut args = Args::parse();
    if args.quick {
        (args.hosts, args.hours, args.runs) = (20, 24, 3);
    }
    ensure!(args.hours > 12, "queries span up to twelve hours: more --hours than that");
    let seed = args.seed.unwrap_or_else(clock);
    std::fs::create_dir_all(&args.data)?;
    let scale = Scale { hosts: args.hosts, hours: args.hours };
    let text = |format| tsbs_cpu(&args.data, args.hosts, args.hours, format);
    let (csv, lines) = (text(Format::Csv)?, text(Format::LineProtocol)?);
    let threads = std::thread::available_parallelism()?.get();
    let data = Data { csv: &csv, lines: &lines, folder: &args.data, span: scale.span(), threads };
    let mut peers = start(&args, &data)?;
    let ours = Ours::load(&lines, scale.rows(), &args.data)?;
    println!(
        "{} hosts, {} hours: {} rows of ten metrics; {threads} threads; medians of {} runs, literals of --seed {seed}\n",
        args.hosts,
        args.hours,
        scale.rows(),
        args.runs
    );
    println!("* tidemill {}: as imported, durable, SQL to Arrow", env!("CARGO_PKG_VERSION"));
    for peer in &peers {
        println!("* {} {}", peer.kind.name, peer.about);
    }
    println!();
    let mut random = Random::new(seed);
    let mut table = Vec::new();
    for template in TEMPLATES.iter().filter(|template| template.name.contains(&args.only)) {
        let line = measure(template, scale, &mut random, &ours, &mut peers, args.runs)?;
        eprintln!("{}: {:.3} ms, {:.1} times", line.name, line.ours, line.factor());
        table.push(line);
    }
    ensure!(!table.is_empty(), "no query has `{}` in its name", args.only);
    let names: Vec<&str> = peers.iter().map(|peer| peer.kind.name).collect();
    println!("{}", markdown(&names, &table));
    let reached = table.iter().filter(|line| line.is_reached()).count();
    println!("{reached} of {} goals reached", table.len());
    if let Some(path) = &args.svg {
        let title = format!("TSBS cpu-only, {} hosts, {} hours", args.hosts, args.hours);
        std::fs::write(path, svg(&title, &names, &table))?;
    }
    Ok(())
}

fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(1, |time| time.as_secs())
}

fn start(args: &Args, data: &Data<'_>) -> Result<Vec<Peer>> {
    let wanted = find(&args.peers)?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let installed = install(&args.data.join("peers"), &wanted)?;
    wanted.into_iter().map(|kind| Peer::start(kind, &installed, data)).collect()
}

/// Asks a kind of query of everyone, in turn: first until answers with rows were compared, then against the clock.
fn measure(
    template: &Template,
    scale: Scale,
    random: &mut Random,
    ours: &Ours,
    peers: &mut [Peer],
    runs: usize,
) -> Result<Line> {
    // How many are compared says nothing about what is timed.
    let (mut rows, mut checked) = (0, Random::new(random.below(u64::MAX)));
    for run in 0.. {
        if run >= UNTIMED && rows > 0 {
            break;
        }
        if run >= MAX_UNTIMED {
            eprintln!("{}: no answer of {run} has a row", template.name);
            break;
        }
        let query = (template.draw)(template.name, scale, &mut checked);
        let (our, told) = ask(&query, run, ours, peers, true)?;
        let answer = our.answer.context("our answer was not kept")?;
        rows = rows.max(answer.rows());
        compare(&query, answer, told.into_iter().zip(&*peers))?;
    }
    let (mut our_times, mut by) = (Vec::new(), String::new());
    let mut times = vec![Vec::new(); peers.len()];
    for run in 0..runs {
        let query = (template.draw)(template.name, scale, random);
        let (our, told) = ask(&query, run, ours, peers, false)?;
        by = our.form;
        our_times.push(our.ms);
        for (times, told) in times.iter_mut().zip(told) {
            times.extend(told.map(|told| told.ms));
        }
    }
    Ok(Line::new(template.name, template.goal, rows, our_times, by, times))
}

/// What we, and each of the peers, say to one query.
fn ask(
    query: &Query,
    run: usize,
    ours: &Ours,
    peers: &mut [Peer],
    is_kept: bool,
) -> Result<(Told, Vec<Option<Told>>)> {
    let mut our = None;
    let mut told: Vec<Option<Told>> = peers.iter().map(|_| None).collect();
    for turn in 0..=peers.len() {
        // Nobody is always the one who comes after the slowest.
        match ((run + turn) % (peers.len() + 1)).checked_sub(1) {
            None => our = Some(ours.ask(query, is_kept)?),
            Some(peer) => told[peer] = peers[peer].ask(query, is_kept)?,
        }
    }
    Ok((our.context("nobody asked us")?, told))
}

/// That everyone says the same.
fn compare<'a>(
    query: &Query,
    ours: Answer,
    theirs: impl Iterator<Item = (Option<Told>, &'a Peer)>,
) -> Result<()> {
    // Of windows that begin and end anywhere whole buckets are not the first and the last.
    const PARTS: usize = 2;
    for (told, peer) in theirs {
        let Some(told) = told.and_then(|told| told.answer) else { continue };
        let context =
            || format!("{}: tidemill, {}; {}", query.name, peer.kind.name, query.to_json());
        let compared = if peer.has_whole_buckets() {
            let ours = ours.clone().in_buckets_of(&told, PARTS).with_context(context)?;
            let told = told.in_buckets_of(&ours, PARTS).with_context(context)?;
            ours.compare(&told, query.kind)
        } else {
            ours.compare(&told, query.kind)
        };
        compared.with_context(context)?;
    }
    Ok(())
}
