//! The report as one page that needs nothing else: no network, no fonts, no libraries.

use std::fmt::{self, Write};

use tidemill::analysis::report::{Anomaly, FieldReport, Report, SeriesReport, TableReport};

use super::chart::{self, Mark};
use super::{Run, cost_lines, facts, fields, text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Text in a page: what markup gives a meaning to is taken its meaning.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The whole page.
pub(crate) fn page(report: &Report, run: &Run) -> String {
    let mut out = String::new();
    let title = Escaped(&title(&run.files)).to_string();
    let _ = write!(
        out,
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content='width=device-width,initial-scale=1'>\
         <meta name=color-scheme content='light dark'><title>{title}</title>\
         <style>{STYLE}</style></head><body><header><h1>{title}</h1>"
    );
    write_tiles(&mut out, report, run);
    write_contents(&mut out, report);
    out.push_str("</header><main>");
    write_anomalies(&mut out, report);
    for (index, table) in report.tables.iter().enumerate() {
        write_table(&mut out, report, index, table);
    }
    write_cost(&mut out, report, run);
    let _ =
        writeln!(out, "</main><div id=tip hidden></div><script>{SCRIPT}</script></body></html>");
    out
}

fn title(files: &[String]) -> String {
    match files {
        [file] => file.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => "Report".to_owned(),
    }
}

fn write_tiles(out: &mut String, report: &Report, run: &Run) {
    out.push_str("<dl class=tiles>");
    let mut tile = |name: &str, value: &str| {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value));
    };
    let starts = report.tables.iter().filter_map(|table| table.start);
    let ends = report.tables.iter().filter_map(|table| table.end);
    let range = starts.min().zip(ends.max());
    tile("rows", &text::count(report.rows));
    tile("series", &text::count(report.series));
    tile("tables", &text::count(report.tables.len() as u64));
    if let Some((start, end)) = range {
        tile("from", &text::short_time(start));
        tile("to", &text::short_time(end));
        tile("spans", &text::span(end.abs_diff(start)));
    }
    tile("late", &text::count(run.late));
    tile("duplicates", &text::count(run.duplicates));
    let (stored, read) = (report.cost.stored_bytes, report.cost.read_bytes);
    tile("stored", &format!("{} of {}", text::bytes(stored), text::bytes(read)));
    out.push_str("</dl>");
}

fn write_contents(out: &mut String, report: &Report) {
    if report.tables.len() < 2 {
        return;
    }
    out.push_str("<nav>");
    for (index, table) in report.tables.iter().enumerate() {
        let _ = write!(out, "<a href='#t{index}'>{}</a>", Escaped(&table.name));
    }
    out.push_str("</nav>");
}

/// A chart of each series that stands out, with all its stretches, and a list of them.
fn write_anomalies(out: &mut String, report: &Report) {
    out.push_str("<section><h2>What stands out</h2>");
    if report.anomalies.is_empty() {
        out.push_str("<p>Nothing is far from what its own past suggests.</p></section>");
        return;
    }
    out.push_str(
        "<p>Stretches farthest from their series&rsquo; trend and season. The score counts robust \
         standard deviations.</p><div class=charts>",
    );
    let place =
        |anomaly: &Anomaly| (anomaly.table.clone(), anomaly.series.clone(), anomaly.field.clone());
    for (index, first) in report.anomalies.iter().enumerate() {
        let is_of_first = |other: &&Anomaly| place(other) == place(first);
        if report.anomalies[..index].iter().any(|other| is_of_first(&other)) {
            continue;
        }
        let marks: Vec<Mark> = report.anomalies.iter().filter(is_of_first).map(mark).collect();
        let _ = write!(
            out,
            "<figure class='chart marked'><figcaption><b>{}</b><span>{}</span></figcaption>",
            Escaped(&format!("{}.{}", first.table, first.field)),
            Escaped(&first.series),
        );
        let (start, end) = (first.chart.first(), first.chart.last());
        let range = (start.map_or(first.start, |p| p.time), end.map_or(first.end, |p| p.time));
        chart::write(out, &first.chart, range, &marks);
        out.push_str("</figure>");
    }
    out.push_str("</div>");
    write_stretches(out, &report.anomalies);
    out.push_str("</section>");
}

