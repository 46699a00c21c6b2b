use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{EpochUnit, TimeError, TimeFormat, TimeParser};
use EpochUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};
use TimeFormat::{Date, DateTime as Local, Epoch, Rfc3339};

fn parse(format: TimeFormat, tz: &str, text: &str) -> Result<i64, TimeError> {
    TimeParser::new(format, TimeZone::get(tz).unwrap()).parse(text.as_bytes())
}

#[test]
fn times_of_each_format() {
    let check = |format, text: &str, want: &str| {
        let want = want.parse::<jiff::Timestamp>().unwrap().as_nanosecond() as i64;
        assert_eq!(parse(format, "UTC", text), Ok(want), "{text}");
    };
    check(Rfc3339, "2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z");
    check(Rfc3339, "2024-05-01 12:00:00.25+02:00", "2024-05-01T10:00:00.25Z");
    check(Rfc3339, "2024-05-01t12:00:00z", "2024-05-01T12:00:00Z");
    check(Rfc3339, "2024-05-01 12:00:00-0130", "2024-05-01T13:30:00Z");
    check(Rfc3339, "2024-05-01 12:00:00+00", "2024-05-01T12:00:00Z");
    check(Rfc3339, "2015-06-30T23:59:60Z", "2015-06-30T23:59:59Z");
    check(Local, "2024-05-01 12:00:00", "2024-05-01T12:00:00Z");
    check(Local, "2024-05-01T12:00:00.000000001", "2024-05-01T12:00:00.000000001Z");
    check(Local, "2024-05-01 12:34", "2024-05-01T12:34:00Z");
    check(Local, "1677-09-21 00:12:43.145224192", "1677-09-21T00:12:43.145224192Z");
    check(Local, "2262-04-11 23:47:16.854775807", "2262-04-11T23:47:16.854775807Z");
    check(Date, "1969-12-31", "1969-12-31T00:00:00Z");
    check(Date, "2000-02-29", "2000-02-29T00:00:00Z");
    check(Epoch(Seconds), "1690000000.25", "2023-07-22T04:26:40.25Z");
    check(Epoch(Seconds), "-1.5", "1969-12-31T23:59:58.5Z");
    check(Epoch(Milliseconds), "1.0000019", "1970-01-01T00:00:00.001000001Z");
    check(Epoch(Microseconds), "+7", "1970-01-01T00:00:00.000007Z");
    check(Epoch(Nanoseconds), "-9223372036854775808", "1677-09-21T00:12:43.145224192Z");
}

#[test]
fn what_is_no_time_of_the_format() {
    let check = |format, texts: &[&str], want| {
        for text in texts {
            assert_eq!(parse(format, "UTC", text), Err(want), "{text}");
        }
    };
    let malformed = TimeError::Malformed;
    check(
        Rfc3339,
        &["", "2024-05-01T12:00:00", "2024-05-01", "2024-05-01T12:00:00+2:00"],
        malformed,
    );
    check(Rfc3339, &["2024-05-01T12:00:00ZZ", "2024-05-01T12:00:00.Z"], malformed);
    let offsets =
        ["2024-05-01T12:00:00+24:00", "2024-05-01T12:00:00-02:60", "2024-05-01T0::00:00Z"];
    check(Rfc3339, &offsets, malformed);
    check(Local, &["2024-02-30 00:00:00", "2024-01-01 24:00:00", "2024-01-01 00:60:00"], malformed);
    check(Local, &["2024-01-01 00:00:61", "2024-01-01 00:00:00.1234567891"], malformed);
    check(
        Date,
        &["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-1-1 ", "2024-05-01x"],
        malformed,
    );
    check(Epoch(Seconds), &["", ".", "-", "1e9", ".5", "1.2.3", "0x10"], malformed);
    check(
        Local,
        &["1677-09-21 00:12:43.145224191", "2262-04-11 23:47:16.854775808"],
        TimeError::OutOfRange,
    );
    check(Date, &["0000-01-01", "9999-12-31"], TimeError::OutOfRange);
    check(Epoch(Seconds), &["9223372037", "99999999999999999999"], TimeError::OutOfRange);
}

