//! Columns of integers: they return, they are small, and corrupt ones do no harm.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{ROWS, Random, any_ints, for_each_corruption, int_shapes, tsbs_walk};
use proptest::prelude::*;
use tidemill_codec::{Compression, Encoder, IntColumn, Places, VECTOR_ROWS, ints, ints_with};

/// What a column of pages begins with.
const PAGES: u8 = 4;

fn encode(encoder: &mut Encoder, values: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.ints(values, &mut bytes);
    bytes
}

/// That `values` return whole, by vector and by range, fast and small; gives their size when fast.
#[track_caller]
fn check(encoder: &mut Encoder, name: &str, values: &[i64]) -> usize {
    encoder.set_compression(Compression::Small);
    let small = check_one(encoder, name, values);
    encoder.set_compression(Compression::Fast);
    let fast = check_one(encoder, name, values);
    assert!(small <= fast, "{name}, {} rows: {small} bytes, {fast} when fast", values.len());
    fast
}

#[track_caller]
fn check_one(encoder: &mut Encoder, name: &str, values: &[i64]) -> usize {
    let bytes = encode(encoder, values);
    let column = ints(&bytes, values.len()).unwrap();
    let mut decoded = vec![42i64];
    column.decode(0..values.len(), &mut decoded).unwrap();
    assert!(decoded[1..] == *values, "{name}, {} rows", values.len());
    assert_eq!(column.vectors(), values.len().div_ceil(VECTOR_ROWS));
    for (vector, expected) in values.chunks(VECTOR_ROWS).enumerate() {
        let mut out = [0i64; VECTOR_ROWS];
        assert_eq!(column.decode_vector(vector, &mut out), Ok(expected.len()));
        assert!(out[..expected.len()] == *expected, "{name}, vector {vector}");
        check_prefix_sums(&column, vector, expected, name);
    }
    let range = values.len() / 3..values.len() - values.len() / 5;
    // Where vectors begin is found out by the first, and used by the second.
    let places = Places::default();
    for _ in 0..2 {
        decoded.clear();
        let column = ints_with(&bytes, values.len(), &places).unwrap();
        column.decode(range.clone(), &mut decoded).unwrap();
        assert!(decoded == values[range.clone()], "{name}, a range of {} rows", values.len());
    }
    bytes.len()
}

fn check_prefix_sums(column: &IntColumn<'_>, vector: usize, values: &[i64], name: &str) {
    let rows = values.len() as u16;
    let ends = [0, 1, 7, rows / 3, rows / 3, rows / 2, rows.saturating_sub(1), rows];
    let mut ends = ends.map(|end| end.min(rows));
    ends.sort_unstable();
    let mut sums = [9; 8];
    column.prefix_sums(vector, &ends, &mut sums).unwrap();
    for (end, sum) in ends.iter().zip(sums) {
        let wanted = values[..usize::from(*end)].iter().fold(0i64, |a, b| a.wrapping_add(*b));
        assert_eq!(sum as i64, wanted, "{name}: the first {end} of {rows}");
    }
}

#[test]
fn shapes_of_all_lengths_return() {
    let mut encoder = Encoder::new();
    for rows in ROWS {
        for (name, values) in int_shapes(rows, 1) {
            check(&mut encoder, name, &values);
        }
    }
}

#[test]
fn sizes_are_what_the_encodings_promise() {
    let mut encoder = Encoder::new();
    let most_bytes = [
        ("constant", 3),
        ("linear", 8 * 8),
        ("falling", 8 * 16),
        ("walk", 8192 * 41 / 100),
        ("outliers above", 8192 * (5 + 2) / 8),
        ("outliers below", 8192 * (5 + 2) / 8),
        ("resets", 8192 * 8 / 8),
        ("hundreds", 8192 * 20 / 8 + 80),
        ("runs", 8192 * 4 / 97 + 80),
        ("few distinct", 8192 * 7 / 8 + 90 * 8 + 80),
        ("random", 8192 * 8 + 8 * 14),
        ("counter beyond 2^63", 8 * 25),
    ];
    let shapes = int_shapes(8192, 1);
    for (name, most) in most_bytes {
        let values = &shapes.iter().find(|shape| shape.0 == name).unwrap().1;
        let bytes = encode(&mut encoder, values).len();
        assert!(bytes <= most, "{name}: {bytes} bytes, not {most}");
    }
}

