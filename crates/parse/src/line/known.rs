//! Rows of which everything was seen before: shortcuts through the grammar, each of which either
//! gives what the grammar gives or gives up.

use tidemill_model::{FieldType, TableBatch};

use super::grammar::Text;
use super::layout::{Field, Layout};
use super::reader::set;
use super::value::Token;
use crate::number::{join_digits, leading_digits, leading_digits_19, scale_down};
use crate::prefix::Prefix;
use crate::short::{self, Window};

/// What outlives a row.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The last text of a string without its escapes.
    pub(super) text: String,
    /// The ids of a row's fields.
    pub(super) ids: Vec<u32>,
    /// The text of the last time, with the newline behind it, and the time.
    last_time: (Prefix, i64),
}

/// Reads the fields that start at `at` and the time; returns the time and where the next line
/// starts. The values are staged, all but strings, which are in their columns. `None` is no
/// verdict: the row's values are to be taken back, and the grammar decides.
#[inline]
pub(super) fn read_fields(
    text: &Text<'_>,
    at: usize,
    layout: &mut Layout,
    table: &mut TableBatch,
    scratch: &mut Scratch,
) -> Option<(Option<i64>, usize)> {
    let end = match read_in_order(text, at, layout, table, scratch) {
        Some(end) => end,
        None => read_by_name(text, at, layout, table, scratch)?,
    };
    if text.bytes.get(end) == Some(&b' ')
        && let Some((time, next)) = read_time(text, end + 1, scratch)
    {
        return Some((Some(time), next));
    }
    text.time(end).ok()
}

/// Reads fields that come in the expected order, some of them missing maybe; returns where they
/// end. Gives up where the text is about to end: then there is no need to look for its end at every
/// step.
#[inline(always)]
fn read_in_order(
    text: &Text<'_>,
    mut at: usize,
    layout: &mut Layout,
    table: &mut TableBatch,
    scratch: &mut Scratch,
) -> Option<usize> {
    let bytes = text.bytes;
    let (order, fields, row) = layout.expected();
    let mut place = 0;
    loop {
        let window: &Window = bytes.get(at..)?.first_chunk()?;
        let mut field = fields.get_mut(*order.get(place)? as usize)?;
        if !is_name_of(field, window) {
            place = find_behind(order, fields, place, window)?;
            field = fields.get_mut(*order.get(place)? as usize)?;
        }
        let start = field.name.len();
        let number = match field.staged.ty {
            FieldType::Int => short::int(window, start).filter(|number| number.behind == b'i'),
            FieldType::Float => {
                short::float(window, start).filter(|number| is_behind(number.behind))
            }
            _ => None,
        };
        at = match number {
            Some(number) => {
                field.staged.set(row, number.word);
                at + number.end + usize::from(field.staged.ty == FieldType::Int)
            }
            None => read_value(text, at + start, field, row, table, &mut scratch.text)?,
        };
        if bytes.get(at) != Some(&b',') {
            return ends_fields(text, at);
        }
        at += 1;
        place += 1;
    }
}

/// Whether a value ends before this byte, as is usual.
#[inline(always)]
fn is_behind(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'\n')
}

#[inline(always)]
fn is_name_of(field: &Field, window: &Window) -> bool {
    let head = window.first_chunk();
    field.name.is_short() && head.is_some_and(|head| field.name.is_head_of(head))
}

/// The place in the order of the next field whose name the window begins with, if few are missing
/// between.
#[inline(never)]
fn find_behind(order: &[u32], fields: &[Field], place: usize, window: &Window) -> Option<usize> {
    const MAX_MISSING: usize = 8;
    let is_at = |place: &usize| {
        let field = order.get(*place).and_then(|id| fields.get(*id as usize));
        field.is_some_and(|field| field.name.is_start_of(window))
    };
    (place..=place + MAX_MISSING).find(is_at)
}

/// Reads fields in any order, which is the expected one then; returns where they end.
#[inline(never)]
fn read_by_name(
    text: &Text<'_>,
    mut at: usize,
    layout: &mut Layout,
    table: &mut TableBatch,
    scratch: &mut Scratch,
) -> Option<usize> {
    scratch.ids.clear();
    loop {
        let id = layout.find_by_name(text, at)?;
        scratch.ids.push(id);
        let (field, row) = layout.field(id);
        at = read_value(text, at + field.name.len(), field, row, table, &mut scratch.text)?;
        if text.bytes.get(at) != Some(&b',') {
            break;
        }
        at += 1;
    }
    let end = ends_fields(text, at)?;
    layout.learn_order(&scratch.ids);
    Some(end)
}

