//! The grammar, once: what a row is and where it is wrong. [`super::points`] is nothing else; the
//! reader's fast path only takes shortcuts that give the same.

use std::collections::HashMap;

use memchr::memchr;
use tidemill_model::MAX_TAG_BYTES;

use super::escape::{Escapes, unescape};
use super::value::Token;
use crate::RowError;
use crate::tabular::excerpt;

/// The most tags of a row, fields of a row, and columns of one table in a batch. A text that has
/// more is refused rather than given memory in proportion to rows × names.
pub const MAX_COLUMNS: usize = 4096;

pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why no row was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is wrong at byte `at`; byte `next` starts the next line.
    Bad { at: usize, next: usize, reason: String },
    /// The text may end inside the row, and more of it is to come.
    Cut,
}

impl Fault {
    /// The error and where to read on, or `None` for [`Fault::Cut`].
    pub(super) fn into_error(self, row_start: usize) -> Option<(RowError, usize)> {
        match self {
            Self::Bad { at, next, reason } => {
                Some((RowError { row_start, at, reason, misfit: None }, next))
            }
            Self::Cut => None,
        }
    }
}

/// A row's parts as they stand in the text, escapes and all. One is used for many rows.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) table: &'a str,
    pub(super) tags: Vec<(&'a str, &'a str)>,
    pub(super) fields: Vec<(&'a str, Token<'a>)>,
    pub(super) time: Option<i64>,
    /// Where the names of `tags` or `fields` stand, once they are many.
    places: HashMap<&'a str, usize>,
}

/// Text to be read, and whether it is all there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_last: bool,
    /// Nanoseconds in one unit of time.
    pub(super) unit: i64,
}

/// What comes next in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A row that starts at this byte.
    Row(usize),
    /// No more whole lines; so many bytes of the text are done with.
    End(usize),
}

impl<'a> Text<'a> {
    /// Skips blank lines and comments from `at`, the start of a line. A byte order mark there is
    /// blank: a file may begin with one, and so does each of several that were joined.
    #[inline]
    pub(super) fn next_row(&self, mut at: usize) -> Next {
        loop {
            let line_start = at;
            loop {
                at += match self.bytes.get(at) {
                    Some(b' ' | b'\t') => 1,
                    Some(0xef) if self.bytes[at..].starts_with(BYTE_ORDER_MARK) => {
                        BYTE_ORDER_MARK.len()
                    }
                    _ => break,
                };
            }
            let next = match self.bytes.get(at) {
                None => None,
                Some(b'#') => memchr(b'\n', &self.bytes[at..]).map(|offset| at + offset + 1),
                Some(b'\n' | b'\r') => match self.line_end(at) {
                    Some(next) => self.is_whole(next).then_some(next),
                    None => return Next::Row(at),
                },
                Some(_) => return Next::Row(at),
            };
            match next {
                Some(next) => at = next,
                None => return Next::End(if self.is_last { self.bytes.len() } else { line_start }),
            }
        }
    }

    /// Reads the row at `at` into `row`; returns where the next line starts.
    pub(super) fn row(&self, at: usize, row: &mut Row<'a>) -> Result<usize, Fault> {
        let at = self.key(at, row)?;
        self.fields(at, row)
    }

    /// Reads a measurement and tags; returns where they end.
    pub(super) fn key(&self, at: usize, row: &mut Row<'a>) -> Result<usize, Fault> {
        row.tags.clear();
        let mut end = self.name_end(at, Escapes::Measurement);
        if end == at {
            return Err(self.fault(at, "the measurement is missing".to_owned()));
        }
        row.table = self.name(at, end)?;
        while self.bytes.get(end) == Some(&b',') {
            end = self.tag(end + 1, row)?;
        }
        Ok(end)
    }

