//! The report as text.

use std::io::{self, Write};

use tidemill::analysis::report::{FieldReport, Report, TableReport};

use super::{Run, cost_lines, facts, fields, text};

/// Characters of a sparkline.
const SPARKLINE_CHARACTERS: usize = 24;
/// Series of a table that are shown one by one.
const MAX_SHOWN_SERIES: usize = 3;

/// Writes the whole report.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write(report: &Report, run: &Run, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{}, {}, {}; {} late, {}\n",
        text::counted(report.rows, "row"),
        text::counted(report.series, "series"),
        text::counted(report.tables.len() as u64, "table"),
        text::counted(run.late, "row"),
        text::counted(run.duplicates, "duplicate"),
    )?;
    for table in &report.tables {
        write_table(table, out)?;
    }
    write_anomalies(report, out)?;
    writeln!(out, "What it cost")?;
    for (name, value) in cost_lines(report, run) {
        writeln!(out, "  {name:<21} {value}")?;
    }
    Ok(())
}

fn write_table(table: &TableReport, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}", table.name, facts(table).join(", "))?;
    write_fields(&table.fields, out)?;
    for remark in table.fields.iter().flat_map(fields::remarks) {
        writeln!(out, "  {remark}")?;
    }
    writeln!(out)?;
    if table.series < 2 {
        return Ok(());
    }
    for series in table.series_reports.iter().take(MAX_SHOWN_SERIES) {
        let gaps = series.gaps.count;
        let gaps =
            if gaps == 0 { String::new() } else { format!(", {}", text::counted(gaps, "gap")) };
        let rows = text::counted(series.rows, "row");
        writeln!(out, "{}{{{}}}: {rows}{gaps}", table.name, series.series)?;
        write_fields(&series.fields, out)?;
        writeln!(out)?;
    }
    if table.series > MAX_SHOWN_SERIES as u64 {
        let more = text::count(table.series - MAX_SHOWN_SERIES as u64);
        writeln!(out, "{} has {more} more series (the page of --html shows some)\n", table.name)?;
    }
    Ok(())
}

fn write_fields(reports: &[FieldReport], out: &mut impl Write) -> io::Result<()> {
    let mut header = vec![fields::COLUMNS[0], ""];
    header.extend(&fields::COLUMNS[1..]);
    let mut rows = text::table(&header);
    for column in rows.column_iter_mut().take(1 + fields::TEXT_COLUMNS) {
        column.set_cell_alignment(comfy_table::CellAlignment::Left);
    }
    for field in reports {
        let mut cells = fields::cells(field).to_vec();
        cells.insert(1, text::sparkline(&shape(field)));
        rows.add_row(cells);
    }
    writeln!(out, "{rows}")
}

/// The means of equally long stretches of time, NaN where there is no value.
fn shape(field: &FieldReport) -> Vec<f64> {
    let points = if field.chart.is_empty() { &field.sparkline } else { &field.chart };
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let width = last.time.abs_diff(first.time) / SPARKLINE_CHARACTERS as u64 + 1;
    let mut cells = vec![(0.0, 0u32); points.len().min(SPARKLINE_CHARACTERS)];
    let count = cells.len() as u64;
    for point in points {
        let cell = point.time.abs_diff(first.time) / width * count / SPARKLINE_CHARACTERS as u64;
        if let Some((sum, count)) = cells.get_mut(cell as usize) {
            *sum += point.mean;
            *count += 1;
        }
    }
    cells.into_iter().map(|(sum, count)| sum / f64::from(count)).collect()
}

fn write_anomalies(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.anomalies.is_empty() {
        return writeln!(out, "Nothing stands out from its own past.\n");
    }
    writeln!(
        out,
        "What stands out: stretches farthest from their series' trend and season, at most three of a series unless there is room"
    )?;
    let mut rows = text::table(&["score", "field", "series", "from", "to", "for"]);
    for column in rows.column_iter_mut().skip(1) {
        column.set_cell_alignment(comfy_table::CellAlignment::Left);
    }
    for anomaly in &report.anomalies {
        rows.add_row([
            format!("{:.1}", anomaly.score),
            format!("{}.{}", anomaly.table, anomaly.field),
            anomaly.series.clone(),
            text::short_time(anomaly.start),
            text::short_time(anomaly.end),
            text::span(anomaly.end.abs_diff(anomaly.start).saturating_add(1)),
        ]);
    }
    writeln!(out, "{rows}\n")
}
