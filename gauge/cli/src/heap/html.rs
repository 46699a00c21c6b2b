//! One page that needs nothing else: charts, and a table of sites with their stacks.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;

use super::profile::{Named, Order, Profile};
use super::snapshot::Sites;
use super::table::{lifetime, size, thousands};
use crate::markup::escape;

/// Sites in the table; the others are few bytes.
const MAX_SITES: usize = 500;

/// A chart's inside, in pixels.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
const LEFT: f64 = 70.0;

const STYLE: &str = "\
body{font:14px/1.45 system-ui,sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#1d2733;background:#fff}\
h1{font-size:20px}h2{font-size:16px;margin-top:2em}\
dl{display:grid;grid-template-columns:max-content auto;gap:2px 16px}dt{color:#5b6875}dd{margin:0}\
table{border-collapse:collapse;width:100%}th,td{padding:4px 8px;text-align:right;vertical-align:top;border-bottom:1px solid #dde3e9;font-variant-numeric:tabular-nums;white-space:nowrap}\
th{cursor:pointer;background:#f4f6f8;position:sticky;top:0}th:last-child,td:last-child{text-align:left;white-space:normal;overflow-wrap:anywhere;width:60%}\
summary{cursor:pointer}ol{margin:4px 0 4px 1em;color:#44515e;font:12px/1.5 ui-monospace,monospace}\
svg{max-width:100%}text{font:11px system-ui,sans-serif;fill:#5b6875}.bar{fill:#3b7dd8}.area{fill:#3b7dd833;stroke:#3b7dd8}.line{fill:none;stroke:#d8743b}.axis{stroke:#b8c2cc}\
@media(prefers-color-scheme:dark){body{color:#dbe2ea;background:#14181d}th{background:#1e252d}th,td{border-color:#2c3540}ol,dt,text{color:#9aa7b5;fill:#9aa7b5}}";

/// Sorts the table by the column whose head is clicked.
const SCRIPT: &str = "\
document.querySelectorAll('th').forEach((th,i)=>th.onclick=()=>{const b=document.querySelector('tbody');\
[...b.rows].sort((x,y)=>{const a=x.cells[i].dataset.n,c=y.cells[i].dataset.n;return a===undefined?x.cells[i].textContent.localeCompare(y.cells[i].textContent):c-a}).forEach(r=>b.append(r))})";

/// Writes the page.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let process = &profile.snapshot.process;
    let sites = &profile.snapshot.sites;
    let title = escape(&process.command.join(" "));
    writeln!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>heap: {title}</title>\
         <style>{STYLE}</style><body><h1>Heap of <code>{title}</code></h1>"
    )?;
    write_summary(profile, out)?;
    writeln!(out, "<h2>Live bytes over time</h2>{}", timeline(sites))?;
    writeln!(out, "<h2>Allocations a second</h2>{}", rate(sites))?;
    let by_size: Vec<(String, u64)> =
        sites.sizes.iter().map(|s| (size_range(s.smallest, s.largest), s.blocks)).collect();
    writeln!(out, "<h2>Blocks by size</h2>{}", bars(&by_size))?;
    writeln!(out, "<h2>Blocks by lifetime</h2>{}", bars(&lifetimes(profile)))?;
    writeln!(
        out,
        "<p>A lifetime is the number of allocations that the program made meanwhile.</p>"
    )?;
    write_sites(profile, out)?;
    writeln!(out, "<script>{SCRIPT}</script></body></html>")?;
    Ok(())
}

fn write_summary(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let process = &profile.snapshot.process;
    let sites = &profile.snapshot.sites;
    let seconds = sites.elapsed_ns as f64 / 1e9;
    let allocated = i64::try_from(sites.bytes).unwrap_or(i64::MAX);
    let rows = [
        ("program", escape(&process.executable)),
        ("process", format!("{}, ended by {}", process.pid, escape(&process.ended))),
        ("time", format!("{seconds:.3} s")),
        ("allocated", format!("{} in {} blocks", size(allocated), thousands(sites.allocations))),
        (
            "at the peak",
            format!(
                "{}, after {} allocations",
                size(sites.peak_bytes),
                thousands(sites.peak_at_allocation)
            ),
        ),
        ("at the end", format!("{} in {} blocks", size(sites.live_bytes), sites.live_blocks)),
    ];
    write!(out, "<dl>")?;
    for (name, value) in rows {
        write!(out, "<dt>{name}</dt><dd>{value}</dd>")?;
    }
    Ok(writeln!(out, "</dl>")?)
}

fn write_sites(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<h2>Sites</h2><table><thead><tr><th>at peak</th><th>at end</th><th>allocated</th>\
         <th>blocks</th><th>lifetime</th><th>place, and its stack</th></tr></thead><tbody>"
    )?;
    for site in profile.sites.iter().take(MAX_SITES) {
        write_site(profile, site, out)?;
    }
    writeln!(out, "</tbody></table>")?;
    let more = profile.sites.len().saturating_sub(MAX_SITES);
    if more > 0 {
        writeln!(out, "<p>{more} more stacks are not shown.</p>")?;
    }
    Ok(())
}

