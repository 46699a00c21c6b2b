//! Cells of numbers, one by one and many at once.

use tidemill_kernels::decimal;
use tidemill_model::FieldType;

use super::cursor::{PlainCell, behind_delimiter, ends_cell, plain_cell};
use super::rows::Rows;
use crate::number::leading_digits_19;
use crate::short;
use crate::tabular::cell;

/// Reads `count` integers at `at`, of which `first` is the first, and returns where the last one's
/// cell ends.
#[inline(always)]
pub(super) fn ints(
    chunk: &[u8],
    mut at: usize,
    delimiter: u8,
    mut first: usize,
    mut count: usize,
    rows: &mut Rows,
) -> Option<usize> {
    /// The longest that are read together.
    const SHORT_BYTES: usize = 8;
    let mut is_short = true;
    loop {
        if let Some(text) = chunk.get(at..)?.first_chunk()
            && is_short
        {
            let read = decimal::cells(text, delimiter, count, rows.values_from(first));
            at += read.end;
            if read.count == count {
                return Some(at);
            }
            if read.count > 0 {
                at = behind_delimiter(chunk, at, delimiter)?;
                (first, count) = (first + read.count, count - read.count);
            }
        }
        // One that is anything else, or goes on behind what was looked at.
        let start = at;
        at = number(chunk, at, delimiter, first, rows)?;
        (first, count) = (first + 1, count - 1);
        if count == 0 {
            return Some(at);
        }
        // Long ones mostly come together, too.
        is_short = at - start <= SHORT_BYTES;
        at = behind_delimiter(chunk, at, delimiter)?;
    }
}

/// Reads a number at `start` and returns where its cell ends.
#[inline(always)]
pub(super) fn number(
    chunk: &[u8],
    start: usize,
    delimiter: u8,
    field: usize,
    rows: &mut Rows,
) -> Option<usize> {
    if let Some(window) = chunk.get(start..)?.first_chunk() {
        let number = match rows.ty(field) {
            FieldType::Int => short::int(window, 0),
            FieldType::Float => short::float(window, 0),
            _ => None,
        };
        let is_end = |byte| byte == delimiter || byte == b'\n';
        if let Some(number) = number.filter(|number| is_end(number.behind)) {
            rows.set(field, number.word);
            return Some(start + number.end);
        }
    }
    any_number(chunk, start, delimiter, field, rows)
}

#[inline(never)]
fn any_number(
    chunk: &[u8],
    start: usize,
    delimiter: u8,
    field: usize,
    rows: &mut Rows,
) -> Option<usize> {
    if rows.ty(field) == FieldType::Int
        && let Some((value, end)) = long_int(chunk, start)
        && ends_cell(chunk, end, delimiter)
    {
        rows.set(field, value as u64);
        return Some(end);
    }
    let PlainCell { text, end } = plain_cell(chunk, start, delimiter)?;
    if text.is_empty() {
        rows.leave_out(field);
        return Some(end);
    }
    let word = match rows.ty(field) {
        FieldType::Int => cell::int(text)? as u64,
        FieldType::Float => cell::float(text)?.to_bits(),
        FieldType::UInt => cell::uint(text)?,
        FieldType::Bool => u64::from(cell::bool(text)?),
        FieldType::Text => return None,
    };
    rows.set(field, word);
    Some(end)
}

/// The integer of up to 19 digits at `start`, maybe behind a minus, and where it ends.
#[inline]
fn long_int(chunk: &[u8], start: usize) -> Option<(i64, usize)> {
    let is_negative = chunk.get(start) == Some(&b'-');
    let start = start + usize::from(is_negative);
    let (magnitude, len) = leading_digits_19(chunk.get(start..)?);
    let magnitude = i64::try_from(magnitude).ok().filter(|_| len > 0)?;
    Some((if is_negative { -magnitude } else { magnitude }, start + len))
}
