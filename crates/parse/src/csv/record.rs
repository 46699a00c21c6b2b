//! Rows taken apart with care: the definition of the format, and what every row goes through
//! that the reader's fast path does not understand.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::tabular::MAX_COLUMNS;

/// The longest quoted cell, in bytes. Where a quote is not closed within so many, it is taken for
/// a stray one: its line is refused, and the next line is read as a row again.
pub const MAX_QUOTED_CELL_BYTES: usize = 1 << 20;

/// Where a cell stands in its chunk, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub start: usize,
    pub end: usize,
    pub is_quoted: bool,
}

/// How a row ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowEnd {
    /// The next row starts there.
    Complete(usize),
    /// The chunk ends before the row does.
    Unfinished,
    /// There is no making sense of it.
    Malformed { at: usize, reason: &'static str, next_row: usize },
}

impl Cell {
    /// What the cell says, if that stands in the chunk as it is: unless there are quotes in it.
    #[inline]
    pub(super) fn plain_text<'a>(&self, chunk: &'a [u8]) -> Option<&'a [u8]> {
        if !self.is_quoted {
            return Some(&chunk[self.start..self.end]);
        }
        let inner = &chunk[self.start + 1..self.end - 1];
        memchr(b'"', inner).is_none().then_some(inner)
    }

    /// What the cell says; `scratch` is written to when there are quotes in it.
    #[inline]
    pub(super) fn text<'a>(&self, chunk: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match self.plain_text(chunk) {
            Some(text) => text,
            None => {
                self.unquote(chunk, scratch);
                scratch
            }
        }
    }

    /// What the cell says, borrowed if it can be.
    pub(super) fn to_text<'a>(self, chunk: &'a [u8]) -> Cow<'a, [u8]> {
        self.plain_text(chunk).map_or_else(
            || {
                let mut text = Vec::new();
                self.unquote(chunk, &mut text);
                Cow::Owned(text)
            },
            Cow::Borrowed,
        )
    }

    fn unquote(&self, chunk: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let mut rest = &chunk[self.start + 1..self.end - 1];
        // Every quote in here stands doubled: keep the first of each two.
        while let Some(quote) = memchr(b'"', rest) {
            out.extend_from_slice(&rest[..=quote]);
            rest = &rest[quote + 2..];
        }
        out.extend_from_slice(rest);
    }
}

/// Whether a row is a blank line.
pub(super) fn is_blank(cells: &[Cell]) -> bool {
    matches!(cells, [cell] if cell.start == cell.end)
}

/// Splits the row that starts at `start` into `cells`. With `is_last`, nothing follows the chunk.
pub(super) fn split(
    chunk: &[u8],
    start: usize,
    delimiter: u8,
    is_last: bool,
    cells: &mut Vec<Cell>,
) -> RowEnd {
    cells.clear();
    let mut at = start;
    loop {
        if cells.len() == MAX_COLUMNS {
            return malformed(chunk, at, "more columns than any table has", is_last);
        }
        let is_quoted = chunk.get(at) == Some(&b'"');
        let end = if is_quoted {
            match closing_quote(chunk, at, is_last) {
                Quote::Closed(end) => end,
                Quote::Unfinished => return RowEnd::Unfinished,
                Quote::Stray => {
                    let reason = "a quoted cell is not closed";
                    return malformed(chunk, at, reason, is_last);
                }
            }
        } else {
            let rest = &chunk[at..];
            let length = memchr2(delimiter, b'\n', rest).unwrap_or(rest.len());
            at + length
        };
        let cell = |end| Cell { start: at, end, is_quoted };
        match &chunk[end..] {
            [byte, ..] if *byte == delimiter => {
                cells.push(cell(end));
                at = end + 1;
            }
            [b'\n', ..] => {
                // The carriage return before it is part of an unquoted cell so far.
                let ends_with_return = !is_quoted && end > at && chunk[end - 1] == b'\r';
                cells.push(cell(end - usize::from(ends_with_return)));
                return RowEnd::Complete(end + 1);
            }
            [b'\r', b'\n', ..] if is_quoted => {
                cells.push(cell(end));
                return RowEnd::Complete(end + 2);
            }
            [] | [b'\r'] if !is_last => return RowEnd::Unfinished,
            [] => {
                let ends_with_return = !is_quoted && end > at && chunk[end - 1] == b'\r';
                cells.push(cell(end - usize::from(ends_with_return)));
                return RowEnd::Complete(end);
            }
            [b'\r'] => {
                cells.push(cell(end));
                return RowEnd::Complete(end + 1);
            }
            _ => return malformed(chunk, end, "text after a closing quote", is_last),
        }
    }
}

enum Quote {
    /// The cell ends there, behind the quote.
    Closed(usize),
    Unfinished,
    Stray,
}

/// Finds the end of the quoted cell that starts at `start`.
fn closing_quote(chunk: &[u8], start: usize, is_last: bool) -> Quote {
    let limit = chunk.len().min(start + MAX_QUOTED_CELL_BYTES);
    let is_cut_off = limit == chunk.len() && !is_last && limit - start < MAX_QUOTED_CELL_BYTES;
    let mut at = start + 1;
    while let Some(quote) = memchr(b'"', chunk.get(at..limit).unwrap_or_default()) {
        let after = at + quote + 1;
        match chunk.get(after) {
            Some(b'"') => at = after + 1,
            // At the chunk's end it might be the first of a pair: the caller sees to that.
            _ => return Quote::Closed(after),
        }
    }
    if is_cut_off { Quote::Unfinished } else { Quote::Stray }
}

/// A row that makes no sense at `at`; the next one starts after the newline that follows.
fn malformed(chunk: &[u8], at: usize, reason: &'static str, is_last: bool) -> RowEnd {
    match memchr(b'\n', &chunk[at..]) {
        Some(newline) => RowEnd::Malformed { at, reason, next_row: at + newline + 1 },
        None if is_last => RowEnd::Malformed { at, reason, next_row: chunk.len() },
        None => RowEnd::Unfinished,
    }
}