fn write_site(profile: &Profile, site: &Named, out: &mut dyn Write) -> Result<()> {
    let counts = &site.counts;
    let bytes = Order::Bytes.of(counts);
    let blocks = counts.allocations + counts.reallocations;
    write!(out, "<tr>")?;
    for bytes in [counts.peak_bytes, counts.live_bytes, bytes] {
        write!(out, "<td data-n=\"{bytes}\">{}</td>", size(bytes))?;
    }
    let gone = counts.lifetimes.iter().sum::<u64>().max(1);
    write!(out, "<td data-n=\"{blocks}\">{}</td>", thousands(blocks))?;
    write!(out, "<td data-n=\"{}\">{}</td>", counts.lifetime / gone, lifetime(counts))?;
    write!(out, "<td><details><summary>{}</summary><ol>", escape(&profile.place_name(site)))?;
    for name in profile.stack_names(site) {
        write!(out, "<li>{}</li>", escape(&name))?;
    }
    Ok(writeln!(out, "</ol></details></td></tr>")?)
}

fn lifetimes(profile: &Profile) -> Vec<(String, u64)> {
    let from = &profile.snapshot.sites.lifetimes_from;
    let mut sums = vec![0; from.len()];
    for site in &profile.sites {
        for (sum, count) in sums.iter_mut().zip(&site.counts.lifetimes) {
            *sum += count;
        }
    }
    let names = from.iter().enumerate().map(|(class, from)| match class {
        0 => "0".to_owned(),
        _ => format!("from {}", thousands(*from)),
    });
    let used = sums.iter().rposition(|sum| *sum > 0).map_or(0, |last| last + 1);
    names.zip(sums.iter().copied()).take(used).collect()
}

fn size_range(smallest: u64, largest: u64) -> String {
    if smallest == largest { format!("{smallest} B") } else { format!("{smallest} to {largest} B") }
}

/// Horizontal bars, as long as their count's share.
fn bars(rows: &[(String, u64)]) -> String {
    let most = rows.iter().map(|row| row.1).max().unwrap_or(0).max(1);
    let (height, label) = (18, 160.0);
    let mut svg =
        format!("<svg width=\"{}\" height=\"{}\">", label + WIDTH, rows.len() * height + 4);
    for (at, (name, count)) in rows.iter().enumerate() {
        let (y, middle) = (at * height, at * height + 13);
        let width = (WIDTH - 120.0) * *count as f64 / most as f64;
        let (count, name) = (thousands(*count), escape(name));
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"bar\" x=\"{label}\" y=\"{}\" width=\"{width:.1}\" height=\"13\"/>\
             <text x=\"{:.1}\" y=\"{middle}\">{count}</text>",
            label - 6.0,
            y + 2,
            label + width + 5.0,
        );
    }
    svg.push_str("</svg>");
    svg
}

fn timeline(sites: &Sites) -> String {
    let points: Vec<(f64, f64)> =
        sites.timeline.iter().map(|p| (p.at_ns as f64 / 1e9, p.live_bytes as f64)).collect();
    // The peak may lie between two points.
    chart(&points, sites.peak_bytes as f64, |value| size(value as i64), true)
}

fn rate(sites: &Sites) -> String {
    let pairs = sites.timeline.iter().zip(sites.timeline.iter().skip(1));
    let points: Vec<(f64, f64)> = pairs
        .filter(|(from, to)| to.at_ns > from.at_ns)
        .map(|(from, to)| {
            let seconds = (to.at_ns - from.at_ns) as f64 / 1e9;
            let count = to.allocations.saturating_sub(from.allocations) as f64;
            (from.at_ns as f64 / 1e9, count / seconds)
        })
        .collect();
    chart(&points, 0.0, |value| thousands(value as u64), false)
}

/// A line over seconds, from 0 to the highest value, or `least` if that is more.
fn chart(
    points: &[(f64, f64)],
    least: f64,
    label: impl Fn(f64) -> String,
    is_area: bool,
) -> String {
    let most = points.iter().map(|p| p.1).fold(least.max(1e-9), f64::max);
    let end = points.last().map_or(0.0, |p| p.0).max(1e-9);
    let place = |(at, value): (f64, f64)| {
        (LEFT + at / end * WIDTH, 10.0 + HEIGHT * (1.0 - value.max(0.0) / most))
    };
    let bottom = 10.0 + HEIGHT;
    let mut svg = format!("<svg width=\"{}\" height=\"{}\">", LEFT + WIDTH + 40.0, HEIGHT + 34.0);
    let mut path = String::new();
    for (number, point) in points.iter().enumerate() {
        let (x, y) = place(*point);
        let _ = write!(path, "{}{x:.1} {y:.1}", if number == 0 { "M" } else { "L" });
    }
    if is_area && !points.is_empty() {
        let _ = write!(path, "L{:.1} {bottom}L{LEFT} {bottom}Z", LEFT + WIDTH);
    }
    let class = if is_area { "area" } else { "line" };
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} 10V{bottom}H{}\" fill=\"none\"/>\
         <path class=\"{class}\" d=\"{path}\"/>\
         <text x=\"{}\" y=\"14\" text-anchor=\"end\">{}</text>\
         <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{end:.3} s</text></svg>",
        LEFT + WIDTH,
        LEFT - 6.0,
        label(most),
        LEFT - 6.0,
        LEFT + WIDTH,
        bottom + 16.0,
    );
    svg
}
