//! What is printed.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::named::{Profile, Share, short};
use super::run::Ran;
use crate::heap::table::thousands;

/// A line below the header, and no other.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Threads that are listed.
const MAX_THREADS: usize = 12;

/// What is known of the run beside its samples.
#[derive(Debug, Clone)]
pub struct Head {
    /// The command.
    pub command: String,
    /// How long it took.
    pub elapsed_ns: u64,
    /// The processor time that the kernel counted.
    pub cpu_seconds: Option<f64>,
    /// Samples a second of processor time.
    pub frequency: u32,
    /// Whether the kernel's own time was sampled.
    pub has_kernel: bool,
}

impl Head {
    /// Of a run.
    pub fn new(ran: &Ran, command: String, frequency: u32) -> Self {
        let (elapsed_ns, cpu_seconds) = (ran.elapsed_ns, ran.cpu_seconds);
        Self { command, elapsed_ns, cpu_seconds, frequency, has_kernel: ran.has_kernel }
    }
}

/// Prints the totals, the functions with most samples, and the threads.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(
    profile: &Profile,
    head: &Head,
    shares: &[Share],
    top: usize,
    out: &mut dyn Write,
) -> Result<()> {
    let samples = profile.recording.samples;
    writeln!(out, "{}", head.command)?;
    let where_from = if head.has_kernel { "" } else { ", the program's own time alone" };
    writeln!(
        out,
        "  {} samples at {} Hz{where_from}: {:.2} s of processor time in {:.2} s",
        thousands(samples),
        head.frequency,
        samples as f64 / f64::from(head.frequency),
        head.elapsed_ns as f64 / 1e9
    )?;
    let [_, cut, alone] = profile.reaches();
    let part = |count: u64| percent(count, samples);
    writeln!(
        out,
        "  without any caller {} %, callers cut off {} %, without a name {} %; lost {}\n",
        part(alone),
        part(cut),
        part(profile.nameless()),
        thousands(profile.recording.lost)
    )?;
    if samples == 0 {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["self %", "±", "total %", "samples", "function", "in", "hottest line"]);
    for share in shares.iter().filter(|share| share.own > 0).take(top) {
        let function = profile.function(share.function);
        let (low, high) = interval(share.own, samples);
        let line = share.line.as_ref().map(|((file, line), count)| {
            format!("{}:{line} ({} %)", short(file), share_percent(*count, share.own))
        });
        table.add_row([
            part(share.own),
            format!("{:.1}", (high - low) * 50.0),
            part(share.total),
            thousands(share.own),
            function.name.clone(),
            function.object.clone(),
            line.unwrap_or_default(),
        ]);
    }
    for column in table.column_iter_mut().take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{table}")?;
    let more = shares.iter().filter(|share| share.own > 0).count().saturating_sub(top);
    if more > 0 {
        writeln!(out, "{more} more functions: --top {}", top + more)?;
    }
    print_threads(profile, out)
}

fn print_threads(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let threads = profile.threads();
    if threads.len() < 2 {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(["%", "samples", "thread", "process"]);
    for (thread, count) in threads.iter().take(MAX_THREADS) {
        let thread = &profile.recording.threads[*thread];
        table.add_row([
            percent(*count, profile.recording.samples),
            thousands(*count),
            format!("{} ({})", thread.name, thread.number),
            format!("{} ({})", thread.process_name, thread.process),
        ]);
    }
    for column in table.column_iter_mut().take(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "\n{table}")?;
    if let Some(more) = threads.len().checked_sub(MAX_THREADS).filter(|more| *more > 0) {
        writeln!(out, "{more} more threads: --json has all")?;
    }
    Ok(())
}

/// With one decimal.
pub fn percent(count: u64, of: u64) -> String {
    format!("{:.1}", count as f64 * 100.0 / of.max(1) as f64)
}

fn share_percent(count: u64, of: u64) -> String {
    format!("{:.0}", count as f64 * 100.0 / of.max(1) as f64)
}

/// The share of samples in which the true share lies with 95 %: Wilson's interval, 0 to 1. It takes samples for independent.
pub fn interval(count: u64, of: u64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (of as f64, count as f64 / of as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::named::tests::profile;
    use super::*;

    #[test]
    fn wilsons_interval() {
        // Newcombe, Statistics in Medicine 17 (1998), table I.
        let check = |count, of, low: f64, high: f64| {
            let found = interval(count, of);
            assert!((found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5, "{found:?}");
        };
        check(81, 263, 0.2553, 0.3662);
        check(15, 148, 0.0624, 0.1605);
        check(0, 20, 0.0, 0.1611);
        check(1, 29, 0.0061, 0.1718);
    }

    #[test]
    fn what_is_printed() {
        let profile = profile(&[("main;f", 600), ("main;g", 400)]);
        let head = Head {
            command: "program".to_owned(),
            elapsed_ns: 2_000_000_000,
            cpu_seconds: None,
            frequency: 1000,
            has_kernel: true,
        };
        let mut out = Vec::new();
        print(&profile, &head, &profile.shares(false), 1, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("1,000 samples at 1000 Hz: 1.00 s of processor time in 2.00 s"),
            "{text}"
        );
        let row = text.lines().find(|line| line.contains("f.rs:1")).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            ["60.0", "3.0", "60.0", "600", "f", "program", "f.rs:1", "(100", "%)"],
            "{text}"
        );
        assert!(
            text.contains("1 more functions: --top 2") && text.contains("thread 8 (8)"),
            "{text}"
        );
    }
}
