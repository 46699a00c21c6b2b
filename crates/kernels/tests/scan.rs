//! The battery of `scan`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::scan::CsvScanner;

/// The definition: byte by byte.
fn naive(text: &[u8], delimiter: u8) -> (Vec<u32>, u64) {
    let (mut ends, mut quotes) = (Vec::new(), 0);
    for (offset, byte) in text.iter().enumerate() {
        quotes += u64::from(*byte == b'"');
        if quotes % 2 == 0 && (*byte == delimiter || *byte == b'\n') {
            ends.push(offset as u32);
        }
    }
    (ends, quotes)
}

/// Scans `text` in one piece and cut at `cut`.
fn check(text: &[u8], delimiter: u8, cut: usize) {
    let (expected, quotes) = naive(text, delimiter);
    let (head, tail) = text.split_at(cut.min(text.len()));
    each_isa(|isa| {
        let mut scanner = CsvScanner::new(delimiter);
        let mut ends = vec![77];
        scanner.scan(text, &mut ends);
        assert_eq!(ends[1..], expected, "{isa:?} {:?}", text.escape_ascii().to_string());
        assert_eq!((scanner.quotes(), scanner.inside_quotes()), (quotes, quotes % 2 == 1));

        let mut scanner = CsvScanner::new(delimiter);
        let mut ends = Vec::new();
        scanner.scan(head, &mut ends);
        let in_head = ends.len();
        scanner.scan(tail, &mut ends);
        ends[in_head..].iter_mut().for_each(|end| *end += head.len() as u32);
        assert_eq!(ends, expected, "{isa:?} cut at {cut}: {:?}", text.escape_ascii().to_string());
        assert_eq!(scanner.quotes(), quotes);
    });
}

#[test]
fn every_length_up_to_an_unreadable_page() {
    let mut random = random(2);
    let mut memory = Fenced::new(300);
    for len in 0..=300 {
        // Few characters, so that all masks are dense; every other text is without quotes.
        let characters = if len % 2 == 0 { b"ab,\n\"\0,,\xFF\x8A" } else { b"ab,\n,\0,\n\xFF\xA2" };
        let text: Vec<u8> = (0..len).map(|_| characters[random() as usize % 10]).collect();
        memory.at_both_ends(&text, |text| check(text, b',', random() as usize % (len + 1)));
    }
}

#[test]
fn every_byte_is_told_from_every_other() {
    // Not whole blocks of 64, so that what fills up the last one is seen if it counts.
    // An even number of quotes, so that it is outside of them.
    let text: Vec<u8> = (0..=255).chain(32..=255).chain(1..9).collect();
    for delimiter in (0..=255).filter(|byte| !b"\"\n".contains(byte)) {
        check(&text, delimiter, 100);
    }
}

#[test]
fn whole_blocks_of_one_character() {
    for text in [[b','; 200], [b'\n'; 200], [b'"'; 200], [b'x'; 200]] {
        check(&text, b',', 64);
    }
}

#[test]
fn quotes_that_span_blocks() {
    let quoted = format!("a,\"{}\",b\n\"c\"\"d\",{}\n", ",\n".repeat(100), "x".repeat(70));
    for cut in 0..quoted.len() {
        check(quoted.as_bytes(), b',', cut);
    }
}

#[test]
#[should_panic(expected = "delimiter '\"'")]
fn a_quote_is_no_delimiter() {
    let _ = CsvScanner::new(b'"');
}

proptest! {
    #[test]
    fn any_text(text in prop::collection::vec(prop::sample::select(b",;\n\"a\r\0".to_vec()), 0..1000), cut in 0usize..1000) {
        check(&text, b';', cut);
    }
}
