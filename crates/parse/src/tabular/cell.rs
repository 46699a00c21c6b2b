//! What the text of one cell says, where the format itself does not tell types apart.

use crate::number::{parse_f64, parse_i64, parse_special, parse_u64};

/// A signed integer.
#[inline]
pub(crate) fn int(text: &[u8]) -> Option<i64> {
    parse_i64(text)
}

/// An unsigned integer.
#[inline]
pub(crate) fn uint(text: &[u8]) -> Option<u64> {
    parse_u64(text)
}

/// A number, `nan` or `inf`.
#[inline]
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    parse_f64(text).or_else(|| parse_special(text))
}

/// One of the words `true` and `false`, also capitalized or in capitals.
#[inline]
pub(crate) fn bool(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// `text` without blanks around it, which numbers and times are allowed to have.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}
