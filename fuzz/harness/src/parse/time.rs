//! Times: a parser that remembers dates gives what a new one gives, and what `jiff` does.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tidemill_parse::time_text::{EpochUnit, TimeError, TimeFormat, TimeParser};

const FORMATS: [TimeFormat; 7] = [
    TimeFormat::Rfc3339,
    TimeFormat::DateTime,
    TimeFormat::Date,
    TimeFormat::Epoch(EpochUnit::Seconds),
    TimeFormat::Epoch(EpochUnit::Milliseconds),
    TimeFormat::Epoch(EpochUnit::Microseconds),
    TimeFormat::Epoch(EpochUnit::Nanoseconds),
];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe"];

/// New parsers, one for each format.
struct Parsers {
    zone: TimeZone,
    fresh: [TimeParser; FORMATS.len()],
}

thread_local! {
    static PARSERS: [Parsers; ZONES.len()] = ZONES.map(|name| {
        let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
        let fresh = FORMATS.map(|format| TimeParser::new(format, zone.clone()));
        Parsers { fresh, zone }
    });
}

pub(crate) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    PARSERS.with(|all| {
        let parsers = &all[usize::from(*choice) % ZONES.len()];
        // They remember no other input, so that what one finds it finds again.
        let mut kept = parsers.fresh.clone();
        for text in rest.split(|byte| *byte == b'\n') {
            check(parsers, &mut kept, text);
        }
    });
    let _ = TimeFormat::detect(rest.split(|byte| *byte == b'\n'));
}

fn check(parsers: &Parsers, kept: &mut [TimeParser], text: &[u8]) {
    let mut dated = None;
    for (kept, fresh) in kept.iter_mut().zip(&parsers.fresh) {
        let (format, got) = (kept.format(), kept.parse(text));
        let shown = || format!("{format:?} of {}", text.escape_ascii());
        assert_eq!(got, fresh.clone().parse(text), "remembered: {}", shown());
        match format {
            TimeFormat::Epoch(unit) => {
                let want = by_arithmetic(text, unit.nanoseconds());
                assert_eq!(got, want, "{}", shown());
            }
            _ => {
                if got != Err(TimeError::Malformed) {
                    assert_eq!(dated.replace(got), None, "two formats: {}", shown());
                }
                if let Some(want) = by_jiff(format, text, &parsers.zone) {
                    assert_eq!(got.ok(), i64::try_from(want).ok(), "{}", shown());
                    assert_ne!(got, Err(TimeError::Malformed), "{}", shown());
                }
            }
        }
    }
}

/// A count with a fraction, of which what is below a nanosecond is cut off.
fn by_arithmetic(text: &[u8], unit: i64) -> Result<i64, TimeError> {
    let text = str::from_utf8(text).map_err(|_| TimeError::Malformed)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err(TimeError::Malformed);
    }
    let decimals = unit.ilog10() as usize;
    let fraction: String = fraction.chars().chain("000000000".chars()).take(decimals).collect();
    let whole: i128 = whole.parse().map_err(|_| TimeError::OutOfRange)?;
    let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().unwrap_or(0) };
    let total = whole.checked_mul(unit.into()).and_then(|total| total.checked_add(fraction));
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let total = total.and_then(|total| i64::try_from(sign * total).ok());
    total.ok_or(TimeError::OutOfRange)
}

/// What `jiff` says of the spellings that both know; `None`: it is not for it to say.
fn by_jiff(format: TimeFormat, text: &[u8], zone: &TimeZone) -> Option<i128> {
    let text = str::from_utf8(text).ok()?;
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let date = |at: usize| text.as_bytes().get(at) == Some(&b'-');
    // YYYY-MM-DD, and what follows: jiff reads more spellings than these.
    let is_dated = date(4) && date(7) && [0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(digit);
    if !is_dated || text.contains(['[', ',', ' ']) {
        return None;
    }
    let is_timed = text.len() >= 19 && text.as_bytes()[13] == b':' && text.as_bytes()[16] == b':';
    let has_zone = text.ends_with('Z') && is_timed;
    match format {
        TimeFormat::Rfc3339 if has_zone => {
            text.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond)
        }
        TimeFormat::Date if text.len() == 10 => {
            let date: jiff::civil::Date = text.parse().ok()?;
            in_zone(date.at(0, 0, 0, 0), zone)
        }
        TimeFormat::DateTime if is_timed && text.bytes().skip(19).all(is_fraction) => {
            in_zone(text.parse().ok()?, zone)
        }
        _ => None,
    }
}

fn is_fraction(byte: u8) -> bool {
    byte == b'.' || byte.is_ascii_digit()
}

fn in_zone(time: DateTime, zone: &TimeZone) -> Option<i128> {
    let time = zone.to_ambiguous_timestamp(time).compatible().ok()?;
    Some(time.as_nanosecond())
}
