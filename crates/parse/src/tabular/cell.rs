//! What the text of one cell says, where the format itself does not tell types apart.

use crate::number::{
    join_digits, leading_digits, parse_f64, parse_i64, parse_special, parse_u64, scale_down,
};

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

/// A short number that a text starts with, read in passing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Leading {
    Int(i64),
    Float(f64),
}

/// The number that `text` starts with, if it is one of at most 16 digits without exponent before
/// the point and as many behind it, other than `-0`, and its length. A hint for hot paths: the caller looks
/// whether the number ends there, and asks the functions above if this says `None`.
#[inline(always)] // hot loops overlap its few instructions with what is around them
pub(crate) fn leading_number(text: &[u8]) -> Option<(Leading, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let sign_len = usize::from(is_negative);
    let digits = text.get(sign_len..)?;
    let (whole, whole_len) = leading_digits(digits);
    if whole_len == 0 {
        return None;
    }
    if digits.get(whole_len) != Some(&b'.') {
        let magnitude = whole as i64; // below 10^16
        let value = if is_negative { -magnitude } else { magnitude };
        // An integer has no negative zero.
        let is_int = magnitude != 0 || !is_negative;
        return is_int.then_some((Leading::Int(value), sign_len + whole_len));
    }
    let (fraction, decimals) = leading_digits(digits.get(whole_len + 1..)?);
    let mantissa = join_digits(whole, whole_len, fraction, decimals)?;
    let magnitude = scale_down(mantissa, decimals);
    let value = if is_negative { -magnitude } else { magnitude };
    Some((Leading::Float(value), sign_len + whole_len + 1 + decimals))
}

/// `text` without blanks around it, which numbers and times are allowed to have.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is a float, or a 0: who asks decides.
    #[test]
    fn a_negative_zero_is_no_integer() {
        // It reads 16 bytes at once.
        let read = |number: &str| leading_number(format!("{number},and what follows").as_bytes());
        assert!(read("-0").is_none() && read("-00").is_none());
        assert!(matches!(read("0"), Some((Leading::Int(0), 1))));
        assert!(matches!(read("-7"), Some((Leading::Int(-7), 2))));
    }
}
