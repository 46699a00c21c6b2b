//! The rows of a section as a table.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;

use super::chart::{class, history, revision};
use super::units::{change, figure, minute};
use super::{Section, Series};
use crate::markup::escape;

/// Rows of a section that are shown at once; the others fold out.
pub(super) const ROWS_AT_ONCE: usize = 25;

/// Writes the rows as a table.
///
/// # Errors
/// When `out` cannot be written.
pub(super) fn write_rows(section: &Section, out: &mut dyn Write) -> Result<()> {
    if section.series.is_empty() {
        return Ok(writeln!(out, "<p>It found nothing to list.</p>")?);
    }
    let has = |test: &dyn Fn(&Series) -> bool| section.series.iter().any(test);
    let columns = Columns {
        kind: has(&|series| kind(series).is_some()),
        value: has(&|series| series.last.value.is_some()),
        history: section.runs.len() > 1,
        verdict: has(&|series| series.last.verdict.is_some()),
        note: has(&|series| !note(section, series).is_empty()),
    };
    writeln!(
        out,
        "<p><input type=\"search\" placeholder=\"only names with …\" aria-label=\"only names with\"></p>"
    )?;
    writeln!(out, "<table class=\"rows\"><thead><tr>{}</tr></thead><tbody>", columns.heads())?;
    for (number, series) in section.series.iter().enumerate() {
        columns.write(section, series, number >= ROWS_AT_ONCE, out)?;
    }
    writeln!(out, "</tbody></table>")?;
    let more = section.series.len().saturating_sub(ROWS_AT_ONCE);
    if more > 0 {
        writeln!(out, "<p><button class=\"more\">{more} more</button></p>")?;
    }
    Ok(())
}

fn kind(series: &Series) -> Option<&str> {
    series.last.details.get("kind").and_then(|kind| kind.as_str())
}

/// The columns that any row of a section fills.
struct Columns {
    kind: bool,
    value: bool,
    history: bool,
    verdict: bool,
    note: bool,
}

impl Columns {
    fn heads(&self) -> String {
        let mut heads = String::new();
        let all = [
            (self.verdict, "<th>verdict</th>"),
            (self.kind, "<th>kind</th>"),
            (true, "<th>name</th>"),
            (self.value, "<th class=\"n\">figure</th>"),
            (
                self.value && self.history,
                "<th class=\"n\" title=\"from the run before\">change</th>",
            ),
            (self.history, "<th>history</th>"),
            (self.note, "<th>note</th>"),
        ];
        all.iter().filter(|(is_there, _)| *is_there).for_each(|(_, head)| heads.push_str(head));
        heads
    }

    fn write(
        &self,
        section: &Section,
        series: &Series,
        is_folded: bool,
        out: &mut dyn Write,
    ) -> Result<()> {
        let row = &series.last;
        let is_old = !section.is_current(series);
        let mut line = String::new();
        let classes = [(is_folded, "folded"), (is_old, "old")];
        let classes: Vec<&str> = classes.iter().filter(|c| c.0).map(|c| c.1).collect();
        let _ = write!(line, "<tr class=\"{}\">", classes.join(" "));
        if self.verdict {
            let word = row.verdict.map_or("", |verdict| verdict.word());
            let _ = write!(line, "<td class=\"{}\">{word}</td>", class(row.verdict));
        }
        if self.kind {
            let _ = write!(line, "<td>{}</td>", escape(kind(series).unwrap_or("")));
        }
        let _ = write!(line, "<td class=\"name\">{}</td>", escape(&row.name));
        if self.value {
            let mut text = row.value.map(|value| figure(row.metric, value)).unwrap_or_default();
            if let Some(share) = row.details.get("share").and_then(serde_json::Value::as_f64) {
                let _ = write!(text, " ({:.1} %)", share * 100.0);
            }
            let sort = row.value.map(|value| value.to_string()).unwrap_or_default();
            let _ = write!(line, "<td class=\"n\" data-n=\"{sort}\">{}</td>", escape(&text));
        }
        if self.value && self.history {
            line.push_str(&changed(section, series));
        }
        if self.history {
            let _ = write!(line, "<td>{}</td>", history(section, series));
        }
        if self.note {
            let _ = write!(line, "<td class=\"note\">{}</td>", escape(&note(section, series)));
        }
        Ok(writeln!(out, "{line}</tr>")?)
    }
}

fn changed(section: &Section, series: &Series) -> String {
    match section.change(series) {
        Some((share, run)) => {
            let before = &section.runs[run];
            let since = format!("since {}, {}", minute(&before.started), revision(before));
            let (since, text) = (escape(&since), change(share));
            format!("<td class=\"n\" data-n=\"{share}\" title=\"{since}\">{text}</td>")
        }
        None => "<td class=\"n\" data-n=\"\"></td>".to_owned(),
    }
}

/// The row's note, and when it was last found if not today.
fn note(section: &Section, series: &Series) -> String {
    let mut note = series.last.note.clone();
    if let Some(point) = series.points.last().filter(|_| !section.is_current(series)) {
        if !note.is_empty() {
            note.push_str("; ");
        }
        let place = if section.last().left_out > 0 { "kept of" } else { "in" };
        let _ = write!(
            note,
            "not {place} the last run: of {}",
            minute(&section.runs[point.run].started)
        );
    }
    note
}
