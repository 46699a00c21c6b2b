use std::borrow::Cow;

use tidemill_model::Value;

use super::keys::Keys;
use super::layout::{Layout, missing_time};
use super::line::{self, Line};
use super::reader::read_time;
use super::survey::file_start;
use super::token::{Fault, Token, TokenKind};
use crate::tabular::{Plan, Role, TimeCell};
use crate::{Point, PointValue, RowError};

/// Reads the rows of `chunk` one by one.
///
/// The plain reader, with the same rows, errors and places as
/// [`NdjsonReader`](super::NdjsonReader). `is_first` and `is_last` say that the chunk is the
/// file's beginning and its end.
#[must_use]
pub fn points<'a>(chunk: &'a [u8], is_first: bool, is_last: bool, plan: &'a Plan) -> Points<'a> {
    let start = file_start(chunk, is_first, is_last);
    let (time, parser) = plan.time();
    // Without its mark there is nothing to read in a file's beginning.
    let lines = if start.is_some() { chunk } else { &[] };
    Points {
        plan,
        chunk: lines,
        is_last,
        keys: Keys::new(),
        layout: Layout::new(plan),
        time,
        time_cell: TimeCell::new(parser),
        at: start.unwrap_or(0),
        row_start: 0,
    }
}

/// The iterator of [`points`].
#[derive(Debug)]
pub struct Points<'a> {
    plan: &'a Plan,
    chunk: &'a [u8],
    is_last: bool,
    keys: Keys,
    layout: Layout,
    /// The index of the time column.
    time: usize,
    time_cell: TimeCell,
    at: usize,
    row_start: usize,
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
        while self.at < self.chunk.len() {
            let start = self.at;
            self.row_start = start;
            let table = Cow::Borrowed(self.plan.table());
            let mut point = Point { table, ..Point::default() };
            let mut tags = Vec::new();
            let Self { layout, time_cell, keys, .. } = self;
            let visit = |keys: &Keys, key, token: Token<'a>| {
                let column = layout.column(keys, key, token.at)?;
                add(&mut point, &mut tags, layout, column, &token, time_cell)
            };
            match line::read(self.chunk, start, self.is_last, keys, visit) {
                Line::Row(next) => {
                    self.at = next;
                    let tagged = self.add_tags(&mut point, tags, start);
                    return Some(tagged.map(|()| point).map_err(|fault| fault.into_error(start)));
                }
                Line::Blank(next) => self.at = next,
                Line::Bad { fault, next } => {
                    self.at = next;
                    return Some(Err(fault.into_error(start)));
                }
                Line::Unfinished => return None,
            }
        }
        None
    }
}

impl<'a> Points<'a> {
    /// Adds the tags, now that the row is known to be whole and to have a time.
    fn add_tags(
        &self,
        point: &mut Point<'a>,
        mut tags: Vec<(usize, Token<'a>)>,
        row_start: usize,
    ) -> Result<(), Fault> {
        if point.time.is_none() {
            return Err(missing_time(row_start, self.layout.columns[self.time].name()));
        }
        tags.sort_by_key(|(column, _)| *column);
        for (column, token) in tags {
            let name = self.layout.columns[column].name().to_owned();
            point.tags.push((Cow::Owned(name), text(&token)?));
        }
        Ok(())
    }
}

/// Adds what `token` says of `column`.
fn add<'a>(
    point: &mut Point<'a>,
    tags: &mut Vec<(usize, Token<'a>)>,
    layout: &mut Layout,
    column: usize,
    token: &Token<'a>,
    time_cell: &mut TimeCell,
) -> Result<(), Fault> {
    if token.is_missing() {
        return Ok(());
    }
    let mut scratch = Vec::new();
    if let Some(ty) = layout.settle(column, token) {
        let value = match layout.value(column, ty, token, &mut scratch)? {
            Value::Float(value) => PointValue::Float(value),
            Value::Int(value) => PointValue::Int(value),
            Value::UInt(value) => PointValue::UInt(value),
            Value::Bool(value) => PointValue::Bool(value),
            Value::Text(_) => PointValue::Text(text(token)?),
        };
        let name = layout.columns[column].name();
        match point.fields.iter_mut().find(|(other, _)| other == name) {
            Some(field) => field.1 = value,
            None => point.fields.push((Cow::Owned(name.to_owned()), value)),
        }
    } else if let Role::Time(_) = layout.columns[column].role() {
        point.time = Some(read_time(time_cell, token, &mut scratch)?);
    } else {
        tags.retain(|(other, _)| *other != column);
        tags.push((column, *token));
    }
    Ok(())
}

fn text<'a>(token: &Token<'a>) -> Result<Cow<'a, str>, Fault> {
    if token.kind == TokenKind::EscapedText {
        let mut text = Vec::new();
        return Ok(Cow::Owned(token.text(&mut text)?.to_owned()));
    }
    let text = std::str::from_utf8(token.raw);
    text.map(Cow::Borrowed).map_err(|_| Fault::new(token.at, "a string that is not UTF-8"))
}
