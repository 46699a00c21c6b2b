//! Decimal numbers in text, read eight digits at a time.
//!
//! Every function gives exactly what the standard library's `FromStr` gives, or `None` where that
//! fails; [`parse_f64`] is stricter, see there. The common case reads eight bytes as one word and
//! turns them into a number with three multiplications ("SIMD within a register", after
//! D. Lemire, *Quickly parsing eight digits*, 2018).

use tidemill_kernels::decimal::eight_digits;

/// The digit `0` in every byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The longest run of digits that fits a `u64` whatever the digits.
const MAX_SAFE_DIGITS: usize = 19;

/// Every power of ten a `u64` holds.
pub(crate) const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Parses a signed integer: an optional `+` or `-`, then digits. `None` when it is none or does
/// not fit.
#[must_use]
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = split_sign(text);
    if digits.len() < MAX_SAFE_DIGITS {
        let magnitude = parse_digits(digits)? as i64; // below 10^18
        return Some(if is_negative { -magnitude } else { magnitude });
    }
    let magnitude = parse_unsigned(digits)?;
    if is_negative { 0i64.checked_sub_unsigned(magnitude) } else { magnitude.try_into().ok() }
}

/// Parses an unsigned integer: an optional `+`, then digits. `None` when it is none or does not
/// fit.
#[must_use]
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    parse_unsigned(text.strip_prefix(b"+").unwrap_or(text))
}

/// Parses a finite decimal number: an optional sign, digits with an optional point among, before
/// or after them, an optional exponent.
///
/// `None` when it is none (`inf` and `nan` are none: see [`parse_special`]) or too large for an
/// `f64`. The result is the nearest `f64`, as the standard library's.
#[must_use]
#[inline]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (is_negative, magnitude) = split_sign(text);
    let whole_len = digits_len(magnitude);
    let (whole, rest) = magnitude.split_at(whole_len);
    let fraction = match rest {
        [] => rest,
        [b'.', fraction @ ..] => fraction,
        _ => return parse_f64_slowly(text),
    };
    if whole.len() + fraction.len() > MAX_SAFE_DIGITS || matches!(magnitude, b"" | b".") {
        return parse_f64_slowly(text);
    }
    let digits = parse_digits_or_none(whole).zip(parse_digits_or_none(fraction));
    match digits {
        Some((whole, fraction_digits)) => {
            let mantissa = whole * POWERS[fraction.len()] + fraction_digits;
            let value = scale_down(mantissa, fraction.len());
            Some(if is_negative { -value } else { value })
        }
        None => parse_f64_slowly(text),
    }
}

/// Parses what [`parse_f64`] refuses as no number: `nan`, `inf` and `infinity` in any case, with
/// an optional sign.
#[must_use]
pub fn parse_special(text: &[u8]) -> Option<f64> {
    let (is_negative, word) = split_sign(text);
    let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
    let value = if is(b"nan") {
        f64::NAN
    } else if is(b"inf") || is(b"infinity") {
        f64::INFINITY
    } else {
        return None;
    };
    Some(if is_negative { -value } else { value })
}

/// The unsigned integer of the digits `text` starts with, and how many they are: 0 when there is
/// none, when there are more than 16, or when they come so close to the end of `text` that whole
/// words cannot be read. A hint for hot paths: whoever gets 0 asks the functions above.
#[inline(always)] // a few instructions, which hot loops overlap with what is around them
pub(crate) fn leading_digits(text: &[u8]) -> (u64, usize) {
    let Some(head) = text.first_chunk::<8>() else { return (0, 0) };
    let head = u64::from_le_bytes(*head) ^ ZEROS;
    match digit_bytes(head) {
        0 => (0, 0),
        8 => more_leading_digits(eight_digits(head), &text[8..]),
        count => (eight_digits(head << (64 - 8 * count)), count),
    }
}

/// [`leading_digits`] behind the first eight.
#[inline(never)]
fn more_leading_digits(head: u64, text: &[u8]) -> (u64, usize) {
    let Some(tail) = text.first_chunk::<8>() else { return (0, 0) };
    let tail = u64::from_le_bytes(*tail) ^ ZEROS;
    match digit_bytes(tail) {
        0 => (head, 8),
        8 if text.get(8).is_none_or(u8::is_ascii_digit) => (0, 0),
        count => {
            let low = eight_digits(tail << (64 - 8 * count));
            (head * POWERS[count] + low, 8 + count)
        }
    }
}

/// The number of the digits, one to seven, that eight bytes start with, and how many they are.
#[inline(always)]
pub(crate) fn few_digits(text: u64) -> Option<(u64, usize)> {
    let word = text ^ ZEROS;
    let count = digit_bytes(word);
    (1..=7).contains(&count).then(|| (eight_digits(word << (64 - 8 * count)), count))
}

/// [`leading_digits`] for up to 19 of them: times are that long.
#[inline(always)]
pub(crate) fn leading_digits_19(text: &[u8]) -> (u64, usize) {
    let Some(([head, middle, tail], _)) =
        text.first_chunk::<24>().map(|text| text.as_chunks::<8>())
    else {
        return leading_digits(text);
    };
    let [head, middle, tail] = [head, middle, tail].map(|word| u64::from_le_bytes(*word) ^ ZEROS);
    if digit_bytes(head) + digit_bytes(middle) < 16 {
        return leading_digits(text);
    }
    let high = eight_digits(head) * POWERS[8] + eight_digits(middle);
    match digit_bytes(tail) {
        0 => (high, 16),
        count @ 1..=3 => {
            (high * POWERS[count] + eight_digits(tail << (64 - 8 * count)), 16 + count)
        }
        _ => (0, 0),
    }
}

