//! Dates and times of day, and the zones they were written in.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::TimeFormat;

/// A date and time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    /// Seconds from 1970-01-01T00:00:00 to it, on the clock that it was read from.
    pub local_seconds: i64,
    /// The fraction of the second.
    pub nanoseconds: u32,
    /// How far that clock was ahead of UTC, where written.
    pub offset_seconds: Option<i32>,
    has_time_of_day: bool,
}

impl Civil {
    pub(super) fn format(&self) -> TimeFormat {
        match (self.has_time_of_day, self.offset_seconds) {
            (false, _) => TimeFormat::Date,
            (true, None) => TimeFormat::DateTime,
            (true, Some(_)) => TimeFormat::Rfc3339,
        }
    }
}

/// The last date read: the rows of a file are mostly of the same day as those before them.
#[derive(Clone, Debug)]
pub(super) struct DateCache {
    text: [u8; 10],
    day: i64,
}

impl Default for DateCache {
    fn default() -> Self {
        Self { text: *b"1970-01-01", day: 0 }
    }
}

/// Reads a date, with a time of day and an offset if they are there; `None` when `text` is none
/// or says more than that.
#[inline]
pub(super) fn parse(text: &[u8], dates: &mut DateCache) -> Option<Civil> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    if *date != dates.text {
        dates.day = day_of(date)?;
        dates.text = *date;
    }
    let midnight = dates.day * 86_400;
    let [b'T' | b't' | b' ', rest @ ..] = rest else {
        let date = Civil {
            local_seconds: midnight,
            nanoseconds: 0,
            offset_seconds: None,
            has_time_of_day: false,
        };
        return rest.is_empty().then_some(date);
    };
    let (hour_and_minute, rest) = rest.split_first_chunk::<5>()?;
    let [h1, h2, b':', m1, m2] = *hour_and_minute else { return None };
    let (hour, minute) = (two_digits(h1, h2)?, two_digits(m1, m2)?);
    let (second, rest) = match rest {
        [b':', s1, s2, rest @ ..] => (two_digits(*s1, *s2)?, rest),
        _ => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanoseconds, rest) = match rest {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let seconds = hour * 3600 + minute * 60 + second.min(59);
    let offset_seconds = offset(rest)?;
    let local_seconds = midnight + i64::from(seconds);
    Some(Civil { local_seconds, nanoseconds, offset_seconds, has_time_of_day: true })
}

/// `Z`, an offset or nothing.
#[inline]
fn offset(text: &[u8]) -> Option<Option<i32>> {
    let (sign, rest) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match *rest {
        [h1, h2] => (two_digits(h1, h2)?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (two_digits(h1, h2)?, two_digits(m1, m2)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60) as i32))
}

/// One to nine digits as nanoseconds, and what follows them.
#[inline]
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let (digits, rest) = text.split_at(count);
    let value = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some((value * 10u32.pow(9 - count as u32), rest))
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

/// The number of days from 1970-01-01 to `YYYY-MM-DD`, or `None` when there is no such day.
fn day_of(date: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = two_digits(y1, y2)? * 100 + two_digits(y3, y4)?;
    let (month, day) = (two_digits(m1, m2)?, two_digits(d1, d2)?);
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => return None,
    };
    ((1..=days_in_month).contains(&day)).then(|| days_from_civil(year, month, day))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, years beginning in March (H. Hinnant,
/// *chrono-Compatible Low-Level Date Algorithms*).
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = i64::from((153 * month_from_march + 2) / 5 + day - 1);
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A time zone that remembers a stretch of time without a change of clocks.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    tz: TimeZone,
    offset_seconds: i64,
    /// Local seconds at which `offset_seconds` is the offset without doubt.
    steady: std::ops::Range<i64>,
}

/// An offset is less than a day (jiff allows 25:59:59), and so is a change of clocks less than
/// two: farther away from a change than this there is neither gap nor fold.
const MARGIN_SECONDS: i64 = 4 * 86_400;

impl Zone {
    pub(super) fn new(tz: TimeZone) -> Self {
        let mut zone = Self { tz, offset_seconds: 0, steady: 0..0 };
        if let Ok(offset) = zone.tz.to_fixed_offset() {
            zone.offset_seconds = i64::from(offset.seconds());
            zone.steady = i64::MIN..i64::MAX;
        }
        zone
    }

    /// How far local clocks are ahead of UTC when they show `local_seconds`; `None` when jiff has
    /// no such time.
    #[inline]
    pub(super) fn offset_seconds(&mut self, local_seconds: i64) -> Option<i64> {
        if self.steady.contains(&local_seconds) {
            return Some(self.offset_seconds);
        }
        self.look_up(local_seconds)
    }

    #[cold]
    fn look_up(&mut self, local_seconds: i64) -> Option<i64> {
        let as_if_utc = Timestamp::from_second(local_seconds).ok()?;
        let local = jiff::tz::Offset::UTC.to_datetime(as_if_utc);
        let offset = match self.tz.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        let offset_seconds = i64::from(offset.seconds());
        let time = Timestamp::from_second(local_seconds - offset_seconds).ok()?;
        let change = |t: jiff::tz::TimeZoneTransition<'_>| t.timestamp().as_second();
        // `preceding` leaves out a change at the very time, `following` does so, too.
        let next_second = time.saturating_add(SignedDuration::from_secs(1)).ok()?;
        let start = self.tz.preceding(next_second).next().map_or(i64::MIN / 2, change);
        let end = self.tz.following(time).next().map_or(i64::MAX / 2, change);
        // In a gap the moved time lies behind the change, where another offset rules; the margin
        // keeps such a stretch from being remembered with this one.
        let steady = start + MARGIN_SECONDS..end - MARGIN_SECONDS;
        if steady.contains(&local_seconds) {
            (self.offset_seconds, self.steady) = (offset_seconds, steady);
        }
        Some(offset_seconds)
    }
}
