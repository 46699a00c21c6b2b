//! The report as one HTML page that needs nothing else.

use std::io::Write;

use anyhow::Result;

use super::chart::revision;
use super::rows::write_rows;
use super::units::minute;
use super::{Breach, COMMANDS, Report, Section, Series};
use crate::markup::escape;
use crate::result::{Document, Verdict};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(report: &Report, out: &mut dyn Write) -> Result<()> {
    let title = escape(&report.project);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}: gauge</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>"
    )?;
    write_head(report, out)?;
    write_breaches(report, out)?;
    write_overview(report, out)?;
    for (number, section) in report.sections.iter().enumerate() {
        write_section(section, number, out)?;
    }
    Ok(writeln!(out, "<script>{SCRIPT}</script></body></html>")?)
}

fn write_head(report: &Report, out: &mut dyn Write) -> Result<()> {
    let environment = &report.environment;
    let machine = [
        environment.cpu.clone(),
        environment.cores.map(|cores| format!("{cores} processors")),
        environment.kernel.clone(),
        environment.rustc.clone(),
    ];
    let machine: Vec<String> = machine.into_iter().flatten().collect();
    let minute = minute(&report.made);
    write!(out, "<p>Made on {minute} UTC on {}.", escape(&machine.join(", ")))?;
    writeln!(
        out,
        " Points of different days are a history, not a comparison: machines drift by more than what is \
         looked for, and <code>cargo gauge compare</code> judges. Hollow points are another machine's.</p>"
    )?;
    for problem in &report.problems {
        writeln!(out, "<p class=\"breach\">{}</p>", escape(problem))?;
    }
    Ok(())
}

fn write_breaches(report: &Report, out: &mut dyn Write) -> Result<()> {
    let mut breaches = report.breaches().peekable();
    if breaches.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "<h2>Broken</h2><table><tbody>")?;
    for Breach { row, verdict, by, started } in breaches {
        let place =
            row.place.as_ref().map(|p| format!("{}:{}", p.file, p.line)).unwrap_or_default();
        writeln!(
            out,
            "<tr><td class=\"breach\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            verdict.word(),
            escape(&by),
            escape(&minute(started)),
            escape(&row.name),
            escape(&row.note),
            escape(&place)
        )?;
    }
    Ok(writeln!(out, "</tbody></table>")?)
}

/// A line for each section, and for each command that was never run.
fn write_overview(report: &Report, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<h2>What was measured</h2><table><thead><tr><th>command</th><th>of</th><th>last</th>\
         <th>revision</th><th class=\"n\">rows</th><th class=\"n\">broken</th><th class=\"n\">runs</th></tr></thead><tbody>"
    )?;
    for (number, section) in report.sections.iter().enumerate() {
        let last = section.last();
        let is_breach = |series: &&Series| series.last.verdict.is_some_and(Verdict::is_breach);
        let breaches = section.current().filter(is_breach).count();
        let is_broken = if breaches > 0 { " breach" } else { "" };
        writeln!(
            out,
            "<tr><td><a href=\"#s{number}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"n\">{}</td><td class=\"n{is_broken}\">{breaches}</td><td class=\"n\">{}</td></tr>",
            escape(&section.command),
            escape(section.subject.as_deref().unwrap_or("")),
            escape(&minute(&last.started)),
            escape(&revision(last)),
            section.current().count(),
            section.runs.len(),
        )?;
    }
    for (command, purpose) in &report.missing {
        writeln!(
            out,
            "<tr class=\"old\"><td>{command}</td><td colspan=\"6\">never run: {purpose} \
             (<code>cargo gauge {command} --help</code>)</td></tr>"
        )?;
    }
    Ok(writeln!(out, "</tbody></table>")?)
}

