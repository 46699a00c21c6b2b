use crate::time_text::{TimeError, TimeParser};

/// The time column of a reader: its parser, and the text read last with its time, which all rows
/// of one moment share.
#[derive(Debug)]
pub(crate) struct TimeCell {
    parser: TimeParser,
    last_text: Vec<u8>,
    last_time: i64,
}

impl TimeCell {
    pub(crate) fn new(parser: TimeParser) -> Self {
        Self { parser, last_text: Vec::new(), last_time: 0 }
    }

    pub(crate) fn parser(&mut self) -> &mut TimeParser {
        &mut self.parser
    }

    /// The last time and the length of its text, if `rest` starts with that; the caller looks
    /// whether the text ends there, too.
    #[inline]
    pub(crate) fn repeated(&self, rest: &[u8]) -> Option<(i64, usize)> {
        let length = self.last_text.len();
        (length > 0 && rest.starts_with(&self.last_text)).then_some((self.last_time, length))
    }

    /// The time that `text` says, which stands as `raw` in the chunk.
    #[inline]
    pub(crate) fn parse(&mut self, raw: &[u8], text: &[u8]) -> Result<i64, TimeError> {
        let time = self.parser.parse(text)?;
        self.last_text.clear();
        self.last_text.extend_from_slice(raw);
        self.last_time = time;
        Ok(time)
    }
}
