use super::LineOptions;
use super::escape::{Escapes, unescape};
use super::grammar::{Next, Row, Text};
use super::value::Token;
use crate::{Point, PointValue, RowError};

/// Reads the rows of `chunk` one by one, each as it was written.
///
/// The slow and plain reader, with the same grammar, errors and places as
/// [`LineReader`](super::LineReader). `is_last` as in [`RowReader::read`](crate::RowReader::read).
#[must_use]
pub fn points<'a>(chunk: &'a [u8], is_last: bool, options: &LineOptions) -> Points<'a> {
    let unit = options.precision.nanoseconds();
    Points { text: Text { bytes: chunk, is_last, unit }, at: 0, row_start: 0, row: Row::default() }
}

/// The iterator of [`points`].
#[derive(Debug)]
pub struct Points<'a> {
    text: Text<'a>,
    at: usize,
    row_start: usize,
    row: Row<'a>,
}

impl Points<'_> {
    /// Bytes of the chunk done with: once the iterator has ended, what is left is the beginning of
    /// a row that goes on in the next chunk.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.at
    }

    /// Where the row handed out last starts, in bytes from the start of the chunk.
    #[must_use]
    pub fn row_start(&self) -> usize {
        self.row_start
    }
}

impl<'a> Iterator for Points<'a> {
    type Item = Result<Point<'a>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = match self.text.next_row(self.at) {
            Next::Row(start) => start,
            Next::End(consumed) => {
                self.at = consumed;
                return None;
            }
        };
        let (item, next) = match self.text.row(start, &mut self.row) {
            Ok(next) => (Ok(point(&self.row)), next),
            Err(fault) => {
                self.at = start;
                let (error, next) = fault.into_error(start)?;
                (Err(error), next)
            }
        };
        self.row_start = start;
        self.at = next;
        Some(item)
    }
}

fn point<'a>(row: &Row<'a>) -> Point<'a> {
    let name = |text: &'a str| unescape(text, Escapes::Tag);
    let value = |token: Token<'a>| match token {
        Token::Float(value) => PointValue::Float(value),
        Token::Int(value) => PointValue::Int(value),
        Token::UInt(value) => PointValue::UInt(value),
        Token::Bool(value) => PointValue::Bool(value),
        Token::Text(text) => PointValue::Text(unescape(text, Escapes::Quoted)),
    };
    Point {
        table: unescape(row.table, Escapes::Measurement),
        tags: row.tags.iter().map(|&(tag, text)| (name(tag), name(text))).collect(),
        fields: row.fields.iter().map(|&(field, token)| (name(field), value(token))).collect(),
        time: row.time,
    }
}
