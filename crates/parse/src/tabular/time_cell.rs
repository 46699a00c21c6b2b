use crate::number::leading_digits_19;
use crate::prefix::Prefix;
use crate::time_text::{TimeError, TimeFormat, TimeParser};

/// The time column of a reader: its parser, and the text read last with its time, which all rows
/// of one moment share.
#[derive(Debug)]
pub(crate) struct TimeCell {
    parser: TimeParser,
    /// Of a count since the epoch, its unit in nanoseconds.
    unit: Option<i64>,
    last_text: Prefix,
    last_time: i64,
}

impl TimeCell {
    pub(crate) fn new(parser: TimeParser) -> Self {
        let unit = match parser.format() {
            TimeFormat::Epoch(unit) => Some(unit.nanoseconds()),
            _ => None,
        };
        Self { parser, unit, last_text: Prefix::default(), last_time: 0 }
    }

    pub(crate) fn parser(&mut self) -> &mut TimeParser {
        &mut self.parser
    }

    /// The last time and the length of its text, if `rest` starts with that; the caller looks
    /// whether the text ends there, too.
    #[inline(always)]
    pub(crate) fn repeated(&self, rest: &[u8]) -> Option<(i64, usize)> {
        let length = self.last_text.len();
        (length > 0 && self.last_text.is_start_of(rest)).then_some((self.last_time, length))
    }

    /// The time that the digits say which `rest` starts with, and how many they are, if times are
    /// counts; the caller looks whether the text ends there, too.
    #[inline]
    pub(crate) fn count(&self, rest: &[u8]) -> Option<(i64, usize)> {
        let (count, length) = leading_digits_19(rest);
        let time = i64::try_from(count).ok()?.checked_mul(self.unit?)?;
        (length > 0).then_some((time, length))
    }

    /// The time that `text` says, which stands as `raw` in the chunk.
    #[inline]
    pub(crate) fn parse(&mut self, raw: &[u8], text: &[u8]) -> Result<i64, TimeError> {
        let time = self.parser.parse(text)?;
        self.remember(raw, time);
        Ok(time)
    }

    /// Remembers the text read last and its time.
    pub(crate) fn remember(&mut self, raw: &[u8], time: i64) {
        self.last_text.set(raw);
        self.last_time = time;
    }
}
