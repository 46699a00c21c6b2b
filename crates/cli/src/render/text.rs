//! Numbers, times and tables as people read them.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use jiff::Timestamp;

/// A line below the header, and no other.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table of our style without columns.
pub(crate) fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    // As wide as it is: what reads us may be no terminal.
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table with this header whose columns but the first are aligned to the right.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = empty_table();
    table.set_header(header.iter().copied());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A count with its thousands apart.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what it counts, which takes an `s` unless it is one.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 || what.ends_with("series") { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// A number of bytes, in the largest unit of a thousand of which it is one.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return match unit {
                "B" => format!("{value} B"),
                _ if value < 9.95 => format!("{value:.1} {unit}"),
                _ => format!("{value:.0} {unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// A length of time in nanoseconds, in the largest unit of which it is one.
pub(crate) fn span(nanoseconds: u64) -> String {
    const UNITS: [(&str, f64); 7] = [
        ("d", 86_400e9),
        ("h", 3600e9),
        ("min", 60e9),
        ("s", 1e9),
        ("ms", 1e6),
        ("µs", 1e3),
        ("ns", 1.0),
    ];
    let value = nanoseconds as f64;
    let (unit, factor) = UNITS.into_iter().find(|(_, f)| value >= *f).unwrap_or(("s", 1e9));
    format!("{} {unit}", round(value / factor, 3))
}

/// A time in UTC, RFC 3339, with as many decimals as it needs.
pub(crate) fn time(nanoseconds: i64) -> String {
    match Timestamp::from_nanosecond(nanoseconds.into()) {
        Ok(time) => time.to_string(),
        Err(_) => nanoseconds.to_string(),
    }
}

/// A time to the second, without a `T`: for people.
pub(crate) fn short_time(nanoseconds: i64) -> String {
    let text = time(nanoseconds).replace('T', " ");
    text.split(['.', 'Z']).next().unwrap_or_default().to_owned()
}

/// A float in six significant digits, as short as that is.
pub(crate) fn number(value: f64) -> String {
    round(value, 6)
}

/// `value` in this many significant digits; very large and very small ones with an exponent.
fn round(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".to_owned()
        } else {
            format!("{value}").replace("inf", "∞")
        };
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..15).contains(&magnitude) {
        return format!("{value:.*e}", digits - 1);
    }
    let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Eight heights of a block.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values as blocks from the least to the greatest; a blank where there is none.
pub(crate) fn sparkline(values: &[f64]) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (least, greatest) = (finite().fold(f64::MAX, f64::min), finite().fold(f64::MIN, f64::max));
    // Half of each, so that their distance is finite.
    let height = greatest / 2.0 - least / 2.0;
    let block = |value: f64| {
        if !value.is_finite() {
            return ' ';
        }
        if height <= 0.0 {
            return BLOCKS[3];
        }
        let share = (value / 2.0 - least / 2.0) / height;
        BLOCKS[((share * BLOCKS.len() as f64) as usize).min(BLOCKS.len() - 1)]
    };
    values.iter().copied().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        let check = |value: f64, want: &str| assert_eq!(number(value), want);
        check(0.0, "0");
        check(-0.5, "-0.5");
        check(12.0, "12");
        check(1234567.891, "1234568");
        check(0.000123456789, "0.000123457");
        check(1.0e300, "1.00000e300");
        check(1e-9, "1.00000e-9");
        check(99.99999999, "100");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-∞");
    }

    #[test]
    fn counts_bytes_and_spans() {
        assert_eq!([0, 999, 1000, 1234567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "row"), counted(2000, "row")], ["1 row", "2,000 rows"]);
        let sizes = [0, 999, 1000, 9_949, 12_345_678, 3_000_000_000].map(bytes);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "9.9 kB", "12 MB", "3.0 GB"]);
        let spans = [1, 1500, 10_000_000_000, 90_000_000_000, 259_200_000_000_000].map(span);
        assert_eq!(spans, ["1 ns", "1.5 µs", "10 s", "1.5 min", "3 d"]);
        assert_eq!(time(1_451_606_400_000_000_000), "2016-01-01T00:00:00Z");
        assert_eq!(short_time(1_451_606_400_123_456_789), "2016-01-01 00:00:00");
        assert_eq!(time(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn a_sparkline_reaches_from_the_least_to_the_greatest() {
        assert_eq!(sparkline(&[0.0, 1.0, f64::NAN, 7.0]), "▁▂ █");
        assert_eq!(sparkline(&[5.0, 5.0]), "▄▄");
        assert_eq!(sparkline(&[f64::MIN, f64::MAX]), "▁█");
        assert_eq!(sparkline(&[]), "");
    }
}