#[test]
fn a_local_time_is_the_zones() {
    let berlin = |text| parse(Local, "Europe/Berlin", text);
    assert_eq!(berlin("2024-07-01 12:00:00"), parse(Local, "UTC", "2024-07-01 10:00:00"));
    assert_eq!(berlin("2024-03-31 02:30:00"), parse(Local, "UTC", "2024-03-31 01:30:00"), "gap");
    assert_eq!(berlin("2024-10-27 02:30:00"), parse(Local, "UTC", "2024-10-27 00:30:00"), "fold");
}

#[test]
fn a_format_is_detected_by_majority() {
    let check = |samples: &[&str], want| {
        let got = TimeFormat::detect(samples.iter().map(|s| s.as_bytes()));
        assert_eq!(got, want, "{samples:?}");
    };
    check(&["2024-05-01T12:00:00Z", "x", "2024-05-02T12:00:00+01:00"], Some((Rfc3339, 2)));
    check(&["2024-05-01 12:00:00"], Some((Local, 1)));
    check(&["2024-05-01", "2024-05-02"], Some((Date, 2)));
    check(&["0", "1690000000"], Some((Epoch(Seconds), 2)));
    check(&["1690000000.5"], Some((Epoch(Seconds), 1)));
    check(&["-99999999999"], Some((Epoch(Seconds), 1)));
    check(&["1690000000000"], Some((Epoch(Milliseconds), 1)));
    check(&["1690000000000000"], Some((Epoch(Microseconds), 1)));
    check(&["1690000000000000000"], Some((Epoch(Nanoseconds), 1)));
    check(&["host_1", ""], None);
}

/// Zones with a change on most days of the year somewhere, a whole day skipped (Apia, 2011), and
/// half an hour of summer time (Lord Howe).
const ZONES: [&str; 5] =
    ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"];

#[test]
fn a_parser_remembers_the_right_date() {
    let mut parser = TimeParser::new(Date, TimeZone::UTC);
    let mut day = |text: &str| parser.parse(text.as_bytes()).map(|time| time / 86_400_000_000_000);
    assert_eq!((day("1970-01-02"), day("1970-01-01"), day("1970-01-02")), (Ok(1), Ok(0), Ok(1)));
}

/// A time at the very moment of a change is after it: an offset before it says nothing of what
/// follows, nor the other way round.
#[test]
fn a_time_at_the_change_is_not_taken_for_what_is_before_it() {
    let check = |zone: &str, first: &str, then: &str| {
        let tz = TimeZone::get(zone).unwrap();
        let mut parser = TimeParser::new(Local, tz.clone());
        for text in [first, then] {
            let want = tz.to_ambiguous_timestamp(text.parse().unwrap()).compatible().unwrap();
            let got = parser.parse(text.as_bytes()).map(i128::from);
            assert_eq!(got, Ok(want.as_nanosecond()), "{zone}: {text} after {first}");
        }
    };
    // 02:00 is skipped, and moved to 03:00.
    for first in ["2024-03-31T02:00:00", "2024-03-31T03:00:00", "2024-03-31T03:00:00.5"] {
        check("Europe/Berlin", first, "2024-03-31T04:30:00");
        check("Europe/Berlin", first, "2024-02-01T12:00:00");
        check("Europe/Berlin", first, "2024-07-01T12:00:00");
        // By rule, long after the last change that is listed.
        let later = first.replace("2024-03-31", "2200-03-30");
        check("Europe/Berlin", &later, "2200-02-01T12:00:00");
        check("Europe/Berlin", &later, "2200-07-01T12:00:00");
    }
    for first in ["2024-10-27T02:00:00", "2024-10-27T03:00:00"] {
        check("Europe/Berlin", first, "2024-07-01T12:00:00");
        check("Europe/Berlin", first, "2024-12-01T12:00:00");
    }
    // The day that was skipped.
    check("Pacific/Apia", "2011-12-31T00:00:00", "2011-12-01T00:00:00");
    check("Pacific/Apia", "2011-12-30T00:00:00", "2012-02-01T00:00:00");
}

