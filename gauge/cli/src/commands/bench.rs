//! `cargo gauge bench`: runs the project's benches, each number a process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::compare::{Contest, compare};
use super::{Common, keep, subject, unless};
use crate::bench::baseline::Baseline;
use crate::bench::build::Selection;
use crate::bench::experiment::Watch;
use crate::bench::harness::Executable;
use crate::bench::judgement::SAME;
use crate::bench::pin::Processors;
use crate::bench::runner::{Reading, Runner};
use crate::bench::{callgrind, counters, import, lineup, table};
use crate::environment::Environment;
use crate::outcome::{Outcome, Usage};
use crate::result::{Document, Metric, Row};
use crate::stats::median;

/// Run the project's benches (criterion's or gauge-bench's), one number a process
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo gauge bench csv/ --save main       # measure, and keep the executables as well
  cargo gauge bench csv/ --baseline main   # those executables and today's in turn: verdicts
  cargo gauge bench --threads 1,2,4        # how it scales
  cargo gauge bench --import target/criterion --save old

criterion's benches run unchanged; with `use gauge_bench::…` in place of `use criterion::…` they tell
allocations (if gauge-probe is the allocator) and instructions (--instructions) as well.")]
pub(crate) struct Args {
    /// Only rows (`target/bench`, or `package/target/bench` where that is ambiguous) that contain this
    filter: Option<String>,
    /// Keep the result and the executables under this name
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Compare with what is kept under this name: its executables and today's, interleaved
    #[arg(long, value_name = "NAME", conflicts_with_all = ["threads", "import"])]
    baseline: Option<String>,
    /// Measure with so many threads and processors each: `GAUGE_THREADS`, `RAYON_NUM_THREADS`, affinity
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    threads: Vec<usize>,
    /// Processes a row
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: usize,
    /// How long each process measures
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200)]
    time: u64,
    /// Count instructions too, with valgrind
    #[arg(long)]
    instructions: bool,
    /// Count instructions, cycles and misses with the processor's counters, by perf
    #[arg(long)]
    counters: bool,
    /// Read results of criterion (its folder) or gungraun (its summaries) instead of running anything
    #[arg(long, value_name = "PATH", conflicts_with = "threads")]
    import: Option<PathBuf>,
    /// Only benches of this package
    #[arg(long, short, value_name = "NAME")]
    package: Vec<String>,
    /// Only this bench target
    #[arg(long, value_name = "TARGET")]
    bench: Vec<String>,
    /// Features to build with
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,
    /// The profile to build with
    #[arg(long, value_name = "NAME", default_value = "bench")]
    profile: String,
    #[command(flatten)]
    contest: Contest,
}

/// The longest that a process may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs the command.
///
/// # Errors
/// When it could not do its work.
pub(crate) fn run(common: &Common, args: &Args) -> Result<Outcome> {
    if args.runs == 0 || args.time == 0 || args.threads.contains(&0) {
        return Err(Usage("--runs, --time and --threads take numbers above 0".to_owned()).into());
    }
    args.contest.terms(2)?;
    let project = common.project()?;
    let gauge_dir = project.gauge_dir();
    let baseline = |name: &Option<String>| -> Result<Option<Baseline>> {
        name.as_ref().map(|name| Baseline::named(&gauge_dir, name)).transpose()
    };
    let (saved, old) = (baseline(&args.save)?, baseline(&args.baseline)?);
    let mut document = Document::new("bench", Environment::observe(project.root()));
    if let Some(path) = &args.import {
        document.rows = import::rows(path)?;
        document.warnings.push("imported: measured elsewhere, at another time".to_owned());
        if let Some(saved) = saved {
            saved.save(&document, &[])?;
        }
        // It is not known of which machine they are.
        document.environment = Environment::default();
        document.subject = Some(format!("imported from {}", path.display()));
        keep(Some(&project), &document, None);
        return common.print(&document, |out| table::print_measurements(&document, out));
    }
    let kept = old.as_ref().map(Baseline::executables).transpose()?;
    let selection = Selection {
        packages: args.package.clone(),
        targets: args.bench.clone(),
        profile: args.profile.clone(),
        features: args.features.clone(),
        is_steady: false,
    };
    if args.instructions {
        callgrind::check()?;
    }
    eprintln!("building");
    let (executables, warnings) = selection.build(&project, &gauge_dir.join("bench-target"))?;
    document.warnings.extend(warnings);
    document.partial = args.filter.is_some() || !args.package.is_empty() || !args.bench.is_empty();
    let threads: Vec<String> = args.threads.iter().map(ToString::to_string).collect();
    document.subject = subject([
        ("profile", unless("bench", &args.profile)),
        ("features", args.features.as_deref()),
        ("threads", Some(&threads.join(" "))),
        ("baseline", args.baseline.as_deref()),
    ]);
    let folder = gauge_dir.join("bench");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    match &kept {
        Some(kept) => against(args, kept, &executables, &folder, &mut document)?,
        None => measure(args, &executables, &folder, &mut document)?,
    }
    if let Some(saved) = saved {
        saved.save(&document, &executables)?;
    }
    keep(Some(&project), &document, None);
    common.print(&document, |out| match kept {
        Some(_) => table::print_comparison(&document, out),
        None => table::print_measurements(&document, out),
    })
}

