//! Columns of strings: they return, they are small, and corrupt ones do no harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{ROWS, Random, for_each_corruption};
use proptest::prelude::*;
use tidemill_codec::{Encoder, TextColumn, TextScratch, VECTOR_ROWS, texts};
use tidemill_model::Text;

fn encode(encoder: &mut Encoder, values: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.texts(values.len(), |row| &values[row], &mut bytes);
    bytes
}

/// That `values` return whole and by range, and by the dictionary if there is one.
#[track_caller]
fn check(encoder: &mut Encoder, name: &str, values: &[String]) {
    let bytes = encode(encoder, values);
    let mut scratch = TextScratch::default();
    let column = texts(&bytes, values.len(), &mut scratch).unwrap();
    let mut decoded = Text::default();
    decoded.push("before");
    column.decode(0..values.len(), &mut decoded).unwrap();
    assert!(decoded.iter().skip(1).eq(values), "{name}, {} rows", values.len());
    let range = values.len() / 3..values.len() - values.len() / 5;
    decoded.clear();
    column.decode(range.clone(), &mut decoded).unwrap();
    assert!(decoded.iter().eq(&values[range]), "{name}, a range of {} rows", values.len());

    let Some((entries, codes)) = column.dictionary() else { return };
    assert!(entries.iter().is_sorted_by(|a, b| a < b), "{name}: entries that don't ascend");
    let mut vector = [0u64; VECTOR_ROWS];
    for (index, values) in values.chunks(VECTOR_ROWS).enumerate() {
        codes.decode_vector(index, &mut vector).unwrap();
        for (code, value) in vector.iter().zip(values) {
            assert_eq!(entries.get(*code as usize), value, "{name}");
        }
    }
}

/// Strings of many shapes, by name.
fn shapes(rows: usize) -> Vec<(&'static str, Vec<String>)> {
    let mut random = Random(5);
    let mut make = |value: &mut dyn FnMut(&mut Random, usize) -> String| -> Vec<String> {
        (0..rows).map(|row| value(&mut random, row)).collect()
    };
    let states = ["running", "stopped", "", "läuft – 走る", "running late"];
    vec![
        ("constant", make(&mut |_, _| "production".into())),
        ("empty", make(&mut |_, _| String::new())),
        ("few distinct", make(&mut |random, _| states[random.below(5) as usize].into())),
        (
            "paths",
            make(&mut |random, row| {
                format!("/var/log/app/{}.log", row as u64 / 3 + random.below(2))
            }),
        ),
        ("hashes", make(&mut |random, _| format!("{:016x}", random.word()))),
        ("long", make(&mut |random, row| "ä".repeat(row % 300) + &random.below(3).to_string())),
    ]
}

#[test]
fn shapes_of_all_lengths_return() {
    let mut encoder = Encoder::new();
    for rows in ROWS {
        for (name, values) in shapes(rows) {
            check(&mut encoder, name, &values);
        }
    }
}

#[test]
fn sizes_are_what_the_encodings_promise() {
    let most_bytes = [40, 10, 8192 * 3 / 8 + 200, 8192 * 3, 8192 * 17];
    for ((name, values), most) in shapes(8192).into_iter().zip(most_bytes) {
        let bytes = encode(&mut Encoder::new(), &values).len();
        assert!(bytes <= most, "{name}: {bytes} bytes, not {most}");
    }
}

#[test]
fn the_bytes_of_each_encoding_stay() {
    let cases: [(&str, &[&str], &str); 3] = [
        ("no rows", &[], "01 01 01 00"),
        ("plain", &["ab", "ac", "é"], "01 0100010002 0100010205 05 6162 63 c3a9"),
        (
            "dictionary",
            &["off", "on", "off", "off", "on"],
            "00 02 0100010002 0100020202 04 6f66666e 0100010012",
        ),
    ];
    for (name, values, expected) in cases {
        let values: Vec<String> = values.iter().map(|value| (*value).into()).collect();
        let bytes = encode(&mut Encoder::new(), &values);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{name}");
    }
}

#[test]
fn an_error_says_what_is_wrong() {
    let cases: [(&str, &[u8], &str); 5] = [
        ("tag", &[2, 0], "unknown encoding"),
        ("shared", &[1, 1, 0, 2, 0, 12, 0, 4, 4, b'a', b'b', b'c', b'd'], "shares more"),
        ("size", &[1, 0, 0, 0, 4, 3, b'a', b'b', b'c'], "size of their bytes"),
        ("utf-8", &[1, 0, 0, 0, 2, 2, b'a', 0xFF], "UTF-8"),
        ("code", &[0, 1, 0, 0, 0, 2, 1, b'a', 0, 2], "beyond the dictionary"),
    ];
    for (name, bytes, reason) in cases {
        let mut scratch = TextScratch::default();
        let decode = |column: TextColumn<'_>| column.decode(0..2, &mut Text::default());
        let error = texts(bytes, 2, &mut scratch).and_then(decode).unwrap_err();
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}

#[test]
fn corrupt_bytes_are_errors_or_other_values() {
    let mut encoder = Encoder::new();
    for rows in [0, 1, 9, 40] {
        for (_, mut values) in shapes(rows) {
            values.iter_mut().for_each(|value| *value = value.chars().take(12).collect());
            for_each_corruption(&encode(&mut encoder, &values), |bytes| {
                let (mut scratch, mut decoded) = (TextScratch::default(), Text::default());
                if let Ok(column) = texts(bytes, rows, &mut scratch)
                    && column.decode(0..rows, &mut decoded).is_ok()
                {
                    assert_eq!(decoded.len(), rows);
                }
            });
        }
    }
}

proptest! {
    #[test]
    fn any_strings_return(values in prop::collection::vec("[ab]{0,4}|\\PC{0,20}", 0..200)) {
        check(&mut Encoder::new(), "any", &values);
    }

    #[test]
    fn any_bytes_are_an_error_or_strings(mut bytes in prop::collection::vec(any::<u8>(), 0..80), tag in 0u8..2, rows in 0usize..40) {
        if let Some(first) = bytes.first_mut() { *first = tag; }
        let (mut scratch, mut decoded) = (TextScratch::default(), Text::default());
        if let Ok(column) = texts(&bytes, rows, &mut scratch) && column.decode(0..rows, &mut decoded).is_ok() {
            prop_assert_eq!(decoded.len(), rows);
        }
    }
}
