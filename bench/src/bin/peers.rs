//! Queries of TSBS and others through `Store::sql`, beside DuckDB, Polars, ClickHouse, DataFusion, VictoriaMetrics
//! and InfluxDB on the same rows, call by call; every answer is compared.
//!
//! `cargo run --release -p tidemill-bench --bin peers`

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tidemill::workload::Random;
use tidemill_bench::peers::answer::Answer;
use tidemill_bench::peers::ours::{Asked, Ours, Told, work};
use tidemill_bench::peers::process::Peer;
use tidemill_bench::peers::spec::{Query, Scale, Template};
use tidemill_bench::peers::table::{Line, Medians, Times, markdown, svg};
use tidemill_bench::peers::workload::{WORKLOADS, Workload, find as find_workloads};
use tidemill_bench::print::digits;
use tidemill_bench::python::{Kind, PEERS, find, install};

/// Asked before the clock counts: peers choose their formulation, everyone's answer is compared.
const UNTIMED: usize = 2;
/// So often at most, where answers have no rows: they say little.
const MAX_UNTIMED: usize = 50;
/// Who takes longer before the clock counts is asked once a turn: that counts twice then.
const SLOW_MS: f64 = 250.0;

/// Times queries over TSBS data, warm, interleaved, literals drawn anew for each; checks all answers.
///
/// In each run everyone is asked in turn: a first query, which comes after the others' turns and finds their data
/// in the processor's caches, and right after it one more, with its own literals, which is called warm. Both are told.
#[derive(Parser)]
struct Args {
    /// The data sets, by commas: cpu, devops, iot.
    #[arg(long, value_delimiter = ',', default_values_t = WORKLOADS.map(|workload| workload.name.to_owned()))]
    workload: Vec<String>,
    /// Hosts or trucks of one --workload, with a row of each table every 10 s [default: 100].
    #[arg(long)]
    hosts: Option<u32>,
    /// Hours of data of one --workload [default: 72 of cpu, 16 of devops, 48 of iot].
    #[arg(long)]
    hours: Option<u32>,
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
    /// Write the tables as one picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where the data and the peers are kept.
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
    /// What another process of ours is to do.
    #[arg(long, hide = true)]
    job: Option<String>,
}

impl Args {
    fn scale(&self, workload: &Workload) -> Scale {
        let Scale { devices, hours } = workload.scales[usize::from(self.quick)];
        Scale { devices: self.hosts.unwrap_or(devices), hours: self.hours.unwrap_or(hours) }
    }

    fn templates<'w>(&self, workload: &'w Workload) -> Vec<&'w Template> {
        let all = workload.templates.iter();
        all.filter(|template| template.name.contains(&self.only)).collect()
    }
}

fn main() -> Result<()> {
    let mut args = Args::parse();
    if let Some(job) = &args.job {
        return work(job);
    }
    if args.quick {
        args.runs = 3;
    }
    let mut workloads = find_workloads(&args.workload)?;
    ensure!(
        workloads.len() == 1 || args.hosts.or(args.hours).is_none(),
        "--hosts and --hours are of one workload, and others are of other sizes: name it with --workload"
    );
    workloads.retain(|workload| !args.templates(workload).is_empty());
    ensure!(!workloads.is_empty(), "no query has `{}` in its name", args.only);
    let seed = args.seed.unwrap_or_else(clock);
    std::fs::create_dir_all(&args.data)?;
    let mut random = Random::new(seed);
    println!(
        "medians of {} runs, literals of --seed {seed}; each side's first query of a turn; warm: the one after it\n",
        args.runs
    );
    let kinds = find(&args.peers)?;
    let names: Vec<&str> = kinds.iter().map(|peer| peer.name).collect();
    let mut all = Vec::new();
    for workload in &workloads {
        let lines = ask_all(workload, &kinds, &args, &mut random)?;
        println!("{}", markdown(&names, &lines));
        let reached = |of: fn(&Line) -> &Medians| {
            lines.iter().filter(|line| line.is_reached(of(line))).count()
        };
        let (first, warm) = (reached(|line| &line.first), reached(|line| &line.warm));
        println!("{first} of {} goals reached, warm {warm}\n", lines.len());
        all.extend(lines);
    }
    if let Some(path) = &args.svg {
        let told = |workload: &&Workload| title(workload, args.scale(workload));
        let titles: Vec<String> = workloads.iter().map(told).collect();
        std::fs::write(path, svg(&format!("TSBS: {}", titles.join("; ")), &names, &all))?;
    }
    Ok(())
}

