//! Values of options, from text.

use std::str::FromStr;
use std::time::Duration;

/// A number of bytes: `384MB`, `1GiB`, `65536`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) usize);

/// Suffixes of [`Bytes`] and what they multiply by; powers of ten as disks, of two as memory.
const BYTE_UNITS: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
    ("", 1),
];

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no size: write a number and KB, MB, GB, KiB, MiB or GiB");
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let unit = unit.to_ascii_lowercase();
        let (_, factor) = BYTE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let bytes = number * *factor as f64;
        if bytes < 1.0 || bytes >= usize::MAX as f64 {
            return Err(wrong());
        }
        Ok(Self(bytes as usize))
    }
}

/// A length of time: `10s`, `500ms`, `5m`, `24h`, `3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// Suffixes of [`Span`], in nanoseconds.
const SPAN_UNITS: [(&str, f64); 7] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
];

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no length of time: write a number and ns, us, ms, s, m, h or d")
        };
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let (_, factor) = SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let nanoseconds = number * factor;
        if !(1.0..u64::MAX as f64).contains(&nanoseconds) {
            return Err(wrong());
        }
        Ok(Self(Duration::from_nanos(nanoseconds as u64)))
    }
}

/// A number that is not negative and what follows it.
fn split_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check = |text: &str, want: Option<usize>| {
            assert_eq!(text.parse().ok(), want.map(Bytes), "{text}");
        };
        check("384MB", Some(384_000_000));
        check("384MiB", Some(384 << 20));
        check("1.5 gib", Some(3 << 29));
        check("65536", Some(65536));
        check("7b", Some(7));
        check("0", None);
        check("-1MB", None);
        check("MB", None);
        check("1TB", None);
        check("99999999999GB", None);
    }

    #[test]
    fn lengths_of_time() {
        let check = |text: &str, want: Option<u64>| {
            assert_eq!(text.parse().ok(), want.map(|ms| Span(Duration::from_millis(ms))), "{text}");
        };
        check("10s", Some(10_000));
        check("500ms", Some(500));
        check("1.5m", Some(90_000));
        check("72h", Some(259_200_000));
        check("1d", Some(86_400_000));
        check("10", None);
        check("0s", None);
        check("5 weeks", None);
    }
}
