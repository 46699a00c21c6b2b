//! The battery of `elementwise`: what bitmaps and tables do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{Fenced, each_isa, random};
use proptest::prelude::*;
use tidemill_kernels::elementwise::{
    and_assign, and_not_assign, count_ones, filter, filter_into, lookup_u8, lookup_u32, not_assign,
    or_assign, set_bits, translate, words,
};

fn bit(mask: &[u64], index: usize) -> bool {
    mask[index / 64] >> (index % 64) & 1 != 0
}

/// Everything about a column and its bitmap.
fn check(values: &[u64], mask: &[u64]) {
    let is_selected = |(index, _): &(usize, &u64)| bit(mask, *index);
    let selected: Vec<u64> =
        values.iter().enumerate().filter(is_selected).map(|(_, value)| *value).collect();
    let numbers = (0..mask.len() * 64).filter(|index| bit(mask, *index));
    let numbers: Vec<u32> = numbers.map(|index| index as u32).collect();
    each_isa(|isa| {
        for at_end in [true, false] {
            let (mut value_memory, mut mask_memory) =
                (Fenced::new(values.len()), Fenced::new(mask.len()));
            let values = value_memory.copy(values, at_end);
            let mask = mask_memory.copy(mask, at_end);
            let mut out = vec![7];
            filter(values, mask, &mut out);
            assert_eq!(out[1..], selected, "{isa:?}");

            // Room for exactly as many, up to the unreadable page; and for more.
            for more in [0, 1, 7, 8, 70] {
                let mut memory = Fenced::new(selected.len() + more);
                let out = memory.copy(&vec![9; selected.len() + more], at_end);
                assert_eq!(filter_into(values, mask, out), selected.len(), "{isa:?}");
                assert_eq!(out[..selected.len()], selected, "{isa:?}");
            }

            let mut found = vec![7];
            set_bits(mask, &mut found);
            assert_eq!(found[1..], numbers, "{isa:?}");
            assert_eq!(count_ones(mask), numbers.len() as u64, "{isa:?}");
        }
    });
}

/// A bitmap of which about `share` of 256 bits are set, those behind the last value too.
fn bitmap(values: usize, share: u64, random: &mut impl FnMut() -> u64) -> Vec<u64> {
    let mut word = || (0..64).fold(0, |word, _| word << 1 | u64::from(random() % 256 < share));
    (0..words(values)).map(|_| word()).collect()
}

#[test]
fn every_length_up_to_an_unreadable_page() {
    let mut random = random(1);
    for len in (0..=300).chain([1000, 4096]) {
        let values: Vec<u64> = (0..len).map(|_| random()).collect();
        for share in [0, 3, 128, 250, 256] {
            let mask = bitmap(len, share, &mut random);
            check(&values, &mask);
        }
    }
}

#[test]
fn every_byte_of_a_bitmap() {
    let values: Vec<u64> = (100..164).collect();
    for byte in 0..=255 {
        check(&values, &[u64::from_le_bytes([byte, !byte, 0, 255, byte, 1, 128, byte ^ 0x55])]);
    }
}

#[test]
fn other_types_keep_their_bits() {
    let floats = [f64::NAN, -0.0, 1.5, f64::NEG_INFINITY];
    let integers = [i64::MIN, -1, 0, i64::MAX];
    each_isa(|isa| {
        let (mut kept, mut signed) = (Vec::new(), Vec::new());
        filter(&floats, &[0b1011], &mut kept);
        let bits: Vec<u64> = kept.iter().map(|value: &f64| value.to_bits()).collect();
        let expected = [f64::NAN, -0.0, f64::NEG_INFINITY].map(f64::to_bits);
        assert_eq!(bits, expected, "{isa:?}");
        filter(&integers, &[0b1101], &mut signed);
        assert_eq!(signed, [i64::MIN, 0, i64::MAX], "{isa:?}");
    });
}