    fn tag(&self, at: usize, row: &mut Row<'a>) -> Result<usize, Fault> {
        let name_end = self.name_end(at, Escapes::Tag);
        if name_end == at {
            return Err(self.fault(at, "a tag's name is missing".to_owned()));
        }
        let name = self.tag_part(at, name_end)?;
        if self.bytes.get(name_end) != Some(&b'=') {
            return Err(self.fault(name_end, format!("tag {} has no value", shown(name))));
        }
        if row.tags.len() >= MAX_COLUMNS {
            return Err(self.fault(at, format!("more than {MAX_COLUMNS} tags")));
        }
        if place(&mut row.places, &row.tags, name).is_some() {
            return Err(self.fault(at, format!("tag {} stands twice", shown(name))));
        }
        let value_end = self.name_end(name_end + 1, Escapes::Tag);
        let value = self.tag_part(name_end + 1, value_end)?;
        if self.bytes.get(value_end) == Some(&b'=') {
            let reason = format!("an unescaped `=` in the value of tag {}", shown(name));
            return Err(self.fault(value_end, reason));
        }
        if value.is_empty() {
            return Err(self.fault(value_end, format!("the value of tag {} is empty", shown(name))));
        }
        row.tags.push((name, value));
        Ok(value_end)
    }

    /// Reads what follows the key, from `at`; returns where the next line starts.
    pub(super) fn fields(&self, at: usize, row: &mut Row<'a>) -> Result<usize, Fault> {
        row.fields.clear();
        let mut at = self.skip_spaces(at);
        if self.line_end(at).is_some() {
            return Err(self.fault(at, "the fields are missing".to_owned()));
        }
        loop {
            at = self.field(at, row)?;
            match self.bytes.get(at) {
                Some(b',') => at += 1,
                Some(b' ') => break,
                _ if self.line_end(at).is_some() => break,
                _ => {
                    return Err(self.fault(at, format!("{} after a value", self.shown_at(at))));
                }
            }
        }
        let (time, next) = self.time(at)?;
        row.time = time;
        Ok(next)
    }

    fn field(&self, at: usize, row: &mut Row<'a>) -> Result<usize, Fault> {
        let name_end = self.name_end(at, Escapes::Tag);
        if name_end == at {
            return Err(self.fault(at, "a field's name is missing".to_owned()));
        }
        let name = self.name(at, name_end)?;
        if self.bytes.get(name_end) != Some(&b'=') {
            return Err(self.fault(name_end, format!("field {} has no value", shown(name))));
        }
        let (value, end) = self.value(name_end + 1)?;
        if let Some(place) = place(&mut row.places, &row.fields, name) {
            row.fields[place].1 = value;
        } else if row.fields.len() < MAX_COLUMNS {
            row.fields.push((name, value));
        } else {
            return Err(self.fault(at, format!("more than {MAX_COLUMNS} fields")));
        }
        Ok(end)
    }

    /// Reads a time, if there is one, and the end of the line, from the end of the fields.
    pub(super) fn time(&self, at: usize) -> Result<(Option<i64>, usize), Fault> {
        let start = self.skip_spaces(at);
        if let Some(next) = self.line_end(start) {
            return self.whole(next).map(|next| (None, next));
        }
        let digits = start + usize::from(self.bytes[start] == b'-');
        let is_digit = |byte: &&u8| byte.is_ascii_digit();
        let end = digits + self.bytes[digits..].iter().take_while(is_digit).count();
        let after = self.skip_spaces(end);
        match self.line_end(after) {
            Some(next) if digits < end => {
                let time = crate::number::parse_i64(&self.bytes[start..end])
                    .and_then(|time| time.checked_mul(self.unit));
                if time.is_some() {
                    return self.whole(next).map(|next| (time, next));
                }
                let time = shown(&self.bytes[start..end]);
                Err(self
                    .fault(start, format!("the time {time} does not fit 64 bits of nanoseconds")))
            }
            Some(_) => Err(self.fault(end, "the time has no digits".to_owned())),
            None if end < after => {
                Err(self.fault(after, format!("{} after the time", self.shown_at(after))))
            }
            None => Err(self.fault(end, format!("{} in a time", self.shown_at(end)))),
        }
    }

