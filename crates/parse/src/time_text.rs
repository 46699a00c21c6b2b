//! Times in text: RFC 3339, dates with and without a time of day, and counts since the epoch.
//!
//! A [`TimeParser`] reads digits itself and remembers the last date, so that a column of times
//! costs a few nanoseconds a value; zones are `jiff`'s. [`TimeFormat::detect`] guesses the format
//! from samples.

mod civil;
mod epoch;

use std::fmt;

use jiff::tz::TimeZone;
use thiserror::Error;

use civil::{Civil, DateCache, Zone};

/// How a column writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeFormat {
    /// `2024-05-01T12:00:00.25Z`: a date, `T` or a space, a time of day and `Z` or an offset
    /// (`+02:00`, `+0200`, `+02`).
    Rfc3339,
    /// `2024-05-01 12:00:00.25`: the same without an offset, in the parser's time zone.
    DateTime,
    /// `2024-05-01`: midnight in the parser's time zone.
    Date,
    /// A count since 1970-01-01T00:00:00Z, which may have a fraction: `1714564800.25`.
    Epoch(EpochUnit),
}

/// The unit of a count since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum EpochUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// It is not written as the format says, or names a day or an hour that does not exist.
    #[error("not a time")]
    Malformed,
    /// It is a time that 64 bits of nanoseconds do not reach (before 1677 or after 2262).
    #[error("a time outside 1677-09-21 to 2262-04-11")]
    OutOfRange,
}

/// A parser of times of one format.
///
/// A second of 60 is read as 59. A local time that a change of clocks skipped is moved forward by
/// the length of the gap, and of one that happened twice the first is taken: `jiff`'s
/// "compatible" strategy, which is RFC 5545's.
#[derive(Clone, Debug)]
pub struct TimeParser {
    format: TimeFormat,
    dates: DateCache,
    zone: Zone,
}

impl TimeParser {
    /// A parser of `format`; `tz` is where times without an offset were written.
    #[must_use]
    pub fn new(format: TimeFormat, tz: TimeZone) -> Self {
        Self { format, dates: DateCache::default(), zone: Zone::new(tz) }
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> TimeFormat {
        self.format
    }

    /// The nanoseconds from 1970-01-01T00:00:00Z to the time that all of `text` says.
    ///
    /// # Errors
    /// [`TimeError`] when `text` is not written in this parser's format, or does not fit `i64`.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Result<i64, TimeError> {
        if let TimeFormat::Epoch(unit) = self.format {
            return epoch::parse(text, unit);
        }
        let civil = civil::parse(text, &mut self.dates).ok_or(TimeError::Malformed)?;
        if civil.format() != self.format {
            return Err(TimeError::Malformed);
        }
        let offset_seconds = match civil.offset_seconds {
            Some(seconds) => i64::from(seconds),
            None => self.zone.offset_seconds(civil.local_seconds).ok_or(TimeError::OutOfRange)?,
        };
        let Civil { local_seconds, nanoseconds, .. } = civil;
        // The least time is -9223372037 s and a fraction: their product alone would not fit.
        let total = i128::from(local_seconds - offset_seconds) * 1_000_000_000;
        i64::try_from(total + i128::from(nanoseconds)).map_err(|_| TimeError::OutOfRange)
    }
}

impl TimeFormat {
    /// The format that the most of `samples` are written in, and how many those are; `None` when
    /// none of them is a time.
    ///
    /// Numbers are counts since the epoch; their unit follows from the largest magnitude `m`:
    /// seconds when `m < 10^11` (the year 5138), milliseconds when `m < 10^14`, microseconds when
    /// `m < 10^17`, else nanoseconds.
    pub fn detect<'a>(samples: impl IntoIterator<Item = &'a [u8]>) -> Option<(Self, usize)> {
        let mut counts = [(Self::Rfc3339, 0), (Self::DateTime, 0), (Self::Date, 0)];
        let (mut epochs, mut largest) = (0, 0);
        let mut dates = DateCache::default();
        for sample in samples {
            if let Some(civil) = civil::parse(sample, &mut dates) {
                counts.iter_mut().filter(|c| c.0 == civil.format()).for_each(|c| c.1 += 1);
            } else if let Some(magnitude) = epoch::magnitude(sample) {
                epochs += 1;
                largest = largest.max(magnitude);
            }
        }
        let epoch = (Self::Epoch(EpochUnit::of_magnitude(largest)), epochs);
        // `max_by_key` takes the last of equals.
        counts.into_iter().rev().chain([epoch]).max_by_key(|c| c.1).filter(|c| c.1 > 0)
    }
}

impl EpochUnit {
    /// Nanoseconds in one.
    #[must_use]
    pub fn nanoseconds(self) -> i64 {
        10i64.pow(self.decimals() as u32)
    }

    /// How many decimal places of one are whole nanoseconds.
    fn decimals(self) -> usize {
        match self {
            Self::Seconds => 9,
            Self::Milliseconds => 6,
            Self::Microseconds => 3,
            Self::Nanoseconds => 0,
        }
    }

    fn of_magnitude(magnitude: u64) -> Self {
        match magnitude {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Milliseconds,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Microseconds,
            _ => Self::Nanoseconds,
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc3339 => "RFC 3339",
            Self::DateTime => "date and time",
            Self::Date => "date",
            Self::Epoch(EpochUnit::Seconds) => "seconds since 1970",
            Self::Epoch(EpochUnit::Milliseconds) => "milliseconds since 1970",
            Self::Epoch(EpochUnit::Microseconds) => "microseconds since 1970",
            Self::Epoch(EpochUnit::Nanoseconds) => "nanoseconds since 1970",
        })
    }
}

#[cfg(test)]
mod tests;
