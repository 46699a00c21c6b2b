//! Columns of strings.

use std::ops::Range;

use tidemill_codec::{TextScratch, VECTOR_ROWS, texts};
use tidemill_model::Text;

use super::{at_both_levels, check_error, most_rows, range, round_trip, rows};
use crate::bounded;
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.flag() {
        let rows = rows(&mut input);
        let part = range(&mut input, rows);
        bounded(|| decode(input.bytes, rows, part));
        return;
    }
    let (start, end) = (usize::from(input.u16()), usize::from(input.u16()));
    let damage = input.take(3);
    let most = most_rows(&mut input);
    let values = strings(&mut input, most);
    let part = start.min(end).min(values.len())..end.max(start).min(values.len());
    let encode = |encoder: &mut tidemill_codec::Encoder, out: &mut Vec<u8>| {
        encoder.texts(values.len(), |row| &values[row], out);
    };
    round_trip(damage, encode, |bytes, is_whole| {
        let decoded = bounded(|| decode(bytes, values.len(), part.clone()));
        let is_same = |decoded: &Text| decoded.iter().eq(values.iter().map(|text| &**text));
        assert!(!is_whole || decoded.as_ref().is_some_and(is_same), "{decoded:?} of {values:?}");
    });
}

/// Strings that share beginnings, repeat, or are long.
fn strings(input: &mut Input<'_>, most: usize) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    while !input.is_empty() && values.len() < most {
        let kind = input.u8();
        let length = usize::from(kind >> 3);
        let last = values.last().cloned().unwrap_or_default();
        let text = String::from_utf8_lossy(input.take(length)).into_owned();
        match kind & 7 {
            0 | 1 => values.push(text),
            2 | 3 => {
                let kept: String = last.chars().take(length).collect();
                values.push(kept + &text);
            }
            4 => values.extend(std::iter::repeat_n(text, 1 + length * 7)),
            5 => values.extend((0..1 + length * 9).map(|row| format!("{text}{row}"))),
            6 => values.extend((0..1 + length * 9).map(|row| format!("{text}{}", row % 7))),
            _ => values.push(text.repeat(1 + length * 3)),
        }
    }
    values.truncate(most);
    values
}

/// Decodes a column in every way; all ways must agree.
fn decode(bytes: &[u8], rows: usize, part: Range<usize>) -> Option<Text> {
    let mut scratch = TextScratch::default();
    let column = match texts(bytes, rows, &mut scratch) {
        Ok(column) => column,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    let read = |rows: Range<usize>| {
        let mut out = Text::default();
        column.decode(rows, &mut out).map(|()| out)
    };
    let whole = at_both_levels(|| read(0..rows));
    let some = read(part.clone());
    let values = match whole {
        Ok(values) => values,
        Err(error) => {
            check_error(error, bytes);
            return None;
        }
    };
    let in_part = part.clone().map(|row| values.get(row));
    assert!(some.is_ok_and(|some| some.len() == part.len() && some.iter().eq(in_part)));
    if let Some((entries, codes)) = column.dictionary() {
        let mut vector = [0u64; VECTOR_ROWS];
        for (index, start) in (0..rows).step_by(VECTOR_ROWS).enumerate() {
            let count = VECTOR_ROWS.min(rows - start);
            assert_eq!(codes.decode_vector(index, &mut vector), Ok(count));
            let mut both = vector.iter().zip(start..start + count);
            assert!(both.all(|(code, row)| entries.get(*code as usize) == values.get(row)));
        }
    }
    Some(values)
}
