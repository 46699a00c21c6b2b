//! Columns of bits.

use std::ops::Range;

use tidemill_codec::bits;
use tidemill_model::Bitmap;

use super::{at_both_levels, check_error, most_rows, range, round_trip, rows};
use crate::bounded;
use crate::input::{Input, Random};

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
    let values = stretches(&mut input, most);
    let part = start.min(end).min(values.len())..end.max(start).min(values.len());
    let encode = |encoder: &mut tidemill_codec::Encoder, out: &mut Vec<u8>| {
        if choice & 2 != 0 {
            return encoder.bools(&values, out);
        }
        let mut bitmap = Bitmap::default();
        values.iter().for_each(|bit| bitmap.push(*bit));
        encoder.validity(&bitmap, out);
    };
    round_trip(damage, encode, |bytes, is_whole| {
        let decoded = bounded(|| decode(bytes, values.len(), part.clone()));
        assert!(!is_whole || decoded.as_ref() == Some(&values), "{decoded:?} of {values:?}");
    });
}

/// Runs of equal bits, and random ones.
fn stretches(input: &mut Input<'_>, most: usize) -> Vec<bool> {
    let mut values = Vec::new();
    while !input.is_empty() && values.len() < most {
        let kind = input.u8();
        let count = usize::from(kind >> 2) * if kind & 2 != 0 { 33 } else { 1 };
        if kind >> 2 == 63 {
            let mut random = Random(input.u8().into());
            values.extend((0..200).map(|_| random.word() & 1 != 0));
        }
        values.extend(std::iter::repeat_n(kind & 1 != 0, count));
    }
    values.truncate(most);
    values
}

/// Decodes a column in every way; all ways must agree.
fn decode(bytes: &[u8], rows: usize, part: Range<usize>) -> Option<Vec<bool>> {
    let column = match bits(bytes, rows) {
        Ok(column) => column,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    let whole = at_both_levels(|| {
        let mut out = Vec::new();
        column.decode(0..rows, &mut out).map(|()| out)
    });
    let mut words = vec![u64::MAX; 3];
    let as_words = column.decode_words(&mut words);
    let values = match whole {
        Ok(values) => values,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    assert!(as_words.is_ok() && words.len() == rows.div_ceil(64));
    let bit = |row: usize| words[row / 64] >> (row % 64) & 1 != 0;
    assert!((0..rows).all(|row| bit(row) == values[row]));
    assert!((rows..words.len() * 64).all(|row| !bit(row)), "bits behind the rows");
    let mut some = Vec::new();
    assert!(column.decode(part.clone(), &mut some).is_ok() && some == values[part]);
    if let Some(constant) = column.constant() {
        assert!(values.iter().all(|value| *value == constant));
    }
    Some(values)
}