/// A baseline's executables and today's, in turn.
fn against(
    args: &Args,
    kept: &[Executable],
    executables: &[Executable],
    folder: &Path,
    document: &mut Document,
) -> Result<()> {
    if kept.is_empty() {
        let message =
            "that baseline was imported: it has numbers only, and numbers of another day are none";
        return Err(Usage(message.to_owned()).into());
    }
    let base = lineup::place(folder, 0, kept)?;
    let now = lineup::place(folder, 1, executables)?;
    let same = lineup::place(folder, SAME.program, kept)?;
    let (mut subjects, lines) = lineup::pair(&base, &now, args.filter.as_deref())?;
    lineup::add_control(&mut subjects, &base, &same);
    document.warnings.extend(lines);
    let message = "no relinked control, and built as shipped: `compare` has both";
    document.warnings.push(message.to_owned());
    document.rows = compare(&args.contest, &subjects, &[SAME], folder, document)?;
    Ok(())
}

/// Measures all rows, with each number of threads; runs go over all rows, so that a bad minute is shared.
fn measure(
    args: &Args,
    executables: &[Executable],
    folder: &Path,
    document: &mut Document,
) -> Result<()> {
    let rows = lineup::Names::of(executables).rows(executables, args.filter.as_deref())?;
    let with_runner = |bench: lineup::Bench<'_>| {
        let runner = lineup::runner(bench.executable, &bench.name);
        (bench.row, runner)
    };
    let benches: Vec<(String, Runner)> = rows.into_iter().map(with_runner).collect();
    if benches.is_empty() {
        return Err(Usage("there is no such bench".to_owned()).into());
    }
    let processors = Processors::observe()?;
    // None: all processors, and whatever the bench does by itself.
    let mut threads: Vec<Option<usize>> = args.threads.iter().copied().map(Some).collect();
    if threads.is_empty() {
        threads.push(None);
    }
    let all = processors.numbers.len();
    for asked in threads.iter().flatten().filter(|asked| **asked > all) {
        document.warnings.push(format!("{asked} threads share {all} processors"));
    }
    let scratch = folder.join("scratch");
    let time = Duration::from_millis(args.time);
    let total = (args.runs * threads.len() * benches.len()) as u64;
    let bar = super::is_interactive().then(|| indicatif::ProgressBar::new(total));
    let watch = Watch::start();
    let mut readings = vec![Vec::<Reading>::new(); benches.len() * threads.len()];
    for _ in 0..args.runs {
        for (at, (_, runner)) in benches.iter().enumerate() {
            for (nth, threads_of) in threads.iter().enumerate() {
                let count = threads_of.unwrap_or(all).min(all);
                processors.use_only(&processors.numbers[..count])?;
                let runner = with_threads(runner, *threads_of);
                readings[at * threads.len() + nth].push(runner.run(time, LIMIT, &scratch)?);
                bar.iter().for_each(|bar| bar.inc(1));
            }
        }
    }
    drop(processors);
    bar.iter().for_each(indicatif::ProgressBar::finish_and_clear);
    for (at, (name, runner)) in benches.iter().enumerate() {
        let readings = &readings[at * threads.len()..][..threads.len()];
        let rows = scaling_rows(name, &threads, readings);
        let nanoseconds = rows.first().and_then(|row| row.value).unwrap_or(1.0);
        document.rows.extend(rows);
        if args.instructions {
            document.rows.push(instructions(name, runner, nanoseconds, &scratch)?);
        }
        if args.counters {
            document.rows.push(counters(name, runner, nanoseconds, &scratch)?);
        }
    }
    document.over = Some(watch.stop());
    Ok(())
}

fn with_threads(runner: &Runner, threads: Option<usize>) -> Runner {
    let mut runner = runner.clone();
    if let Some(threads) = threads {
        for variable in ["GAUGE_THREADS", "RAYON_NUM_THREADS"] {
            runner.variables.push((variable.to_owned(), threads.to_string()));
        }
    }
    runner
}

