//! What is printed.

use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::profile::{Order, Profile};
use super::snapshot::Site;

/// A line below the header, and no other.
pub(crate) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Prints the totals and the largest places.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(profile: &Profile, order: Order, top: usize, out: &mut dyn Write) -> Result<()> {
    let process = &profile.snapshot.process;
    let sites = &profile.snapshot.sites;
    writeln!(out, "{} (process {}, {})", process.executable, process.pid, process.ended)?;
    let (count, bytes) = (thousands(sites.allocations), size(signed(sites.bytes)));
    let per_second = sites.allocations as f64 / (sites.elapsed_ns as f64 / 1e9).max(1e-9);
    writeln!(
        out,
        "  allocated     {bytes} in {count} blocks, {} a second",
        thousands(per_second as u64)
    )?;
    let (peak, at) = (size(sites.peak_bytes), thousands(sites.peak_at_allocation));
    writeln!(out, "  at the peak   {peak}, after {at} allocations")?;
    let (live, blocks) = (size(sites.live_bytes), thousands(unsigned(sites.live_blocks)));
    writeln!(out, "  at the end    {live} in {blocks} blocks\n")?;
    let places = profile.places(order);
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["at peak", "at end", "allocated", "blocks", "lifetime", "place"]);
    for (place, site, stacks) in places.iter().take(top) {
        let more = if *stacks > 1 { format!(" [{stacks} stacks]") } else { String::new() };
        table.add_row([
            size(site.peak_bytes),
            size(site.live_bytes),
            size(signed(site.bytes)),
            thousands(site.allocations + site.reallocations),
            lifetime(site),
            format!("{place}{more}"),
        ]);
    }
    for column in table.column_iter_mut().take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{table}")?;
    if places.len() > top {
        writeln!(out, "{} more places: --top {}", places.len() - top, places.len())?;
    }
    writeln!(out, "Lifetimes are means, in allocations that the program made meanwhile.")?;
    Ok(())
}

/// Prints a table without the blanks that fill its last column.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn print_table(table: &Table, out: &mut dyn Write) -> Result<()> {
    table.to_string().lines().try_for_each(|line| Ok(writeln!(out, "{}", line.trim_end())?))
}

/// The mean lifetime of a site's blocks that are gone, in allocations.
pub fn lifetime(site: &Site) -> String {
    match site.lifetimes.iter().sum::<u64>() {
        0 => "-".to_owned(),
        gone => thousands(site.lifetime / gone),
    }
}

/// `1.5 MiB`; bytes below one KiB are whole.
pub fn size(bytes: i64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64 / 1024.0;
    if value.abs() < 1.0 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units.get(unit).unwrap_or(&""))
}

/// `1,234,567`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let sizes = [0, 1023, 1024, 1536, 1 << 20, 5 << 40, -2048].map(size);
        assert_eq!(
            sizes,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 TiB", "-2.0 KiB"]
        );
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        let mut site = Site { lifetime: 10, lifetimes: vec![1, 3], ..Site::default() };
        assert_eq!(lifetime(&site), "2");
        site.lifetimes.clear();
        assert_eq!(lifetime(&site), "-");
    }
}
