//! `scan` at all levels, on a CSV text like the one a collector writes.

mod common;

use common::{Case, compare, criterion, random};
use std::hint::black_box;
use tidemill_kernels::scan::CsvScanner;

/// Rows of a time, a tag and ten numbers of one or two digits; tags are quoted if `quoted`.
fn text(bytes: usize, quoted: bool) -> Vec<u8> {
    let mut random = random(1);
    let mut text = Vec::with_capacity(bytes);
    let quote = if quoted { "\"" } else { "" };
    while text.len() < bytes {
        let mut row =
            format!("2016-01-01 00:00:{:02},{quote}host_{}{quote}", random() % 60, random() % 100);
        for _ in 0..10 {
            row.push_str(&format!(",{}", random() % 100));
        }
        text.extend(row.as_bytes());
        text.push(b'\n');
    }
    text.truncate(bytes);
    text
}

fn main() {
    let mut criterion = criterion();
    for (size, bytes) in [("32 KiB", 32 << 10), ("1 MiB", 1 << 20)] {
        for quoted in [false, true] {
            let text = text(bytes, quoted);
            let name = format!("csv {size}{}", if quoted { " quoted" } else { "" });
            let case = Case { name: &name, values: bytes, bytes };
            let mut ends = Vec::new();
            compare(
                &mut criterion,
                case,
                &mut || {
                    ends.clear();
                    let mut scanner = CsvScanner::new(b',');
                    scanner.scan(black_box(&text), &mut ends);
                    ends.len() as u64 + scanner.quotes()
                },
                &mut [],
            );
        }
    }
    criterion.final_summary();
}
