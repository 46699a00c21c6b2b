//! Numbers as text, appended to a byte vector: what generators and the recorder print with.

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

    proptest! {
        #[test]
        fn integers_print_as_the_standard_library_does(value in any::<i64>(), shift in 0..63u32) {
            for value in [value >> shift, i64::MIN, i64::MAX, 0] {
                prop_assert_eq!(text(|out| push_int(out, value)), value.to_string());
            }
        }
    }
}
