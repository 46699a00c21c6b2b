//! Rows of which everything was seen before: shortcuts through the grammar, each of which either
//! gives what the grammar gives or gives up.

use tidemill_model::{FieldType, TableBatch};

use super::grammar::Text;
use super::layout::{Field, Layout};
use super::reader::set;
use crate::number::{digits_len, join_digits, leading_digits, parse_i64, scale_down};

/// Reads the fields that start at `at` and the time; returns the time and where the next line
/// starts. `None` is no verdict: the row's values are to be taken back, and the grammar decides.
#[inline]
pub(super) fn read_fields(
    text: &Text<'_>,
    mut at: usize,
    layout: &mut Layout,
    table: &mut TableBatch,
    scratch: &mut String,
) -> Option<(Option<i64>, usize)> {
    let mut previous = None;
    loop {
        let id = layout.field(previous, text, at)?;
        let field = layout.get(id);
        at = read_value(text, at + field.name_len(), field, table, scratch)?;
        match text.bytes.get(at) {
            Some(b',') => at += 1,
            Some(b' ') => break,
            _ => return text.line_end(at).and_then(|_| text.time(at).ok()),
        }
        previous = Some(id);
    }
    match read_time(text, at + 1) {
        Some((time, next)) => Some((Some(time), next)),
        None => text.time(at).ok(),
    }
}

/// Reads the value at `at` into its column; returns where it ends.
#[inline]
fn read_value(
    text: &Text<'_>,
    at: usize,
    field: &mut Field,
    table: &mut TableBatch,
    scratch: &mut String,
) -> Option<usize> {
    let rest = text.bytes.get(at..)?;
    match field.ty {
        FieldType::Int => {
            if let Some((value, len)) = read_int(rest) {
                table.set_int(field.column(FieldType::Int)?, value);
                return Some(at + len);
            }
        }
        FieldType::Float => {
            if let Some((value, len)) = read_float(rest) {
                table.set_float(field.column(FieldType::Float)?, value);
                return Some(at + len);
            }
        }
        _ => {}
    }
    read_any_value(text, at, field, table, scratch)
}

#[inline(never)]
fn read_any_value(
    text: &Text<'_>,
    at: usize,
    field: &mut Field,
    table: &mut TableBatch,
    scratch: &mut String,
) -> Option<usize> {
    let (token, end) = text.value(at).ok()?;
    let ty = token.ty();
    let column = field.column(ty)?;
    if field.ty != ty {
        // The same field stood earlier in this row with another type: the last one wins.
        let rows = table.rows();
        if field.other_columns(ty).any(|other| table.columns()[other].column.len() > rows) {
            return None;
        }
        field.ty = ty;
    }
    set(table, column, token, scratch);
    Some(end)
}

/// The integer that `text` starts with and its length, for all but the longest.
#[inline]
fn read_int(text: &[u8]) -> Option<(i64, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let sign_len = usize::from(is_negative);
    let digits = text.get(sign_len..)?;
    let (magnitude, len) = leading_digits(digits);
    if len == 0 || digits.get(len) != Some(&b'i') {
        return None;
    }
    let magnitude = magnitude as i64; // 16 digits at most
    Some((if is_negative { -magnitude } else { magnitude }, sign_len + len + 1))
}

/// The float that `text` starts with and its length, when it is short and has no exponent.
#[inline]
fn read_float(text: &[u8]) -> Option<(f64, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let sign_len = usize::from(is_negative);
    let digits = text.get(sign_len..)?;
    let (mut mantissa, mut len) = leading_digits(digits);
    let mut decimals = 0;
    if len > 0 && digits.get(len) == Some(&b'.') {
        let fraction;
        (fraction, decimals) = leading_digits(&digits[len + 1..]);
        mantissa = join_digits(mantissa, len, fraction, decimals)?;
        len += 1 + decimals;
    }
    if len == 0 || !matches!(digits.get(len), Some(b',' | b' ' | b'\n')) {
        return None;
    }
    let magnitude = scale_down(mantissa, decimals);
    Some((if is_negative { -magnitude } else { magnitude }, sign_len + len))
}

/// The time that `at` starts with and where the next line starts, when nothing else follows.
#[inline]
fn read_time(text: &Text<'_>, at: usize) -> Option<(i64, usize)> {
    let rest = text.bytes.get(at..)?;
    let len = digits_len(rest);
    if rest.get(len) != Some(&b'\n') {
        return None;
    }
    let time = parse_i64(&rest[..len])?.checked_mul(text.unit)?;
    Some((time, at + len + 1))
}
