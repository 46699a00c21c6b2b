//! The battery of `decimal`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::decimal::{Cells, cells};

/// Line by line, cell by cell.
fn naive(text: &[u8; 64], delimiter: u8, max: usize) -> (Cells, Vec<u64>) {
    let line_len = text.iter().position(|byte| *byte == b'\n');
    let line = &text[..line_len.unwrap_or(64)];
    let mut found = line.split(|byte| *byte == delimiter).collect::<Vec<_>>();
    if line_len.is_none() {
        // Its end is not there.
        found.pop();
    }
    let (mut read, mut numbers, mut start) = (Cells::default(), Vec::new(), 0);
    for cell in found.into_iter().take(max) {
        let is_number = cell.iter().all(u8::is_ascii_digit) && (1..=8).contains(&cell.len());
        if !is_number {
            break;
        }
        numbers.push(std::str::from_utf8(cell).unwrap().parse().unwrap());
        read = Cells { count: numbers.len(), end: start + cell.len() };
        start += cell.len() + 1;
    }
    (read, numbers)
}

fn check(text: &[u8; 64], delimiter: u8, max: usize) {
    let (want, numbers) = naive(text, delimiter, max);
    each_isa(|isa| {
        let mut out = vec![[u64::MAX; 8]; max.div_ceil(8)];
        let read = cells(text, delimiter, max, &mut out);
        let shown = || format!("{isa:?} {max} {}", text.escape_ascii());
        assert_eq!(read, want, "{}", shown());
        assert_eq!(out.as_flattened()[..read.count], numbers, "{}", shown());
    });
}

fn padded(text: &str, with: u8) -> [u8; 64] {
    let mut bytes = [with; 64];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

#[test]
fn cells_of_every_kind() {
    for text in [
        "",
        ",",
        "1",
        "1,",
        "12345678,",
        "123456789,",
        "00000000,7,",
        "0,00,000,",
        "57,53,85,34,17,62,8,25,25,72\n145,9,",
        "1,2,3,4,5,6,7,8\n",
        "1,2,3,4,5,6,7,8,9\n1,",
        "1,2,,4,",
        "1,-2,",
        "1,2.5,",
        "1, 2,",
        "1,\"2\",3,",
        "1,2\r\n3,",
        "\n1,2,",
        "1,2/,",
        "1,2:,",
        "1,a,",
        "99999999,99999998,0\n",
        "1234567,12345678,1234567,12345678,1234567,12345678,1234567\n",
    ] {
        for max in [0, 1, 2, 7, 8, 9, 10, 16, 17, 64] {
            for with in [b' ', b',', b'1', b'\n'] {
                check(&padded(text, with), b',', max);
            }
        }
    }
    // A cell that begins and ends at each place.
    for start in 0..62 {
        for len in 0..(64 - start).min(11) {
            let text = "1,".repeat(start / 2) + if start % 2 == 1 { "," } else { "" };
            check(&padded(&(text + &"9".repeat(len)), b','), b',', 64);
        }
    }
}

#[test]
fn every_byte_in_a_cell() {
    for byte in 0..=255 {
        for place in 0..20 {
            let mut text = padded("12345678,1234567,123456,1\n", b'3');
            text[place] = byte;
            for delimiter in [b',', b';', b'\t', b'|'] {
                check(&text, delimiter, 10);
            }
        }
    }
}

#[test]
fn at_an_unreadable_page() {
    let mut random = random(3);
    let mut memory = Fenced::new(64);
    for _ in 0..2000 {
        let mut text = [0; 64];
        text.fill_with(|| b"0123456789,,,,,\n"[random() as usize % 16]);
        memory.at_both_ends(&text, |text| check((&*text).try_into().unwrap(), b',', 16));
    }
}

#[test]
#[should_panic(expected = "1 groups for 9 cells")]
fn numbers_need_room() {
    cells(&[b'1'; 64], b',', 9, &mut [[0; 8]]);
}

proptest! {
    #[test]
    fn any_cells(
        cells in prop::collection::vec("[0-9]{1,3}|[0-9]{0,9}|[0-9 .x\"-]{1,4}", 1..40),
        newline in 0usize..40,
        max in 0usize..40,
    ) {
        let mut text = cells.join(",");
        if let Some((at, _)) = text.match_indices(',').nth(newline) {
            text.replace_range(at..=at, "\n");
        }
        text.truncate(64);
        check(&padded(&text, b' '), b',', max);
    }
}