proptest! {
    /// Local times around a change of clocks, after one far from it that is remembered.
    #[test]
    fn clocks_change_when_jiff_says(
        zone in 1..ZONES.len(),
        start in 0i64..2_000_000_000,
        around in prop::collection::vec(
            // Any second, or the quarters of an hour, at one of which the change is.
            prop_oneof![-90_000i64..90_000, (-100i64..100).prop_map(|quarter| quarter * 900)],
            1..20,
        ),
    ) {
        let tz = TimeZone::get(ZONES[zone]).unwrap();
        let change = tz.following(jiff::Timestamp::from_second(start).unwrap()).next();
        let change = change.map_or(start, |change| change.timestamp().as_second());
        let mut parser = TimeParser::new(Local, tz.clone());
        for away in [-30 * 86_400, 30 * 86_400] {
            for distance in std::iter::once(away).chain(around.iter().copied()) {
                let shown = jiff::Timestamp::from_second(change + distance).unwrap();
                let local = TimeZone::UTC.to_datetime(shown);
                let want = tz.to_ambiguous_timestamp(local).compatible().unwrap().as_nanosecond();
                let text = local.to_string();
                prop_assert_eq!(parser.parse(text.as_bytes()).map(i128::from), Ok(want), "{}", text);
            }
        }
    }

    /// One parser over many times in a row, so that the caches of dates and offsets are tried.
    #[test]
    fn agrees_with_jiff(
        zone in 0..ZONES.len(),
        start in 0i64..2_000_000_000,
        steps in prop::collection::vec((-90_000i64..900_000, 0i32..1_000_000_000), 1..40),
    ) {
        let tz = TimeZone::get(ZONES[zone]).unwrap();
        let mut local = TimeParser::new(Local, tz.clone());
        let mut absolute = TimeParser::new(Rfc3339, TimeZone::UTC);
        let mut seconds = start;
        for (step, nanos) in steps {
            seconds += step;
            let time = jiff::Timestamp::new(seconds, nanos).unwrap();
            let written: DateTime = TimeZone::UTC.to_datetime(time);
            let want = tz.to_ambiguous_timestamp(written).compatible().unwrap().as_nanosecond();
            let text = written.to_string().replace('T', " ");
            prop_assert_eq!(local.parse(text.as_bytes()).map(i128::from), Ok(want), "{}", text);
            let text = format!("{:.9}", time);
            prop_assert_eq!(absolute.parse(text.as_bytes()).map(i128::from), Ok(time.as_nanosecond()));
            let text = time.to_zoned(tz.clone()).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
            prop_assert_eq!(absolute.parse(text.as_bytes()).map(i128::from), Ok(time.as_nanosecond()), "{}", text);
        }
    }

    #[test]
    fn every_day_that_jiff_knows(year in 1678i16..2262, month in 0i8..14, day in 0i8..33) {
        let text = format!("{year:04}-{month:02}-{day:02}");
        let want = jiff::civil::Date::new(year, month, day).ok().map(|date| {
            date.to_zoned(TimeZone::UTC).unwrap().timestamp().as_nanosecond() as i64
        });
        prop_assert_eq!(parse(Date, "UTC", &text).ok(), want);
    }

    #[test]
    fn a_count_is_decimal_arithmetic(nanos in any::<i64>()) {
        let sign = if nanos < 0 { "-" } else { "" };
        let magnitude = nanos.unsigned_abs();
        for unit in [Seconds, Milliseconds, Microseconds, Nanoseconds] {
            let one = unit.nanoseconds() as u64;
            let width = unit.decimals();
            let text = if width == 0 {
                nanos.to_string()
            } else {
                format!("{sign}{}.{:0width$}", magnitude / one, magnitude % one)
            };
            prop_assert_eq!(parse(Epoch(unit), "UTC", &text), Ok(nanos));
        }
    }

    #[test]
    fn nothing_panics(text in prop::collection::vec(any::<u8>(), 0..40)) {
        for format in [Rfc3339, Local, Date, Epoch(Seconds), Epoch(Nanoseconds)] {
            let _ = TimeParser::new(format, TimeZone::UTC).parse(&text);
        }
        let _ = TimeFormat::detect([&text[..]]);
    }
}