#[test]
fn bitmaps_are_joined_word_by_word() {
    let mut random = random(3);
    for len in 0..=70 {
        let a: Vec<u64> = (0..len).map(|_| random()).collect();
        let b: Vec<u64> = (0..len).map(|_| random()).collect();
        let with = |join: fn(u64, u64) -> u64| -> Vec<u64> {
            a.iter().zip(&b).map(|(a, b)| join(*a, *b)).collect()
        };
        each_isa(|isa| {
            let joined = |join: fn(&mut [u64], &[u64])| {
                let (mut a_memory, mut b_memory) = (Fenced::new(len), Fenced::new(len));
                let (a, b) = (a_memory.copy(&a, true), b_memory.copy(&b, true));
                join(a, b);
                a.to_vec()
            };
            assert_eq!(joined(and_assign), with(|a, b| a & b), "{isa:?}");
            assert_eq!(joined(or_assign), with(|a, b| a | b), "{isa:?}");
            assert_eq!(joined(and_not_assign), with(|a, b| a & !b), "{isa:?}");
            for elements in (len * 64).saturating_sub(63)..=len * 64 {
                let mut mask = a.clone();
                not_assign(&mut mask, elements);
                for index in 0..len * 64 {
                    assert_eq!(bit(&mask, index), index < elements && !bit(&a, index), "{isa:?}");
                }
            }
        });
    }
}

fn check_lookup(codes: &[u32], table: &[u64]) {
    let expected: Vec<u64> = codes.iter().map(|code| table[*code as usize]).collect();
    each_isa(|isa| {
        for at_end in [true, false] {
            let (mut code_memory, mut table_memory) =
                (Fenced::new(codes.len()), Fenced::new(table.len()));
            let (codes, table) =
                (code_memory.copy(codes, at_end), table_memory.copy(table, at_end));
            let mut out_memory = Fenced::new(codes.len());
            let out = out_memory.copy(&vec![0; codes.len()], at_end);
            lookup_u32(codes, table, out);
            assert_eq!(out, expected, "{isa:?}");
            if table.len() <= 256 {
                let bytes: Vec<u8> = codes.iter().map(|code| *code as u8).collect();
                let mut memory = Fenced::new(codes.len());
                out.fill(0);
                lookup_u8(memory.copy(&bytes, at_end), table, out);
                assert_eq!(out, expected, "{isa:?}");
            }
        }
    });
}

#[test]
fn codes_are_looked_up_at_every_length() {
    let mut random = random(4);
    for len in (0..=300).chain([1024, 1025, 3000]) {
        let entries = [1, 3, 256, 1000][len % 4];
        let table: Vec<u64> = (0..entries).map(|_| random()).collect();
        let codes: Vec<u32> = (0..len).map(|_| (random() % entries) as u32).collect();
        check_lookup(&codes, &table);
    }
}

#[test]
fn a_code_beyond_the_table_panics_wherever_it_stands() {
    let table = vec![1.5; 200];
    for len in [1, 8, 64, 1024, 1500] {
        for place in [0, len / 2, len - 1] {
            for beyond in [200, u32::MAX] {
                each_isa(|isa| {
                    let mut codes = vec![199_u32; len];
                    codes[place] = beyond;
                    let caught = std::panic::catch_unwind(|| {
                        lookup_u32(&codes, &table, &mut vec![0.0; len]);
                    });
                    assert!(caught.is_err(), "{isa:?} {len} {place}");
                    let bytes: Vec<u8> = codes.iter().map(|code| (*code).min(200) as u8).collect();
                    let caught = std::panic::catch_unwind(|| {
                        lookup_u8(&bytes, &table, &mut vec![0.0; len]);
                    });
                    assert!(caught.is_err(), "{isa:?} {len} {place}");
                });
            }
        }
    }
}

#[test]
#[should_panic(expected = "a code beyond a table of 0")]
fn an_empty_table_has_no_code() {
    lookup_u32::<u64>(&[0], &[], &mut [0]);
}

#[test]
fn bytes_are_translated_at_every_length() {
    let mut random = random(5);
    let table: [u8; 256] = std::array::from_fn(|_| random() as u8);
    for len in 0..=300 {
        let bytes: Vec<u8> =
            (0..len).map(|index| (index * 7) as u8 ^ (random() % 2) as u8).collect();
        let expected: Vec<u8> = bytes.iter().map(|byte| table[usize::from(*byte)]).collect();
        each_isa(|isa| {
            Fenced::new(len).at_both_ends(&bytes, |bytes| {
                translate(bytes, &table);
                assert_eq!(bytes, expected, "{isa:?}");
            });
        });
    }
}

#[test]
#[should_panic(expected = "3 values for room of 2")]
fn what_is_selected_must_fit() {
    filter_into(&[1_u64; 4], &[0b1101], &mut [0; 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bitmap(values in prop::collection::vec(any::<u64>(), 0..400), seed in any::<u64>(), share in 0u64..=256) {
        let mask = bitmap(values.len(), share, &mut random(seed));
        check(&values, &mask);
    }
}
