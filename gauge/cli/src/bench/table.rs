//! Results for people.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use crate::result::{Document, Metric, Row};

/// Prints a comparison: a line a row, then what makes it doubtful.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_comparison(document: &Document, out: &mut dyn Write) -> Result<()> {
    let mut table = table(&["bench", "base", "now", "change", "p", "verdict"], 1..=4);
    for row in &document.rows {
        let base = row.details.get("base").and_then(|base| base["value"].as_f64());
        let p = row.details.get("p_adjusted").and_then(serde_json::Value::as_f64);
        table.add_row([
            name(row),
            base.map_or(String::new(), |value| figure(row.metric, value)),
            row.value.map_or(String::new(), |value| figure(row.metric, value)),
            row.note.clone(),
            p.map_or(String::new(), |p| format!("{p:.4}")),
            row.verdict.map_or("", |verdict| verdict.word()).to_owned(),
        ]);
    }
    writeln!(out, "{table}")?;
    print_doubts(document, out)
}

/// Prints measurements: a line a bench and thread count.
///
/// # Errors
/// When `out` cannot be written.
pub fn print_measurements(document: &Document, out: &mut dyn Write) -> Result<()> {
    let mut table = table(&["bench", "", "runs within", "rate", "note"], 1..=3);
    for row in &document.rows {
        let mut sorted = row.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let spread = match (sorted.first(), sorted.last(), row.value) {
            (Some(low), Some(high), Some(value)) if sorted.len() > 1 => {
                let percent = |x: f64| (x / value - 1.0) * 100.0;
                format!("{:+.1} to {:+.1} %", percent(*low), percent(*high))
            }
            _ => String::new(),
        };
        table.add_row([
            name(row),
            row.value.map_or("unknown".to_owned(), |value| figure(row.metric, value)),
            spread,
            rate(row),
            row.note.clone(),
        ]);
    }
    writeln!(out, "{table}")?;
    print_doubts(document, out)
}

fn print_doubts(document: &Document, out: &mut dyn Write) -> Result<()> {
    if let Some(over) = &document.over {
        write!(out, "measured for {:.0} s", over.seconds)?;
        if let Some(busy) = over.busy {
            write!(out, ", processors {:.0} % busy", busy * 100.0)?;
        }
        if let Some(steal) = over.steal {
            write!(out, ", {:.1} % stolen", steal * 100.0)?;
        }
        if let Some(load) = over.load {
            write!(out, ", load {load:.1}")?;
        }
        writeln!(out)?;
    }
    for warning in &document.warnings {
        writeln!(out, "doubt: {warning}")?;
    }
    Ok(())
}

fn table(head: &[&str], right: std::ops::RangeInclusive<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec());
    for at in right {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn name(row: &Row) -> String {
    match row.metric {
        Metric::Time => row.name.clone(),
        Metric::Allocations => format!("{}, allocations", row.name),
        Metric::AllocatedBytes => format!("{}, bytes allocated", row.name),
        Metric::Instructions => format!("{}, instructions", row.name),
        other => format!("{}, {}", row.name, format!("{other:?}").to_lowercase()),
    }
}

fn figure(metric: Metric, value: f64) -> String {
    if metric == Metric::Time { time(value) } else { format!("{value:.1}").replace(".0", "") }
}

fn rate(row: &Row) -> String {
    let (Some(nanoseconds), Metric::Time) = (row.value, row.metric) else { return String::new() };
    let amount = |key: &str| row.details.get(key).and_then(serde_json::Value::as_f64);
    match (amount("bytes"), amount("elements")) {
        (Some(bytes), _) => format!("{:.2} GB/s", bytes / nanoseconds),
        (None, Some(elements)) => format!("{:.1} M/s", elements / nanoseconds * 1e3),
        (None, None) => String::new(),
    }
}

/// Nanoseconds, as people read them: four digits.
pub fn time(nanoseconds: f64) -> String {
    let units = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let fits = |(_, scale): &(&str, f64)| nanoseconds >= *scale;
    let (unit, scale) = units.into_iter().rev().find(fits).unwrap_or(units[0]);
    let value = nanoseconds / scale;
    let digits = if value < 10.0 {
        3
    } else if value < 100.0 {
        2
    } else {
        1
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Environment, Over};
    use crate::result::Verdict;

    #[test]
    fn times_have_four_digits_and_a_unit() {
        let cases = [
            (0.25, "0.250 ns"),
            (9.5, "9.500 ns"),
            (1234.0, "1.234 µs"),
            (56.7e6, "56.70 ms"),
            (123e9, "123.0 s"),
        ];
        for (value, expected) in cases {
            assert_eq!(time(value), expected);
        }
    }

    #[test]
    fn a_comparison_says_what_changed_and_what_is_doubtful() {
        let mut document = Document::new("compare", Environment::default());
        let mut row = Row::new("csv/read", Metric::Time);
        row.value = Some(1030.0);
        row.verdict = Some(Verdict::Regressed);
        row.note = "+3.0 % (+2.5 to +3.5)".to_owned();
        row.details.insert("base".to_owned(), serde_json::json!({ "value": 1000.0 }));
        row.details.insert("p_adjusted".to_owned(), 0.0005.into());
        document.rows.push(row);
        document.warnings.push("it is loud here".to_owned());
        document.over = Some(Over { seconds: 12.0, steal: Some(0.01), ..Over::default() });
        let mut text = Vec::new();
        print_comparison(&document, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for part in [
            "1.000 µs",
            "1.030 µs",
            "+3.0 %",
            "0.0005",
            "REGRESSED",
            "1.0 % stolen",
            "doubt: it is loud",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