/// The digits of `whole` (`whole_len` of them) followed by those of `fraction`, or `None` when
/// they are more than fit or there is no fraction.
#[inline]
pub(crate) fn join_digits(
    whole: u64,
    whole_len: usize,
    fraction: u64,
    fraction_len: usize,
) -> Option<u64> {
    let is_safe = fraction_len > 0 && whole_len + fraction_len <= MAX_SAFE_DIGITS;
    is_safe.then(|| whole * POWERS[fraction_len] + fraction)
}

/// `mantissa / 10^decimals`, rounded to the nearest `f64`, ties to even.
///
/// # Panics
/// When `decimals > 19`.
#[inline]
pub(crate) fn scale_down(mantissa: u64, decimals: usize) -> f64 {
    let power = POWERS[decimals];
    // Both are exact as f64, so that the division rounds once (W. Clinger, *How to read floating
    // point numbers accurately*, 1990).
    if mantissa <= 1 << f64::MANTISSA_DIGITS {
        return mantissa as f64 / power as f64;
    }
    divide_exactly(mantissa, power)
}

/// `mantissa / power`, rounded to the nearest `f64`, where `mantissa` has more than 53 bits.
///
/// Both are shifted until their highest bits are ones, so that the quotient of the 128-bit
/// division has 63 or 64 bits. A remainder only has to be known to exist: one sticky bit below
/// the rounding bit makes the conversion to `f64` round as if it had seen all of it.
fn divide_exactly(mantissa: u64, power: u64) -> f64 {
    let (up, power_up) = (mantissa.leading_zeros(), power.leading_zeros());
    let numerator = u128::from(mantissa << up) << 63;
    let divisor = u128::from(power << power_up);
    let quotient = numerator / divisor;
    let sticky = u64::from(quotient * divisor != numerator);
    // numerator / divisor is mantissa / power * 2^(63 + up - power_up).
    let exponent = power_up as i32 - up as i32 - 63;
    (quotient as u64 | sticky) as f64 * f64::from_bits(((1023 + exponent) as u64) << 52)
}

#[inline]
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

#[inline]
fn parse_unsigned(digits: &[u8]) -> Option<u64> {
    if digits.len() <= MAX_SAFE_DIGITS {
        return parse_digits(digits);
    }
    // Rare: 20 digits, or leading zeros. A sign is none here.
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        let value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        (digit < 10).then_some(value)
    })
}

/// The number that `digits` (1 to 19 of them) say; `None` when one is no digit or there are none.
#[inline]
fn parse_digits(digits: &[u8]) -> Option<u64> {
    debug_assert!(digits.len() <= MAX_SAFE_DIGITS, "more digits than fit");
    if let Some((head, rest)) = digits.split_first_chunk::<8>() {
        let mut value = whole_word(u64::from_le_bytes(*head))?;
        let mut rest = rest;
        if let Some((next, last)) = rest.split_first_chunk::<8>() {
            value = value * POWERS[8] + whole_word(u64::from_le_bytes(*next))?;
            rest = last;
        }
        return Some(value * POWERS.get(rest.len())? + short_word(rest)?);
    }
    if digits.is_empty() { None } else { short_word(digits) }
}

/// [`parse_digits`] where no digits are 0.
#[inline]
fn parse_digits_or_none(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() { Some(0) } else { parse_digits(digits) }
}

/// The number of eight digits.
#[inline]
fn whole_word(text: u64) -> Option<u64> {
    let digits = text ^ ZEROS;
    (digit_bytes(digits) == 8).then(|| eight_digits(digits))
}

/// The number of fewer than eight digits; 0 of none.
#[inline]
fn short_word(text: &[u8]) -> Option<u64> {
    let len = text.len();
    // Loads that overlap cover every length without a loop; what both cover is the same.
    let word = match text {
        [] => return Some(0),
        [a, .., z] if len < 4 => {
            let middle = u64::from(text[len / 2]) << (8 * (len / 2));
            u64::from(*a) | middle | u64::from(*z) << (8 * (len - 1))
        }
        [a] => u64::from(*a),
        _ => {
            let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) else {
                return None;
            };
            let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
            u64::from(head) | u64::from(tail) << (8 * (len - 4))
        }
    };
    let unused = 64 - 8 * len;
    whole_word(word << unused | ZEROS >> (8 * len))
}

/// How many bytes from the lowest are digits, of a word that was `text ^ ZEROS`.
#[inline]
fn digit_bytes(word: u64) -> usize {
    // A byte above 9 sets its own highest bit. A carry can only reach bytes above the first one
    // that is no digit.
    let high = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
    high.trailing_zeros() as usize / 8
}

/// The number of digits that `text` starts with.
#[inline]
fn digits_len(text: &[u8]) -> usize {
    let mut len = 0;
    while let Some(word) = text[len..].first_chunk::<8>() {
        let count = digit_bytes(u64::from_le_bytes(*word) ^ ZEROS);
        len += count;
        if count < 8 {
            return len;
        }
    }
    len + text[len..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The general case: exponents, and more digits than fit a word.
#[cold]
fn parse_f64_slowly(text: &[u8]) -> Option<f64> {
    // The standard library also takes `inf` and `nan`, which are not finite.
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