#[test]
fn small_columns_are_near_their_entropy() {
    let most_bits = [("walk", 2.27), ("outliers above", 6.7), ("resets", 7.3)];
    let shapes = int_shapes(8192, 1);
    let mut encoder = Encoder::new();
    encoder.set_compression(Compression::Small);
    for (name, most) in most_bits {
        let values = &shapes.iter().find(|shape| shape.0 == name).unwrap().1;
        let bits = encode(&mut encoder, values).len() as f64 / 1024.0;
        assert!(bits <= most, "{name}: {bits} bits, not {most}");
    }
}

#[test]
fn what_is_hardly_smaller_stays_fast() {
    let mut random = Random(9);
    let values: Vec<i64> = (0..8192).map(|_| random.below(1000) as i64).collect();
    let fast = encode(&mut Encoder::new(), &values);
    let mut encoder = Encoder::new();
    encoder.set_compression(Compression::Small);
    assert_eq!(encode(&mut encoder, &values), fast);
}

#[test]
fn a_sample_unlike_the_rest_does_no_harm() {
    let mut random = Random(3);
    let values: Vec<i64> =
        (0..8192).map(|row| if row % 32 < 8 { 0 } else { random.below(1 << 40) as i64 }).collect();
    let bytes = check(&mut Encoder::new(), "misleading", &values);
    assert!(bytes <= 8192 * 41 / 8, "{bytes} bytes");
}

#[test]
fn small_columns_are_not_padded() {
    let mut encoder = Encoder::new();
    for (rows, most) in [(1, 4), (3, 8), (50, 28)] {
        let bytes = encode(&mut encoder, &tsbs_walk(rows, 5)).len();
        assert!(bytes <= most, "{rows} rows: {bytes} bytes, not {most}");
    }
}

#[test]
fn the_bytes_of_each_encoding_stay() {
    let cases: [(&str, &[i64], &str); 9] = [
        ("no rows", &[], "01"),
        ("constant", &[-3, -3, -3], "0005"),
        ("packed", &[5, 9, 4, 11], "01 00 03 08 29 0e"),
        ("delta", &[100, 103, 106, 109, 112], "01 01 c801 00 06"),
        ("scaled", &[500, 900, 400, 1100], "02 64 a006 00 03 00 29 0e"),
        (
            "patched",
            &[1, 0, 1, 1, 0, 0, 1, 5000, 1, 1, 0, 1, 0, 0, 1, 0],
            "01 00 81 00 01 02 4d4b 0700 c409",
        ),
        (
            "runs",
            &[[3; 40], [-900; 40], [50; 40]].concat().repeat(3),
            "01 02 09 00 4e 0a 870e 870360fbe100d87e3800b603",
        ),
        (
            "dictionary",
            &[[5, 1 << 40, -70, 1 << 40, 5, -70, 1 << 40, 5]; 4].concat(),
            "03 03 08 8b01 0000000000000000 4b00000000000000 4600000000010000 00 02 00 8961 8961 8961 8961",
        ),
        ("u64", &[-1, -2], "01 00 01 03 01"),
    ];
    for (name, values, expected) in cases {
        let bytes = encode(&mut Encoder::new(), values);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""), "{name}");
    }
}

#[test]
fn unsigned_integers_return() {
    let values = [0, 1, u64::MAX, 1 << 63, u64::MAX / 2];
    let mut bytes = Vec::new();
    Encoder::new().uints(&values, &mut bytes);
    let mut decoded: Vec<u64> = Vec::new();
    ints(&bytes, values.len()).unwrap().decode(0..values.len(), &mut decoded).unwrap();
    assert_eq!(decoded, values);
}

#[test]
fn corrupt_bytes_are_errors_or_other_values() {
    let mut encoder = Encoder::new();
    for rows in [0, 1, 5, 64] {
        for (_, values) in int_shapes(rows, 3) {
            let whole = encode(&mut encoder, &values);
            let places = Places::default();
            ints_with(&whole, rows, &places).unwrap();
            for_each_corruption(&whole, |bytes| {
                // Places of other bytes are no harm, either.
                let mut other: Vec<i64> = Vec::new();
                if let Ok(column) = ints_with(bytes, rows, &places)
                    && column.decode(0..rows, &mut other).is_ok()
                {
                    assert_eq!(other.len(), rows);
                }
                let mut decoded: Vec<i64> = Vec::new();
                if let Ok(column) = ints(bytes, rows)
                    && column.decode(0..rows, &mut decoded).is_ok()
                {
                    assert_eq!(decoded.len(), rows);
                    for (vector, values) in decoded.chunks(VECTOR_ROWS).enumerate() {
                        check_prefix_sums(&column, vector, values, "what else it may be");
                    }
                }
            });
        }
    }
}

