//! Columns of integers.

use std::ops::Range;

use tidemill_codec::{VECTOR_ROWS, ints};

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
    let values = words(&mut input, most);
    let part = start.min(end).min(values.len())..end.max(start).min(values.len());
    let encode = |encoder: &mut tidemill_codec::Encoder, out: &mut Vec<u8>| {
        encoder.uints(&values, out);
    };
    round_trip_as(compression(choice & 2 != 0), damage, encode, |bytes, is_whole| {
        let decoded = bounded(|| decode(bytes, values.len(), part.clone()));
        assert!(!is_whole || decoded.as_ref() == Some(&values), "{decoded:?} of {values:?}");
    });
}

/// Decodes a column in every way; all ways must agree.
fn decode(bytes: &[u8], rows: usize, part: Range<usize>) -> Option<Vec<u64>> {
    let column = match ints(bytes, rows) {
        Ok(column) => column,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    let whole = at_both_levels(|| {
        let mut out = Vec::new();
        column.decode::<u64>(0..rows, &mut out).map(|()| out)
    });
    let mut signed = vec![7; part.len()];
    let partly = column.decode_into::<i64>(part.clone(), &mut signed);
    let values = match whole {
        Ok(values) => values,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    assert!(partly.is_ok() && signed.iter().map(|v| *v as u64).eq(values[part].iter().copied()));
    let mut vector = [0u64; VECTOR_ROWS];
    for (index, want) in values.chunks(VECTOR_ROWS).enumerate() {
        assert_eq!(column.decode_vector(index, &mut vector), Ok(want.len()));
        assert_eq!(vector[..want.len()], *want, "vector {index}");
    }
    if let Some(constant) = column.constant::<u64>() {
        assert!(values.iter().all(|value| *value == constant));
    }
    Some(values)
}