fn write_stretches(out: &mut String, anomalies: &[Anomaly]) {
    out.push_str(
        "<div class=scroll><table><thead><tr><th class=text>field<th class=text>series\
         <th class=text>from<th class=text>to<th>for<th>score</thead><tbody>",
    );
    for Anomaly { table, series, field, start, end, score, .. } in anomalies {
        let _ = write!(
            out,
            "<tr><td class=text>{}<td class=text>{}<td class=text>{}<td class=text>{}<td>{}<td>{score:.1}",
            Escaped(&format!("{table}.{field}")),
            Escaped(series),
            text::short_time(*start),
            text::short_time(*end),
            text::span(end.abs_diff(*start).saturating_add(1)),
        );
    }
    out.push_str("</tbody></table></div>");
}

fn mark(Anomaly { series, start, end, score, .. }: &Anomaly) -> Mark {
    let (from, to) = (text::short_time(*start), text::short_time(*end));
    Mark { start: *start, end: *end, title: format!("{series}: {from} to {to}, score {score:.1}") }
}

fn write_table(out: &mut String, report: &Report, index: usize, table: &TableReport) {
    let _ = write!(out, "<section id=t{index}><h2>{}</h2><p>", Escaped(&table.name));
    let _ = write!(out, "{}</p><div class=charts>", Escaped(&facts(table).join(" · ")));
    for field in table.fields.iter().filter(|field| !field.sparkline.is_empty()) {
        write_chart(out, report, table, field);
    }
    out.push_str("</div><details open><summary>Statistics</summary>");
    write_fields(out, &table.fields);
    for remark in table.fields.iter().flat_map(fields::remarks) {
        let _ = write!(out, "<p>{}</p>", Escaped(&remark));
    }
    out.push_str("</details>");
    if table.series > 1 {
        let shown = table.series_reports.len();
        let of = text::count(table.series);
        let _ = write!(out, "<details><summary>Series one by one, {shown} of {of}</summary>");
        table.series_reports.iter().for_each(|series| write_series(out, series));
        out.push_str("</details>");
    }
    out.push_str("</section>");
}

fn write_series(out: &mut String, series: &SeriesReport) {
    let _ = write!(
        out,
        "<h3>{}</h3><p>{}, {}</p>",
        Escaped(&series.series),
        text::counted(series.rows, "row"),
        text::counted(series.gaps.count, "gap")
    );
    write_fields(out, &series.fields);
}

fn write_fields(out: &mut String, reports: &[FieldReport]) {
    let class = |column| if column < fields::TEXT_COLUMNS { " class=text" } else { "" };
    out.push_str("<div class=scroll><table><thead><tr>");
    for (column, name) in fields::COLUMNS.iter().enumerate() {
        let _ = write!(out, "<th{}>{name}", class(column));
    }
    out.push_str("</thead><tbody>");
    for field in reports {
        out.push_str("<tr>");
        for (column, cell) in fields::cells(field).iter().enumerate() {
            let _ = write!(out, "<td{}>{}", class(column), Escaped(cell));
        }
    }
    out.push_str("</tbody></table></div>");
}

fn write_chart(out: &mut String, report: &Report, table: &TableReport, field: &FieldReport) {
    let is_here = |anomaly: &&Anomaly| anomaly.table == table.name && anomaly.field == field.name;
    let marks: Vec<Mark> = report.anomalies.iter().filter(is_here).map(mark).collect();
    let _ = write!(
        out,
        "<figure class='chart{}'><figcaption><b>{}</b><span>{}</span></figcaption>",
        if marks.is_empty() { "" } else { " marked" },
        Escaped(&field.name),
        Escaped(&fields::summary(field)),
    );
    let range = (table.start.unwrap_or_default(), table.end.unwrap_or_default());
    chart::write(out, &field.sparkline, range, &marks);
    out.push_str("</figure>");
}

fn write_cost(out: &mut String, report: &Report, run: &Run) {
    out.push_str("<section><h2>What it cost</h2><dl class=cost>");
    for (name, value) in cost_lines(report, run) {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(&value));
    }
    out.push_str("</dl></section>");
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn markup_loses_its_meaning() {
        let text = Escaped("<a href='x' title=\"y\">&</a>").to_string();
        assert_eq!(text, "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;&lt;/a&gt;");
    }
}
