//! Columns of bits: they return, they are small, and corrupt ones do no harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{ROWS, Random, for_each_corruption};
use proptest::prelude::*;
use tidemill_codec::{Encoder, bits};
use tidemill_model::Bitmap;

fn encode(values: &[bool]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new().bools(values, &mut bytes);
    bytes
}

/// That `values` return by all ways, as booleans and as a bitmap.
#[track_caller]
fn check(values: &[bool]) {
    let bytes = encode(values);
    let column = bits(&bytes, values.len()).unwrap();
    let mut decoded = vec![true];
    column.decode(0..values.len(), &mut decoded).unwrap();
    assert!(decoded[1..] == *values, "{} rows", values.len());
    let range = values.len() / 3..values.len() - values.len() / 5;
    decoded.clear();
    column.decode(range.clone(), &mut decoded).unwrap();
    assert!(decoded == values[range], "a range of {} rows", values.len());

    let mut bitmap = Bitmap::default();
    values.iter().for_each(|value| bitmap.push(*value));
    assert_eq!(column.decode_bitmap().as_ref(), Ok(&bitmap));
    let mut again = Vec::new();
    Encoder::new().validity(&bitmap, &mut again);
    assert_eq!(again, bytes);
    if let Some(constant) = column.constant() {
        assert!(values.iter().all(|value| *value == constant));
    }
}

/// Bits of many shapes, by name.
fn shapes(rows: usize) -> Vec<(&'static str, Vec<bool>)> {
    let mut random = Random(5);
    let mut make = |value: &mut dyn FnMut(&mut Random, usize) -> bool| -> Vec<bool> {
        (0..rows).map(|row| value(&mut random, row)).collect()
    };
    let mut state = false;
    vec![
        ("zeros", make(&mut |_, _| false)),
        ("ones", make(&mut |_, _| true)),
        ("one zero", make(&mut |_, row| row != rows / 2)),
        ("last is one", make(&mut |_, row| row + 1 == rows)),
        (
            "long runs",
            make(&mut |random, _| {
                state ^= random.below(300) == 0;
                state
            }),
        ),
        ("by turns", make(&mut |_, row| row % 2 == 0)),
        ("random", make(&mut |random, _| random.below(2) == 0)),
    ]
}

#[test]
fn shapes_of_all_lengths_return() {
    for rows in ROWS.into_iter().chain([63, 64, 65, 128]) {
        for (_, values) in shapes(rows) {
            check(&values);
        }
    }
}

#[test]
fn sizes_are_what_the_encodings_promise() {
    let most_bytes = [1, 1, 16, 16, 80, 1025, 1025];
    for ((name, values), most) in shapes(8192).into_iter().zip(most_bytes) {
        let bytes = encode(&values).len();
        assert!(bytes <= most, "{name}: {bytes} bytes, not {most}");
    }
}

#[test]
fn the_bytes_of_each_encoding_stay() {
    let runs = [[true; 30].as_slice(), &[false; 61], &[true; 9]].concat();
    let cases: [(&str, &[bool], &str); 4] = [
        ("zeros", &[false; 5], "00"),
        ("ones", &[true; 5], "01"),
        ("runs", &runs, "02 01 03 01 00 06 10 15 0d 00"),
        ("raw", &[true, false, true, true, false, true, false, false, true], "03 2d 01"),
    ];
    for (name, values, expected) in cases {
        let hex: String = encode(values).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{name}");
    }
}

#[test]
fn corrupt_bytes_are_errors_or_other_values() {
    for rows in [0, 1, 9, 100] {
        for (_, values) in shapes(rows) {
            for_each_corruption(&encode(&values), |bytes| {
                if let Ok(column) = bits(bytes, rows)
                    && let Ok(bitmap) = column.decode_bitmap()
                {
                    assert_eq!(bitmap.len(), rows);
                    assert!(bitmap.count_ones() <= rows);
                }
            });
        }
    }
}

proptest! {
    #[test]
    fn any_bits_return(runs in prop::collection::vec((1usize..200, any::<bool>()), 0..40)) {
        check(&runs.iter().flat_map(|(rows, bit)| std::iter::repeat_n(*bit, *rows)).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_an_error_or_bits(mut bytes in prop::collection::vec(any::<u8>(), 0..80), tag in 0u8..4, rows in 0usize..400) {
        if let Some(first) = bytes.first_mut() { *first = tag; }
        if let Ok(column) = bits(&bytes, rows) && let Ok(bitmap) = column.decode_bitmap() {
            prop_assert_eq!(bitmap.len(), rows);
        }
    }
}