fn title(workload: &Workload, Scale { devices, hours }: Scale) -> String {
    format!("{}, {devices} {}, {hours} hours", workload.name, workload.devices.0)
}

/// Loads a workload into a store and into peers started anew, and asks all that is asked of it.
fn ask_all(
    workload: &Workload,
    kinds: &[&'static Kind],
    args: &Args,
    random: &mut Random,
) -> Result<Vec<Line>> {
    let scale = args.scale(workload);
    let data = workload.data(&args.data, scale)?;
    let threads = std::thread::available_parallelism()?.get();
    let mut peers = Vec::new();
    if !kinds.is_empty() {
        let installed = install(&args.data.join("peers"), kinds)?;
        let files = (&workload.to_json(&data)?, &data.lines);
        let start = |kind| Peer::start(kind, &installed, files, (&args.data, threads));
        peers = kinds.iter().copied().map(start).collect::<Result<_>>()?;
    }
    let templates = args.templates(workload);
    let mut drawn = Random::new(random.below(u64::MAX));
    let queries: Vec<Query> =
        templates.iter().map(|it| (it.draw)(it.name, scale, &mut drawn)).collect();
    let (ours, memory) = Ours::load(&data.lines, &args.data, &queries)?;
    println!("## {}\n", title(workload, scale));
    println!("{} rows of {} tables; {threads} threads\n", data.lines.rows, data.tables.len());
    println!(
        "* tidemill {} (as imported, durable, SQL to Arrow; a process that opens the store has {} MB, and {} MB at most \
         while it is asked each query once)",
        env!("CARGO_PKG_VERSION"),
        digits(memory.open / 1e6),
        digits(memory.most / 1e6)
    );
    for peer in &peers {
        println!("* {} {}", peer.kind.name, peer.about);
    }
    println!();
    let mut lines = Vec::new();
    for template in templates {
        let line = measure(template, scale, random, &ours, &mut peers, args.runs)?;
        eprintln!("{}: {:.3} ms, {:.1} times", line.name, line.first.ours, line.first.factor());
        lines.push(line);
    }
    Ok(lines)
}

fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(1, |time| time.as_secs())
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
    let mut is_slow = vec![false; peers.len() + 1];
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
        let mut told: Vec<Option<Told>> = (0..=peers.len()).map(|_| None).collect();
        in_turn(run, peers.len(), |side| {
            let asked = Asked { query: &query, again: None };
            told[side] = ask(side, asked, ours, peers, true)?;
            is_slow[side] |= told[side].as_ref().is_some_and(|told| told.ms > SLOW_MS);
            Ok(())
        })?;
        let answer =
            told[0].take().and_then(|our| our.answer).context("our answer was not kept")?;
        rows = rows.max(answer.rows());
        compare(&query, answer, told.into_iter().skip(1).zip(&*peers))?;
    }
    let mut by = String::new();
    let mut times = vec![Times::default(); peers.len() + 1];
    for run in 0..runs {
        let [query, again] = [0; 2].map(|_| (template.draw)(template.name, scale, random));
        in_turn(run, peers.len(), |side| {
            let again = (!is_slow[side]).then_some(&again);
            let told = ask(side, Asked { query: &query, again }, ours, peers, false)?;
            let Some(told) = told else { return Ok(()) };
            times[side].first.push(told.ms);
            times[side].warm.push(told.again.unwrap_or(told.ms));
            if side == 0 {
                by = told.form;
            }
            Ok(())
        })?;
    }
    Ok(Line::new(template.name, template.goal, rows, by, times))
}

/// Calls `ask` for us, who are side 0, and for each of so many peers.
fn in_turn(run: usize, peers: usize, mut ask: impl FnMut(usize) -> Result<()>) -> Result<()> {
    // Nobody is always the one who comes after the slowest.
    (0..=peers).try_for_each(|turn| ask((run + turn) % (peers + 1)))
}

/// What a side says, if it can be asked that.
fn ask(
    side: usize,
    asked: Asked<'_>,
    ours: &Ours,
    peers: &mut [Peer],
    is_kept: bool,
) -> Result<Option<Told>> {
    match side.checked_sub(1) {
        None => ours.ask(asked, is_kept).map(Some),
        Some(peer) => peers[peer].ask(asked, is_kept),
    }
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
