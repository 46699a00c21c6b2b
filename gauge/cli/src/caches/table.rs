//! What is printed.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::kernel::Cache;
use super::levels::Level;
use super::{Bandwidth, Ladder, Point, Work, size};

const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Prints what the kernel says, the levels and the whole ladder.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(
    caches: &[Cache],
    levels: &[Level],
    ladder: &Ladder,
    out: &mut dyn Write,
) -> Result<()> {
    for cache in caches {
        write!(out, "L{} {}", cache.level, size(cache.bytes))?;
        if let (Some(ways), Some(line)) = (cache.ways, cache.line_bytes) {
            write!(out, ", {ways} ways of {line} B lines")?;
        }
        if let Some(processors) = &cache.shared_by {
            write!(out, ", of processor {processors}")?;
        }
        writeln!(out)?;
    }
    if caches.is_empty() {
        writeln!(out, "the kernel lists no caches")?;
    }
    writeln!(out, "\n{}\n\n{}", level_table(levels, ladder), whole_table(ladder))?;
    writeln!(
        out,
        "Medians of passes, in time of the processor; ± is half of what the middle half spans, from 5 %."
    )?;
    writeln!(
        out,
        "A core has the working set to itself; all cores have one each. Copied bytes count twice."
    )?;
    Ok(())
}

fn level_table(levels: &[Level], ladder: &Ladder) -> Table {
    let mut table = new_table();
    let mut header = vec!["level".to_owned(), "working set".to_owned(), "latency".to_owned()];
    header.extend(ladder.bandwidth.iter().map(heading));
    table.set_header(header);
    for level in levels {
        let to = size(level.to);
        let range = if level.name == "memory" {
            format!("from {}", size(level.from))
        } else {
            format!("to {to}")
        };
        let slope = if level.is_slope { " and rising" } else { "" };
        let mut row =
            vec![level.name.clone(), range, format!("{:.1} ns{slope}", level.nanoseconds)];
        row.extend(ladder.bandwidth.iter().map(|bandwidth| {
            let rates = rates(level, bandwidth);
            if rates.is_empty() { "-".to_owned() } else { gigabytes(crate::stats::median(&rates)) }
        }));
        table.add_row(row);
    }
    align(&mut table, 2);
    table
}

/// The medians of the working sets of a level.
pub fn rates(level: &Level, bandwidth: &Bandwidth) -> Vec<f64> {
    let within = bandwidth.points.iter().filter(|p| (level.from..=level.to).contains(&p.bytes));
    within.map(Point::median).collect()
}

fn whole_table(ladder: &Ladder) -> Table {
    let mut table = new_table();
    let mut header = vec!["working set".to_owned(), "4 KiB pages".to_owned()];
    if !ladder.huge.is_empty() {
        header.push("2 MiB pages".to_owned());
    }
    header.extend(ladder.bandwidth.iter().map(heading));
    table.set_header(header);
    for (index, point) in ladder.small.iter().enumerate() {
        let mut row = vec![size(point.bytes)];
        let latencies = [Some(point), ladder.huge.get(index)];
        row.extend(
            latencies
                .into_iter()
                .flatten()
                .map(|point| format!("{:.1} ns{}", point.median(), spread(point))),
        );
        row.extend(ladder.bandwidth.iter().map(|bandwidth| match bandwidth.points.get(index) {
            Some(point) => format!("{}{}", gigabytes(point.median()), spread(point)),
            None => "-".to_owned(),
        }));
        table.add_row(row);
    }
    align(&mut table, 0);
    table
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table
}

fn align(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// `read`, or `read, 2 cores`.
pub fn heading(bandwidth: &Bandwidth) -> String {
    match bandwidth.cores {
        1 => bandwidth.work.name().to_owned(),
        cores => format!("{}, {cores} cores", bandwidth.work.name()),
    }
}

fn spread(point: &Point) -> String {
    let spread = point.spread();
    if spread > 0.1 { format!(" ±{:.0} %", spread * 50.0) } else { String::new() }
}

fn gigabytes(rate: f64) -> String {
    let digits = if rate < 99.5e9 { 1 } else { 0 };
    format!("{:.digits$} GB/s", rate / 1e9)
}

/// The colour of a kind of work.
pub(super) fn colour(work: Work) -> &'static str {
    match work {
        Work::Read => "#1f77b4",
        Work::Write => "#d62728",
        Work::Copy => "#2ca02c",
    }
}
