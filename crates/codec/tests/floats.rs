//! Columns of doubles: every bit returns, decimals are small, and corrupt bytes do no harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{ROWS, Random, float_shapes, for_each_corruption};
use proptest::prelude::*;
use tidemill_codec::{Compression, Encoder, Places, VECTOR_ROWS, floats, floats_with};

fn encode(encoder: &mut Encoder, values: &[f64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.floats(values, &mut bytes);
    bytes
}

fn are_same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// That `values` return whole, by vector and by range, fast and small.
#[track_caller]
fn check(encoder: &mut Encoder, name: &str, values: &[f64]) {
    for compression in [Compression::Small, Compression::Fast] {
        encoder.set_compression(compression);
        check_one(encoder, name, values);
    }
}

#[track_caller]
fn check_one(encoder: &mut Encoder, name: &str, values: &[f64]) {
    let bytes = encode(encoder, values);
    let column = floats(&bytes, values.len()).unwrap();
    let mut decoded = vec![42.0];
    column.decode(0..values.len(), &mut decoded).unwrap();
    assert!(are_same(&decoded[1..], values), "{name}, {} rows", values.len());
    assert_eq!(column.vectors(), values.len().div_ceil(VECTOR_ROWS));
    for (vector, expected) in values.chunks(VECTOR_ROWS).enumerate() {
        let mut out = [0.0; VECTOR_ROWS];
        assert_eq!(column.decode_vector(vector, &mut out), Ok(expected.len()));
        assert!(are_same(&out[..expected.len()], expected), "{name}, vector {vector}");
    }
    let range = values.len() / 3..values.len() - values.len() / 5;
    // Where vectors begin is found out by the first, and used by the second.
    let places = Places::default();
    for _ in 0..2 {
        decoded.clear();
        let column = floats_with(&bytes, values.len(), &places).unwrap();
        column.decode(range.clone(), &mut decoded).unwrap();
        assert!(
            are_same(&decoded, &values[range.clone()]),
            "{name}, a range of {} rows",
            values.len()
        );
    }
}

#[test]
fn shapes_of_all_lengths_return() {
    let mut encoder = Encoder::new();
    for rows in ROWS {
        for (name, values) in float_shapes(rows, 1) {
            check(&mut encoder, name, &values);
        }
    }
}

#[test]
fn sizes_are_what_the_encodings_promise() {
    let most_bits = [
        ("constant", 0.1),
        ("tenths", 6.5),
        ("cents with outliers", 12.0),
        ("integers", 10.5),
        ("thirds of few integers", 7.0),
        ("from single precision", 29.0),
        ("normal", 57.3),
        ("any bits", 64.3),
        ("runs of doubles", 2.0),
    ];
    let shapes = float_shapes(8192, 1);
    for (name, most) in most_bits {
        let values = &shapes.iter().find(|shape| shape.0 == name).unwrap().1;
        let bits = encode(&mut Encoder::new(), values).len() as f64 / 1024.0;
        assert!(bits <= most, "{name}: {bits} bits a value, not {most}");
    }
}

#[test]
fn the_bytes_of_each_encoding_stay() {
    let root = |n: u8| if n.is_multiple_of(3) { f64::from(n).sqrt() } else { -f64::from(n).sqrt() };
    let roots: Vec<f64> = (1..=24).map(root).collect();
    let cases: [(&str, &[f64], &str); 6] = [
        ("no rows", &[], "01 01"),
        ("constant", &[1.5, 1.5], "01 00 80808080808080f87f"),
        ("decimal", &[0.1, 0.4, 0.2, 0.8], "00 12 11 00 01000302580e"),
        (
            "exceptions",
            &[7.0, -0.0, 9.0, 8.0, 7.0, 9.0, 10.0, 6.0, 5.0, 9.0, 8.0, 7.0],
            "00 10 10 01 0100 0000000000000080 0100030a 122736e004",
        ),
        ("bits", &[f64::NAN, f64::INFINITY], "01 01 01 80808080808080f8ff01 00 ffffffffffffff07"),
        (
            "split",
            &roots,
            "02 35 03 04 02 fe07 0000 0100 0004 0104 000200 caf77ddff77d 01 003500 \
             000000000000b079e7cfcc13d4aa3261a1ebd96e000000000000804a7fb979371e5c4212 \
             281c31873abe74ea9f4a69def933f30435000000000000686a4b5b078b29d1bcf54fca21 \
             2a55262c743ddb359f1546b482cd927ed022d4dd9bb6d353acf7be0300000000008007ed \
             af660f7e309bed9bd90e1fe63791d10cbe4554facbcdbbf158e85191eb48254fada8b2f8 \
             85a505c15d9dbbcb740949a070c49c",
        ),
    ];
    for (name, values, expected) in cases {
        let bytes = encode(&mut Encoder::new(), values);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{name}");
    }
}

#[test]
fn corrupt_bytes_are_errors_or_other_values() {
    let mut encoder = Encoder::new();
    for rows in [0, 1, 5, 64] {
        for (_, values) in float_shapes(rows, 3) {
            let whole = encode(&mut encoder, &values);
            let places = Places::default();
            floats_with(&whole, rows, &places).unwrap();
            for_each_corruption(&whole, |bytes| {
                // Places of other bytes are no harm, either.
                let mut other: Vec<f64> = Vec::new();
                if let Ok(column) = floats_with(bytes, rows, &places)
                    && column.decode(0..rows, &mut other).is_ok()
                {
                    assert_eq!(other.len(), rows);
                }
                let mut decoded = Vec::new();
                if let Ok(column) = floats(bytes, rows)
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
    fn any_bits_return(words in prop::collection::vec(any::<u64>(), 0..300), special in 0usize..300) {
        let mut values: Vec<f64> = words.into_iter().map(f64::from_bits).collect();
        if let Some(value) = values.get_mut(special) { *value = f64::NAN; }
        check(&mut Encoder::new(), "any bits", &values);
    }

    #[test]
    fn any_decimals_return(cents in prop::collection::vec(any::<i64>(), 1..2500), bits in 1..64u32, digits in 0..20i32) {
        let values: Vec<f64> = cents.iter().map(|c| (c >> (64 - bits)) as f64 / 10f64.powi(digits)).collect();
        check(&mut Encoder::new(), "any decimals", &values);
    }

    #[test]
    fn any_shape_returns(rows in 0usize..3000, seed: u64) {
        for (name, values) in float_shapes(rows, seed) { check(&mut Encoder::new(), name, &values); }
    }

    #[test]
    fn any_bytes_are_an_error_or_values(mut bytes in prop::collection::vec(any::<u8>(), 0..200), tag in 0u8..3, inner in 0u8..4, rows in 0usize..100) {
        if let [first, second, ..] = &mut bytes[..] { (*first, *second) = (tag, inner); }
        let mut decoded = Vec::new();
        if let Ok(column) = floats(&bytes, rows) && column.decode(0..rows, &mut decoded).is_ok() {
            prop_assert_eq!(decoded.len(), rows);
        }
    }
}

#[test]
fn the_choice_of_a_scale_does_not_depend_on_what_was_encoded_before() {
    let mut random = Random(9);
    let values: Vec<f64> = (0..2000).map(|_| random.below(5000) as f64 / 100.0).collect();
    let fresh = encode(&mut Encoder::new(), &values);
    let mut encoder = Encoder::new();
    for (_, others) in float_shapes(8192, 2) {
        encode(&mut encoder, &others);
        assert!(encode(&mut encoder, &values) == fresh);
    }
}