#[test]
fn corrupt_pages_are_errors_or_other_values() {
    let mut encoder = Encoder::new();
    encoder.set_compression(Compression::Small);
    for (name, values) in int_shapes(1500, 3) {
        let bytes = encode(&mut encoder, &values);
        if bytes[0] != PAGES {
            assert_ne!(name, "walk");
            continue;
        }
        for_each_corruption(&bytes[..bytes.len().min(400)], |bytes| {
            let mut decoded: Vec<i64> = Vec::new();
            if let Ok(column) = ints(bytes, 1500)
                && column.decode(0..1500, &mut decoded).is_ok()
            {
                assert_eq!(decoded.len(), 1500);
            }
        });
    }
}

#[test]
fn an_error_names_the_byte() {
    let cases: [(&str, usize, &[u8], usize, &str); 7] = [
        ("nothing", 1, &[], 0, "ends too early"),
        ("tag", 1, &[9, 0], 0, "unknown encoding"),
        ("kind", 1, &[1, 7, 0, 0], 1, "unknown kind"),
        ("width", 1, &[1, 0, 65, 0], 2, "too many bits"),
        ("patches", 2, &[1, 0, 0x80, 0, 3, 1], 4, "more patches"),
        ("position", 2, &[1, 0, 0x80, 0, 1, 1, 2, 0, 5], 1, "beyond the vector"),
        ("rest", 1, &[0, 4, 4], 2, "left over"),
    ];
    for (name, rows, bytes, offset, reason) in cases {
        let decode = |column: IntColumn<'_>| column.decode(0..rows, &mut Vec::<i64>::new());
        let error = ints(bytes, rows).and_then(decode).unwrap_err();
        assert_eq!(error.offset(), offset, "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}

#[test]
fn a_column_of_other_rows_is_refused() {
    let bytes = encode(&mut Encoder::new(), &tsbs_walk(100, 1));
    for rows in [0, 1, 50, 92, 108, 1024, 8192, 8193, usize::MAX] {
        assert!(ints(&bytes, rows).is_err(), "{rows} rows");
    }
}

proptest! {
    #[test]
    fn any_integers_return(values in any_ints()) {
        check(&mut Encoder::new(), "any", &values);
    }

    #[test]
    fn any_bytes_are_an_error_or_values(mut bytes in prop::collection::vec(any::<u8>(), 0..200), tag in 0u8..=PAGES, rows in 0usize..100) {
        if let Some(first) = bytes.first_mut() { *first = tag; }
        let mut decoded: Vec<i64> = Vec::new();
        if let Ok(column) = ints(&bytes, rows) && column.decode(0..rows, &mut decoded).is_ok() {
            prop_assert_eq!(decoded.len(), rows);
        }
    }
}

/// Whatever places of another column say, values come or an error does.
#[test]
fn places_of_other_columns_are_no_harm() {
    let mut encoder = Encoder::new();
    let mut learned = Vec::new();
    for rows in [3, 1024, 2500, 8192] {
        for (_, values) in int_shapes(rows, 4) {
            let (bytes, places) = (encode(&mut encoder, &values), Places::default());
            ints_with(&bytes, rows, &places).unwrap();
            learned.push((bytes, rows, places));
        }
    }
    let mut refused = 0;
    for (bytes, rows, _) in &learned {
        for (_, _, places) in &learned {
            let (mut out, mut sums) = (Vec::<i64>::new(), [0; 1]);
            let Ok(column) = ints_with(bytes, *rows, places) else {
                refused += 1;
                continue;
            };
            match column.decode(0..*rows, &mut out) {
                Ok(()) => assert_eq!(out.len(), *rows),
                Err(_) => refused += 1,
            }
            for vector in 0..column.vectors() {
                let _ = column.prefix_sums(vector, &[1], &mut sums);
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