    /// Where the name that starts at `at` ends: at the first separator that is not escaped, or at
    /// the end of the line.
    #[inline]
    pub(super) fn name_end(&self, mut at: usize, escapes: Escapes) -> usize {
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\\' => at += usize::from(escapes.is_special(self.bytes.get(at + 1))),
                b'\n' | b'\r' if self.line_end(at).is_some() => break,
                byte if escapes.is_special(Some(&byte)) => break,
                _ => {}
            }
            at += 1;
        }
        at
    }

    fn name(&self, start: usize, end: usize) -> Result<&'a str, Fault> {
        self.utf8(start, end, end)
    }

    /// `start..end` as UTF-8; if it is none, reading goes on in the line after `resume`.
    pub(super) fn utf8(&self, start: usize, end: usize, resume: usize) -> Result<&'a str, Fault> {
        std::str::from_utf8(&self.bytes[start..end]).map_err(|error| {
            self.fault_until(start + error.valid_up_to(), resume, "invalid UTF-8".to_owned())
        })
    }

    fn tag_part(&self, start: usize, end: usize) -> Result<&'a str, Fault> {
        let part = self.name(start, end)?;
        let is_long = part.len() > MAX_TAG_BYTES;
        if is_long && unescape(part, Escapes::Tag).len() > MAX_TAG_BYTES {
            let reason = format!("a tag's name or value of more than {MAX_TAG_BYTES} bytes");
            return Err(self.fault(start, reason));
        }
        Ok(part)
    }

    #[inline]
    fn skip_spaces(&self, mut at: usize) -> usize {
        while self.bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        at
    }

    /// Where the next line starts if this one ends at `at`.
    #[inline]
    pub(super) fn line_end(&self, at: usize) -> Option<usize> {
        match self.bytes.get(at..)? {
            [] => Some(at),
            [b'\n', ..] => Some(at + 1),
            [b'\r'] => Some(at + 1),
            [b'\r', b'\n', ..] => Some(at + 2),
            _ => None,
        }
    }

    /// Whether the line before `next` is whole: ended by a newline, or by the end of everything.
    fn is_whole(&self, next: usize) -> bool {
        self.is_last || (next > 0 && self.bytes[next - 1] == b'\n')
    }

    fn whole(&self, next: usize) -> Result<usize, Fault> {
        if self.is_whole(next) { Ok(next) } else { Err(Fault::Cut) }
    }

    /// The character at `at`, for a reason.
    pub(super) fn shown_at(&self, at: usize) -> String {
        let rest = &self.bytes[at..];
        let is_character = |len: &usize| std::str::from_utf8(&rest[..*len]).is_ok();
        let len = (1..=rest.len().min(4)).find(is_character).unwrap_or(1);
        shown(&rest[..len])
    }

    /// What is wrong at `at`; reading goes on in the line after it.
    #[cold]
    pub(super) fn fault(&self, at: usize, reason: String) -> Fault {
        self.fault_until(at, at, reason)
    }

    /// What is wrong at `at`; reading goes on in the line after `resume`.
    #[cold]
    pub(super) fn fault_until(&self, at: usize, resume: usize, reason: String) -> Fault {
        match memchr(b'\n', &self.bytes[resume..]) {
            Some(offset) => Fault::Bad { at, next: resume + offset + 1, reason },
            None if self.is_last => Fault::Bad { at, next: self.bytes.len(), reason },
            None => Fault::Cut,
        }
    }
}

/// The index of `name` in `earlier`, which grows by one name a call until it is found.
fn place<'a, V>(
    places: &mut HashMap<&'a str, usize>,
    earlier: &[(&'a str, V)],
    name: &'a str,
) -> Option<usize> {
    const FEW: usize = 16;
    if earlier.len() < FEW {
        return earlier.iter().position(|(other, _)| *other == name);
    }
    if earlier.len() == FEW {
        places.clear();
        places.extend(earlier.iter().enumerate().map(|(index, (name, _))| (*name, index)));
    }
    let next = earlier.len();
    let found = *places.entry(name).or_insert(next);
    (found < next).then_some(found)
}

/// Text as a reason quotes it: in backticks, of bounded length, without control characters.
pub(super) fn shown(text: impl AsRef<[u8]>) -> String {
    format!("`{}`", excerpt(text.as_ref()))
}
