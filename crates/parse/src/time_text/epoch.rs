//! Counts since the epoch.

use super::{EpochUnit, TimeError};
use crate::number::{parse_i64, parse_u64};

/// The nanoseconds of a count since the epoch. Digits after the point that are less than a
/// nanosecond are cut off.
#[inline]
pub(super) fn parse(text: &[u8], unit: EpochUnit) -> Result<i64, TimeError> {
    if let Some(count) = parse_i64(text) {
        return count.checked_mul(unit.nanoseconds()).ok_or(TimeError::OutOfRange);
    }
    parse_fraction(text, unit)
}

/// The whole part of a count's magnitude, or `None` when `text` is no count.
pub(super) fn magnitude(text: &[u8]) -> Option<u64> {
    let (_, whole, _) = split(text)?;
    parse_u64(whole)
}

#[cold]
fn parse_fraction(text: &[u8], unit: EpochUnit) -> Result<i64, TimeError> {
    let (is_negative, whole, fraction) = split(text).ok_or(TimeError::Malformed)?;
    let whole = parse_u64(whole).ok_or(TimeError::OutOfRange)?;
    let decimals = unit.decimals();
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(decimals);
    let fraction = digits.fold(0, |value, digit| value * 10 + i128::from(digit - b'0'));
    let magnitude = i128::from(whole) * i128::from(unit.nanoseconds()) + fraction;
    let signed = if is_negative { -magnitude } else { magnitude };
    i64::try_from(signed).map_err(|_| TimeError::OutOfRange)
}

/// Sign, whole digits (at least one) and fraction digits.
fn split(text: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (is_negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (whole, fraction) = match rest.iter().position(|byte| *byte == b'.') {
        Some(point) => (&rest[..point], &rest[point + 1..]),
        None => (rest, &rest[..0]),
    };
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    (!whole.is_empty() && digits(whole) && digits(fraction)).then_some((
        is_negative,
        whole,
        fraction,
    ))
}
