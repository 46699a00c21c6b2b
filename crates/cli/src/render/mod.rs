//! Reports as text, page and JSON.

mod axis;
mod chart;
mod fields;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod report;
pub(crate) mod text;

use std::time::Duration;

use tidemill::analysis::report::{Report, TableReport};

/// What the report does not know of itself.
pub(crate) struct Run {
    /// The inputs, as they were named.
    pub(crate) files: Vec<String>,
    /// Bytes of the inputs, before decompression.
    pub(crate) file_bytes: u64,
    /// From the beginning to the report.
    pub(crate) elapsed: Duration,
    /// Rows of all inputs that came after a later one of their series.
    pub(crate) late: u64,
    /// Rows of all inputs whose series and time were there already.
    pub(crate) duplicates: u64,
}

/// What is to be said of a table in a line.
fn facts(table: &TableReport) -> Vec<String> {
    let mut facts = vec![text::counted(table.rows, "row"), text::counted(table.series, "series")];
    if let (Some(start), Some(end)) = (table.start, table.end) {
        let span = text::span(end.abs_diff(start));
        facts.push(format!("{} to {} ({span})", text::short_time(start), text::short_time(end)));
    }
    if let Some(interval) = table.interval_ns {
        facts.push(format!("every {}", text::span(interval.unsigned_abs())));
    }
    facts.push(match table.gaps.count {
        0 => "no gaps".to_owned(),
        count => format!(
            "{}, the longest {}, {} missing",
            text::counted(count, "gap"),
            text::span(table.gaps.longest_ns),
            text::counted(table.gaps.missing_rows, "row")
        ),
    });
    for (count, what) in [(table.late, "late"), (table.duplicates, "duplicates")] {
        if count > 0 {
            facts.push(format!("{} {what}", text::count(count)));
        }
    }
    facts
}

/// What import and report cost: names and values.
fn cost_lines(report: &Report, run: &Run) -> Vec<(&'static str, String)> {
    let cost = &report.cost;
    let per_second = |what: u64| what as f64 / cost.import_seconds.max(1e-9);
    let mut lines = vec![
        (
            "read",
            format!(
                "{} of text from {}",
                text::bytes(cost.read_bytes),
                text::bytes(run.file_bytes)
            ),
        ),
        ("import", format!("{:.2} s", cost.import_seconds)),
        ("rows a second", text::count(per_second(report.rows) as u64)),
        ("MB a second", format!("{:.0}", per_second(cost.read_bytes) / 1e6)),
        ("report", format!("{:.2} s", cost.report_seconds)),
    ];
    if let Some(bytes) = cost.peak_memory_bytes {
        lines.push(("peak memory", text::bytes(bytes)));
    }
    lines.push(("stored", text::bytes(cost.stored_bytes)));
    if let (Some(stored), Some(read)) = (cost.stored_bytes_per_value(), cost.read_bytes_per_value())
    {
        lines.push(("bytes a value stored", format!("{stored:.2}")));
        lines.push(("bytes a value read", format!("{read:.2}")));
    }
    lines.push(("all of it", format!("{:.2} s", run.elapsed.as_secs_f64())));
    lines
}