/// The rows of a bench: time with each number of threads, allocations where they are counted.
fn scaling_rows(name: &str, threads: &[Option<usize>], readings: &[Vec<Reading>]) -> Vec<Row> {
    let value = |all: &[Reading], of: &dyn Fn(&Reading) -> Option<f64>| -> Option<f64> {
        let values: Option<Vec<f64>> = all.iter().map(of).collect();
        values.map(|values| median(&values))
    };
    let mut rows = Vec::new();
    let mut first = None;
    for (threads, all) in threads.iter().zip(readings) {
        let mut row = Row::new(name, Metric::Time);
        row.samples = all.iter().map(|reading| reading.nanoseconds).collect();
        let time = median(&row.samples);
        row.value = Some(time);
        for (key, found) in [
            ("elements", value(all, &|r| r.elements)),
            ("bytes", value(all, &|r| r.bytes)),
            ("cycles", value(all, &|r| r.cycles)),
        ] {
            if let Some(found) = found {
                row.details.insert(key.to_owned(), json!(found));
            }
        }
        if let Some(threads) = threads {
            let speed_up = *first.get_or_insert(time) / time;
            let plural = if *threads == 1 { "" } else { "s" };
            row.name = format!("{name} ({threads} thread{plural})");
            row.note = format!("{speed_up:.2} times as fast as with the first");
            row.details.insert("threads".to_owned(), json!(threads));
            row.details.insert("speed_up".to_owned(), json!(speed_up));
        }
        let row_name = row.name.clone();
        rows.push(row);
        for (metric, found) in [
            (Metric::Allocations, value(all, &|r| r.allocations)),
            (Metric::AllocatedBytes, value(all, &|r| r.allocated_bytes)),
        ] {
            if found.is_some() {
                let mut row = Row::new(&row_name, metric);
                row.value = found;
                rows.push(row);
            }
        }
    }
    rows
}

/// Instructions of a bench; unknown, and why, where they cannot be counted.
fn instructions(name: &str, runner: &Runner, nanoseconds: f64, scratch: &Path) -> Result<Row> {
    std::fs::create_dir_all(scratch).context("a folder for valgrind")?;
    let mut row = Row::new(name, Metric::Instructions);
    row.details.insert("kind".to_owned(), "valgrind".into());
    match callgrind::instructions(runner, nanoseconds, scratch) {
        Ok(count) => {
            row.value = Some(count);
            row.note = "by valgrind (no AVX-512 there), with inputs' preparation".to_owned();
        }
        Err(error) => row.note = format!("{error:#}"),
    }
    Ok(row)
}

/// What the processor counted of a bench; unknown, and why, where it does not count.
fn counters(name: &str, runner: &Runner, nanoseconds: f64, scratch: &Path) -> Result<Row> {
    std::fs::create_dir_all(scratch).context("a folder for perf")?;
    let mut row = Row::new(name, Metric::Instructions);
    match counters::count(runner, nanoseconds, scratch) {
        Ok(counts) => {
            row.value = counts[0];
            let known = counters::EVENTS.iter().zip(counts).filter_map(|(e, c)| Some((*e, c?)));
            row.details.extend(known.map(|(event, count)| (event.to_owned(), json!(count))));
            row.note = if row.details.is_empty() {
                "this processor, or virtual machine, counts nothing".to_owned()
            } else {
                "by the processor's counters".to_owned()
            };
        }
        Err(error) => row.note = format!("{error:#}"),
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_against_the_first_number_of_threads() {
        let reading =
            |nanoseconds| Reading { nanoseconds, elements: Some(8.0), ..Reading::default() };
        let all = [vec![reading(90.0), reading(100.0), reading(300.0)], vec![reading(50.0)]];
        let rows = scaling_rows("sum", &[Some(1), Some(2)], &all);
        assert_eq!(rows.len(), 2, "allocations were not counted, so there is no row of zeros");
        assert_eq!((rows[0].value, rows[1].value), (Some(100.0), Some(50.0)));
        assert_eq!(rows[1].details["speed_up"], 2.0);
        assert_eq!(rows[1].name, "sum (2 threads)");
        let rows = scaling_rows("sum", &[None], &all[..1]);
        assert_eq!((rows[0].name.as_str(), rows[0].details.get("threads")), ("sum", None));
    }

    #[test]
    fn what_is_counted_has_a_row() {
        let reading = Reading { nanoseconds: 1.0, allocations: Some(0.0), ..Reading::default() };
        let rows = scaling_rows("sum", &[None], &[vec![reading; 2]]);
        assert_eq!((rows[1].metric, rows[1].value), (Metric::Allocations, Some(0.0)));
    }
}
