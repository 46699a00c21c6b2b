//! `cargo gauge caches`: what this machine's caches do, or what a command does to them.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::json;

use super::{Common, keep, words};
use crate::bench::experiment::Watch;
use crate::caches::cachegrind::{self, Counts, Simulation};
use crate::caches::kernel::{self, Cache};
use crate::caches::levels::{self, Level};
use crate::caches::measure::{self, Effort, GUESSED_LAST};
use crate::caches::{Ladder, Point, svg, table};
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::result::{Document, Metric, Row};

const EXAMPLES: &str = "\
Examples:
  cargo gauge caches                        latency and bandwidth by working set, half a minute
  cargo gauge caches --quick --svg ladder.svg
  cargo gauge caches -- target/release/program input.txt
                                            the command under valgrind's cachegrind: instructions
                                            and misses by function

A latency is that of a load that needs the one before, through all lines of the working set in
random order. Bandwidth is that of the widest vectors in a row. Levels are taken from the curve, not
from what the kernel says; where the two differ, a neighbour may be using the shared cache.
Cachegrind simulates the first and the last cache without prefetching: its misses are the same on
every run, and are not times.";

/// Latency and bandwidth of the caches and of memory, or a command's misses by function
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A command to run under cachegrind
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    /// Fewer working sets and passes: some seconds
    #[arg(long)]
    quick: bool,
    /// Write a plot
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    svg: Option<PathBuf>,
    /// Functions to print, of a command
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,
}

/// Runs it.
///
/// # Errors
/// When memory is refused, a file cannot be written, or the command not be run.
pub(crate) fn run(args: &Args, common: &Common) -> Result<Outcome> {
    let project = common.project();
    let root = project.as_ref().map_or_else(|_| PathBuf::from("."), |p| p.root().to_owned());
    let mut document = Document::new("caches", Environment::observe(&root));
    let (caches, instructions) = kernel::caches(Path::new("/sys"));
    if !args.command.is_empty() {
        let ran = cachegrind::run(&args.command, &caches, instructions.as_ref(), common.json)?;
        // Simulated counts are what they are on a busy machine too.
        document.warnings = vec![
            "simulated, without prefetching; valgrind has no AVX-512, so code that asks the processor takes another path".to_owned(),
        ];
        add_functions(&mut document, &ran);
        document.subject = Some(format!("cachegrind of {}", words(&args.command)));
        keep(project.as_ref().ok(), &document, None);
        return common.print(&document, |out| print_functions(&ran, args.top, out));
    }
    let last = caches.last().map(|cache| cache.bytes);
    let effort = effort(args.quick, last);
    let bar = super::is_interactive().then(|| indicatif::ProgressBar::new(0));
    let watch = Watch::start();
    let measured = measure::ladder(&effort, &mut |done, all| {
        if let Some(bar) = &bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
    });
    document.over = Some(watch.stop());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let ladder = measured?;
    let levels = levels::levels(ladder.curve(), last);
    document.warnings.extend(doubts(&caches, &levels, &ladder, &effort, last));
    add_rows(&mut document, &caches, &levels, &ladder);
    let cpu = document.environment.cpu.as_deref().unwrap_or("unknown processor");
    let picture = svg::draw(&format!("{cpu}: by working set"), &caches, &levels, &ladder);
    document.subject = args.quick.then(|| "quick".to_owned());
    keep(project.as_ref().ok(), &document, Some(&picture));
    if let Some(path) = &args.svg {
        std::fs::write(path, picture).with_context(|| path.display().to_string())?;
    }
    let warnings = document.warnings.clone();
    common.print(&document, |out| {
        table::print(&caches, &levels, &ladder, out)?;
        warnings.iter().try_for_each(|warning| Ok(writeln!(out, "note: {warning}")?))
    })
}

/// How much is measured, for a last cache of a size.
fn effort(is_quick: bool, last: Option<usize>) -> Effort {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        let kibibytes: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kibibytes << 10)
    });
    let (per_octave, passes, time) = if is_quick { (1, 3, 3) } else { (2, 7, 5) };
    Effort {
        per_octave,
        passes,
        time: Duration::from_millis(time),
        most_bytes: 4 * last.unwrap_or(GUESSED_LAST),
        budget_bytes: available.map_or(1 << 30, |bytes| bytes / 4),
    }
}

