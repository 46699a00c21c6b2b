//! The battery of `scan`: newlines and whitespace.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::scan::{count_newlines, newlines, whitespace};

fn check(text: &[u8]) {
    let offsets = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends: Vec<u32> = offsets.map(|(offset, _)| offset as u32).collect();
    let mut spaces = vec![0; text.len().div_ceil(64)];
    for (index, byte) in text.iter().enumerate() {
        let is_space = b" \t\n\x0C\r".contains(byte);
        spaces[index / 64] |= u64::from(is_space) << (index % 64);
    }
    each_isa(|isa| {
        let mut found = vec![77];
        newlines(text, &mut found);
        assert_eq!(found[1..], ends, "{isa:?} {}", text.escape_ascii());
        assert_eq!(count_newlines(text), ends.len(), "{isa:?}");
        let mut memory = Fenced::new(spaces.len());
        memory.at_both_ends(&vec![u64::MAX; spaces.len()], |masks| {
            whitespace(text, masks);
            assert_eq!(masks, spaces, "{isa:?} {}", text.escape_ascii());
        });
    });
}

#[test]
fn every_length_up_to_an_unreadable_page() {
    let mut random = random(1);
    let mut memory = Fenced::new(300);
    for len in 0..=300 {
        let text: Vec<u8> =
            (0..len).map(|_| b"ab \n\t\r\x0C\x0B\0\x8A\n"[random() as usize % 11]).collect();
        memory.at_both_ends(&text, |text| check(text));
    }
}

#[test]
fn every_byte_at_every_place() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    (0..256).for_each(|start| check(&bytes[start..]));
}

#[test]
#[should_panic(expected = "1 words for 65 bytes")]
fn masks_have_a_bit_for_each_byte() {
    whitespace(&[0; 65], &mut [0]);
}

proptest! {
    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..500)) {
        check(&text);
    }
}
