//! Numbers: exactly what the standard library reads.

use tidemill_parse::number::{parse_f64, parse_i64, parse_special, parse_u64};

pub(crate) fn run(data: &[u8]) {
    // As it is, and inside of other text: words are read, and none may come from beyond the end.
    check(data);
    if let Some((end, rest)) = data.split_first() {
        check(&rest[..usize::from(*end).min(rest.len())]);
    }
}

fn check(bytes: &[u8]) {
    let text = str::from_utf8(bytes).ok();
    let shown = || bytes.escape_ascii().to_string();
    assert_eq!(parse_i64(bytes), text.and_then(|text| text.parse().ok()), "i64 {}", shown());
    assert_eq!(parse_u64(bytes), text.and_then(|text| text.parse().ok()), "u64 {}", shown());
    let float = text.and_then(|text| text.parse::<f64>().ok());
    let is_special = bytes.iter().any(|byte| b"iInN".contains(byte));
    let finite = float.filter(|value| value.is_finite());
    assert_eq!(parse_f64(bytes).map(f64::to_bits), finite.map(f64::to_bits), "f64 {}", shown());
    let special = float.filter(|_| is_special);
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    assert_eq!(parse_special(bytes).map(bits), special.map(bits), "special {}", shown());
}
