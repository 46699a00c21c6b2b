//! Numbers as text, appended to a byte vector: what generators and the recorder print with.

use std::io::Write;

/// The decimal digits of 0 to 99, two bytes each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Appends an unsigned integer.
#[inline]
pub(crate) fn push_uint(out: &mut Vec<u8>, mut value: u64) {
    if value < 10 {
        return out.push(b'0' + value as u8);
    }
    if value < 100 {
        return out.extend_from_slice(&PAIRS[value as usize]);
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    while value >= 100 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        start -= 1;
        digits[start] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a signed integer.
#[inline]
pub(crate) fn push_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_uint(out, value.unsigned_abs());
}

/// Appends a float as the shortest text that reads back as the same number, without an exponent:
/// `25`, `83.2359`.
#[inline]
pub(crate) fn push_float(out: &mut Vec<u8>, value: f64) {
    // Few decimals, as most measurements have: then the digits are those of an integer. Below
    // 2⁵³ no other text of so few digits reads back as this number.
    const SCALE: f64 = 100_000.0;
    const DECIMALS: usize = 5;
    let scaled = (value * SCALE).round();
    let exact = scaled.abs() < (1u64 << 53) as f64 && scaled / SCALE == value;
    if !exact || value == 0.0 && value.is_sign_negative() {
        // Writing to a vector does not fail.
        return write!(out, "{value}").unwrap_or_default();
    }
    if scaled < 0.0 {
        out.push(b'-');
    }
    let scaled = scaled.abs() as u64;
    push_uint(out, scaled / SCALE as u64);
    let mut fraction = scaled % SCALE as u64;
    if fraction == 0 {
        return;
    }
    let mut digits = [b'.'; DECIMALS + 1];
    let mut end = 1;
    for place in (1..=DECIMALS).rev() {
        let digit = (fraction % 10) as u8;
        digits[place] = b'0' + digit;
        fraction /= 10;
        if digit != 0 && end == 1 {
            end = place + 1;
        }
    }
    out.extend_from_slice(&digits[..end]);
}

/// Appends a number with exactly two decimals, rounded half away from zero. Numbers beyond
/// ±9·10¹⁶ are printed as the nearest such number, NaN as zero.
pub(crate) fn push_hundredths(out: &mut Vec<u8>, value: f64) {
    let hundredths = (value * 100.0).round() as i64;
    if hundredths < 0 {
        out.push(b'-');
    }
    let magnitude = hundredths.unsigned_abs();
    push_uint(out, magnitude / 100);
    out.push(b'.');
    out.extend_from_slice(&PAIRS[(magnitude % 100) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hundredths() {
        let cases = [(0.0, "0.00"), (99.999, "100.00"), (-1.5, "-1.50"), (12.344, "12.34")];
        for (value, expected) in cases {
            assert_eq!(text(|out| push_hundredths(out, value)), expected);
        }
    }

    #[test]
    fn floats() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (25.0, "25"),
            (83.2359, "83.2359"),
            (-0.00001, "-0.00001"),
            (1e20, "100000000000000000000"),
            (87.357_892_747_968_44, "87.35789274796844"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(|out| push_float(out, value)), expected);
        }
    }

    proptest! {
        #[test]
        fn floats_print_as_the_standard_library_does(
            value in any::<f64>(), integer in any::<i32>(), places in 0..8,
        ) {
            for value in [value, f64::from(integer), f64::from(integer) / 10f64.powi(places)] {
                prop_assert_eq!(text(|out| push_float(out, value)), value.to_string());
            }
        }

        #[test]
        fn integers_print_as_the_standard_library_does(value in any::<i64>(), shift in 0..63u32) {
            for value in [value >> shift, i64::MIN, i64::MAX, 0] {
                prop_assert_eq!(text(|out| push_int(out, value)), value.to_string());
            }
        }
    }
}