fn doubts(
    caches: &[Cache],
    levels: &[Level],
    ladder: &Ladder,
    effort: &Effort,
    last: Option<usize>,
) -> Vec<String> {
    let mut doubts = Vec::new();
    if last.is_none() {
        let guess = crate::caches::size(GUESSED_LAST);
        doubts.push(format!("the kernel lists no caches: the last was taken to be {guess}"));
    } else if levels.len() != caches.len() + 1 {
        let (found, said) = (levels.len(), caches.len());
        doubts.push(format!(
            "the curve has {found} levels, the kernel {said} caches and memory: names are by order"
        ));
    }
    if ladder.huge.is_empty() {
        doubts.push("the kernel gave no 2 MiB pages: latency beyond the second cache includes finding pages".to_owned());
    }
    if effort.budget_bytes < effort.most_bytes {
        doubts.push(
            "too little memory is free for working sets of four times the last cache".to_owned(),
        );
    }
    doubts
}

fn add_rows(document: &mut Document, caches: &[Cache], levels: &[Level], ladder: &Ladder) {
    for level in levels {
        let mut row = Row::new(format!("level/{}", level.name), Metric::Time);
        row.value = Some(level.nanoseconds);
        row.details.insert("from_bytes".to_owned(), json!(level.from));
        row.details.insert("to_bytes".to_owned(), json!(level.to));
        row.details.insert("is_slope".to_owned(), json!(level.is_slope));
        let kernel = caches.iter().find(|cache| format!("L{}", cache.level) == level.name);
        row.details.insert("kernel".to_owned(), json!(kernel));
        document.rows.push(row);
    }
    let mut add = |name: &str, metric, point: &Point| {
        let mut row = Row::new(format!("{name}/{}", point.bytes), metric);
        row.value = Some(point.median());
        row.samples = point.passes.clone();
        row.details.insert("bytes".to_owned(), json!(point.bytes));
        document.rows.push(row);
    };
    for (name, points) in
        [("latency/4KiB-pages", &ladder.small), ("latency/2MiB-pages", &ladder.huge)]
    {
        points.iter().for_each(|point| add(name, Metric::Time, point));
    }
    for bandwidth in &ladder.bandwidth {
        let name = format!("{}/{}-cores", bandwidth.work.name(), bandwidth.cores);
        bandwidth.points.iter().for_each(|point| add(&name, Metric::Bandwidth, point));
    }
}

fn add_functions(document: &mut Document, ran: &Simulation) {
    let mut add = |name: &str, counts: &Counts, file: &str| {
        let mut row = Row::new(name, Metric::Instructions);
        row.value = Some(counts.instructions as f64);
        let details = [
            ("accesses", json!(counts.accesses)),
            ("first_misses", json!(counts.first_misses)),
            ("last_misses", json!(counts.last_misses)),
            ("file", json!(file)),
        ];
        row.details.extend(details.map(|(name, value)| (name.to_owned(), value)));
        document.rows.push(row);
    };
    add("total", &ran.total, "");
    ran.functions.iter().for_each(|f| add(&f.name, &f.counts, &f.file));
}

fn print_functions(ran: &Simulation, top: usize, out: &mut dyn Write) -> Result<()> {
    ran.caches.iter().try_for_each(|cache| writeln!(out, "{cache}"))?;
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(["instructions", "data accesses", "D1 misses", "LL misses", "function"]);
    let share = |part: u64, whole: u64| {
        let percent = part as f64 * 100.0 / whole.max(1) as f64;
        format!("{part} {percent:4.1} %")
    };
    let row = |counts: &Counts, name: String| {
        [
            share(counts.instructions, ran.total.instructions),
            share(counts.accesses, ran.total.accesses),
            share(counts.first_misses, ran.total.first_misses),
            share(counts.last_misses, ran.total.last_misses),
            name,
        ]
    };
    for function in ran.functions.iter().take(top) {
        let file = if function.file.is_empty() {
            String::new()
        } else {
            format!(" ({})", cachegrind::short(&function.file))
        };
        table.add_row(row(&function.counts, format!("{}{file}", function.name)));
    }
    table.add_row(row(&ran.total, format!("all {} functions", ran.functions.len())));
    for column in table.column_iter_mut().take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "\n{table}")?;
    let rate = |misses: u64| misses as f64 * 100.0 / ran.total.accesses.max(1) as f64;
    let (first, last) = (rate(ran.total.first_misses), rate(ran.total.last_misses));
    writeln!(
        out,
        "Of all accesses {first:.2} % missed the first cache, {last:.2} % the last as well."
    )?;
    writeln!(
        out,
        "Simulated, without prefetching. Valgrind has no AVX-512: code that asks takes another path."
    )?;
    Ok(())
}
