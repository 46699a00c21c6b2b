use super::*;
use proptest::prelude::*;

/// Compares every function with the standard library on `text`.
fn check(text: &str) {
    let bytes = text.as_bytes();
    assert_eq!(parse_i64(bytes), text.parse().ok(), "i64 {text:?}");
    assert_eq!(parse_u64(bytes), text.parse().ok(), "u64 {text:?}");
    let std_float: Option<f64> = text.parse().ok();
    let finite = std_float.filter(|value| value.is_finite()).map(f64::to_bits);
    assert_eq!(parse_f64(bytes).map(f64::to_bits), finite, "f64 {text:?}");
    let is_word = text.bytes().any(|byte| matches!(byte, b'n' | b'N'));
    let special = std_float.filter(|value| !value.is_finite() && is_word);
    assert_eq!(parse_special(bytes).map(f64::to_bits), special.map(f64::to_bits), "{text:?}");
    check_leading(bytes);
}

fn check_leading(text: &[u8]) {
    let (value, count) = leading_digits(text);
    if count > 0 {
        assert_eq!(parse_u64(&text[..count]), Some(value));
        assert!(!text.get(count).is_some_and(u8::is_ascii_digit), "{text:?}");
    }
}

#[test]
fn numbers_are_those_of_the_standard_library() {
    let whole = "0 7 42 999 1234 12345 123456 1234567 12345678 123456789 1451606400000000000 \
        9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 \
        99999999999999999999 00000000000000000000000012 000000000000000000000000x 1_000 0x10";
    let real = "1.5 .5 5. . 0.1 0.30000000000000004 3.141592653589793 179.9999999999999 1e5 \
        1e-3 1.e5 .e5 e5 1e 1e+ 1e400 1e-400 4.9e-324 2.2250738585072014e-308 1.5e308 \
        976783372995538.8126 946543.3450697311783 925605444656012.8126 973686851145787712.1 \
        9007199254740993 9007199254740992.5 9007199254740993.0000000000001 1.7976931348623157e308 \
        123456789012345678901234567890 0.000000000000000000000000000001 1.2.3 1..2 0.1234567890123456789";
    let words = "nan NaN inf Infinity INFINITY infinit -nan i na";
    for text in [whole, real, words].iter().flat_map(|list| list.split(' ')) {
        for sign in ["", "-", "+", "--", "+-"] {
            check(&format!("{sign}{text}"));
        }
    }
    ["", "-", "+", " 1", "1 ", "1\n", "\u{661}"].into_iter().for_each(check);
}

#[test]
fn leading_digits_stop_where_they_end() {
    let cases: [(&[u8], (u64, usize)); 9] = [
        (b"42i,usage", (42, 2)),
        (b"1234567i,", (1_234_567, 7)),
        (b"12345678i,......", (12_345_678, 8)),
        (b"1234567890123456,", (1_234_567_890_123_456, 16)),
        (b"12345678901234567", (0, 0)),
        (b"1234567890123456", (0, 0)),
        (b"x1234567", (0, 0)),
        (b"42i,usa", (0, 0)),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", (0, 0)),
    ];
    for (text, want) in cases {
        assert_eq!(leading_digits(text), want, "{}", text.escape_ascii());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn text_that_is_nearly_a_number(text in "[+-]?[0-9]{0,22}[.]?[0-9]{0,22}([eE][+-]?[0-9]{0,3})?[0-9a-z]?") {
        check(&text);
    }

    #[test]
    fn every_float_comes_back(bits: u64, decimals in 0usize..20) {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            check(&format!("{value:?}"));
            check(&format!("{:.decimals$}", value % 1e6));
        }
    }

    #[test]
    fn every_integer_comes_back(value: i64, shift in 0u32..64) {
        check(&(value >> shift).to_string());
        check(&(value as u64 >> shift).to_string());
    }

    #[test]
    fn scaling_down_rounds_as_std(mantissa: u64, shift in 0u32..64, decimals in 0usize..20) {
        let mantissa = mantissa >> shift;
        let want: f64 = format!("{mantissa}e-{decimals}").parse().unwrap();
        prop_assert_eq!(scale_down(mantissa, decimals).to_bits(), want.to_bits());
    }

    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..30)) {
        check_leading(&text);
        if let Ok(text) = std::str::from_utf8(&text) {
            check(text);
        }
    }
}