fn write_section(section: &Section, number: usize, out: &mut dyn Write) -> Result<()> {
    let last = section.last();
    let of =
        section.subject.as_deref().map(|subject| format!(" of <code>{}</code>", escape(subject)));
    let command = escape(&section.command);
    writeln!(out, "<section id=\"s{number}\"><h2>{command}{}</h2>", of.unwrap_or_default())?;
    let purpose = COMMANDS.iter().find(|(name, _)| *name == section.command);
    let purpose = purpose.map(|(_, purpose)| format!("{purpose}. ")).unwrap_or_default();
    writeln!(
        out,
        "<p>{}{}, {}.</p>",
        sentence(&purpose),
        escape(&minute(&last.started)),
        escape(&revision(last))
    )?;
    if last.left_out > 0 {
        writeln!(out, "<p class=\"doubt\">{} more rows were not kept</p>", last.left_out)?;
    }
    for warning in &last.warnings {
        writeln!(out, "<p class=\"doubt\">{}</p>", escape(warning))?;
    }
    if let Some(picture) = &section.picture {
        // In a frame of its own: its script and names are not the page's.
        writeln!(out, "<iframe srcdoc=\"{}\"></iframe>", escape_document(picture))?;
    }
    write_rows(section, out)?;
    write_runs(section, out)?;
    Ok(writeln!(out, "</section>")?)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A document within an attribute, its line ends kept.
fn escape_document(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;")
}

/// All runs of a section, with what they were run on.
fn write_runs(section: &Section, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<details><summary>{}</summary><table><thead><tr><th>when</th><th>revision</th>\
         <th>processor</th><th>compiler</th><th>doubts</th></tr></thead><tbody>",
        if section.runs.len() == 1 {
            "1 run".to_owned()
        } else {
            format!("{} runs", section.runs.len())
        }
    )?;
    for run in section.runs.iter().rev() {
        let known = |text: &Option<String>| escape(text.as_deref().unwrap_or("unknown"));
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&minute(&run.started)),
            escape(&revision(run)),
            known(&run.environment.cpu),
            known(&run.environment.rustc),
            escape(&doubts(run)),
        )?;
    }
    Ok(writeln!(out, "</tbody></table></details>")?)
}

fn doubts(run: &Document) -> String {
    run.warnings.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS_AT_ONCE;
    use super::super::tests::{document, report};
    use super::*;

    /// The names of elements that are opened and not closed, or closed and not open.
    fn unbalanced(html: &str) -> Vec<String> {
        let mut open: Vec<String> = Vec::new();
        let mut wrong = Vec::new();
        let body = &html[html.find("<body>").unwrap()..html.find("<script>").unwrap()];
        for tag in body.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap();
            let name = tag.split(' ').next().unwrap();
            match name.strip_prefix('/') {
                Some(name) if open.last().is_some_and(|last| last == name) => {
                    open.pop();
                }
                Some(_) => wrong.push(tag.to_owned()),
                None if tag.ends_with('/') || name == "input" => {}
                None => open.push(name.to_owned()),
            }
        }
        open.retain(|name| name != "body");
        wrong.extend(open);
        wrong
    }

    #[test]
    fn the_page_shows_all_and_takes_no_name_for_markup() {
        let mut check = document("check", None, "2026-11-22T01:00:00Z", &[("<b>&\"name\"", None)]);
        check.rows[0].verdict = Some(Verdict::Fail);
        check.rows[0].note = "a < b".to_owned();
        let report = report(vec![
            document("bench", None, "2026-11-20T01:00:00Z", &[("x", Some(10.0)), ("y", Some(1.0))]),
            document("bench", None, "2026-11-21T01:00:00Z", &[("x", Some(11.0))]),
            document("profile", Some("a b"), "2026-11-21T01:00:00Z", &[]),
            check,
        ]);
        let mut page = Vec::new();
        write(&report, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert_eq!(unbalanced(&page), Vec::<String>::new());
        assert!(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;&quot;name&quot;"));
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(
            at(">Broken<") < at("What was measured") && at("a &lt; b") < at("What was measured")
        );
        assert!(page.contains(">+10.0 %</td>"), "{page}");
        assert!(page.contains("not in the last run: of 2026-11-20 01:00"));
        assert!(page.contains("srcdoc=\"<svg>&quot;x&quot;</svg>\""));
        assert!(page.contains("never run: how types lie in memory"));
    }

    #[test]
    fn many_rows_fold_out() {
        let names: Vec<String> = (0..ROWS_AT_ONCE + 2).map(|n| format!("row {n}")).collect();
        let rows: Vec<(&str, Option<f64>)> =
            names.iter().map(|name| (&**name, Some(1.0))).collect();
        let report = report(vec![document("size", Some("p"), "2026-11-20T01:00:00Z", &rows)]);
        let mut page = Vec::new();
        write(&report, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert_eq!(page.matches("<tr class=\"folded\">").count(), 2);
        assert!(page.contains(">2 more</button>") && !page.contains(">history<"));
    }
}
