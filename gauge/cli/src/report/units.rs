//! Figures as people read them.

use crate::bench::table::time;
use crate::heap::table::{size, thousands};
use crate::result::Metric;

/// A figure with its unit.
pub fn figure(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Time => time(value),
        // Exactly: a byte more is what is looked for.
        Metric::Layout => format!("{value} B"),
        Metric::Size | Metric::AllocatedBytes | Metric::PeakBytes => size(value as i64),
        Metric::Bandwidth => format!("{:.2} GB/s", value / 1e9),
        _ if value >= 0.0 && value.fract() == 0.0 => thousands(value as u64),
        _ => format!("{value}"),
    }
}

/// A change, in percent.
pub fn change(change: f64) -> String {
    if change == 0.0 { "0 %".to_owned() } else { format!("{:+.1} %", change * 100.0) }
}

/// A time of RFC 3339 to the minute.
pub fn minute(started: &str) -> String {
    started.get(..16).unwrap_or(started).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_their_unit() {
        for (metric, value, expected) in [
            (Metric::Time, 1234.0, "1.234 µs"),
            (Metric::Layout, 24.0, "24 B"),
            (Metric::Size, 2048.0, "2.0 KiB"),
            (Metric::Bandwidth, 12.5e9, "12.50 GB/s"),
            (Metric::Allocations, 12345.0, "12,345"),
            (Metric::Allocations, 0.5, "0.5"),
        ] {
            assert_eq!(figure(metric, value), expected);
        }
        assert_eq!((change(0.0), change(-0.0123)), ("0 %".to_owned(), "-1.2 %".to_owned()));
        assert_eq!(minute("2026-11-22T07:14:28.123Z"), "2026-11-22 07:14");
    }
}