/// `at`, if the fields of a row may end there.
#[inline(always)]
fn ends_fields(text: &Text<'_>, at: usize) -> Option<usize> {
    let is_end = text.bytes.get(at) == Some(&b' ') || text.line_end(at).is_some();
    is_end.then_some(at)
}

/// Reads the value of a field, which starts at `at`; returns where it ends.
#[inline(never)]
fn read_value(
    text: &Text<'_>,
    at: usize,
    field: &mut Field,
    row: usize,
    table: &mut TableBatch,
    scratch: &mut String,
) -> Option<usize> {
    let rest = text.bytes.get(at..)?;
    let read = match field.staged.ty {
        FieldType::Int => read_int(rest, b'i'),
        FieldType::UInt => read_int(rest, b'u').filter(|_| rest[0] != b'-'),
        FieldType::Float => read_float(rest),
        FieldType::Bool => read_bool(rest),
        FieldType::Text => None,
    };
    if let Some((word, len)) = read {
        field.staged.set(row, word);
        return Some(at + len);
    }
    let (token, end) = text.value(at).ok()?;
    if token.ty() != field.staged.ty {
        return None;
    }
    let word = match token {
        Token::Int(value) => value as u64,
        Token::UInt(value) => value,
        Token::Float(value) => value.to_bits(),
        Token::Bool(value) => u64::from(value),
        Token::Text(_) => {
            set(table, field.staged.column, token, scratch);
            return Some(end);
        }
    };
    field.staged.set(row, word);
    Some(end)
}

/// The most usual booleans.
#[inline]
fn read_bool(text: &[u8]) -> Option<(u64, usize)> {
    let (word, len) = match text {
        [b't', b'r', b'u', b'e', ..] => (1, 4),
        [b'f', b'a', b'l', b's', b'e', ..] => (0, 5),
        [b't', ..] => (1, 1),
        [b'f', ..] => (0, 1),
        _ => return None,
    };
    text.get(len).is_some_and(|byte| is_behind(*byte)).then_some((word, len))
}

/// The integer that `text` starts with and its length with the suffix, for all but the longest.
#[inline]
fn read_int(text: &[u8], suffix: u8) -> Option<(u64, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let sign_len = usize::from(is_negative);
    let digits = text.get(sign_len..)?;
    let (magnitude, len) = leading_digits(digits);
    if len == 0 || digits.get(len) != Some(&suffix) {
        return None;
    }
    // 16 digits at most.
    Some((if is_negative { magnitude.wrapping_neg() } else { magnitude }, sign_len + len + 1))
}

/// The bits of the float that `text` starts with and its length, when it is short and has no
/// exponent.
#[inline]
fn read_float(text: &[u8]) -> Option<(u64, usize)> {
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
    if len == 0 || !digits.get(len).is_some_and(|byte| is_behind(*byte)) {
        return None;
    }
    let magnitude = scale_down(mantissa, decimals);
    let value = if is_negative { -magnitude } else { magnitude };
    Some((value.to_bits(), sign_len + len))
}

/// The time that `at` starts with and where the next line starts, when nothing else follows.
#[inline(always)]
fn read_time(text: &Text<'_>, at: usize, scratch: &mut Scratch) -> Option<(i64, usize)> {
    let rest = text.bytes.get(at..)?;
    // Rows of one moment mostly come together.
    let (last_text, last_time) = &scratch.last_time;
    if last_text.len() > 0 && last_text.is_start_of(rest) {
        return Some((*last_time, at + last_text.len()));
    }
    let (count, len) = leading_digits_19(rest);
    if len == 0 || rest.get(len) != Some(&b'\n') {
        return None;
    }
    let time = i64::try_from(count).ok()?.checked_mul(text.unit)?;
    scratch.last_time.0.set(&rest[..=len]);
    scratch.last_time.1 = time;
    Some((time, at + len + 1))
}
