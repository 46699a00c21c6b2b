//! Columns of doubles.

use std::ops::Range;

use tidemill_codec::{VECTOR_ROWS, floats};

use super::{
    at_both_levels, check_error, compression, most_rows, range, round_trip_as, rows, words,
};
use crate::bounded;
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    if choice & 1 != 0 {
        let rows = rows(&mut input);
        let part = range(&mut input, rows);
        bounded(|| decode(input.bytes, rows, part));
        return;
    }
    let (start, end) = (usize::from(input.u16()), usize::from(input.u16()));
    let damage = input.take(3);
    let most = most_rows(&mut input);
    let odd = Input::new(input.take(3)).u64();
    let words = words(&mut input, most);
    let part = start.min(end).min(words.len())..end.max(start).min(words.len());
    let values: Vec<f64> =
        words.iter().enumerate().map(|(row, word)| of(choice >> 1, odd, row, *word)).collect();
    let encode = |encoder: &mut tidemill_codec::Encoder, out: &mut Vec<u8>| {
        encoder.floats(&values, out);
    };
    round_trip_as(compression(choice & 32 != 0), damage, encode, |bytes, is_whole| {
        let decoded = bounded(|| decode(bytes, values.len(), part.clone()));
        let same = |got: &Vec<u64>| got.iter().copied().eq(values.iter().map(|v| v.to_bits()));
        assert!(!is_whole || decoded.as_ref().is_some_and(same), "{decoded:?} of {values:?}");
    });
}

/// A double of a word: its bits, a decimal number, a quotient, a small number with odd ones.
fn of(kind: u8, odd: u64, row: usize, word: u64) -> f64 {
    const SPECIAL: [f64; 8] = [
        f64::NAN,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        0.1,
    ];
    let integer = (word << 8) as i64 >> 8;
    if odd >> (row % 24) & 1 != 0 && kind & 8 != 0 {
        return SPECIAL[row / 24 % SPECIAL.len()];
    }
    match kind & 7 {
        0 => f64::from_bits(word),
        1 => integer as f64,
        2 => integer as f64 / 10.0,
        3 => integer as f64 / 1000.0,
        4 => (integer as i32 as f64) / 100.0,
        5 => integer as f64 / 3.0,
        6 => integer as f64 * 1e-9,
        _ => f64::from(f32::from_bits(word as u32)),
    }
}

/// Decodes a column in every way to the bits of its values; all ways must agree.
fn decode(bytes: &[u8], rows: usize, part: Range<usize>) -> Option<Vec<u64>> {
    let column = match floats(bytes, rows) {
        Ok(column) => column,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let whole = at_both_levels(|| {
        let mut out = Vec::new();
        column.decode(0..rows, &mut out).map(|()| bits(&out))
    });
    let mut some = vec![7.0; part.len()];
    let partly = column.decode_into(part.clone(), &mut some);
    let values = match whole {
        Ok(values) => values,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    assert!(partly.is_ok() && bits(&some) == values[part]);
    let mut vector = [0.0; VECTOR_ROWS];
    for (index, want) in values.chunks(VECTOR_ROWS).enumerate() {
        assert_eq!(column.decode_vector(index, &mut vector), Ok(want.len()));
        assert_eq!(bits(&vector[..want.len()]), *want, "vector {index}");
    }
    if let Some(constant) = column.constant() {
        assert!(values.iter().all(|value| *value == constant.to_bits()));
    }
    Some(values)
}
